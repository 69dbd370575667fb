/* The datagram echo: one socket, every peer. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "common.h"
#include "echo/echo.h"

bool echo_udp_may_answer(uint16_t source_port, uint16_t own_port) {
    /* U4: echo, daytime, qotd and chargen answer whatever comes, and so does another server like this one. */
    return source_port != 0 && source_port != 7 && source_port != 13 && source_port != 17 && source_port != 19 &&
           source_port != own_port;
}

/* An ICMP error about an earlier answer is reported here too, and can be ignored. */
static bool may_go_on(int error) {
    return error == EINTR || error == EAGAIN || error == ECONNREFUSED || error == EHOSTUNREACH ||
           error == ENETUNREACH || error == ENOBUFS || error == ENOMEM || error == EMSGSIZE;
}

int echo_udp_serve(int fd, uint16_t own_port) {
    static char buffer[65536];
    while (!common_stopped()) {
        struct sockaddr_in peer;
        socklen_t size = sizeof peer;
        ssize_t n = tapir_recvfrom(fd, buffer, sizeof buffer, 0, (struct sockaddr *)&peer, &size);
        if (n >= 0 && echo_udp_may_answer(ntohs(peer.sin_port), own_port)) {
            n = tapir_sendto(fd, buffer, (size_t)n, 0, (const struct sockaddr *)&peer, sizeof peer);
        }
        if (n < 0 && !may_go_on(errno)) {
            common_say("port %u: %s", (unsigned)own_port, strerror(errno));
            return -1;
        }
    }
    return 0;
}
