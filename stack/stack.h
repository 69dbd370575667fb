/* One stack: every room's state side by side. */
#ifndef STACK_STACK_H
#define STACK_STACK_H

#include "base/core.h"
#include "ip/state.h"
#include "link/link.h"
#include "sock/sock.h"
#include "tcp/tcp.h"
#include "udp/udp.h"

struct tapir_stack {
    struct core core;
    struct link link;
    struct ip ip;
    struct udp udp;
    struct tcp tcp;
    struct sock_layer sock;
    struct tapir_frame *sent; /* what the last tapir_out borrows from */
};

#endif
