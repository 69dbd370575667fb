/* The handshake is done: what a connection starts with. */
#include "tcp/conn/mtu_probing.h"
#include "tcp/conn/owe.h"
#include "tcp/conn/timers.h"
#include "tcp/conn/window.h"
#include "tcp/in/arrives.h"
#include "tcp/open/fastopen_active.h"

void tcp_established(struct tcp_conn *c, const struct tcp_segment *seg, uint64_t now_us) {
    COUNT(c->tcp->core, tcp_established);
    c->stat.established_us = now_us;
    if (c->retransmits > 0) {
        tcp_rtt_syn_lost(&c->rtt);
    }
    tcp_ack_rtt(c, seg, now_us);
    tcp_listener_settled(c);
    if (c->fastopen.early) { /* data is on its way: what else is acknowledged, tcp_ack_process sees to */
        c->snd.una = seq_add(c->snd.iss, 1);
        tcp_window_take(c, seg);
    } else {
        c->snd.una = seg->ack;
        tcp_window_take(c, seg);
        tcp_mtu_probing_start(c, now_us);
        tcp_cc_init(&c->cc, c->set.cc, c->snd.mss);
        tcp_loss_start(&c->loss, c->sack_ok);
        tcp_fastopen_active_settle(c);
    }
    if (c->retransmits > 1) { /* RFC 6928 2, RFC 5681 3.1: a SYN lost twice is a loss like another */
        c->cc.cwnd_bytes = c->snd.mss;
    }
    tcp_rtt_progress(&c->rtt);
    tcp_timers_acked(c, now_us);
    tcp_timers_alive(c, now_us);
    ip_path_confirm(c->tcp->ip, &c->path, now_us);
    news_mark(c->tcp->core, &c->news);
    tcp_conn_owe(c, TCP_OWE_TRY);
}
