/* Sequence numbers (RFC 9293 3.4): a type of its own, so that a bare comparison does not compile. Wrap lives here only.
 *
 * The order is not transitive, and at a distance of 2^31 each of two numbers is below the other. So it is for numbers that are
 * known to be near each other. What a peer sends may be anywhere: place.h looks at that, by distances.
 */
#ifndef TCP_SEQ_H
#define TCP_SEQ_H

#include <stdbool.h>
#include <stdint.h>

/* The width is a parameter so that a test can look at all the numbers there are. */
#ifndef TCP_SEQ_BITS
typedef uint32_t seq_value;
typedef int32_t seq_signed;
#else
typedef uint8_t seq_value;
typedef int8_t seq_signed;
#endif

struct seq {
    seq_value v;
};

static inline struct seq seq_of(seq_value v) { return (struct seq){v}; }

/* The number n after s (n may be "negative"). */
static inline struct seq seq_add(struct seq s, seq_value n) { return (struct seq){(seq_value)(s.v + n)}; }
static inline struct seq seq_sub(struct seq s, seq_value n) { return (struct seq){(seq_value)(s.v - n)}; }

/* How far a is after b, modulo 2^32. */
static inline seq_value seq_diff(struct seq a, struct seq b) { return (seq_value)(a.v - b.v); }

/* Comparisons hold for numbers less than 2^31 apart. */
static inline bool seq_eq(struct seq a, struct seq b) { return a.v == b.v; }
static inline bool seq_lt(struct seq a, struct seq b) { return (seq_signed)(a.v - b.v) < 0; }
static inline bool seq_le(struct seq a, struct seq b) { return (seq_signed)(a.v - b.v) <= 0; }
static inline bool seq_gt(struct seq a, struct seq b) { return seq_lt(b, a); }
static inline bool seq_ge(struct seq a, struct seq b) { return seq_le(b, a); }
static inline struct seq seq_max(struct seq a, struct seq b) { return seq_lt(a, b) ? b : a; }
static inline struct seq seq_min(struct seq a, struct seq b) { return seq_lt(a, b) ? a : b; }

/* left <= s < left + len */
static inline bool seq_in(struct seq s, struct seq left, seq_value len) { return seq_diff(s, left) < len; }

/* Timestamps (RFC 7323 4.3) compare in the same modular way. */
static inline bool timestamp_lt(uint32_t a, uint32_t b) { return (int32_t)(a - b) < 0; }

#endif
