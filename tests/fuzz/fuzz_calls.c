/* Fuzzes the socket calls: pairs over the loopback interface, against a naive model of descriptors and streams.
 *
 * The input is a list of steps of one opcode, one slot and one argument. The model knows what each end has sent, and which numbers
 * are open. A byte's value follows from its place in the stream, so one that is lost, doubled or moved is seen at once.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <tapir/socket.h>

#include "base/bytes.h"
#include "base/check.h"

enum {
    SLOTS = 8,
    ENDS = 16,
    STEPS_MAX = 64,
    CHUNK_MAX = 4096,
    PATIENCE_MS = 5000, /* what is under way on the loopback interface arrives long before */
};

/* One end of a connection, whichever numbers it has. */
struct end {
    unsigned numbers;
    size_t sent, received;
    bool shut_write, shut_read;
    bool may_reset; /* the other end closed with bytes unread, or was sent some after it closed */
    bool altered;   /* options were set on either end: order is promised, promptness is not */
};

static struct end ends[ENDS];
static unsigned end_count;
static struct slot {
    int fd;
    struct end *end;
} slots[SLOTS];
static uint8_t buffer[CHUNK_MAX];

/* Pairs lie side by side. */
static struct end *other_end(const struct end *end) { return &ends[(size_t)(end - ends) ^ 1U]; }

static uint8_t stream_byte(const struct end *sender, size_t at) {
    return (uint8_t)(at * 31 + (at >> 8) * 7 + (size_t)(sender - ends) * 101);
}

static struct slot *free_slot(void) {
    for (unsigned i = 0; i < SLOTS; i++) {
        if (slots[i].end == NULL) {
            return &slots[i];
        }
    }
    return NULL;
}

static void slot_fill(struct slot *slot, int fd, struct end *end) {
    CHECK(fd >= 0);
    for (unsigned i = 0; i < SLOTS; i++) {
        CHECK(slots[i].end == NULL || slots[i].fd != fd); /* no number twice */
    }
    *slot = (struct slot){fd, end};
    end->numbers++;
}

