/* A thread for each connection: blocking calls, and the others are not kept waiting. */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "common.h"
#include "echo/echo.h"

/* The descriptor travels in the pointer: there is nothing else to hand over, and nothing to free. */
static void *serve_one(void *ctx) {
    echo_blocking_session((int)(intptr_t)ctx);
    return NULL;
}

/* The stack uses less memory for a connection than a thread needs, so threads run out first. */
int echo_threads_serve(int listener) {
    atomic_uint_least64_t said_us = 0;
    while (!common_stopped()) {
        const int fd = tapir_accept(listener, NULL, NULL);
        if (fd >= 0) {
            const int why = common_thread(serve_one, (void *)(intptr_t)fd);
            if (why != 0) {
                tapir_close(fd);
            }
            if (why != 0 && common_say_again(&said_us)) {
                common_say("no thread for a connection: %s", strerror(why));
            }
        } else if (!common_accept_may_go_on(errno)) {
            common_say("accept: %s", strerror(errno));
            return -1;
        }
    }
    return 0;
}
