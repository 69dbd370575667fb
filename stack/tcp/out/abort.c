/* ABORT (RFC 9293 3.10.5). */
#include "tcp/out/abort.h"

#include <errno.h>

#include "tcp/out/bare.h"

void tcp_abort(struct tcp_conn *c, uint64_t now_us) {
    if (tcp_in(c, CLOSED)) {
        return;
    }
    bool peer_waits = tcp_in(c, SYN_RECEIVED | ESTABLISHED | FIN_WAIT_1 | FIN_WAIT_2 | CLOSE_WAIT);
    /* In the closing states the peer has our FIN, says 3.10.5. Not if a window has held it back: nothing else would tell him. Nor
     * may he take what nobody has read for read (RFC 2525 2.17). */
    peer_waits |= tcp_in(c, CLOSING | LAST_ACK) && (!c->fin_sent || tcp_reasm_ready_bytes(&c->rcv.queue) > 0);
    if (peer_waits) {
        tcp_bare_reset(c, now_us);
    }
    /* Calls in the way get "connection reset" (3.10.5); in the closing states nothing is missing. */
    tcp_conn_end(c, TCP_EVENT_ABORT, peer_waits || tcp_in(c, SYN_SENT) ? ECONNRESET : 0, now_us);
}
