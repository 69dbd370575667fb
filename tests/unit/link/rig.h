/* A link room on one Ethernet interface under virtual time, and the other stations on its wire. */
#ifndef TEST_LINK_RIG_H
#define TEST_LINK_RIG_H

#include <criterion/criterion.h>

#include "link/arp.h"
#include "link/neighbour.h"
#include "support/env.h"

#define SECOND_US 1000000ULL
#define OUR_IP IPV4(10, 0, 0, 1)
#define PEER_IP IPV4(10, 0, 0, 2)
#define GATEWAY_IP IPV4(10, 0, 0, 254)
#define DATAGRAM_BYTES 64U

/* Everything of one test. Static in rig.c, as the recorded events make it large. */
struct rig {
    struct test_env env;
    struct core core;
    struct link link;
    struct link_netif *netif; /* MAC our_mac, MTU 1500; 10.0.0.1/16 unless rig_start_bare */
    uint64_t now_us;
    size_t baseline_bytes; /* memory in use when nothing is queued or known */

    unsigned inputs; /* calls of the input handler, and its last arguments */
    enum link_cast cast;
    uint32_t input_len;
    uint8_t input_first;
    struct tapir_offload input_offload;

    unsigned lost; /* calls of the unreachable handler, and the tags of their frames */
    uint8_t lost_tags[64];
    void (*when_lost)(struct rig *rig); /* called by it, unless NULL */

    unsigned notices; /* told, and the last one */
    struct tapir_notice notice;
};

/* A parsed frame that the interface sent. */
struct sent {
    bool any; /* false: nothing was queued */
    struct wire_eth eth;
    bool is_arp;
    struct wire_arp arp;
    uint8_t tag; /* first byte of a datagram */
    uint32_t len;
    struct tapir_offload offload;
};

extern const uint8_t our_mac[6], peer_mac[6], rogue_mac[6], all_mac[6];

/* A started room whose announcements are over. */
struct rig *rig_start(void);

/* The same without an address. */
struct rig *rig_start_bare(void);

/* Destroys the room and asserts that all memory came back. */
void rig_stop(struct rig *rig);

/* Lets time pass, firing each timer at its time. */
void rig_wait(struct rig *rig, uint64_t us);

/* A frame of len bytes comes in; a release checks that nothing kept it. */
void rig_frame(struct rig *rig, const void *bytes, size_t len, const struct tapir_offload *offload);

/* Puts an Ethernet II frame of an ARP packet into buf[42]. */
void rig_arp_bytes(uint8_t buf[42], const uint8_t dst[6], const struct wire_arp *arp);

/* An ARP packet comes in from `mac`, which says that it is sender_ip, about target_ip. Requests are broadcast. */
void rig_arp(struct rig *rig, uint16_t op, const uint8_t mac[6], uint32_t sender_ip, uint32_t target_ip);

/* Answers for `ipv4` with mac. */
void rig_answer(struct rig *rig, const uint8_t mac[6], uint32_t ipv4);

/* Takes the next queued frame apart. */
struct sent rig_sent(struct rig *rig);

/* Takes all queued frames away; returns how many there were. */
unsigned rig_drain(struct rig *rig);

/* A datagram of DATAGRAM_BYTES or len bytes, each `tag`, with headroom. NULL: no memory. */
struct tapir_frame *rig_datagram(struct rig *rig, uint8_t tag);
struct tapir_frame *rig_datagram_of(struct rig *rig, uint8_t tag, uint32_t len);

/* link_send_frame of such a datagram to a neighbour. */
int rig_send(struct rig *rig, uint32_t ipv4, uint8_t tag);

/* A neighbour's entry, or NULL. */
const struct link_neighbour *rig_neighbour(const struct rig *rig, uint32_t ipv4);

/* The state of a neighbour, or -1: not in the table. Does not use the entry. */
int rig_state(const struct rig *rig, uint32_t ipv4);

/* Resolves ipv4 at mac: the entry is REACHABLE, nothing is queued. */
void rig_resolve(struct rig *rig, uint32_t ipv4, const uint8_t mac[6]);

/* The next frame sent is a question for ipv4, put to `dst`. */
void rig_assert_question(struct rig *rig, uint32_t ipv4, const uint8_t dst[6]);

/* The next frame sent is the datagram `tag`, to `dst`; the same with a datagram sent now. */
void rig_assert_datagram(struct rig *rig, uint8_t tag, const uint8_t dst[6]);
void rig_assert_goes_to(struct rig *rig, uint32_t ipv4, const uint8_t mac[6]);

/* link_neighbour_confirm, link_neighbour_suspect. */
void rig_confirm(struct rig *rig, uint32_t ipv4);
void rig_suspect(struct rig *rig, uint32_t ipv4);

/* A neighbour that is STALE: resolved once, then idle. */
void rig_make_stale(struct rig *rig, uint32_t ipv4, const uint8_t mac[6]);

#define COUNTER_OF(rig, name) ((rig)->core.counters.name)

#endif
