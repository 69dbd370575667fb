/* The bench's application, its expectations, and the ways into each state. */
#include "support/tcp_bench.h"

#include <stdio.h>
#include <stdlib.h>

#include "tcp/conn/table.h"
#include "tcp/secret/isn.h"

const struct tcp_bench_heard *tcp_bench_hear(struct tcp_bench *b) {
    if (b->heard_next == b->heard_count) {
        b->heard_next = b->heard_count = 0;
        tcp_bench_run(b);
    }
    return b->heard_next < b->heard_count ? &b->heard[b->heard_next++] : NULL;
}

unsigned tcp_bench_skip(struct tcp_bench *b) {
    tcp_bench_run(b);
    unsigned count = b->heard_count - b->heard_next;
    b->heard_next = b->heard_count = 0;
    return count;
}

/* ---- expectations ---- */

static void describe(const struct tcp_bench *b, const struct tcp_bench_heard *h, char *text, size_t size) {
    (void)snprintf(text, size, "flags %02x seq %d ack %d len %u wnd %u up %u gso %u options %x", h->flags,
                   (int32_t)(h->seq - (b->iss + 1)), (int32_t)(h->ack - (b->config.peer_iss + 1)), h->len, h->wnd,
                   h->up, h->gso_bytes, h->options.present);
}

static int64_t measure(const struct tcp_bench *b, const struct tcp_bench_heard *h, const struct tcp_bench_want *want) {
    switch (want->what) {
    case BENCH_FLAGS:
        return h->flags & ~WIRE_TCP_PSH;
    case BENCH_SEQ:
        return (int32_t)(h->seq - (b->iss + 1));
    case BENCH_ACK:
        return (int32_t)(h->ack - (b->config.peer_iss + 1));
    case BENCH_LEN:
        return h->len;
    case BENCH_WND:
        return h->wnd;
    case BENCH_UP:
        return h->up;
    case BENCH_GSO:
        return h->gso_bytes;
    case BENCH_OPTION:
        return h->options.present & want->value;
    case BENCH_NO_OPTION:
        return (h->options.present & want->value) != 0 ? -1 : want->value;
    }
    return INT64_MIN;
}

void tcp_bench_expect(struct tcp_bench *b, const char *file, int line, const struct tcp_bench_want *wants,
                      size_t count) {
    static const char *const names[] = {"flags", "seq", "ack", "len", "wnd", "up", "gso", "option", "no option"};
    char text[160];
    const struct tcp_bench_heard *h = tcp_bench_hear(b);
    cr_assert_neq(h, NULL, "%s:%d: nothing was sent", file, line);
    describe(b, h, text, sizeof text);
    for (size_t i = 0; i < count; i++) {
        cr_assert_eq(measure(b, h, &wants[i]), wants[i].value, "%s:%d: %s is not %lld in: %s", file, line,
                     names[wants[i].what], (long long)wants[i].value, text);
    }
}

void tcp_bench_expect_none(struct tcp_bench *b, const char *file, int line) {
    char text[160];
    const struct tcp_bench_heard *h = tcp_bench_hear(b);
    if (h != NULL) {
        describe(b, h, text, sizeof text);
        cr_assert_fail("%s:%d: sent though nothing was due: %s", file, line, text);
    }
}

/* ---- the application ---- */

int64_t tcp_bench_write_flags(struct tcp_bench *b, size_t len, uint32_t flags) {
    uint8_t *bytes = malloc(len + 1);
    struct tapir_iovec iov = {.base = bytes, .len = len};
    struct tapir_msg msg = {.iov = &iov, .iov_count = 1};
    for (size_t i = 0; i < len; i++) {
        bytes[i] = tcp_bench_pattern(b->written + i);
    }
    int64_t taken = tapir_sock_send(b->stack, b->sock, &msg, flags, b->now_us);
    b->written += taken > 0 ? (uint64_t)taken : 0;
    free(bytes);
    return taken;
}

