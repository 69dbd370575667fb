/* Headers and options as TCP takes them: malformed ones, MSS, window scale, and what is offered. */
#include "support/tcp_bench.h"

static const struct tcp_bench_config plain = {.active = true};

Test(tcp_options, MUST_3_T9_a_wrong_checksum_is_dropped) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    send_seg(b, .len = 10, .bad_checksum = true, .stay = true);
    send_seg(b, .flags = F(RST), .bad_checksum = true, .stay = true);
    send_seg(b, .flags = F(FIN) | F(ACK), .bad_checksum = true, .stay = true);
    expect_none(b);
    expect_state(b, ESTABLISHED);
    cr_assert_eq(COUNTED(b, tcp_checksum), 3);
    tcp_bench_free(b);
}

Test(tcp_options, T1_a_data_offset_below_5_or_past_the_segment) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    static const uint8_t wrong[] = {1, 2, 3, 4, 6, 15};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        send_seg(b, .data_offset = wrong[i], .stay = true);
    }
    expect_none(b);
    cr_assert_eq(COUNTED(b, tcp_off), ARRAY_LEN(wrong));
    expect_state(b, ESTABLISHED);
    tcp_bench_free(b);
}

/* T3, MUST-7: the segment goes, the connection stays; whatever the state. */
Test(tcp_options, T3_MUST_7_malformed_options_kill_nothing) {
    static const uint8_t bad[][4] = {{2, 0, 0, 0},  {2, 1, 0, 0},    {8, 10, 0, 0},
                                     {5, 40, 0, 0}, {99, 255, 0, 0}, {1, 1, 1, 3}};
    static const enum tcp_state states[] = {SYN_SENT, SYN_RECEIVED, ESTABLISHED, LAST_ACK};
    for (size_t s = 0; s < ARRAY_LEN(states); s++) {
        struct tcp_bench *b = tcp_bench_at(states[s], &plain);
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
            send_seg(b, .flags = F(RST) | F(ACK), .options = bad[i], .options_len = 4, .stay = true);
        }
        expect_none(b);
        expect_state(b, states[s]);
        cr_assert_eq(COUNTED(b, tcp_options_bad), ARRAY_LEN(bad));
        tcp_bench_free(b);
    }
}

/* MUST-5, MUST-6, MUST-64, MUST-68, MUST-69: any option in any segment, unknown ones skipped by their length, at any
 * alignment, and what follows the end is not looked at. */
Test(tcp_options, MUST_4_MUST_5_MUST_6_MUST_64_MUST_68_unknown_options) {
    static const uint8_t odd[] = {254, 5, 9, 9, 9, 1, 253, 2, 1, 252, 3, 7};
    static const uint8_t ended[] = {1, 0, 2, 0}; /* MUST-69: padding may be anything to us */
    struct tcp_bench *b = tcp_bench_established(&plain);
    send_seg(b, .len = 10, .options = odd, .options_len = sizeof odd);
    expect(b, SEG_ACK(10));
    send_seg(b, .len = 10, .options = ended, .options_len = sizeof ended);
    expect(b, SEG_ACK(20));
    tcp_bench_free(b);
}

Test(tcp_options, MUST_64_an_option_may_start_anywhere) {
    for (uint8_t shift = 0; shift < 4; shift++) {
        uint8_t options[8] = {1, 1, 1, 1, 1, 1, 1, 1};
        options[shift] = 2;
        options[shift + 1] = 4;
        options[shift + 2] = 1000 >> 8;
        options[shift + 3] = 1000 & 0xff;
        struct tcp_bench *b = tcp_bench_syn_sent(&plain);
        send_seg(b, .flags = F(SYN) | F(ACK), .options = options, .options_len = sizeof options);
        cr_assert_eq(tcp_bench_conn(b)->snd.mss, 1000);
        tcp_bench_skip(b);
        tcp_bench_free(b);
    }
}

