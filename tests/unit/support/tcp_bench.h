/* A bench for TCP: one real stack, and a scripted peer that speaks to it segment by segment under a virtual clock.
 *
 * The peer's numbers are relative, so that a script means the same at any initial sequence number:
 *   seg(.len = 10)               the next ten bytes of the peer's stream, acknowledging all that was heard
 *   seg(.seq = 100, .len = 10)   the same, but a hundred bytes early; .ack likewise from what was heard
 *   expect(b, SEG_SEQ(0), SEG_LEN(5), SEG_ACK(10))
 *                                the next segment of the stack holds the first five bytes of its stream and
 *                                acknowledges ten bytes of the peer's
 * Both streams are a fixed pattern, and every byte heard or read is compared with it. Every frame heard must be
 * well-formed and have right checksums.
 */
#ifndef TEST_TCP_BENCH_H
#define TEST_TCP_BENCH_H

#include <criterion/criterion.h>
#include <errno.h>

#include <tapir/sock.h>

#include "base/addr.h"
#include "stack.h"
#include "support/env.h"
#include "tcp/conn/arrows.h"

#define BENCH_OUR_IPV4 IPV4(10, 0, 0, 2)
#define BENCH_PEER_IPV4 IPV4(10, 0, 0, 1)
#define BENCH_OTHER_IPV4 IPV4(10, 0, 0, 7) /* on the link too, and answered for by the peer */
#define BENCH_OUR_PORT 4000
#define BENCH_PEER_PORT 7000
#define BENCH_HEARD_MAX 4096
#define BENCH_SHUT (-1) /* as a window: zero */
#define MS 1000ULL
#define SECOND 1000000ULL
#define HOUR (3600 * SECOND)

/* How the two ends start; zero means the plain choice. */
struct tcp_bench_config {
    bool active;  /* the stack connects; else it listens */
    bool has_iss; /* start when the clock gives the stack this initial sequence number: */
    uint32_t iss, peer_iss;
    uint32_t mtu_bytes, caps; /* of the interface; 0: 1500, nothing */
    bool timestamps, sack;    /* the peer has these options */
    bool has_wscale;
    uint8_t wscale;
    uint16_t mss;         /* the peer's option; 0: 1460 */
    bool no_mss;          /* the peer sends none */
    uint16_t window;      /* raw, the peer's usual one; 0: 65535 */
    unsigned backlog;     /* 0: 16 */
    int64_t rcvbuf_bytes; /* SO_RCVBUF of the stack's socket; 0: its default */
    int64_t sndbuf_bytes;
    size_t memory_cap_bytes;
    uint64_t fail_at;    /* the allocation that fails; 0: none */
    uint64_t seed;       /* another one for the stack's keys */
    uint32_t tsval_base; /* of the peer's timestamps */
};

/* What the peer says; zero means the obvious. */
struct tcp_bench_seg {
    int64_t seq;   /* counted from the peer's next number */
    int64_t ack;   /* counted from the end of what was heard */
    uint32_t len;  /* bytes of the peer's pattern */
    uint8_t flags; /* 0: ACK */
    bool null;     /* no flag at all */
    bool stay;     /* the peer's next number does not move on (it does if seq is 0) */
    int32_t wnd;   /* raw; 0: the usual; BENCH_SHUT: zero */
    uint16_t up;
    uint16_t gso_bytes;     /* came as a super-segment of segments of this size */
    uint32_t tsval, tsecr;  /* with the timestamps agreed on; 0: the clock's, the last heard */
    bool no_timestamp;      /* left out though agreed on */
    const uint8_t *options; /* instead of all others, options_len of them (a multiple of 4) */
    uint8_t options_len;
    uint8_t data_offset; /* in words, wrong on purpose; 0: right */
    uint16_t from_port;  /* 0: BENCH_PEER_PORT */
    uint32_t from_ipv4, to_ipv4;
    bool bad_checksum;
    bool link_broadcast;
    uint8_t tos;
};

