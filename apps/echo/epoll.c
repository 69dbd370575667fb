/* One thread and an epoll set: each wake-up names only the sockets that are ready, however many there are. */
#include <errno.h>
#include <string.h>

#include "common.h"
#include "echo/echo.h"

#define EVENTS_PER_WAIT 64

/* POLLIN and POLLOUT are EPOLLIN and EPOLLOUT on Linux. */
static int watch(int set, int operation, int fd, short events, void *ctx) {
    struct epoll_event event = {.events = (uint32_t)events, .data.ptr = ctx};
    return tapir_epoll_ctl(set, operation, fd, &event);
}

/* The set names ready sessions by pointer; the list is for the end, when all have to go. */
struct server {
    int set;
    struct echo_session *first;
};

/* Takes the session out of the server; closing its socket takes it out of the set. */
static void end_session(struct server *server, struct echo_session *session) {
    if (session->next != NULL) {
        session->next->previous = session->previous;
    }
    if (session->previous != NULL) {
        session->previous->next = session->next;
    } else {
        server->first = session->next;
    }
    echo_session_free(session);
}

static int accept_one(struct server *server, int listener) {
    const int fd = tapir_accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0) {
        if (common_accept_may_go_on(errno)) {
            return 0;
        }
        common_say("accept: %s", strerror(errno));
        return -1;
    }
    struct echo_session *session = echo_session_new(fd);
    if (session == NULL) {
        return 0;
    }
    session->next = server->first;
    if (server->first != NULL) {
        server->first->previous = session;
    }
    server->first = session;
    if (watch(server->set, EPOLL_CTL_ADD, fd, POLLIN, session) != 0) {
        end_session(server, session);
    }
    return 0;
}

/* Level-triggered: whatever is left unread or unsent will be named again, so a turn may stop where it likes. */
static void serve_one(struct server *server, struct echo_session *session) {
    const short wanted = echo_session_pump(session);
    if (wanted == 0 || watch(server->set, EPOLL_CTL_MOD, session->fd, wanted, session) != 0) {
        end_session(server, session);
    }
}

/* The set remembers what to wait for between the calls, which is what makes each of them cheap. */
int echo_epoll_serve(int listener) {
    int result = 0;
    struct server server = {.set = tapir_epoll_create1(EPOLL_CLOEXEC)};
    if (server.set < 0 || watch(server.set, EPOLL_CTL_ADD, listener, POLLIN, NULL) != 0) {
        common_say("epoll: %s", strerror(errno));
        return -1;
    }
    while (result == 0 && !common_stopped()) {
        struct epoll_event events[EVENTS_PER_WAIT];
        const int count = tapir_epoll_wait(server.set, events, EVENTS_PER_WAIT, -1);
        if (count < 0 && errno != EINTR) {
            common_say("epoll_wait: %s", strerror(errno));
            result = -1;
        }
        for (int i = 0; i < count && result == 0 && !common_stopped(); i++) {
            if (events[i].data.ptr == NULL) {
                result = accept_one(&server, listener);
            } else {
                serve_one(&server, events[i].data.ptr);
            }
        }
    }
    while (server.first != NULL) {
        end_session(&server, server.first);
    }
    tapir_close(server.set);
    return result;
}
