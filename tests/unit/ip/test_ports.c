/* Local ports: who may bind beside whom (Linux's rule), which ephemeral port is free and what it costs to find (N2, Z6). */
#include "ip/ports.h"

#include <errno.h>
#include <stdlib.h>

#include "rig.h"

/* The most that one search may look at: some in turn or at random, and the map of all. */
#define BIND_STEPS_MAX (16 + IP_PORTS_WORDS + 1)
#define BIND_FOR_STEPS_MAX (TAPIR_PORT_TRIES_MAX + IP_PORTS_WORDS + 2)

struct table_rig {
    struct test_env env;
    struct core core;
    struct ip_ports ports;
};

static struct table_rig the_rig;

static struct table_rig *open_ports(void) {
    struct table_rig *t = &the_rig;
    memset(t, 0, sizeof *t);
    test_env_init(&t->env);
    core_init(&t->core, &t->env.env, TAPIR_MEMORY_DEFAULT_BYTES, SECOND_US);
    cr_assert_eq(ip_ports_init(&t->ports, &t->core), 0);
    return t;
}

static void close_ports(struct table_rig *t) {
    for (uint32_t i = 0; i < IP_PORTS_WORDS; i++) {
        cr_assert_eq(t->ports.taken[i], 0);
    }
    ip_ports_destroy(&t->ports);
    cr_assert_eq(t->env.live_blocks, 0);
}

static struct tapir_endpoint at(uint32_t ipv4, uint16_t port) {
    struct tapir_endpoint local = {.port = port};
    if (ipv4 != IPV4_ANY) {
        local.addr = addr_of_ipv4(ipv4);
    }
    return local;
}

static int bind_at(struct table_rig *t, struct ip_ports_claim *claim, uint32_t ipv4, uint16_t port) {
    struct tapir_endpoint local = at(ipv4, port);
    return ip_ports_bind(&t->ports, claim, &local);
}

/* ---- who may bind beside whom ---- */

#define CLAIMS 24
#define WAITS 3

/* Claims and waits of which a model knows each, and compares each with each. */
struct model {
    struct table_rig *t;
    struct ip_ports_claim claims[CLAIMS];
    struct tapir_endpoint waits[WAITS];
};

static uint32_t draw(struct model *m, uint32_t bound) { return core_random_below(&m->t->core, bound); }

/* Ports in the ephemeral range and below it; the wildcard in both of its forms. */
static struct tapir_endpoint draw_local(struct model *m) {
    const uint16_t ports[] = {80, 53, TAPIR_PORT_FIRST, TAPIR_PORT_LAST};
    const struct tapir_addr addrs[] = {addr_of_ipv4(OUR_IP), addr_of_ipv4(THIRD_IP), addr_of_ipv4(IPV4_ANY), {{0}}};
    return (struct tapir_endpoint){.addr = addrs[draw(m, ARRAY_LEN(addrs))], .port = ports[draw(m, ARRAY_LEN(ports))]};
}

static bool meet(const struct tapir_endpoint *a, const struct tapir_endpoint *b) {
    return a->port == b->port && (addr_is_any(&a->addr) || addr_is_any(&b->addr) || addr_equal(&a->addr, &b->addr));
}

/* Linux: inet_csk_bind_conflict and udp_lib_lport_inuse, claim by claim. */
static bool model_conflicts(const struct model *m, const struct ip_ports_claim *claim,
                            const struct tapir_endpoint *local) {
    for (size_t i = 0; i < CLAIMS; i++) {
        const struct ip_ports_claim *other = &m->claims[i];
        bool same_netif = other->netif == 0 || claim->netif == 0 || other->netif == claim->netif;
        bool share =
            (other->reuseport && claim->reuseport) || (other->reuseaddr && claim->reuseaddr && !other->listening);
        if (ip_ports_bound(other) && same_netif && meet(&other->local, local) && !share) {
            return true;
        }
    }
    for (size_t i = 0; i < WAITS; i++) {
        if (m->waits[i].port != 0 && meet(&m->waits[i], local) && !claim->reuseaddr) {
            return true;
        }
    }
    return false;
}

static void change_claim(struct model *m, struct ip_ports_claim *claim) {
    struct tapir_endpoint local = draw_local(m);
    switch (draw(m, 5)) {
    case 0:
        ip_ports_unbind(&m->t->ports, claim);
        break;
    case 1:
        ip_ports_share(claim, draw(m, 2) != 0, draw(m, 2) != 0);
        break;
    case 2:
        ip_ports_listen(claim, draw(m, 2) != 0);
        break;
    case 3:
        ip_ports_rename(&m->t->ports, claim, &local.addr, (uint8_t)draw(m, 3));
        break;
    default: {
        struct ip_ports_claim moved;
        ip_ports_move(claim, &moved);
        cr_assert(ip_ports_bound(&moved) && !ip_ports_bound(claim));
        ip_ports_move(&moved, claim);
    }
    }
}

