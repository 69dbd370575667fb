/* The loop: accepts connections, wakes those that are ready, ends those that have been idle too long. */
#include <errno.h>
#include <string.h>

#include "common.h"
#include "httpd/httpd.h"

#define EVENTS_PER_WAIT 256
#define ACCEPTS_PER_TURN 64

static void unlink_connection(struct httpd_connection *connection) {
    struct httpd_server *server = connection->server;
    *(connection->older == NULL ? &server->oldest : &connection->older->newer) = connection->newer;
    *(connection->newer == NULL ? &server->newest : &connection->newer->older) = connection->older;
}

/* Every connection has the same idle time, so the order of last progress is the order of the ends, and the first
 * of the list is the only one to look at. */
static void link_newest(struct httpd_connection *connection) {
    struct httpd_server *server = connection->server;
    connection->newer = NULL;
    connection->older = server->newest;
    *(server->newest == NULL ? &server->oldest : &server->newest->newer) = connection;
    server->newest = connection;
    connection->progress_us = common_now_us();
}

void httpd_server_progress(struct httpd_connection *connection) {
    unlink_connection(connection);
    link_newest(connection);
}

int httpd_server_watch(struct httpd_connection *connection, uint32_t events) {
    if (connection->events == events) {
        return 0;
    }
    struct epoll_event event = {.events = events, .data.ptr = connection};
    const int operation = connection->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    connection->events = events;
    return tapir_epoll_ctl(connection->server->set, operation, connection->fd, &event);
}

/* With all places taken the listener leaves the set, and new connections wait in its queue. */
static int watch_listener(struct httpd_server *server, bool wanted) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (server->listening == wanted) {
        return 0;
    }
    server->listening = wanted;
    return tapir_epoll_ctl(server->set, wanted ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, server->listener, &event);
}

static void end_connection(struct httpd_connection *connection) {
    struct httpd_server *server = connection->server;
    unlink_connection(connection);
    httpd_connection_free(connection);
    server->connections--;
    server->short_of_room = false;
}

/* Several a turn, as connections tend to come in bursts; not all, as those that are open want their turn too. */
static void accept_some(struct httpd_server *server) {
    for (int i = 0; i < ACCEPTS_PER_TURN && server->connections < server->connections_max; i++) {
        struct sockaddr_in peer = {0};
        socklen_t size = sizeof peer;
        const int fd = tapir_accept4(server->listener, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK);
        if (fd < 0) {
            /* Out of descriptors or memory is as good as full: until a connection ends. */
            server->short_of_room =
                server->connections > 0 && errno != EAGAIN && errno != ECONNABORTED && errno != EINTR;
            return;
        }
        struct httpd_connection *connection = httpd_connection_new(server, fd, &peer);
        if (connection == NULL) {
            return;
        }
        server->connections++;
        link_newest(connection);
        /* Its first request has often come with it. */
        if (!httpd_connection_ready(connection)) {
            end_connection(connection);
        }
    }
}

/* Ends what has been idle too long. Returns how long the next wait may be, -1 for ever. */
static int expire(struct httpd_server *server) {
    const uint64_t now_us = common_now_us();
    while (server->oldest != NULL && now_us - server->oldest->progress_us >= server->idle_us) {
        httpd_connection_expire(server->oldest);
        end_connection(server->oldest);
    }
    if (server->oldest == NULL) {
        return -1;
    }
    return common_wait_ms(server->oldest->progress_us + server->idle_us - now_us);
}

static int serve_events(struct httpd_server *server) {
    struct epoll_event events[EVENTS_PER_WAIT];
    const int wait_ms = expire(server);
    if (watch_listener(server, server->connections < server->connections_max && !server->short_of_room) != 0) {
        common_say("epoll_ctl: %s", strerror(errno));
        return -1;
    }
    const int count = tapir_epoll_wait(server->set, events, EVENTS_PER_WAIT, wait_ms);
    if (count < 0 && errno != EINTR) {
        common_say("epoll_wait: %s", strerror(errno));
        return -1;
    }
    for (int i = 0; i < count; i++) {
        struct httpd_connection *connection = events[i].data.ptr;
        if (connection == NULL) {
            accept_some(server);
        } else if (!httpd_connection_ready(connection)) {
            end_connection(connection);
        }
    }
    return 0;
}

int httpd_server_run(struct httpd_server *server, int listener) {
    int result = 0;
    server->listener = listener;
    server->set = tapir_epoll_create1(EPOLL_CLOEXEC);
    if (server->set < 0 || watch_listener(server, true) != 0) {
        common_say("epoll: %s", strerror(errno));
        return -1;
    }
    while (result == 0 && !common_stopped()) {
        result = serve_events(server);
    }
    while (server->oldest != NULL) {
        end_connection(server->oldest);
    }
    tapir_close(server->set);
    return result;
}
