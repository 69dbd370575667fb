/* The SYN of an active open, with what Fast Open puts on it. */
#include "tcp/out/syn.h"

#include "tcp/conn/path.h"
#include "tcp/conn/tcp.h"

const struct fastopen_server *tcp_syn_server(struct tcp_conn *c) {
    return tcp_fastopen_find(&c->tcp->fastopen, &c->local.addr, &c->remote.addr);
}

/* How much may go with the SYN: the server's MSS as it was (RFC 1122's default if it is not known), less all the room
 * for options, since boxes on the way may add their own. 0: none may. */
uint32_t tcp_syn_room(struct tcp_conn *c, uint64_t now_us) {
    const struct fastopen_server *server = tcp_syn_server(c);
    bool cookie = server != NULL && server->cookie.len > 0;
    if ((!cookie && !c->set.fastopen_no_cookie) || tcp_fastopen_shunned(server, now_us)) {
        return 0;
    }
    c->snd.peer_mss = cookie && server->mss > 0 ? server->mss : TCP_MSS_DEFAULT;
    tcp_conn_path_update_mss(c, now_us);
    return c->snd.mss > WIRE_TCP_OPTIONS_MAX ? c->snd.mss - WIRE_TCP_OPTIONS_MAX : 0;
}

/* A cookie that was there when the data was taken may have made room for others since: then the data waits. */
uint32_t tcp_syn_data(struct tcp_conn *c, struct wire_tcp_options *options, uint64_t now_us) {
    if (!c->fastopen.ask) {
        return 0;
    }
    const struct fastopen_server *server = tcp_syn_server(c);
    uint32_t bytes = (uint32_t)min_u64(c->snd.queue.tail, tcp_syn_room(c, now_us));
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
