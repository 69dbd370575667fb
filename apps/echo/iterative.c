/* The simplest server: one connection after the other. */
#include <errno.h>
#include <string.h>

#include "common.h"
#include "echo/echo.h"

/* While one peer is served the next waits in the listener's queue, for as long as the first likes. That is the only fault of
 * this design, and for short exchanges it does not matter. */
int echo_iterative_serve(int listener) {
    while (!common_stopped()) {
        const int fd = tapir_accept(listener, NULL, NULL);
        if (fd >= 0) {
            echo_blocking_session(fd);
        } else if (!common_accept_may_go_on(errno)) {
            common_say("accept: %s", strerror(errno));
            return -1;
        }
    }
    return 0;
}
