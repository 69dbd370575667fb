/* Reassembly: any order, every overlap, every limit, and an end at every moment. */
#include "rig.h"

#include <time.h>

#define WHOLE 4000U

static uint8_t whole[70000];

static void fragment(struct rig *rig, uint32_t offset, uint32_t len) {
    rig_fragment(rig, 7, WIRE_PROTO_UDP, whole, WHOLE, offset, len);
}

/* A fragment of the peer's datagram 7 with everything chosen. */
static void piece(struct rig *rig, uint8_t protocol, uint32_t offset, uint32_t len, bool more) {
    struct wire_ipv4 header = rig_header(protocol);
    header.id = 7;
    header.fragment_offset = (uint16_t)offset;
    header.more_fragments = more;
    rig_datagram(rig, &header, whole + offset, len);
}

static void assert_whole(struct rig *rig, uint32_t len) {
    cr_assert_eq(rig->rx.len, len);
    cr_assert(rig->rx.fragmented);
    cr_assert(memcmp(rig->data, whole, len) == 0);
    struct wire_ipv4 header;
    cr_assert(wire_ipv4_parse_quote(rig->header, rig->rx.header_len, &header));
    cr_assert_eq(header.total_len, len + header.header_len);
    cr_assert(!header.more_fragments && header.fragment_offset == 0);
}

static struct rig *start(void) {
    rig_fill(whole, sizeof whole, 1);
    return rig_start();
}

static void assert_nothing_waits(struct rig *rig) {
    cr_assert_eq(rig->ip.reassembly_count, 0);
    cr_assert_eq(rig->ip.reassembly_bytes, 0);
    cr_assert_eq(rig->ip.reassembly.used, 0);
    cr_assert(list_empty(&rig->ip.reassembly_age));
}

Test(ip_reasm, every_order_of_five) {
    struct rig *rig = start();
    for (unsigned order = 0; order < 3125; order++) {
        unsigned at[5], rest = order, seen = 0;
        for (unsigned i = 0; i < 5; i++, rest /= 5) {
            at[i] = rest % 5;
            seen |= 1U << at[i];
        }
        if (seen != 31) {
            continue;
        }
        unsigned before = rig->inputs;
        for (unsigned i = 0; i < 5; i++) {
            cr_assert_eq(rig->inputs, before);
            fragment(rig, at[i] * 800, 800);
        }
        cr_assert_eq(rig->inputs, before + 1);
        assert_whole(rig, WHOLE);
        assert_nothing_waits(rig);
    }
    cr_assert_eq(COUNTED(rig, frag_reassembled), 120);
    rig_alive(rig);
    rig_stop(rig);
}

Test(ip_reasm, random_cuts) {
    struct rig *rig = start();
    for (uint32_t round = 0; round < 200; round++) {
        uint32_t offsets[600], count = 0, x = round;
        for (uint32_t at = 0; at < WHOLE; count++) {
            x = x * 1664525U + 1013904223U;
            offsets[count] = at;
            at += 8 + 8 * (x >> 20) % 600;
        }
        offsets[count] = WHOLE;
        uint32_t first = x >> 8, step = 0;
        for (step = 1; step < count && count % step == 0 && count > 2; step++) {
        }
        unsigned before = rig->inputs;
        bool sent[600] = {false};
        for (uint32_t i = 0, k = first % count; i < count; i++) {
            while (sent[k]) {
                k = (k + 1) % count;
            }
            sent[k] = true;
            fragment(rig, offsets[k], offsets[k + 1] - offsets[k]);
            k = (k + step) % count;
        }
        cr_assert_eq(rig->inputs, before + 1);
        assert_whole(rig, WHOLE);
    }
    assert_nothing_waits(rig);
    rig_stop(rig);
}

Test(ip_reasm, the_largest_datagram) {
    struct rig *rig = start();
    uint32_t len = 65535 - 20;
    for (uint32_t at = 0; at < len; at += 1480) {
        rig_fragment(rig, 9, WIRE_PROTO_UDP, whole, len, at, min_u32(1480, len - at));
    }
    cr_assert_eq(rig->inputs, 1);
    assert_whole(rig, len);
    rig_stop(rig);
}