int64_t tcp_bench_write(struct tcp_bench *b, size_t len) { return tcp_bench_write_flags(b, len, 0); }

int64_t tcp_bench_read(struct tcp_bench *b, size_t len) {
    uint8_t *bytes = malloc(len + 1);
    struct tapir_iovec iov = {.base = bytes, .len = len};
    struct tapir_msg msg = {.iov = &iov, .iov_count = 1};
    int64_t got = tapir_sock_recv(b->stack, b->sock, &msg, 0, b->now_us);
    cr_assert_leq(got, (int64_t)len);
    for (int64_t i = 0; i < got; i++) {
        cr_assert_eq(bytes[i], tcp_bench_pattern(b->read + (uint64_t)i), "byte %llu read",
                     (unsigned long long)b->read + (unsigned long long)i);
    }
    b->read += got > 0 ? (uint64_t)got : 0;
    free(bytes);
    return got;
}

int tcp_bench_set(struct tcp_bench *b, enum tapir_sock_opt opt, int64_t value) {
    return tapir_sock_set(b->stack, b->sock != 0 ? b->sock : b->listener, opt, value, b->now_us);
}

int64_t tcp_bench_get(struct tcp_bench *b, enum tapir_sock_opt opt) {
    int64_t value = INT64_MIN;
    int error = tapir_sock_get(b->stack, b->sock != 0 ? b->sock : b->listener, opt, &value);
    return error != 0 ? error : value;
}

int tcp_bench_shut(struct tcp_bench *b, uint32_t how) { return tapir_sock_shutdown(b->stack, b->sock, how, b->now_us); }

void tcp_bench_close(struct tcp_bench *b) {
    cr_assert_eq(tapir_sock_close(b->stack, b->sock, b->now_us), 0);
    b->sock = 0;
}

uint32_t tcp_bench_ready(struct tcp_bench *b) {
    return tapir_sock_ready(b->stack, b->sock != 0 ? b->sock : b->listener);
}

tapir_sock tcp_bench_accept(struct tcp_bench *b) {
    tapir_sock child = 0;
    struct tapir_endpoint peer;
    int error = tapir_sock_accept(b->stack, b->listener, &child, &peer, b->now_us);
    cr_assert(error == 0 || error == -EAGAIN || error == -ENOBUFS);
    return child;
}

tapir_sock tcp_bench_socket(struct tcp_bench *b, uint16_t port) {
    tapir_sock sock = 0;
    struct tapir_endpoint local = {.port = port};
    if (tapir_sock_open(b->stack, TAPIR_SOCK_STREAM, 0, &sock) != 0) {
        return 0;
    }
    if (port != 0 && tapir_sock_bind(b->stack, sock, &local) != 0) {
        (void)tapir_sock_close(b->stack, sock, b->now_us);
        return 0;
    }
    if (b->config.rcvbuf_bytes != 0) {
        cr_assert_eq(tapir_sock_set(b->stack, sock, TAPIR_OPT_RCVBUF, b->config.rcvbuf_bytes / 2, b->now_us), 0);
    }
    if (b->config.sndbuf_bytes != 0) {
        cr_assert_eq(tapir_sock_set(b->stack, sock, TAPIR_OPT_SNDBUF, b->config.sndbuf_bytes / 2, b->now_us), 0);
    }
    return sock;
}

int tcp_bench_connect(struct tcp_bench *b, tapir_sock sock, uint32_t ipv4, uint16_t port) {
    struct tapir_endpoint peer = {.addr = addr_of_ipv4(ipv4), .port = port};
    return tapir_sock_connect(b->stack, sock, &peer, b->now_us);
}

/* ---- where the connection is ---- */

static struct tapir_endpoint our_end(void) {
    return (struct tapir_endpoint){.addr = addr_of_ipv4(BENCH_OUR_IPV4), .port = BENCH_OUR_PORT};
}

static struct tapir_endpoint peer_end(void) {
    return (struct tapir_endpoint){.addr = addr_of_ipv4(BENCH_PEER_IPV4), .port = BENCH_PEER_PORT};
}

