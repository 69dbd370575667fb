/* The ceiling: a TAP reader that does only the TCP a benchmark needs, so that no stack on a TAP can be faster.
 *
 * Stateless where it can be: what a segment says is enough to answer it. It never loses anything (neither does a TAP),
 * verifies nothing and knows one peer. Ports: 5001 discards, 5002 sends without end, 7 echoes, 80 answers each segment
 * with data by one fixed HTTP response. Our address is 10.0.0.2.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#define FRAME_MAX_BYTES 65600
#define MSS_BYTES 1460 /* of an MTU of 1500, without options */
#define SUPER_BYTES (44 * MSS_BYTES)
#define WINDOW_SHIFT 10
#define OUR_ADDRESS 0x0a000002U
#define FIRST_SEQUENCE 1000U

enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PSH = 8, TCP_ACK = 16 };

/* Offsets in a frame whose IP header has no options, as the kernel's have none. */
enum { ETHERNET = 0, IP = 14, TCP = 34 };

static const uint8_t our_mac[6] = {0x02, 0, 0, 0, 0, 0x02};
static const char response[] =
    "HTTP/1.1 200 OK\r\nContent-Length: 100\r\nContent-Type: text/plain\r\n\r\n"
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567"
    "890123456789";
static uint8_t zeros[SUPER_BYTES];
static int tap;

/* The one connection to port 5002. */
static struct {
    bool open;
    uint8_t request[TCP + 20]; /* headers of its SYN, to answer to */
    uint32_t una, nxt, ack, window;
    unsigned shift;
} source;

static uint16_t get16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }
static uint32_t get32(const uint8_t *p) { return (uint32_t)get16(p) << 16 | get16(p + 2); }

static void put16(uint8_t *p, uint32_t value) {
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

static void put32(uint8_t *p, uint32_t value) {
    put16(p, value >> 16);
    put16(p + 2, value);
}

static uint32_t sum16(const uint8_t *p, size_t bytes, uint32_t sum) {
    for (size_t i = 0; i < bytes; i += 2) {
        sum += get16(p + i);
    }
    return sum;
}

static uint16_t fold(uint32_t sum) {
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)(sum + (sum >> 16));
}

static void write_frame(const struct virtio_net_hdr *vnet, const uint8_t *headers, size_t header_bytes,
                        const void *payload, size_t payload_bytes) {
    const struct iovec pieces[3] = {{(void *)(uintptr_t)vnet, sizeof *vnet},
                                    {(void *)(uintptr_t)headers, header_bytes},
                                    {(void *)(uintptr_t)payload, payload_bytes}};
    if (writev(tap, pieces, 3) < 0 && errno != EAGAIN && errno != EIO) {
        perror("ceiling: writev");
        exit(1);
    }
}

/* Answers the segment whose headers are in `request`: addresses and ports turned round. */
static void send_segment(const uint8_t *request, uint32_t seq, uint32_t ack, unsigned flags, const void *payload,
                         size_t bytes) {
    static const uint8_t syn_options[12] = {2, 4, MSS_BYTES >> 8, MSS_BYTES & 0xff, 3, 3, WINDOW_SHIFT, 1, 1, 1, 1, 1};
    const size_t option_bytes = (flags & TCP_SYN) != 0 ? sizeof syn_options : 0, tcp_bytes = 20 + option_bytes;
    uint8_t out[TCP + 20 + sizeof syn_options] = {0};
    memcpy(out + ETHERNET, request + 6, 6);
    memcpy(out + ETHERNET + 6, our_mac, 6);
    put16(out + ETHERNET + 12, 0x0800);
    out[IP] = 0x45;
    put16(out + IP + 2, (uint32_t)(20 + tcp_bytes + bytes));
    put16(out + IP + 6, 0x4000); /* DF */
    out[IP + 8] = 64;
    out[IP + 9] = IPPROTO_TCP;
    memcpy(out + IP + 12, request + IP + 16, 4);
    memcpy(out + IP + 16, request + IP + 12, 4);
    put16(out + IP + 10, (uint16_t)~fold(sum16(out + IP, 20, 0)));
    memcpy(out + TCP, request + TCP + 2, 2);
    memcpy(out + TCP + 2, request + TCP, 2);
    put32(out + TCP + 4, seq);
    put32(out + TCP + 8, ack);
    out[TCP + 12] = (uint8_t)(tcp_bytes / 4 << 4);
    out[TCP + 13] = (uint8_t)flags;
    put16(out + TCP + 14, 0xffff);
    put16(out + TCP + 16, fold(sum16(out + IP + 12, 8, IPPROTO_TCP + (uint32_t)(tcp_bytes + bytes))));
    memcpy(out + TCP + 20, syn_options, option_bytes);
    struct virtio_net_hdr vnet = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = TCP, .csum_offset = 16};
    if (bytes > MSS_BYTES) {
        vnet.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
        vnet.gso_size = MSS_BYTES;
        vnet.hdr_len = (uint16_t)(TCP + tcp_bytes);
    }
    write_frame(&vnet, out, TCP + tcp_bytes, payload, bytes);
}

static void answer_arp(const uint8_t *frame, size_t bytes) {
    if (bytes < 42 || get16(frame + 20) != 1 || get32(frame + 38) != OUR_ADDRESS) {
        return;
    }
    const struct virtio_net_hdr vnet = {0};
    uint8_t out[42];
    memcpy(out, frame, sizeof out);
    memcpy(out, frame + 6, 6);
    memcpy(out + 6, our_mac, 6);
    put16(out + 20, 2);
    memcpy(out + 22, our_mac, 6);
    put32(out + 28, OUR_ADDRESS);
    memcpy(out + 32, frame + 22, 10);
    write_frame(&vnet, out, sizeof out, NULL, 0);
}

