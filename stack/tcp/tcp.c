/* The TCP of one stack: made and taken apart. */
#include "tcp/tcp.h"

#include <errno.h>

#include "tcp/in/timewait.h"
#include "tcp/timeout/timeout.h"

#define TABLE_BUCKETS 256

int tcp_init(struct tcp *tcp, struct core *core, struct ip *ip, uint64_t now_us) {
    (void)now_us;
    *tcp = (struct tcp){.core = core, .ip = ip, .timer_actions = &tcp_timeout_actions};
    const struct tapir_env *env = core->mem.env;
    env->random(env->ctx, &tcp->isn_key, sizeof tcp->isn_key);
    env->random(env->ctx, &tcp->cookie_key, sizeof tcp->cookie_key);
    env->random(env->ctx, &tcp->fastopen_key, sizeof tcp->fastopen_key);
    list_init(&tcp->listeners);
    list_init(&tcp->orphans);
    list_init(&tcp->waits_fifo);
    for (size_t i = 0; i < ARRAY_LEN(tcp->owed); i++) {
        list_init(&tcp->owed[i]);
    }
    timer_init(&tcp->waits_timer, tcp->timer_actions->waits);
    if (tcp_fastopen_init(&tcp->fastopen, &core->mem, &core->key) != 0) {
        return -ENOBUFS;
    }
    if (ip_ports_init(&tcp->ports, core) != 0) {
        tcp_fastopen_destroy(&tcp->fastopen);
        return -ENOBUFS;
    }
    struct table *tables[] = {&tcp->conns, &tcp->halves, &tcp->waits};
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        int rc = table_init(tables[i], &core->mem, TABLE_BUCKETS);
        if (rc != 0) {
            while (i-- > 0) {
                table_destroy(tables[i]);
            }
            ip_ports_destroy(&tcp->ports);
            tcp_fastopen_destroy(&tcp->fastopen);
            return rc;
        }
    }
    return 0;
}

void tcp_destroy(struct tcp *tcp) {
    while (!list_empty(&tcp->waits_fifo)) {
        tcp_timewait_drop(tcp, LIST_ENTRY(tcp->waits_fifo.next, struct tcp_wait, node));
    }
    timer_cancel(&tcp->core->wheel, &tcp->waits_timer);
    uint32_t cursor = 0;
    struct table_node *node;
    while ((node = table_walk(&tcp->conns, &cursor, NULL)) != NULL) {
        tcp_conn_free(CONTAINER_OF(node, struct tcp_conn, by_tuple));
        cursor--; /* the same bucket may hold another */
    }
    CHECK(list_empty(&tcp->listeners)); /* their sockets went first */
    table_destroy(&tcp->conns);
    table_destroy(&tcp->halves);
    table_destroy(&tcp->waits);
    ip_ports_destroy(&tcp->ports);
    tcp_fastopen_destroy(&tcp->fastopen);
}
