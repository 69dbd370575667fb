/* tapir-nc: standard input and output over a TCP connection or UDP, as a client or a listener. */
#include <signal.h>

#include "common.h"
#include "nc/nc.h"

static const char *take_option(void *ctx, int c, const char *value) {
    struct nc_options *options = ctx;
    switch (c) {
    case 'l':
        options->listen = true;
        return NULL;
    case 'u':
        options->udp = true;
        return NULL;
    case 'N':
        options->half_close = true;
        return NULL;
    case 'k':
        options->keep_listening = true;
        return NULL;
    case 'v':
        options->verbose = true;
        return NULL;
    case 'p':
        return common_take_port(value, &options->source_port);
    default:
        return common_take_seconds(value, 0, &options->idle_us);
    }
}

/* The operands: HOST PORT, or with -l the PORT alone. */
static void take_operands(struct nc_options *options, int count, char **operands) {
    if (options->listen && count == 0 && options->source_port != 0) {
        options->port = options->source_port; /* nc -l -p PORT, as traditional netcats want it */
        return;
    }
    if (count != (options->listen ? 1 : 2)) {
        common_usage("give %s", options->listen ? "the port to listen on" : "a host and a port");
    }
    options->host = options->listen ? NULL : operands[0];
    if (!common_port(operands[count - 1], &options->port)) {
        common_usage("%s is no port: give a number from 1 to 65535", operands[count - 1]);
    }
    if (options->keep_listening && (!options->listen || options->udp)) {
        common_usage(options->udp ? "-k is about connections: -u has none" : "-k goes with -l");
    }
    if (options->listen && options->source_port != 0) {
        common_usage("the port to listen on is said twice");
    }
}

int main(int argc, char **argv) {
    static const struct common_program program = {
        .name = "tapir-nc",
        .synopsis = "[options] HOST PORT\n       tapir-nc [options] -l PORT",
        .help = "  -l           listen on PORT and take one connection\n"
                "  -k           with -l: after that one, the next\n"
                "  -u           UDP instead of TCP\n"
                "  -N           at the end of input shut down the sending side (with -u: end)\n"
                "  -p PORT      source port\n"
                "  -w SECONDS   give up after this long without a connection or data\n"
                "  -v           say who is connected\n",
        .short_options = "lkuNp:w:v",
        .option = take_option,
    };
    struct tapir_config config;
    struct nc_options options = {0};
    const int first = common_parse(&program, &config, &options, argc, argv);
    take_operands(&options, argc - first, argv + first);
    common_need_output(&config);
    if (common_start(&config) != 0) {
        return COMMON_FAILURE;
    }
    /* Either side may go away while the other still has to be read. A write then fails, and that is reported. */
    signal(SIGPIPE, SIG_IGN);
    int result = -1;
    if (options.listen) {
        result = nc_serve(&options);
    } else {
        const int fd = nc_connect(&options);
        if (fd >= 0) {
            result = nc_relay(&options, fd);
            tapir_close(fd);
        }
    }
    if (!common_end()) {
        return COMMON_FAILURE;
    }
    const bool done = result == 0 || (options.keep_listening && common_stopped());
    return common_code(done ? COMMON_OK : COMMON_FAILURE);
}
