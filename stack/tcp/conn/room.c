/* Room in the send buffer: see room.h. */
#include "tcp/conn/room.h"

#include "tcp/conn/tcp.h"

static uint64_t not_sent(const struct tcp_conn *c) {
    uint64_t tail = c->snd.queue.tail;
    return tail - min_u64(tcp_conn_snd_offset(c, c->snd.nxt), tail);
}

/* TCP_NOTSENT_LOWAT; no less than two segments: a part of one may be held back (Nagle, TCP_CORK) for what follows it. */
static uint64_t not_sent_most(const struct tcp_conn *c) {
    uint64_t low = c->set.notsent_lowat_bytes;
    return low == 0 ? UINT64_MAX / 2 : max_u64(low, 2ULL * c->snd.mss);
}

uint64_t tcp_conn_room_not_sent(const struct tcp_conn *c) {
    uint64_t most = not_sent_most(c);
    return most - min_u64(not_sent(c), most);
}

bool tcp_conn_room_writable(const struct tcp_conn *c) {
    if (!tcp_conn_may_send(c)) {
        return tcp_conn_deferred(c) ||
               !tcp_in(c, SYN_SENT | SYN_RECEIVED); /* send answers at once: EPIPE or the error */
    }
    /* As Linux: when a third of the buffer is free, and half of TCP_NOTSENT_LOWAT, so that a writer wakes to worthwhile
     * room. */
    uint64_t used = tcp_sndq_bytes(&c->snd.queue);
    return used + used / 2 <= c->set.sndbuf_bytes && 2 * not_sent(c) < not_sent_most(c) &&
           (used == 0 || tcp_sndq_may_grow(&c->snd.queue));
}

void tcp_conn_room_grown(struct tcp_conn *c, bool was_writable) {
    if (!was_writable || c->snd.starved || c->fin_wanted) {
        c->snd.starved = false;
        news_mark(c->tcp->core, &c->news);
    }
}
