/* Delivery rate estimation: how fast the network took what was sent (draft-ietf-ccwg-bbr 4.1). Knows no connection.
 *
 * Each transmission carries away a stamp of what had been delivered when it left; the ACK that delivers it gives a
 * sample: the bytes delivered since the stamp, over the longer of the time in which they were sent and the time in
 * which they were acknowledged.
 */
#ifndef TCP_RATE_H
#define TCP_RATE_H

#include <stdbool.h>
#include <stdint.h>

/* What a transmission remembers of the moment when it left. */
struct rate_stamp {
    uint64_t delivered_bytes, delivered_us; /* C.delivered, C.delivered_time */
    uint64_t first_sent_us;                 /* C.first_send_time: when the flight it belongs to began to be sent */
    uint64_t in_flight_bytes;               /* P.tx_in_flight: with itself */
    uint64_t lost_bytes;                    /* C.lost */
    bool app_limited;
    bool valid; /* false: it was never stamped */
};

struct rate {
    uint64_t delivered_bytes, delivered_us;
    uint64_t first_sent_us;
    uint64_t lost_bytes;         /* marked lost, ever */
    uint64_t app_limited_to;     /* C.app_limited: until so much is delivered, samples show the application; 0: not */
    uint64_t latest_bytes_per_s; /* of the last sample, for TCP_INFO */
    bool latest_app_limited;
};

/* One ACK's sample. */
struct rate_sample {
    uint64_t bytes_per_s;           /* RS.delivery_rate; 0: none could be taken */
    uint64_t delivered_bytes;       /* RS.delivered: since the stamp */
    uint64_t prior_delivered_bytes; /* RS.prior_delivered: the stamp's */
    uint64_t in_flight_bytes;       /* RS.tx_in_flight: when the newest delivered segment left */
    uint64_t lost_bytes;            /* RS.lost: since then */
    uint64_t rtt_us;                /* of the newest delivered segment, sent once; 0: none */
    bool app_limited;
    bool valid; /* something stamped was delivered */
    /* The newest one so far, while an ACK is worked on. */
    struct rate_stamp stamp;
    uint64_t sent_us;
};

void tcp_rate_init(struct rate *rate);

/* The stamp for `bytes` that are sent now while in_flight_bytes are out already. */
struct rate_stamp tcp_rate_sent(struct rate *rate, uint64_t in_flight_bytes, uint64_t bytes, uint64_t now_us);

/* `bytes` that were sent at sent_us with this stamp are delivered; `resent`: it tells no round trip (Karn). */
void tcp_rate_delivered(struct rate *rate, struct rate_sample *sample, const struct rate_stamp *stamp, uint64_t sent_us,
                        bool resent, uint64_t bytes, uint64_t now_us);

/* `bytes` are taken for lost. */
void tcp_rate_lost(struct rate *rate, uint64_t bytes);

/* The ACK is done: completes the sample. One shorter than the least round trip is none. */
void tcp_rate_sample(struct rate *rate, struct rate_sample *sample, uint64_t min_rtt_us, uint64_t now_us);

/* Nothing waits to be sent and the window has room: what is delivered until now_in_flight is through shows how fast the
 * application is, not the network. */
void tcp_rate_app_limited(struct rate *rate, uint64_t in_flight_bytes);

#endif
