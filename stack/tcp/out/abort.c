/* ABORT (RFC 9293 3.10.5). */
#include "tcp/out/abort.h"

#include <errno.h>

#include "tcp/out/bare.h"

void tcp_abort(struct tcp_conn *c, uint64_t now_us) {
    if (tcp_in(c, CLOSED)) {
        return;
    }
    bool peer_waits = tcp_in(c, SYN_RECEIVED | ESTABLISHED | FIN_WAIT_1 | FIN_WAIT_2 | CLOSE_WAIT);
    if (peer_waits) {
        tcp_bare_reset(c, now_us);
    }
    /* Calls in the way get "connection reset" (3.10.5); in the closing states nothing is missing. */
    tcp_conn_end(c, TCP_EVENT_ABORT, peer_waits || tcp_in(c, SYN_SENT) ? ECONNRESET : 0, now_us);
}
