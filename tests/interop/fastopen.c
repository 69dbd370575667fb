/* TCP Fast Open by plain socket calls, for 21-fastopen.sh: built twice, on the kernel's sockets and on the stack's. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <netinet/tcp.h>

#define REQUEST_BYTES 1000
#define REPLY_BYTES 100000 /* more than an initial window */

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void say(const char *who, int fd, size_t bytes) {
    struct tcp_info info;
    socklen_t size = sizeof info;
    memset(&info, 0, sizeof info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) {
        die("TCP_INFO");
    }
    printf("%s: %zu bytes, data on the SYN: %s\n", who, bytes,
           (info.tcpi_options & TCPI_OPT_SYN_DATA) != 0 ? "yes" : "no");
    fflush(stdout);
}

/* Byte n of either direction. */
static char pattern(size_t n) { return (char)(n * 7 + n / 251); }

static void receive(int fd, size_t wanted) {
    char bytes[4096];
    size_t got = 0;
    while (got < wanted) {
        ssize_t n = read(fd, bytes, sizeof bytes);
        if (n <= 0) {
            die("read");
        }
        for (ssize_t i = 0; i < n; i++, got++) {
            if (bytes[i] != pattern(got)) {
                fprintf(stderr, "byte %zu is wrong\n", got);
                exit(1);
            }
        }
    }
}

static void serve(struct sockaddr_in *address, int count) {
    int on = 1, queue = 16, listener = socket(AF_INET, SOCK_STREAM, 0);
    static char reply[REPLY_BYTES];
    address->sin_addr.s_addr = htonl(INADDR_ANY);
    for (size_t i = 0; i < sizeof reply; i++) {
        reply[i] = pattern(i);
    }
    if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(listener, (struct sockaddr *)address, sizeof *address) != 0 ||
        setsockopt(listener, IPPROTO_TCP, TCP_FASTOPEN, &queue, sizeof queue) != 0 || listen(listener, 16) != 0) {
        die("listen");
    }
    printf("serving\n");
    fflush(stdout);
    for (; count > 0; count--) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0) {
            die("accept");
        }
        receive(fd, REQUEST_BYTES);
        say("server", fd, REQUEST_BYTES);
        if (write(fd, reply, sizeof reply) != sizeof reply) {
            die("write");
        }
        close(fd);
    }
    close(listener);
}

/* MSG_FASTOPEN, or with `deferred` TCP_FASTOPEN_CONNECT. */
static void call(const struct sockaddr_in *address, int deferred) {
    int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    char request[REQUEST_BYTES];
    ssize_t sent;
    for (size_t i = 0; i < sizeof request; i++) {
        request[i] = pattern(i);
    }
    if (deferred) {
        if (setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on) != 0 ||
            connect(fd, (const struct sockaddr *)address, sizeof *address) != 0) {
            die("connect");
        }
        sent = write(fd, request, sizeof request);
    } else {
        sent = sendto(fd, request, sizeof request, MSG_FASTOPEN, (const struct sockaddr *)address, sizeof *address);
    }
    if (sent != sizeof request) {
        die("send");
    }
    receive(fd, REPLY_BYTES);
    say("client", fd, REPLY_BYTES);
    close(fd);
}

int main(int argc, char **argv) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    if (argc == 4 && strcmp(argv[1], "serve") == 0) {
        address.sin_port = htons((unsigned short)atoi(argv[2]));
        serve(&address, atoi(argv[3]));
    } else if (argc == 5 && strcmp(argv[1], "call") == 0 && inet_pton(AF_INET, argv[2], &address.sin_addr) == 1) {
        address.sin_port = htons((unsigned short)atoi(argv[3]));
        for (int i = 0; i < atoi(argv[4]); i++) {
            call(&address, i % 2);
        }
    } else {
        fprintf(stderr, "usage: fastopen serve PORT COUNT | call ADDRESS PORT COUNT\n");
        return 2;
    }
    return 0;
}
