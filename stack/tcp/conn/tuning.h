/* How large a connection's buffers are: they follow the windows (Linux's auto-tuning) and the stack's memory. */
#ifndef TCP_TUNING_H
#define TCP_TUNING_H

#include "tcp/conn/conn.h"

/* The reader has read: the receive buffer grows if that earns it. */
void tcp_conn_tuning_receiving(struct tcp_conn *c, uint64_t now_us);

/* The congestion window has grown: the send buffer follows. */
void tcp_conn_tuning_sending(struct tcp_conn *c);

/* The send buffer is no longer a share of the stack's total. */
void tcp_conn_tuning_leave(struct tcp_conn *c);

/* Free receive space in bytes for the window, by the buffer's setting and the stack's memory. */
uint32_t tcp_conn_tuning_rcv_space(const struct tcp_conn *c);

/* Whether the peer will send nothing more to speak of before something is read: the window is down to its last segment, or
 * memory is short. */
bool tcp_conn_tuning_no_more_comes(const struct tcp_conn *c);

/* SO_RCVLOWAT: at most half the buffer, which grows for it unless the application chose its size (as on Linux). */
void tcp_conn_tuning_low_water(struct tcp_settings *set, const struct mem *mem, uint64_t bytes);

#endif
