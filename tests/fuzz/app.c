/* The application of the stack fuzzer: an echo server, and any socket call on any socket when the input says so. */
#include <errno.h>

#include "base/check.h"
#include "host.h"

enum {
    NEWS_MAX = 1000, /* news in one go: each names a socket once */
    ROUNDS_MAX = 64, /* reads of one socket in one go */
    LAST_OPTION = TAPIR_OPT_AT_MARK,
    ERRNO_LAST = 133, /* of Linux */
};

/* A result is a count of at most `most`, or the negative of an errno. */
static int64_t check_result(int64_t result, int64_t most) {
    CHECK(result <= most && result >= -ERRNO_LAST);
    return result;
}

static struct tapir_endpoint peer_endpoint(uint16_t port) {
    return (struct tapir_endpoint){.addr = addr_of_ipv4(FUZZ_PEER_IPV4), .port = port};
}

static tapir_sock *free_slot(struct host *host) {
    for (unsigned i = 0; i < HOST_SOCKETS; i++) {
        if (host->sockets[i] == 0) {
            return &host->sockets[i];
        }
    }
    return NULL;
}

static void close_slot(struct host *host, tapir_sock *slot) {
    CHECK(tapir_sock_close(host->stack, *slot, host->now_us) == 0);
    *slot = 0;
}

static int64_t receive(struct host *host, tapir_sock sock, size_t len, uint32_t flags) {
    struct tapir_iovec iov = {.base = host->buffer, .len = len};
    struct tapir_msg msg = {.iov = &iov, .iov_count = 1};
    int64_t most = (flags & TAPIR_MSG_TRUNC) != 0 ? INT64_MAX : (int64_t)len;
    return check_result(tapir_sock_recv(host->stack, sock, &msg, flags, host->now_us), most);
}

static int64_t type_of(const struct host *host, tapir_sock sock) {
    int64_t type = 0;
    CHECK(tapir_sock_get(host->stack, sock, TAPIR_OPT_TYPE, &type) == 0);
    return type;
}

static int64_t transmit(struct host *host, tapir_sock sock, const struct tapir_endpoint *to, size_t len,
                        uint32_t flags) {
    host->raw_spoke |= type_of(host, sock) == TAPIR_SOCK_RAW;
    struct tapir_iovec iov = {.base = host->buffer, .len = len};
    struct tapir_msg msg = {.iov = &iov, .iov_count = 1, .has_peer = to != NULL};
    if (to != NULL) {
        msg.peer = *to;
    }
    return check_result(tapir_sock_send(host->stack, sock, &msg, flags, host->now_us), (int64_t)len);
}

static void accept_all(struct host *host, tapir_sock listener) {
    for (tapir_sock *slot = free_slot(host); slot != NULL; slot = free_slot(host)) {
        struct tapir_endpoint peer;
        tapir_sock child = 0;
        int result = tapir_sock_accept(host->stack, listener, &child, &peer, host->now_us);
        CHECK(check_result(result, 0) == 0 || child == 0);
        if (result < 0) {
            return;
        }
        *slot = child;
    }
}

/* Echoes what a socket has; closes it at the end of its stream or when it is broken. */
static void echo(struct host *host, tapir_sock *slot) {
    for (unsigned i = 0; i < ROUNDS_MAX && *slot != 0; i++) {
        bool promised = (tapir_sock_ready(host->stack, *slot) & TAPIR_READY_IN) != 0;
        int64_t len = receive(host, *slot, sizeof host->buffer, 0);
        CHECK(!promised || len != -EAGAIN);
        if (len == -EAGAIN || len == -EINVAL || len == -ENOTCONN || len == -EOPNOTSUPP) {
            return;
        }
        if (type_of(host, *slot) == TAPIR_SOCK_STREAM && len <= 0) {
            close_slot(host, slot);
        } else if (len > 0) {
            (void)transmit(host, *slot, NULL, (size_t)len, 0);
        }
    }
}

