/* Fuzzes the reassembly of IPv4 against a naive model: a list of the fragments that came, each compared with each.
 *
 * The first byte of the input says whether memory is short, then each step is a fragment or a wait. What comes out is the
 * bytes that went in, when all of them have come; a contradiction ends a datagram until its timeout (RFC 791 3.2, HAZARDS
 * F1-F9). Short memory may make the stack forget a piece or a datagram, and nothing else.
 */
#include "base/check.h"
#include "ip/reasm.h"
#include "ip/v4/v4.h"
#include "support/env.h"

enum {
    KEYS = 8, /* datagrams at once; together below what the stack keeps of one source */
    STEPS_MAX = 64,
    PEER = IPV4(10, 0, 0, 2),
    OURS = IPV4(10, 0, 0, 1),
};

struct piece {
    uint32_t offset, len, end;
    bool last;
    uint8_t header_len, tos;
    uint8_t salt; /* bytes of another salt are other bytes */
};

/* A datagram as it ought to be. */
static struct model {
    enum { NOTHING, WAITS, DEAD } state;
    uint64_t deadline_us;
    unsigned count;
    struct piece pieces[STEPS_MAX];
} models[KEYS];

static struct test_env env;
static struct core core;
static struct ip ip;
static struct link_netif netif;
static uint64_t now_us;
static bool short_of_memory;
static unsigned expired;
static uint8_t bytes[UINT16_MAX + 1];

static uint8_t byte_of(const struct piece *piece, uint32_t at) { return (uint8_t)(at * 7 + (at >> 8) + piece->salt); }

/* One of the datagrams is TCP's, whose header must not be cut (RFC 1858 3). */
static uint8_t protocol_of(unsigned key) {
    return key == KEYS - 1 ? WIRE_PROTO_TCP : (uint8_t)(WIRE_PROTO_UDP + key % 2);
}

static void note_expiry(const struct ip_reassembly *whole, uint64_t at_us) {
    CHECK(at_us == now_us && whole->first_len > 0);
    expired++;
}

/* ---- the model ---- */

static bool piece_sound(unsigned key, const struct piece *p) {
    if (p->len == 0 || (!p->last && p->len % 8 != 0) || p->header_len + p->end > UINT16_MAX) {
        return false;
    }
    return protocol_of(key) != WIRE_PROTO_TCP || (p->offset != 8 && (p->offset > 0 || p->len >= 20));
}

static bool same_piece(const struct piece *p, const struct piece *q) {
    return p->offset == q->offset && p->len == q->len && p->last == q->last && p->salt == q->salt;
}

/* Do the two contradict each other: bytes that both have, or the end of the datagram? */
static bool clash(const struct piece *p, const struct piece *q) {
    bool overlap = p->offset < q->end && q->offset < p->end;
    bool ends =
        (p->last && (q->last ? q->end != p->end : q->end >= p->end)) || (q->last && !p->last && p->end >= q->end);
    return ends || overlap;
}

/* Adds the piece to the model, or ends the datagram. True: it was taken. */
static bool model_add(struct model *m, unsigned key, const struct piece *p) {
    if (m->state == DEAD) {
        return false;
    }
    if (!piece_sound(key, p)) {
        m->state = m->state == WAITS ? DEAD : NOTHING;
        return false;
    }
    if (m->state == NOTHING) {
        *m = (struct model){.state = WAITS, .deadline_us = now_us + TAPIR_REASM_TIMEOUT_US};
    }
    for (unsigned i = 0; i < m->count; i++) {
        if (same_piece(p, &m->pieces[i])) {
            return false;
        }
    }
    for (unsigned i = 0; i < m->count; i++) {
        if (clash(p, &m->pieces[i])) {
            m->state = DEAD;
            return false;
        }
    }
    m->pieces[m->count++] = *p;
    return true;
}

/* The piece at this place, or NULL. */
static const struct piece *model_piece(const struct model *m, uint32_t offset) {
    for (unsigned i = 0; i < m->count; i++) {
        if (m->pieces[i].offset == offset) {
            return &m->pieces[i];
        }
    }
    return NULL;
}

/* How many bytes the whole has; 0: something is missing. */
static uint32_t model_whole(const struct model *m) {
    uint32_t at = 0;
    const struct piece *p = model_piece(m, 0);
    while (p != NULL && !p->last) {
        at = p->end;
        p = model_piece(m, at);
    }
    return p == NULL ? 0 : p->end;
}

