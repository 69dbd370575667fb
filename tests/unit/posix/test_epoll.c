/* Tests of epoll over sockets of the stack and kernel descriptors together. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "loop.h"

TestSuite(epoll, .init = loop_up, .fini = loop_down, .timeout = 20);

static void add(int set, int fd, uint32_t events) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    GIVES(tapir_epoll_ctl(set, EPOLL_CTL_ADD, fd, &event), 0);
}

/* Expects one event: of fd, with these bits. */
static void expect(int set, int fd, uint32_t events) {
    struct epoll_event found[4];
    GIVES(tapir_epoll_wait(set, found, 4, 1000), 1);
    cr_assert(found[0].data.fd == fd && found[0].events == events, "fd %d: %x", found[0].data.fd, found[0].events);
}

static void expect_nothing(int set) {
    struct epoll_event found[4];
    GIVES(tapir_epoll_wait(set, found, 4, 20), 0);
}

Test(epoll, level_triggered_tells_until_it_is_over) {
    int fds[2], set = tapir_epoll_create1(0);
    char byte;
    loop_stream(fds);
    add(set, fds[1], EPOLLIN);
    expect_nothing(set);
    GIVES(tapir_send(fds[0], "ab", 2, 0), 2);
    expect(set, fds[1], EPOLLIN);
    GIVES(tapir_recv(fds[1], &byte, 1, 0), 1);
    expect(set, fds[1], EPOLLIN);
    GIVES(tapir_recv(fds[1], &byte, 1, 0), 1);
    expect_nothing(set);
}

Test(epoll, edge_triggered_tells_news_only) {
    int fds[2], set = tapir_epoll_create1(0);
    loop_stream(fds);
    add(set, fds[1], EPOLLIN | EPOLLOUT | EPOLLET);
    expect(set, fds[1], EPOLLOUT);
    expect_nothing(set);
    GIVES(tapir_send(fds[0], "a", 1, 0), 1);
    expect(set, fds[1], EPOLLIN | EPOLLOUT);
    expect_nothing(set);
    GIVES(tapir_send(fds[0], "b", 1, 0), 1); /* more of it, though the first is unread */
    expect(set, fds[1], EPOLLIN | EPOLLOUT);
    expect_nothing(set);
}

/* The ACK of what was sent makes room where there was room before: no news, as on Linux. Where there was none it is. */
Test(epoll, an_acknowledgment_is_an_edge_only_if_it_makes_the_socket_writable) {
    static char bulk[1 << 20];
    int fds[2], set = tapir_epoll_create1(0);
    size_t sent = 0;
    loop_stream(fds);
    add(set, fds[0], EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
    expect(set, fds[0], EPOLLOUT);
    GIVES(tapir_send(fds[0], "a", 1, 0), 1);
    GIVES(tapir_recv(fds[1], bulk, 1, 0), 1);
    usleep(60000); /* longer than an ACK is delayed */
    expect_nothing(set);
    for (ssize_t more; (more = tapir_send(fds[0], bulk, sizeof bulk, MSG_DONTWAIT)) > 0;) {
        sent += (size_t)more;
    }
    expect_nothing(set);
    while (sent > 0) {
        ssize_t got = tapir_recv(fds[1], bulk, sizeof bulk, 0);
        cr_assert(got > 0);
        sent -= (size_t)got;
    }
    expect(set, fds[0], EPOLLOUT);
    expect_nothing(set);
}

Test(epoll, oneshot_tells_once_until_armed_again) {
    int fds[2], set = tapir_epoll_create1(0);
    loop_stream(fds);
    add(set, fds[1], EPOLLIN | EPOLLONESHOT);
    GIVES(tapir_send(fds[0], "a", 1, 0), 1);
    expect(set, fds[1], EPOLLIN);
    GIVES(tapir_send(fds[0], "b", 1, 0), 1);
    expect_nothing(set);
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.fd = fds[1]};
    GIVES(tapir_epoll_ctl(set, EPOLL_CTL_MOD, fds[1], &event), 0);
    expect(set, fds[1], EPOLLIN);
}

