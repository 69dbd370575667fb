/* How a connection's segment is laid out, once output.c has decided what it is to say. */
#ifndef TCP_LAYOUT_H
#define TCP_LAYOUT_H

#include "tcp/conn/tcp.h"

/* A segment in the making. */
struct tcp_plan {
    uint64_t offset; /* of the first payload byte; seq follows */
    uint32_t len;    /* payload bytes */
    uint8_t flags;
    struct seq seq;
    const char *reason;
    bool markable; /* new data: congestion may be marked on it (RFC 3168 6.1.5: not on what is sent again) */
    bool again;    /* a retransmission */
    bool whole;    /* one segment however long: a path MTU probe */
};

/* The options of a SYN or SYN-ACK; and of any other segment, with the SACK blocks that are due. */
struct wire_tcp_options tcp_layout_syn_options(struct tcp_conn *c, uint64_t now_us);
struct wire_tcp_options tcp_layout_data_options(struct tcp_conn *c, uint64_t now_us);

/* How many payload bytes one segment, super or not, may hold with options of that length; and in *mss how many a segment on
 * the wire holds. */
uint32_t tcp_layout_room(const struct tcp_conn *c, size_t options_len, uint32_t *mss);

/* Lays the segment out in *out, whose pieces are the payload, and hands it to IP: its result. Whatever ACK was owed is sent with
 * it; the accounting of text is the callers'. */
int tcp_layout_emit(struct tcp_conn *c, const struct tcp_plan *plan, const struct wire_tcp_options *options,
                    struct tapir_out *out, uint64_t now_us);

#endif
