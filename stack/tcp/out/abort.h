/* ABORT (RFC 9293 3.10.5): the user's call, and what the stack itself does to a connection that nobody will ever take. */
#ifndef TCP_ABORT_H
#define TCP_ABORT_H

#include "tcp/conn/conn.h"

/* ABORT: RST where there is somebody to tell, ECONNRESET for calls in the way. The connection is in CLOSED afterwards, or
 * freed if an orphan. */
void tcp_abort(struct tcp_conn *c, uint64_t now_us);

#endif
