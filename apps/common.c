/* What every sample program shares: the stack's options, start and end, addresses, threads, messages. */
#include "common.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <tapir/trace.h>

#include "number.h"
#include "rights.h"

#define OPTIONS_MAX 64
#define TWICE_US 100000U /* two signals within this are one */

enum {
    OPTION_TAP = COMMON_FIRST_VALUE,
    OPTION_TAP_FD,
    OPTION_ADDRESS,
    OPTION_GATEWAY,
    OPTION_MAC,
    OPTION_MTU,
    OPTION_HOST,
    OPTION_PCAP,
    OPTION_FILTER,
    OPTION_TRACE,
    OPTION_USER,
    OPTION_NO_OFFLOAD,
    OPTION_HELP,
    OPTION_VERSION,
};

/* Long names only: the short letters are left to the programs, most of which follow a well-known one. */
static const struct option common_longs[] = {
    {"tap", required_argument, NULL, OPTION_TAP},
    {"tap-fd", required_argument, NULL, OPTION_TAP_FD},
    {"address", required_argument, NULL, OPTION_ADDRESS},
    {"gateway", required_argument, NULL, OPTION_GATEWAY},
    {"mac", required_argument, NULL, OPTION_MAC},
    {"mtu", required_argument, NULL, OPTION_MTU},
    {"host", required_argument, NULL, OPTION_HOST},
    {"pcap", required_argument, NULL, OPTION_PCAP},
    {"filter", required_argument, NULL, OPTION_FILTER},
    {"trace", no_argument, NULL, OPTION_TRACE},
    {"no-offload", no_argument, NULL, OPTION_NO_OFFLOAD},
    {"user", required_argument, NULL, OPTION_USER},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
};

static const char common_help[] =
    "The stack:\n"
    "  --tap NAME        TAP device to attach to, created if we may (tap0)\n"
    "  --tap-fd N        an open TAP descriptor to use instead\n"
    "  --address A/N     the stack's address (10.0.0.2/24)\n"
    "  --gateway A       next hop for everything beyond\n"
    "  --mac M           hardware address (derived from the others)\n"
    "  --mtu BYTES       IP bytes in a frame, 68 to 65521 (the device's)\n"
    "  --host A/N        bring up the host's side of the TAP with this address\n"
    "  --no-offload      plain frames, checksums in software\n"
    "  --pcap FILE       write what passes to FILE (- is standard output)\n"
    "  --filter EXPR     only what this libpcap expression chooses\n"
    "  --trace           a line on standard error for each event in the stack\n"
    "  --user NAME       as root: who to be once the TAP is open (who called sudo, or nobody)\n"
    "  --help, --version\n";

/* The running program, whose name messages begin with. Set once, before there are threads. */
static const struct common_program *program;
static volatile sig_atomic_t stopped; /* the number of the signal that asked for the end */
static volatile uint64_t stopped_us;  /* when */
static atomic_bool broken;            /* something that the user asked for has stopped */

static void say(const char *format, va_list arguments) {
    char text[1024];
    vsnprintf(text, sizeof text, format, arguments);
    fprintf(stderr, "%s: %s\n", program == NULL ? "tapir" : program->name, text);
}

/* What fails after an interrupt failed because of it, and is not reported. */
void common_say(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    if (!common_stopped()) {
        say(format, arguments);
    }
    va_end(arguments);
}

/* The same, even after an interrupt. */
__attribute__((format(printf, 1, 2))) static void say_always(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
}

bool common_say_again(atomic_uint_least64_t *said_us) {
    const uint64_t now_us = common_now_us();
    uint64_t before_us = atomic_load(said_us);
    return (before_us == 0 || now_us - before_us >= 1000000) &&
           atomic_compare_exchange_strong(said_us, &before_us, now_us);
}

void common_usage(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
    fprintf(stderr, "Try '%s --help'.\n", program->name);
    exit(COMMON_USAGE);
}

