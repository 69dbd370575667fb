/* Judges the wire: every segment against what was sent before, and against what has arrived where it comes from.
 *
 * It knows of each direction of a session the numbers that were sent, those that arrived, and the window that arrived. From
 * that follows what a host may say: bytes as its application wrote them, none beyond the window, acknowledgments and SACK
 * blocks of what arrived and of nothing else, and a right edge that never moves left.
 */
#include <string.h>

#include "hunt/hunt.h"
#include "wire/wire.h"

enum { ETH_LEN = WIRE_ETH_LEN };

#define ACK_LATEST_US 500000U

/* A segment, and whose it is. Numbers count from the SYNs. */
struct seen {
    unsigned index, side; /* of the session, and who sends it */
    struct way *out, *in; /* what the sender sends, and what it receives */
    struct wire_tcp tcp;
    const uint8_t *text;
    size_t len;
    uint64_t from, to; /* its numbers, SYN and FIN among them */
};

/* ---- which session a segment is of ---- */

static bool find_side(const struct world *world, const struct wire_ipv4 *ip, struct seen *seen) {
    for (unsigned i = 0; i < world->plan.session_count; i++) {
        const unsigned *hosts = world->plan.sessions[i].hosts;
        uint32_t client = world_ipv4(hosts[0]), server = world_ipv4(hosts[1]);
        uint16_t client_port = (uint16_t)(HUNT_PORT_CLIENT + i), server_port = (uint16_t)(HUNT_PORT_SERVER + i);
        bool up = ip->src == client && ip->dst == server && seen->tcp.src_port == client_port &&
                  seen->tcp.dst_port == server_port;
        bool down = ip->src == server && ip->dst == client && seen->tcp.src_port == server_port &&
                    seen->tcp.dst_port == client_port;
        if (up || down) {
            seen->index = i;
            seen->side = up ? 0 : 1;
            return true;
        }
    }
    return false;
}

/* A number of the way's, near what was sent. */
static uint64_t number_of(const struct way *way, uint32_t seq) {
    uint64_t near = way->sent_to;
    return near + (uint64_t)(int64_t)(int32_t)(seq - (way->iss + (uint32_t)near));
}

/* False: it is no segment of a session, or one of which nothing can be said. */
static bool look(struct world *world, const uint8_t *bytes, size_t len, struct seen *seen) {
    struct wire_ipv4 ip;
    const uint8_t *datagram = bytes + ETH_LEN;
    if (len < ETH_LEN || bytes[ETH_LEN - 2] != WIRE_ETHERTYPE_IPV4 >> 8 || bytes[ETH_LEN - 1] != 0 ||
        wire_ipv4_parse(datagram, len - ETH_LEN, &ip) != WIRE_IPV4_OK || ip.protocol != WIRE_PROTO_TCP ||
        wire_tcp_parse(datagram + ip.header_len, ip.total_len - ip.header_len, &seen->tcp) != WIRE_TCP_OK ||
        !find_side(world, &ip, seen) || world->sessions[seen->index].tainted ||
        world->sessions[seen->index].renumbered) {
        return false;
    }
    struct session *session = &world->sessions[seen->index];
    seen->out = &session->ways[seen->side];
    seen->in = &session->ways[!seen->side];
    size_t text = (size_t)ip.header_len + seen->tcp.header_len;
    seen->text = datagram + text;
    seen->len = ip.total_len - text;
    return (seen->tcp.flags & WIRE_TCP_RST) == 0;
}

static void number(struct seen *seen) {
    seen->from = number_of(seen->out, seen->tcp.seq);
    seen->to =
        seen->from + seen->len + ((seen->tcp.flags & WIRE_TCP_SYN) != 0) + ((seen->tcp.flags & WIRE_TCP_FIN) != 0);
}

/* ---- what arrived ---- */

