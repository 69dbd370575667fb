/* The forms that the values of socket options have, to the byte: sizes, ranges and errors are Linux's. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <tapir/sock.h>
#include <tapir/socket.h>
#include <tapir/tap.h>

#include "descriptors.h"
#include "host.h"
#include "options.h"

/* --- an int --- */

static int read_int(const void *value, socklen_t size, int64_t *number) {
    int whole;
    if (size < sizeof whole) {
        return -EINVAL;
    }
    if (value == NULL) {
        return -EFAULT;
    }
    memcpy(&whole, value, sizeof whole);
    *number = whole;
    return 0;
}

static int write_int(int64_t number, void *value, socklen_t *size) {
    int whole = (int)number;
    return option_copy(&whole, sizeof whole, value, size);
}

/* --- an int or a byte --- */

static int read_byte(const void *value, socklen_t size, int64_t *number) {
    int whole = 0;
    uint8_t byte = 0;
    if (value == NULL && size > 0) {
        return -EFAULT;
    }
    if (size >= sizeof whole) {
        memcpy(&whole, value, sizeof whole);
    } else if (size > 0) {
        memcpy(&byte, value, 1);
        whole = byte;
    }
    *number = whole;
    return 0;
}

/* Linux gives a byte for a byte. */
static int write_byte(int64_t number, void *value, socklen_t *size) {
    if (*size > 0 && *size < sizeof(int) && number >= 0 && number <= UINT8_MAX) {
        uint8_t byte = (uint8_t)number;
        return option_copy(&byte, 1, value, size);
    }
    return write_int(number, value, size);
}

/* --- TCP_DEFER_ACCEPT: told in seconds and kept as a number of SYN-ACK retransmissions --- */

/* The first comes after 1 s, and the interval doubles up to 2 minutes: as many as have been sent when the seconds are over. */
#define RETRANSMIT_FIRST_S 1
#define RETRANSMIT_MAX_S 120
#define RETRANSMITS_MAX 16 /* what the stack takes: 20 minutes */

static int64_t retransmissions_in(int64_t seconds) {
    int count = seconds > 0 ? 1 : 0;
    for (int period = RETRANSMIT_FIRST_S, interval = period; seconds > period && count < RETRANSMITS_MAX; count++) {
        interval = interval * 2 < RETRANSMIT_MAX_S ? interval * 2 : RETRANSMIT_MAX_S;
        period += interval;
    }
    return count;
}

static int64_t seconds_of(int64_t retransmissions) {
    int period = retransmissions > 0 ? RETRANSMIT_FIRST_S : 0;
    for (int interval = period; retransmissions > 1; retransmissions--) {
        interval = interval * 2 < RETRANSMIT_MAX_S ? interval * 2 : RETRANSMIT_MAX_S;
        period += interval;
    }
    return period;
}

/* --- structs: Linux looks for an int before it looks for the whole --- */

static int read_struct(const void *value, socklen_t size, void *whole, size_t bytes) {
    if (size < sizeof(int)) {
        return -EINVAL;
    }
    if (value == NULL) {
        return -EFAULT;
    }
    if (size < bytes) {
        return -EINVAL;
    }
    memcpy(whole, value, bytes);
    return 0;
}

/* A timeout of 0 with the option on is a reset at close, so off is its own value, -1. Linux keeps a negative time as an
 * unsigned one: practically for ever. */
static int read_linger(const void *value, socklen_t size, int64_t *seconds) {
    struct linger linger;
    int error = read_struct(value, size, &linger, sizeof linger);
    if (error == 0) {
        *seconds = linger.l_onoff == 0 ? -1 : linger.l_linger < 0 ? INT_MAX : linger.l_linger;
    }
    return error;
}

static int write_linger(int64_t seconds, void *value, socklen_t *size) {
    struct linger linger = {.l_onoff = seconds >= 0, .l_linger = seconds >= 0 ? (int)seconds : 0};
    return option_copy(&linger, sizeof linger, value, size);
}

#define TIMEOUT_MAX_S (1LL << 40) /* beyond is as good as never, and microseconds would overflow */

/* 0 is "no timeout"; a negative time is none to wait. */
static int read_timeout(const void *value, socklen_t size, int64_t *timeout_us) {
    struct timeval time;
    int error = read_struct(value, size, &time, sizeof time);
    if (error != 0) {
        return error;
    }
    if (time.tv_usec < 0 || time.tv_usec >= 1000000) {
        return -EDOM;
    }
    if (time.tv_sec < 0) {
        *timeout_us = 0;
    } else if ((time.tv_sec == 0 && time.tv_usec == 0) || time.tv_sec > TIMEOUT_MAX_S) {
        *timeout_us = (int64_t)TAPIR_NEVER;
    } else {
        *timeout_us = (int64_t)time.tv_sec * 1000000 + time.tv_usec;
    }
    return 0;
}

