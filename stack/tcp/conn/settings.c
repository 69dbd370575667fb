/* The settings of a new socket. */
#include "tcp/conn/settings.h"

#include "ip/ip.h"
#include "tcp/cc/ecn.h"
#include "tcp/loss/rtt.h"
#include "tcp/receive/offer.h"
#include "tcp/segment/limits.h"

void tcp_conn_settings(struct tcp_settings *set) {
    *set = (struct tcp_settings){
        .rcvbuf_bytes = TCP_RCVBUF_BYTES,
        .sndbuf_bytes = TCP_SNDBUF_BYTES,
        .rcvlowat_bytes = 1,
        .keepidle_us = TCP_KEEPIDLE_US,
        .keepintvl_us = TCP_KEEPINTVL_US,
        .rto_min_us = TCP_RTO_MIN_US,
        .keepcnt = TCP_KEEPCNT,
        .max_pacing_bytes_per_s = UINT64_MAX,
        .syncnt = TCP_SYN_RETRIES,
        .linger2_us = TCP_FIN_WAIT_2_US,
        .linger_s = -1,
        .ttl = IP_TTL_DEFAULT,
        .mtu_discover = 1,
        .mtu_probing = TCP_MTU_PROBING_BLACK_HOLE,
        .base_mss_bytes = TCP_BASE_MSS,
        .ecn = TCP_ECN_ACCEPT,
        .cc = &tcp_cc_cubic,
    };
}

uint8_t tcp_conn_settings_wscale(const struct tcp_settings *set) {
    return tcp_offer_scale_for(set->rcvbuf_fixed ? set->rcvbuf_bytes : TCP_RCVBUF_TUNED_BYTES / 2);
}
