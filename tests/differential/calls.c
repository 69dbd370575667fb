/* One step of a program, on either host. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>

#include <asm/ioctls.h>
#include <linux/errqueue.h>
#include <linux/sockios.h>

#include "differential.h"

int print_result(char *text, size_t size, long result) {
    if (result < 0) {
        return snprintf(text, size, "= %ld %s", result, strerrorname_np(errno));
    }
    return snprintf(text, size, "= %ld", result);
}

/* --- addresses: the word of a step, and back --- */

static const char *const address_words[8] = {"0.0.0.0",  "127.0.0.1", "10.0.0.2",  "127.0.0.5",
                                             "10.0.0.1", "10.0.0.1",  "127.0.0.1", "AF_UNSPEC"};

/* The length that the step passes, which may be too short. */
static socklen_t address_make(const struct run *run, const struct step *step, struct sockaddr_in *address) {
    uint32_t word = step->a % 8, port = step->b % 6;
    *address = (struct sockaddr_in){.sin_family = word == 7 ? AF_UNSPEC : AF_INET};
    address->sin_port = htons(port < 4                                  ? run->ports[port]
                              : port == 4 && step->kind != STEP_CONNECT ? 0
                                                                        : run->ports[0]);
    if (word != 7) {
        inet_pton(AF_INET, address_words[word], &address->sin_addr);
    }
    return step->c % 64 == 1 ? 4 : sizeof *address;
}

static void address_print(const struct run *run, const struct sockaddr_in *address, socklen_t len, char text[64]) {
    unsigned port = ntohs(address->sin_port), named = 0;
    char host[INET_ADDRSTRLEN];
    if (len == 0) {
        strcpy(text, "none");
        return;
    }
    inet_ntop(AF_INET, &address->sin_addr, host, sizeof host);
    while (named < 4 && run->ports[named] != port) {
        named++;
    }
    bool shown = named < 4 || port == 0 || (port >= 7000 && port < 7200);
    snprintf(text, 64, "%s:%s%u (%u)", host, shown ? "" : "any", shown ? port : 0, len);
}

/* --- slots --- */

static bool is_free(const struct run *run, unsigned slot) { return run->fds[slot] < 0; }

static bool is_busy(const struct run *run, unsigned slot) {
    return !is_free(run, slot) && run->busy[run->descriptions[slot]] > 0;
}

/* `wished`, or the first free one after it; SLOTS: there is none. */
static unsigned free_slot(const struct run *run, unsigned wished) {
    for (unsigned i = 0; i < SLOTS; i++) {
        if (is_free(run, (wished + i) % SLOTS)) {
            return (wished + i) % SLOTS;
        }
    }
    return SLOTS;
}

static void fill_slot(struct run *run, unsigned slot, int fd, bool is_set) {
    run->fds[slot] = fd;
    run->is_set[slot] = is_set;
    run->descriptions[slot] = run->next_description++;
}

void call_keep(struct run *run, int fd) {
    unsigned slot = free_slot(run, 0);
    if (slot == SLOTS) {
        (void)run->host->close(fd);
    } else {
        fill_slot(run, slot, fd, false);
    }
}

/* --- what goes and comes --- */

static volatile sig_atomic_t pipe_signals;

static void on_pipe(int number) {
    (void)number;
    pipe_signals++;
}

static uint8_t bytes[DATA_MAX];

static void bytes_make(struct run *run, size_t len) {
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)(run->sent_bytes++ * 13 + 5);
    }
}

static uint32_t bytes_sum(size_t len) {
    uint32_t sum = 2166136261U;
    for (size_t i = 0; i < len; i++) {
        sum = (sum ^ bytes[i]) * 16777619U;
    }
    return sum & 0xffff;
}

static size_t length_of(uint32_t word) { return word % 16 == 0 ? 0 : word % 16 < 4 ? word % 16 : word / 16 % 800; }

