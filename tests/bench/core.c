/* The core alone, two stacks back to back in virtual time: what scripts/bench core counts the instructions of.
 *
 * usage: core super|segment|ack|request|connection COUNT. The same arguments give the same instructions: the seed is fixed, and
 * no clock is read. A run with a larger COUNT costs more by so many operations; what both begin with falls out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tapir/core.h>
#include <tapir/sock.h>

#define PORT 7
#define BULK_BYTES 65536U

static struct tapir_stack *stacks[2];
static uint64_t now_us = 1000000000, seed = 1;
static uint8_t buffer[2 * BULK_BYTES];

/* The last frame of host 1 without text, and how many bytes it has. */
static uint8_t last_ack[128];
static uint32_t last_ack_len;

static void *env_alloc(void *ctx, size_t bytes) {
    (void)ctx;
    return malloc(bytes);
}

static void env_free(void *ctx, void *block, size_t bytes) {
    (void)ctx;
    (void)bytes;
    free(block);
}

static void env_random(void *ctx, void *bytes, size_t len) {
    (void)ctx;
    for (size_t i = 0; i < len; i++) {
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
        ((uint8_t *)bytes)[i] = (uint8_t)(seed >> 56);
    }
}

void tapir_abort_hook(const char *what, const char *file, int line) {
    fprintf(stderr, "%s:%d: %s\n", file, line, what);
    abort();
}

static void fail(const char *what) {
    fprintf(stderr, "core: %s\n", what);
    exit(1);
}

static void give(int to, const void *bytes, uint32_t len, const struct tapir_offload *offload) {
    struct tapir_frame *frame = tapir_frame_alloc(stacks[to], len);
    if (frame == NULL) {
        fail("no memory for a frame");
    }
    memcpy(frame->data, bytes, len);
    frame->len = len;
    frame->offload = *offload;
    (void)tapir_stack_input(stacks[to], 1, frame, now_us);
    tapir_frame_release(frame);
}

/* Carries one frame from a stack to the other; false: it has none. */
static bool carry(int from) {
    static struct tapir_out out;
    static uint8_t bytes[BULK_BYTES + 256];
    if (tapir_stack_output(stacks[from], 1, &out, now_us) == 0) {
        return false;
    }
    memcpy(bytes, out.header, out.header_len);
    size_t len = out.header_len;
    for (size_t i = 0; i < out.piece_count; i++) {
        memcpy(bytes + len, out.pieces[i].base, out.pieces[i].len);
        len += out.pieces[i].len;
    }
    if (from == 1 && out.piece_count == 0 && len <= sizeof last_ack) {
        memcpy(last_ack, bytes, len);
        last_ack_len = (uint32_t)len;
    }
    give(!from, bytes, (uint32_t)len, &out.offload);
    return true;
}

static void carry_all(void) {
    while (carry(0) || carry(1)) {
    }
}

static void pass(uint64_t us) {
    now_us += us;
    for (int i = 0; i < 2; i++) {
        if (tapir_stack_deadline(stacks[i]) <= now_us) {
            tapir_stack_tick(stacks[i], now_us);
        }
    }
    carry_all();
}

static void start(uint32_t caps) {
    static struct tapir_env env = {.alloc = env_alloc, .free = env_free, .random = env_random};
    for (uint8_t i = 0; i < 2; i++) {
        const struct tapir_netif_config config = {
            .name = "wire", .mac = {2, 0, 0, 0, 0, i}, .mtu_bytes = 1500, .caps = caps};
        const struct tapir_addr addr = {.b = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = (uint8_t)(i + 1)}};
        stacks[i] = tapir_stack_create(&env, 0, now_us);
        if (stacks[i] == NULL || tapir_netif_add(stacks[i], &config) != 1 ||
            tapir_netif_add_address(stacks[i], 1, &addr, 24, false, now_us) != 0) {
            fail("no stack");
        }
    }
    pass(1000000);
}

static tapir_sock listen_at(const struct tapir_endpoint *here) {
    tapir_sock sock;
    if (tapir_sock_open(stacks[1], TAPIR_SOCK_STREAM, 0, &sock) != 0 || tapir_sock_bind(stacks[1], sock, here) != 0 ||
        tapir_sock_listen(stacks[1], sock, 8, now_us) != 0) {
        fail("no listener");
    }
    return sock;
}

struct pair {
    tapir_sock client, server;
};

static struct pair connect_to(tapir_sock listener, const struct tapir_endpoint *there) {
    struct pair pair;
    struct tapir_endpoint peer;
    (void)tapir_sock_open(stacks[0], TAPIR_SOCK_STREAM, 0, &pair.client);
    (void)tapir_sock_connect(stacks[0], pair.client, there, now_us);
    pass(100);
    if (tapir_sock_accept(stacks[1], listener, &pair.server, &peer, now_us) != 0) {
        fail("no connection");
    }
    return pair;
}

static void disconnect(struct pair pair) {
    (void)tapir_sock_close(stacks[0], pair.client, now_us);
    pass(100);
    (void)tapir_sock_close(stacks[1], pair.server, now_us);
    pass(100);
}

static size_t move(int from, tapir_sock out, tapir_sock in, size_t len) {
    const struct tapir_iovec send = {buffer, len}, receive = {buffer, sizeof buffer};
    const struct tapir_msg message = {.iov = &send, .iov_count = 1};
    struct tapir_msg got = {.iov = &receive, .iov_count = 1};
    (void)tapir_sock_send(stacks[from], out, &message, 0, now_us);
    pass(50);
    int64_t bytes = tapir_sock_recv(stacks[!from], in, &got, 0, now_us);
    pass(50);
    return bytes > 0 ? (size_t)bytes : 0;
}

static void run(const char *what, unsigned long count) {
    const struct tapir_endpoint there = {.addr = {.b = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 2}}, .port = PORT};
    static const struct tapir_offload none;
    tapir_sock listener = listen_at(&there);
    if (strcmp(what, "connection") == 0) {
        for (unsigned long i = 0; i < count; i++) {
            disconnect(connect_to(listener, &there));
        }
        return;
    }
    struct pair pair = connect_to(listener, &there);
    size_t bulk = strcmp(what, "segment") == 0 ? 1448 : BULK_BYTES;
    for (unsigned long i = 0; i < count; i++) {
        if (strcmp(what, "ack") == 0) {
            if (i == 0) {
                (void)move(0, pair.client, pair.server, 1448);
            }
            give(0, last_ack, last_ack_len, &none);
        } else if (strcmp(what, "request") == 0) {
            if (move(0, pair.client, pair.server, 1) != 1 || move(1, pair.server, pair.client, 1) != 1) {
                fail("an answer is missing");
            }
        } else {
            (void)move(0, pair.client, pair.server, bulk);
        }
    }
    disconnect(pair);
}

int main(int argc, char **argv) {
    static const char *const kinds[] = {"super", "segment", "ack", "request", "connection"};
    for (size_t i = 0; argc == 3 && i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(argv[1], kinds[i]) == 0) {
            start(i == 0 ? TAPIR_CAP_CSUM | TAPIR_CAP_TSO4 : TAPIR_CAP_CSUM);
            run(argv[1], strtoul(argv[2], NULL, 10));
            return 0;
        }
    }
    fprintf(stderr, "usage: core super|segment|ack|request|connection COUNT\n");
    return 2;
}
