/* What a peer's ACKs cost loss recovery, whatever they say: hazard Z6. Each step is a visit of a run. */
#include <criterion/criterion.h>

#include "base/check.h"
#include "counted.h"
#include "support/env.h"

#define MSS 1000ULL
#define FLIGHT 3000ULL /* segments */
#define MS 1000ULL

/* Linear: so many steps for each ACK, and so many for each segment sent. A flight as often as an ACK would be 3,000. */
#define STEPS_AN_ACK 100
#define STEPS_A_SEGMENT 60

static struct test_env env;
static struct core core;
static struct promises promises;
static struct loss l;
static struct cc cc;
static struct rtt rtt;
static uint64_t now_us, una, nxt; /* the latter in segments */
static uint64_t acks, sent, draws;

static uint32_t draw(uint32_t bound) {
    draws = draws * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)((draws >> 33) % bound);
}

static void start(void) {
    test_env_init(&env);
    core_init(&core, &env.env, 64U << 20, 0);
    promise_init(&promises, &core);
    tcp_loss_init(&l, &promises, 5);
    tcp_loss_start(&l, true);
    tcp_cc_init(&cc, &tcp_cc_cubic, MSS);
    cc.cwnd_bytes = FLIGHT * MSS;
    tcp_rtt_init(&rtt);
    tcp_rtt_sample(&rtt, 100 * MS, now_us);
    now_us = 1000 * MS;
    una = nxt = acks = sent = counted_steps = 0;
}

static void finish(void) {
    tcp_loss_clear(&l);
    cr_assert_eq(env.live_blocks, 0);
}

TestSuite(tcp_loss_cost, .init = start, .fini = finish);

/* What the window lets out, at most so many: first what was lost. */
static void fill(uint64_t most) {
    uint64_t from, end;
    while (most > 0 && (from = tcp_loss_next(&l, &cc, una * MSS, nxt * MSS, &end)) != UINT64_MAX) {
        end = min_u64(end, from + MSS);
        tcp_loss_sent(&l, from, end, MSS, true, now_us);
        sent++;
        most--;
    }
    for (; most > 0 && nxt - una < FLIGHT && tcp_loss_flight(&l, una * MSS, nxt * MSS) < cc.cwnd_bytes; most--) {
        tcp_loss_sent(&l, nxt * MSS, (nxt + 1) * MSS, MSS, false, now_us);
        now_us++;
        nxt++;
        sent++;
    }
}

static struct loss_ack ack_of(uint64_t new_una) {
    struct loss_ack ack = {.now_us = now_us, .una = new_una * MSS, .nxt = nxt * MSS, .cwnd_in_use = true};
    ack.acked_bytes = (new_una - una) * MSS;
    ack.repeats = ack.duplicate = new_una == una;
    return ack;
}

static void take(const struct loss_ack *ack) {
    una = ack->una / MSS;
    struct loss_result result = tcp_loss_ack(&l, &cc, &rtt, ack);
    if (result.has_rtt) {
        tcp_rtt_sample(&rtt, result.rtt_us, now_us);
    }
    cc.cwnd_bytes = (uint32_t)max_u64(cc.cwnd_bytes, 64 * MSS); /* the worst peer has a good path */
    acks++;
}

static void check(const char *what) {
    uint64_t most = acks * STEPS_AN_ACK + sent * STEPS_A_SEGMENT;
    cr_assert_leq(counted_steps, most, "%s: %llu steps for %llu ACKs and %llu segments", what,
                  (unsigned long long)counted_steps, (unsigned long long)acks, (unsigned long long)sent);
}

/* Each ACK fills a hole by an answer to the original: all that was found lost is forgiven, and the next finds it lost again. */
Test(tcp_loss_cost, Z6_an_undo_by_each_ack) {
    fill(FLIGHT);
    now_us += 200 * MS;
    while (una + 10 < FLIGHT) {
        struct loss_ack ack = ack_of(una);
        ack.blocks[ack.block_count++] = (struct sack_block){(nxt - 1) * MSS, nxt * MSS};
        take(&ack); /* finds all the others lost */
        now_us += 2 * MS;
        fill(1);
        ack = ack_of(una + 1);
        ack.echo_ms = 1;
        take(&ack); /* Eifel: for nothing */
        now_us += 50 * MS;
    }
    check("undo");
}

/* Blocks drawn from a few habits; the time between ACKs now short, now long; echoes old and new; D-SACKs. */
static void random_ack(uint32_t habit) {
    uint64_t out = nxt - una;
    struct loss_ack ack = ack_of(una + (draw(habit % 5 + 1) == 0 ? draw((uint32_t)min_u64(out, 3) + 1) : 0));
    uint64_t from = ack.una / MSS;
    for (uint32_t count = draw(SACK_BLOCKS); ack.block_count < count && from + 2 < nxt;) {
        uint64_t room = nxt - from - 1;
        uint64_t left =
            from + 1 + (habit % 3 == 0 ? room - 1 - draw((uint32_t)min_u64(room, 4)) : draw((uint32_t)room));
        uint64_t right = min_u64(nxt, left + 1 + draw(habit % 7 == 0 ? (uint32_t)room : 3));
        ack.blocks[ack.block_count++] = (struct sack_block){left * MSS, right * MSS};
    }
    if (habit % 2 == 0 && from > 3 && draw(3) == 0) {
        ack.dsack = (struct sack_block){(from - 1 - draw(3)) * MSS, from * MSS};
    }
    ack.echo_ms = draw(2) * (habit % 4 == 0 ? 1 : now_us / MS - draw(200));
    take(&ack);
}

Test(tcp_loss_cost, Z6_whatever_a_peer_says) {
    for (uint32_t habit = 0; habit < 210; habit++) {
        start();
        draws = habit;
        fill(FLIGHT);
        for (unsigned i = 0; i < 3000; i++) {
            now_us += draw(8) == 0 ? draw(300) * MS : draw(100);
            if (draw(20) == 0) {
                (void)tcp_loss_with_sack_reorder(&l, &cc, &rtt, false, now_us);
            }
            if (una < nxt) {
                random_ack(habit);
            }
            fill(habit % 6 == 0 ? FLIGHT : draw(3));
        }
        check("habit");
        finish();
    }
    start();
}
