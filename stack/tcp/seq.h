/* Sequence numbers (RFC 9293 3.4): a type of its own, so that a bare comparison does not compile. Wrap lives here only. */
#ifndef TCP_SEQ_H
#define TCP_SEQ_H

#include <stdbool.h>
#include <stdint.h>

struct seq {
    uint32_t v;
};

static inline struct seq seq_of(uint32_t v) { return (struct seq){v}; }

/* The number n after s (n may be "negative"). */
static inline struct seq seq_add(struct seq s, uint32_t n) { return (struct seq){s.v + n}; }
static inline struct seq seq_sub(struct seq s, uint32_t n) { return (struct seq){s.v - n}; }

/* How far a is after b, modulo 2^32. */
static inline uint32_t seq_diff(struct seq a, struct seq b) { return a.v - b.v; }

/* Comparisons hold for numbers less than 2^31 apart. */
static inline bool seq_eq(struct seq a, struct seq b) { return a.v == b.v; }
static inline bool seq_lt(struct seq a, struct seq b) { return (int32_t)(a.v - b.v) < 0; }
static inline bool seq_le(struct seq a, struct seq b) { return (int32_t)(a.v - b.v) <= 0; }
static inline bool seq_gt(struct seq a, struct seq b) { return seq_lt(b, a); }
static inline bool seq_ge(struct seq a, struct seq b) { return seq_le(b, a); }
static inline struct seq seq_max(struct seq a, struct seq b) { return seq_lt(a, b) ? b : a; }
static inline struct seq seq_min(struct seq a, struct seq b) { return seq_lt(a, b) ? a : b; }

/* left <= s < left + len */
static inline bool seq_in(struct seq s, struct seq left, uint32_t len) { return seq_diff(s, left) < len; }

/* Timestamps (RFC 7323 4.3) compare in the same modular way. */
static inline bool timestamp_lt(uint32_t a, uint32_t b) { return (int32_t)(a - b) < 0; }

#endif
