/* Counts what a polite end has to wait for. */
#include "stack.h"

/* A segment is its connection's to count, which sends it again. The SYN of one that was closed is nobody's any more. */
static bool is_on_its_own(const struct tapir_frame *frame) {
    struct wire_ipv4 ip;
    return wire_ipv4_parse_quote(frame->data, frame->len, &ip) && ip.protocol != WIRE_PROTO_TCP;
}

/* What closed sockets leave behind: once the peer has acknowledged the FIN (FIN-WAIT-2, TIME-WAIT) nothing is owed;
 * and datagrams that wait for their neighbour's address, which ARP ends one way or the other. */
uint64_t tapir_stack_unfinished(const struct tapir_stack *stack) {
    uint64_t left = link_neighbour_holds(&stack->link, is_on_its_own) ? 1 : 0;
    LIST_FOR_EACH(node, &stack->tcp.orphans) {
        const struct tcp_conn *c = LIST_ENTRY(node, struct tcp_conn, orphans);
        left += c->state != FIN_WAIT_2 ? tcp_sndq_bytes(&c->snd.queue) + 1 : 0;
    }
    return left;
}
