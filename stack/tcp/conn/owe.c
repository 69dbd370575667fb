/* What a connection owes: segments to its peer, and advice to its application. */
#include "tcp/conn/owe.h"

#include "tcp/conn/tcp.h"

void tcp_conn_owe(struct tcp_conn *c, uint32_t owed) {
    c->owes |= owed;
    if (!list_linked(&c->owed)) {
        unsigned line = c->has_path ? c->path.netif->index : LINK_LOOPBACK;
        list_push_back(&c->tcp->owed[line], &c->owed);
    }
}

void tcp_conn_owe_advice(struct tcp_conn *c, int error) {
    c->soft_error = error;
    if (c->set.recverr) {
        c->error = error;
        news_mark(c->tcp->core, &c->news);
    }
}
