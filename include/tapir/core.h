/* The protocol core for embedders: create a stack, give it frames and a time, take frames and a deadline.
 *
 * The core does no I/O, reads no clock and has no globals. Whoever drives it passes `now_us` (any
 * monotonic microsecond count, the same one always) to each call. One thread at a time may be inside
 * one stack; different stacks are independent. `<tapir/socket.h>` is a driver with a BSD socket API.
 *
 * A driver of one interface goes round in a loop:
 *   - it gives each frame that has come to tapir_stack_input;
 *   - it calls tapir_stack_output and sends what that fills in, until it returns 0;
 *   - it sleeps until a frame comes, the application calls, or the time that tapir_stack_deadline returns;
 *   - if that time has come, it calls tapir_stack_tick.
 * A call of `<tapir/sock.h>` sends nothing by itself either: what it causes is asked for by tapir_stack_output.
 *
 * Ownership words used in every header: a function *borrows* a pointer for the call, *takes* it (the
 * caller must not touch it again), *gives* it (the caller must release it) or *keeps* it until told.
 */
#ifndef TAPIR_CORE_H
#define TAPIR_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tapir/counters.h>
#include <tapir/limits.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The only names the shared library exports are the ones marked with this. */
#define TAPIR_API __attribute__((visibility("default")))

/* A time or a deadline that never comes. */
#define TAPIR_NEVER UINT64_MAX

/* An IPv6 address, or an IPv4 address in its v4-mapped form ::ffff:a.b.c.d (RFC 4291 2.5.5.2). */
struct tapir_addr {
    uint8_t b[16];
};

/* One end of a flow. Port in host order; for raw sockets it is the protocol, for ping sockets the id. */
struct tapir_endpoint {
    struct tapir_addr addr;
    uint16_t port;
};

struct tapir_event; /* <tapir/trace.h> */

/* A promise that our own code broke about one TCP connection, and what the connection looked like. Sequence numbers are as
 * on the wire. */
struct tapir_broken {
    const char *what, *file; /* the condition that does not hold, and where */
    int line;
    struct tapir_endpoint local, remote;
    uint8_t state; /* enum tapir_tcp_state */
    uint32_t snd_una, snd_nxt, snd_wnd, rcv_nxt, rcv_wnd, cwnd_bytes;
    uint64_t unacked_bytes, unread_bytes; /* in its queues */
};

/* What is wrong with the network around an interface, and only its operator can mend. */
enum tapir_notice_kind {
    TAPIR_NOTICE_ADDRESS_SHARED, /* another station has `addr`, which we keep (RFC 5227 2.4 c) */
    TAPIR_NOTICE_ADDRESS_LOST,   /* another station has `addr`, which was only being probed: it is not ours (2.1.1) */
    TAPIR_NOTICE_FRAME_LONG, /* a datagram of `bytes` came, longer than mtu_bytes: it was dropped, as others will be */
};

struct tapir_notice {
    enum tapir_notice_kind kind;
    int netif;
    struct tapir_addr addr;
    uint8_t mac[6]; /* of the other station */
    uint32_t bytes, mtu_bytes;
};

/* What the core needs from its surroundings. Borrowed by tapir_stack_create for the stack's life. */
struct tapir_env {
    void *ctx; /* passed to each function below */

    /* Gives `bytes` of memory aligned for any type, or NULL: then the core answers ENOBUFS or drops. */
    void *(*alloc)(void *ctx, size_t bytes);

    /* Takes back a block from alloc, with the size it was asked for. */
    void (*free)(void *ctx, void *block, size_t bytes);

    /* Fills buf with unpredictable bytes; called at creation, for keys. */
    void (*random)(void *ctx, void *buf, size_t bytes);

    /* Told of each event, borrowed for the call; must not call back into the stack. NULL: no trace. */
    void (*trace)(void *ctx, const struct tapir_event *event);

    /* Told, borrowed for the call, when a bug of the stack's own has struck one connection. That one is reset (ECONNABORTED to
     * its application) and counted as tcp_broken; all others go on. NULL: the program ends by tapir_abort_hook instead, as
     * it does anyhow when what is shared is no longer to be trusted. */
    void (*broken)(void *ctx, const struct tapir_broken *broken);

    /* Told, borrowed for the call, of each kind once: of an address until it is added anew or its interface comes up, of
     * frames until the MTU changes. Must not call back into the stack. NULL: nobody is; counters tell as well. */
    void (*notice)(void *ctx, const struct tapir_notice *notice);
};

