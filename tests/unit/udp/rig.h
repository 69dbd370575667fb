/* A UDP room over a real ip and link, and datagrams as ip would hand them up. */
#ifndef TEST_UDP_RIG_H
#define TEST_UDP_RIG_H

#include <criterion/criterion.h>

#include "ip/v4/v4.h"
#include "support/env.h"
#include "udp/table.h"

#define RIG_US 1000000ULL /* the time of everything here */
#define RIG_US_ADDR IPV4(10, 0, 0, 1)
#define RIG_PEER_ADDR IPV4(10, 0, 0, 2)

struct rig {
    struct test_env env;
    struct core core;
    struct link link;
    struct ip ip;
    struct udp udp;
    struct link_netif netif, other; /* where datagrams come in: indexes 1 and 2 */
};

/* A socket of the rig. */
struct end {
    struct ip_inbox inbox;
    struct udp_pcb pcb;
};

/* Gives a rig; rig_close frees it and checks that nothing leaks. */
struct rig *rig_open(void);
void rig_close(struct rig *rig);

struct tapir_endpoint endpoint(uint32_t ipv4, uint16_t port);

/* An unbound socket, with RECVERR off; and one bound to ipv4:port. */
void end_open(struct rig *rig, struct end *end);
void end_bound(struct rig *rig, struct end *end, uint32_t ipv4, uint16_t port);
void end_close(struct end *end);

/* Bytes of UDP header and payload with a right checksum: src RIG_PEER_ADDR to dst. */
struct tapir_frame *datagram(struct rig *rig, struct tapir_endpoint src, struct tapir_endpoint dst, const void *payload,
                             uint16_t len);

/* An ip_rx over a whole frame made by datagram(). */
struct ip_rx rx_of(struct rig *rig, struct tapir_frame *frame, uint32_t src, uint32_t dst);

/* datagram() given to udp_input: the verdict. */
enum ip_verdict rig_receive(struct rig *rig, struct tapir_endpoint src, struct tapir_endpoint dst, const void *payload,
                            uint16_t len);

#endif
