/* Two stacks joined by tapir-wire's own impairments under virtual time: each of them alone, all of them, and again. */
#include "pair.h"

/* What a run came to: the same again from the same seed. */
struct outcome {
    uint64_t ended_us, frames;
    struct impair_stats ways[2];
};

/* Moves a quarter of a million bytes forth and less back. Without a seed of its own each case would meet the same. */
static struct outcome run(const struct impair_config *wire, uint64_t seed, uint32_t caps) {
    const struct pair_config config = {.seed = seed, .wire = wire, .caps = caps, .bytes = {250000, 60000}};
    struct pair *p = pair_run(&config);
    struct outcome outcome = {.ended_us = p->now_us, .frames = p->frames};
    for (int to = 0; to < 2; to++) {
        outcome.ways[to] = *impair_stats(p->ways[to]);
    }
    pair_close(p);
    return outcome;
}

/* Who three times loses a question of ARP is unreachable. */
static bool is_ip(void *ctx, const uint8_t *frame, size_t len) {
    (void)ctx;
    return len > WIRE_ETH_LEN && frame[12] == 0x08 && frame[13] == 0x00;
}

#define TSO (TAPIR_CAP_CSUM | TAPIR_CAP_TSO4)

Test(stack_wire, a_perfect_one) {
    static const struct impair_config wire = {.delay_us = 10 * MS};
    const struct outcome outcome = run(&wire, 1, 0);
    cr_assert_eq(outcome.ways[1].in, outcome.ways[1].out);
    cr_assert_gt(outcome.ways[1].out_bytes, 250000);
}

Test(stack_wire, super_segments_are_cut) {
    static const struct impair_config wire = {.delay_us = 10 * MS, .mtu_count = 1, .mtu = {{0, 1500}}};
    const struct outcome outcome = run(&wire, 1, TSO);
    cr_assert_gt(outcome.ways[1].super_segments, 0);
    cr_assert_eq(outcome.ways[1].lost_mtu, 0);
    cr_assert_eq(outcome.ways[1].malformed, 0);
}

/* One of them at a time, both with frames and with super-segments; `seen` is what must have happened. */
static void suffer(const struct impair_config *wire, size_t seen) {
    for (uint64_t seed = 1; seed <= 3; seed++) {
        const struct outcome outcome = run(wire, seed, seed % 2 == 0 ? TSO : 0);
        uint64_t count;
        memcpy(&count, (const char *)&outcome.ways[1] + seen, sizeof count);
        cr_assert_gt(count, 0);
    }
}

#define SUFFER(count, ...)                                                                     \
    do {                                                                                       \
        const struct impair_config wire_ = {.delay_us = 10 * MS, .match = is_ip, __VA_ARGS__}; \
        suffer(&wire_, offsetof(struct impair_stats, count));                                  \
    } while (0)

Test(stack_wire, random_loss) { SUFFER(lost_random, .loss = 0.05); }
Test(stack_wire, loss_in_bursts) { SUFFER(lost_burst, .burst = {.enter = 0.02, .leave = 0.5, .loss_bad = 1}); }
Test(stack_wire, every_nth) { SUFFER(lost_nth, .nth = 20); }
Test(stack_wire, duplicates) { SUFFER(duplicated, .duplicate = 0.2); }
Test(stack_wire, damage) { SUFFER(corrupted, .corrupt = 0.05); }
Test(stack_wire, reordering) { SUFFER(held, .reorder = 0.1, .hold_us = 10 * MS); }
Test(stack_wire, jitter) { SUFFER(out, .jitter_us = 8 * MS, .overtake = true); }
Test(stack_wire, a_bottleneck) { SUFFER(lost_queue, .rate_bps = 10000000, .queue_bytes = 15000); }

/* Down once, some way into the transfer. */
Test(stack_wire, flaps) {
    SUFFER(lost_down, .rate_bps = 10000000, .queue_bytes = 100000, .up_us = 10100 * MS, .down_us = 300 * MS,
           .down_times = 1);
}

static bool is_long(void *ctx, const uint8_t *frame, size_t len) {
    (void)ctx;
    (void)frame;
    return len > 1000;
}

/* Three times the first long segment, as an expression of tapir-wire would choose it. */
Test(stack_wire, by_filter) { SUFFER(lost_drop, .drop = is_long, .drop_count = 3); }

Test(stack_wire, all_at_once_and_the_same_again) {
    static const struct impair_config wire = {.match = is_ip,
                                              .loss = 0.01,
                                              .burst = {.enter = 0.005, .leave = 0.4, .loss_bad = 0.9},
                                              .nth = 97,
                                              .duplicate = 0.02,
                                              .corrupt = 0.02,
                                              .reorder = 0.03,
                                              .hold_us = 7 * MS,
                                              .delay_us = 10 * MS,
                                              .jitter_us = 3 * MS,
                                              .overtake = true,
                                              .rate_bps = 20000000,
                                              .queue_bytes = 40000,
                                              .ecn_bytes = 20000};
    for (uint64_t seed = 1; seed <= 4; seed++) {
        const struct outcome first = run(&wire, seed, TSO), second = run(&wire, seed, TSO);
        cr_assert_eq(first.ended_us, second.ended_us);
        cr_assert_eq(first.frames, second.frames);
        cr_assert_eq(memcmp(first.ways, second.ways, sizeof first.ways), 0);
        const struct outcome other = run(&wire, seed + 100, TSO);
        cr_assert_neq(memcmp(first.ways, other.ways, sizeof first.ways), 0);
    }
}
