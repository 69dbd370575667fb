/* Tests of getsockopt and setsockopt: each option with odd values and sizes, beside a socket of the kernel's (A3). */
#define _GNU_SOURCE
#include <limits.h>
#include <stdio.h>
#include <sys/time.h>
#include <unistd.h>

#include "loop.h"

TestSuite(options, .init = loop_up, .fini = loop_down, .timeout = 20);

enum {
    TCP = 1,      /* compared on a stream */
    UDP = 2,      /* compared on a datagram socket */
    VALUE = 4,    /* what is read back is compared too: it depends on no setting of this machine */
    SET_ONLY = 8, /* reading it differs on purpose */
};

struct option {
    int level, name;
    unsigned compared;
    const char *text;
};
#define OPTION(level, name, compared) \
    { level, name, compared, #name }

/* Left out where we differ on purpose: streams answer ENOPROTOOPT to what means nothing to them, Linux keeps the value
 * (SO_NO_CHECK, SO_TIMESTAMP, IP_PKTINFO, IP_RECVTTL, IP_RECVTOS, multicast); IP_PMTUDISC_INTERFACE and _OMIT are not supported; buffer
 * sizes depend on sysctls. */
static const struct option options[] = {
    OPTION(SOL_SOCKET, SO_REUSEADDR, TCP | UDP | VALUE),
    OPTION(SOL_SOCKET, SO_REUSEPORT, TCP | UDP | VALUE),
    OPTION(SOL_SOCKET, SO_KEEPALIVE, TCP | UDP | VALUE),
    OPTION(SOL_SOCKET, SO_BROADCAST, TCP | UDP | VALUE),
    OPTION(SOL_SOCKET, SO_OOBINLINE, TCP | UDP | VALUE),
    OPTION(SOL_SOCKET, SO_DONTROUTE, TCP | UDP | VALUE),
    OPTION(SOL_SOCKET, SO_PRIORITY, TCP | UDP | VALUE),
    OPTION(SOL_SOCKET, SO_SNDLOWAT, TCP | UDP | VALUE),
    OPTION(SOL_SOCKET, SO_TIMESTAMP, UDP | VALUE),
    OPTION(SOL_SOCKET, SO_TIMESTAMPNS, UDP | VALUE),
    OPTION(SOL_SOCKET, SO_LINGER, TCP | UDP | VALUE),
    OPTION(SOL_SOCKET, SO_RCVBUF, TCP | UDP),
    OPTION(SOL_SOCKET, SO_SNDBUF, TCP | UDP),
    OPTION(SOL_SOCKET, SO_RCVTIMEO, TCP | UDP),
    OPTION(SOL_SOCKET, SO_SNDTIMEO, TCP | UDP),
    OPTION(SOL_SOCKET, SO_RCVLOWAT, TCP | UDP),
    OPTION(SOL_SOCKET, SO_ERROR, TCP | UDP | VALUE),
    OPTION(SOL_SOCKET, SO_TYPE, TCP | UDP | VALUE),
    OPTION(SOL_SOCKET, SO_PROTOCOL, TCP | UDP | VALUE),
    OPTION(SOL_SOCKET, SO_DOMAIN, TCP | UDP | VALUE),
    OPTION(SOL_SOCKET, SO_ACCEPTCONN, TCP | UDP | VALUE),
    OPTION(SOL_SOCKET, SO_MAX_PACING_RATE, TCP | VALUE),
    OPTION(SOL_SOCKET, SO_BINDTODEVICE, TCP | UDP),
    OPTION(SOL_SOCKET, 9999, TCP | UDP),
    OPTION(IPPROTO_TCP, TCP_NODELAY, TCP | UDP | VALUE),
    OPTION(IPPROTO_TCP, TCP_CORK, TCP | UDP | VALUE),
    OPTION(IPPROTO_TCP, TCP_NOTSENT_LOWAT, TCP | UDP | VALUE),
    OPTION(IPPROTO_TCP, TCP_MAXSEG, TCP | UDP),
    OPTION(IPPROTO_TCP, TCP_KEEPIDLE, TCP | UDP | VALUE),
    OPTION(IPPROTO_TCP, TCP_KEEPINTVL, TCP | UDP | VALUE),
    OPTION(IPPROTO_TCP, TCP_KEEPCNT, TCP | UDP | VALUE),
    OPTION(IPPROTO_TCP, TCP_USER_TIMEOUT, TCP | UDP | VALUE),
    OPTION(IPPROTO_TCP, TCP_INFO, TCP | UDP),
    OPTION(IPPROTO_TCP, TCP_QUICKACK, TCP | UDP),
    OPTION(IPPROTO_TCP, TCP_SYNCNT, TCP | UDP),
    OPTION(IPPROTO_TCP, TCP_LINGER2, TCP | UDP | VALUE),
    OPTION(IPPROTO_TCP, TCP_DEFER_ACCEPT, TCP | UDP),
    OPTION(IPPROTO_TCP, TCP_CONGESTION, TCP | UDP),
    OPTION(IPPROTO_TCP, TCP_FASTOPEN, TCP | UDP | VALUE),
    OPTION(IPPROTO_TCP, TCP_FASTOPEN_CONNECT, TCP | UDP | VALUE),
    OPTION(IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, TCP | UDP | VALUE),
    OPTION(IPPROTO_TCP, TCP_FASTOPEN_KEY, TCP | UDP | SET_ONLY),
    OPTION(IPPROTO_TCP, 9999, TCP | UDP),
    OPTION(IPPROTO_IP, IP_TTL, TCP | UDP | VALUE),
    OPTION(IPPROTO_IP, IP_TOS, TCP | UDP | VALUE),
    OPTION(IPPROTO_IP, IP_MTU, TCP | UDP | VALUE),
    OPTION(IPPROTO_IP, IP_PKTINFO, UDP | VALUE),
    OPTION(IPPROTO_IP, IP_RECVTTL, UDP | VALUE),
    OPTION(IPPROTO_IP, IP_RECVTOS, UDP | VALUE),
    OPTION(IPPROTO_IP, IP_RECVERR, TCP | UDP | VALUE),
    OPTION(IPPROTO_IP, IP_HDRINCL, TCP | UDP | SET_ONLY),
    OPTION(IPPROTO_IP, IP_ADD_MEMBERSHIP, TCP | UDP),
    OPTION(IPPROTO_IP, IP_DROP_MEMBERSHIP, TCP | UDP),
    OPTION(IPPROTO_IP, IP_MULTICAST_IF, TCP | UDP | SET_ONLY),
    OPTION(IPPROTO_IP, IP_MULTICAST_LOOP, UDP | VALUE),
    OPTION(IPPROTO_IP, 9999, TCP | UDP),
    OPTION(9999, 1, TCP | UDP),
};

static const int values[] = {0, 1, -1, 2, 77, 255, 256, 600, 40000, INT_MAX, INT_MIN};
static const int sizes[] = {0, 1, 2, 3, 4, 5, 8, 12, 16, 64, -1, INT_MIN};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* One socket of each, options read and set alike. */
struct beside {
    int theirs, ours, type;
};

static struct beside open_both(int type) {
    return (struct beside){socket(AF_INET, type, 0), tapir_socket(AF_INET, type, 0), type};
}

static void close_both(const struct beside *both) {
    close(both->theirs);
    GIVES(tapir_close(both->ours), 0);
}

static void compare_get(const struct beside *both, const struct option *option, const char *when) {
    int theirs = 0, ours = 0;
    socklen_t their_size = sizeof theirs, our_size = sizeof ours;
    int their_result = getsockopt(both->theirs, option->level, option->name, &theirs, &their_size);
    int our_result = tapir_getsockopt(both->ours, option->level, option->name, &ours, &our_size);
    cr_expect(their_result == our_result, "%s of type %d, read %s: %d", option->text, both->type, when, our_result);
    if ((option->compared & VALUE) != 0 && their_result == 0) {
        cr_expect(theirs == ours && their_size == our_size, "%s of type %d, read %s: %d, Linux: %d", option->text,
                  both->type, when, ours, theirs);
    }
}

static void compare_set(const struct option *option, int type, const int *value, int size) {
    struct beside both = open_both(type);
    char bytes[64] = {0}, when[64];
    if (value != NULL) {
        memcpy(bytes, value, sizeof *value);
    }
    const void *given = value == NULL ? NULL : bytes;
    errno = 0;
    int theirs = setsockopt(both.theirs, option->level, option->name, given, (socklen_t)size) < 0 ? errno : 0;
    errno = 0;
    int ours = tapir_setsockopt(both.ours, option->level, option->name, given, (socklen_t)size) < 0 ? errno : 0;
    snprintf(when, sizeof when, "after %d in %d bytes", value == NULL ? 0 : *value, size);
    cr_expect(theirs == ours, "%s of type %d, set %s: %s, Linux: %s", option->text, type, when, strerror(ours),
              strerror(theirs));
    if (theirs == ours && (option->compared & SET_ONLY) == 0) {
        compare_get(&both, option, when);
    }
    close_both(&both);
}

static void compare_sets(unsigned which, int type) {
    for (size_t i = 0; i < COUNT(options); i++) {
        if ((options[i].compared & which) == 0) {
            continue;
        }
        for (size_t size = 0; size < COUNT(sizes); size++) {
            for (size_t value = 0; value < COUNT(values); value++) {
                compare_set(&options[i], type, &values[value], sizes[size]);
            }
            compare_set(&options[i], type, NULL, sizes[size]);
        }
    }
}

Test(options, a3_streams_answer_as_linux) { compare_sets(TCP, SOCK_STREAM); }
Test(options, a3_datagram_sockets_answer_as_linux) { compare_sets(UDP, SOCK_DGRAM); }

/* Reading into any size: what is written, and how much, is Linux's; never a byte more. */
Test(options, a3_reading_respects_the_size) {
    for (size_t i = 0; i < COUNT(options); i++) {
        struct beside both = open_both(SOCK_STREAM);
        for (size_t s = 0; s < COUNT(sizes) && (options[i].compared & (TCP | SET_ONLY)) == TCP; s++) {
            char theirs[512], ours[512];
            memset(theirs, 0x5a, sizeof theirs);
            memset(ours, 0x5a, sizeof ours);
            socklen_t their_size = (socklen_t)sizes[s], our_size = (socklen_t)sizes[s];
            int their_result = getsockopt(both.theirs, options[i].level, options[i].name, theirs, &their_size);
            int our_result = tapir_getsockopt(both.ours, options[i].level, options[i].name, ours, &our_size);
            cr_expect(their_result == our_result && their_size == our_size, "%s read into %d bytes: %d, %u; %d, %u",
                      options[i].text, sizes[s], our_result, our_size, their_result, their_size);
            for (size_t byte = sizes[s] < 0 ? 0 : (size_t)sizes[s]; byte < sizeof ours; byte++) {
                cr_assert(ours[byte] == 0x5a);
            }
        }
        REFUSED(tapir_getsockopt(both.ours, options[i].level, options[i].name, &(int){0}, NULL), EFAULT);
        close_both(&both);
    }
}

/* What Linux supports and we do not says so. */
Test(options, nothing_is_accepted_and_ignored) {
    static const int unsupported[][2] = {
        {SOL_SOCKET, SO_DEBUG},      {SOL_SOCKET, SO_TIMESTAMPING},       {SOL_SOCKET, SO_MARK},
        {SOL_SOCKET, SO_BUSY_POLL},  {SOL_SOCKET, SO_ZEROCOPY},           {SOL_SOCKET, SO_RXQ_OVFL},
        {IPPROTO_TCP, TCP_SAVE_SYN}, {IPPROTO_TCP, TCP_MD5SIG},           {IPPROTO_TCP, TCP_THIN_DUPACK},
        {IPPROTO_IP, IP_OPTIONS},    {IPPROTO_IP, IP_TRANSPARENT},        {IPPROTO_IP, IP_FREEBIND},
        {IPPROTO_IP, IP_PASSSEC},    {IPPROTO_UDP, 103 /* UDP_SEGMENT */}};
    int fds[2] = {tapir_socket(AF_INET, SOCK_STREAM, 0), tapir_socket(AF_INET, SOCK_DGRAM, 0)}, one = 1;
    for (size_t i = 0; i < COUNT(unsupported); i++) {
        for (int j = 0; j < 2; j++) {
            REFUSED(tapir_setsockopt(fds[j], unsupported[i][0], unsupported[i][1], &one, sizeof one), ENOPROTOOPT);
            bool foreign = unsupported[i][0] == (j == 0 ? IPPROTO_UDP : IPPROTO_TCP);
            REFUSED(tapir_getsockopt(fds[j], unsupported[i][0], unsupported[i][1], &one, &(socklen_t){sizeof one}),
                    foreign ? EOPNOTSUPP : ENOPROTOOPT);
        }
    }
}

/* The name as Linux gives it: a field of 16 bytes, cut to the caller's size; and cut to 15 when it is set. */
Test(options, congestion_control_by_name) {
    int fd = tapir_socket(AF_INET, SOCK_STREAM, 0);
    char name[32];
    socklen_t size = sizeof name;
    GIVES(tapir_getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &size), 0);
    cr_assert(size == 16 && strcmp(name, "cubic") == 0);
    GIVES(tapir_setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4), 0);
    GIVES(tapir_setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno\0nonsense", 13), 0);
    size = 3;
    memset(name, 'x', sizeof name);
    GIVES(tapir_getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &size), 0);
    cr_assert(size == 3 && memcmp(name, "renx", 4) == 0);
    REFUSED(tapir_setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "ren", 3), ENOENT);
    REFUSED(tapir_setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "a name that is too long", 23), ENOENT);
    REFUSED(tapir_setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 0), EINVAL);
    REFUSED(tapir_setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, NULL, 4), EFAULT);
    size = sizeof name;
    GIVES(tapir_getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &size), 0);
    cr_assert_str_eq(name, "reno");
}

