/* Error queues: Linux's rules of what is told to whom, and their cap. */
#include <criterion/criterion.h>
#include <errno.h>

#include "base/addr.h"
#include "ip/errqueue.h"
#include "support/env.h"

struct rig {
    struct test_env env;
    struct mem mem;
    struct ip_errqueue errors;
};

static const struct tapir_endpoint dst = {.port = 53};

static void rig_open(struct rig *rig) {
    test_env_init(&rig->env);
    mem_init(&rig->mem, &rig->env.env, SIZE_MAX);
    ip_errqueue_init(&rig->errors, &rig->mem);
}

static void rig_close(struct rig *rig) {
    ip_errqueue_clear(&rig->errors);
    cr_assert_eq(rig->env.live_blocks, 0);
}

static struct link_netif tap = {.index = 1};

static struct ip_error unreachable(uint8_t code, int error) {
    return (struct ip_error){.kind = code == 4 ? IP_ERROR_FRAG_NEEDED : IP_ERROR_UNREACHABLE,
                             .type = 3,
                             .code = code,
                             .error = error,
                             .fatal = true,
                             .mtu = 1280,
                             .netif = &tap};
}

/* Which errors reach a socket without RECVERR: the fatal ones, and a connected one only. */
Test(ip_errqueue, without_reports_the_fatal_ones_count) {
    for (int fatal = 0; fatal < 2; fatal++) {
        for (int connected = 0; connected < 2; connected++) {
            struct rig rig;
            rig_open(&rig);
            struct ip_error error = unreachable(3, EHOSTUNREACH);
            error.fatal = fatal;
            bool told = ip_errqueue_icmp(&rig.errors, &error, connected, &dst, NULL, 0);
            cr_assert_eq(told, fatal && connected);
            cr_assert_eq(rig.errors.pending, told ? EHOSTUNREACH : 0);
            cr_assert_eq(rig.errors.count, 0);
            rig_close(&rig);
        }
    }
}

Test(ip_errqueue, other_kinds) {
    struct rig rig;
    rig_open(&rig);
    struct ip_error ttl = {.kind = IP_ERROR_TIME_EXCEEDED, .type = 11, .error = EHOSTUNREACH, .netif = &tap};
    struct ip_error parameter = {.kind = IP_ERROR_PARAMETER, .type = 12, .error = EPROTO, .fatal = true, .netif = &tap};
    struct ip_error neighbour = {.kind = IP_ERROR_UNREACHABLE, .code = 3, .local = true, .error = EHOSTUNREACH};
    cr_assert_not(ip_errqueue_icmp(&rig.errors, &ttl, true, &dst, NULL, 0));
    cr_assert_not(ip_errqueue_icmp(&rig.errors, &neighbour, true, &dst, NULL, 0));
    cr_assert(ip_errqueue_icmp(&rig.errors, &parameter, true, &dst, NULL, 0));
    rig.errors.wanted = true;
    cr_assert(ip_errqueue_icmp(&rig.errors, &ttl, false, &dst, NULL, 0));
    cr_assert(ip_errqueue_icmp(&rig.errors, &neighbour, false, &dst, NULL, 0));
    cr_assert_eq(rig.errors.first->origin, IP_ERRQUEUE_ICMP);
    cr_assert_eq(rig.errors.last->origin, IP_ERRQUEUE_LOCAL);
    rig_close(&rig);
}

/* "Fragmentation needed" is an error only to those who asked for path MTU discovery. */
Test(ip_errqueue, mtu_news) {
    struct rig rig;
    rig_open(&rig);
    struct ip_error error = unreachable(4, EMSGSIZE);
    rig.errors.wanted = true;
    rig.errors.learns_mtu = false;
    cr_assert_not(ip_errqueue_icmp(&rig.errors, &error, true, &dst, NULL, 0));
    rig.errors.learns_mtu = true;
    cr_assert(ip_errqueue_icmp(&rig.errors, &error, true, &dst, NULL, 0));
    cr_assert_eq(rig.errors.first->info, 1280);
    rig_close(&rig);
}

/* Taking a report brings the next ICMP one to the fore, as on Linux; the last one clears the pending error. */
Test(ip_errqueue, pending_follows_the_queue) {
    struct rig rig;
    rig_open(&rig);
    rig.errors.wanted = true;
    struct ip_error refused = unreachable(3, ECONNREFUSED), host = unreachable(1, EHOSTUNREACH);
    (void)ip_errqueue_icmp(&rig.errors, &refused, false, &dst, (const uint8_t *)"one", 3);
    (void)ip_errqueue_icmp(&rig.errors, &host, false, &dst, (const uint8_t *)"two", 3);
    cr_assert_eq(ip_errqueue_take(&rig.errors), EHOSTUNREACH);
    cr_assert_eq(ip_errqueue_take(&rig.errors), 0);
    cr_assert_arr_eq(rig.errors.first->data, "one", 3);
    ip_errqueue_drop_first(&rig.errors);
    cr_assert_eq(rig.errors.pending, EHOSTUNREACH);
    ip_errqueue_drop_first(&rig.errors);
    cr_assert_eq(rig.errors.pending, 0);
    ip_errqueue_drop_first(&rig.errors);
    rig_close(&rig);
}

/* Reports are capped; the pending error is told whatever happens to the report (D11). */
Test(ip_errqueue, d11_cap_and_memory) {
    struct rig rig;
    rig_open(&rig);
    rig.errors.wanted = true;
    struct ip_error refused = unreachable(3, ECONNREFUSED);
    rig.env.fail_at = rig.env.allocations + 1;
    cr_assert(ip_errqueue_icmp(&rig.errors, &refused, false, &dst, NULL, 0));
    cr_assert_eq(rig.errors.count, 0);
    cr_assert_eq(ip_errqueue_take(&rig.errors), ECONNREFUSED);
    for (int i = 0; i < 2 * TAPIR_ERRQUEUE_MAX; i++) {
        cr_assert(ip_errqueue_icmp(&rig.errors, &refused, false, &dst, NULL, 0));
    }
    cr_assert_eq(rig.errors.count, TAPIR_ERRQUEUE_MAX);
    cr_assert_not(ip_errqueue_too_big(&rig.errors, &dst, 1500));
    rig_close(&rig);
}

Test(ip_errqueue, too_big_is_a_local_report) {
    struct rig rig;
    rig_open(&rig);
    cr_assert_not(ip_errqueue_too_big(&rig.errors, &dst, 1500));
    rig.errors.wanted = true;
    cr_assert(ip_errqueue_too_big(&rig.errors, &dst, 1500));
    cr_assert_eq(rig.errors.first->error, EMSGSIZE);
    cr_assert_eq(rig.errors.first->origin, IP_ERRQUEUE_LOCAL);
    cr_assert_eq(rig.errors.first->info, 1500);
    cr_assert_eq(rig.errors.pending, 0);
    rig_close(&rig);
}
