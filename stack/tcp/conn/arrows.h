/* The arrows of RFC 9293 figure 5: which event leads from which state to which. */
#ifndef TCP_ARROWS_H
#define TCP_ARROWS_H

#include "tcp/conn/state.h"

struct tcp_arrow {
    uint32_t from; /* set of enum tcp_state */
    enum tcp_event event;
    enum tcp_state to;
    const char *section; /* of RFC 9293 */
};

/* The table, for the tests' coverage report. */
extern const struct tcp_arrow tcp_arrows[];
extern const size_t tcp_arrows_count;

/* The arrow (index into the table) from state by event to `to`, or -1. */
int tcp_arrows_find(enum tcp_state from, enum tcp_event event, enum tcp_state to);

/* The event as figure 5 writes it. */
const char *tcp_arrows_event_name(enum tcp_event event);

#endif
