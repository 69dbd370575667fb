/* SEGMENT ARRIVES (RFC 9293 3.10.7), cut into the steps of the RFC, one file per group of steps.
 *
 * A step answers with a verdict. Whoever ends the connection answers TCP_GONE: the struct may be freed by then
 * and is not touched again.
 */
#ifndef TCP_ARRIVES_H
#define TCP_ARRIVES_H

#include "tcp/conn/tcp.h"
#include "tcp/segment/segment.h"

/* What ip calls for protocol 6 (struct ip_handler); ctx is the struct tcp. arrives.c, icmp.c */
enum ip_verdict tcp_arrives(void *ctx, const struct ip_rx *rx, uint64_t now_us);
bool tcp_icmp_error(void *ctx, const struct ip_error *error, uint64_t now_us);

enum tcp_verdict {
    TCP_GO_ON,
    TCP_DROP,           /* and say nothing; counted by who dropped it */
    TCP_DROP_ACK,       /* and owe an ACK */
    TCP_DROP_CHALLENGE, /* and owe a challenge ACK (RFC 5961), rate-limited */
    TCP_DROP_RESET,     /* and answer with <SEQ=SEG.ACK><CTL=RST> */
    TCP_GONE,
};

/* A verdict with the reason that a trace shows; NULL: nothing worth a remark. */
struct tcp_judgement {
    enum tcp_verdict verdict;
    const char *reason;
};

static inline struct tcp_judgement tcp_go_on(void) { return (struct tcp_judgement){TCP_GO_ON, NULL}; }

/* In SYN-SENT (3.10.7.3), and in every state from SYN-RECEIVED on (3.10.7.4). */
void tcp_arrives_synsent(struct tcp_conn *c, struct tcp_segment *seg, uint64_t now_us);
void tcp_arrives_other(struct tcp_conn *c, struct tcp_segment *seg, uint64_t now_us);

/* The first step: sequence numbers, timestamps, trimming to the window. sequence.c */
struct tcp_judgement tcp_sequence_check(struct tcp_conn *c, struct tcp_segment *seg, uint64_t now_us);

/* The fifth step in synchronized states: what the ACK acknowledges, and the window. ack.c */
struct tcp_judgement tcp_ack_process(struct tcp_conn *c, const struct tcp_segment *seg, uint64_t now_us);

/* The segment's SACK blocks as offsets, those that make sense (T6); what was reported twice is a D-SACK. blocks.c */
void tcp_blocks_take(struct tcp_conn *c, const struct tcp_segment *seg, struct loss_ack *ack);

/* A round trip ended, measured by the timed segment or the timestamp echo. ack.c */
void tcp_ack_rtt(struct tcp_conn *c, const struct tcp_segment *seg, uint64_t now_us);

/* The sixth step: urgent data is announced. urgent.c */
void tcp_urgent(struct tcp_conn *c, const struct tcp_segment *seg);

/* The seventh step: the text. text.c */
struct tcp_judgement tcp_text_take(struct tcp_conn *c, struct tcp_segment *seg, uint64_t now_us);

/* An ACK is owed at once; or after text, as SHLD-18 and SHLD-19 say: every second full segment at once, the rest may wait.
 * acknowledge.c */
void tcp_acknowledge_now(struct tcp_conn *c);
void tcp_acknowledge_text(struct tcp_conn *c, const struct tcp_segment *seg, uint64_t now_us);

/* [left, right) of the stream had been received before: a D-SACK, if SACK was agreed on (RFC 2883 4). acknowledge.c */
void tcp_acknowledge_duplicate(struct tcp_conn *c, uint64_t left, uint64_t right);

/* After the sign of a timeout at the sender: it shall not wait for delayed ACKs while its window is small (RFC 5681 4.2
 * lets a receiver acknowledge each segment; Linux does after the same signs). */
void tcp_acknowledge_quickly(struct tcp_conn *c);

/* Where the stream ends, if the segment says so: before the seventh step, as nothing beyond may be taken. fin.c */
void tcp_fin_note(struct tcp_conn *c, const struct tcp_segment *seg);

/* The eighth step: the FIN bit, which may have come early. fin.c */
struct tcp_judgement tcp_fin_check(struct tcp_conn *c, const struct tcp_segment *seg, uint64_t now_us);

/* The connection has exchanged everything: TIME-WAIT, then a record in its place. fin.c */
struct tcp_judgement tcp_fin_finished(struct tcp_conn *c, enum tcp_event event, uint64_t now_us);

/* Owes a challenge ACK unless one went out a moment ago (RFC 5961 7, S5); and: may something else go in answer under that limit?
 * challenge.c */
void tcp_challenge(struct tcp_conn *c, uint64_t now_us);
bool tcp_challenge_allowed(struct tcp_conn *c, uint64_t now_us);

/* The handshake is done: windows, MSS, first window of congestion control, keep-alive, news. established.c */
void tcp_established(struct tcp_conn *c, const struct tcp_segment *seg, uint64_t now_us);

#endif
