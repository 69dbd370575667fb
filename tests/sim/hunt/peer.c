/* An independent peer: a small TCP written apart from the stack's, so that no mistake is made on both sides alike.
 *
 * It sends with a fixed window and goes back to the first unacknowledged byte at a timeout. It keeps no bytes, since all are known:
 * what comes is compared as it comes. And it has manners of its own, which a stack must bear: windows that are shut for long,
 * or shrink, SACK blocks at odd bytes, blocks that it takes back, few ACKs or many.
 */
#include "hunt/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ETH = 14, IP = 20, TCP = 20, MAC = 6, ARP_LEN = 42 };
enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

#define TRIES_MAX 14U
#define SEGMENTS_OUT 8U
#define ACK_LATE_US 150000U
#define RTO_FIRST_US 1000000U
#define RTO_MOST_US 60000000U

enum manner { RENEGES = 1, ODD_BLOCKS = 2, SHRINKS = 4, SHUTS = 8, REPEATS_ACKS = 16, NO_SACK = 32 };

enum phase { QUIET, LISTENING, SYN_OUT, SYN_CAME, OPEN, OVER };

/* One connection. Numbers count from the SYNs, 64 bits wide. */
struct talk {
    unsigned index, side, other;
    enum phase phase;
    uint32_t iss, irs, manners;
    uint64_t una, nxt, sent_to, edge; /* of what it sends */
    uint64_t rcv, fin_at;             /* of what it receives; fin_at 0: not known */
    struct range held[4];             /* beyond rcv */
    size_t held_count;
    uint32_t mss, window_bytes, acks_every, unacked;
    bool scales;    /* the other's windows are scaled, */
    uint8_t wscale; /* by this; ours never are */
    uint64_t rto_us, rto_at_us, ack_at_us, shut_until_us;
    unsigned tries;
};

struct peer {
    unsigned host;
    uint8_t macs[HUNT_HOSTS_MAX][MAC];
    bool known[HUNT_HOSTS_MAX];
    struct talk talks[HUNT_SESSIONS_MAX];
    size_t talk_count;
    uint16_t id;
};

/* ---- bytes ---- */

static void put16(uint8_t *at, uint32_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value) {
    put16(at, value >> 16);
    put16(at + 2, value & 0xffff);
}

static uint32_t get16(const uint8_t *at) { return (uint32_t)at[0] << 8 | at[1]; }
static uint32_t get32(const uint8_t *at) { return get16(at) << 16 | get16(at + 2); }

