/* Random numbers from a seed: SplitMix64 (Steele, Lea and Flood, 2014), the same on every machine. */
#ifndef IMPAIR_RANDOM_H
#define IMPAIR_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct impair_random {
    uint64_t state;
};

/* Starts sequence number `stream` of a seed. The sequences of one seed are independent. */
void impair_random_seed(struct impair_random *random, uint64_t seed, uint64_t stream);

uint64_t impair_random_next(struct impair_random *random);

/* A number below `bound`, which is not 0. */
uint64_t impair_random_below(struct impair_random *random, uint64_t bound);

/* True with this chance. Draws nothing when it is 0. */
bool impair_random_chance(struct impair_random *random, double chance);

/* Uniform in [-1, 1). */
double impair_random_uniform(struct impair_random *random);

/* Mean 0, standard deviation 1, within [-6, 6): the sum of twelve uniform numbers, so that no libm is needed. */
double impair_random_normal(struct impair_random *random);

#endif
