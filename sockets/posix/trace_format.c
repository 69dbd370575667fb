/* Trace events as lines of text in tcpdump's manner: stateless, so sequence numbers are absolute.
 *
 *     1.000123 Out IP 10.0.0.1.43210 > 10.0.0.2.80: Flags [S], seq 1, win 65160, options [mss 1460,sackOK], length 0
 *     1.000951 In  IP 10.0.0.2.80 > 10.0.0.1.43210: Flags [R], seq 7, win 0, length 0 dropped (TIME-WAIT: why)
 *     1.000951 In  ARP, request who-has 10.0.0.1 tell 10.0.0.2, length 28
 *     1.000951 10.0.0.1.43210 > 10.0.0.2.80 ESTABLISHED -> FIN-WAIT-1 (CLOSE)
 *     1.000951 10.0.0.1.43210 > 10.0.0.2.80 timer rto armed +200 ms
 *     1.000951 10.0.0.1.43210 > 10.0.0.2.80 cwnd 14600 ssthresh inf flight 2920 (ack)
 *
 * The time is the event's own, in seconds. What travels names its sender first, as tcpdump does; what happens to a
 * connection names our end first. An all-zero address is not known and is written *. In brackets at the end: the
 * connection's state before the segment, and why it was sent or dropped.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <tapir/sock.h>
#include <tapir/trace.h>

/* TCP flag bits as on the wire (RFC 9293 3.1), for this file alone. */
enum { FLAG_FIN = 0x01, FLAG_SYN = 0x02, FLAG_RST = 0x04, FLAG_ACK = 0x10, FLAG_URG = 0x20 };

/* A line under construction: counts on past the end of its buffer, as snprintf does, so that the caller learns how
 * much room the whole would have taken. */
struct line {
    char *buf;
    size_t size, len;
};

__attribute__((format(printf, 2, 3))) static void add(struct line *line, const char *format, ...) {
    size_t room = line->size > line->len ? line->size - line->len : 0;
    va_list args;
    va_start(args, format);
    int added = vsnprintf(room == 0 ? NULL : line->buf + line->len, room, format, args);
    va_end(args);
    line->len += added > 0 ? (size_t)added : 0;
}

/* A duration in milliseconds with the decimals that it has: "200 ms", "1.2 ms". */
static void add_ms(struct line *line, uint64_t us) {
    unsigned fraction = (unsigned)(us % 1000);
    add(line, "%llu", (unsigned long long)(us / 1000));
    if (fraction % 100 != 0) {
        add(line, fraction % 10 == 0 ? ".%02u" : ".%03u", fraction % 10 == 0 ? fraction / 10 : fraction);
    } else if (fraction != 0) {
        add(line, ".%u", fraction / 100);
    }
    add(line, " ms");
}

static bool is_mapped(const struct tapir_addr *addr) {
    struct in6_addr in6;
    memcpy(&in6, addr->b, sizeof in6);
    return IN6_IS_ADDR_V4MAPPED(&in6);
}

static bool is_unknown(const struct tapir_addr *addr) {
    static const struct tapir_addr zero;
    return memcmp(addr, &zero, sizeof zero) == 0;
}

static void add_address(struct line *line, const struct tapir_addr *addr) {
    char text[INET6_ADDRSTRLEN];
    if (is_unknown(addr)) {
        add(line, "*");
    } else if (is_mapped(addr)) {
        add(line, "%s", inet_ntop(AF_INET, addr->b + 12, text, sizeof text));
    } else {
        add(line, "%s", inet_ntop(AF_INET6, addr->b, text, sizeof text));
    }
}

/* "10.0.0.1.80", or without the port where there are none. */
static void add_endpoint(struct line *line, const struct tapir_endpoint *endpoint, bool with_port) {
    add_address(line, &endpoint->addr);
    if (with_port) {
        add(line, ".%u", endpoint->port);
    }
}

