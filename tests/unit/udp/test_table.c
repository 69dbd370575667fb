/* UDP ports: who may bind (Linux's matrix), which port is drawn (HAZARDS N2), whose a datagram is. */
#include <errno.h>
#include <stdlib.h>

#include "rig.h"

enum { NONE = 0, ADDRESS = 1, PORT = 2 }; /* SO_REUSEADDR, SO_REUSEPORT */

static int second_bind(uint32_t addr1, unsigned reuse1, uint8_t netif1, uint32_t addr2, unsigned reuse2,
                       uint8_t netif2) {
    struct rig *rig = rig_open();
    struct end first, second;
    struct tapir_endpoint local1 = endpoint(addr1, 53), local2 = endpoint(addr2, 53);
    end_open(rig, &first);
    end_open(rig, &second);
    first.pcb.port.reuseaddr = (reuse1 & ADDRESS) != 0;
    first.pcb.port.reuseport = (reuse1 & PORT) != 0;
    second.pcb.port.reuseaddr = (reuse2 & ADDRESS) != 0;
    second.pcb.port.reuseport = (reuse2 & PORT) != 0;
    first.inbox.netif = netif1;
    second.inbox.netif = netif2;
    cr_assert_eq(udp_bind(&first.pcb, &local1), 0);
    int result = udp_bind(&second.pcb, &local2);
    end_close(&first);
    end_close(&second);
    rig_close(rig);
    return result;
}

/* Two sockets on a port: refused if addresses and interfaces overlap, unless both have the same REUSE option. */
Test(udp_table, bind_matrix) {
    const uint32_t addrs[] = {IPV4_ANY, RIG_US_ADDR, IPV4_LOOPBACK};
    const uint8_t netifs[] = {0, 1, 2};
    for (unsigned i = 0; i < 9 * 9 * 16; i++) {
        uint32_t addr1 = addrs[i % 3], addr2 = addrs[i / 3 % 3];
        uint8_t netif1 = netifs[i / 9 % 3], netif2 = netifs[i / 27 % 3];
        unsigned reuse1 = i / 81 % 4, reuse2 = i / 324;
        bool overlap = (addr1 == addr2 || addr1 == IPV4_ANY || addr2 == IPV4_ANY) &&
                       (netif1 == netif2 || netif1 == 0 || netif2 == 0);
        int expected = overlap && (reuse1 & reuse2) == 0 ? -EADDRINUSE : 0;
        cr_assert_eq(second_bind(addr1, reuse1, netif1, addr2, reuse2, netif2), expected, "case %u", i);
    }
}

Test(udp_table, bind_once) {
    struct rig *rig = rig_open();
    struct end end;
    struct tapir_endpoint again = endpoint(IPV4_ANY, 54);
    end_bound(rig, &end, IPV4_ANY, 53);
    cr_assert_eq(udp_bind(&end.pcb, &again), -EINVAL);
    end_close(&end);
    cr_assert_eq(udp_bind(&end.pcb, &again), 0, "closing gives the names back");
    end_close(&end);
    rig_close(rig);
}

/* N2: ports are within the range, all over it, and one does not lead to the next. */
Test(udp_table, n2_ephemeral_ports_are_random) {
    struct rig *rig = rig_open();
    static struct end ends[2000];
    uint32_t eighths[8] = {0}, steps = 0, last = 0;
    const uint32_t range = TAPIR_PORT_LAST - TAPIR_PORT_FIRST + 1;
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        end_bound(rig, &ends[i], IPV4_ANY, 0);
        uint32_t port = ends[i].inbox.local.port;
        cr_assert_geq(port, TAPIR_PORT_FIRST);
        cr_assert_leq(port, TAPIR_PORT_LAST);
        eighths[(port - TAPIR_PORT_FIRST) * 8 / range]++;
        steps += port == last + 1 || port + 1 == last;
        last = port;
    }
    for (size_t i = 0; i < 8; i++) {
        cr_assert_gt(eighths[i], 180, "250 expected, 15 the deviation");
        cr_assert_lt(eighths[i], 320);
    }
    cr_assert_lt(steps, 5);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        end_close(&ends[i]);
    }
    rig_close(rig);
}

/* Every port can be had, none twice, not even by sockets with REUSE options; and then there is none. */
Test(udp_table, ephemeral_ports_run_out) {
    struct rig *rig = rig_open();
    const size_t range = TAPIR_PORT_LAST - TAPIR_PORT_FIRST + 1;
    struct end *ends = calloc(range + 1, sizeof *ends);
    struct tapir_endpoint any = endpoint(IPV4_ANY, 0);
    for (size_t i = 0; i <= range; i++) {
        end_open(rig, &ends[i]);
        ends[i].pcb.port.reuseaddr = ends[i].pcb.port.reuseport = true;
        cr_assert_eq(udp_bind(&ends[i].pcb, &any), i < range ? 0 : -EADDRINUSE);
    }
    for (size_t i = 0; i <= range; i++) {
        end_close(&ends[i]);
    }
    free(ends);
    rig_close(rig);
}

static struct udp_pcb *lookup(struct rig *rig, uint32_t dst, uint32_t src, uint16_t src_port, uint8_t netif) {
    struct tapir_endpoint to = endpoint(dst, 53), from = endpoint(src, src_port);
    return udp_table_lookup(&rig->udp, &to, &from, netif);
}

