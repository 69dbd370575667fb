/* The life of a UDP socket: opened, bound, connected, closed; and its trace.
 *
 * A bound pcb has a claim on its port; while connected it is also in by_flow. A table hashes endpoints, so every change of
 * one goes through this file, which takes the pcb out of the table first.
 */
#include "udp/udp.h"

#include <errno.h>

#include "udp/table.h"

#define FIRST_BUCKETS 64 /* the tables double as they fill */

int udp_init(struct udp *udp, struct core *core, struct ip *ip) {
    *udp = (struct udp){.core = core, .ip = ip};
    if (ip_ports_init(&udp->ports, core) != 0) {
        return -ENOBUFS;
    }
    if (table_init(&udp->by_flow, &core->mem, FIRST_BUCKETS) != 0) {
        ip_ports_destroy(&udp->ports);
        return -ENOBUFS;
    }
    return 0;
}

void udp_destroy(struct udp *udp) {
    CHECK(udp->by_flow.used == 0);
    ip_ports_destroy(&udp->ports);
    table_destroy(&udp->by_flow);
}

void udp_open(struct udp *udp, struct udp_pcb *pcb, struct ip_inbox *inbox) {
    *pcb = (struct udp_pcb){.udp = udp, .inbox = inbox};
}

void udp_close(struct udp_pcb *pcb) { udp_unbind(pcb); }

/* udp_table_lookup prefers the socket bound last, so each binding takes the next number. */
int udp_bind(struct udp_pcb *pcb, const struct tapir_endpoint *local) {
    if (ip_ports_bound(&pcb->port)) {
        return -EINVAL;
    }
    pcb->port.netif = pcb->inbox->netif;
    pcb->port.open = true;
    int error = ip_ports_bind(&pcb->udp->ports, &pcb->port, local);
    if (error == 0) {
        pcb->inbox->local = pcb->port.local;
        pcb->order = ++pcb->udp->bound_count;
    }
    return error;
}

/* Forgets the peer, in the table too. */
static void leave_flow(struct udp_pcb *pcb) {
    if (pcb->inbox->connected) {
        udp_table_remove_flow(pcb);
        ip_ports_open(&pcb->port, true);
        pcb->inbox->connected = false;
        pcb->inbox->peer = (struct tapir_endpoint){0};
    }
}

void udp_unbind(struct udp_pcb *pcb) {
    if (!ip_ports_bound(&pcb->port)) {
        return;
    }
    leave_flow(pcb);
    ip_ports_unbind(&pcb->udp->ports, &pcb->port);
    pcb->inbox->local = (struct tapir_endpoint){0};
}

/* A connection may change the local address. */
static void rename_local(struct udp_pcb *pcb, const struct tapir_addr *local) {
    pcb->inbox->local.addr = *local;
    ip_ports_rename(&pcb->udp->ports, &pcb->port, local, pcb->inbox->netif);
}

void udp_set_netif(struct udp_pcb *pcb, uint8_t netif) {
    pcb->inbox->netif = netif;
    ip_ports_rename(&pcb->udp->ports, &pcb->port, &pcb->inbox->local.addr, netif);
}

void udp_connect(struct udp_pcb *pcb, const struct tapir_addr *local, const struct tapir_endpoint *peer) {
    CHECK(ip_ports_bound(&pcb->port));
    leave_flow(pcb);
    rename_local(pcb, local);
    pcb->inbox->peer = *peer;
    pcb->inbox->connected = true;
    ip_ports_open(&pcb->port, false);
    udp_table_add_flow(pcb);
}

void udp_disconnect(struct udp_pcb *pcb, const struct tapir_addr *local) {
    CHECK(ip_ports_bound(&pcb->port));
    leave_flow(pcb);
    rename_local(pcb, local);
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
