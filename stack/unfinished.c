/* Counts what a polite end has to wait for. */
#include "stack.h"

/* What closed sockets have left: connections whose FIN is not acknowledged (in FIN-WAIT-2 and TIME-WAIT nothing is owed any
 * more), and datagrams that wait for a neighbour's address, which ARP answers or gives up on. Segments among those do not
 * count: their connection does, and sends them again; and the SYN of a closed connection belongs to nobody. */
uint64_t tapir_stack_unfinished(const struct tapir_stack *stack) {
    uint64_t left = ip_waits_beside(&stack->ip, WIRE_PROTO_TCP) ? 1 : 0;
    LIST_FOR_EACH(node, &stack->tcp.orphans) {
        const struct tcp_conn *c = LIST_ENTRY(node, struct tcp_conn, orphans);
        left += c->state != FIN_WAIT_2 ? tcp_sndq_bytes(&c->snd.queue) + 1 : 0;
    }
    return left;
}
