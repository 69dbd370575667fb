/* Reassembly of fragments: the result of RFC 815 with bitmaps, and every overlap fatal (HAZARDS F1-F9).
 *
 * A datagram's payload grows in one frame, with two bits for each unit of 8 bytes: is the unit there, and does
 * a fragment begin with it. So a fragment of n bytes costs O(n) whatever came before (F6), the memory of a
 * datagram is bounded by its length and not by the number of its pieces, and an exact duplicate is told from
 * an overlap. A fragment that contradicts the others kills the datagram: what is left of it is a tombstone, so
 * that later pieces cannot start it anew, until the timeout. */
#include "ip/reasm.h"

enum { FIRST_ROOM = 2048 };
enum { ECN_NOT_ECT = 1 << 0, ECN_CE = 1 << 3 };

static bool bit(const uint64_t *map, uint32_t i) { return (map[i / IP_REASM_WORD_BITS] >> i % IP_REASM_WORD_BITS) & 1; }
static void set_bit(uint64_t *map, uint32_t i) { map[i / IP_REASM_WORD_BITS] |= 1ULL << i % IP_REASM_WORD_BITS; }

static uint32_t first_unit(const struct ip_piece *piece) { return piece->offset / IP_REASM_UNIT_BYTES; }
static uint32_t end_unit(const struct ip_piece *piece) {
    return (piece->end + IP_REASM_UNIT_BYTES - 1) / IP_REASM_UNIT_BYTES;
}

static uint64_t bytes_max(const struct ip *ip) { return mem_at_most(&ip->core->mem, TAPIR_REASM_BYTES_MAX); }

/* What counts against bytes_max: all that the datagram holds, not what came. */
static uint64_t true_size(const struct ip_reassembly *d) {
    return sizeof *d + (d->frame == NULL ? 0 : frame_true_size(d->frame));
}

static uint64_t hash_of(const struct ip *ip, const struct ip_reasm_key *key) {
    return siphash(&ip->core->key, key, sizeof *key);
}

/* Keyed hash: nobody can choose fragments that all meet in one bucket (D13). */
struct ip_reassembly *ip_reasm_find(struct ip *ip, const struct ip_reasm_key *key) {
    struct table_node *node = table_first(&ip->reassembly, hash_of(ip, key));
    while (node != NULL && memcmp(&CONTAINER_OF(node, struct ip_reassembly, node)->key, key, sizeof *key) != 0) {
        node = table_next(node);
    }
    return node == NULL ? NULL : CONTAINER_OF(node, struct ip_reassembly, node);
}

/* ---- life and death ---- */

void ip_reasm_kill(struct ip_reassembly *d) {
    d->ip->reassembly_bytes -= true_size(d);
    frame_release(d->frame);
    d->frame = NULL;
    d->ip->reassembly_bytes += true_size(d);
}

/* The only way out of the tables: the timer, the lists and the sums go together (F7). */
void ip_reasm_drop(struct ip_reassembly *d) {
    struct ip *ip = d->ip;
    timer_cancel(&ip->core->wheel, &d->timer);
    table_remove(&ip->reassembly, &d->node);
    list_remove(&d->age);
    ip->reassembly_count--;
    ip->reassembly_bytes -= true_size(d);
    frame_release(d->frame);
    mem_free(&ip->core->mem, d, sizeof *d);
}

void ip_reasm_clear(struct ip *ip) {
    LIST_FOR_EACH(node, &ip->reassembly_age) {
        ip_reasm_drop(LIST_ENTRY(node, struct ip_reassembly, age));
    }
}

/* A tombstone goes without a word: its fragments were counted when they came. */
static void expire(struct timer *timer, uint64_t now_us) {
    struct ip_reassembly *d = CONTAINER_OF(timer, struct ip_reassembly, timer);
    if (d->frame != NULL) {
        COUNT(d->ip->core, frag_timeout);
        if (d->first_len > 0) {
            ip_version_of(d->ip, &d->key.src)->reassembly_expired(d, now_us);
        }
    }
    ip_reasm_drop(d);
}

/* ---- room under the caps ---- */

/* What one source holds. */
struct share {
    uint32_t count;
    uint64_t bytes;
};

static struct share share_of(const struct ip *ip, const struct tapir_addr *src) {
    struct share share = {0};
    LIST_FOR_EACH(node, &ip->reassembly_age) {
        const struct ip_reassembly *d = LIST_ENTRY(node, struct ip_reassembly, age);
        if (addr_equal(&d->key.src, src)) {
            share.count++;
            share.bytes += true_size(d);
        }
    }
    return share;
}

