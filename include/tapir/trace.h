/* The typed events that leave the core: what came, what went, and why, a cause before its effects: behind a segment comes
 * what it causes (states, timers, round trips, answers), with the same now_us. */
#ifndef TAPIR_TRACE_H
#define TAPIR_TRACE_H

#include <tapir/core.h>

#ifdef __cplusplus
extern "C" {
#endif

enum tapir_event_kind {
    TAPIR_EVENT_SEGMENT_IN,  /* a TCP segment was taken or dropped: event.segment */
    TAPIR_EVENT_SEGMENT_OUT, /* a TCP segment was built: event.segment */
    TAPIR_EVENT_PACKET_IN,   /* ARP, ICMP, IGMP, UDP came in or was dropped: event.packet */
    TAPIR_EVENT_PACKET_OUT,  /* ARP, ICMP, IGMP, UDP goes out: event.packet */
    TAPIR_EVENT_STATE,       /* a connection changed state: event.state */
    TAPIR_EVENT_TIMER,       /* a TCP timer was armed, cancelled or fired: event.timer */
    TAPIR_EVENT_CWND,        /* the congestion window or threshold changed: event.cwnd */
    TAPIR_EVENT_RTT,         /* a round trip was measured: event.rtt */
    TAPIR_EVENT_MTU,         /* the search for the path MTU made a step: event.mtu */
};

/* One SACK block, absolute sequence numbers. */
struct tapir_trace_sack {
    uint32_t left, right;
};

struct tapir_trace_segment {
    uint32_t seq, ack;
    uint32_t window_bytes; /* already scaled when the connection is known */
    uint32_t len;          /* payload bytes */
    uint16_t urgent;
    uint16_t gso_size; /* payload bytes of a wire segment; 0: one segment */
    uint8_t flags;     /* TCP flag bits as on the wire, FIN = 1 */
    uint8_t state;     /* enum tapir_tcp_state before the segment; 0 none */
    uint8_t tos;
    uint8_t sack_count;
    bool has_mss, has_wscale, has_timestamps, sack_permitted;
    uint16_t mss;
    uint8_t wscale;
    uint32_t tsval, tsecr;
    struct tapir_trace_sack sack[4];
};

struct tapir_trace_packet {
    uint8_t protocol;   /* IP protocol; 0: ARP */
    uint8_t type, code; /* ICMP or IGMP type and code; ARP operation in type */
    uint32_t len;       /* payload bytes */
};

/* Of a listener, whose remote end is all zeros: CLOSED to LISTEN. A connection that it gets begins in LISTEN. The end of
 * TIME-WAIT comes after 2 MSL, long after the connection has left its socket. */
struct tapir_trace_state {
    uint8_t from, to;    /* enum tapir_tcp_state */
    const char *trigger; /* the event of RFC 9293 figure 5, as "rcv SYN,ACK" */
};

enum tapir_timer_action { TAPIR_TIMER_ARMED, TAPIR_TIMER_CANCELLED, TAPIR_TIMER_FIRED };

struct tapir_trace_timer {
    const char *name; /* "rto", "persist", "delack", ... */
    uint8_t action;   /* enum tapir_timer_action */
    uint64_t deadline_us;
};

struct tapir_trace_cwnd {
    uint32_t cwnd_bytes, ssthresh_bytes, flight_bytes;
};

struct tapir_trace_rtt {
    uint64_t sample_us, srtt_us, rttvar_us, rto_us;
};

/* Sizes of datagrams. */
struct tapir_trace_mtu {
    uint32_t low_bytes, high_bytes; /* known to pass; the largest worth trying */
    uint32_t probe_bytes;           /* the probe that is told of; 0: none */
};

struct tapir_event {
    enum tapir_event_kind kind;
    uint64_t now_us;
    int netif;                           /* -1: not known */
    struct tapir_endpoint local, remote; /* zero when not known */
    const char *reason;                  /* why it was sent or dropped; never NULL */
    bool dropped;
    union {
        struct tapir_trace_segment segment;
        struct tapir_trace_packet packet;
        struct tapir_trace_state state;
        struct tapir_trace_timer timer;
        struct tapir_trace_cwnd cwnd;
        struct tapir_trace_rtt rtt;
        struct tapir_trace_mtu mtu;
    };
};

/* The eleven states (RFC 9293 3.3.2), numbered as in Linux's enum, so that TCP_INFO needs no table. */
enum tapir_tcp_state {
    TAPIR_TCP_NONE = 0,
    TAPIR_TCP_ESTABLISHED = 1,
    TAPIR_TCP_SYN_SENT,
    TAPIR_TCP_SYN_RECEIVED,
    TAPIR_TCP_FIN_WAIT_1,
    TAPIR_TCP_FIN_WAIT_2,
    TAPIR_TCP_TIME_WAIT,
    TAPIR_TCP_CLOSED,
    TAPIR_TCP_CLOSE_WAIT,
    TAPIR_TCP_LAST_ACK,
    TAPIR_TCP_LISTEN,
    TAPIR_TCP_CLOSING,
};

/* The RFC's name of a state ("SYN-SENT"); "?" for none. */
TAPIR_API const char *tapir_tcp_state_name(unsigned state);

/* Writes one line about the event, in tcpdump's manner with the reason at the end and no newline, into
 * buf[size], always NUL-terminated. Returns the length it would have had. Not in the core: uses stdio. */
TAPIR_API int tapir_trace_format(const struct tapir_event *event, char *buf, size_t size);

#ifdef __cplusplus
}
#endif
#endif
