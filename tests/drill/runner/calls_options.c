/* getsockopt and setsockopt: most options by the stack's table of them, the others one by one.
 *
 * What Linux keeps in the socket above the protocol (timeouts, which control messages are wanted) is kept in the
 * descriptor here, as the library above the core does. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <string.h>

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <tapir/socket.h>

#include "calls.h"
#include "info.h"

/* How many of the stack's units one of the API's is, by the form of the value; 0: handled by name below, or not at all. */
enum {
    UNIT_FLAG = 1,
    UNIT_INT = 1,
    UNIT_GET = 1,
    UNIT_BYTE = 1,
    UNIT_BYTE_OR_NONE = 1,
    UNIT_BYTE_GET = 1,
    UNIT_RATE = 1,
    UNIT_MILLISECONDS = 1000,
    UNIT_SECONDS = 1000000,
    UNIT_SYN_ACKS = 0,
    UNIT_LINGER = 0,
    UNIT_DEVICE = 0,
    UNIT_INTERFACE = 0,
};

#define ROW(name, level, bsd_name, form, meaning) {level, bsd_name, TAPIR_OPT_##name, UNIT_##form},
#define NO_ROW(name, meaning)

static const struct row {
    int level, name;
    enum tapir_sock_opt option;
    int64_t unit;
} rows[] = {TAPIR_OPTIONS(ROW, NO_ROW)};

static const struct row *find_row(int64_t level, int64_t name) {
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].level == level && rows[i].name == name) {
            return rows[i].unit != 0 ? &rows[i] : NULL;
        }
    }
    return NULL;
}

/* A control message that recvmsg is to give; NULL: the option is none of these. */
static bool *wanted_message(struct descriptor *d, int64_t level, int64_t name) {
    if (level != IPPROTO_IP) {
        return NULL;
    }
    return name == IP_RECVTTL   ? &d->want_ttl
           : name == IP_RECVTOS ? &d->want_tos
           : name == IP_PKTINFO ? &d->want_pktinfo
                                : NULL;
}

/* A timeout of receiving or sending; NULL: the option is neither. */
static int64_t *timeout_of(struct descriptor *d, int64_t level, int64_t name) {
    if (level != SOL_SOCKET) {
        return NULL;
    }
    return name == SO_RCVTIMEO ? &d->recv_timeout_us : name == SO_SNDTIMEO ? &d->send_timeout_us : NULL;
}

static int64_t set_option(struct call *call, struct descriptor *d, enum tapir_sock_opt option, int64_t value) {
    return tapir_sock_set(call->run->world.stack, d->sock, option, value, call->run->world.now_us);
}

/* {onoff=1, linger=5}; Linux keeps a negative time as an endless one. */
static int64_t set_linger(struct call *call, struct descriptor *d, const struct value *value) {
    int64_t onoff = 0, linger = 0;
    (void)calls_field_number(value, "onoff", 0, &onoff);
    (void)calls_field_number(value, "l_onoff", 0, &onoff);
    (void)calls_field_number(value, "linger", 1, &linger);
    (void)calls_field_number(value, "l_linger", 1, &linger);
    return set_option(call, d, TAPIR_OPT_LINGER, onoff == 0 ? -1 : linger < 0 ? INT_MAX : linger);
}

/* {tv_sec=1, tv_usec=0}; 0 is no timeout. */
static int64_t set_timeout(int64_t *timeout_us, const struct value *value) {
    int64_t seconds = 0, us = 0;
    (void)calls_field_number(value, "tv_sec", 0, &seconds);
    (void)calls_field_number(value, "tv_usec", 1, &us);
    if (us < 0 || us >= 1000000) {
        return -EDOM;
    }
    int64_t sum = seconds * 1000000 + us;
    *timeout_us = sum == 0 ? INT64_MAX : seconds < 0 ? 0 : sum;
    return 0;
}

/* TCP_DEFER_ACCEPT: seconds, kept as how many SYN-ACKs are sent within them, at 1, 3, 7, ... s. */
static int64_t retransmissions_in(int64_t seconds) {
    int64_t count = seconds > 0 ? 1 : 0;
    for (int64_t interval = 1, end = 1; end < seconds && count < 16; count++) {
        interval = interval * 2 < 120 ? interval * 2 : 120;
        end += interval;
    }
    return count;
}