/* Runs inside the stack, under its lock: it prints and touches nothing else. */
static void print_event(void *ctx, const struct tapir_event *event) {
    (void)ctx;
    char line[512];
    tapir_trace_format(event, line, sizeof line);
    fprintf(stderr, "%s\n", line);
}

__attribute__((noreturn)) static void print_help(void) {
    printf("Usage: %s %s\n\n%s%s%s", program->name, program->synopsis, program->help == NULL ? "" : program->help,
           program->help == NULL ? "" : "\n", common_help);
    exit(COMMON_OK);
}

/* As print_event. */
static void take_word(void *ctx, int error, const char *sentence) {
    (void)ctx;
    say_always("%s", sentence);
    if (error != 0) {
        atomic_store(&broken, true);
    }
}

/* What tapir_up calls once root is not needed any more. */
static int drop_rights(void *user, char *error, size_t size) { return rights_drop(user, error, size); }

/* An option of the stack's own, as struct common_program has it. */
static const char *take_common(struct tapir_config *config, int c, const char *value) {
    uint64_t number = 0;
    const char *wanted;
    switch (c) {
    case OPTION_TAP:
        config->tap = value;
        return NULL;
    case OPTION_TAP_FD:
        wanted = common_take_number(value, 0, INT32_MAX, &number);
        config->tap_fd = (int)number;
        return wanted;
    case OPTION_ADDRESS:
        config->address = value;
        return NULL;
    case OPTION_GATEWAY:
        config->gateway = value;
        return NULL;
    case OPTION_MAC:
        config->mac = value;
        return NULL;
    case OPTION_MTU:
        wanted = common_take_number(value, TAPIR_MTU_MIN, TAPIR_MTU_MAX, &number);
        config->mtu_bytes = (uint32_t)number;
        return wanted;
    case OPTION_HOST:
        config->host_address = value;
        return NULL;
    case OPTION_PCAP:
        config->pcap = value;
        return NULL;
    case OPTION_FILTER:
        config->filter = value;
        return NULL;
    case OPTION_TRACE:
        config->trace = print_event;
        return NULL;
    case OPTION_USER:
        config->opened_ctx = (void *)(uintptr_t)value;
        return NULL;
    default:
        config->no_offload = true;
        return NULL;
    }
}

/* Says what getopt_long could not take. It has passed `element`, unless that was one of several letters. */
__attribute__((noreturn)) static void refuse_option(int c, const char *letters, const char *element) {
    if (c == ':') {
        common_usage("%s lacks its value", element);
    }
    if (optopt == 0) {
        common_usage("%s is no option, or short for several", element);
    }
    if (optopt > ' ' && optopt < COMMON_FIRST_VALUE && strchr(letters, optopt) == NULL) {
        common_usage("-%c is no option", optopt);
    }
    common_usage("%s: this option takes no value", element);
}

/* The same for a value. name: of a long option; NULL: it was the letter c. */
__attribute__((noreturn)) static void refuse_value(int c, const char *name, const char *value, const char *wanted) {
    const char letter[] = {(char)c, '\0'};
    common_usage("-%s%s %s: it takes %s", name == NULL ? "" : "-", name == NULL ? letter : name, value, wanted);
}

/* The program's own long options and the common ones in one table, as getopt_long wants it. */
static void merge_options(struct option *merged) {
    size_t count = 0;
    for (const struct option *own = program->longs; own != NULL && own->name != NULL; own++) {
        merged[count++] = *own;
    }
    memcpy(merged + count, common_longs, sizeof common_longs);
    merged[count + sizeof common_longs / sizeof common_longs[0]] = (struct option){0};
}