static void make_claim(struct model *m, struct ip_ports_claim *claim) {
    struct tapir_endpoint local = draw_local(m);
    *claim = (struct ip_ports_claim){.netif = (uint8_t)draw(m, 3)};
    ip_ports_share(claim, draw(m, 2) != 0, draw(m, 2) != 0);
    if (draw(m, 8) == 0) { /* as a listener's connection */
        cr_assert_eq(ip_ports_join(&m->t->ports, claim, &local), 0);
        return;
    }
    bool refused = model_conflicts(m, claim, &local);
    cr_assert_eq(ip_ports_bind(&m->t->ports, claim, &local), refused ? -EADDRINUSE : 0);
}

static void change_wait(struct model *m) {
    struct tapir_endpoint *wait = &m->waits[draw(m, WAITS)];
    if (wait->port != 0) {
        ip_ports_wait_over(&m->t->ports, wait);
        wait->port = 0;
    } else {
        *wait = draw_local(m);
        cr_assert_eq(ip_ports_wait(&m->t->ports, wait), 0);
    }
}

/* A walk of the port meets each of its claims that is open, once. */
static void check_walk(const struct model *m, uint16_t port) {
    unsigned expected = 0, met = 0;
    for (size_t i = 0; i < CLAIMS; i++) {
        expected += ip_ports_bound(&m->claims[i]) && m->claims[i].local.port == port && m->claims[i].listening;
    }
    const struct ip_ports_claim *claim = NULL;
    while ((claim = ip_ports_next(&m->t->ports, port, claim)) != NULL) {
        cr_assert(claim->local.port == port && claim->open);
        met++;
    }
    cr_assert_eq(met, expected);
}

Test(ip_ports, as_linux_compares_claim_by_claim) {
    static struct model m;
    m.t = open_ports();
    for (unsigned i = 0; i < 40000; i++) {
        struct ip_ports_claim *claim = &m.claims[draw(&m, CLAIMS)];
        if (draw(&m, 10) == 0) {
            change_wait(&m);
        } else if (ip_ports_bound(claim)) {
            change_claim(&m, claim);
        } else {
            make_claim(&m, claim);
        }
        check_walk(&m, draw_local(&m).port);
    }
    for (size_t i = 0; i < CLAIMS; i++) {
        ip_ports_unbind(&m.t->ports, &m.claims[i]);
    }
    for (size_t i = 0; i < WAITS; i++) {
        if (m.waits[i].port != 0) {
            ip_ports_wait_over(&m.t->ports, &m.waits[i]);
        }
    }
    close_ports(m.t);
}

/* D1: one look finds a listener among all connections that it has accepted, and another whether it may bind. */
Test(ip_ports, D1_listeners_come_first) {
    enum { ACCEPTED = 10000 };
    struct table_rig *t = open_ports();
    struct ip_ports_claim *accepted = calloc(ACCEPTED, sizeof *accepted);
    struct ip_ports_claim listener = {.reuseaddr = true};
    struct tapir_endpoint local = at(OUR_IP, 80);
    for (unsigned i = 0; i < ACCEPTED; i++) {
        ip_ports_share(&accepted[i], true, false);
        cr_assert_eq(ip_ports_join(&t->ports, &accepted[i], &local), 0);
    }
    cr_assert_eq(ip_ports_bind(&t->ports, &listener, &local), 0);
    const struct ip_ports_place *place = ip_ports_place(&t->ports, 80, NULL);
    cr_assert_null(ip_ports_listener(place, NULL));
    ip_ports_listen(&listener, true);
    cr_assert_eq(ip_ports_listener(place, NULL), &listener);
    cr_assert_null(ip_ports_listener(place, &listener));
    cr_assert_null(ip_ports_place(&t->ports, 80, place), "all are in one place");
    ip_ports_listen(&listener, false);
    cr_assert_null(ip_ports_listener(place, NULL));
    ip_ports_unbind(&t->ports, &listener);
    for (unsigned i = 0; i < ACCEPTED; i++) {
        ip_ports_unbind(&t->ports, &accepted[i]);
    }
    free(accepted);
    close_ports(t);
}

/* ---- ephemeral ports ---- */

