/* User calls that open and close: OPEN, CLOSE, ABORT, and readiness (RFC 9293 3.10.1, 3.10.4, 3.10.5). */
#include "tcp/user/user.h"

#include <errno.h>

#include "base/addr.h"
#include "tcp/conn/options.h"
#include "tcp/conn/owe.h"
#include "tcp/conn/room.h"
#include "tcp/conn/table.h"
#include "tcp/conn/timers.h"
#include "tcp/conn/tuning.h"
#include "tcp/in/timewait.h"

/* Is the 4-tuple free for a bound socket? A TIME-WAIT record may give way (RFC 6191). */
static int claim_tuple(struct tcp *tcp, const struct tapir_endpoint *local, const struct tapir_endpoint *remote,
                       struct seq *iss_after, uint64_t now_us) {
    if (tcp_table_conn(tcp, local, remote) != NULL || tcp_table_half(tcp, local, remote) != NULL) {
        return -EADDRNOTAVAIL;
    }
    struct tcp_wait *w = tcp_table_wait(tcp, local, remote);
    if (w != NULL) {
        if (!tcp_wait_reusable(w, now_us)) {
            return -EADDRNOTAVAIL;
        }
        *iss_after = w->snd_nxt;
        COUNT(tcp->core, tcp_timewait_reused);
        tcp_timewait_drop(tcp, w);
    }
    return 0;
}

/* The local end: the bound address or the path's (MUST-44), the claimed port or an ephemeral one. */
static int choose_local(struct tcp_conn *c, const struct tapir_endpoint *remote, struct tapir_endpoint *local,
                        uint64_t now_us) {
    int rc =
        ip_path_find_direct(c->tcp->ip, &remote->addr, &c->port.local.addr, c->set.netif, c->set.dont_route, &c->path);
    if (rc != 0) {
        return rc;
    }
    c->has_path = true;
    *local = (struct tapir_endpoint){.addr = c->path.src, .port = c->port.local.port};
    if (!ip_ports_bound(&c->port)) {
        c->port.netif = c->set.netif;
        return tcp_table_bind_for(c->tcp, &c->port, local, remote, now_us);
    }
    return 0;
}

int tcp_user_prepare(struct tcp_conn *c, const struct tapir_endpoint *remote, uint64_t now_us) {
    struct tcp *tcp = c->tcp;
    struct tapir_endpoint local;
    struct seq iss_after = seq_of(0);
    if (remote->port == 0 || ip_cast_of(tcp->ip, &remote->addr) != LINK_UNICAST) { /* MUST-46 */
        return remote->port == 0 ? -EADDRNOTAVAIL : -ENETUNREACH;
    }
    bool bound = ip_ports_bound(&c->port);
    int rc = choose_local(c, remote, &local, now_us);
    if (rc == 0) {
        rc = claim_tuple(tcp, &local, remote, &iss_after, now_us);
    }
    if (rc != 0) {
        if (!bound) {
            ip_ports_unbind(&tcp->ports, &c->port);
        }
        return rc;
    }
    tcp_conn_prepare(c, &local, remote, now_us);
    if (iss_after.v != 0 && seq_le(c->snd.iss, iss_after)) {
        c->snd.iss = c->snd.una = c->snd.nxt = seq_add(iss_after, 1 + (uint32_t)(core_random(tcp->core) & 0xffff));
    }
    c->rcv.mss = tcp_options_mss_offer(tcp, &remote->addr, c->path.netif, c->set.maxseg_bytes);
    tcp_table_add_conn(tcp, c);
    COUNT(tcp->core, tcp_active_open);
    tcp_state_enter(c, SYN_SENT, TCP_EVENT_ACTIVE_OPEN, now_us);
    return 0;
}

int tcp_user_open(struct tcp_conn *c, const struct tapir_endpoint *remote, uint64_t now_us) {
    int rc = tcp_user_prepare(c, remote, now_us);
    if (rc == 0) {
        tcp_conn_owe(c, TCP_OWE_SYN);
    }
    return rc;
}

/* Our FIN follows what is queued. SYN-RECEIVED: queued until ESTABLISHED (3.10.4). */
static void close_sending(struct tcp_conn *c, uint64_t now_us) {
    c->fin_wanted = true;
    c->snd.more = false;
    if (tcp_in(c, ESTABLISHED)) {
        tcp_state_enter(c, FIN_WAIT_1, TCP_EVENT_CLOSE, now_us);
    } else if (tcp_in(c, CLOSE_WAIT)) {
        tcp_state_enter(c, LAST_ACK, TCP_EVENT_CLOSE, now_us);
    }
    tcp_conn_owe(c, TCP_OWE_TRY);
}

