/* The loop: accepts connections, wakes those that are ready, ends those that have been idle too long. */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "common.h"
#include "httpd/httpd.h"

#define EVENTS_PER_WAIT 256
#define ACCEPTS_PER_TURN 64

/* Each wait of a connection has an end:
 *
 *   REQUEST HEAD   idle_us from its beginning, however the bytes trickle
 *   BODY SEND      idle_us, renewed as often as enough bytes have moved in it for HTTPD_RATE_MIN_PER_S
 *   CLOSE          close_us
 *
 * So there are two times only, and two queues in which the first is always the next to end. */
static struct httpd_queue *queue_of(const struct httpd_connection *connection) {
    struct httpd_server *server = connection->server;
    return connection->wait == HTTPD_WAIT_CLOSE ? &server->closing : &server->waiting;
}

static void unlink_connection(struct httpd_connection *connection) {
    struct httpd_queue *queue = queue_of(connection);
    *(connection->older == NULL ? &queue->oldest : &connection->older->newer) = connection->newer;
    *(connection->newer == NULL ? &queue->newest : &connection->newer->older) = connection->older;
}

/* The wait begins now, or is renewed. */
static void link_newest(struct httpd_connection *connection) {
    struct httpd_queue *queue = queue_of(connection);
    connection->newer = NULL;
    connection->older = queue->newest;
    *(queue->newest == NULL ? &queue->oldest : &queue->newest->newer) = connection;
    queue->newest = connection;
    connection->since_us = connection->server->now_us;
    connection->moved_bytes = httpd_connection_moved(connection);
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

uint32_t *httpd_server_of_peer(struct httpd_server *server, struct in_addr address) {
    const uint32_t mixed = (address.s_addr ^ server->peer_seed) * 0x9e3779b1U;
    return &server->of_peer[mixed >> 16 & (HTTPD_PEER_BUCKETS - 1)];
}

/* A peer may have as many as there are free places: one peer can take half of all, two a third each, and some are always
 * left for the next. */
bool httpd_server_admits(const struct httpd_server *server, uint32_t count) {
    if (server->peer_max != 0) {
        return count < server->peer_max;
    }
    return count < HTTPD_PEER_LEAST || count < server->connections_max - server->connections;
}

static void end_connection(struct httpd_connection *connection) {
    struct httpd_server *server = connection->server;
    unlink_connection(connection);
    --*httpd_server_of_peer(server, connection->peer.sin_addr);
    httpd_connection_free(connection);
    server->connections--;
    server->short_of_room = false;
}

/* Serves a connection, and notes what it waits for afterwards. */
static void serve_connection(struct httpd_connection *connection) {
    if (!httpd_connection_ready(connection)) {
        end_connection(connection);
    } else if (httpd_connection_wait(connection) != connection->wait) {
        unlink_connection(connection);
        connection->wait = httpd_connection_wait(connection);
        link_newest(connection);
    }
}

/* Too many from one peer. Waiting until this answer has been read is not worth a place. */
static void turn_away(int fd) {
    static const char answer[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    tapir_send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL);
    tapir_close(fd);
}

static void add_connection(struct httpd_server *server, int fd, const struct sockaddr_in *peer) {
    uint32_t *of_peer = httpd_server_of_peer(server, peer->sin_addr);
    if (!httpd_server_admits(server, *of_peer)) {
        turn_away(fd);
        return;
    }
    struct httpd_connection *connection = httpd_connection_new(server, fd, peer);
    if (connection == NULL) {
        return;
    }
    ++*of_peer;
    server->connections++;
    link_newest(connection);
    /* Its first request has often come with it. */
    serve_connection(connection);
}

/* Several per turn, as connections tend to come in bursts; not all, because the open ones need their turn too. */
static void accept_some(struct httpd_server *server) {
    for (int i = 0; i < ACCEPTS_PER_TURN && server->connections < server->connections_max; i++) {
        struct sockaddr_in peer = {0};
        socklen_t size = sizeof peer;
        const int fd = tapir_accept4(server->listener, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK);
        if (fd < 0) {
            /* Out of descriptors or memory counts as full until a connection ends. */
            server->short_of_room =
                server->connections > 0 && errno != EAGAIN && errno != ECONNABORTED && errno != EINTR;
            return;
        }
        add_connection(server, fd, &peer);
    }
}

/* Has enough been moved during a wait of idle_us? What was moved before does not count. */
static bool is_fast_enough(const struct httpd_connection *connection) {
    const uint64_t enough_bytes = connection->server->idle_us * HTTPD_RATE_MIN_PER_S / 1000000;
    const int64_t moved_bytes = httpd_connection_moved(connection) - connection->moved_bytes;
    return moved_bytes > 0 && (uint64_t)moved_bytes >= enough_bytes;
}

/* Ends those that have waited for limit_us, or renews their wait. Returns how long it is until the next is due. */
static uint64_t expire(struct httpd_queue *queue, uint64_t limit_us, uint64_t now_us) {
    while (queue->oldest != NULL && now_us - queue->oldest->since_us >= limit_us) {
        struct httpd_connection *connection = queue->oldest;
        if (is_fast_enough(connection)) {
            unlink_connection(connection);
            link_newest(connection);
        } else {
            httpd_connection_expire(connection);
            end_connection(connection);
        }
    }
    return queue->oldest == NULL ? UINT64_MAX : queue->oldest->since_us + limit_us - now_us;
}

static void tell_time(struct httpd_server *server) {
    const time_t now = time(NULL);
    server->now_us = common_now_us();
    if (now != server->now) {
        server->now = now;
        httpd_date_format(now, server->date);
    }
}

/* How long to wait for events, -1 for ever. */
static int wait_ms(struct httpd_server *server) {
    tell_time(server);
    const uint64_t waiting_us = expire(&server->waiting, server->idle_us, server->now_us);
    const uint64_t closing_us = expire(&server->closing, server->close_us, server->now_us);
    const uint64_t cache_us = httpd_cache_sweep(&server->cache, server->now_us);
    const uint64_t listings_us = httpd_listings_sweep(&server->listings, server->now_us);
    const uint64_t ending_us = waiting_us < closing_us ? waiting_us : closing_us;
    const uint64_t kept_us = cache_us < listings_us ? cache_us : listings_us;
    const uint64_t first_us = ending_us < kept_us ? ending_us : kept_us;
    return first_us == UINT64_MAX ? -1 : common_wait_ms(first_us);
}

static int serve_events(struct httpd_server *server) {
    struct epoll_event events[EVENTS_PER_WAIT];
    const int timeout_ms = wait_ms(server);
    if (watch_listener(server, server->connections < server->connections_max && !server->short_of_room) != 0) {
        common_say("epoll_ctl: %s", strerror(errno));
        return -1;
    }
    const int count = tapir_epoll_wait(server->set, events, EVENTS_PER_WAIT, timeout_ms);
    if (count < 0 && errno != EINTR) {
        common_say("epoll_wait: %s", strerror(errno));
        return -1;
    }
    tell_time(server);
    for (int i = 0; i < count && !common_stopped(); i++) {
        struct httpd_connection *connection = events[i].data.ptr;
        if (connection == NULL) {
            accept_some(server);
        } else {
            serve_connection(connection);
        }
    }
    return 0;
}

static void end_all(struct httpd_queue *queue) {
    while (queue->oldest != NULL) {
        end_connection(queue->oldest);
    }
}

int httpd_server_run(struct httpd_server *server, int listener) {
    int result = 0;
    server->listener = listener;
    if (getrandom(&server->peer_seed, sizeof server->peer_seed, 0) < 0 ||
        getrandom(&server->cache.key, sizeof server->cache.key, 0) < 0) {
        server->peer_seed = (uint32_t)common_now_us();
        server->cache.key = common_now_us() * 0x9e3779b97f4a7c15U;
    }
    server->set = tapir_epoll_create1(EPOLL_CLOEXEC);
    if (server->set < 0 || watch_listener(server, true) != 0) {
        common_say("epoll: %s", strerror(errno));
        return -1;
    }
    while (result == 0 && !common_stopped()) {
        result = serve_events(server);
    }
    end_all(&server->waiting);
    end_all(&server->closing);
    httpd_cache_clear(&server->cache);
    httpd_listings_clear(&server->listings);
    tapir_close(server->set);
    return result;
}