/* Claims ephemeral ports at an address until there is none; each was free there, and in the range. */
static void take_all(struct table_rig *t, struct ip_ports_claim *claims, uint32_t ipv4) {
    static bool seen[65536];
    memset(seen, 0, sizeof seen);
    for (size_t i = 0; i < IP_PORTS_COUNT; i++) {
        uint64_t before = t->ports.steps;
        cr_assert_eq(bind_at(t, &claims[i], ipv4, 0), 0);
        cr_assert_leq(t->ports.steps - before, BIND_STEPS_MAX);
        uint16_t port = claims[i].local.port;
        cr_assert(port >= TAPIR_PORT_FIRST && port <= TAPIR_PORT_LAST && !seen[port]);
        seen[port] = true;
    }
    struct ip_ports_claim more = {.reuseaddr = true, .reuseport = true};
    uint64_t before = t->ports.steps;
    cr_assert_eq(bind_at(t, &more, ipv4, 0), -EADDRINUSE, "shared by nobody, not even by those who would");
    cr_assert_leq(t->ports.steps - before, BIND_STEPS_MAX);
}

static void give_all(struct table_rig *t, struct ip_ports_claim *claims) {
    for (size_t i = 0; i < IP_PORTS_COUNT; i++) {
        ip_ports_unbind(&t->ports, &claims[i]);
    }
}

static struct ip_ports_claim *many(void) { return calloc(IP_PORTS_COUNT, sizeof(struct ip_ports_claim)); }

/* Each address has all of them, as on Linux; the wildcard has those that no address has. */
Test(ip_ports, Z6_every_address_has_the_whole_range) {
    struct table_rig *t = open_ports();
    struct ip_ports_claim *claims[] = {many(), many(), many()};
    struct ip_ports_claim one = {0};
    take_all(t, claims[0], OUR_IP);
    take_all(t, claims[1], THIRD_IP);
    cr_assert_eq(bind_at(t, &one, IPV4_ANY, 0), -EADDRINUSE);
    uint16_t port = claims[0][77].local.port;
    ip_ports_unbind(&t->ports, &claims[0][77]);
    cr_assert_eq(bind_at(t, &one, IPV4_ANY, 0), -EADDRINUSE, "the other address has it still");
    for (size_t i = 0; i < IP_PORTS_COUNT; i++) {
        if (claims[1][i].local.port == port) {
            ip_ports_unbind(&t->ports, &claims[1][i]);
        }
    }
    cr_assert_eq(bind_at(t, &one, IPV4_ANY, 0), 0);
    cr_assert_eq(one.local.port, port, "the only one there is");
    cr_assert_eq(bind_at(t, &claims[0][77], OUR_IP, 0), -EADDRINUSE, "the wildcard has it");
    ip_ports_unbind(&t->ports, &one);
    give_all(t, claims[0]);
    give_all(t, claims[1]);
    take_all(t, claims[2], IPV4_ANY);
    cr_assert_eq(bind_at(t, &one, OUR_IP, 0), -EADDRINUSE);
    give_all(t, claims[2]);
    for (size_t i = 0; i < ARRAY_LEN(claims); i++) {
        free(claims[i]);
    }
    close_ports(t);
}

/* TIME-WAIT keeps a port of its own address from being drawn. */
Test(ip_ports, waits_count_by_address) {
    struct table_rig *t = open_ports();
    struct tapir_endpoint wait = at(OUR_IP, TAPIR_PORT_FIRST);
    struct ip_ports_claim *claims = many();
    struct ip_ports_claim other = {0};
    cr_assert_eq(ip_ports_wait(&t->ports, &wait), 0);
    cr_assert_eq(bind_at(t, &other, OUR_IP, TAPIR_PORT_FIRST), -EADDRINUSE);
    cr_assert_eq(bind_at(t, &other, IPV4_ANY, TAPIR_PORT_FIRST), -EADDRINUSE);
    cr_assert_eq(bind_at(t, &other, THIRD_IP, TAPIR_PORT_FIRST), 0);
    for (size_t i = 1; i < IP_PORTS_COUNT; i++) {
        cr_assert_eq(bind_at(t, &claims[i], OUR_IP, 0), 0);
    }
    cr_assert_eq(bind_at(t, &claims[0], OUR_IP, 0), -EADDRINUSE);
    ip_ports_wait_over(&t->ports, &wait);
    cr_assert_eq(bind_at(t, &claims[0], OUR_IP, 0), 0);
    cr_assert_eq(claims[0].local.port, TAPIR_PORT_FIRST);
    ip_ports_unbind(&t->ports, &other);
    give_all(t, claims);
    free(claims);
    close_ports(t);
}

