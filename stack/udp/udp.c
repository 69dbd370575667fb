/* UDP sockets' life: opened, bound, connected, closed; and their trace.
 *
 * A bound pcb is in by_port and stays there; while connected it is in by_flow, too. Every change of a name that a
 * table hashes goes through this file, which takes the pcb out first.
 */
#include "udp/udp.h"

#include <errno.h>

#include "udp/table.h"

#define FIRST_BUCKETS 64 /* the tables double as they fill */

int udp_init(struct udp *udp, struct core *core, struct ip *ip) {
    *udp = (struct udp){.core = core, .ip = ip};
    if (table_init(&udp->by_port, &core->mem, FIRST_BUCKETS) != 0) {
        return -ENOBUFS;
    }
    if (table_init(&udp->by_flow, &core->mem, FIRST_BUCKETS) != 0) {
        table_destroy(&udp->by_port);
        return -ENOBUFS;
    }
    return 0;
}

void udp_destroy(struct udp *udp) {
    CHECK(udp->by_port.used == 0 && udp->by_flow.used == 0);
    table_destroy(&udp->by_port);
    table_destroy(&udp->by_flow);
}

void udp_open(struct udp *udp, struct udp_pcb *pcb, struct ip_inbox *inbox) {
    *pcb = (struct udp_pcb){.udp = udp, .inbox = inbox};
}

void udp_close(struct udp_pcb *pcb) { udp_unbind(pcb); }

/* Who was bound when decides between equals later on (udp_table_lookup), so each binding has its date. */
int udp_bind(struct udp_pcb *pcb, const struct tapir_endpoint *local) {
    if (pcb->bound) {
        return -EINVAL;
    }
    struct tapir_endpoint name = *local;
    if (name.port == 0) {
        name.port = udp_table_free_port(pcb, &name.addr);
    } else if (udp_table_taken(pcb, &name, false)) {
        return -EADDRINUSE;
    }
    if (name.port == 0) {
        return -EADDRINUSE;
    }
    pcb->inbox->local = name;
    pcb->order = ++pcb->udp->bound_count;
    pcb->bound = true;
    udp_table_add_port(pcb);
    return 0;
}

/* Forgets the peer, in the table too. */
static void leave_flow(struct udp_pcb *pcb) {
    if (pcb->inbox->connected) {
        udp_table_remove_flow(pcb);
        pcb->inbox->connected = false;
        pcb->inbox->peer = (struct tapir_endpoint){0};
    }
}

void udp_unbind(struct udp_pcb *pcb) {
    if (!pcb->bound) {
        return;
    }
    leave_flow(pcb);
    udp_table_remove_port(pcb);
    pcb->inbox->local = (struct tapir_endpoint){0};
    pcb->bound = false;
}

/* The address may change with the connection, the port never: by_port's place remains right. */
void udp_connect(struct udp_pcb *pcb, const struct tapir_addr *local, const struct tapir_endpoint *peer) {
    CHECK(pcb->bound);
    leave_flow(pcb);
    pcb->inbox->local.addr = *local;
    pcb->inbox->peer = *peer;
    pcb->inbox->connected = true;
    udp_table_add_flow(pcb);
}

void udp_disconnect(struct udp_pcb *pcb, const struct tapir_addr *local) {
    CHECK(pcb->bound);
    leave_flow(pcb);
    pcb->inbox->local.addr = *local;
}

void udp_trace(const struct udp *udp, const struct udp_event *event, uint64_t now_us) {
    if (!core_tracing(udp->core)) {
        return;
    }
    struct tapir_event traced = {
        .kind = event->out ? TAPIR_EVENT_PACKET_OUT : TAPIR_EVENT_PACKET_IN,
        .now_us = now_us,
        .netif = event->netif,
        .local = event->local,
        .remote = event->remote,
        .reason = event->reason,
        .dropped = event->dropped,
        .packet = {.protocol = WIRE_PROTO_UDP, .len = event->len},
    };
    core_trace(udp->core, &traced);
}
