/* The peer at the other end of the wire: a little TCP of its own that does what the program says, and no more. */
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "differential.h"

enum {
    ETHERNET = 14,
    IP_HEADER = 20,
    TCP_HEADER = 20,
    UDP_HEADER = 8,
    FRAME_MAX = 2048,
    FIN = 1,
    SYN = 2,
    RST = 4,
    PSH = 8,
    ACK = 16,
    URG = 32,
    PORT = 7000, /* of its first connection, and of its datagrams */
};

static const uint8_t own_mac[6] = {2, 0, 0, 0, 0, 9}, own_ip[4] = {10, 0, 0, 1}, host_ip[4] = {10, 0, 0, 2};

static uint16_t get16(const uint8_t *at) { return (uint16_t)(at[0] << 8 | at[1]); }
static uint32_t get32(const uint8_t *at) { return (uint32_t)get16(at) << 16 | get16(at + 2); }

static void put16(uint8_t *at, uint32_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value) {
    put16(at, value >> 16);
    put16(at + 2, value);
}

static uint32_t sum_of(const uint8_t *data, size_t len, uint32_t sum) {
    for (size_t i = 0; i < len; i++) {
        sum += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
    }
    return sum;
}

static uint16_t checksum(const uint8_t *data, size_t len, uint32_t sum) {
    sum = sum_of(data, len, sum);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t) ~((sum & 0xffff) + (sum >> 16));
}

/* --- frames --- */

static void capture(const struct peer *peer, const uint8_t *frame, size_t len) {
    struct pcap_pkthdr header = {.caplen = (bpf_u_int32)len, .len = (bpf_u_int32)len};
    if (peer->capture != NULL) {
        gettimeofday(&header.ts, NULL);
        pcap_dump((u_char *)peer->capture, &header, frame);
    }
}

static void send_frame(const struct peer *peer, const uint8_t *frame, size_t len) {
    capture(peer, frame, len);
    (void)!write(peer->wire, frame, len);
}

static void send_arp(struct peer *peer, bool request, const uint8_t *to_mac, const uint8_t *to_ip) {
    static const uint8_t broadcast[6] = {255, 255, 255, 255, 255, 255};
    uint8_t frame[42] = {0}, *arp = frame + ETHERNET;
    memcpy(frame, request ? broadcast : to_mac, 6);
    memcpy(frame + 6, own_mac, 6);
    put16(frame + 12, 0x0806);
    put32(arp, 0x00010800);
    put32(arp + 4, 0x06040000 | (request ? 1 : 2));
    memcpy(arp + 8, own_mac, 6);
    memcpy(arp + 14, own_ip, 4);
    memcpy(arp + 18, request ? (const uint8_t[6]){0} : to_mac, 6);
    memcpy(arp + 24, to_ip, 4);
    send_frame(peer, frame, sizeof frame);
}

/* Sends frame[], whose IP payload of len bytes is in its place. */
static void send_ip(struct peer *peer, uint8_t *frame, unsigned protocol, size_t len) {
    uint8_t *ip = frame + ETHERNET;
    memcpy(frame, peer->host_mac, 6);
    memcpy(frame + 6, own_mac, 6);
    put16(frame + 12, 0x0800);
    memset(ip, 0, IP_HEADER);
    ip[0] = 0x45;
    put16(ip + 2, (uint32_t)(IP_HEADER + len));
    ip[8] = 64;
    ip[9] = (uint8_t)protocol;
    memcpy(ip + 12, own_ip, 4);
    memcpy(ip + 16, host_ip, 4);
    put16(ip + 10, checksum(ip, IP_HEADER, 0));
    send_frame(peer, frame, ETHERNET + IP_HEADER + len);
}

static uint32_t pseudo_sum(unsigned protocol, size_t len) {
    return sum_of(own_ip, 4, 0) + sum_of(host_ip, 4, 0) + protocol + (uint32_t)len;
}

/* One segment of a flow, with len bytes that begin at seq; a byte's value follows from its sequence number. */
static void send_tcp(struct peer *peer, const struct flow *flow, unsigned flags, uint32_t seq, size_t len) {
    uint8_t frame[FRAME_MAX] = {0}, *tcp = frame + ETHERNET + IP_HEADER;
    size_t options = (flags & SYN) != 0 ? 4 : 0, header = TCP_HEADER + options;
    put16(tcp, flow->port);
    put16(tcp + 2, flow->host_port);
    put32(tcp + 4, seq);
    put32(tcp + 8, (flags & ACK) != 0 ? flow->rcv_nxt : 0);
    tcp[12] = (uint8_t)(header << 2);
    tcp[13] = (uint8_t)flags;
    put16(tcp + 14, peer->window);
    put16(tcp + 18, (flags & URG) != 0 ? (uint32_t)len : 0);
    if (options != 0) {
        put32(tcp + TCP_HEADER, 0x02040000 | 1460); /* MSS */
    }
    for (size_t i = 0; i < len; i++) {
        tcp[header + i] = (uint8_t)((seq + i) * 7);
    }
    put16(tcp + 16, checksum(tcp, header + len, pseudo_sum(6, header + len)));
    send_ip(peer, frame, 6, header + len);
}