/* The shift of the window scale option, 0 without one. */
static unsigned window_shift(const uint8_t *options, size_t bytes) {
    for (size_t i = 0; i + 2 < bytes && options[i] != 0;) {
        if (options[i] == 3) {
            return options[i + 2];
        }
        i += options[i] == 1 || options[i + 1] == 0 ? 1 : options[i + 1];
    }
    return 0;
}

/* Sends super-segments as long as the window takes them whole, or nothing else is under way. */
static void pump(void) {
    for (;;) {
        const uint32_t room = source.window - (source.nxt - source.una);
        const uint32_t bytes = room < SUPER_BYTES ? room - room % MSS_BYTES : SUPER_BYTES;
        if (source.nxt - source.una >= source.window || bytes == 0 ||
            (bytes < SUPER_BYTES && source.nxt != source.una)) {
            return;
        }
        send_segment(source.request, source.nxt, source.ack, TCP_ACK, zeros, bytes);
        source.nxt += bytes;
    }
}

static void serve_source(const uint8_t *frame, uint32_t ack, unsigned flags) {
    if (!source.open || memcmp(frame + TCP, source.request + TCP, 2) != 0) {
        return;
    }
    if ((flags & (TCP_RST | TCP_FIN)) != 0) {
        source.open = false;
        return;
    }
    if ((int32_t)(ack - source.una) >= 0) {
        source.una = ack;
        source.window = (uint32_t)get16(frame + TCP + 14) << source.shift;
    }
    pump();
}

static void open_source(const uint8_t *frame, uint32_t seq, unsigned shift) {
    memcpy(source.request, frame, sizeof source.request);
    source.open = true;
    source.una = source.nxt = FIRST_SEQUENCE + 1;
    source.ack = seq + 1;
    source.window = 0;
    source.shift = shift;
}

static void answer_tcp(const uint8_t *frame, size_t bytes) {
    const size_t header_bytes = (size_t)(frame[TCP + 12] >> 4) * 4, total = get16(frame + IP + 2);
    if (header_bytes < 20 || total < 20 + header_bytes || bytes < IP + total) {
        return;
    }
    const uint8_t *data = frame + TCP + header_bytes;
    const size_t data_bytes = total - 20 - header_bytes;
    const uint32_t seq = get32(frame + TCP + 4), ack = get32(frame + TCP + 8);
    const unsigned flags = frame[TCP + 13], port = get16(frame + TCP + 2);
    const uint32_t next = seq + (uint32_t)data_bytes + ((flags & TCP_FIN) != 0);
    if ((flags & TCP_SYN) != 0) {
        if (port == 5002) {
            open_source(frame, seq, window_shift(frame + TCP + 20, header_bytes - 20));
        }
        send_segment(frame, FIRST_SEQUENCE, seq + 1, TCP_SYN | TCP_ACK, NULL, 0);
    } else if (port == 5002) {
        serve_source(frame, ack, flags);
    } else if ((flags & TCP_RST) == 0 && next != seq) {
        const unsigned answer = TCP_ACK | ((flags & TCP_FIN) != 0 ? (unsigned)TCP_FIN : 0);
        const bool echoes = port == 7 && data_bytes > 0, serves = port == 80 && data_bytes > 0;
        send_segment(frame, ack, next, echoes || serves ? answer | TCP_PSH : answer,
                     echoes ? data : (const void *)response,
                     echoes   ? data_bytes
                     : serves ? sizeof response - 1
                              : 0);
    }
}

static void take_frame(const uint8_t *frame, size_t bytes) {
    if (bytes < 34) {
        return;
    }
    if (get16(frame + 12) == 0x0806) {
        answer_arp(frame, bytes);
    } else if (get16(frame + 12) == 0x0800 && bytes >= TCP + 20 && frame[IP] == 0x45 && frame[IP + 9] == IPPROTO_TCP &&
               get32(frame + IP + 16) == OUR_ADDRESS) {
        answer_tcp(frame, bytes);
    }
}

static void open_tap(const char *name) {
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    strncpy(request.ifr_name, name, sizeof request.ifr_name - 1);
    tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (tap < 0 || ioctl(tap, TUNSETIFF, &request) != 0 || ioctl(tap, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4) != 0) {
        perror("ceiling: the TAP");
        exit(1);
    }
}

int main(int argc, char **argv) {
    static uint8_t buffer[sizeof(struct virtio_net_hdr) + FRAME_MAX_BYTES];
    if (argc != 2) {
        fprintf(stderr, "usage: ceiling TAP\n");
        return 2;
    }
    open_tap(argv[1]);
    printf("serving\n");
    fflush(stdout);
    for (;;) {
        struct pollfd ready = {.fd = tap, .events = POLLIN};
        if (poll(&ready, 1, -1) < 0) {
            perror("ceiling: poll");
            return 1;
        }
        ssize_t n;
        while ((n = read(tap, buffer, sizeof buffer)) > (ssize_t)sizeof(struct virtio_net_hdr)) {
            take_frame(buffer + sizeof(struct virtio_net_hdr), (size_t)n - sizeof(struct virtio_net_hdr));
        }
        if (n < 0 && errno != EAGAIN) {
            perror("ceiling: read");
            return 1;
        }
    }
}
