/* tapir-httpd: serves the files of a directory over HTTP/1.1. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common.h"
#include "httpd/httpd.h"

#define CLOSE_MAX_US 5000000    /* for a client to read an answer and stop sending what was refused */
#define DESCRIPTORS_RESERVED 16 /* standard streams, TAP, epoll sets, the root, the listener */

struct options {
    uint16_t port;
    uint64_t idle_us, connections_max, peer_max, upload_bytes_max;
    bool list, upload, log;
};

static const char *take_option(void *ctx, int c, const char *value) {
    struct options *options = ctx;
    switch (c) {
    case 'p':
        return common_take_port(value, &options->port);
    case 'i':
        return common_take_seconds(value, 1000, &options->idle_us);
    case 'c':
        return common_take_number(value, 1, TAPIR_SOCKETS_MAX, &options->connections_max);
    case 'n':
        return common_take_number(value, 1, TAPIR_SOCKETS_MAX, &options->peer_max);
    case 'm':
        return common_take_number(value, 0, INT64_MAX, &options->upload_bytes_max);
    case 'L':
        options->list = false;
        return NULL;
    case 'u':
        options->upload = true;
        return NULL;
    default:
        options->log = true;
        return NULL;
    }
}

/* Opens the directory, and checks that the kernel can confine us to it. -1 after printing why. */
static int open_root(const char *directory) {
    const int root = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) {
        common_say("%s: %s", directory, strerror(errno));
        return -1;
    }
    const int again = httpd_path_open(root, ".", O_RDONLY, 0);
    if (again < 0) {
        common_say("openat2: %s; it takes Linux 5.6 to serve files safely", strerror(-again));
        close(root);
        return -1;
    }
    close(again);
    return root;
}

/* Checks that the user that we are now may use the directory as we have to. 0, or -1 after printing why. */
static int check_root(int root, const char *directory, bool upload) {
    if (faccessat(root, ".", R_OK | X_OK | (upload ? W_OK : 0), AT_EACCESS) == 0) {
        return 0;
    }
    common_say("%s: user %u may not %s there (%s): chown it, or name its owner by --user", directory,
               (unsigned)geteuid(), upload ? "read and write" : "read", strerror(errno));
    return -1;
}

/* Raises the limit of open descriptors as far as it goes, and deals them out: up to an eighth for files that are kept
 * open. A connection takes one, another for the file that it sends, and a third for the directory of an upload. */
static void deal_descriptors(struct httpd_server *server, uint64_t connections_wanted) {
    struct rlimit limit = {.rlim_max = UINT64_MAX};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    const uint64_t eighth = limit.rlim_max / 8;
    const unsigned kept = eighth < HTTPD_CACHE_FILES ? (unsigned)eighth : HTTPD_CACHE_FILES;
    const uint64_t taken = DESCRIPTORS_RESERVED + kept;
    const uint64_t room = limit.rlim_max > taken + 3 ? (limit.rlim_max - taken) / 3 : 1;
    server->cache.kept_max = kept;
    server->connections_max = (uint32_t)(connections_wanted < room ? connections_wanted : room);
}

/* As a browser wants it. */
static void say_where(const struct tapir_config *config, const struct options *options, const char *directory) {
    char port[8] = "";
    if (options->port != 80) {
        snprintf(port, sizeof port, ":%u", (unsigned)options->port);
    }
    common_say("serving %s on http://%.*s%s/", directory, (int)strcspn(config->address, "/"), config->address, port);
}

int main(int argc, char **argv) {
    static const struct option longs[] = {{"port", required_argument, NULL, 'p'},
                                          {"idle", required_argument, NULL, 'i'},
                                          {"connections", required_argument, NULL, 'c'},
                                          {"per-peer", required_argument, NULL, 'n'},
                                          {"no-list", no_argument, NULL, 'L'},
                                          {"upload", no_argument, NULL, 'u'},
                                          {"max-upload", required_argument, NULL, 'm'},
                                          {"log", no_argument, NULL, 'l'},
                                          {0}};
    static const struct common_program program = {
        .name = "tapir-httpd",
        .synopsis = "[options] DIR",
        .help = "  -p, --port PORT       where to listen (80)\n"
                "  -i, --idle SECONDS    end a connection that is so long without a request, or too slow (60)\n"
                "  -c, --connections N   at most so many at once, others wait (10000)\n"
                "  -n, --per-peer N      at most so many from one address (as many as are free)\n"
                "  -L, --no-list         do not list directories that have no index.html\n"
                "  -u, --upload          let clients put files into DIR\n"
                "  -m, --max-upload B    refuse larger files, in bytes (4000000000)\n"
                "  -l, --log             a line for each request on standard output\n",
        .short_options = "p:i:c:n:Lum:l",
        .longs = longs,
        .option = take_option,
    };
    static struct httpd_server server;
    struct tapir_config config;
    struct options options = {
        .port = 80, .list = true, .idle_us = 60000000, .connections_max = 10000, .upload_bytes_max = 4000000000U};
    const int first = common_parse(&program, &config, &options, argc, argv);
    if (argc - first != 1) {
        common_usage("give one directory");
    }
    server.idle_us = options.idle_us;
    server.close_us = options.idle_us < CLOSE_MAX_US ? options.idle_us : CLOSE_MAX_US;
    server.peer_max = (uint32_t)options.peer_max;
    deal_descriptors(&server, options.connections_max);
    server.list = options.list;
    server.upload = options.upload;
    server.upload_bytes_max = options.upload_bytes_max;
    server.log = options.log;
    signal(SIGXFSZ, SIG_IGN); /* an upload beyond "ulimit -f" is that client's error */
    server.root = open_root(argv[first]);
    if (server.root < 0 || common_start(&config) != 0) {
        return COMMON_FAILURE;
    }
    int result = check_root(server.root, argv[first], options.upload);
    const int listener = result == 0 ? common_listen(SOCK_STREAM | SOCK_NONBLOCK, options.port) : -1;
    result = -1;
    if (listener >= 0) {
        say_where(&config, &options, argv[first]);
        result = httpd_server_run(&server, listener);
    }
    return common_end() && result == 0 ? COMMON_OK : COMMON_FAILURE;
}
