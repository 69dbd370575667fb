/* getsockopt and setsockopt: SOL_SOCKET and IPPROTO_TCP by a table, and what does not fit in it.
 *
 * Sizes, ranges and errors are Linux's, checked against it option by option (tests/unit/posix/test_options.c). Where
 * Linux keeps a value that means nothing to the socket (a TCP option that UDP would ignore, SO_NO_CHECK of a stream),
 * the answer here is ENOPROTOOPT. The stack validates what only it can know; the table's ranges are those of the unit.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/time.h>

#include "internal.h"

#ifndef SO_NO_CHECK
#define SO_NO_CHECK 11 /* glibc has it in <asm/socket.h> only */
#endif

/* How the API's int and the stack's value hang together. */
enum unit {
    UNIT_BOOL,    /* any non-zero is 1 */
    UNIT_PLAIN,   /* as it is, within [low, high] */
    UNIT_BYTES,   /* a size; Linux reads a negative one as a huge one */
    UNIT_SECONDS, /* microseconds in the stack, within [low, high] seconds */
    UNIT_MILLISECONDS,
    UNIT_GET, /* cannot be set */
};

struct row {
    int level, name;
    enum tapir_sock_opt option;
    enum unit unit;
    int low, high;
};

static const struct row rows[] = {
    {SOL_SOCKET, SO_REUSEADDR, TAPIR_OPT_REUSEADDR, UNIT_BOOL, 0, 0},
    {SOL_SOCKET, SO_REUSEPORT, TAPIR_OPT_REUSEPORT, UNIT_BOOL, 0, 0},
    {SOL_SOCKET, SO_KEEPALIVE, TAPIR_OPT_KEEPALIVE, UNIT_BOOL, 0, 0},
    {SOL_SOCKET, SO_BROADCAST, TAPIR_OPT_BROADCAST, UNIT_BOOL, 0, 0},
    {SOL_SOCKET, SO_DONTROUTE, TAPIR_OPT_DONTROUTE, UNIT_BOOL, 0, 0},
    {SOL_SOCKET, SO_OOBINLINE, TAPIR_OPT_OOBINLINE, UNIT_BOOL, 0, 0},
    {SOL_SOCKET, SO_NO_CHECK, TAPIR_OPT_CHECKSUM_OFF, UNIT_BOOL, 0, 0},
    {SOL_SOCKET, SO_RCVBUF, TAPIR_OPT_RCVBUF, UNIT_BYTES, 0, TAPIR_RCVBUF_MAX_BYTES},
    {SOL_SOCKET, SO_SNDBUF, TAPIR_OPT_SNDBUF, UNIT_BYTES, 0, TAPIR_SNDBUF_MAX_BYTES},
    {SOL_SOCKET, SO_ERROR, TAPIR_OPT_ERROR, UNIT_GET, 0, 0},
    {SOL_SOCKET, SO_PROTOCOL, TAPIR_OPT_PROTOCOL, UNIT_GET, 0, 0},
    {SOL_SOCKET, SO_ACCEPTCONN, TAPIR_OPT_ACCEPTCONN, UNIT_GET, 0, 0},
    {IPPROTO_TCP, TCP_NODELAY, TAPIR_OPT_NODELAY, UNIT_BOOL, 0, 0},
    {IPPROTO_TCP, TCP_CORK, TAPIR_OPT_CORK, UNIT_BOOL, 0, 0},
    {IPPROTO_TCP, TCP_NOTSENT_LOWAT, TAPIR_OPT_NOTSENT_LOWAT, UNIT_PLAIN, INT_MIN, INT_MAX},
    {IPPROTO_TCP, TCP_QUICKACK, TAPIR_OPT_QUICKACK, UNIT_BOOL, 0, 0},
    {IPPROTO_TCP, TCP_MAXSEG, TAPIR_OPT_MAXSEG, UNIT_PLAIN, 0, 32767},
    {IPPROTO_TCP, TCP_KEEPCNT, TAPIR_OPT_KEEPCNT, UNIT_PLAIN, 1, 127},
    {IPPROTO_TCP, TAPIR_TCP_ECN, TAPIR_OPT_ECN, UNIT_PLAIN, 0, 2},
    {IPPROTO_TCP, TAPIR_TCP_RTO_MIN_US, TAPIR_OPT_RTO_MIN_US, UNIT_PLAIN, 1000, 60000000},
    {IPPROTO_TCP, TAPIR_TCP_MTU_PROBING, TAPIR_OPT_MTU_PROBING, UNIT_PLAIN, 0, 2},
    {IPPROTO_TCP, TCP_FASTOPEN, TAPIR_OPT_FASTOPEN, UNIT_PLAIN, 0, INT_MAX},
    {IPPROTO_TCP, TCP_FASTOPEN_CONNECT, TAPIR_OPT_FASTOPEN_CONNECT, UNIT_PLAIN, 0, 1},
    {IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, TAPIR_OPT_FASTOPEN_NO_COOKIE, UNIT_PLAIN, 0, 1},
    {IPPROTO_TCP, TCP_SYNCNT, TAPIR_OPT_SYNCNT, UNIT_PLAIN, 1, 127},
    {IPPROTO_TCP, TCP_KEEPIDLE, TAPIR_OPT_KEEPIDLE_US, UNIT_SECONDS, 1, 32767},
    {IPPROTO_TCP, TCP_KEEPINTVL, TAPIR_OPT_KEEPINTVL_US, UNIT_SECONDS, 1, 32767},
    {IPPROTO_TCP, TCP_USER_TIMEOUT, TAPIR_OPT_USER_TIMEOUT_US, UNIT_MILLISECONDS, 0, INT_MAX},
};

