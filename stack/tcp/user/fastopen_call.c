/* OPEN with data, as TCP Fast Open has it (RFC 7413 4.2.1): the first SYN carries a cookie and data, or asks for one. */
#include <errno.h>

#include "tcp/conn/owe.h"
#include "tcp/out/syn.h"
#include "tcp/user/user.h"

/* The SYN, with data or a request, may be sent. */
static void begin(struct tcp_conn *c, uint64_t now_us) {
    c->fastopen.deferred = false;
    c->fastopen.ask = !tcp_fastopen_shunned(tcp_syn_server(c), now_us);
    tcp_conn_owe(c, TCP_OWE_SYN);
}

int tcp_fastopen_call_connect(struct tcp_conn *c, const struct tapir_endpoint *remote, uint64_t now_us) {
    int rc = tcp_user_prepare(c, remote, now_us);
    if (rc != 0) {
        return rc;
    }
    if (tcp_syn_room(c, now_us) == 0) {
        c->fastopen.fail = TCP_SYN_DATA_NO_COOKIE;
        begin(c, now_us);
        return -EINPROGRESS;
    }
    c->fastopen.deferred = true;
    news_mark(c->tcp->core, &c->news);
    return 0;
}

int64_t tcp_fastopen_call_send(struct tcp_conn *c, const struct tapir_msg *msg, uint64_t now_us) {
    size_t taken = tcp_sndq_take(&c->snd.queue, msg, tcp_syn_room(c, now_us));
    c->fastopen.fail = taken == 0 ? TCP_SYN_DATA_NO_COOKIE : TCP_SYN_DATA_UNKNOWN;
    begin(c, now_us);
    return taken > 0 ? (int64_t)taken : -EINPROGRESS;
}