struct tcp_conn *tcp_bench_conn(struct tcp_bench *b) {
    struct tapir_endpoint local = our_end();
    struct tapir_endpoint remote = peer_end();
    return tcp_table_conn(&b->stack->tcp, &local, &remote);
}

struct tcp_conn *tcp_bench_sock_conn(struct tcp_bench *b) {
    const struct sock *s = pool_get(&b->stack->sock.sockets, b->sock);
    struct tcp_conn *const *conn = s->impl; /* the first field of struct sock_stream */
    return *conn;
}

enum tcp_state tcp_bench_state(struct tcp_bench *b) {
    struct tapir_endpoint local = our_end();
    struct tapir_endpoint remote = peer_end();
    const struct tcp_conn *c = tcp_bench_conn(b);
    if (c != NULL) {
        return c->state;
    }
    if (tcp_table_half(&b->stack->tcp, &local, &remote) != NULL) {
        return SYN_RECEIVED;
    }
    if (tcp_table_wait(&b->stack->tcp, &local, &remote) != NULL) {
        return TIME_WAIT;
    }
    return b->sock == 0 && b->listener != 0 ? LISTEN : CLOSED;
}

/* ---- the ways into each state ---- */

/* Lets the clock run until the stack would choose the ISS asked for (MUST-8: a step every 4 us). */
static void await_iss(struct tcp_bench *b) {
    struct tapir_endpoint local = our_end();
    struct tapir_endpoint remote = peer_end();
    if (b->config.has_iss) {
        struct seq now = tcp_isn(&b->stack->tcp.isn_key, &local, &remote, b->now_us);
        tcp_bench_wait(b, 4ULL * (uint32_t)(b->config.iss - now.v));
    }
}

struct tcp_bench *tcp_bench_listen(const struct tcp_bench_config *config) {
    struct tcp_bench *b = tcp_bench_new(config);
    b->listener = tcp_bench_socket(b, BENCH_OUR_PORT);
    cr_assert_neq(b->listener, 0);
    cr_assert_eq(tapir_sock_listen(b->stack, b->listener, config->backlog != 0 ? config->backlog : 16, b->now_us), 0);
    await_iss(b);
    return b;
}

struct tcp_bench *tcp_bench_syn_sent(const struct tcp_bench_config *config) {
    struct tcp_bench *b = tcp_bench_new(config);
    b->sock = tcp_bench_socket(b, BENCH_OUR_PORT);
    cr_assert_neq(b->sock, 0);
    await_iss(b);
    cr_assert_eq(tcp_bench_connect(b, b->sock, BENCH_PEER_IPV4, BENCH_PEER_PORT), -EINPROGRESS);
    expect(b, SEG_FLAGS(F(SYN)), SEG_SEQ(-1), SEG_LEN(0));
    cr_assert(!config->has_iss || b->iss == config->iss);
    return b;
}

struct tcp_bench *tcp_bench_syn_received(const struct tcp_bench_config *config) {
    struct tcp_bench *b = config->active ? tcp_bench_syn_sent(config) : tcp_bench_listen(config);
    send_seg(b, .flags = F(SYN));
    expect(b, SEG_FLAGS(F(SYN) | F(ACK)), SEG_SEQ(-1), SEG_ACK(0), SEG_LEN(0));
    cr_assert(!config->has_iss || b->iss == config->iss);
    expect_state(b, SYN_RECEIVED);
    return b;
}

struct tcp_bench *tcp_bench_established(const struct tcp_bench_config *config) {
    struct tcp_bench *b;
    if (config->active) {
        b = tcp_bench_syn_sent(config);
        send_seg(b, .flags = F(SYN) | F(ACK));
        expect(b, SEG_FLAGS(F(ACK)), SEG_SEQ(0), SEG_ACK(0), SEG_LEN(0));
    } else {
        b = tcp_bench_syn_received(config);
        send_seg(b, .len = 0);
        expect_none(b);
        b->sock = tcp_bench_accept(b);
        cr_assert_neq(b->sock, 0);
    }
    expect_state(b, ESTABLISHED);
    return b;
}

