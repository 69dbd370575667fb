/* Sequence numbers and timestamps compare modulo 2^32, whatever the starting point (T11, RFC 9293 3.4). */
#include <criterion/criterion.h>

#include "base/check.h"
#include "tcp/segment/seq.h"

static const uint32_t bases[] = {0, 1, 0x7ffffffe, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff};
static const uint32_t steps[] = {1, 2, 100, 65535, 0x10000, 0x3fffffff, 0x7fffffff};

Test(tcp_seq, T11_order_holds_across_the_wrap) {
    for (size_t i = 0; i < ARRAY_LEN(bases); i++) {
        struct seq a = seq_of(bases[i]);
        cr_assert(seq_eq(a, a) && seq_le(a, a) && seq_ge(a, a) && !seq_lt(a, a) && !seq_gt(a, a));
        for (size_t k = 0; k < ARRAY_LEN(steps); k++) {
            struct seq b = seq_add(a, steps[k]);
            cr_assert(seq_lt(a, b) && seq_gt(b, a) && seq_le(a, b) && seq_ge(b, a) && !seq_eq(a, b));
            cr_assert(!seq_lt(b, a) && !seq_gt(a, b) && !seq_le(b, a) && !seq_ge(a, b));
            cr_assert_eq(seq_diff(b, a), steps[k]);
            cr_assert(seq_eq(seq_sub(b, steps[k]), a));
            cr_assert(seq_eq(seq_max(a, b), b) && seq_eq(seq_max(b, a), b));
            cr_assert(seq_eq(seq_min(a, b), a) && seq_eq(seq_min(b, a), a));
            cr_assert(timestamp_lt(a.v, b.v) && !timestamp_lt(b.v, a.v));
        }
    }
}

Test(tcp_seq, T11_a_window_is_half_open) {
    for (size_t i = 0; i < ARRAY_LEN(bases); i++) {
        struct seq left = seq_of(bases[i]);
        cr_assert(seq_in(left, left, 1));
        cr_assert(seq_in(seq_add(left, 9), left, 10));
        cr_assert(!seq_in(seq_add(left, 10), left, 10));
        cr_assert(!seq_in(seq_sub(left, 1), left, 10));
        cr_assert(!seq_in(left, left, 0));
    }
}
