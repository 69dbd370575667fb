/* Room in the send buffer, and who is told that there is some. */
#ifndef TCP_CONN_ROOM_H
#define TCP_CONN_ROOM_H

#include "tcp/conn/conn.h"

/* How many bytes more TCP_NOTSENT_LOWAT lets wait unsent. */
uint64_t tcp_conn_room_not_sent(const struct tcp_conn *c);

/* Whether a writer would be told to go on (TAPIR_READY_OUT). */
bool tcp_conn_room_writable(const struct tcp_conn *c);

/* What was acknowledged has gone from the buffer. That is news to who found too little room, to who waits for a socket that was
 * not writable before, and to who waits until all is acknowledged (SO_LINGER); to nobody else, as on Linux. */
void tcp_conn_room_grown(struct tcp_conn *c, bool was_writable);

#endif
