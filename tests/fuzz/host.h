/* The host under fuzz: a stack with a listener, UDP, raw and ping sockets, driven in virtual time. */
#ifndef FUZZ_HOST_H
#define FUZZ_HOST_H

#include <tapir/sock.h>

#include "peer.h"
#include "support/env.h"

#define HOST_SOCKETS 16 /* the four of the start, then streams accepted or opened */

struct host {
    struct test_env env;
    struct tapir_stack *stack; /* NULL: memory was short from the start */
    int netif;
    uint32_t caps, mtu_bytes;
    size_t memory_cap_bytes;
    uint64_t now_us;
    bool serving;                     /* news is acted on at once: accept, echo, close at the end */
    bool mute_arp;                    /* the peer does not answer ARP requests */
    bool raw_spoke;                   /* a raw socket sent arbitrary bytes: only framing is checked from then on */
    bool intact;                      /* nothing was done after which the host need not answer a ping */
    tapir_sock sockets[HOST_SOCKETS]; /* 0: free */
    struct peer peer;
    struct draft draft, stash;
    uint8_t flat[TAPIR_FRAME_MAX_BYTES]; /* the frame that the stack sent last */
    uint8_t buffer[65536];               /* the application's */
};

/* Creates the stack as the first bytes of the input say. */
void host_open(struct host *host, struct reader *input);

/* Gives the stack a frame, then takes everything that it sends and checks all that must hold. */
void host_receive(struct host *host, const struct draft *draft);

/* Lets time pass, from deadline to deadline. */
void host_wait(struct host *host, uint64_t us);

/* One call of an application, chosen by the input (app.c). */
void host_call(struct host *host, struct reader *input);

/* Reacts to news as an echo server (app.c). */
void host_serve(struct host *host);

/* The stack must still answer a ping; then it is destroyed and must have given back all memory. */
void host_close(struct host *host);

/* Pulls all frames that the stack wants to send; for host.c and app.c. */
void host_pull(struct host *host);

#endif
