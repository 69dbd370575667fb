/* The TCP of one stack: the three ways in (user, segment, timeout) and the one way out (RFC 9293 3.10). */
#ifndef TCP_TCP_H
#define TCP_TCP_H

#include "tcp/conn/tcp.h"
#include "tcp/in/arrives.h"
#include "tcp/out/output.h"

int tcp_init(struct tcp *tcp, struct core *core, struct ip *ip, uint64_t now_us);
void tcp_destroy(struct tcp *tcp);

/* Ends the connections about which a promise was broken (base/promise.h); between two events, when none is at work. broken.c */
void tcp_broken_end(struct tcp *tcp, uint64_t now_us);

#endif
