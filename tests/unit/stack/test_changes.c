/* Interfaces, addresses and routes that change between any two events of a flow (Z7). */
#include "pair.h"

#include "stack.h"

#define GATEWAY_IPV4 IPV4(10, 0, 0, 2)
#define OTHER_GATEWAY_IPV4 IPV4(10, 0, 0, 3) /* b as well */
#define GROUP_IPV4 IPV4(239, 1, 1, 1)
#define UDP_PORT 7
#define RAW_PROTOCOL 200
#define LO 0
#define TAP 1
#define KINDS 5           /* of datagrams */
#define DATAGRAM_EVERY 16 /* moments */
#define LOCAL_BYTES 20000

/* What changes, and how it becomes as it was. */
struct change {
    const char *name;
    void (*make)(struct pair *p, int host);
    void (*undo)(struct pair *p, int host);
    int hosts; /* a alone, or each of both */
};

/* One run: the change is made at moment `at` and undone `gap` moments, or gap_us, later. */
struct run {
    const struct change *change;
    int host;
    unsigned at, gap, moment;
    uint64_t gap_us, made_us;
    bool made, undone, over; /* ...or the run is */
    tapir_sock udp[2], raw[2], ping;
    unsigned turn;                      /* which of the datagrams is next */
    unsigned echoed, pongs, raws, news; /* datagrams that came, by kind */
};

static struct tapir_stack *stack_of(const struct pair *p, int host) { return p->hosts[host].stack; }

/* ---- changes ---- */

static void down(struct pair *p, int host) {
    cr_assert_eq(tapir_netif_set_up(stack_of(p, host), TAP, false, pair_clock(p, host)), 0);
}

static void up(struct pair *p, int host) {
    cr_assert_eq(tapir_netif_set_up(stack_of(p, host), TAP, true, pair_clock(p, host)), 0);
}

static void remove_address(struct pair *p, int host) {
    struct tapir_addr own = pair_address(p, host);
    cr_assert_eq(tapir_netif_remove_address(stack_of(p, host), TAP, &own), 0);
}

static void add_address(struct pair *p, int host) {
    struct tapir_addr own = pair_address(p, host);
    cr_assert_eq(tapir_netif_add_address(stack_of(p, host), TAP, &own, host == 0 ? 24 : 32, false, pair_clock(p, host)),
                 0);
}

static void readdress(struct pair *p, int host) {
    remove_address(p, host);
    add_address(p, host);
}

static void add_second_address(struct pair *p, int host) {
    struct tapir_addr second = addr_of_ipv4(IPV4(10, 0, 0, 77));
    cr_assert_eq(tapir_netif_add_address(stack_of(p, host), TAP, &second, 24, true, pair_clock(p, host)), 0);
}

static void remove_second_address(struct pair *p, int host) {
    struct tapir_addr second = addr_of_ipv4(IPV4(10, 0, 0, 77));
    cr_assert_eq(tapir_netif_remove_address(stack_of(p, host), TAP, &second), 0);
}

static void narrow(struct pair *p, int host) { cr_assert_eq(tapir_netif_set_mtu(stack_of(p, host), TAP, 600), 0); }

static void widen(struct pair *p, int host) { cr_assert_eq(tapir_netif_set_mtu(stack_of(p, host), TAP, 1500), 0); }

static void remove_route(struct pair *p, int host) {
    struct tapir_addr far = addr_of_ipv4(PAIR_FAR_IPV4);
    struct tapir_addr gateway = addr_of_ipv4(GATEWAY_IPV4);
    (void)host;
    cr_assert_eq(tapir_route_remove(stack_of(p, 0), TAP, &far, 32, &gateway), 0);
}

static void add_route(struct pair *p, int host) {
    struct tapir_addr far = addr_of_ipv4(PAIR_FAR_IPV4);
    struct tapir_addr gateway = addr_of_ipv4(GATEWAY_IPV4);
    (void)host;
    cr_assert_eq(tapir_route_add(stack_of(p, 0), TAP, &far, 32, &gateway, 0), 0);
}

