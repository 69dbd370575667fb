/* What the options of the two SYNs agree on (RFC 9293 3.2, RFC 7323 2.2 and 3.2, RFC 2018 2). */
#include "tcp/conn/options.h"
#include "tcp/conn/path.h"

#include "tcp/conn/tcp.h"
#include "tcp/receive/offer.h"

uint8_t tcp_options_wscale(struct core *core, const struct wire_tcp_options *options) {
    if (options->wscale > TCP_WSCALE_MAX) { /* RFC 7323 2.3 */
        COUNT(core, tcp_wscale_bad);
        return TCP_WSCALE_MAX;
    }
    return options->wscale;
}

void tcp_options_from_syn(struct tcp_conn *c, const struct tcp_segment *seg, uint64_t now_us) {
    const struct wire_tcp_options *options = &seg->options;
    c->snd.peer_mss = tcp_segment_option(seg, WIRE_TCPOPT_MSS) ? options->mss : TCP_MSS_DEFAULT; /* MUST-15 */
    c->snd.wscale_ok = tcp_segment_option(seg, WIRE_TCPOPT_WSCALE);
    c->snd.wscale = c->snd.wscale_ok ? tcp_options_wscale(c->tcp->core, options) : 0;
    c->rcv.wscale = c->snd.wscale_ok ? c->rcv.wscale : 0;
    c->sack_ok = tcp_segment_option(seg, WIRE_TCPOPT_SACK_PERMITTED);
    c->ts.ok = tcp_segment_option(seg, WIRE_TCPOPT_TIMESTAMPS);
    if (c->ts.ok) {
        c->ts.recent = options->tsval;
        c->ts.recent_us = now_us;
    }
    tcp_conn_path_update_mss(c, now_us);
}

uint16_t tcp_options_mss_offer(const struct tcp *tcp, const struct tapir_addr *remote, const struct link_netif *netif,
                               uint32_t maxseg_bytes) {
    uint32_t mss = min_u32(netif->mtu_bytes, UINT16_MAX) - ip_header_len(tcp->ip, remote) - WIRE_TCP_LEN;
    return (uint16_t)(maxseg_bytes == 0 ? mss : min_u32(mss, maxseg_bytes));
}