void host_serve(struct host *host) {
    tapir_sock named = 0;
    for (unsigned news = 0; tapir_sock_news(host->stack, &named); news++) {
        CHECK(news <= NEWS_MAX);
        for (unsigned i = 0; i < HOST_SOCKETS; i++) {
            int64_t listening = 0;
            if (host->sockets[i] != named) {
                continue;
            }
            (void)tapir_sock_get(host->stack, named, TAPIR_OPT_ACCEPTCONN, &listening);
            if (listening != 0) {
                accept_all(host, named);
            } else {
                echo(host, &host->sockets[i]);
            }
        }
    }
    host_pull(host);
}

/* ---- the calls that the input can choose; each has the socket it named and the rest of the input ---- */

static void call_toggle_serving(struct host *host, tapir_sock *slot, struct reader *input) {
    (void)slot;
    (void)input;
    host->serving = !host->serving;
}

static void call_open(struct host *host, tapir_sock *slot, struct reader *input) {
    tapir_sock *unused = free_slot(host);
    (void)slot;
    uint8_t what = reader_u8(input);
    struct tapir_endpoint local = {.port = (what & 0x80) != 0 ? PEER_LISTENING_PORT : 0};
    if (unused != NULL && tapir_sock_open(host->stack, what % 4, what >> 2, unused) < 0) {
        *unused = 0;
    }
    if (unused != NULL && *unused != 0) {
        (void)check_result(tapir_sock_bind(host->stack, *unused, &local), 0);
    }
}

static void call_connect(struct host *host, tapir_sock *slot, struct reader *input) {
    uint8_t port = reader_u8(input);
    struct tapir_endpoint peer = peer_endpoint(port == 0xff ? 0 : 7 + port % 4);
    int result = tapir_sock_connect(host->stack, *slot, port == 0xfe ? NULL : &peer, host->now_us);
    (void)check_result(result, 0);
}

static void call_listen(struct host *host, tapir_sock *slot, struct reader *input) {
    (void)check_result(tapir_sock_listen(host->stack, *slot, reader_u8(input), host->now_us), 0);
}

static void call_accept(struct host *host, tapir_sock *slot, struct reader *input) {
    (void)input;
    accept_all(host, *slot);
}

static void call_send(struct host *host, tapir_sock *slot, struct reader *input) {
    uint8_t code = reader_u8(input);
    uint32_t flags = reader_u8(input) & (TAPIR_MSG_OOB | TAPIR_MSG_MORE | TAPIR_MSG_KEEP_ERROR);
    (void)transmit(host, *slot, NULL, code < 128 ? code : (code - 127U) * 512U, flags);
}

static void call_sendto(struct host *host, tapir_sock *slot, struct reader *input) {
    uint8_t code = reader_u8(input);
    struct tapir_endpoint peer = peer_endpoint(reader_u8(input));
    bool opens = (code & 1) != 0 && type_of(host, *slot) == TAPIR_SOCK_STREAM;
    (void)transmit(host, *slot, &peer, code < 128 ? code : (code - 127U) * 511U, opens ? TAPIR_MSG_FASTOPEN : 0);
}

static void call_recv(struct host *host, tapir_sock *slot, struct reader *input) {
    uint32_t flags = reader_u8(input) &
                     (TAPIR_MSG_OOB | TAPIR_MSG_PEEK | TAPIR_MSG_TRUNC | TAPIR_MSG_ERRQUEUE | TAPIR_MSG_KEEP_ERROR);
    (void)receive(host, *slot, reader_u16(input), flags);
}

static void call_shutdown(struct host *host, tapir_sock *slot, struct reader *input) {
    (void)check_result(tapir_sock_shutdown(host->stack, *slot, reader_u8(input) % 4, host->now_us), 0);
}

static void call_close(struct host *host, tapir_sock *slot, struct reader *input) {
    (void)input;
    tapir_sock stale = *slot;
    close_slot(host, slot);
    CHECK(tapir_sock_close(host->stack, stale, host->now_us) == -EBADF);
}

