/* A connection's part in path MTU discovery without ICMP (RFC 4821). The search itself is plpmtu.c. */
#include "tcp/conn/mtu_probing.h"

#include "tcp/conn/path.h"
#include "tcp/conn/trace.h"

/* Where datagrams may be fragmented nothing vanishes for its length; who ignores ICMP's word (IP_PMTUDISC_PROBE) needs
 * another; and no path leads through lo. */
static enum tcp_mtu_probing mode_of(const struct tcp_conn *c) {
    if (c->set.mtu_discover == 0 || !c->has_path || c->path.netif->index == LINK_LOOPBACK) {
        return TCP_MTU_PROBING_OFF;
    }
    return c->set.mtu_discover == 3 ? TCP_MTU_PROBING_ON : (enum tcp_mtu_probing)c->set.mtu_probing;
}

/* A setting of payload, as Linux has it, as the search counts. */
static uint32_t base_bytes(const struct tcp_conn *c) { return c->set.base_mss_bytes + (c->ts.ok ? 12 : 0); }

void tcp_mtu_probing_start(struct tcp_conn *c, uint64_t now_us) {
    tcp_conn_path_update_mss(c, now_us);
    if (mode_of(c) == TCP_MTU_PROBING_ON) {
        tcp_plpmtu_begin(&c->plpmtu, base_bytes(c));
        tcp_conn_path_update_mss(c, now_us);
    }
}

struct tcp_mtu_probing_turn tcp_mtu_probing_turn(struct tcp_conn *c, uint32_t options_len, uint64_t now_us) {
    uint32_t size = tcp_plpmtu_wants(&c->plpmtu, now_us);
    if (size <= options_len || !tcp_loss_calm(&c->loss) || c->snd.urgent) {
        return (struct tcp_mtu_probing_turn){0};
    }
    uint32_t len = size - options_len;
    uint64_t una = tcp_conn_snd_offset(c, c->snd.una);
    uint64_t nxt = tcp_conn_snd_offset(c, c->snd.nxt);
    uint64_t tail = c->snd.queue.tail;
    uint64_t needed = len + TCP_MTU_PROBE_AFTER * c->snd.mss;
    if (una == nxt) {
        needed += c->snd.mss;
    }
    if (nxt + needed > tail || nxt + needed > una + c->snd.wnd ||
        c->cc.cwnd_bytes < max_u64(needed, (uint64_t)TCP_MTU_PROBE_SEGMENTS * c->snd.mss)) {
        return (struct tcp_mtu_probing_turn){0};
    }
    if (una == nxt) {
        return (struct tcp_mtu_probing_turn){.lead = true};
    }
    bool wait = tcp_loss_flight(&c->loss, una, nxt) + len > c->cc.cwnd_bytes;
    c->snd.cwnd_limited = c->snd.cwnd_limited || wait;
    return (struct tcp_mtu_probing_turn){.len = wait ? 0 : len, .wait = wait};
}

void tcp_mtu_probing_probe_sent(struct tcp_conn *c, uint64_t start, uint64_t end, uint32_t options_len,
                                uint64_t now_us) {
    uint32_t size = (uint32_t)(end - start) + options_len;
    COUNT(c->tcp->core, tcp_mtu_probes);
    (void)PROMISE(&c->promises, tcp_plpmtu_sent(&c->plpmtu, size));
    tcp_mtu_verdict_probed(&c->loss.mtu_probe, start, end);
    tcp_trace_mtu(c, size, "probe", now_us);
}

/* What a search came to is told to the others that go there, and forgotten by the time it is repeated. */
static void share(struct tcp_conn *c, uint64_t now_us) {
    if (tcp_plpmtu_learnt(&c->plpmtu)) {
        uint32_t headers = ip_header_len(c->tcp->ip, &c->remote.addr) + WIRE_TCP_LEN;
        (void)ip_path_lower_mtu(c->tcp->ip, &c->remote.addr, c->plpmtu.low_bytes + headers, now_us);
    }
}

void tcp_mtu_probing_end(struct tcp_conn *c, uint64_t now_us) {
    if (c->plpmtu.phase == PLPMTU_SEARCH) {
        share(c, now_us);
    }
}

void tcp_mtu_probing_judge(struct tcp_conn *c, uint64_t now_us) {
    enum loss_mtu_verdict verdict = tcp_mtu_verdict_take(&c->loss.mtu_probe, tcp_conn_snd_offset(c, c->snd.una));
    enum plpmtu_phase before = c->plpmtu.phase;
    uint32_t size = c->plpmtu.probe_bytes;
    uint64_t pause_us = c->rtt.srtt_us;          /* at most one segment in two round trips is lost on purpose */
    if (verdict == LOSS_MTU_NONE || size == 0) { /* a black hole found meanwhile has made it void */
        return;
    }
    if (verdict == LOSS_MTU_PASSED) {
        COUNT(c->tcp->core, tcp_mtu_probes_passed);
        tcp_plpmtu_passed(&c->plpmtu, now_us);
    } else if (verdict == LOSS_MTU_LOST) {
        COUNT(c->tcp->core, tcp_mtu_probes_lost);
        tcp_plpmtu_lost(&c->plpmtu, now_us, pause_us);
    } else {
        tcp_plpmtu_unclear(&c->plpmtu, now_us, pause_us);
    }
    static const char reasons[][16] = {
        [LOSS_MTU_PASSED] = "probe passed", [LOSS_MTU_LOST] = "probe lost", [LOSS_MTU_UNCLEAR] = "probe unclear"};
    tcp_trace_mtu(c, size, reasons[verdict], now_us);
    if (before == PLPMTU_SEARCH && c->plpmtu.phase == PLPMTU_FOUND) {
        tcp_trace_mtu(c, 0, "found", now_us);
        share(c, now_us);
    }
    tcp_conn_path_update_mss(c, now_us);
}

void tcp_mtu_probing_timeout(struct tcp_conn *c, uint64_t now_us) {
    /* R1 retransmissions were lost too (RFC 4821 7.7); nor is the peer's window, shrunk over them, what keeps them. */
    if (c->retransmits <= TCP_RETRIES_1 || c->snd.wnd < c->snd.mss || mode_of(c) == TCP_MTU_PROBING_OFF) {
        return;
    }
    uint64_t una = tcp_conn_snd_offset(c, c->snd.una);
    uint64_t nxt = tcp_conn_snd_offset(c, c->snd.nxt);
    uint64_t head = min_u64(tcp_loss_head_bytes(&c->loss, una, nxt), c->snd.mss) + (c->ts.ok ? 12 : 0);
    if (tcp_plpmtu_black_hole(&c->plpmtu, base_bytes(c), (uint32_t)head)) {
        COUNT(c->tcp->core, tcp_black_holes);
        tcp_conn_path_update_mss(c, now_us);
        tcp_trace_mtu(c, 0, "black hole", now_us);
    }
}
