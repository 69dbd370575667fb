/* SACK blocks to report: recency, merging, D-SACK (RFC 2018 4, RFC 2883 4). */
#include <criterion/criterion.h>

#include "base/check.h"
#include "tcp/receive/sack.h"

static void expect_blocks(struct sack *sack, uint8_t max, const struct sack_block *wanted, uint8_t count) {
    struct sack_block blocks[SACK_BLOCKS];
    cr_assert_eq(tcp_sack_report(sack, blocks, max), count);
    for (uint8_t i = 0; i < count; i++) {
        cr_assert_eq(blocks[i].left, wanted[i].left, "block %u", i);
        cr_assert_eq(blocks[i].right, wanted[i].right, "block %u", i);
    }
    tcp_sack_reported(sack);
    cr_assert_not(tcp_sack_urgent(sack));
}

#define EXPECT(sack, max, ...)                                         \
    expect_blocks(sack, max, (const struct sack_block[]){__VA_ARGS__}, \
                  sizeof((const struct sack_block[]){__VA_ARGS__}) / sizeof(struct sack_block))

#define EXPECT_NONE(sack) expect_blocks(sack, SACK_BLOCKS, NULL, 0)

Test(tcp_sack, the_most_recent_comes_first) {
    struct sack sack = {0};
    tcp_sack_received(&sack, 10, 20);
    tcp_sack_received(&sack, 30, 40);
    tcp_sack_received(&sack, 50, 60);
    EXPECT(&sack, 4, {50, 60}, {30, 40}, {10, 20});
    EXPECT(&sack, 2, {50, 60}, {30, 40});
    tcp_sack_received(&sack, 10, 25); /* grew: first again, and once only */
    EXPECT(&sack, 4, {10, 25}, {50, 60}, {30, 40});
}

Test(tcp_sack, a_block_swallows_what_it_touches) {
    struct sack sack = {0};
    tcp_sack_received(&sack, 10, 20);
    tcp_sack_received(&sack, 30, 40);
    tcp_sack_received(&sack, 50, 60);
    tcp_sack_received(&sack, 10, 40);
    EXPECT(&sack, 4, {10, 40}, {50, 60});
}

Test(tcp_sack, the_oldest_of_five_is_forgotten) {
    struct sack sack = {0};
    for (uint64_t i = 1; i <= 5; i++) {
        tcp_sack_received(&sack, i * 10, i * 10 + 5);
    }
    EXPECT(&sack, 4, {50, 55}, {40, 45}, {30, 35}, {20, 25});
}

Test(tcp_sack, what_is_acknowledged_is_not_reported) {
    struct sack sack = {0};
    tcp_sack_received(&sack, 10, 20);
    tcp_sack_received(&sack, 30, 40);
    tcp_sack_advance(&sack, 20);
    EXPECT(&sack, 4, {30, 40});
    tcp_sack_advance(&sack, 39);
    EXPECT(&sack, 4, {30, 40});
    tcp_sack_advance(&sack, 40);
    EXPECT_NONE(&sack);
}

Test(tcp_sack, a_duplicate_goes_first_and_once) {
    struct sack sack = {0};
    tcp_sack_received(&sack, 30, 40);
    tcp_sack_duplicate(&sack, 5, 8);
    struct sack_block blocks[SACK_BLOCKS];
    cr_assert_eq(tcp_sack_report(&sack, blocks, 3), 2); /* not sent: it uses nothing up */
    EXPECT(&sack, 3, {5, 8}, {30, 40});
    EXPECT(&sack, 3, {30, 40});
    tcp_sack_duplicate(&sack, 5, 8);
    tcp_sack_forget(&sack);
    EXPECT(&sack, 3, {5, 8});
    EXPECT_NONE(&sack);
}

Test(tcp_sack, two_blocks_of_news_are_urgent) {
    struct sack sack = {0};
    tcp_sack_received(&sack, 10, 20);
    tcp_sack_received(&sack, 10, 25); /* the same one, longer */
    cr_assert_not(tcp_sack_urgent(&sack));
    tcp_sack_received(&sack, 30, 40);
    cr_assert(tcp_sack_urgent(&sack));
    EXPECT(&sack, 3, {30, 40}, {10, 25});
    tcp_sack_received(&sack, 50, 60);
    cr_assert_not(tcp_sack_urgent(&sack));
    tcp_sack_received(&sack, 10, 40); /* two become one, which is news again */
    cr_assert(tcp_sack_urgent(&sack));
    tcp_sack_advance(&sack, 40);
    cr_assert_not(tcp_sack_urgent(&sack));
    tcp_sack_received(&sack, 70, 80);
    cr_assert(tcp_sack_urgent(&sack));
    tcp_sack_forget(&sack);
    cr_assert_not(tcp_sack_urgent(&sack));
}

/* Against a bitmap: blocks are always within what was received, disjoint, and the first holds the newest byte. */
Test(tcp_sack, against_a_bitmap) {
    uint64_t seed = 7;
    for (unsigned round = 0; round < 200; round++) {
        bool have[128] = {false};
        struct sack sack = {0};
        for (unsigned step = 0; step < 60; step++) {
            seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
            uint64_t at = 1 + (seed >> 33) % 120;
            uint64_t left = at, right = at + 1;
            have[at] = true;
            while (left > 1 && have[left - 1]) {
                left--;
            }
            while (have[right]) {
                right++;
            }
            tcp_sack_received(&sack, left, right);
            struct sack_block blocks[SACK_BLOCKS];
            uint8_t count = tcp_sack_report(&sack, blocks, SACK_BLOCKS);
            cr_assert(count >= 1 && blocks[0].left == left && blocks[0].right == right);
            for (uint8_t i = 0; i < count; i++) {
                for (uint64_t k = blocks[i].left; k < blocks[i].right; k++) {
                    cr_assert(have[k]);
                }
                for (uint8_t k = 0; k < i; k++) {
                    cr_assert(blocks[i].right < blocks[k].left || blocks[k].right < blocks[i].left);
                }
            }
        }
    }
}
