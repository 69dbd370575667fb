/* The table of socket calls, and what they share: arguments, descriptors, addresses, patience.
 *
 * A call is a function that may be called again: it keeps what it has done so far in its struct call, and answers
 * CALL_BLOCKED as long as Linux would have it sleep. It gives Linux's result, negative errno included; what it gives
 * by pointers it compares with the script itself. */
#include "calls.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>

#include "base/addr.h"

static const struct {
    const char *name;
    unsigned least, most; /* arguments */
    int64_t (*act)(struct call *call);
} table[] = {
    {"socket", 3, 3, calls_setup_socket},
    {"bind", 3, 3, calls_setup_bind},
    {"listen", 2, 2, calls_setup_listen},
    {"accept", 3, 3, calls_setup_accept},
    {"accept4", 4, 4, calls_setup_accept},
    {"connect", 3, 3, calls_setup_connect},
    {"shutdown", 2, 2, calls_setup_shutdown},
    {"close", 1, 1, calls_setup_close},
    {"getsockname", 3, 3, calls_setup_getsockname},
    {"getpeername", 3, 3, calls_setup_getpeername},
    {"fcntl", 2, 3, calls_setup_fcntl},
    {"ioctl", 3, 3, calls_setup_ioctl},
    {"read", 3, 3, calls_data_read},
    {"readv", 3, 3, calls_data_readv},
    {"recv", 4, 4, calls_data_recv},
    {"recvfrom", 6, 6, calls_data_recvfrom},
    {"write", 3, 3, calls_data_write},
    {"writev", 3, 3, calls_data_writev},
    {"send", 4, 4, calls_data_send},
    {"sendto", 6, 6, calls_data_sendto},
    {"recvmsg", 3, 3, calls_message_recvmsg},
    {"sendmsg", 3, 3, calls_message_sendmsg},
    {"getsockopt", 5, 5, calls_options_get},
    {"setsockopt", 5, 5, calls_options_set},
    {"poll", 3, 3, calls_poll_poll},
    {"epoll_create", 1, 1, calls_poll_epoll_create},
    {"epoll_create1", 1, 1, calls_poll_epoll_create},
    {"epoll_ctl", 4, 4, calls_poll_epoll_ctl},
    {"epoll_wait", 4, 4, calls_poll_epoll_wait},
};

static void check_count(struct call *call, unsigned least, unsigned most) {
    if (calls_has_arg(call, most)) {
        run_fail(call->run, call->event, "%s has fewer arguments than this", call->spec->name);
    } else if (!calls_has_arg(call, least - 1)) {
        run_fail(call->run, call->event, "%s has more arguments than this", call->spec->name);
    }
}

int64_t calls_try(struct call *call) {
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(table[i].name, call->spec->name) == 0) {
            check_count(call, table[i].least, table[i].most);
            int64_t result = table[i].act(call);
            world_pull(&call->run->world);
            return result;
        }
    }
    run_fail(call->run, call->event, "no call is known as '%s'", call->spec->name);
    return 0;
}

/* --- arguments --- */

static const struct value *nth(const struct value *first, unsigned i) {
    for (; first != NULL && i > 0; i--) {
        first = first->next;
    }
    return first;
}

bool calls_has_arg(const struct call *call, unsigned i) { return nth(call->spec->args, i) != NULL; }

const struct value *calls_arg(struct call *call, unsigned i) {
    static const struct value absent = {.kind = VALUE_ANY};
    const struct value *value = nth(call->spec->args, i);
    if (value == NULL) {
        run_fail(call->run, call->event, "%s has more arguments than this", call->spec->name);
        return &absent;
    }
    return value;
}

int64_t calls_number(struct call *call, unsigned i) {
    const struct value *value = calls_arg(call, i);
    if (value->kind == VALUE_LIST && value->first != NULL) { /* [4]: what the pointer points at */
        value = value->first->next == NULL ? value->first : value;
    }
    if (value->kind != VALUE_NUMBER) {
        run_fail(call->run, call->event, "argument %u of %s is to be a number", i + 1, call->spec->name);
    }
    return value->number;
}