static void send_ack(struct peer *peer, const struct flow *flow) { send_tcp(peer, flow, ACK, flow->snd_nxt, 0); }

static void send_datagram(struct peer *peer, uint16_t to, size_t len) {
    uint8_t frame[FRAME_MAX] = {0}, *udp = frame + ETHERNET + IP_HEADER;
    put16(udp, PORT);
    put16(udp + 2, to);
    put16(udp + 4, (uint32_t)(UDP_HEADER + len));
    memset(udp + UDP_HEADER, 'p', len);
    put16(udp + 6, checksum(udp, UDP_HEADER + len, pseudo_sum(17, UDP_HEADER + len)));
    send_ip(peer, frame, 17, UDP_HEADER + len);
}

/* RFC 792, with the next hop's MTU of RFC 1191 where the code is 4. */
static void send_icmp(struct peer *peer, uint32_t type, uint32_t code) {
    uint8_t frame[FRAME_MAX] = {0}, *icmp = frame + ETHERNET + IP_HEADER;
    if (peer->last_len == 0) {
        return;
    }
    icmp[0] = (uint8_t)type;
    icmp[1] = (uint8_t)code;
    put16(icmp + 6, type == 3 && code == 4 ? 1000 : 0);
    memcpy(icmp + 8, peer->last, peer->last_len);
    put16(icmp + 2, checksum(icmp, 8 + peer->last_len, 0));
    send_ip(peer, frame, 1, 8 + peer->last_len);
}

/* --- what comes --- */

static struct flow *flow_of(struct peer *peer, uint16_t port, uint16_t host_port) {
    for (unsigned i = 0; i < FLOWS; i++) {
        struct flow *flow = &peer->flows[i];
        if (flow->used && flow->port == port && flow->host_port == host_port) {
            return flow;
        }
    }
    return NULL;
}

static struct flow *flow_new(struct peer *peer, uint16_t port, uint16_t host_port) {
    struct flow *flow = &peer->flows[peer->flow_count++ % FLOWS];
    *flow = (struct flow){.used = true, .port = port, .host_port = host_port, .snd_nxt = 1000000 * peer->flow_count};
    return flow;
}

static void take_syn(struct peer *peer, const uint8_t *tcp, struct flow *flow) {
    if (peer->policy == POLICY_SILENT || flow != NULL) {
        return;
    }
    struct flow refused = {.port = get16(tcp + 2), .host_port = get16(tcp), .rcv_nxt = get32(tcp + 4) + 1};
    if (peer->policy == POLICY_REFUSE) {
        send_tcp(peer, &refused, RST | ACK, 0, 0);
        return;
    }
    flow = flow_new(peer, refused.port, refused.host_port);
    flow->rcv_nxt = refused.rcv_nxt;
    flow->established = true;
    send_tcp(peer, flow, SYN | ACK, flow->snd_nxt++, 0);
}

static void take_text(struct peer *peer, struct flow *flow, const uint8_t *tcp, size_t len) {
    uint32_t seq = get32(tcp + 4);
    bool fin = (tcp[13] & FIN) != 0;
    if (len == 0 && !fin) {
        return;
    }
    if (seq == flow->rcv_nxt && !flow->fin_seen) {
        flow->rcv_nxt += (uint32_t)len + fin;
        flow->received += len;
        flow->fin_seen = fin;
    }
    if (peer->policy != POLICY_HOLD_ACKS) {
        send_ack(peer, flow);
    }
}

static void take_tcp(struct peer *peer, const uint8_t *tcp, size_t len) {
    struct flow *flow = flow_of(peer, get16(tcp + 2), get16(tcp));
    unsigned flags = tcp[13];
    if ((flags & (SYN | ACK)) == SYN) {
        take_syn(peer, tcp, flow);
        return;
    }
    if (flow == NULL || peer->policy == POLICY_SILENT) {
        return;
    }
    if ((flags & RST) != 0) {
        flow->rst_seen = true;
    } else if ((flags & SYN) != 0) {
        if (!flow->established) {
            flow->established = true;
            flow->rcv_nxt = get32(tcp + 4) + 1;
            send_ack(peer, flow);
        }
    } else if (flow->established) {
        take_text(peer, flow, tcp, len - (size_t)(tcp[12] >> 4) * 4);
    }
}

