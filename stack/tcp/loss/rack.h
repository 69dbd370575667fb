/* RACK-TLP (RFC 8985): what is lost, by time, and when to probe the tail. Works on a scoreboard; knows no connection. */
#ifndef TCP_RACK_H
#define TCP_RACK_H

#include "tcp/loss/rtt.h"
#include "tcp/loss/scoreboard.h"

#define RACK_DUPTHRESH 3
#define RACK_REO_WND_PERSIST 16        /* recoveries that a widened window lasts (6.2 step 4) */
#define RACK_WORST_DELACK_US 200000ULL /* TLP.max_ack_delay: what a peer may hold an ACK back (7.2) */
#define RACK_LOOK_AHEAD 32 /* runs not due yet that an ACK looks at; the timer comes to the others (HAZARDS Z6) */
#define RACK_TIMER_SLACK_US 2000ULL /* a probe on the very microsecond of 2 SRTT would race with its ACK */

struct rack {
    uint64_t sent_us, end; /* the most recently sent run delivered: RACK.xmit_ts, RACK.end_seq */
    uint64_t rtt_us;       /* its round trip: RACK.rtt */
    bool valid;
    bool reordering_seen;
    uint32_t reordered; /* how often something turned out to be late, not lost */
    uint32_t reo_wnd_mult, reo_wnd_persist;
    bool dsack_seen;      /* since the round began */
    uint64_t dsack_round; /* nxt when it was */
};

/* One ACK's view, for the functions below. */
struct rack_ack {
    uint64_t now_us;
    uint64_t min_rtt_us;
    uint64_t echo_ms; /* our clock when the segment that is echoed was stamped; 0: not known */
};

void tcp_rack_init(struct rack *rack);

/* A run was delivered for the first time (6.2 steps 2 and 3). delivered_to is RACK.fack before this ACK. */
void tcp_rack_delivered(struct rack *rack, const struct rack_ack *ack, const struct scoreboard_run *run,
                        uint64_t delivered_to);

/* A D-SACK was in the ACK; it counts once per round (6.2 step 4). */
void tcp_rack_dsack(struct rack *rack, uint64_t una, uint64_t nxt);

/* A recovery turned out to have been for nothing: what was thought lost was late. */
void tcp_rack_reordered(struct rack *rack);

/* A recovery ended: the widened window wears off. */
void tcp_rack_recovery_ended(struct rack *rack);

/* The reordering window now (6.2 step 4). */
uint64_t tcp_rack_reo_wnd_us(const struct rack *rack, const struct rtt *rtt, bool in_recovery, uint64_t sacked_segs);

/* Marks what is lost (6.2 step 5); returns the bytes, and in *wait_us how long until the next may be (0: nothing
 * waits). */
uint64_t tcp_rack_detect(struct rack *rack, struct scoreboard *board, uint64_t reo_wnd_us, uint64_t now_us,
                         uint64_t *wait_us);

/* TLP's timeout from now (7.2), not above rto_us; with no round trip measured yet, the slack alone. */
uint64_t tcp_rack_pto_us(const struct rtt *rtt, bool one_segment, uint64_t rto_us);

#endif
