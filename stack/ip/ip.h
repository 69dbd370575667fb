/* The internet layer's face to the transports: what came in, how to send, and errors that came back.
 *
 * Receiving: each datagram, validated and reassembled, is given to the handler of its protocol; raw sockets
 * see a copy before. Sending: find a path, then give a frame (datagram sockets) or complete a pulled
 * segment (TCP).
 */
#ifndef IP_IP_H
#define IP_IP_H

#include "base/addr.h"
#include "base/bucket.h"
#include "base/core.h"
#include "base/frame.h"
#include "ip/version.h"
#include "link/link.h"
#include "wire/wire.h"

#define IP_TTL_DEFAULT 64 /* RFC 1700; RFC 1122 3.2.1.7 wants it settable */
#define IP_ECN_MASK 3

/* A received datagram. Everything is borrowed for the call. */
struct ip_rx {
    struct tapir_frame *frame; /* holds data and header; take a reference to keep either */
    const uint8_t *header;     /* the IP header, for raw sockets and ICMP quotes */
    uint8_t header_len;
    const uint8_t *data; /* transport header and payload */
    uint32_t len;
    struct tapir_addr src, dst;
    uint8_t protocol, ttl, tos;
    struct link_netif *netif;
    enum link_cast link_cast;            /* how the frame was addressed */
    enum link_cast dst_cast;             /* what dst is: unicast (ours), broadcast or multicast */
    bool fragmented;                     /* it was reassembled */
    uint64_t came_us;                    /* when its (last) frame came */
    const struct tapir_offload *offload; /* csum GOOD or PARTIAL: trust it; gso_size tells wire segments */
};

enum ip_error_kind {
    IP_ERROR_UNREACHABLE,
    IP_ERROR_FRAG_NEEDED,
    IP_ERROR_TIME_EXCEEDED,
    IP_ERROR_PARAMETER,
};

/* An ICMP error about a datagram of ours, or a local one (no neighbour). Borrowed. */
struct ip_error {
    enum ip_error_kind kind;
    uint8_t type, code; /* ICMP; 0/0 when local */
    bool local;         /* our own link layer says so: no offender */
    bool hard;          /* RFC 1122 4.2.3.9: protocol or port unreachable (frag needed is not counted here) */
    bool fatal;         /* what Linux calls so: a connected datagram socket hears of it without having asked */
    int error;          /* the errno Linux gives for it: ENETUNREACH, EHOSTUNREACH, ENOPROTOOPT,
                                    ECONNREFUSED, EMSGSIZE, EPROTO, EACCES... */
    uint32_t mtu;       /* FRAG_NEEDED: the next hop's MTU, plateau-corrected (RFC 1191 7.1) */
    struct tapir_addr offender;
    struct tapir_addr src, dst; /* of the quoted datagram: src is ours */
    uint8_t protocol;
    const uint8_t *quote; /* the quoted transport bytes */
    uint32_t quote_len;   /* at least 8 unless the datagram was shorter */
    struct link_netif *netif;
    uint8_t ttl, tos; /* of the message that came; 0 when local */
};

/* What ICMP should say about a datagram that a handler did not want. */
enum ip_verdict { IP_DONE, IP_PORT_UNREACHABLE, IP_PROTOCOL_UNREACHABLE };

struct ip_handler {
    void *ctx;
    enum ip_verdict (*input)(void *ctx, const struct ip_rx *rx, uint64_t now_us);
    /* Returns true if the quote is credible (fits a live flow): path MTU is learnt only then (RFC 5927 7). */
    bool (*error)(void *ctx, const struct ip_error *error, uint64_t now_us);
};

/* The way to a destination; owned by its user, valid while `generation` is the table's. An empty one (netif NULL) leads
 * nowhere: a user whose path was lost may still have one in hand when an answer to older data comes. */
struct ip_path {
    uint32_t generation;
    struct link_netif *netif;
    const struct ip_version *version; /* of dst; in an empty path too, NULL if we speak none that it is of */
    struct tapir_addr src, dst, next_hop;
    uint64_t addresses_sum; /* of src and dst, for ip_path_pseudo */
    enum link_cast cast;
};

/* ---- what a transport asks its path ---- */

/* Bytes of IP header before the transport's; of an empty path too, if it has a version. */
static inline uint32_t ip_path_header_len(const struct ip_path *path) { return path->version->header_len; }

/* The most bytes of transport header and payload that a datagram carries, in fragments if need be. */
static inline uint32_t ip_path_payload_max(const struct ip_path *path) { return path->version->payload_max; }

/* The sum of the pseudo-header before `len` bytes of transport header and payload (RFC 9293 3.1, RFC 768, RFC 8200 8.1). It
 * is one for both versions: their fields are the same words, and the order of words is nothing to a sum. */
static inline checksum_sum ip_path_pseudo(const struct ip_path *path, uint8_t protocol, uint32_t len) {
    return path->addresses_sum + protocol + len;
}

/* Does the device cut super-segments of TCP, and what are they called? */
static inline bool ip_path_cuts_tcp(const struct ip_path *path) {
    return (path->netif->caps & path->version->cap_tcp) != 0;
}
static inline uint8_t ip_path_gso_tcp(const struct ip_path *path) { return path->version->gso_tcp; }

