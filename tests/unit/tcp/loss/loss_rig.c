/* The recovery that the tests of loss recovery drive. */
#include "loss_rig.h"

#define SEGMENTS_MAX 4096

struct test_env env;
struct loss l;
struct cc cc;
struct rtt rtt;
uint64_t now_us, una, nxt;

static struct core core;
static struct promises promises;

void rig_start(void) {
    test_env_init(&env);
    core_init(&core, &env.env, 16 << 20, 0);
    promise_init(&promises, &core);
    tcp_loss_init(&l, &promises, 5);
    tcp_loss_start(&l, true);
    tcp_cc_init(&cc, &tcp_cc_cubic, MSS);
    cc.cwnd_bytes = 20 * MSS;
    tcp_rtt_init(&rtt);
    tcp_rtt_sample(&rtt, 100 * MS, now_us);
    now_us = 1000 * MS;
    una = nxt = 0;
}

void rig_finish(void) {
    tcp_loss_clear(&l);
    cr_assert_eq(env.live_blocks, 0);
}

void send_new(unsigned segments) {
    for (unsigned i = 0; i < segments; i++, nxt++) {
        now_us += i > 0 ? MS : 0;
        tcp_loss_sent(&l, nxt * MSS, (nxt + 1) * MSS, MSS, false, now_us);
    }
}

const char *send_lost(void) {
    static char letters[SEGMENTS_MAX];
    uint64_t end;
    size_t count = 0;
    for (uint64_t from; (from = tcp_loss_next(&l, &cc, una * MSS, nxt * MSS, &end)) != UINT64_MAX;) {
        end = min_u64(end, from + MSS);
        REQUIRE(from >= una * MSS && end <= nxt * MSS && count < SEGMENTS_MAX - 1, "%llu", (unsigned long long)from);
        tcp_loss_sent(&l, from, end, MSS, true, now_us);
        letters[count++] = (char)('a' + from / MSS % 26);
    }
    letters[count] = '\0';
    return letters;
}

struct loss_result take(const struct answer *answer) {
    struct loss_ack ack = {.now_us = now_us,
                           .una = answer->una * MSS,
                           .nxt = nxt * MSS,
                           .acked_bytes = (answer->una - una) * MSS,
                           .repeats = answer->repeats,
                           .duplicate = answer->repeats && una < nxt,
                           .cwnd_in_use = true,
                           .echo_ms = answer->echo_us / MS,
                           .dsack = {answer->dsack.left * MSS, answer->dsack.right * MSS}};
    for (; ack.block_count < SACK_BLOCKS; ack.block_count++) {
        const struct sack_block *block = &answer->blocks[ack.block_count];
        if (block->left == block->right) {
            break;
        }
        ack.blocks[ack.block_count] = (struct sack_block){block->left * MSS, block->right * MSS};
    }
    una = answer->una;
    struct loss_result result = tcp_loss_ack(&l, &cc, &rtt, &ack);
    if (result.has_rtt) {
        tcp_rtt_sample(&rtt, result.rtt_us, now_us);
    }
    return result;
}

void timeout(void) {
    now_us += 300 * MS;
    tcp_loss_timeout(&l, &cc, una * MSS, nxt * MSS, now_us);
}
