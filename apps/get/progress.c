/* The progress line. */
#include <stdio.h>

#include "get/get.h"

#define BAR_WIDTH 30
#define REDRAW_US 100000U

/* "12.3 MB" */
static const char *amount(double bytes, char text[16]) {
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    size_t unit = 0;
    while (bytes >= 1000 && unit < 4) {
        bytes /= 1000;
        unit++;
    }
    snprintf(text, 16, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
    return text;
}

/* The rate is that of the whole transfer: it says less about this moment, but it does not jump. */
const char *get_progress_line(const struct get_progress *progress, uint64_t now_us, char *text, size_t size) {
    char done[16];
    char rate[16];
    const double seconds = (double)(now_us - progress->started_us) / 1e6;
    const double per_s = seconds > 0 ? (double)progress->done_bytes / seconds : 0;
    amount((double)progress->done_bytes, done);
    amount(per_s, rate);
    if (progress->total_bytes == 0) {
        snprintf(text, size, "%10s  %10s/s  %.1f s", done, rate, seconds);
        return text;
    }
    char bar[BAR_WIDTH + 1];
    const double share = (double)progress->done_bytes / (double)progress->total_bytes;
    for (int i = 0; i < BAR_WIDTH; i++) {
        bar[i] = i < (int)(share * BAR_WIDTH) ? '#' : '.';
    }
    bar[BAR_WIDTH] = '\0';
    snprintf(text, size, "[%s] %3d%%  %10s  %10s/s", bar, (int)(share * 100), done, rate);
    return text;
}

static void draw(struct get_progress *progress, uint64_t now_us, const char *end) {
    char text[128];
    progress->drawn_us = now_us;
    fprintf(stderr, "\r%s\033[K%s", get_progress_line(progress, now_us, text, sizeof text), end);
    fflush(stderr);
}

void get_progress_add(struct get_progress *progress, uint64_t bytes, uint64_t now_us) {
    progress->done_bytes += bytes;
    if (progress->shown && now_us - progress->drawn_us >= REDRAW_US) {
        draw(progress, now_us, "");
    }
}

void get_progress_end(struct get_progress *progress, uint64_t now_us) {
    if (progress->shown) {
        draw(progress, now_us, "\n");
    }
}
