/* Where the network header of an Ethernet frame begins, VLAN tags or not. */
#ifndef IMPAIR_ETHER_H
#define IMPAIR_ETHER_H

#include <stddef.h>
#include <stdint.h>

#define IMPAIR_ETHER_TAGS_MAX 2 /* IEEE 802.1ad: a service and a customer tag */

/* The offset of what follows the EtherType, which is set in *type. Both are 0 if the frame is too short. Borrows frame. */
size_t impair_ether_network(const uint8_t *frame, size_t len, uint16_t *type);

#endif
