/* What a datagram costs, counted in sockets that are looked at, with many of them connected at its port: hazard Z6. */
#include <criterion/criterion.h>

#include "udp/table.h"

static uint64_t steps;

/* A copy of the modules under other names, in which every socket that a walk or a search meets is counted. */
#define table_first(table, hash) (steps++, table_first(table, hash))
#define table_next(node) (steps++, table_next(node))
#define ip_ports_next(ports, port, last) (steps++, ip_ports_next(ports, port, last))
#define udp_table_add_flow counted_add_flow
#define udp_table_remove_flow counted_remove_flow
#define udp_table_lookup counted_lookup
#define udp_table_next counted_next
#define udp_input counted_input
#include "../../../stack/udp/table.c"

#include "../../../stack/udp/input.c"

#include "rig.h"

#define CLIENTS 5000
#define STEPS_MAX 6 /* the flow, its end, the open socket, its end; and once more for what is between two of them */
#define GROUP IPV4(239, 1, 2, 3)

static struct end clients[CLIENTS], server;

static void open_shared(struct rig *rig, struct end *end) {
    const struct tapir_endpoint local = endpoint(IPV4_ANY, 53);
    end_open(rig, end);
    end->pcb.port.reuseaddr = true;
    cr_assert_eq(udp_bind(&end->pcb, &local), 0);
}

/* A datagram comes; returns what it cost. */
static uint64_t cost_of(struct rig *rig, struct tapir_endpoint src, uint32_t dst, enum link_cast cast) {
    struct tapir_frame *frame = datagram(rig, src, endpoint(dst, 53), "x", 1);
    struct ip_rx rx = rx_of(rig, frame, addr_ipv4(&src.addr), dst);
    rx.link_cast = rx.dst_cast = cast;
    uint64_t before = steps;
    cr_assert_eq(counted_input(&rig->udp, &rx, RIG_US), IP_DONE);
    frame_release(frame);
    return steps - before;
}

/* A server with a socket for each client, as peers make it have: a stranger, a client, a datagram for many. */
Test(udp_table_cost, Z6_however_many_are_connected, .timeout = 20) {
    struct rig *rig = rig_open();
    const struct tapir_addr us = addr_of_ipv4(RIG_US_ADDR);
    open_shared(rig, &server);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        const struct tapir_endpoint peer = endpoint(RIG_PEER_ADDR, (uint16_t)(10000 + i));
        open_shared(rig, &clients[i]);
        udp_connect(&clients[i].pcb, &us, &peer);
    }
    for (uint32_t i = 0; i < CLIENTS; i++) {
        cr_assert_leq(cost_of(rig, endpoint(RIG_PEER_ADDR, (uint16_t)(10000 + i)), RIG_US_ADDR, LINK_UNICAST),
                      STEPS_MAX);
        cr_assert_eq(clients[i].inbox.rx.count, 1);
    }
    cr_assert_leq(cost_of(rig, endpoint(RIG_PEER_ADDR, 9), RIG_US_ADDR, LINK_UNICAST), STEPS_MAX);
    cr_assert_leq(cost_of(rig, endpoint(RIG_PEER_ADDR, 10000), GROUP, LINK_MULTICAST), STEPS_MAX);
    cr_assert_eq(server.inbox.rx.count, 2);
    udp_disconnect(&clients[0].pcb, &us);
    cr_assert_leq(cost_of(rig, endpoint(RIG_PEER_ADDR, 10000), RIG_US_ADDR, LINK_UNICAST), STEPS_MAX + 1);
    cr_assert_eq(clients[0].inbox.rx.count, 2, "it hears from strangers again, and by its address");
    for (uint32_t i = 0; i < CLIENTS; i++) {
        end_close(&clients[i]);
    }
    end_close(&server);
    rig_close(rig);
}
