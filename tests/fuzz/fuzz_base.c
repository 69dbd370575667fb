/* Fuzzes what stack/base is made of against naive models: checksum, timers, tree, hash table, handles, token bucket.
 *
 * The first byte of the input says which; the rest is data or steps.
 */
#include "base/bucket.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/checksum.h"
#include "base/core.h"
#include "base/pool.h"
#include "base/table.h"
#include "base/timer.h"
#include "base/tree.h"
#include "support/env.h"

enum { OBJECTS = 64, STEPS_MAX = 512 };

static struct test_env env;
static struct core core;

/* ---- checksum (RFC 1071, RFC 1624) ---- */

static uint16_t naive_sum(const uint8_t *data, size_t len) {
    uint32_t sum = 0;
    for (size_t i = 0; i < len; i++) {
        sum += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
        sum = sum > UINT16_MAX ? sum - UINT16_MAX : sum;
    }
    return (uint16_t)sum;
}

/* In pieces, at any alignment, with or without a copy; then with one word changed. */
static void fuzz_checksum(struct reader *input) {
    static uint8_t from[1100], to[1100];
    uint8_t shift = reader_u8(input) % 8, step = reader_u8(input);
    uint16_t at = reader_u16(input), word = reader_u16(input);
    size_t len = min_size(reader_left(input), 1024), done = 0;
    uint8_t *data = from + shift;
    checksum_sum sum = 0;
    memcpy(data, input->at, len);
    CHECK(checksum_fold(checksum_add(0, data, len)) == naive_sum(data, len));
    while (done < len) {
        size_t piece = min_size(1 + (step + done * 7) % 97, len - done);
        checksum_sum part =
            step % 2 == 0 ? checksum_add(0, data + done, piece) : checksum_copy(0, to + done, data + done, piece);
        sum = checksum_combine(sum, part, done % 2);
        done += piece;
    }
    CHECK(checksum_fold(sum) == naive_sum(data, len) && (step % 2 == 0 || memcmp(to, data, len) == 0));
    if (len >= 2) {
        size_t place = at % (len / 2) * 2;
        uint16_t before = checksum_finish(sum), old = (uint16_t)(data[place] << 8 | data[place + 1]);
        data[place] = (uint8_t)(word >> 8);
        data[place + 1] = (uint8_t)word;
        uint16_t after = checksum_update(before, old, word), wanted = (uint16_t)~naive_sum(data, len);
        CHECK(after == wanted || (after == 0 && wanted == UINT16_MAX)); /* all zero: the other zero */
    }
    CHECK(checksum_fold(checksum_add_u32(checksum_add_u16(sum, word), (uint32_t)at << 16 | word)) ==
          naive_sum((uint8_t[]){(uint8_t)(checksum_fold(sum) >> 8), (uint8_t)checksum_fold(sum), (uint8_t)(word >> 8),
                                (uint8_t)word, (uint8_t)(at >> 8), (uint8_t)at, (uint8_t)(word >> 8), (uint8_t)word},
                    8));
}

/* ---- timers ---- */

enum { TIMERS = TIMER_SCAN_MAX };

static struct alarm {
    struct timer timer;
    uint64_t deadline_us, order;
    bool armed, due; /* due in the run under way */
} alarms[TIMERS];
static struct timer_wheel wheel;
static struct reader *script; /* of what callbacks do */
static uint64_t now_us, orders;

static void alarm_arm(struct alarm *alarm, struct reader *input) {
    uint8_t distance = reader_u8(input);
    uint64_t deadline_us = now_us + ((uint64_t)reader_u8(input) << (distance % 56)) - (distance >= 224 ? 1000 : 0);
    timer_arm(&wheel, &alarm->timer, deadline_us);
    alarm->deadline_us = max_u64(deadline_us, now_us);
    alarm->order = orders++;
    alarm->armed = true;
    alarm->due = false;
}

static void alarm_cancel(struct alarm *alarm) {
    timer_cancel(&wheel, &alarm->timer);
    alarm->armed = alarm->due = false;
}

/* The first of those that are due, by deadline and then by order of arming. It may arm and cancel any. */
static void alarm_fire(struct timer *timer, uint64_t at_us) {
    struct alarm *alarm = CONTAINER_OF(timer, struct alarm, timer);
    CHECK(at_us == now_us && alarm->armed && alarm->due && !timer_armed(timer));
    for (unsigned i = 0; i < TIMERS; i++) {
        const struct alarm *other = &alarms[i];
        CHECK(!other->due || other->deadline_us > alarm->deadline_us ||
              (other->deadline_us == alarm->deadline_us && other->order >= alarm->order));
    }
    alarm->armed = alarm->due = false;
    uint8_t how = reader_u8(script);
    if (how % 4 == 1) {
        alarm_arm(&alarms[how / 4 % TIMERS], script);
    } else if (how % 4 == 2) {
        alarm_cancel(&alarms[how / 4 % TIMERS]);
    }
}

