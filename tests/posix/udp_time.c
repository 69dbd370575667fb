/* A textbook UDP client and server in one process of two threads, over 127.0.0.1. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT 5300

static void *serve(void *argument) {
    int fd = *(int *)argument;
    char question[64];
    struct sockaddr_in peer;
    socklen_t size = sizeof peer;
    ssize_t got = recvfrom(fd, question, sizeof question, 0, (struct sockaddr *)&peer, &size);
    if (got == 4 && memcmp(question, "time", 4) == 0) {
        sendto(fd, "noon", 4, 0, (struct sockaddr *)&peer, size);
    }
    return NULL;
}

int main(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int server = socket(AF_INET, SOCK_DGRAM, 0), client = socket(AF_INET, SOCK_DGRAM, 0);
    char answer[64] = "";
    pthread_t thread;
    if (server < 0 || client < 0 || bind(server, (struct sockaddr *)&address, sizeof address) < 0) {
        perror("bind");
        return 1;
    }
    pthread_create(&thread, NULL, serve, &server);
    sendto(client, "time", 4, 0, (struct sockaddr *)&address, sizeof address);
    ssize_t got = recv(client, answer, sizeof answer - 1, 0);
    pthread_join(thread, NULL);
    printf("%s\n", answer);
    close(server);
    close(client);
    return got == 4 && strcmp(answer, "noon") == 0 ? 0 : 1;
}
