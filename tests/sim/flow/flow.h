/* The simulator: two whole stacks, the wire of tapir-wire between them, and flows that check each byte, in virtual time. */
#ifndef SIM_FLOW_H
#define SIM_FLOW_H

#include <tapir/sock.h>

#include "impair/impair.h"
#include "support/env.h"

#define SIM_FLOWS_MAX 64
#define SIM_PORT 5000
#define SIM_SECOND_US 1000000ULL

enum { SIM_SENDER, SIM_RECEIVER, SIM_HOSTS };

struct sim_config {
    struct impair_config ways[2]; /* from the sender, and back; seeds and filters included */
    uint64_t seed;
    unsigned flows;
    const char *congestion[SIM_FLOWS_MAX];                     /* of each flow */
    bool offload;                                              /* the hosts send super-segments */
    void (*trace)(void *ctx, const struct tapir_event *event); /* ctx: a struct sim_host; NULL: none */
    int64_t rcvbuf_bytes, sndbuf_bytes;                        /* 0: the defaults */
};

struct sim_host {
    struct test_env env; /* first, so that a trace finds the host */
    struct tapir_stack *stack;
};

struct sim_flow {
    tapir_sock from, listener, to;
    uint64_t sent_bytes, received_bytes;
    uint64_t skipped_bytes;  /* of the received bytes: not counted */
    uint64_t progress_us;    /* when something was last received */
    uint64_t longest_gap_us; /* the longest time without */
    bool corrupt;
    int error; /* a positive errno that ended it */
};

struct sim {
    struct sim_config config;
    struct sim_host hosts[SIM_HOSTS];
    struct impair *wires[2];
    struct sim_flow flows[SIM_FLOWS_MAX];
    uint64_t now_us;
};

/* net.c: gives two hosts on a wire, or NULL if memory is short. */
struct sim *sim_net_new(const struct sim_config *config);
void sim_net_free(struct sim *sim);

/* Moves frames and time until end_us; flows write and read whenever something may have changed. */
void sim_net_run(struct sim *sim, uint64_t end_us);

/* flows.c: opens all flows; false and errno if one cannot be. */
bool sim_flows_open(struct sim *sim);

/* Each flow writes what its socket takes, reads and checks what came. */
void sim_flows_step(struct sim *sim);

/* flow.c: `tapir-sim flow`, with the arguments behind that. The exit status. */
int sim_flow(int argc, char **argv);

#endif