int tcp_user_shutdown(struct tcp_conn *c, uint32_t how, uint64_t now_us) {
    CHECK(!tcp_in(c, SYN_SENT));
    c->rd_shut = c->rd_shut || (how & TAPIR_SHUT_RD) != 0; /* also of one that is not connected, as on Linux */
    news_mark(c->tcp->core, &c->news);
    if (tcp_in(c, CLOSED)) {
        return -ENOTCONN;
    }
    if ((how & TAPIR_SHUT_WR) != 0 && tcp_in(c, SYN_RECEIVED | TCP_SENDING) && !c->fin_wanted) {
        close_sending(c, now_us);
    }
    return 0;
}

/* D6: too many connections that nobody owns; the one that has been alone longest goes. */
static void limit_orphans(struct tcp *tcp, uint64_t now_us) {
    if (tcp->orphan_count > TCP_ORPHANS_MAX) {
        COUNT(tcp->core, tcp_orphan_cap);
        tcp_abort(LIST_ENTRY(tcp->orphans.next, struct tcp_conn, orphans), now_us);
    }
}

static void make_orphan(struct tcp_conn *c, uint64_t now_us) {
    struct tcp *tcp = c->tcp;
    c->orphan = true;
    list_push_back(&tcp->orphans, &c->orphans);
    tcp->orphan_count++;
    tcp_reasm_clear(&c->rcv.queue);
    if (tcp_in(c, FIN_WAIT_2)) {
        tcp_timers_fin_wait_2(c, now_us);
    }
    limit_orphans(tcp, now_us);
}

void tcp_user_close(struct tcp_conn *c, uint64_t now_us) {
    news_drop(&c->news);
    c->news.owner = 0;
    bool unread = tcp_reasm_ready_bytes(&c->rcv.queue) > 0;
    bool refuse = c->set.linger_s == 0 || unread || (tcp_in(c, FIN_WAIT_2) && c->set.linger2_us < 0);
    if (refuse) { /* SHLD-3: the peer must learn that its data was not read (RFC 2525 2.17) */
        tcp_abort(c, now_us);
    } else if (tcp_in(c, SYN_SENT)) {
        tcp_conn_end(c, TCP_EVENT_CLOSE, 0, now_us);
    } else if (tcp_in(c, SYN_RECEIVED | TCP_SENDING) && !c->fin_wanted) {
        close_sending(c, now_us);
    }
    if (tcp_in(c, CLOSED)) {
        tcp_conn_free(c);
    } else {
        make_orphan(c, now_us);
    }
}

int tcp_user_take_error(struct tcp_conn *c) {
    int error = c->error;
    c->error = 0;
    return error;
}

uint64_t tcp_user_readable(const struct tcp_conn *c) {
    const struct reasm *queue = &c->rcv.queue;
    bool mark = c->rcv.urgent && !c->set.oobinline && c->rcv.up >= queue->head && c->rcv.up < queue->next;
    return tcp_reasm_ready_bytes(queue) - (mark ? 1 : 0);
}

uint64_t tcp_user_readable_at_once(const struct tcp_conn *c) {
    const struct reasm *queue = &c->rcv.queue;
    bool mark_ahead = c->rcv.urgent && !c->set.oobinline && c->rcv.up >= queue->head && c->rcv.up < queue->next;
    return mark_ahead ? c->rcv.up - queue->head : tcp_user_readable(c);
}

/* SO_RCVLOWAT bytes; or all that will come until some are read: then to wait for more is to wait for ever, or for the peer's
 * window probes. */
static bool worth_reading(const struct tcp_conn *c) {
    uint64_t bytes = tcp_user_readable(c);
    return bytes > 0 && (bytes >= c->set.rcvlowat_bytes || tcp_conn_tuning_no_more_comes(c));
}

uint32_t tcp_user_ready(const struct tcp_conn *c) {
    bool closed = tcp_in(c, CLOSED);
    bool ended = closed && c->remote.port != 0; /* there was a connection; a socket that has none has nothing to read */
    bool read_end = c->fin_received || c->rd_shut || ended;
    bool write_end = c->fin_wanted || ended;
    uint32_t ready = 0;
    ready |= read_end || worth_reading(c) ? TAPIR_READY_IN : 0;
    ready |= tcp_conn_room_writable(c) ? TAPIR_READY_OUT : 0;
    ready |= read_end ? TAPIR_READY_RDHUP : 0;
    ready |= closed || (read_end && write_end) ? TAPIR_READY_HUP : 0;
    ready |= c->error != 0 ? TAPIR_READY_ERR : 0;
    bool urgent_here = c->rcv.urgent && !c->rcv.urgent_read && c->rcv.up < c->rcv.queue.next;
    ready |= urgent_here ? TAPIR_READY_PRI : 0;
    return ready;
}
