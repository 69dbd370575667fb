/* The form of HTTP/1.1 messages, where http_parser is too lenient: of requests' heads and of chunked bodies. */
#ifndef APPS_HTTP_HTTP_H
#define APPS_HTTP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_FIELDS_MAX 16384    /* bytes of header fields, and again of trailers; more: 431 */
#define HTTP_EXTENSIONS_MAX 4096 /* bytes of chunk extensions in one body; more: 400 */

/* --- head.c --- */

/* The position of the next byte in a head. The order matters: from LINE on it is in the fields. */
enum http_head_state {
    HTTP_HEAD_START,
    HTTP_HEAD_EMPTY_LINE,
    HTTP_HEAD_START_AGAIN,
    HTTP_HEAD_METHOD,
    HTTP_HEAD_SPACE,
    HTTP_HEAD_TARGET,
    HTTP_HEAD_VERSION,
    HTTP_HEAD_LINE_END,
    HTTP_HEAD_LINE,
    HTTP_HEAD_NAME,
    HTTP_HEAD_VALUE,
    HTTP_HEAD_END,
    HTTP_HEAD_DONE,
    HTTP_HEAD_BAD,
};

/* All zero: before a head. In state LINE: before the fields of a trailer. */
struct http_head {
    enum http_head_state state;
    size_t field_bytes;
};

/* Scans data as far as the head is well-formed, or to the end of the head, in state DONE. *used: bytes scanned. 0, or the
 * HTTP status to answer: 400, 431. */
int http_head_scan(struct http_head *head, const char *data, size_t bytes, size_t *used);

/* --- value.c --- */

/* Appends to the value of a field, which value[size] keeps with a zero at its end. A value that is too long is none that we
 * understand: it becomes "?", which is always malformed. */
void http_value_add(char *value, size_t size, const char *at, size_t bytes);

/* Removes blanks at its end, which http_parser leaves there (RFC 9110 5.5). */
void http_value_trim(char *value);

/* Writes text to escaped[size], every byte but the plain ones as \xHH, cut where it does not fit. Returns the length. */
size_t http_value_escape(const char *text, char *escaped, size_t size);

/* --- chunk.c --- */

enum http_chunk_state {
    HTTP_CHUNK_SIZE,
    HTTP_CHUNK_BLANK,
    HTTP_CHUNK_EXTENSION,
    HTTP_CHUNK_SIZE_END,
    HTTP_CHUNK_DATA,
    HTTP_CHUNK_DATA_CR,
    HTTP_CHUNK_DATA_LF,
    HTTP_CHUNK_TRAILER,
    HTTP_CHUNK_DONE,
    HTTP_CHUNK_BAD,
};

/* All zero: before a chunked body. */
struct http_chunked {
    enum http_chunk_state state;
    unsigned digits;     /* of the size at hand */
    uint64_t left_bytes; /* of the chunk at hand */
    size_t extension_bytes;
    struct http_head trailer;
};

/* Decodes in place: the content in data is moved to its front, *body_bytes of it. *used: how far it read, at most to the end
 * of the body, in state DONE. 0, or the HTTP status to answer: 400, 431. */
int http_chunk_decode(struct http_chunked *chunked, char *data, size_t bytes, size_t *used, size_t *body_bytes);

/* The value of a hexadecimal digit; -1: it is none. */
int http_chunk_digit(char c);

#endif