static void add_range(struct way *way, uint64_t from, uint64_t to) {
    size_t first = 0, last;
    while (first < way->came_count && way->came[first].to < from) {
        first++;
    }
    for (last = first; last < way->came_count && way->came[last].from <= to; last++) {
        from = min_u64(from, way->came[last].from);
        to = max_u64(to, way->came[last].to);
    }
    if (first == last && way->came_count == HUNT_RANGES_MAX) {
        way->came_unknown = true;
        return;
    }
    memmove(&way->came[first + 1], &way->came[last], (way->came_count - last) * sizeof way->came[0]);
    way->came_count += 1 + first - last;
    way->came[first] = (struct range){from, to};
}

static bool has_come(const struct way *way, uint64_t from, uint64_t to) {
    for (size_t i = 0; i < way->came_count; i++) {
        if (way->came[i].from <= from && to <= way->came[i].to) {
            return true;
        }
    }
    return way->came_unknown;
}

/* Up to where everything arrived. */
static uint64_t came_to(const struct way *way) {
    return way->came_unknown ? UINT64_MAX : way->came_count == 0 || way->came[0].from > 0 ? 0 : way->came[0].to;
}

static uint64_t window_of(const struct seen *seen) {
    bool scaled = (seen->tcp.flags & WIRE_TCP_SYN) == 0 && seen->out->scales && seen->in->scales;
    return (uint64_t)seen->tcp.window << (scaled ? seen->out->wscale : 0);
}

void judge_wire_came(struct world *world, const struct packet *packet) {
    struct seen seen;
    if (!look(world, packet->bytes, packet->len, &seen) || !seen.out->has_syn) {
        return;
    }
    number(&seen);
    if (seen.to > seen.from) {
        add_range(seen.out, seen.from, seen.to);
        bool invited = seen.to <= seen.out->offered && came_to(seen.out) > seen.out->acked;
        seen.out->owed_us = invited && seen.out->owed_us == 0 ? world->now_us : seen.out->owed_us;
    }
    if ((seen.tcp.flags & WIRE_TCP_ACK) != 0 && seen.in->has_syn) {
        uint64_t edge = number_of(seen.in, seen.tcp.ack) + window_of(&seen);
        seen.in->edge = max_u64(seen.in->edge, edge);
    }
}

/* ---- what is sent ---- */

static void take_syn(struct session *session, const struct seen *seen) {
    struct way *way = seen->out;
    const struct wire_tcp_options *options = &seen->tcp.options;
    if (way->has_syn && way->iss == seen->tcp.seq) {
        return;
    }
    /* The server has forgotten its first answer, or one was a cookie. */
    session->renumbered = way->has_syn;
    *way = (struct way){.has_syn = true, .iss = seen->tcp.seq, .edge = way->edge};
    way->scales = (options->present & WIRE_TCPOPT_WSCALE) != 0;
    way->wscale = options->wscale;
    way->mss = (options->present & WIRE_TCPOPT_MSS) != 0 ? options->mss : 536;
    way->sent_to = 1;
}

static void judge_text(const struct world *world, const struct seen *seen, uint16_t gso_size) {
    const struct way *way = seen->out;
    uint64_t offset = seen->from + ((seen->tcp.flags & WIRE_TCP_SYN) != 0) - 1;
    size_t segment = gso_size != 0 ? gso_size : seen->len;
    if (segment > max_u32(seen->in->mss, 88)) {
        hunt_object(world, "session %u: side %u sends %zu bytes in a segment, the peer takes %u", seen->index,
                    seen->side, segment, seen->in->mss);
    }
    if (memcmp(seen->text, session_pattern(seen->index, seen->side, offset), seen->len) != 0) {
        hunt_object(world, "session %u: side %u sends bytes at %llu that its application did not write", seen->index,
                    seen->side, (unsigned long long)offset);
    }
    bool is_probe = seen->len == 1;
    uint64_t end = seen->from + seen->len;
    if (end > way->edge + is_probe && (seen->tcp.flags & WIRE_TCP_SYN) == 0) {
        hunt_object(world, "session %u: side %u sends up to %llu, the window that it knows ends at %llu", seen->index,
                    seen->side, (unsigned long long)end, (unsigned long long)way->edge);
    }
    if (way->has_fin && end > way->fin_at) {
        hunt_object(world, "session %u: side %u sends bytes beyond its FIN", seen->index, seen->side);
    }
}

