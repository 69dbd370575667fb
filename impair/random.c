/* Random numbers from a seed: SplitMix64 and the distributions made of it. */
#include "impair/random.h"

/* 2^64 divided by the golden ratio, made odd: the generator's step. */
#define STEP 0x9e3779b97f4a7c15ULL

/* The generator's output function: each bit of the state inverts half of the bits on average. */
static uint64_t mix(uint64_t z) {
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return z ^ z >> 31;
}

/* [0, 1) in steps of 2^-53, which a double holds exactly. */
static double unit(struct impair_random *random) { return (double)(impair_random_next(random) >> 11) * 0x1p-53; }

/* Mixed twice: seeds 1, 2, 3 and streams 0, 1, 2 are close together, but their sequences must not be. */
void impair_random_seed(struct impair_random *random, uint64_t seed, uint64_t stream) {
    random->state = mix(mix(seed + STEP) + stream * STEP);
}

uint64_t impair_random_next(struct impair_random *random) {
    random->state += STEP;
    return mix(random->state);
}

uint64_t impair_random_below(struct impair_random *random, uint64_t bound) {
    /* The bias is below bound / 2^64. */
    return (uint64_t)((unsigned __int128)impair_random_next(random) * bound >> 64);
}

bool impair_random_chance(struct impair_random *random, double chance) { return chance > 0 && unit(random) < chance; }

double impair_random_uniform(struct impair_random *random) { return 2 * unit(random) - 1; }

double impair_random_normal(struct impair_random *random) {
    double sum = -6;
    for (int i = 0; i < 12; i++) {
        sum += unit(random);
    }
    return sum;
}
