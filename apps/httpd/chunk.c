/* Chunked bodies (RFC 9112 7.1), to the letter: where one chunk ends another message begins. */
#include <string.h>

#include "httpd/httpd.h"

#define SIZE_DIGITS_MAX 15 /* 2^60 bytes: no overflow, and no endless zeros in front */

/* The size has been read whole. */
static enum httpd_chunk_state after_size(struct httpd_chunked *chunked, char c) {
    if (chunked->digits == 0) {
        return HTTPD_CHUNK_BAD;
    }
    switch (c) {
    case '\r':
        return HTTPD_CHUNK_SIZE_END;
    case ';':
        return HTTPD_CHUNK_EXTENSION;
    case ' ':
    case '\t':
        return HTTPD_CHUNK_BLANK;
    default:
        return HTTPD_CHUNK_BAD;
    }
}

static enum httpd_chunk_state in_size(struct httpd_chunked *chunked, char c) {
    const int digit = httpd_path_hex(c);
    if (digit < 0) {
        return after_size(chunked, c);
    }
    chunked->left_bytes = chunked->left_bytes << 4 | (unsigned)digit;
    return ++chunked->digits > SIZE_DIGITS_MAX ? HTTPD_CHUNK_BAD : HTTPD_CHUNK_SIZE;
}

/* What an extension says is for nobody here; a quoted one ends with the line as well, since it holds no CR. */
static enum httpd_chunk_state in_extension(struct httpd_chunked *chunked, unsigned char c) {
    if (c == '\r') {
        return HTTPD_CHUNK_SIZE_END;
    }
    const bool good = (c >= ' ' && c != 0x7f) || c == '\t';
    return good && ++chunked->extension_bytes <= HTTPD_EXTENSIONS_MAX ? HTTPD_CHUNK_EXTENSION : HTTPD_CHUNK_BAD;
}

/* The state after c, which is neither data nor of a trailer. */
static enum httpd_chunk_state next_state(struct httpd_chunked *chunked, char c) {
    switch (chunked->state) {
    case HTTPD_CHUNK_SIZE:
        return in_size(chunked, c);
    case HTTPD_CHUNK_BLANK:
        /* RFC 9112 7.1.1 has "bad whitespace" before an extension, and nowhere else. */
        if (c == ' ' || c == '\t') {
            return ++chunked->extension_bytes <= HTTPD_EXTENSIONS_MAX ? HTTPD_CHUNK_BLANK : HTTPD_CHUNK_BAD;
        }
        return c == ';' ? HTTPD_CHUNK_EXTENSION : HTTPD_CHUNK_BAD;
    case HTTPD_CHUNK_EXTENSION:
        return in_extension(chunked, (unsigned char)c);
    case HTTPD_CHUNK_SIZE_END:
        chunked->trailer.state = HTTPD_HEAD_LINE;
        return c != '\n' ? HTTPD_CHUNK_BAD : chunked->left_bytes == 0 ? HTTPD_CHUNK_TRAILER : HTTPD_CHUNK_DATA;
    case HTTPD_CHUNK_DATA_CR:
        return c == '\r' ? HTTPD_CHUNK_DATA_LF : HTTPD_CHUNK_BAD;
    case HTTPD_CHUNK_DATA_LF:
        chunked->digits = 0;
        return c == '\n' ? HTTPD_CHUNK_SIZE : HTTPD_CHUNK_BAD;
    default:
        return HTTPD_CHUNK_BAD;
    }
}

int httpd_chunk_decode(struct httpd_chunked *chunked, char *data, size_t bytes, size_t *used, size_t *body_bytes) {
    size_t at = 0;
    size_t kept = 0;
    int status = 0;
    while (at < bytes && status == 0 && chunked->state != HTTPD_CHUNK_DONE) {
        if (chunked->state == HTTPD_CHUNK_DATA) {
            const size_t n = chunked->left_bytes < bytes - at ? (size_t)chunked->left_bytes : bytes - at;
            memmove(data + kept, data + at, n);
            kept += n;
            at += n;
            chunked->left_bytes -= n;
            chunked->state = chunked->left_bytes == 0 ? HTTPD_CHUNK_DATA_CR : HTTPD_CHUNK_DATA;
        } else if (chunked->state == HTTPD_CHUNK_TRAILER) {
            size_t n = 0;
            status = httpd_head_scan(&chunked->trailer, data + at, bytes - at, &n);
            at += n;
            chunked->state = chunked->trailer.state == HTTPD_HEAD_DONE ? HTTPD_CHUNK_DONE : HTTPD_CHUNK_TRAILER;
        } else {
            chunked->state = next_state(chunked, data[at++]);
            status = chunked->state == HTTPD_CHUNK_BAD ? 400 : 0;
        }
    }
    *used = at;
    *body_bytes = kept;
    return status;
}
