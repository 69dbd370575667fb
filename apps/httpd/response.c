/* Responses: their header lines, and sending them with what the socket takes. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common.h"
#include "httpd/httpd.h"

/* From http_parser's own list, so that there is none to keep here. */
static const char *reason_of(int status) {
    switch (status) {
#define REASON(number, name, text) \
    case number:                   \
        return #text;
        HTTP_STATUS_MAP(REASON)
#undef REASON
    default:
        return "Unknown";
    }
}

/* RFC 9110 6.4.1: these never have a body. */
static bool bodiless(int status) { return status < 200 || status == 204 || status == 304; }

/* Adds to the head. There is room: fields hold a target at most, and HTTPD_HEAD_MAX is meant for that. printf would be
 * half of what a small response costs. */
static void add(struct httpd_response *response, const char *text) {
    const size_t len = strnlen(text, sizeof response->head - response->head_len);
    memcpy(response->head + response->head_len, text, len);
    response->head_len += len;
}

static void add_number(struct httpd_response *response, uint64_t number) {
    char digits[21];
    char *at = digits + sizeof digits - 1;
    *at = '\0';
    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    add(response, at);
}

static void begin_head(struct httpd_response *response, const char *date) {
    response->head_len = response->head_sent = 0;
    response->sent_bytes = 0;
    add(response, "HTTP/1.1 ");
    add_number(response, (uint64_t)response->status);
    add(response, " ");
    add(response, reason_of(response->status));
    add(response, "\r\nDate: ");
    add(response, date);
    add(response, "\r\nServer: tapir-httpd\r\n");
}

static void add_length(struct httpd_response *response, uint64_t bytes) {
    add(response, "Content-Length: ");
    add_number(response, bytes);
    add(response, "\r\n");
}

/* RFC 9112 9.3: each version says what is not its default. */
static void end_head(struct httpd_response *response) {
    if (!response->keep_alive) {
        add(response, "Connection: close\r\n");
    } else if (response->says_so) {
        add(response, "Connection: keep-alive\r\n");
    }
    add(response, "\r\n");
}

void httpd_response_text(struct httpd_response *response, int status, const char *fields, bool head_only,
                         const char *date) {
    char body[64];
    response->status = status;
    response->file = NULL;
    response->left_bytes = response->body_bytes = 0;
    begin_head(response, date);
    if (bodiless(status)) {
        add(response, fields);
        end_head(response);
        return;
    }
    const int len = snprintf(body, sizeof body, "%d %s\n", status, reason_of(status));
    add_length(response, (uint64_t)len);
    add(response, "Content-Type: text/plain; charset=utf-8\r\n");
    add(response, fields);
    end_head(response);
    if (!head_only) {
        response->body_bytes = (uint64_t)len;
        add(response, body);
    }
}

void httpd_response_file(struct httpd_response *response, int status, const char *fields, bool head_only,
                         struct httpd_file *file, uint64_t offset_bytes, uint64_t length_bytes, const char *date) {
    response->status = status;
    response->file = file;
    response->offset_bytes = offset_bytes;
    response->left_bytes = response->body_bytes = head_only ? 0 : length_bytes;
    begin_head(response, date);
    add_length(response, length_bytes);
    add(response, file->fields);
    add(response, fields);
    end_head(response);
}

/* Reads the file where the response stands. The bytes read; -1: it has become shorter than we promised, or cannot be
 * read. */
static ssize_t read_file(const struct httpd_response *response, char *data, size_t bytes) {
    const struct httpd_file *file = response->file;
    if (file->content != NULL) {
        memcpy(data, file->content + response->offset_bytes, bytes);
        return (ssize_t)bytes;
    }
    const ssize_t n = pread(file->fd, data, bytes, (off_t)response->offset_bytes);
    return n <= 0 ? -1 : n;
}

/* Fills scratch with what comes next: the rest of the head, then as much of the file as fits. -1: it cannot. */
static ssize_t fill(const struct httpd_response *response, char *scratch) {
    const size_t head = response->head_len - response->head_sent;
    memcpy(scratch, response->head + response->head_sent, head);
    if (response->left_bytes == 0) {
        return (ssize_t)head;
    }
    const size_t room = HTTPD_SCRATCH_BYTES - head;
    const size_t wanted = response->left_bytes < room ? (size_t)response->left_bytes : room;
    const ssize_t n = read_file(response, scratch + head, wanted);
    return n < 0 ? -1 : n + (ssize_t)head;
}

enum httpd_sent httpd_response_send(struct httpd_response *response, int fd, char *scratch) {
    const uint64_t enough_bytes = response->sent_bytes + HTTPD_TURN_BYTES;
    while (response->head_sent < response->head_len || response->left_bytes > 0) {
        if (response->sent_bytes >= enough_bytes) {
            return HTTPD_SENT_SOME;
        }
        const ssize_t ready = fill(response, scratch);
        if (ready < 0) {
            return HTTPD_SENT_FAILED;
        }
        const ssize_t n = tapir_send(fd, scratch, (size_t)ready, MSG_NOSIGNAL);
        if (n < 0) {
            return errno == EAGAIN ? HTTPD_SENT_SOME : HTTPD_SENT_FAILED;
        }
        /* What the socket did not take is read from the file again: nothing is kept for each connection. */
        const size_t head = response->head_len - response->head_sent;
        const size_t of_head = (size_t)n < head ? (size_t)n : head;
        response->sent_bytes += (size_t)n;
        response->head_sent += of_head;
        response->offset_bytes += (size_t)n - of_head;
        response->left_bytes -= (size_t)n - of_head;
        if (n < ready) {
            return HTTPD_SENT_SOME;
        }
    }
    return HTTPD_SENT_ALL;
}

void httpd_response_end(struct httpd_response *response) {
    httpd_file_release(response->file);
    response->file = NULL;
}