static int send_flags(uint32_t word) {
    static const int flags[16] = {[0] = MSG_OOB, [1] = MSG_NOSIGNAL};
    return flags[word % 16] | MSG_DONTWAIT;
}

static int receive_flags(uint32_t word) {
    static const int flags[16] = {
        [0] = MSG_OOB,      [1] = MSG_PEEK,    [2] = MSG_TRUNC,          [3] = MSG_PEEK,
        [4] = MSG_ERRQUEUE, [5] = MSG_WAITALL, [6] = MSG_OOB | MSG_PEEK, [7] = MSG_PEEK | MSG_TRUNC};
    return flags[word % 16] | MSG_DONTWAIT;
}

static void send_step(struct run *run, const struct step *step, char *text, size_t size) {
    const struct host *host = run->host;
    int fd = run->fds[step->slot], flags = send_flags(step->b);
    size_t len = length_of(step->a);
    bytes_make(run, len);
    struct iovec pieces[2] = {{bytes, len / 3}, {bytes + len / 3, len - len / 3}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
    int before = pipe_signals;
    unsigned way = is_busy(run, step->slot) ? 0 : step->c % 5;
    errno = 0;
    long result = way == 0   ? host->send(fd, bytes, len, flags)
                  : way == 1 ? host->write(fd, bytes, len)
                  : way == 2 ? host->writev(fd, pieces, 2)
                  : way == 3 ? host->sendmsg(fd, &message, flags)
                             : host->sendto(fd, bytes, len, flags, NULL, 0);
    int at = print_result(text, size, result);
    snprintf(text + at, size - (size_t)at, "%s", pipe_signals != before ? ", SIGPIPE" : "");
}

static void sendto_step(struct run *run, const struct step *step, char *text, size_t size) {
    struct sockaddr_in address;
    socklen_t address_len = address_make(run, step, &address);
    size_t len = length_of(step->c / 64);
    int before = pipe_signals;
    bytes_make(run, len);
    errno = 0;
    long result =
        run->host->sendto(run->fds[step->slot], bytes, len, MSG_DONTWAIT, (struct sockaddr *)&address, address_len);
    int at = print_result(text, size, result);
    snprintf(text + at, size - (size_t)at, "%s", pipe_signals != before ? ", SIGPIPE" : "");
}

static void print_received(const struct run *run, const struct msghdr *message, long result, size_t len, char *text,
                           size_t size) {
    char from[64];
    int at = print_result(text, size, result);
    if (result >= 0) {
        size_t kept = (size_t)result < len ? (size_t)result : len;
        address_print(run, message->msg_name, message->msg_namelen, from);
        snprintf(text + at, size - (size_t)at, " [%04x] from %s flags %x", bytes_sum(kept), from, message->msg_flags);
    }
}

static int print_error(const struct cmsghdr *control, char *text, size_t size) {
    struct {
        struct sock_extended_err error;
        struct sockaddr_in offender;
    } told;
    char host[INET_ADDRSTRLEN];
    memcpy(&told, CMSG_DATA(control), sizeof told);
    return snprintf(text, size, " error %u origin %u type %u code %u info %u by %s", told.error.ee_errno,
                    told.error.ee_origin, told.error.ee_type, told.error.ee_code, told.error.ee_info,
                    inet_ntop(AF_INET, &told.offender.sin_addr, host, sizeof host));
}

static void print_control(struct msghdr *message, char *text, size_t size) {
    size_t at = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL && at < size; c = CMSG_NXTHDR(message, c)) {
        int number = 0;
        at +=
            (size_t)snprintf(text + at, size - at, ", control %d %d of %zu", c->cmsg_level, c->cmsg_type, c->cmsg_len);
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) {
            at += (size_t)print_error(c, text + at, size - at);
        } else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            at += (size_t)snprintf(text + at, size - at, " %x %x", info.ipi_addr.s_addr, info.ipi_spec_dst.s_addr);
        } else {
            memcpy(&number, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0) < sizeof number ? 1 : sizeof number);
            at += (size_t)snprintf(text + at, size - at, " %d", number);
        }
    }
}

