/* What went wrong for a datagram socket: the pending error, and the queue of reports (IP_RECVERR).
 *
 * Linux's rules, the same for UDP, raw and ping sockets: with reports wanted every ICMP error is queued and
 * becomes the pending error; without them only a fatal one does, and only if the socket is connected
 * (RFC 1122 4.1.3.3: errors reach the application; an unconnected one could not tell which datagram failed).
 */
#ifndef IP_ERRQUEUE_H
#define IP_ERRQUEUE_H

#include "ip/ip.h"

enum { IP_ERRQUEUE_LOCAL = 1, IP_ERRQUEUE_ICMP = 2 }; /* SO_EE_ORIGIN_LOCAL, SO_EE_ORIGIN_ICMP */

struct ip_errreport {
    struct ip_errreport *next;
    int error; /* positive errno */
    uint8_t origin, type, code;
    uint32_t info; /* the MTU of an EMSGSIZE */
    struct tapir_addr offender;
    struct tapir_addr local; /* ICMP: to which address of ours, and with what, the message came: as for any datagram */
    uint8_t netif, ttl, tos;
    struct tapir_endpoint dst; /* where the datagram was going */
    uint32_t alloc_bytes, len;
    uint8_t data[]; /* len bytes of the datagram's payload, as far as the ICMP error quotes it */
};

struct ip_errqueue {
    struct mem *mem; /* kept */
    struct ip_errreport *first, *last;
    uint32_t count;
    int pending;     /* errno for the next call, 0 none */
    bool wanted;     /* IP_RECVERR */
    bool learns_mtu; /* IP_MTU_DISCOVER is not DONT: "fragmentation needed" is an error */
};

void ip_errqueue_init(struct ip_errqueue *errors, struct mem *mem);

/* Drops the reports; the pending error stays. */
void ip_errqueue_clear(struct ip_errqueue *errors);

/* Takes note of an ICMP error by the rules above. `dst` is where the datagram was going, data its quoted payload
 * for the report. Borrows all. True: there is something new to tell. A full queue (TAPIR_ERRQUEUE_MAX) or short
 * memory loses the report, never the pending error. */
bool ip_errqueue_icmp(struct ip_errqueue *errors, const struct ip_error *error, bool connected,
                      const struct tapir_endpoint *dst, const uint8_t *data, uint32_t len);

/* Queues a report of EMSGSIZE found here, before sending, if reports are wanted. True: queued. */
bool ip_errqueue_too_big(struct ip_errqueue *errors, const struct tapir_endpoint *dst, uint32_t mtu_bytes);

/* Gives up the first report: the next ICMP report, if any, becomes the pending error, as on Linux. Nothing if
 * there is none. */
void ip_errqueue_drop_first(struct ip_errqueue *errors);

/* The pending error, positive, which is forgotten; 0: none. */
int ip_errqueue_take(struct ip_errqueue *errors);

#endif
