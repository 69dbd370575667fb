/* One connection: reads a request, writes its response, and so on. */
#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "common.h"
#include "httpd/httpd.h"

#define RECV_BYTES 16384     /* read at once where a request may end anywhere: the rest has to be kept */
#define REQUESTS_PER_TURN 32 /* of a pipeline; then the others have their turn */

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
    connection->response.file = NULL;
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

/* The response has been sent. true: go on with the next request, or with the rest of this one. */
static bool response_done(struct httpd_connection *connection) {
    /* All of the request was read, so nothing of it can be left in the socket when it is closed. */
    const bool clean = connection->request.complete;
    httpd_log_request(connection);
    httpd_response_end(&connection->response);
    connection->wait = HTTPD_WAIT_NEW;
    if (connection->response.keep_alive) {
        httpd_request_reset(&connection->request);
        connection->state = HTTPD_READING;
        return true;
    }
    if (clean) {
        return false;
    }
    /* The client is still sending: closing now would reset the connection, and the response might be lost with it. */
    free(connection->pending);
    connection->pending = NULL;
    connection->state = HTTPD_LINGERING;
    tapir_shutdown(connection->fd, SHUT_WR);
    return true;
}

/* Sends what can be sent. false: the connection is over. */
static bool write_response(struct httpd_connection *connection) {
    switch (httpd_response_send(&connection->response, connection->fd, connection->server->scratch)) {
    case HTTPD_SENT_ALL:
        return response_done(connection);
    case HTTPD_SENT_SOME:
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

/* How much to read at once: a body whose end is known is read no further than that. */
static size_t wanted_bytes(const struct httpd_connection *connection) {
    const struct httpd_request *request = &connection->request;
    if (connection->state == HTTPD_LINGERING) {
        return HTTPD_SCRATCH_BYTES;
    }
    if (!request->headers_done || request->chunked) {
        return RECV_BYTES;
    }
    const uint64_t left_bytes = request->length_bytes - request->body_bytes;
    return left_bytes < HTTPD_SCRATCH_BYTES ? (size_t)left_bytes : HTTPD_SCRATCH_BYTES;
}

/* Reads from the socket and parses. The bytes read; 0: there is no more now; -1: the connection is over. */
static ssize_t read_request(struct httpd_connection *connection) {
    char *scratch = connection->server->scratch;
    const ssize_t n = tapir_recv(connection->fd, scratch, wanted_bytes(connection), 0);
    if (n <= 0) {
        return n < 0 && errno == EAGAIN ? 0 : -1;
    }
    if (connection->state == HTTPD_LINGERING) {
        return n; /* dropped */
    }
    const size_t used = take_bytes(connection, scratch, (size_t)n);
    const bool kept = connection->request.status != 0 || keep_pending(connection, scratch + used, (size_t)n - used);
    return kept ? n : -1;
}

/* Makes the epoll set wait for these events. */
static int watch(struct httpd_connection *connection, uint32_t events) {
    if (connection->events == events) {
        return 0;
    }
    struct epoll_event event = {.events = events, .data.ptr = connection};
    const int operation = connection->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    connection->events = events;
    return tapir_epoll_ctl(connection->server->set, operation, connection->fd, &event);
}

/* Making a listing ends the turn: it costs as much as hundreds of other answers, no matter how much of it is sent. */
bool httpd_connection_ready(struct httpd_connection *connection) {
    const uint64_t *made = &connection->server->listings.made;
    const uint64_t made_before = *made;
    bool drained = false;
    size_t read_bytes = 0;
    for (int i = 0; i < REQUESTS_PER_TURN && read_bytes < HTTPD_TURN_BYTES && *made == made_before; i++) {
        if (connection->state == HTTPD_WRITING) {
            if (!write_response(connection)) {
                return false;
            }
            if (connection->state == HTTPD_WRITING) {
                break; /* the socket is full, or it has had its turn */
            }
        } else if (connection->pending != NULL) {
            take_pending(connection);
        } else if (drained) {
            break;
        } else {
            const size_t wanted = wanted_bytes(connection);
            const ssize_t n = read_request(connection);
            if (n < 0) {
                return false;
            }
            drained = (size_t)n < wanted;
            read_bytes += (size_t)n;
        }
    }
    /* Kept bytes are no event for the set: asking for EPOLLOUT brings the next turn at once. */
    const bool out = connection->state == HTTPD_WRITING || connection->pending != NULL;
    return watch(connection, out ? EPOLLOUT : EPOLLIN) == 0;
}

enum httpd_wait httpd_connection_wait(const struct httpd_connection *connection) {
    switch (connection->state) {
    case HTTPD_WRITING:
        return HTTPD_WAIT_SEND;
    case HTTPD_LINGERING:
        return HTTPD_WAIT_CLOSE;
    default:
        return connection->request.headers_done ? HTTPD_WAIT_BODY
               : connection->request.started    ? HTTPD_WAIT_HEAD
                                                : HTTPD_WAIT_REQUEST;
    }
}

int64_t httpd_connection_moved(const struct httpd_connection *connection) {
    int unacknowledged_bytes = 0;
    switch (connection->wait) {
    case HTTPD_WAIT_BODY:
        return (int64_t)connection->request.body_bytes;
    case HTTPD_WAIT_SEND:
        /* Not what the socket has taken: its buffer may be large, and is refilled only when much of it is empty. */
        tapir_ioctl(connection->fd, SIOCOUTQ, &unacknowledged_bytes);
        return (int64_t)connection->response.sent_bytes - unacknowledged_bytes;
    default:
        return 0;
    }
}

void httpd_connection_expire(struct httpd_connection *connection) {
    const struct linger at_once = {.l_onoff = 1};
    switch (connection->wait) {
    case HTTPD_WAIT_HEAD:
    case HTTPD_WAIT_BODY:
        connection->request.status = 408;
        httpd_respond(connection);
        httpd_log_request(connection);
        httpd_response_send(&connection->response, connection->fd, connection->server->scratch);
        break;
    case HTTPD_WAIT_SEND:
        /* A reset: otherwise what the client does not take would stay in the stack for minutes. */
        tapir_setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        break;
    default:
        break;
    }
}
