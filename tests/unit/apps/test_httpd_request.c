/* The web server's requests: the form of heads and chunked bodies, what is refused, what is kept. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "httpd/httpd.h"

static struct httpd_server server = {.root = -1};

static struct httpd_connection *connection_new(void) {
    struct httpd_connection *connection = calloc(1, sizeof *connection);
    connection->server = &server;
    connection->fd = -1;
    httpd_request_reset(&connection->request);
    return connection;
}

/* Feeds text in steps of `step` bytes; the status that parsing gives, 0 for none, or -1: there is no whole request.
 * What is left of text goes to rest[], of 64 bytes. */
static int feed(const char *text, size_t len, size_t step, char *rest) {
    struct httpd_connection *connection = connection_new();
    const struct httpd_request *request = &connection->request;
    char *copy = malloc(len + 1);
    size_t at = 0;
    memcpy(copy, text, len + 1);
    while (at < len && !request->complete && request->status == 0) {
        at += httpd_request_parse(connection, copy + at, step < len - at ? step : len - at);
    }
    const int status = request->complete || request->status != 0 ? request->status : -1;
    snprintf(rest, 64, "%s", text + at);
    free(copy);
    free(connection);
    return status;
}

/* The same whatever the steps, which is checked. */
static int status_of_bytes(const char *text, size_t len, char *rest) {
    char other[64];
    const int status = feed(text, len, len, rest);
    for (size_t step = 1; step <= 3; step++) {
        const int again = feed(text, len, step, other);
        cr_assert_eq(again, status, "%d and not %d in steps of %zu: %.200s", again, status, step, text);
        cr_assert(status != 0 || strcmp(rest, other) == 0, "%s in steps of %zu", text, step);
    }
    return status;
}

static int status_of(const char *text) {
    char rest[64];
    return status_of_bytes(text, strlen(text), rest);
}

struct expected {
    const char *text;
    int status;
};

#define LINE "GET / HTTP/1.1\r\n"
#define HOST "Host: x\r\n"
#define END "\r\n"

static void check(const struct expected *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const int status = status_of(cases[i].text);
        cr_assert_eq(status, cases[i].status, "%s: %d", cases[i].text, status);
    }
}

#define CHECK_ALL(cases) check(cases, sizeof(cases) / sizeof(cases)[0])

/* RFC 9112 2.2 and 3 */
Test(httpd_request, request_lines) {
    static const struct expected cases[] = {
        {LINE HOST END, 0},
        {"GET / HTTP/1.0" END END, 0},
        {"GET / HTTP/1.2\r\n" HOST END, 0},
        {"GET / HTTP/2.0\r\n" HOST END, 505},
        {"GET / HTTP/0.9\r\n" HOST END, 505},
        {"GET / HTTP/1.10\r\n" HOST END, 505},
        {"GET / HTTP/x\r\n" HOST END, 505},
        {"GET / HTTP/1.1 \r\n" HOST END, 400},
        {"GET / http/1.1\r\n" HOST END, 400},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 501},
        {"GET /\r\n" END, 400},
        {"GET\r\n" END, 400},
        {"GET  / HTTP/1.1\r\n" HOST END, 400},
        {"GET /  HTTP/1.1\r\n" HOST END, 400},
        {"GET\t/ HTTP/1.1\r\n" HOST END, 400},
        {"GET /\tx HTTP/1.1\r\n" HOST END, 400},
        {"GET /\fx HTTP/1.1\r\n" HOST END, 400},
        {"GET /\1 HTTP/1.1\r\n" HOST END, 400},
        {"GET /#x HTTP/1.1\r\n" HOST END, 400},
        {" GET / HTTP/1.1\r\n" HOST END, 400},
        {"get / HTTP/1.1\r\n" HOST END, 501},
        {"BREW / HTTP/1.1\r\n" HOST END, 501},
        {"\x16\x03\x01\x02", 400},
        {"\r\n" LINE HOST END, 0},
        {"\r\n\r\n" LINE HOST END, 400},
        {"\rGET / HTTP/1.1\r\n" HOST END, 400},
        {"\n" LINE HOST END, 400},
        {"GET / HTTP/1.1\n" HOST END, 400},
        {"GET / HTTP/1.1\rX" HOST END, 400},
        {LINE HOST "\rX", 400},
        {LINE HOST "\n", 400},
    };
    CHECK_ALL(cases);
}