/* The traffic byte of the whole; false: its marks contradict each other (RFC 3168 5.3). */
static bool model_tos(const struct model *m, uint8_t *tos) {
    bool marked = false, incapable = false;
    *tos = model_piece(m, 0)->tos;
    for (unsigned i = 0; i < m->count; i++) {
        marked |= (m->pieces[i].tos & 3) == 3;
        incapable |= (m->pieces[i].tos & 3) == 0;
    }
    *tos |= marked ? 3 : 0;
    return !(marked && incapable);
}

/* ---- the stack ---- */

static struct ip_reassembly *find(unsigned key) {
    const struct ip_reasm_key k = {.src = addr_of_ipv4(PEER),
                                   .dst = addr_of_ipv4(OURS),
                                   .id = (uint16_t)(key / 2),
                                   .protocol = protocol_of(key),
                                   .netif = netif.index};
    return ip_reasm_find(&ip, &k);
}

static struct tapir_frame *stack_add(unsigned key, const struct piece *p) {
    uint8_t header[WIRE_IPV4_LEN + WIRE_IPV4_OPTIONS_MAX];
    static const uint8_t options[WIRE_IPV4_OPTIONS_MAX] = {1, 1, 1, 1};
    const struct wire_ipv4 ipv4 = {.header_len = p->header_len,
                                   .tos = p->tos,
                                   .ttl = 64,
                                   .id = (uint16_t)(key / 2),
                                   .protocol = protocol_of(key),
                                   .total_len = (uint16_t)(p->header_len + p->len),
                                   .more_fragments = !p->last,
                                   .fragment_offset = (uint16_t)p->offset,
                                   .src = PEER,
                                   .dst = OURS,
                                   .options = options};
    struct writer w = writer_of(header, sizeof header);
    wire_ipv4_emit(&w, &ipv4);
    for (uint32_t i = 0; i < p->len; i++) {
        bytes[i] = byte_of(p, p->offset + i);
    }
    const struct ip_rx rx = {.header = header,
                             .header_len = p->header_len,
                             .data = bytes,
                             .len = p->len,
                             .src = addr_of_ipv4(PEER),
                             .dst = addr_of_ipv4(OURS),
                             .protocol = ipv4.protocol,
                             .tos = p->tos,
                             .netif = &netif};
    return ip_v4_reasm_add(&ip, &rx, &ipv4, now_us);
}

/* The datagram that came out: the header of its first fragment, and every byte from the fragment that brought it. */
static void expect_whole(const struct model *m, const struct tapir_frame *frame, uint32_t total) {
    struct wire_ipv4 header;
    uint8_t tos;
    const struct piece *first = model_piece(m, 0);
    CHECK(first != NULL && frame->len == first->header_len + total);
    CHECK(wire_ipv4_parse(frame->data, frame->len, &header) == WIRE_IPV4_OK && header.header_len == first->header_len);
    CHECK(model_tos(m, &tos) && header.tos == tos && !header.more_fragments && header.fragment_offset == 0);
    for (unsigned i = 0; i < m->count; i++) {
        const struct piece *p = &m->pieces[i];
        for (uint32_t at = p->offset; at < p->end; at++) {
            CHECK(frame->data[header.header_len + at] == byte_of(p, at));
        }
    }
}

/* Short of memory the stack may have forgotten datagrams, or not taken the last piece of this one. */
static void forgive(struct model *m, bool taken, uint32_t units) {
    const struct ip_reassembly *d = find((unsigned)(m - models));
    if (taken && d != NULL && d->units == units) {
        m->count--;
        CHECK(m->count > 0); /* a datagram is not begun for nothing */
    }
    for (unsigned key = 0; key < KEYS; key++) {
        models[key].state = find(key) == NULL ? NOTHING : models[key].state;
    }
}

static void expect_states(void) {
    uint32_t waiting = 0;
    for (unsigned key = 0; key < KEYS; key++) {
        const struct ip_reassembly *d = find(key);
        CHECK((d == NULL) == (models[key].state == NOTHING));
        CHECK(d == NULL || (d->frame == NULL) == (models[key].state == DEAD));
        waiting += d != NULL;
    }
    CHECK(ip.reassembly_count == waiting && core.wheel.armed == waiting);
    CHECK(ip.reassembly_bytes <= core.mem.used_bytes && (waiting > 0 || ip.reassembly_bytes == 0));
}

/* ---- steps ---- */

