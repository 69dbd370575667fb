/* HAZARDS D11 for datagram sockets: a whole conversation with each allocation failing in its turn. */
#include "rig.h"

/* Whatever fails must answer with an errno, or lose a datagram; rig_close finds leaks. Returns allocations made. */
static uint64_t converse(uint64_t fail_at, uint64_t fail_percent) {
    static uint8_t out[4000], in[4000];
    static const uint8_t echo[8] = {8};
    struct rig *rig = rig_open();
    struct tapir_endpoint any = {0}, port = {.port = 53};
    const struct tapir_addr group = addr_of_ipv4(IPV4(239, 1, 1, 1));
    struct host *a = &rig->a, *b = &rig->b;
    uint64_t before = a->env.allocations;
    a->env.fail_at = b->env.fail_at = fail_at == 0 ? 0 : before + fail_at;
    a->env.fail_percent = b->env.fail_percent = fail_percent;
    tapir_sock udp = 0, server = 0, raw = 0, ping = 0;
    (void)tapir_sock_open(a->stack, TAPIR_SOCK_DGRAM, 0, &udp);
    (void)tapir_sock_open(b->stack, TAPIR_SOCK_DGRAM, 0, &server);
    (void)tapir_sock_open(a->stack, TAPIR_SOCK_RAW, 99, &raw);
    (void)tapir_sock_open(a->stack, TAPIR_SOCK_PING, 0, &ping);
    (void)tapir_sock_bind(b->stack, server, &port);
    (void)tapir_sock_bind(a->stack, ping, &any);
    (void)set(rig, a, udp, TAPIR_OPT_RECVERR, 1);
    (void)tapir_sock_join(a->stack, udp, &group, 1, rig->now_us);
    for (int i = 0; i < 20; i++) {
        (void)say_to(rig, a, udp, B_ADDR, 53, out, i % 2 == 0 ? 100 : 4000);
        (void)say_to(rig, a, udp, B_ADDR, 9, out, 100);
        (void)say_to(rig, a, raw, A_ADDR, 0, out, 3000);
        (void)say_to(rig, a, ping, B_ADDR, 0, echo, sizeof echo);
        (void)hear(rig, b, server, in, sizeof in, 0, NULL);
        (void)hear(rig, a, udp, in, sizeof in, TAPIR_MSG_ERRQUEUE, NULL);
        (void)hear(rig, a, raw, in, sizeof in, 0, NULL);
        (void)hear(rig, a, ping, in, sizeof in, 0, NULL);
    }
    uint64_t made = a->env.allocations - before;
    a->env.fail_at = b->env.fail_at = a->env.fail_percent = b->env.fail_percent = 0;
    /* After the drought all is well again. */
    tapir_sock fresh = open_sock(a, TAPIR_SOCK_DGRAM, 0), target = udp_bound(b, IPV4_ANY, 5353);
    rig_wait(rig, 5000000);
    cr_assert_eq(say_to(rig, a, fresh, B_ADDR, 5353, "alive", 5), 5);
    rig_wait(rig, 5000000);
    cr_assert_eq(hear(rig, b, target, in, sizeof in, 0, NULL), 5);
    rig_close(rig);
    return made;
}

Test(sock_memory, d11_every_allocation_fails_once) {
    uint64_t count = converse(0, 0);
    cr_assert_gt(count, 100);
    for (uint64_t k = 1; k <= count; k++) {
        (void)converse(k, 0);
    }
}

Test(sock_memory, d11_allocations_fail_at_random) {
    for (uint64_t percent = 1; percent <= 50; percent += 7) {
        (void)converse(0, percent);
    }
}
