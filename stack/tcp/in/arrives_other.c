/* A segment arrives in SYN-RECEIVED or a synchronized state: the eight steps of RFC 9293 3.10.7.4. */
#include <errno.h>

#include "tcp/conn/owe.h"
#include "tcp/conn/timers.h"
#include "tcp/conn/trace.h"
#include "tcp/in/arrives.h"
#include "tcp/open/fastopen_passive.h"
#include "tcp/out/bare.h"
#include "tcp/segment/place.h"

static int reset_error(const struct tcp_conn *c) {
    if (tcp_in(c, SYN_RECEIVED)) {
        return c->fastopen.early ? ECONNRESET : ECONNREFUSED;
    }
    return tcp_in(c, CLOSE_WAIT) ? EPIPE : ECONNRESET;
}

/* RFC 5961 3.2: only the exact sequence number resets; what is merely in the window is challenged. */
static struct tcp_judgement second_check_rst(struct tcp_conn *c, struct tcp_segment *seg, uint64_t now_us) {
    if (!tcp_segment_has(seg, WIRE_TCP_RST)) {
        return tcp_go_on();
    }
    if (!seq_eq(seg->seq, c->rcv.nxt)) {
        COUNT(c->tcp->core, tcp_rst_ignored);
        return (struct tcp_judgement){TCP_DROP_CHALLENGE, "reset not at rcv.nxt"};
    }
    COUNT(c->tcp->core, tcp_rst_in);
    c->reset_by_peer = true;
    tcp_fastopen_passive_reset(c, now_us);
    tcp_conn_end(c, TCP_EVENT_RCV_RST, reset_error(c), now_us);
    return (struct tcp_judgement){TCP_GONE, "reset"};
}

/* The third step, security and compartment, has nothing to check: IP drops what carries such options. */

/* RFC 5961 4.2. */
static struct tcp_judgement fourth_check_syn(struct tcp_conn *c, struct tcp_segment *seg, uint64_t now_us) {
    (void)now_us;
    if (tcp_segment_has(seg, WIRE_TCP_SYN)) {
        COUNT(c->tcp->core, tcp_flags);
        return (struct tcp_judgement){TCP_DROP_CHALLENGE, "SYN in the window"};
    }
    return tcp_go_on();
}

static struct tcp_judgement ack_of_syn(struct tcp_conn *c, struct tcp_segment *seg, uint64_t now_us) {
    if (tcp_place_ack(c->snd.una, c->snd.nxt, 0, seg->ack) != TCP_PLACE_ACK_NEW) {
        COUNT(c->tcp->core, tcp_bad_ack);
        return (struct tcp_judgement){TCP_DROP_RESET, "ACK of no SYN of ours"};
    }
    tcp_state_enter(c, ESTABLISHED, TCP_EVENT_RCV_ACK_OF_SYN, now_us);
    tcp_established(c, seg, now_us);
    if (c->fin_wanted) { /* CLOSE came in SYN-RECEIVED and was queued (3.10.4) */
        tcp_state_enter(c, FIN_WAIT_1, TCP_EVENT_CLOSE, now_us);
    }
    bool more = c->fastopen.early && seq_gt(seg->ack, c->snd.una);
    return more ? tcp_ack_process(c, seg, now_us) : tcp_go_on();
}

/* What our FIN's acknowledgement changes. */
static struct tcp_judgement ack_of_fin(struct tcp_conn *c, uint64_t now_us) {
    if (!tcp_conn_fin_acked(c)) {
        return tcp_go_on();
    }
    if (tcp_in(c, FIN_WAIT_1)) {
        tcp_state_enter(c, FIN_WAIT_2, TCP_EVENT_RCV_ACK_OF_FIN, now_us);
        if (c->orphan) {
            tcp_timers_fin_wait_2(c, now_us);
        }
    } else if (tcp_in(c, CLOSING)) {
        return tcp_fin_finished(c, TCP_EVENT_RCV_ACK_OF_FIN, now_us);
    } else if (tcp_in(c, LAST_ACK)) {
        tcp_conn_end(c, TCP_EVENT_RCV_ACK_OF_FIN, 0, now_us);
        return (struct tcp_judgement){TCP_GONE, "closed"};
    }
    return tcp_go_on();
}

static struct tcp_judgement fifth_check_ack(struct tcp_conn *c, struct tcp_segment *seg, uint64_t now_us) {
    if (!tcp_segment_has(seg, WIRE_TCP_ACK)) {
        COUNT(c->tcp->core, tcp_no_ack);
        return (struct tcp_judgement){TCP_DROP, "no ACK"};
    }
    struct tcp_judgement j = tcp_in(c, SYN_RECEIVED) ? ack_of_syn(c, seg, now_us) : tcp_ack_process(c, seg, now_us);
    return j.verdict == TCP_GO_ON ? ack_of_fin(c, now_us) : j;
}

static struct tcp_judgement sixth_check_urg(struct tcp_conn *c, struct tcp_segment *seg, uint64_t now_us) {
    (void)now_us;
    tcp_urgent(c, seg);
    return tcp_go_on();
}

static struct tcp_judgement eighth_check_fin(struct tcp_conn *c, struct tcp_segment *seg, uint64_t now_us) {
    return tcp_fin_check(c, seg, now_us);
}

/* Does what a verdict says besides dropping; the connection lives. */
static void act(struct tcp_conn *c, const struct tcp_segment *seg, enum tcp_verdict verdict, uint64_t now_us) {
    switch (verdict) {
    case TCP_DROP_ACK:
        tcp_conn_owe(c, TCP_OWE_ACK);
        break;
    case TCP_DROP_CHALLENGE:
        tcp_challenge(c, now_us);
        break;
    case TCP_DROP_RESET:
        tcp_bare_reset_for(c->tcp, c, seg, now_us);
        break;
    case TCP_GO_ON:
    case TCP_DROP:
    case TCP_GONE:
        break;
    }
}

void tcp_arrives_other(struct tcp_conn *c, struct tcp_segment *seg, uint64_t now_us) {
    typedef struct tcp_judgement step(struct tcp_conn *, struct tcp_segment *, uint64_t);
    static step *const steps[] = {
        tcp_sequence_check, /* first: the sequence number */
        second_check_rst,   /* second: RST */
        /* third: security, which has no checks left */
        fourth_check_syn, /* fourth: SYN */
        fifth_check_ack,  /* fifth: ACK */
        sixth_check_urg,  /* sixth: URG */
        tcp_text_take,    /* seventh: the segment text */
        eighth_check_fin, /* eighth: FIN */
    };
    const struct tcp_segment whole = *seg; /* the trace shows it as it came, not as it was trimmed */
    struct core *core = c->tcp->core;
    const char *reason = "ok";
    struct tcp_judgement j = tcp_go_on();
    for (size_t i = 0; i < ARRAY_LEN(steps) && j.verdict == TCP_GO_ON; i++) {
        j = steps[i](c, seg, now_us);
        reason = j.reason != NULL ? j.reason : reason;
    }
    if (j.verdict == TCP_GONE) {
        tcp_trace_in(core, NULL, &whole, false, reason, now_us);
        return;
    }
    tcp_trace_in(core, c, &whole, j.verdict != TCP_GO_ON, reason, now_us);
    act(c, seg, j.verdict, now_us);
    tcp_state_check(c);
}