/* A name, by its length without a NUL or with it. */
static int64_t set_congestion(struct call *call, struct descriptor *d, const struct value *value) {
    char name[TAPIR_CONGESTION_BYTES] = {0};
    int64_t len = calls_number(call, 4);
    if (value->kind != VALUE_STRING) {
        run_fail(call->run, call->event, "the name of an algorithm is a string");
        return 0;
    }
    if (len < 1) {
        return -EINVAL;
    }
    size_t given = strlen(value->text) + 1, most = sizeof name - 1;
    size_t bytes = (size_t)len < given ? (size_t)len : given;
    memcpy(name, value->text, bytes < most ? bytes : most);
    return tapir_sock_set_congestion(call->run->world.stack, d->sock, name);
}

/* Options whose value is a plain int. */
static int64_t set_number(struct call *call, struct descriptor *d, int64_t level, int64_t name) {
    int64_t number = calls_number(call, 3);
    bool *wanted = wanted_message(d, level, name);
    if (wanted != NULL) {
        *wanted = number != 0;
        return d->type == SOCK_STREAM ? -ENOPROTOOPT : 0;
    }
    if (level == IPPROTO_TCP && name == TCP_DEFER_ACCEPT) {
        return set_option(call, d, TAPIR_OPT_DEFER_ACCEPT, retransmissions_in(number));
    }
    const struct row *row = find_row(level, name);
    if (row == NULL) {
        return -ENOPROTOOPT;
    }
    int64_t rc = set_option(call, d, row->option, number * row->unit);
    if (rc == 0 && row->option == TAPIR_OPT_RCVLOWAT) {
        int64_t bytes = 1;
        (void)tapir_sock_get(call->run->world.stack, d->sock, TAPIR_OPT_RCVLOWAT, &bytes);
        d->recv_low_bytes = (uint32_t)bytes;
    }
    return rc;
}

int64_t calls_options_set(struct call *call) {
    int64_t error;
    struct descriptor *d = calls_socket(call, &error);
    int64_t level = calls_number(call, 1), name = calls_number(call, 2), len = calls_number(call, 4);
    const struct value *value = calls_arg(call, 3);
    if (d == NULL) {
        return error;
    }
    if (level == IPPROTO_TCP && d->type != SOCK_STREAM) {
        return -ENOPROTOOPT;
    }
    if (level == IPPROTO_TCP && name == TCP_CONGESTION) {
        return set_congestion(call, d, value);
    }
    if (level == IPPROTO_TCP && name == TCP_FASTOPEN_KEY) {
        return calls_fastopen_set_key(call, d);
    }
    int64_t *timeout_us = timeout_of(d, level, name);
    bool linger = level == SOL_SOCKET && name == SO_LINGER;
    size_t number_bytes = level == IPPROTO_IP ? 1 : sizeof(int); /* ip(7): a char will do */
    size_t least = timeout_us != NULL ? sizeof(struct timeval) : linger ? sizeof(struct linger) : number_bytes;
    if (len < (int64_t)least) {
        return -EINVAL;
    }
    return linger               ? set_linger(call, d, value)
           : timeout_us != NULL ? set_timeout(timeout_us, value)
                                : set_number(call, d, level, name);
}

/* --- what getsockopt gave, against the script's value --- */

/* The length that Linux would give, against [len]. */
static void expect_len(struct call *call, size_t came) {
    if (calls_arg(call, 4)->kind != VALUE_ANY) {
        calls_expect(call, "length", calls_number(call, 4), (int64_t)came);
    }
}

static int64_t get_linger(struct call *call, struct descriptor *d, const struct value *value) {
    int64_t came = -1, expected;
    int rc = tapir_sock_get(call->run->world.stack, d->sock, TAPIR_OPT_LINGER, &came);
    if (calls_field_number(value, "onoff", 0, &expected) || calls_field_number(value, "l_onoff", 0, &expected)) {
        calls_expect(call, "onoff", expected, came >= 0);
    }
    if (calls_field_number(value, "linger", 1, &expected) || calls_field_number(value, "l_linger", 1, &expected)) {
        calls_expect(call, "linger", expected, came >= 0 ? came : 0);
    }
    expect_len(call, sizeof(struct linger));
    return rc;
}