static int write_timeout(int64_t timeout_us, void *value, socklen_t *size) {
    int64_t us = timeout_us == (int64_t)TAPIR_NEVER ? 0 : timeout_us;
    struct timeval time = {.tv_sec = (time_t)(us / 1000000), .tv_usec = (suseconds_t)(us % 1000000)};
    return option_copy(&time, sizeof time, value, size);
}

/* An int, where all ones are no limit, or a 64-bit number. */
static int read_rate(const void *value, socklen_t size, int64_t *bytes_per_s) {
    int64_t number;
    uint64_t rate;
    int error = read_int(value, size, &number);
    if (error != 0) {
        return error;
    }
    rate = number == -1 ? UINT64_MAX : (uint32_t)number;
    if (size >= sizeof rate) {
        memcpy(&rate, value, sizeof rate);
    }
    *bytes_per_s = rate > INT64_MAX ? -1 : (int64_t)rate;
    return 0;
}

static int write_rate(int64_t bytes_per_s, void *value, socklen_t *size) {
    uint64_t whole = (uint64_t)bytes_per_s;
    uint32_t number = whole > UINT32_MAX ? UINT32_MAX : (uint32_t)whole;
    bool wide = *size >= sizeof whole;
    return option_copy(wide ? (const void *)&whole : &number, wide ? sizeof whole : sizeof number, value, size);
}

/* --- the name of an interface --- */

/* An empty name unbinds. The stack has no binding to "lo": local addresses decide that. */
static int read_device(const void *value, socklen_t size, int64_t *netif) {
    const struct tapir_device *device = posix_host.driver.device;
    char name[IFNAMSIZ] = {0};
    if (value == NULL && size > 0) {
        return -EFAULT;
    }
    if (size > 0) {
        memcpy(name, value, size < IFNAMSIZ - 1 ? size : IFNAMSIZ - 1);
    }
    *netif = name[0] == '\0' ? 0 : posix_host.driver.netif;
    bool known = name[0] == '\0' || (device != NULL && strncmp(name, device->name, IFNAMSIZ) == 0);
    return known ? 0 : -ENODEV;
}

/* Linux wants room for any name, even if the name is short; none takes no room. */
static int write_device(int64_t netif, void *value, socklen_t *size) {
    const struct tapir_device *device = posix_host.driver.device;
    if (netif == 0 || device == NULL) {
        *size = 0;
        return 0;
    }
    return *size < IFNAMSIZ ? -EINVAL : option_copy(device->name, strnlen(device->name, IFNAMSIZ - 1) + 1, value, size);
}

/* --- all of them --- */

bool posix_options_form_settable(enum option_form form) { return form != FORM_GET && form != FORM_BYTE_GET; }

int posix_options_form_read(const struct descriptor *descriptor, enum option_form form, const void *value,
                            socklen_t size, int64_t *number) {
    int error;
    switch (form) {
    case FORM_SECONDS:
    case FORM_MILLISECONDS:
        error = read_int(value, size, number);
        *number *= error != 0 ? 0 : form == FORM_SECONDS ? 1000000 : 1000;
        return error;
    case FORM_SYN_ACKS:
        error = read_int(value, size, number);
        *number = error != 0 ? 0 : retransmissions_in(*number);
        return error;
    case FORM_BYTE:
        return size < 1 ? -EINVAL : read_byte(value, size, number);
    case FORM_BYTE_OR_NONE:
        return read_byte(value, size, number);
    case FORM_LINGER:
        return read_linger(value, size, number);
    case FORM_RATE:
        return read_rate(value, size, number);
    case FORM_DEVICE:
        return read_device(value, size, number);
    case FORM_INTERFACE:
        return posix_options_ip_read_interface(descriptor, value, size, number);
    case FORM_TIMEOUT:
        return read_timeout(value, size, number);
    default:
        return read_int(value, size, number);
    }
}

int posix_options_form_write(enum option_form form, int64_t number, void *value, socklen_t *size) {
    switch (form) {
    case FORM_SECONDS: /* a negative one is no time at all: TCP_LINGER2 */
        return write_int(number < 0 ? -1 : number / 1000000, value, size);
    case FORM_MILLISECONDS:
        return write_int(number / 1000, value, size);
    case FORM_SYN_ACKS:
        return write_int(seconds_of(number), value, size);
    case FORM_BYTE:
    case FORM_BYTE_OR_NONE:
    case FORM_BYTE_GET:
        return write_byte(number, value, size);
    case FORM_LINGER:
        return write_linger(number, value, size);
    case FORM_RATE:
        return write_rate(number, value, size);
    case FORM_DEVICE:
        return write_device(number, value, size);
    case FORM_INTERFACE:
        return posix_options_ip_write_interface(number, value, size);
    case FORM_TIMEOUT:
        return write_timeout(number, value, size);
    default:
        return write_int(number, value, size);
    }
}
