/* Tests of calls that move some bytes before their connection fails: the bytes are reported, and then the error, once. */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "loop.h"

TestSuite(progress, .init = loop_up, .fini = loop_down, .timeout = 20);

static char bytes[4 << 20]; /* more than both buffers hold */
static int file;            /* of as many zeroes */

/* The peer moves so many bytes, and resets the connection. */
static void *move_and_reset(void *argument) {
    struct later *peer = argument;
    struct linger now = {.l_onoff = 1};
    char taken[1024];
    for (int left = peer->result; left > 0;) {
        size_t part = left < (int)sizeof taken ? (size_t)left : sizeof taken;
        ssize_t moved =
            peer->after_ms != 0 ? tapir_send(peer->fd, taken, part, 0) : tapir_recv(peer->fd, taken, part, 0);
        cr_assert(moved > 0, "%s", strerror(errno));
        left -= (int)moved;
    }
    GIVES(tapir_setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    GIVES(tapir_close(peer->fd), 0);
    return NULL;
}

/* Moves what it can to or from a peer that ends after `cut` bytes: the result, which is the error itself if nothing moved. */
static ssize_t move_until(int fds[2], bool sends, int cut, int way) {
    struct iovec pieces[2] = {{bytes, sizeof bytes / 2}, {bytes + sizeof bytes / 2, sizeof bytes / 2}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
    struct later peer = {.result = cut, .after_ms = !sends};
    int buffer = 65536;
    loop_stream(fds);
    GIVES(tapir_setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer), 0); /* neither grows then */
    GIVES(tapir_setsockopt(fds[1], SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer), 0);
    peer.fd = fds[1];
    pthread_create(&peer.thread, NULL, move_and_reset, &peer);
    ssize_t moved = sends ? (way == 0   ? tapir_send(fds[0], bytes, sizeof bytes, 0)
                             : way == 1 ? tapir_writev(fds[0], pieces, 2)
                             : way == 2 ? tapir_sendmsg(fds[0], &message, 0)
                                        : tapir_sendfile(fds[0], file, &(off_t){0}, sizeof bytes))
                          : (way == 0 ? tapir_recv(fds[0], bytes, sizeof bytes, MSG_WAITALL)
                                      : tapir_recvmsg(fds[0], &message, MSG_WAITALL));
    int error = errno;
    loop_join(&peer);
    cr_assert(moved > 0 || (moved < 0 && error == ECONNRESET), "%zd, %s", moved, strerror(error));
    return moved;
}

/* The error is there for the next call, whichever it is; and not for the one after. */
static void expect_reset(int fd, int call, bool told) {
    struct pollfd one = {.fd = fd, .events = POLLIN};
    int error = 0;
    char byte;
    socklen_t size = sizeof error;
    GIVES(tapir_poll(&one, 1, 0), 1);
    cr_assert_eq((one.revents & POLLERR) != 0, !told);
    if (call == 0) {
        GIVES(tapir_getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size), 0);
        cr_assert_eq(error, told ? 0 : ECONNRESET);
    } else if (call == 1 && !told) {
        REFUSED(tapir_recv(fd, &byte, 1, 0), ECONNRESET);
    } else if (call == 2 && !told) {
        REFUSED(tapir_send(fd, &byte, 1, MSG_NOSIGNAL), ECONNRESET);
    }
    GIVES(tapir_recv(fd, &byte, 1, 0), 0);
    REFUSED(tapir_send(fd, &byte, 1, MSG_NOSIGNAL), EPIPE);
    GIVES(tapir_close(fd), 0);
}

/* HAZARDS Z8. Cut at every byte of the first hundred, and then across what buffers, windows and chunks end at. */
static int next_cut(int cut) { return cut < 100 ? cut + 1 : cut + 4099; }

Test(progress, z8_a_send_is_cut_at_every_byte) {
    int fds[2], turn = 0;
    file = memfd_create("zeroes", 0);
    cr_assert(file >= 0 && ftruncate(file, sizeof bytes) == 0);
    for (int cut = 0; cut < 300000; cut = next_cut(cut), turn++) {
        ssize_t sent = move_until(fds, true, cut, turn % 4);
        cr_assert(sent < 0 ? cut == 0 : sent >= cut && sent < (ssize_t)sizeof bytes, "%zd of %d", sent, cut);
        expect_reset(fds[0], turn / 4 % 3, sent < 0);
    }
    close(file);
}