/* How far a frame's checksum has been taken care of. */
enum tapir_csum {
    TAPIR_CSUM_NONE,    /* in: verify it in software; out: it is complete */
    TAPIR_CSUM_GOOD,    /* in: the device vouches for it */
    TAPIR_CSUM_PARTIAL, /* the pseudo-header's sum stands in the field: the receiver of the frame finishes it */
};

enum tapir_gso { TAPIR_GSO_NONE, TAPIR_GSO_TCP4, TAPIR_GSO_UDP4 };

/* Checksum and segmentation offload of one frame, in the terms of struct virtio_net_hdr. */
struct tapir_offload {
    uint8_t csum;         /* enum tapir_csum */
    uint8_t gso;          /* enum tapir_gso */
    bool gso_ecn;         /* CWR belongs on the first segment only (RFC 3168 6.1.2) */
    uint16_t gso_size;    /* transport payload bytes of each segment; 0 unless gso is set */
    uint16_t csum_start;  /* PARTIAL: first byte summed, counted from the frame's first byte */
    uint16_t csum_offset; /* PARTIAL: where the sum goes, counted from csum_start */
};

/* A reference-counted buffer holding one frame with room to prepend headers.
 * The bytes in use are data[0..len); data may move within storage. */
struct tapir_frame {
    struct tapir_frame *next; /* for the queue that holds it, NULL otherwise */
    uint8_t *data;
    uint32_t len;
    uint32_t refs;
    uint32_t capacity; /* bytes of storage */
    uint8_t netif;     /* where it came in, or goes out */
    uint8_t mark;      /* free for the room that holds the frame */
    uint16_t l3;       /* offset of the IP header from storage, while a room needs to find it again */
    struct tapir_offload offload;
    struct mem *mem;   /* who takes the storage back */
    uint8_t storage[]; /* capacity bytes */
};

/* A stretch of borrowed bytes. */
struct tapir_piece {
    const void *base;
    size_t len;
};

/* A frame to send: header bytes, then payload pieces. The caller's own, filled by tapir_stack_output: the header lies in `room`,
 * and what the pieces point at is the stack's. A frame that the stack has whole is one piece, and header_len is 0. */
struct tapir_out {
    uint8_t *header; /* first of header_len bytes inside `room` */
    size_t header_len;
    struct tapir_piece pieces[TAPIR_OUT_PIECES];
    size_t piece_count;
    size_t len; /* header_len and all pieces */
    struct tapir_offload offload;
    uint8_t room[TAPIR_OUT_ROOM_BYTES];
};

/* What a device can take from the stack (bits of tapir_netif_config.caps). */
#define TAPIR_CAP_CSUM 1U /* finishes TAPIR_CSUM_PARTIAL */
#define TAPIR_CAP_TSO4 2U /* cuts TAPIR_GSO_TCP4 super-segments */
#define TAPIR_CAP_USO4 4U /* cuts TAPIR_GSO_UDP4 super-segments */

struct tapir_netif_config {
    char name[16]; /* for SO_BINDTODEVICE and traces, NUL-terminated */
    uint8_t mac[6];
    uint32_t mtu_bytes; /* IP bytes in a frame, TAPIR_MTU_MIN to TAPIR_MTU_MAX */
    uint32_t caps;      /* TAPIR_CAP_* */
};

struct tapir_stack;

/* Gives a new stack, or NULL when memory is short. Keeps env until tapir_stack_destroy.
 * Netif 0 is its loopback interface "lo" with 127.0.0.1/8. `memory_cap_bytes` bounds everything that
 * it allocates (0: TAPIR_MEMORY_DEFAULT_BYTES). */
TAPIR_API struct tapir_stack *tapir_stack_create(const struct tapir_env *env, size_t memory_cap_bytes, uint64_t now_us);

/* Takes the stack; sends nothing: reset or close sockets first for a polite end. */
TAPIR_API void tapir_stack_destroy(struct tapir_stack *stack);

/* Adds an interface; borrows config. Returns its index (1 and up), -EINVAL (no name, MAC or sensible MTU; TSO or USO
 * without CSUM), -EEXIST or -ENOBUFS. */
TAPIR_API int tapir_netif_add(struct tapir_stack *stack, const struct tapir_netif_config *config);

/* Takes an interface up or down: down drops what is queued and what arrives. 0 or -ENODEV. */
TAPIR_API int tapir_netif_set_up(struct tapir_stack *stack, int netif, bool up, uint64_t now_us);

/* Changes the MTU of an interface. 0, -ENODEV or -EINVAL. */
TAPIR_API int tapir_netif_set_mtu(struct tapir_stack *stack, int netif, uint32_t mtu_bytes);

