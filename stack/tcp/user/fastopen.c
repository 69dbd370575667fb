/* OPEN with data, as TCP Fast Open has it (RFC 7413 4.2.1): the first SYN carries a cookie and data, or asks for one. */
#include <errno.h>

#include "tcp/conn/owe.h"
#include "tcp/conn/path.h"
#include "tcp/user/user.h"

static const struct fastopen_server *known(struct tcp_conn *c) {
    return tcp_fastopen_find(&c->tcp->fastopen, &c->local.addr, &c->remote.addr);
}

/* How much may go with the SYN: the server's MSS as it was (RFC 1122's default if it is not known), less all the room
 * for options, since boxes on the way may add their own. 0: none may. */
static uint32_t room_on_syn(struct tcp_conn *c, uint64_t now_us) {
    const struct fastopen_server *server = known(c);
    bool cookie = server != NULL && server->cookie.len > 0;
    if ((!cookie && !c->set.fastopen_no_cookie) || tcp_fastopen_shunned(server, now_us)) {
        return 0;
    }
    c->snd.peer_mss = cookie && server->mss > 0 ? server->mss : TCP_MSS_DEFAULT;
    tcp_conn_path_update_mss(c, now_us);
    return c->snd.mss > WIRE_TCP_OPTIONS_MAX ? c->snd.mss - WIRE_TCP_OPTIONS_MAX : 0;
}

/* The SYN, with data or a request, may be sent. */
static void begin(struct tcp_conn *c, uint64_t now_us) {
    c->fastopen.deferred = false;
    c->fastopen.ask = !tcp_fastopen_shunned(known(c), now_us);
    tcp_conn_owe(c, TCP_OWE_SYN);
}

int tcp_user_fastopen_connect(struct tcp_conn *c, const struct tapir_endpoint *remote, uint64_t now_us) {
    int rc = tcp_user_prepare(c, remote, now_us);
    if (rc != 0) {
        return rc;
    }
    if (room_on_syn(c, now_us) == 0) {
        c->fastopen.fail = TCP_SYN_DATA_NO_COOKIE;
        begin(c, now_us);
        return -EINPROGRESS;
    }
    c->fastopen.deferred = true;
    news_mark(c->tcp->core, &c->news);
    return 0;
}

int64_t tcp_user_fastopen_send(struct tcp_conn *c, const struct tapir_msg *msg, uint64_t now_us) {
    size_t taken = tcp_user_data_take(c, msg, room_on_syn(c, now_us));
    c->fastopen.fail = taken == 0 ? TCP_SYN_DATA_NO_COOKIE : TCP_SYN_DATA_UNKNOWN;
    begin(c, now_us);
    return taken > 0 ? (int64_t)taken : -EINPROGRESS;
}

/* A cookie that was there when the data was taken may have made room for others since: then the data waits. */
uint32_t tcp_user_fastopen_syn(struct tcp_conn *c, struct wire_tcp_options *options, uint64_t now_us) {
    if (!c->fastopen.ask) {
        return 0;
    }
    const struct fastopen_server *server = known(c);
    uint32_t bytes = (uint32_t)min_u64(c->snd.queue.tail, room_on_syn(c, now_us));
    c->fastopen.ask = false; /* sent again, a SYN is a plain one (4.1.3.1): the option or the data may be in the way */
    c->fastopen.asked = true;
    if (c->set.fastopen_no_cookie) {
        return bytes;
    }
    options->present |= WIRE_TCPOPT_FASTOPEN;
    options->fastopen_len = bytes > 0 ? server->cookie.len : 0;
    for (uint8_t i = 0; i < options->fastopen_len; i++) {
        options->fastopen[i] = server->cookie.bytes[i];
    }
    return bytes;
}

static void failed(struct tcp_conn *c, uint8_t why, uint64_t now_us) {
    COUNT(c->tcp->core, tcp_fastopen_failed);
    c->fastopen.fail = why;
    tcp_fastopen_failed(&c->tcp->fastopen, &c->local.addr, &c->remote.addr, now_us);
}

static void learn(struct tcp_conn *c, const struct tcp_segment *seg) {
    struct fastopen_cookie cookie = {.len = seg->options.fastopen_len};
    for (uint8_t i = 0; i < cookie.len; i++) {
        cookie.bytes[i] = seg->options.fastopen[i];
    }
    uint16_t mss = tcp_segment_option(seg, WIRE_TCPOPT_MSS) ? seg->options.mss : 0;
    tcp_fastopen_learnt(&c->tcp->fastopen, &c->local.addr, &c->remote.addr, &cookie, mss);
}

void tcp_user_fastopen_answered(struct tcp_conn *c, const struct tcp_segment *seg, uint64_t now_us) {
    bool cookie = tcp_segment_option(seg, WIRE_TCPOPT_FASTOPEN) && seg->options.fastopen_len > 0;
    struct seq first = seq_add(c->snd.iss, 1);
    if (!c->fastopen.asked) { /* nor is a cookie taken that nobody asked for */
        return;
    }
    if (cookie) {
        learn(c, seg);
    }
    if (!seq_gt(c->snd.nxt, first)) {
        return; /* no data went with it */
    }
    if (seq_gt(seg->ack, first)) {
        COUNT(c->tcp->core, tcp_fastopen_active);
        c->fastopen.syn_bytes = (uint16_t)seq_diff(seg->ack, first);
        c->fastopen.fail = TCP_SYN_DATA_UNKNOWN;
        tcp_fastopen_worked(&c->tcp->fastopen, &c->local.addr, &c->remote.addr);
    } else if (c->retransmits == 0) { /* else it failed before */
        if (cookie) {                 /* the old one would not do: no fault of the path */
            c->fastopen.fail = TCP_SYN_DATA_NOT_TAKEN;
        } else {
            failed(c, TCP_SYN_DATA_NOT_TAKEN, now_us);
        }
    }
}

void tcp_user_fastopen_settle(struct tcp_conn *c) {
    uint64_t taken = tcp_conn_snd_offset(c, c->snd.una);
    c->fastopen.took_data = taken > 0;
    if (seq_gt(c->snd.nxt, c->snd.una)) { /* the rest is as if it had not been sent, and goes at once, Nagle or not */
        c->snd.nxt = c->snd.una;
        tcp_conn_owe(c, TCP_OWE_FORCE | TCP_OWE_TRY);
    }
    c->stat.bytes_acked += taken;
    tcp_sndq_acked(&c->snd.queue, taken);
    tcp_loss_skip(&c->loss, taken);
}

void tcp_user_fastopen_timeout(struct tcp_conn *c, uint64_t now_us) {
    bool unanswered = tcp_in(c, SYN_SENT) && c->fastopen.asked && c->retransmits == 1;
    /* RFC 7413 7.1: some boxes let the SYN pass and swallow all that follows. */
    bool swallowed = tcp_in(c, TCP_SYNCHRONIZED) && c->fastopen.syn_bytes > 0 && c->retransmits == TCP_RETRIES_1 &&
                     c->stat.data_segs_in == 0 && c->stat.bytes_acked == c->fastopen.syn_bytes;
    if (unanswered || swallowed) {
        failed(c, TCP_SYN_DATA_TIMED_OUT, now_us);
    }
}

void tcp_user_fastopen_refused(struct tcp_conn *c, uint64_t now_us) {
    if (tcp_in(c, SYN_SENT) && c->fastopen.asked && c->retransmits == 0) {
        failed(c, TCP_SYN_DATA_NOT_TAKEN, now_us);
    }
}
