/* Groups: joined, heard, left, and left behind by close. */
#include "rig.h"

#define GROUP IPV4(239, 1, 2, 3)

static int join(struct rig *rig, struct host *host, tapir_sock s, uint32_t group, int netif) {
    struct tapir_addr addr = addr_of_ipv4(group);
    return tapir_sock_join(host->stack, s, &addr, netif, rig->now_us);
}

static int leave(struct rig *rig, struct host *host, tapir_sock s, uint32_t group, int netif) {
    struct tapir_addr addr = addr_of_ipv4(group);
    return tapir_sock_leave(host->stack, s, &addr, netif, rig->now_us);
}

/* Does the host listen to the group? Asked by a datagram from the other one. */
static bool member(struct rig *rig, struct host *host, tapir_sock from) {
    uint64_t before = host->stack->core.counters.ip_delivered;
    cr_assert_eq(say_to(rig, &rig->a, from, GROUP, 9, "x", 1), 1);
    return host->stack->core.counters.ip_delivered > before;
}

Test(sock_multicast, join_and_leave_answers) {
    struct rig *rig = rig_open();
    tapir_sock s = open_sock(&rig->b, TAPIR_SOCK_DGRAM, 0);
    struct tapir_addr six = {.b = {0xff, 2}};
    cr_assert_eq(join(rig, &rig->b, s, A_ADDR, 1), -EINVAL);
    cr_assert_eq(tapir_sock_join(rig->b.stack, s, &six, 1, rig->now_us), -EINVAL, "not IPv4");
    cr_assert_eq(join(rig, &rig->b, s, GROUP, 7), -ENODEV);
    cr_assert_eq(join(rig, &rig->b, s, GROUP, -1), -ENODEV);
    cr_assert_eq(leave(rig, &rig->b, s, GROUP, 1), -EADDRNOTAVAIL);
    cr_assert_eq(join(rig, &rig->b, s, GROUP, 1), 0);
    cr_assert_eq(join(rig, &rig->b, s, GROUP, 1), -EADDRINUSE);
    cr_assert_eq(join(rig, &rig->b, s, GROUP, 0), -EADDRINUSE, "the route leads to the same interface");
    cr_assert_eq(leave(rig, &rig->b, s, GROUP, 2), -EADDRNOTAVAIL);
    cr_assert_eq(leave(rig, &rig->b, s, GROUP, 0), 0);
    cr_assert_eq(leave(rig, &rig->b, s, GROUP, 0), -EADDRNOTAVAIL);
    for (uint32_t i = 0; i < TAPIR_DGRAM_GROUPS_MAX; i++) {
        cr_assert_eq(join(rig, &rig->b, s, GROUP + i, 0), 0);
    }
    cr_assert_eq(join(rig, &rig->b, s, GROUP + 100, 0), -ENOBUFS);
    rig_close(rig);
}

/* D11: a join that fails for memory has joined nothing. */
Test(sock_multicast, d11_join_out_of_memory) {
    struct rig *rig = rig_open();
    tapir_sock s = open_sock(&rig->b, TAPIR_SOCK_DGRAM, 0), from = open_sock(&rig->a, TAPIR_SOCK_DGRAM, 0);
    rig->b.env.fail_at = rig->b.env.allocations + 1;
    cr_assert_eq(join(rig, &rig->b, s, GROUP, 1), -ENOBUFS);
    cr_assert_not(member(rig, &rig->b, from));
    cr_assert_eq(join(rig, &rig->b, s, GROUP, 1), 0);
    cr_assert(member(rig, &rig->b, from));
    rig_close(rig);
}

/* The host is a member while one socket is; close leaves for those that forgot to. */
Test(sock_multicast, membership_is_counted_and_ends_with_close) {
    struct rig *rig = rig_open();
    tapir_sock one = open_sock(&rig->b, TAPIR_SOCK_DGRAM, 0), two = open_sock(&rig->b, TAPIR_SOCK_RAW, 99);
    tapir_sock from = open_sock(&rig->a, TAPIR_SOCK_DGRAM, 0);
    cr_assert_not(member(rig, &rig->b, from));
    cr_assert_eq(join(rig, &rig->b, one, GROUP, 0), 0);
    cr_assert_eq(join(rig, &rig->b, two, GROUP, 1), 0);
    cr_assert(member(rig, &rig->b, from));
    cr_assert_eq(leave(rig, &rig->b, one, GROUP, 0), 0);
    cr_assert(member(rig, &rig->b, from));
    cr_assert_eq(tapir_sock_close(rig->b.stack, two, rig->now_us), 0);
    cr_assert_not(member(rig, &rig->b, from));
    rig_close(rig);
}

