/* Tests of stack/link/netif.c: interfaces. */
#include <errno.h>

#include "link/rig.h"

static struct tapir_netif_config config(const char *name) {
    struct tapir_netif_config made = {.mac = {2, 0, 0, 0, 0, 9}, .mtu_bytes = 1500};
    memcpy(made.name, name, min_size(strlen(name) + 1, sizeof made.name)); /* a long one loses its end */
    return made;
}

Test(link_netif, lo_is_there) {
    struct rig *rig = rig_start_bare();
    const struct link_netif *lo = link_netif_get(&rig->link, LINK_LOOPBACK);
    const struct tapir_addr localhost = addr_of_ipv4(IPV4_LOOPBACK);
    cr_assert_str_eq(lo->name, "lo");
    cr_assert(lo->up);
    cr_assert_eq(lo->mtu_bytes, 65535);
    cr_assert_not_null(link_address_find(lo, &localhost));
    cr_assert_eq(link_address_find_any(&rig->link, &localhost)->prefix_len, 8);
    /* It is not announced. */
    cr_assert_null(link_queue_pop(link_netif_get(&rig->link, LINK_LOOPBACK)));
    rig_stop(rig);
}

Test(link_netif, refuses_configurations_that_make_no_sense) {
    struct rig *rig = rig_start_bare();
    struct tapir_netif_config bad = config("");
    cr_assert_eq(link_netif_add(&rig->link, &bad), -EINVAL);
    bad = config("sixteen-bytes-no-nul");
    cr_assert_eq(link_netif_add(&rig->link, &bad), -EINVAL);
    bad = config("tap0");
    cr_assert_eq(link_netif_add(&rig->link, &bad), -EEXIST);
    bad = config("lo");
    cr_assert_eq(link_netif_add(&rig->link, &bad), -EEXIST);
    bad = config("x");
    bad.mac[0] = 1;
    cr_assert_eq(link_netif_add(&rig->link, &bad), -EINVAL);
    memset(bad.mac, 0, sizeof bad.mac);
    cr_assert_eq(link_netif_add(&rig->link, &bad), -EINVAL);
    bad = config("x");
    bad.mtu_bytes = TAPIR_MTU_MIN - 1;
    cr_assert_eq(link_netif_add(&rig->link, &bad), -EINVAL);
    bad.mtu_bytes = TAPIR_MTU_MAX + 1;
    cr_assert_eq(link_netif_add(&rig->link, &bad), -EINVAL);
    bad = config("x");
    bad.caps = 8;
    cr_assert_eq(link_netif_add(&rig->link, &bad), -EINVAL);
    rig_stop(rig);
}

Test(link_netif, as_many_as_there_are_slots) {
    struct rig *rig = rig_start_bare();
    char name[2] = "a";
    for (int index = 2; index < TAPIR_NETIFS_MAX; index++) {
        struct tapir_netif_config good = config(name);
        cr_assert_eq(link_netif_add(&rig->link, &good), index);
        cr_assert_str_eq(link_netif_get(&rig->link, index)->name, name);
        name[0]++;
    }
    struct tapir_netif_config more = config("more");
    cr_assert_eq(link_netif_add(&rig->link, &more), -ENOBUFS);
    cr_assert_null(link_netif_get(&rig->link, -1));
    cr_assert_null(link_netif_get(&rig->link, TAPIR_NETIFS_MAX));
    rig_stop(rig);
}

Test(link_netif, D11_memory_short_at_the_start) {
    struct rig *rig = rig_start_bare();
    struct tapir_netif_config good = config("more");
    rig->env.fail_at = rig->env.allocations + 1;
    cr_assert_eq(link_netif_add(&rig->link, &good), -ENOBUFS);
    cr_assert_null(link_netif_get(&rig->link, 2));
    cr_assert_eq(link_netif_add(&rig->link, &good), 2);
    const struct link_handlers handlers = rig->link.handlers;
    rig_stop(rig);
    rig->env.fail_at = rig->env.allocations + 1;
    cr_assert_eq(link_init(&rig->link, &rig->core, &handlers, rig->now_us), -ENOBUFS);
    cr_assert_eq(rig->env.live_blocks, 0);
}

Test(link_netif, mtu_within_its_bounds) {
    struct rig *rig = rig_start_bare();
    struct link_netif *lo = link_netif_get(&rig->link, LINK_LOOPBACK);
    cr_assert_eq(link_netif_set_mtu(rig->netif, TAPIR_MTU_MIN), 0);
    cr_assert_eq(rig->netif->mtu_bytes, TAPIR_MTU_MIN);
    cr_assert_eq(link_netif_set_mtu(rig->netif, TAPIR_MTU_MIN - 1), -EINVAL);
    cr_assert_eq(link_netif_set_mtu(rig->netif, TAPIR_MTU_MAX), 0);
    cr_assert_eq(link_netif_set_mtu(rig->netif, TAPIR_MTU_MAX + 1), -EINVAL);
    cr_assert_eq(rig->netif->mtu_bytes, TAPIR_MTU_MAX);
    cr_assert_eq(link_netif_set_mtu(lo, TAPIR_LOOPBACK_MTU), 0);
    cr_assert_eq(link_netif_set_mtu(lo, TAPIR_LOOPBACK_MTU + 1), -EINVAL);
    rig_stop(rig);
}

Test(link_netif, up_twice_and_down_twice_is_once) {
    struct rig *rig = rig_start();
    link_netif_set_up(rig->netif, true, rig->now_us);
    cr_assert(!rig_sent(rig).any);
    link_netif_set_up(rig->netif, false, rig->now_us);
    link_netif_set_up(rig->netif, false, rig->now_us);
    link_netif_set_up(rig->netif, true, rig->now_us);
    cr_assert_eq(rig_drain(rig), 2, "the address is probed and announced once");
    rig_stop(rig);
}
