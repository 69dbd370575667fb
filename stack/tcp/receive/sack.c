/* SACK blocks to report. */
#include "tcp/receive/sack.h"

static void remove_block(struct sack *sack, uint8_t i) {
    for (uint8_t k = i; k + 1 < sack->count; k++) {
        sack->blocks[k] = sack->blocks[k + 1];
    }
    sack->count--;
    sack->fresh = (uint8_t)(sack->fresh - (i < sack->fresh ? 1 : 0));
}

void tcp_sack_received(struct sack *sack, uint64_t left, uint64_t right) {
    for (uint8_t i = sack->count; i-- > 0;) { /* what the new block covers is reported by it */
        if (sack->blocks[i].left <= right && sack->blocks[i].right >= left) {
            remove_block(sack, i);
        }
    }
    if (sack->count == SACK_BLOCKS) {
        remove_block(sack, SACK_BLOCKS - 1);
    }
    for (uint8_t k = sack->count; k > 0; k--) {
        sack->blocks[k] = sack->blocks[k - 1];
    }
    sack->blocks[0] = (struct sack_block){left, right};
    sack->count++;
    sack->fresh++;
}

static bool has_duplicate(const struct sack *sack) { return sack->duplicate.left < sack->duplicate.right; }

void tcp_sack_duplicate(struct sack *sack, uint64_t left, uint64_t right) {
    if (!has_duplicate(sack)) {
        sack->duplicate = (struct sack_block){left, right};
    }
}

void tcp_sack_advance(struct sack *sack, uint64_t next) {
    for (uint8_t i = sack->count; i-- > 0;) {
        if (sack->blocks[i].right <= next) {
            remove_block(sack, i);
        }
    }
}

void tcp_sack_forget(struct sack *sack) { sack->count = sack->fresh = 0; }

uint8_t tcp_sack_report(const struct sack *sack, struct sack_block *blocks, uint8_t max) {
    uint8_t count = 0;
    if (has_duplicate(sack) && count < max) {
        blocks[count++] = sack->duplicate;
    }
    for (uint8_t i = 0; i < sack->count && count < max; i++) {
        blocks[count++] = sack->blocks[i];
    }
    return count;
}

void tcp_sack_reported(struct sack *sack) {
    sack->duplicate = (struct sack_block){0, 0};
    sack->fresh = 0;
}

bool tcp_sack_urgent(const struct sack *sack) { return sack->fresh >= 2; }
