/* Where a segment lies: its numbers against the windows, whatever numbers a peer has chosen (RFC 9293 3.4, 3.10.7.4).
 *
 * All of it by unsigned distances from an edge that is ours, never by a chain of comparisons: before and after say nothing
 * at a distance of 2^31. Pure functions; tests/unit/tcp/segment/test_place.c looks at all numbers of a space of 8 bits.
 *
 * The windows are at most 2^30 long (RFC 7323 2.3), a segment's text at most 2^16, and so no two of them meet twice.
 */
#ifndef TCP_PLACE_H
#define TCP_PLACE_H

#include "tcp/segment/seq.h"

/* Does the segment [seq, seq + len) share a number with the receive window [nxt, edge), or stand at nxt? Table 6 of 3.10.7.4,
 * in which two stretches meet when one of them begins within the other. With a window of zero a segment that holds nxt counts:
 * its text is cut off, its ACK, URG and RST are valid (3.10.7.4). */
static inline bool tcp_place_meets(struct seq nxt, struct seq edge, struct seq seq, seq_value len) {
    return seq_eq(seq, nxt) || seq_in(seq, nxt, seq_diff(edge, nxt)) || seq_in(nxt, seq, len);
}

/* What of such a segment is outside the window. */
struct tcp_place_cut {
    seq_value before; /* this many of its first numbers are below nxt: received already */
    seq_value beyond; /* and this many of its last at the edge and above */
};

static inline struct tcp_place_cut tcp_place_cut(struct seq nxt, struct seq edge, struct seq seq, seq_value len) {
    seq_value behind = seq_diff(nxt, seq);
    struct tcp_place_cut cut = {.before = behind < len ? behind : 0};
    seq_value rest = (seq_value)(len - cut.before);
    seq_value room = seq_diff(edge, seq_add(seq, cut.before));
    cut.beyond = rest > room ? (seq_value)(rest - room) : 0;
    return cut;
}

/* Is the segment, which does not meet the window, one of the last `received` numbers below nxt again? */
static inline bool tcp_place_again(struct seq nxt, seq_value received, struct seq seq, seq_value len) {
    seq_value behind = seq_diff(nxt, seq);
    return len > 0 && behind >= len && behind <= received;
}

/* What an ACK number says, of which [una, nxt] is outstanding and the `past` numbers below una were acknowledged before. */
enum tcp_place_ack {
    TCP_PLACE_ACK_NEW, /* una < ack <= nxt */
    TCP_PLACE_ACK_SAME,
    TCP_PLACE_ACK_OLD,    /* una - past <= ack < una */
    TCP_PLACE_ACK_STRANGE /* of what was never sent, or absurdly old: they look the same from far away */
};

static inline enum tcp_place_ack tcp_place_ack(struct seq una, struct seq nxt, seq_value past, struct seq ack) {
    seq_value ahead = seq_diff(ack, una);
    if (ahead == 0) {
        return TCP_PLACE_ACK_SAME;
    }
    if (ahead <= seq_diff(nxt, una)) {
        return TCP_PLACE_ACK_NEW;
    }
    return seq_diff(una, ack) <= past ? TCP_PLACE_ACK_OLD : TCP_PLACE_ACK_STRANGE;
}

/* Is [left, right) a stretch with something in it, within [from, to]? */
static inline bool tcp_place_within(struct seq from, struct seq to, struct seq left, struct seq right) {
    return seq_diff(left, from) < seq_diff(right, from) && seq_diff(right, from) <= seq_diff(to, from);
}

#endif
