/* One echoed connection, blocking or not. */
#include <errno.h>
#include <stdlib.h>

#include "common.h"
#include "echo/echo.h"

/* A stream has no messages: what one recv gives is not what one send gave, and send may take less than it got. With a peer
 * that never pauses no call blocks, so no signal would end one: the flag is tested each time. */
void echo_blocking_session(int fd) {
    char buffer[65536];
    while (!common_stopped()) {
        const ssize_t n = tapir_recv(fd, buffer, sizeof buffer, 0);
        if (n <= 0) {
            break;
        }
        ssize_t sent = 0;
        while (sent < n) {
            const ssize_t m = tapir_send(fd, buffer + sent, (size_t)(n - sent), MSG_NOSIGNAL);
            if (m < 0) {
                tapir_close(fd);
                return;
            }
            sent += m;
        }
    }
    tapir_close(fd);
}

struct echo_session *echo_session_new(int fd) {
    struct echo_session *session = malloc(sizeof *session);
    if (session == NULL) {
        tapir_close(fd);
        return NULL;
    }
    session->next = session->previous = NULL;
    session->fd = fd;
    session->start = session->end = 0;
    session->ended = false;
    return session;
}

void echo_session_free(struct echo_session *session) {
    if (session != NULL) {
        tapir_close(session->fd);
        free(session);
    }
}

short echo_session_pump(struct echo_session *session) {
    /* A limit of one session's turn, so that a fast peer does not keep the others waiting. */
    for (int turn = 0; turn < 16; turn++) {
        while (session->start < session->end) {
            const ssize_t n =
                tapir_send(session->fd, session->buffer + session->start, session->end - session->start, MSG_NOSIGNAL);
            if (n < 0) {
                return errno == EAGAIN ? POLLOUT : 0;
            }
            session->start += (size_t)n;
        }
        /* Not before: the peer's FIN means that it sends no more, not that it has stopped receiving. */
        if (session->ended) {
            return 0;
        }
        const ssize_t n = tapir_recv(session->fd, session->buffer, sizeof session->buffer, 0);
        if (n < 0) {
            return errno == EAGAIN ? POLLIN : 0;
        }
        session->ended = n == 0;
        session->start = 0;
        session->end = (size_t)n;
    }
    return session->start < session->end ? POLLOUT : POLLIN;
}