static void change_gateway(struct pair *p, int host) {
    struct tapir_addr far = addr_of_ipv4(PAIR_FAR_IPV4);
    struct tapir_addr gateway = addr_of_ipv4(OTHER_GATEWAY_IPV4);
    remove_route(p, host);
    cr_assert_eq(tapir_route_add(stack_of(p, 0), TAP, &far, 32, &gateway, 0), 0);
}

static void change_gateway_back(struct pair *p, int host) {
    struct tapir_addr far = addr_of_ipv4(PAIR_FAR_IPV4);
    struct tapir_addr gateway = addr_of_ipv4(OTHER_GATEWAY_IPV4);
    cr_assert_eq(tapir_route_remove(stack_of(p, 0), TAP, &far, 32, &gateway), 0);
    add_route(p, host);
}

static const struct change changes[] = {
    {"down", down, up, 2},
    {"address", remove_address, add_address, 2},
    {"address at once", readdress, readdress, 2},
    {"second address", add_second_address, remove_second_address, 2},
    {"mtu", narrow, widen, 2},
    {"route", remove_route, add_route, 1},
    {"gateway", change_gateway, change_gateway_back, 1},
};

/* ---- datagrams beside the connection: each kind of socket keeps a path, a group or a queue ---- */

static void send_datagram(struct pair *p, int host, tapir_sock sock, const struct tapir_endpoint *to, size_t len) {
    static uint8_t bytes[3000] = {8};
    struct tapir_iovec iov = {.base = bytes, .len = len};
    struct tapir_msg msg = {.iov = &iov, .iov_count = 1, .has_peer = true, .peer = *to};
    (void)tapir_sock_send(stack_of(p, host), sock, &msg, 0, pair_clock(p, host));
}

/* Takes one datagram of the socket; 0 bytes: there was none. */
static size_t receive(struct pair *p, int host, tapir_sock sock, struct tapir_endpoint *from) {
    uint8_t bytes[4000];
    struct tapir_iovec iov = {.base = bytes, .len = sizeof bytes};
    struct tapir_msg msg = {.iov = &iov, .iov_count = 1};
    int64_t got = tapir_sock_recv(stack_of(p, host), sock, &msg, 0, pair_clock(p, host));
    *from = msg.peer;
    return got > 0 ? (size_t)got : 0;
}

static void open_datagrams(struct pair *p, struct run *run) {
    struct tapir_addr group = addr_of_ipv4(GROUP_IPV4);
    for (int host = 0; host < 2; host++) {
        const struct tapir_endpoint any = {.port = UDP_PORT};
        cr_assert_eq(tapir_sock_open(stack_of(p, host), TAPIR_SOCK_DGRAM, 0, &run->udp[host]), 0);
        cr_assert_eq(tapir_sock_bind(stack_of(p, host), run->udp[host], &any), 0);
        cr_assert_eq(tapir_sock_set(stack_of(p, host), run->udp[host], TAPIR_OPT_MTU_DISCOVER, 0, 0), 0);
        cr_assert_eq(tapir_sock_join(stack_of(p, host), run->udp[host], &group, TAP, pair_clock(p, host)), 0);
        cr_assert_eq(tapir_sock_set(stack_of(p, host), run->udp[host], TAPIR_OPT_RECVERR, 1, 0), 0);
        cr_assert_eq(tapir_sock_open(stack_of(p, host), TAPIR_SOCK_RAW, RAW_PROTOCOL, &run->raw[host]), 0);
    }
    cr_assert_eq(tapir_sock_open(stack_of(p, 0), TAPIR_SOCK_PING, 0, &run->ping), 0);
}

static void close_datagrams(struct pair *p, struct run *run) {
    for (int host = 0; host < 2; host++) {
        cr_assert_eq(tapir_sock_close(stack_of(p, host), run->udp[host], pair_clock(p, host)), 0);
        cr_assert_eq(tapir_sock_close(stack_of(p, host), run->raw[host], pair_clock(p, host)), 0);
    }
    cr_assert_eq(tapir_sock_close(stack_of(p, 0), run->ping, pair_clock(p, 0)), 0);
}