Test(ip_reasm, keeps_the_first_fragments_header) {
    struct rig *rig = start();
    static const uint8_t options[4] = {1, 1, 1, 0};
    struct wire_ipv4 header = rig_header(WIRE_PROTO_UDP);
    header.fragment_offset = 80;
    header.ttl = 3;
    rig_datagram(rig, &header, whole + 80, 20);
    header = rig_header(WIRE_PROTO_UDP);
    header.header_len = 24;
    header.options = options;
    header.more_fragments = true;
    header.tos = 0x10;
    rig_datagram(rig, &header, whole, 80);
    cr_assert_eq(rig->inputs, 1);
    assert_whole(rig, 100);
    cr_assert_eq(rig->rx.header_len, 24);
    cr_assert_eq(rig->rx.ttl, 64);
    cr_assert_eq(rig->rx.tos, 0x10);
    rig_stop(rig);
}

Test(ip_reasm, F1_ping_of_death) {
    struct rig *rig = start();
    piece(rig, WIRE_PROTO_ICMP, 0, 1480, true);
    cr_assert_eq(rig->ip.reassembly_count, 1);
    piece(rig, WIRE_PROTO_ICMP, 65528, 1480, false);
    cr_assert_eq(COUNTED(rig, frag_toobig), 1);
    piece(rig, WIRE_PROTO_ICMP, 1480, 8, false);
    cr_assert_eq(COUNTED(rig, frag_killed), 1, "the datagram is dead");
    rig_alive(rig);
    rig_wait(rig, 31 * SECOND_US);
    assert_nothing_waits(rig);
    rig_alive(rig);
    rig_stop(rig);
}

/* The header of fragment 0 may be longer than those of the others, and push the whole past 65535. */
Test(ip_reasm, F1_long_header_at_the_end) {
    struct rig *rig = start();
    static const uint8_t options[40] = {1, 1, 1, 0};
    uint32_t len = 65535 - 20;
    for (uint32_t at = 1400; at < len; at += 1400) {
        rig_fragment(rig, 9, WIRE_PROTO_UDP, whole, len, at, min_u32(1400, len - at));
    }
    struct wire_ipv4 header = rig_header(WIRE_PROTO_UDP);
    header.id = 9;
    header.header_len = 60;
    header.options = options;
    header.more_fragments = true;
    rig_datagram(rig, &header, whole, 1400);
    cr_assert_eq(COUNTED(rig, frag_toobig), 1);
    cr_assert_eq(rig->inputs, 0);
    assert_nothing_waits(rig);
    rig_alive(rig);
    rig_stop(rig);
}

/* Allen's thirteen relations of a second fragment to the first, which is [800, 1600). */
static const struct relation {
    const char *name;
    uint32_t offset, len;
    bool apart;
} relations[13] = {
    {"before", 160, 320, true},     {"after", 2000, 320, true},       {"meets", 400, 400, true},
    {"met by", 1600, 400, true},    {"overlaps", 400, 800, false},    {"overlapped by", 1200, 800, false},
    {"starts", 800, 400, false},    {"started by", 800, 1200, false}, {"during", 960, 320, false},
    {"contains", 400, 1400, false}, {"finishes", 1200, 400, false},   {"finished by", 400, 1200, false},
    {"equals", 800, 800, false},
};

/* Sends what neither of the two has brought, in units of 80. */
static void fill_gaps(struct rig *rig, const struct relation *second) {
    for (uint32_t at = 0; at < WHOLE; at += 80) {
        bool in_first = at >= 800 && at < 1600;
        bool in_second = at >= second->offset && at < second->offset + second->len;
        if (!in_first && !in_second) {
            fragment(rig, at, 80);
        }
    }
}

Test(ip_reasm, F2_every_overlap) {
    for (size_t i = 0; i < 26; i++) {
        const struct relation *second = &relations[i % 13];
        bool differs = i >= 13;
        struct rig *rig = start();
        fragment(rig, 800, 800);
        if (differs) {
            whole[second->offset + second->len / 2] ^= 1;
        }
        fragment(rig, second->offset, second->len);
        fill_gaps(rig, second);
        bool duplicate = !second->apart && second->offset == 800 && second->len == 800 && !differs;
        cr_assert_eq(rig->inputs, second->apart || duplicate, "%s, %s bytes", second->name, differs ? "other" : "same");
        cr_assert_eq(COUNTED(rig, frag_duplicate), duplicate);
        cr_assert_eq(COUNTED(rig, frag_overlap), !second->apart && !duplicate);
        if (rig->inputs > 0) {
            assert_whole(rig, WHOLE);
        }
        rig_alive(rig);
        rig_stop(rig);
    }
}

