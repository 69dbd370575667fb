/* Tests of what a descriptor is: its number, its limits and its flags. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop.h"
#include "tap/own.h"

TestSuite(descriptors, .init = loop_up, .fini = loop_down, .timeout = 20);

Test(descriptors, kinds_of_sockets_as_on_linux) {
    static const int asked[][3] = {
        {AF_INET, SOCK_STREAM, 0},
        {AF_INET, SOCK_STREAM, IPPROTO_TCP},
        {AF_INET, SOCK_STREAM, IPPROTO_UDP},
        {AF_INET, SOCK_DGRAM, 0},
        {AF_INET, SOCK_DGRAM, IPPROTO_UDP},
        {AF_INET, SOCK_DGRAM, IPPROTO_TCP},
        {AF_INET, SOCK_SEQPACKET, 0},
        {AF_INET, SOCK_STREAM, -1},
        {AF_INET, SOCK_STREAM, 255},
        {AF_INET, SOCK_RAW, 0},
        {AF_INET, 0, 0},
        {AF_INET, 77, 0},
        {AF_INET, SOCK_STREAM | 4096, 0},
        {AF_INET, -1, 0},
        {AF_INET, SOCK_RDM, 0},
        {999, SOCK_STREAM, 0},
        {AF_INET, SOCK_STREAM, 70000},
        {-1, SOCK_STREAM, 0},
    };
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        errno = 0;
        int theirs = socket(asked[i][0], asked[i][1], asked[i][2]), their_error = theirs < 0 ? errno : 0;
        errno = 0;
        int ours = tapir_socket(asked[i][0], asked[i][1], asked[i][2]), our_error = ours < 0 ? errno : 0;
        cr_assert(our_error == their_error, "%d %d %d: %s, Linux: %s", asked[i][0], asked[i][1], asked[i][2],
                  strerrorname_np(our_error), strerrorname_np(their_error));
        if (theirs >= 0) {
            close(theirs);
        }
    }
    cr_assert(tapir_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) >= 0);
    cr_assert(tapir_socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP) >= 0);
    REFUSED(tapir_socket(AF_INET6, SOCK_STREAM, 0), EAFNOSUPPORT);
}

Test(descriptors, a_unix_socket_is_the_kernels) {
    int fd = tapir_socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert(fd >= 0);
    GIVES(tapir_close(fd), 0);
    REFUSED(fcntl(fd, F_GETFD), EBADF);
}

Test(descriptors, the_limit_of_descriptors_counts) {
    struct rlimit limit, low;
    int fds[64], opened = 0, listener = loop_listen(7000);
    struct sockaddr_in address = loop_address(7000);
    int client = tapir_socket(AF_INET, SOCK_STREAM, 0);
    GIVES(tapir_connect(client, (struct sockaddr *)&address, sizeof address), 0);
    getrlimit(RLIMIT_NOFILE, &limit);
    low = (struct rlimit){.rlim_cur = (rlim_t)client + 16, .rlim_max = limit.rlim_max}; /* some may be taken */
    setrlimit(RLIMIT_NOFILE, &low);
    do {
        fds[opened] = tapir_socket(AF_INET, SOCK_DGRAM, 0);
    } while (fds[opened] >= 0 && ++opened < 64);
    cr_assert(opened < 64 && errno == EMFILE);
    REFUSED(tapir_accept(listener, NULL, NULL), EMFILE);
    GIVES(tapir_close(fds[0]), 0);
    cr_assert(tapir_accept(listener, NULL, NULL) == fds[0], "the connection was not lost");
    setrlimit(RLIMIT_NOFILE, &limit);
}

TestSuite(alone, .timeout = 20); /* without a stack to begin with */

/* The stack up, a socket, and down again with so many numbers: 0, or what up says. *lowest: of the library's own, while up. */
static int up_within(rlim_t numbers, int *lowest, int *fd, char *error, size_t size) {
    struct rlimit limit, low;
    getrlimit(RLIMIT_NOFILE, &limit);
    low = (struct rlimit){.rlim_cur = numbers, .rlim_max = limit.rlim_max};
    setrlimit(RLIMIT_NOFILE, &low);
    int result = tapir_up_device(NULL, NULL, error, size) == 0 ? 0 : errno;
    *lowest = tap_own_next(0);
    *fd = result == 0 ? tapir_socket(AF_INET, SOCK_DGRAM, 0) : -1;
    tapir_down();
    setrlimit(RLIMIT_NOFILE, &limit); /* Criterion's own calls want descriptors */
    return result;
}