Test(progress, z8_a_recv_of_all_is_cut_at_every_byte) {
    int fds[2], turn = 0;
    for (int cut = 0; cut < 300000; cut = next_cut(cut), turn++) {
        ssize_t got = move_until(fds, false, cut, turn % 2);
        cr_assert_leq(got, cut);
        cr_assert(got < 0 ? cut == 0 : got > 0, "%zd of %d", got, cut);
        expect_reset(fds[0], turn / 2 % 3, got < 0);
    }
}

/* The bytes went; that the window is shut is no error. */
Test(progress, what_would_block_leaves_no_error) {
    int fds[2];
    loop_stream(fds);
    ssize_t sent = 1;
    for (int turn = 0; sent > 0; turn++) {
        sent = tapir_send(fds[0], bytes, sizeof bytes, MSG_DONTWAIT);
        cr_assert(sent > 0 || (turn > 0 && errno == EAGAIN), "%s", strerror(errno));
    }
    GIVES(tapir_send(fds[1], bytes, 3, 0), 3);
    GIVES(tapir_recv(fds[0], bytes, 5, MSG_DONTWAIT | MSG_WAITALL), 3);
    REFUSED(tapir_recv(fds[0], bytes, 5, MSG_DONTWAIT | MSG_WAITALL), EAGAIN);
    GIVES(tapir_close(fds[0]), 0);
    GIVES(tapir_close(fds[1]), 0);
}

/* A look does not wait for more than the error has left room for, and takes neither bytes nor error. */
Test(progress, z8_a_look_leaves_the_error) {
    int fds[2];
    struct linger now = {.l_onoff = 1};
    loop_stream(fds);
    GIVES(tapir_send(fds[1], "abc", 3, 0), 3);
    GIVES(tapir_setsockopt(fds[1], SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    GIVES(tapir_close(fds[1]), 0);
    GIVES(tapir_recv(fds[0], bytes, 5, MSG_PEEK | MSG_WAITALL), 3);
    GIVES(tapir_recv(fds[0], bytes, 5, MSG_WAITALL), 3);
    expect_reset(fds[0], 1, false);
}

/* Two messages of a byte each. */
struct two {
    char bytes[2];
    struct iovec pieces[2];
    struct mmsghdr messages[2];
};

static struct mmsghdr *two(struct two *two) {
    *two = (struct two){.bytes = "ab"};
    for (int i = 0; i < 2; i++) {
        two->pieces[i] = (struct iovec){&two->bytes[i], 1};
        two->messages[i].msg_hdr = (struct msghdr){.msg_iov = &two->pieces[i], .msg_iovlen = 1};
    }
    return two->messages;
}

static void reset_later(struct later *later) {
    struct linger now = {.l_onoff = 1};
    GIVES(tapir_setsockopt(later->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    GIVES(tapir_close(later->fd), 0);
}

static int lonely_fd; /* its peer goes, and what it sends then is refused */
static void leave_lonely(struct later *later) {
    GIVES(tapir_close(later->fd), 0);
    GIVES(tapir_send(lonely_fd, "x", 1, 0), 1);
}

Test(progress, z8_messages_that_came_are_told_before_the_error) {
    struct later later;
    struct two messages;
    int fds[2];
    char byte;
    loop_stream(fds);
    GIVES(tapir_send(fds[1], "x", 1, 0), 1);
    loop_later(&later, 20, reset_later, fds[1]);
    GIVES(tapir_recvmmsg(fds[0], two(&messages), 2, 0, NULL), 1);
    loop_join(&later);
    expect_reset(fds[0], 1, false);
    loop_datagram(fds);
    lonely_fd = fds[0];
    GIVES(tapir_send(fds[1], "x", 1, 0), 1);
    loop_later(&later, 20, leave_lonely, fds[1]);
    GIVES(tapir_recvmmsg(fds[0], two(&messages), 2, 0, NULL), 1);
    loop_join(&later);
    REFUSED(tapir_recv(fds[0], &byte, 1, MSG_DONTWAIT), ECONNREFUSED);
    REFUSED(tapir_recv(fds[0], &byte, 1, MSG_DONTWAIT), EAGAIN);
    GIVES(tapir_close(fds[0]), 0);
}

/* The first is refused, and the second finds that out. */
Test(progress, z8_messages_that_went_are_told_before_the_error) {
    struct two messages;
    int fds[2];
    loop_datagram(fds);
    GIVES(tapir_close(fds[1]), 0);
    GIVES(tapir_sendmmsg(fds[0], two(&messages), 2, 0), 1);
    REFUSED(tapir_sendmmsg(fds[0], two(&messages), 2, 0), ECONNREFUSED);
    GIVES(tapir_close(fds[0]), 0);
}