/* N2: with most of them taken, each of those that are left may still be next. */
Test(ip_ports, N2_few_left_are_drawn_unpredictably) {
    enum { LEFT = 16, ROUNDS = 2000 };
    struct table_rig *t = open_ports();
    struct ip_ports_claim *claims = many();
    struct ip_ports_claim one = {0};
    unsigned drawn[LEFT] = {0};
    take_all(t, claims, OUR_IP);
    for (size_t i = 0; i < LEFT; i++) { /* far from each other */
        for (size_t k = 0; k < IP_PORTS_COUNT; k++) {
            if (claims[k].local.port == TAPIR_PORT_FIRST + i * (IP_PORTS_COUNT / LEFT)) {
                ip_ports_unbind(&t->ports, &claims[k]);
            }
        }
    }
    for (unsigned i = 0; i < ROUNDS; i++) {
        cr_assert_eq(bind_at(t, &one, OUR_IP, 0), 0);
        drawn[(one.local.port - TAPIR_PORT_FIRST) / (IP_PORTS_COUNT / LEFT)]++;
        ip_ports_unbind(&t->ports, &one);
    }
    for (size_t i = 0; i < LEFT; i++) {
        cr_assert(drawn[i] > ROUNDS / LEFT / 2 && drawn[i] < ROUNDS / LEFT * 2, "%zu: %u", i, drawn[i]);
    }
    give_all(t, claims);
    free(claims);
    close_ports(t);
}

/* ---- for a connection ---- */

/* The ports that have a flow already. */
struct flows {
    bool taken[IP_PORTS_COUNT];
};

static bool fits(const void *ctx, const struct tapir_endpoint *local) {
    const struct flows *flows = ctx;
    return !flows->taken[local->port - TAPIR_PORT_FIRST];
}

static int connect_from(struct table_rig *t, struct ip_ports_claim *claim, struct flows *flows) {
    struct tapir_endpoint local = at(OUR_IP, 0);
    uint64_t before = t->ports.steps;
    int rc = ip_ports_bind_for(&t->ports, claim, &local, (uint32_t)core_random(&t->core), fits, flows);
    cr_assert_leq(t->ports.steps - before, BIND_FOR_STEPS_MAX);
    if (rc == 0) {
        cr_assert(fits(flows, &claim->local));
        flows->taken[claim->local.port - TAPIR_PORT_FIRST] = true;
    }
    return rc;
}

/* D7, Z6: to one destination the last port is found, and that there is none. */
Test(ip_ports, Z6_all_ports_to_one_destination) {
    struct table_rig *t = open_ports();
    static struct flows flows;
    struct ip_ports_claim *claims = many();
    struct ip_ports_claim more = {0};
    for (size_t i = 0; i < IP_PORTS_COUNT; i++) {
        cr_assert_eq(connect_from(t, &claims[i], &flows), 0);
    }
    cr_assert_eq(connect_from(t, &more, &flows), -EADDRNOTAVAIL);
    give_all(t, claims);
    free(claims);
    close_ports(t);
}

/* To a second destination the same ports serve again: all but the last hundredth for certain. */
Test(ip_ports, Z6_ports_shared_among_destinations) {
    struct table_rig *t = open_ports();
    static struct flows flows[2];
    struct ip_ports_claim *claims[] = {many(), many()};
    for (size_t i = 0; i < IP_PORTS_COUNT; i++) {
        cr_assert_eq(connect_from(t, &claims[0][i], &flows[0]), 0);
    }
    size_t found = 0;
    while (found < IP_PORTS_COUNT && connect_from(t, &claims[1][found], &flows[1]) == 0) {
        found++;
    }
    cr_assert_geq(found, IP_PORTS_COUNT / 100 * 99);
    give_all(t, claims[0]);
    give_all(t, claims[1]);
    free(claims[0]);
    free(claims[1]);
    close_ports(t);
}

/* D11: without memory nothing is claimed, and what is renamed stays. */
Test(ip_ports, D11_memory_runs_out) {
    for (uint64_t k = 1; k <= 2; k++) {
        struct table_rig *t = open_ports();
        struct ip_ports_claim claim = {0}, other = {0};
        struct tapir_endpoint wait = at(OUR_IP, TAPIR_PORT_FIRST);
        struct tapir_addr third = addr_of_ipv4(THIRD_IP);
        t->env.fail_at = t->env.allocations + k;
        cr_assert_eq(bind_at(t, &claim, OUR_IP, TAPIR_PORT_FIRST), -ENOBUFS);
        cr_assert(!ip_ports_bound(&claim));
        t->env.fail_at = t->env.allocations + k;
        cr_assert_eq(bind_at(t, &claim, OUR_IP, 0), -ENOBUFS);
        t->env.fail_at = t->env.allocations + k;
        cr_assert_eq(ip_ports_wait(&t->ports, &wait), -ENOBUFS);
        cr_assert_eq(bind_at(t, &claim, OUR_IP, TAPIR_PORT_FIRST), 0);
        t->env.fail_at = t->env.allocations + k;
        ip_ports_rename(&t->ports, &claim, &third, 1);
        cr_assert_eq(bind_at(t, &other, OUR_IP, TAPIR_PORT_FIRST), -EADDRINUSE, "seen where it was");
        ip_ports_unbind(&t->ports, &claim);
        close_ports(t);
    }
}
