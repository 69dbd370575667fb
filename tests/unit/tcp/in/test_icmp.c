/* ICMP errors about segments: what aborts, what is only advice, and path MTU (C3, C4, C5; RFC 9293 3.9.2.2). */
#include "support/tcp_bench.h"

static const struct tcp_bench_config plain = {.active = true};

static struct tcp_bench *in_flight(void) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    b->keeps_memory = true;
    cr_assert_eq(tcp_bench_write(b, 14600), 14600);
    cr_assert_eq(tcp_bench_skip(b), 10);
    return b;
}

Test(tcp_icmp, C3_MUST_54_SHLD_26_hard_errors_refuse_an_opening) {
    static const uint8_t codes[][2] = {{WIRE_UNREACH_PROTOCOL, ENOPROTOOPT}, {WIRE_UNREACH_PORT, ECONNREFUSED}};
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        struct tcp_bench *b = tcp_bench_syn_sent(&plain);
        tcp_bench_icmp(b, WIRE_ICMP_UNREACHABLE, codes[i][0], 0, 1); /* not what was sent */
        tcp_bench_icmp(b, WIRE_ICMP_UNREACHABLE, codes[i][0], 0, -1);
        expect_state(b, SYN_SENT);
        tcp_bench_icmp(b, WIRE_ICMP_UNREACHABLE, codes[i][0], 0, 0);
        expect_state(b, CLOSED);
        cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_ERROR), codes[i][1]);
        cr_assert_eq(COUNTED(b, icmp_badquote), 2);
        tcp_bench_free(b);
    }
}

Test(tcp_icmp, C3_nothing_aborts_an_established_connection) {
    for (uint8_t code = 0; code < 16; code++) {
        struct tcp_bench *b = in_flight();
        tcp_bench_icmp(b, WIRE_ICMP_UNREACHABLE, code, 1400, 1);
        tcp_bench_skip(b);
        expect_state(b, ESTABLISHED);
        send_seg(b, .len = 0);
        cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_OUT_BYTES), 0);
        tcp_bench_free(b);
    }
}

/* MUST-56, SHLD-25: soft errors are advice, even while opening, and said when the connection then times out. */
Test(tcp_icmp, MUST_56_MUST_47_SHLD_25_soft_errors) {
    static const struct {
        uint8_t type, code;
        int error;
    } soft[] = {{WIRE_ICMP_UNREACHABLE, 0, ENETUNREACH},    {WIRE_ICMP_UNREACHABLE, 1, EHOSTUNREACH},
                {WIRE_ICMP_UNREACHABLE, 5, EOPNOTSUPP},     {WIRE_ICMP_TIME_EXCEEDED, 0, EHOSTUNREACH},
                {WIRE_ICMP_TIME_EXCEEDED, 1, EHOSTUNREACH}, {WIRE_ICMP_PARAMETER_PROBLEM, 0, EPROTO}};
    for (size_t i = 0; i < ARRAY_LEN(soft); i++) {
        struct tcp_bench *b = tcp_bench_syn_sent(&plain);
        tcp_bench_icmp(b, soft[i].type, soft[i].code, 0, 0);
        expect_state(b, SYN_SENT);
        tcp_bench_wait(b, 300 * SECOND);
        expect_state(b, CLOSED);
        cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_ERROR), soft[i].error);
        tcp_bench_free(b);
        b = in_flight();
        tcp_bench_icmp(b, soft[i].type, soft[i].code, 0, 1);
        expect_state(b, ESTABLISHED);
        cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_ERROR), soft[i].error); /* MUST-47: told on request, once */
        cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_ERROR), 0);
        tcp_bench_skip(b);
        tcp_bench_free(b);
    }
}

Test(tcp_icmp, SHLD_20_reports_are_asked_for) {
    struct tcp_bench *b = in_flight();
    tcp_bench_icmp(b, WIRE_ICMP_UNREACHABLE, 1, 0, 1);
    cr_assert_eq(tcp_bench_ready(b) & TAPIR_READY_ERR, 0);
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_RECVERR, 1), 0);
    tcp_bench_icmp(b, WIRE_ICMP_UNREACHABLE, 1, 0, 1);
    cr_assert_neq(tcp_bench_ready(b) & TAPIR_READY_ERR, 0);
    cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_ERROR), EHOSTUNREACH);
    expect_state(b, ESTABLISHED);
    tcp_bench_skip(b);
    tcp_bench_free(b);
}

