/* User calls that move data: SEND and RECEIVE (RFC 9293 3.10.2, 3.10.3), with urgent data. */
#include <errno.h>
#include <string.h>

#include "tcp/conn/owe.h"
#include "tcp/conn/room.h"
#include "tcp/conn/tuning.h"
#include "tcp/receive/offer.h"
#include "tcp/user/user.h"

static size_t message_bytes(const struct tapir_msg *msg) {
    size_t total = 0;
    for (size_t i = 0; i < msg->iov_count; i++) {
        total += msg->iov[i].len;
    }
    return total;
}

/* The pending error, negative: told once, but not to a caller who has progress to report first. */
static int tell_error(struct tcp_conn *c, uint32_t flags) {
    return -((flags & TAPIR_MSG_KEEP_ERROR) != 0 ? c->error : tcp_user_take_error(c));
}

static int not_sending(const struct tcp_conn *c) {
    return tcp_in(c, SYN_SENT | SYN_RECEIVED) && !c->fin_wanted ? -EAGAIN : -EPIPE;
}

int64_t tcp_user_data_send(struct tcp_conn *c, const struct tapir_msg *msg, uint32_t flags, uint64_t now_us) {
    int error = tell_error(c, flags);
    if (error != 0) {
        return error;
    }
    if (!tcp_conn_may_send(c)) {
        return tcp_conn_deferred(c) ? tcp_fastopen_call_send(c, msg, now_us) : not_sending(c);
    }
    size_t wanted = message_bytes(msg);
    if (wanted == 0) {
        return 0;
    }
    struct sndq *queue = &c->snd.queue;
    uint64_t cap = c->set.sndbuf_bytes;
    uint64_t used = tcp_sndq_bytes(queue);
    cap = min_u64(cap, used + tcp_conn_room_not_sent(c));
    if (used >= cap || queue->true_bytes >= cap * TCP_SNDQ_TRUE_FACTOR + SNDQ_CHUNK_BYTES) {
        c->snd.starved = true;
        return -EAGAIN;
    }
    size_t taken = tcp_sndq_take(&c->snd.queue, msg, cap - used);
    c->snd.starved |= taken < wanted;
    if (taken == 0) { /* the bulk's share of memory is used up: what is acknowledged makes room, or nothing will */
        return used > 0 && !tcp_sndq_may_grow(queue) ? -EAGAIN : -ENOBUFS;
    }
    /* All of an urgent message is urgent: the pointer names the byte after it (MUST-62). */
    if ((flags & TAPIR_MSG_OOB) != 0 && taken == wanted) {
        c->snd.up = tcp_conn_snd_seq(c, queue->tail);
        c->snd.urgent = true;
    }
    c->snd.more = (flags & TAPIR_MSG_MORE) != 0;
    if (now_us - c->stat.last_data_recv_us < TCP_DELACK_US && c->stat.last_data_recv_us != 0) {
        c->rcv.pingpong = true; /* we answer what we get: the ACK can ride on the answer */
    }
    tcp_conn_owe(c, TCP_OWE_TRY);
    return (int64_t)taken;
}

/* One urgent byte, out of line (Linux's meaning of MSG_OOB; RFC 6093 3.1). */
static int64_t receive_urgent(struct tcp_conn *c, struct tapir_msg *msg, uint32_t flags) {
    if (c->set.oobinline || !c->rcv.urgent || c->rcv.urgent_read || c->rcv.up < c->rcv.queue.head) {
        return -EINVAL;
    }
    if (c->rcv.up >= c->rcv.queue.next) {
        return c->fin_received || c->rd_shut ? 0 : -EAGAIN; /* announced, not here yet */
    }
    msg->flags |= TAPIR_MSG_OOB;
    if ((flags & TAPIR_MSG_PEEK) == 0) {
        c->rcv.urgent_read = true;
    }
    for (size_t i = 0; i < msg->iov_count; i++) {
        if (msg->iov[i].len > 0) {
            tcp_reasm_peek(&c->rcv.queue, c->rcv.up, msg->iov[i].base, 1);
            return 1;
        }
    }
    msg->flags |= TAPIR_MSG_TRUNC; /* and it is read, as on Linux */
    return 0;
}

