/* Executes a script: its events in order, and between them the stack's deadlines, each at its microsecond.
 *
 * There is one clock, and nothing but this file moves it: to the next deadline of the stack or of a waiting call, or
 * to the time of the next event, whichever comes first. So a script of hours takes as long as it has events.
 *
 * An expected packet is looked for among the frames that went out and that no event has taken; if there is none, the
 * clock runs on, up to the packet's time and the tolerance. Frames keep their order, so that one which nobody
 * expected stands in the way of the next that somebody does, and of the end.
 *
 * A call that would block is no thread but an object in `waiting`. Whatever happens, all of them are tried again: a
 * core without blocking calls needs no more to have them emulated, and the order of events stays the same each run. */
#include "run.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <tapir/trace.h>

#include "assert.h"
#include "base/check.h"
#include "calls.h"
#include "info.h"
#include "isn.h"
#include "names.h"

#define START_US 1000000000ULL              /* the stack's clock at a script's beginning; whole milliseconds */
#define TOLERANCE_US 100                    /* packetdrill allows 4 ms, for real clocks */
#define ANY_TIME_US (48 * 3600 * 1000000LL) /* as long is waited for a packet of time `*` */
#define LOOK_AHEAD_US (600 * 1000000LL)     /* so far a report looks for what came instead of nothing */
#define STEPS_MAX 10000000                  /* deadlines in one wait */

void run_fail(struct run *run, const struct event *event, const char *format, ...) {
    char message[TEXT_BYTES];
    if (run->failed) {
        return;
    }
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
    run->failed = true;
    run->failed_event = event;
    run->failed_us = world_time(&run->world);
    text_add(&run->why, "%s", message);
}

/* --- calls under way --- */

/* The call has its result: as expected, and when expected? */
static void call_returned(struct run *run, const struct call *call, int64_t result) {
    const struct result_spec *expected = &call->spec->result;
    int64_t now_us = world_time(&run->world), late_us = now_us - call->due_us;
    if (!expected->any) {
        if (expected->error != 0 && result != -expected->error) {
            run_fail(run, call->event, "wrong result: expected -1 %s, came %" PRId64 "%s%s",
                     names_errno(expected->error), result < 0 ? -1 : result, result < 0 ? " " : "",
                     result < 0 ? names_errno((int)-result) : "");
        } else if (expected->error == 0 && result < 0) {
            run_fail(run, call->event, "wrong result: expected %" PRId64 ", came -1 %s", expected->number,
                     names_errno((int)-result));
        } else if (expected->error == 0 && result != expected->number) {
            run_fail(run, call->event, "wrong result: expected %" PRId64 ", came %" PRId64, expected->number, result);
        }
    }
    const char *unused = result >= 0 ? calls_unused_field(call->spec->args) : NULL;
    if (unused != NULL) {
        run_fail(run, call->event, "'%s' is no field that this call looks at", unused);
    }
    if (late_us < -run->tolerance_us || late_us > run->tolerance_us) {
        struct text when = {0};
        text_add_time(&when, call->due_us);
        run_fail(run, call->event, "wrong time: the call was to return at %s", when.bytes);
    }
}

/* Tries every waiting call once. True: one returned, which may have freed others. */
static bool retry_calls(struct run *run) {
    for (struct call **link = &run->waiting; *link != NULL; link = &(*link)->next) {
        struct call *call = *link;
        int64_t result = calls_try(call);
        if (result != CALL_BLOCKED) {
            *link = call->next;
            call_returned(run, call, result);
            return true;
        }
    }
    return false;
}

/* After anything happened. */
static void settle(struct run *run) {
    if (run->world.wrong.len > 0) {
        run_fail(run, run->event, "%s", run->world.wrong.bytes);
    }
    do {
        calls_poll_news(run);
    } while (!run->failed && retry_calls(run));
}

/* --- time --- */

/* When something is due, in the stack or by a call's own timeout. */
static int64_t next_deadline(const struct run *run) {
    int64_t next_us = world_deadline(&run->world);
    for (const struct call *call = run->waiting; call != NULL; call = call->next) {
        next_us = call->deadline_us < next_us ? call->deadline_us : next_us;
    }
    return next_us;
}