/* The same range covered by two fragments before is no duplicate of either. */
Test(ip_reasm, F2_duplicate_of_two_is_an_overlap) {
    struct rig *rig = start();
    fragment(rig, 800, 400);
    fragment(rig, 1200, 400);
    fragment(rig, 800, 800);
    cr_assert_eq(COUNTED(rig, frag_overlap), 1);
    rig_stop(rig);
    rig = start();
    fragment(rig, 800, 400);
    fragment(rig, 1200, 400);
    fragment(rig, 1200, 400);
    fragment(rig, 800, 400);
    cr_assert_eq(COUNTED(rig, frag_duplicate), 2);
    rig_stop(rig);
}

Test(ip_reasm, F3_tiny_first_fragment) {
    struct rig *rig = start();
    piece(rig, WIRE_PROTO_TCP, 0, 8, true);
    piece(rig, WIRE_PROTO_TCP, 8, 40, false);
    piece(rig, WIRE_PROTO_TCP, 0, 16, true);
    cr_assert_eq(COUNTED(rig, frag_tiny), 3);
    assert_nothing_waits(rig);
    piece(rig, WIRE_PROTO_TCP, 0, 24, true);
    cr_assert_eq(rig->ip.reassembly_count, 1);
    rig_alive(rig);
    rig_stop(rig);
}

Test(ip_reasm, F4_lengths) {
    struct rig *rig = start();
    piece(rig, WIRE_PROTO_UDP, 0, 0, true);
    piece(rig, WIRE_PROTO_UDP, 80, 0, false);
    for (uint32_t len = 1; len < 8; len++) {
        piece(rig, WIRE_PROTO_UDP, 0, 80 + len, true);
    }
    cr_assert_eq(COUNTED(rig, frag_length), 9);
    assert_nothing_waits(rig);
    piece(rig, WIRE_PROTO_UDP, 0, 80, true);
    piece(rig, WIRE_PROTO_UDP, 80, 0, false);
    piece(rig, WIRE_PROTO_UDP, 80, 8, false);
    cr_assert_eq(COUNTED(rig, frag_killed), 1);
    cr_assert_eq(rig->inputs, 0);
    rig_alive(rig);
    rig_stop(rig);
}

Test(ip_reasm, F5_where_the_end_is) {
    static const struct {
        uint32_t offset, len;
        bool more;
    } seconds[] = {
        {1680, 80, false}, /* another end, later */
        {1520, 40, false}, /* another end, earlier */
        {1680, 80, true},  /* data beyond the end */
        {1600, 80, true},  /* the end itself, said not to be one */
    };
    for (size_t i = 0; i < ARRAY_LEN(seconds); i++) {
        for (unsigned swapped = 0; swapped < 2; swapped++) {
            struct rig *rig = start();
            if (swapped == 0) {
                piece(rig, WIRE_PROTO_UDP, 1600, 80, false);
            }
            piece(rig, WIRE_PROTO_UDP, seconds[i].offset, seconds[i].len, seconds[i].more);
            if (swapped == 1) {
                piece(rig, WIRE_PROTO_UDP, 1600, 80, false);
            }
            cr_assert_eq(COUNTED(rig, frag_last), 1, "case %zu swapped %u", i, swapped);
            piece(rig, WIRE_PROTO_UDP, 0, 800, true);
            cr_assert_eq(rig->inputs, 0);
            cr_assert_eq(COUNTED(rig, frag_killed), 1);
            rig_stop(rig);
        }
    }
}

static double seconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* what others do on the machine is not its cost */
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* 8-byte fragments of one large datagram in an order that jumps about: the last tenth costs what the first did. */
Test(ip_reasm, F6_cost_does_not_grow) {
    struct rig *rig = start();
    enum { COUNT = 8000, TENTH = COUNT / 10 };
    double best_first = 1e9, best_last = 1e9;
    for (unsigned round = 0; round < 6; round++) {
        double begin = 0, first = 0, last = 0;
        for (uint32_t i = 0; i < COUNT; i++) {
            uint32_t unit = (i * 3001U + round) % COUNT; /* 3001 is prime to 8000 */
            if (i == 0 || i == COUNT - TENTH) {
                begin = seconds_now();
            }
            rig_fragment(rig, (uint16_t)round, WIRE_PROTO_UDP, whole, COUNT * 8, unit * 8, 8);
            if (i == TENTH - 1) {
                first = seconds_now() - begin;
            }
        }
        last = seconds_now() - begin;
        best_first = first < best_first ? first : best_first;
        best_last = last < best_last ? last : best_last;
    }
    cr_assert_eq(rig->inputs, 6);
    assert_whole(rig, COUNT * 8);
    cr_assert_leq(best_last, 3 * best_first, "%f s for the last tenth, %f for the first", best_last, best_first);
    rig_stop(rig);
}

