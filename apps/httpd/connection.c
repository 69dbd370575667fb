/* One connection: reads a request, writes its response, and so on. */
#include <errno.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "common.h"
#include "httpd/httpd.h"

#define RECV_BYTES 65536 /* at once while a header is expected: what is left over has to be kept */

struct httpd_connection *httpd_connection_new(struct httpd_server *server, int fd, const struct sockaddr_in *peer) {
    struct httpd_connection *connection = malloc(sizeof *connection);
    if (connection == NULL) {
        tapir_close(fd);
        return NULL;
    }
    memset(connection, 0, offsetof(struct httpd_connection, request));
    connection->server = server;
    connection->fd = fd;
    connection->peer = *peer;
    connection->state = HTTPD_READING;
    connection->response.file = -1;
    httpd_request_reset(&connection->request);
    return connection;
}

void httpd_connection_free(struct httpd_connection *connection) {
    httpd_upload_abort(&connection->request.upload);
    httpd_response_end(&connection->response);
    free(connection->pending);
    tapir_close(connection->fd);
    free(connection);
}

static void log_request(const struct httpd_connection *connection) {
    char peer[COMMON_ADDRESS_BYTES];
    const struct httpd_request *request = &connection->request;
    if (connection->server->log) {
        printf("%s %s %s %d %llu\n", common_address_text(&connection->peer, peer),
               request->headers_done ? http_method_str((enum http_method)request->method) : "-", request->target,
               connection->response.status, (unsigned long long)connection->response.body_bytes);
        fflush(stdout);
    }
}

/* The response has left. true: on with the next request, or with what is left of this one. */
static bool response_done(struct httpd_connection *connection) {
    /* Clean: all of the request was read, so nothing of it can be left in the socket when it is closed. */
    const bool clean = connection->request.complete;
    log_request(connection);
    httpd_response_end(&connection->response);
    if (connection->response.keep_alive) {
        httpd_request_reset(&connection->request);
        connection->state = HTTPD_READING;
        return true;
    }
    if (clean) {
        return false;
    }
    /* The client still sends: to close now would reset the connection, and the response might be lost with it. */
    free(connection->pending);
    connection->pending = NULL;
    connection->state = HTTPD_LINGERING;
    tapir_shutdown(connection->fd, SHUT_WR);
    return true;
}

/* Sends what can be sent. false: the connection is over. */
static bool write_response(struct httpd_connection *connection) {
    const uint64_t left_bytes = connection->response.left_bytes;
    switch (httpd_response_send(&connection->response, connection->fd, connection->server->scratch)) {
    case HTTPD_SENT_ALL:
        httpd_server_progress(connection);
        return response_done(connection);
    case HTTPD_SENT_SOME:
        if (connection->response.left_bytes < left_bytes) {
            httpd_server_progress(connection);
        }
        return true;
    default:
        return false;
    }
}

/* Tells a client that waits for it that its body is welcome. RFC 9110 10.1.1: there is no need once some has come; and
 * it goes on by itself after a while. So nothing is sent that might not fit at once: with nothing on its way it does. */
static void send_continue(struct httpd_connection *connection) {
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    const struct httpd_request *request = &connection->request;
    int unsent_bytes = 0;
    if (request->body_bytes == 0 && !request->complete && tapir_ioctl(connection->fd, SIOCOUTQ, &unsent_bytes) == 0 &&
        unsent_bytes == 0) {
        tapir_send(connection->fd, go_on, sizeof go_on - 1, MSG_NOSIGNAL);
    }
}

/* Parses bytes and starts the answer when there is a whole request. The bytes used. */
static size_t take_bytes(struct httpd_connection *connection, char *data, size_t bytes) {
    struct httpd_request *request = &connection->request;
    const size_t used = httpd_request_parse(connection, data, bytes);
    if (request->owes_continue && request->status == 0) {
        request->owes_continue = false;
        send_continue(connection);
    }
    if (request->complete || request->status != 0) {
        httpd_respond(connection);
        connection->state = HTTPD_WRITING;
    } else if (request->headers_done) {
        /* A body makes progress with each byte; a header has to be whole within the time, however it trickles. */
        httpd_server_progress(connection);
    }
    return used;
}

/* Keeps bytes of later requests until this one is answered. false: memory short. */
static bool keep_pending(struct httpd_connection *connection, const char *data, size_t bytes) {
    if (bytes == 0) {
        return true;
    }
    connection->pending = malloc(bytes);
    if (connection->pending == NULL) {
        return false;
    }
    memcpy(connection->pending, data, bytes);
    connection->pending_len = bytes;
    connection->pending_used = 0;
    return true;
}

/* Parses what was kept. */
static void take_pending(struct httpd_connection *connection) {
    connection->pending_used += take_bytes(connection, connection->pending + connection->pending_used,
                                           connection->pending_len - connection->pending_used);
    if (connection->pending_used == connection->pending_len || connection->request.status != 0) {
        free(connection->pending);
        connection->pending = NULL;
    }
}

/* Reads from the socket and parses. false: the connection is over. *drained: there is no more to read now. */
static bool read_request(struct httpd_connection *connection, bool *drained) {
    char *scratch = connection->server->scratch;
    const size_t wanted = connection->request.headers_done ? HTTPD_SCRATCH_BYTES : RECV_BYTES;
    const ssize_t n = tapir_recv(connection->fd, scratch, wanted, 0);
    if (n <= 0) {
        *drained = true;
        return n < 0 && errno == EAGAIN;
    }
    *drained = (size_t)n < wanted;
    if (connection->state == HTTPD_LINGERING) {
        return true; /* dropped; not progress, so it ends in time */
    }
    const size_t used = take_bytes(connection, scratch, (size_t)n);
    return connection->request.status != 0 || keep_pending(connection, scratch + used, (size_t)n - used);
}

bool httpd_connection_ready(struct httpd_connection *connection) {
    bool drained = false;
    /* A bound on one turn: an upload or a pipeline must not keep the others waiting. */
    for (int turn = 0; turn < 32; turn++) {
        if (connection->state == HTTPD_WRITING) {
            if (!write_response(connection)) {
                return false;
            }
            if (connection->state == HTTPD_WRITING) {
                break; /* the socket is full */
            }
        } else if (connection->pending != NULL) {
            take_pending(connection);
        } else if (drained) {
            break;
        } else if (!read_request(connection, &drained)) {
            return false;
        }
    }
    /* Kept bytes are no event for the set: asking for EPOLLOUT brings the next turn at once. */
    const bool out = connection->state == HTTPD_WRITING || connection->pending != NULL;
    return httpd_server_watch(connection, out ? EPOLLOUT : EPOLLIN) == 0;
}

void httpd_connection_expire(struct httpd_connection *connection) {
    if (connection->state == HTTPD_READING && connection->request.started) {
        connection->request.status = 408;
        httpd_respond(connection);
        log_request(connection);
        httpd_response_send(&connection->response, connection->fd, connection->server->scratch);
    }
}