/* One kind of datagram after the other: whole, in fragments, to a group, raw, and a ping. */
static void send_one(struct pair *p, struct run *run) {
    const struct tapir_endpoint b = {.addr = pair_address(p, 1), .port = UDP_PORT};
    const struct tapir_endpoint group = {.addr = addr_of_ipv4(GROUP_IPV4), .port = UDP_PORT};
    switch (run->turn++ % KINDS) {
    case 0:
        send_datagram(p, 0, run->udp[0], &b, 100);
        break;
    case 1:
        send_datagram(p, 0, run->udp[0], &b, 3000);
        break;
    case 2:
        send_datagram(p, 1, run->udp[1], &group, 200);
        break;
    case 3:
        send_datagram(p, 0, run->raw[0], &b, 20);
        break;
    case 4:
        send_datagram(p, 0, run->ping, &b, 16);
        break;
    }
}

static void take_all(struct pair *p, struct run *run) {
    struct tapir_endpoint from;
    for (size_t len = receive(p, 1, run->udp[1], &from); len > 0; len = receive(p, 1, run->udp[1], &from)) {
        if (len != 200) { /* what it sent to the group comes back to it as well */
            send_datagram(p, 1, run->udp[1], &from, len);
        }
    }
    for (size_t len = receive(p, 0, run->udp[0], &from); len > 0; len = receive(p, 0, run->udp[0], &from)) {
        run->news += len == 200;
        run->echoed += len != 200;
    }
    while (receive(p, 0, run->ping, &from) > 0) {
        run->pongs++;
    }
    while (receive(p, 1, run->raw[1], &from) > 0) {
        run->raws++;
    }
}

/* What asks for the path beside sending. */
static void look(struct pair *p) {
    for (int host = 0; host < 2; host++) {
        struct tapir_tcp_info info;
        int64_t value;
        if (p->hosts[host].sock != 0) {
            cr_assert_eq(tapir_sock_tcp_info(stack_of(p, host), p->hosts[host].sock, &info, pair_clock(p, host)), 0);
            (void)tapir_sock_get(stack_of(p, host), p->hosts[host].sock, TAPIR_OPT_MTU, &value);
            (void)tapir_sock_get(stack_of(p, host), p->hosts[host].sock, TAPIR_OPT_OUT_BYTES, &value);
        }
    }
}

/* ---- the runs ---- */

static void make(struct pair *p, struct run *run) {
    run->made = true;
    run->made_us = p->now_us;
    run->change->make(p, run->host);
}

static void undo(struct pair *p, struct run *run) {
    run->undone = true;
    run->change->undo(p, run->host);
}

static void at_moment(struct pair *p) {
    struct run *run = p->config.between_ctx;
    if (run->over) {
        return;
    }
    if (!run->made && run->moment == run->at) {
        make(p, run);
    } else if (run->made && !run->undone && run->moment >= run->at + run->gap &&
               p->now_us >= run->made_us + run->gap_us) {
        undo(p, run);
    }
    if (run->moment % DATAGRAM_EVERY == 0) {
        look(p);
        send_one(p, run);
        take_all(p, run);
    }
    run->moment++;
}

/* What went wrong meanwhile was told, and is not to be told instead of sending. */
static void forget_errors(struct pair *p, int host, tapir_sock sock) {
    int64_t error;
    struct tapir_msg msg = {0};
    while (tapir_sock_recv(stack_of(p, host), sock, &msg, TAPIR_MSG_ERRQUEUE, pair_clock(p, host)) >= 0) {
    }
    cr_assert_eq(tapir_sock_get(stack_of(p, host), sock, TAPIR_OPT_ERROR, &error), 0);
}

/* All is as it was: so every kind of datagram arrives. */
static void verify(struct pair *p, struct run *run) {
    forget_errors(p, 0, run->udp[0]);
    forget_errors(p, 1, run->udp[1]);
    run->echoed = run->pongs = run->news = run->raws = 0;
    for (unsigned i = 0; i < 2 * KINDS; i++) {
        send_one(p, run);
        pair_wait(p, SECOND);
        take_all(p, run); /* b answers */
        pair_wait(p, SECOND);
        take_all(p, run);
    }
    cr_assert(run->echoed >= 4 && run->pongs >= 2 && run->news >= 2 && run->raws >= 2,
              "%s of host %d at %u: %u %u %u %u", run->change->name, run->host, run->at, run->echoed, run->pongs,
              run->news, run->raws);
}

