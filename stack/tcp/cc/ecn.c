/* Explicit congestion notification (RFC 3168 6.1). */
#include "tcp/cc/ecn.h"

#include "wire/wire.h"

#define ECE_CWR (WIRE_TCP_ECE | WIRE_TCP_CWR)

bool tcp_ecn_asks(enum tcp_ecn_mode mode, uint32_t retransmits) { return mode == TCP_ECN_REQUEST && retransmits == 0; }

bool tcp_ecn_agrees(enum tcp_ecn_mode mode, uint8_t syn_flags) {
    return mode != TCP_ECN_OFF && (syn_flags & ECE_CWR) == ECE_CWR;
}

bool tcp_ecn_agreed(uint8_t syn_ack_flags) { return (syn_ack_flags & ECE_CWR) == WIRE_TCP_ECE; }

void tcp_ecn_received(struct ecn *ecn, uint8_t tos, uint8_t flags) {
    if (!ecn->ok) {
        return;
    }
    if ((flags & WIRE_TCP_CWR) != 0) { /* first: a mark on this very segment is new congestion */
        ecn->echo = false;
    }
    ecn->seen |= (tos & TCP_ECN_CE) != 0;
    if ((tos & TCP_ECN_CE) == TCP_ECN_CE) {
        ecn->echo = true;
    }
}

bool tcp_ecn_congested(struct ecn *ecn, uint8_t flags, uint64_t una, uint64_t nxt) {
    if (!ecn->ok || (flags & WIRE_TCP_ECE) == 0 || una <= ecn->reacted_to) {
        return false;
    }
    ecn->reacted_to = nxt;
    ecn->cwr_owed = true;
    return true;
}
