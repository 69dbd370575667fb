/* The execution of one script. */
#ifndef DRILL_RUN_H
#define DRILL_RUN_H

#include "packet.h"
#include "settings.h"

#define DESCRIPTORS_MAX 64
#define DESCRIPTOR_FIRST 3 /* below are those that every program has */

enum descriptor_kind { DESCRIPTOR_FREE, DESCRIPTOR_SOCKET, DESCRIPTOR_EPOLL };

/* What a number of the script's stands for; `descriptors` is indexed by it. */
struct descriptor {
    enum descriptor_kind kind;
    int type; /* SOCK_STREAM, ... */
    tapir_sock sock;
    bool nonblocking, deferred;               /* deferred: connect() has left the SYN to the first write */
    int64_t recv_timeout_us, send_timeout_us; /* INT64_MAX: none */
    uint32_t recv_low_bytes;
    bool want_ttl, want_tos, want_pktinfo; /* control messages asked for */
    uint64_t sent, received;               /* bytes of a stream so far */
    struct flow *flow;                     /* whose urgent marks leave gaps in what is read; or NULL */
    struct epoll_watch *watches;           /* of an epoll */
};

/* A call under way. A call that blocks is tried again whenever something has happened. */
struct call {
    struct call *next;
    struct run *run;
    const struct event *event;
    const struct call_spec *spec;
    int64_t due_us;      /* when it is expected to return */
    int64_t deadline_us; /* when its own timeout ends; INT64_MAX: none */
    bool begun;          /* it has had to wait */
    bool opens;          /* a send that also connects, and has not done so yet */
    uint64_t done;       /* bytes moved so far */
    uint8_t *buffer;
};

struct run {
    struct script *script;
    struct world world;
    struct flows flows;
    struct packet_context packets;
    struct settings settings;
    struct descriptor descriptors[DESCRIPTORS_MAX];
    int subject;               /* the descriptor that assertions are about; 0: none yet */
    const struct event *event; /* the one under way */
    struct call *waiting;
    int64_t last_us; /* time of the event before */
    int64_t tolerance_us;
    bool verbose;

    bool failed;
    struct text why;
    const struct event *failed_event; /* NULL: the script's end */
    int64_t failed_us;
    const struct world_frame *failed_frame; /* that was compared, or NULL */
};

/* What the command line chooses for every script. */
struct run_config {
    bool verbose;
    int64_t tolerance_us;
    uint32_t remote_isn;
    bool place_isn; /* our first initial sequence number is to be local_isn */
    uint32_t local_isn;
};

/* Executes a parsed script; run->failed says how it went. `run` is to be zeroed memory. */
void run_script(struct run *run, struct script *script, const struct run_config *config);

/* Ends the run as a failure at this event; only the first one counts. */
__attribute__((format(printf, 3, 4))) void run_fail(struct run *run, const struct event *event, const char *format,
                                                    ...);

#endif
