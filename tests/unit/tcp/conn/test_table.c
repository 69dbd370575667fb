/* Ports and tuples: ephemeral ports (N2), SO_REUSEADDR and SO_REUSEPORT, listeners by how well they fit (D13). */
#include "support/tcp_bench.h"

#include "tcp/conn/table.h"

static const struct tcp_bench_config plain = {.active = true};

static tapir_sock bound(struct tcp_bench *b, uint32_t ipv4, uint16_t port, bool reuseaddr, bool reuseport, int *rc) {
    tapir_sock sock = tcp_bench_socket(b, 0);
    struct tapir_endpoint local = {.port = port};
    if (ipv4 != 0) {
        local.addr = addr_of_ipv4(ipv4);
    }
    cr_assert_eq(tapir_sock_set(b->stack, sock, TAPIR_OPT_REUSEADDR, reuseaddr, b->now_us), 0);
    cr_assert_eq(tapir_sock_set(b->stack, sock, TAPIR_OPT_REUSEPORT, reuseport, b->now_us), 0);
    *rc = tapir_sock_bind(b->stack, sock, &local);
    return sock;
}

/* Two binds to one port, as on Linux: who may share. */
Test(tcp_table, sharing_a_port) {
    static const struct {
        uint32_t first, second;
        bool addr1, port1, addr2, port2, listening;
        int rc;
    } rows[] = {
        {0, 0, false, false, false, false, false, -EADDRINUSE},
        {0, 0, true, false, true, false, false, 0},
        {0, 0, true, false, true, false, true, -EADDRINUSE},
        {0, 0, true, false, false, false, false, -EADDRINUSE},
        {0, 0, false, true, false, true, true, 0},
        {0, 0, false, true, true, false, false, -EADDRINUSE},
        {BENCH_OUR_IPV4, IPV4_LOOPBACK, false, false, false, false, true, 0},
        {BENCH_OUR_IPV4, 0, false, false, false, false, false, -EADDRINUSE},
        {BENCH_OUR_IPV4, 0, true, false, true, false, false, 0},
        {0, BENCH_OUR_IPV4, false, false, false, false, false, -EADDRINUSE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct tcp_bench *b = tcp_bench_new(&plain);
        int rc;
        b->sock = bound(b, rows[i].first, 80, rows[i].addr1, rows[i].port1, &rc);
        cr_assert_eq(rc, 0);
        if (rows[i].listening) {
            cr_assert_eq(tapir_sock_listen(b->stack, b->sock, 1, b->now_us), 0);
        }
        b->listener = bound(b, rows[i].second, 80, rows[i].addr2, rows[i].port2, &rc);
        cr_assert_eq(rc, rows[i].rc, "row %zu", i);
        tcp_bench_free(b);
    }
}

Test(tcp_table, two_may_bind_but_one_listens) {
    struct tcp_bench *b = tcp_bench_new(&plain);
    int rc;
    b->sock = bound(b, 0, 80, true, false, &rc);
    b->listener = bound(b, 0, 80, true, false, &rc);
    cr_assert_eq(rc, 0);
    cr_assert_eq(tapir_sock_listen(b->stack, b->sock, 1, b->now_us), 0);
    cr_assert_eq(tapir_sock_listen(b->stack, b->listener, 1, b->now_us), -EADDRINUSE);
    tcp_bench_free(b);
}

Test(tcp_table, a_listener_that_fits_better_wins) {
    struct tcp_bench *b = tcp_bench_new(&plain);
    int rc;
    b->listener = bound(b, 0, BENCH_OUR_PORT, false, true, &rc);
    cr_assert_eq(tapir_sock_listen(b->stack, b->listener, 4, b->now_us), 0);
    b->sock = bound(b, BENCH_OUR_IPV4, BENCH_OUR_PORT, false, true, &rc);
    cr_assert_eq(rc, 0);
    cr_assert_eq(tapir_sock_listen(b->stack, b->sock, 4, b->now_us), 0);
    send_seg(b, .flags = F(SYN));
    expect(b, SEG_FLAGS(F(SYN) | F(ACK)));
    send_seg(b, .len = 0);
    tapir_sock child;
    struct tapir_endpoint peer;
    cr_assert_eq(tapir_sock_accept(b->stack, b->listener, &child, &peer, b->now_us), -EAGAIN);
    cr_assert_eq(tapir_sock_accept(b->stack, b->sock, &child, &peer, b->now_us), 0);
    tapir_sock_close(b->stack, child, b->now_us);
    tcp_bench_skip(b);
    tapir_sock_close(b->stack, b->sock, b->now_us);
    b->sock = 0;
    b->keeps_memory = true;
    tcp_bench_free(b);
}

/* SO_REUSEPORT: each gets its share, and the same peer port always the same listener. */
Test(tcp_table, sharers_share) {
    struct tcp_bench *b = tcp_bench_new(&plain);
    enum { SHARERS = 4, PORTS = 400 };
    tapir_sock socks[SHARERS];
    unsigned hits[SHARERS] = {0};
    int rc;
    for (unsigned i = 0; i < SHARERS; i++) {
        socks[i] = bound(b, 0, BENCH_OUR_PORT, false, true, &rc);
        cr_assert_eq(tapir_sock_listen(b->stack, socks[i], 1, b->now_us), 0);
    }
    for (uint16_t port = 1; port <= PORTS; port++) {
        struct tapir_endpoint local = {.addr = addr_of_ipv4(BENCH_OUR_IPV4), .port = BENCH_OUR_PORT};
        struct tapir_endpoint remote = {.addr = addr_of_ipv4(BENCH_PEER_IPV4), .port = port};
        struct tcp_listener *l = tcp_table_listener(&b->stack->tcp, &local, &remote, 1);
        cr_assert_eq(tcp_table_listener(&b->stack->tcp, &local, &remote, 1), l);
        for (unsigned i = 0; i < SHARERS; i++) {
            hits[i] += l->news.owner == socks[i];
        }
    }
    for (unsigned i = 0; i < SHARERS; i++) {
        cr_assert(hits[i] > PORTS / SHARERS / 2 && hits[i] < PORTS / SHARERS * 2, "%u hits", hits[i]);
        tapir_sock_close(b->stack, socks[i], b->now_us);
    }
    b->keeps_memory = true;
    tcp_bench_free(b);
}

/* N2: ports for one destination walk unpredictably; they stay in the range and collide with none in use. */
Test(tcp_table, N2_ephemeral_ports) {
    struct tcp_bench *b = tcp_bench_new(&plain);
    enum { COUNT = 300 };
    static tapir_sock socks[COUNT];
    static bool used[65536];
    uint16_t before = 0;
    unsigned steps[8] = {0};
    for (unsigned i = 0; i < COUNT; i++) {
        struct tapir_endpoint local;
        socks[i] = tcp_bench_socket(b, 0);
        cr_assert_eq(tcp_bench_connect(b, socks[i], BENCH_PEER_IPV4, 80), -EINPROGRESS);
        cr_assert_eq(tapir_sock_local(b->stack, socks[i], &local), 0);
        cr_assert(local.port >= TAPIR_PORT_FIRST && local.port <= TAPIR_PORT_LAST && !used[local.port]);
        used[local.port] = true;
        uint16_t step = (uint16_t)(local.port - before);
        if (i > 0 && step >= 1 && step <= 8) {
            steps[step - 1]++;
        }
        before = local.port;
        tcp_bench_skip(b);
    }
    for (unsigned i = 0; i < 8; i++) {
        cr_assert(steps[i] > 10, "a step of %u came %u times", i + 1, steps[i]);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        tapir_sock_close(b->stack, socks[i], b->now_us);
    }
    b->keeps_memory = true;
    tcp_bench_free(b);
}

/* N2: another destination starts somewhere else, and so does another boot. */
Test(tcp_table, N2_destinations_do_not_show_each_other) {
    uint16_t ports[4];
    for (unsigned i = 0; i < 4; i++) {
        struct tcp_bench_config config = {.active = true, .seed = i / 2};
        struct tcp_bench *b = tcp_bench_new(&config);
        struct tapir_endpoint local;
        b->sock = tcp_bench_socket(b, 0);
        cr_assert_eq(tcp_bench_connect(b, b->sock, i % 2 == 0 ? BENCH_PEER_IPV4 : BENCH_OTHER_IPV4, 80), -EINPROGRESS);
        cr_assert_eq(tapir_sock_local(b->stack, b->sock, &local), 0);
        ports[i] = local.port;
        tcp_bench_skip(b);
        tcp_bench_free(b);
    }
    cr_assert(ports[0] != ports[1] && ports[0] != ports[2] && ports[1] != ports[3] && ports[2] != ports[3]);
}

/* D7: when every port is taken, the answer is an error and not a hang. */
Test(tcp_table, D7_no_port_left) {
    struct tcp_bench *b = tcp_bench_new(&plain);
    struct tcp *tcp = &b->stack->tcp;
    static struct ip_ports_claim users[IP_PORTS_COUNT];
    struct tapir_endpoint local = {.addr = addr_of_ipv4(BENCH_OUR_IPV4)};
    for (unsigned i = 0; i < ARRAY_LEN(users); i++) {
        local.port = (uint16_t)(TAPIR_PORT_FIRST + i);
        cr_assert_eq(ip_ports_bind(&tcp->ports, &users[i], &local), 0);
        ip_ports_listen(&users[i], true);
    }
    struct ip_ports_claim one_more = {0};
    struct tapir_endpoint remote = {.addr = addr_of_ipv4(BENCH_PEER_IPV4), .port = 80};
    cr_assert_eq(tcp_table_bind_for(tcp, &one_more, &local, &remote, b->now_us), -EADDRNOTAVAIL);
    struct tapir_endpoint any = {0};
    cr_assert_eq(ip_ports_bind(&tcp->ports, &one_more, &any), -EADDRINUSE);
    tapir_sock sock = tcp_bench_socket(b, 0);
    cr_assert_eq(tcp_bench_connect(b, sock, BENCH_PEER_IPV4, 80), -EADDRNOTAVAIL);
    tapir_sock_close(b->stack, sock, b->now_us);
    for (unsigned i = 0; i < ARRAY_LEN(users); i++) {
        ip_ports_unbind(&tcp->ports, &users[i]);
    }
    cr_assert_eq(tcp->ports.places.used, 0);
    b->keeps_memory = true;
    tcp_bench_free(b);
}

/* D13: the tables are keyed: tuples that crowd a bucket under one key do not under another. */
Test(tcp_table, D13_the_hash_is_keyed) {
    uint64_t hashes[2][64];
    for (unsigned boot = 0; boot < 2; boot++) {
        struct tcp_bench_config config = {.seed = boot};
        struct tcp_bench *b = tcp_bench_listen(&config);
        b->keeps_memory = true;
        for (uint16_t i = 0; i < 32; i++) {
            send_seg(b, .flags = F(SYN), .from_port = (uint16_t)(1 + i), .stay = true);
            tcp_bench_skip(b);
        }
        uint32_t cursor = 0;
        struct table_node *node = NULL;
        unsigned count = 0;
        while ((node = table_walk(&b->stack->tcp.halves, &cursor, node)) != NULL && count < 64) {
            hashes[boot][count++] = node->hash;
        }
        cr_assert_eq(count, 32);
        tcp_bench_free(b);
    }
    for (unsigned i = 0; i < 32; i++) {
        for (unsigned k = 0; k < 32; k++) {
            cr_assert_neq(hashes[0][i], hashes[1][k]);
        }
    }
}

/* When every port has a user, a port still serves many destinations, each tuple once. */
Test(tcp_table, MUST_42_a_port_for_many_destinations) {
    struct tcp_bench *b = tcp_bench_new(&plain);
    struct tcp *tcp = &b->stack->tcp;
    static struct ip_ports_claim users[IP_PORTS_COUNT];
    struct tapir_endpoint local = {.addr = addr_of_ipv4(BENCH_OUR_IPV4)};
    struct tapir_endpoint ends[3];
    tapir_sock socks[3];
    for (unsigned i = 0; i < ARRAY_LEN(users); i++) {
        local.port = (uint16_t)(TAPIR_PORT_FIRST + i);
        cr_assert_eq(ip_ports_bind(&tcp->ports, &users[i], &local), 0);
    }
    for (unsigned i = 0; i < 3; i++) {
        socks[i] = tcp_bench_socket(b, 0);
        tcp->port_counter = 7; /* from the same start each time */
        cr_assert_eq(tcp_bench_connect(b, socks[i], BENCH_PEER_IPV4, 80), -EINPROGRESS);
        cr_assert_eq(tapir_sock_local(b->stack, socks[i], &ends[i]), 0);
    }
    cr_assert(ends[0].port != ends[1].port && ends[0].port != ends[2].port && ends[1].port != ends[2].port);
    for (unsigned i = 0; i < 3; i++) {
        tapir_sock_close(b->stack, socks[i], b->now_us);
    }
    for (unsigned i = 0; i < ARRAY_LEN(users); i++) {
        ip_ports_unbind(&tcp->ports, &users[i]);
    }
    tcp_bench_skip(b);
    b->keeps_memory = true;
    tcp_bench_free(b);
}
