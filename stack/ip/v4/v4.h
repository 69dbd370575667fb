/* IPv4 behind the shared part of ip/: what its files tell each other, and what stack.c connects. */
#ifndef IP_V4_V4_H
#define IP_V4_V4_H

#include "ip/internal.h"

/* ---- version.c ---- */

/* For ip_init. */
extern const struct ip_version ip_v4_version;

/* ---- input.c ---- */

/* The link's handler of datagrams (link_handlers.input): ctx is the struct ip. */
void ip_v4_input(void *ctx, struct link_netif *netif, struct tapir_frame *frame, enum link_cast cast, uint64_t now_us);

void ip_v4_input_own(struct ip *ip, struct link_netif *netif, struct tapir_frame *frame, uint64_t now_us);

/* ---- unreachable.c ---- */

/* The link's handler of what found no neighbour (link_handlers.unreachable): ctx is the struct ip. */
void ip_v4_unreachable(void *ctx, struct link_netif *netif, struct tapir_frame *frame, uint64_t now_us);

/* ---- cast.c: what an address is to us ---- */

/* Of an address in host order, as each datagram that comes in asks; and as the shared part asks. */
enum ip_kind ip_v4_cast_kind(const struct ip *ip, uint32_t addr);
enum ip_kind ip_v4_cast_of(const struct ip *ip, const struct tapir_addr *addr);

/* The first valid address of netif; false: it has none. */
bool ip_v4_cast_first(const struct link_netif *netif, struct tapir_addr *own);

int ip_v4_cast_source(const struct link_netif *netif, const struct tapir_addr *next_hop, struct tapir_addr *src);

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

/* ---- reasm.c ---- */

/* Takes in a fragment: rx describes it, header is its parsed header; both borrowed. Gives the whole datagram,
 * frame->data at its rebuilt header, when this was the missing piece; else NULL. */
struct tapir_frame *ip_v4_reasm_add(struct ip *ip, const struct ip_rx *rx, const struct wire_ipv4 *header,
                                    uint64_t now_us);

void ip_v4_reasm_expired(const struct ip_reassembly *d, uint64_t now_us);

/* ---- id.c ---- */

/* The identification of a datagram: 0 if it is atomic (DF), else unpredictable and not used lately. */
uint16_t ip_v4_id_next(struct ip *ip, bool dont_fragment);

/* ---- header.c ---- */

/* The header of a datagram of total_len bytes that goes along path, with a fresh id. Its options are constant. */
struct wire_ipv4 ip_v4_header_of(struct ip *ip, const struct ip_path *path, const struct ip_send *send,
                                 uint32_t total_len);

void ip_v4_header_put(struct ip *ip, const struct ip_path *path, const struct ip_send *send, uint32_t total_len,
                      uint8_t *at);

/* Puts a header before frame->data. */
void ip_v4_header_prepend(struct tapir_frame *frame, const struct wire_ipv4 *header);

bool ip_v4_header_adopt(struct ip *ip, const struct ip_path *path, struct tapir_frame *frame);

uint8_t ip_v4_header_protocol(const struct tapir_frame *frame);

/* ---- fragment.c ---- */

int ip_v4_fragment_send(struct ip *ip, const struct ip_path *path, const struct ip_send *send,
                        struct tapir_frame *frame, uint32_t mtu, uint64_t now_us);

/* ---- icmp.c ---- */

/* Borrows rx. */
void ip_v4_icmp_input(struct ip *ip, const struct ip_rx *rx, uint64_t now_us);

/* Sends `icmp` along path: frame, taken, holds what follows its header, and has headroom. `reason` for the trace. */
void ip_v4_icmp_send(struct ip *ip, const struct ip_path *path, uint8_t tos, struct wire_icmp *icmp,
                     struct tapir_frame *frame, const char *reason, uint64_t now_us);

/* ---- echo.c ---- */

bool ip_v4_echo_complete(const struct ip_path *path, struct tapir_frame *frame, uint16_t id);
bool ip_v4_echo_id(const uint8_t *message, uint32_t len, bool request, uint16_t *id);

/* ---- icmp_error.c ---- */

/* Answers rx with an ICMP error if RFC 1122 3.2.2 and the rate limit allow. */
void ip_v4_icmp_error(struct ip *ip, const struct ip_rx *rx, uint8_t type, uint8_t code, uint32_t rest,
                      uint64_t now_us);

/* ---- icmp_notice.c ---- */

/* Checks an ICMP error that came in and tells the transport of the datagram it quotes; borrows both. Returns why
 * it was dropped, counted, or NULL. */
const char *ip_v4_icmp_notice(struct ip *ip, const struct ip_rx *rx, const struct wire_icmp *icmp, uint64_t now_us);

/* ---- igmp.c ---- */

/* Borrows rx. */
void ip_v4_igmp_input(struct ip *ip, const struct ip_rx *rx, uint64_t now_us);

void ip_v4_igmp_joined(struct ip_group *g, uint64_t now_us);
void ip_v4_igmp_left(struct ip_group *g, uint64_t now_us);
void ip_v4_igmp_report(struct ip_group *g, uint64_t now_us);
void ip_v4_igmp_general_report(struct ip_groups *groups, uint64_t now_us);

#endif