static void receive_step(struct run *run, const struct step *step, char *text, size_t size) {
    const struct host *host = run->host;
    struct sockaddr_in from = {0};
    int fd = run->fds[step->slot], flags = receive_flags(step->b);
    size_t len = length_of(step->a) * 2;
    struct iovec pieces[2] = {{bytes, len / 3}, {bytes + len / 3, len - len / 3}};
    union {
        char bytes[256];
        struct cmsghdr aligned;
    } control;
    struct msghdr message = {.msg_name = &from,
                             .msg_namelen = sizeof from,
                             .msg_iov = pieces,
                             .msg_iovlen = 2,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    memset(bytes, 0, sizeof bytes);
    unsigned way = step->c % 5;
    errno = 0;
    if (is_busy(run, step->slot)) {
        snprintf(text, size, "busy");
        return;
    }
    long result = way == 0   ? host->recv(fd, bytes, len, flags)
                  : way == 1 ? host->read(fd, bytes, len)
                  : way == 2 ? host->readv(fd, pieces, 2)
                  : way == 3 ? host->recvmsg(fd, &message, flags)
                             : host->recvfrom(fd, bytes, len, flags, (struct sockaddr *)&from, &message.msg_namelen);
    if (way < 3) {
        message.msg_namelen = 0;
    }
    print_received(run, &message, result, len, text, size);
    if (way == 3 && result >= 0) {
        print_control(&message, text + strlen(text), size - strlen(text));
    }
}

/* --- the life of a socket --- */

static void socket_step(struct run *run, const struct step *step, char *text, size_t size) {
    static const int types[16] = {SOCK_STREAM, SOCK_DGRAM,  SOCK_STREAM, SOCK_DGRAM, SOCK_STREAM, SOCK_STREAM,
                                  SOCK_STREAM, SOCK_DGRAM,  SOCK_STREAM, SOCK_DGRAM, SOCK_STREAM, SOCK_DGRAM,
                                  SOCK_STREAM, SOCK_STREAM, SOCK_STREAM, 77};
    unsigned slot = free_slot(run, step->slot), word = step->a % 16;
    int on = 1;
    if (slot == SLOTS) {
        snprintf(text, size, "no slot");
        return;
    }
    int fd = run->host->socket(AF_INET, types[word] | (word == 15 ? 0 : SOCK_NONBLOCK), word == 14 ? IPPROTO_UDP : 0);
    print_result(text, size, fd < 0 ? fd : 0);
    if (fd >= 0) {
        fill_slot(run, slot, fd, false);
    }
    /* Else what is held back, and for how long, would differ by right (Nagle and delayed ACKs). */
    if (fd >= 0 && types[word] == SOCK_STREAM) {
        (void)run->host->setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
}

static void bind_step(struct run *run, const struct step *step, char *text, size_t size) {
    struct sockaddr_in address;
    socklen_t len = address_make(run, step, &address);
    errno = 0;
    print_result(text, size, run->host->bind(run->fds[step->slot], (struct sockaddr *)&address, len));
}

static bool is_stream(const struct run *run, unsigned slot) {
    int type = 0;
    socklen_t len = sizeof type;
    return run->host->getsockopt(run->fds[slot], SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM;
}

/* A connected datagram socket: a second connect chooses the source anew. Linux keeps that of the first, even where no path from
 * there leads to the second. */
bool call_keeps_its_source(const struct run *run, unsigned slot) {
    struct sockaddr_in peer;
    socklen_t len = sizeof peer;
    return !is_stream(run, slot) && run->host->getpeername(run->fds[slot], (struct sockaddr *)&peer, &len) == 0;
}

static void connect_step(struct run *run, const struct step *step, char *text, size_t size) {
    struct sockaddr_in address;
    socklen_t len = address_make(run, step, &address);
    if (is_busy(run, step->slot) || call_keeps_its_source(run, step->slot)) {
        snprintf(text, size, "unfit");
        return;
    }
    errno = 0;
    print_result(text, size, run->host->connect(run->fds[step->slot], (struct sockaddr *)&address, len));
}

static void accept_step(struct run *run, const struct step *step, char *text, size_t size) {
    struct sockaddr_in peer = {0};
    socklen_t len = sizeof peer;
    char from[64];
    unsigned slot = free_slot(run, step->other);
    if (is_busy(run, step->slot) || slot == SLOTS) {
        snprintf(text, size, "busy");
        return;
    }
    errno = 0;
    int flags = step->a % 32 == 1 ? 1 : SOCK_NONBLOCK;
    int fd = run->host->accept4(run->fds[step->slot], (struct sockaddr *)&peer, &len, flags);
    int at = print_result(text, size, fd < 0 ? fd : 0);
    if (fd >= 0) {
        fill_slot(run, slot, fd, false);
        address_print(run, &peer, len, from);
        snprintf(text + at, size - (size_t)at, " slot %u from %s", slot, from);
    }
}

static void close_step(struct run *run, const struct step *step, char *text, size_t size) {
    if (is_busy(run, step->slot)) { /* docs/deviations.md: who is in a call on it is told */
        snprintf(text, size, "busy");
        return;
    }
    errno = 0;
    print_result(text, size, run->host->close(run->fds[step->slot]));
    run->fds[step->slot] = -1;
    run->is_set[step->slot] = false;
}

static void dup_step(struct run *run, const struct step *step, char *text, size_t size) {
    unsigned slot = free_slot(run, step->other), description = run->descriptions[step->slot];
    if (slot == SLOTS || is_free(run, step->slot)) {
        snprintf(text, size, "no slot");
        return;
    }
    int fd = run->host->dup(run->fds[step->slot]);
    print_result(text, size, fd < 0 ? fd : 0);
    if (fd >= 0) {
        fill_slot(run, slot, fd, run->is_set[step->slot]);
        run->descriptions[slot] = description;
    }
}

static void names_step(struct run *run, const struct step *step, char *text, size_t size) {
    const struct host *host = run->host;
    struct sockaddr_in address = {0};
    socklen_t len = step->a % 8 == 1 ? 5 : sizeof address;
    char name[64] = "";
    errno = 0;
    int result = host->getsockname(run->fds[step->slot], (struct sockaddr *)&address, &len);
    int at = print_result(text, size, result);
    if (result == 0 && step->a % 8 != 1) {
        address_print(run, &address, len, name);
    }
    at += snprintf(text + at, size - (size_t)at, " local %s, peer ", name);
    len = sizeof address;
    errno = 0;
    result = host->getpeername(run->fds[step->slot], (struct sockaddr *)&address, &len);
    at += print_result(text + at, size - (size_t)at, result);
    if (result == 0) {
        address_print(run, &address, len, name);
        snprintf(text + at, size - (size_t)at, " %s", name);
    }
}

static void ioctl_step(struct run *run, const struct step *step, char *text, size_t size) {
    static const unsigned long requests[] = {FIONREAD, SIOCATMARK, FIONREAD, SIOCATMARK, TCGETS /* a terminal's */};
    int value = 0;
    errno = 0;
    int result = run->host->ioctl(run->fds[step->slot], requests[step->a % 5], &value);
    int at = print_result(text, size, result);
    snprintf(text + at, size - (size_t)at, " %d", value);
}

static void fcntl_step(struct run *run, const struct step *step, char *text, size_t size) {
    if (is_busy(run, step->slot)) {
        snprintf(text, size, "busy");
        return;
    }
    static const int commands[] = {F_GETFL, F_GETFD};
    errno = 0;
    print_result(text, size, run->host->fcntl(run->fds[step->slot], commands[step->a % 2]));
}

/* --- readiness --- */

static void poll_step(struct run *run, const struct step *step, char *text, size_t size) {
    struct pollfd fds[SLOTS];
    int at;
    for (unsigned i = 0; i < SLOTS; i++) {
        fds[i] =
            (struct pollfd){.fd = (step->b >> i & 1) != 0 ? run->fds[i] : -1, .events = (short)(step->a >> i & 0x20ff)};
    }
    errno = 0;
    at = print_result(text, size, run->host->poll(fds, SLOTS, 0));
    for (unsigned i = 0; i < SLOTS; i++) {
        at += snprintf(text + at, size - (size_t)at, " %x", (unsigned)fds[i].revents);
    }
}

static void select_step(struct run *run, const struct step *step, char *text, size_t size) {
    struct timeval none = {0};
    fd_set sets[3];
    int at, top = 0;
    for (unsigned s = 0; s < 3; s++) {
        FD_ZERO(&sets[s]);
        for (unsigned i = 0; i < SLOTS; i++) {
            if ((step->a >> (s * SLOTS + i) & 1) != 0 && run->fds[i] >= 0) {
                FD_SET(run->fds[i], &sets[s]);
                top = run->fds[i] >= top ? run->fds[i] + 1 : top;
            }
        }
    }
    errno = 0;
    at = print_result(text, size, run->host->select(top, &sets[0], &sets[1], &sets[2], &none));
    for (unsigned i = 0; i < SLOTS; i++) {
        int fd = run->fds[i];
        unsigned bits = fd < 0 ? 0
                               : (FD_ISSET(fd, &sets[0]) != 0) + (FD_ISSET(fd, &sets[1]) != 0) * 2U +
                                     (FD_ISSET(fd, &sets[2]) != 0) * 4U;
        at += snprintf(text + at, size - (size_t)at, " %u", bits);
    }
}

static void epoll_create_step(struct run *run, const struct step *step, char *text, size_t size) {
    unsigned slot = free_slot(run, step->slot);
    if (slot == SLOTS) {
        snprintf(text, size, "no slot");
        return;
    }
    errno = 0;
    int fd = run->host->epoll_create1(0);
    print_result(text, size, fd < 0 ? fd : 0);
    if (fd >= 0) {
        fill_slot(run, slot, fd, true);
    }
}

/* The first set from `slot` on, or -1: mostly there is one. */
static int set_of(const struct run *run, unsigned slot) {
    for (unsigned i = 0; i < SLOTS; i++) {
        if (run->is_set[(slot + i) % SLOTS]) {
            return (int)((slot + i) % SLOTS);
        }
    }
    return -1;
}

static void epoll_ctl_step(struct run *run, const struct step *step, char *text, size_t size) {
    static const int operations[8] = {EPOLL_CTL_ADD, EPOLL_CTL_ADD, EPOLL_CTL_ADD, EPOLL_CTL_ADD,
                                      EPOLL_CTL_MOD, EPOLL_CTL_MOD, EPOLL_CTL_DEL, 9};
    static const uint32_t modes[8] = {[1] = EPOLLET, [2] = EPOLLET, [3] = EPOLLONESHOT, [4] = EPOLLET | EPOLLONESHOT};
    int set = set_of(run, step->slot);
    if (set < 0 || run->is_set[step->other]) { /* no sets in sets here */
        snprintf(text, size, "no set");
        return;
    }
    struct epoll_event event = {.events =
                                    (step->b & (EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP)) | modes[step->c % 8]};
    if ((event.events & EPOLLET) != 0) {
        /* Edges of who asks for nothing but room are not compared: here any news is an edge, on Linux news of a kind that was
         * asked for, and with datagrams each frame that is freed. */
        event.events = (event.events | EPOLLIN) & ~(is_stream(run, step->other) ? 0 : (uint32_t)EPOLLOUT);
    }
    event.data.u32 = step->other;
    errno = 0;
    print_result(text, size,
                 run->host->epoll_ctl(run->fds[set], operations[step->a % 8], run->fds[step->other], &event));
}

static void epoll_wait_step(struct run *run, const struct step *step, char *text, size_t size) {
    struct epoll_event found[2 * SLOTS];
    int set = set_of(run, step->slot), at;
    uint32_t by_slot[SLOTS] = {0};
    if (set < 0) {
        snprintf(text, size, "no set");
        return;
    }
    errno = 0;
    int count = run->host->epoll_wait(run->fds[set], found, 2 * SLOTS, 0);
    at = print_result(text, size, count);
    for (int i = 0; i < count; i++) {
        by_slot[found[i].data.u32 % SLOTS] |= found[i].events;
    }
    for (unsigned i = 0; i < SLOTS; i++) {
        at += snprintf(text + at, size - (size_t)at, " %x", by_slot[i]);
    }
}

/* --- all of them --- */

static void listen_step(struct run *run, const struct step *step, char *text, size_t size) {
    errno = 0;
    print_result(text, size, run->host->listen(run->fds[step->slot], (int)(step->a % 6) + 3));
}

/* Of a socket without a connection the call says ENOTCONN on both, but on Linux it also cuts one that comes later. */
static bool cuts_later(const struct run *run, unsigned slot) {
    struct tcp_info info;
    socklen_t len = sizeof info;
    return run->host->getsockopt(run->fds[slot], IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
           info.tcpi_state == TCP_CLOSE;
}

static void shutdown_step(struct run *run, const struct step *step, char *text, size_t size) {
    if (cuts_later(run, step->slot)) {
        snprintf(text, size, "unfit");
        return;
    }
    static const int ways[8] = {SHUT_RD, SHUT_WR, SHUT_RDWR, SHUT_RD, SHUT_WR, SHUT_RDWR, SHUT_WR, 7};
    errno = 0;
    print_result(text, size, run->host->shutdown(run->fds[step->slot], ways[step->a % 8]));
}

static void peer_step(struct run *run, const struct step *step, char *text, size_t size) {
    uint32_t b = step->b, c = step->c;
    if (step->a == PEER_SYN) {
        b = run->ports[b % 4];
    } else if (step->a == PEER_DATAGRAM) {
        c = run->ports[c % 4];
    }
    peer_act(&run->peer, (enum peer_act)step->a, step->slot, b, c);
    snprintf(text, size, "done");
}

void call_step(struct run *run, const struct step *step, char *text, size_t size) {
    static void (*const steps[STEP_KINDS])(struct run *, const struct step *, char *,
                                           size_t) = {[STEP_SOCKET] = socket_step,
                                                      [STEP_BIND] = bind_step,
                                                      [STEP_LISTEN] = listen_step,
                                                      [STEP_CONNECT] = connect_step,
                                                      [STEP_ACCEPT] = accept_step,
                                                      [STEP_SEND] = send_step,
                                                      [STEP_SENDTO] = sendto_step,
                                                      [STEP_RECV] = receive_step,
                                                      [STEP_SHUTDOWN] = shutdown_step,
                                                      [STEP_CLOSE] = close_step,
                                                      [STEP_DUP] = dup_step,
                                                      [STEP_SET] = option_step,
                                                      [STEP_GET] = option_step,
                                                      [STEP_NAMES] = names_step,
                                                      [STEP_IOCTL] = ioctl_step,
                                                      [STEP_FCNTL] = fcntl_step,
                                                      [STEP_POLL] = poll_step,
                                                      [STEP_SELECT] = select_step,
                                                      [STEP_EPOLL_CREATE] = epoll_create_step,
                                                      [STEP_EPOLL_CTL] = epoll_ctl_step,
                                                      [STEP_EPOLL_WAIT] = epoll_wait_step,
                                                      [STEP_BLOCK] = blocked_start,
                                                      [STEP_SIGNAL] = blocked_signal,
                                                      [STEP_PEER] = peer_step};
    signal(SIGPIPE, on_pipe);
    steps[step->kind](run, step, text, size);
}
