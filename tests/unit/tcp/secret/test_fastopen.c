/* Fast Open's cookies by themselves: made and checked, kept and forgotten (RFC 7413 4.1.2, 4.1.3). */
#include <criterion/criterion.h>
#include <errno.h>

#include "base/addr.h"
#include "support/env.h"
#include "tcp/secret/fastopen.h"
#include "tcp/segment/limits.h"

static const struct tapir_addr client = {.b = {[10] = 0xff, 0xff, 192, 0, 2, 1}};
static const struct tapir_addr server = {.b = {[10] = 0xff, 0xff, 192, 168, 0, 1}};

static struct tapir_addr host(uint32_t n) { return addr_of_ipv4(IPV4(10, 0, 0, 0) + n); }

/* net.ipv4.tcp_fastopen_key=a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4, and one of zeros: what a Linux server gives. */
static const uint8_t key_bytes[32] = {[0 ... 3] = 0xa1, [4 ... 7] = 0xb2, [8 ... 11] = 0xc3, [12 ... 15] = 0xd4};

Test(tcp_fastopen, cookies_are_those_of_linux) {
    static const uint8_t wanted[2][8] = {{0x30, 0x21, 0xb9, 0xd8, 0x89, 0x01, 0x7e, 0xeb},
                                         {0xb7, 0xc1, 0x23, 0x50, 0xa9, 0x0d, 0xc8, 0xf5}};
    struct fastopen_keys keys;
    cr_assert_eq(tcp_fastopen_keys_read(&keys, key_bytes, 32), 0);
    cr_assert_eq(keys.count, 2);
    for (unsigned i = 0; i < 2; i++) {
        struct fastopen_cookie cookie = tcp_fastopen_cookie(&keys.key[i], &client, &server);
        cr_assert(cookie.len == 8 && memcmp(cookie.bytes, wanted[i], 8) == 0, "key %u", i);
    }
}

Test(tcp_fastopen, keys_are_16_bytes_or_32) {
    struct fastopen_keys keys = {.count = 0};
    uint8_t back[32] = {0};
    cr_assert_eq(tcp_fastopen_keys_write(&keys, back), 0);
    for (size_t len = 0; len <= 32; len++) {
        bool right = len == 16 || len == 32;
        cr_assert_eq(tcp_fastopen_keys_read(&keys, key_bytes, len), right ? 0 : -EINVAL);
        cr_assert(!right || (tcp_fastopen_keys_write(&keys, back) == len && memcmp(back, key_bytes, len) == 0));
    }
}

/* A cookie is for one client at one server, by one of two keys, and every bit and byte of it counts. */
Test(tcp_fastopen, only_the_right_cookie_is_good) {
    struct fastopen_keys keys;
    struct tapir_addr other = host(9);
    cr_assert_eq(tcp_fastopen_keys_read(&keys, key_bytes, 32), 0);
    struct fastopen_cookie cookie = tcp_fastopen_cookie(&keys.key[0], &client, &server);
    struct fastopen_cookie old = tcp_fastopen_cookie(&keys.key[1], &client, &server);
    cr_assert_eq(tcp_fastopen_check(&keys, &client, &server, &cookie), FASTOPEN_GOOD);
    cr_assert_eq(tcp_fastopen_check(&keys, &client, &server, &old), FASTOPEN_OLD);
    cr_assert_eq(tcp_fastopen_check(&keys, &other, &server, &cookie), FASTOPEN_BAD);
    cr_assert_eq(tcp_fastopen_check(&keys, &client, &other, &cookie), FASTOPEN_BAD);
    keys.count = 1;
    cr_assert_eq(tcp_fastopen_check(&keys, &client, &server, &old), FASTOPEN_BAD);
    for (unsigned bit = 0; bit < 64; bit++) {
        struct fastopen_cookie forged = cookie;
        forged.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        cr_assert_eq(tcp_fastopen_check(&keys, &client, &server, &forged), FASTOPEN_BAD);
    }
    for (uint8_t len = 0; len <= WIRE_TCP_FASTOPEN_MAX; len++) {
        struct fastopen_cookie forged = cookie;
        forged.len = len;
        cr_assert_eq(tcp_fastopen_check(&keys, &client, &server, &forged), len == 8 ? FASTOPEN_GOOD : FASTOPEN_BAD);
    }
}

/* 4.1.2: cookies expire, and not all at once. */
Test(tcp_fastopen, keys_of_time_change_and_overlap) {
    static const struct siphash_key master = {1, 2};
    for (uint64_t period = 0; period < 3; period++) {
        uint64_t at_us = period * TCP_FASTOPEN_KEY_US + 7;
        struct fastopen_keys keys = tcp_fastopen_keys_at(&master, at_us);
        struct fastopen_cookie cookie = tcp_fastopen_cookie(&keys.key[0], &client, &server);
        for (uint64_t age = 0; age < 4; age++) {
            struct fastopen_keys later = tcp_fastopen_keys_at(&master, at_us + age * TCP_FASTOPEN_KEY_US);
            enum fastopen_verdict verdict = tcp_fastopen_check(&later, &client, &server, &cookie);
            cr_assert_eq(verdict, age == 0 ? FASTOPEN_GOOD : age == 1 ? FASTOPEN_OLD : FASTOPEN_BAD);
        }
    }
    cr_assert_eq(tcp_fastopen_keys_at(&master, 0).count, 1); /* nothing was before: no key of "period -1" is good */
}

/* --- the cache --- */

struct kept {
    struct test_env env;
    struct mem mem;
    struct fastopen_cache cache;
};

