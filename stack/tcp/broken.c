/* Connections about which a promise was broken: told, reset, ended; all others go on. */
#include <errno.h>

#include "tcp/out/bare.h"
#include "tcp/tcp.h"

static void tell(const struct tcp_conn *c) {
    const struct tapir_env *env = c->tcp->core->mem.env;
    const struct tapir_broken broken = {.what = c->promises.what,
                                        .file = c->promises.file,
                                        .line = c->promises.line,
                                        .local = c->local,
                                        .remote = c->remote,
                                        .state = tcp_state_number(c->state),
                                        .snd_una = c->snd.una.v,
                                        .snd_nxt = c->snd.nxt.v,
                                        .snd_wnd = c->snd.wnd,
                                        .rcv_nxt = c->rcv.nxt.v,
                                        .rcv_wnd = tcp_conn_offered(c),
                                        .cwnd_bytes = c->cc.cwnd_bytes,
                                        .unacked_bytes = tcp_sndq_bytes(&c->snd.queue),
                                        .unread_bytes = tcp_reasm_ready_bytes(&c->rcv.queue)};
    env->broken(env->ctx, &broken);
}

void tcp_broken_end(struct tcp *tcp, uint64_t now_us) {
    while (!list_empty(&tcp->core->broken)) {
        struct tcp_conn *c = LIST_ENTRY(tcp->core->broken.next, struct tcp_conn, promises.node);
        promise_drop(&c->promises);
        COUNT(tcp->core, tcp_broken);
        tell(c);
        if (!tcp_in(c, CLOSED)) {
            tcp_bare_reset(c, now_us);
            tcp_conn_end(c, TCP_EVENT_ABORT, ECONNABORTED, now_us);
        }
    }
}
