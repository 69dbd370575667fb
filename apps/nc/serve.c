/* The listening side: takes one connection, or one after the other. */
#include "common.h"
#include "nc/nc.h"

/* A datagram listener is its own connection, so there is no second one to wait for. A failure of a peer ends its connection
 * alone, and the next is taken. */
int nc_serve(const struct nc_options *options) {
    const int listener = common_listen((options->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK, options->port);
    int result = listener < 0 ? -1 : 0;
    bool again = result == 0;
    while (again) {
        const int fd = nc_accept(options, listener);
        result = fd < 0 ? -1 : nc_relay(options, fd);
        if (fd >= 0 && fd != listener) {
            tapir_close(fd);
        }
        again = result >= 0 && options->keep_listening && !options->udp && !common_stopped();
    }
    if (listener >= 0) {
        tapir_close(listener);
    }
    return result;
}
