/* Gets a connected socket, as a client or as a listener. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "common.h"
#include "nc/nc.h"

/* Sleeps until fd is ready. 0; or -1 with errno, ETIMEDOUT when it took too long. */
static int wait_for(int fd, short events, uint64_t idle_us) {
    struct pollfd ready = {.fd = fd, .events = events};
    const int count = tapir_poll(&ready, 1, idle_us == 0 ? -1 : common_wait_ms(idle_us));
    if (count == 0) {
        errno = ETIMEDOUT;
    }
    return count == 1 ? 0 : -1;
}

/* Connects without blocking, so that the time can be bounded. 0 or -1 with errno. */
static int connect_within(int fd, const struct sockaddr_in *peer, uint64_t idle_us) {
    int error = 0;
    socklen_t size = sizeof error;
    if (tapir_connect(fd, (const struct sockaddr *)peer, sizeof *peer) == 0) {
        return 0;
    }
    if (errno != EINPROGRESS || wait_for(fd, POLLOUT, idle_us) != 0 ||
        tapir_getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
        return -1;
    }
    errno = error;
    return error == 0 ? 0 : -1;
}

/* One attempt: of several addresses the first is tried. */
int nc_connect(const struct nc_options *options) {
    struct sockaddr_in peer;
    const struct sockaddr_in local = {.sin_family = AF_INET, .sin_port = htons(options->source_port)};
    char text[COMMON_ADDRESS_BYTES];
    if (common_resolve(options->host, options->port, &peer) != 0) {
        return -1;
    }
    int fd = tapir_socket(AF_INET, (options->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        common_say("socket: %s", strerror(errno));
        return -1;
    }
    if (options->source_port != 0 && tapir_bind(fd, (const struct sockaddr *)&local, sizeof local) != 0) {
        common_say("source port %u: %s", (unsigned)options->source_port, strerror(errno));
    } else if (connect_within(fd, &peer, options->idle_us) != 0) {
        common_say("%s: %s", common_address_text(&peer, text), common_error_text(errno));
    } else {
        if (options->verbose) {
            common_say("connected to %s", common_address_text(&peer, text));
        }
        return fd;
    }
    tapir_close(fd);
    return -1;
}

int nc_accept(const struct nc_options *options, int listener) {
    struct sockaddr_in peer;
    socklen_t size = sizeof peer;
    char text[COMMON_ADDRESS_BYTES];
    int fd = -1;
    bool again = true;
    while (again && wait_for(listener, POLLIN, options->idle_us) == 0) {
        /* A datagram socket becomes a connection of sorts by taking its first sender for its only peer. The
         * datagram stays where it is (MSG_PEEK), to be read like all that follow. */
        if (!options->udp) {
            fd = tapir_accept4(listener, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK);
        } else if (tapir_recvfrom(listener, text, 0, MSG_PEEK, (struct sockaddr *)&peer, &size) >= 0 &&
                   tapir_connect(listener, (const struct sockaddr *)&peer, size) == 0) {
            fd = listener;
        }
        again = fd < 0 && !common_stopped() && common_accept_may_go_on(errno);
    }
    if (fd < 0) {
        common_say("waiting on port %u: %s", (unsigned)options->port, strerror(errno));
    } else if (fd >= 0 && options->verbose) {
        common_say("connection from %s", common_address_text(&peer, text));
    }
    return fd;
}
