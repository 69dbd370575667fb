/* STATUS (RFC 9293 3.10.6): what is known of a connection, for TCP_INFO. */
#include "tcp/user/user.h"

static uint32_t segments(uint64_t bytes, uint32_t mss) { return (uint32_t)((bytes + mss - 1) / mss); }

/* As Linux's TCP_CA_*: 0 open, 1 disorder, 3 recovery, 4 loss. */
static uint8_t phase_number(const struct loss *l) {
    if (!l->sack) {
        static const uint8_t reno[] = {[NEWRENO_OPEN] = 0, [NEWRENO_FAST] = 3, [NEWRENO_LOSS] = 4};
        return l->reno.phase == NEWRENO_OPEN && l->reno.dupacks > 0 ? 1 : reno[l->reno.phase];
    }
    static const uint8_t sack[] = {[LOSS_OPEN] = 0, [LOSS_RECOVERY] = 3, [LOSS_TIMEOUT] = 4};
    return l->phase == LOSS_OPEN && l->board.sacked_bytes > 0 ? 1 : sack[l->phase];
}

static uint64_t lost_bytes(const struct loss *l) {
    if (l->sack) {
        return l->board.lost_bytes;
    }
    const struct newreno *r = &l->reno;
    return r->phase == NEWRENO_LOSS ? r->recover - min_u64(r->resend, r->recover) : 0;
}

static uint64_t unsent(const struct tcp_conn *c) {
    uint64_t nxt = tcp_conn_snd_offset(c, c->snd.nxt);
    return c->snd.queue.tail - min_u64(nxt, c->snd.queue.tail);
}

/* The peer's MSS says nothing of the path: only a search can have found less than interface and ICMP say. */
static uint32_t path_mtu(const struct tcp_conn *c, uint64_t now_us) {
    if (!c->has_path || tcp_in(c, CLOSED)) {
        return 0;
    }
    uint32_t mtu = ip_path_mtu(c->tcp->ip, &c->path, now_us);
    bool searched = c->plpmtu.phase != PLPMTU_OFF && c->plpmtu.low_bytes < c->plpmtu.most_bytes;
    return searched ? min_u32(mtu, c->plpmtu.low_bytes + ip_path_header_len(&c->path) + WIRE_TCP_LEN) : mtu;
}

void tcp_info_status(const struct tcp_conn *c, struct tapir_tcp_info *info, uint64_t now_us) {
    bool up = tcp_in(c, TCP_SYNCHRONIZED);
    uint32_t flight = up ? seq_diff(c->snd.nxt, c->snd.una) : 0;
    *info = (struct tapir_tcp_info){
        .state = tcp_state_number(c->state),
        .ca_state = phase_number(&c->loss),
        .retransmits = (uint8_t)min_u32(c->retransmits, UINT8_MAX),
        .probes = (uint8_t)min_u32(c->probes + c->keepalive_probes, UINT8_MAX),
        .backoff = c->rtt.backoff,
        .timestamps = c->ts.ok,
        .sack = c->sack_ok,
        .ecn = c->ecn.ok,
        .ecn_seen = c->ecn.seen,
        .wscale_ok = c->snd.wscale_ok,
        .syn_data = c->fastopen.took_data,
        .fastopen_fail = c->fastopen.fail,
        .snd_wscale = c->snd.wscale,
        .rcv_wscale = c->rcv.wscale,
        .rto_us = tcp_rtt_timeout_us(&c->rtt),
        .ato_us = TCP_DELACK_US,
        .rtt_us = c->rtt.srtt_us,
        .rttvar_us = c->rtt.rttvar_us,
        .min_rtt_us = c->rtt.measured ? c->rtt.min_us : 0,
        .snd_mss_bytes = c->snd.mss,
        .rcv_mss_bytes = c->rcv.seen_mss,
        .advmss_bytes = c->rcv.mss,
        .pmtu_bytes = path_mtu(c, now_us),
        .unacked_segs = c->snd.mss == 0 ? 0 : segments(flight, c->snd.mss),
        .sacked_segs = (uint32_t)c->loss.board.sacked_segments,
        .lost_segs = segments(lost_bytes(&c->loss), max_u32(c->snd.mss, 1)),
        .retrans_segs = segments(c->loss.board.resent_bytes, max_u32(c->snd.mss, 1)),
        .cwnd_bytes = c->cc.cwnd_bytes,
        .ssthresh_bytes = c->cc.ssthresh_bytes,
        .snd_wnd_bytes = c->snd.wnd,
        .rcv_wnd_bytes = up ? tcp_conn_offered(c) : 0,
        .rcv_space_bytes = (uint32_t)min_u64(c->rcv.tune.space_bytes, UINT32_MAX),
        .rcv_rtt_us = c->rcv.tune.rtt_us,
        .reordering_segs = NEWRENO_DUPACKS,
        .total_retrans_segs = c->stat.total_retrans,
        .bytes_sent = c->stat.bytes_sent,
        .bytes_acked = c->stat.bytes_acked,
        .bytes_received = c->stat.bytes_received,
        .bytes_retrans = c->stat.bytes_retrans,
        .segs_out = c->stat.segs_out,
        .segs_in = c->stat.segs_in,
        .data_segs_out = c->stat.data_segs_out,
        .data_segs_in = c->stat.data_segs_in,
        .notsent_bytes = up ? (uint32_t)min_u64(unsent(c), UINT32_MAX) : 0,
        .last_data_sent_us = c->snd.last_send_us,
        .last_data_recv_us = max_u64(c->stat.last_data_recv_us, c->stat.established_us), /* as on Linux */
        .last_ack_recv_us = c->stat.last_ack_recv_us,
        .rcv_ooopack = c->stat.ooo_segs,
        .delivered_segs = c->stat.delivered_segs,
        .delivered_ce_segs = c->stat.delivered_ce_segs,
        .dsack_dups = c->stat.dsack_dups,
        .reord_seen = c->loss.rack.reordered,
        .rcv_ssthresh_bytes = c->set.rcvbuf_bytes / 2,
        .busy_us = tcp_chrono_spent_us(&c->chrono, CHRONO_BUSY, now_us) +
                   tcp_chrono_spent_us(&c->chrono, CHRONO_RWND, now_us) +
                   tcp_chrono_spent_us(&c->chrono, CHRONO_SNDBUF, now_us),
        .rwnd_limited_us = tcp_chrono_spent_us(&c->chrono, CHRONO_RWND, now_us),
        .sndbuf_limited_us = tcp_chrono_spent_us(&c->chrono, CHRONO_SNDBUF, now_us),
        .pacing_bytes_per_s = c->cc.pacing_bytes_per_s == 0 ? UINT64_MAX : c->cc.pacing_bytes_per_s,
        .max_pacing_bytes_per_s = c->set.max_pacing_bytes_per_s,
        .delivery_bytes_per_s = c->loss.rate.latest_bytes_per_s,
        .delivery_app_limited = c->loss.rate.latest_app_limited,
    };
}
