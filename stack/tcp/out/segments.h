/* The kinds of segment that a connection sends; output.c chooses among them.
 *
 * Each of the functions that send answers as ip_send_out: 1 when *out is complete, 0 when IP dropped it; or -1 when there is
 * nothing of its kind to send now.
 */
#ifndef TCP_SEGMENTS_H
#define TCP_SEGMENTS_H

#include "tcp/conn/mtu_probing.h"
#include "tcp/out/layout.h"
#include "tcp/out/syn.h"

/* Sends [plan->offset, + plan->len) of the send queue, with FIN when it is the end and wanted; `mss` bytes fill a segment.
 * transmit.c */
int tcp_transmit(struct tcp_conn *c, struct tcp_plan *plan, const struct wire_tcp_options *options, uint32_t mss,
                 struct tapir_out *out, uint64_t now_us);

/* The segment is timed, if none is (RFC 6298 3), or no longer (Karn). transmit.c */
void tcp_transmit_time(struct tcp_conn *c, const struct tcp_plan *plan, struct seq end, uint64_t now_us);

/* Something known or presumed lost is sent again. retransmit.c */
int tcp_retransmit(struct tcp_conn *c, struct tapir_out *out, uint64_t now_us);

/* New data or the FIN, as the windows, Nagle and SWS avoidance allow; `single`: one segment. new_data.c */
int tcp_new_data(struct tcp_conn *c, struct tapir_out *out, bool single, uint64_t now_us);

/* Nothing more may be sent now: what holds the connection back is noted. new_data.c */
void tcp_new_data_limit(struct tcp_conn *c, uint64_t now_us);

/* A tail loss probe, or in a recovery its rescue retransmission; an octet beyond a closed window; and new data in a segment
 * longer than the path is known to take, where *turn says what else may go. probe.c */
int tcp_probe_tail(struct tcp_conn *c, struct tapir_out *out, uint64_t now_us);
int tcp_probe_window(struct tcp_conn *c, struct tapir_out *out, uint64_t now_us);
int tcp_probe_mtu(struct tcp_conn *c, struct tapir_out *out, uint64_t now_us, struct tcp_mtu_probing_turn *turn);

/* When it is this connection's turn to send; 0: at any time. If it is not yet, must_wait has its timer look again. pace.c */
uint64_t tcp_pace_turn_us(const struct tcp_conn *c);
bool tcp_pace_must_wait(struct tcp_conn *c, uint64_t now_us);

/* Of `room` bytes those that may leave at once; and so many have left. pace.c */
uint32_t tcp_pace_burst(const struct tcp_conn *c, uint32_t room, uint32_t mss);
void tcp_pace_sent(struct tcp_conn *c, uint32_t bytes, uint64_t now_us);

#endif
