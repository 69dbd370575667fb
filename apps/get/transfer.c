/* One HTTP exchange over a blocking socket: sends the request, reads the response, whose head http_parser takes apart. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <http_parser.h>

#include "common.h"
#include "get/get.h"
#include "http/http.h"

#define BUFFER_BYTES 262144
#define INTERIMS_MAX 64 /* responses before the real one */

/* RFC 9112 6.3: where the body ends. */
enum body { BODY_NONE, BODY_LENGTH, BODY_CHUNKED, BODY_UNTIL_CLOSE };

/* What the parser's callbacks need. */
struct exchange {
    struct get_transfer *transfer;
    struct get_progress progress;
    bool in_value, wants_location, wants_coding;
    bool head_started; /* the status line has been printed */
    bool head_done;    /* of the real response */
    bool complete;
    const char *wrong;          /* why its head cannot be accepted; NULL: it can */
    unsigned interims, codings; /* Transfer-Encoding fields seen */
    enum body body;
    uint64_t left_bytes; /* of a body with a length */
    struct http_chunked chunks;
    char name[24], reason[96], coding[24]; /* the last: of Transfer-Encoding, joined */
    size_t name_len, location_len;
};

static char buffer[BUFFER_BYTES];

/* Writes all to a descriptor of the kernel. 0 or -1 after printing why. */
static int write_out(int fd, const char *data, size_t bytes) {
    while (bytes > 0) {
        const ssize_t n = write(fd, data, bytes);
        if (n < 0 && (errno != EINTR || common_stopped())) {
            common_say("writing: %s", strerror(errno));
            return -1;
        }
        data += n < 0 ? 0 : n;
        bytes -= n < 0 ? 0 : (size_t)n;
    }
    return 0;
}

static bool prints_head(const struct exchange *exchange) {
    return exchange->transfer->head_only || exchange->transfer->show_head;
}

/* On a terminal a byte that could act on it becomes a question mark. */
static int print_head(struct exchange *exchange, const char *text, size_t bytes) {
    const int output = exchange->transfer->output;
    if (!prints_head(exchange) || !isatty(output)) {
        return prints_head(exchange) ? write_out(output, text, bytes) : 0;
    }
    int result = 0;
    for (size_t i = 0; i < bytes && result == 0; i++) {
        const unsigned char c = (unsigned char)text[i];
        const bool plain = (c >= ' ' && c < 0x7f) || c == '\r' || c == '\n' || c == '\t';
        result = write_out(output, plain ? &text[i] : "?", 1);
    }
    return result;
}

static int on_begin(http_parser *parser) {
    struct exchange *exchange = parser->data;
    exchange->in_value = exchange->wants_location = exchange->head_started = false;
    exchange->reason[0] = exchange->coding[0] = '\0';
    exchange->name_len = 0;
    exchange->codings = 0;
    return 0;
}

static int on_status(http_parser *parser, const char *at, size_t bytes) {
    struct exchange *exchange = parser->data;
    const size_t used = strlen(exchange->reason);
    snprintf(exchange->reason + used, sizeof exchange->reason - used, " %.*s", bytes > 80 ? 80 : (int)bytes, at);
    return 0;
}

/* Prints the status line, once; http_parser says nothing of an empty reason. */
static int start_head(http_parser *parser) {
    struct exchange *exchange = parser->data;
    char line[128];
    if (exchange->head_started) {
        return 0;
    }
    exchange->head_started = true;
    const int n = snprintf(line, sizeof line, "HTTP/%u.%u %u%s", (unsigned)parser->http_major,
                           (unsigned)parser->http_minor, (unsigned)parser->status_code, exchange->reason);
    return print_head(exchange, line, (size_t)n);
}

