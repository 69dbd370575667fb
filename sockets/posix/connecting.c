/* The end of a handshake, and calls that need the connection that is there now. */
#include "connecting.h"

#include <errno.h>
#include <sys/socket.h>

#include <tapir/sock.h>

#include "descriptors.h"
#include "host.h"
#include "sockets/driver/driver.h"
#include "wait.h"
#include "watch.h"

/* As Linux: whoever waits for the connection that was is told EPIPE. */
int posix_connecting_disconnect(struct descriptor *descriptor) {
    int result = tapir_sock_connect(posix_host.driver.stack, descriptor->sock, NULL, driver_clock_now());
    descriptor->syn_waits = false;
    if (result == 0 && descriptor->type == SOCK_STREAM) {
        descriptor->disconnects++;
        posix_watch_notify(descriptor);
    }
    return result;
}

int posix_connecting_wait(struct descriptor *descriptor, uint32_t events, uint64_t deadline_us, bool restartable) {
    unsigned before = descriptor->disconnects;
    int result = posix_wait_ready(descriptor, events, deadline_us, restartable);
    return descriptor->disconnects != before && result != -EBADF ? -EPIPE : result;
}

bool posix_connecting_connected(const struct descriptor *descriptor) {
    struct tapir_endpoint peer;
    return tapir_sock_peer(posix_host.driver.stack, descriptor->sock, &peer) == 0;
}

/* How the handshake ended. Over without an error is no success; after a failure the socket may try again, as on Linux. */
static int connect_ended(struct descriptor *descriptor) {
    struct tapir_endpoint peer;
    int64_t failure = 0;
    if (tapir_sock_peer(posix_host.driver.stack, descriptor->sock, &peer) ==
        0) { /* now it is told: later it is EISCONN */
        (void)tapir_sock_connect(posix_host.driver.stack, descriptor->sock, &peer, driver_clock_now());
        return 0;
    }
    (void)tapir_sock_get(posix_host.driver.stack, descriptor->sock, TAPIR_OPT_ERROR, &failure);
    (void)posix_connecting_disconnect(descriptor);
    return failure != 0 ? (int)-failure : -ECONNABORTED;
}

int posix_connecting_await(struct descriptor *descriptor, int begun) {
    uint64_t deadline_us = driver_clock_deadline(descriptor->send_timeout_us);
    uint32_t ended = TAPIR_READY_OUT | TAPIR_READY_ERR | TAPIR_READY_HUP;
    do {
        int error = posix_connecting_wait(descriptor, ended, deadline_us, true);
        if (error != 0) {
            return error == -EAGAIN ? begun : error;
        }
    } while ((tapir_sock_ready(posix_host.driver.stack, descriptor->sock) & ended) == 0);
    return connect_ended(descriptor);
}
