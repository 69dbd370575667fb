/* The tables of connections, half-open records, TIME-WAIT records and listeners. */
#include "tcp/table.h"

#include <errno.h>
#include <string.h>

#include "base/addr.h"
#include "tcp/isn.h"

static bool endpoint_equal(const struct tapir_endpoint *a, const struct tapir_endpoint *b) {
    return a->port == b->port && addr_equal(&a->addr, &b->addr);
}

static uint64_t tuple_hash(const struct tcp *tcp, const struct tapir_endpoint *local,
                           const struct tapir_endpoint *remote) {
    return tcp_isn_tuple_hash(&tcp->core->key, local, remote, 0);
}

struct tcp_conn *tcp_table_conn(const struct tcp *tcp, const struct tapir_endpoint *local,
                                const struct tapir_endpoint *remote) {
    struct table_node *node = table_first(&tcp->conns, tuple_hash(tcp, local, remote));
    for (; node != NULL; node = table_next(node)) {
        struct tcp_conn *c = CONTAINER_OF(node, struct tcp_conn, by_tuple);
        if (endpoint_equal(&c->local, local) && endpoint_equal(&c->remote, remote)) {
            return c;
        }
    }
    return NULL;
}

struct tcp_half *tcp_table_half(const struct tcp *tcp, const struct tapir_endpoint *local,
                                const struct tapir_endpoint *remote) {
    struct table_node *node = table_first(&tcp->halves, tuple_hash(tcp, local, remote));
    for (; node != NULL; node = table_next(node)) {
        struct tcp_half *half = CONTAINER_OF(node, struct tcp_half, by_tuple);
        if (endpoint_equal(&half->local, local) && endpoint_equal(&half->remote, remote)) {
            return half;
        }
    }
    return NULL;
}

static struct tapir_endpoint wait_local(const struct tcp_wait *w) {
    return (struct tapir_endpoint){.addr = w->local_addr, .port = w->local_port};
}

static struct tapir_endpoint wait_remote(const struct tcp_wait *w) {
    return (struct tapir_endpoint){.addr = w->remote_addr, .port = w->remote_port};
}

struct tcp_wait *tcp_table_wait(const struct tcp *tcp, const struct tapir_endpoint *local,
                                const struct tapir_endpoint *remote) {
    struct table_node *node = table_first(&tcp->waits, tuple_hash(tcp, local, remote));
    for (; node != NULL; node = table_next(node)) {
        struct tcp_wait *w = CONTAINER_OF(node, struct tcp_wait, by_tuple);
        struct tapir_endpoint a = wait_local(w);
        struct tapir_endpoint b = wait_remote(w);
        if (endpoint_equal(&a, local) && endpoint_equal(&b, remote)) {
            return w;
        }
    }
    return NULL;
}

static struct tcp_port_bucket *find_bucket(const struct tcp *tcp, uint16_t port) {
    uint64_t hash = siphash(&tcp->core->key, &port, sizeof port);
    for (struct table_node *node = table_first(&tcp->ports, hash); node != NULL; node = table_next(node)) {
        struct tcp_port_bucket *bucket = CONTAINER_OF(node, struct tcp_port_bucket, node);
        if (bucket->port == port) {
            return bucket;
        }
    }
    return NULL;
}

/* The next listening claim of the port after `node`, which is one too or the list's head; NULL: no more. */
static struct tcp_port_user *next_listening(struct tcp_port_bucket *bucket, struct list *node) {
    struct list *next = node->next;
    struct tcp_port_user *user = next == &bucket->users ? NULL : LIST_ENTRY(next, struct tcp_port_user, node);
    return user != NULL && user->listening ? user : NULL;
}

/* How well a listening claim fits; 0: not at all. */
static unsigned listen_score(const struct tcp_port_user *user, const struct tapir_endpoint *local, int netif) {
    if (user->netif != 0 && user->netif != netif) {
        return 0;
    }
    if (!addr_is_any(&user->local.addr)) {
        if (!addr_equal(&user->local.addr, &local->addr)) {
            return 0;
        }
        return user->netif != 0 ? 4 : 3;
    }
    return user->netif != 0 ? 2 : 1;
}