/* Lives through everything due by `until_us`, or until a frame goes out. False: the time is over. */
static bool step(struct run *run, int64_t until_us) {
    int64_t next_us = next_deadline(run);
    if (next_us > until_us || run->failed) {
        return false;
    }
    world_run(&run->world, next_us);
    settle(run);
    return true;
}

static void advance(struct run *run, int64_t until_us) {
    unsigned steps = 0;
    while (step(run, until_us)) {
        CHECK(++steps < STEPS_MAX);
    }
    world_run(&run->world, until_us);
    settle(run);
}

static const struct world_frame *await_frame(struct run *run, int64_t until_us) {
    unsigned steps = 0;
    while (run->world.unmatched == NULL && step(run, until_us)) {
        CHECK(++steps < STEPS_MAX);
    }
    return world_take(&run->world);
}

/* When an event's time, written so, is. */
static int64_t absolute(const struct run *run, const struct when *when, int64_t time_us) {
    return when->relative ? run->last_us + time_us : time_us;
}

/* --- events --- */

static void fail_missing(struct run *run, const struct event *event, int64_t until_us) {
    struct text when = {0}, next = {0};
    int64_t now_us = world_time(&run->world);
    text_add_time(&when, until_us);
    const struct world_frame *later = await_frame(run, until_us + LOOK_AHEAD_US);
    if (later != NULL) {
        text_add(&next, "; the next one came at ");
        text_add_time(&next, later->time_us);
        run->failed_frame = later;
    }
    run_fail(run, event, "missing packet: none came by %s%s", when.bytes, next.bytes);
    run->failed_us = now_us; /* and not as far as was looked ahead */
}

static void expect_packet(struct run *run, const struct event *event) {
    const struct when *when = &event->when;
    int64_t from_us = absolute(run, when, when->from_us), to_us = from_us;
    if (when->kind == WHEN_BETWEEN) {
        to_us = absolute(run, when, when->to_us);
    } else if (when->kind == WHEN_ANY) {
        from_us = INT64_MIN / 2;
        to_us = world_time(&run->world) + ANY_TIME_US;
    }
    const struct world_frame *frame = await_frame(run, to_us + run->tolerance_us);
    struct text why = {0};
    if (run->failed) {
        return;
    }
    if (frame == NULL) {
        fail_missing(run, event, to_us + run->tolerance_us);
        return;
    }
    if (!packet_match(&run->packets, event->packet, frame, &why)) {
        run_fail(run, event, "%s", why.bytes);
        run->failed_frame = frame;
        return;
    }
    if (frame->time_us < from_us - run->tolerance_us || frame->time_us > to_us + run->tolerance_us) {
        text_add_time(&why, frame->time_us - (frame->time_us < from_us ? from_us : to_us));
        run_fail(run, event, "wrong time: the packet came %s s off", why.bytes);
        run->failed_frame = frame;
        return;
    }
    if (when->kind == WHEN_AT) { /* it may have come a little early: what follows counts from the time written */
        advance(run, from_us);
    }
    run->last_us = when->kind == WHEN_AT ? from_us : frame->time_us;
}

static void start_call(struct run *run, const struct event *event) {
    struct call *call = memory_take(&run->script->memory, sizeof *call);
    *call = (struct call){.run = run, .event = event, .spec = event->call, .deadline_us = INT64_MAX};
    /* The end is counted from the event before, like the beginning, which is last_us by now. */
    call->due_us = event->when.blocks ? run->last_us - event->when.from_us + event->when.returned_us : run->last_us;
    if (event->when.blocks && !event->when.relative) {
        call->due_us = event->when.returned_us;
    }
    int64_t result = calls_try(call);
    if (result != CALL_BLOCKED) {
        call_returned(run, call, result);
    } else if (!event->when.blocks) {
        run_fail(run, event, "the call blocks: its event has no time to return at, as in 0.1...0.2");
    } else {
        struct call **tail = &run->waiting;
        while (*tail != NULL) {
            tail = &(*tail)->next;
        }
        *tail = call;
    }
}

static void inject(struct run *run, const struct event *event) {
    static uint8_t frame[WORLD_FRAME_BYTES];
    uint32_t len = packet_build(&run->packets, event->packet, frame);
    world_inject(&run->world, frame, len);
}

