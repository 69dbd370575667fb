/* What a connection owes: segments to its peer, and advice to its application. */
#ifndef TCP_OWE_H
#define TCP_OWE_H

#include "tcp/conn/conn.h"

/* Marks something as owed and puts the connection in line for output. */
void tcp_conn_owe(struct tcp_conn *c, uint32_t owed);

/* Advice that things go badly, though the connection lives on (a positive errno): kept for SO_ERROR, and pending at
 * once if the application asked to be told by IP_RECVERR (MUST-47, SHLD-9, SHLD-20). */
void tcp_conn_owe_advice(struct tcp_conn *c, int error);

#endif