/* The next datagram from *at on, the oldest first, of src alone unless that is NULL, and not `keep`; NULL: no more. */
static struct ip_reassembly *next_victim(struct ip *ip, struct list **at, const struct tapir_addr *src,
                                         const struct ip_reassembly *keep) {
    while (*at != &ip->reassembly_age) {
        struct ip_reassembly *d = LIST_ENTRY(*at, struct ip_reassembly, age);
        *at = (*at)->next;
        if (d != keep && (src == NULL || addr_equal(&d->key.src, src))) {
            return d;
        }
    }
    return NULL;
}

/* Makes room for `bytes` more, in a new datagram unless `keep` is the one that grows. False: there is none. Who goes when
 * something must: the oldest of the source that asks if it has more than its share, else the oldest of all, so that a
 * flood from one host pushes out its own (F6). However many go, those that wait are looked at three times (Z6). */
static bool make_room(struct ip *ip, const struct tapir_addr *src, uint64_t bytes, const struct ip_reassembly *keep) {
    struct share own = share_of(ip, src);
    struct list *own_at = ip->reassembly_age.next, *any_at = ip->reassembly_age.next;
    for (uint32_t i = 0; i <= TAPIR_REASM_DATAGRAMS_MAX; i++) {
        bool over_share = own.count >= TAPIR_REASM_PER_SOURCE_MAX;
        bool too_many = keep == NULL && (over_share || ip->reassembly_count >= TAPIR_REASM_DATAGRAMS_MAX);
        bool fits = ip->reassembly_bytes + bytes <= bytes_max(ip) && mem_allows(&ip->core->mem, MEM_ADMISSION, bytes);
        if (!too_many && fits) {
            return true;
        }
        bool own_fault = over_share || own.bytes > bytes_max(ip) / 4;
        struct ip_reassembly *victim = own_fault ? next_victim(ip, &own_at, src, keep) : NULL;
        victim = victim == NULL ? next_victim(ip, &any_at, NULL, keep) : victim;
        if (victim == NULL) {
            return false;
        }
        if (addr_equal(&victim->key.src, src)) {
            own.count--;
            own.bytes -= true_size(victim);
        }
        own_at = own_at == &victim->age ? victim->age.next : own_at;
        any_at = any_at == &victim->age ? victim->age.next : any_at;
        COUNT(ip->core, frag_cap);
        ip_reasm_drop(victim);
    }
    return false;
}

static struct ip_reassembly *create(struct ip *ip, const struct ip_reasm_key *key, const struct ip_rx *rx,
                                    uint64_t now_us) {
    if (!make_room(ip, &key->src, sizeof(struct ip_reassembly), NULL)) {
        COUNT(ip->core, frag_cap);
        return NULL;
    }
    struct ip_reassembly *d = mem_alloc_zero(&ip->core->mem, MEM_ADMISSION, sizeof *d);
    if (d == NULL) {
        COUNT(ip->core, ip_no_memory);
        return NULL;
    }
    d->ip = ip;
    d->key = *key;
    d->netif = rx->netif;
    d->dst_cast = rx->dst_cast;
    table_insert(&ip->reassembly, &d->node, hash_of(ip, key));
    list_push_back(&ip->reassembly_age, &d->age);
    ip->reassembly_count++;
    ip->reassembly_bytes += true_size(d);
    /* RFC 1122 3.3.2: the timeout is fixed; later fragments do not extend it. */
    timer_init(&d->timer, expire);
    timer_arm(&ip->core->wheel, &d->timer, now_us + TAPIR_REASM_TIMEOUT_US);
    return d;
}

/* Doubles the payload's room until `end` fits, so that a datagram is moved a few times at most. */
static bool grow(struct ip_reassembly *d, uint32_t end) {
    struct ip *ip = d->ip;
    uint32_t room = max_u32(d->room, FIRST_ROOM);
    while (room < end) {
        room *= 2;
    }
    if (room == d->room) {
        return true;
    }
    if (!make_room(ip, &d->key.src, sizeof *d->frame + IP_REASM_HEADER_MAX + room, d)) {
        COUNT(ip->core, frag_cap);
        return false;
    }
    struct tapir_frame *frame = frame_alloc(&ip->core->mem, MEM_ADMISSION, IP_REASM_HEADER_MAX, room);
    if (frame == NULL) {
        COUNT(ip->core, ip_no_memory);
        return false;
    }
    /* Gaps stay unwritten: nothing is read before every unit has come. */
    if (d->frame != NULL) {
        memcpy(frame->data, d->frame->data, d->end);
    }
    ip_reasm_kill(d);
    ip->reassembly_bytes += frame_true_size(frame);
    d->frame = frame;
    d->room = room;
    return true;
}

