/* What the parts of loss recovery ask of each other; nobody else includes this. */
#ifndef TCP_LOSS_PARTS_H
#define TCP_LOSS_PARTS_H

#include "base/check.h"
#include "tcp/loss/loss.h"

/* What was not acknowledged before the ACK. */
static inline uint64_t tcp_loss_flight_before(const struct loss_ack *ack) {
    return ack->nxt - ack->una + ack->acked_bytes;
}

/* FlightSize (RFC 5681 2) as the ACK found it. ACKs that come in a batch are followed up after the last of them: while the
 * window alone holds back what is to be sent, it is what the path was asked to bear (RFC 9438 4.6). */
static inline uint64_t tcp_loss_flight_size(const struct cc *cc, const struct loss_ack *ack) {
    uint64_t flight = tcp_loss_flight_before(ack);
    return ack->held_back ? max_u64(flight, cc->cwnd_bytes) : flight;
}

/* undo.c: a loss event begins, and what it will change is remembered; something was sent again in it; it was for nothing, says
 * this ACK; and it is taken back. */
void tcp_loss_undo_remember(struct loss *l, const struct cc *cc, uint64_t una);
void tcp_loss_undo_resent(struct loss *l, uint64_t start, uint64_t end, uint64_t now_us);
bool tcp_loss_undo_due(struct loss *l, const struct loss_ack *ack, bool original);
void tcp_loss_undo(struct loss *l, struct cc *cc);

/* tail.c: the ACK says that the probe came twice; and what became of it. */
bool tcp_loss_tail_came_twice(const struct loss_probe *p, const struct loss_ack *ack);
void tcp_loss_tail_judge(struct loss *l, struct cc *cc, const struct loss_ack *ack);

/* congestion.c: what congestion control and the delivery rate hear of a run that is lost, of a loss without a recovery, of an
 * ACK's sample; and the window after it. */
void tcp_loss_congestion_lost(struct loss *l, struct cc *cc, const struct scoreboard_run *run, uint64_t now_us);
void tcp_loss_congestion_reduce(struct loss *l, struct cc *cc, uint64_t flight, uint64_t now_us);
void tcp_loss_congestion_sample(struct loss *l, struct cc *cc, const struct loss_ack *ack, struct rate_sample *sample,
                                uint64_t delivered_bytes, uint64_t min_rtt_us);
void tcp_loss_congestion_window(struct loss *l, struct cc *cc, const struct loss_ack *ack,
                                const struct loss_result *result, bool new_loss);

/* with_sack.c and without_sack.c: the two kinds of recovery. */
struct loss_result tcp_loss_with_sack_ack(struct loss *l, struct cc *cc, const struct rtt *rtt,
                                          const struct loss_ack *ack);
void tcp_loss_with_sack_timeout(struct loss *l, struct cc *cc, uint64_t una, uint64_t nxt, uint64_t now_us);
void tcp_loss_without_sack_sent(struct loss *l, uint64_t start, uint64_t end, bool again, uint64_t now_us);
struct loss_result tcp_loss_without_sack_ack(struct loss *l, struct cc *cc, const struct rtt *rtt,
                                             const struct loss_ack *ack);

#endif
