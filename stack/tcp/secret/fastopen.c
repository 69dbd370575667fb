/* TCP Fast Open's cookies: made and checked by a server, kept by a client. */
#include "tcp/secret/fastopen.h"

#include <errno.h>
#include <string.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "tcp/segment/limits.h"

#define COOKIE_BYTES 8
#define CACHE_BUCKETS 16

/* --- the server's side --- */

/* As Linux reads a key and writes a cookie: the lowest byte first. */
static uint64_t read_little(const uint8_t *bytes) {
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return value;
}

static void write_little(uint8_t *bytes, uint64_t value) {
    for (unsigned i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
}

static struct siphash_key key_of_period(const struct siphash_key *master, uint64_t period) {
    uint64_t low[2] = {period, 0}, high[2] = {period, 1};
    return (struct siphash_key){siphash(master, low, sizeof low), siphash(master, high, sizeof high)};
}

struct fastopen_keys tcp_fastopen_keys_at(const struct siphash_key *master, uint64_t now_us) {
    uint64_t period = now_us / TCP_FASTOPEN_KEY_US;
    return (struct fastopen_keys){.key = {key_of_period(master, period), key_of_period(master, period - 1)},
                                  .count = period > 0 ? 2 : 1};
}

struct fastopen_keys tcp_fastopen_keys_of(const struct fastopen_keys *set, const struct siphash_key *master,
                                          uint64_t now_us) {
    return set->count > 0 ? *set : tcp_fastopen_keys_at(master, now_us);
}

int tcp_fastopen_keys_read(struct fastopen_keys *keys, const uint8_t *bytes, size_t len) {
    if (len != FASTOPEN_KEY_BYTES && len != 2UL * FASTOPEN_KEY_BYTES) {
        return -EINVAL;
    }
    *keys = (struct fastopen_keys){.count = (uint8_t)(len / FASTOPEN_KEY_BYTES)};
    for (unsigned i = 0; i < keys->count; i++) {
        const uint8_t *key = bytes + (size_t)i * FASTOPEN_KEY_BYTES;
        keys->key[i] = (struct siphash_key){read_little(key), read_little(key + 8)};
    }
    return 0;
}

size_t tcp_fastopen_keys_write(const struct fastopen_keys *keys, uint8_t bytes[2 * FASTOPEN_KEY_BYTES]) {
    for (unsigned i = 0; i < keys->count; i++) {
        uint8_t *key = bytes + (size_t)i * FASTOPEN_KEY_BYTES;
        write_little(key, keys->key[i].k0);
        write_little(key + 8, keys->key[i].k1);
    }
    return (size_t)keys->count * FASTOPEN_KEY_BYTES;
}

struct fastopen_cookie tcp_fastopen_cookie(const struct siphash_key *key, const struct tapir_addr *client,
                                           const struct tapir_addr *server) {
    bool ipv4 = addr_is_ipv4(client) && addr_is_ipv4(server);
    size_t skipped = ipv4 ? 12 : 0, len = 16 - skipped;
    uint8_t pair[32];
    memcpy(pair, client->b + skipped, len);
    memcpy(pair + len, server->b + skipped, len);
    struct fastopen_cookie cookie = {.len = COOKIE_BYTES};
    write_little(cookie.bytes, siphash(key, pair, 2 * len));
    return cookie;
}

void tcp_fastopen_add(const struct fastopen_keys *keys, const struct tapir_addr *client,
                      const struct tapir_addr *server, struct wire_tcp_options *options) {
    struct fastopen_cookie cookie = tcp_fastopen_cookie(&keys->key[0], client, server);
    options->present |= WIRE_TCPOPT_FASTOPEN;
    options->fastopen_len = cookie.len;
    for (uint8_t i = 0; i < cookie.len; i++) {
        options->fastopen[i] = cookie.bytes[i];
    }
}

enum fastopen_verdict tcp_fastopen_check(const struct fastopen_keys *keys, const struct tapir_addr *client,
                                         const struct tapir_addr *server, const struct fastopen_cookie *cookie) {
    if (cookie->len != COOKIE_BYTES) {
        return FASTOPEN_BAD;
    }
    for (unsigned i = 0; i < keys->count; i++) {
        struct fastopen_cookie right = tcp_fastopen_cookie(&keys->key[i], client, server);
        if (read_little(right.bytes) == read_little(cookie->bytes)) { /* in one step: no timing tells how much fits */
            return i == 0 ? FASTOPEN_GOOD : FASTOPEN_OLD;
        }
    }
    return FASTOPEN_BAD;
}

/* --- the client's side --- */

int tcp_fastopen_init(struct fastopen_cache *cache, struct mem *mem, const struct siphash_key *key) {
    *cache = (struct fastopen_cache){.mem = mem, .key = *key};
    list_init(&cache->by_use);
    return table_init(&cache->table, mem, CACHE_BUCKETS);
}

static void forget(struct fastopen_cache *cache, struct fastopen_server *server) {
    table_remove(&cache->table, &server->by_pair);
    list_remove(&server->by_use);
    mem_free(cache->mem, server, sizeof *server);
}

static struct fastopen_server *longest_unused(struct fastopen_cache *cache) {
    return LIST_ENTRY(cache->by_use.next, struct fastopen_server, by_use);
}

void tcp_fastopen_destroy(struct fastopen_cache *cache) {
    while (!list_empty(&cache->by_use)) {
        forget(cache, longest_unused(cache));
    }
    table_destroy(&cache->table);
}

static uint64_t hash_of(const struct fastopen_cache *cache, const struct tapir_addr *local,
                        const struct tapir_addr *remote) {
    struct tapir_addr pair[2] = {*local, *remote};
    return siphash(&cache->key, pair, sizeof pair);
}

/* Finds it and makes it the one used last. */
static struct fastopen_server *use(struct fastopen_cache *cache, const struct tapir_addr *local,
                                   const struct tapir_addr *remote) {
    struct table_node *node = table_first(&cache->table, hash_of(cache, local, remote));
    for (; node != NULL; node = table_next(node)) {
        struct fastopen_server *server = CONTAINER_OF(node, struct fastopen_server, by_pair);
        if (addr_equal(&server->local, local) && addr_equal(&server->remote, remote)) {
            list_remove(&server->by_use);
            list_push_back(&cache->by_use, &server->by_use);
            return server;
        }
    }
    return NULL;
}

/* The same, made if need be; NULL: no memory. */
static struct fastopen_server *use_or_make(struct fastopen_cache *cache, const struct tapir_addr *local,
                                           const struct tapir_addr *remote) {
    struct fastopen_server *server = use(cache, local, remote);
    if (server != NULL) {
        return server;
    }
    uint64_t most = mem_at_most(cache->mem, TCP_FASTOPEN_SERVERS_MAX * sizeof *server) / sizeof *server;
    if (cache->table.used > 0 && cache->table.used >= most) {
        forget(cache, longest_unused(cache));
    }
    server = mem_alloc_zero(cache->mem, MEM_ADMISSION, sizeof *server);
    if (server != NULL) {
        server->local = *local;
        server->remote = *remote;
        table_insert(&cache->table, &server->by_pair, hash_of(cache, local, remote));
        list_push_back(&cache->by_use, &server->by_use);
    }
    return server;
}

const struct fastopen_server *tcp_fastopen_find(struct fastopen_cache *cache, const struct tapir_addr *local,
                                                const struct tapir_addr *remote) {
    return use(cache, local, remote);
}

void tcp_fastopen_learnt(struct fastopen_cache *cache, const struct tapir_addr *local, const struct tapir_addr *remote,
                         const struct fastopen_cookie *cookie, uint16_t mss) {
    struct fastopen_server *server = use_or_make(cache, local, remote);
    if (server != NULL) {
        server->cookie = *cookie;
        server->mss = mss;
    }
}

void tcp_fastopen_worked(struct fastopen_cache *cache, const struct tapir_addr *local,
                         const struct tapir_addr *remote) {
    struct fastopen_server *server = use(cache, local, remote);
    if (server != NULL) {
        server->failures = 0;
        server->shunned_until_us = 0;
    }
}

void tcp_fastopen_failed(struct fastopen_cache *cache, const struct tapir_addr *local, const struct tapir_addr *remote,
                         uint64_t now_us) {
    struct fastopen_server *server = use_or_make(cache, local, remote);
    if (server != NULL) {
        server->shunned_until_us = now_us + (TCP_FASTOPEN_SHUN_US << server->failures);
        if (server->failures < TCP_FASTOPEN_SHUN_DOUBLINGS) {
            server->failures++;
        }
    }
}
