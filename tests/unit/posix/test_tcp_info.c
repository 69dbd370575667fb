/* TCP_INFO: every figure of the stack's stands in the field that Linux has for it, in Linux's unit. */
#include <linux/tcp.h>

#include <criterion/criterion.h>

#include <tapir/sock.h>

#include "sockets/posix/options.h"

#define NOW_US 900000000ULL

/* All different, so that no two fields can be exchanged unnoticed. */
static const struct tapir_tcp_info in = {
    .state = 1,
    .ca_state = 3,
    .retransmits = 4,
    .probes = 5,
    .backoff = 6,
    .fastopen_fail = 2,
    .snd_wscale = 7,
    .rcv_wscale = 9,
    .rto_us = 201000,
    .ato_us = 40000,
    .rtt_us = 31000,
    .rttvar_us = 12000,
    .rcv_rtt_us = 33000,
    .min_rtt_us = 29000,
    .snd_mss_bytes = 1000,
    .rcv_mss_bytes = 1200,
    .advmss_bytes = 1460,
    .pmtu_bytes = 1500,
    .unacked_segs = 101,
    .sacked_segs = 102,
    .lost_segs = 103,
    .retrans_segs = 104,
    .reordering_segs = 105,
    .cwnd_bytes = 70000,
    .ssthresh_bytes = 60000,
    .snd_wnd_bytes = 50001,
    .rcv_wnd_bytes = 50002,
    .rcv_space_bytes = 50003,
    .total_retrans_segs = 106,
    .bytes_sent = 1ULL << 33,
    .bytes_acked = (1ULL << 33) + 1,
    .bytes_received = (1ULL << 33) + 2,
    .bytes_retrans = (1ULL << 33) + 3,
    .segs_out = 201,
    .segs_in = 202,
    .data_segs_out = 203,
    .data_segs_in = 204,
    .notsent_bytes = 301,
    .last_data_sent_us = NOW_US - 1000,
    .last_data_recv_us = NOW_US - 2000,
    .last_ack_recv_us = NOW_US - 3000,
    .rcv_ooopack = 302,
    .delivered_segs = 303,
    .delivered_ce_segs = 304,
    .dsack_dups = 305,
    .reord_seen = 306,
    .rcv_ssthresh_bytes = 50004,
    .busy_us = 401,
    .rwnd_limited_us = 402,
    .sndbuf_limited_us = 403,
    .pacing_bytes_per_s = 501,
    .max_pacing_bytes_per_s = 502,
    .delivery_bytes_per_s = 503,
    .delivery_app_limited = true,
};

static struct tcp_info filled(const struct tapir_tcp_info *from) {
    struct tcp_info out = {0};
    posix_options_tcp_info_fill(&out, from, NOW_US);
    return out;
}

#define IS(field, wanted) cr_assert_eq(out.field, (wanted), #field " is %llu", (unsigned long long)out.field)

Test(tcp_info, states_and_sizes) {
    const struct tcp_info out = filled(&in);
    IS(tcpi_state, 1);
    IS(tcpi_ca_state, 3);
    IS(tcpi_retransmits, 4);
    IS(tcpi_probes, 5);
    IS(tcpi_backoff, 6);
    IS(tcpi_options, 0);
    IS(tcpi_fastopen_client_fail, 2);
    IS(tcpi_snd_wscale, 7);
    IS(tcpi_rcv_wscale, 9);
    IS(tcpi_snd_mss, 1000);
    IS(tcpi_rcv_mss, 1200);
    IS(tcpi_advmss, 1460);
    IS(tcpi_pmtu, 1500);
    IS(tcpi_snd_cwnd, 70); /* segments */
    IS(tcpi_snd_ssthresh, 60);
    IS(tcpi_snd_wnd, 50001);
    IS(tcpi_rcv_space, 50003);
    IS(tcpi_rcv_ssthresh, 50004);
}

Test(tcp_info, counts) {
    const struct tcp_info out = filled(&in);
    IS(tcpi_unacked, 101);
    IS(tcpi_sacked, 102);
    IS(tcpi_lost, 103);
    IS(tcpi_retrans, 104);
    IS(tcpi_reordering, 105);
    IS(tcpi_total_retrans, 106);
    IS(tcpi_bytes_sent, 1ULL << 33);
    IS(tcpi_bytes_acked, (1ULL << 33) + 1);
    IS(tcpi_bytes_received, (1ULL << 33) + 2);
    IS(tcpi_bytes_retrans, (1ULL << 33) + 3);
    IS(tcpi_segs_out, 201);
    IS(tcpi_segs_in, 202);
    IS(tcpi_data_segs_out, 203);
    IS(tcpi_data_segs_in, 204);
    IS(tcpi_notsent_bytes, 301);
    IS(tcpi_rcv_ooopack, 302);
    IS(tcpi_delivered, 303);
    IS(tcpi_delivered_ce, 304);
    IS(tcpi_dsack_dups, 305);
    IS(tcpi_reord_seen, 306);
}

Test(tcp_info, times_and_rates) {
    const struct tcp_info out = filled(&in);
    IS(tcpi_rto, 201000);
    IS(tcpi_ato, 40000);
    IS(tcpi_rtt, 31000);
    IS(tcpi_rttvar, 12000);
    IS(tcpi_rcv_rtt, 33000);
    IS(tcpi_min_rtt, 29000);
    IS(tcpi_last_data_sent, 1); /* ages, in milliseconds */
    IS(tcpi_last_data_recv, 2);
    IS(tcpi_last_ack_recv, 3);
    IS(tcpi_busy_time, 401);
    IS(tcpi_rwnd_limited, 402);
    IS(tcpi_sndbuf_limited, 403);
    IS(tcpi_pacing_rate, 501);
    IS(tcpi_max_pacing_rate, 502);
    IS(tcpi_delivery_rate, 503);
    IS(tcpi_delivery_rate_app_limited, 1);
}

Test(tcp_info, each_option_has_its_bit) {
    const struct {
        struct tapir_tcp_info in;
        uint8_t bit;
    } rows[] = {
        {{.timestamps = true}, TCPI_OPT_TIMESTAMPS}, {{.sack = true}, TCPI_OPT_SACK},
        {{.wscale_ok = true}, TCPI_OPT_WSCALE},      {{.ecn = true}, TCPI_OPT_ECN},
        {{.ecn_seen = true}, TCPI_OPT_ECN_SEEN},     {{.syn_data = true}, TCPI_OPT_SYN_DATA},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cr_assert_eq(filled(&rows[i].in).tcpi_options, rows[i].bit);
    }
}

/* What does not fit, and what is not known yet. */
Test(tcp_info, the_edges_are_linuxs) {
    const struct tapir_tcp_info edge = {.ssthresh_bytes = UINT32_MAX,
                                        .rto_us = 1ULL << 40,
                                        .last_data_sent_us = NOW_US + 1,
                                        .last_ack_recv_us = NOW_US,
                                        .cwnd_bytes = 10,
                                        .delivery_app_limited = false};
    const struct tcp_info out = filled(&edge);
    IS(tcpi_snd_ssthresh, INT32_MAX);
    IS(tcpi_rto, UINT32_MAX);
    IS(tcpi_last_data_sent, 0);
    IS(tcpi_last_ack_recv, 0);
    IS(tcpi_snd_cwnd, 10); /* without a segment size, bytes */
    IS(tcpi_delivery_rate_app_limited, 0);
}
