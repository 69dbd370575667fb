/* What every sample program shares: the stack's options, start and end, addresses, threads, messages. */
#ifndef APPS_COMMON_H
#define APPS_COMMON_H

#include <getopt.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <tapir/socket.h>

/* Exit codes of every program. */
enum { COMMON_OK = 0, COMMON_FAILURE = 1, COMMON_USAGE = 2 };

/* A program as common_parse sees it. */
struct common_program {
    const char *name;           /* "tapir-echo" */
    const char *synopsis;       /* what follows the name in the usage line */
    const char *help;           /* its own options, a line each; NULL: none */
    const char *short_options;  /* as for getopt, without '+', '-' or ':' in front */
    const struct option *longs; /* ends with a zero entry; values below COMMON_FIRST_VALUE. NULL: none */
    /* Takes option `c` with its value. NULL, or what the option accepts, such as "a port from 1 to 65535". */
    const char *(*option)(void *ctx, int c, const char *value);
};

/* Values of long options from here on are this module's own. */
#define COMMON_FIRST_VALUE 1000

/* Parses the command line into *config and, through which->option, into ctx. Returns the index of the first
 * operand. --help and --version print and exit with 0; a mistake prints what is wrong and exits with 2.
 * Keeps `which`, and argv's strings in *config. */
int common_parse(const struct common_program *which, struct tapir_config *config, void *ctx, int argc, char **argv);

/* Brings the stack up, then drops the privileges that this needed (rights.h), and makes SIGINT and SIGTERM end blocked calls
 * with EINTR and set common_stopped. What only root may open must be opened before. Where the capture goes to standard
 * output, what the program prints goes to standard error from here on. SIGPIPE stays as it is: sockets are written to with
 * MSG_NOSIGNAL. 0, or -1 after printing why; a value that makes no sense ends the program as in common_parse. */
int common_start(const struct tapir_config *config);

/* For a program that writes data to standard output: ends with COMMON_USAGE if the capture wants to go there. */
void common_need_output(const struct tapir_config *config);

/* Takes the stack down. false: something that the user asked for, such as the capture, stopped early, and that was reported. */
bool common_end(void);

/* Was the program asked to end? */
bool common_stopped(void);

/* The exit code of a program whose work ended with `code`. A failure after a signal is the interrupt's: 128 plus the
 * signal's number, as in a shell. (A server, which ends in no other way, ends with COMMON_OK.) */
int common_code(int code);

/* Prints "tapir-echo: ..." and a newline on stderr; nothing once the program was asked to end. */
void common_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* May a message that a peer can cause be printed now? Once per second, so that no peer fills a disk. *said_us, zero at
 * first, is when the last one was; any thread may ask. */
bool common_say_again(atomic_uint_least64_t *said_us);

/* common_say, then exit with COMMON_USAGE, pointing to --help. */
__attribute__((noreturn)) void common_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Reads a port, 1 to 65535; false: it is not one. */
bool common_port(const char *text, uint16_t *port);

/* Seconds as "1.5", up to 10^9, in microseconds; false: it is not one. */
bool common_seconds(const char *text, uint64_t *us);

/* The same for options: NULL, or what the option accepts, in words that stay until the next call. */
const char *common_take_number(const char *text, uint64_t min, uint64_t max, uint64_t *value);
const char *common_take_port(const char *text, uint16_t *port);
/* At least min_us. */
const char *common_take_seconds(const char *text, uint64_t min_us, uint64_t *us);

/* A time to wait for tapir_poll: rounded up, since waking a moment early would mean polling in a loop until the time has
 * come; and at most the 24 days that fit. */
int common_wait_ms(uint64_t us);

/* strerror; if the error means that an option is missing, it says which one. */
const char *common_error_text(int error);

/* Finds a host's IPv4 address. Names are looked up by the host's resolver, over the host's own network: the stack has none.
 * 0, or -1 after printing why. */
int common_resolve(const char *host, uint16_t port, struct sockaddr_in *address);

/* "10.0.0.2:80" in a buffer of COMMON_ADDRESS_BYTES; returns it. */
#define COMMON_ADDRESS_BYTES 32
const char *common_address_text(const struct sockaddr_in *address, char *text);

/* Gives a socket of `type`, perhaps with SOCK_NONBLOCK, bound to `port` on every address, a stream also listening;
 * -1 after printing why. A server that waits for readiness wants it non-blocking: the connection that woke it may be
 * gone before accept. */
int common_listen(int type, uint16_t port);

/* Does this error of accept concern one connection only, so that a server may go on? If the process is short of something,
 * it pauses a moment first, in which other connections may close. */
bool common_accept_may_go_on(int error);

/* Runs body(ctx) in a detached thread in which SIGINT and SIGTERM are blocked. 0 or an errno. */
int common_thread(void *(*body)(void *), void *ctx);

/* Monotonic time. */
uint64_t common_now_us(void);

#endif