/* A whole flow with one change in it; false: it was over before the change was due. */
static bool run_one(struct run run) {
    struct pair_config config = {.seed = 1,
                                 .delay_us = 300,
                                 .bytes = {9000, 4000},
                                 .far = true,
                                 .between = at_moment,
                                 .between_ctx = &run,
                                 .patience_us = 60 * SECOND};
    struct pair *p = pair_open(&config);
    struct tapir_addr gateway = addr_of_ipv4(OTHER_GATEWAY_IPV4);
    cr_assert_neq(p, NULL);
    run.over = true;
    cr_assert_eq(tapir_netif_add_address(stack_of(p, 1), TAP, &gateway, 24, false, pair_clock(p, 1)), 0);
    open_datagrams(p, &run);
    cr_assert(pair_connect(p));
    run.over = false;
    cr_assert(pair_transfer(p), "%s of host %d at %u", run.change->name, run.host, run.at);
    pair_wait(p, SECOND); /* TIME-WAIT has begun */
    run.over = true;
    if (run.made && !run.undone) {
        undo(p, &run);
    }
    pair_wait(p, 5 * SECOND);
    verify(p, &run);
    close_datagrams(p, &run);
    pair_close(p);
    return run.made;
}

static void run_all(unsigned gap, uint64_t gap_us) {
    for (size_t c = 0; c < ARRAY_LEN(changes); c++) {
        for (int host = 0; host < changes[c].hosts; host++) {
            unsigned at = 0;
            while (run_one((struct run){.change = &changes[c], .host = host, .at = at, .gap = gap, .gap_us = gap_us})) {
                at++;
            }
            cr_assert_gt(at, 100); /* the flow has so many moments */
        }
    }
}

Test(stack_changes, Z7_for_one_event) { run_all(1, 0); }
Test(stack_changes, Z7_for_three_events) { run_all(3, 0); }
Test(stack_changes, Z7_for_a_second) { run_all(1, SECOND); }

/* ---- a host that talks to itself ---- */

/* One stack whose connection to itself loses its interface, or its address, at one of its moments. */
struct local {
    struct test_env env;
    struct tapir_stack *stack;
    uint64_t now_us;
    struct tapir_addr own; /* of lo, or of the TAP: both lead through lo */
    int netif;             /* whose address it is */
    bool takes_address;    /* the change is that of the address */
    unsigned at, moment;
    tapir_sock listener, client, server;
    size_t sent[2], received[2];
};

static void change_locally(struct local *l, bool back) {
    if (!l->takes_address) {
        cr_assert_eq(tapir_netif_set_up(l->stack, LO, back, l->now_us), 0);
    } else if (back) {
        cr_assert_eq(tapir_netif_add_address(l->stack, l->netif, &l->own, 8, false, l->now_us), 0);
    } else {
        cr_assert_eq(tapir_netif_remove_address(l->stack, l->netif, &l->own), 0);
    }
}

static void local_moment(struct local *l) {
    if (l->moment == l->at || l->moment == l->at + 2) {
        change_locally(l, l->moment != l->at);
    }
    l->moment++;
}

static void local_exchange(struct local *l, int side, tapir_sock sock) {
    uint8_t bytes[2000] = {0};
    struct tapir_iovec iov = {.base = bytes, .len = sizeof bytes};
    struct tapir_msg msg = {.iov = &iov, .iov_count = 1};
    if (sock == 0) {
        return;
    }
    int64_t got = tapir_sock_recv(l->stack, sock, &msg, 0, l->now_us);
    cr_assert(got > 0 || got == -EAGAIN);
    l->received[side] += got > 0 ? (size_t)got : 0;
    if (l->sent[side] < LOCAL_BYTES) {
        int64_t taken = tapir_sock_send(l->stack, sock, &msg, 0, l->now_us);
        l->sent[side] += taken > 0 ? (size_t)taken : 0;
    }
}

