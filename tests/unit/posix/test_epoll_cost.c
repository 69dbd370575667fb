/* What epoll_wait costs, counted in sockets that are looked at, with many of them in the set: hazard Z6. */
#define _GNU_SOURCE
#include "loop.h"
#include "sockets/posix/host.h"

static unsigned steps;

/* A copy of the module under other names, in which every look at a socket is counted. */
#define tapir_sock_ready(stack, sock) (steps++, tapir_sock_ready(stack, sock))
#define posix_epoll_set_events counted_events
#define posix_epoll_set_find counted_find
#define posix_epoll_set_add counted_add
#define posix_epoll_set_arm counted_arm
#define posix_epoll_set_remove counted_remove
#define posix_epoll_set_correct counted_correct
#define posix_epoll_set_show counted_show
#define posix_epoll_set_wake_one counted_wake_one
#define posix_epoll_set_wake_all counted_wake_all
#define posix_epoll_set_close counted_close
#define posix_epoll_set_forget counted_forget
#define posix_epoll_set_update counted_update
#define posix_epoll_set_expose counted_expose
#define tapir_epoll_create1 counted_create1
#define tapir_epoll_create counted_create
#define tapir_epoll_ctl counted_ctl
#define tapir_epoll_wait counted_wait
#define tapir_epoll_pwait counted_pwait
#define tapir_epoll_pwait2 counted_pwait2
#include "../../../sockets/posix/epoll_set.c"

#include "../../../sockets/posix/epoll.c"

#define MEMBERS 400
#define PORT 30000

TestSuite(epoll_cost, .init = loop_up, .fini = loop_down, .timeout = 20);

/* As many events, for so many looks at most. */
static void expect(int set, int events, unsigned looks) {
    struct epoll_event found[64];
    steps = 0;
    GIVES(counted_wait(set, found, 64, 0), events);
    cr_assert_leq(steps, looks);
}

/* Those that are ready cost a look each, once more when they are no longer, and all others nothing. */
Test(epoll_cost, Z6_however_many_are_in_the_set) {
    int fds[MEMBERS], set = counted_create1(0), sender = tapir_socket(AF_INET, SOCK_DGRAM, 0);
    char byte;
    for (int i = 0; i < MEMBERS; i++) {
        struct sockaddr_in address = loop_address((uint16_t)(PORT + i));
        struct epoll_event event = {.events = EPOLLIN, .data.fd = i};
        fds[i] = tapir_socket(AF_INET, SOCK_DGRAM, 0);
        GIVES(tapir_bind(fds[i], (struct sockaddr *)&address, sizeof address), 0);
        GIVES(counted_ctl(set, EPOLL_CTL_ADD, fds[i], &event), 0);
    }
    expect(set, 0, 0);
    for (int i = 0; i < 3; i++) {
        struct sockaddr_in address = loop_address((uint16_t)(PORT + 100 * i));
        GIVES(tapir_sendto(sender, "x", 1, 0, (struct sockaddr *)&address, sizeof address), 1);
    }
    expect(set, 3, 3);
    expect(set, 3, 3);
    for (int i = 0; i < 3; i++) {
        GIVES(tapir_recv(fds[100 * i], &byte, 1, 0), 1);
    }
    expect(set, 0, 3 + 3);
    expect(set, 0, 0);
    for (int i = 0; i < MEMBERS; i++) {
        GIVES(counted_ctl(set, EPOLL_CTL_DEL, fds[i], NULL), 0);
        GIVES(tapir_close(fds[i]), 0);
    }
    GIVES(tapir_close(sender), 0);
    GIVES(tapir_close(set), 0);
}