/* Everybody bound to the port hears it, with the group as destination; IP_MULTICAST_TTL is the sender's. */
Test(sock_multicast, delivery) {
    struct rig *rig = rig_open();
    uint8_t in[16];
    struct tapir_msg msg;
    tapir_sock heard[3], s = open_sock(&rig->a, TAPIR_SOCK_DGRAM, 0);
    const uint32_t names[] = {IPV4_ANY, GROUP, B_ADDR};
    for (size_t i = 0; i < 3; i++) {
        heard[i] = open_sock(&rig->b, TAPIR_SOCK_DGRAM, 0);
        set(rig, &rig->b, heard[i], TAPIR_OPT_REUSEADDR, 1);
        cr_assert_eq(bind_to(&rig->b, heard[i], names[i], 53), 0);
    }
    cr_assert_eq(join(rig, &rig->b, heard[0], GROUP, 0), 0);
    set(rig, &rig->a, s, TAPIR_OPT_MULTICAST_TTL, 5);
    set(rig, &rig->a, s, TAPIR_OPT_TTL, 77);
    cr_assert_eq(say_to(rig, &rig->a, s, GROUP, 53, "hi", 2), 2);
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(hear(rig, &rig->b, heard[i], in, sizeof in, 0, &msg), i < 2 ? 2 : -EAGAIN);
        cr_assert(i == 2 || (addr_ipv4(&msg.local) == GROUP && msg.ttl == 5));
    }
    rig_close(rig);
}

/* IP_MULTICAST_LOOP: our own members hear us, or not. */
Test(sock_multicast, loop) {
    struct rig *rig = rig_open();
    uint8_t in[16];
    tapir_sock here = udp_bound(&rig->a, IPV4_ANY, 53), there = udp_bound(&rig->b, IPV4_ANY, 53);
    tapir_sock s = open_sock(&rig->a, TAPIR_SOCK_DGRAM, 0);
    cr_assert_eq(join(rig, &rig->a, here, GROUP, 1), 0);
    cr_assert_eq(join(rig, &rig->b, there, GROUP, 1), 0);
    for (int loop = 1; loop >= 0; loop--) {
        set(rig, &rig->a, s, TAPIR_OPT_MULTICAST_LOOP, loop);
        cr_assert_eq(say_to(rig, &rig->a, s, GROUP, 53, "hi", 2), 2);
        cr_assert_eq(hear(rig, &rig->b, there, in, sizeof in, 0, NULL), 2);
        cr_assert_eq(hear(rig, &rig->a, here, in, sizeof in, 0, NULL), loop == 1 ? 2 : -EAGAIN);
    }
    rig_close(rig);
}

/* RFC 1122 3.2.1.7: what has no hop to go is for members on this host, and is not sent. */
Test(sock_multicast, ttl_0_stays_here) {
    struct rig *rig = rig_open();
    uint8_t in[16];
    struct tapir_msg msg;
    tapir_sock here = udp_bound(&rig->a, IPV4_ANY, 53), there = udp_bound(&rig->b, IPV4_ANY, 53);
    tapir_sock s = open_sock(&rig->a, TAPIR_SOCK_DGRAM, 0);
    cr_assert_eq(join(rig, &rig->a, here, GROUP, 1), 0);
    cr_assert_eq(join(rig, &rig->b, there, GROUP, 1), 0);
    cr_assert_eq(set(rig, &rig->a, s, TAPIR_OPT_MULTICAST_TTL, 0), 0);
    cr_assert_eq(say_to(rig, &rig->a, s, GROUP, 53, "hi", 2), 2);
    cr_assert_eq(hear(rig, &rig->b, there, in, sizeof in, 0, NULL), -EAGAIN);
    cr_assert_eq(hear(rig, &rig->a, here, in, sizeof in, 0, &msg), 2);
    cr_assert_eq(msg.ttl, 0);
    rig_close(rig);
}

/* IP_MULTICAST_IF chooses the interface, and a bound group is no source address. */
Test(sock_multicast, outgoing_interface) {
    struct rig *rig = rig_open();
    struct tapir_netif_config config = {.name = "tap1", .mac = {2, 0, 0, 0, 1, 1}, .mtu_bytes = 1500};
    struct tapir_addr addr = addr_of_ipv4(IPV4(10, 9, 0, 1));
    cr_assert_eq(link_netif_add(&rig->a.stack->link, &config), 2);
    struct link_netif *second = link_netif_get(&rig->a.stack->link, 2);
    cr_assert_eq(link_address_add(second, &addr, 24, false, rig->now_us), 0);
    ip_changed(&rig->a.stack->ip);
    frame_queue_clear(&second->queue);
    tapir_sock s = udp_bound(&rig->a, GROUP, 53);
    cr_assert_eq(say_to(rig, &rig->a, s, GROUP, 53, "hi", 2), 2);
    cr_assert_eq(second->queue.count, 0);
    cr_assert_eq(set(rig, &rig->a, s, TAPIR_OPT_MULTICAST_NETIF, 2), 0);
    cr_assert_eq(say_to(rig, &rig->a, s, GROUP, 53, "hi", 2), 2);
    cr_assert_eq(second->queue.count, 1);
    const uint8_t src[] = {10, 9, 0, 1};
    cr_assert_arr_eq(second->queue.first->data + WIRE_ETH_LEN + 12, src, 4);
    rig_close(rig);
}
