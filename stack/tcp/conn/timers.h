/* Every TCP timer: what arms it, what stops it, what it does. */
#ifndef TCP_TIMERS_H
#define TCP_TIMERS_H

#include "tcp/conn/tcp.h"

/* What each timer does when it fires. The table is given by tcp.c: these functions use all that stands above this room. */
struct tcp_timer_actions {
    timer_fire_fn *rto, *tlp, *reorder, *pace, *persist, *delack, *hold, *keepalive, *fin_wait_2;
    timer_fire_fn *half;  /* of a half-open record */
    timer_fire_fn *waits; /* of the first TIME-WAIT record */
};

/* Prepares a connection's timers, and stops them all. */
void tcp_timers_init(struct tcp_conn *c);
void tcp_timers_stop(struct tcp_conn *c);

/* Facts that the timers follow from; each arms and cancels what the table in timers.c says. */

/* Data, SYN or FIN was sent, for the first time or again. */
void tcp_timers_sent(struct tcp_conn *c, uint64_t now_us);

/* A tail loss probe was sent, or in a recovery what the peer waits for: the RTO counts from it (RFC 8985 7.3,
 * RFC 6675 5 on retransmissions). */
void tcp_timers_resent(struct tcp_conn *c, uint64_t now_us);

/* The scoreboard changed: something may be lost when the reordering window ends, or nothing waits any more. */
void tcp_timers_reordered(struct tcp_conn *c, uint64_t now_us);

/* Nothing can be sent for want of a path: the retransmission timer looks again if anything waits. */
void tcp_timers_no_path(struct tcp_conn *c, uint64_t now_us);

/* snd.una moved. */
void tcp_timers_acked(struct tcp_conn *c, uint64_t now_us);

/* There is data to send and the window forbids it, or not any more; after each look at the send queue. */
void tcp_timers_blocked(struct tcp_conn *c, bool blocked, uint64_t now_us);

/* Data could be sent, but is paced and may leave at due_us only. */
void tcp_timers_paced(struct tcp_conn *c, uint64_t due_us, uint64_t now_us);

/* A window probe is owed, or was the last time: the next one, backed off. */
void tcp_timers_probed(struct tcp_conn *c, uint64_t now_us);

/* A partial segment is held back (Nagle does not need a timer: the ACK ends it; cork and SWS do). */
void tcp_timers_held(struct tcp_conn *c, bool held, uint64_t now_us);

/* An ACK is owed but may wait; and: an ACK went out. */
void tcp_timers_ack_delayed(struct tcp_conn *c, uint64_t now_us);
void tcp_timers_ack_sent(struct tcp_conn *c);

/* Something came from the peer, the connection was established, or SO_KEEPALIVE was changed. */
void tcp_timers_alive(struct tcp_conn *c, uint64_t now_us);

/* The keep-alive timer looks again then. */
void tcp_timers_keepalive(struct tcp_conn *c, uint64_t deadline_us, uint64_t now_us);

/* FIN-WAIT-2 was entered by an orphan, or a connection in it became one. */
void tcp_timers_fin_wait_2(struct tcp_conn *c, uint64_t now_us);

/* Half-open records (listen.c): the SYN-ACK went out; TIME-WAIT (timewait.c): the first record's end. */
void tcp_timers_half_sent(struct tcp_half *half, uint64_t now_us);
void tcp_timers_waits(struct tcp *tcp, uint64_t deadline_us);

#endif
