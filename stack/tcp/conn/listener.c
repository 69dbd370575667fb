/* A listener's queues: what leaves them. */
#include "tcp/conn/listener.h"

#include "tcp/conn/table.h"
#include "tcp/secret/isn.h"

uint32_t tcp_listener_half_tsval(const struct tcp_half *half, uint64_t now_us) {
    const struct tcp *tcp = half->listener->tcp;
    return (uint32_t)(now_us / 1000) + tcp_isn_timestamp_offset(&tcp->core->key, &half->local, &half->remote);
}

void tcp_listener_half_drop(struct tcp_half *half) {
    struct tcp_listener *l = half->listener;
    timer_cancel(&l->tcp->core->wheel, &half->timer);
    tcp_table_remove_half(l->tcp, half);
    list_remove(&half->node);
    l->half_count--;
    mem_free(&l->tcp->core->mem, half, sizeof *half);
}

void tcp_listener_forget(struct tcp_conn *c) {
    if (c->listener != NULL) {
        list_remove(&c->accept_node);
        c->listener->accept_count--;
        c->listener = NULL;
    }
}

void tcp_listener_settled(struct tcp_conn *c) {
    if (c->fastopen.waits_at != NULL) {
        list_remove(&c->fastopen.waiting);
        c->fastopen.waits_at->early.waiting--;
        c->fastopen.waits_at = NULL;
    }
}
