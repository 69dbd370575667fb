/* A peer that moves to another hardware address under a connection is found again in a second, or a few (Z11). */
#include "pair.h"

#define FOUND_US SECOND                /* with a word of it */
#define FOUND_SILENTLY_US (4 * SECOND) /* without */
#define BYTES 3000000U
#define MOVE_AT 1000000U

/* One run: b moves under a flow to host `to`, or while the connection is idle, and says so or not. */
struct move {
    unsigned to;
    bool silent, idle;
    bool moved;
    uint64_t bytes, progress_us, gap_us; /* received, when that last grew, and its longest pause since the move */
};

static void move(struct pair *p, struct move *m) {
    m->moved = true;
    m->progress_us = p->now_us;
    pair_move(p, 1);
    if (!m->silent) {
        pair_announce(p, 1);
    }
}

static void watch(struct pair *p) {
    struct move *m = p->config.between_ctx;
    uint64_t bytes = p->hosts[m->to].received;
    if (!m->moved && !m->idle && bytes >= MOVE_AT) {
        move(p, m);
    }
    if (bytes != m->bytes) {
        m->gap_us = m->moved ? max_u64(m->gap_us, p->now_us - m->progress_us) : 0;
        m->bytes = bytes;
        m->progress_us = p->now_us;
    }
}

static uint64_t pause_of(struct move m, uint64_t delay_us) {
    struct pair_config config = {.seed = 1, .delay_us = delay_us, .between = watch, .between_ctx = &m};
    config.bytes[m.to] = 1;
    config.bytes[1 - m.to] = BYTES;
    struct pair *p = pair_open(&config);
    cr_assert(pair_connect(p));
    if (m.idle) {
        pair_wait(p, 20 * SECOND); /* b is REACHABLE still, and not locked */
        move(p, &m);
        pair_wait(p, SECOND);
        m.progress_us = p->now_us;
    }
    cr_assert(pair_transfer(p));
    pair_close(p);
    cr_assert(m.moved);
    return m.gap_us;
}

static void check(struct move m, uint64_t delay_us) {
    uint64_t pause_us = pause_of(m, delay_us);
    /* R1's timeouts begin with a round trip; and asking everybody, and recovery from what was lost, take some each. */
    uint64_t found_us = m.silent ? FOUND_SILENTLY_US + 30U * delay_us : FOUND_US + 8U * delay_us;
    cr_assert(pause_us <= found_us, "%s, to %c, delay %llu us: %llu us", m.idle ? "idle" : "in flow", "ab"[m.to],
              (unsigned long long)delay_us, (unsigned long long)pause_us);
}

Test(stack_move, Z11_one_word_is_enough) {
    static const uint64_t delays_us[] = {50, 500, 20 * MS, 100 * MS};
    for (unsigned i = 0; i < 4 * ARRAY_LEN(delays_us); i++) {
        check((struct move){.to = i & 1, .idle = (i & 2) != 0}, delays_us[i / 4]);
    }
}

/* Without a word the sender finds out: after R1 retransmissions, which take the longer the longer the round trips are. */
Test(stack_move, Z11_without_a_word) {
    static const uint64_t delays_us[] = {50, 500, 20 * MS};
    for (unsigned i = 0; i < 4 * ARRAY_LEN(delays_us); i++) {
        check((struct move){.silent = true, .to = i & 1, .idle = (i & 2) != 0}, delays_us[i / 4]);
    }
}
