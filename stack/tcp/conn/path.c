/* A connection's path, and the length of segments that follows from it. */
#include "tcp/conn/path.h"

#include "tcp/conn/tcp.h"

int tcp_conn_path(struct tcp_conn *c) {
    if (c->has_path && ip_path_valid(c->tcp->ip, &c->path)) {
        return 0;
    }
    int rc =
        ip_path_find_direct(c->tcp->ip, &c->remote.addr, &c->local.addr, c->set.netif, c->set.dont_route, &c->path);
    c->has_path = rc == 0;
    return rc;
}

void tcp_conn_path_update_mss(struct tcp_conn *c, uint64_t now_us) {
    uint32_t options = c->ts.ok ? 12 : 0;
    uint32_t mss = max_u32(c->snd.peer_mss, TCP_MSS_MIN); /* T4: never tiny, never 0 */
    if (c->has_path) {
        mss = min_u32(mss, ip_path_mtu(c->tcp->ip, &c->path, now_us) - ip_path_header_len(&c->path) - WIRE_TCP_LEN);
    }
    if (c->set.maxseg_bytes != 0) {
        mss = min_u32(mss, c->set.maxseg_bytes);
    }
    mss = tcp_plpmtu_limit(&c->plpmtu, mss) - options;
    c->snd.mss_checked_us = now_us;
    if (PROMISE(&c->promises, mss > 0 && mss <= UINT16_MAX) && mss != c->snd.mss) {
        c->snd.mss = mss;
        tcp_cc_set_mss(&c->cc, mss);
    }
}
