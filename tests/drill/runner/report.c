/* The failure report. */
#include "report.h"

#include <inttypes.h>

#define FRAMES_SHOWN 200 /* the last ones count */

static void show_frame(FILE *to, const char *lead, const struct flows *flows, const struct world_frame *frame) {
    struct text text = {0};
    text_add_time(&text, frame->time_us);
    text_add(&text, " ");
    packet_show(flows, frame, &text);
    fprintf(to, "%s%s\n", lead, text.bytes);
}

static unsigned count_frames(const struct world *world) {
    unsigned count = 0;
    for (const struct world_frame *frame = world->frames; frame != NULL; frame = frame->next) {
        count++;
    }
    return count;
}

void report_failure(FILE *to, const struct run *run) {
    struct text when = {0};
    const struct event *event = run->failed_event;
    unsigned skip = count_frames(&run->world);
    text_add_time(&when, run->failed_us);
    if (event != NULL) {
        fprintf(to, "%s:%u: at %s s: %s\n", run->script->path, event->line, when.bytes, run->why.bytes);
        fprintf(to, "  expected: %s\n", event->text);
    } else {
        fprintf(to, "%s: at %s s, the end: %s\n", run->script->path, when.bytes, run->why.bytes);
    }
    if (run->failed_frame != NULL) {
        show_frame(to, "  came:     ", &run->flows, run->failed_frame);
    }
    fprintf(to, "  %s\n  packets so far:\n", run->script->title);
    skip = skip > FRAMES_SHOWN ? skip - FRAMES_SHOWN : 0;
    for (const struct world_frame *frame = run->world.frames; frame != NULL; frame = frame->next) {
        if (frame->time_us > run->failed_us) { /* found by looking ahead */
            break;
        }
        if (skip > 0) {
            skip--;
            continue;
        }
        show_frame(to, "    ", &run->flows, frame);
    }
}