static void step_pair(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof address;
    struct slot *slot = free_slot();
    if (end_count + 2 > ENDS || slot == NULL) {
        return;
    }
    int listener = tapir_socket(AF_INET, SOCK_STREAM, 0);
    int client = tapir_socket(AF_INET, SOCK_STREAM, 0);
    CHECK(listener >= 0 && client >= 0 && tapir_bind(listener, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(tapir_listen(listener, 4) == 0 && tapir_getsockname(listener, (struct sockaddr *)&address, &len) == 0);
    CHECK(tapir_connect(client, (struct sockaddr *)&address, len) == 0);
    int server = tapir_accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    CHECK(tapir_close(listener) == 0 && tapir_fcntl(client, F_SETFL, O_NONBLOCK) == 0);
    slot_fill(slot, client, &ends[end_count]);
    slot = free_slot();
    if (slot == NULL) { /* the second end has no number then, as if closed at once */
        CHECK(tapir_close(server) == 0);
    } else {
        slot_fill(slot, server, &ends[end_count + 1]);
    }
    end_count += 2;
}

static void step_send(struct slot *slot, uint8_t arg) {
    struct end *end = slot->end, *peer = other_end(end);
    size_t len = 1 + arg * 16U % CHUNK_MAX;
    for (size_t i = 0; i < len; i++) {
        buffer[i] = stream_byte(end, end->sent + i);
    }
    struct iovec pieces[2] = {{buffer, len / 2}, {buffer + len / 2, len - len / 2}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
    ssize_t done = arg % 4 == 0   ? tapir_send(slot->fd, buffer, len, MSG_NOSIGNAL)
                   : arg % 4 == 1 ? tapir_write(slot->fd, buffer, len)
                   : arg % 4 == 2 ? tapir_writev(slot->fd, pieces, 2)
                                  : tapir_sendmsg(slot->fd, &message, MSG_NOSIGNAL);
    if (done < 0) {
        bool broken = errno == EPIPE || errno == ECONNRESET;
        CHECK(errno == EAGAIN || (broken && (end->shut_write || peer->numbers == 0 || end->may_reset)));
        CHECK(!end->shut_write || broken);
        return;
    }
    CHECK(done > 0 && (size_t)done <= len && !end->shut_write);
    end->sent += (size_t)done;
    end->may_reset |= peer->numbers == 0;
}

static ssize_t receive(int fd, size_t len, uint8_t how) {
    struct iovec pieces[2] = {{buffer, len / 2}, {buffer + len / 2, len - len / 2}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
    return how == 0   ? tapir_recv(fd, buffer, len, 0)
           : how == 1 ? tapir_read(fd, buffer, len)
           : how == 2 ? tapir_readv(fd, pieces, 2)
           : how == 3 ? tapir_recvmsg(fd, &message, 0)
                      : tapir_recv(fd, buffer, len, MSG_PEEK);
}

static void step_receive(struct slot *slot, uint8_t arg) {
    struct end *end = slot->end, *peer = other_end(end);
    size_t len = 1 + arg * 16U % CHUNK_MAX;
    bool ended = peer->shut_write || peer->numbers == 0;
    bool prompt = !end->altered && !end->may_reset && !end->shut_read;
    if (prompt && (ended || peer->sent > end->received)) {
        struct pollfd readable = {.fd = slot->fd, .events = POLLIN};
        CHECK(tapir_poll(&readable, 1, PATIENCE_MS) == 1 && (readable.revents & POLLIN) != 0);
    }
    ssize_t got = receive(slot->fd, len, arg % 5);
    if (got < 0) {
        CHECK(errno == EAGAIN ? !prompt || (!ended && peer->sent == end->received)
                              : end->may_reset && (errno == ECONNRESET || errno == EPIPE));
        return;
    }
    CHECK((size_t)got <= len && end->received + (size_t)got <= peer->sent);
    for (size_t i = 0; i < (size_t)got; i++) {
        CHECK(buffer[i] == stream_byte(peer, end->received + i));
    }
    if (got == 0) {
        CHECK(end->shut_read || end->may_reset || (ended && end->received == peer->sent));
    }
    end->received += arg % 5 == 4 ? 0 : (size_t)got;
}

static void step_shutdown(struct slot *slot, uint8_t arg) {
    static const int ways[] = {SHUT_WR, SHUT_RD, SHUT_RDWR};
    struct end *end = slot->end, *peer = other_end(end);
    int how = ways[arg % 3];
    int result = tapir_shutdown(slot->fd, how);
    CHECK(result == 0 || (errno == ENOTCONN && (peer->numbers == 0 || end->may_reset || end->shut_write)));
    end->shut_write |= how != SHUT_RD;
    end->shut_read |= how != SHUT_WR;
    /* Text for one that shut both ways resets the connection for both ends, as on Linux (RFC 1122 4.2.2.13). */
    if (end->shut_read) {
        end->may_reset = peer->may_reset = true;
    }
}

/* Of a closed number every call says so. */
static void expect_closed(int fd) {
    struct pollfd closed = {.fd = fd, .events = POLLIN};
    int value = 0;
    socklen_t len = sizeof value;
    CHECK(tapir_recv(fd, buffer, 1, 0) == -1 && errno == EBADF);
    CHECK(tapir_send(fd, buffer, 1, MSG_NOSIGNAL) == -1 && errno == EBADF);
    CHECK(tapir_shutdown(fd, SHUT_WR) == -1 && errno == EBADF);
    CHECK(tapir_getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &len) == -1 && errno == EBADF);
    CHECK(tapir_fcntl(fd, F_GETFL) == -1 && errno == EBADF);
    CHECK(tapir_dup(fd) == -1 && errno == EBADF);
    CHECK(tapir_poll(&closed, 1, 0) == 1 && closed.revents == POLLNVAL);
    CHECK(tapir_close(fd) == -1 && errno == EBADF);
}

static void slot_close(struct slot *slot) {
    struct end *end = slot->end, *peer = other_end(end);
    CHECK(tapir_close(slot->fd) == 0);
    expect_closed(slot->fd);
    slot->end = NULL;
    if (--end->numbers == 0) {
        peer->may_reset |= peer->sent > end->received || end->altered;
    }
}

static void step_dup(struct slot *slot) {
    struct slot *copy = free_slot();
    if (copy != NULL) {
        slot_fill(copy, tapir_dup(slot->fd), slot->end);
        CHECK((tapir_fcntl(copy->fd, F_GETFL) & O_NONBLOCK) != 0); /* the description's, so shared */
    }
}

/* Any option, value and length: an error is fine, and none writes past the length that it was given. */
static void step_option(struct slot *slot, uint8_t arg, struct reader *input) {
    static const int levels[] = {SOL_SOCKET, IPPROTO_TCP, IPPROTO_IP};
    uint8_t value[65];
    int level = levels[arg % 3], name = reader_u8(input);
    socklen_t len = reader_u8(input) % 64U;
    memset(value, reader_u8(input), sizeof value);
    if (arg & 128) {
        tapir_setsockopt(slot->fd, level, name, value, len);
        slot->end->altered = other_end(slot->end)->altered = true;
        CHECK(tapir_fcntl(slot->fd, F_SETFL, O_NONBLOCK) == 0);
    }
    socklen_t room = len;
    value[len] = 0xa5;
    if (tapir_getsockopt(slot->fd, level, name, value, &room) == 0) {
        CHECK(room <= len);
    }
    CHECK(value[len] == 0xa5);
}

/* poll, select and epoll say the same of one descriptor. Only what is asked twice the same counts: news may come between. */
static void step_ready(struct slot *slot) {
    struct pollfd first = {.fd = slot->fd, .events = POLLIN | POLLOUT}, second = first;
    struct timeval none = {0};
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT}, found = {0};
    fd_set readable, writable;
    FD_ZERO(&readable);
    FD_ZERO(&writable);
    FD_SET(slot->fd, &readable);
    FD_SET(slot->fd, &writable);
    int set = tapir_epoll_create1(0);
    CHECK(set >= 0 && tapir_epoll_ctl(set, EPOLL_CTL_ADD, slot->fd, &event) == 0);
    CHECK(tapir_epoll_ctl(set, EPOLL_CTL_ADD, slot->fd, &event) == -1 && errno == EEXIST);
    tapir_poll(&first, 1, 0);
    CHECK(tapir_select(slot->fd + 1, &readable, &writable, NULL, &none) >= 0);
    CHECK(tapir_epoll_wait(set, &found, 1, 0) >= 0);
    tapir_poll(&second, 1, 0);
    if (first.revents == second.revents) {
        CHECK(found.events == (uint32_t)first.revents);
        CHECK(!FD_ISSET(slot->fd, &readable) == !(first.revents & (POLLIN | POLLHUP | POLLERR)));
        CHECK(!FD_ISSET(slot->fd, &writable) == !(first.revents & (POLLOUT | POLLERR)));
    }
    CHECK(tapir_epoll_ctl(set, EPOLL_CTL_DEL, slot->fd, NULL) == 0);
    CHECK(tapir_epoll_ctl(set, EPOLL_CTL_DEL, slot->fd, NULL) == -1 && errno == ENOENT);
    CHECK(tapir_epoll_wait(set, &found, 1, 0) == 0 && tapir_close(set) == 0);
}

static void step_waiting(struct slot *slot) {
    int waiting = -1;
    struct end *peer = other_end(slot->end);
    if (tapir_ioctl(slot->fd, FIONREAD, &waiting) == 0) {
        CHECK(waiting >= 0 && slot->end->received + (size_t)waiting <= peer->sent);
    }
}

static void step(struct reader *input) {
    uint8_t opcode = reader_u8(input) % 10, arg = reader_u8(input);
    struct slot *slot = &slots[reader_u8(input) % SLOTS];
    if (opcode == 0) {
        step_pair();
    } else if (slot->end == NULL) {
        return;
    } else if (opcode <= 2) {
        step_send(slot, arg);
    } else if (opcode <= 4) {
        step_receive(slot, arg);
    } else if (opcode == 5) {
        arg < 128 ? step_shutdown(slot, arg) : step_waiting(slot);
    } else if (opcode == 6) {
        slot_close(slot);
    } else if (opcode == 7) {
        step_dup(slot);
    } else if (opcode == 8) {
        step_option(slot, arg, input);
    } else {
        step_ready(slot);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    struct reader input = reader_of(data, len);
    char error[256];
    signal(SIGPIPE, SIG_IGN);
    memset(ends, 0, sizeof ends);
    end_count = 0;
    CHECK(tapir_up_device(NULL, NULL, error, sizeof error) == 0);
    step_pair();
    for (unsigned steps = 0; reader_left(&input) > 0 && steps < STEPS_MAX; steps++) {
        step(&input);
    }
    for (unsigned i = 0; i < SLOTS; i++) {
        if (slots[i].end != NULL) {
            slot_close(&slots[i]);
        }
    }
    tapir_down();
    return 0;
}