/* A two-fragment ping from a third host; true if it is answered. `between` attackers' fragments come amid it. */
static bool fragmented_ping(struct rig *rig, uint16_t id, void (*attack)(struct rig *, uint32_t), uint32_t between) {
    uint8_t echo[1608];
    (void)rig_icmp(echo, WIRE_ICMP_ECHO, 0, id, whole, sizeof echo - WIRE_ICMP_LEN);
    struct wire_ipv4 header = rig_header(WIRE_PROTO_ICMP);
    header.src = THIRD_IP;
    header.id = id;
    header.more_fragments = true;
    rig_datagram(rig, &header, echo, 800);
    for (uint32_t i = 0; i < between; i++) {
        attack(rig, id * between + i);
    }
    header.more_fragments = false;
    header.fragment_offset = 800;
    rig_datagram(rig, &header, echo + 800, sizeof echo - 800);
    bool answered = rig_sent(rig)->any;
    rig_drain(rig);
    return answered;
}

static void attack_from_one(struct rig *rig, uint32_t i) {
    struct wire_ipv4 header = rig_header(WIRE_PROTO_UDP);
    header.id = (uint16_t)i;
    header.protocol = (uint8_t)(WIRE_PROTO_UDP + (i >> 16));
    header.fragment_offset = i % 2 == 0 ? 65000 : 0; /* half of them to claim all memory */
    header.more_fragments = true;
    rig_datagram(rig, &header, whole, 64);
}

static void attack_from_many(struct rig *rig, uint32_t i) {
    struct wire_ipv4 header = rig_header(WIRE_PROTO_UDP);
    header.src = IPV4(20, 0, 0, 0) + i * 97;
    header.id = (uint16_t)i;
    header.more_fragments = true;
    rig_datagram(rig, &header, whole, 64);
}

static void flood(void (*attack)(struct rig *, uint32_t), uint32_t between) {
    struct rig *rig = start();
    unsigned answered = 0;
    for (uint32_t id = 0; id < 200; id++) {
        answered += fragmented_ping(rig, (uint16_t)id, attack, between);
        cr_assert_leq(rig->ip.reassembly_bytes, TAPIR_REASM_BYTES_MAX);
        cr_assert_leq(rig->ip.reassembly_count, TAPIR_REASM_DATAGRAMS_MAX);
        cr_assert_leq(rig->core.mem.used_bytes, TAPIR_REASM_BYTES_MAX + (1U << 20));
    }
    cr_assert_geq(answered, 180);
    cr_assert_gt(COUNTED(rig, frag_cap), 0);
    rig_wait(rig, 31 * SECOND_US);
    assert_nothing_waits(rig);
    rig_drain(rig);
    rig_alive(rig);
    rig_stop(rig);
}

Test(ip_reasm, F6_flood_from_one_host) { flood(attack_from_one, 100); }
Test(ip_reasm, F6_flood_from_forged_hosts) { flood(attack_from_many, 100); }

/* D10: in a small stack an eighth of its memory is all that fragments may hold, and then they still come together. */
Test(ip_reasm, F6_a_small_stack_keeps_little) {
    struct rig *rig = start();
    mem_set_cap(&rig->core.mem, rig->core.mem.used_bytes + 400000);
    for (uint16_t id = 0; id < 20; id++) {
        cr_assert(fragmented_ping(rig, id, attack_from_many, 10));
        for (uint32_t i = 0; i < 100; i++) {
            (id % 2 == 0 ? attack_from_one : attack_from_many)(rig, id * 1000U + i);
            cr_assert_leq(rig->ip.reassembly_bytes, rig->core.mem.cap_bytes / 8);
        }
    }
    rig_stop(rig);
}

Test(ip_reasm, F6_one_source_has_a_share) {
    struct rig *rig = start();
    for (uint32_t i = 0; i < 300; i++) {
        attack_from_one(rig, i * 2 + 1);
    }
    cr_assert_eq(rig->ip.reassembly_count, TAPIR_REASM_PER_SOURCE_MAX);
    for (uint32_t i = 0; i < 300; i++) {
        attack_from_many(rig, i);
    }
    cr_assert_leq(rig->ip.reassembly_count, TAPIR_REASM_DATAGRAMS_MAX);
    rig_stop(rig);
}

