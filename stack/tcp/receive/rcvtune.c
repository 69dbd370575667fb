/* How large a receive buffer a connection has earned. */
#include "tcp/receive/rcvtune.h"

#include "base/check.h"

#define SLACK_SEGMENTS 16 /* for a rate that is still small: a burst is then large compared with the window */

void tcp_rcvtune_init(struct rcvtune *tune, uint64_t space_bytes, uint64_t now_us) {
    *tune = (struct rcvtune){.space_bytes = space_bytes, .read_since_us = now_us};
}

/* Down at once, up slowly: a sender that had nothing to send makes round trips look long. */
void tcp_rcvtune_rtt(struct rcvtune *tune, uint64_t sample_us) {
    if (tune->rtt_us == 0 || sample_us < tune->rtt_us) {
        tune->rtt_us = max_u64(sample_us, 1);
    } else {
        tune->rtt_us += (sample_us - tune->rtt_us) / 8;
    }
}

void tcp_rcvtune_received(struct rcvtune *tune, uint64_t next, uint64_t window_bytes, uint64_t now_us) {
    if (next < tune->window_end) {
        return;
    }
    if (tune->window_end != 0 && now_us > tune->window_since_us) {
        tcp_rcvtune_rtt(tune, now_us - tune->window_since_us);
    }
    tune->window_end = next + max_u64(window_bytes, 1);
    tune->window_since_us = now_us;
}

uint64_t tcp_rcvtune_read(struct rcvtune *tune, uint64_t read, uint32_t mss_bytes, uint64_t now_us) {
    if (tune->rtt_us == 0 || now_us - tune->read_since_us < tune->rtt_us) {
        return 0;
    }
    uint64_t copied = read - tune->read_from;
    tune->read_from = read;
    tune->read_since_us = now_us;
    if (copied <= tune->space_bytes) {
        return 0;
    }
    /* Twice, since the next round trip may bring twice as much; and as much more as this one was over the last. */
    uint64_t window = 2 * copied + (uint64_t)SLACK_SEGMENTS * mss_bytes;
    window += min_u64(2 * window * (copied - tune->space_bytes) / tune->space_bytes, 4 * window);
    tune->space_bytes = copied;
    return window;
}
