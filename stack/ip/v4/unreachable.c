/* What the link could not deliver: the sender of the datagram hears of it as of an ICMP error (RFC 1122 2.4). */
#include "ip/v4/v4.h"

#include <errno.h>

void ip_v4_unreachable(void *ctx, struct link_netif *netif, struct tapir_frame *frame, uint64_t now_us) {
    struct ip *ip = ctx;
    struct wire_ipv4 header;
    /* Only the first fragment tells whose datagram it was. */
    if (!wire_ipv4_parse_quote(frame->data, frame->len, &header) || header.fragment_offset != 0) {
        return;
    }
    struct ip_error error = {
        .kind = IP_ERROR_UNREACHABLE,
        .local = true,
        .error = EHOSTUNREACH,
        .src = addr_of_ipv4(header.src),
        .dst = addr_of_ipv4(header.dst),
        .protocol = header.protocol,
        .quote = frame->data + header.header_len,
        .quote_len = frame->len - header.header_len,
        .netif = netif,
    };
    (void)ip_deliver_error(ip, &error, now_us);
}