/* Whatever the limit, the stack comes up whole or says why not; and 0 to 2 are never its own. */
Test(alone, up_under_every_limit) {
    char error[256];
    int lowest, fd, ups = 0;
    for (rlim_t numbers = 0; numbers < 80; numbers++) {
        int result = up_within(numbers, &lowest, &fd, error, sizeof error);
        if (result == 0) {
            cr_assert(lowest >= 3 && (fd < (int)numbers || errno == EMFILE), "%lu: %d %d", numbers, lowest, fd);
            ups++;
        } else {
            cr_assert(result == EMFILE && strstr(error, "descriptors") != NULL && ups == 0, "%lu: %s", numbers, error);
            cr_assert(lowest == -1);
        }
        cr_assert(tap_own_next(0) == -1);
    }
    cr_assert(ups > 60);
}

/* By a call that was not compiled for the stack: the program ends with a line, and does not spin. */
static void close_all_own(void) {
    char byte;
    close(2);
    if (tapir_up_device(NULL, NULL, NULL, 0) != 0) {
        return;
    }
    int fd = tapir_socket(AF_INET, SOCK_DGRAM, 0);
    for (int own = tap_own_next(0); own >= 0; own = tap_own_next(own + 1)) {
        close(own);
    }
    (void)tapir_recv(fd, &byte, 1, 0);
}

Test(alone, the_librarys_own_closed_behind_its_back) {
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        close_all_own();
        _exit(0);
    }
    cr_assert(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

Test(descriptors, numbers_are_shared_with_files) {
    int fd = tapir_socket(AF_INET, SOCK_DGRAM, 0);
    int file = open("/dev/null", O_RDWR);
    cr_assert(file != fd);
    GIVES(tapir_close(fd), 0);
    int next = open("/dev/null", O_RDWR);
    cr_assert(next == fd, "a closed number is the kernel's again");
    GIVES(tapir_write(next, "x", 1), 1);
    GIVES(tapir_close(next), 0);
    REFUSED(tapir_close(next), EBADF);
    GIVES(tapir_close(file), 0);
}

Test(descriptors, the_kernel_refuses_what_was_not_for_it) {
    char byte;
    int fd = tapir_socket(AF_INET, SOCK_DGRAM, 0);
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    REFUSED(read(fd, &byte, 1), EBADF);
    REFUSED(write(fd, &byte, 1), EBADF);
    GIVES(poll(&poll_fd, 1, 0), 1);
    cr_assert(poll_fd.revents == POLLNVAL);
}

Test(descriptors, a_number_looks_like_a_socket) {
    struct stat status;
    GIVES(fstat(tapir_socket(AF_INET, SOCK_STREAM, 0), &status), 0);
    cr_assert(S_ISSOCK(status.st_mode));
}

Test(descriptors, the_lowest_free_number_comes_next) {
    int saved = dup(0), fd;
    close(0);
    GIVES(tapir_socket(AF_INET, SOCK_STREAM, 0), 0);
    GIVES(tapir_epoll_create1(0), saved + 1);
    GIVES(tapir_close(0), 0);
    GIVES(fd = tapir_epoll_create1(0), 0);
    GIVES(tapir_close(0), 0);
    cr_assert(dup2(saved, 0) == 0);
    close(saved);
}

/* Every kind that the library opens: for the loop, for a blocked thread with kernel descriptors, for a pair, for a set. */
Test(descriptors, the_librarys_own_are_not_the_programs) {
    int ends[2], kept = 0;
    struct epoll_event event = {.events = EPOLLIN};
    int set = tapir_epoll_create1(0), fd = tapir_socket(AF_INET, SOCK_DGRAM, 0);
    cr_assert(pipe(ends) == 0);
    GIVES(tapir_epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event), 0);
    GIVES(tapir_pollfd(set), set);
    GIVES(tapir_pollfd(fd), fd);
    int low = open("/dev/null", O_RDWR);
    cr_assert(low < 64, "they lie high, not in the way of %d", low);
    for (int own = tap_own_next(0); own >= 0; own = tap_own_next(own + 1)) {
        cr_assert(own > low && fcntl(own, F_GETFD) == FD_CLOEXEC);
        REFUSED(tapir_close(own), EBADF);
        kept++;
    }
    cr_assert(kept == 7, "%d: three eventfds, a placeholder, a set in the set, its eventfd, the far end of a pair",
              kept);
    int first = tap_own_next(0);
    GIVES(tapir_close_range((unsigned)first, (unsigned)first + 100, 0), 0);
    REFUSED(tapir_close_range((unsigned)first, (unsigned)first + 100, CLOSE_RANGE_UNSHARE), EINVAL);
    GIVES(fcntl(first, F_GETFD), FD_CLOEXEC);
    close(low);
    close(ends[0]);
    close(ends[1]);
}

