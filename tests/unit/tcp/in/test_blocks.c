/* Which SACK blocks of a segment are believed, and which of them is a D-SACK: RFC 2018 3, RFC 2883 4, hazard T6. */
#include "support/tcp_bench.h"
#include "tcp/in/arrives.h"

#define MSS 1460U
#define UNA (2 * MSS)
#define NXT (10 * MSS)

static struct tcp_bench *b;
static struct tcp_conn *c;

/* Ten segments were sent and two acknowledged. */
static void start(void) {
    static const struct tcp_bench_config config = {.sack = true};
    b = tcp_bench_established(&config);
    c = tcp_bench_conn(b);
    cr_assert_eq(tcp_bench_write(b, NXT), NXT);
    tcp_bench_skip(b);
    send_seg(b, .ack = -(int64_t)(NXT - UNA));
    tcp_bench_skip(b);
}

static void finish(void) {
    send_seg(b, .len = 0);
    tcp_bench_free(b);
}

TestSuite(tcp_blocks, .init = start, .fini = finish);

/* Offsets in the stack's stream, up to four blocks; what is left out is empty. */
static struct loss_ack take(const int64_t (*blocks)[2], uint8_t count) {
    struct tcp_segment seg = {.ack = tcp_conn_snd_seq(c, UNA),
                              .options = {.present = WIRE_TCPOPT_SACK, .sack_count = count}};
    struct loss_ack ack = {.una = UNA, .nxt = NXT};
    for (uint8_t i = 0; i < count; i++) {
        seg.options.sack[i].left = tcp_conn_snd_seq(c, (uint64_t)blocks[i][0]).v;
        seg.options.sack[i].right = tcp_conn_snd_seq(c, (uint64_t)blocks[i][1]).v;
    }
    tcp_blocks_take(c, &seg, &ack);
    return ack;
}

#define TAKE(...) take((const int64_t[][2]){__VA_ARGS__}, sizeof((const int64_t[][2]){__VA_ARGS__}) / 16)

static bool has_dsack(const struct loss_ack *ack) { return ack->dsack.left < ack->dsack.right; }

static bool is(struct sack_block block, uint64_t left, uint64_t right) {
    return block.left == left && block.right == right;
}

Test(tcp_blocks, those_in_flight_in_their_order) {
    struct loss_ack ack = TAKE({7000, 8000}, {UNA, 3000}, {14000, NXT}, {5000, 6000});
    cr_assert_eq(ack.block_count, 4);
    cr_assert(is(ack.blocks[0], 7000, 8000) && is(ack.blocks[1], UNA, 3000));
    cr_assert(is(ack.blocks[2], 14000, NXT) && is(ack.blocks[3], 5000, 6000));
    cr_assert(!has_dsack(&ack));
    cr_assert_eq(COUNTED(b, tcp_sack_bad), 0);
}

Test(tcp_blocks, T6_nonsense_is_counted_and_ignored) {
    static const int64_t bad[][2] = {
        {5000, 5000},               /* empty */
        {6000, 5000},               /* turned round */
        {5000, NXT + 1},            /* ends beyond what was sent */
        {NXT, NXT + MSS},           /* all of it beyond */
        {-100, 1000},               /* before the first byte */
        {-5000, -4000},             /* likewise */
        {5000, 5000 + (1LL << 31)}, /* so long that it wraps */
        {5000 - (1LL << 31), 5000},
        {NXT + (1LL << 31) - 1, NXT},
        {UNA + (7LL << 28), UNA + (9LL << 28)}, /* each within half the numbers of the next: left < right < NXT */
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct loss_ack ack = take(&bad[i], 1);
        cr_assert(ack.block_count == 0 && !has_dsack(&ack), "row %zu", i);
        cr_assert_eq(COUNTED(b, tcp_sack_bad), i + 1, "row %zu", i);
    }
}

Test(tcp_blocks, T6_one_bad_block_spoils_no_other) {
    struct loss_ack ack = TAKE({9000, 8000}, {7000, 8000}, {5000, NXT + 1}, {3000, 4000});
    cr_assert(ack.block_count == 2 && is(ack.blocks[0], 7000, 8000) && is(ack.blocks[1], 3000, 4000));
    cr_assert_eq(COUNTED(b, tcp_sack_bad), 2);
}