static bool local_done(const struct local *l) { return l->received[0] >= LOCAL_BYTES && l->received[1] >= LOCAL_BYTES; }

static void local_step(struct local *l) {
    struct tapir_endpoint peer;
    struct tapir_out out;
    local_moment(l);
    tapir_stack_tick(l->stack, l->now_us);
    local_moment(l);
    while (tapir_stack_output(l->stack, TAP, &out, l->now_us) == 1) {
    }
    if (l->server == 0) {
        (void)tapir_sock_accept(l->stack, l->listener, &l->server, &peer, l->now_us);
    }
    local_moment(l);
    local_exchange(l, 0, l->client);
    local_moment(l);
    local_exchange(l, 1, l->server);
    uint64_t next_us = tapir_stack_deadline(l->stack);
    l->now_us = next_us == TAPIR_NEVER ? l->now_us + SECOND : max_u64(next_us, l->now_us + 1);
}

static void local_open(struct local *l) {
    const struct tapir_netif_config tap = {.name = "tap0", .mac = {2, 0, 0, 0, 0, 1}, .mtu_bytes = 1500};
    struct tapir_endpoint to = {.addr = l->own, .port = 80};
    test_env_init(&l->env);
    l->now_us = SECOND;
    l->stack = tapir_stack_create(&l->env.env, 0, l->now_us);
    cr_assert_eq(tapir_netif_add(l->stack, &tap), TAP);
    if (l->netif == TAP) {
        cr_assert_eq(tapir_netif_add_address(l->stack, TAP, &l->own, 8, false, l->now_us), 0);
    }
    cr_assert_eq(tapir_sock_open(l->stack, TAPIR_SOCK_STREAM, 0, &l->listener), 0);
    cr_assert_eq(tapir_sock_bind(l->stack, l->listener, &to), 0);
    cr_assert_eq(tapir_sock_listen(l->stack, l->listener, 4, l->now_us), 0);
    cr_assert_eq(tapir_sock_open(l->stack, TAPIR_SOCK_STREAM, 0, &l->client), 0);
    cr_assert_eq(tapir_sock_connect(l->stack, l->client, &to, l->now_us), -EINPROGRESS);
}

/* False: the flow was over before the change was due. */
static bool local_run(struct local l) {
    local_open(&l);
    for (unsigned i = 0; i < 2000 && !local_done(&l); i++) {
        local_step(&l);
    }
    cr_assert(local_done(&l), "at %u: %zu and %zu bytes came", l.at, l.received[0], l.received[1]);
    tapir_stack_destroy(l.stack);
    cr_assert_eq(l.env.live_blocks, 0);
    return l.moment > l.at;
}

Test(stack_changes, Z7_of_the_loopback) {
    const struct local kinds[] = {{.own = addr_of_ipv4(IPV4_LOOPBACK), .netif = LO},
                                  {.own = addr_of_ipv4(IPV4(10, 0, 0, 1)), .netif = TAP},
                                  {.own = addr_of_ipv4(IPV4(10, 0, 0, 1)), .netif = TAP, .takes_address = true}};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct local l = kinds[i];
        while (local_run(l)) {
            l.at++;
        }
        cr_assert_gt(l.at, 20);
    }
}

/* An interface that was down has other routers, who are told of the groups (RFC 3376 5.1); one that was not, has not. */
Test(stack_changes, groups_are_told_again) {
    struct pair *p = pair_open(&(const struct pair_config){.seed = 1});
    struct run run = {0};
    open_datagrams(p, &run);
    pair_wait(p, 5 * SECOND);
    const struct tapir_counters *counters = tapir_stack_counters(stack_of(p, 0));
    uint64_t before = counters->igmp_out;
    up(p, 0);
    pair_wait(p, 5 * SECOND);
    cr_assert_eq(counters->igmp_out, before);
    down(p, 0);
    pair_wait(p, 5 * SECOND);
    up(p, 0);
    pair_wait(p, 5 * SECOND);
    cr_assert_eq(counters->igmp_out, before + 2);
    close_datagrams(p, &run);
    pair_close(p);
}
