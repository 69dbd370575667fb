/* What happened on the wire, in a line for each direction: the counts that are not zero. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "wire/app.h"

/* Appends to the text. What does not fit is left away. */
__attribute__((format(printf, 2, 3))) static void add(char *text, const char *format, ...) {
    const size_t len = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + len, WIRE_REPORT_BYTES - len, format, arguments);
    va_end(arguments);
}

const char *wire_report_text(const struct impair_stats *stats, uint64_t refused, char *text) {
    const struct {
        const char *what;
        uint64_t count;
    } counts[] = {
        {"lost at random", stats->lost_random},
        {"lost in bursts", stats->lost_burst},
        {"lost as every n-th", stats->lost_nth},
        {"dropped by the filter", stats->lost_drop},
        {"lost at the full queue", stats->lost_queue},
        {"lost while down", stats->lost_down},
        {"lost as too long", stats->lost_mtu},
        {"lost for want of memory", stats->lost_memory},
        {"contradicting their offload", stats->malformed},
        {"refused by the far end", refused},
        {"duplicated", stats->duplicated},
        {"corrupted", stats->corrupted},
        {"held back", stats->held},
        {"marked CE", stats->marked},
        {"super-segments cut", stats->super_segments},
        {"underway", stats->underway},
        {"bytes queued at most", stats->queue_peak_bytes},
    };
    text[0] = '\0';
    add(text, "%" PRIu64 " frames in (%" PRIu64 " bytes), %" PRIu64 " out (%" PRIu64 " bytes)", stats->in,
        stats->in_bytes, stats->out, stats->out_bytes);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        if (counts[i].count != 0) {
            add(text, "; %" PRIu64 " %s", counts[i].count, counts[i].what);
        }
    }
    return text;
}
