/* Requests: http_parser reads the head, these functions keep what matters of it, set the limits and take the body. */
#include <string.h>
#include <strings.h>

#include "httpd/httpd.h"

/* A field whose value is kept: its name, and where it goes. */
struct field {
    const char *name;
    size_t name_len, offset, size;
};

#define FIELD(name, member) \
    { name, sizeof name - 1, offsetof(struct httpd_request, member), sizeof((struct httpd_request *)NULL)->member }

static const struct field fields[] = {
    FIELD("Host", host),
    FIELD("Connection", connection),
    FIELD("Transfer-Encoding", transfer_encoding),
    FIELD("Range", range),
    FIELD("Expect", expect),
    FIELD("Content-Range", content_range),
    FIELD("If-Match", if_match),
    FIELD("If-None-Match", if_none_match),
    FIELD("If-Range", if_range),
    FIELD("If-Modified-Since", if_modified_since),
    FIELD("If-Unmodified-Since", if_unmodified_since),
};

#define FIELDS (sizeof fields / sizeof fields[0])

void httpd_request_reset(struct httpd_request *request) {
    /* All but the target, whose length says how much of it counts. */
    memset(request, 0, offsetof(struct httpd_request, target));
    request->upload.parent = request->upload.file = -1;
    request->target[0] = '\0';
    http_parser_init(&request->parser, HTTP_REQUEST);
}

/* Stops the parser with an answer. */
static int refuse(struct httpd_request *request, int status) {
    request->status = status;
    return -1;
}

/* http_parser gives texts in pieces, as the bytes come: each callback adds to what is there. */
static int on_url(http_parser *parser, const char *at, size_t bytes) {
    struct httpd_request *request = parser->data;
    if (bytes > HTTPD_TARGET_MAX - request->target_len) {
        return refuse(request, 414);
    }
    memcpy(request->target + request->target_len, at, bytes);
    request->target_len += bytes;
    request->target[request->target_len] = '\0';
    return 0;
}

/* A field's name follows the value of the field before; that marks its beginning. */
static int on_field(http_parser *parser, const char *at, size_t bytes) {
    struct httpd_request *request = parser->data;
    if (request->in_value) {
        request->in_value = false;
        request->name_len = 0;
    }
    const size_t room = sizeof request->name - 1 - request->name_len;
    const size_t kept = bytes < room ? bytes : room;
    memcpy(request->name + request->name_len, at, kept);
    request->name_len += kept;
    return 0;
}

static void capture(struct httpd_request *request, const char *at, size_t bytes) {
    http_value_add(request->capture, request->capture_size, at, bytes);
}

/* The name is whole. A second line of a field continues its list (RFC 9110 5.3). */
static void begin_value(struct httpd_request *request) {
    request->in_value = true;
    request->capture = NULL;
    for (size_t i = 0; i < FIELDS; i++) {
        if (request->name_len == fields[i].name_len &&
            strncasecmp(request->name, fields[i].name, request->name_len) == 0) {
            request->capture = (char *)request + fields[i].offset;
            request->capture_size = fields[i].size;
        }
    }
    request->hosts += request->capture == request->host ? 1 : 0;
    request->codings += request->capture == request->transfer_encoding ? 1 : 0;
    if (request->capture != NULL && request->capture[0] != '\0') {
        capture(request, ", ", 2);
    }
}

static int on_value(http_parser *parser, const char *at, size_t bytes) {
    struct httpd_request *request = parser->data;
    if (!request->in_value) {
        begin_value(request);
    }
    if (request->capture != NULL) {
        capture(request, at, bytes);
    }
    return 0;
}

/* The HTTP status for what the parser could not read. */
static int status_of(enum http_errno error) {
    switch (error) {
    case HPE_INVALID_METHOD:
        return 501;
    case HPE_INVALID_VERSION:
        return 505;
    case HPE_HEADER_OVERFLOW:
        return 431;
    default:
        return 400;
    }
}

static void trim_values(struct httpd_request *request) {
    for (size_t i = 0; i < FIELDS; i++) {
        http_value_trim((char *)request + fields[i].offset);
    }
}

/* Does the comma-separated list hold the token, in whatever case? */
static bool lists(const char *list, const char *token) {
    const size_t len = strlen(token);
    while (*list != '\0') {
        list += strspn(list, ", \t");
        const size_t item = strcspn(list, ", \t");
        if (item == len && strncasecmp(list, token, len) == 0) {
            return true;
        }
        list += item;
    }
    return false;
}

/* RFC 9112 9.3. What we cannot read may have said "close". */
static bool keeps_alive(const struct httpd_request *request) {
    if (request->connection[0] == '?' || lists(request->connection, "close")) {
        return false;
    }
    return request->version_minor >= 1 || lists(request->connection, "keep-alive");
}

