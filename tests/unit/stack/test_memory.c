/* D11: memory that runs out at any one allocation, or every so often: no crash, no leak, and the transfer ends or an
 * error says why. */
#include "pair.h"

static const struct pair_config plain = {
    .seed = 5, .loss = 20, .reorder = 50, .delay_us = 2 * MS, .bytes = {80000, 80000}, .may_fail = true};

/* True if the transfer was completed. */
static bool run(const struct pair_config *config, uint64_t *allocations) {
    struct pair *p = pair_open(config);
    if (p == NULL) {
        return false;
    }
    bool completed = pair_connect(p) && pair_transfer(p);
    *allocations = p->hosts[0].env.allocations;
    pair_close(p);
    return completed;
}

Test(stack_memory, D11_each_allocation_in_turn_fails) {
    struct pair_config config = plain;
    uint64_t count = 0;
    uint64_t ignored;
    cr_assert(run(&config, &count));
    cr_assert_gt(count, 60, "%llu", (unsigned long long)count);
    unsigned completed = 0;
    for (uint64_t k = 1; k <= count; k++) {
        config.fail_at = k;
        completed += run(&config, &ignored);
    }
    /* One failure in the middle is a lost frame or a refused write, not a lost connection. */
    cr_assert_gt(completed, count * 9 / 10, "%u of %llu", completed, (unsigned long long)count);
}

Test(stack_memory, D11_some_allocations_fail_all_the_time) {
    static const uint64_t percents[] = {1, 5, 20, 50};
    for (size_t i = 0; i < ARRAY_LEN(percents); i++) {
        for (uint64_t seed = 1; seed <= 6; seed++) {
            struct pair_config config = plain;
            uint64_t ignored;
            config.seed = seed;
            config.fail_percent = percents[i];
            config.patience_us = 600 * SECOND;
            (void)run(&config, &ignored);
        }
    }
}