struct tcp_listener *tcp_table_listener(const struct tcp *tcp, const struct tapir_endpoint *local,
                                        const struct tapir_endpoint *remote, int netif) {
    struct tcp_port_bucket *bucket = find_bucket(tcp, local->port);
    if (bucket == NULL) {
        return NULL;
    }
    struct tcp_port_user *best = NULL;
    unsigned best_score = 0;
    uint32_t sharers = 0;
    for (struct tcp_port_user *user = next_listening(bucket, &bucket->users); user != NULL;
         user = next_listening(bucket, &user->node)) {
        unsigned score = listen_score(user, local, netif);
        if (score > best_score) {
            best = user;
            best_score = score;
            sharers = 1;
        } else if (score > 0 && score == best_score) {
            /* Reservoir of one by the tuple's hash: the same peer port always meets the same listener. */
            sharers++;
            uint64_t draw = tcp_isn_tuple_hash(&tcp->core->key, local, remote, (uint8_t)(sharers + 100));
            best = draw % sharers == 0 ? user : best;
        }
    }
    return best == NULL ? NULL : CONTAINER_OF(best, struct tcp_listener, port);
}

void tcp_table_add_conn(struct tcp *tcp, struct tcp_conn *c) {
    table_insert(&tcp->conns, &c->by_tuple, tuple_hash(tcp, &c->local, &c->remote));
    c->in_table = true;
}

void tcp_table_remove_conn(struct tcp *tcp, struct tcp_conn *c) {
    if (c->in_table) {
        table_remove(&tcp->conns, &c->by_tuple);
        c->in_table = false;
    }
}

void tcp_table_add_half(struct tcp *tcp, struct tcp_half *half) {
    table_insert(&tcp->halves, &half->by_tuple, tuple_hash(tcp, &half->local, &half->remote));
}

void tcp_table_remove_half(struct tcp *tcp, struct tcp_half *half) { table_remove(&tcp->halves, &half->by_tuple); }

static struct tcp_port_bucket *make_bucket(struct tcp *tcp, uint16_t port) {
    struct tcp_port_bucket *bucket = find_bucket(tcp, port);
    if (bucket != NULL) {
        return bucket;
    }
    bucket = mem_alloc_zero(&tcp->core->mem, MEM_ADMISSION, sizeof *bucket);
    if (bucket != NULL) {
        bucket->port = port;
        list_init(&bucket->users);
        table_insert(&tcp->ports, &bucket->node, siphash(&tcp->core->key, &port, sizeof port));
    }
    return bucket;
}

static void drop_bucket_if_empty(struct tcp *tcp, struct tcp_port_bucket *bucket) {
    if (list_empty(&bucket->users) && bucket->waits == 0) {
        table_remove(&tcp->ports, &bucket->node);
        mem_free(&tcp->core->mem, bucket, sizeof *bucket);
    }
}

int tcp_table_add_wait(struct tcp *tcp, struct tcp_wait *w) {
    struct tcp_port_bucket *bucket = make_bucket(tcp, w->local_port);
    if (bucket == NULL) {
        return -ENOBUFS;
    }
    struct tapir_endpoint local = wait_local(w);
    struct tapir_endpoint remote = wait_remote(w);
    bucket->waits++;
    table_insert(&tcp->waits, &w->by_tuple, tuple_hash(tcp, &local, &remote));
    return 0;
}

void tcp_table_remove_wait(struct tcp *tcp, struct tcp_wait *w) {
    struct tcp_port_bucket *bucket = find_bucket(tcp, w->local_port);
    CHECK(bucket != NULL && bucket->waits > 0);
    bucket->waits--;
    drop_bucket_if_empty(tcp, bucket);
    table_remove(&tcp->waits, &w->by_tuple);
}

static bool overlap(const struct tcp_port_user *a, const struct tcp_port_user *b) {
    bool addresses =
        addr_is_any(&a->local.addr) || addr_is_any(&b->local.addr) || addr_equal(&a->local.addr, &b->local.addr);
    return addresses && (a->netif == 0 || b->netif == 0 || a->netif == b->netif);
}

/* Linux's rule: both SO_REUSEPORT, or both SO_REUSEADDR and nobody listens. */
static bool conflicts(const struct tcp_port_bucket *bucket, const struct tcp_port_user *user) {
    if (bucket->waits > 0 && !user->reuseaddr) {
        return true;
    }
    LIST_FOR_EACH(node, &bucket->users) {
        const struct tcp_port_user *other = LIST_ENTRY(node, struct tcp_port_user, node);
        bool share =
            (other->reuseport && user->reuseport) || (other->reuseaddr && user->reuseaddr && !other->listening);
        if (other != user && overlap(other, user) && !share) {
            return true;
        }
    }
    return false;
}

