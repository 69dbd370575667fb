/* Tests of forked children (A6): the stack stays with the parent, the child is told so once, and neither harms the other. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop.h"
#include "tap/own.h"

TestSuite(fork, .init = loop_up, .fini = loop_down, .timeout = 20);

/* What a child had to say, and how many of its calls went wrong. */
struct child {
    char text[4096];
    int wrong;
};

/* Runs main in a forked child with its standard error in a pipe. */
static void in_child(struct child *child, pid_t (*make)(void), int (*child_main)(void *), void *arg) {
    int ends[2], status;
    size_t got = 0;
    ssize_t more;
    cr_assert(pipe(ends) == 0);
    pid_t pid = make();
    if (pid == 0) {
        dup2(ends[1], STDERR_FILENO);
        _exit(child_main(arg));
    }
    close(ends[1]);
    while ((more = read(ends[0], child->text + got, sizeof child->text - 1 - got)) > 0) {
        got += (size_t)more;
    }
    child->text[got] = '\0';
    close(ends[0]);
    cr_assert(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    child->wrong = WEXITSTATUS(status);
}

static int fails(long result) { return result != -1 || errno != EBADF; }

static int use_everything(void *arg) {
    const int *fds = arg;
    char byte = 'x';
    struct pollfd poll_fd = {.fd = fds[0], .events = POLLIN};
    fd_set set;
    FD_ZERO(&set);
    FD_SET(fds[0], &set);
    int wrong = fails(tapir_send(fds[0], &byte, 1, 0)) + fails(tapir_recv(fds[0], &byte, 1, 0)) +
                fails(tapir_socket(AF_INET, SOCK_STREAM, 0)) + fails(tapir_listen(fds[1], 1)) +
                fails(tapir_fcntl(fds[0], F_GETFL)) + fails(tapir_dup(fds[0])) + fails(tapir_dup2(fds[0], 0)) +
                fails(tapir_up_device(NULL, NULL, NULL, 0)) + fails(tapir_select(fds[0] + 1, &set, NULL, NULL, NULL));
    wrong += tapir_lock() != NULL;
    wrong += tapir_poll(&poll_fd, 1, 0) != 1 || poll_fd.revents != POLLNVAL;
    tapir_down();
    return wrong;
}

static void parent_goes_on(int fds[2]) {
    char byte;
    GIVES(tapir_send(fds[0], "x", 1, 0), 1);
    GIVES(tapir_recv(fds[1], &byte, 1, 0), 1);
}

Test(fork, a_child_has_no_stack_and_is_told_once) {
    int fds[2];
    struct child child;
    struct occupant occupant;
    loop_stream(fds);
    loop_occupy(&occupant); /* a thread that may hold the lock when the process forks */
    in_child(&child, fork, use_everything, fds);
    cr_assert(child.wrong == 0, "%d calls in the child", child.wrong);
    const char *line = strstr(child.text, "tapir: this process was forked");
    cr_assert(line != NULL && strchr(child.text, '\n') == child.text + strlen(child.text) - 1, "%s", child.text);
    cr_assert(strstr(line, "threads, poll or epoll") != NULL, "it says what to do");
    parent_goes_on(fds);
    loop_unoccupy(&occupant);
}

/* _Fork and clone run no handlers. */
static pid_t fork_without_handlers(void) { return (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL); }

Test(fork, also_of_a_fork_that_runs_no_handlers) {
    int fds[2];
    struct child child;
    struct occupant occupant;
    loop_stream(fds);
    loop_occupy(&occupant);
    in_child(&child, fork_without_handlers, use_everything, fds);
    cr_assert(child.wrong == 0, "%d calls in the child", child.wrong);
    parent_goes_on(fds);
    loop_unoccupy(&occupant);
}

/* As before exec: nothing to complain of, and the numbers are free afterwards. */
static int tidy_up(void *arg) {
    const int *fds = arg;
    char byte = 'x';
    int ends[2], wrong = tap_own_next(0) != -1; /* the device is not held by the child */
    wrong += tapir_fcntl(fds[0], F_SETFD, FD_CLOEXEC) != 0 || tapir_fcntl(fds[0], F_GETFD) != FD_CLOEXEC;
    wrong += tapir_ioctl(fds[0], FIONCLEX) != 0 || tapir_fcntl(fds[0], F_GETFD) != 0;
    wrong += tapir_close(fds[0]) != 0 || fails(tapir_close(fds[0])) || fails(tapir_fcntl(fds[0], F_GETFD));
    wrong += tapir_close_range((unsigned)fds[1], (unsigned)fds[1], 0) != 0 || fails(tapir_fcntl(fds[1], F_GETFD));
    wrong += pipe(ends) != 0 || ends[0] != fds[0] || ends[1] != fds[1];
    wrong += tapir_write(ends[1], &byte, 1) != 1 || tapir_read(ends[0], &byte, 1) != 1;
    wrong += tapir_dup2(STDERR_FILENO, fds[2]) != fds[2] || tapir_fcntl(fds[2], F_GETFL) < 0;
    int set = tapir_epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    wrong += set < 0 || tapir_epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event) != 0;
    wrong += tapir_epoll_wait(set, &event, 1, 0) != 0 || tapir_close(set) != 0;
    return wrong;
}

Test(fork, a_child_closes_what_it_does_not_want) {
    int fds[3];
    struct child child;
    loop_stream(fds);
    fds[2] = tapir_dup(fds[0]);
    in_child(&child, fork, tidy_up, fds);
    cr_assert(child.wrong == 0, "%d calls in the child", child.wrong);
    cr_assert(child.text[0] == '\0', "%s", child.text);
    parent_goes_on(fds);
}

/* A child that shares the memory, not the numbers. */
static int close_and_leave(void *arg) {
    const int *fds = arg;
    int wrong = tapir_dup2(STDERR_FILENO, fds[0]) != fds[0];
    close(STDERR_FILENO);
    wrong += fails(tapir_dup(fds[1])) + fails(tapir_dup2(fds[1], 0));
    wrong += tapir_close(fds[0]) != 0 || tapir_close_range((unsigned)fds[1], (unsigned)fds[1], 0) != 0;
    return wrong;
}

Test(fork, what_a_vforked_child_closes_stays_open_here) {
    static char stack[65536];
    int fds[2], status;
    loop_stream(fds);
    pid_t pid = clone(close_and_leave, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, fds);
    cr_assert(waitpid(pid, &status, 0) == pid && status == 0);
    parent_goes_on(fds);
}

/* Forked before there was a stack: it may have one of its own, and so may a child of a parent that took its down. */
static int up_and_down(void *arg) {
    (void)arg;
    if (tapir_up_device(NULL, NULL, NULL, 0) != 0) {
        return 1;
    }
    int fd = tapir_socket(AF_INET, SOCK_STREAM, 0);
    tapir_down();
    return fd < 0;
}

Test(alone, a_child_of_a_parent_without_stack) {
    struct child child;
    in_child(&child, fork, up_and_down, NULL);
    cr_assert(child.wrong == 0);
    cr_assert(up_and_down(NULL) == 0);
    in_child(&child, fork, up_and_down, NULL);
    cr_assert(child.wrong == 0);
}
