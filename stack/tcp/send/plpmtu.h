/* The search for the largest segment a path takes, by segments alone (RFC 4821, ideas of RFC 8899). Knows no connection.
 *
 * Sizes are bytes of payload and options: a datagram less the headers of IP and TCP, as in the MSS option. What is known to
 * pass is `low`, what is not worth trying lies above `high`; in between are probes. ICMP and the peer speak through
 * `most`. A black hole, where full segments vanish without a word, is where the search begins.
 */
#ifndef TCP_PLPMTU_H
#define TCP_PLPMTU_H

#include <stdbool.h>
#include <stdint.h>

#define PLPMTU_FLOOR_BYTES 256       /* MTU 296: below 508 the only one of real links (RFC 1191 7.1) */
#define PLPMTU_TRIES 2               /* probes of a size that must be lost: one may have been bad luck */
#define PLPMTU_NEAR_BYTES 8          /* high - low below this: found; Linux tcp_probe_threshold */
#define PLPMTU_RAISE_US 600000000ULL /* search anew: RFC 8899 5.1.1 PMTU_RAISE_TIMER, Linux tcp_probe_interval */

enum plpmtu_phase {
    PLPMTU_OFF,    /* what interface, peer and ICMP allow is believed */
    PLPMTU_SEARCH, /* probes may be sent */
    PLPMTU_FOUND,  /* until the raise timer */
};

struct plpmtu {
    enum plpmtu_phase phase;
    uint32_t most_bytes; /* what interface, peer and ICMP allow */
    uint32_t low_bytes, high_bytes;
    uint32_t probe_bytes; /* on its way; 0: none */
    uint32_t lost_probes; /* of the size to be tried next */
    bool top;             /* `high` itself is tried next: it may well be right (RFC 4821 7.5.1) */
    uint64_t next_us;     /* no probe before this; when found: the raise timer */
};

/* Interface, peer and ICMP allow `most_bytes`, at least 1. Returns how large segments may be. */
uint32_t tcp_plpmtu_limit(struct plpmtu *p, uint32_t most_bytes);

/* Trusts nobody: starts with segments of base_bytes and searches. After the first tcp_plpmtu_limit. */
void tcp_plpmtu_begin(struct plpmtu *p, uint32_t base_bytes);

/* A segment of lost_bytes timed out again and again (RFC 4821 7.7): segments become shorter, base_bytes first, half
 * as long each time after. False: that was not for its length (no path is suspected to take less than base_bytes before
 * those were lost too), or there is nothing shorter. */
bool tcp_plpmtu_black_hole(struct plpmtu *p, uint32_t base_bytes, uint32_t lost_bytes);

/* The size of the probe that should be sent now; 0: none. */
uint32_t tcp_plpmtu_wants(struct plpmtu *p, uint64_t now_us);

/* A probe of that size went out; it passed; it was lost alone; something else became of it that tells nothing. After
 * a failure there is a pause, so that little is lost on purpose. _sent is false if no probe of that size was wanted. */
bool tcp_plpmtu_sent(struct plpmtu *p, uint32_t bytes);
void tcp_plpmtu_passed(struct plpmtu *p, uint64_t now_us);
void tcp_plpmtu_lost(struct plpmtu *p, uint64_t now_us, uint64_t pause_us);
void tcp_plpmtu_unclear(struct plpmtu *p, uint64_t now_us, uint64_t pause_us);

/* What everybody else allows is known not to pass. */
static inline bool tcp_plpmtu_learnt(const struct plpmtu *p) {
    return p->phase != PLPMTU_OFF && p->high_bytes < p->most_bytes;
}

#endif
