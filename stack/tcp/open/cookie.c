/* SYN cookies.
 *
 * ISN: 24 bits of a keyed hash over tuple, peer ISN, period and MSS index; 5 bits of period; 3 bits of MSS index.
 * When the SYN has timestamps, the low 6 bits of our TSval carry window scale (4 bits, 15: none) and
 * SACK-permitted; they come back in TSecr.
 */
#include "tcp/open/cookie.h"

#include <string.h>

#include "tcp/conn/options.h"
#include "tcp/out/bare.h"
#include "tcp/receive/offer.h"
#include "tcp/secret/isn.h"

#define TS_BITS 6U
#define TS_MASK ((1U << TS_BITS) - 1)
#define TS_SACK 0x10U
#define TS_NO_WSCALE 0x0fU
#define PERIOD_MASK 31U

/* The peer's MSS is taken as the entry at or below it: never as more than it takes (MUST-16). */
static const uint16_t mss_table[8] = {TCP_MSS_MIN, 256, TCP_MSS_DEFAULT, 1220, 1400, 1440, 1460, 8960};

static uint32_t period_at(uint64_t now_us) { return (uint32_t)(now_us / TCP_COOKIE_PERIOD_US); }

static uint8_t mss_index(uint16_t mss) {
    uint8_t i = ARRAY_LEN(mss_table) - 1;
    while (i > 0 && mss_table[i] > mss) {
        i--;
    }
    return i;
}

static uint32_t make(const struct tcp *tcp, const struct tcp_segment *seg, struct seq irs, uint32_t period,
                     uint8_t index) {
    struct {
        uint64_t tuple;
        uint32_t irs, period;
        uint64_t index;
    } input = {tcp_isn_tuple_hash(&tcp->cookie_key, &seg->local, &seg->remote, 4), irs.v, period, index};
    uint32_t hash = (uint32_t)siphash(&tcp->cookie_key, &input, sizeof input) & 0xffffff;
    return hash << 8 | (period & PERIOD_MASK) << 3 | index;
}

static uint32_t offset_of(const struct tcp *tcp, const struct tcp_segment *seg) {
    return tcp_isn_timestamp_offset(&tcp->core->key, &seg->local, &seg->remote);
}

/* Our clock with the low bits replaced, never ahead of the true value (it must not run backwards later). */
static uint32_t stamp(uint32_t tsval, uint32_t bits) {
    uint32_t value = (tsval & ~TS_MASK) | bits;
    return value > tsval ? value - (1U << TS_BITS) : value;
}

void tcp_cookie_reply_to(struct tcp_listener *l, const struct tcp_segment *syn, uint64_t now_us) {
    struct tcp *tcp = l->tcp;
    uint16_t peer_mss = tcp_segment_option(syn, WIRE_TCPOPT_MSS) ? syn->options.mss : TCP_MSS_DEFAULT;
    struct tcp_cookie_reply reply = {
        .iss = seq_of(make(tcp, syn, syn->seq, period_at(now_us), mss_index(peer_mss))),
        .mss = tcp_options_mss_offer(tcp, &syn->remote.addr, syn->rx->netif, l->set.maxseg_bytes),
        .timestamps = tcp_segment_option(syn, WIRE_TCPOPT_TIMESTAMPS),
    };
    if (reply.timestamps) { /* without them there is nowhere to remember these */
        reply.has_wscale = tcp_segment_option(syn, WIRE_TCPOPT_WSCALE);
        reply.wscale = tcp_conn_settings_wscale(&l->set);
        reply.sack = tcp_segment_option(syn, WIRE_TCPOPT_SACK_PERMITTED);
        uint32_t bits = reply.has_wscale ? tcp_options_wscale(tcp->core, &syn->options) : TS_NO_WSCALE;
        bits |= reply.sack ? TS_SACK : 0;
        reply.tsval = stamp((uint32_t)(now_us / 1000) + offset_of(tcp, syn), bits);
        reply.tsecr = syn->options.tsval;
    }
    tcp->cookie_flood_us = max_u64(now_us, 1);
    tcp_bare_cookie(l, syn, &reply, now_us);
}

static bool matches(const struct tcp *tcp, const struct tcp_segment *seg, uint64_t now_us, uint8_t *index) {
    struct seq cookie = seq_sub(seg->ack, 1);
    struct seq irs = seq_sub(seg->seq, 1);
    *index = (uint8_t)(cookie.v & 7);
    uint32_t now_period = period_at(now_us);
    uint32_t age = (now_period - (cookie.v >> 3)) & PERIOD_MASK;
    return age <= 1 && age <= now_period && make(tcp, seg, irs, now_period - age, *index) == cookie.v;
}

bool tcp_cookie_check(struct tcp_listener *l, const struct tcp_segment *seg, struct tcp_half *half, uint64_t now_us) {
    struct tcp *tcp = l->tcp;
    uint8_t index;
    /* D2: only while a flood is on, or was a moment ago. */
    if (tcp->cookie_flood_us == 0 || now_us - tcp->cookie_flood_us > 2 * TCP_COOKIE_PERIOD_US) {
        return false;
    }
    if (!matches(tcp, seg, now_us, &index)) {
        COUNT(tcp->core, tcp_cookie_bad);
        return false;
    }
    *half = (struct tcp_half){.listener = l,
                              .local = seg->local,
                              .remote = seg->remote,
                              .iss = seq_sub(seg->ack, 1),
                              .irs = seq_sub(seg->seq, 1),
                              .mss = mss_table[index],
                              .offered_mss =
                                  tcp_options_mss_offer(l->tcp, &seg->remote.addr, seg->rx->netif, l->set.maxseg_bytes),
                              .timestamps = tcp_segment_option(seg, WIRE_TCPOPT_TIMESTAMPS),
                              .tsval = seg->options.tsval};
    if (half->timestamps) {
        uint32_t bits = seg->options.tsecr & TS_MASK;
        half->has_wscale = (bits & TS_NO_WSCALE) != TS_NO_WSCALE;
        half->wscale = half->has_wscale ? (uint8_t)min_u32(bits & 0x0f, TCP_WSCALE_MAX) : 0;
        half->sack = (bits & TS_SACK) != 0;
    }
    return true;
}