static void judge_ack(const struct world *world, const struct seen *seen) {
    struct way *in = seen->in;
    uint64_t ack = number_of(in, seen->tcp.ack);
    if (ack > came_to(in)) {
        hunt_object(world, "session %u: side %u acknowledges %llu, only what is below %llu has come", seen->index,
                    seen->side, (unsigned long long)ack, (unsigned long long)came_to(in));
    }
    if (ack < in->acked) {
        hunt_object(world, "session %u: side %u acknowledges %llu after %llu", seen->index, seen->side,
                    (unsigned long long)ack, (unsigned long long)in->acked);
    }
    in->acked = ack;
    in->owed_us = 0;
    uint64_t edge = ack + window_of(seen);
    uint64_t grain = seen->out->scales ? 1ULL << seen->out->wscale : 1;
    if ((seen->tcp.flags & WIRE_TCP_SYN) == 0 && edge + grain <= in->offered) {
        hunt_object(world, "session %u: side %u moves the right edge left, from %llu to %llu", seen->index, seen->side,
                    (unsigned long long)in->offered, (unsigned long long)edge);
    }
    in->offered = max_u64(in->offered, edge);
    for (int i = 0; i < seen->tcp.options.sack_count; i++) {
        uint64_t left = number_of(in, seen->tcp.options.sack[i].left);
        uint64_t right = number_of(in, seen->tcp.options.sack[i].right);
        if (left >= right || !has_come(in, left, right)) {
            hunt_object(world, "session %u: side %u reports %llu to %llu by SACK, which has not come", seen->index,
                        seen->side, (unsigned long long)left, (unsigned long long)right);
        }
    }
}

void judge_wire_sent(struct world *world, unsigned from, const uint8_t *bytes, size_t len, uint16_t gso_size) {
    struct seen seen;
    bool is_peer = world->hosts[from].peer != NULL; /* it may do as it likes */
    if (!look(world, bytes, len, &seen)) {
        return;
    }
    if ((seen.tcp.flags & WIRE_TCP_SYN) != 0) {
        take_syn(&world->sessions[seen.index], &seen);
    }
    if (!seen.out->has_syn) {
        hunt_object(world, "session %u: side %u sends before its SYN", seen.index, seen.side);
    }
    number(&seen);
    if (seen.len > 0 && !is_peer) {
        judge_text(world, &seen, gso_size);
    }
    if ((seen.tcp.flags & WIRE_TCP_FIN) != 0) {
        seen.out->has_fin = true;
        seen.out->fin_at = seen.to - 1;
    }
    seen.out->sent_to = max_u64(seen.out->sent_to, seen.to);
    if ((seen.tcp.flags & WIRE_TCP_ACK) != 0 && seen.in->has_syn && !is_peer) {
        judge_ack(world, &seen);
    }
}

/* What was overtaken by more than a window brings an ACK too old to be heard, and is dropped with it (RFC 5961 5.2). */
void judge_wire_acks(struct world *world) {
    const uint64_t overtaking = 1ULL << HUNT_REORDER | 1ULL << HUNT_JITTER | 1ULL << HUNT_REPLAY;
    if ((world->plan.on & overtaking) != 0) {
        return;
    }
    for (unsigned i = 0; i < world->plan.session_count; i++) {
        struct session *session = &world->sessions[i];
        for (unsigned side = 0; side < 2; side++) {
            struct way *way = &session->ways[side];
            bool late = way->owed_us != 0 && world->now_us - way->owed_us > ACK_LATEST_US;
            const struct end *to = &session->ends[!side];
            if (late && !to->done && !to->left_early && !session->tainted && !session->renumbered &&
                !judge_error_apart(world, world->plan.sessions[i].hosts)) {
                hunt_object(world, "session %u: side %u has not acknowledged what came %llu us ago", i, !side,
                            (unsigned long long)(world->now_us - way->owed_us));
            }
        }
    }
}
