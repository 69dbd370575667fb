/* Ping's arithmetic: loss, round-trip times, duplicates, and the echo message itself. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ping/ping.h"

void ping_stats_sent(struct ping_stats *stats, uint16_t sequence, uint64_t now_us) {
    stats->sent++;
    stats->sent_us[sequence] = now_us;
    stats->answered[sequence] = false;
}

uint64_t ping_stats_received(struct ping_stats *stats, uint16_t sequence, uint64_t now_us, bool *duplicate) {
    const uint64_t sent_us = stats->sent_us[sequence];
    if (sent_us == 0) {
        return UINT64_MAX;
    }
    const uint64_t rtt_us = now_us - sent_us;
    *duplicate = stats->answered[sequence];
    if (*duplicate) {
        stats->duplicates++;
        return rtt_us;
    }
    stats->answered[sequence] = true;
    stats->min_us = stats->received == 0 || rtt_us < stats->min_us ? rtt_us : stats->min_us;
    stats->max_us = rtt_us > stats->max_us ? rtt_us : stats->max_us;
    stats->sum_us += (double)rtt_us;
    stats->sum_squares_us += (double)rtt_us * (double)rtt_us;
    stats->received++;
    return rtt_us;
}

double ping_stats_mdev_us(const struct ping_stats *stats) {
    if (stats->received == 0) {
        return 0;
    }
    const double mean = stats->sum_us / (double)stats->received;
    /* Rounding may make it slightly negative. */
    const double variance = stats->sum_squares_us / (double)stats->received - mean * mean;
    return variance > 0 ? sqrt(variance) : 0;
}

const char *ping_stats_summary(const struct ping_stats *stats, const char *host, uint64_t now_us, char *text,
                               size_t size) {
    char extra[96] = "";
    char times[160] = "";
    size_t used = 0;
    if (stats->duplicates > 0) {
        used += (size_t)snprintf(extra + used, sizeof extra - used, ", +%llu duplicates",
                                 (unsigned long long)stats->duplicates);
    }
    if (stats->errors > 0) {
        snprintf(extra + used, sizeof extra - used, ", +%llu errors", (unsigned long long)stats->errors);
    }
    if (stats->received > 0) {
        snprintf(times, sizeof times, "rtt min/avg/max/mdev = %.3f/%.3f/%.3f/%.3f ms\n", (double)stats->min_us / 1e3,
                 stats->sum_us / (double)stats->received / 1e3, (double)stats->max_us / 1e3,
                 ping_stats_mdev_us(stats) / 1e3);
    }
    const uint64_t lost = stats->sent - stats->received;
    snprintf(text, size,
             "--- %s ping statistics ---\n%llu packets transmitted, %llu received%s, %.4g%% packet loss, "
             "time %llums\n%s",
             host, (unsigned long long)stats->sent, (unsigned long long)stats->received, extra,
             stats->sent == 0 ? 0.0 : 100.0 * (double)lost / (double)stats->sent,
             (unsigned long long)((now_us - stats->started_us) / 1000), times);
    return text;
}

void ping_request(uint8_t *message, uint16_t sequence, size_t payload_bytes) {
    memset(message, 0, PING_HEADER_BYTES);
    message[0] = 8; /* echo request, RFC 792; the identifier is the socket's */
    message[6] = (uint8_t)(sequence >> 8);
    message[7] = (uint8_t)sequence;
    /* A pattern that shows lost, doubled and moved bytes; times are kept here, so a short payload will do. */
    for (size_t i = 0; i < payload_bytes; i++) {
        message[PING_HEADER_BYTES + i] = (uint8_t)i;
    }
}

bool ping_payload_intact(const uint8_t *message, size_t message_bytes, size_t payload_bytes) {
    if (message_bytes != PING_HEADER_BYTES + payload_bytes) {
        return false;
    }
    for (size_t i = 0; i < payload_bytes; i++) {
        if (message[PING_HEADER_BYTES + i] != (uint8_t)i) {
            return false;
        }
    }
    return true;
}
