/* getsockopt and setsockopt: the table of options, one row per option, and the calls.
 *
 * What the stack keeps comes from <tapir/options.h>, what the descriptor keeps stands here. The answers are Linux's, compared
 * with it option by option (tests/unit/posix/test_options.c). Where Linux keeps a value that means nothing to the socket (a TCP
 * option that UDP would ignore, SO_NO_CHECK of a stream), the answer here is ENOPROTOOPT.
 */
#define _GNU_SOURCE
#include "options.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include <tapir/sock.h>
#include <tapir/socket.h>

#include "call.h"
#include "descriptors.h"
#include "host.h"
#include "sockets/driver/driver.h"

#ifndef SO_NO_CHECK
#define SO_NO_CHECK 11 /* glibc has it in <asm/socket.h> only */
#endif

/* --- what the stack keeps --- */

static int set_stack(struct descriptor *descriptor, const struct option *option, int64_t number) {
    return tapir_sock_set(posix_host.driver.stack, descriptor->sock, option->stack, number, driver_clock_now());
}

static int get_stack(struct descriptor *descriptor, const struct option *option, int64_t *number) {
    return tapir_sock_get(posix_host.driver.stack, descriptor->sock, option->stack, number);
}

/* As Linux: a TOS that is a change chooses the priority, too. */
static int set_tos(struct descriptor *descriptor, const struct option *option, int64_t number) {
    static const uint8_t priorities[] = {0, 2, 6, 4}; /* by RFC 1349's bits for low delay and high throughput */
    int64_t before = 0, after = 0;
    (void)get_stack(descriptor, option, &before);
    int error = set_stack(descriptor, option, number);
    (void)get_stack(descriptor, option, &after);
    if (error == 0 && after != before) {
        descriptor->priority = priorities[(after >> 3) & 3];
    }
    return error;
}

static int set_multicast_ttl(struct descriptor *descriptor, const struct option *option, int64_t number) {
    return descriptor->type == SOCK_STREAM ? -EINVAL : set_stack(descriptor, option, number);
}

/* The stack says how much it makes of it: a blocking recv waits for that. */
static int set_low_water(struct descriptor *descriptor, const struct option *option, int64_t number) {
    int64_t bytes = 1;
    int error = set_stack(descriptor, option, number);
    if (error == 0) {
        (void)get_stack(descriptor, option, &bytes);
        descriptor->recv_low_bytes = (int)bytes;
    }
    return error;
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
    return error != 0 ? error : option_copy(name, sizeof name, value, size);
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
    return bytes < 0 ? bytes : option_copy(keys, (size_t)bytes, value, size);
}

/* --- what the descriptor keeps --- */

static int get_low_water(struct descriptor *descriptor, const struct option *option, int64_t *number) {
    (void)option;
    *number = descriptor->recv_low_bytes;
    return 0;
}

/* Linux has no other, and lets nobody set it. */
static int get_send_low_water(struct descriptor *descriptor, const struct option *option, int64_t *number) {
    (void)descriptor, (void)option;
    *number = 1;
    return 0;
}

static int set_priority(struct descriptor *descriptor, const struct option *option, int64_t number) {
    (void)option;
    descriptor->priority = (int)number;
    return 0;
}

static int get_priority(struct descriptor *descriptor, const struct option *option, int64_t *number) {
    (void)option;
    *number = descriptor->priority;
    return 0;
}

static int get_type(struct descriptor *descriptor, const struct option *option, int64_t *number) {
    (void)option;
    *number = descriptor->type;
    return 0;
}

static int get_domain(struct descriptor *descriptor, const struct option *option, int64_t *number) {
    (void)descriptor, (void)option;
    *number = AF_INET;
    return 0;
}

static uint64_t *timeout_of(struct descriptor *descriptor, const struct option *option) {
    return option->name == SO_RCVTIMEO ? &descriptor->recv_timeout_us : &descriptor->send_timeout_us;
}