Test(epoll, control_is_checked_as_on_linux) {
    int fds[2], ends[2], set = tapir_epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    loop_stream(fds);
    cr_assert(pipe(ends) == 0);
    REFUSED(tapir_epoll_create1(1), EINVAL);
    GIVES(tapir_fcntl(set, F_GETFD), FD_CLOEXEC);
    for (int i = 0; i < 2; i++) {
        int fd = i == 0 ? fds[0] : ends[0];
        REFUSED(tapir_epoll_ctl(set, EPOLL_CTL_MOD, fd, &event), ENOENT);
        REFUSED(tapir_epoll_ctl(set, EPOLL_CTL_DEL, fd, NULL), ENOENT);
        GIVES(tapir_epoll_ctl(set, EPOLL_CTL_ADD, fd, &event), 0);
        REFUSED(tapir_epoll_ctl(set, EPOLL_CTL_ADD, fd, &event), EEXIST);
        REFUSED(tapir_epoll_ctl(set, EPOLL_CTL_MOD, fd, NULL), EFAULT);
        GIVES(tapir_epoll_ctl(set, EPOLL_CTL_DEL, fd, NULL), 0);
        REFUSED(tapir_epoll_ctl(set, EPOLL_CTL_DEL, fd, NULL), ENOENT);
        REFUSED(tapir_epoll_ctl(set, 77, fd, &event), EINVAL);
    }
    REFUSED(tapir_epoll_ctl(set, EPOLL_CTL_ADD, 900, &event), EBADF);
    REFUSED(tapir_epoll_ctl(set, EPOLL_CTL_ADD, set, &event), EINVAL);
    REFUSED(tapir_epoll_ctl(fds[0], EPOLL_CTL_ADD, fds[1], &event), EINVAL);
    REFUSED(tapir_epoll_wait(set, &event, 0, 0), EINVAL);
    REFUSED(tapir_epoll_wait(fds[0], &event, 1, 0), EINVAL);
    event.events = EPOLLIN | EPOLLEXCLUSIVE;
    REFUSED(tapir_epoll_ctl(set, EPOLL_CTL_ADD, fds[0], &event), EINVAL);
    close(ends[0]);
    close(ends[1]);
}

static void write_pipe(struct later *later) { later->result = (int)write(later->fd, "x", 1); }

static void mixed(void) {
    struct later later;
    struct epoll_event found[4];
    int fds[2], ends[2], set = tapir_epoll_create1(0);
    char byte;
    loop_stream(fds);
    cr_assert(pipe(ends) == 0);
    add(set, fds[1], EPOLLIN);
    add(set, ends[0], EPOLLIN);
    expect_nothing(set);
    loop_later(&later, 20, write_pipe, ends[1]);
    expect(set, ends[0], EPOLLIN);
    loop_join(&later);
    GIVES(read(ends[0], &byte, 1), 1);
    loop_later(&later, 20, loop_write, fds[0]);
    expect(set, fds[1], EPOLLIN);
    loop_join(&later);
    GIVES(write(ends[1], "x", 1), 1);
    GIVES(tapir_epoll_wait(set, found, 4, -1), 2);
    for (int i = 0, last = -1; i < 4; i++, last = found[0].data.fd) { /* with room for one, each in turn */
        GIVES(tapir_epoll_wait(set, found, 1, -1), 1);
        cr_assert(found[0].data.fd != last);
    }
    close(ends[0]);
    close(ends[1]);
    tapir_close(fds[0]);
    tapir_close(fds[1]);
    tapir_close(set);
}

Test(epoll, a_pipe_and_a_socket_wake_it) {
    struct occupant occupant;
    mixed();
    loop_occupy(&occupant);
    mixed();
    loop_unoccupy(&occupant);
}

Test(epoll, closing_a_socket_takes_it_out) {
    int fds[2], set = tapir_epoll_create1(0);
    loop_stream(fds);
    add(set, fds[1], EPOLLIN | EPOLLOUT);
    GIVES(tapir_close(fds[1]), 0);
    expect_nothing(set);
    int other = tapir_socket(AF_INET, SOCK_DGRAM, 0);
    for (int i = 0; i < 3 && other != fds[1]; i++) { /* until the number is used again */
        other = tapir_socket(AF_INET, SOCK_DGRAM, 0);
    }
    cr_assert(other == fds[1]);
    add(set, other, EPOLLOUT);
    expect(set, other, EPOLLOUT);
}

Test(epoll, closing_the_set_ends_the_calls_on_it) {
    struct later later;
    struct epoll_event found;
    int set = tapir_epoll_create1(0);
    loop_later(&later, 20, loop_close, set);
    REFUSED(tapir_epoll_wait(set, &found, 1, -1), EBADF);
    loop_join(&later);
}

static int late_fd; /* what is added */

static void add_late(struct later *later) {
    struct epoll_event event = {.events = EPOLLIN};
    later->result = tapir_epoll_ctl(later->fd, EPOLL_CTL_ADD, late_fd, &event);
}

Test(epoll, what_is_added_while_it_waits_counts) {
    struct later later;
    struct epoll_event found;
    int fds[2], ends[2], set = tapir_epoll_create1(0);
    cr_assert(pipe(ends) == 0 && write(ends[1], "x", 1) == 1);
    loop_stream(fds);
    add(set, fds[1], EPOLLIN);
    late_fd = ends[0];
    loop_later(&later, 30, add_late, set);
    GIVES(tapir_epoll_wait(set, &found, 1, 5000), 1);
    loop_join(&later);
    close(ends[0]);
    close(ends[1]);
}