static void shared(struct rig *rig, struct end *end, uint32_t ipv4, bool port) {
    struct tapir_endpoint local = endpoint(ipv4, 53);
    end_open(rig, end);
    end->pcb.port.reuseaddr = !port;
    end->pcb.port.reuseport = port;
    cr_assert_eq(udp_bind(&end->pcb, &local), 0);
}

Test(udp_table, best_match_wins) {
    struct rig *rig = rig_open();
    struct end wild, wild_netif, bound, connected;
    struct tapir_addr us = addr_of_ipv4(RIG_US_ADDR);
    struct tapir_endpoint peer = endpoint(RIG_PEER_ADDR, 4000);
    shared(rig, &connected, IPV4_ANY, false);
    udp_connect(&connected.pcb, &us, &peer);
    shared(rig, &bound, RIG_US_ADDR, false);
    shared(rig, &wild_netif, IPV4_ANY, false);
    wild_netif.inbox.netif = 2;
    shared(rig, &wild, IPV4_ANY, false);
    cr_assert_eq(lookup(rig, RIG_US_ADDR, RIG_PEER_ADDR, 4000, 1), &connected.pcb);
    cr_assert_eq(lookup(rig, RIG_US_ADDR, RIG_PEER_ADDR, 4001, 1), &bound.pcb, "another port of the peer");
    cr_assert_eq(lookup(rig, RIG_US_ADDR, RIG_PEER_ADDR + 1, 4000, 1), &bound.pcb, "another peer");
    cr_assert_eq(lookup(rig, IPV4_LOOPBACK, RIG_PEER_ADDR, 4000, 1), &wild.pcb, "another address of ours");
    cr_assert_eq(lookup(rig, IPV4_LOOPBACK, RIG_PEER_ADDR, 4000, 2), &wild_netif.pcb, "its own interface");
    udp_disconnect(&connected.pcb, &us);
    cr_assert_eq(lookup(rig, RIG_US_ADDR, RIG_PEER_ADDR, 4000, 1), &bound.pcb, "of equals the last bound");
    end_close(&bound);
    cr_assert_eq(lookup(rig, RIG_US_ADDR, RIG_PEER_ADDR, 4000, 1), &connected.pcb);
    end_close(&connected);
    end_close(&wild);
    cr_assert_null(lookup(rig, RIG_US_ADDR, RIG_PEER_ADDR, 4000, 1));
    end_close(&wild_netif);
    rig_close(rig);
}

Test(udp_table, reconnect_moves_the_flow) {
    struct rig *rig = rig_open();
    struct end end;
    struct tapir_addr us = addr_of_ipv4(RIG_US_ADDR);
    struct tapir_endpoint one = endpoint(RIG_PEER_ADDR, 1), two = endpoint(RIG_PEER_ADDR, 2);
    shared(rig, &end, IPV4_ANY, false);
    udp_connect(&end.pcb, &us, &one);
    udp_connect(&end.pcb, &us, &two);
    cr_assert_null(lookup(rig, RIG_US_ADDR, RIG_PEER_ADDR, 1, 1));
    cr_assert_eq(lookup(rig, RIG_US_ADDR, RIG_PEER_ADDR, 2, 1), &end.pcb);
    cr_assert_eq(rig->udp.by_flow.used, 1);
    end_close(&end);
    rig_close(rig);
}

/* SO_REUSEPORT: flows are spread evenly, each stays with its socket, also while others leave. */
Test(udp_table, reuseport_spreads_flows) {
    struct rig *rig = rig_open();
    struct end ends[4];
    uint32_t share[4] = {0};
    static uint8_t owner[4000];
    for (size_t i = 0; i < 4; i++) {
        shared(rig, &ends[i], IPV4_ANY, true);
    }
    for (uint32_t flow = 0; flow < ARRAY_LEN(owner); flow++) {
        const struct udp_pcb *pcb = lookup(rig, RIG_US_ADDR, RIG_PEER_ADDR + flow / 100, (uint16_t)(1 + flow), 1);
        for (uint8_t i = 0; i < 4; i++) {
            if (pcb == &ends[i].pcb) {
                owner[flow] = i;
                share[i]++;
            }
        }
        cr_assert_eq(pcb, lookup(rig, RIG_US_ADDR, RIG_PEER_ADDR + flow / 100, (uint16_t)(1 + flow), 1));
    }
    for (size_t i = 0; i < 4; i++) {
        cr_assert_gt(share[i], 850, "1000 expected, 27 the deviation");
        cr_assert_lt(share[i], 1150);
    }
    end_close(&ends[2]);
    for (uint32_t flow = 0; flow < ARRAY_LEN(owner); flow++) {
        const struct udp_pcb *pcb = lookup(rig, RIG_US_ADDR, RIG_PEER_ADDR + flow / 100, (uint16_t)(1 + flow), 1);
        cr_assert(owner[flow] == 2 || pcb == &ends[owner[flow]].pcb, "flow %u moved for nothing", flow);
    }
    end_close(&ends[0]);
    end_close(&ends[1]);
    end_close(&ends[3]);
    rig_close(rig);
}

/* D11: the tables' first buckets are all that can fail. */
Test(udp_table, d11_init_out_of_memory) {
    for (uint64_t k = 1; k <= 4; k++) {
        struct rig *rig = rig_open();
        struct udp udp;
        rig->env.fail_at = rig->env.allocations + k;
        int result = udp_init(&udp, &rig->core, &rig->ip);
        cr_assert_eq(result, k <= 3 ? -ENOBUFS : 0);
        if (result == 0) {
            udp_destroy(&udp);
        }
        rig_close(rig);
    }
}