/* Gives an interface an address and its on-link prefix. `prefix_len` counts the bits of the address's own version, here and
 * for routes: 0 to 32 for a v4-mapped one. The address is usable at once, asked for by one probe and announced by ARP
 * (RFC 5227 2.3): who has it already is noticed; with `probe` it is first probed for a conflict and usable only then (2.1).
 * 0, -ENODEV, -EINVAL (not unicast), -EEXIST or -ENOBUFS. */
TAPIR_API int tapir_netif_add_address(struct tapir_stack *stack, int netif, const struct tapir_addr *addr,
                                      unsigned prefix_len, bool probe, uint64_t now_us);

/* Takes an address away; its connections find out by themselves. 0, -ENODEV or -EADDRNOTAVAIL. */
TAPIR_API int tapir_netif_remove_address(struct tapir_stack *stack, int netif, const struct tapir_addr *addr);

/* Routes dest/prefix_len through netif, via gateway or (gateway NULL) on-link. The longest prefix wins,
 * then the lower metric. 0, -ENODEV, -EINVAL, -EEXIST, -ENETUNREACH (gateway not on-link) or -ENOBUFS. */
TAPIR_API int tapir_route_add(struct tapir_stack *stack, int netif, const struct tapir_addr *dest, unsigned prefix_len,
                              const struct tapir_addr *gateway, uint32_t metric);

/* Removes the route that tapir_route_add made with the same arguments. 0 or -ESRCH. */
TAPIR_API int tapir_route_remove(struct tapir_stack *stack, int netif, const struct tapir_addr *dest,
                                 unsigned prefix_len, const struct tapir_addr *gateway);

/* Gives a frame with refs 1, len 0 and room for `room_bytes` from data on, which lies TAPIR_FRAME_HEADROOM_BYTES behind the
 * beginning of storage; or NULL when memory is short. */
TAPIR_API struct tapir_frame *tapir_frame_alloc(struct tapir_stack *stack, uint32_t room_bytes);

/* Drops one reference; the last one frees the frame. NULL is allowed. */
TAPIR_API void tapir_frame_release(struct tapir_frame *frame);

/* A frame came in on netif. Borrows the frame: a reference is added if some of it is kept, so the driver
 * may use it again while refs is 1. Sends nothing: it marks what is owed, so call tapir_stack_output next; of several
 * frames that are there already, after the last. True: better at once, since a TCP connection has more to say of what it
 * received than an ACK has room for (RFC 2018 3); passed over, it costs the peer needless retransmissions. */
TAPIR_API bool tapir_stack_input(struct tapir_stack *stack, int netif, struct tapir_frame *frame, uint64_t now_us);

/* Fills *out with the next frame to send on netif and returns 1; 0 when there is none now. What its pieces point at may be
 * read until the next call on the stack or one of its sockets; there is nothing to release. */
TAPIR_API int tapir_stack_output(struct tapir_stack *stack, int netif, struct tapir_out *out, uint64_t now_us);

/* When to call tapir_stack_tick next: TAPIR_NEVER if there is nothing to wait for; a past time means now. */
TAPIR_API uint64_t tapir_stack_deadline(const struct tapir_stack *stack);

/* Runs timers that are due and delivers loopback frames. Then call tapir_stack_output. One call does a bounded amount
 * of work: as long as the deadline is not after now, call it again. */
TAPIR_API void tapir_stack_tick(struct tapir_stack *stack, uint64_t now_us);

/* The stack's counters. They are the stack's, go on counting, and may be read until tapir_stack_destroy, by name or as an array:
 * all fields are uint64_t, and the one at index i has the name tapir_counter_name(i). */
TAPIR_API const struct tapir_counters *tapir_stack_counters(const struct tapir_stack *stack);

/* The name of counter number i (declaration order), NULL past the end. */
TAPIR_API const char *tapir_counter_name(size_t i);

/* What a polite end before tapir_stack_destroy has to wait for, 0: nothing. Bytes that connections whose socket is closed
 * have still to bring over, one more for the end of each, and one for datagrams that wait for a neighbour: as long as it
 * shrinks, waiting helps. Walks the connections. */
TAPIR_API uint64_t tapir_stack_unfinished(const struct tapir_stack *stack);

/* Bytes allocated now, for tests of leaks and caps. */
TAPIR_API size_t tapir_stack_memory_used(const struct tapir_stack *stack);

/* Called when a CHECK fails: our own bug. Not part of the core: whoever links the core alone (libtapir_core.a of the
 * build tree) defines it; libtapir has one that prints the line and aborts. Must not return. */
TAPIR_API __attribute__((noreturn)) void tapir_abort_hook(const char *what, const char *file, int line);

#ifdef __cplusplus
}
#endif
#endif
