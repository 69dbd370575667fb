/* Two whole stacks joined by a link that loses, repeats, delays and reorders, or by the wire of tapir-wire, in virtual
 * time and from a seed. */
#ifndef TEST_STACK_PAIR_H
#define TEST_STACK_PAIR_H

#include <criterion/criterion.h>
#include <errno.h>

#include <tapir/sock.h>

#include "base/addr.h"
#include "impair/impair.h"
#include "stack.h"
#include "support/env.h"

#define MS 1000ULL
#define SECOND 1000000ULL
#define PAIR_PORT_A 40000
#define PAIR_PORT_B 80
#define PAIR_FAR_IPV4 IPV4(10, 9, 0, 1)

struct pair;

struct pair_config {
    uint64_t seed;
    uint32_t loss, repeat, reorder;   /* frames per thousand */
    uint64_t delay_us;                /* one way */
    const struct impair_config *wire; /* instead of the link of loss, repeat, reorder and delay, each way; borrowed */
    uint32_t mtu_bytes, caps;         /* 0: 1500, none */
    uint32_t hole_bytes; /* longer datagrams are lost silently, also those cut from super-segments; 0: none are */
    uint64_t bytes[2];   /* to send from a and from b */
    int64_t rcvbuf_bytes[2], sndbuf_bytes[2];
    uint64_t nap_us[2];      /* the application reads once per so long; 0: always */
    bool has_iss, has_tsval; /* the clocks are set such that a's and b's sequence numbers start at these */
    uint32_t iss[2], tsval[2];
    uint64_t fail_at, fail_percent; /* of a's allocations, from the start */
    size_t cap_bytes;     /* b's memory; it is driven as sockets/ does, by frames of full size; 0: the default */
    uint64_t patience_us; /* virtual; 0: an hour */
    bool stays_open;      /* neither side is shut down, so that the connection does not end */
    bool may_fail;        /* an error ends the run without failing the test: memory runs out */
    bool far;             /* b is at PAIR_FAR_IPV4, behind a gateway: itself, at its own link address */
    void (*between)(struct pair *); /* called between any two calls of a stack, unless NULL; may call them too */
    void *between_ctx;
};

/* One host: its stack, its clock, its application. */
struct pair_host {
    struct test_env env;
    struct tapir_stack *stack;
    struct tapir_frame *frame; /* with a cap: what the next frame is read into */
    bool up;                   /* it has its interface and address */
    uint64_t clock_us;         /* added to the world's time */
    uint8_t moves;             /* how often pair_move was called: other hosts see another hardware address each time */
    tapir_sock listener, sock;
    uint64_t sent, received, next_read_us;
    bool shut, ended; /* all was sent; the end of the other's stream was read */
    int error;
};

/* A frame under way. */
struct pair_packet {
    struct list node;
    uint64_t at_us;
    int to;
    struct tapir_offload offload;
    size_t len;
    uint8_t bytes[];
};

struct pair {
    struct pair_config config;
    struct pair_host hosts[2];
    uint64_t now_us;
    struct list wire;       /* of struct pair_packet, soonest first */
    struct impair *ways[2]; /* to a host, with config.wire */
    uint64_t draws;
    uint64_t frames, lost, swallowed;
};

/* A host's clock, for calls of its stack; and the address by which the other knows it. */
uint64_t pair_clock(const struct pair *p, int host);
struct tapir_addr pair_address(const struct pair *p, int host);

/* Both stacks, without sockets; NULL if a's memory runs out (fail_at). */
struct pair *pair_open(const struct pair_config *config);

/* b listens, a connects. False: memory ran out. */
bool pair_connect(struct pair *p);

/* Moves all bytes both ways, compares each, closes in order. Fails the test when that takes too long; false when an
 * application met an error and may. */
bool pair_transfer(struct pair *p);

/* These three in a row; none may fail. */
struct pair *pair_run(const struct pair_config *config);

/* A segment that a host never sent arrives at host `to` as if the other had: ports are filled in, `wire` has the rest. */
void pair_forge(struct pair *p, int to, const struct wire_tcp *wire, const void *text, size_t len);

/* A number below bound, from the seed. */
uint32_t pair_draw(struct pair *p, uint32_t bound);

/* The connection of a host's socket, or NULL. */
struct tcp_conn *pair_conn(struct pair *p, int which);

/* From now on the host has another hardware address, as if another box had taken its place (failover, migration): what
 * goes to the old one is lost. Its own stack does not know. */
void pair_move(struct pair *p, int host);

/* One gratuitous ARP of the host, from where it is now (RFC 5227 2.3 would have it send two). */
void pair_announce(struct pair *p, int host);

/* Time passes. */
void pair_wait(struct pair *p, uint64_t us);

/* Closes what is open, waits until nothing is remembered, and checks that all memory came back. */
void pair_close(struct pair *p);

#endif
