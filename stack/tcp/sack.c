/* SACK blocks to report. */
#include "tcp/sack.h"

#include <stdbool.h>

static void remove_block(struct sack *sack, uint8_t i) {
    for (uint8_t k = i; k + 1 < sack->count; k++) {
        sack->blocks[k] = sack->blocks[k + 1];
    }
    sack->count--;
}

void tcp_sack_received(struct sack *sack, uint64_t left, uint64_t right) {
    for (uint8_t i = sack->count; i-- > 0;) { /* what the new block covers is reported by it */
        if (sack->blocks[i].left <= right && sack->blocks[i].right >= left) {
            remove_block(sack, i);
        }
    }
    if (sack->count < SACK_BLOCKS) {
        sack->count++;
    }
    for (uint8_t k = sack->count; k-- > 1;) {
        sack->blocks[k] = sack->blocks[k - 1];
    }
    sack->blocks[0] = (struct sack_block){left, right};
}

void tcp_sack_duplicate(struct sack *sack, uint64_t left, uint64_t right) {
    sack->duplicate = (struct sack_block){left, right};
}

void tcp_sack_advance(struct sack *sack, uint64_t next) {
    for (uint8_t i = sack->count; i-- > 0;) {
        if (sack->blocks[i].right <= next) {
            remove_block(sack, i);
        }
    }
}

void tcp_sack_forget(struct sack *sack) { sack->count = 0; }

static bool has_duplicate(const struct sack *sack) { return sack->duplicate.left < sack->duplicate.right; }

uint8_t tcp_sack_pending(const struct sack *sack) { return (uint8_t)(sack->count + (has_duplicate(sack) ? 1 : 0)); }

uint8_t tcp_sack_report(struct sack *sack, struct sack_block *blocks, uint8_t max) {
    uint8_t count = 0;
    if (has_duplicate(sack) && count < max) {
        blocks[count++] = sack->duplicate;
        sack->duplicate = (struct sack_block){0, 0};
    }
    for (uint8_t i = 0; i < sack->count && count < max; i++) {
        blocks[count++] = sack->blocks[i];
    }
    return count;
}