static int set_timeout(struct descriptor *descriptor, const struct option *option, int64_t number) {
    *timeout_of(descriptor, option) = (uint64_t)number;
    return 0;
}

static int get_timeout(struct descriptor *descriptor, const struct option *option, int64_t *number) {
    *number = (int64_t)*timeout_of(descriptor, option);
    return 0;
}

/* SO_TIMESTAMP and SO_TIMESTAMPNS: one or the other (socket(7)); to clear either clears both. A stream has no datagrams with
 * a time each. */
static int set_want_time(struct descriptor *descriptor, const struct option *option, int64_t number) {
    if (descriptor->type == SOCK_STREAM) {
        return -ENOPROTOOPT;
    }
    descriptor->want_time = number != 0 ? option->name : 0;
    return 0;
}

static int get_want_time(struct descriptor *descriptor, const struct option *option, int64_t *number) {
    *number = descriptor->want_time == option->name;
    return descriptor->type == SOCK_STREAM ? -ENOPROTOOPT : 0;
}

/* Control messages of recvmsg; a stream has no datagram to tell about. */
static bool *wanted(struct descriptor *descriptor, const struct option *option) {
    return option->name == IP_PKTINFO   ? &descriptor->want_pktinfo
           : option->name == IP_RECVTTL ? &descriptor->want_ttl
                                        : &descriptor->want_tos;
}

static int set_wanted(struct descriptor *descriptor, const struct option *option, int64_t number) {
    if (descriptor->type == SOCK_STREAM) {
        return -ENOPROTOOPT;
    }
    *wanted(descriptor, option) = number != 0;
    return 0;
}

static int get_wanted(struct descriptor *descriptor, const struct option *option, int64_t *number) {
    *number = *wanted(descriptor, option);
    return 0;
}

/* --- the table --- */

