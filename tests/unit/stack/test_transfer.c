/* Whole transfers between two stacks over bad links: every byte arrives once and in order, from many seeds. */
#include "pair.h"

#include "tcp/conn/owe.h"
#include "tcp/conn/table.h"

static void run_seeds(struct pair_config config, uint64_t seeds) {
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        config.seed = seed;
        pair_close(pair_run(&config));
    }
}

Test(stack_transfer, a_good_link) {
    struct pair_config config = {.seed = 1, .delay_us = 500, .bytes = {1000000, 300000}};
    struct pair *p = pair_run(&config);
    for (int i = 0; i < 2; i++) { /* nothing was sent for nothing */
        cr_assert_eq(p->hosts[i].stack->core.counters.tcp_retransmits, 0);
        cr_assert_eq(p->hosts[i].stack->core.counters.tcp_rto, 0);
    }
    pair_close(p);
}

Test(stack_transfer, T11_loss_with_numbers_that_wrap) {
    static const uint32_t isses[] = {0, 0x7fffffff - 30000, 0xffffffff - 30000, 0xffffffff, 0x80000000};
    for (size_t i = 0; i < ARRAY_LEN(isses) * ARRAY_LEN(isses); i++) {
        struct pair_config config = {.seed = i + 1,
                                     .loss = 30,
                                     .repeat = 20,
                                     .reorder = 50,
                                     .delay_us = 5 * MS,
                                     .bytes = {120000, 60000},
                                     .has_iss = true,
                                     .iss = {isses[i % ARRAY_LEN(isses)], isses[i / ARRAY_LEN(isses)]}};
        pair_close(pair_run(&config));
    }
}

Test(stack_transfer, T11_timestamps_that_wrap) {
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct pair_config config = {.seed = seed,
                                     .loss = 30,
                                     .delay_us = 20 * MS,
                                     .bytes = {200000, 50000},
                                     .has_tsval = true,
                                     .tsval = {0xffffffff - 100, 0xffffffff - 300}};
        pair_close(pair_run(&config));
    }
}

Test(stack_transfer, heavy_loss) {
    run_seeds((struct pair_config){.loss = 200, .delay_us = 10 * MS, .bytes = {50000, 20000}}, 15);
}

Test(stack_transfer, reordering_alone_costs_little) {
    run_seeds((struct pair_config){.reorder = 300, .delay_us = 10 * MS, .bytes = {200000, 50000}}, 6);
}

Test(stack_transfer, everything_twice) {
    run_seeds((struct pair_config){.repeat = 1000, .delay_us = 3 * MS, .bytes = {100000, 100000}}, 4);
}

Test(stack_transfer, super_segments_over_a_bad_link) {
    run_seeds((struct pair_config){.loss = 30,
                                   .repeat = 30,
                                   .reorder = 30,
                                   .delay_us = 2 * MS,
                                   .caps = TAPIR_CAP_CSUM | TAPIR_CAP_TSO4,
                                   .bytes = {1000000, 200000}},
              12);
}

/* S14, MUST-36: small buffers, readers that sleep, windows that shut on both sides, and frames that get lost: probes
 * and their answers among them. */
Test(stack_transfer, MUST_36_S14_sleepy_readers_on_a_bad_link) {
    run_seeds((struct pair_config){.loss = 100,
                                   .reorder = 50,
                                   .delay_us = 5 * MS,
                                   .bytes = {60000, 60000},
                                   .rcvbuf_bytes = {8192, 8192},
                                   .nap_us = {700 * MS, 1100 * MS}},
              25);
}

Test(stack_transfer, a_tiny_mtu) {
    run_seeds((struct pair_config){.loss = 50, .delay_us = 1 * MS, .mtu_bytes = 100, .bytes = {5000, 5000}}, 4);
}

Test(stack_transfer, jumbo_frames) {
    run_seeds((struct pair_config){.loss = 50, .delay_us = 1 * MS, .mtu_bytes = 9000, .bytes = {500000, 100000}}, 4);
}

Test(stack_transfer, a_long_fat_pipe) {
    struct pair_config config = {
        .seed = 3, .loss = 1, .delay_us = 100 * MS, .caps = TAPIR_CAP_CSUM | TAPIR_CAP_TSO4, .bytes = {8000000, 0}};
    pair_close(pair_run(&config));
}

/* S8, MUST-10: both ends open at once over a link that delays. */
Test(stack_transfer, S8_MUST_10_simultaneous_open) {
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct pair_config config = {
            .seed = seed, .loss = seed > 5 ? 200 : 0, .delay_us = 30 * MS, .bytes = {20000, 20000}};
        struct pair *p = pair_open(&config);
        pair_wait(p, 10 * SECOND);
        for (int i = 0; i < 2; i++) {
            struct tapir_endpoint ends[2] = {{.addr = addr_of_ipv4(IPV4(10, 0, 0, 1)), .port = PAIR_PORT_A},
                                             {.addr = addr_of_ipv4(IPV4(10, 0, 0, 2)), .port = PAIR_PORT_B}};
            struct pair_host *host = &p->hosts[i];
            cr_assert_eq(tapir_sock_open(host->stack, TAPIR_SOCK_STREAM, 0, &host->sock), 0);
            cr_assert_eq(tapir_sock_bind(host->stack, host->sock, &ends[i]), 0);
            cr_assert_eq(tapir_sock_connect(host->stack, host->sock, &ends[1 - i], p->now_us), -EINPROGRESS);
        }
        cr_assert(pair_transfer(p));
        cr_assert_eq(p->hosts[0].stack->core.counters.tcp_established, 1);
        cr_assert_eq(p->hosts[1].stack->core.counters.tcp_established, 1);
        pair_close(p);
    }
}

/* S6: two ends whose numbers do not agree: an hour without a storm. */
Test(stack_transfer, S6_desynchronized_ends) {
    struct pair_config config = {.seed = 1, .delay_us = 1 * MS, .bytes = {10, 10}, .may_fail = true};
    struct pair *p = pair_open(&config);
    cr_assert(pair_connect(p));
    pair_wait(p, SECOND);
    struct tapir_endpoint ends[2] = {{.addr = addr_of_ipv4(IPV4(10, 0, 0, 1)), .port = PAIR_PORT_A},
                                     {.addr = addr_of_ipv4(IPV4(10, 0, 0, 2)), .port = PAIR_PORT_B}};
    for (int i = 0; i < 2; i++) {
        struct tcp_conn *c = tcp_table_conn(&p->hosts[i].stack->tcp, &ends[i], &ends[1 - i]);
        cr_assert(c != NULL && c->state == ESTABLISHED);
        c->rcv.irs = seq_add(c->rcv.irs, 1000000); /* each expects what the other never sent */
        c->rcv.nxt = seq_add(c->rcv.nxt, 1000000);
        c->rcv.wup = seq_add(c->rcv.wup, 1000000);
        c->rcv.edge = seq_add(c->rcv.edge, 1000000);
        tcp_conn_owe(c, TCP_OWE_ACK);
    }
    uint64_t before = p->frames;
    pair_wait(p, 600 * SECOND);
    cr_assert_leq(p->frames - before, 2 * 2 * 600);
    for (int i = 0; i < 2; i++) {
        tapir_sock_set(p->hosts[i].stack, p->hosts[i].sock, TAPIR_OPT_LINGER, 0, p->now_us);
    }
    pair_close(p);
}
