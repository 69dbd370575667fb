/* What the options of the two SYNs agree on (RFC 9293 3.2, RFC 7323 2.2 and 3.2, RFC 2018 2). */
#ifndef TCP_OPTIONS_H
#define TCP_OPTIONS_H

#include "tcp/conn/conn.h"
#include "tcp/segment/segment.h"

/* What the options of the peer's SYN agree on. */
void tcp_options_from_syn(struct tcp_conn *c, const struct tcp_segment *seg, uint64_t now_us);

/* The window scale to use of an option: above 14 counts as 14 (T5). */
uint8_t tcp_options_wscale(struct core *core, const struct wire_tcp_options *options);

/* The MSS option for a path: the interface's MTU less headers (MUST-67), or TCP_MAXSEG. */
uint16_t tcp_options_mss_offer(const struct tcp *tcp, const struct tapir_addr *remote, const struct link_netif *netif,
                               uint32_t maxseg_bytes);

#endif
