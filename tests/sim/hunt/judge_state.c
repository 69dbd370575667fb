/* Judges the state inside a stack after each event: what its connections promise, and that its sums are right. */
#include "hunt/hunt.h"
#include "tcp/conn/state.h"

#define RTO_MAX_US (120 * HUNT_SECOND_US) /* RFC 6298 2.5, as Linux has it */

/* What the board sums up, counted anew from its runs. */
static void judge_board(const struct world *world, unsigned host, const struct scoreboard *board) {
    uint64_t at = board->una, sacked = 0, lost = 0, resent = 0;
    for (struct tree_node *node = tree_first(&board->runs); node != NULL; node = tree_next(node)) {
        const struct scoreboard_run *run = CONTAINER_OF(node, struct scoreboard_run, node);
        if (node->key != at || run->end <= node->key) {
            hunt_object(world, "host %c: the scoreboard has a run from %llu, not from %llu", world->hosts[host].name,
                        (unsigned long long)node->key, (unsigned long long)at);
        }
        at = run->end;
        sacked += run->sacked ? run->end - node->key : 0;
        lost += run->lost && !run->sacked ? run->end - node->key : 0;
        resent += run->lost && !run->sacked && !list_linked(&run->lost_node) ? run->end - node->key : 0;
        resent += list_linked(&run->lost_node) && run->resent_to > node->key ? run->resent_to - node->key : 0;
    }
    if (at != board->nxt || sacked != board->sacked_bytes || lost != board->lost_bytes ||
        resent != board->resent_bytes) {
        hunt_object(world,
                    "host %c: the scoreboard sums up to %llu bytes sacked %llu lost %llu sent again %llu, its runs to "
                    "%llu, %llu, %llu, %llu",
                    world->hosts[host].name, (unsigned long long)board->nxt, (unsigned long long)board->sacked_bytes,
                    (unsigned long long)board->lost_bytes, (unsigned long long)board->resent_bytes,
                    (unsigned long long)at, (unsigned long long)sacked, (unsigned long long)lost,
                    (unsigned long long)resent);
    }
}

static void judge_connection(const struct world *world, unsigned host, struct tcp_conn *c) {
    tcp_state_check(c);
    if (c->loss.sack && tcp_in(c, TCP_SYNCHRONIZED)) {
        judge_board(world, host, &c->loss.board);
    }
    if (c->rtt.rto_us > RTO_MAX_US) {
        hunt_object(world, "host %c: a timeout of %llu us", world->hosts[host].name, (unsigned long long)c->rtt.rto_us);
    }
}

void judge_state(struct world *world, unsigned host) {
    struct tapir_stack *stack = world->hosts[host].stack;
    uint32_t cursor = 0;
    struct table_node *node = NULL;
    while ((node = table_walk(&stack->tcp.conns, &cursor, node)) != NULL) {
        judge_connection(world, host, CONTAINER_OF(node, struct tcp_conn, by_tuple));
    }
    size_t used = tapir_stack_memory_used(stack),
           live = world->hosts[host].env.live_bytes - world->hosts[host].own_bytes;
    if (used != live) {
        hunt_object(world, "host %c: %zu bytes are accounted for, %zu are in use", world->hosts[host].name, used, live);
    }
}

void judge_state_empty(struct world *world, unsigned host) {
    if (world->hosts[host].stack == NULL) {
        return;
    }
    const struct tcp *tcp = &world->hosts[host].stack->tcp;
    if (tcp->conns.used + tcp->halves.used + tcp->waits.used > 0) {
        hunt_object(world, "host %c: %u connections, %u half-open and %u in TIME-WAIT are left when all is over",
                    world->hosts[host].name, tcp->conns.used, tcp->halves.used, tcp->waits.used);
    }
    if (tapir_stack_unfinished(world->hosts[host].stack) != 0) {
        hunt_object(world, "host %c: something is unfinished when all is over", world->hosts[host].name);
    }
}
