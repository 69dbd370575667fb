/* A connection's life: made, prepared, ended, freed; and what follows from its fields. */
#include "tcp/conn/conn.h"

#include <string.h>

#include "base/addr.h"
#include "tcp/conn/mtu_probing.h"
#include "tcp/conn/table.h"
#include "tcp/conn/timers.h"
#include "tcp/conn/tuning.h"
#include "tcp/secret/isn.h"

struct tcp_conn *tcp_conn_new(struct tcp *tcp, const struct tcp_settings *set) {
    struct tcp_conn *c = mem_admit(&tcp->core->mem, sizeof *c, TCP_PROMISED_BYTES);
    if (c == NULL) {
        return NULL;
    }
    c->tcp = tcp;
    promise_init(&c->promises, tcp->core);
    c->set = *set;
    c->state = CLOSED;
    tcp_sndq_init(&c->snd.queue, &c->promises);
    tcp_reasm_init(&c->rcv.queue, &tcp->core->mem, 0);
    tcp_loss_init(&c->loss, &c->promises, 0);
    tcp_timers_init(c);
    return c;
}

/* Sets the endpoints, which the keyed numbers are made from. */
static void name_ends(struct tcp_conn *c, const struct tapir_endpoint *local, const struct tapir_endpoint *remote) {
    c->local = *local;
    c->remote = *remote;
}

void tcp_conn_prepare(struct tcp_conn *c, const struct tapir_endpoint *local, const struct tapir_endpoint *remote,
                      uint64_t now_us) {
    struct core *core = c->tcp->core;
    tcp_sndq_clear(&c->snd.queue);
    tcp_reasm_clear(&c->rcv.queue);
    name_ends(c, local, remote);
    memset(&c->snd, 0, sizeof c->snd);
    memset(&c->rcv, 0, sizeof c->rcv);
    memset(&c->ts, 0, sizeof c->ts);
    memset(&c->ecn, 0, sizeof c->ecn);
    memset(&c->plpmtu, 0, sizeof c->plpmtu);
    CHECK(c->fastopen.waits_at == NULL);
    memset(&c->fastopen, 0, sizeof c->fastopen);
    memset(&c->stat, 0, sizeof c->stat);
    tcp_sndq_init(&c->snd.queue, &c->promises);
    tcp_reasm_init(&c->rcv.queue, &core->mem, core_random(core));
    tcp_rtt_init(&c->rtt);
    c->rtt.rto_min_us = c->set.rto_min_us;
    tcp_loss_clear(&c->loss);
    tcp_loss_init(&c->loss, &c->promises, core_random(core));
    c->ts.offset = tcp_isn_timestamp_offset(&core->key, local, remote);
    c->snd.iss = tcp_isn(&c->tcp->isn_key, local, remote, now_us);
    c->snd.una = c->snd.nxt = c->snd.iss;
    c->snd.peer_mss = TCP_MSS_DEFAULT;
    c->snd.mss = TCP_MSS_DEFAULT;
    c->snd.last_send_us = now_us;
    tcp_cc_seed(&c->cc, core_random(core));
    tcp_cc_init(&c->cc, c->set.cc, TCP_MSS_DEFAULT);
    c->pacing = (struct pacing){0};
    c->rcv.wscale = tcp_conn_settings_wscale(&c->set);
    tcp_rcvtune_init(&c->rcv.tune, (uint64_t)10 * TCP_MSS_DEFAULT, now_us);
    c->chrono = (struct chrono){0};
    c->rcv.quickacks = TCP_QUICKACKS;
    c->rcv.seen_mss = TCP_MSS_DEFAULT;
    c->stat.last_recv_us = now_us;
    c->fin_wanted = c->fin_sent = c->fin_received = c->reset_by_peer = c->timing = c->sack_ok = false;
    c->rd_shut = c->passive = c->cookie = false;
    c->error = c->soft_error = 0;
    c->retransmits = c->probes = c->keepalive_probes = c->owes = 0;
    c->persist_backoff = 0;
    c->first_unacked_us = c->challenge_us = 0;
}

static void leave_tables(struct tcp_conn *c) {
    tcp_table_remove_conn(c->tcp, c);
    tcp_listener_settled(c);
    if (list_linked(&c->owed)) {
        list_remove(&c->owed);
    }
    c->owes = 0;
    tcp_timers_stop(c);
    tcp_conn_tuning_leave(c);
}

void tcp_conn_free(struct tcp_conn *c) {
    struct tcp *tcp = c->tcp;
    leave_tables(c);
    tcp_listener_forget(c);
    if (list_linked(&c->orphans)) {
        list_remove(&c->orphans);
        tcp->orphan_count--;
    }
    ip_ports_unbind(&tcp->ports, &c->port);
    news_drop(&c->news);
    promise_drop(&c->promises);
    tcp_sndq_clear(&c->snd.queue);
    tcp_reasm_clear(&c->rcv.queue);
    tcp_loss_clear(&c->loss);
    mem_dismiss(&tcp->core->mem, c, sizeof *c, TCP_PROMISED_BYTES);
}

void tcp_conn_end(struct tcp_conn *c, enum tcp_event event, int error, uint64_t now_us) {
    tcp_state_enter(c, CLOSED, event, now_us);
    tcp_mtu_probing_end(c, now_us);
    leave_tables(c);
    if (!c->port.chosen) {
        ip_ports_unbind(&c->tcp->ports, &c->port);
    }
    c->error = error;
    tcp_sndq_clear(&c->snd.queue);
    tcp_loss_clear(&c->loss);
    tcp_reasm_prune(
        &c->rcv.queue); /* out-of-order data can never become whole; what is in order stays readable, as on Linux */
    news_mark(c->tcp->core, &c->news);
    if (c->orphan) { /* one in an accept queue waits there: accept() gives it, what came can be read, then the error */
        tcp_conn_free(c);
    }
}
