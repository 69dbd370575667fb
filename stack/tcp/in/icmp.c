/* ICMP errors about segments of ours (RFC 9293 3.9.2.2, RFC 5927, RFC 5461, RFC 1191). */
#include <errno.h>

#include "tcp/conn/owe.h"
#include "tcp/conn/path.h"
#include "tcp/conn/table.h"
#include "tcp/in/arrives.h"
#include "tcp/open/fastopen_active.h"

/* RFC 5927 4.1: the quoted segment must be one that is in flight. */
static bool in_flight(const struct tcp_conn *c, struct seq seq) {
    return seq_in(seq, c->snd.una, seq_diff(c->snd.nxt, c->snd.una));
}

/* The path takes less than we sent: smaller segments, and those in flight again (RFC 1191 6.4). */
static void path_too_narrow(struct tcp_conn *c, const struct ip_error *error, uint64_t now_us) {
    bool heeds = c->set.mtu_discover == 1 || c->set.mtu_discover == 2;
    if (!heeds || !ip_path_lower_mtu(c->tcp->ip, &c->remote.addr, error->mtu, now_us)) {
        return;
    }
    uint32_t before = c->snd.mss;
    tcp_conn_path_update_mss(c, now_us);
    bool syn_data = tcp_in(c, SYN_SENT) && seq_gt(c->snd.nxt, seq_add(c->snd.iss, 1));
    if (c->snd.mss < before && syn_data) { /* at once without it, and this proves nothing against Fast Open */
        c->fastopen.asked = false;
        tcp_conn_owe(c, TCP_OWE_SYN);
    } else if (c->snd.mss < before && (tcp_in(c, TCP_SYNCHRONIZED) || tcp_conn_early(c))) {
        tcp_loss_resend_all(&c->loss, tcp_conn_una_offset(c), tcp_conn_snd_offset(c, c->snd.nxt));
        c->timing = false;
        tcp_conn_owe(c, TCP_OWE_TRY);
    }
}

bool tcp_icmp_error(void *ctx, const struct ip_error *error, uint64_t now_us) {
    struct tcp *tcp = ctx;
    struct wire_tcp_quote quote;
    if (!wire_tcp_parse_quote(error->quote, error->quote_len, &quote)) {
        return false;
    }
    struct tapir_endpoint local = {.addr = error->src, .port = quote.src_port};
    struct tapir_endpoint remote = {.addr = error->dst, .port = quote.dst_port};
    struct tcp_conn *c = tcp_table_conn(tcp, &local, &remote);
    if (c == NULL) {
        const struct tcp_half *half = tcp_table_half(tcp, &local, &remote);
        return half != NULL && half->iss.v == quote.seq; /* its SYN-ACK goes again or not, by its timer */
    }
    if (!in_flight(c, seq_of(quote.seq))) { /* counted by ip as a bad quote (C4) */
        return false;
    }
    if (error->kind == IP_ERROR_FRAG_NEEDED) {
        path_too_narrow(c, error, now_us);
        return true;
    }
    /* Hard errors abort what is not established (SHLD-26); later they are advice like the soft ones
     * (MUST-56, RFC 5461 4.1, C3). Our own link's word that nobody answers is as good as a hard error. */
    bool accepted = tcp_conn_early(c) && c->listener == NULL; /* the application's, as Linux sees it */
    bool opening = tcp_in(c, SYN_SENT | SYN_RECEIVED) && !accepted;
    if (opening && (error->hard || error->local)) {
        if (!error->local) {
            tcp_fastopen_active_refused(c, now_us);
        }
        tcp_conn_end(c, TCP_EVENT_ICMP, error->error, now_us);
    } else {
        tcp_conn_owe_advice(c, error->error);
    }
    return true;
}