/* Bytes that may be read in one go from `at`: up to the mark. At the mark an out-of-line byte is passed over. */
static uint64_t up_to_mark(struct tcp_conn *c, uint64_t *at, bool peek) {
    struct reasm *queue = &c->rcv.queue;
    uint64_t limit = queue->next;
    if (!c->rcv.urgent || c->rcv.up >= limit) {
        return limit - *at;
    }
    if (*at < c->rcv.up) {
        return c->rcv.up - *at;
    }
    if (!c->set.oobinline) {
        *at += 1;
        if (!peek) {
            tcp_reasm_read(queue, NULL, 1);
        }
    }
    if (!peek) {
        c->rcv.urgent = false;
    }
    return limit - *at;
}

static size_t copy_out(struct tcp_conn *c, struct tapir_msg *msg, uint32_t flags) {
    bool peek = (flags & TAPIR_MSG_PEEK) != 0;
    bool discard = (flags & TAPIR_MSG_TRUNC) != 0;
    uint64_t at = c->rcv.queue.head;
    uint64_t left = up_to_mark(c, &at, peek);
    size_t done = 0;
    for (size_t i = 0; i < msg->iov_count && left > 0; i++) {
        size_t want = min_size(msg->iov[i].len, (size_t)left);
        void *to = discard ? NULL : msg->iov[i].base;
        size_t got =
            peek ? tcp_reasm_peek(&c->rcv.queue, at + done, to, want) : tcp_reasm_read(&c->rcv.queue, to, want);
        done += got;
        left -= got;
    }
    return done;
}

void tcp_user_data_update_window(struct tcp_conn *c) {
    if (!tcp_in(c, TCP_RECEIVING)) {
        return;
    }
    uint32_t buffer = c->set.rcvbuf_bytes / 2;
    uint32_t offered = tcp_conn_offered(c);
    uint32_t next = tcp_offer_window(offered, tcp_conn_tuning_rcv_space(c), buffer, c->rcv.mss, c->rcv.wscale);
    if (tcp_offer_update_due(offered, next, buffer, c->rcv.mss)) {
        tcp_conn_owe(c, TCP_OWE_ACK);
    }
}

/* Whoever pushed may be waiting for the ACK before it sends more; now that all is read no window update will bring it.
 * As on Linux, that ends the delay, unless our answers carry the ACKs. */
static void acknowledge_push(struct tcp_conn *c) {
    if (tcp_in(c, TCP_RECEIVING) && c->rcv.pushed && !c->rcv.pingpong && tcp_reasm_ready_bytes(&c->rcv.queue) == 0) {
        tcp_conn_owe(c, TCP_OWE_ACK);
    }
}

/* After the FIN no error is recv's: on Linux it is the next send's, or SO_ERROR's. */
static int64_t nothing_to_read(struct tcp_conn *c, uint32_t flags) {
    if (c->fin_received) {
        return 0;
    }
    int error = tell_error(c, flags);
    if (error != 0) {
        return error;
    }
    if (c->rd_shut || c->reset_by_peer) {
        return 0;
    }
    if (tcp_in(c, CLOSED)) {
        return c->stat.segs_out > 0 ? 0 : -ENOTCONN;
    }
    return -EAGAIN;
}

int64_t tcp_user_data_receive(struct tcp_conn *c, struct tapir_msg *msg, uint32_t flags, uint64_t now_us) {
    msg->flags = 0;
    if ((flags & TAPIR_MSG_OOB) != 0) {
        return receive_urgent(c, msg, flags);
    }
    if (tcp_reasm_ready_bytes(&c->rcv.queue) == 0) {
        return nothing_to_read(c, flags);
    }
    if (message_bytes(msg) == 0) {
        return 0;
    }
    size_t done = copy_out(c, msg, flags);
    if (done == 0) { /* an out-of-line urgent byte was all there was */
        return nothing_to_read(c, flags);
    }
    if ((flags & TAPIR_MSG_PEEK) == 0) {
        tcp_conn_tuning_receiving(c, now_us);
        tcp_user_data_update_window(c);
        acknowledge_push(c);
    }
    return (int64_t)done;
}
