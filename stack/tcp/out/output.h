/* The one way out: the segments of connections, those that owe something in turn. */
#ifndef TCP_OUTPUT_H
#define TCP_OUTPUT_H

#include "tcp/conn/tcp.h"

/* The next segment for an interface: 1 and *out is complete with all its headers; 0: none. */
int tcp_output_next(struct tcp *tcp, int netif, struct tapir_out *out, uint64_t now_us);

#endif