Test(ip_reasm, F7_expiry_at_every_step) {
    for (uint32_t step = 1; step <= 10; step++) {
        struct rig *rig = start();
        for (uint32_t i = 0; i < 10; i++) {
            if (i == step) {
                rig_wait(rig, TAPIR_REASM_TIMEOUT_US);
                assert_nothing_waits(rig);
                cr_assert_eq(COUNTED(rig, frag_timeout), 1);
                rig_drain(rig);
            }
            fragment(rig, i * 400, 400);
        }
        cr_assert_eq(rig->inputs, step == 10);
        rig_wait(rig, TAPIR_REASM_TIMEOUT_US);
        assert_nothing_waits(rig);
        rig_drain(rig);
        rig_alive(rig);
        rig_stop(rig);
    }
}

Test(ip_reasm, F7_memory_fails_at_every_step) {
    for (uint32_t k = 1; k <= 40; k++) {
        struct rig *rig = start();
        rig->env.fail_at = rig->env.allocations + k;
        for (uint32_t i = 0; i < 10; i++) {
            fragment(rig, (i * 7 % 10) * 400, 400);
        }
        rig->env.fail_at = 0;
        rig_wait(rig, TAPIR_REASM_TIMEOUT_US + 1);
        assert_nothing_waits(rig);
        rig_drain(rig);
        rig_alive(rig);
        rig_stop(rig);
    }
}

/* A datagram for which there was no memory may come again. */
Test(ip_reasm, F7_no_memory_leaves_no_tombstone) {
    for (uint64_t k = 1; k <= 3; k++) {
        struct rig *rig = start();
        rig->env.fail_at = rig->env.allocations + 1 + k; /* the first is the test's own frame */
        fragment(rig, 0, 800);
        cr_assert_eq(COUNTED(rig, ip_no_memory), k <= 2);
        cr_assert_eq(rig->ip.reassembly_count, k > 2);
        rig->env.fail_at = 0;
        for (uint32_t at = 0; at < WHOLE; at += 800) {
            fragment(rig, at, 800);
        }
        cr_assert_eq(rig->inputs, 1);
        rig_stop(rig);
    }
}

/* Later fragments do not put the timeout off (RFC 1122 3.3.2). */
Test(ip_reasm, the_timeout_is_fixed) {
    struct rig *rig = start();
    fragment(rig, 0, 400);
    rig_wait(rig, TAPIR_REASM_TIMEOUT_US - 1);
    fragment(rig, 400, 400);
    rig_wait(rig, 1);
    assert_nothing_waits(rig);
    rig_stop(rig);
}

Test(ip_reasm, F8_time_exceeded_only_with_fragment_0) {
    struct rig *rig = start();
    fragment(rig, 400, 400);
    rig_wait(rig, 31 * SECOND_US);
    cr_assert_eq(COUNTED(rig, frag_timeout), 1);
    rig_alive(rig);
    fragment(rig, 400, 400);
    fragment(rig, 0, 400);
    rig_wait(rig, 31 * SECOND_US);
    const struct sent *sent = rig_sent(rig);
    cr_assert(sent->any);
    cr_assert_eq(sent->data[0], WIRE_ICMP_TIME_EXCEEDED);
    cr_assert_eq(sent->data[1], 1);
    struct wire_ipv4 quoted;
    cr_assert(wire_ipv4_parse_quote(sent->data + 8, sent->len - 8, &quoted));
    cr_assert_eq(quoted.total_len, 420, "as it came, not as it would have been");
    cr_assert(quoted.more_fragments);
    cr_assert_eq(sent->len, 8 + 420);
    cr_assert(memcmp(sent->data + 28, whole, 400) == 0);
    rig_alive(rig);
    rig_stop(rig);
}

