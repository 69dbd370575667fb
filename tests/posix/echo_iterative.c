/* A textbook echo server that serves one client after the other. Knows nothing of any stack but its host's. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void serve(int client) {
    char buffer[4096];
    ssize_t got;
    while ((got = read(client, buffer, sizeof buffer)) > 0) {
        for (ssize_t done = 0, put; done < got; done += put) {
            put = write(client, buffer + done, (size_t)(got - done));
            if (put < 0) {
                die("write");
            }
        }
    }
    if (got < 0) {
        die("read");
    }
}

/* echo_iterative PORT CLIENTS: ends after so many. */
int main(int argc, char **argv) {
    int on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_ANY)}};
    if (argc != 3) {
        fprintf(stderr, "usage: %s PORT CLIENTS\n", argv[0]);
        return 2;
    }
    address.sin_port = htons((uint16_t)atoi(argv[1]));
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0) {
        die("socket");
    }
    if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0) {
        die("setsockopt");
    }
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0) {
        die("bind");
    }
    if (listen(listener, 5) < 0) {
        die("listen");
    }
    for (int i = atoi(argv[2]); i > 0; i--) {
        struct sockaddr_in peer;
        socklen_t size = sizeof peer;
        int client = accept(listener, (struct sockaddr *)&peer, &size);
        if (client < 0) {
            die("accept");
        }
        printf("client %s\n", inet_ntoa(peer.sin_addr));
        serve(client);
        close(client);
    }
    close(listener);
    return 0;
}