/* RFC 9112 5, RFC 9110 5.5 */
Test(httpd_request, field_lines) {
    static const struct expected cases[] = {
        {LINE HOST "A: b\tc \x80\xff\r\n" END, 0},
        {LINE HOST "A:\r\n" END, 0},
        {LINE HOST "!#$%&'*+-.^_`|~: b\r\n" END, 0},
        {LINE HOST "A : b\r\n" END, 400},
        {LINE HOST "A\t: b\r\n" END, 400},
        {LINE HOST "A b: c\r\n" END, 400},
        {LINE HOST "A(: c\r\n" END, 400},
        {LINE HOST "\x80: c\r\n" END, 400},
        {LINE HOST ": c\r\n" END, 400},
        {LINE HOST "A\r\n" END, 400},
        {LINE HOST "A: b\r\n c\r\n" END, 400},
        {LINE HOST "A: b\r\n\tc\r\n" END, 400},
        {LINE " A: b\r\n" HOST END, 400},
        {LINE HOST "A: b\rc\r\n" END, 400},
        {LINE HOST "A: b\r\r\n" END, 400},
        {LINE HOST "A: b\n" END, 400},
        {LINE HOST "A: b\x01\r\n" END, 400},
        {LINE HOST "A: b\x7f\r\n" END, 400},
        {LINE HOST "A: b\x1b[2J\r\n" END, 400},
    };
    CHECK_ALL(cases);
    /* Wherever a NUL stands, what is in front of it is not taken for the whole. */
    static const char good[] = LINE HOST "Range: bytes=0-1\r\nConnection: close\r\nContent-Length: 0\r\n" END;
    for (size_t i = 0; i < sizeof good - 1; i++) {
        char text[sizeof good];
        char rest[64];
        memcpy(text, good, sizeof good);
        text[i] = '\0';
        const int status = status_of_bytes(text, sizeof good - 1, rest);
        cr_assert(status == 400 || status == 501 || status == 505, "a NUL at %zu: %d", i, status);
    }
}

/* RFC 9112 3.2 */
Test(httpd_request, hosts) {
    static const struct expected cases[] = {
        {LINE END, 400},
        {LINE HOST HOST END, 400},
        {LINE "Host: x\r\nhOST: y\r\n" END, 400},
        {LINE "Host:\r\n" END, 0},
        {LINE "Host: \t a-b_c.example:8080 \t \r\n" END, 0},
        {LINE "Host: 10.0.0.2:\r\n" END, 0},
        {LINE "Host: [2001:db8::1]:80\r\n" END, 0},
        {LINE "Host: [2001:db8::1\r\n" END, 400},
        {LINE "Host: [x]\r\n" END, 400},
        {LINE "Host: a b\r\n" END, 400},
        {LINE "Host: a,b\r\n" END, 400},
        {LINE "Host: a/b\r\n" END, 400},
        {LINE "Host: u@h\r\n" END, 400},
        {LINE "Host: h:x\r\n" END, 400},
        {LINE "Host: h:1:2\r\n" END, 400},
        {"GET http://other/ HTTP/1.1\r\n" HOST END, 0},
        {"GET http://other/ HTTP/1.1\r\n" END, 400},
        {"GET / HTTP/1.0\r\nHost: a b\r\n" END, 400},
        {"CONNECT h:80 HTTP/1.1\r\n" HOST END, 405},
    };
    CHECK_ALL(cases);
}

