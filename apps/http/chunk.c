/* Chunked bodies (RFC 9112 7.1), to the letter: where one chunk ends another message begins. */
#include <string.h>

#include "http/http.h"

#define SIZE_DIGITS_MAX 15 /* 2^60 bytes: no overflow, and no endless zeros in front */

int http_chunk_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    const char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The size has been read whole. */
static enum http_chunk_state after_size(struct http_chunked *chunked, char c) {
    if (chunked->digits == 0) {
        return HTTP_CHUNK_BAD;
    }
    switch (c) {
    case '\r':
        return HTTP_CHUNK_SIZE_END;
    case ';':
        return HTTP_CHUNK_EXTENSION;
    case ' ':
    case '\t':
        return HTTP_CHUNK_BLANK;
    default:
        return HTTP_CHUNK_BAD;
    }
}

static enum http_chunk_state in_size(struct http_chunked *chunked, char c) {
    const int digit = http_chunk_digit(c);
    if (digit < 0) {
        return after_size(chunked, c);
    }
    chunked->left_bytes = chunked->left_bytes << 4 | (unsigned)digit;
    return ++chunked->digits > SIZE_DIGITS_MAX ? HTTP_CHUNK_BAD : HTTP_CHUNK_SIZE;
}

/* Extensions are ignored; a quoted one ends with the line too, since it contains no CR. */
static enum http_chunk_state in_extension(struct http_chunked *chunked, unsigned char c) {
    if (c == '\r') {
        return HTTP_CHUNK_SIZE_END;
    }
    const bool good = (c >= ' ' && c != 0x7f) || c == '\t';
    return good && ++chunked->extension_bytes <= HTTP_EXTENSIONS_MAX ? HTTP_CHUNK_EXTENSION : HTTP_CHUNK_BAD;
}

/* The state after c, which is neither data nor of a trailer. */
static enum http_chunk_state next_state(struct http_chunked *chunked, char c) {
    switch (chunked->state) {
    case HTTP_CHUNK_SIZE:
        return in_size(chunked, c);
    case HTTP_CHUNK_BLANK:
        /* RFC 9112 7.1.1 has "bad whitespace" before an extension, and nowhere else. */
        if (c == ' ' || c == '\t') {
            return ++chunked->extension_bytes <= HTTP_EXTENSIONS_MAX ? HTTP_CHUNK_BLANK : HTTP_CHUNK_BAD;
        }
        return c == ';' ? HTTP_CHUNK_EXTENSION : HTTP_CHUNK_BAD;
    case HTTP_CHUNK_EXTENSION:
        return in_extension(chunked, (unsigned char)c);
    case HTTP_CHUNK_SIZE_END:
        chunked->trailer.state = HTTP_HEAD_LINE;
        return c != '\n' ? HTTP_CHUNK_BAD : chunked->left_bytes == 0 ? HTTP_CHUNK_TRAILER : HTTP_CHUNK_DATA;
    case HTTP_CHUNK_DATA_CR:
        return c == '\r' ? HTTP_CHUNK_DATA_LF : HTTP_CHUNK_BAD;
    case HTTP_CHUNK_DATA_LF:
        chunked->digits = 0;
        return c == '\n' ? HTTP_CHUNK_SIZE : HTTP_CHUNK_BAD;
    default:
        return HTTP_CHUNK_BAD;
    }
}

int http_chunk_decode(struct http_chunked *chunked, char *data, size_t bytes, size_t *used, size_t *body_bytes) {
    size_t at = 0;
    size_t kept = 0;
    int status = 0;
    while (at < bytes && status == 0 && chunked->state != HTTP_CHUNK_DONE) {
        if (chunked->state == HTTP_CHUNK_DATA) {
            const size_t n = chunked->left_bytes < bytes - at ? (size_t)chunked->left_bytes : bytes - at;
            memmove(data + kept, data + at, n);
            kept += n;
            at += n;
            chunked->left_bytes -= n;
            chunked->state = chunked->left_bytes == 0 ? HTTP_CHUNK_DATA_CR : HTTP_CHUNK_DATA;
        } else if (chunked->state == HTTP_CHUNK_TRAILER) {
            size_t n = 0;
            status = http_head_scan(&chunked->trailer, data + at, bytes - at, &n);
            at += n;
            chunked->state = chunked->trailer.state == HTTP_HEAD_DONE ? HTTP_CHUNK_DONE : HTTP_CHUNK_TRAILER;
        } else {
            chunked->state = next_state(chunked, data[at++]);
            status = chunked->state == HTTP_CHUNK_BAD ? 400 : 0;
        }
    }
    *used = at;
    *body_bytes = kept;
    return status;
}
