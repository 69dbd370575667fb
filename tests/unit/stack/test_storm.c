/* Two hosts that disagree do not answer each other for ever, and end in order (HAZARDS S6, Z2). */
#include "pair.h"

/* Both receive buffers full, both windows shut, nothing read any more. */
static struct pair *shut_windows(uint64_t delay_us) {
    struct pair_config config = {.seed = 1, .delay_us = delay_us, .rcvbuf_bytes = {8192, 8192}};
    struct pair *p = pair_open(&config);
    static uint8_t bytes[65536];
    cr_assert(pair_connect(p));
    pair_wait(p, SECOND);
    struct tapir_endpoint peer;
    struct pair_host *b = &p->hosts[1];
    cr_assert_eq(tapir_sock_accept(b->stack, b->listener, &b->sock, &peer, p->now_us), 0);
    for (int i = 0; i < 2; i++) {
        struct tapir_iovec iov = {.base = bytes, .len = pair_conn(p, i)->snd.wnd};
        struct tapir_msg msg = {.iov = &iov, .iov_count = 1};
        cr_assert_eq(tapir_sock_send(p->hosts[i].stack, p->hosts[i].sock, &msg, 0, p->now_us), (int64_t)iov.len);
    }
    pair_wait(p, 3 * SECOND);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(pair_conn(p, i)->snd.wnd, 0);
        cr_assert_eq(tcp_sndq_bytes(&pair_conn(p, i)->snd.queue), 0);
    }
    return p;
}

static void shut(struct pair *p, int which) {
    struct pair_host *host = &p->hosts[which];
    cr_assert_eq(tapir_sock_shutdown(host->stack, host->sock, TAPIR_SHUT_WR, p->now_us), 0);
}

static bool both_finished(struct pair *p) {
    for (int i = 0; i < 2; i++) { /* nothing left but TIME-WAIT records */
        const struct tcp *tcp = &p->hosts[i].stack->tcp;
        if (tcp->conns.used > 0 || tcp->core->counters.tcp_timeouts > 0) {
            return false;
        }
    }
    return true;
}

/* FINs that cross as window probes: each is beyond what the other counts as sent. */
Test(stack_storm, Z2_crossing_fins_beyond_shut_windows) {
    static const uint64_t delays_us[] = {100, 5 * MS, 150 * MS};
    for (size_t d = 0; d < ARRAY_LEN(delays_us); d++) {
        for (uint64_t halves = 0; halves <= 8; halves++) { /* of the one-way delay, from one close to the other */
            struct pair *p = shut_windows(delays_us[d]);
            uint64_t frames = p->frames;
            shut(p, 0);
            pair_wait(p, halves * delays_us[d] / 2 + 1);
            shut(p, 1);
            pair_wait(p, 10 * SECOND);
            cr_assert_lt(p->frames - frames, 30, "%llu us, %llu halves: %llu frames", (unsigned long long)delays_us[d],
                         (unsigned long long)halves, (unsigned long long)(p->frames - frames));
            cr_assert(both_finished(p), "%llu us, %llu halves", (unsigned long long)delays_us[d],
                      (unsigned long long)halves);
            pair_close(p);
        }
    }
}

/* Probes with text that cross: nobody has read, both have more to say. Then both read, and all arrives. */
Test(stack_storm, Z2_crossing_probes_of_text) {
    struct pair *p = shut_windows(5 * MS);
    static uint8_t bytes[100];
    for (int i = 0; i < 2; i++) {
        struct tapir_iovec iov = {.base = bytes, .len = sizeof bytes};
        struct tapir_msg msg = {.iov = &iov, .iov_count = 1};
        cr_assert_eq(tapir_sock_send(p->hosts[i].stack, p->hosts[i].sock, &msg, 0, p->now_us), 100);
    }
    uint64_t frames = p->frames;
    pair_wait(p, 120 * SECOND);
    cr_assert_lt(p->frames - frames, 60); /* two ends, a probe and its answer, backing off from 200 ms to a minute */
    for (int i = 0; i < 2; i++) {
        static uint8_t room[65536];
        struct tapir_iovec iov = {.base = room, .len = sizeof room};
        struct tapir_msg msg = {.iov = &iov, .iov_count = 1};
        cr_assert_gt(tapir_sock_recv(p->hosts[i].stack, p->hosts[i].sock, &msg, 0, p->now_us), 0);
    }
    pair_wait(p, SECOND);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(tcp_sndq_bytes(&pair_conn(p, i)->snd.queue), 0);
    }
    pair_close(p);
}

/* Somebody puts a byte into each end of an idle connection: each has received what the other has not sent. */
Test(stack_storm, S6_ends_that_disagree) {
    static const uint64_t delays_us[] = {100, 5 * MS, 400 * MS};
    for (size_t d = 0; d < ARRAY_LEN(delays_us); d++) {
        struct pair_config config = {.seed = 1, .delay_us = delays_us[d]};
        struct pair *p = pair_open(&config);
        cr_assert(pair_connect(p));
        pair_wait(p, 5 * SECOND);
        const struct tcp_conn *ends[2] = {pair_conn(p, 0), pair_conn(p, 1)};
        for (int i = 0; i < 2; i++) {
            struct wire_tcp forged = {.seq = ends[i]->rcv.nxt.v,
                                      .ack = ends[i]->snd.nxt.v,
                                      .flags = WIRE_TCP_ACK | WIRE_TCP_PSH,
                                      .window = 1000,
                                      .options = {.present = WIRE_TCPOPT_TIMESTAMPS,
                                                  .tsval = ends[i]->ts.recent + 1,
                                                  .tsecr = tcp_conn_tsval(ends[i], p->now_us)}};
            pair_forge(p, i, &forged, "!", 1);
        }
        uint64_t frames = p->frames;
        pair_wait(p, 3600 * SECOND);
        cr_assert_leq(p->frames - frames, 2 * 3600, "%llu us: %llu frames in an hour", (unsigned long long)delays_us[d],
                      (unsigned long long)(p->frames - frames));
        p->config.may_fail = true;
        pair_close(p);
    }
}
