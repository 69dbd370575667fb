/* One datagram socket as the input path sees it: its two names, what arrived for it, what went wrong. */
#ifndef IP_INBOX_H
#define IP_INBOX_H

#include "base/addr.h"
#include "ip/errqueue.h"
#include "ip/rxqueue.h"

struct ip_inbox {
    struct core *core;           /* kept */
    struct news news;            /* marked when something arrives */
    struct tapir_endpoint local; /* address all-zero: the wildcard; port 0: not bound */
    struct tapir_endpoint peer;  /* while connected */
    bool connected;
    uint8_t netif; /* SO_BINDTODEVICE; 0 any */
    struct ip_rxqueue rx;
    struct ip_errqueue errors;
};

void ip_inbox_init(struct ip_inbox *inbox, struct core *core);

/* Drops what is queued and the mark: before the inbox goes away. */
void ip_inbox_clear(struct ip_inbox *inbox);

/* Are a datagram's addresses and interface right for the socket? Ports are the caller's business. */
bool ip_inbox_match(const struct ip_inbox *inbox, const struct tapir_addr *src, const struct tapir_addr *dst,
                    uint8_t netif);

/* ip_rxqueue_push and ip_errqueue_icmp on an inbox, leaving the mark. */
bool ip_inbox_push(struct ip_inbox *inbox, const struct ip_rx *rx, const uint8_t *data, uint32_t len, uint16_t src_port,
                   bool with_header);
void ip_inbox_icmp(struct ip_inbox *inbox, const struct ip_error *error, const struct tapir_endpoint *dst,
                   const uint8_t *data, uint32_t len);

#endif
