/* Fuzzes the parser of drill scripts: whatever the text, a script, or a message with its line; and its assertions' arithmetic.
 *
 * The oracle is the parser itself, asked in another way: each event, written alone behind a time, is an event of the same kind
 * again, and the events of a script before its mistake are a script.
 */
#include <stdlib.h>
#include <string.h>

#include "assert.h"
#include "base/check.h"
#include "script.h"

enum { TEXT_MAX = 4096 };

/* Some names are known, with any value, the extremes too. */
static bool look_up(void *ctx, const char *name, int64_t *value) {
    static const int64_t values[] = {0, 1, -1, INT64_MAX, INT64_MIN, 1460};
    (void)ctx;
    *value = values[strlen(name) % ARRAY_LEN(values)];
    return name[0] != 'x';
}

static void check_event_alone(const struct event *event) {
    char text[TEXT_MAX + 8];
    struct script alone;
    /* As settings have no time. Elsewhere the time is no part of the text. */
    const char *before = event->kind == EVENT_SHELL ? "" : event->when.blocks ? "0...9 " : "0 ";
    size_t len = strlen(event->text), before_len = strlen(before);
    CHECK(len > 0 && before_len + len < sizeof text);
    memcpy(text, before, before_len);
    memcpy(text + before_len, event->text, len + 1);
    CHECK(script_parse_text(&alone, "alone", text));
    CHECK(alone.events != NULL && alone.events->next == NULL && alone.events->kind == event->kind);
    CHECK(strcmp(alone.events->text, event->text) == 0);
    script_free(&alone);
}

static void check_events(const struct script *script, unsigned lines) {
    unsigned line = 1;
    struct text why;
    CHECK(script->events != NULL && script->error.len == 0);
    for (const struct event *event = script->events; event != NULL; event = event->next) {
        CHECK(event->line >= line && event->line <= lines);
        line = event->line;
        CHECK((event->kind == EVENT_PACKET) == (event->packet != NULL) &&
              (event->kind == EVENT_CALL) == (event->call != NULL));
        if (event->kind == EVENT_ASSERT) {
            why = (struct text){0};
            bool held = assert_hold(event->asserts, look_up, NULL, &why);
            CHECK(held == (why.len == 0));
        }
        check_event_alone(event);
    }
}

/* The lines before the mistake's are a script, or fail no later than there. */
static void check_error(const struct script *script, char *text, unsigned lines) {
    struct script before;
    CHECK(script->error.len > 0 && script->error.len < sizeof script->error.bytes);
    CHECK(script->error.bytes[script->error.len] == '\0');
    CHECK(script->error_line >= 1 && script->error_line <= lines);
    unsigned line = 1;
    for (char *at = text; *at != '\0'; at++) {
        line += *at == '\n';
        if (*at == '\n' && line == script->error_line) {
            *at = '\0';
            break;
        }
    }
    if (!script_parse_text(&before, "before", text)) {
        CHECK(before.error_line <= script->error_line);
    }
    script_free(&before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    struct script script;
    if (len > TEXT_MAX || memchr(data, '\0', len) != NULL) {
        return 0; /* the reader of the file refuses it */
    }
    /* In a block of its own size, so that AddressSanitizer sees one byte of overread. */
    char *text = malloc(len + 1);
    CHECK(text != NULL);
    memcpy(text, data, len);
    text[len] = '\0';
    unsigned lines = 1;
    for (size_t i = 0; i < len; i++) {
        lines += text[i] == '\n';
    }
    if (script_parse_text(&script, "fuzzed", text)) {
        check_events(&script, lines);
    } else {
        check_error(&script, text, lines);
    }
    script_free(&script);
    free(text);
    return 0;
}
