/* The pair of kernel sockets that shows a socket's readiness outside (pollfd.c makes it). */
#include "pair.h"

#include <sys/socket.h>

#include <tapir/sock.h>

#include "descriptors.h"
#include "host.h"

#define FILL_BYTES 4096
#define FILL_WRITES 8

/* The number may be something else meanwhile, or its flags the program's: neither a signal nor a wait comes of that. */
#define QUIETLY (MSG_DONTWAIT | MSG_NOSIGNAL)

static void show_readable(struct descriptor *descriptor, bool readable) {
    char byte = 0;
    if (readable) {
        (void)!send(descriptor->pair_fd, &byte, 1, QUIETLY);
    } else {
        (void)!recv(descriptor->fd, &byte, 1, QUIETLY);
    }
    descriptor->pair_readable = readable;
}

/* A few writes fill the buffer, whatever the kernel made its minimum; as many reads empty it. */
static void show_writable(struct descriptor *descriptor, bool writable) {
    static const char filling[FILL_BYTES];
    char drained[FILL_BYTES];
    ssize_t moved = 1;
    for (int i = 0; i < FILL_WRITES && moved > 0; i++) {
        moved = writable ? recv(descriptor->pair_fd, drained, sizeof drained, QUIETLY)
                         : send(descriptor->fd, filling, sizeof filling, QUIETLY);
    }
    descriptor->pair_writable = writable;
}

/* Called after everything that may change readiness; costs a system call only when it did. */
void posix_pair_update(struct descriptor *descriptor) {
    if (descriptor->pair_fd < 0 || descriptor->closed) {
        return;
    }
    uint32_t ready = tapir_sock_ready(posix_host.driver.stack, descriptor->sock);
    uint32_t both = TAPIR_READY_ERR | TAPIR_READY_HUP;
    bool readable = (ready & (TAPIR_READY_IN | TAPIR_READY_RDHUP | both)) != 0;
    bool writable = (ready & (TAPIR_READY_OUT | both)) != 0;
    if (readable != descriptor->pair_readable) {
        show_readable(descriptor, readable);
    }
    if (writable != descriptor->pair_writable) {
        show_writable(descriptor, writable);
    }
}