Test(ip_reasm, F8_never_for_broadcast_multicast_or_the_killed) {
    struct rig *rig = start();
    struct tapir_addr group = addr_of_ipv4(GROUP_IP);
    cr_assert_eq(ip_groups_join(&rig->ip, rig->netif, &group, rig->now_us), 0);
    rig_wait(rig, 60 * SECOND_US);
    rig_drain(rig);
    struct wire_ipv4 header = rig_header(WIRE_PROTO_UDP);
    header.more_fragments = true;
    header.dst = IPV4_BROADCAST;
    rig_datagram(rig, &header, whole, 400);
    header.dst = GROUP_IP;
    rig_datagram(rig, &header, whole, 400);
    cr_assert_eq(rig->ip.reassembly_count, 2);
    rig_wait(rig, 31 * SECOND_US);
    cr_assert_eq(COUNTED(rig, frag_timeout), 2);
    rig_alive(rig);
    fragment(rig, 0, 400);
    fragment(rig, 200, 400);
    rig_wait(rig, 31 * SECOND_US);
    assert_nothing_waits(rig);
    cr_assert_eq(COUNTED(rig, frag_timeout), 2);
    rig_alive(rig);
    rig_stop(rig);
}

/* A second half that differs from the first in one part of the key completes nothing. */
Test(ip_reasm, F9_what_the_key_holds) {
    struct rig *rig = start();
    struct tapir_addr second = addr_of_ipv4(IPV4(10, 0, 0, 9));
    cr_assert_eq(link_address_add(rig->netif, &second, 24, false, rig->now_us), 0);
    for (unsigned i = 0; i < 5; i++) {
        struct wire_ipv4 header = rig_header(WIRE_PROTO_UDP);
        header.id = (uint16_t)(10 * i);
        header.more_fragments = true;
        rig_datagram(rig, &header, whole, 400);
        header.more_fragments = false;
        header.fragment_offset = 400;
        header.id = (uint16_t)(header.id + (i == 0));
        header.src += i == 1;
        header.dst = i == 2 ? addr_ipv4(&second) : header.dst;
        header.protocol = i == 3 ? PROTO_TEST : header.protocol;
        rig_datagram(rig, &header, whole + 400, 400);
        cr_assert_eq(rig->inputs, i == 4, "case %u", i);
    }
    rig_stop(rig);
}

static enum tapir_csum seen_csum;
static enum ip_verdict note_csum(void *ctx, const struct ip_rx *rx, uint64_t now_us) {
    (void)ctx;
    (void)now_us;
    seen_csum = (enum tapir_csum)rx->offload->csum;
    return IP_DONE;
}

/* What the device said of a fragment says nothing about the datagram: its checksum is to be verified. */
Test(ip_reasm, F9_checksum_is_not_trusted) {
    struct rig *rig = start();
    rig->ip.handlers[WIRE_PROTO_UDP].input = note_csum;
    seen_csum = TAPIR_CSUM_GOOD;
    for (uint32_t at = 0; at < 800; at += 400) {
        uint8_t bytes[420];
        struct wire_ipv4 header = rig_header(WIRE_PROTO_UDP);
        header.total_len = sizeof bytes;
        header.fragment_offset = (uint16_t)at;
        header.more_fragments = at == 0;
        struct writer w = writer_of(bytes, sizeof bytes);
        wire_ipv4_emit(&w, &header);
        writer_copy(&w, whole + at, 400);
        struct tapir_frame *frame = rig_frame(rig, bytes, sizeof bytes);
        frame->offload.csum = TAPIR_CSUM_GOOD;
        ip_v4_input(&rig->ip, rig->netif, frame, LINK_UNICAST, rig->now_us);
        frame_release(frame);
    }
    cr_assert_eq(COUNTED(rig, frag_reassembled), 1);
    cr_assert_eq(seen_csum, TAPIR_CSUM_NONE);
    rig_stop(rig);
}

Test(ip_reasm, ecn_of_fragments) {
    static const struct {
        uint8_t first, second;
        int result; /* -1: dropped */
    } cases[] = {{0, 0, 0}, {2, 2, 2}, {2, 3, 3}, {3, 2, 3}, {1, 3, 3}, {3, 3, 3}, {0, 3, -1}, {3, 0, -1}};
    struct rig *rig = start();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        unsigned before = rig->inputs;
        struct wire_ipv4 header = rig_header(WIRE_PROTO_UDP);
        header.id = (uint16_t)i;
        header.tos = cases[i].first;
        header.more_fragments = true;
        rig_datagram(rig, &header, whole, 400);
        header.tos = cases[i].second;
        header.more_fragments = false;
        header.fragment_offset = 400;
        rig_datagram(rig, &header, whole + 400, 400);
        cr_assert_eq(rig->inputs - before, cases[i].result >= 0);
        cr_assert(cases[i].result < 0 || rig->rx.tos == cases[i].result);
    }
    cr_assert_eq(COUNTED(rig, frag_ecn), 2);
    assert_nothing_waits(rig);
    rig_stop(rig);
}
