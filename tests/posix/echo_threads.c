/* A textbook echo server with a thread for each client. Knows nothing of any stack but its host's. */
#include <netdb.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void *serve(void *argument) {
    int client = (int)(intptr_t)argument;
    char buffer[4096];
    ssize_t got;
    while ((got = recv(client, buffer, sizeof buffer, 0)) > 0) {
        if (send(client, buffer, (size_t)got, 0) != got) {
            perror("send");
            break;
        }
    }
    close(client);
    return NULL;
}

static int open_listener(const char *service) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *list;
    int error = getaddrinfo(NULL, service, &hints, &list), listener = -1, on = 1;
    if (error != 0) {
        fprintf(stderr, "%s: %s\n", service, gai_strerror(error));
        exit(1);
    }
    for (struct addrinfo *one = list; one != NULL && listener < 0; one = one->ai_next) {
        listener = socket(one->ai_family, one->ai_socktype, one->ai_protocol);
        if (listener < 0) {
            continue;
        }
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (bind(listener, one->ai_addr, one->ai_addrlen) < 0 || listen(listener, 16) < 0) {
            close(listener);
            listener = -1;
        }
    }
    freeaddrinfo(list);
    return listener;
}

/* echo_threads PORT CLIENTS: ends when so many have been served. */
int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: %s PORT CLIENTS\n", argv[0]);
        return 2;
    }
    int clients = atoi(argv[2]), listener = open_listener(argv[1]);
    pthread_t *threads = calloc((size_t)clients, sizeof *threads);
    if (listener < 0 || threads == NULL) {
        perror("listen");
        return 1;
    }
    for (int i = 0; i < clients; i++) {
        int client = accept(listener, NULL, NULL);
        if (client < 0) {
            perror("accept");
            return 1;
        }
        pthread_create(&threads[i], NULL, serve, (void *)(intptr_t)client);
    }
    for (int i = 0; i < clients; i++) {
        pthread_join(threads[i], NULL);
    }
    free(threads);
    close(listener);
    return 0;
}
