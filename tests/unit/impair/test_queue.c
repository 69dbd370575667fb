/* Tests of impair/queue.c. */
#include "impair/queue.h"

#include "impair/impair.h"
#include "impair/rig.h"

Test(queue, no_rate_no_wait) {
    struct impair_queue queue;
    impair_queue_init(&queue, 0, 0, 0);
    for (int i = 0; i < 1000; i++) {
        const struct impair_queue_verdict verdict = impair_queue_add(&queue, 65549, 7);
        cr_assert(verdict.accepted && !verdict.mark && verdict.leaves_us == 7);
    }
}

/* 1 Mbit/s is a byte in 8 us. */
Test(queue, frames_take_their_time) {
    struct impair_queue queue;
    impair_queue_init(&queue, 1000000, 10000, 0);
    cr_assert_eq(impair_queue_add(&queue, 1000, 500).leaves_us, 8500);
    cr_assert_eq(impair_queue_add(&queue, 125, 600).leaves_us, 9500);
    /* Idle again: time does not run backwards into the pause. */
    cr_assert_eq(impair_queue_add(&queue, 125, 20000).leaves_us, 21000);
    cr_assert_eq(queue.peak_bytes, (8500 - 600) / 8 + 125);
}

/* Rates that never divide evenly: over many frames not a nanosecond is lost or won. */
Test(queue, no_rounding_adds_up) {
    static const uint64_t rates[] = {7, 333, 999999937, 9999999967, IMPAIR_RATE_MAX_BPS - 11};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        struct impair_queue queue;
        uint64_t bytes = 0, leaves_us = 0;
        impair_queue_init(&queue, rates[i], IMPAIR_QUEUE_MAX_BYTES, 0);
        for (size_t n = 0; n < 5000; n++) {
            bytes += 61 + n % 1400;
            leaves_us = impair_queue_add(&queue, 61 + n % 1400, 0).leaves_us;
        }
        const uint64_t exact_ns = (uint64_t)((unsigned __int128)bytes * 8000000000U / rates[i]);
        cr_assert_eq(leaves_us, (exact_ns + 999) / 1000, "%llu bit/s", (unsigned long long)rates[i]);
    }
}

Test(queue, limit_and_tail_drop) {
    struct impair_queue queue;
    impair_queue_init(&queue, 8000000, 10000, 0); /* a byte a microsecond */
    for (int i = 0; i < 10; i++) {
        cr_assert(impair_queue_add(&queue, 1000, 0).accepted, "%d", i);
    }
    cr_assert_not(impair_queue_add(&queue, 1, 0).accepted);
    /* There is room for what has left meanwhile, and not for a byte more. */
    cr_assert_not(impair_queue_add(&queue, 501, 500).accepted);
    cr_assert(impair_queue_add(&queue, 500, 500).accepted);
    cr_assert_eq(queue.peak_bytes, 10000);
}

Test(queue, an_idle_link_takes_what_is_longer_than_its_queue) {
    struct impair_queue queue;
    impair_queue_init(&queue, 8000000, 100, 0);
    cr_assert_eq(impair_queue_add(&queue, 1000, 0).leaves_us, 1000);
    cr_assert_not(impair_queue_add(&queue, 100, 999).accepted);
    cr_assert(impair_queue_add(&queue, 1000, 1000).accepted);
}

Test(queue, marks_from_the_threshold_on) {
    struct impair_queue queue;
    impair_queue_init(&queue, 8000000, 10000, 3000);
    for (int i = 0; i < 10; i++) {
        const struct impair_queue_verdict verdict = impair_queue_add(&queue, 1000, 0);
        cr_assert_eq(verdict.mark, i >= 3, "%d", i);
    }
}

/* The longest queue at the lowest rate is the largest number inside. */
Test(queue, extremes_do_not_wrap) {
    struct impair_queue queue;
    impair_queue_init(&queue, 1, IMPAIR_QUEUE_MAX_BYTES, 0);
    const uint64_t years_us = 30ULL * 365 * 86400 * 1000000;
    uint64_t last_us = years_us;
    for (uint64_t bytes = 0; bytes + 65536 <= IMPAIR_QUEUE_MAX_BYTES; bytes += 65536) {
        const struct impair_queue_verdict verdict = impair_queue_add(&queue, 65536, years_us);
        REQUIRE(verdict.accepted && verdict.leaves_us == last_us + 65536ULL * 8000000, "%llu",
                (unsigned long long)bytes);
        last_us = verdict.leaves_us;
    }
    cr_assert_not(impair_queue_add(&queue, 65536, years_us).accepted);
    cr_assert_eq(queue.peak_bytes, IMPAIR_QUEUE_MAX_BYTES);
}