static int64_t get_timeout(struct call *call, int64_t timeout_us, const struct value *value) {
    int64_t came_us = timeout_us == INT64_MAX ? 0 : timeout_us, expected;
    if (calls_field_number(value, "tv_sec", 0, &expected)) {
        calls_expect(call, "tv_sec", expected, came_us / 1000000);
    }
    if (calls_field_number(value, "tv_usec", 1, &expected)) {
        calls_expect(call, "tv_usec", expected, came_us % 1000000);
    }
    expect_len(call, sizeof(struct timeval));
    return 0;
}

static int64_t get_congestion(struct call *call, struct descriptor *d, const struct value *value) {
    char name[TAPIR_CONGESTION_BYTES];
    int rc = tapir_sock_get_congestion(call->run->world.stack, d->sock, name);
    if (rc == 0 && value->kind == VALUE_STRING && strcmp(value->text, name) != 0) {
        run_fail(call->run, call->event, "wrong value: expected \"%s\", came \"%s\"", value->text, name);
    }
    expect_len(call, sizeof name);
    return rc;
}

/* {tcpi_state=TCP_ESTABLISHED, ...}: the fields that the script names. */
static int64_t get_tcp_info(struct call *call, struct descriptor *d, const struct value *value) {
    for (const struct value *field = value->first; field != NULL; field = field->next) {
        int64_t came = 0, expected = 0;
        if (field->name == NULL || strncmp(field->name, "tcpi_", 5) != 0 ||
            !info_tcp_field(call->run, d, field->name + 5, &came)) {
            run_fail(call->run, call->event, "'%s' is no field of TCP_INFO here", field->name ? field->name : "");
            return 0;
        }
        (void)calls_field_number(value, field->name, UINT32_MAX, &expected);
        calls_expect(call, field->name, expected, came);
    }
    return 0;
}

/* Options whose value is a plain int. */
static int64_t get_number(struct call *call, struct descriptor *d, int64_t level, int64_t name) {
    int64_t came = 0;
    const bool *wanted = wanted_message(d, level, name);
    const struct row *row = find_row(level, name);
    if (level == SOL_SOCKET && name == SO_TYPE) {
        came = d->type;
    } else if (level == SOL_SOCKET && name == SO_DOMAIN) {
        came = AF_INET;
    } else if (wanted != NULL) {
        came = *wanted;
    } else if (row == NULL) {
        return -ENOPROTOOPT;
    } else {
        int rc = tapir_sock_get(call->run->world.stack, d->sock, row->option, &came);
        if (rc != 0) {
            return rc;
        }
        came /= came < 0 ? 1 : row->unit;
    }
    if (calls_arg(call, 3)->kind != VALUE_ANY) {
        calls_expect(call, "value", calls_number(call, 3), came);
    }
    expect_len(call, sizeof(int));
    return 0;
}

int64_t calls_options_get(struct call *call) {
    int64_t error;
    struct descriptor *d = calls_socket(call, &error);
    int64_t level = calls_number(call, 1), name = calls_number(call, 2);
    const struct value *value = calls_arg(call, 3);
    if (d == NULL) {
        return error;
    }
    if (level == IPPROTO_TCP && d->type != SOCK_STREAM) {
        return -ENOPROTOOPT;
    }
    if (level == IPPROTO_TCP && (name == TCP_CONGESTION || name == TCP_INFO)) {
        return name == TCP_INFO ? get_tcp_info(call, d, value) : get_congestion(call, d, value);
    }
    if (level == SOL_SOCKET && name == SO_LINGER) {
        return get_linger(call, d, value);
    }
    const int64_t *timeout_us = timeout_of(d, level, name);
    return timeout_us != NULL ? get_timeout(call, *timeout_us, value) : get_number(call, d, level, name);
}