static int on_field(http_parser *parser, const char *at, size_t bytes) {
    struct exchange *exchange = parser->data;
    if (exchange->in_value || exchange->name_len == 0) {
        exchange->in_value = false;
        exchange->name_len = 0;
        if (start_head(parser) != 0 || print_head(exchange, "\r\n", 2) != 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < bytes && exchange->name_len < sizeof exchange->name - 1; i++) {
        exchange->name[exchange->name_len++] = at[i];
    }
    exchange->name[exchange->name_len] = '\0';
    return print_head(exchange, at, bytes);
}

/* Too long to be kept whole: no beginning of it leads to the right place. 0 or -1. */
static int keep_location(struct exchange *exchange, const char *at, size_t bytes) {
    char *location = exchange->transfer->location;
    if (bytes >= sizeof exchange->transfer->location - exchange->location_len) {
        exchange->wrong = "a Location that is too long";
        return -1;
    }
    memcpy(location + exchange->location_len, at, bytes);
    exchange->location_len += bytes;
    location[exchange->location_len] = '\0';
    return 0;
}

static int on_value(http_parser *parser, const char *at, size_t bytes) {
    struct exchange *exchange = parser->data;
    if (!exchange->in_value) {
        exchange->in_value = true;
        exchange->wants_location = strcasecmp(exchange->name, "Location") == 0;
        exchange->wants_coding = strcasecmp(exchange->name, "Transfer-Encoding") == 0;
        exchange->location_len = exchange->wants_location ? 0 : exchange->location_len;
        /* RFC 9110 5.3: a second line of the field continues its list. */
        if (exchange->wants_coding && exchange->codings++ > 0) {
            http_value_add(exchange->coding, sizeof exchange->coding, ", ", 2);
        }
        if (print_head(exchange, ": ", 2) != 0) {
            return -1;
        }
    }
    if (exchange->wants_location && keep_location(exchange, at, bytes) != 0) {
        return -1;
    }
    if (exchange->wants_coding) {
        http_value_add(exchange->coding, sizeof exchange->coding, at, bytes);
    }
    return print_head(exchange, at, bytes);
}

/* RFC 9112 6.3, in its order. NULL, or what is wrong with the head. */
static const char *choose_body(struct exchange *exchange, const http_parser *parser) {
    const unsigned status = parser->status_code;
    /* RFC 9110 15: five classes, of which no other program reads a sixth as the same. */
    if (status < 200 || status > 599) {
        return "a status that does not exist";
    }
    /* A redirect's body, which nobody wants, need not be waited for: the connection is closed, and it may have no end. */
    const bool dropped = exchange->transfer->drop_redirects && status / 100 == 3;
    if (exchange->transfer->head_only || status == 204 || status == 304 || dropped) {
        exchange->body = BODY_NONE;
    } else if (exchange->codings > 0) {
        exchange->body = BODY_CHUNKED;
        http_value_trim(exchange->coding);
        return strcasecmp(exchange->coding, "chunked") == 0 ? NULL : "a coding that was not asked for";
    } else if ((parser->flags & F_CONTENTLENGTH) != 0) {
        exchange->body = BODY_LENGTH;
        exchange->left_bytes = parser->content_length;
    } else {
        exchange->body = BODY_UNTIL_CLOSE;
    }
    return NULL;
}

/* RFC 9110 15.2: interim responses come before the real one. 1 tells the parser that no body follows: what does is not
 * for it. */
static int on_headers(http_parser *parser) {
    struct exchange *exchange = parser->data;
    exchange->transfer->status = (int)parser->status_code;
    if (parser->status_code / 100 == 1) {
        exchange->wrong = parser->status_code == 101            ? "another protocol, which was not asked for"
                          : ++exchange->interims > INTERIMS_MAX ? "too many interim ones before it"
                                                                : NULL;
    } else {
        exchange->head_done = true;
        exchange->wrong = choose_body(exchange, parser);
    }
    if (exchange->transfer->upload == NULL && exchange->body == BODY_LENGTH) {
        exchange->progress.total_bytes = exchange->left_bytes;
    }
    if (exchange->wrong != NULL || start_head(parser) != 0 || print_head(exchange, "\r\n\r\n", 4) != 0) {
        return -1;
    }
    return 1;
}

static int on_complete(http_parser *parser) {
    const struct exchange *exchange = parser->data;
    http_parser_pause(parser, exchange->head_done ? 1 : 0);
    return 0;
}

static const http_parser_settings settings = {
    .on_message_begin = on_begin,
    .on_status = on_status,
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_headers_complete = on_headers,
    .on_message_complete = on_complete,
};

/* Content for the output, or for nobody. 0 or -1 after printing why. */
static int take_content(struct exchange *exchange, const char *data, size_t bytes) {
    struct get_transfer *transfer = exchange->transfer;
    transfer->body_bytes += bytes;
    if (transfer->upload == NULL) {
        get_progress_add(&exchange->progress, bytes, common_now_us());
    }
    if ((transfer->drop_errors && transfer->status >= 400) ||
        (transfer->drop_redirects && transfer->status / 100 == 3)) {
        return 0;
    }
    return write_out(transfer->output, data, bytes);
}

/* Bytes of the body; `closed`: there will be no more. 0 or -1 after printing why. */
static int take_body(struct exchange *exchange, char *data, size_t bytes, bool closed) {
    size_t used = 0;
    size_t content_bytes = 0;
    switch (exchange->body) {
    case BODY_CHUNKED:
        if (http_chunk_decode(&exchange->chunks, data, bytes, &used, &content_bytes) != 0) {
            common_say("the response has a malformed chunk");
            return -1;
        }
        exchange->complete = exchange->chunks.state == HTTP_CHUNK_DONE;
        break;
    case BODY_LENGTH:
        content_bytes = exchange->left_bytes < bytes ? (size_t)exchange->left_bytes : bytes;
        exchange->left_bytes -= content_bytes;
        exchange->complete = exchange->left_bytes == 0;
        break;
    case BODY_UNTIL_CLOSE:
        content_bytes = bytes;
        exchange->complete = closed;
        break;
    default:
        exchange->complete = true;
        break;
    }
    return take_content(exchange, data, content_bytes);
}

static void say_errno(const char *what) {
    if (errno == EAGAIN) {
        common_say("%s: no progress for too long", what);
    } else {
        common_say("%s: %s", what, common_error_text(errno));
    }
}

static int send_all(int fd, const char *data, size_t bytes) {
    while (bytes > 0) {
        const ssize_t n = tapir_send(fd, data, bytes, MSG_NOSIGNAL);
        if (n < 0) {
            return -1;
        }
        data += n;
        bytes -= (size_t)n;
    }
    return 0;
}

/* A callback that could not write has said so itself. */
static bool is_our_own(enum http_errno error) {
    return error == HPE_CB_header_field || error == HPE_CB_header_value || error == HPE_CB_headers_complete;
}

/* Reads and parses once. 1: go on; 0: the response is whole; -1 after printing why. */
static int receive_some(int fd, http_parser *parser, struct exchange *exchange) {
    const ssize_t n = tapir_recv(fd, buffer, sizeof buffer, 0);
    if (n < 0) {
        say_errno("receiving");
        return -1;
    }
    size_t used = 0;
    if (!exchange->head_done && n > 0) {
        used = http_parser_execute(parser, &settings, buffer, (size_t)n);
        const enum http_errno error = HTTP_PARSER_ERRNO(parser);
        if (exchange->wrong != NULL) {
            common_say("the response has %s", exchange->wrong);
        } else if (error != HPE_OK && error != HPE_PAUSED && !is_our_own(error)) {
            common_say("what came is no HTTP response: %s", http_errno_description(error));
        }
        if (error != HPE_OK && error != HPE_PAUSED) {
            return -1;
        }
    }
    if (exchange->head_done && take_body(exchange, buffer + used, (size_t)n - used, n == 0) != 0) {
        return -1;
    }
    if (exchange->complete) {
        return 0;
    }
    if (n == 0) {
        common_say("the server closed the connection before the response was whole");
        return -1;
    }
    return 1;
}

/* Waits up to a second for a 100 Continue, or for an answer that makes sending needless. 0 or -1. */
static int await_continue(int fd, http_parser *parser, struct exchange *exchange) {
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    if (tapir_poll(&ready, 1, 1000) <= 0) {
        return 0;
    }
    return receive_some(fd, parser, exchange) < 0 ? -1 : 0;
}

/* Sends the file's bytes. 0; or -1 after printing why, unless the server has already answered. As long as the server takes
 * them no call blocks, and none is ended by a signal. */
static int send_file(int fd, struct exchange *exchange) {
    while (!common_stopped()) {
        const ssize_t n = read(exchange->transfer->upload_fd, buffer, sizeof buffer);
        if (n < 0) {
            common_say("%s: %s", exchange->transfer->upload, strerror(errno));
            return -1;
        }
        if (n == 0) {
            return 0;
        }
        if (send_all(fd, buffer, (size_t)n) != 0) {
            if (errno == EPIPE || errno == ECONNRESET) {
                return 0; /* it may have said why: read the response */
            }
            say_errno("sending");
            return -1;
        }
        get_progress_add(&exchange->progress, (uint64_t)n, common_now_us());
    }
    return -1;
}

/* Sends the request line, the fields, and with an upload the body. 0 or -1 after printing why. */
static int send_request(int fd, http_parser *parser, struct exchange *exchange) {
    const struct get_transfer *transfer = exchange->transfer;
    char text[GET_URL_MAX + 512];
    char length[64] = "";
    if (transfer->upload != NULL) {
        struct stat info;
        if (fstat(transfer->upload_fd, &info) != 0 || !S_ISREG(info.st_mode)) {
            common_say("%s: not a regular file", transfer->upload);
            return -1;
        }
        exchange->progress.total_bytes = (uint64_t)info.st_size;
        snprintf(length, sizeof length, "Content-Length: %" PRIu64 "\r\nExpect: 100-continue\r\n",
                 (uint64_t)info.st_size);
    }
    char port[8] = "";
    if (transfer->url->port != 80) {
        snprintf(port, sizeof port, ":%u", (unsigned)transfer->url->port);
    }
    const char *method = transfer->upload != NULL ? "PUT" : transfer->head_only ? "HEAD" : "GET";
    const int n = snprintf(text, sizeof text,
                           "%s %s HTTP/1.1\r\nHost: %s%s\r\nUser-Agent: tapir-get/%s\r\nAccept: */*\r\n"
                           "Connection: close\r\n%s\r\n",
                           method, transfer->url->target, transfer->url->host, port, TAPIR_VERSION, length);
    if (send_all(fd, text, (size_t)n) != 0) {
        say_errno("sending");
        return -1;
    }
    if (transfer->upload == NULL) {
        return 0;
    }
    if (await_continue(fd, parser, exchange) != 0) {
        return -1;
    }
    return exchange->complete ? 0 : send_file(fd, exchange);
}

/* A connected socket whose calls give up after transfer->timeout_us; -1 after printing why. */
static int connect_to(const struct get_transfer *transfer) {
    struct sockaddr_in peer;
    char text[COMMON_ADDRESS_BYTES];
    const struct timeval timeout = {.tv_sec = (time_t)(transfer->timeout_us / 1000000),
                                    .tv_usec = (suseconds_t)(transfer->timeout_us % 1000000)};
    if (common_resolve(transfer->url->host, transfer->url->port, &peer) != 0) {
        return -1;
    }
    int fd = tapir_socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0) {
        common_say("socket: %s", strerror(errno));
        return -1;
    }
    if (tapir_setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) != 0 ||
        tapir_setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout) != 0 ||
        tapir_connect(fd, (const struct sockaddr *)&peer, sizeof peer) != 0) {
        errno = errno == EINPROGRESS ? ETIMEDOUT : errno;
        say_errno(common_address_text(&peer, text));
        tapir_close(fd);
        return -1;
    }
    return fd;
}

int get_transfer_run(struct get_transfer *transfer) {
    struct exchange exchange = {.transfer = transfer};
    http_parser parser;
    transfer->status = 0;
    transfer->body_bytes = 0;
    transfer->location[0] = '\0';
    int result = -1;
    const int fd = connect_to(transfer);
    if (fd >= 0) {
        http_parser_init(&parser, HTTP_RESPONSE);
        parser.data = &exchange;
        exchange.progress.shown = transfer->progress;
        exchange.progress.started_us = common_now_us();
        result = send_request(fd, &parser, &exchange);
        while (result == 0 && !exchange.complete) {
            result = common_stopped() || receive_some(fd, &parser, &exchange) < 0 ? -1 : 0;
        }
        get_progress_end(&exchange.progress, common_now_us());
        tapir_close(fd);
    }
    return result;
}
