/* Netcat's two halves: getting a socket, and moving bytes between it and standard input and output. */
#ifndef APPS_NC_NC_H
#define APPS_NC_NC_H

#include <stdbool.h>
#include <stdint.h>

struct nc_options {
    bool listen, udp, verbose;
    bool half_close;      /* at the end of input: shut down our side, and go on receiving */
    bool keep_listening;  /* after one connection, take the next */
    uint16_t source_port; /* 0: any */
    uint64_t idle_us;     /* give up after this long without data, or without a connection; 0: never */
    const char *host;
    uint16_t port;
};

/* Gives a connected socket as a client. -1 after printing why. */
int nc_connect(const struct nc_options *options);

/* Waits at `listener` for a peer and gives a socket connected to it: the accepted one, or for datagrams `listener` itself,
 * with the first datagram still to be read. -1: none came, after printing why unless we were asked to stop. */
int nc_accept(const struct nc_options *options, int listener);

/* What nc_relay returns when the connection has failed. The next may be taken all the same. */
#define NC_PEER_FAILED 1

/* Copies both ways until the peer is done, or we were asked to stop. 0, or after printing why NC_PEER_FAILED, or -1: our
 * input or output has failed. */
int nc_relay(const struct nc_options *options, int fd);

/* --- serve.c --- */

/* Listens, and relays the first connection or, with keep_listening, one after the other. As nc_relay; -1 also when no
 * connection can be had. */
int nc_serve(const struct nc_options *options);

#endif