#define STACK(name) .stack = TAPIR_OPT_##name
#define ROW(name, bsd_level, bsd_name, bsd_form, meaning) \
    {bsd_level, bsd_name, FORM_##bsd_form, STACK(name), set_stack, get_stack, NULL, NULL},
#define NO_ROW(name, meaning)

/* First those in which this layer has a part; then all of the stack's, of which it does no more than hand them on. */
static const struct option options[] = {
    {SOL_SOCKET, SO_RCVLOWAT, FORM_INT, STACK(RCVLOWAT), .set = set_low_water, .get = get_low_water},
    {SOL_SOCKET, SO_SNDLOWAT, FORM_GET, .get = get_send_low_water},
    {SOL_SOCKET, SO_RCVTIMEO, FORM_TIMEOUT, .set = set_timeout, .get = get_timeout},
    {SOL_SOCKET, SO_SNDTIMEO, FORM_TIMEOUT, .set = set_timeout, .get = get_timeout},
    {SOL_SOCKET, SO_PRIORITY, FORM_INT, .set = set_priority, .get = get_priority},
    {SOL_SOCKET, SO_TIMESTAMP, FORM_INT, .set = set_want_time, .get = get_want_time},
    {SOL_SOCKET, SO_TIMESTAMPNS, FORM_INT, .set = set_want_time, .get = get_want_time},
    {SOL_SOCKET, SO_TYPE, FORM_GET, .get = get_type},
    {SOL_SOCKET, SO_DOMAIN, FORM_GET, .get = get_domain},
    {IPPROTO_TCP, TCP_CONGESTION, .set_bytes = set_congestion, .get_bytes = get_congestion},
    {IPPROTO_TCP, TCP_FASTOPEN_KEY, .set_bytes = set_fastopen_key, .get_bytes = get_fastopen_key},
    {IPPROTO_TCP, TCP_INFO, .get_bytes = posix_options_tcp_info},
    {IPPROTO_IP, IP_TOS, FORM_BYTE_OR_NONE, STACK(TOS), .set = set_tos, .get = get_stack},
    {IPPROTO_IP, IP_MULTICAST_TTL, FORM_BYTE, STACK(MULTICAST_TTL), .set = set_multicast_ttl, .get = get_stack},
    {IPPROTO_IP, IP_PKTINFO, FORM_BYTE_OR_NONE, .set = set_wanted, .get = get_wanted},
    {IPPROTO_IP, IP_RECVTTL, FORM_BYTE_OR_NONE, .set = set_wanted, .get = get_wanted},
    {IPPROTO_IP, IP_RECVTOS, FORM_BYTE_OR_NONE, .set = set_wanted, .get = get_wanted},
    {IPPROTO_IP, IP_ADD_MEMBERSHIP, .set_bytes = posix_options_ip_join},
    {IPPROTO_IP, IP_DROP_MEMBERSHIP, .set_bytes = posix_options_ip_leave},
    TAPIR_OPTIONS(ROW, NO_ROW)};

/* The first row of the name. Some sixty rows: options are not set at the rate of data. */
static const struct option *find_option(int level, int name) {
    for (size_t i = 0; i < COUNT_OF(options); i++) {
        if (options[i].level == level && options[i].name == name) {
            return &options[i];
        }
    }
    return NULL;
}

/* --- the calls --- */

/* Linux looks at the size before the option, even one that does not exist, but not at the level of IP. */
static int refuse_to_set(int level, const void *value, socklen_t size) {
    if (level != SOL_SOCKET && level != IPPROTO_TCP) {
        return -ENOPROTOOPT;
    }
    return size < sizeof(int) ? -EINVAL : value == NULL ? -EFAULT : -ENOPROTOOPT;
}

static int set_option(struct descriptor *descriptor, int level, int name, const void *value, socklen_t size) {
    int64_t number = 0;
    const struct option *option = find_option(level, name);
    if (size > INT_MAX) { /* Linux reads it as an int */
        return -EINVAL;
    }
    if (level == IPPROTO_TCP && descriptor->type != SOCK_STREAM) { /* there the level does not exist */
        return -ENOPROTOOPT;
    }
    if (option != NULL && option->set_bytes != NULL) {
        return option->set_bytes(descriptor, value, size);
    }
    if (option == NULL || option->set == NULL || !posix_options_form_settable(option->form)) {
        return refuse_to_set(level, value, size);
    }
    int error = posix_options_form_read(descriptor, option->form, value, size, &number);
    return error != 0 ? error : option->set(descriptor, option, number);
}

int tapir_setsockopt(int fd, int level, int option, const void *value, socklen_t size) {
    if (!posix_descriptors_ours(fd)) {
        return setsockopt(posix_descriptors_given(fd), level, option, value, size);
    }
    int error;
    struct descriptor *descriptor = posix_descriptors_enter(fd, DESCRIPTOR_SOCKET, &error);
    if (descriptor == NULL) {
        return (int)posix_result(error);
    }
    error = set_option(descriptor, level, option, value, size);
    posix_descriptors_leave(descriptor);
    return (int)posix_result(error);
}

static int get_option(struct descriptor *descriptor, int level, int name, void *value, socklen_t *size) {
    int64_t number = 0;
    const struct option *option = find_option(level, name);
    if (size == NULL) {
        return -EFAULT;
    }
    if (*size > INT_MAX) {
        return -EINVAL;
    }
    int transport = descriptor->type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
    bool own_level = level == SOL_SOCKET || level == IPPROTO_IP || level == transport;
    if (option == NULL || !own_level) {
        return own_level ? -ENOPROTOOPT : -EOPNOTSUPP; /* as Linux words it; setsockopt has one answer for both */
    }
    if (option->get_bytes != NULL) {
        return option->get_bytes(descriptor, value, size);
    }
    int error = option->get == NULL ? -ENOPROTOOPT : option->get(descriptor, option, &number);
    return error != 0 ? error : posix_options_form_write(option->form, number, value, size);
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