static void add_flow(struct line *line, const struct tapir_endpoint *from, const struct tapir_endpoint *to,
                     bool with_ports) {
    add_endpoint(line, from, with_ports);
    add(line, " > ");
    add_endpoint(line, to, with_ports);
}

/* "Out IP 10.0.0.1.43210 > 10.0.0.2.80: ", from the sender's side whichever way it went. */
static void add_datagram(struct line *line, const struct tapir_event *event, bool in, bool with_ports) {
    const struct tapir_endpoint *from = in ? &event->remote : &event->local;
    const struct tapir_endpoint *to = in ? &event->local : &event->remote;
    bool v6 = !is_unknown(&to->addr) && !is_mapped(&to->addr);
    add(line, "%s %s ", in ? "In " : "Out", v6 ? "IP6" : "IP");
    add_flow(line, from, to, with_ports);
    add(line, ": ");
}

/* " (SYN-SENT: handshake)", whatever of the two there is; "dropped" before it. */
static void add_reason(struct line *line, const struct tapir_event *event, const char *context) {
    add(line, "%s", event->dropped ? " dropped" : "");
    const char *separator = context[0] != '\0' && event->reason[0] != '\0' ? ": " : "";
    if (context[0] != '\0' || event->reason[0] != '\0') {
        add(line, " (%s%s%s)", context, separator, event->reason);
    }
}

/* tcpdump's letters, from the lowest bit to the highest. */
static void add_flags(struct line *line, unsigned flags) {
    static const char letters[] = "FSRP.UEW";
    add(line, "Flags [");
    for (unsigned bit = 0; bit < sizeof letters - 1; bit++) {
        if ((flags >> bit & 1) != 0) {
            add(line, "%c", letters[bit]);
        }
    }
    add(line, flags == 0 ? "none]" : "]");
}

static void add_sack(struct line *line, const struct tapir_trace_segment *segment) {
    add(line, "sack %u ", segment->sack_count);
    for (unsigned i = 0; i < segment->sack_count && i < sizeof segment->sack / sizeof segment->sack[0]; i++) {
        add(line, "{%u:%u}", segment->sack[i].left, segment->sack[i].right);
    }
}

/* The options that the segment has, without the padding that is not in the event. */
static void add_options(struct line *line, const struct tapir_trace_segment *segment) {
    const char *separator = ", options [";
    if (segment->has_mss) {
        add(line, "%smss %u", separator, segment->mss);
        separator = ",";
    }
    if (segment->sack_permitted) {
        add(line, "%ssackOK", separator);
        separator = ",";
    }
    if (segment->has_timestamps) {
        add(line, "%sTS val %u ecr %u", separator, segment->tsval, segment->tsecr);
        separator = ",";
    }
    if (segment->has_wscale) {
        add(line, "%swscale %u", separator, segment->wscale);
        separator = ",";
    }
    if (segment->sack_count > 0) {
        add(line, "%s", separator);
        add_sack(line, segment);
        separator = ",";
    }
    add(line, separator[1] == '\0' ? "]" : "");
}

static void add_segment(struct line *line, const struct tapir_event *event, bool in) {
    const struct tapir_trace_segment *segment = &event->segment;
    add_datagram(line, event, in, true);
    add_flags(line, segment->flags);
    if (segment->len > 0) {
        add(line, ", seq %u:%u", segment->seq, segment->seq + segment->len);
    } else if ((segment->flags & (FLAG_SYN | FLAG_FIN | FLAG_RST)) != 0) {
        add(line, ", seq %u", segment->seq);
    }
    if ((segment->flags & FLAG_ACK) != 0) {
        add(line, ", ack %u", segment->ack);
    }
    add(line, ", win %u", segment->window_bytes);
    if ((segment->flags & FLAG_URG) != 0) {
        add(line, ", urg %u", segment->urgent);
    }
    add_options(line, segment);
    add(line, ", length %u", segment->len);
    if (segment->gso_size > 0) {
        add(line, " by %u", segment->gso_size);
    }
    if (segment->tos != 0) {
        add(line, ", tos 0x%x", segment->tos);
    }
    add_reason(line, event, segment->state == TAPIR_TCP_NONE ? "" : tapir_tcp_state_name(segment->state));
}