static void alarms_run(uint64_t to_us) {
    now_us = max_u64(now_us, to_us);
    for (unsigned i = 0; i < TIMERS; i++) {
        alarms[i].due = alarms[i].armed && alarms[i].deadline_us <= now_us;
    }
    timer_wheel_run(&wheel, to_us);
    for (unsigned i = 0; i < TIMERS; i++) {
        CHECK(!alarms[i].due);
    }
}

static void fuzz_timers(struct reader *input) {
    script = input;
    orders = 0;
    now_us = (uint64_t)reader_u16(input) << reader_u8(input) % 48;
    timer_wheel_init(&wheel, now_us);
    for (unsigned i = 0; i < TIMERS; i++) {
        alarms[i] = (struct alarm){0};
        timer_init(&alarms[i].timer, alarm_fire);
    }
    for (unsigned steps = 0; reader_left(input) > 0 && steps < STEPS_MAX; steps++) {
        uint8_t how = reader_u8(input);
        struct alarm *alarm = &alarms[how % TIMERS];
        uint64_t earliest_us = TAPIR_NEVER;
        uint32_t armed = 0;
        if (how < 128) {
            alarm_arm(alarm, input);
        } else if (how < 160) {
            alarm_cancel(alarm);
        } else {
            uint64_t next_us = timer_wheel_next(&wheel);
            bool exactly = how < 208 && next_us != TAPIR_NEVER;
            alarms_run(exactly ? next_us : now_us + ((uint64_t)reader_u8(input) << (how % 48)));
        }
        for (unsigned i = 0; i < TIMERS; i++) {
            CHECK(timer_armed(&alarms[i].timer) == alarms[i].armed);
            armed += alarms[i].armed;
            earliest_us = alarms[i].armed ? min_u64(earliest_us, alarms[i].deadline_us) : earliest_us;
        }
        CHECK(wheel.armed == armed && timer_wheel_next(&wheel) == earliest_us);
    }
}

/* ---- tree ---- */

static void fuzz_tree(struct reader *input) {
    static struct tree_node nodes[256];
    bool present[256] = {false};
    struct tree tree;
    unsigned count = 0;
    uint8_t spread = reader_u8(input) % 57; /* keys near each other, or up to the highest bit */
    tree_init(&tree, reader_u8(input));
    for (unsigned steps = 0; reader_left(input) > 0 && steps < STEPS_MAX; steps++) {
        uint8_t key = reader_u8(input), asked = reader_u8(input);
        if (present[key]) {
            tree_remove(&tree, &nodes[key]);
        } else {
            tree_insert(&tree, &nodes[key], (uint64_t)key << spread);
        }
        count = present[key] ? count - 1 : count + 1;
        present[key] = !present[key];
        int before = asked, last = 255;
        for (; before >= 0 && !present[before]; before--) {
        }
        CHECK(tree_at_or_before(&tree, (uint64_t)asked << spread) == (before < 0 ? NULL : &nodes[before]));
        for (; last >= 0 && !present[last]; last--) {
        }
        CHECK(tree.count == count && tree_last(&tree) == (last < 0 ? NULL : &nodes[last]));
    }
    struct tree_node *node = tree_first(&tree);
    for (unsigned key = 0; key < 256; key++) {
        if (present[key]) {
            CHECK(node == &nodes[key] && node->key == (uint64_t)key << spread);
            node = tree_next(node);
        }
    }
    CHECK(node == NULL);
}

/* ---- hash table ---- */

/* Few different hashes, so that nodes share them and buckets. */
static uint64_t hash_of(unsigned i, uint8_t spread) { return (uint64_t)(i % 24) << (spread % 57); }

