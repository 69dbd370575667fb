/* A blind attacker who hits the window: forged ACKs with any window, at any moment of a transfer. They may cost time, but when
 * they stop the flow goes on (HAZARDS Z3; RFC 9293 3.10.7.4, SND.WL1 and SND.WL2). */
#include "pair.h"

#define ATTACK_US (3 * SECOND)

/* A bare ACK of what is acknowledged already, or a little less: what acknowledges more could take bytes out of the stream, and
 * no window rule is of help there. */
static void forge_window(struct pair *p) {
    static const uint16_t windows[] = {0, 0, 1, 10, 500, 20000, 65535};
    int to = (int)pair_draw(p, 2);
    const struct tcp_conn *c = pair_conn(p, to);
    if (p->now_us > 20 * SECOND + ATTACK_US || c == NULL || !tcp_in(c, TCP_SYNCHRONIZED) || pair_draw(p, 16) != 0) {
        return;
    }
    uint32_t ahead = pair_draw(p, 3) == 0 ? 0 : pair_draw(p, tcp_conn_offered(c) + 1);
    uint32_t back = pair_draw(p, 3) == 0 ? pair_draw(p, 3000) : 0;
    struct wire_tcp forged = {.seq = seq_add(c->rcv.nxt, ahead).v,
                              .ack = seq_sub(c->snd.una, back).v,
                              .flags = WIRE_TCP_ACK,
                              .window = windows[pair_draw(p, ARRAY_LEN(windows))],
                              .options = {.present = WIRE_TCPOPT_TIMESTAMPS,
                                          .tsval = c->ts.recent,
                                          .tsecr = tcp_conn_tsval(c, pair_clock(p, to))}};
    pair_forge(p, to, &forged, NULL, 0);
}

static void attack(struct pair_config config, uint64_t seeds) {
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        config.seed = seed;
        config.between = forge_window;
        config.patience_us = ATTACK_US + 60 * SECOND;
        struct pair *p = pair_run(&config);
        pair_close(p);
    }
}

Test(stack_forged, Z3_windows_under_a_bulk_flow) {
    attack((struct pair_config){.delay_us = 10 * MS, .bytes = {20000000, 0}}, 6);
}

Test(stack_forged, Z3_windows_under_flows_both_ways) {
    attack((struct pair_config){.delay_us = 20 * MS, .loss = 5, .bytes = {3000000, 3000000}}, 6);
}

/* MUST-37: a reader who sleeps for an hour keeps its window shut, and answers probes. Once the writer was told that the window is
 * wide open, what goes beyond it is refused: that is no reason to give up. */
static void forge_an_open_window(struct pair *p) {
    const struct tcp_conn *c = pair_conn(p, 0);
    unsigned *left = p->config.between_ctx;
    if (c == NULL || !tcp_in(c, TCP_SYNCHRONIZED) || c->snd.wnd > 0 || *left == 0) {
        return;
    }
    (*left)--;
    struct wire_tcp forged = {.seq = seq_add(c->rcv.nxt, 1000).v,
                              .ack = c->snd.una.v,
                              .flags = WIRE_TCP_ACK,
                              .window = 65535,
                              .options = {.present = WIRE_TCPOPT_TIMESTAMPS,
                                          .tsval = c->ts.recent,
                                          .tsecr = tcp_conn_tsval(c, pair_clock(p, 0))}};
    pair_forge(p, 0, &forged, NULL, 0);
}

Test(stack_forged, Z3_MUST_37_an_open_window_before_a_sleeping_reader) {
    unsigned forgeries = 20;
    struct pair_config config = {.seed = 1,
                                 .delay_us = 5 * MS,
                                 .bytes = {100000, 0},
                                 .rcvbuf_bytes = {0, 16384},
                                 .nap_us = {0, 3600 * SECOND},
                                 .patience_us = 24 * 3600 * SECOND,
                                 .between = forge_an_open_window,
                                 .between_ctx = &forgeries};
    struct pair *p = pair_run(&config);
    pair_close(p);
}