Test(epoll, a_set_within_a_set_and_in_poll) {
    int fds[2], inner = tapir_epoll_create1(0), outer = tapir_epoll_create1(0);
    char byte;
    loop_stream(fds);
    add(inner, fds[1], EPOLLIN);
    add(outer, inner, EPOLLIN);
    struct pollfd polls[] = {{.fd = inner, .events = POLLIN}, {.fd = fds[0], .events = POLLIN}};
    expect_nothing(outer);
    GIVES(tapir_poll(polls, 2, 20), 0);
    GIVES(tapir_send(fds[0], "x", 1, 0), 1);
    expect(outer, inner, EPOLLIN);
    GIVES(tapir_poll(polls, 2, -1), 1);
    cr_assert(polls[0].revents == POLLIN);
    GIVES(tapir_recv(fds[1], &byte, 1, 0), 1);
    expect_nothing(outer);
    GIVES(tapir_poll(polls, 2, 20), 0);
}

/* Threads wait on one set of one-shot items: each event goes to one of them. */
enum { EVENTS = 400, WORKERS = 4 };
struct pool {
    int set, served;
    pthread_mutex_t lock;
};

static void *work(void *arg) {
    struct pool *pool = arg;
    struct epoll_event event;
    char byte;
    while (tapir_epoll_wait(pool->set, &event, 1, 300) == 1) {
        int fd = event.data.fd;
        GIVES(tapir_recv(fd, &byte, 1, MSG_DONTWAIT), 1);
        pthread_mutex_lock(&pool->lock);
        pool->served++;
        pthread_mutex_unlock(&pool->lock);
        GIVES(tapir_send(fd, &byte, 1, 0), 1);
        event = (struct epoll_event){.events = EPOLLIN | EPOLLONESHOT, .data.fd = fd};
        GIVES(tapir_epoll_ctl(pool->set, EPOLL_CTL_MOD, fd, &event), 0);
    }
    return NULL;
}

Test(epoll, a_pool_of_threads_shares_the_events) {
    struct pool pool = {.set = tapir_epoll_create1(0), .lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t threads[WORKERS];
    int fds[2][2];
    char byte = 'x';
    for (int i = 0; i < 2; i++) {
        loop_stream(fds[i]);
        add(pool.set, fds[i][1], EPOLLIN | EPOLLONESHOT);
    }
    for (int i = 0; i < WORKERS; i++) {
        pthread_create(&threads[i], NULL, work, &pool);
    }
    for (int i = 0; i < EVENTS; i++) {
        GIVES(tapir_send(fds[i & 1][0], &byte, 1, 0), 1);
        GIVES(tapir_recv(fds[i & 1][0], &byte, 1, 0), 1);
    }
    for (int i = 0; i < WORKERS; i++) {
        pthread_join(threads[i], NULL);
    }
    cr_assert(pool.served == EVENTS);
}

/* One piece of news for several datagrams: each sleeper that takes one leaves the rest to the next, though it does not come
 * back soon. Not so edge-triggered, where the news is told once. */
struct herd {
    int set;
    atomic_int took;
    atomic_bool over;
};

static void *take_one(void *arg) {
    struct herd *herd = arg;
    struct epoll_event event;
    struct timespec nap = {.tv_nsec = 1000000};
    char byte;
    if (tapir_epoll_wait(herd->set, &event, 1, 400) == 1 && tapir_recv(event.data.fd, &byte, 1, MSG_DONTWAIT) == 1) {
        herd->took++;
    }
    while (!herd->over) { /* busy with it */
        nanosleep(&nap, NULL);
    }
    return NULL;
}

static int taken_by_sleepers(uint32_t events) {
    struct herd herd = {.set = tapir_epoll_create1(0)};
    struct timespec wait = {.tv_nsec = 30000000};
    pthread_t threads[WORKERS];
    int fds[2];
    loop_datagram(fds);
    for (int i = 0; i < WORKERS; i++) {
        GIVES(tapir_send(fds[0], "x", 1, 0), 1);
        pthread_create(&threads[i], NULL, take_one, &herd);
    }
    nanosleep(&wait, NULL); /* until they sleep */
    add(herd.set, fds[1], events);
    for (int turn = 0; turn < 10 && herd.took < WORKERS; turn++) {
        nanosleep(&wait, NULL);
    }
    int took = herd.took;
    herd.over = true;
    for (int i = 0; i < WORKERS; i++) {
        pthread_join(threads[i], NULL);
    }
    GIVES(tapir_close(herd.set), 0);
    GIVES(tapir_close(fds[0]), 0);
    GIVES(tapir_close(fds[1]), 0);
    return took;
}

Test(epoll, what_one_sleeper_leaves_the_next_is_told) {
    struct occupant occupant;
    GIVES(taken_by_sleepers(EPOLLIN), WORKERS);
    loop_occupy(&occupant); /* none of them leads */
    GIVES(taken_by_sleepers(EPOLLIN), WORKERS);
    loop_unoccupy(&occupant);
    GIVES(taken_by_sleepers(EPOLLIN | EPOLLET), 1);
}
