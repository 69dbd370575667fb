/* What the tests of BBR share: one model that is told of ACKs as if a path were there. */
#ifndef TEST_TCP_BBR_RIG_H
#define TEST_TCP_BBR_RIG_H

#include <criterion/criterion.h>

#include "base/check.h"
#include "tcp/cc/cc.h"

#define MSS 1000ULL
#define MS 1000ULL
#define SECOND 1000000ULL
#define RTT_US (100 * MS)

struct bbr_rig {
    struct cc cc;
    struct rate rate;
    uint64_t now_us;
};

extern struct bbr_rig rig;
extern struct bbr *bbr; /* of rig.cc */

/* The beginning of a connection, at ten seconds. */
void bbr_rig_start(void);

/* An ACK; zero means the plain thing. */
struct bbr_ack {
    uint64_t rate;      /* bytes per second */
    uint64_t bytes;     /* newly acknowledged; 0: one MSS */
    uint64_t rtt_us;    /* 0: RTT_US */
    uint64_t sent_with; /* in flight when it was sent; 0: 10 MSS */
    uint64_t lost;      /* since it was sent */
    uint64_t in_flight; /* now */
    bool same_round;    /* it was sent before the round began; else a round trip passes */
    bool app_limited, cwnd_limited, recovering;
    bool no_rtt;
};

void bbr_rig_ack(const struct bbr_ack *ack);

#define ack(...) bbr_rig_ack(&(const struct bbr_ack){__VA_ARGS__})

/* Bytes are lost that were sent with so many in flight, `lost_bytes` of them or after. */
void bbr_rig_lose(uint64_t bytes, uint64_t lost_bytes, uint64_t in_flight_bytes);

/* STARTUP at this rate until the path is full, then DRAIN and, as nothing is in its way, CRUISE. */
void bbr_rig_fill(uint64_t bytes_per_s);

/* From CRUISE on to UP, with the rate that it has. */
void bbr_rig_go_up(void);

/* Two rounds of round trips this long: a queue, or none. */
void bbr_rig_round_trips(uint64_t rtt_us);

#endif
