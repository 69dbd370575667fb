/* TCP Fast Open's cookies (RFC 7413): what a server gives and checks, and what a client keeps. Knows no connection. */
#ifndef TCP_FASTOPEN_H
#define TCP_FASTOPEN_H

#include "base/list.h"
#include "base/siphash.h"
#include "base/table.h"
#include "wire/wire.h"

#define FASTOPEN_KEY_BYTES 16 /* of one key, as TCP_FASTOPEN_KEY takes it */

struct fastopen_cookie {
    uint8_t len; /* 0: none */
    uint8_t bytes[WIRE_TCP_FASTOPEN_MAX];
};

/* --- the server's side --- */

/* The newest key first: it makes cookies, the other only checks them (4.1.2). count 0: the stack's own. */
struct fastopen_keys {
    struct siphash_key key[2];
    uint8_t count;
};

enum fastopen_verdict {
    FASTOPEN_BAD,
    FASTOPEN_GOOD,
    FASTOPEN_OLD, /* good, by the older key: a new one is due */
};

/* The keys of this time, which follow from one that never changes: a cookie lives for one to two periods. */
struct fastopen_keys tcp_fastopen_keys_at(const struct siphash_key *master, uint64_t now_us);

/* Those that the application set (TCP_FASTOPEN_KEY), else those of this time. */
struct fastopen_keys tcp_fastopen_keys_of(const struct fastopen_keys *set, const struct siphash_key *master,
                                          uint64_t now_us);

/* Reads one or two keys of FASTOPEN_KEY_BYTES each: 0 or -EINVAL (another length). */
int tcp_fastopen_keys_read(struct fastopen_keys *keys, const uint8_t *bytes, size_t len);

/* The same bytes again; returns how many. */
size_t tcp_fastopen_keys_write(const struct fastopen_keys *keys, uint8_t bytes[2 * FASTOPEN_KEY_BYTES]);

/* The cookie for a client at this server, the same that Linux makes with the same key: servers behind one address may
 * share it. */
struct fastopen_cookie tcp_fastopen_cookie(const struct siphash_key *key, const struct tapir_addr *client,
                                           const struct tapir_addr *server);

/* Adds a cookie for a client to the options of a SYN-ACK. */
void tcp_fastopen_add(const struct fastopen_keys *keys, const struct tapir_addr *client,
                      const struct tapir_addr *server, struct wire_tcp_options *options);

enum fastopen_verdict tcp_fastopen_check(const struct fastopen_keys *keys, const struct tapir_addr *client,
                                         const struct tapir_addr *server, const struct fastopen_cookie *cookie);

/* --- the client's side --- */

/* What is known of a server, as seen from one of our addresses (4.1.3: the cookie depends on both). */
struct fastopen_server {
    struct table_node by_pair; /* in cache->table */
    struct list by_use;        /* in cache->by_use */
    struct tapir_addr local, remote;
    struct fastopen_cookie cookie;
    uint16_t mss; /* that came with it; 0: none */
    uint8_t failures;
    uint64_t shunned_until_us; /* no Fast Open until then (4.1.3.1) */
};

struct fastopen_cache {
    struct mem *mem; /* kept */
    struct table table;
    struct list by_use; /* of struct fastopen_server, the one used longest ago first */
    struct siphash_key key;
};

/* 0 or -ENOBUFS. */
int tcp_fastopen_init(struct fastopen_cache *cache, struct mem *mem, const struct siphash_key *key);
void tcp_fastopen_destroy(struct fastopen_cache *cache);

/* What is known, or NULL. Borrowed until the next call. */
const struct fastopen_server *tcp_fastopen_find(struct fastopen_cache *cache, const struct tapir_addr *local,
                                                const struct tapir_addr *remote);

/* A cookie came, and the server's MSS with it. Without memory it is forgotten. */
void tcp_fastopen_learnt(struct fastopen_cache *cache, const struct tapir_addr *local, const struct tapir_addr *remote,
                         const struct fastopen_cookie *cookie, uint16_t mss);

/* Data on a SYN was acknowledged. */
void tcp_fastopen_worked(struct fastopen_cache *cache, const struct tapir_addr *local, const struct tapir_addr *remote);

/* Data on a SYN, or the option, was ignored or swallowed: not again so soon, and later with each time. */
void tcp_fastopen_failed(struct fastopen_cache *cache, const struct tapir_addr *local, const struct tapir_addr *remote,
                         uint64_t now_us);

static inline bool tcp_fastopen_shunned(const struct fastopen_server *server, uint64_t now_us) {
    return server != NULL && now_us < server->shunned_until_us;
}

#endif
