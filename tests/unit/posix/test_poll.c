/* Tests of poll over sockets of the stack and kernel descriptors together. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <sys/select.h>
#include <unistd.h>

#include "loop.h"

TestSuite(poll, .init = loop_up, .fini = loop_down, .timeout = 20);

static void write_pipe(struct later *later) { later->result = (int)write(later->fd, "x", 1); }

Test(poll, tells_what_each_is_ready_for) {
    int fds[2], listener = loop_listen(7000);
    loop_stream(fds);
    GIVES(tapir_send(fds[0], "x", 1, 0), 1);
    struct pollfd polls[] = {{.fd = fds[0], .events = POLLIN | POLLOUT},
                             {.fd = fds[1], .events = POLLIN | POLLOUT},
                             {.fd = fds[1], .events = POLLPRI},
                             {.fd = listener, .events = POLLIN},
                             {.fd = -1, .events = POLLIN, .revents = 77}};
    GIVES(tapir_poll(polls, 5, -1), 2);
    cr_assert(polls[0].revents == POLLOUT && polls[1].revents == (POLLIN | POLLOUT));
    cr_assert(polls[2].revents == 0 && polls[3].revents == 0 && polls[4].revents == 0);
    GIVES(tapir_close(fds[0]), 0);
    polls[1].events = POLLIN | POLLRDHUP;
    GIVES(tapir_poll(&polls[1], 1, -1), 1);
    cr_assert(polls[1].revents == (POLLIN | POLLRDHUP));
}

Test(poll, numbers_that_are_nothing_are_invalid) {
    int fds[2];
    loop_datagram(fds);
    struct pollfd polls[] = {{.fd = fds[0], .events = POLLIN}, {.fd = 900, .events = POLLIN}};
    GIVES(tapir_poll(polls, 2, -1), 1);
    cr_assert(polls[0].revents == 0 && polls[1].revents == POLLNVAL);
    GIVES(tapir_close(fds[0]), 0);
    GIVES(tapir_poll(polls, 1, -1), 1);
    cr_assert(polls[0].revents == POLLNVAL);
    REFUSED(tapir_poll(NULL, 1, 0), EFAULT);
}

static void mixed(void) {
    struct later later;
    int fds[2], ends[2];
    char byte;
    loop_stream(fds);
    cr_assert(pipe(ends) == 0);
    struct pollfd polls[] = {{.fd = ends[0], .events = POLLIN}, {.fd = fds[1], .events = POLLIN}};
    uint64_t before_ms = loop_now_ms();
    GIVES(tapir_poll(polls, 2, 30), 0);
    uint64_t waited_ms = loop_now_ms() - before_ms;
    cr_assert(waited_ms >= 29 && waited_ms < 500);
    loop_later(&later, 20, write_pipe, ends[1]);
    GIVES(tapir_poll(polls, 2, -1), 1);
    cr_assert(polls[0].revents == POLLIN && polls[1].revents == 0);
    loop_join(&later);
    GIVES(tapir_read(ends[0], &byte, 1), 1); /* a kernel descriptor passes through */
    loop_later(&later, 20, loop_write, fds[0]);
    GIVES(tapir_poll(polls, 2, -1), 1);
    cr_assert(polls[0].revents == 0 && polls[1].revents == POLLIN);
    loop_join(&later);
    GIVES(tapir_write(ends[1], "y", 1), 1);
    GIVES(tapir_poll(polls, 2, -1), 2);
    tapir_close(ends[0]);
    tapir_close(ends[1]);
    tapir_close(fds[0]);
    tapir_close(fds[1]);
}

Test(poll, a_pipe_and_a_socket_wake_it) {
    struct occupant occupant;
    mixed();
    loop_occupy(&occupant);
    mixed();
    loop_unoccupy(&occupant);
}

Test(poll, a_close_meanwhile_is_told) {
    struct later later;
    int fds[2];
    loop_stream(fds);
    struct pollfd poll = {.fd = fds[1], .events = POLLIN};
    loop_later(&later, 20, loop_close, fds[1]);
    GIVES(tapir_poll(&poll, 1, -1), 1);
    cr_assert(poll.revents == POLLNVAL);
    loop_join(&later);
}

Test(poll, more_descriptors_than_fit_on_the_stack) {
    enum { COUNT = 100 };
    struct pollfd polls[COUNT];
    struct later later;
    int fds[2];
    for (int i = 0; i < COUNT; i++) {
        polls[i] = (struct pollfd){.fd = tapir_socket(AF_INET, SOCK_DGRAM, 0), .events = POLLIN};
    }
    loop_stream(fds);
    polls[COUNT - 1].fd = fds[1];
    loop_later(&later, 20, loop_write, fds[0]);
    GIVES(tapir_poll(polls, COUNT, -1), 1);
    cr_assert(polls[COUNT - 1].revents == POLLIN);
    loop_join(&later);
}