/* RFC 9112 3.2 and 7.2: uri-host [ ":" port ], which may be empty. */
static bool is_host(const char *host) {
    static const char name[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+;=%";
    static const char digits[] = "0123456789";
    if (*host == '[') {
        host += 1 + strspn(host + 1, "0123456789abcdefABCDEF:.");
        if (*host++ != ']') {
            return false;
        }
    } else {
        host += strspn(host, name);
    }
    return *host == '\0' || (*host == ':' && host[1 + strspn(host + 1, digits)] == '\0');
}

/* The rules about a whole head that say how far its message reaches and whom it is for. 0 or the HTTP status. */
static int check_head(const struct httpd_request *request) {
    const http_parser *parser = &request->parser;
    if (parser->http_major != 1) {
        return 505;
    }
    /* RFC 9112 3.2: exactly one Host, but none need be in HTTP/1.0. */
    if (request->hosts > 1 || (request->hosts == 0 && request->version_minor >= 1) || !is_host(request->host)) {
        return 400;
    }
    if (request->codings == 0) {
        return 0;
    }
    /* RFC 9112 6.1: HTTP/1.0 has no transfer codings, so some proxy on the way has read past this one. */
    if (request->version_minor == 0) {
        return 400;
    }
    return strcasecmp(request->transfer_encoding, "chunked") == 0 ? 0 : 501;
}

/* The head is whole: what it says of the body, and whether it is to be answered without one. */
static void finish_head(struct httpd_connection *connection) {
    struct httpd_request *request = &connection->request;
    const http_parser *parser = &request->parser;
    request->headers_done = true;
    request->method = parser->method;
    request->version_minor = parser->http_minor;
    trim_values(request);
    request->keep_alive = keeps_alive(request);
    request->status = check_head(request);
    request->chunked = request->codings > 0;
    request->has_length = (parser->flags & F_CONTENTLENGTH) != 0;
    request->length_bytes = request->has_length ? parser->content_length : 0;
    if (request->status == 0) {
        httpd_respond_headers(connection);
    }
    request->complete = request->status == 0 && !request->chunked && request->length_bytes == 0;
}

/* Parses what there is of the head. The bytes used. */
static size_t parse_head(struct httpd_connection *connection, const char *data, size_t bytes) {
    static const http_parser_settings settings = {
        .on_url = on_url,
        .on_header_field = on_field,
        .on_header_value = on_value,
    };
    struct httpd_request *request = &connection->request;
    size_t used = 0;
    const int status = http_head_scan(&request->head, data, bytes, &used);
    request->started = request->started || bytes > 0;
    request->parser.data = request;
    if (used > 0) { /* none would tell it that the connection has ended */
        http_parser_execute(&request->parser, &settings, data, used);
    }
    const enum http_errno error = HTTP_PARSER_ERRNO(&request->parser);
    if (request->status != 0) {
        return used; /* a callback refused it */
    }
    /* What http_parser found stands before what ended the scan. */
    if (error != HPE_OK) {
        request->status = status_of(error);
    } else if (status != 0) {
        request->status = status;
    } else if (request->head.state == HTTP_HEAD_DONE) {
        finish_head(connection);
    }
    return used;
}

/* Content has come: for the upload, or for nobody. 0 or the HTTP status. */
static int take_content(struct httpd_request *request, const char *data, size_t bytes) {
    request->body_bytes += bytes;
    if (request->body_bytes > request->body_bytes_max) {
        return 413;
    }
    return request->upload.parent < 0 ? 0 : httpd_upload_write(&request->upload, data, bytes);
}

/* Takes what there is of the body. The bytes used. */
static size_t parse_body(struct httpd_request *request, char *data, size_t bytes) {
    size_t used = 0;
    size_t content_bytes = 0;
    int status = 0;
    if (request->chunked) {
        status = http_chunk_decode(&request->chunks, data, bytes, &used, &content_bytes);
    } else {
        const uint64_t left_bytes = request->length_bytes - request->body_bytes;
        used = content_bytes = left_bytes < bytes ? (size_t)left_bytes : bytes;
    }
    if (status == 0 && content_bytes > 0) {
        status = take_content(request, data, content_bytes);
    }
    request->status = status;
    request->complete = status == 0 && (request->chunked ? request->chunks.state == HTTP_CHUNK_DONE
                                                         : request->body_bytes == request->length_bytes);
    return used;
}

size_t httpd_request_parse(struct httpd_connection *connection, char *data, size_t bytes) {
    struct httpd_request *request = &connection->request;
    size_t used = 0;
    if (!request->headers_done) {
        used = parse_head(connection, data, bytes);
    }
    if (request->headers_done && request->status == 0 && !request->complete && used < bytes) {
        used += parse_body(request, data + used, bytes - used);
    }
    return used;
}
