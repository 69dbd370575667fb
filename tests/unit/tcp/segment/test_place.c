/* Where segments, ACKs and blocks lie (RFC 9293 3.10.7.4 table 6): all there are in a space of 8 bits, against sets of numbers
 * (HAZARDS Z1). Distances of half the space, shut windows and equal edges are among them. */
#define TCP_SEQ_BITS 8
#include "tcp/segment/place.h"

#include <criterion/criterion.h>
#include <string.h>

/* As on the wire: a window is at most a quarter of the space, a segment much shorter. */
enum { SPACE = 256, WINDOW_MAX = SPACE / 4, SEGMENT_MAX = 12 };

/* The oracle: which numbers [first, first + count) are, without any arithmetic of distances. */
struct numbers {
    bool in[SPACE];
};

static struct numbers numbers_from(unsigned first, unsigned count) {
    struct numbers n = {0};
    for (unsigned i = 0; i < count; i++) {
        n.in[(first + i) % SPACE] = true;
    }
    return n;
}

static struct seq number(unsigned value) { return seq_of((seq_value)(value % SPACE)); }

static void check_segment(unsigned nxt, unsigned wnd, const struct numbers *window, unsigned first, unsigned len) {
    unsigned inside = 0;
    unsigned before = 0; /* numbers of the segment ahead of the first that is nxt */
    bool holds_nxt = false;
    for (unsigned i = 0; i < len; i++) {
        unsigned at = (first + i) % SPACE;
        inside += window->in[at] ? 1 : 0;
        holds_nxt = holds_nxt || at == nxt;
        before += holds_nxt ? 0 : 1;
    }
    bool stands_in = first % SPACE == nxt || (len == 0 && window->in[first % SPACE]);
    bool wanted = inside > 0 || holds_nxt || stands_in;
    bool meets = tcp_place_meets(number(nxt), number(nxt + wnd), number(first), (seq_value)len);
    cr_assert_eq(meets, wanted, "nxt %u, window %u, segment %u:%u", nxt, wnd, first, len);
    if (!meets) {
        return;
    }
    struct tcp_place_cut cut = tcp_place_cut(number(nxt), number(nxt + wnd), number(first), (seq_value)len);
    before = holds_nxt ? before : 0;
    cr_assert_eq(cut.before, before, "nxt %u, window %u, segment %u:%u", nxt, wnd, first, len);
    cr_assert_eq(len - cut.before - cut.beyond, inside, "nxt %u, window %u, segment %u:%u", nxt, wnd, first, len);
}

Test(tcp_place, Z1_every_segment_against_every_window) {
    for (unsigned nxt = 0; nxt < SPACE; nxt++) {
        for (unsigned wnd = 0; wnd <= WINDOW_MAX; wnd++) {
            struct numbers window = numbers_from(nxt, wnd);
            for (unsigned first = 0; first < SPACE; first++) {
                for (unsigned len = 0; len <= SEGMENT_MAX; len += len < 3 ? 1 : 3) {
                    check_segment(nxt, wnd, &window, first, len);
                }
            }
        }
    }
}

Test(tcp_place, Z1_every_duplicate) {
    for (unsigned nxt = 0; nxt < SPACE; nxt++) {
        for (unsigned received = 0; received <= WINDOW_MAX; received++) {
            struct numbers past = numbers_from(nxt + SPACE - received, received);
            for (unsigned first = 0; first < SPACE; first++) {
                for (unsigned len = 0; len <= SEGMENT_MAX; len++) {
                    bool all = len > 0;
                    for (unsigned i = 0; i < len; i++) {
                        all = all && past.in[(first + i) % SPACE];
                    }
                    cr_assert_eq(tcp_place_again(number(nxt), (seq_value)received, number(first), (seq_value)len), all);
                }
            }
        }
    }
}

Test(tcp_place, Z1_every_ack) {
    for (unsigned una = 0; una < SPACE; una++) {
        for (unsigned flight = 0; flight <= WINDOW_MAX; flight++) {
            for (unsigned past = 0; past <= WINDOW_MAX; past++) {
                enum tcp_place_ack wanted[SPACE];
                for (unsigned ack = 0; ack < SPACE; ack++) {
                    wanted[ack] = TCP_PLACE_ACK_STRANGE;
                }
                for (unsigned i = 1; i <= past; i++) {
                    wanted[(una + SPACE - i) % SPACE] = TCP_PLACE_ACK_OLD;
                }
                wanted[una] = TCP_PLACE_ACK_SAME;
                for (unsigned i = 1; i <= flight; i++) {
                    wanted[(una + i) % SPACE] = TCP_PLACE_ACK_NEW;
                }
                for (unsigned ack = 0; ack < SPACE; ack++) {
                    cr_assert_eq(tcp_place_ack(number(una), number(una + flight), (seq_value)past, number(ack)),
                                 wanted[ack]);
                }
            }
        }
    }
}

/* `from` at 0 and across the wrap; both edges of the block anywhere. */
Test(tcp_place, Z1_every_block) {
    for (unsigned from = 0; from < SPACE; from += 51) {
        for (unsigned span = 0; span <= WINDOW_MAX; span++) {
            for (unsigned left = 0; left < SPACE; left++) {
                for (unsigned right = 0; right < SPACE; right++) {
                    bool wanted = false;
                    for (unsigned l = 0; l < span && !wanted; l++) {
                        unsigned len = (right + SPACE - left) % SPACE;
                        wanted = (from + l) % SPACE == left && len > 0 && l + len <= span;
                    }
                    cr_assert_eq(tcp_place_within(number(from), number(from + span), number(left), number(right)),
                                 wanted);
                }
            }
        }
    }
}