Test(options, times_are_kept) {
    int fd = tapir_socket(AF_INET, SOCK_STREAM, 0);
    struct timeval time = {.tv_sec = 3, .tv_usec = 500000}, back;
    socklen_t size = sizeof back;
    GIVES(tapir_setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time), 0);
    GIVES(tapir_getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &back, &size), 0);
    cr_assert(size == sizeof back && back.tv_sec == 3 && back.tv_usec == 500000);
    time.tv_usec = 1000000;
    REFUSED(tapir_setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time), EDOM);
    time.tv_usec = -1;
    REFUSED(tapir_setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time), EDOM);
}

/* TCP_DEFER_ACCEPT is rounded up to when a SYN-ACK is sent again: 1, 3, 7, 15... seconds. */
Test(options, deferred_accept_in_seconds) {
    static const int pairs[][2] = {{0, 0}, {1, 1}, {2, 3}, {3, 3}, {4, 7}, {8, 15}, {-1, 0}};
    int fd = tapir_socket(AF_INET, SOCK_STREAM, 0);
    for (size_t i = 0; i < COUNT(pairs); i++) {
        int seconds = -1;
        socklen_t size = sizeof seconds;
        GIVES(tapir_setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &pairs[i][0], sizeof(int)), 0);
        GIVES(tapir_getsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, &size), 0);
        cr_assert(seconds == pairs[i][1], "%d: %d", pairs[i][0], seconds);
    }
}
