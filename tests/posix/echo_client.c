/* A textbook client: sends its standard input, writes what comes back to its standard output; waits with select. */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

static int dial(const char *host, const char *service) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *list;
    int error = getaddrinfo(host, service, &hints, &list), fd = -1;
    if (error != 0) {
        fprintf(stderr, "%s: %s\n", host, gai_strerror(error));
        exit(1);
    }
    for (struct addrinfo *one = list; one != NULL && fd < 0; one = one->ai_next) {
        fd = socket(one->ai_family, one->ai_socktype, one->ai_protocol);
        if (fd >= 0 && connect(fd, one->ai_addr, one->ai_addrlen) < 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    return fd;
}

static void write_all(int fd, const char *data, size_t size) {
    while (size > 0) {
        ssize_t put = write(fd, data, size);
        if (put < 0) {
            perror("write");
            exit(1);
        }
        data += put;
        size -= (size_t)put;
    }
}

/* Copies both ways until the server has sent its end; our own end is told when the input is over. */
static void talk(int fd) {
    char buffer[4096];
    int input_open = 1;
    for (;;) {
        fd_set readable;
        FD_ZERO(&readable);
        FD_SET(fd, &readable);
        if (input_open) {
            FD_SET(STDIN_FILENO, &readable);
        }
        if (select(fd + 1, &readable, NULL, NULL, NULL) < 0) {
            perror("select");
            exit(1);
        }
        if (FD_ISSET(fd, &readable)) {
            ssize_t got = read(fd, buffer, sizeof buffer);
            if (got <= 0) {
                return;
            }
            write_all(STDOUT_FILENO, buffer, (size_t)got);
        }
        if (FD_ISSET(STDIN_FILENO, &readable)) {
            ssize_t got = read(STDIN_FILENO, buffer, sizeof buffer);
            if (got > 0) {
                write_all(fd, buffer, (size_t)got);
            } else {
                input_open = 0;
                shutdown(fd, SHUT_WR);
            }
        }
    }
}

/* echo_client HOST PORT */
int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: %s HOST PORT\n", argv[0]);
        return 2;
    }
    int fd = dial(argv[1], argv[2]);
    if (fd < 0) {
        perror("connect");
        return 1;
    }
    talk(fd);
    close(fd);
    return 0;
}
