/* Requests: http_parser does the grammar, these callbacks keep what matters and set the limits. */
#include <string.h>
#include <strings.h>

#include "httpd/httpd.h"

void httpd_request_reset(struct httpd_request *request) {
    /* All but the target, whose length says how much of it counts. */
    memset(request, 0, offsetof(struct httpd_request, target));
    request->upload.parent = request->upload.file = -1;
    request->target[0] = '\0';
}

static struct httpd_request *request_of(http_parser *parser) {
    return &((struct httpd_connection *)parser->data)->request;
}

/* Stops the parser with an answer. */
static int refuse(struct httpd_request *request, int status) {
    request->status = status;
    return -1;
}

static int on_begin(http_parser *parser) {
    request_of(parser)->started = true;
    return 0;
}

/* http_parser gives texts in pieces, as the bytes come: each callback adds to what is there. */
static int on_url(http_parser *parser, const char *at, size_t bytes) {
    struct httpd_request *request = request_of(parser);
    if (bytes > HTTPD_TARGET_MAX - request->target_len) {
        return refuse(request, 414);
    }
    memcpy(request->target + request->target_len, at, bytes);
    request->target_len += bytes;
    request->target[request->target_len] = '\0';
    return 0;
}

/* A field's name follows the value of the one before; that is how its beginning is told. */
static int on_field(http_parser *parser, const char *at, size_t bytes) {
    struct httpd_request *request = request_of(parser);
    request->header_bytes += bytes;
    if (request->header_bytes > HTTPD_HEADERS_MAX) {
        return refuse(request, 431);
    }
    if (request->in_value) {
        request->in_value = false;
        request->name_len = 0;
    }
    const size_t room = sizeof request->name - 1 - request->name_len;
    const size_t kept = bytes < room ? bytes : room;
    memcpy(request->name + request->name_len, at, kept);
    request->name_len += kept;
    request->name[request->name_len] = '\0';
    return 0;
}

/* Where the value of the field named request->name goes, and how much fits. */
static char *capture_of(struct httpd_request *request, size_t *size) {
    const struct {
        const char *name;
        char *value;
        size_t size;
    } fields[] = {
        {"Range", request->range, sizeof request->range},
        {"If-Range", request->if_range, sizeof request->if_range},
        {"If-Modified-Since", request->if_modified_since, sizeof request->if_modified_since},
        {"Expect", request->expect, sizeof request->expect},
        {"Content-Range", request->content_range, sizeof request->content_range},
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (strcasecmp(request->name, fields[i].name) == 0) {
            *size = fields[i].size;
            return fields[i].value;
        }
    }
    return NULL;
}

static int on_value(http_parser *parser, const char *at, size_t bytes) {
    struct httpd_request *request = request_of(parser);
    size_t size = 0;
    request->header_bytes += bytes;
    if (request->header_bytes > HTTPD_HEADERS_MAX) {
        return refuse(request, 431);
    }
    if (!request->in_value) {
        request->in_value = true;
        request->hosts += strcasecmp(request->name, "Host") == 0 ? 1 : 0;
    }
    char *value = capture_of(request, &size);
    if (value == NULL) {
        return 0;
    }
    /* Too long for its field: none of the values that we understand. '?' makes it malformed for certain. */
    const size_t used = strlen(value);
    if (bytes >= size - used) {
        memcpy(value, "?", 2);
        return 0;
    }
    memcpy(value + used, at, bytes);
    value[used + bytes] = '\0';
    return 0;
}

static int on_headers(http_parser *parser) {
    struct httpd_connection *connection = parser->data;
    struct httpd_request *request = &connection->request;
    request->headers_done = true;
    request->method = parser->method;
    parser->upgrade = 0; /* RFC 9110 7.8: a server may ignore Upgrade */
    if (parser->http_major != 1) {
        return refuse(request, 505);
    }
    /* RFC 9112 3.2: exactly one Host, but none need be in HTTP/1.0. */
    if (request->hosts > 1 || (request->hosts == 0 && parser->http_minor >= 1)) {
        return refuse(request, 400);
    }
    httpd_respond_headers(connection);
    return request->status == 0 ? 0 : -1;
}

static int on_body(http_parser *parser, const char *at, size_t bytes) {
    struct httpd_request *request = request_of(parser);
    if (request->upload.parent < 0) {
        return 0; /* a body that means nothing to the method is read and dropped */
    }
    const int status = httpd_upload_write(&request->upload, at, bytes);
    return status == 0 ? 0 : refuse(request, status);
}

static int on_complete(http_parser *parser) {
    struct httpd_request *request = request_of(parser);
    request->complete = true;
    request->keep_alive = http_should_keep_alive(parser) != 0;
    http_parser_pause(parser, 1); /* the next request waits for this one's answer */
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

size_t httpd_request_parse(struct httpd_connection *connection, const char *data, size_t bytes) {
    static const http_parser_settings settings = {
        .on_message_begin = on_begin,
        .on_url = on_url,
        .on_header_field = on_field,
        .on_header_value = on_value,
        .on_headers_complete = on_headers,
        .on_body = on_body,
        .on_message_complete = on_complete,
    };
    const size_t used = http_parser_execute(&connection->parser, &settings, data, bytes);
    const enum http_errno error = HTTP_PARSER_ERRNO(&connection->parser);
    if (error == HPE_PAUSED) {
        http_parser_pause(&connection->parser, 0);
    } else if (error != HPE_OK && connection->request.status == 0) {
        connection->request.status = status_of(error);
    }
    return used;
}
