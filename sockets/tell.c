/* What somebody should know while the stack runs, and no call is there to return. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>

#include <tapir/trace.h>

#include "internal.h"

static struct {
    void (*tell)(void *ctx, int error, const char *sentence);
    void *ctx;
} listener;

/* A program that knows nothing of the stack has its user. */
static void pass_on(void *unused, int error, const char *sentence) {
    (void)unused;
    if (listener.tell != NULL) {
        listener.tell(listener.ctx, error, sentence);
    } else {
        fprintf(stderr, "tapir: %s\n", sentence);
    }
}

void sockets_tell(int error, const char *format, ...) {
    char sentence[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    pass_on(NULL, error, sentence);
}

void sockets_tell_broken(void *ctx, const struct tapir_broken *broken) {
    char local[INET_ADDRSTRLEN] = "";
    char remote[INET_ADDRSTRLEN] = "";
    struct in_addr addresses[2] = {sockets_address_to_ipv4(&broken->local.addr),
                                   sockets_address_to_ipv4(&broken->remote.addr)};
    (void)ctx;
    (void)inet_ntop(AF_INET, &addresses[0], local, sizeof local);
    (void)inet_ntop(AF_INET, &addresses[1], remote, sizeof remote);
    sockets_tell(
        0,
        "a bug of Tapir's own ended the connection %s:%u to %s:%u (%s); please report: broken promise at %s:%d: %s;"
        " snd.una %u nxt %u wnd %u, rcv.nxt %u wnd %u, cwnd %u, unacknowledged %llu, unread %llu bytes",
        local, broken->local.port, remote, broken->remote.port,
        tapir_tcp_state_name((enum tapir_tcp_state)broken->state), broken->file, broken->line, broken->what,
        broken->snd_una, broken->snd_nxt, broken->snd_wnd, broken->rcv_nxt, broken->rcv_wnd, broken->cwnd_bytes,
        (unsigned long long)broken->unacked_bytes, (unsigned long long)broken->unread_bytes);
}

void sockets_tell_init(const struct tapir_config *config, struct tapir_device *device) {
    listener.tell = config->tell;
    listener.ctx = config->tell_ctx;
    if (device != NULL) {
        device->tell = pass_on;
    }
}
