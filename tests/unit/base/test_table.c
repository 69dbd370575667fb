/* The hash table: growth, equal hashes, removal, walks and short memory. */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>

#include "base/check.h"
#include "base/siphash.h"
#include "base/table.h"
#include "support/env.h"

#define OBJECTS 5000

struct object {
    int key;
    struct table_node node;
};

static struct test_env env;
static struct mem mem;
static struct table table;
static struct object objects[OBJECTS];

static void setup(uint32_t buckets) {
    test_env_init(&env);
    mem_init(&mem, &env.env, 1 << 20);
    cr_assert_eq(table_init(&table, &mem, buckets), 0);
}

static void teardown(void) {
    table_destroy(&table);
    cr_assert_eq(env.live_blocks, 0);
    cr_assert_eq(mem.used_bytes, 0);
}

/* Few distinct hashes, so that equal hashes with unequal keys are common. */
static uint64_t hash_of(int key) {
    const struct siphash_key hash_key = {1, 2};
    key /= 2;
    return siphash(&hash_key, &key, sizeof key);
}

static void insert(int key) {
    objects[key].key = key;
    table_insert(&table, &objects[key].node, hash_of(key));
}

static struct object *find(int key) {
    uint64_t hash = hash_of(key);
    for (struct table_node *node = table_first(&table, hash); node != NULL; node = table_next(node)) {
        struct object *object = CONTAINER_OF(node, struct object, node);
        cr_assert_eq(node->hash, hash);
        if (object->key == key) {
            return object;
        }
    }
    return NULL;
}

Test(table, finds_through_growth) {
    setup(1);
    for (int key = 0; key < OBJECTS; key++) {
        cr_assert_null(find(key));
        insert(key);
        cr_assert_eq(find(key), &objects[key]);
        cr_assert_eq(find(key / 3), &objects[key / 3]);
    }
    cr_assert_eq(table.used, OBJECTS);
    cr_assert(table.bucket_count >= OBJECTS);
    teardown();
}

Test(table, removal_leaves_the_rest) {
    setup(16);
    for (int key = 0; key < OBJECTS; key++) {
        insert(key);
    }
    for (int key = 0; key < OBJECTS; key += 3) {
        table_remove(&table, &objects[key].node);
    }
    for (int key = 0; key < OBJECTS; key++) {
        cr_assert_eq(find(key), key % 3 == 0 ? NULL : &objects[key]);
    }
    teardown();
}

Test(table, walk_sees_each_once_and_may_remove) {
    static bool seen[OBJECTS];
    setup(16);
    for (int key = 0; key < OBJECTS; key++) {
        insert(key);
    }
    uint32_t cursor = 0;
    struct table_node *node = table_walk(&table, &cursor, NULL);
    while (node != NULL) {
        struct table_node *next = table_walk(&table, &cursor, node);
        struct object *object = CONTAINER_OF(node, struct object, node);
        cr_assert_not(seen[object->key]);
        seen[object->key] = true;
        if (object->key % 2 == 0) {
            table_remove(&table, node);
        }
        node = next;
    }
    for (int key = 0; key < OBJECTS; key++) {
        cr_assert(seen[key]);
    }
    cr_assert_eq(table.used, OBJECTS / 2);
    teardown();
}

Test(table, walk_of_an_empty_table) {
    setup(4);
    uint32_t cursor = 0;
    cr_assert_null(table_walk(&table, &cursor, NULL));
    teardown();
}

/* D11: without memory to grow, inserting still works. */
Test(table, short_memory_D11) {
    setup(1);
    env.fail_percent = 100;
    for (int key = 0; key < 500; key++) {
        insert(key);
    }
    cr_assert_eq(table.bucket_count, 1);
    for (int key = 0; key < 500; key++) {
        cr_assert_eq(find(key), &objects[key]);
    }
    env.fail_percent = 0;
    insert(500);
    cr_assert_eq(table.bucket_count, 2);
    cr_assert_eq(find(0), &objects[0]);
    teardown();
    env.fail_at = env.allocations + 1;
    cr_assert_eq(table_init(&table, &mem, 4), -ENOBUFS);
    table_destroy(&table);
}

Test(table, removing_a_stranger, .signal = SIGABRT) {
    setup(4);
    insert(0);
    struct table_node stranger = {0};
    table_remove(&table, &stranger);
}

Test(table, buckets_not_a_power_of_two, .signal = SIGABRT) { setup(3); }

/* Z6: a walk of a bucket meets few strangers, and growing moves no more than was put in since it last grew. */
Test(table, Z6_chains_stay_short) {
    const struct siphash_key key = {3, 4};
    uint32_t moved = 0, longest = 0;
    setup(1);
    for (uint32_t i = 0; i < OBJECTS; i++) {
        uint32_t buckets = table.bucket_count, used = table.used;
        table_insert(&table, &objects[i].node, siphash(&key, &i, sizeof i));
        moved += table.bucket_count != buckets ? used : 0;
        cr_assert_leq(moved, 2 * table.used);
    }
    for (uint32_t i = 0; i < table.bucket_count; i++) {
        uint32_t len = 0;
        for (const struct table_node *node = table.buckets[i]; node != NULL; node = node->next) {
            len++;
        }
        longest = len > longest ? len : longest;
    }
    cr_assert_leq(longest, 10);
    teardown();
}
