/* What somebody should know while the stack runs, and no call is there to return. */
#include "tell.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tapir/socket.h>
#include <tapir/tap.h>
#include <tapir/trace.h>

#include "address.h"

static struct {
    void (*tell)(void *ctx, int error, const char *sentence);
    void *ctx;
    char device[sizeof((struct tapir_device *)NULL)->name]; /* what notices are about */
} listener;

/* By write: the stream may lead into a socket, and whoever has something to say be at work on the stack. */
void posix_tell_stderr(const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    size_t bytes = length < 0 ? 0 : (size_t)length;
    (void)!write(STDERR_FILENO, text, bytes < sizeof text ? bytes : sizeof text - 1);
}

/* A program that knows nothing of the stack has its user. */
static void pass_on(void *unused, int error, const char *sentence) {
    (void)unused;
    if (listener.tell != NULL) {
        listener.tell(listener.ctx, error, sentence);
    } else {
        posix_tell_stderr("tapir: %s\n", sentence);
    }
}

void posix_tell(int error, const char *format, ...) {
    char sentence[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    pass_on(NULL, error, sentence);
}

void posix_tell_broken(void *ctx, const struct tapir_broken *broken) {
    char local[INET_ADDRSTRLEN] = "";
    char remote[INET_ADDRSTRLEN] = "";
    struct in_addr addresses[2] = {posix_address_to_ipv4(&broken->local.addr),
                                   posix_address_to_ipv4(&broken->remote.addr)};
    (void)ctx;
    (void)inet_ntop(AF_INET, &addresses[0], local, sizeof local);
    (void)inet_ntop(AF_INET, &addresses[1], remote, sizeof remote);
    posix_tell(
        0,
        "a bug of Tapir's own ended the connection %s:%u to %s:%u (%s); please report: broken promise at %s:%d: %s;"
        " snd.una %u nxt %u wnd %u, rcv.nxt %u wnd %u, cwnd %u, unacknowledged %llu, unread %llu bytes",
        local, broken->local.port, remote, broken->remote.port,
        tapir_tcp_state_name((enum tapir_tcp_state)broken->state), broken->file, broken->line, broken->what,
        broken->snd_una, broken->snd_nxt, broken->snd_wnd, broken->rcv_nxt, broken->rcv_wnd, broken->cwnd_bytes,
        (unsigned long long)broken->unacked_bytes, (unsigned long long)broken->unread_bytes);
}

/* What is wrong, and what to do. The host's own side of the TAP is a station like another: with our address it answers us,
 * and the host's programs reach it instead of us. */
void posix_tell_notice(void *ctx, const struct tapir_notice *notice) {
    const char *device = listener.device;
    const uint8_t *m = notice->mac;
    char address[INET_ADDRSTRLEN] = "";
    char mac[sizeof "00:00:00:00:00:00"];
    struct in_addr ipv4 = posix_address_to_ipv4(&notice->addr);
    (void)ctx;
    (void)inet_ntop(AF_INET, &ipv4, address, sizeof address);
    snprintf(mac, sizeof mac, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
    switch (notice->kind) {
    case TAPIR_NOTICE_ADDRESS_SHARED:
        posix_tell(
            0,
            "%s is the address of another station on %s too (%s): what is sent to it may reach only one of the two."
            " Give one of them another address; whether it is this machine's, and where, says: ip address show to %s",
            address, device, mac, address);
        break;
    case TAPIR_NOTICE_ADDRESS_LOST:
        posix_tell(EADDRINUSE, "%s is the address of another station on %s (%s): it is not used here", address, device,
                   mac);
        break;
    case TAPIR_NOTICE_FRAME_LONG:
        posix_tell(
            0,
            "%u bytes came over %s in one datagram from %s, and our MTU is %u: it is dropped, as all such are. Use the"
            " same MTU on both sides: ip link set %s mtu %u",
            notice->bytes, device, mac, notice->mtu_bytes, device, notice->mtu_bytes);
        break;
    }
}

void posix_tell_init(const struct tapir_config *config, struct tapir_device *device) {
    listener.tell = config->tell;
    listener.ctx = config->tell_ctx;
    if (device != NULL) {
        memcpy(listener.device, device->name, sizeof listener.device);
        device->tell = pass_on;
    }
}