/* Where: anywhere, behind the last piece, or as the last piece was. */
static struct piece read_piece(struct reader *input, const struct model *m, uint8_t how) {
    const struct piece *before = m->count == 0 ? NULL : &m->pieces[m->count - 1];
    struct piece p = {.last = (how & 8) == 0, .header_len = WIRE_IPV4_LEN, .tos = 2};
    uint8_t size = reader_u8(input);
    p.len = (size & 64 ? 512U : 8U) * (size & 63);
    switch (how >> 4 & 3) {
    case 0:
        p.offset = reader_u16(input) & 0x1fffU;
        p.offset *= 8;
        break;
    case 1:
        p.offset = reader_u8(input) * 8U;
        break;
    case 2:
        p.offset = before == NULL ? 0 : (before->end + 7) / 8 * 8;
        break;
    default:
        p.offset = before == NULL ? 0 : before->offset;
        p.len = before == NULL ? p.len : before->len;
    }
    if (how & 64) { /* unusual: a broken length, another header or traffic byte, other bytes at the same place */
        p.len += size >> 7 ? reader_u8(input) % 8U : 0;
        p.header_len = (uint8_t)(WIRE_IPV4_LEN + reader_u8(input) % 11 * 4);
        p.tos = reader_u8(input);
        p.salt = reader_u8(input) & 1;
    }
    p.offset = min_u32(p.offset, 0x1fff * 8);
    p.len = min_u32(p.len, UINT16_MAX - p.header_len);
    p.end = p.offset + p.len;
    return p;
}

static void step_piece(struct reader *input, uint8_t how) {
    unsigned key = how % KEYS;
    struct model *m = &models[key];
    const struct piece p = read_piece(input, m, how);
    if (p.offset == 0 && p.last) {
        return; /* no fragment */
    }
    const struct ip_reassembly *d = find(key);
    uint32_t units = d == NULL ? 0 : d->units;
    bool taken = model_add(m, key, &p);
    uint32_t total = taken ? model_whole(m) : 0;
    struct tapir_frame *frame = stack_add(key, &p);
    if (frame != NULL) {
        CHECK(total > 0);
        expect_whole(m, frame, total);
        m->state = NOTHING;
    } else if (total > 0 && !short_of_memory) {
        uint8_t tos;
        CHECK(!model_tos(m, &tos) || model_piece(m, 0)->header_len + total > UINT16_MAX);
        m->state = NOTHING;
    }
    if (short_of_memory) {
        forgive(m, taken && frame == NULL, units);
    }
    frame_release(frame);
}

static void step_wait(struct reader *input) {
    unsigned expected = 0;
    now_us += reader_u8(input) * (TAPIR_REASM_TIMEOUT_US / 64);
    for (unsigned key = 0; key < KEYS; key++) {
        if (models[key].state != NOTHING && models[key].deadline_us <= now_us) {
            expected += models[key].state == WAITS && model_piece(&models[key], 0) != NULL;
            models[key].state = NOTHING;
            models[key].count = 0;
        }
    }
    expired = 0;
    timer_wheel_run(&core.wheel, now_us);
    CHECK(expired == expected);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    struct reader input = reader_of(data, len);
    struct ip_version version = ip_v4_version;
    version.reassembly_expired = note_expiry;
    test_env_init(&env);
    now_us = 1000;
    netif.index = 1;
    uint8_t memory = reader_u8(&input);
    short_of_memory = memory % 4 == 3;
    core_init(&core, &env.env, short_of_memory ? (memory / 4 + 1U) * 16384 : 64U << 20, now_us);
    for (unsigned key = 0; key < KEYS; key++) {
        models[key].state = NOTHING;
        models[key].count = 0;
    }
    if (ip_init(&ip, &core, NULL, &version, now_us) != 0) {
        return 0;
    }
    size_t idle_bytes = core.mem.used_bytes;
    env.fail_percent = short_of_memory ? 5 : 0;
    for (unsigned steps = 0; reader_left(&input) > 0 && steps < STEPS_MAX; steps++) {
        uint8_t how = reader_u8(&input);
        how & 128 ? step_wait(&input) : step_piece(&input, how);
        expect_states();
    }
    ip_reasm_clear(&ip);
    CHECK(ip.reassembly_count == 0 && ip.reassembly_bytes == 0 && core.mem.used_bytes == idle_bytes);
    ip_destroy(&ip);
    CHECK(core.mem.used_bytes == 0 && env.live_blocks == 0 && core.wheel.armed == 0);
    return 0;
}