/* What the stack said. */
struct tcp_bench_heard {
    uint64_t at_us;
    uint32_t seq, ack; /* as on the wire */
    uint32_t len;
    uint16_t wnd, up, gso_bytes, src_port, dst_port;
    uint8_t flags, ttl, tos;
    bool dont_fragment;
    uint32_t dst_ipv4;
    struct wire_tcp_options options;
};

struct tcp_bench {
    struct test_env env; /* first, so that the trace finds the bench */
    struct tcp_bench_config config;
    struct tapir_stack *stack;
    uint64_t now_us;
    tapir_sock listener, sock; /* 0: none */
    size_t start_bytes;        /* memory in use before the first socket */
    bool keeps_memory;         /* tables grew, or a path MTU was learnt: start_bytes says nothing at the end */

    uint32_t iss; /* the stack's, once heard */
    bool iss_known;
    uint32_t peer_nxt, peer_heard; /* the peer's next number; the end of what it heard in order or not */
    uint32_t last_tsval;
    bool timestamps_on;
    bool output_first;      /* what tapir_stack_input said of the last segment */
    bool silent_pattern;    /* payload is not compared (other streams run) */
    bool deaf_arp;          /* the peer answers no ARP request */
    uint64_t written, read; /* bytes of the two patterns so far */

    struct tcp_bench_heard *heard; /* BENCH_HEARD_MAX of them */
    unsigned heard_count, heard_next;
    unsigned icmp_heard;                       /* ICMP messages that the stack sent */
    uint8_t arrows[64][TAPIR_TCP_CLOSING + 1]; /* taken: by row of tcp_arrows and from-state */
    unsigned arrows_unknown;
};

/* Benches with the connection in a state. free checks that nothing leaked. */
struct tcp_bench *tcp_bench_new(const struct tcp_bench_config *config); /* a stack, no socket */
struct tcp_bench *tcp_bench_listen(const struct tcp_bench_config *config);
struct tcp_bench *tcp_bench_syn_sent(const struct tcp_bench_config *config);
struct tcp_bench *tcp_bench_syn_received(const struct tcp_bench_config *config); /* active: simultaneous open */
struct tcp_bench *tcp_bench_established(const struct tcp_bench_config *config);
struct tcp_bench *tcp_bench_fin_wait_1(const struct tcp_bench_config *config);
struct tcp_bench *tcp_bench_fin_wait_2(const struct tcp_bench_config *config);
struct tcp_bench *tcp_bench_close_wait(const struct tcp_bench_config *config);
struct tcp_bench *tcp_bench_closing(const struct tcp_bench_config *config);
struct tcp_bench *tcp_bench_last_ack(const struct tcp_bench_config *config);
struct tcp_bench *tcp_bench_time_wait(const struct tcp_bench_config *config);
/* By name of the state. */
struct tcp_bench *tcp_bench_at(enum tcp_state state, const struct tcp_bench_config *config);
void tcp_bench_free(struct tcp_bench *b);

/* The same for tests in which creation may fail (fail_at): NULL then, with nothing leaked. */
struct tcp_bench *tcp_bench_try(const struct tcp_bench_config *config);

/* Gives the stack a segment; what it answers is not pulled yet. */
void tcp_bench_send(struct tcp_bench *b, const struct tcp_bench_seg *seg);

/* An ICMP error about what the stack sent: the quote's sequence number counts from the stack's ISS. `extra` goes to
 * the second word (the MTU of code 4). */
void tcp_bench_icmp(struct tcp_bench *b, uint8_t type, uint8_t code, uint32_t extra, int64_t quoted_seq);

/* Pulls all that the stack has to send. */
void tcp_bench_run(struct tcp_bench *b);

/* The next segment heard, or NULL. Pulls. */
const struct tcp_bench_heard *tcp_bench_hear(struct tcp_bench *b);

/* Forgets what was heard and not looked at. Pulls. Returns how many segments. */
unsigned tcp_bench_skip(struct tcp_bench *b);

/* Time passes, timers fire when they are due, and what is sent is pulled. */
void tcp_bench_wait(struct tcp_bench *b, uint64_t us);

