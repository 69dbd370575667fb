/* The search for the largest segment alone: RFC 4821 7, RFC 8899 5, without a connection. */
#include <criterion/criterion.h>

#include "base/check.h"
#include "tcp/send/plpmtu.h"

#define MOST 1460U
#define BASE 1024U
#define SECOND 1000000ULL
#define PAUSE_US 4000ULL

static struct plpmtu p;
static uint64_t now_us;

static void start(void) {
    p = (struct plpmtu){0};
    now_us = SECOND;
    cr_assert_eq(tcp_plpmtu_limit(&p, MOST), MOST);
}

static void fall(void) { cr_assert(tcp_plpmtu_black_hole(&p, BASE, MOST)); }

/* The next probe, after the pause. */
static uint32_t probe(void) {
    now_us += PAUSE_US;
    uint32_t bytes = tcp_plpmtu_wants(&p, now_us);
    if (bytes != 0) {
        tcp_plpmtu_sent(&p, bytes);
    }
    return bytes;
}

/* Searches on a path that takes so much; returns how many probes it took. */
static unsigned search(uint32_t path_bytes) {
    unsigned probes = 0;
    for (uint32_t bytes = probe(); bytes != 0; bytes = probe()) {
        probes++;
        cr_assert_lt(probes, 100);
        if (bytes <= path_bytes) {
            tcp_plpmtu_passed(&p, now_us);
        } else {
            tcp_plpmtu_lost(&p, now_us, PAUSE_US);
        }
    }
    return probes;
}

Test(tcp_plpmtu, off_until_segments_vanish) {
    start();
    cr_assert_eq(tcp_plpmtu_wants(&p, now_us), 0);
    cr_assert_eq(tcp_plpmtu_limit(&p, 960), 960);
    cr_assert_eq(tcp_plpmtu_limit(&p, MOST), MOST); /* ICMP's word expires as ever */
    fall();
    cr_assert_eq(tcp_plpmtu_limit(&p, MOST), BASE);
}

/* RFC 4821 7.7: base, half, half again, and no further. */
Test(tcp_plpmtu, a_black_hole_shortens_step_by_step) {
    start();
    static const uint32_t steps[] = {1024, 512, 256};
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        cr_assert(tcp_plpmtu_black_hole(&p, BASE, p.phase == PLPMTU_OFF ? MOST : p.low_bytes));
        cr_assert_eq(tcp_plpmtu_limit(&p, MOST), steps[i]);
    }
    cr_assert_not(tcp_plpmtu_black_hole(&p, BASE, 256));
    start();
    tcp_plpmtu_limit(&p, 300);
    tcp_plpmtu_begin(&p, BASE); /* or from the start where the most is little */
    cr_assert(tcp_plpmtu_black_hole(&p, BASE, 300));
    cr_assert_eq(tcp_plpmtu_limit(&p, 300), 256);
    tcp_plpmtu_limit(&p, 88);
    cr_assert_not(tcp_plpmtu_black_hole(&p, BASE, 88));
    cr_assert_eq(tcp_plpmtu_limit(&p, 88), 88);
}

Test(tcp_plpmtu, what_is_short_did_not_vanish_for_its_length) {
    start();
    cr_assert_not(tcp_plpmtu_black_hole(&p, BASE, BASE));
    cr_assert_eq(p.phase, PLPMTU_OFF);
    cr_assert(tcp_plpmtu_black_hole(&p, BASE, BASE + 1));
    start();
    tcp_plpmtu_limit(&p, BASE);
    cr_assert_not(tcp_plpmtu_black_hole(&p, BASE, BASE)); /* hardly any path takes so little */
}

/* A black hole that was none: one probe shows it, and nothing is left to search. */
Test(tcp_plpmtu, an_outage_costs_one_probe) {
    start();
    fall();
    cr_assert_eq(search(MOST), 1);
    cr_assert_eq(tcp_plpmtu_limit(&p, MOST), MOST);
    cr_assert_eq(p.phase, PLPMTU_FOUND);
    cr_assert_not(tcp_plpmtu_learnt(&p));
    now_us += PLPMTU_RAISE_US;
    cr_assert_eq(tcp_plpmtu_wants(&p, now_us), 0);
}

Test(tcp_plpmtu, every_path_is_found_nearly) {
    for (uint32_t path_bytes = BASE; path_bytes <= MOST; path_bytes++) {
        start();
        fall();
        cr_assert_leq(search(path_bytes), 20);
        uint32_t found = tcp_plpmtu_limit(&p, MOST);
        cr_assert(found <= path_bytes && path_bytes - found < PLPMTU_NEAR_BYTES, "%u: %u", path_bytes, found);
        cr_assert_eq(tcp_plpmtu_learnt(&p), path_bytes < MOST);
    }
}

Test(tcp_plpmtu, one_at_a_time_and_a_pause_after_a_loss) {
    start();
    fall();
    cr_assert_eq(probe(), MOST);
    cr_assert_eq(tcp_plpmtu_wants(&p, now_us + SECOND), 0);
    tcp_plpmtu_lost(&p, now_us, PAUSE_US);
    cr_assert_eq(tcp_plpmtu_wants(&p, now_us + PAUSE_US - 1), 0);
    cr_assert_eq(tcp_plpmtu_wants(&p, now_us + PAUSE_US), MOST);
}

