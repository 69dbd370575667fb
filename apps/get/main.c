/* tapir-get: fetches an http:// URL, or puts a file there. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common.h"
#include "get/get.h"
#include "http/http.h"

/* Beside the common exit codes: the server answered, but with an error. */
enum { GET_HTTP_ERROR = 22 };

struct options {
    const char *output, *upload;
    int output_fd, upload_fd; /* of those, once they are open */
    bool head_only, show_head, fail, quiet;
    uint64_t redirects_max, timeout_us;
};

static const char *take_option(void *ctx, int c, const char *value) {
    struct options *options = ctx;
    switch (c) {
    case 'o':
        options->output = value;
        return NULL;
    case 'T':
        options->upload = value;
        return NULL;
    case 'I':
        options->head_only = true;
        return NULL;
    case 'i':
        options->show_head = true;
        return NULL;
    case 'f':
        options->fail = true;
        return NULL;
    case 'q':
        options->quiet = true;
        return NULL;
    case 'L':
        return common_take_number(value, 0, 50, &options->redirects_max);
    default:
        return common_take_seconds(value, 0, &options->timeout_us);
    }
}

/* Does this status redirect (and not answer a condition or offer a choice)? */
static bool is_redirect(const struct get_transfer *transfer) {
    const int status = transfer->status;
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Runs the transfer and follows redirects. The exit code. */
static int run(const struct options *options, const struct get_url *url) {
    /* A relative Location is resolved against the previous URL, so two URLs take turns. */
    struct get_url urls[2];
    static struct get_transfer transfer;
    urls[0] = *url;
    for (uint64_t hop = 0;; hop++) {
        transfer.url = &urls[hop % 2];
        transfer.upload = options->upload;
        transfer.upload_fd = options->upload_fd;
        transfer.output = options->output_fd;
        transfer.head_only = options->head_only;
        transfer.show_head = options->show_head;
        transfer.drop_errors = options->fail;
        transfer.drop_redirects = options->redirects_max > 0;
        transfer.timeout_us = options->timeout_us;
        transfer.progress = !options->quiet && isatty(STDERR_FILENO) && !isatty(options->output_fd);
        if (get_transfer_run(&transfer) != 0) {
            return COMMON_FAILURE;
        }
        if (!is_redirect(&transfer) || options->upload != NULL || options->redirects_max == 0) {
            break;
        }
        if (hop == options->redirects_max) {
            common_say("more than %u redirects", (unsigned)options->redirects_max);
            return COMMON_FAILURE;
        }
        if (transfer.location[0] == '\0') {
            common_say("the server answered %d, but not where to go", transfer.status);
            return COMMON_FAILURE;
        }
        const char *wrong = get_url_follow(transfer.url, transfer.location, &urls[(hop + 1) % 2]);
        if (wrong != NULL) {
            static char shown[4 * GET_URL_MAX];
            http_value_escape(transfer.location, shown, sizeof shown);
            common_say("redirected to %s, which is %s", shown, wrong);
            return COMMON_FAILURE;
        }
    }
    /* Only a 2xx says that an upload has been accepted. */
    const bool refused = transfer.status >= 400 || (options->upload != NULL && transfer.status / 100 != 2);
    if (refused && !options->quiet) {
        common_say("the server answered %d", transfer.status);
    }
    return refused && (options->fail || options->upload != NULL) ? GET_HTTP_ERROR : COMMON_OK;
}

static int open_or_say(const char *name, int flags) {
    const int fd = open(name, flags | O_CLOEXEC, 0666);
    if (fd < 0) {
        common_say("%s: %s", name, strerror(errno));
    }
    return fd;
}

/* Opens the file before anything is sent, since it is no use fetching what cannot be stored, and before root is dropped. 0
 * or -1 after printing why. */
static int open_files(struct options *options) {
    options->output_fd = STDOUT_FILENO;
    if (options->upload != NULL) {
        options->upload_fd = open_or_say(options->upload, O_RDONLY);
    }
    if (options->upload_fd >= 0 && options->output != NULL && strcmp(options->output, "-") != 0) {
        options->output_fd = open_or_say(options->output, O_WRONLY | O_CREAT | O_TRUNC);
    }
    return options->upload_fd < 0 || options->output_fd < 0 ? -1 : 0;
}

int main(int argc, char **argv) {
    static const struct common_program program = {
        .name = "tapir-get",
        .synopsis = "[options] URL",
        .help = "  -o FILE      write the body to FILE instead of standard output\n"
                "  -T FILE      put FILE at URL\n"
                "  -I           ask for the header lines only, and print them\n"
                "  -i           print the header lines too\n"
                "  -f           an error of the server is a failure, and its text is dropped\n"
                "  -L N         follow at most N redirects (10)\n"
                "  -m SECONDS   give up after so long without progress (60)\n"
                "  -q           no progress line\n",
        .short_options = "o:T:IifL:m:q",
        .option = take_option,
    };
    struct tapir_config config;
    struct options options = {.redirects_max = 10, .timeout_us = 60000000};
    struct get_url url;
    const int first = common_parse(&program, &config, &options, argc, argv);
    if (argc - first != 1) {
        common_usage("give one URL");
    }
    const char *wrong = get_url_parse(argv[first], &url);
    if (wrong != NULL) {
        common_usage("%s is %s", argv[first], wrong);
    }
    if (options.output == NULL || strcmp(options.output, "-") == 0) {
        common_need_output(&config);
    }
    if (open_files(&options) != 0 || common_start(&config) != 0) {
        return COMMON_FAILURE;
    }
    int result = common_code(run(&options, &url));
    if (!common_end() && result == COMMON_OK) {
        result = COMMON_FAILURE;
    }
    /* Some file systems report a full disk only here. */
    if (options.output_fd != STDOUT_FILENO && close(options.output_fd) != 0) {
        common_say("%s: %s", options.output, strerror(errno));
        result = COMMON_FAILURE;
    }
    return result;
}
