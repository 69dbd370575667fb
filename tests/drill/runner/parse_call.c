/* Parses calls: `setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0`, `read(4, ..., 9) = -1 EAGAIN (Resource ...)`.
 *
 * Arguments are literals, nested in lists and structs; which of them a call can use is the call's business. Numbers
 * are kept in host order whatever htons and inet_addr say, since nothing here is a struct sockaddr. */
#include <string.h>

#include "names.h"
#include "parse.h"

#define NESTING_MAX 8

/* A word's number: a constant, or the value under htons, htonl and inet_addr (all kept in host order). */
static int64_t parse_word(struct scan *scan) {
    char word[WORD_BYTES];
    int64_t number = 0;
    if (!scan_word(scan, word)) {
        scan_fail(scan, "expected a value before '%.20s'", scan->at);
    } else if (strcmp(word, "htons") == 0 || strcmp(word, "htonl") == 0) {
        scan_expect(scan, "(");
        number = scan_number_in(scan, 0, UINT32_MAX);
        scan_expect(scan, ")");
    } else if (strcmp(word, "inet_addr") == 0) {
        scan_expect(scan, "(");
        scan_expect(scan, "\"");
        number = scan_ipv4(scan);
        scan_expect(scan, "\"");
        scan_expect(scan, ")");
    } else if (!names_value(word, &number)) {
        scan_fail(scan, "'%s' is no constant that is known here", word);
    }
    return number;
}

/* `...`, "text", or numbers and constants joined by |. */
static void parse_scalar(struct scan *scan, struct value *value) {
    if (scan_accept(scan, "...")) {
        value->kind = VALUE_ANY;
        return;
    }
    if (scan_accept(scan, "\"")) {
        value->kind = VALUE_TEXT;
        value->text = scan_until(scan, "\"");
        return;
    }
    value->kind = VALUE_NUMBER;
    do {
        int64_t number;
        value->number |= scan_number(scan, &number) ? number : parse_word(scan);
    } while (scan_accept(scan, "|"));
}

/* "name=" or "name(...)=" of a struct's field; a word that is followed by neither stays. */
static const char *parse_field_name(struct scan *scan) {
    char word[WORD_BYTES];
    const char *before = scan->at;
    unsigned line = scan->line;
    scan_skip(scan);
    if (scan_word(scan, word)) {
        if (scan_accept(scan, "(")) { /* msg_iov(1)=: the count is seen from the list */
            (void)scan_until(scan, ")");
        }
        if (scan_accept(scan, "=")) {
            return memory_text(&scan->script->memory, word, strlen(word));
        }
    }
    if (!scan->failed) {
        scan->at = before;
        scan->line = line;
    }
    return NULL;
}

/* Values by commas up to `)`; lists and structs are open at the same time as they are nested. */
static struct value *parse_arguments(struct scan *scan) {
    struct value root = {0};
    struct value **tail[NESTING_MAX] = {&root.first};
    const char *close[NESTING_MAX] = {")"};
    int depth = 0;
    while (depth >= 0 && !scan->failed) {
        if (scan_accept(scan, close[depth])) {
            depth--;
            if (depth >= 0 && !scan_next_is(scan, close[depth])) {
                scan_expect(scan, ",");
            }
            continue;
        }
        struct value *value = memory_take(&scan->script->memory, sizeof *value);
        *tail[depth] = value;
        tail[depth] = &value->next;
        value->name = close[depth][0] == '}' ? parse_field_name(scan) : NULL;
        bool list = scan_accept(scan, "[");
        if (list || scan_accept(scan, "{")) {
            if (++depth == NESTING_MAX) {
                scan_fail(scan, "nested too deeply");
                break;
            }
            value->kind = list ? VALUE_LIST : VALUE_STRUCT;
            close[depth] = list ? "]" : "}";
            tail[depth] = &value->first;
            continue;
        }
        parse_scalar(scan, value);
        if (!scan_next_is(scan, close[depth])) {
            scan_expect(scan, ",");
        }
    }
    return root.first;
}

/* "= 0", "= -1 EAGAIN (text)", "= 0x802 (flags ...)", "= ...". */
static void parse_result(struct scan *scan, struct result_spec *result) {
    char word[WORD_BYTES];
    int64_t number;
    scan_expect(scan, "=");
    if (scan_accept(scan, "...")) {
        result->any = true;
        return;
    }
    struct value value = {0};
    parse_scalar(scan, &value);
    result->number = value.number;
    if (result->number == -1) {
        if (!scan_word(scan, word) || !names_value(word, &number)) {
            scan_fail(scan, "-1 goes with the name of an error");
            return;
        }
        result->error = (int)number;
    }
    if (scan_accept(scan, "(")) { /* what the system calls it, for the reader */
        (void)scan_until(scan, ")");
    }
}

struct call_spec *parse_call(struct scan *scan) {
    struct call_spec *call = memory_take(&scan->script->memory, sizeof *call);
    char word[WORD_BYTES];
    if (!scan_word(scan, word)) {
        scan_fail(scan, "expected a packet, a call, a shell line or %%{ }%% before '%.20s'", scan->at);
        return call;
    }
    call->name = memory_text(&scan->script->memory, word, strlen(word));
    scan_expect(scan, "(");
    call->args = parse_arguments(scan);
    parse_result(scan, &call->result);
    return call;
}
