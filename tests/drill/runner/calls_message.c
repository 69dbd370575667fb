/* recvmsg and sendmsg: addresses, pieces, flags and control messages of {msg_name(...)=..., msg_iov(1)=[...], ...}. */
#define _GNU_SOURCE
#include <errno.h>

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/addr.h"
#include "calls.h"

static uint64_t iov_bytes(struct call *call, const struct value *message) {
    const struct value *iov = calls_field(message, "msg_iov", 1);
    uint64_t bytes = 0;
    if (iov == NULL) {
        run_fail(call->run, call->event, "a message has msg_iov");
        return 0;
    }
    for (const struct value *piece = iov->first; piece != NULL; piece = piece->next) {
        int64_t len = 0;
        (void)calls_field_number(piece, "iov_len", 1, &len);
        bytes += (uint64_t)len;
    }
    return bytes;
}

/* --- receiving --- */

/* The figures of a report of the error queue. */
static void expect_error(struct call *call, const struct value *data, const struct tapir_sock_error *error) {
    const struct {
        const char *name;
        int64_t came;
    } fields[] = {{"ee_errno", error->error},
                  {"ee_origin", error->origin},
                  {"ee_type", error->type},
                  {"ee_code", error->code},
                  {"ee_info", error->info}};
    int64_t number;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (calls_field_number(data, fields[i].name, UINT32_MAX, &number)) {
            calls_expect(call, fields[i].name, number, fields[i].came);
        }
    }
}

/* The messages that Linux would have given. */
static int64_t controls_came(const struct descriptor *d, const struct tapir_msg *msg) {
    bool report = (msg->flags & TAPIR_MSG_ERRQUEUE) != 0;
    return report + (d->want_ttl && msg->has_ttl) + (d->want_tos && msg->has_tos) + (d->want_pktinfo && msg->has_local);
}

/* Its type and data; all of them are of IP. */
static const struct value *control_data(struct call *call, const struct value *cmsg, int64_t *type) {
    int64_t level = IPPROTO_IP;
    (void)calls_field_number(cmsg, "cmsg_level", 0, &level);
    (void)calls_field_number(cmsg, "cmsg_type", 1, type);
    calls_expect(call, "level of a control message", level, IPPROTO_IP);
    return calls_field(cmsg, "cmsg_data", 2);
}

static void expect_control(struct call *call, const struct descriptor *d, const struct value *cmsg,
                           const struct tapir_msg *msg) {
    int64_t type = -1, number = 0;
    const struct value *data = control_data(call, cmsg, &type);
    (void)calls_field_number(cmsg, "cmsg_data", 2, &number);
    if (data == NULL) {
        run_fail(call->run, call->event, "a control message has cmsg_data");
    } else if (type == IP_RECVERR) {
        calls_expect(call, "number of reports", 1, (msg->flags & TAPIR_MSG_ERRQUEUE) != 0);
        expect_error(call, data, &msg->error);
    } else if (type == IP_TTL) {
        calls_expect(call, "number of TTL messages", 1, d->want_ttl && msg->has_ttl);
        calls_expect(call, "TTL", number, msg->ttl);
    } else if (type == IP_TOS) {
        calls_expect(call, "number of TOS messages", 1, d->want_tos && msg->has_tos);
        calls_expect(call, "TOS", number, msg->tos);
    } else if (type == IP_PKTINFO) {
        calls_expect(call, "number of packet informations", 1, d->want_pktinfo && msg->has_local);
        if (calls_field_number(data, "ipi_addr", UINT32_MAX, &number)) {
            calls_expect(call, "destination", number, addr_ipv4(&msg->local));
        }
    } else {
        run_fail(call->run, call->event, "no such control message is known here");
    }
}

static int64_t api_flags(uint32_t flags) {
    return ((flags & TAPIR_MSG_TRUNC) != 0 ? MSG_TRUNC : 0) | ((flags & TAPIR_MSG_OOB) != 0 ? MSG_OOB : 0) |
           ((flags & TAPIR_MSG_ERRQUEUE) != 0 ? MSG_ERRQUEUE : 0);
}

int64_t calls_message_recvmsg(struct call *call) {
    int64_t error, expected;
    struct descriptor *d = calls_socket(call, &error);
    const struct value *message = calls_arg(call, 1);
    int64_t flags = calls_number(call, 2);
    struct tapir_msg msg = {0};
    if (d == NULL) {
        return error;
    }
    int64_t rc = calls_data_transfer(call, d, &msg, iov_bytes(call, message), flags, false);
    if (rc < 0) {
        return rc;
    }
    const struct value *name = calls_field(message, "msg_name", 0);
    if (name != NULL && msg.has_peer) {
        calls_expect_endpoint(call, name, &msg.peer);
    }
    if (calls_field_number(message, "msg_flags", UINT32_MAX, &expected)) {
        calls_expect(call, "msg_flags", expected, api_flags(msg.flags));
    }
    const struct value *control = calls_field(message, "msg_control", UINT32_MAX);
    int64_t count = 0;
    for (const struct value *cmsg = control != NULL ? control->first : NULL; cmsg != NULL; cmsg = cmsg->next) {
        expect_control(call, d, cmsg, &msg);
        count++;
    }
    if (control != NULL && control->kind == VALUE_LIST) {
        calls_expect(call, "number of control messages", count, controls_came(d, &msg));
    }
    return rc;
}

/* --- sending --- */

static void set_control(struct call *call, const struct value *cmsg, struct tapir_msg *msg) {
    int64_t type = -1, number = 0;
    const struct value *data = control_data(call, cmsg, &type);
    (void)calls_field_number(cmsg, "cmsg_data", 2, &number);
    if (type == IP_TTL) {
        msg->has_ttl = true;
        msg->ttl = (uint8_t)number;
    } else if (type == IP_TOS) {
        msg->has_tos = true;
        msg->tos = (uint8_t)number;
    } else if (type == IP_PKTINFO && data != NULL && calls_field_number(data, "ipi_spec_dst", UINT32_MAX, &number)) {
        msg->has_local = true;
        msg->local = addr_of_ipv4((uint32_t)number);
    } else {
        run_fail(call->run, call->event, "no such control message is known here");
    }
}

int64_t calls_message_sendmsg(struct call *call) {
    int64_t error;
    struct descriptor *d = calls_socket(call, &error);
    const struct value *message = calls_arg(call, 1);
    int64_t flags = calls_number(call, 2);
    struct tapir_msg msg = {0};
    if (d == NULL) {
        return error;
    }
    const struct value *name = calls_field(message, "msg_name", 0);
    const struct value *control = calls_field(message, "msg_control", UINT32_MAX);
    (void)calls_field(message, "msg_flags", UINT32_MAX); /* sendmsg ignores it */
    if (name != NULL && name->kind == VALUE_STRUCT && (d->type != SOCK_STREAM || (flags & MSG_FASTOPEN) != 0)) {
        msg.has_peer = true;
        msg.peer = calls_endpoint(call, name, msg.peer);
    }
    for (const struct value *cmsg = control != NULL ? control->first : NULL; cmsg != NULL; cmsg = cmsg->next) {
        set_control(call, cmsg, &msg);
    }
    return calls_data_transfer(call, d, &msg, iov_bytes(call, message), flags, true);
}
