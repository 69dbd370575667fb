/* What came in, given to those who want it: raw sockets, the handler of its protocol. */
#include "ip/internal.h"

/* They come first and get copies: they cannot take a datagram away from its transport. */
bool ip_deliver_raw(struct ip *ip, const struct ip_rx *rx, uint64_t now_us) {
    COUNT(ip->core, ip_delivered);
    return ip->raw != NULL && ip->raw(ip->raw_ctx, rx, now_us);
}

/* A datagram that a raw socket took has found its owner, so a missing transport is no error (else I9). */
enum ip_verdict ip_deliver(struct ip *ip, const struct ip_rx *rx, bool raw_took, uint64_t now_us) {
    const struct ip_handler *handler = &ip->handlers[rx->protocol];
    if (handler->input != NULL) {
        return handler->input(handler->ctx, rx, now_us);
    }
    return raw_took ? IP_DONE : IP_PROTOCOL_UNREACHABLE;
}

bool ip_deliver_error(struct ip *ip, const struct ip_error *error, uint64_t now_us) {
    const struct ip_handler *handler = &ip->handlers[error->protocol];
    if (handler->error != NULL) {
        return handler->error(handler->ctx, error, now_us);
    }
    return ip->raw_error != NULL && ip->raw_error(ip->raw_ctx, error, now_us);
}