/* Two dozen rows: options are not set at the rate of data. */
static const struct row *find_row(int level, int name) {
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (rows[i].level == level && rows[i].name == name) {
            return &rows[i];
        }
    }
    return NULL;
}

int posix_options_copy(const void *from, size_t bytes, void *value, socklen_t *size) {
    if (bytes < *size) {
        *size = (socklen_t)bytes;
    }
    if (*size > 0 && value == NULL) {
        return -EFAULT;
    }
    if (*size > 0) {
        memcpy(value, from, *size);
    }
    return 0;
}

static int set_stack(struct descriptor *descriptor, enum tapir_sock_opt option, int64_t value) {
    return tapir_sock_set(posix_host.driver.stack, descriptor->sock, option, value, driver_clock_now());
}

static int set_row(struct descriptor *descriptor, const struct row *row, int value) {
    switch (row->unit) {
    case UNIT_BOOL:
        return set_stack(descriptor, row->option, value != 0);
    case UNIT_BYTES:
        return set_stack(descriptor, row->option, value < 0 || value > row->high ? row->high : value);
    case UNIT_PLAIN:
    case UNIT_SECONDS:
    case UNIT_MILLISECONDS:
        if (value < row->low || value > row->high) {
            return -EINVAL;
        }
        return set_stack(descriptor, row->option,
                         row->unit == UNIT_PLAIN     ? value
                         : row->unit == UNIT_SECONDS ? (int64_t)value * 1000000
                                                     : (int64_t)value * 1000);
    case UNIT_GET:
        break;
    }
    return -ENOPROTOOPT;
}

static int get_row(struct descriptor *descriptor, const struct row *row, int *value) {
    int64_t stack_value = 0;
    int error = tapir_sock_get(posix_host.driver.stack, descriptor->sock, row->option, &stack_value);
    int64_t divisor = row->unit == UNIT_SECONDS ? 1000000 : row->unit == UNIT_MILLISECONDS ? 1000 : 1;
    *value = (int)(stack_value / divisor);
    return error;
}

/* --- SOL_SOCKET: what is no plain int --- */

static int set_linger(struct descriptor *descriptor, const void *value, socklen_t size) {
    struct linger linger;
    if (size < sizeof linger) {
        return -EINVAL;
    }
    memcpy(&linger, value, sizeof linger);
    /* Linux keeps a negative time as an unsigned one: practically for ever. */
    int64_t seconds = linger.l_linger < 0 ? INT_MAX : linger.l_linger;
    return set_stack(descriptor, TAPIR_OPT_LINGER, linger.l_onoff != 0 ? seconds : -1);
}

