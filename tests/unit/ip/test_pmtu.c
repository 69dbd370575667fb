/* The path MTU cache: downwards only, forgetful, bounded. */
#include "rig.h"

static uint32_t mtu_to(struct rig *rig, uint32_t dst) {
    struct ip_path path = rig_path(rig, dst);
    return ip_path_mtu(&rig->ip, &path, rig->now_us);
}

static bool lower(struct rig *rig, uint32_t dst, uint32_t mtu) {
    struct tapir_addr to = addr_of_ipv4(dst);
    return ip_path_lower_mtu(&rig->ip, &to, mtu, rig->now_us);
}

Test(ip_pmtu, C5_expires_after_ten_minutes) {
    struct rig *rig = rig_start();
    cr_assert(lower(rig, PEER_IP, 1000));
    rig_wait(rig, TAPIR_PMTU_EXPIRE_US - 1);
    cr_assert_eq(mtu_to(rig, PEER_IP), 1000);
    cr_assert(!lower(rig, PEER_IP, 1000), "the same again does not put it off");
    rig_wait(rig, 1);
    cr_assert_eq(mtu_to(rig, PEER_IP), 1500);
    cr_assert_eq(rig->ip.pmtu.used, 0);
    cr_assert_eq(COUNTED(rig, pmtu_lowered), 1);
    rig_stop(rig);
}

Test(ip_pmtu, C5_downwards_and_not_below_the_floor) {
    struct rig *rig = rig_start();
    cr_assert(!lower(rig, PEER_IP, 1500));
    cr_assert(!lower(rig, PEER_IP, 9000));
    cr_assert(lower(rig, PEER_IP, 1300));
    cr_assert(!lower(rig, PEER_IP, 1400));
    cr_assert(lower(rig, PEER_IP, 0));
    cr_assert_eq(mtu_to(rig, PEER_IP), TAPIR_PMTU_FLOOR);
    cr_assert(!lower(rig, PEER_IP, 100));
    cr_assert_eq(mtu_to(rig, THIRD_IP), 1500, "others are not concerned");
    cr_assert_eq(link_netif_set_mtu(rig->netif, 300), 0);
    cr_assert(!lower(rig, THIRD_IP, 200), "an interface below the floor stays as it is");
    cr_assert_eq(mtu_to(rig, THIRD_IP), 300);
    cr_assert_eq(mtu_to(rig, PEER_IP), 300);
    rig_stop(rig);
}

Test(ip_pmtu, not_for_ourselves_nor_for_many_nor_nowhere) {
    struct rig *rig = rig_start();
    cr_assert(!lower(rig, OUR_IP, 1000));
    cr_assert(!lower(rig, IPV4_LOOPBACK, 1000));
    cr_assert(!lower(rig, GROUP_IP, 1000));
    cr_assert(!lower(rig, IPV4_BROADCAST, 1000));
    cr_assert(!lower(rig, FAR_IP, 1000));
    cr_assert_eq(rig->ip.pmtu.used, 0);
    rig_stop(rig);
}

/* A flood of claims stays within the cap, and does not simply wash out what was learnt before (C5). */
Test(ip_pmtu, C5_bounded_with_random_eviction) {
    struct rig *rig = rig_start();
    cr_assert_eq(rig_route(rig, 0, 0, GATEWAY_IP), 0);
    for (uint32_t i = 0; i < TAPIR_PMTU_ENTRIES_MAX; i++) {
        cr_assert(lower(rig, IPV4(40, 0, 0, 0) + i, 1000));
    }
    for (uint32_t i = 0; i < TAPIR_PMTU_ENTRIES_MAX / 2; i++) {
        cr_assert(lower(rig, IPV4(50, 0, 0, 0) + i, 1000));
        cr_assert_eq(rig->ip.pmtu.used, TAPIR_PMTU_ENTRIES_MAX);
        cr_assert_leq(rig->ip.pmtu.bucket_count, 2 * TAPIR_PMTU_ENTRIES_MAX,
                      "which the search for a victim walks, at most");
    }
    unsigned oldest_left = 0, left = 0;
    for (uint32_t i = 0; i < TAPIR_PMTU_ENTRIES_MAX; i++) {
        bool known = mtu_to(rig, IPV4(40, 0, 0, 0) + i) == 1000;
        left += known;
        oldest_left += known && i < TAPIR_PMTU_ENTRIES_MAX / 2;
    }
    cr_assert(left > TAPIR_PMTU_ENTRIES_MAX * 4 / 10 && left < TAPIR_PMTU_ENTRIES_MAX * 9 / 10, "%u", left);
    cr_assert_gt(oldest_left, TAPIR_PMTU_ENTRIES_MAX / 5, "evicted by age");
    rig_stop(rig);
}

Test(ip_pmtu, D11_no_memory_to_learn) {
    struct rig *rig = rig_start();
    rig->env.fail_at = rig->env.allocations + 1;
    cr_assert(!lower(rig, PEER_IP, 1000));
    cr_assert_eq(COUNTED(rig, ip_no_memory), 1);
    cr_assert_eq(mtu_to(rig, PEER_IP), 1500);
    cr_assert(lower(rig, PEER_IP, 1000));
    rig_stop(rig);
}
