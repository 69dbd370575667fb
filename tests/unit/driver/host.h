/* For the tests of drivers: a host without descriptors, as an embedder has it (<tapir/driver.h>): a stack, a driver, and a device
 * whose other end is another host's. */
#ifndef TEST_DRIVER_HOST_H
#define TEST_DRIVER_HOST_H

#include <tapir/driver.h>

#include "support/env.h"

struct host {
    struct tapir_driver *driver;
    struct tapir_stack *stack;
    struct test_env env;
    struct tapir_device device;
    unsigned news; /* how often the listener was called */
    int reentered; /* what the driver said to a call from there */
};

/* Two hosts on one wire, as 10.0.0.1 and 10.0.0.2, driven. Fails the test if they cannot be. */
void host_pair_up(struct host *a, struct host *b);
void host_down(struct host *host);

/* Blocking calls, each by a thread with a tapir_driver_thread of its own. A stream that listens at the port; the next connection
 * to it; a stream connected to 10.0.0.`last`. */
tapir_sock host_listen(struct host *host, struct tapir_driver_thread *thread, uint16_t port);
tapir_sock host_accept(struct host *host, struct tapir_driver_thread *thread, tapir_sock listener);
tapir_sock host_connect(struct host *host, struct tapir_driver_thread *thread, uint8_t last, uint16_t port);

/* Sends all; receives at least a byte, or 0 at the end. */
void host_send(struct host *host, struct tapir_driver_thread *thread, tapir_sock sock, const void *bytes, size_t len);
size_t host_recv(struct host *host, struct tapir_driver_thread *thread, tapir_sock sock, void *bytes, size_t size);
void host_close(struct host *host, struct tapir_driver_thread *thread, tapir_sock sock);

#endif