/* The application of the stack. */
int64_t tcp_bench_write(struct tcp_bench *b, size_t len); /* the next bytes of its pattern */
int64_t tcp_bench_write_flags(struct tcp_bench *b, size_t len, uint32_t flags);
int64_t tcp_bench_read(struct tcp_bench *b, size_t len); /* compared with the peer's pattern */
int tcp_bench_set(struct tcp_bench *b, enum tapir_sock_opt opt, int64_t value);
int64_t tcp_bench_get(struct tcp_bench *b, enum tapir_sock_opt opt); /* a negative errno is the value then */
int tcp_bench_shut(struct tcp_bench *b, uint32_t how);
void tcp_bench_close(struct tcp_bench *b);        /* the connection's socket */
tapir_sock tcp_bench_accept(struct tcp_bench *b); /* 0: none */
uint32_t tcp_bench_ready(struct tcp_bench *b);

/* Opens another stream socket, bound to port unless that is 0. */
tapir_sock tcp_bench_socket(struct tcp_bench *b, uint16_t port);
int tcp_bench_connect(struct tcp_bench *b, tapir_sock sock, uint32_t ipv4, uint16_t port);

/* The state, TIME-WAIT and half-open records included: CLOSED when nothing is left. */
enum tcp_state tcp_bench_state(struct tcp_bench *b);

/* The connection between the bench's two ends, NULL if there is none; and that of the socket, even if CLOSED. */
struct tcp_conn *tcp_bench_conn(struct tcp_bench *b);
struct tcp_conn *tcp_bench_sock_conn(struct tcp_bench *b);

/* A counter's value. */
#define COUNTED(b, name) ((b)->stack->core.counters.name)

/* The byte at an offset of either stream. */
uint8_t tcp_bench_pattern(uint64_t offset);

#define seg(...) (&(const struct tcp_bench_seg){__VA_ARGS__})
#define send_seg(b, ...) tcp_bench_send(b, seg(__VA_ARGS__))

/* What a segment of the stack is expected to be; any number of these. */
enum tcp_bench_what {
    BENCH_FLAGS,
    BENCH_SEQ,
    BENCH_ACK,
    BENCH_LEN,
    BENCH_WND,
    BENCH_UP,
    BENCH_GSO,
    BENCH_OPTION,
    BENCH_NO_OPTION
};

struct tcp_bench_want {
    enum tcp_bench_what what;
    int64_t value;
};

#define F(bits) (WIRE_TCP_##bits)
#define SEG_FLAGS(bits) \
    { BENCH_FLAGS, (bits) } /* exactly, PSH aside */
#define SEG_SEQ(n) \
    { BENCH_SEQ, (int64_t)(n) } /* offset in the stack's stream; -1: its SYN */
#define SEG_ACK(n) \
    { BENCH_ACK, (int64_t)(n) } /* offset in the peer's stream; -1: nothing, 0: the SYN */
#define SEG_LEN(n) \
    { BENCH_LEN, (int64_t)(n) }
#define SEG_WND(n) \
    { BENCH_WND, (int64_t)(n) } /* raw */
#define SEG_UP(n) \
    { BENCH_UP, (int64_t)(n) }
#define SEG_GSO(n) \
    { BENCH_GSO, (int64_t)(n) }
#define SEG_OPTION(name) \
    { BENCH_OPTION, WIRE_TCPOPT_##name }
#define SEG_NO_OPTION(name) \
    { BENCH_NO_OPTION, WIRE_TCPOPT_##name }

void tcp_bench_expect(struct tcp_bench *b, const char *file, int line, const struct tcp_bench_want *wants,
                      size_t count);
void tcp_bench_expect_none(struct tcp_bench *b, const char *file, int line);

#define expect(b, ...)                                                                    \
    tcp_bench_expect(b, __FILE__, __LINE__, (const struct tcp_bench_want[]){__VA_ARGS__}, \
                     sizeof((const struct tcp_bench_want[]){__VA_ARGS__}) / sizeof(struct tcp_bench_want))
#define expect_none(b) tcp_bench_expect_none(b, __FILE__, __LINE__)
#define expect_state(b, state) cr_assert_eq(tcp_bench_state(b), state)

#endif
