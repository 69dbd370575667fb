/* tapir-echo: sends back what it gets, over TCP in four classic server designs, or over UDP. */
#include <stdio.h>
#include <string.h>

#include "common.h"
#include "echo/echo.h"

static const struct design {
    const char *name;
    int (*serve)(int listener);
    int flags; /* of the listening socket */
} designs[] = {
    {"iterative", echo_iterative_serve, 0},
    {"threads", echo_threads_serve, 0},
    {"poll", echo_poll_serve, SOCK_NONBLOCK},
    {"epoll", echo_epoll_serve, SOCK_NONBLOCK},
};

struct options {
    const struct design *design; /* NULL: not chosen */
    bool udp;
    uint16_t port;
};

static const char *take_option(void *ctx, int c, const char *value) {
    struct options *options = ctx;
    switch (c) {
    case 'p':
        return common_take_port(value, &options->port);
    case 'u':
        options->udp = true;
        return NULL;
    default:
        for (size_t i = 0; i < sizeof designs / sizeof designs[0]; i++) {
            if (strcmp(value, designs[i].name) == 0) {
                options->design = &designs[i];
                return NULL;
            }
        }
        return "iterative, threads, poll or epoll";
    }
}

/* All of a server's setup: options, the stack, a listening socket. The rest is up to the design. */
int main(int argc, char **argv) {
    static const struct option longs[] = {{"mode", required_argument, NULL, 'm'},
                                          {"udp", no_argument, NULL, 'u'},
                                          {"port", required_argument, NULL, 'p'},
                                          {0}};
    static const struct common_program program = {
        .name = "tapir-echo",
        .synopsis = "[options]",
        .help = "  -m, --mode MODE   iterative, threads, poll or epoll (epoll)\n"
                "  -u, --udp         datagrams instead of connections\n"
                "  -p, --port PORT   where to listen (7)\n",
        .short_options = "m:up:",
        .longs = longs,
        .option = take_option,
    };
    struct tapir_config config;
    struct options options = {.port = 7};
    if (common_parse(&program, &config, &options, argc, argv) != argc) {
        common_usage("operands are not expected");
    }
    if (options.udp && options.design != NULL) {
        common_usage("--mode is about connections: --udp has none");
    }
    const struct design *design = options.design == NULL ? &designs[3] : options.design;
    if (common_start(&config) != 0) {
        return COMMON_FAILURE;
    }
    const int fd = common_listen(options.udp ? SOCK_DGRAM : SOCK_STREAM | design->flags, options.port);
    int result = -1;
    if (fd >= 0) {
        common_say("%s port %u on %s (%s)", options.udp ? "UDP" : "TCP", (unsigned)options.port, config.address,
                   options.udp ? "datagrams" : design->name);
        result = options.udp ? echo_udp_serve(fd, options.port) : design->serve(fd);
    }
    return common_end() && result == 0 ? COMMON_OK : COMMON_FAILURE;
}