struct named_message {
    uint8_t type, code;
    const char *name;
};

enum { ANY_CODE = 255 };

/* RFC 792, RFC 1191, RFC 1812; the first match counts. */
static const struct named_message icmp_messages[] = {
    {0, ANY_CODE, "echo reply"},         {3, 0, "net unreachable"},
    {3, 1, "host unreachable"},          {3, 2, "protocol unreachable"},
    {3, 3, "port unreachable"},          {3, 4, "unreachable, need to fragment"},
    {3, 5, "source route failed"},       {3, 13, "administratively prohibited"},
    {4, ANY_CODE, "source quench"},      {5, ANY_CODE, "redirect"},
    {8, ANY_CODE, "echo request"},       {11, 0, "time exceeded in transit"},
    {11, 1, "reassembly time exceeded"}, {12, ANY_CODE, "parameter problem"},
};

/* RFC 1112, RFC 2236, RFC 3376. */
static const struct named_message igmp_messages[] = {
    {0x11, ANY_CODE, "query"}, {0x12, ANY_CODE, "v1 report"}, {0x16, ANY_CODE, "v2 report"},
    {0x17, ANY_CODE, "leave"}, {0x22, ANY_CODE, "v3 report"},
};

/* "ICMP echo request", or the numbers of a message that has no name. */
static void add_message(struct line *line, const char *protocol, const struct tapir_trace_packet *packet,
                        const struct named_message *messages, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (messages[i].type == packet->type && (messages[i].code == packet->code || messages[i].code == ANY_CODE)) {
            add(line, "%s %s", protocol, messages[i].name);
            return;
        }
    }
    add(line, "%s type %u code %u", protocol, packet->type, packet->code);
}

/* "In  ARP, request who-has 10.0.0.2 tell 10.0.0.1". */
static void add_arp(struct line *line, const struct tapir_event *event, bool in) {
    const struct tapir_addr *from = in ? &event->remote.addr : &event->local.addr;
    const struct tapir_addr *to = in ? &event->local.addr : &event->remote.addr;
    bool request = event->packet.type == 1;
    add(line, "%s ARP, %s ", in ? "In " : "Out", request ? "request who-has" : "reply");
    add_address(line, request ? to : from);
    add(line, request ? " tell " : " to ");
    add_address(line, request ? from : to);
}

static void add_packet(struct line *line, const struct tapir_event *event, bool in) {
    const struct tapir_trace_packet *packet = &event->packet;
    if (packet->protocol == 0) {
        add_arp(line, event, in);
    } else {
        add_datagram(line, event, in, packet->protocol == IPPROTO_UDP);
    }
    switch (packet->protocol) {
    case 0:
        break;
    case IPPROTO_UDP:
        add(line, "UDP");
        break;
    case IPPROTO_ICMP:
        add_message(line, "ICMP", packet, icmp_messages, sizeof icmp_messages / sizeof icmp_messages[0]);
        break;
    case IPPROTO_IGMP:
        add_message(line, "IGMP", packet, igmp_messages, sizeof igmp_messages / sizeof igmp_messages[0]);
        break;
    default:
        add(line, "ip-proto-%u", packet->protocol);
        break;
    }
    add(line, ", length %u", packet->len);
    add_reason(line, event, "");
}

static void add_timer(struct line *line, const struct tapir_event *event) {
    static const char *const actions[] = {
        [TAPIR_TIMER_ARMED] = "armed", [TAPIR_TIMER_CANCELLED] = "cancelled", [TAPIR_TIMER_FIRED] = "fired"};
    const struct tapir_trace_timer *timer = &event->timer;
    add(line, " timer %s %s", timer->name, timer->action <= TAPIR_TIMER_FIRED ? actions[timer->action] : "?");
    if (timer->action == TAPIR_TIMER_ARMED) {
        add(line, " +");
        add_ms(line, timer->deadline_us > event->now_us ? timer->deadline_us - event->now_us : 0);
    }
    if (strcmp(timer->name, event->reason) != 0) {
        add_reason(line, event, "");
    }
}

