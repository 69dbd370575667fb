/* Several threads wait on one epoll set: what one of them is told and leaves there, the next is told too. */
#include "same.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#define THREADS 4

static int set, datagrams, took[THREADS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static volatile bool over;

/* Takes one datagram and is busy with it until the end. */
static void *work(void *argument) {
    struct epoll_event event;
    int *mine = argument;
    char byte;
    while (!over && *mine == 0) {
        int ready = epoll_wait(set, &event, 1, -1);
        pthread_mutex_lock(&lock);
        if (ready == 1 && !over && recv(event.data.fd, &byte, 1, MSG_DONTWAIT) == 1) {
            *mine = 1;
            datagrams++;
        }
        pthread_mutex_unlock(&lock);
    }
    while (!over) {
        pause_ms(1);
    }
    return NULL;
}

static int taken(void) {
    pthread_mutex_lock(&lock);
    int count = datagrams;
    pthread_mutex_unlock(&lock);
    return count;
}

/* So many datagrams wait already when the sleepers' set is given the socket: one piece of news for all of them. `expected` of
 * them are waited for, and then whether there are more. */
static void try(const char *what, uint32_t events, int count, int expected) {
    struct sockaddr_in address = address_of("127.0.0.1", 0);
    int fd = socket(AF_INET, SOCK_DGRAM, 0), bell = eventfd(1, 0), busy = 0;
    pthread_t threads[THREADS];
    set = epoll_create1(0);
    datagrams = 0;
    over = false;
    must(bind(fd, (struct sockaddr *)&address, sizeof address) == 0, "bind");
    address.sin_port = htons((uint16_t)port_of(fd));
    for (int i = 0; i < count; i++) {
        must(sendto(fd, "x", 1, 0, (struct sockaddr *)&address, sizeof address) == 1, "sendto");
    }
    for (int i = 0; i < THREADS; i++) {
        took[i] = 0;
        pthread_create(&threads[i], NULL, work, &took[i]);
    }
    pause_ms(5);
    struct epoll_event event = {.events = events, .data = {.fd = fd}};
    must(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
    for (int turn = 0; turn < 300 && taken() < expected; turn++) {
        pause_ms(10);
    }
    pause_ms(60);
    pthread_mutex_lock(&lock);
    for (int i = 0; i < THREADS; i++) {
        busy += took[i];
    }
    printf("%s, %d datagrams: %d taken by %d threads\n", what, count, datagrams, busy);
    pthread_mutex_unlock(&lock);
    over = true;
    event.events = EPOLLIN;
    must(epoll_ctl(set, EPOLL_CTL_ADD, bell, &event) == 0, "epoll_ctl");
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    close(bell);
    close(fd);
    close(set);
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int count = 1; count <= THREADS + 1; count += THREADS) {
        try("level-triggered", EPOLLIN, count, count == 1 ? 1 : THREADS);
        try("edge-triggered", EPOLLIN | EPOLLET, count, 1);
        try("one shot", EPOLLIN | EPOLLONESHOT, count, 1);
    }
    return 0;
}