/* ---- does a piece fit what came before? ---- */

/* F5: is the end of the datagram the same for all? The last fragment sets it; others lie strictly before. */
static bool end_ok(const struct ip_reassembly *d, const struct ip_piece *piece) {
    if (piece->last) {
        return d->total != 0 ? piece->end == d->total : piece->end > d->end;
    }
    return d->total == 0 || piece->end < d->total;
}

enum fit { FIT_NEW, FIT_DUPLICATE, FIT_OVERLAP };

/* F2: the same bytes at the same place are a duplicate; anything else that meets bytes held is an overlap. */
static enum fit fit_of(const struct ip_reassembly *d, const struct ip_piece *piece) {
    uint32_t first = first_unit(piece), end = end_unit(piece);
    uint32_t held = 0, begun = 0;
    for (uint32_t i = first; i < end; i++) {
        held += bit(d->present, i);
        begun += bit(d->starts, i);
    }
    if (held == 0) {
        return FIT_NEW;
    }
    bool ends_there = end == IP_REASM_UNITS_MAX || !bit(d->present, end) || bit(d->starts, end);
    bool same_place = held == end - first && begun == 1 && bit(d->starts, first) && ends_there;
    return same_place && memcmp(d->frame->data + piece->offset, piece->data, piece->len) == 0 ? FIT_DUPLICATE
                                                                                              : FIT_OVERLAP;
}

/* Together with what came before. True: the piece is new and fits. */
static bool piece_fits(struct ip_reassembly *d, const struct ip_piece *piece) {
    struct core *core = d->ip->core;
    if (!end_ok(d, piece)) {
        COUNT(core, frag_last);
        ip_reasm_kill(d);
        return false;
    }
    switch (fit_of(d, piece)) {
    case FIT_NEW:
        return true;
    case FIT_DUPLICATE:
        COUNT(core, frag_duplicate);
        return false;
    case FIT_OVERLAP:
        break;
    }
    COUNT(core, frag_overlap);
    ip_reasm_kill(d);
    return false;
}

/* ---- putting it together ---- */

static void insert(struct ip_reassembly *d, const struct ip_piece *piece, const struct ip_rx *rx) {
    memcpy(d->frame->data + piece->offset, piece->data, piece->len);
    set_bit(d->starts, first_unit(piece));
    for (uint32_t i = first_unit(piece); i < end_unit(piece); i++) {
        set_bit(d->present, i);
    }
    d->units += end_unit(piece) - first_unit(piece);
    d->end = max_u32(d->end, piece->end);
    d->total = piece->last ? piece->end : d->total;
    d->ecn_seen |= (uint8_t)(1U << (rx->tos & IP_ECN_MASK));
    /* RFC 791 3.2: the header of the datagram is that of its first fragment. */
    if (piece->offset == 0) {
        d->first_len = piece->len;
        d->header_len = rx->header_len;
        d->link_cast = rx->link_cast;
        memcpy(d->header, rx->header, rx->header_len);
    }
}

/* Units never overlap, so as many as the datagram has are all of them. */
static bool complete(const struct ip_reassembly *d) {
    return d->total != 0 && d->units == (d->total + IP_REASM_UNIT_BYTES - 1) / IP_REASM_UNIT_BYTES;
}

/* RFC 3168 5.3: a mark on any fragment marks the datagram; a mark on what did not offer ECN is a lie. */
bool ip_reasm_merge_ecn(const struct ip_reassembly *d, uint8_t *tos) {
    if ((d->ecn_seen & ECN_CE) != 0) {
        *tos |= IP_ECN_MASK;
    }
    return (d->ecn_seen & ECN_CE) == 0 || (d->ecn_seen & ECN_NOT_ECT) == 0;
}

/* offload stays "none": the transport verifies its checksum over the whole (F9). */
struct tapir_frame *ip_reasm_frame(const struct ip_reassembly *d) {
    struct tapir_frame *frame = frame_ref(d->frame);
    (void)frame_put(frame, d->total);
    return frame;
}

struct ip_reassembly *ip_reasm_add(struct ip *ip, struct ip_reassembly *d, const struct ip_reasm_key *key,
                                   const struct ip_rx *rx, const struct ip_piece *piece, uint64_t now_us) {
    if (d == NULL) {
        d = create(ip, key, rx, now_us);
    }
    if (d == NULL || !piece_fits(d, piece)) {
        return NULL;
    }
    if (!grow(d, piece->end)) {
        if (d->frame == NULL) {
            ip_reasm_drop(d); /* it was new: a lack of memory is no reason for a tombstone */
        }
        return NULL;
    }
    insert(d, piece, rx);
    return complete(d) ? d : NULL;
}
