/* Several numbers for one socket: what they share, and when it ends. */
#include "same.h"

#include <fcntl.h>
#include <sys/epoll.h>

static void show_flags(int fd) {
    SHOW(fcntl(fd, F_GETFD));
    SHOW(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

static void copies_share_the_socket(void) {
    int ends[2];
    char got[8];
    join_ends(0, ends);
    int copy = (int)SHOW(dup(ends[0]));
    int high = (int)SHOW(fcntl(ends[0], F_DUPFD, 100));
    int closed_by_exec = (int)SHOW(fcntl(high, F_DUPFD_CLOEXEC, 50));
    SHOW(port_of(copy) == port_of(ends[0]));
    SHOW(fcntl(copy, F_SETFL, O_NONBLOCK));
    show_flags(ends[0]);
    show_flags(closed_by_exec);
    SHOW(read(ends[0], got, sizeof got));
    SHOW(close(ends[0]));
    SHOW(read(ends[0], got, sizeof got));
    SHOW(write(ends[1], "one", 3));
    pause_ms(20);
    SHOW(read(high, got, sizeof got));
    SHOW(write(closed_by_exec, "two", 3));
    SHOW(read(ends[1], got, sizeof got));
    SHOW(close(high));
    SHOW(close(closed_by_exec));
    printf("before the last:%s\n", ready_for(ends[1]));
    SHOW(close(copy));
    SHOW(read(ends[1], got, sizeof got));
    SHOW(close(ends[1]));
}

/* What stood at the number is closed, a socket or a file, by a socket or a file. */
static void a_copy_replaces(void) {
    int first[2], second[2], pipes[2];
    char got[8];
    join_ends(0, first);
    join_ends(0, second);
    must(pipe(pipes) == 0, "pipe");
    SHOW(dup2(first[0], second[0]) == second[0]);
    SHOW(read(second[1], got, sizeof got));
    SHOW(write(second[0], "three", 5));
    SHOW(read(first[1], got, sizeof got));
    SHOW(dup3(first[0], pipes[0], O_CLOEXEC) == pipes[0]);
    show_flags(pipes[0]);
    SHOW(write(pipes[0], "four", 4));
    SHOW(read(first[1], got, sizeof got));
    SHOW(dup2(0, pipes[0]) == pipes[0]);
    SHOW(dup2(0, second[0]) == second[0]);
    printf("one left:%s\n", ready_for(first[1]));
    SHOW(dup2(0, first[0]) == first[0]);
    SHOW(read(first[1], got, sizeof got));
    SHOW(dup2(first[1], first[1]) == first[1]);
    SHOW(dup3(first[1], first[1], 0));
    SHOW(dup3(first[1], 77, 1));
    SHOW(dup2(first[1], -1));
    SHOW(dup2(first[1], 1 << 28));
    SHOW(fcntl(first[1], F_DUPFD, 1 << 28));
    SHOW(fcntl(first[1], F_DUPFD, -1));
    SHOW(dup2(99, 98));
    SHOW(dup2(99, 99));
    SHOW(dup2(99, first[1]));
    SHOW(dup(99));
    SHOW(close(first[1]));
}

/* The standard streams of a server that inetd would have started. */
static void as_standard_input(void) {
    int ends[2], saved = dup(0);
    char line[32] = "";
    join_ends(0, ends);
    SHOW(dup2(ends[1], 0));
    SHOW(close(ends[1]));
    SHOW(write(ends[0], "five\n", 5));
    SHOW(read(0, line, sizeof line));
    SHOW(write(0, line, 5));
    SHOW(read(ends[0], line, sizeof line));
    SHOW(dup2(saved, 0));
    SHOW(read(ends[0], line, sizeof line));
    SHOW(close(ends[0]));
    SHOW(close(saved));
}

static void wait_once(int set) {
    struct epoll_event event = {.events = 0};
    SHOW(epoll_wait(set, &event, 1, 100));
    printf("%x %d\n", event.events, event.events == 0 ? 0 : (int)event.data.u32);
}

/* A set holds numbers: one that is closed goes with the last of its socket, and not before (epoll(7), Q6). */
static void sets_hold_numbers(void) {
    int ends[2], set = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data = {.u32 = 1}};
    join_ends(0, ends);
    int copy = dup(ends[0]), other_set = dup(set);
    SHOW(epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event));
    SHOW(epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event));
    event.data.u32 = 2;
    SHOW(epoll_ctl(other_set, EPOLL_CTL_ADD, copy, &event));
    SHOW(epoll_ctl(set, EPOLL_CTL_ADD, other_set, &event));
    SHOW(write(ends[1], "x", 1));
    SHOW(epoll_ctl(set, EPOLL_CTL_DEL, copy, NULL));
    wait_once(other_set);
    SHOW(close(ends[0]));
    wait_once(set);
    SHOW(epoll_ctl(set, EPOLL_CTL_DEL, ends[0], NULL));
    wait_once(set);
    SHOW(close(copy));
    wait_once(set);
    SHOW(close(set));
    wait_once(other_set);
    SHOW(close(other_set));
    SHOW(close(ends[1]));
}

/* The number is free at once, however long the socket lingers. */
static void the_last_lingers(void) {
    int ends[2];
    struct linger linger = {.l_onoff = 1, .l_linger = 5};
    join_ends(0, ends);
    SHOW(setsockopt(ends[0], SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
    int copy = dup(ends[0]);
    SHOW(write(ends[0], "x", 1));
    SHOW(close(ends[0]));
    SHOW(close(copy));
    SHOW(close(ends[1]));
}

int main(void) {
    copies_share_the_socket();
    a_copy_replaces();
    as_standard_input();
    sets_hold_numbers();
    the_last_lingers();
    return 0;
}
