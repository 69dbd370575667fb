/* A datagram socket's inbox: matching, and queueing with a mark. */
#include "ip/inbox.h"

void ip_inbox_init(struct ip_inbox *inbox, struct core *core) {
    *inbox = (struct ip_inbox){.core = core};
    ip_rxqueue_init(&inbox->rx, &core->mem, TAPIR_DGRAM_RCVBUF_BYTES);
    ip_errqueue_init(&inbox->errors, &core->mem);
}

void ip_inbox_clear(struct ip_inbox *inbox) {
    ip_rxqueue_clear(&inbox->rx);
    ip_errqueue_clear(&inbox->errors);
    news_drop(&inbox->news);
}

/* Bound and connected names only narrow what is heard; an interface narrows it further. */
bool ip_inbox_match(const struct ip_inbox *inbox, const struct tapir_addr *src, const struct tapir_addr *dst,
                    uint8_t netif) {
    return (!inbox->connected || addr_equal(&inbox->peer.addr, src)) &&
           (addr_is_any(&inbox->local.addr) || addr_equal(&inbox->local.addr, dst)) &&
           (inbox->netif == 0 || inbox->netif == netif);
}

bool ip_inbox_push(struct ip_inbox *inbox, const struct ip_rx *rx, const uint8_t *data, uint32_t len, uint16_t src_port,
                   bool with_header) {
    if (!ip_rxqueue_push(&inbox->rx, rx, data, len, src_port, with_header)) {
        return false;
    }
    news_mark(inbox->core, &inbox->news);
    return true;
}

void ip_inbox_icmp(struct ip_inbox *inbox, const struct ip_error *error, const struct tapir_endpoint *dst,
                   const uint8_t *data, uint32_t len) {
    if (ip_errqueue_icmp(&inbox->errors, error, inbox->connected, dst, data, len)) {
        news_mark(inbox->core, &inbox->news);
    }
}