/* RFC 9112 6: where a message ends. */
Test(httpd_request, lengths) {
    static const struct expected cases[] = {
        {LINE HOST "Content-Length: 5\r\n" END "hello", 0},
        {LINE HOST "Content-Length: 00005 \r\n" END "hello", 0},
        {LINE HOST "Content-Length: 5\r\n" END "hell", -1},
        {LINE HOST "Content-Length: 0\r\n" END, 0},
        {LINE HOST "Content-Length: 5\r\nContent-Length: 5\r\n" END "hello", 400},
        {LINE HOST "Content-Length: 5\r\nContent-Length: 6\r\n" END "hello", 400},
        {LINE HOST "Content-Length: 5, 5\r\n" END "hello", 400},
        {LINE HOST "Content-Length: 5 5\r\n" END "hello", 400},
        {LINE HOST "Content-Length: +5\r\n" END "hello", 400},
        {LINE HOST "Content-Length: -5\r\n" END "hello", 400},
        {LINE HOST "Content-Length: 0x5\r\n" END "hello", 400},
        {LINE HOST "Content-Length: 5x\r\n" END "hello", 400},
        {LINE HOST "Content-Length:\r\n" END "hello", 400},
        {LINE HOST "Content-Length : 5\r\n" END "hello", 400},
        {LINE HOST "Content-Length:\r\n 5\r\n" END "hello", 400},
        {LINE HOST "Content-Length: 18446744073709551615\r\n" END, 400},
        {LINE HOST "Content-Length: 18446744073709551621\r\n" END, 400},
        {LINE HOST "Content-Length: 65536\r\n" END, -1},
        {LINE HOST "Content-Length: 65537\r\n" END, 413},
        {"GET / HTTP/1.0\r\nContent-Length: 5\r\n" END "hello", 0},
    };
    CHECK_ALL(cases);
}

