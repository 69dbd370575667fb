/* ICMP errors about UDP datagrams that we sent: each is reported to the socket that sent the datagram. */
#include "udp/table.h"

/* The quote is believed if its ports and addresses are those of a socket of ours (RFC 5927 4; HAZARDS C4). */
bool udp_error(void *ctx, const struct ip_error *error, uint64_t now_us) {
    struct udp *udp = ctx;
    struct wire_udp header;
    if (!wire_udp_parse(error->quote, error->quote_len, &header)) {
        return false;
    }
    struct tapir_endpoint local = {.addr = error->src, .port = header.src_port};
    struct tapir_endpoint remote = {.addr = error->dst, .port = header.dst_port};
    struct udp_pcb *pcb = udp_table_lookup(udp, &local, &remote, error->netif->index);
    if (pcb == NULL) {
        return false;
    }
    ip_inbox_icmp(pcb->inbox, error, &remote, error->quote + WIRE_UDP_LEN, error->quote_len - WIRE_UDP_LEN);
    struct udp_event event = {.local = local,
                              .remote = remote,
                              .len = error->quote_len,
                              .netif = error->netif->index,
                              .reason = "ICMP error about it"};
    udp_trace(udp, &event, now_us);
    return true;
}
