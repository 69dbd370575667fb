/* Fuzzes the request side of the web server: however the bytes come in pieces, the request is the same, and it ends where a second,
 * naive reading of RFC 9112 ends it; so no request hides in another's body. Paths, ranges and dates are read along.
 *
 * The first bytes of the input choose the pieces and the size of a file, the rest is what a client sends.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/check.h"
#include "httpd/httpd.h"

enum { LEN_MAX = 8192 };

static struct httpd_server server = {.root = -1};
static struct httpd_connection whole, pieces;

/* ---- the naive reading ---- */

/* Where a request ends, and its content; only what was taken without complaint is read so. */
struct naive {
    size_t head_len, len;
    unsigned lengths, codings;
    uint64_t length;
    size_t content_len;
    char content[LEN_MAX];
};

static void naive_field(struct naive *naive, const char *line) {
    if (strncasecmp(line, "Content-Length:", 15) == 0) {
        naive->lengths++;
        naive->length = strtoull(line + 15, NULL, 10);
    }
    naive->codings += strncasecmp(line, "Transfer-Encoding:", 18) == 0;
}

/* Chunks, each with its size in front, and the trailer's lines (RFC 9112 7.1). */
static size_t naive_chunks(struct naive *naive, const char *text, size_t at, size_t len) {
    char *end;
    for (uint64_t size = 1; size > 0;) {
        size = strtoull(text + at, &end, 16);
        at = (size_t)(strstr(text + at, "\r\n") + 2 - text);
        CHECK(end != NULL && at + size <= len);
        memcpy(naive->content + naive->content_len, text + at, size);
        naive->content_len += size;
        at += size;
        if (size > 0) {
            CHECK(strncmp(text + at, "\r\n", 2) == 0);
            at += 2;
        }
    }
    while (strncmp(text + at, "\r\n", 2) != 0) {
        at = (size_t)(strstr(text + at, "\r\n") + 2 - text);
    }
    return at + 2;
}

/* Text ends with a zero, and has none in a head that was taken. */
static void naive_read(struct naive *naive, const char *text, size_t len) {
    *naive = (struct naive){0};
    const char *line = strncmp(text, "\r\n", 2) == 0 ? text + 2 : text;
    const char *end = strstr(line, "\r\n\r\n");
    CHECK(end != NULL);
    naive->head_len = (size_t)(end + 4 - text);
    for (line = strstr(line, "\r\n") + 2; line < end; line = strstr(line, "\r\n") + 2) {
        naive_field(naive, line);
    }
    naive->len = naive->head_len;
    if (naive->codings > 0) {
        naive->len = naive_chunks(naive, text, naive->head_len, len);
    } else {
        naive->len += naive->length;
        naive->content_len = naive->length;
        CHECK(naive->len <= len);
        memcpy(naive->content, text + naive->head_len, naive->length);
    }
}

/* ---- the server's ---- */

static void begin(struct httpd_connection *connection) {
    connection->server = &server;
    connection->fd = -1;
    httpd_request_reset(&connection->request);
}

/* Gives data, of which the server may write over what is used, in pieces of 1 to `most` bytes: how much it used. */
static size_t feed(struct httpd_connection *connection, char *data, size_t len, size_t most, uint8_t seed) {
    size_t at = 0;
    begin(connection);
    while (at < len && !connection->request.complete && connection->request.status == 0) {
        size_t piece = most == SIZE_MAX ? len : 1 + (at * 7 + seed) % most;
        size_t used = httpd_request_parse(connection, data + at, min_size(piece, len - at));
        CHECK((used > 0 || connection->request.status != 0) && used <= min_size(piece, len - at));
        at += used;
    }
    return at;
}

/* What is too long to be kept begins with '?', whatever follows. */
static bool same_value(const char *a, const char *b) { return strcmp(a, b) == 0 || (a[0] == '?' && b[0] == '?'); }