/* A timeout of 0 with the option on is a reset at close, so off is its own value, -1. */
static int get_linger(struct descriptor *descriptor, void *value, socklen_t *size) {
    int64_t seconds = -1;
    int error = tapir_sock_get(posix_host.driver.stack, descriptor->sock, TAPIR_OPT_LINGER, &seconds);
    struct linger linger = {.l_onoff = seconds >= 0, .l_linger = seconds >= 0 ? (int)seconds : 0};
    return error != 0 ? error : posix_options_copy(&linger, sizeof linger, value, size);
}

#define TIMEOUT_MAX_S (1LL << 40) /* beyond is as good as never, and microseconds would overflow */

/* 0 is "no timeout"; a negative time is none to wait. */
static int set_timeout(uint64_t *timeout_us, const void *value, socklen_t size) {
    struct timeval time;
    if (size < sizeof time) {
        return -EINVAL;
    }
    memcpy(&time, value, sizeof time);
    if (time.tv_usec < 0 || time.tv_usec >= 1000000) {
        return -EDOM;
    }
    if (time.tv_sec < 0) {
        *timeout_us = 0;
    } else if ((time.tv_sec == 0 && time.tv_usec == 0) || time.tv_sec > TIMEOUT_MAX_S) {
        *timeout_us = TAPIR_NEVER;
    } else {
        *timeout_us = (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_usec;
    }
    return 0;
}

static int get_timeout(uint64_t timeout_us, void *value, socklen_t *size) {
    uint64_t us = timeout_us == TAPIR_NEVER ? 0 : timeout_us;
    struct timeval time = {.tv_sec = (time_t)(us / 1000000), .tv_usec = (suseconds_t)(us % 1000000)};
    return posix_options_copy(&time, sizeof time, value, size);
}

/* The stack says how much it makes of it: a blocking recv waits for that. */
static int set_low_water(struct descriptor *descriptor, int value) {
    int64_t bytes = 1;
    int error = set_stack(descriptor, TAPIR_OPT_RCVLOWAT, value);
    if (error == 0) {
        (void)tapir_sock_get(posix_host.driver.stack, descriptor->sock, TAPIR_OPT_RCVLOWAT, &bytes);
        descriptor->recv_low_bytes = (int)bytes;
    }
    return error;
}

/* One or the other (socket(7)); to clear either clears both. A stream has no datagrams with a time each. */
static int set_want_time(struct descriptor *descriptor, int option, int value) {
    if (descriptor->type == SOCK_STREAM) {
        return -ENOPROTOOPT;
    }
    descriptor->want_time = value != 0 ? option : 0;
    return 0;
}

/* An int, where all ones are no limit, or a 64-bit number. */
static int set_max_pacing(struct descriptor *descriptor, const void *value, socklen_t size) {
    uint32_t number;
    uint64_t rate;
    memcpy(&number, value, sizeof number);
    rate = number == UINT32_MAX ? UINT64_MAX : number;
    if (size >= sizeof rate) {
        memcpy(&rate, value, sizeof rate);
    }
    return set_stack(descriptor, TAPIR_OPT_MAX_PACING, rate > INT64_MAX ? -1 : (int64_t)rate);
}

static int max_pacing(struct descriptor *descriptor, void *value, socklen_t *size) {
    int64_t rate = 0;
    int error = tapir_sock_get(posix_host.driver.stack, descriptor->sock, TAPIR_OPT_MAX_PACING, &rate);
    uint64_t whole = (uint64_t)rate;
    uint32_t number = whole > UINT32_MAX ? UINT32_MAX : (uint32_t)whole;
    if (error != 0) {
        return error;
    }
    bool wide = *size >= sizeof whole;
    return posix_options_copy(wide ? (const void *)&whole : &number, wide ? sizeof whole : sizeof number, value, size);
}

/* An empty name unbinds. The stack has no binding to "lo": local addresses decide that. */
static int bind_to_device(struct descriptor *descriptor, const void *value, socklen_t size) {
    char name[IFNAMSIZ] = {0};
    if (value == NULL && size > 0) {
        return -EFAULT;
    }
    if (size > 0) {
        memcpy(name, value, size < IFNAMSIZ - 1 ? size : IFNAMSIZ - 1);
    }
    if (name[0] == '\0') {
        return set_stack(descriptor, TAPIR_OPT_NETIF, 0);
    }
    if (posix_host.driver.device == NULL || strncmp(name, posix_host.driver.device->name, IFNAMSIZ) != 0) {
        return -ENODEV;
    }
    return set_stack(descriptor, TAPIR_OPT_NETIF, posix_host.driver.netif);
}

/* Linux wants room for any name, even if the name is short or there is none. */
static int bound_device(struct descriptor *descriptor, void *value, socklen_t *size) {
    int64_t netif = 0;
    int error = tapir_sock_get(posix_host.driver.stack, descriptor->sock, TAPIR_OPT_NETIF, &netif);
    if (error != 0) {
        return error;
    }
    if (netif == 0 || posix_host.driver.device == NULL) {
        *size = 0;
        return 0;
    }
    const char *name = posix_host.driver.device->name;
    return *size < IFNAMSIZ ? -EINVAL : posix_options_copy(name, strnlen(name, IFNAMSIZ - 1) + 1, value, size);
}

/* Linux looks at the size before the option: too small is EINVAL even for one that does not exist. */
static int set_socket_option(struct descriptor *descriptor, int option, const void *value, socklen_t size) {
    int number;
    if (option == SO_BINDTODEVICE) {
        return bind_to_device(descriptor, value, size);
    }
    if (size < sizeof number) {
        return -EINVAL;
    }
    if (value == NULL) {
        return -EFAULT;
    }
    memcpy(&number, value, sizeof number);
    switch (option) {
    case SO_LINGER:
        return set_linger(descriptor, value, size);
    case SO_RCVTIMEO:
        return set_timeout(&descriptor->recv_timeout_us, value, size);
    case SO_SNDTIMEO:
        return set_timeout(&descriptor->send_timeout_us, value, size);
    case SO_RCVLOWAT:
        return set_low_water(descriptor, number);
    case SO_PRIORITY:
        descriptor->priority = number;
        return 0;
    case SO_TIMESTAMP:
    case SO_TIMESTAMPNS:
        return set_want_time(descriptor, option, number);
    case SO_MAX_PACING_RATE:
        return set_max_pacing(descriptor, value, size);
    default:;
    }
    const struct row *row = find_row(SOL_SOCKET, option);
    return row == NULL ? -ENOPROTOOPT : set_row(descriptor, row, number);
}

static int get_socket_option(struct descriptor *descriptor, int option, void *value, socklen_t *size) {
    int number = 0, error = 0;
    const struct row *row = find_row(SOL_SOCKET, option);
    switch (option) {
    case SO_BINDTODEVICE:
        return bound_device(descriptor, value, size);
    case SO_LINGER:
        return get_linger(descriptor, value, size);
    case SO_MAX_PACING_RATE:
        return max_pacing(descriptor, value, size);
    case SO_RCVTIMEO:
        return get_timeout(descriptor->recv_timeout_us, value, size);
    case SO_SNDTIMEO:
        return get_timeout(descriptor->send_timeout_us, value, size);
    case SO_RCVLOWAT:
        number = descriptor->recv_low_bytes;
        break;
    case SO_SNDLOWAT: /* Linux has no other, and lets nobody set it */
        number = 1;
        break;
    case SO_PRIORITY:
        number = descriptor->priority;
        break;
    case SO_TIMESTAMP:
    case SO_TIMESTAMPNS:
        number = descriptor->want_time == option;
        error = descriptor->type == SOCK_STREAM ? -ENOPROTOOPT : 0;
        break;
    case SO_TYPE:
        number = descriptor->type;
        break;
    case SO_DOMAIN:
        number = AF_INET;
        break;
    default:
        error = row == NULL ? -ENOPROTOOPT : get_row(descriptor, row, &number);
    }
    return error != 0 ? error : posix_options_copy(&number, sizeof number, value, size);
}

/* --- IPPROTO_TCP: what is no plain int --- */

/* TCP_DEFER_ACCEPT is told in seconds and kept as a number of SYN-ACK retransmissions, 1 s after the first and
 * doubling up to 2 minutes: as many as have been sent when the seconds are over. */
#define RETRANSMIT_FIRST_S 1
#define RETRANSMIT_MAX_S 120
#define RETRANSMITS_MAX 16 /* what the stack takes: 20 minutes */

static int retransmissions_in(int seconds) {
    int count = seconds > 0 ? 1 : 0;
    for (int period = RETRANSMIT_FIRST_S, interval = period; seconds > period && count < RETRANSMITS_MAX; count++) {
        interval = interval * 2 < RETRANSMIT_MAX_S ? interval * 2 : RETRANSMIT_MAX_S;
        period += interval;
    }
    return count;
}

static int seconds_of(int64_t retransmissions) {
    int period = retransmissions > 0 ? RETRANSMIT_FIRST_S : 0;
    for (int interval = period; retransmissions > 1; retransmissions--) {
        interval = interval * 2 < RETRANSMIT_MAX_S ? interval * 2 : RETRANSMIT_MAX_S;
        period += interval;
    }
    return period;
}

/* TCP_LINGER2: 0 is the default, negative is not to linger at all, and there is a ceiling. */
#define FIN_TIMEOUT_S 60
#define FIN_TIMEOUT_MAX_S 120

static int64_t linger2_us(int seconds) {
    if (seconds < 0) {
        return -1;
    }
    int wanted = seconds == 0 ? FIN_TIMEOUT_S : seconds;
    return (int64_t)(wanted < FIN_TIMEOUT_MAX_S ? wanted : FIN_TIMEOUT_MAX_S) * 1000000;
}

/* TCP_CONGESTION: a name, which Linux cuts to 15 bytes, and gives in a field of 16. */
static int set_congestion(struct descriptor *descriptor, const void *value, socklen_t size) {
    char name[TAPIR_CONGESTION_BYTES] = {0};
    if (size < 1) {
        return -EINVAL;
    }
    if (value == NULL) {
        return -EFAULT;
    }
    memcpy(name, value, size < sizeof name - 1 ? size : sizeof name - 1);
    return tapir_sock_set_congestion(posix_host.driver.stack, descriptor->sock, name);
}

static int get_congestion(struct descriptor *descriptor, void *value, socklen_t *size) {
    char name[TAPIR_CONGESTION_BYTES];
    int error = tapir_sock_get_congestion(posix_host.driver.stack, descriptor->sock, name);
    return error != 0 ? error : posix_options_copy(name, sizeof name, value, size);
}

/* TCP_FASTOPEN_KEY: one key or two. Linux cuts what it gives to whole keys; here it is cut like everything else. */
static int set_fastopen_key(struct descriptor *descriptor, const void *value, socklen_t size) {
    if (value == NULL) { /* Linux looks at the size first */
        return size == TAPIR_FASTOPEN_KEYS_BYTES || size == TAPIR_FASTOPEN_KEYS_BYTES / 2 ? -EFAULT : -EINVAL;
    }
    return tapir_sock_set_fastopen_key(posix_host.driver.stack, descriptor->sock, value, size);
}

static int get_fastopen_key(struct descriptor *descriptor, void *value, socklen_t *size) {
    uint8_t keys[TAPIR_FASTOPEN_KEYS_BYTES];
    int bytes = tapir_sock_get_fastopen_key(posix_host.driver.stack, descriptor->sock, keys);
    return bytes < 0 ? bytes : posix_options_copy(keys, (size_t)bytes, value, size);
}

/* On other sockets the level does not exist. */
static int set_tcp_option(struct descriptor *descriptor, int option, const void *value, socklen_t size) {
    int number;
    if (descriptor->type != SOCK_STREAM) {
        return -ENOPROTOOPT;
    }
    if (option == TCP_CONGESTION) {
        return set_congestion(descriptor, value, size);
    }
    if (option == TCP_FASTOPEN_KEY) {
        return set_fastopen_key(descriptor, value, size);
    }
    if (size < sizeof number) {
        return -EINVAL;
    }
    if (value == NULL) {
        return -EFAULT;
    }
    memcpy(&number, value, sizeof number);
    if (option == TCP_DEFER_ACCEPT) {
        return set_stack(descriptor, TAPIR_OPT_DEFER_ACCEPT, retransmissions_in(number));
    }
    if (option == TCP_LINGER2) {
        return set_stack(descriptor, TAPIR_OPT_LINGER2_US, linger2_us(number));
    }
    const struct row *row = find_row(IPPROTO_TCP, option);
    return row == NULL ? -ENOPROTOOPT : set_row(descriptor, row, number);
}

static int get_tcp_option(struct descriptor *descriptor, int option, void *value, socklen_t *size) {
    int number = 0;
    int64_t stack_value = 0;
    int error = -ENOPROTOOPT;
    const struct row *row = find_row(IPPROTO_TCP, option);
    if (descriptor->type != SOCK_STREAM) {
        return -ENOPROTOOPT;
    }
    if (option == TCP_INFO) {
        return posix_options_tcp_info(descriptor, value, size);
    }
    if (option == TCP_CONGESTION) {
        return get_congestion(descriptor, value, size);
    }
    if (option == TCP_FASTOPEN_KEY) {
        return get_fastopen_key(descriptor, value, size);
    }
    if (option == TCP_DEFER_ACCEPT) {
        error = tapir_sock_get(posix_host.driver.stack, descriptor->sock, TAPIR_OPT_DEFER_ACCEPT, &stack_value);
        number = seconds_of(stack_value);
    } else if (option == TCP_LINGER2) {
        error = tapir_sock_get(posix_host.driver.stack, descriptor->sock, TAPIR_OPT_LINGER2_US, &stack_value);
        number = stack_value < 0 ? -1 : (int)(stack_value / 1000000);
    } else if (row != NULL) {
        error = get_row(descriptor, row, &number);
    }
    return error != 0 ? error : posix_options_copy(&number, sizeof number, value, size);
}

/* --- the calls --- */

int tapir_setsockopt(int fd, int level, int option, const void *value, socklen_t size) {
    if (!posix_descriptors_ours(fd)) {
        return setsockopt(posix_descriptors_given(fd), level, option, value, size);
    }
    int error;
    struct descriptor *descriptor = posix_descriptors_enter(fd, DESCRIPTOR_SOCKET, &error);
    if (descriptor == NULL) {
        return (int)posix_result(error);
    }
    if (size > INT_MAX) { /* Linux reads it as an int */
        error = -EINVAL;
    } else if (level == SOL_SOCKET) {
        error = set_socket_option(descriptor, option, value, size);
    } else if (level == IPPROTO_TCP) {
        error = set_tcp_option(descriptor, option, value, size);
    } else {
        error = level == IPPROTO_IP ? posix_options_ip_set(descriptor, option, value, size) : -ENOPROTOOPT;
    }
    posix_descriptors_leave(descriptor);
    return (int)posix_result(error);
}

static int get_option(struct descriptor *descriptor, int level, int option, void *value, socklen_t *size) {
    if (size == NULL) {
        return -EFAULT;
    }
    if (*size > INT_MAX) {
        return -EINVAL;
    }
    switch (level) {
    case SOL_SOCKET:
        return get_socket_option(descriptor, option, value, size);
    case IPPROTO_TCP:
        return get_tcp_option(descriptor, option, value, size);
    case IPPROTO_IP:
        return posix_options_ip_get(descriptor, option, value, size);
    default:
        return -ENOPROTOOPT;
    }
}

int tapir_getsockopt(int fd, int level, int option, void *value, socklen_t *size) {
    if (!posix_descriptors_ours(fd)) {
        return getsockopt(posix_descriptors_given(fd), level, option, value, size);
    }
    int error;
    struct descriptor *descriptor = posix_descriptors_enter(fd, DESCRIPTOR_SOCKET, &error);
    if (descriptor == NULL) {
        return (int)posix_result(error);
    }
    error = get_option(descriptor, level, option, value, size);
    posix_descriptors_leave(descriptor);
    return (int)posix_result(error);
}