/* RFC 8899 5.1.3: a single loss may have had another reason. */
Test(tcp_plpmtu, a_size_must_be_lost_twice) {
    start();
    fall();
    cr_assert_eq(probe(), MOST);
    tcp_plpmtu_lost(&p, now_us, PAUSE_US);
    cr_assert_not(tcp_plpmtu_learnt(&p));
    cr_assert_eq(probe(), MOST);
    tcp_plpmtu_unclear(&p, now_us, PAUSE_US); /* counts for nothing */
    cr_assert_eq(probe(), MOST);
    tcp_plpmtu_lost(&p, now_us, PAUSE_US);
    cr_assert_eq(p.high_bytes, MOST - 1);
    cr_assert(tcp_plpmtu_learnt(&p));
    cr_assert_eq(probe(), (BASE + MOST) / 2);
    tcp_plpmtu_lost(&p, now_us, PAUSE_US);
    cr_assert_eq(probe(), (BASE + MOST) / 2);
    tcp_plpmtu_passed(&p, now_us); /* so the first was bad luck */
    cr_assert_eq(tcp_plpmtu_limit(&p, MOST), (BASE + MOST) / 2);
}

/* RFC 8899 5.1.1 PMTU_RAISE_TIMER. */
Test(tcp_plpmtu, the_raise_timer_opens_the_search_again) {
    start();
    fall();
    search(1360);
    uint32_t found = p.low_bytes;
    uint64_t found_us = p.next_us - PLPMTU_RAISE_US;
    cr_assert_eq(tcp_plpmtu_wants(&p, found_us + PLPMTU_RAISE_US - 1), 0);
    cr_assert_eq(tcp_plpmtu_wants(&p, found_us + PLPMTU_RAISE_US), MOST);
    cr_assert_eq(tcp_plpmtu_limit(&p, MOST), found); /* meanwhile as before */
    now_us = found_us + PLPMTU_RAISE_US;
    cr_assert_eq(search(MOST), 1);
    cr_assert_eq(tcp_plpmtu_limit(&p, MOST), MOST);
}

/* What was learnt is told to all, and so the limit itself for as long; when that expires, the search opens. */
Test(tcp_plpmtu, the_search_waits_until_more_is_allowed) {
    start();
    fall();
    search(1360);
    uint32_t found = p.low_bytes;
    cr_assert_eq(tcp_plpmtu_limit(&p, found), found);
    now_us = p.next_us;
    cr_assert_eq(tcp_plpmtu_wants(&p, now_us), 0);
    cr_assert_eq(tcp_plpmtu_limit(&p, MOST), found);
    cr_assert_eq(tcp_plpmtu_wants(&p, now_us), MOST);
}

/* RFC 4821 7.2: ICMP sets the bounds; the size that it names is tried next. */
Test(tcp_plpmtu, ICMP_sets_the_bounds) {
    start();
    fall();
    cr_assert_eq(probe(), MOST);
    cr_assert_eq(tcp_plpmtu_limit(&p, 1360), BASE);
    tcp_plpmtu_lost(&p, now_us, PAUSE_US); /* known already: no try of 1360 is counted */
    cr_assert_eq(p.lost_probes, 0);
    cr_assert_eq(probe(), 1360);
    tcp_plpmtu_passed(&p, now_us);
    cr_assert_eq(p.phase, PLPMTU_FOUND);
    cr_assert_eq(tcp_plpmtu_limit(&p, 600), 600); /* below what passed once: the path is another */
    cr_assert_eq(p.phase, PLPMTU_FOUND);
}

Test(tcp_plpmtu, a_probe_that_passes_after_ICMP_said_less) {
    start();
    fall();
    cr_assert_eq(probe(), MOST);
    tcp_plpmtu_limit(&p, 1200);
    tcp_plpmtu_passed(&p, now_us);
    cr_assert(p.phase == PLPMTU_FOUND && p.low_bytes == 1200);
    cr_assert_eq(tcp_plpmtu_limit(&p, 1200), 1200);
}

/* A path that narrows again after it was found. */
Test(tcp_plpmtu, a_second_black_hole) {
    start();
    fall();
    search(1360);
    cr_assert(tcp_plpmtu_black_hole(&p, BASE, p.low_bytes));
    cr_assert_eq(tcp_plpmtu_limit(&p, MOST), BASE);
    search(1100);
    cr_assert(p.low_bytes <= 1100 && p.low_bytes > 1100 - PLPMTU_NEAR_BYTES);
}

Test(tcp_plpmtu, who_trusts_nobody_begins_low) {
    start();
    tcp_plpmtu_begin(&p, BASE);
    cr_assert_eq(tcp_plpmtu_limit(&p, MOST), BASE);
    cr_assert_eq(tcp_plpmtu_wants(&p, now_us), MOST);
    start();
    tcp_plpmtu_limit(&p, 536);
    tcp_plpmtu_begin(&p, BASE);
    cr_assert_eq(tcp_plpmtu_limit(&p, 536), 536);
    cr_assert_eq(tcp_plpmtu_wants(&p, now_us), 0);
}
