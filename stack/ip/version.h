/* One version of IP, as the part that all versions share sees it: what is fixed for it, and what it does in its own way.
 *
 * ip/v4/ fills one such table, stack.c gives it to ip_init, and a path carries the one of its destination. So the shared
 * part and the transports are written once, and nothing in ip/ names a file of a version.
 */
#ifndef IP_VERSION_H
#define IP_VERSION_H

#include "base/frame.h"
#include "link/link.h"

struct ip;
struct ip_path;
struct ip_send;
struct ip_group;
struct ip_groups;
struct ip_reassembly;

/* What an address is to us. */
enum ip_kind {
    IP_KIND_OTHER, /* another host, or nobody */
    IP_KIND_OWN,   /* a valid address of any interface, or a loopback address */
    IP_KIND_BROADCAST,
    IP_KIND_MULTICAST,
};

struct ip_version {
    uint8_t header_len;          /* of a datagram with nothing but payload behind its header */
    uint8_t alert_len;           /* what a Router Alert adds to that (RFC 2113, RFC 2711) */
    uint16_t payload_max;        /* the most bytes a datagram carries behind such a header */
    uint32_t pmtu_floor;         /* no path MTU below this is believed */
    uint8_t gso_tcp;             /* enum tapir_gso of TCP's super-segments */
    uint32_t cap_tcp;            /* TAPIR_CAP_* of a device that cuts them */
    uint8_t icmp, icmp_echo;     /* the protocol of echo requests, and their type */
    struct tapir_addr loopback;  /* what answers for the loopback addresses */
    struct tapir_addr all_nodes; /* the group that everybody is in and nobody says so */

    /* What addr, borrowed, is to us. */
    enum ip_kind (*kind)(const struct ip *ip, const struct tapir_addr *addr);

    /* The address of netif for datagrams to next_hop whose sender does not care. Borrows next_hop. 0 or -EADDRNOTAVAIL. */
    int (*source)(const struct link_netif *netif, const struct tapir_addr *next_hop, struct tapir_addr *src);

    /* Writes the header of a datagram of total_len bytes that goes along path, all that `send` wants included, at `at`. */
    void (*put_header)(struct ip *ip, const struct ip_path *path, const struct ip_send *send, uint32_t total_len,
                       uint8_t *at);

    /* Judges the header that a user wrote at the front of frame, and fills in what he left out. False: it is none. */
    bool (*adopt_header)(struct ip *ip, const struct ip_path *path, struct tapir_frame *frame);

    /* The protocol of the datagram, or of the first fragment of one, at the front of frame, which is one of ours. */
    uint8_t (*protocol)(const struct tapir_frame *frame);

    /* Cuts frame (payload alone, checksum complete; taken) to datagrams of at most mtu bytes and sends them: all are made
     * before the first goes. 0, -ENOBUFS or as link_send_frame. */
    int (*fragment)(struct ip *ip, const struct ip_path *path, const struct ip_send *send, struct tapir_frame *frame,
                    uint32_t mtu, uint64_t now_us);

    /* Makes frame, the ICMP message that a user wrote to send along path, a true echo request with the identifier `id`. False:
     * it is none. */
    bool (*echo_complete)(const struct ip_path *path, struct tapir_frame *frame, uint16_t id);

    /* The identifier of an echo request, or of the reply to one, of `len` bytes or the first `len` of them, borrowed. False:
     * it is none. */
    bool (*echo_id)(const uint8_t *message, uint32_t len, bool request, uint16_t *id);

    /* A datagram of our own comes in on netif, which is lo, or the interface of the group that it went to. Borrows frame. */
    void (*input_own)(struct ip *ip, struct link_netif *netif, struct tapir_frame *frame, uint64_t now_us);

    /* The rest of a datagram whose first fragment came stayed away too long. */
    void (*reassembly_expired)(const struct ip_reassembly *whole, uint64_t now_us);

    /* The first member of a group came, or the last one went: told to the routers, and told again when a timer is due. A
     * group that was left is ip_groups_release's to free once nothing more is told. */
    void (*joined)(struct ip_group *group, uint64_t now_us);
    void (*left)(struct ip_group *group, uint64_t now_us);
    void (*report_due)(struct ip_group *group, uint64_t now_us);
    void (*general_report_due)(struct ip_groups *groups, uint64_t now_us);
};

#endif
