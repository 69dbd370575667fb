/* One thread and one tapir_poll over all sockets: simple, but each call costs as much as there are sockets. */
#include <errno.h>
#include <string.h>

#include "common.h"
#include "echo/echo.h"

#define CONNECTIONS_MAX 1024

/* Side by side: what tapir_poll wants, and what is ours. Index i means the same connection in both. */
struct server {
    nfds_t count; /* of fds; the first is the listener, and has no session */
    struct pollfd fds[1 + CONNECTIONS_MAX];
    struct echo_session *sessions[1 + CONNECTIONS_MAX];
};

/* One connection per round is enough: if more are waiting, the next tapir_poll says so at once. */
static int accept_one(struct server *server) {
    const int fd = tapir_accept4(server->fds[0].fd, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0) {
        if (common_accept_may_go_on(errno)) {
            return 0;
        }
        common_say("accept: %s", strerror(errno));
        return -1;
    }
    struct echo_session *session = echo_session_new(fd);
    if (session != NULL) {
        server->fds[server->count] = (struct pollfd){.fd = fd, .events = POLLIN};
        server->sessions[server->count++] = session;
    }
    return 0;
}

/* Serves socket number i; false: it is gone, and the last one has taken its place. */
static bool serve_one(struct server *server, nfds_t i) {
    server->fds[i].events = echo_session_pump(server->sessions[i]);
    if (server->fds[i].events != 0) {
        return true;
    }
    echo_session_free(server->sessions[i]);
    server->count--;
    server->fds[i] = server->fds[server->count];
    server->sessions[i] = server->sessions[server->count];
    return false;
}

/* Each round asks about every socket and searches the answer, so the cost grows with the number of sockets, ready or not. */
int echo_poll_serve(int listener) {
    static struct server server;
    int result = 0;
    server.fds[0].fd = listener;
    server.count = 1;
    while (result == 0 && !common_stopped()) {
        /* Full: the next connections wait in the listener's queue. */
        server.fds[0].events = server.count <= CONNECTIONS_MAX ? POLLIN : 0;
        if (tapir_poll(server.fds, server.count, -1) < 0) {
            if (errno != EINTR) {
                common_say("poll: %s", strerror(errno));
                result = -1;
            }
            continue;
        }
        for (nfds_t i = 1; i < server.count && !common_stopped();) {
            if (server.fds[i].revents == 0 || serve_one(&server, i)) {
                i++;
            }
        }
        if (server.fds[0].revents != 0) {
            result = accept_one(&server);
        }
    }
    for (nfds_t i = 1; i < server.count; i++) {
        echo_session_free(server.sessions[i]);
    }
    return result;
}