Test(descriptors, a_range_is_closed_with_its_sockets) {
    int fds[2], file = fcntl(0, F_DUPFD, 200);
    loop_stream(fds);
    int moved = fcntl(0, F_DUPFD, 201);
    cr_assert(file == 200 && moved == 201 && fds[1] < 200);
    GIVES(tapir_close_range((unsigned)fds[0], (unsigned)fds[0], CLOSE_RANGE_CLOEXEC), 0);
    GIVES(tapir_fcntl(fds[0], F_GETFD), FD_CLOEXEC);
    GIVES(tapir_close_range((unsigned)fds[0], (unsigned)fds[0], 0), 0);
    REFUSED(tapir_fcntl(fds[0], F_GETFD), EBADF);
    char byte;
    GIVES(tapir_recv(fds[1], &byte, 1, 0), 0);
    GIVES(tapir_close_range(200, 201, 0), 0);
    REFUSED(fcntl(file, F_GETFD), EBADF);
    REFUSED(fcntl(moved, F_GETFD), EBADF);
    GIVES(tapir_recv(fds[1], &byte, 1, 0), 0);
    REFUSED(tapir_close_range(2, 1, 0), EINVAL);
}

/* dup2 or close over a number of the stack (A6): what stood there is closed when the number comes round again. */
Test(descriptors, a_number_taken_behind_our_back) {
    int fds[2];
    char byte;
    loop_stream(fds);
    cr_assert(close(fds[0]) == 0);
    int fd = -1;
    for (int i = 0; i < 4 && fd != fds[0]; i++) {
        fd = tapir_socket(AF_INET, SOCK_STREAM, 0);
    }
    cr_assert(fd == fds[0]);
    REFUSED(tapir_recv(fd, &byte, 1, 0), ENOTCONN);
    GIVES(tapir_recv(fds[1], &byte, 1, 0), 0); /* the peer of the lost one sees its end */
}

Test(descriptors, flags) {
    int fd = tapir_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    GIVES(tapir_fcntl(fd, F_GETFD), FD_CLOEXEC);
    GIVES(tapir_fcntl(fd, F_SETFD, 0), 0);
    GIVES(tapir_fcntl(fd, F_GETFD), 0);
    GIVES(tapir_fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
    GIVES(tapir_fcntl(fd, F_SETFL, O_RDWR), 0);
    GIVES(tapir_fcntl(fd, F_GETFL), O_RDWR);
    GIVES(tapir_fcntl(fd, F_SETFL, O_ASYNC | O_APPEND | O_CREAT), 0);
    GIVES(tapir_fcntl(fd, F_GETFL), O_RDWR | O_ASYNC | O_APPEND);
    REFUSED(tapir_fcntl(fd, F_SETFL, O_DIRECT), EINVAL);
    GIVES(tapir_fcntl(fd, F_SETFL, 0), 0);
    REFUSED(tapir_fcntl(fd, 9999), EINVAL);
    int file = open("/dev/null", O_RDONLY);
    GIVES(tapir_fcntl(file, F_SETFL, O_NONBLOCK), 0);
    cr_assert((tapir_fcntl(file, F_GETFL) & O_NONBLOCK) != 0);
    REFUSED(tapir_fcntl(900, F_GETFL), EBADF);
    REFUSED(tapir_ioctl(900, 0), EBADF);
    close(file);
}

Test(descriptors, calls_for_a_socket_on_something_else) {
    struct sockaddr_in address = loop_address(7000);
    int file = open("/dev/null", O_RDWR), set = tapir_epoll_create1(0);
    char byte;
    for (int i = 0; i < 2; i++) {
        int fd = i == 0 ? file : set;
        REFUSED(tapir_bind(fd, (struct sockaddr *)&address, sizeof address), ENOTSOCK);
        REFUSED(tapir_connect(fd, (struct sockaddr *)&address, sizeof address), ENOTSOCK);
        REFUSED(tapir_listen(fd, 1), ENOTSOCK);
        REFUSED(tapir_accept(fd, NULL, NULL), ENOTSOCK);
        REFUSED(tapir_send(fd, &byte, 1, 0), ENOTSOCK);
        REFUSED(tapir_recv(fd, &byte, 1, 0), ENOTSOCK);
        REFUSED(tapir_shutdown(fd, SHUT_WR), ENOTSOCK);
        REFUSED(tapir_getsockname(fd, (struct sockaddr *)&address, &(socklen_t){16}), ENOTSOCK);
    }
    close(file);
}

/* Threads open, close and use numbers that other threads have just closed: an error at most, never another's data. */
static void *churn(void *arg) {
    unsigned seed = *(unsigned *)arg;
    for (int i = 0; i < 2000; i++) {
        int fd = tapir_socket(AF_INET, SOCK_DGRAM, 0);
        char byte;
        cr_assert(fd >= 0);
        (void)tapir_recv((int)(seed % 8) + 3, &byte, 1, MSG_DONTWAIT);
        cr_assert(tapir_close(fd) == 0);
        seed = seed * 1103515245U + 12345U;
    }
    return NULL;
}

Test(descriptors, opening_and_closing_in_many_threads) {
    pthread_t threads[4];
    unsigned seeds[4] = {1, 2, 3, 4};
    for (int i = 0; i < 4; i++) {
        pthread_create(&threads[i], NULL, churn, &seeds[i]);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
}