static void fuzz_table(struct reader *input) {
    static struct table_node nodes[OBJECTS];
    bool present[OBJECTS] = {false};
    struct table table;
    unsigned count = 0;
    uint8_t spread = reader_u8(input);
    env.fail_percent = spread >= 128 ? 50 : 0;
    if (table_init(&table, &core.mem, 1U << reader_u8(input) % 4) != 0) {
        return;
    }
    for (unsigned steps = 0; reader_left(input) > 0 && steps < STEPS_MAX; steps++) {
        unsigned which = reader_u8(input) % OBJECTS, found = 0, walked = 0;
        if (present[which]) {
            table_remove(&table, &nodes[which]);
        } else {
            table_insert(&table, &nodes[which], hash_of(which, spread));
        }
        count = present[which] ? count - 1 : count + 1;
        present[which] = !present[which];
        uint64_t seen = 0, same = 0;
        for (struct table_node *node = table_first(&table, hash_of(which, spread)); node != NULL;
             node = table_next(node)) {
            seen |= 1ULL << (node - nodes);
            found++;
        }
        for (unsigned i = 0; i < OBJECTS; i++) {
            same |= present[i] && hash_of(i, spread) == hash_of(which, spread) ? 1ULL << i : 0;
        }
        CHECK(seen == same && found == (unsigned)__builtin_popcountll(same));
        uint32_t cursor = 0;
        for (struct table_node *node = NULL; (node = table_walk(&table, &cursor, node)) != NULL; walked++) {
            CHECK(present[node - nodes]);
        }
        CHECK(walked == count && table.used == count);
    }
    table_destroy(&table);
}

/* ---- handles ---- */

static void fuzz_pool(struct reader *input) {
    static uint8_t objects[OBJECTS];
    pool_handle handles[OBJECTS] = {0}, stale[OBJECTS] = {0};
    struct pool pool;
    uint8_t most = 1 + reader_u8(input) % OBJECTS;
    pool_init(&pool, &core.mem, most);
    env.fail_percent = most % 4 == 3 ? 50 : 0;
    for (unsigned steps = 0; reader_left(input) > 0 && steps < STEPS_MAX; steps++) {
        unsigned which = reader_u8(input) % OBJECTS, used = 0, walked = 0;
        if (handles[which] == 0) {
            uint32_t before = pool.used;
            handles[which] = pool_add(&pool, MEM_ADMISSION, &objects[which]);
            CHECK(handles[which] != 0 || before == most || env.fail_percent > 0);
        } else {
            pool_remove(&pool, handles[which]);
            stale[which] = handles[which];
            handles[which] = 0;
        }
        for (unsigned i = 0; i < OBJECTS; i++) {
            CHECK(stale[i] == 0 || pool_get(&pool, stale[i]) == NULL);
            CHECK(handles[i] == 0 || pool_get(&pool, handles[i]) == &objects[i]);
            used += handles[i] != 0;
        }
        uint32_t cursor = 0;
        for (pool_handle handle; (handle = pool_next(&pool, &cursor)) != 0; walked++) {
            CHECK(handles[(uint8_t *)pool_get(&pool, handle) - objects] == handle);
        }
        CHECK(pool.used == used && walked == used && used <= most && pool_get(&pool, 0) == NULL);
    }
    pool_destroy(&pool);
}

/* ---- token bucket ---- */

/* Never above the rate and the burst; after a long rest at least half the burst. All in millionths of a token. */
static void fuzz_bucket(struct reader *input) {
    struct bucket bucket;
    uint32_t rate = reader_u8(input) * 40U, burst = 1 + reader_u8(input) * 8U;
    uint64_t at_us = 5000000, most = burst * 1000000ULL;
    bucket_init(&bucket, rate, burst, at_us);
    for (unsigned steps = 0; reader_left(input) > 0 && steps < STEPS_MAX; steps++) {
        uint64_t rest_us = (uint64_t)reader_u8(input) << (reader_u8(input) % 32);
        uint64_t earned = rate > 0 && rest_us > UINT64_MAX / 2 / rate ? UINT64_MAX / 2 : (rest_us + 1) * rate;
        bool rested = rate > 0 && earned >= (burst + 1) * 1000000ULL;
        at_us += rest_us;
        most = min_u64(most + earned, (burst + 1) * 1000000ULL); /* a part of a token is kept as time */
        for (uint32_t i = 0; i < 1 + (rested ? burst - burst / 2 : 0); i++) {
            bool taken = bucket_take(&bucket, &core, at_us);
            CHECK(!taken || most >= 1000000);
            CHECK(taken || !rested || i >= burst - burst / 2);
            most -= taken ? 1000000 : 0;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    static void (*const parts[])(struct reader *) = {fuzz_checksum, fuzz_timers, fuzz_tree,
                                                     fuzz_table,    fuzz_pool,   fuzz_bucket};
    struct reader input = reader_of(data, len);
    uint8_t which = reader_u8(&input);
    test_env_init(&env);
    core_init(&core, &env.env, 1U << 20, 0);
    parts[which % ARRAY_LEN(parts)](&input);
    CHECK(core.mem.used_bytes == 0 && env.live_blocks == 0);
    return 0;
}