Test(tcp_icmp, MUST_55_source_quench_is_ignored) {
    struct tcp_bench *b = in_flight();
    uint32_t cwnd = tcp_bench_conn(b)->cc.cwnd_bytes;
    tcp_bench_icmp(b, WIRE_ICMP_SOURCE_QUENCH, 0, 0, 1);
    expect_none(b);
    cr_assert_eq(tcp_bench_conn(b)->cc.cwnd_bytes, cwnd);
    tcp_bench_free(b);
}

/* C5: a smaller MTU is believed of a segment in flight, which goes again in pieces; congestion is no matter. */
Test(tcp_icmp, C5_path_MTU_discovery) {
    struct tcp_bench *b = in_flight();
    uint32_t ssthresh = tcp_bench_conn(b)->cc.ssthresh_bytes;
    tcp_bench_icmp(b, WIRE_ICMP_UNREACHABLE, WIRE_UNREACH_FRAG_NEEDED, 1000, 1);
    expect(b, SEG_SEQ(0), SEG_LEN(960));
    for (const struct tcp_bench_heard *h = tcp_bench_hear(b); h != NULL; h = tcp_bench_hear(b)) {
        cr_assert_leq(h->len, 960);
    }
    cr_assert_eq(tcp_bench_conn(b)->cc.ssthresh_bytes, ssthresh);
    cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_MTU), 1000);
    tcp_bench_wait(b, 5 * SECOND);
    tcp_bench_skip(b);
    send_seg(b, .len = 0);
    cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_OUT_BYTES), 0);
    tcp_bench_wait(b, 700 * SECOND); /* RFC 1191 6.3: and is forgotten */
    cr_assert_eq(tcp_bench_write(b, 1460), 1460);
    expect(b, SEG_LEN(1460));
    tcp_bench_free(b);
}

Test(tcp_icmp, C5_absurd_MTUs) {
    static const uint32_t mtus[][2] = {{0, 1006},  {1, 552},   {67, 552},    {68, 552},
                                       {551, 552}, {552, 552}, {1500, 1500}, {65535, 1500}};
    for (size_t i = 0; i < ARRAY_LEN(mtus); i++) {
        struct tcp_bench *b = in_flight();
        tcp_bench_icmp(b, WIRE_ICMP_UNREACHABLE, WIRE_UNREACH_FRAG_NEEDED, mtus[i][0], 1);
        int64_t now = tcp_bench_get(b, TAPIR_OPT_MTU);
        cr_assert(mtus[i][0] == 0 ? now >= 552 && now <= 1500 : now == mtus[i][1], "%u: now %lld", mtus[i][0],
                  (long long)now);
        tcp_bench_skip(b);
        tcp_bench_free(b);
    }
}

Test(tcp_icmp, C4_C5_a_quote_of_nothing_in_flight_is_not_believed) {
    static const int64_t quotes[] = {-100000, 0, 14601, 14602, 1000000};
    for (size_t i = 0; i < ARRAY_LEN(quotes); i++) {
        struct tcp_bench *b = in_flight();
        tcp_bench_icmp(b, WIRE_ICMP_UNREACHABLE, WIRE_UNREACH_FRAG_NEEDED, 600, quotes[i]);
        cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_MTU), 1500);
        cr_assert_eq(COUNTED(b, icmp_badquote), 1);
        expect_none(b);
        tcp_bench_free(b);
    }
}

Test(tcp_icmp, MTU_discovery_may_be_off) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    b->keeps_memory = true;
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_MTU_DISCOVER, 0), 0);
    cr_assert_eq(tcp_bench_write(b, 1460), 1460);
    const struct tcp_bench_heard *h = tcp_bench_hear(b);
    cr_assert(h != NULL && !h->dont_fragment);
    tcp_bench_free(b);
}

Test(tcp_icmp, C3_a_half_open_connection_outlives_errors) {
    struct tcp_bench *b = tcp_bench_syn_received(&(struct tcp_bench_config){0});
    b->keeps_memory = true;
    tcp_bench_icmp(b, WIRE_ICMP_UNREACHABLE, WIRE_UNREACH_PORT, 0, 0);
    tcp_bench_icmp(b, WIRE_ICMP_UNREACHABLE, WIRE_UNREACH_PORT, 0, 1000);
    expect_state(b, SYN_RECEIVED);
    send_seg(b, .len = 0);
    expect_state(b, ESTABLISHED);
    tcp_bench_free(b);
}