static void call_set(struct host *host, tapir_sock *slot, struct reader *input) {
    static const int64_t values[] = {0, 1, -1, 2, 255, 256, 1000, 65535, 1000000, INT32_MAX, INT32_MIN, INT64_MAX};
    uint8_t opt = reader_u8(input) % (LAST_OPTION + 1);
    int64_t value = values[reader_u8(input) % ARRAY_LEN(values)];
    (void)check_result(tapir_sock_set(host->stack, *slot, opt, value, host->now_us), 0);
}

static void call_get(struct host *host, tapir_sock *slot, struct reader *input) {
    int64_t value = 0;
    struct tapir_endpoint endpoint;
    struct tapir_tcp_info info;
    (void)check_result(tapir_sock_get(host->stack, *slot, reader_u8(input) % (LAST_OPTION + 1), &value), 0);
    (void)check_result(tapir_sock_local(host->stack, *slot, &endpoint), 0);
    (void)check_result(tapir_sock_peer(host->stack, *slot, &endpoint), 0);
    (void)check_result(tapir_sock_tcp_info(host->stack, *slot, &info, host->now_us), 0);
}

static void call_group(struct host *host, tapir_sock *slot, struct reader *input) {
    struct tapir_addr group = addr_of_ipv4(IPV4(239, 1, 2, 3));
    bool join = reader_u8(input) % 2 == 0;
    int result = join ? tapir_sock_join(host->stack, *slot, &group, host->netif, host->now_us)
                      : tapir_sock_leave(host->stack, *slot, &group, host->netif, host->now_us);
    (void)check_result(result, 0);
}

/* What an administrator does to the interface; a ping may then go unanswered. */
static void call_netif(struct host *host, tapir_sock *slot, struct reader *input) {
    static const uint32_t mtus[] = {1500, 576, TAPIR_MTU_MIN, TAPIR_MTU_MAX};
    struct tapir_addr address = addr_of_ipv4(FUZZ_STACK_IPV4), gateway = addr_of_ipv4(FUZZ_PEER_IPV4);
    struct tapir_addr everywhere = addr_of_ipv4(IPV4_ANY);
    (void)slot;
    uint8_t what = reader_u8(input);
    if (host->netif < 0) {
        return;
    }
    switch (what % 6) {
    case 0:
        host_pull(host);
        host->mtu_bytes = mtus[what / 6 % ARRAY_LEN(mtus)];
        CHECK(tapir_netif_set_mtu(host->stack, host->netif, host->mtu_bytes) == 0);
        break;
    case 1:
        CHECK(tapir_netif_set_up(host->stack, host->netif, false, host->now_us) == 0);
        host->intact = false;
        break;
    case 2:
        CHECK(tapir_netif_set_up(host->stack, host->netif, true, host->now_us) == 0);
        break;
    case 3:
        (void)check_result(tapir_netif_remove_address(host->stack, host->netif, &address), 0);
        host->intact = false;
        break;
    case 4:
        (void)check_result(
            tapir_netif_add_address(host->stack, host->netif, &address, FUZZ_PREFIX_LEN, what / 6 % 2, host->now_us),
            0);
        break;
    default:
        (void)check_result(tapir_route_remove(host->stack, host->netif, &everywhere, 0, &gateway), 0);
        break;
    }
}

void host_call(struct host *host, struct reader *input) {
    static void (*const calls[])(struct host *, tapir_sock *, struct reader *) = {
        call_toggle_serving, call_open,  call_connect,  call_listen, call_accept, call_send,  call_sendto,
        call_recv,           call_close, call_shutdown, call_set,    call_get,    call_group, call_netif};
    uint8_t call = reader_u8(input) % ARRAY_LEN(calls);
    tapir_sock *slot = &host->sockets[reader_u8(input) % HOST_SOCKETS];
    if (*slot != 0 || calls[call] == call_open || calls[call] == call_netif || calls[call] == call_toggle_serving) {
        calls[call](host, slot, input);
        host_pull(host);
    }
    if (host->serving) {
        host_serve(host);
    }
}
