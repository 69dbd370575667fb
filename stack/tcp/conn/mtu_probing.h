/* A connection's part in path MTU discovery without ICMP: when to probe, and what follows from a probe or a black hole. */
#ifndef TCP_MTU_PROBING_H
#define TCP_MTU_PROBING_H

#include "tcp/conn/tcp.h"

/* The connection is established: its MSS, and the search if it trusts nobody. */
void tcp_mtu_probing_start(struct tcp_conn *c, uint64_t now_us);

/* What a probe that is due wants of the next transmission. */
struct tcp_mtu_probing_turn {
    uint32_t len; /* the payload of a probe to be sent now; 0: none */
    bool wait;    /* nothing else that is new should be sent until there is room for it; something is in flight then */
    bool lead;    /* one ordinary segment goes first: nothing is in flight, and all may be gone with the next burst */
};

/* Is it the turn of a probe, with options_len bytes of options? */
struct tcp_mtu_probing_turn tcp_mtu_probing_turn(struct tcp_conn *c, uint32_t options_len, uint64_t now_us);

/* [start, end) went out as a probe with so many bytes of options; after tcp_loss_sent. */
void tcp_mtu_probing_probe_sent(struct tcp_conn *c, uint64_t start, uint64_t end, uint32_t options_len,
                                uint64_t now_us);

/* Loss recovery has news: what became of the probe. */
void tcp_mtu_probing_judge(struct tcp_conn *c, uint64_t now_us);

/* The connection ends: what its search has found so far is kept. */
void tcp_mtu_probing_end(struct tcp_conn *c, uint64_t now_us);

/* The retransmission timer fired, c->retransmits times in a row; before loss recovery hears of it. */
void tcp_mtu_probing_timeout(struct tcp_conn *c, uint64_t now_us);

#endif