int common_parse(const struct common_program *which, struct tapir_config *config, void *ctx, int argc, char **argv) {
    struct option merged[OPTIONS_MAX];
    char letters[OPTIONS_MAX];
    program = which;
    *config = (struct tapir_config)TAPIR_CONFIG_DEFAULT;
    config->tap = "tap0";
    config->address = "10.0.0.2/24";
    config->opened = drop_rights;
    config->tell = take_word;
    merge_options(merged);
    /* The colon makes a missing value ':' and not '?'. getopt's own messages name argv[0], which may be anything. */
    snprintf(letters, sizeof letters, ":%s", program->short_options);
    opterr = 0;
    optind = 1;
    for (;;) {
        int index = -1;
        const int c = getopt_long(argc, argv, letters, merged, &index);
        if (c == -1) {
            break;
        }
        if (c == '?' || c == ':') {
            refuse_option(c, letters, argv[optind - 1]);
        } else if (c == OPTION_HELP) {
            print_help();
        } else if (c == OPTION_VERSION) {
            printf("%s %s\n", program->name, TAPIR_VERSION);
            exit(COMMON_OK);
        } else {
            const char *wanted =
                c >= COMMON_FIRST_VALUE ? take_common(config, c, optarg) : program->option(ctx, c, optarg);
            if (wanted != NULL) {
                refuse_value(c, index < 0 ? NULL : merged[index].name, optarg, wanted);
            }
        }
    }
    if (config->filter != NULL && config->pcap == NULL) {
        common_usage("--filter chooses what --pcap writes: give both");
    }
    return optind;
}

/* The second Ctrl-C ends the program at once. But timeout(1) and shells signal the program and then its group, so two
 * signals within a moment count as one. A call that blocks just after a signal would miss it, so the signal is repeated
 * until the program has ended. */
static void on_signal(int number) {
    const int before = errno;
    const uint64_t now_us = common_now_us();
    if (number != SIGALRM && stopped == 0) {
        stopped_us = now_us;
        stopped = number;
    } else if (number != SIGALRM && now_us - stopped_us >= TWICE_US) {
        signal(number, SIG_DFL);
        raise(number); /* behind this handler */
    }
    alarm(1);
    errno = before;
}

static bool captures_to_output(const struct tapir_config *config) {
    return config->pcap != NULL && strcmp(config->pcap, "-") == 0;
}

void common_need_output(const struct tapir_config *config) {
    if (captures_to_output(config)) {
        common_usage("--pcap -: standard output is for the data; name a file");
    }
}

int common_start(const struct tapir_config *config) {
    char error[512] = "";
    if (tapir_up(config, error, sizeof error) != 0) {
        if (errno == EINVAL) {
            common_usage("%s", error);
        }
        common_say("%s", error);
        return -1;
    }
    if (error[0] != '\0') {
        common_say("%s", error);
    }
    /* The capture has its own descriptor by now. */
    if (captures_to_output(config) && dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
        common_say("standard output: %s", strerror(errno));
        return -1;
    }
    /* sigaction and not signal, which sets SA_RESTART: without it a blocked call ends with EINTR. */
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGALRM);
    sigaddset(&action.sa_mask, SIGINT);
    sigaddset(&action.sa_mask, SIGTERM);
    sigaction(SIGALRM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return 0;
}

bool common_end(void) {
    tapir_down();
    /* What was printed may still be in stdio's buffer, and the disk may be full. */
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        take_word(NULL, EIO, "standard output: not all of it could be written");
    }
    return !atomic_load(&broken);
}

bool common_stopped(void) { return stopped != 0; }

int common_code(int code) { return code == COMMON_FAILURE && stopped != 0 ? 128 + stopped : code; }

bool common_port(const char *text, uint16_t *port) {
    uint64_t number = 0;
    if (!number_parse(text, 1, UINT16_MAX, &number)) {
        return false;
    }
    *port = (uint16_t)number;
    return true;
}

