/* The form of a request's head, byte by byte: what RFC 9112 forbids there and http_parser lets pass.
 *
 * Request smuggling depends on two programs that cut the same bytes into messages differently. So nothing malformed is
 * tolerated here, not even where RFC 9112 2.2 and 3 allow it (a bare LF, several spaces). */
#include <string.h>

#include "http/http.h"

/* RFC 9110 5.6.2 */
static bool is_token(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* RFC 9112 3.2, with what is sent unencoded by many clients and breaks nothing. A fragment is no part of a target. */
static bool is_target(unsigned char c) { return c > ' ' && c != 0x7f && c != '#'; }

/* RFC 9110 5.5: no control character but the tab. */
static bool is_value(unsigned char c) { return (c >= ' ' && c != 0x7f) || c == '\t'; }

static bool is_nothing(unsigned char c) {
    (void)c;
    return false;
}

/* In each state, the class of bytes that lead to `then`, and the one byte that leads to `next`. */
static const struct {
    bool (*takes)(unsigned char c);
    enum http_head_state then;
    char end;
    enum http_head_state next;
} rows[] = {
    /* RFC 9112 2.2: one empty line, which some old clients send after a body. */
    [HTTP_HEAD_START] = {is_token, HTTP_HEAD_METHOD, '\r', HTTP_HEAD_EMPTY_LINE},
    [HTTP_HEAD_EMPTY_LINE] = {is_nothing, HTTP_HEAD_BAD, '\n', HTTP_HEAD_START_AGAIN},
    [HTTP_HEAD_START_AGAIN] = {is_token, HTTP_HEAD_METHOD, '\r', HTTP_HEAD_BAD},
    [HTTP_HEAD_METHOD] = {is_token, HTTP_HEAD_METHOD, ' ', HTTP_HEAD_SPACE},
    [HTTP_HEAD_SPACE] = {is_target, HTTP_HEAD_TARGET, ' ', HTTP_HEAD_BAD},
    [HTTP_HEAD_TARGET] = {is_target, HTTP_HEAD_TARGET, ' ', HTTP_HEAD_VERSION},
    [HTTP_HEAD_VERSION] = {is_target, HTTP_HEAD_VERSION, '\r', HTTP_HEAD_LINE_END},
    [HTTP_HEAD_LINE_END] = {is_nothing, HTTP_HEAD_BAD, '\n', HTTP_HEAD_LINE},
    /* A blank here would fold the line before, or, after the request line, hide this one: RFC 9112 5.2, 2.2. */
    [HTTP_HEAD_LINE] = {is_token, HTTP_HEAD_NAME, '\r', HTTP_HEAD_END},
    [HTTP_HEAD_NAME] = {is_token, HTTP_HEAD_NAME, ':', HTTP_HEAD_VALUE},
    [HTTP_HEAD_VALUE] = {is_value, HTTP_HEAD_VALUE, '\r', HTTP_HEAD_LINE_END},
    [HTTP_HEAD_END] = {is_nothing, HTTP_HEAD_BAD, '\n', HTTP_HEAD_DONE},
};

static enum http_head_state next_state(enum http_head_state state, char c) {
    if (rows[state].takes((unsigned char)c)) {
        return rows[state].then;
    }
    return c == rows[state].end ? rows[state].next : HTTP_HEAD_BAD;
}

int http_head_scan(struct http_head *head, const char *data, size_t bytes, size_t *used) {
    size_t at = 0;
    int status = 0;
    while (at < bytes && head->state != HTTP_HEAD_DONE && status == 0) {
        const enum http_head_state state = next_state(head->state, data[at]);
        head->field_bytes += state >= HTTP_HEAD_LINE ? 1 : 0;
        if (state == HTTP_HEAD_BAD) {
            status = 400;
        } else if (head->field_bytes > HTTP_FIELDS_MAX) {
            status = 431;
        } else {
            head->state = state;
            at++;
        }
    }
    *used = at;
    return status;
}