Test(tcp_options, T3_options_of_a_SYN_count_nowhere_else) {
    static const uint8_t options[] = {2, 4, 0, 100, 3, 3, 14, 4, 2, 0, 0, 0};
    struct tcp_bench *b = tcp_bench_established(&plain);
    send_seg(b, .len = 10, .options = options, .options_len = sizeof options);
    expect(b, SEG_ACK(10));
    const struct tcp_conn *c = tcp_bench_conn(b);
    cr_assert(c->snd.mss == 1460 && c->snd.wscale == 0 && !c->sack_ok);
    tcp_bench_free(b);
}

Test(tcp_options, T3_the_first_of_two_MSS_wins) {
    static const uint8_t options[] = {2, 4, 4, 0, 2, 4, 2, 0};
    struct tcp_bench *b = tcp_bench_syn_sent(&plain);
    send_seg(b, .flags = F(SYN) | F(ACK), .options = options, .options_len = sizeof options);
    cr_assert_eq(tcp_bench_conn(b)->snd.mss, 1024);
    tcp_bench_skip(b);
    tcp_bench_free(b);
}

/* T4: an MSS of nothing, or of next to nothing, is raised; segments are never empty. MUST-16. */
Test(tcp_options, T4_MUST_16_the_effective_mss) {
    static const uint16_t offers[][2] = {{1, 88},  {7, 88},    {8, 88},    {47, 88},     {48, 88},     {88, 88},
                                         {89, 89}, {535, 535}, {536, 536}, {1460, 1460}, {1461, 1460}, {65535, 1460}};
    for (unsigned passive = 0; passive < 2; passive++) {
        for (size_t i = 0; i < ARRAY_LEN(offers); i++) {
            struct tcp_bench_config config = {.active = passive == 0, .mss = offers[i][0], .timestamps = passive != 0};
            struct tcp_bench *b = tcp_bench_established(&config);
            uint32_t options = passive ? 12 : 0; /* MUST-16: less the options */
            cr_assert_eq(tcp_bench_conn(b)->snd.mss, offers[i][1] - options);
            cr_assert_eq(tcp_bench_write(b, 3000), 3000);
            expect(b, SEG_LEN(offers[i][1] - options));
            tcp_bench_skip(b);
            tcp_bench_free(b);
        }
    }
}

Test(tcp_options, T4_an_MSS_of_zero) {
    static const uint8_t options[] = {2, 4, 0, 0};
    struct tcp_bench *b = tcp_bench_syn_sent(&plain);
    send_seg(b, .flags = F(SYN) | F(ACK), .options = options, .options_len = sizeof options);
    expect(b, SEG_FLAGS(F(ACK)));
    cr_assert_eq(tcp_bench_write(b, 200), 200);
    expect(b, SEG_LEN(88));
    tcp_bench_skip(b);
    tcp_bench_free(b);
}

Test(tcp_options, MUST_15_no_MSS_option_means_536) {
    for (unsigned passive = 0; passive < 2; passive++) {
        struct tcp_bench_config config = {.active = passive == 0, .no_mss = true};
        struct tcp_bench *b = tcp_bench_established(&config);
        cr_assert_eq(tcp_bench_conn(b)->snd.mss, 536);
        tcp_bench_free(b);
    }
}

/* MUST-14, SHLD-5, MAY-3, MUST-67: what we offer follows from the interface's MTU. */
Test(tcp_options, MUST_14_MUST_67_SHLD_5_the_MSS_offered) {
    static const uint32_t mtus[] = {68, 576, 1500, 9000, 65521};
    for (size_t i = 0; i < ARRAY_LEN(mtus) * 2; i++) {
        uint32_t mtu = mtus[i / 2];
        struct tcp_bench_config config = {.active = i % 2 == 0, .mtu_bytes = mtu};
        struct tcp_bench *b = tcp_bench_new(&config);
        tcp_bench_free(b);
        b = config.active ? tcp_bench_syn_sent(&config) : tcp_bench_listen(&config);
        if (!config.active) {
            send_seg(b, .flags = F(SYN));
            const struct tcp_bench_heard *h = tcp_bench_hear(b);
            cr_assert(h != NULL && h->options.mss == mtu - 40);
        } else {
            cr_assert_eq(b->heard[0].options.mss, mtu - 40);
            cr_assert_eq(tcp_bench_conn(b)->rcv.mss, mtu - 40);
        }
        tcp_bench_free(b);
    }
}

