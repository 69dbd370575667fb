/* The SACK blocks of a received segment (RFC 2018 3, RFC 2883 4): which of them to believe. */
#include "tcp/in/arrives.h"
#include "tcp/segment/place.h"

/* Within what was sent, and not absurdly far back (T6, S1). */
static bool plausible(const struct tcp_conn *c, struct seq left, struct seq right) {
    uint32_t back = (uint32_t)min_u64(c->snd.max_wnd, tcp_conn_snd_offset(c, c->snd.una));
    return tcp_place_within(seq_sub(c->snd.una, back), c->snd.nxt, left, right);
}

/* RFC 2883 4: the first block is a duplicate when it lies below the ACK, or within the second block. */
static bool is_duplicate(const struct tcp_segment *seg, struct seq left, struct seq right) {
    if (seq_le(right, seg->ack)) { /* both are near snd.una */
        return true;
    }
    const struct wire_tcp_sack *second = &seg->options.sack[1];
    return seg->options.sack_count >= 2 && tcp_place_within(seq_of(second->left), seq_of(second->right), left, right);
}

static struct sack_block offsets(const struct tcp_conn *c, struct seq left, struct seq right) {
    return (struct sack_block){tcp_conn_snd_offset(c, left), tcp_conn_snd_offset(c, right)};
}

void tcp_blocks_take(struct tcp_conn *c, const struct tcp_segment *seg, struct loss_ack *ack) {
    if (!c->loss.sack || !tcp_segment_option(seg, WIRE_TCPOPT_SACK)) {
        return;
    }
    for (uint8_t i = 0; i < seg->options.sack_count; i++) {
        struct seq left = seq_of(seg->options.sack[i].left);
        struct seq right = seq_of(seg->options.sack[i].right);
        if (!plausible(c, left, right)) {
            COUNT(c->tcp->core, tcp_sack_bad);
        } else if (i == 0 && is_duplicate(seg, left, right)) {
            COUNT(c->tcp->core, tcp_dsack_in);
            ack->dsack = offsets(c, left, right);
        } else if (seq_lt(left, c->snd.una)) { /* old news: acknowledged since it was reported */
            continue;
        } else {
            ack->blocks[ack->block_count++] = offsets(c, left, right);
        }
    }
}