static void take_ip(struct peer *peer, const uint8_t *ip, size_t len) {
    size_t header = (size_t)(ip[0] & 15) * 4, total = get16(ip + 2);
    if (total > len || total < header + 8 || memcmp(ip + 16, own_ip, 4) != 0) {
        return;
    }
    if (ip[9] == 6 || ip[9] == 17) {
        peer->last_len = total < sizeof peer->last ? total : sizeof peer->last;
        memcpy(peer->last, ip, peer->last_len);
    }
    if (ip[9] == 6 && total >= header + TCP_HEADER) {
        take_tcp(peer, ip + header, total - header);
    } else if (ip[9] == 17) {
        peer->datagrams++;
    } else if (ip[9] == 1 && ip[header] == 3) {
        peer->unreachables++;
    }
}

unsigned peer_take(struct peer *peer) {
    uint8_t frame[FRAME_MAX];
    unsigned count = 0;
    for (ssize_t got; (got = read(peer->wire, frame, sizeof frame)) >= ETHERNET + IP_HEADER; count++) {
        const uint8_t *arp = frame + ETHERNET;
        capture(peer, frame, (size_t)got);
        if (get16(frame + 12) == 0x0800) {
            take_ip(peer, frame + ETHERNET, (size_t)got - ETHERNET);
        } else if (get16(frame + 12) == 0x0806 && get16(arp + 6) == 1 && memcmp(arp + 24, own_ip, 4) == 0) {
            send_arp(peer, false, arp + 8, arp + 14);
        } else if (get16(frame + 12) == 0x0806 && get16(arp + 6) == 2 && memcmp(arp + 14, host_ip, 4) == 0) {
            memcpy(peer->host_mac, arp + 8, 6);
            peer->knows_host = true;
        }
    }
    return count;
}

bool peer_init(struct peer *peer, int wire, pcap_dumper_t *file) {
    *peer = (struct peer){.wire = wire, .window = 65535, .capture = file};
    for (unsigned tries = 0; tries < 1000 && !peer->knows_host; tries++) {
        if (tries % 100 == 0) {
            send_arp(peer, true, NULL, host_ip);
        }
        (void)peer_take(peer);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return peer->knows_host;
}

/* --- what the program has it do --- */

static void send_text(struct peer *peer, struct flow *flow, enum peer_act act, uint32_t bytes) {
    uint32_t first = flow->snd_nxt, half = act == PEER_GAP ? bytes / 2 : 0;
    flow->snd_nxt += bytes;
    send_tcp(peer, flow, ACK | PSH | (act == PEER_URGENT ? URG : 0), first + half, bytes - half);
    if (half > 0) {
        send_tcp(peer, flow, ACK, first, half);
    }
}

static void act_on_flow(struct peer *peer, struct flow *flow, enum peer_act act, uint32_t bytes) {
    if (!flow->established) {
        return;
    }
    if (act == PEER_RST) {
        send_tcp(peer, flow, RST | ACK, flow->snd_nxt, 0);
    } else if (act == PEER_WINDOW) {
        send_ack(peer, flow);
    } else if (act == PEER_FIN && !flow->fin_sent) {
        send_tcp(peer, flow, FIN | ACK, flow->snd_nxt++, 0);
        flow->fin_sent = true;
    } else if (act != PEER_FIN && !flow->fin_sent) {
        send_text(peer, flow, act, bytes);
    }
}

void peer_act(struct peer *peer, enum peer_act act, unsigned flow, uint32_t b, uint32_t c) {
    if (act == PEER_SYN) {
        struct flow *opened = flow_new(peer, (uint16_t)(PORT + 100 + peer->flow_count), (uint16_t)b);
        send_tcp(peer, opened, SYN, opened->snd_nxt++, 0);
    } else if (act == PEER_POLICY) {
        peer->policy = (enum peer_policy)b;
    } else if (act == PEER_ICMP) {
        send_icmp(peer, b, c);
    } else if (act == PEER_DATAGRAM) {
        send_datagram(peer, (uint16_t)c, b);
    } else if (flow < FLOWS && flow < peer->flow_count) {
        if (act == PEER_WINDOW) {
            peer->window = (uint16_t)b;
        }
        act_on_flow(peer, &peer->flows[(peer->flow_count - 1 - flow) % FLOWS], act, b);
    }
}

void peer_print(const struct peer *peer, char *text, size_t size) {
    int at = snprintf(text, size, "peer: %u datagrams, %u unreachable", peer->datagrams, peer->unreachables);
    for (unsigned i = 0; i < FLOWS && at > 0 && (size_t)at < size; i++) {
        const struct flow *flow = &peer->flows[i];
        if (flow->used) {
            at += snprintf(text + at, size - (size_t)at, "; %s%zu bytes%s%s", flow->established ? "" : "asked, ",
                           flow->received, flow->fin_seen ? " FIN" : "", flow->rst_seen ? " RST" : "");
        }
    }
}
