/* Ping: the echo messages, and the statistics of their answers. */
#ifndef APPS_PING_PING_H
#define APPS_PING_PING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PING_HEADER_BYTES 8    /* ICMP echo */
#define PING_PAYLOAD_MAX 65507 /* what is left of the largest datagram: 65535 - 20 - 8 */
#define PING_WINDOW 65536      /* sequence numbers */

/* Sent and received so far; times in microseconds. */
struct ping_stats {
    uint64_t sent, received, duplicates, errors, corrupted;
    uint64_t min_us, max_us;
    double sum_us, sum_squares_us;
    uint64_t started_us;
    uint64_t sent_us[PING_WINDOW]; /* by sequence number; 0: not waiting for an answer */
    bool answered[PING_WINDOW];
};

/* A request with this sequence number leaves now. */
void ping_stats_sent(struct ping_stats *stats, uint16_t sequence, uint64_t now_us);

/* An answer came: gives its round-trip time, or UINT64_MAX if it answers no request; *duplicate says whether it is not the
 * first. */
uint64_t ping_stats_received(struct ping_stats *stats, uint16_t sequence, uint64_t now_us, bool *duplicate);

/* Mean deviation as ping's mdev: the root of the mean square less the squared mean. */
double ping_stats_mdev_us(const struct ping_stats *stats);

/* Writes the closing lines ("--- host ping statistics ---" and so on) into text[size]; returns text. */
const char *ping_stats_summary(const struct ping_stats *stats, const char *host, uint64_t now_us, char *text,
                               size_t size);

/* Fills an echo request: header, then payload_bytes of a pattern that counts up. The checksum is the stack's. */
void ping_request(uint8_t *message, uint16_t sequence, size_t payload_bytes);

/* Is the payload of this answer the one that ping_request filled in? */
bool ping_payload_intact(const uint8_t *message, size_t message_bytes, size_t payload_bytes);

#endif
