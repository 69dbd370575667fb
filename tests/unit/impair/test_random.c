/* Tests of impair/random.c. */
#include "impair/random.h"

#include "impair/rig.h"

/* The first numbers of SplitMix64 from state 0, as its authors' program prints them. */
Test(random, the_published_sequence) {
    struct impair_random random = {0};
    cr_assert_eq(impair_random_next(&random), 0xe220a8397b1dcdafULL);
    cr_assert_eq(impair_random_next(&random), 0x6e789e6aa1b965f4ULL);
    cr_assert_eq(impair_random_next(&random), 0x06c45d188009454fULL);
}

Test(random, seeds_and_streams_differ) {
    struct impair_random a, b, c, again;
    impair_random_seed(&a, 1, 0);
    impair_random_seed(&b, 1, 1);
    impair_random_seed(&c, 2, 0);
    impair_random_seed(&again, 1, 0);
    unsigned equal_bits = 0;
    for (int i = 0; i < 1000; i++) {
        const uint64_t x = impair_random_next(&a), y = impair_random_next(&b), z = impair_random_next(&c);
        REQUIRE(x != y && x != z && y != z, "sequences meet at %d", i);
        REQUIRE(x == impair_random_next(&again), "a seed tells two stories");
        equal_bits += (unsigned)(64 - __builtin_popcountll(x ^ y)) + (unsigned)(64 - __builtin_popcountll(x ^ z));
    }
    cr_assert(rig_share(equal_bits, 128000, 0.5, 0.01), "%u", equal_bits);
}

/* A seed that somebody wrote down tells the same story with a later version. */
Test(random, old_seeds_stay) {
    struct impair_random random;
    impair_random_seed(&random, 1, 0);
    cr_assert_eq(impair_random_next(&random), 0x6ec85f1f8547bc0cULL);
    impair_random_seed(&random, 7, 3);
    cr_assert_eq(impair_random_next(&random), 0x6bfc273dbace04e7ULL);
}

Test(random, below_is_even) {
    struct impair_random random;
    uint32_t seen[7] = {0};
    impair_random_seed(&random, 3, 0);
    for (int i = 0; i < 70000; i++) {
        const uint64_t n = impair_random_below(&random, 7);
        REQUIRE(n < 7, "%llu", (unsigned long long)n);
        seen[n]++;
    }
    for (int i = 0; i < 7; i++) {
        cr_assert(rig_share(seen[i], 70000, 1.0 / 7, 0.01), "%d: %u", i, seen[i]);
    }
    cr_assert_eq(impair_random_below(&random, 1), 0);
}

Test(random, chance) {
    struct impair_random random;
    impair_random_seed(&random, 4, 0);
    const struct impair_random before = random;
    cr_assert_not(impair_random_chance(&random, 0));
    cr_assert_eq(random.state, before.state, "nothing is drawn for nothing");
    uint32_t hits = 0;
    for (int i = 0; i < 100000; i++) {
        hits += impair_random_chance(&random, 0.3);
        REQUIRE(impair_random_chance(&random, 1), "certain");
    }
    cr_assert(rig_share(hits, 100000, 0.3, 0.01), "%u", hits);
}

Test(random, distributions) {
    struct impair_random random;
    double uniform = 0, uniform2 = 0, normal = 0, normal2 = 0;
    uint32_t within1 = 0;
    const int n = 100000;
    impair_random_seed(&random, 5, 0);
    for (int i = 0; i < n; i++) {
        const double u = impair_random_uniform(&random), x = impair_random_normal(&random);
        REQUIRE(u >= -1 && u < 1 && x >= -6 && x < 6, "%f %f", u, x);
        uniform += u;
        uniform2 += u * u;
        normal += x;
        normal2 += x * x;
        within1 += x > -1 && x < 1;
    }
    cr_assert(uniform / n > -0.02 && uniform / n < 0.02);
    cr_assert(uniform2 / n > 0.32 && uniform2 / n < 0.35, "a third, for [-1, 1)");
    cr_assert(normal / n > -0.02 && normal / n < 0.02);
    cr_assert(normal2 / n > 0.98 && normal2 / n < 1.02);
    cr_assert(rig_share(within1, (uint64_t)n, 0.683, 0.01), "%u", within1);
}
