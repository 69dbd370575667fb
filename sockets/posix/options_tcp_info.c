/* TCP_INFO: the stack's figures in the kernel's struct tcp_info.
 *
 * The struct has grown with the kernel, and a program's header may be older or newer: it is filled in the form of
 * <linux/tcp.h> and cut to the caller's size. Fields without a counterpart here stay 0.
 */
#include <linux/tcp.h>
#include <sys/socket.h>

#include <tapir/sock.h>

#include "descriptors.h"
#include "host.h"
#include "options.h"
#include "sockets/driver/driver.h"

static uint32_t microseconds(uint64_t us) { return us > UINT32_MAX ? UINT32_MAX : (uint32_t)us; }

/* Linux tells how long ago it was, in milliseconds. */
static uint32_t age_ms(uint64_t then_us, uint64_t now_us) {
    return then_us > now_us ? 0 : microseconds((now_us - then_us) / 1000);
}

/* Linux counts windows in segments of snd_mss; its threshold that is not known yet is TCP_INFINITE_SSTHRESH. */
static uint32_t segments(uint32_t bytes, uint32_t mss_bytes) {
    return bytes == UINT32_MAX ? INT32_MAX : mss_bytes == 0 ? bytes : bytes / mss_bytes;
}

static void fill_counts(struct tcp_info *out, const struct tapir_tcp_info *in) {
    out->tcpi_unacked = in->unacked_segs;
    out->tcpi_sacked = in->sacked_segs;
    out->tcpi_lost = in->lost_segs;
    out->tcpi_retrans = in->retrans_segs;
    out->tcpi_reordering = in->reordering_segs;
    out->tcpi_total_retrans = in->total_retrans_segs;
    out->tcpi_bytes_sent = in->bytes_sent;
    out->tcpi_bytes_acked = in->bytes_acked;
    out->tcpi_bytes_received = in->bytes_received;
    out->tcpi_bytes_retrans = in->bytes_retrans;
    out->tcpi_segs_out = (uint32_t)in->segs_out;
    out->tcpi_segs_in = (uint32_t)in->segs_in;
    out->tcpi_data_segs_out = (uint32_t)in->data_segs_out;
    out->tcpi_data_segs_in = (uint32_t)in->data_segs_in;
    out->tcpi_notsent_bytes = in->notsent_bytes;
    out->tcpi_rcv_ooopack = in->rcv_ooopack;
    out->tcpi_delivered = in->delivered_segs;
    out->tcpi_delivered_ce = in->delivered_ce_segs;
    out->tcpi_dsack_dups = in->dsack_dups;
    out->tcpi_reord_seen = in->reord_seen;
    out->tcpi_busy_time = in->busy_us;
    out->tcpi_rwnd_limited = in->rwnd_limited_us;
    out->tcpi_sndbuf_limited = in->sndbuf_limited_us;
    out->tcpi_pacing_rate = in->pacing_bytes_per_s;
    out->tcpi_max_pacing_rate = in->max_pacing_bytes_per_s;
    out->tcpi_delivery_rate = in->delivery_bytes_per_s;
    out->tcpi_delivery_rate_app_limited = in->delivery_app_limited;
}

static void fill_times(struct tcp_info *out, const struct tapir_tcp_info *in, uint64_t now_us) {
    out->tcpi_rto = microseconds(in->rto_us);
    out->tcpi_ato = microseconds(in->ato_us);
    out->tcpi_rtt = microseconds(in->rtt_us);
    out->tcpi_rttvar = microseconds(in->rttvar_us);
    out->tcpi_rcv_rtt = microseconds(in->rcv_rtt_us);
    out->tcpi_min_rtt = microseconds(in->min_rtt_us);
    out->tcpi_last_data_sent = age_ms(in->last_data_sent_us, now_us);
    out->tcpi_last_data_recv = age_ms(in->last_data_recv_us, now_us);
    out->tcpi_last_ack_recv = age_ms(in->last_ack_recv_us, now_us);
}

/* State and congestion-avoidance state are numbered alike in the stack and in Linux. */
static void fill_state(struct tcp_info *out, const struct tapir_tcp_info *in) {
    out->tcpi_state = in->state;
    out->tcpi_ca_state = in->ca_state;
    out->tcpi_retransmits = in->retransmits;
    out->tcpi_probes = in->probes;
    out->tcpi_backoff = in->backoff;
    out->tcpi_options = (uint8_t)((in->timestamps ? TCPI_OPT_TIMESTAMPS : 0) | (in->sack ? TCPI_OPT_SACK : 0) |
                                  (in->wscale_ok ? TCPI_OPT_WSCALE : 0) | (in->ecn ? TCPI_OPT_ECN : 0) |
                                  (in->ecn_seen ? TCPI_OPT_ECN_SEEN : 0) | (in->syn_data ? TCPI_OPT_SYN_DATA : 0));
    out->tcpi_fastopen_client_fail = in->fastopen_fail & 3U;
    out->tcpi_snd_wscale = in->snd_wscale & 0xfU;
    out->tcpi_rcv_wscale = in->rcv_wscale & 0xfU;
    out->tcpi_snd_mss = in->snd_mss_bytes;
    out->tcpi_rcv_mss = in->rcv_mss_bytes;
    out->tcpi_advmss = in->advmss_bytes;
    out->tcpi_pmtu = in->pmtu_bytes;
    out->tcpi_snd_cwnd = segments(in->cwnd_bytes, in->snd_mss_bytes);
    out->tcpi_snd_ssthresh = segments(in->ssthresh_bytes, in->snd_mss_bytes);
    out->tcpi_snd_wnd = in->snd_wnd_bytes;
    out->tcpi_rcv_space = in->rcv_space_bytes;
    out->tcpi_rcv_ssthresh = in->rcv_ssthresh_bytes;
}

void posix_options_tcp_info_fill(struct tcp_info *out, const struct tapir_tcp_info *in, uint64_t now_us) {
    fill_state(out, in);
    fill_counts(out, in);
    fill_times(out, in, now_us);
}

int posix_options_tcp_info(struct descriptor *descriptor, void *value, socklen_t *size) {
    struct tapir_tcp_info in;
    struct tcp_info out = {0};
    uint64_t now_us = driver_clock_now();
    int error = tapir_sock_tcp_info(posix_host.driver.stack, descriptor->sock, &in, now_us);
    if (error != 0) {
        return error;
    }
    posix_options_tcp_info_fill(&out, &in, now_us);
    return option_copy(&out, sizeof out, value, size);
}
