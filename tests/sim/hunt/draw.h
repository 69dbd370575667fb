/* Random numbers from a seed: each purpose draws from a stream of its own, so that switching one off leaves the others as they
 * were. */
#ifndef HUNT_DRAW_H
#define HUNT_DRAW_H

#include <stdbool.h>
#include <stdint.h>

struct draw {
    uint64_t state;
};

/* The step of splitmix64 (Steele, Lea, Flood 2014). */
static inline uint64_t draw_next(struct draw *draw) {
    uint64_t z = draw->state += 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

static inline struct draw draw_stream(uint64_t seed, uint64_t purpose) {
    struct draw draw = {seed * 0xd1342543de82ef95ULL + purpose};
    (void)draw_next(&draw);
    return draw;
}

/* Below bound, which is not 0. */
static inline uint64_t draw_below(struct draw *draw, uint64_t bound) { return draw_next(draw) % bound; }

/* From low to high, both included. */
static inline uint64_t draw_from(struct draw *draw, uint64_t low, uint64_t high) {
    return low + draw_below(draw, high - low + 1);
}

/* The same with each order of magnitude as likely as any other: small ones are not rare. low is not 0. */
static inline uint64_t draw_spread(struct draw *draw, uint64_t low, uint64_t high) {
    unsigned doublings = 0;
    while (high >> doublings > low) {
        doublings++;
    }
    uint64_t base = low << draw_below(draw, doublings + 1U);
    uint64_t most = base * 2 < high ? base * 2 : high;
    return base >= most ? most : draw_from(draw, base, most);
}

/* True so many times out of 10,000. */
static inline bool draw_chance(struct draw *draw, uint32_t per_10000) { return draw_below(draw, 10000) < per_10000; }

#endif