Test(tcp_options, MUST_65_no_MSS_option_but_in_a_SYN) {
    struct tcp_bench_config config = {.timestamps = true, .sack = true, .has_wscale = true};
    struct tcp_bench *b = tcp_bench_established(&config);
    cr_assert_eq(tcp_bench_write(b, 5000), 5000);
    cr_assert_eq(tcp_bench_shut(b, TAPIR_SHUT_WR), 0);
    for (const struct tcp_bench_heard *h = tcp_bench_hear(b); h != NULL; h = tcp_bench_hear(b)) {
        cr_assert_eq(h->options.present, WIRE_TCPOPT_TIMESTAMPS);
    }
    tcp_bench_free(b);
}

Test(tcp_options, T5_a_window_scale_above_14_is_14) {
    static const uint8_t scales[][2] = {{0, 0}, {14, 14}, {15, 14}, {255, 14}};
    for (size_t i = 0; i < ARRAY_LEN(scales) * 2; i++) {
        struct tcp_bench_config config = {.active = i % 2 == 0, .has_wscale = true, .wscale = scales[i / 2][0]};
        struct tcp_bench *b = tcp_bench_established(&config);
        cr_assert_eq(tcp_bench_conn(b)->snd.wscale, scales[i / 2][1]);
        cr_assert_eq(COUNTED(b, tcp_wscale_bad), scales[i / 2][0] > 14);
        tcp_bench_free(b);
    }
}

/* RFC 7323 1.3 and 2.2, RFC 2018 2: a SYN-ACK offers only what the SYN did, and nothing is used one-sidedly. */
Test(tcp_options, a_SYN_ACK_offers_what_was_offered) {
    for (unsigned bits = 0; bits < 8; bits++) {
        struct tcp_bench_config config = {
            .timestamps = (bits & 1) != 0, .sack = (bits & 2) != 0, .has_wscale = (bits & 4) != 0, .wscale = 5};
        uint16_t wanted = WIRE_TCPOPT_MSS;
        wanted |= config.timestamps ? WIRE_TCPOPT_TIMESTAMPS : 0;
        wanted |= config.sack ? WIRE_TCPOPT_SACK_PERMITTED : 0;
        wanted |= config.has_wscale ? WIRE_TCPOPT_WSCALE : 0;
        struct tcp_bench *b = tcp_bench_listen(&config);
        send_seg(b, .flags = F(SYN));
        const struct tcp_bench_heard *h = tcp_bench_hear(b);
        cr_assert(h != NULL && h->options.present == wanted);
        cr_assert(!config.has_wscale || h->options.wscale == 7);
        send_seg(b, .len = 10);
        b->sock = tcp_bench_accept(b);
        expect(b, SEG_ACK(10));
        const struct tcp_conn *c = tcp_bench_conn(b);
        cr_assert(c->ts.ok == config.timestamps && c->sack_ok == config.sack);
        cr_assert(c->rcv.wscale == (config.has_wscale ? 7 : 0) && c->snd.wscale == (config.has_wscale ? 5 : 0));
        tcp_bench_free(b);
    }
}

Test(tcp_options, an_active_SYN_offers_everything) {
    struct tcp_bench *b = tcp_bench_syn_sent(&plain);
    cr_assert_eq(b->heard[0].options.present,
                 WIRE_TCPOPT_MSS | WIRE_TCPOPT_WSCALE | WIRE_TCPOPT_SACK_PERMITTED | WIRE_TCPOPT_TIMESTAMPS);
    cr_assert_eq(b->heard[0].options.tsecr, 0);
    tcp_bench_free(b);
}

