/* Connections that have something to send: each has its turn, one frame at a time (HAZARDS D14). */
#include "pair.h"

enum { FLOWS = 200, FLOW_BYTES = 60000, HEADERS = 14 + 20 };

static void open_flows(struct pair *p, tapir_sock *flows) {
    struct tapir_stack *a = p->hosts[0].stack;
    struct tapir_endpoint to = {.addr = pair_address(p, 1), .port = PAIR_PORT_B};
    struct tapir_endpoint port = {.port = PAIR_PORT_B};
    pair_wait(p, 5 * SECOND);
    cr_assert_eq(tapir_sock_open(p->hosts[1].stack, TAPIR_SOCK_STREAM, 0, &p->hosts[1].listener), 0);
    cr_assert_eq(tapir_sock_bind(p->hosts[1].stack, p->hosts[1].listener, &port), 0);
    cr_assert_eq(tapir_sock_listen(p->hosts[1].stack, p->hosts[1].listener, FLOWS, p->now_us), 0);
    for (unsigned i = 0; i < FLOWS; i++) {
        cr_assert_eq(tapir_sock_open(a, TAPIR_SOCK_STREAM, 0, &flows[i]), 0);
        cr_assert_eq(tapir_sock_connect(a, flows[i], &to, p->now_us), -EINPROGRESS);
    }
    pair_wait(p, 10 * SECOND); /* more than may wait for a neighbour have to ask again */
}

static void write_all(struct pair *p, const tapir_sock *flows) {
    static uint8_t bytes[FLOW_BYTES];
    struct tapir_iovec iov = {.base = bytes, .len = sizeof bytes};
    struct tapir_msg msg = {.iov = &iov, .iov_count = 1};
    for (unsigned i = 0; i < FLOWS; i++) {
        cr_assert_eq(tapir_sock_send(p->hosts[0].stack, flows[i], &msg, 0, p->now_us), FLOW_BYTES);
    }
}

Test(stack_line, D14_each_has_its_turn) {
    struct pair_config config = {.seed = 1, .delay_us = MS};
    struct pair *p = pair_open(&config);
    tapir_sock flows[FLOWS];
    open_flows(p, flows);
    write_all(p, flows);
    unsigned frames[65536] = {0};                 /* by source port */
    for (unsigned turn = 1; turn <= 10; turn++) { /* the initial window */
        for (unsigned i = 0; i < FLOWS; i++) {
            struct tapir_out out;
            cr_assert_eq(tapir_stack_output(p->hosts[0].stack, 1, &out, p->now_us), 1);
            const uint8_t *tcp = (const uint8_t *)out.header + HEADERS;
            frames[tcp[0] << 8 | tcp[1]]++;
        }
        for (unsigned port = 0; port < ARRAY_LEN(frames); port++) {
            cr_assert(frames[port] == 0 || frames[port] == turn, "port %u has had %u turns of %u", port, frames[port],
                      turn);
        }
    }
    for (unsigned i = 0; i < FLOWS; i++) {
        tapir_sock_set(p->hosts[0].stack, flows[i], TAPIR_OPT_LINGER, 0, p->now_us);
        tapir_sock_close(p->hosts[0].stack, flows[i], p->now_us);
    }
    pair_wait(p, SECOND);
    pair_close(p);
}
