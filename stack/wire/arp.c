/* ARP packets of Ethernet hardware and IPv4 protocol (RFC 826); any other kind is refused.
 *
 *     hardware 2 | protocol 2 | hardware length 1 | protocol length 1 | operation 2
 *     sender MAC 6 | sender IPv4 4 | target MAC 6 | target IPv4 4
 *
 * RFC 826 lets the lengths say where the addresses are. Every stack that believed them has read past the packet once,
 * and on Ethernet with IPv4 they have one right value each.
 */
#include "wire/wire.h"

enum { HARDWARE_ETHERNET = 1, HARDWARE_LEN = 6, PROTOCOL_LEN = 4 };

enum wire_arp_verdict wire_arp_parse(const uint8_t *data, size_t len, struct wire_arp *arp) {
    if (len < WIRE_ARP_LEN) {
        return WIRE_ARP_SHORT;
    }
    struct reader r = reader_of(data, WIRE_ARP_LEN);
    /* L4: the lengths are compared, never used to find the addresses. */
    bool ours = reader_u16(&r) == HARDWARE_ETHERNET;
    ours &= reader_u16(&r) == WIRE_ETHERTYPE_IPV4;
    ours &= reader_u8(&r) == HARDWARE_LEN;
    ours &= reader_u8(&r) == PROTOCOL_LEN;
    arp->op = reader_u16(&r);
    reader_copy(&r, arp->sender_mac, sizeof arp->sender_mac);
    arp->sender_ip = reader_u32(&r);
    reader_copy(&r, arp->target_mac, sizeof arp->target_mac);
    arp->target_ip = reader_u32(&r);
    bool known_op = arp->op == WIRE_ARP_REQUEST || arp->op == WIRE_ARP_REPLY;
    return ours && known_op ? WIRE_ARP_OK : WIRE_ARP_BAD;
}

void wire_arp_emit(struct writer *w, const struct wire_arp *arp) {
    uint8_t *packet = writer_room(w, WIRE_ARP_LEN);
    if (packet == NULL) {
        return;
    }
    struct writer p = writer_of(packet, WIRE_ARP_LEN);
    writer_u16(&p, HARDWARE_ETHERNET);
    writer_u16(&p, WIRE_ETHERTYPE_IPV4);
    writer_u8(&p, HARDWARE_LEN);
    writer_u8(&p, PROTOCOL_LEN);
    writer_u16(&p, arp->op);
    writer_copy(&p, arp->sender_mac, sizeof arp->sender_mac);
    writer_u32(&p, arp->sender_ip);
    writer_copy(&p, arp->target_mac, sizeof arp->target_mac);
    writer_u32(&p, arp->target_ip);
}