/* The pseudo-header's sum for the `len` bytes of transport header and payload that rx brought. */
static inline checksum_sum ip_rx_pseudo(const struct ip_rx *rx, uint32_t len) {
    return addr_sum(&rx->src) + addr_sum(&rx->dst) + rx->protocol + len;
}

struct ip; /* defined in ip/state.h */

/* Finds a path to dst. src all-zero: one is selected (RFC 1122 3.3.4.3; RFC 6724 in spirit); else it must be
 * ours. netif 0: any. Own addresses and 127/8 go to lo. 0, or *path is empty: -ENETUNREACH, -EADDRNOTAVAIL, -ENODEV,
 * -ENETDOWN. */
int ip_path_find(struct ip *ip, const struct tapir_addr *dst, const struct tapir_addr *src, int netif,
                 struct ip_path *path);

/* The same; `direct`: without any gateway (SO_DONTROUTE). */
int ip_path_find_direct(struct ip *ip, const struct tapir_addr *dst, const struct tapir_addr *src, int netif,
                        bool direct, struct ip_path *path);

/* Is the path still good? (routes, addresses and interfaces have not changed since) */
bool ip_path_valid(const struct ip *ip, const struct ip_path *path);

/* Bytes of IP datagram that fit the path now: the interface's, or less when learnt (RFC 1191). */
uint32_t ip_path_mtu(struct ip *ip, const struct ip_path *path, uint64_t now_us);

/* Believes a smaller MTU for dst (never below its version's floor, never upward). True if it was lowered. */
bool ip_path_lower_mtu(struct ip *ip, const struct tapir_addr *dst, uint32_t mtu, uint64_t now_us);

/* Forward-progress or failure advice from a transport (RFC 1122 3.3.1.4, RFC 4861 7.3.1): about a path valid or not,
 * as answers come late; of an empty one there is nothing to say. */
void ip_path_confirm(struct ip *ip, const struct ip_path *path, uint64_t now_us);
void ip_path_suspect(struct ip *ip, const struct ip_path *path, uint64_t now_us);

/* How to send a datagram. */
struct ip_send {
    uint8_t protocol;
    uint8_t ttl; /* not 0 */
    uint8_t tos;
    bool dont_fragment; /* never fragment here: -EMSGSIZE when too big; DF set on the wire */
    bool probe_pmtu;    /* with dont_fragment: ignore the learnt MTU, use the interface's (IP_PMTUDISC_PROBE) */
    bool router_alert;  /* IGMP */
    bool loop;          /* multicast: deliver a copy to our own members too */
};

/* The share of memory for a datagram of a user's: the first to wait for the device, or behind others. */
static inline enum mem_share ip_send_share(const struct ip_path *path) {
    return path->netif->queue.count == 0 ? MEM_FIRST : MEM_BULK;
}

/* Sends transport header and payload (frame->data; headroom before it) along path. Fragments if it must and
 * may. Takes frame. 0, -EMSGSIZE, -ENOBUFS, -EHOSTUNREACH, -ENETDOWN (frame released). */
int ip_send_frame(struct ip *ip, const struct ip_path *path, const struct ip_send *send, struct tapir_frame *frame,
                  uint64_t now_us);

/* Sends a datagram with its IP header in place (IP_HDRINCL): id, total length, checksum and a zero source are
 * filled in. Takes frame. 0, -EINVAL (no IP header), -EMSGSIZE (above the interface's MTU: it is not cut),
 * -ENOBUFS, -EHOSTUNREACH, -ENETDOWN. */
int ip_send_with_header(struct ip *ip, const struct ip_path *path, struct tapir_frame *frame, uint64_t now_us);

/* Completes a segment for the device: out->header is at the transport header, offload counts from there.
 * Prepends IP and Ethernet: 1; 0: it waits for a neighbour or was dropped. On lo the segment is queued for
 * delivery and 0 returned. */
int ip_send_out(struct ip *ip, const struct ip_path *path, const struct ip_send *send, struct tapir_out *out,
                uint64_t now_us);

/* Do we speak the version of IP that addr, borrowed, is of? Bytes of header that it puts before a transport's. */
bool ip_speaks(const struct ip *ip, const struct tapir_addr *addr);
uint32_t ip_header_len(const struct ip *ip, const struct tapir_addr *addr);

/* Is addr a valid address of ours (any interface, 127/8 included)? Of broadcast or multicast kind as dst? */
bool ip_is_local(const struct ip *ip, const struct tapir_addr *addr);
enum link_cast ip_cast_of(const struct ip *ip, const struct tapir_addr *addr);

/* Counted membership of the interface in a group (RFC 3376 2). 0, -ENOBUFS, -ENODEV, -EINVAL (no group), -EADDRNOTAVAIL (not
 * joined). */
int ip_groups_join(struct ip *ip, struct link_netif *netif, const struct tapir_addr *group, uint64_t now_us);
int ip_groups_leave(struct ip *ip, struct link_netif *netif, const struct tapir_addr *group, uint64_t now_us);

/* The protocol's next hop that raw sockets listen to: called for every datagram delivered, before its handler.
 * True: some socket wanted it (no protocol-unreachable then). */
typedef bool ip_raw_fn(void *ctx, const struct ip_rx *rx, uint64_t now_us);

#endif
