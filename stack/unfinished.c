/* Counts what a polite end has to wait for. */
#include "stack.h"

/* What closed sockets leave behind: once the peer has acknowledged the FIN (FIN-WAIT-2, TIME-WAIT) nothing is owed;
 * and datagrams that wait for their neighbour's address, which ARP ends one way or the other. A segment among them is its
 * connection's to count, which sends it again; the SYN of one that was closed is nobody's any more. */
uint64_t tapir_stack_unfinished(const struct tapir_stack *stack) {
    uint64_t left = ip_waits_beside(&stack->ip, WIRE_PROTO_TCP) ? 1 : 0;
    LIST_FOR_EACH(node, &stack->tcp.orphans) {
        const struct tcp_conn *c = LIST_ENTRY(node, struct tcp_conn, orphans);
        left += c->state != FIN_WAIT_2 ? tcp_sndq_bytes(&c->snd.queue) + 1 : 0;
    }
    return left;
}