const struct value *calls_field(const struct value *value, const char *name, unsigned i) {
    for (const struct value *field = value->first; field != NULL; field = field->next) {
        if (field->name != NULL && strcmp(field->name, name) == 0) {
            *field->used = true;
            return field;
        }
    }
    const struct value *field = nth(value->first, i);
    return field != NULL && field->name == NULL ? field : NULL;
}

bool calls_field_number(const struct value *value, const char *name, unsigned i, int64_t *number) {
    const struct value *field = calls_field(value, name, i);
    bool there = field != NULL && field->kind == VALUE_NUMBER;
    if (there) {
        *number = field->number;
    }
    return there;
}

const char *calls_unused_field(const struct value *first) {
    const struct value *open[VALUE_NESTING_MAX + 1] = {first};
    for (int depth = 0; depth >= 0;) {
        const struct value *value = open[depth];
        if (value == NULL) {
            depth--;
            continue;
        }
        open[depth] = value->next;
        if (value->used != NULL && !*value->used) {
            return value->name;
        }
        open[++depth] = value->first; /* scalars have none */
    }
    return NULL;
}

void calls_expect(struct call *call, const char *what, int64_t expected, int64_t came) {
    if (expected != came) {
        run_fail(call->run, call->event, "wrong %s: expected %" PRId64 ", came %" PRId64, what, expected, came);
    }
}

/* --- descriptors --- */

struct descriptor *calls_descriptor(struct run *run, int64_t fd) {
    bool used = fd >= 0 && fd < DESCRIPTORS_MAX && run->descriptors[fd].kind != DESCRIPTOR_FREE;
    return used ? &run->descriptors[fd] : NULL;
}

struct descriptor *calls_socket(struct call *call, int64_t *error) {
    struct descriptor *d = calls_descriptor(call->run, calls_number(call, 0));
    *error = d == NULL ? -EBADF : -ENOTSOCK;
    return d != NULL && d->kind == DESCRIPTOR_SOCKET ? d : NULL;
}

int calls_new_number(struct call *call) {
    int64_t wanted = call->spec->result.number;
    if (wanted >= DESCRIPTOR_FIRST && wanted < DESCRIPTORS_MAX && calls_descriptor(call->run, wanted) == NULL) {
        return (int)wanted;
    }
    int fd = DESCRIPTOR_FIRST;
    while (fd < DESCRIPTORS_MAX - 1 && calls_descriptor(call->run, fd) != NULL) {
        fd++;
    }
    return fd;
}

bool calls_may_wait(struct call *call, int64_t timeout_us) {
    int64_t now_us = world_time(&call->run->world);
    if (!call->begun) {
        call->begun = true;
        call->deadline_us = timeout_us == INT64_MAX ? INT64_MAX : now_us + timeout_us;
    }
    return now_us < call->deadline_us;
}

/* --- addresses --- */

struct tapir_endpoint calls_endpoint(struct call *call, const struct value *value, struct tapir_endpoint otherwise) {
    int64_t family = AF_INET, port = 0, address = 0;
    if (value->kind == VALUE_ANY) {
        return otherwise;
    }
    if (value->kind != VALUE_STRUCT) {
        run_fail(call->run, call->event,
                 "an address is '...' or {sa_family = AF_INET, sin_port = ..., sin_addr = ...}");
        return otherwise;
    }
    (void)calls_field_number(value, "sa_family", 0, &family);
    (void)calls_field_number(value, "sin_port", 1, &port);
    (void)calls_field_number(value, "sin_addr", 2, &address);
    return (struct tapir_endpoint){.addr = addr_of_ipv4((uint32_t)address), .port = (uint16_t)port};
}

void calls_expect_endpoint(struct call *call, const struct value *value, const struct tapir_endpoint *came) {
    int64_t number;
    if (value->kind != VALUE_STRUCT) {
        return;
    }
    if (calls_field_number(value, "sa_family", 0, &number)) {
        calls_expect(call, "address family", number, AF_INET);
    }
    if (calls_field_number(value, "sin_port", 1, &number)) {
        calls_expect(call, "port", number, came->port);
    }
    if (calls_field_number(value, "sin_addr", 2, &number)) {
        calls_expect(call, "address", number, addr_ipv4(&came->addr));
    }
}