/* A tiny MTU leaves no room for SACK blocks beside the text: segments still hold some. */
Test(tcp_options, T4_options_never_crowd_the_text_out) {
    for (uint32_t mtu = 68; mtu < 140; mtu += 4) {
        struct tcp_bench_config config = {.active = true, .mtu_bytes = mtu, .timestamps = true, .sack = true};
        struct tcp_bench *b = tcp_bench_established(&config);
        for (unsigned i = 1; i <= 4; i++) {
            send_seg(b, .seq = 10 * i, .len = 5);
            cr_assert_eq(tcp_bench_skip(b), 1);
        }
        cr_assert_eq(tcp_bench_write(b, 100), 100);
        const struct tcp_bench_heard *h = tcp_bench_hear(b);
        cr_assert(h != NULL && h->len > 0 && h->len <= mtu - 52);
        tcp_bench_skip(b);
        tcp_bench_free(b);
    }
}

/* MUST-57, MUST-63, L9: TCP is between two hosts. */
Test(tcp_options, MUST_57_MUST_63_no_casts) {
    static const uint32_t sources[] = {0, IPV4_BROADCAST, IPV4(224, 0, 0, 1), IPV4(10, 0, 0, 255), IPV4(127, 0, 0, 1)};
    struct tcp_bench *b = tcp_bench_listen(&(struct tcp_bench_config){0});
    for (size_t i = 1; i < ARRAY_LEN(sources); i++) {
        send_seg(b, .flags = F(SYN), .from_ipv4 = sources[i], .stay = true); /* MUST-63 */
    }
    send_seg(b, .flags = F(SYN), .to_ipv4 = IPV4(10, 0, 0, 255), .stay = true); /* MUST-57 */
    send_seg(b, .flags = F(SYN), .to_ipv4 = IPV4_BROADCAST, .stay = true);
    send_seg(b, .flags = F(SYN), .to_ipv4 = IPV4(224, 0, 0, 1), .stay = true);
    send_seg(b, .flags = F(SYN), .link_broadcast = true, .stay = true);
    expect_none(b);
    cr_assert_eq(b->icmp_heard, 0);
    expect_state(b, LISTEN);
    tcp_bench_free(b);
}

Test(tcp_options, S7_land) {
    struct tcp_bench *b = tcp_bench_listen(&(struct tcp_bench_config){0});
    send_seg(b, .flags = F(SYN), .from_ipv4 = BENCH_OUR_IPV4, .from_port = BENCH_OUR_PORT, .stay = true);
    expect_none(b);
    cr_assert_eq(b->stack->tcp.halves.used, 0);
    tcp_bench_free(b);
}

/* MUST-16, MUST-67: TCP_MAXSEG bounds both ways. */
Test(tcp_options, MUST_16_MUST_67_maxseg) {
    struct tcp_bench *b = tcp_bench_new(&plain);
    b->sock = tcp_bench_socket(b, BENCH_OUR_PORT);
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_MAXSEG, 0), 0); /* A3 */
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_MAXSEG, 10), -EINVAL);
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_MAXSEG, 700), 0);
    cr_assert_eq(tcp_bench_connect(b, b->sock, BENCH_PEER_IPV4, BENCH_PEER_PORT), -EINPROGRESS);
    const struct tcp_bench_heard *h = tcp_bench_hear(b);
    cr_assert(h != NULL && h->options.mss == 700);
    send_seg(b, .flags = F(SYN) | F(ACK));
    tcp_bench_skip(b);
    cr_assert_eq(tcp_bench_write(b, 1000), 1000);
    expect(b, SEG_LEN(700));
    tcp_bench_skip(b);
    tcp_bench_free(b);
}