static void add_cwnd(struct line *line, const struct tapir_event *event) {
    const struct tapir_trace_cwnd *cwnd = &event->cwnd;
    add(line, " cwnd %u ssthresh ", cwnd->cwnd_bytes);
    /* RFC 5681 3.1: arbitrarily high until the first loss. */
    if (cwnd->ssthresh_bytes == UINT32_MAX) {
        add(line, "inf");
    } else {
        add(line, "%u", cwnd->ssthresh_bytes);
    }
    add(line, " flight %u", cwnd->flight_bytes);
    add_reason(line, event, "");
}

static void add_rtt(struct line *line, const struct tapir_event *event) {
    add(line, " rtt ");
    add_ms(line, event->rtt.sample_us);
    add(line, " srtt ");
    add_ms(line, event->rtt.srtt_us);
    add(line, " rttvar ");
    add_ms(line, event->rtt.rttvar_us);
    add(line, " rto ");
    add_ms(line, event->rtt.rto_us);
    add_reason(line, event, "");
}

static void add_mtu(struct line *line, const struct tapir_event *event) {
    const struct tapir_trace_mtu *mtu = &event->mtu;
    add(line, " mtu %u to %u", mtu->low_bytes, mtu->high_bytes);
    if (mtu->probe_bytes != 0) {
        add(line, " probe %u", mtu->probe_bytes);
    }
    add_reason(line, event, "");
}

static void add_state(struct line *line, const struct tapir_event *event) {
    const struct tapir_trace_state *state = &event->state;
    add(line, " %s -> %s", tapir_tcp_state_name(state->from), tapir_tcp_state_name(state->to));
    add_reason(line, event, strcmp(state->trigger, event->reason) == 0 ? "" : state->trigger);
}

/* An event of the connection itself: its two ends, ours first, then what happened to it. */
static void add_connection_event(struct line *line, const struct tapir_event *event) {
    if (is_unknown(&event->remote.addr)) { /* a listener */
        add_endpoint(line, &event->local, true);
    } else {
        add_flow(line, &event->local, &event->remote, true);
    }
    if (event->kind == TAPIR_EVENT_STATE) {
        add_state(line, event);
    } else if (event->kind == TAPIR_EVENT_TIMER) {
        add_timer(line, event);
    } else if (event->kind == TAPIR_EVENT_CWND) {
        add_cwnd(line, event);
    } else if (event->kind == TAPIR_EVENT_MTU) {
        add_mtu(line, event);
    } else {
        add_rtt(line, event);
    }
}

// NOLINTNEXTLINE(readability-non-const-parameter): written to through struct line
int tapir_trace_format(const struct tapir_event *event, char *buf, size_t size) {
    struct line line = {.buf = buf, .size = size};
    add(&line, "%llu.%06llu ", (unsigned long long)(event->now_us / 1000000),
        (unsigned long long)(event->now_us % 1000000));
    switch (event->kind) {
    case TAPIR_EVENT_SEGMENT_IN:
    case TAPIR_EVENT_SEGMENT_OUT:
        add_segment(&line, event, event->kind == TAPIR_EVENT_SEGMENT_IN);
        break;
    case TAPIR_EVENT_PACKET_IN:
    case TAPIR_EVENT_PACKET_OUT:
        add_packet(&line, event, event->kind == TAPIR_EVENT_PACKET_IN);
        break;
    case TAPIR_EVENT_STATE:
    case TAPIR_EVENT_TIMER:
    case TAPIR_EVENT_CWND:
    case TAPIR_EVENT_RTT:
    case TAPIR_EVENT_MTU:
        add_connection_event(&line, event);
        break;
    }
    return (int)line.len;
}
