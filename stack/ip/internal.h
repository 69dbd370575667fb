/* What the files of ip/ and its versions tell each other; no other room includes it. */
#ifndef IP_INTERNAL_H
#define IP_INTERNAL_H

#include "base/addr.h"
#include "ip/state.h"

/* ---- cast.c ---- */

/* What addr, borrowed, is to us. */
enum ip_kind ip_cast_kind(const struct ip *ip, const struct tapir_addr *addr);

/* How a datagram to an address of that kind goes. */
enum link_cast ip_cast_of_kind(enum ip_kind kind);

/* Does one of netif's addresses have `addr` in its prefix? The length of the longest such prefix, or -1; *own (may be NULL)
 * is set to that address. Addresses still being probed count only with `tentative`. */
int ip_cast_on_link(const struct link_netif *netif, const struct tapir_addr *addr, bool tentative,
                    struct tapir_addr *own);

/* ---- deliver.c ---- */

/* Gives a copy to the raw sockets. True: one of them wanted it. Borrows rx. */
bool ip_deliver_raw(struct ip *ip, const struct ip_rx *rx, uint64_t now_us);

/* Gives a datagram, borrowed, to the handler of its protocol: what it makes of it. Without one it is of an unknown protocol,
 * unless a raw socket took it. */
enum ip_verdict ip_deliver(struct ip *ip, const struct ip_rx *rx, bool raw_took, uint64_t now_us);

/* Gives the error, borrowed, to the handler of its protocol, else to the raw sockets. True: somebody believed it. */
bool ip_deliver_error(struct ip *ip, const struct ip_error *error, uint64_t now_us);

/* ---- limits.c ---- */

void ip_limits_init(struct ip *ip, uint64_t now_us);

/* May one more echo request that came by netif be answered, one more ICMP error go along path? Ourselves we answer always. */
bool ip_limits_echo(struct ip *ip, const struct link_netif *netif, uint64_t now_us);
bool ip_limits_error(struct ip *ip, const struct ip_path *path, uint64_t now_us);

/* ---- groups.c ---- */

/* Does the interface listen to the group? To that of all nodes always (RFC 1112 7.2). Borrows group. */
bool ip_groups_member(struct ip *ip, const struct link_netif *netif, const struct tapir_addr *group);

/* ---- route.c ---- */

/* The best route to dst over an interface that is up (netif 0: any), one with a live gateway if there is one;
 * NULL: none. Borrowed until routes change. */
const struct ip_route *ip_route_lookup(const struct ip *ip, const struct tapir_addr *dst, int netif);

/* News of a gateway: dead, or alive again. What is known already is no change. */
void ip_route_gateway_dead(struct ip *ip, const struct ip_path *path);
void ip_route_gateway_alive(struct ip *ip, const struct ip_path *path);

/* ---- send.c ---- */

/* Bytes of the header that `send` wants along path. */
static inline uint32_t ip_send_header_len(const struct ip_path *path, const struct ip_send *send) {
    return (uint32_t)path->version->header_len + (send->router_alert ? path->version->alert_len : 0);
}

/* Puts the header of a datagram before frame->data, its payload. */
void ip_send_prepend(struct ip *ip, const struct ip_path *path, const struct ip_send *send, struct tapir_frame *frame);

/* The checksum's place counts from the frame's first byte, which is `bytes` further ahead now. */
static inline void ip_send_shift_checksum(struct tapir_offload *offload, uint32_t bytes) {
    if (offload->csum == TAPIR_CSUM_PARTIAL) {
        offload->csum_start = (uint16_t)(offload->csum_start + bytes);
    }
}

/* Gives a complete datagram, taken, to the link. Results as link_send_frame. */
int ip_send_datagram(struct ip *ip, const struct ip_path *path, struct tapir_frame *frame, uint64_t now_us);

/* ---- pmtu.c ---- */

/* The learnt MTU to dst, or UINT32_MAX. */
uint32_t ip_pmtu_get(struct ip *ip, const struct tapir_addr *dst, uint64_t now_us);

/* Learns the MTU to dst, which its caller believes. False: memory short, counted. */
bool ip_pmtu_learn(struct ip *ip, const struct tapir_addr *dst, uint32_t mtu, uint64_t now_us);

void ip_pmtu_clear(struct ip *ip);

/* ---- trace.c: ICMP and group messages as events; nothing unless somebody traces ---- */

void ip_trace_in(struct ip *ip, const struct ip_rx *rx, const char *reason, bool dropped, uint64_t now_us);

/* frame->data at the message, its path about to be taken. */
void ip_trace_out(struct ip *ip, const struct ip_path *path, uint8_t protocol, const struct tapir_frame *frame,
                  const char *reason, uint64_t now_us);

#endif
