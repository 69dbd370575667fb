/* A server that ends in one of the ways that programs have: its client reads a greeting and then the end. */
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int listener, connection;

static void exit_at_once(int number) {
    (void)number;
    exit(3);
}

static void close_and_exit(int number) {
    (void)number;
    close(connection);
    close(listener);
    exit(3);
}

static void exit_without_ceremony(int number) {
    (void)number;
    _exit(3);
}

static void exit_quickly(int number) {
    (void)number;
    quick_exit(3);
}

static void *read_for_ever(void *arg) {
    char byte;
    while (read(connection, &byte, 1) > 0) {
    }
    perror("the end is no error, and no end of the data");
    return arg;
}

static void *exit_soon(void *arg) {
    usleep(100000);
    exit(3);
    return arg;
}

/* What a program registers may use sockets, and wait for a thread that does. */
static pthread_t reader;
static void say_goodbye(void) {
    if (write(connection, "goodbye\n", 8) != 8 || shutdown(connection, SHUT_RDWR) != 0 ||
        pthread_join(reader, NULL) != 0) {
        _exit(4);
    }
}

static void *read_to_the_end(void *arg) {
    char byte;
    while (read(connection, &byte, 1) > 0) {
    }
    return arg;
}

static void serve_one(const char *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((in_port_t)atoi(port))};
    int one = 1;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 4) != 0) {
        perror(port);
        exit(1);
    }
    fprintf(stderr, "listening\n");
    connection = accept(listener, NULL, NULL);
    if (connection < 0 || write(connection, "hello\n", 6) != 6) {
        perror("accept");
        exit(1);
    }
}

int main(int argc, char **argv) {
    const char *how = argc == 3 ? argv[2] : "";
    signal(SIGTERM, strcmp(how, "quick") == 0   ? exit_quickly
                    : strcmp(how, "bare") == 0  ? exit_without_ceremony
                    : strcmp(how, "close") == 0 ? close_and_exit
                                                : exit_at_once);
    serve_one(argv[1]);
    if (strcmp(how, "return") == 0 || strcmp(how, "thread") == 0) {
        pthread_create(&reader, NULL, read_for_ever, NULL);
        usleep(100000);
    }
    if (strcmp(how, "stream") == 0) { /* what a stream has buffered leaves last */
        fprintf(fdopen(dup(connection), "w"), "buffered\n");
        return 3;
    }
    if (strcmp(how, "return") == 0) {
        return 3;
    }
    if (strcmp(how, "thread") == 0) {
        pthread_create(&reader, NULL, exit_soon, NULL);
    }
    if (strcmp(how, "child") == 0) { /* one that fails to execute anything ends, and its parent serves on */
        if (vfork() == 0) {
            _exit(0);
        }
        (void)!write(connection, "served on\n", 10);
    }
    if (strcmp(how, "goodbye") == 0) {
        pthread_create(&reader, NULL, read_to_the_end, NULL);
        atexit(say_goodbye);
    }
    accept(listener, NULL, NULL);
    perror("accept ended");
    return 5;
}