Test(tcp_blocks, a_first_block_below_the_ack_is_a_dsack) { /* RFC 2883 4.1 */
    struct loss_ack ack = TAKE({1000, 2000}, {7000, 8000});
    cr_assert(is(ack.dsack, 1000, 2000));
    cr_assert(ack.block_count == 1 && is(ack.blocks[0], 7000, 8000));
    ack = TAKE({0, UNA});
    cr_assert(is(ack.dsack, 0, UNA) && ack.block_count == 0);
    cr_assert_eq(COUNTED(b, tcp_dsack_in), 2);
}

Test(tcp_blocks, a_first_block_within_the_second_is_a_dsack) { /* RFC 2883 4.2 */
    static const int64_t within[][2] = {{5000, 8000}, {5000, 6000}, {7000, 8000}, {6000, 7000}};
    for (size_t i = 0; i < ARRAY_LEN(within); i++) {
        struct loss_ack ack = TAKE({within[i][0], within[i][1]}, {5000, 8000});
        cr_assert(is(ack.dsack, (uint64_t)within[i][0], (uint64_t)within[i][1]), "row %zu", i);
        cr_assert(ack.block_count == 1 && is(ack.blocks[0], 5000, 8000), "row %zu", i);
    }
    struct loss_ack ack = TAKE({4999, 8000}, {5000, 8000}); /* more than it: an ordinary block */
    cr_assert(!has_dsack(&ack) && ack.block_count == 2);
}

Test(tcp_blocks, only_the_first_block_is_a_dsack) {
    struct loss_ack ack = TAKE({7000, 8000}, {1000, 2000}, {7000, 8000});
    cr_assert(!has_dsack(&ack) && ack.block_count == 2);
}

Test(tcp_blocks, a_block_across_the_ack_is_ignored) {
    struct loss_ack ack = TAKE({UNA - 1, UNA + MSS});
    cr_assert(ack.block_count == 0 && !has_dsack(&ack));
}

Test(tcp_blocks, T6_whatever_comes_stays_within_what_was_sent) {
    uint64_t draws = 7;
    for (unsigned round = 0; round < 100000; round++) {
        int64_t blocks[SACK_BLOCKS][2];
        for (unsigned i = 0; i < 2 * SACK_BLOCKS; i++) {
            draws = draws * 6364136223846793005ULL + 1442695040888963407ULL;
            int64_t at =
                (draws >> 62) == 0 ? (int64_t)(uint32_t)(draws >> 20) : (int64_t)((draws >> 33) % (NXT + 3000));
            blocks[i / 2][i % 2] = at - 1000;
        }
        struct loss_ack ack = take((const int64_t(*)[2])blocks, 1 + (uint8_t)(draws >> 40) % SACK_BLOCKS);
        bool good = !has_dsack(&ack) || ack.dsack.right <= NXT;
        for (uint8_t i = 0; i < ack.block_count; i++) {
            good = good && ack.blocks[i].left >= UNA && ack.blocks[i].left < ack.blocks[i].right &&
                   ack.blocks[i].right <= NXT;
        }
        if (!good) {
            cr_assert_fail("round %u", round);
        }
    }
}

/* The whole way: what the wire said is on the scoreboard. */
Test(tcp_blocks, T6_from_the_wire_to_the_scoreboard) {
    uint32_t left = b->iss + 1 + 5 * MSS;
    uint32_t right = left + 2 * MSS;
    uint8_t options[12] = {1, 1, 5, 10};
    for (unsigned k = 0; k < 4; k++) {
        options[4 + k] = (uint8_t)(left >> (24 - 8 * k));
        options[8 + k] = (uint8_t)(right >> (24 - 8 * k));
    }
    send_seg(b, .ack = -(int64_t)(NXT - UNA), .options = options, .options_len = sizeof options);
    cr_assert_eq(c->loss.board.sacked_bytes, 2 * MSS);
    tcp_bench_skip(b);
}
