/* TIMEOUT (RFC 9293 3.10.8): what happens when a timer of conn/timers.h fires. */
#ifndef TCP_TIMEOUT_H
#define TCP_TIMEOUT_H

#include "tcp/conn/timers.h"

extern const struct tcp_timer_actions tcp_timeout_actions;

#endif