struct tcp_bench *tcp_bench_fin_wait_1(const struct tcp_bench_config *config) {
    struct tcp_bench *b = tcp_bench_established(config);
    cr_assert_eq(tcp_bench_shut(b, TAPIR_SHUT_WR), 0);
    expect(b, SEG_FLAGS(F(FIN) | F(ACK)), SEG_SEQ(0), SEG_ACK(0), SEG_LEN(0));
    expect_state(b, FIN_WAIT_1);
    return b;
}

struct tcp_bench *tcp_bench_fin_wait_2(const struct tcp_bench_config *config) {
    struct tcp_bench *b = tcp_bench_fin_wait_1(config);
    send_seg(b, .len = 0);
    expect_none(b);
    expect_state(b, FIN_WAIT_2);
    return b;
}

struct tcp_bench *tcp_bench_close_wait(const struct tcp_bench_config *config) {
    struct tcp_bench *b = tcp_bench_established(config);
    send_seg(b, .flags = F(FIN) | F(ACK));
    expect(b, SEG_FLAGS(F(ACK)), SEG_SEQ(0), SEG_ACK(1), SEG_LEN(0));
    expect_state(b, CLOSE_WAIT);
    return b;
}

struct tcp_bench *tcp_bench_closing(const struct tcp_bench_config *config) {
    struct tcp_bench *b = tcp_bench_fin_wait_1(config);
    send_seg(b, .flags = F(FIN) | F(ACK), .ack = -1);
    expect(b, SEG_FLAGS(F(ACK)), SEG_SEQ(1), SEG_ACK(1), SEG_LEN(0));
    expect_state(b, CLOSING);
    return b;
}

struct tcp_bench *tcp_bench_last_ack(const struct tcp_bench_config *config) {
    struct tcp_bench *b = tcp_bench_close_wait(config);
    cr_assert_eq(tcp_bench_shut(b, TAPIR_SHUT_WR), 0);
    expect(b, SEG_FLAGS(F(FIN) | F(ACK)), SEG_SEQ(0), SEG_ACK(1), SEG_LEN(0));
    expect_state(b, LAST_ACK);
    return b;
}

struct tcp_bench *tcp_bench_time_wait(const struct tcp_bench_config *config) {
    struct tcp_bench *b = tcp_bench_fin_wait_2(config);
    send_seg(b, .flags = F(FIN) | F(ACK));
    expect(b, SEG_FLAGS(F(ACK)), SEG_SEQ(1), SEG_ACK(1), SEG_LEN(0));
    expect_state(b, TIME_WAIT);
    return b;
}

struct tcp_bench *tcp_bench_at(enum tcp_state state, const struct tcp_bench_config *config) {
    static struct tcp_bench *(*const ways[])(const struct tcp_bench_config *) = {
        [TAPIR_TCP_CLOSED] = tcp_bench_new,
        [TAPIR_TCP_LISTEN] = tcp_bench_listen,
        [TAPIR_TCP_SYN_SENT] = tcp_bench_syn_sent,
        [TAPIR_TCP_SYN_RECEIVED] = tcp_bench_syn_received,
        [TAPIR_TCP_ESTABLISHED] = tcp_bench_established,
        [TAPIR_TCP_FIN_WAIT_1] = tcp_bench_fin_wait_1,
        [TAPIR_TCP_FIN_WAIT_2] = tcp_bench_fin_wait_2,
        [TAPIR_TCP_CLOSE_WAIT] = tcp_bench_close_wait,
        [TAPIR_TCP_CLOSING] = tcp_bench_closing,
        [TAPIR_TCP_LAST_ACK] = tcp_bench_last_ack,
        [TAPIR_TCP_TIME_WAIT] = tcp_bench_time_wait,
    };
    return ways[tcp_state_number(state)](config);
}
