/* The path MTU probe that is on its way (RFC 4821 7.3), and what its loss means. If it alone is lost, it was too long: that
 * is no congestion (7.6.2). Knows no connection. */
#ifndef TCP_MTU_VERDICT_H
#define TCP_MTU_VERDICT_H

#include "tcp/loss/scoreboard.h"

enum loss_mtu_verdict { LOSS_MTU_NONE, LOSS_MTU_PASSED, LOSS_MTU_LOST, LOSS_MTU_UNCLEAR };

struct loss_mtu_probe {
    bool out;                      /* on its way, not judged */
    enum loss_mtu_verdict verdict; /* not taken yet */
    uint64_t start, end;
};

/* If it is on its way, this became of it. */
void tcp_mtu_verdict_judge(struct loss_mtu_probe *p, enum loss_mtu_verdict verdict);

/* lost_bytes are found lost: true if they are the probe and nothing else was lost before (`calm`); either way it is judged. */
bool tcp_mtu_verdict_lost_alone(struct loss_mtu_probe *p, const struct scoreboard *board, uint64_t lost_bytes,
                                bool calm);

/* [start, end) was sent in one segment longer than the path is known to take; after tcp_loss_sent. */
void tcp_mtu_verdict_probed(struct loss_mtu_probe *p, uint64_t start, uint64_t end);

/* What became of it since the last call, now that everything below una is acknowledged. */
enum loss_mtu_verdict tcp_mtu_verdict_take(struct loss_mtu_probe *p, uint64_t una);

#endif
