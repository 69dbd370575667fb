/* TCP Fast Open at the client: what the answer to a SYN with a cookie or data says. */
#include "tcp/open/fastopen_active.h"

#include "tcp/conn/owe.h"
#include "tcp/conn/tcp.h"

static void failed(struct tcp_conn *c, uint8_t why, uint64_t now_us) {
    COUNT(c->tcp->core, tcp_fastopen_failed);
    c->fastopen.fail = why;
    tcp_fastopen_failed(&c->tcp->fastopen, &c->local.addr, &c->remote.addr, now_us);
}

static void learn(struct tcp_conn *c, const struct tcp_segment *seg) {
    struct fastopen_cookie cookie = {.len = seg->options.fastopen_len};
    for (uint8_t i = 0; i < cookie.len; i++) {
        cookie.bytes[i] = seg->options.fastopen[i];
    }
    uint16_t mss = tcp_segment_option(seg, WIRE_TCPOPT_MSS) ? seg->options.mss : 0;
    tcp_fastopen_learnt(&c->tcp->fastopen, &c->local.addr, &c->remote.addr, &cookie, mss);
}

void tcp_fastopen_active_answered(struct tcp_conn *c, const struct tcp_segment *seg, uint64_t now_us) {
    bool cookie = tcp_segment_option(seg, WIRE_TCPOPT_FASTOPEN) && seg->options.fastopen_len > 0;
    struct seq first = seq_add(c->snd.iss, 1);
    if (!c->fastopen.asked) { /* nor is a cookie taken that nobody asked for */
        return;
    }
    if (cookie) {
        learn(c, seg);
    }
    if (!seq_gt(c->snd.nxt, first)) {
        return; /* no data went with it */
    }
    if (seq_gt(seg->ack, first)) {
        COUNT(c->tcp->core, tcp_fastopen_active);
        c->fastopen.syn_bytes = (uint16_t)seq_diff(seg->ack, first);
        c->fastopen.fail = TCP_SYN_DATA_UNKNOWN;
        tcp_fastopen_worked(&c->tcp->fastopen, &c->local.addr, &c->remote.addr);
    } else if (c->retransmits == 0) { /* else it failed before */
        if (cookie) {                 /* the old one would not do: no fault of the path */
            c->fastopen.fail = TCP_SYN_DATA_NOT_TAKEN;
        } else {
            failed(c, TCP_SYN_DATA_NOT_TAKEN, now_us);
        }
    }
}

void tcp_fastopen_active_settle(struct tcp_conn *c) {
    uint64_t taken = tcp_conn_snd_offset(c, c->snd.una);
    c->fastopen.took_data = taken > 0;
    if (seq_gt(c->snd.nxt, c->snd.una)) { /* the rest counts as not sent, and goes at once, whatever Nagle says */
        c->snd.nxt = c->snd.una;
        tcp_conn_owe(c, TCP_OWE_FORCE | TCP_OWE_TRY);
    }
    c->stat.bytes_acked += taken;
    tcp_sndq_acked(&c->snd.queue, taken);
    tcp_loss_skip(&c->loss, taken);
}

void tcp_fastopen_active_timeout(struct tcp_conn *c, uint64_t now_us) {
    bool unanswered = tcp_in(c, SYN_SENT) && c->fastopen.asked && c->retransmits == 1;
    /* RFC 7413 7.1: some boxes let the SYN pass and swallow all that follows. */
    bool swallowed = tcp_in(c, TCP_SYNCHRONIZED) && c->fastopen.syn_bytes > 0 && c->retransmits == TCP_RETRIES_1 &&
                     c->stat.data_segs_in == 0 && c->stat.bytes_acked == c->fastopen.syn_bytes;
    if (unanswered || swallowed) {
        failed(c, TCP_SYN_DATA_TIMED_OUT, now_us);
    }
}

void tcp_fastopen_active_refused(struct tcp_conn *c, uint64_t now_us) {
    if (tcp_in(c, SYN_SENT) && c->fastopen.asked && c->retransmits == 0) {
        failed(c, TCP_SYN_DATA_NOT_TAKEN, now_us);
    }
}
