/* What a fragment costs, counted in datagrams that are looked at: hazards F6 and Z6. */
#include <criterion/criterion.h>

#include "ip/v4/v4.h"

static uint64_t steps, copied_bytes;

/* A copy of the module under other names, in which every datagram that a walk or a search meets is counted. */
#undef LIST_ENTRY
#define LIST_ENTRY(node, type, field) (steps++, CONTAINER_OF(node, type, field))
#define table_first(table, hash) (steps++, table_first(table, hash))
#define table_next(node) (steps++, table_next(node))
#define memcpy(to, from, len) (copied_bytes += (len), memcpy(to, from, len))
#define ip_reasm_find counted_find
#define ip_reasm_kill counted_kill
#define ip_reasm_add counted_add
#define ip_reasm_merge_ecn counted_merge_ecn
#define ip_reasm_frame counted_frame
#define ip_reasm_drop counted_drop
#define ip_reasm_clear counted_clear
#define ip_v4_reasm_add counted_v4_add
#define ip_v4_reasm_expired counted_v4_expired
#include "../../../stack/ip/reasm.c"
#include "../../../stack/ip/v4/reasm.c"

#include "rig.h"

/* All that wait three times: the share, the source's own, and the oldest; and what shares a bucket with the datagram. */
#define STEPS_MAX (3 * TAPIR_REASM_DATAGRAMS_MAX + 16)

static uint8_t bytes[64];

/* A fragment of len bytes comes in; returns what it cost. */
static uint64_t cost_of_piece(struct rig *rig, uint32_t src, uint16_t id, uint32_t offset, uint32_t len) {
    struct tapir_frame *frame = frame_alloc(&rig->core.mem, MEM_FIRST, 0, len);
    struct wire_ipv4 header = rig_header(WIRE_PROTO_UDP);
    header.src = src;
    header.id = id;
    header.fragment_offset = (uint16_t)offset;
    header.more_fragments = true;
    memcpy(frame_put(frame, len), bytes, len);
    struct ip_rx rx = {.frame = frame,
                       .header = bytes,
                       .header_len = WIRE_IPV4_LEN,
                       .data = frame->data,
                       .len = len,
                       .src = addr_of_ipv4(src),
                       .dst = addr_of_ipv4(OUR_IP),
                       .protocol = WIRE_PROTO_UDP,
                       .netif = rig->netif,
                       .offload = &frame->offload};
    uint64_t before = steps;
    cr_assert_null(counted_v4_add(&rig->ip, &rx, &header, rig->now_us));
    frame_release(frame);
    return steps - before;
}

static uint64_t cost_of(struct rig *rig, uint32_t src, uint16_t id, uint32_t offset) {
    return cost_of_piece(rig, src, id, offset, sizeof bytes);
}

/* The store is full of small datagrams of many; now each fragment claims the most memory that one can. */
Test(ip_reasm_cost, Z6_however_many_must_go_for_one) {
    struct rig *rig = rig_start();
    uint64_t most = 0;
    for (uint32_t round = 0; round < 20; round++) {
        for (uint32_t i = 0; i < 2U * TAPIR_REASM_DATAGRAMS_MAX; i++) {
            most = max_u64(most, cost_of(rig, IPV4(20, 0, 0, 1) + i, (uint16_t)(round * 1000 + i), 0));
        }
        uint32_t before = rig->ip.reassembly_count;
        most = max_u64(most, cost_of(rig, PEER_IP, (uint16_t)round, 65000));
        cr_assert_gt(before, rig->ip.reassembly_count + 10, "many went at once");
    }
    cr_assert(most <= STEPS_MAX, "%llu steps", (unsigned long long)most);
    counted_clear(&rig->ip);
    rig_stop(rig);
}

/* One source, a few, many; new datagrams and ones that grow. */
Test(ip_reasm_cost, Z6_whatever_comes) {
    struct rig *rig = rig_start();
    for (uint32_t i = 0; i < 50000; i++) {
        uint32_t spread = 1U << core_random_below(&rig->core, 12);
        uint32_t src = IPV4(20, 0, 0, 1) + core_random_below(&rig->core, spread);
        uint16_t id = (uint16_t)core_random_below(&rig->core, 100);
        uint64_t cost = cost_of(rig, src, id, core_random_below(&rig->core, 8000) * 8);
        cr_assert(cost <= STEPS_MAX, "%llu steps", (unsigned long long)cost);
    }
    cr_assert_gt(rig->core.counters.frag_cap, 10000);
    counted_clear(&rig->ip);
    rig_stop(rig);
}

/* The largest datagram in the smallest pieces, in an order that jumps about: each is copied once, and moved as room doubles. */
Test(ip_reasm_cost, F6_the_smallest_pieces) {
    enum { PIECES = 8000, PIECE_BYTES = 8 };
    struct rig *rig = rig_start();
    uint64_t most = 0, before = copied_bytes;
    for (uint32_t i = 0; i < PIECES; i++) {
        most = max_u64(most, cost_of_piece(rig, PEER_IP, 1, i * 3001 % PIECES * PIECE_BYTES, PIECE_BYTES));
    }
    cr_assert(most <= 8, "%llu steps for one", (unsigned long long)most);
    cr_assert_leq(copied_bytes - before, 4 * PIECES * PIECE_BYTES);
    counted_clear(&rig->ip);
    rig_stop(rig);
}
