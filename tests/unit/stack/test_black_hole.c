/* Transfers over a link that swallows long datagrams without a word (RFC 2923 2.1): they go on, and find its size (C10). */
#include "pair.h"

#include "ip/internal.h"

#define COUNTS(p, host, name) ((p)->hosts[host].stack->core.counters.name)

/* Both ways, with and without super-segments: seconds, not for ever; each end finds the size to a few bytes, and
 * what is lost on the way there is little. */
Test(stack_black_hole, C10_both_ways) {
    static const uint32_t sizes[] = {1492, 1400, 1280, 1076}; /* 1024 and 12 of timestamps at least */
    for (size_t i = 0; i < ARRAY_LEN(sizes) * 2; i++) {
        struct pair_config config = {.seed = i + 1,
                                     .delay_us = 10 * MS,
                                     .hole_bytes = sizes[i / 2],
                                     .caps = i % 2 == 0 ? 0 : TAPIR_CAP_CSUM | TAPIR_CAP_TSO4,
                                     .bytes = {20000000, 20000000},
                                     .patience_us = 120 * SECOND};
        struct pair *p = pair_run(&config);
        for (int host = 0; host < 2; host++) {
            struct tapir_addr to = addr_of_ipv4(IPV4(10, 0, 0, 2 - (uint32_t)host));
            uint32_t mtu = ip_pmtu_get(&p->hosts[host].stack->ip, &to, p->now_us);
            cr_assert_eq(COUNTS(p, host, tcp_black_holes), 1, "%u: %llu", sizes[i / 2],
                         (unsigned long long)COUNTS(p, host, tcp_black_holes));
            cr_assert(mtu <= sizes[i / 2] && mtu > sizes[i / 2] - 8, "%u for %u", mtu, sizes[i / 2]);
            cr_assert_leq(COUNTS(p, host, tcp_mtu_probes_lost), 20);
        }
        pair_close(p);
    }
}

/* Narrower than any path is thought to be: two steps down. */
Test(stack_black_hole, C10_a_very_narrow_path) {
    struct pair_config config = {
        .seed = 1, .delay_us = 10 * MS, .hole_bytes = 600, .bytes = {3000000, 0}, .patience_us = 120 * SECOND};
    struct pair *p = pair_run(&config);
    cr_assert_eq(COUNTS(p, 0, tcp_black_holes), 2);
    pair_close(p);
}

/* And where frames are lost for other reasons too. */
Test(stack_black_hole, C10_with_loss) {
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct pair_config config = {.seed = seed,
                                     .loss = 10,
                                     .reorder = 10,
                                     .delay_us = 5 * MS,
                                     .hole_bytes = 1300,
                                     .caps = seed % 2 == 0 ? 0 : TAPIR_CAP_CSUM | TAPIR_CAP_TSO4,
                                     .bytes = {2000000, 500000},
                                     .patience_us = 300 * SECOND};
        pair_close(pair_run(&config));
    }
}

/* Too little may be sent to find the size; that the large one does not pass is known soon, and kept. */
Test(stack_black_hole, C10_a_short_transfer_saves_the_next_one_its_wait) {
    unsigned nothing = 0, part = 0, all = 0;
    for (uint64_t bytes = 50000; bytes <= 200000; bytes += 10000) {
        struct pair_config config = {.seed = 1, .delay_us = 10 * MS, .hole_bytes = 1400, .bytes = {bytes, 1000}};
        struct pair *p = pair_run(&config);
        struct tapir_addr to = addr_of_ipv4(IPV4(10, 0, 0, 2));
        pair_wait(p, SECOND);
        uint32_t mtu = ip_pmtu_get(&p->hosts[0].stack->ip, &to, p->now_us);
        cr_assert(mtu == UINT32_MAX || (mtu >= 1076 && mtu <= 1400), "%u", mtu);
        nothing += mtu == UINT32_MAX;
        part += mtu <= 1392;
        all += mtu > 1392 && mtu <= 1400;
        pair_close(p);
    }
    cr_assert(nothing > 0 && part > 0 && all > 0, "%u %u %u", nothing, part, all);
}

/* The next connection to that host knows. */
Test(stack_black_hole, C10_what_was_found_is_shared) {
    struct pair_config config = {.seed = 1, .delay_us = 10 * MS, .hole_bytes = 1400, .bytes = {20000000, 1000}};
    struct pair *p = pair_run(&config);
    struct tapir_endpoint local = {.addr = addr_of_ipv4(IPV4(10, 0, 0, 1)), .port = 41000};
    struct tapir_endpoint to = {.addr = addr_of_ipv4(IPV4(10, 0, 0, 2)), .port = PAIR_PORT_B};
    struct pair_host *a = &p->hosts[0];
    uint64_t swallowed = p->swallowed;
    tapir_sock_close(a->stack, a->sock, p->now_us);
    cr_assert_eq(tapir_sock_open(a->stack, TAPIR_SOCK_STREAM, 0, &a->sock), 0);
    cr_assert_eq(tapir_sock_bind(a->stack, a->sock, &local), 0);
    cr_assert_eq(tapir_sock_connect(a->stack, a->sock, &to, p->now_us), -EINPROGRESS);
    pair_wait(p, SECOND);
    struct tapir_tcp_info info;
    cr_assert_eq(tapir_sock_tcp_info(a->stack, a->sock, &info, p->now_us), 0);
    cr_assert(info.pmtu_bytes <= 1400 && info.pmtu_bytes > 1392);
    cr_assert_eq(info.snd_mss_bytes, info.pmtu_bytes - 40 - 12);
    cr_assert_eq(p->swallowed, swallowed);
    pair_close(p);
}

/* A good path is never probed: who has no reason does not lose segments on purpose. */
Test(stack_black_hole, nothing_is_probed_without_a_reason) {
    struct pair_config config = {.seed = 1, .loss = 20, .delay_us = 10 * MS, .bytes = {2000000, 2000000}};
    struct pair *p = pair_run(&config);
    cr_assert_eq(COUNTS(p, 0, tcp_mtu_probes) + COUNTS(p, 1, tcp_mtu_probes), 0);
    cr_assert_eq(COUNTS(p, 0, tcp_black_holes) + COUNTS(p, 1, tcp_black_holes), 0);
    pair_close(p);
}
