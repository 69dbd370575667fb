/* Proportional rate reduction (RFC 9937): how much to send on each ACK of a recovery. Knows no connection. */
#ifndef TCP_PRR_H
#define TCP_PRR_H

#include <stdbool.h>
#include <stdint.h>

struct prr {
    uint64_t delivered_bytes, out_bytes; /* prr_delivered, prr_out */
    uint64_t recover_fs_bytes;           /* RecoverFS: in flight when the recovery began */
};

/* A recovery begins with this much in flight. `unused_bytes`: what was delivered before and not followed up by new data
 * yet, because ACKs come in batches; it counts as delivered in the recovery, else it would be lost to it. */
void tcp_prr_start(struct prr *prr, uint64_t flight_bytes, uint64_t unused_bytes);

/* Bytes were sent during the recovery, new or again. */
void tcp_prr_sent(struct prr *prr, uint32_t bytes);

struct prr_ack {
    uint64_t delivered_bytes; /* newly, by this ACK */
    uint64_t pipe_bytes;      /* after it */
    uint32_t ssthresh_bytes, mss_bytes;
    bool safe; /* snd.una moved and no further loss showed (SafeACK) */
};

/* The congestion window that lets out what this ACK allows. */
uint32_t tcp_prr_cwnd(struct prr *prr, const struct prr_ack *ack);

#endif
