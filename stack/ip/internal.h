/* What the files of ip/ tell each other; no other room includes it. */
#ifndef IP_INTERNAL_H
#define IP_INTERNAL_H

#include "base/addr.h"
#include "ip/state.h"

/* ---- cast.c: what an address is to us ---- */

enum ip_kind {
    IP_KIND_OTHER, /* another host, or nobody */
    IP_KIND_OWN,   /* a valid address of any interface, or 127/8 */
    IP_KIND_BROADCAST,
    IP_KIND_MULTICAST,
};

enum ip_kind ip_cast_kind(const struct ip *ip, uint32_t addr);

/* Does one of netif's addresses have `addr` in its prefix? The longest such prefix, or -1; *own (may be NULL)
 * is set to that address. Addresses still being probed count only with `tentative`. */
int ip_cast_on_link(const struct link_netif *netif, uint32_t addr, bool tentative, uint32_t *own);

/* The first valid address of netif; false: it has none. */
bool ip_cast_first_address(const struct link_netif *netif, uint32_t *own);

/* ---- martian.c ---- */

/* Is source or destination one that this datagram cannot have? (I7; RFC 1122 3.2.1.3, RFC 6890). `outside`: it
 * came over a wire, so that our own and the loopback addresses cannot be in it. Borrows header. */
bool ip_v4_martian(const struct ip *ip, const struct wire_ipv4 *header, bool outside);

/* ---- options.c ---- */

enum ip_v4_options_verdict { IP_OPTIONS_OK, IP_OPTIONS_SOURCE_ROUTE, IP_OPTIONS_BAD };

struct ip_v4_options {
    bool router_alert;
    uint8_t bad_at; /* BAD: where the option at fault, or the padding before it, begins in the header */
};

/* Walks the options of a parsed header, borrowed, and fills *options. */
enum ip_v4_options_verdict ip_v4_options_judge(const struct wire_ipv4 *header, struct ip_v4_options *options);

/* ---- input.c ---- */

/* What we sent to a group or broadcast address ourselves comes back as from netif. Borrows frame. */
void ip_v4_input_looped(struct ip *ip, struct link_netif *netif, struct tapir_frame *frame, uint64_t now_us);

/* ---- reasm.c ---- */

/* Takes in a fragment: rx describes it, header is its parsed header; both borrowed. Gives the whole datagram,
 * frame->data at its rebuilt header, when this was the missing piece; else NULL. */
struct tapir_frame *ip_reasm_add(struct ip *ip, const struct ip_rx *rx, const struct wire_ipv4 *header,
                                 uint64_t now_us);

/* Drops everything that waits. */
void ip_reasm_clear(struct ip *ip);

/* ---- route.c ---- */

/* The best route to dst over an interface that is up (netif 0: any), one with a live gateway if there is one;
 * NULL: none. Borrowed until routes change. */
const struct ip_route *ip_route_lookup(const struct ip *ip, uint32_t dst, int netif);

/* News of a gateway: dead, or alive again. What is known already is no change. */
void ip_route_gateway_dead(struct ip *ip, const struct ip_path *path);
void ip_route_gateway_alive(struct ip *ip, const struct ip_path *path);

/* ---- id.c ---- */

/* The identification of a datagram: 0 if it is atomic (DF), else unpredictable and not used lately. */
uint16_t ip_v4_id_next(struct ip *ip, bool dont_fragment);

/* ---- send.c ---- */

/* The header of a datagram of total_len bytes that goes along path, with a fresh id. Its options are constant. */
struct wire_ipv4 ip_v4_send_header(struct ip *ip, const struct ip_path *path, const struct ip_send *send,
                                   uint32_t total_len);

/* Puts the header before frame->data. */
void ip_v4_send_prepend(struct tapir_frame *frame, const struct wire_ipv4 *header);

/* Gives a complete datagram, taken, to the link. Results as link_send_frame. */
int ip_v4_send_datagram(struct ip *ip, const struct ip_path *path, struct tapir_frame *frame, uint64_t now_us);

/* ---- fragment.c ---- */

/* Cuts frame (payload only, checksum complete; taken) to datagrams of at most mtu bytes and sends them: all are
 * made before the first goes. 0, -ENOBUFS or as link_send_frame. */
int ip_v4_fragment_send(struct ip *ip, const struct ip_path *path, const struct ip_send *send,
                        struct tapir_frame *frame, uint32_t mtu, uint64_t now_us);

/* ---- pmtu.c ---- */

/* The learnt MTU to dst, or UINT32_MAX. */
uint32_t ip_pmtu_get(struct ip *ip, const struct tapir_addr *dst, uint64_t now_us);

/* The next likely MTU below a datagram of total_len bytes that did not fit (RFC 1191 7.1). */
uint32_t ip_pmtu_plateau(uint32_t total_len);

void ip_pmtu_clear(struct ip *ip);

/* ---- icmp.c, icmp_notice.c ---- */

/* Borrows rx. */
void ip_v4_icmp_input(struct ip *ip, const struct ip_rx *rx, uint64_t now_us);

/* Sends `icmp` along path: frame, taken, holds what follows its header, and has headroom. `reason` for the trace. */
void ip_v4_icmp_send(struct ip *ip, const struct ip_path *path, uint8_t tos, struct wire_icmp *icmp,
                     struct tapir_frame *frame, const char *reason, uint64_t now_us);

/* Checks an ICMP error that came in and tells the transport of the datagram it quotes; borrows both. Returns why
 * it was dropped, counted, or NULL. */
const char *ip_v4_icmp_notice(struct ip *ip, const struct ip_rx *rx, const struct wire_icmp *icmp, uint64_t now_us);

/* Gives the error, borrowed, to the handler of its protocol, else to the raw sockets. True: somebody believed it. */
bool ip_v4_icmp_notice_give(struct ip *ip, const struct ip_error *error, uint64_t now_us);

/* ---- igmp.c ---- */

void ip_v4_igmp_init(struct ip *ip);
void ip_v4_igmp_destroy(struct ip *ip);

/* Borrows rx. */
void ip_v4_igmp_input(struct ip *ip, const struct ip_rx *rx, uint64_t now_us);

/* The interface went up or down: its groups are told anew, or what was owed about them is forgotten. */
void ip_v4_igmp_switched(struct ip *ip, const struct link_netif *netif, uint64_t now_us);

/* Does the interface listen to the group? 224.0.0.1 always (RFC 1112 7.2). */
bool ip_v4_igmp_member(const struct ip *ip, const struct link_netif *netif, uint32_t group);

/* ---- trace.c: ICMP and IGMP messages as events; nothing unless somebody traces ---- */

void ip_trace_in(struct ip *ip, const struct ip_rx *rx, const char *reason, bool dropped, uint64_t now_us);

/* frame->data at the message, its path about to be taken. */
void ip_trace_out(struct ip *ip, const struct ip_path *path, uint8_t protocol, const struct tapir_frame *frame,
                  const char *reason, uint64_t now_us);

#endif
