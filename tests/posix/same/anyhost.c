/* To connect or send to 0.0.0.0 is to mean this host: by the address that the socket is bound to, else by 127.0.0.1. */
#include "same.h"

static struct sockaddr_in own; /* the host's address on its network */

static const char *name_of(const struct sockaddr_in *address) {
    static char text[INET_ADDRSTRLEN];
    return address->sin_addr.s_addr == own.sin_addr.s_addr ? "its own"
                                                           : inet_ntop(AF_INET, &address->sin_addr, text, sizeof text);
}

static struct sockaddr_in local_of(int fd) {
    struct sockaddr_in address = {0};
    socklen_t size = sizeof address;
    must(getsockname(fd, (struct sockaddr *)&address, &size) == 0, "getsockname");
    return address;
}

static struct sockaddr_in peer_of(int fd) {
    struct sockaddr_in address = {0};
    socklen_t size = sizeof address;
    getpeername(fd, (struct sockaddr *)&address, &size);
    return address;
}

/* HOST as it is written, "its own", or NULL: not bound. */
static int open_bound(int type, const char *host) {
    int fd = socket(AF_INET, type, 0);
    struct sockaddr_in address = own;
    if (host != NULL && strcmp(host, "its own") != 0) {
        address = address_of(host, 0);
    }
    address.sin_port = 0;
    must(host == NULL || bind(fd, (struct sockaddr *)&address, sizeof address) == 0, "bind");
    return fd;
}

static void try_stream(const char *host, int port) {
    struct sockaddr_in any = address_of("0.0.0.0", port);
    int fd = open_bound(SOCK_STREAM, host);
    printf("a stream bound to %s: connect %s, ", host == NULL ? "nothing" : host,
           said(connect(fd, (struct sockaddr *)&any, sizeof any)));
    struct sockaddr_in local = local_of(fd), peer = peer_of(fd);
    printf("from %s ", name_of(&local));
    printf("to %s\n", name_of(&peer));
    close(fd);
}

static void try_datagram(const char *host, int port, int server, int connects) {
    struct sockaddr_in any = address_of("0.0.0.0", port), from = {0};
    socklen_t size = sizeof from;
    char byte;
    int fd = open_bound(SOCK_DGRAM, host);
    printf("%s bound to %s: ", connects ? "connected," : "datagrams", host == NULL ? "nothing" : host);
    if (connects) {
        printf("connect %s, ", said(connect(fd, (struct sockaddr *)&any, sizeof any)));
        struct sockaddr_in local = local_of(fd), peer = peer_of(fd);
        printf("from %s ", name_of(&local));
        printf("to %s, ", name_of(&peer));
        printf("send %s, ", said(send(fd, "x", 1, 0)));
    } else {
        printf("sendto %s, ", said(sendto(fd, "x", 1, 0, (struct sockaddr *)&any, sizeof any)));
    }
    ssize_t got = recvfrom(server, &byte, 1, MSG_DONTWAIT, (struct sockaddr *)&from, &size);
    printf("came %s from %s\n", said(got), name_of(&from));
    close(fd);
}

/* anyhost PEER PORT: of something that answers, to learn the own address by. */
int main(int argc, char **argv) {
    static const char *const hosts[] = {NULL, "0.0.0.0", "127.0.0.1", "its own"};
    struct sockaddr_in everywhere = address_of("0.0.0.0", 0), outside = address_of("10.77.0.9", 9);
    int listener = socket(AF_INET, SOCK_STREAM, 0), server = socket(AF_INET, SOCK_DGRAM, 0);
    int probe = socket(AF_INET, SOCK_DGRAM, 0);
    (void)argc;
    (void)argv;
    setvbuf(stdout, NULL, _IOLBF, 0);
    must(connect(probe, (struct sockaddr *)&outside, sizeof outside) == 0, "connect");
    own = local_of(probe);
    must(bind(listener, (struct sockaddr *)&everywhere, sizeof everywhere) == 0 && listen(listener, 8) == 0, "listen");
    must(bind(server, (struct sockaddr *)&everywhere, sizeof everywhere) == 0, "bind");
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        try_stream(hosts[i], port_of(listener));
        try_datagram(hosts[i], port_of(server), server, 0);
        try_datagram(hosts[i], port_of(server), server, 1);
    }
    return 0;
}
