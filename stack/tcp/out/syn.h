/* The SYN of an active open, with what Fast Open puts on it (RFC 7413 4.2.1). */
#ifndef TCP_SYN_H
#define TCP_SYN_H

#include "tcp/conn/conn.h"

/* What is known of the server; NULL: nothing. Borrowed until the next call. */
const struct fastopen_server *tcp_syn_server(struct tcp_conn *c);

/* How much data may go with the SYN; 0: none. Sets the MSS that is assumed of the server. */
uint32_t tcp_syn_room(struct tcp_conn *c, uint64_t now_us);

/* What the first SYN carries: how many bytes of the send queue, and the option; later ones carry neither. */
uint32_t tcp_syn_data(struct tcp_conn *c, struct wire_tcp_options *options, uint64_t now_us);

/* The SYN, or in SYN-RECEIVED the SYN-ACK; answers as the functions of segments.h. */
int tcp_syn_send(struct tcp_conn *c, struct tapir_out *out, uint64_t now_us);

#endif