/* Everything but an expected packet happens at its exact time. */
static void act(struct run *run, const struct event *event) {
    struct text why = {0};
    int64_t at_us = absolute(run, &event->when, event->when.from_us);
    if (at_us < run->last_us) {
        run_fail(run, event, "time runs backwards");
        return;
    }
    advance(run, at_us);
    run->last_us = at_us;
    if (run->failed) {
        return;
    }
    switch (event->kind) {
    case EVENT_PACKET:
        inject(run, event);
        break;
    case EVENT_CALL:
        start_call(run, event);
        break;
    case EVENT_ASSERT:
        if (!assert_hold(event->asserts, info_lookup, run, &why)) {
            run_fail(run, event, "%s", why.bytes);
        }
        break;
    case EVENT_SHELL:
        if (!settings_shell(&run->settings, &run->world, event->shell, &why)) {
            run_fail(run, event, "%s", why.bytes);
        }
        break;
    }
    settle(run);
}

/* Nothing may be left over: no call, and no packet that nobody expected. */
static void finish(struct run *run) {
    while (run->waiting != NULL && !run->failed) {
        const struct call *call = run->waiting;
        advance(run, call->due_us + run->tolerance_us);
        if (run->waiting == call) {
            run_fail(run, call->event, "wrong time: the call did not return");
        }
    }
    const struct world_frame *extra = world_take(&run->world);
    if (extra != NULL && !run->failed) {
        run_fail(run, NULL, "extra packet: one was sent that no event expects");
        run->failed_frame = extra;
    }
    struct text why = {0};
    if (!isn_hidden(&run->world, &why)) {
        run_fail(run, NULL, "%s", why.bytes);
    }
}

/* The lines of -v: what the stack did with it, in its own words. */
static void trace(void *ctx, const struct tapir_event *event) {
    char line[512];
    const struct world *world = CONTAINER_OF((struct test_env *)ctx, struct world, env);
    struct tapir_event shown = *event;
    shown.now_us -= world->start_us;
    if (shown.kind == TAPIR_EVENT_TIMER) {
        shown.timer.deadline_us -= world->start_us;
    }
    (void)tapir_trace_format(&shown, line, sizeof line);
    printf("    %s\n", line);
}

static void execute(struct run *run, struct script *script, const struct run_config *config, uint64_t start_us) {
    int64_t given_us = script->options.tolerance_us;
    run->script = script;
    run->verbose = config->verbose;
    run->tolerance_us = given_us >= 0 ? given_us : config->tolerance_us >= 0 ? config->tolerance_us : TOLERANCE_US;
    flow_init(&run->flows, &script->memory, &script->options, config->remote_isn);
    run->packets =
        (struct packet_context){.flows = &run->flows, .options = &script->options, .tolerance_us = run->tolerance_us};
    world_open(&run->world, &script->options, &script->memory, start_us);
    run->world.env.env.trace = config->verbose ? trace : NULL;
    for (const struct event *event = script->events; event != NULL && !run->failed; event = event->next) {
        run->event = event;
        if (config->verbose) {
            printf("%u: %s\n", event->line, event->text);
        }
        if (event->kind == EVENT_PACKET && event->packet->outbound) {
            expect_packet(run, event);
        } else {
            act(run, event);
        }
    }
    finish(run);
    if (!world_close(&run->world)) {
        run_fail(run, NULL, "the stack kept memory when it was taken down");
    }
}

/* An initial sequence number goes on by one every 4 us (MUST-8): so the time to begin at chooses it. */
void run_script(struct run *run, struct script *script, const struct run_config *config) {
    uint32_t isn;
    execute(run, script, config, START_US);
    if (config->place_isn && !run->failed && isn_first(&run->world, &isn)) {
        uint64_t later_us = 4ULL * (uint32_t)(config->local_isn - isn);
        memset(run, 0, sizeof *run);
        execute(run, script, config, START_US + later_us);
        if (!run->failed && isn_first(&run->world, &isn) && isn != config->local_isn) {
            run_fail(run, NULL, "the initial sequence number could not be placed");
        }
    }
}
