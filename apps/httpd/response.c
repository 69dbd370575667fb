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

/* Writes the header lines. length_bytes UINT64_MAX: none is given. */
static void write_head(struct httpd_response *response, const char *fields, uint64_t length_bytes, time_t now) {
    char date[HTTPD_DATE_BYTES];
    char length[48] = "";
    if (length_bytes != UINT64_MAX) {
        snprintf(length, sizeof length, "Content-Length: %" PRIu64 "\r\n", length_bytes);
    }
    const int n = snprintf(response->head, sizeof response->head,
                           "HTTP/1.1 %d %s\r\nDate: %s\r\nServer: tapir-httpd\r\n%s%s%s\r\n", response->status,
                           reason_of(response->status), httpd_date_format(now, date), length, fields,
                           response->keep_alive ? "" : "Connection: close\r\n");
    response->head_len = (size_t)n;
    response->head_sent = 0;
    response->sent_bytes = 0;
}

void httpd_response_text(struct httpd_response *response, int status, const char *fields, bool head_only, time_t now) {
    char body[64];
    response->status = status;
    response->file = -1;
    response->left_bytes = 0;
    if (bodiless(status)) {
        write_head(response, fields, UINT64_MAX, now);
        response->body_bytes = 0;
        return;
    }
    const size_t len = (size_t)snprintf(body, sizeof body, "%d %s\n", status, reason_of(status));
    write_head(response, fields, len, now);
    response->body_bytes = head_only ? 0 : len;
    memcpy(response->head + response->head_len, body, response->body_bytes);
    response->head_len += response->body_bytes;
}

void httpd_response_file(struct httpd_response *response, int status, const char *fields, bool head_only, int file,
                         uint64_t offset_bytes, uint64_t length_bytes, time_t now) {
    response->status = status;
    response->file = file;
    response->offset_bytes = offset_bytes;
    response->left_bytes = head_only ? 0 : length_bytes;
    response->body_bytes = response->left_bytes;
    write_head(response, fields, length_bytes, now);
}

/* Fills scratch with what comes next: the rest of the head, then as much of the file as fits. -1: the file has
 * become shorter than we promised, or cannot be read. */
static ssize_t fill(const struct httpd_response *response, char *scratch) {
    const size_t head = response->head_len - response->head_sent;
    memcpy(scratch, response->head + response->head_sent, head);
    if (response->left_bytes == 0) {
        return (ssize_t)head;
    }
    const size_t room = HTTPD_SCRATCH_BYTES - head;
    const size_t wanted = response->left_bytes < room ? (size_t)response->left_bytes : room;
    const ssize_t n = pread(response->file, scratch + head, wanted, (off_t)response->offset_bytes);
    return n <= 0 ? -1 : n + (ssize_t)head;
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
    if (response->file >= 0) {
        close(response->file);
        response->file = -1;
    }
}