static int claim(struct tcp *tcp, struct tcp_port_user *user, const struct tapir_endpoint *local) {
    struct tcp_port_bucket *bucket = make_bucket(tcp, local->port);
    if (bucket == NULL) {
        return -ENOBUFS;
    }
    user->local = *local;
    list_push_back(&bucket->users, &user->node);
    return 0;
}

int tcp_table_bind_shared(struct tcp *tcp, struct tcp_port_user *user, const struct tapir_endpoint *local) {
    return claim(tcp, user, local);
}

int tcp_table_bind(struct tcp *tcp, struct tcp_port_user *user, const struct tapir_endpoint *local) {
    struct tapir_endpoint try = *local;
    uint32_t span = TAPIR_PORT_LAST - TAPIR_PORT_FIRST + 1;
    uint32_t tries = local->port == 0 ? span : 1;
    uint32_t start = local->port == 0 ? core_random_below(tcp->core, span) : 0;
    for (uint32_t i = 0; i < tries; i++) {
        if (local->port == 0) {
            try.port = (uint16_t)(TAPIR_PORT_FIRST + (start + i) % span);
        }
        user->local = try;
        struct tcp_port_bucket *bucket = find_bucket(tcp, try.port);
        /* An ephemeral port is nobody else's. */
        if (bucket == NULL || (local->port != 0 && !conflicts(bucket, user))) {
            return claim(tcp, user, &try);
        }
    }
    return -EADDRINUSE;
}

/* Could a new connection from this port to remote be told from every other? */
static bool tuple_free(struct tcp *tcp, const struct tapir_endpoint *local, const struct tapir_endpoint *remote,
                       uint64_t now_us) {
    struct tcp_port_bucket *bucket = find_bucket(tcp, local->port);
    if (bucket == NULL) {
        return true;
    }
    if (next_listening(bucket, &bucket->users) != NULL) {
        return false;
    }
    const struct tcp_wait *w = tcp_table_wait(tcp, local, remote);
    return tcp_table_conn(tcp, local, remote) == NULL && tcp_table_half(tcp, local, remote) == NULL &&
           (w == NULL || tcp_timewait_reusable(w, now_us));
}

int tcp_table_bind_for(struct tcp *tcp, struct tcp_port_user *user, struct tapir_endpoint *local,
                       const struct tapir_endpoint *remote, uint64_t now_us) {
    uint32_t span = TAPIR_PORT_LAST - TAPIR_PORT_FIRST + 1;
    local->port = 0;
    /* A secret offset for each destination, and steps of random size (RFC 6056 3.3.3 and 3.3.5). */
    uint32_t start = (uint32_t)tcp_isn_tuple_hash(&tcp->isn_key, local, remote, 1) + tcp->port_counter;
    tcp->port_counter += 1 + core_random_below(tcp->core, 8);
    for (uint32_t i = 0; i < span; i++) {
        local->port = (uint16_t)(TAPIR_PORT_FIRST + (start + i) % span);
        if (tuple_free(tcp, local, remote, now_us)) {
            return claim(tcp, user, local);
        }
    }
    return -EADDRNOTAVAIL;
}

int tcp_table_may_listen(const struct tcp *tcp, const struct tcp_port_user *user) {
    struct tcp_port_bucket *bucket = find_bucket(tcp, user->local.port);
    CHECK(bucket != NULL);
    for (struct tcp_port_user *other = next_listening(bucket, &bucket->users); other != NULL;
         other = next_listening(bucket, &other->node)) {
        if (other != user && overlap(other, user) && !(other->reuseport && user->reuseport)) {
            return -EADDRINUSE;
        }
    }
    return 0;
}

void tcp_table_listen(struct tcp *tcp, struct tcp_port_user *user, bool listening) {
    struct tcp_port_bucket *bucket = find_bucket(tcp, user->local.port);
    CHECK(bucket != NULL);
    user->listening = listening;
    list_remove(&user->node);
    if (listening) {
        list_push_front(&bucket->users, &user->node);
    } else {
        list_push_back(&bucket->users, &user->node);
    }
}

void tcp_table_unbind(struct tcp *tcp, struct tcp_port_user *user) {
    if (list_linked(&user->node)) {
        struct tcp_port_bucket *bucket = find_bucket(tcp, user->local.port);
        list_remove(&user->node);
        drop_bucket_if_empty(tcp, bucket);
    }
}

void tcp_table_move(struct tcp_port_user *from, struct tcp_port_user *to) {
    *to = *from;
    if (list_linked(&from->node)) {
        to->node.prev->next = &to->node;
        to->node.next->prev = &to->node;
        from->node = (struct list){0};
    }
}