bool common_seconds(const char *text, uint64_t *us) {
    char *end;
    /* strtod alone would take "inf", "nan" and hexadecimal. */
    if (text[strspn(text, "0123456789.")] != '\0' || *text == '\0') {
        return false;
    }
    const double seconds = strtod(text, &end);
    if (*end != '\0' || end == text || seconds > 1e9) {
        return false;
    }
    *us = (uint64_t)(seconds * 1e6 + 0.5);
    return true;
}

/* One option at a time is read, by one thread. */
static char wanted_text[96];

const char *common_take_number(const char *text, uint64_t min, uint64_t max, uint64_t *value) {
    if (number_parse(text, min, max, value)) {
        return NULL;
    }
    const unsigned long long least = min;
    if (max < INT64_MAX) {
        snprintf(wanted_text, sizeof wanted_text, "a whole number from %llu to %llu", least, (unsigned long long)max);
    } else {
        snprintf(wanted_text, sizeof wanted_text, "a whole number, at least %llu", least);
    }
    return wanted_text;
}

const char *common_take_port(const char *text, uint16_t *port) {
    return common_port(text, port) ? NULL : "a port, a number from 1 to 65535";
}

const char *common_take_seconds(const char *text, uint64_t min_us, uint64_t *us) {
    if (common_seconds(text, us) && *us >= min_us) {
        return NULL;
    }
    if (min_us == 0) {
        return "seconds, such as 1.5";
    }
    snprintf(wanted_text, sizeof wanted_text, "seconds, at least %g, such as 1.5", (double)min_us / 1e6);
    return wanted_text;
}

int common_wait_ms(uint64_t us) { return us / 1000 >= INT32_MAX ? INT32_MAX : (int)((us + 999) / 1000); }

const char *common_error_text(int error) {
    return error == ENETUNREACH ? "Network is unreachable: it is beyond the stack's own; --gateway names the way there"
                                : strerror(error);
}

int common_resolve(const char *host, uint16_t port, struct sockaddr_in *address) {
    const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    const int why = getaddrinfo(host, NULL, &hints, &found);
    if (why != 0) {
        common_say("%s: %s", host, gai_strerror(why));
        return -1;
    }
    memcpy(address, found->ai_addr, sizeof *address);
    address->sin_port = htons(port);
    freeaddrinfo(found);
    return 0;
}

const char *common_address_text(const struct sockaddr_in *address, char *text) {
    char dotted[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &address->sin_addr, dotted, sizeof dotted);
    snprintf(text, COMMON_ADDRESS_BYTES, "%s:%u", dotted, (unsigned)ntohs(address->sin_port));
    return text;
}

int common_listen(int type, uint16_t port) {
    const struct sockaddr_in local = {.sin_family = AF_INET, .sin_port = htons(port)};
    /* In a kernel a server that was just stopped leaves connections in TIME-WAIT, which hold the port for a minute. */
    const int one = 1;
    int fd = tapir_socket(AF_INET, type, 0);
    if (fd < 0) {
        common_say("socket: %s", strerror(errno));
        return -1;
    }
    if (tapir_setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        tapir_bind(fd, (const struct sockaddr *)&local, sizeof local) != 0 ||
        ((type & ~SOCK_NONBLOCK) == SOCK_STREAM && tapir_listen(fd, SOMAXCONN) != 0)) {
        common_say("port %u: %s", (unsigned)port, strerror(errno));
        tapir_close(fd);
        return -1;
    }
    return fd;
}

bool common_accept_may_go_on(int error) {
    if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM) {
        poll(NULL, 0, 10);
        return true;
    }
    return error == EINTR || error == ECONNABORTED || error == EAGAIN;
}

int common_thread(void *(*body)(void *), void *ctx) {
    pthread_t thread;
    sigset_t all;
    sigset_t before;
    /* A thread inherits the mask, so signals reach only the main thread, whose call they should end. */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    const int result = pthread_create(&thread, NULL, body, ctx);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (result == 0) {
        pthread_detach(thread);
    }
    return result;
}

uint64_t common_now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000U + (uint64_t)now.tv_nsec / 1000U;
}