/* RFC 1071, byte by byte. */
static uint32_t sum_of(uint32_t sum, const uint8_t *bytes, size_t len) {
    for (size_t i = 0; i < len; i++) {
        sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

static uint32_t tcp_sum(const uint8_t *ip, size_t len) {
    uint32_t sum = sum_of(6 + (uint32_t)len, ip + 12, 8);
    return sum_of(sum, ip + IP, len) & 0xffff;
}

/* ---- sending ---- */

static struct end *end_of(struct world *world, const struct talk *t) {
    return &world->sessions[t->index].ends[t->side];
}
static struct end *other_of(struct world *world, const struct talk *t) {
    return &world->sessions[t->index].ends[!t->side];
}

static uint64_t total_of(const struct world *world, const struct talk *t) {
    return world->plan.sessions[t->index].ends[t->side].bytes;
}

static uint32_t window_of(const struct world *world, const struct talk *t) {
    bool shut = (t->manners & SHUTS) != 0 && world->now_us < t->shut_until_us;
    bool shrunk = (t->manners & SHRINKS) != 0 && t->rcv % 3 == 0;
    return shut ? 0 : shrunk ? max_u32(t->window_bytes / 2, 1) : t->window_bytes;
}

static size_t put_options(const struct world *world, const struct talk *t, uint8_t flags, uint8_t *at) {
    size_t len = 0;
    if ((flags & SYN) != 0) {
        const uint8_t options[] = {2, 4, (uint8_t)(t->mss >> 8), (uint8_t)t->mss, 1, 1, 4, 2};
        len = (t->manners & NO_SACK) != 0 ? 4 : sizeof options;
        memcpy(at, options, len);
        if (len == sizeof options) { /* and a window scale of 0, so that the other's is in force */
            const uint8_t scale[] = {1, 3, 3, 0};
            memcpy(at + len, scale, sizeof scale);
            len += sizeof scale;
        }
        return len;
    }
    (void)world;
    if (t->held_count > 0 && (t->manners & NO_SACK) == 0) {
        at[0] = at[1] = 1;
        at[2] = 5;
        at[3] = (uint8_t)(2 + 8 * t->held_count);
        for (size_t i = 0; i < t->held_count; i++) {
            uint64_t odd = (t->manners & ODD_BLOCKS) != 0 && t->held[i].to - t->held[i].from > 2;
            put32(at + 4 + 8 * i, t->irs + (uint32_t)(t->held[i].from + odd));
            put32(at + 8 + 8 * i, t->irs + (uint32_t)(t->held[i].to - odd));
        }
        len = 4 + 8 * t->held_count;
    }
    return len;
}

static void send_segment(struct world *world, struct peer *p, struct talk *t, uint8_t flags, uint64_t from,
                         size_t len) {
    uint8_t frame[ETH + IP + TCP + 40 + 1500] = {0};
    uint8_t *ip = frame + ETH, *tcp = ip + IP;
    if (!p->known[t->other]) {
        return; /* the timeout tries again */
    }
    size_t options = put_options(world, t, flags, tcp + TCP);
    memcpy(frame, p->macs[t->other], MAC);
    world_mac(world, p->host, frame + MAC);
    put16(frame + 12, 0x0800);
    ip[0] = 0x45;
    put16(ip + 2, (uint32_t)(IP + TCP + options + len));
    put16(ip + 4, p->id++);
    ip[6] = 0x40;
    ip[8] = 64;
    ip[9] = 6;
    put32(ip + 12, world_ipv4(p->host));
    put32(ip + 16, world_ipv4(t->other));
    put16(ip + 10, ~sum_of(0, ip, IP) & 0xffff);
    put16(tcp, (t->side == 0 ? HUNT_PORT_CLIENT : HUNT_PORT_SERVER) + t->index);
    put16(tcp + 2, (t->side == 0 ? HUNT_PORT_SERVER : HUNT_PORT_CLIENT) + t->index);
    put32(tcp + 4, t->iss + (uint32_t)from);
    put32(tcp + 8, (flags & ACK) != 0 ? t->irs + (uint32_t)t->rcv : 0);
    tcp[12] = (uint8_t)((TCP + options) / 4 << 4);
    tcp[13] = flags;
    put16(tcp + 14, window_of(world, t));
    if (len > 0) {
        memcpy(tcp + TCP + options, session_pattern(t->index, t->side, from - 1), len);
    }
    put16(tcp + 16, ~tcp_sum(ip, TCP + options + len) & 0xffff);
    t->unacked = 0;
    t->ack_at_us = TAPIR_NEVER;
    world_send(world, p->host, frame, ETH + IP + TCP + options + len);
}

static void send_arp(struct world *world, struct peer *p, unsigned to, bool reply) {
    uint8_t frame[ARP_LEN];
    const uint8_t fixed[] = {8, 6, 0, 1, 8, 0, 6, 4, 0, reply ? 2 : 1};
    memset(frame, 0xff, MAC);
    world_mac(world, p->host, frame + MAC);
    memcpy(frame + 12, fixed, sizeof fixed);
    memcpy(frame + 22, frame + MAC, MAC);
    put32(frame + 28, world_ipv4(p->host));
    memset(frame + 32, 0, MAC);
    if (reply) {
        memcpy(frame, p->macs[to], MAC);
        memcpy(frame + 32, p->macs[to], MAC);
    }
    put32(frame + 38, world_ipv4(to));
    world_send(world, p->host, frame, sizeof frame);
}

/* For what is not acknowledged, and for what the window keeps back. */
static void arm(struct world *world, struct talk *t) {
    bool waits = t->una < t->nxt || t->phase == SYN_OUT || t->phase == SYN_CAME ||
                 (t->phase == OPEN && t->nxt <= 1 + total_of(world, t));
    t->rto_at_us = waits ? world->now_us + t->rto_us : TAPIR_NEVER;
}

/* Everything that the windows let through: data, then the FIN, which takes a number of its own. */
static void send_more(struct world *world, struct peer *p, struct talk *t) {
    uint64_t end = 1 + total_of(world, t);
    struct end *own = end_of(world, t);
    bool idle = t->una == t->nxt;
    while (t->phase == OPEN && t->nxt <= end) {
        uint64_t limit = min_u64(t->edge, t->una + (uint64_t)SEGMENTS_OUT * t->mss);
        uint64_t to = min_u64(min_u64(end, limit), t->nxt + t->mss);
        bool fin = to == end;
        if (to <= t->nxt && !(fin && t->nxt == end)) {
            break;
        }
        own->sent = max_u64(own->sent, to - 1);
        own->shut = own->shut || fin;
        send_segment(world, p, t, (uint8_t)(ACK | PSH | (fin ? FIN : 0)), t->nxt, to - t->nxt);
        t->nxt = to + fin;
        t->sent_to = max_u64(t->sent_to, t->nxt);
    }
    if (idle || t->rto_at_us == TAPIR_NEVER) {
        arm(world, t);
    }
}

/* ---- receiving ---- */

struct segment {
    uint8_t flags;
    uint32_t seq, ack, window;
    const uint8_t *text, *options;
    size_t len, options_len;
};

static uint64_t near(uint64_t base, uint32_t first, uint32_t number) {
    return base + (uint64_t)(int64_t)(int32_t)(number - (first + (uint32_t)base));
}

static void finish(struct world *world, struct talk *t, int error) {
    struct end *own = end_of(world, t);
    if (own->done) {
        return;
    }
    own->done = true;
    own->error = error;
    if (error != 0) {
        t->phase = OVER;
        judge_error(world, t->index, t->side, error);
    }
}

/* Keeps [from, to) as come; or not, if there are too many holes. */
static void hold(struct talk *t, uint64_t from, uint64_t to) {
    for (size_t i = 0; i < t->held_count; i++) {
        struct range *held = &t->held[i];
        if (from <= held->to && held->from <= to) {
            held->from = min_u64(held->from, from);
            held->to = max_u64(held->to, to);
            return;
        }
    }
    if (t->held_count < ARRAY_LEN(t->held)) {
        t->held[t->held_count++] = (struct range){from, to};
    }
}

/* What is held joins on. Whoever reneges drops it instead, after having reported it (RFC 2018 8). */
static void join(struct talk *t) {
    for (size_t i = 0; i < t->held_count;) {
        struct range held = t->held[i];
        if (held.from > t->rcv) {
            i++;
            continue;
        }
        if ((t->manners & RENEGES) == 0) {
            t->rcv = max_u64(t->rcv, held.to);
        }
        t->held[i] = t->held[--t->held_count];
        i = 0;
    }
}

static void judge_text(const struct world *world, const struct talk *t, const struct segment *s, uint64_t from) {
    bool tainted = world->sessions[t->index].tainted;
    if (s->len > 0 && !tainted && memcmp(s->text, session_pattern(t->index, !t->side, from - 1), s->len) != 0) {
        hunt_object(world, "session %u: the peer gets bytes at %llu that nobody wrote", t->index,
                    (unsigned long long)from);
    }
}

static void take_text(struct world *world, struct peer *p, struct talk *t, const struct segment *s) {
    struct end *own = end_of(world, t), *other = other_of(world, t);
    uint64_t from = near(t->rcv, t->irs, s->seq), to = from + s->len;
    bool fin = (s->flags & FIN) != 0;
    if (s->len == 0 && !fin) {
        return;
    }
    judge_text(world, t, s, from);
    to = min_u64(to, t->rcv + window_of(world, t)); /* beyond its window it takes nothing */
    bool whole = to == from + s->len;
    if (from <= t->rcv && to > t->rcv) {
        t->rcv = to;
        join(t);
    } else if (from > t->rcv && to > from) {
        hold(t, from, to);
    }
    if (fin && whole && t->rcv == to && t->fin_at == 0) {
        t->fin_at = to;
        t->rcv++;
        own->read_eof = true;
        if (!other->shut && !other->done && !world->sessions[t->index].tainted) {
            hunt_object(world, "session %u: the peer gets an end that nobody sent", t->index);
        }
    }
    own->received = t->rcv - 1 - (t->fin_at != 0);
    bool orderly = from <= t->rcv && s->len > 0 && t->fin_at == 0;
    if (orderly && ++t->unacked < t->acks_every) {
        t->ack_at_us = min_u64(t->ack_at_us, world->now_us + ACK_LATE_US);
        return;
    }
    for (int i = 0; i < ((t->manners & REPEATS_ACKS) != 0 ? 3 : 1); i++) {
        send_segment(world, p, t, ACK, t->nxt, 0);
    }
}

static void take_ack(struct world *world, struct talk *t, const struct segment *s) {
    uint64_t ack = near(t->una, t->iss, s->ack);
    if (ack > t->sent_to && world->sessions[t->index].tainted) {
        return;
    }
    if (ack > t->sent_to) {
        hunt_object(world, "session %u: the peer gets an ACK of %llu and has sent %llu", t->index,
                    (unsigned long long)ack, (unsigned long long)t->sent_to);
    }
    bool scaled = t->scales && (s->flags & SYN) == 0;
    t->edge = max_u64(t->edge, ack + ((uint64_t)s->window << (scaled ? t->wscale : 0)));
    if (ack > t->una) {
        t->una = ack;
        t->nxt = max_u64(t->nxt, ack);
        t->rto_us = RTO_FIRST_US;
        t->tries = 0;
        arm(world, t);
    }
}

static void read_options(struct talk *t, const struct segment *s) {
    t->scales = false;
    for (size_t at = 0; at + 1 < s->options_len && s->options[at] != 0;) {
        const uint8_t *option = s->options + at;
        size_t len = option[0] == 1 ? 1 : option[1];
        if (len == 0 || at + len > s->options_len) {
            break;
        }
        if (option[0] == 2 && len == 4) {
            t->mss = min_u32(t->mss, get16(option + 2));
        } else if (option[0] == 3 && len == 3) {
            t->wscale = option[2];
            t->scales = (t->manners & NO_SACK) == 0; /* with which it offers its own */
        }
        at += len;
    }
}

static void take_syn(struct world *world, struct peer *p, struct talk *t, const struct segment *s) {
    bool answer = (s->flags & ACK) != 0;
    if (t->phase == LISTENING || (t->phase == SYN_CAME && !answer)) {
        t->irs = s->seq;
        t->rcv = 1;
        read_options(t, s);
        t->phase = SYN_CAME;
        t->sent_to = max_u64(t->sent_to, 1);
        t->nxt = 1;
        send_segment(world, p, t, SYN | ACK, 0, 0);
        arm(world, t);
    } else if (t->phase == SYN_OUT && answer && s->ack == t->iss + 1) {
        t->irs = s->seq;
        t->rcv = 1;
        read_options(t, s);
        t->phase = OPEN;
        end_of(world, t)->connected = true;
        take_ack(world, t, s);
        send_segment(world, p, t, ACK, t->nxt, 0);
    } else if (t->phase >= OPEN) {
        send_segment(world, p, t, ACK, t->nxt, 0);
    }
}

static void take_segment(struct world *world, struct peer *p, struct talk *t, const struct segment *s) {
    if ((s->flags & RST) != 0) {
        bool fits =
            t->phase == SYN_OUT ? s->ack == t->iss + 1 : t->phase > SYN_OUT && s->seq == t->irs + (uint32_t)t->rcv;
        if (fits && t->phase != OVER) {
            finish(world, t, ECONNRESET);
        }
        return;
    }
    if ((s->flags & SYN) != 0) {
        take_syn(world, p, t, s);
    } else if ((s->flags & ACK) != 0 && t->phase >= SYN_CAME && end_of(world, t)->error == 0) {
        if (t->phase == SYN_CAME && s->ack - t->iss >= 1) {
            t->phase = OPEN;
            end_of(world, t)->connected = true;
        }
        take_ack(world, t, s);
        take_text(world, p, t, s);
    }
    send_more(world, p, t);
    if (t->phase == OPEN && t->fin_at != 0 && t->una == 2 + total_of(world, t)) {
        finish(world, t, 0);
    }
}

static void take_arp(struct world *world, struct peer *p, const uint8_t *frame, size_t len) {
    unsigned from = 0;
    while (from < world->plan.host_count && (len < ARP_LEN || get32(frame + 28) != world_ipv4(from))) {
        from++;
    }
    if (from == world->plan.host_count || from == p->host) {
        return;
    }
    memcpy(p->macs[from], frame + 22, MAC);
    p->known[from] = true;
    if (get16(frame + 20) == 1 && get32(frame + 38) == world_ipv4(p->host)) {
        send_arp(world, p, from, true);
    }
}

void peer_input(struct world *world, struct peer *p, const struct packet *packet) {
    const uint8_t *frame = packet->bytes, *ip = frame + ETH, *tcp = ip + IP;
    size_t len = packet->len;
    if (!packet->intact || len < ARP_LEN) { /* nothing is proved by what it makes of damage */
        return;
    }
    if (get16(frame + 12) == 0x0806) {
        take_arp(world, p, frame, len);
        return;
    }
    if (get16(frame + 12) != 0x0800 || ip[0] != 0x45 || ip[9] != 6 || len < ETH + IP + TCP) {
        return;
    }
    size_t total = get16(ip + 2), header = (size_t)(tcp[12] >> 4) * 4;
    if (packet->offload.csum == TAPIR_CSUM_NONE && tcp_sum(ip, total - IP) != 0xffff) {
        hunt_object(world, "the peer gets a segment whose checksum is wrong");
    }
    const struct segment segment = {
        .flags = tcp[13],
        .seq = get32(tcp + 4),
        .ack = get32(tcp + 8),
        .window = get16(tcp + 14),
        .options = tcp + TCP,
        .options_len = header - TCP,
        .text = tcp + header,
        .len = total - IP - header,
    };
    for (size_t i = 0; i < p->talk_count; i++) {
        struct talk *t = &p->talks[i];
        uint32_t theirs = (t->side == 0 ? HUNT_PORT_SERVER : HUNT_PORT_CLIENT) + t->index;
        if (get32(ip + 12) == world_ipv4(t->other) && get16(tcp) == theirs) {
            take_segment(world, p, t, &segment);
        }
    }
}

/* ---- time ---- */

uint64_t peer_deadline_us(const struct world *world, const struct peer *p) {
    uint64_t first_us = TAPIR_NEVER;
    for (size_t i = 0; i < p->talk_count; i++) {
        const struct talk *t = &p->talks[i];
        first_us = min_u64(first_us, min_u64(t->rto_at_us, t->ack_at_us));
        if (t->phase == QUIET) {
            first_us = min_u64(first_us, world->plan.sessions[t->index].start_us);
        }
        if ((t->manners & SHUTS) != 0 && world->now_us < t->shut_until_us) {
            first_us = min_u64(first_us, t->shut_until_us);
        }
    }
    return first_us;
}

static void time_out(struct world *world, struct peer *p, struct talk *t) {
    if (++t->tries > TRIES_MAX) {
        t->rto_at_us = TAPIR_NEVER;
        finish(world, t, ETIMEDOUT);
        return;
    }
    t->rto_us = min_u64(t->rto_us * 2, RTO_MOST_US);
    send_arp(world, p, t->other, false);
    if (t->phase == SYN_OUT || t->phase == SYN_CAME) {
        send_segment(world, p, t, t->phase == SYN_OUT ? SYN : SYN | ACK, 0, 0);
    } else {
        t->nxt = t->una;
        if (t->edge <= t->nxt) { /* a window probe */
            t->edge = t->nxt + 1;
        }
        send_more(world, p, t);
    }
    arm(world, t);
}

void peer_tick(struct world *world, struct peer *p) {
    for (size_t i = 0; i < p->talk_count; i++) {
        struct talk *t = &p->talks[i];
        if (t->phase == QUIET && world->now_us >= world->plan.sessions[t->index].start_us) {
            t->phase = SYN_OUT;
            t->sent_to = t->nxt = 1;
            send_arp(world, p, t->other, false);
            send_segment(world, p, t, SYN, 0, 0);
            arm(world, t);
        }
        if (t->shut_until_us <= world->now_us && (t->manners & SHUTS) != 0) {
            t->manners &= ~(uint32_t)SHUTS;
            if (t->phase == OPEN) {
                send_segment(world, p, t, ACK, t->nxt, 0);
            }
        }
        if (t->ack_at_us <= world->now_us) {
            send_segment(world, p, t, ACK, t->nxt, 0);
        }
        if (t->rto_at_us <= world->now_us) {
            time_out(world, p, t);
        }
    }
}

/* ---- life ---- */

struct peer *peer_new(struct world *world, unsigned host) {
    struct peer *p = calloc(1, sizeof *p);
    struct draw draw = draw_stream(world->plan.seed, 9000 + host);
    uint32_t common = (uint32_t)draw_below(&draw, 64); /* what none of its connections does */
    CHECK(p != NULL);
    p->host = host;
    for (unsigned i = 0; i < world->plan.session_count; i++) {
        const struct plan_session *session = &world->plan.sessions[i];
        for (unsigned side = 0; side < 2; side++) {
            if (session->hosts[side] != host) {
                continue;
            }
            p->talks[p->talk_count++] = (struct talk){
                .index = i,
                .side = side,
                .other = session->hosts[!side],
                .phase = side == 0 ? QUIET : LISTENING,
                .iss = session->wrap ? session->iss[side] : (uint32_t)draw_next(&draw),
                .manners = (uint32_t)draw_below(&draw, 64) & common,
                .mss = (uint32_t)draw_from(&draw, 88, 1400),
                /* Not so small that the seed takes long. */
                .window_bytes = (uint32_t)(session->ends[!side].bytes / 200 + draw_spread(&draw, 1, 60000)),
                .acks_every = (uint32_t)draw_from(&draw, 1, 4),
                .rto_us = RTO_FIRST_US,
                .rto_at_us = TAPIR_NEVER,
                .ack_at_us = TAPIR_NEVER,
                .shut_until_us = draw_spread(&draw, 1, min_u64(world->plan.heal_us, 50 * HUNT_SECOND_US)),
            };
            world->sessions[i].ends[side].opened = true;
        }
    }
    return p;
}