/* RFC 9112 6.1, 6.3 */
Test(httpd_request, transfer_codings) {
    static const struct expected cases[] = {
        {LINE HOST "Transfer-Encoding: chunked\r\n" END "0\r\n\r\n", 0},
        {LINE HOST "Transfer-Encoding: \t CHUNKED \r\n" END "0\r\n\r\n", 0},
        {LINE HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n" END "0\r\n\r\n", 400},
        {LINE HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n" END "0\r\n\r\n", 400},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n" END "0\r\n\r\n", 400},
        {"GET / HTTP/1.0\r\nTransfer-Encoding: identity\r\n" END, 400},
        {LINE HOST "Transfer-Encoding: gzip, chunked\r\n" END "0\r\n\r\n", 501},
        {LINE HOST "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n" END "0\r\n\r\n", 501},
        {LINE HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" END "0\r\n\r\n", 501},
        {LINE HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n" END "0\r\n\r\n", 400},
        {LINE HOST "Transfer-Encoding: chunked, chunked\r\n" END "0\r\n\r\n", 400},
        {LINE HOST "Transfer-Encoding: chunked, gzip\r\n" END "0\r\n\r\n", 400},
        {LINE HOST "Transfer-Encoding: chunked;q=1\r\n" END "0\r\n\r\n", 400},
        {LINE HOST "Transfer-Encoding: \"chunked\"\r\n" END "0\r\n\r\n", 400},
        {LINE HOST "Transfer-Encoding: xchunked\r\n" END "0\r\n\r\n", 400},
        {LINE HOST "Transfer-Encoding: ,chunked\r\n" END "0\r\n\r\n", 400},
        {LINE HOST "Transfer-Encoding: identity\r\n" END, 400},
        {LINE HOST "Transfer-Encoding:\r\n" END, 400},
        {LINE HOST "Transfer-Encoding : chunked\r\n" END "0\r\n\r\n", 400},
        {LINE HOST "Transfer-Encoding:\r\n chunked\r\n" END "0\r\n\r\n", 400},
        {LINE HOST "Transfer-Encoding: \vchunked\r\n" END "0\r\n\r\n", 400},
    };
    CHECK_ALL(cases);
}

Test(httpd_request, methods_and_expectations) {
    static const struct expected cases[] = {
        {"DELETE / HTTP/1.1\r\n" HOST END, 405},
        {"PUT /x HTTP/1.1\r\n" HOST "Content-Length: 1\r\n" END, 405},
        {"HEAD / HTTP/1.1\r\n" HOST "Upgrade: h2c\r\nConnection: Upgrade\r\n" END, 0},
        {LINE HOST "Upgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 5\r\n" END "hello", 0},
        {LINE HOST "Expect: wonders\r\n" END, 417},
        {LINE HOST "Expect: 100-Continue\r\n" END, 0},
        {"GET / HTTP/1.0\r\nExpect: wonders\r\n" END, 0},
    };
    CHECK_ALL(cases);
}

/* RFC 9112 7.1 */
Test(httpd_request, chunks) {
    static const struct expected cases[] = {
        {"5\r\nhello\r\n0\r\n\r\n", 0},
        {"00000000000000f\r\nfifteen letters\r\n0\r\n\r\n", 0},
        {"5;a=b;c=\"d;e\"\r\nhello\r\n0;x\r\n\r\n", 0},
        {"5 \t;a\r\nhello\r\n0\r\n\r\n", 0},
        {"1\r\na\r\n1\r\nb\r\n0\r\nTrailer: x\r\nHost: y\r\n\r\n", 0},
        {"5\r\nhello\r\n0\r\n", -1},
        {"5\r\nhelloXX0\r\n\r\n", 400},
        {"5\r\nhello\n0\r\n\r\n", 400},
        {"5\r\nhello0\r\n\r\n", 400},
        {"5\r\nhello\rX0\r\n\r\n", 400},
        {"5 \r\nhello\r\n0\r\n\r\n", 400},
        {"5 x\r\nhello\r\n0\r\n\r\n", 400},
        {"5x\r\nhello\r\n0\r\n\r\n", 400},
        {" 5\r\nhello\r\n0\r\n\r\n", 400},
        {"0x5\r\nhello\r\n0\r\n\r\n", 400},
        {"+5\r\nhello\r\n0\r\n\r\n", 400},
        {"-5\r\nhello\r\n0\r\n\r\n", 400},
        {"\r\nhello\r\n0\r\n\r\n", 400},
        {";a\r\nhello\r\n0\r\n\r\n", 400},
        {"5\nhello\r\n0\r\n\r\n", 400},
        {"5\rXhello\r\n0\r\n\r\n", 400},
        {"5;\nxx\r\nhello\r\n0\r\n\r\n", 400},
        {"5;a\1\r\nhello\r\n0\r\n\r\n", 400},
        {"10000000000000005\r\nhello\r\n0\r\n\r\n", 400},
        {"0000000000000005\r\nhello\r\n0\r\n\r\n", 400},
        {"0\r\n\n", 400},
        {"0\r\nA : b\r\n\r\n", 400},
        {"0\r\nA: b\r\n c\r\n\r\n", 400},
        {"0\r\nA: b\n\r\n", 400},
        {"10001\r\n", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512];
        char rest[64];
        snprintf(text, sizeof text, LINE HOST "Transfer-Encoding: chunked\r\n\r\n%sGET /next", cases[i].text);
        const size_t len = strlen(text) - (cases[i].status == -1 ? strlen("GET /next") : 0);
        text[len] = '\0';
        const int status = status_of_bytes(text, len, rest);
        cr_assert_eq(status, cases[i].status, "%s: %d", cases[i].text, status);
        cr_assert(status != 0 || strcmp(rest, "GET /next") == 0, "%s: the next request is %s", cases[i].text, rest);
    }
}

Test(httpd_request, chunks_are_joined_in_place) {
    struct http_chunked chunks = {0};
    char data[] = "1\r\na\r\n3;x\r\nbcd\r\n2\r\nef\r\n0\r\n\r\nrest";
    size_t used = 0;
    size_t body_bytes = 0;
    cr_assert_eq(http_chunk_decode(&chunks, data, sizeof data - 1, &used, &body_bytes), 0);
    cr_assert_eq(chunks.state, HTTP_CHUNK_DONE);
    cr_assert_eq(body_bytes, 6);
    cr_assert_eq(memcmp(data, "abcdef", 6), 0);
    cr_assert_str_eq(data + used, "rest");
}

/* n bytes of c between two texts. */
static const char *padded(const char *before, char c, size_t n, const char *after) {
    static char text[200000];
    const size_t len = strlen(before);
    memcpy(text, before, len);
    memset(text + len, c, n);
    strcpy(text + len + n, after);
    return text;
}

Test(httpd_request, limits) {
    static const char chunked[] = LINE HOST "Transfer-Encoding: chunked\r\n\r\n";
    static const char end[] = "\r\n\r\n";
    char before[256];
    cr_assert_eq(status_of(padded("GET /", 'a', HTTPD_TARGET_MAX - 1, " HTTP/1.1\r\n" HOST END)), 0);
    cr_assert_eq(status_of(padded("GET /", 'a', HTTPD_TARGET_MAX, " HTTP/1.1\r\n" HOST END)), 414);
    cr_assert_eq(status_of(padded(LINE HOST "X: ", 'a', HTTP_FIELDS_MAX - 20, end)), 0);
    cr_assert_eq(status_of(padded(LINE HOST "X: ", 'a', HTTP_FIELDS_MAX, end)), 431);
    cr_assert_eq(status_of(padded(LINE HOST "X:", ' ', HTTP_FIELDS_MAX, end)), 431, "blanks count too");
    cr_assert_eq(status_of(padded(LINE HOST, 'X', HTTP_FIELDS_MAX, end)), 431);
    cr_assert_neq(status_of(padded("", 'G', HTTP_FIELDS_MAX, end)), 0);
    cr_assert_neq(status_of(padded("GET / ", 'H', HTTP_FIELDS_MAX, end)), 0);
    snprintf(before, sizeof before, "%s0;", chunked);
    cr_assert_eq(status_of(padded(before, 'a', HTTP_EXTENSIONS_MAX, end)), 0);
    cr_assert_eq(status_of(padded(before, 'a', HTTP_EXTENSIONS_MAX + 1, end)), 400);
    snprintf(before, sizeof before, "%s0", chunked);
    cr_assert_eq(status_of(padded(before, ' ', HTTP_EXTENSIONS_MAX + 2, ";a\r\n\r\n")), 400);
    snprintf(before, sizeof before, "%s0\r\nX: ", chunked);
    cr_assert_eq(status_of(padded(before, 'a', HTTP_FIELDS_MAX, end)), 431);
    snprintf(before, sizeof before, "%s10000\r\n", chunked);
    cr_assert_eq(status_of(padded(before, 'a', HTTPD_UNWANTED_BODY_MAX, "\r\n0\r\n\r\n")), 0);
    cr_assert_eq(status_of(padded(before, 'a', HTTPD_UNWANTED_BODY_MAX, "\r\n1\r\nb\r\n0\r\n\r\n")), 413);
}

/* The connection that a request leaves. */
static struct httpd_connection *parsed(const char *text, size_t *used) {
    static char copy[4096];
    struct httpd_connection *connection = connection_new();
    snprintf(copy, sizeof copy, "%s", text);
    *used = httpd_request_parse(connection, copy, strlen(copy));
    return connection;
}

Test(httpd_request, captures_what_matters) {
    static const char text[] = "GET /x?y HTTP/1.1\r\nHost: x\r\nRANGE: bytes=0-1 \t\r\nIf-Range: z\r\n"
                               "X-Long-Header-Name-That-Is-Cut-Range: no\r\nExpect:\r\n\r\nGET /next";
    char rest[64];
    size_t used = 0;
    struct httpd_connection *connection = parsed(text, &used);
    cr_assert(connection->request.complete && connection->request.keep_alive);
    cr_assert_str_eq(text + used, "GET /next", "stops at the end of one request");
    cr_assert_str_eq(connection->request.target, "/x?y");
    cr_assert_str_eq(connection->request.range, "bytes=0-1");
    cr_assert_str_eq(connection->request.if_range, "z");
    httpd_request_reset(&connection->request);
    snprintf(rest, sizeof rest, "%s", text + used);
    httpd_request_parse(connection, rest, strlen(rest));
    cr_assert(connection->request.started && !connection->request.complete);
    cr_assert_str_eq(connection->request.target, "/next");
    free(connection);
}

/* A trailer is none of the request's fields (RFC 9110 6.5.1). */
Test(httpd_request, trailers_change_nothing) {
    size_t used = 0;
    struct httpd_connection *connection = parsed(LINE HOST "Transfer-Encoding: chunked\r\n\r\n0\r\nRange: bytes=0-1\r\n"
                                                           "Connection: close\r\n\r\n",
                                                 &used);
    cr_assert(connection->request.complete && connection->request.keep_alive);
    cr_assert_str_eq(connection->request.range, "");
    free(connection);
}

/* A field that is too long for what we understand of it must not be taken for its beginning, nor two lines for one. */
Test(httpd_request, an_overlong_or_doubled_field_is_malformed) {
    char text[512];
    size_t used = 0;
    uint64_t first;
    uint64_t last;
    snprintf(text, sizeof text, LINE HOST "Range: bytes=0-1%0100d\r\n\r\n", 0);
    struct httpd_connection *connection = parsed(text, &used);
    cr_assert(connection->request.complete);
    cr_assert_eq(httpd_range_parse(connection->request.range, 100, &first, &last), HTTPD_RANGE_WHOLE);
    free(connection);
    connection = parsed(LINE HOST "Range: bytes=0-1\r\nRange: bytes=2-3\r\n\r\n", &used);
    cr_assert_str_eq(connection->request.range, "bytes=0-1, bytes=2-3");
    cr_assert_eq(httpd_range_parse(connection->request.range, 100, &first, &last), HTTPD_RANGE_WHOLE);
    free(connection);
}

/* RFC 9112 9.3 */
Test(httpd_request, keep_alive) {
    static const struct {
        const char *line, *fields;
        bool keeps;
    } cases[] = {
        {"GET / HTTP/1.1", "", true},
        {"GET / HTTP/1.0", "", false},
        {"GET / HTTP/1.1", "Connection: close\r\n", false},
        {"GET / HTTP/1.1", "Connection: \t CLOSE \t\r\n", false},
        {"GET / HTTP/1.1", "Connection: foo,close\r\n", false},
        {"GET / HTTP/1.1", "Connection: keep-alive\r\nConnection: close\r\n", false},
        {"GET / HTTP/1.1", "Connection: close-not, xclose\r\n", true},
        {"GET / HTTP/1.1", "Proxy-Connection: close\r\n", true},
        {"GET / HTTP/1.0", "Connection: Keep-Alive\r\n", true},
        {"GET / HTTP/1.0", "Connection: keep-alive, close\r\n", false},
        {"GET / HTTP/1.1", "Connection: 1234567890123456789012345678901234567890123456789012345678901234567890\r\n",
         false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[256];
        size_t used = 0;
        snprintf(text, sizeof text, "%s\r\n" HOST "%s\r\n", cases[i].line, cases[i].fields);
        struct httpd_connection *connection = parsed(text, &used);
        cr_assert(connection->request.complete, "%s", text);
        cr_assert_eq(connection->request.keep_alive, cases[i].keeps, "%s", text);
        free(connection);
    }
}