static struct kept *new_cache(size_t cap_bytes) {
    static struct kept k;
    static const struct siphash_key key = {3, 4};
    test_env_init(&k.env);
    mem_init(&k.mem, &k.env.env, cap_bytes);
    cr_assert_eq(tcp_fastopen_init(&k.cache, &k.mem, &key), 0);
    return &k;
}

static void end_cache(struct kept *k) {
    tcp_fastopen_destroy(&k->cache);
    cr_assert_eq(k->env.live_blocks, 0);
    cr_assert_eq(k->mem.used_bytes, 0);
}

static void learn(struct kept *k, uint32_t local, uint32_t remote, uint8_t mark) {
    struct fastopen_cookie cookie = {.len = 8, .bytes = {mark}};
    struct tapir_addr from = host(local), to = host(remote);
    tcp_fastopen_learnt(&k->cache, &from, &to, &cookie, (uint16_t)(1000 + mark));
}

static void fail(struct kept *k, uint32_t local, uint32_t remote, uint64_t now_us) {
    struct tapir_addr from = host(local), to = host(remote);
    tcp_fastopen_failed(&k->cache, &from, &to, now_us);
}

static void work(struct kept *k, uint32_t local, uint32_t remote) {
    struct tapir_addr from = host(local), to = host(remote);
    tcp_fastopen_worked(&k->cache, &from, &to);
}

static const struct fastopen_server *find(struct kept *k, uint32_t local, uint32_t remote) {
    struct tapir_addr from = host(local), to = host(remote);
    return tcp_fastopen_find(&k->cache, &from, &to);
}

/* 4.1.3: one cookie, the latest, for each pair of addresses. */
Test(tcp_fastopen, a_cookie_for_each_pair_of_addresses) {
    struct kept *k = new_cache(1U << 24);
    cr_assert_null(find(k, 1, 2));
    learn(k, 1, 2, 10);
    learn(k, 1, 3, 20);
    learn(k, 4, 2, 30);
    learn(k, 1, 2, 40);
    cr_assert(find(k, 1, 2)->cookie.bytes[0] == 40 && find(k, 1, 2)->mss == 1040);
    cr_assert_eq(find(k, 1, 3)->cookie.bytes[0], 20);
    cr_assert_eq(find(k, 4, 2)->cookie.bytes[0], 30);
    cr_assert_null(find(k, 4, 3));
    cr_assert_eq(k->cache.table.used, 3);
    end_cache(k);
}

/* The cap holds, by number and by memory; who was not asked for longest makes room. */
Test(tcp_fastopen, the_longest_unused_goes) {
    for (int small = 0; small < 2; small++) {
        size_t cap_bytes = small != 0 ? 64 * sizeof(struct fastopen_server) * 8 : 1U << 24;
        uint32_t most = small != 0 ? 64 : (uint32_t)TCP_FASTOPEN_SERVERS_MAX;
        struct kept *k = new_cache(cap_bytes);
        for (uint32_t i = 0; i < most; i++) {
            learn(k, 1, 100 + i, 1);
        }
        cr_assert_eq(k->cache.table.used, most);
        cr_assert_not_null(find(k, 1, 100)); /* in use again: the next one is the oldest now */
        learn(k, 1, 50, 2);
        cr_assert_eq(k->cache.table.used, most);
        cr_assert_not_null(find(k, 1, 100));
        cr_assert_null(find(k, 1, 101));
        cr_assert_not_null(find(k, 1, 50));
        end_cache(k);
    }
}

/* D16, 4.1.3.1: shunned for a minute, two, four, ... to an hour; success forgives all. The cookie stays. */
Test(tcp_fastopen, failures_back_off) {
    struct kept *k = new_cache(1U << 24);
    uint64_t now_us = 5;
    cr_assert(!tcp_fastopen_shunned(find(k, 1, 2), now_us));
    learn(k, 1, 2, 10);
    for (unsigned n = 0; n < 20; n++) {
        uint64_t wait_us = TCP_FASTOPEN_SHUN_US << (n < TCP_FASTOPEN_SHUN_DOUBLINGS ? n : TCP_FASTOPEN_SHUN_DOUBLINGS);
        fail(k, 1, 2, now_us);
        cr_assert(tcp_fastopen_shunned(find(k, 1, 2), now_us + wait_us - 1));
        now_us += wait_us;
        cr_assert(!tcp_fastopen_shunned(find(k, 1, 2), now_us));
    }
    fail(k, 1, 2, now_us);
    work(k, 1, 2);
    cr_assert(!tcp_fastopen_shunned(find(k, 1, 2), now_us));
    fail(k, 1, 2, now_us);
    cr_assert(!tcp_fastopen_shunned(find(k, 1, 2), now_us + TCP_FASTOPEN_SHUN_US));
    cr_assert_eq(find(k, 1, 2)->cookie.bytes[0], 10);
    fail(k, 1, 3, now_us); /* of one that never gave a cookie */
    cr_assert(tcp_fastopen_shunned(find(k, 1, 3), now_us) && find(k, 1, 3)->cookie.len == 0);
    work(k, 1, 4);
    cr_assert_null(find(k, 1, 4));
    end_cache(k);
}

/* D11: what finds no memory is not remembered, and nothing else happens. */
Test(tcp_fastopen, D11_memory_fails) {
    struct kept *k = new_cache(1U << 24);
    static const struct siphash_key key = {3, 4};
    struct fastopen_cache other;
    k->env.allocations = 0;
    k->env.fail_at = 1;
    cr_assert_eq(tcp_fastopen_init(&other, &k->mem, &key), -ENOBUFS);
    k->env.fail_percent = 50;
    for (uint32_t i = 0; i < 300; i++) {
        learn(k, 1, i, 1);
        fail(k, 2, i, 0);
    }
    cr_assert(k->cache.table.used > 200 && k->cache.table.used < 400);
    end_cache(k);
}
