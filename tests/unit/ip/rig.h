/* An internet layer over a real link room under virtual time, and the other hosts on its wire. */
#ifndef TEST_IP_RIG_H
#define TEST_IP_RIG_H

#include <criterion/criterion.h>

#include "ip/v4/v4.h"
#include "support/env.h"

#define SECOND_US 1000000ULL
#define OUR_IP IPV4(10, 0, 0, 1)
#define PEER_IP IPV4(10, 0, 0, 2)
#define THIRD_IP IPV4(10, 0, 0, 3)
#define GATEWAY_IP IPV4(10, 0, 0, 254)
#define FAR_IP IPV4(192, 0, 2, 7)
#define GROUP_IP IPV4(239, 1, 2, 3)
#define PROTO_TEST 200 /* a protocol that has no handler */

/* Everything of one test. Static in rig.c, as the recorded events make it large. */
struct rig {
    struct test_env env;
    struct core core;
    struct link link;
    struct ip ip;
    struct link_netif *netif; /* MTU 1500, no caps, 10.0.0.1/24 */
    uint64_t now_us;
    bool mute; /* nobody answers ARP */

    unsigned inputs; /* calls of the UDP handler, and its last datagram */
    struct ip_rx rx;
    uint8_t header[60];
    uint8_t data[65536];
    enum ip_verdict verdict; /* what it answers */

    unsigned replies; /* calls of the ICMP handler */
    unsigned raws;    /* calls of the raw hook */
    bool raw_takes;

    unsigned errors; /* calls of the error handlers, and the last error */
    struct ip_error error;
    uint8_t quote[1500];
    bool believe;
    unsigned raw_errors;
};

/* A datagram that the stack sent, taken apart. */
struct sent {
    bool any; /* false: nothing was queued */
    struct wire_eth eth;
    struct wire_ipv4 ip;
    uint8_t bytes[65536]; /* the IP datagram */
    const uint8_t *data;  /* after its header */
    uint32_t len;
    struct tapir_offload offload;
};

/* A started host whose announcements are over. */
struct rig *rig_start(void);

/* A host that may fail to start because memory is short; false: it failed, and nothing is left of it. */
bool rig_start_failing(uint64_t fail_at, struct rig **rig);

/* Destroys the host and asserts that all memory came back. */
void rig_stop(struct rig *rig);

/* Lets time pass, firing each timer at its time. */
void rig_wait(struct rig *rig, uint64_t us);

/* A frame of IP bytes comes in, unicast to us or as `cast` says. */
void rig_bytes(struct rig *rig, const void *bytes, size_t len);
void rig_bytes_cast(struct rig *rig, const void *bytes, size_t len, enum link_cast cast);

/* The header of a datagram from the peer to us: TTL 64, id 1; change what the test is about. */
struct wire_ipv4 rig_header(uint8_t protocol);

/* A datagram with this header (total_len is filled in unless set) and payload comes in. */
void rig_datagram(struct rig *rig, const struct wire_ipv4 *header, const void *payload, uint32_t len);

/* A fragment of `whole` from the peer: payload bytes [offset, offset + len), more to come unless it is the end. */
void rig_fragment(struct rig *rig, uint16_t id, uint8_t protocol, const uint8_t *whole, uint32_t whole_len,
                  uint32_t offset, uint32_t len);

/* An ICMP message with a good checksum; returns its length. */
uint32_t rig_icmp(uint8_t *to, uint8_t type, uint8_t code, uint32_t rest, const void *data, uint32_t len);

/* An echo request to us comes in from `src`. */
void rig_ping(struct rig *rig, uint32_t src);

/* Takes the next datagram that was sent, answering ARP requests on the way. Each frame is searched for bytes that
 * nobody wrote (N7). Static: good until the next call. */
const struct sent *rig_sent(struct rig *rig);

/* Takes all; returns how many datagrams there were. */
unsigned rig_drain(struct rig *rig);

/* Asserts that nothing more was sent and that a ping is answered. */
void rig_alive(struct rig *rig);

/* Routes dest/prefix_len by the Ethernet interface and `gateway`: what ip_route_add says. */
int rig_route(struct rig *rig, uint32_t dest, unsigned prefix_len, uint32_t gateway);

/* Joins or leaves a group on the Ethernet interface: what ip_groups_join and _leave say. */
int rig_join(struct rig *rig, uint32_t group);
int rig_leave(struct rig *rig, uint32_t group);

/* Finds the path to dst from any source, which must exist. */
struct ip_path rig_path(struct rig *rig, uint32_t dst);

/* A frame with headroom holding len bytes; NULL: no memory. */
struct tapir_frame *rig_frame(struct rig *rig, const void *bytes, uint32_t len);

/* Fills bytes with a pattern without runs of the poison. */
void rig_fill(uint8_t *bytes, size_t len, uint32_t seed);

/* Is the ICMP message's checksum right? */
bool rig_checksum_ok(const uint8_t *data, uint32_t len);

#define COUNTED(rig, name) ((unsigned)(rig)->core.counters.name)

#endif