static void expect_same(const struct httpd_request *a, const struct httpd_request *b) {
    CHECK(a->status == b->status && a->complete == b->complete && a->headers_done == b->headers_done);
    if (!a->headers_done) {
        return;
    }
    CHECK(a->method == b->method && a->version_minor == b->version_minor && a->keep_alive == b->keep_alive);
    CHECK(a->chunked == b->chunked && a->has_length == b->has_length && a->length_bytes == b->length_bytes);
    CHECK(a->body_bytes == b->body_bytes || a->status != 0);
    CHECK(same_value(a->host, b->host) && same_value(a->connection, b->connection) && same_value(a->range, b->range));
    CHECK(same_value(a->expect, b->expect) && same_value(a->if_match, b->if_match) &&
          same_value(a->if_range, b->if_range));
    CHECK(strcmp(a->target, b->target) == 0 && a->target_len == strlen(a->target));
}

/* Below the root whatever the target, as far as a text can say it. */
static void check_path(const char *target) {
    char path[HTTPD_TARGET_MAX + 1];
    int status = httpd_path_decode(target, path);
    CHECK(status == 0 || status == 400);
    CHECK(status != 0 || (path[0] != '\0' && path[0] != '/' && strlen(path) <= strlen(target)));
}

static void check_range(const char *text, uint64_t size) {
    uint64_t first = 77, last = 78;
    switch (httpd_range_parse(text, size, &first, &last)) {
    case HTTPD_RANGE_PART:
        CHECK(first <= last && last < size && strncasecmp(text, "bytes=", 6) == 0 &&
              text[strspn(text + 6, "0123456789-") + 6] == '\0');
        CHECK(text[6] == '-' ? last == size - 1 && size - first == min_u64(strtoull(text + 7, NULL, 10), size)
                             : first == strtoull(text + 6, NULL, 10));
        break;
    default:
        CHECK(first == 77 && last == 78);
    }
}

/* A date that can be read is the same once it was written. */
static void check_date(const char *text) {
    char written[HTTPD_DATE_BYTES];
    time_t when = 0, again = 0;
    if (httpd_date_parse(text, &when) && when >= 0 && when < 253402300800) { /* the year 10000 */
        CHECK(httpd_date_parse(httpd_date_format(when, written), &again) && again == when);
    }
}

static void check_complete(const char *text, const char *used_text, size_t used, size_t len) {
    static struct naive naive;
    const struct httpd_request *request = &whole.request;
    naive_read(&naive, text, len);
    CHECK(naive.len == used && naive.lengths <= 1 && naive.codings <= 1 && naive.lengths + naive.codings <= 1);
    CHECK(request->chunked == (naive.codings > 0) && request->has_length == (naive.lengths > 0));
    CHECK(request->body_bytes == naive.content_len);
    CHECK(memcmp(used_text + naive.head_len, naive.content, naive.content_len) == 0);
    CHECK(naive.content_len <= HTTPD_UNWANTED_BODY_MAX && request->hosts <= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    struct reader input = reader_of(data, len);
    uint8_t most = reader_u8(&input), seed = reader_u8(&input);
    uint16_t size = reader_u16(&input);
    size_t text_len = min_size(reader_left(&input), LEN_MAX);
    char *text = calloc(1, text_len + 1), *once = malloc(text_len), *often = malloc(text_len);
    CHECK(text != NULL && (text_len == 0 || (once != NULL && often != NULL)));
    if (text_len > 0) {
        memcpy(text, input.at, text_len);
        memcpy(once, input.at, text_len);
        memcpy(often, input.at, text_len);
    }
    size_t used = feed(&whole, once, text_len, SIZE_MAX, 0);
    size_t used_often = feed(&pieces, often, text_len, 1 + most, seed);
    expect_same(&whole.request, &pieces.request);
    if (whole.request.complete) {
        CHECK(used == used_often);
        check_complete(text, once, used, text_len);
    }
    if (whole.request.headers_done) {
        check_path(whole.request.target);
        check_range(whole.request.range, size);
        check_date(whole.request.if_modified_since);
    }
    free(text);
    free(once);
    free(often);
    return 0;
}
