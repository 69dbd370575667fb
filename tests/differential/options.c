/* Options: which a program sets and asks for, with what values and lengths. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "differential.h"

#define OPTION(level, name) \
    { level, name, #name }
static const struct option {
    int level, name;
    const char *word;
} options[] = {
    OPTION(SOL_SOCKET, SO_REUSEADDR),
    OPTION(SOL_SOCKET, SO_REUSEPORT),
    OPTION(SOL_SOCKET, SO_KEEPALIVE),
    OPTION(SOL_SOCKET, SO_LINGER),
    OPTION(SOL_SOCKET, SO_RCVLOWAT),
    OPTION(SOL_SOCKET, SO_SNDLOWAT),
    OPTION(SOL_SOCKET, SO_OOBINLINE),
    OPTION(SOL_SOCKET, SO_BROADCAST),
    OPTION(SOL_SOCKET, SO_RCVTIMEO),
    OPTION(SOL_SOCKET, SO_SNDTIMEO),
    OPTION(SOL_SOCKET, SO_ERROR),
    OPTION(SOL_SOCKET, SO_TYPE),
    OPTION(SOL_SOCKET, SO_ACCEPTCONN),
    OPTION(SOL_SOCKET, SO_PROTOCOL),
    OPTION(SOL_SOCKET, SO_DOMAIN),
    OPTION(SOL_SOCKET, SO_DONTROUTE),
    OPTION(IPPROTO_TCP, TCP_NODELAY),
    OPTION(IPPROTO_TCP, TCP_MAXSEG),
    OPTION(IPPROTO_TCP, TCP_KEEPIDLE),
    OPTION(IPPROTO_TCP, TCP_KEEPINTVL),
    OPTION(IPPROTO_TCP, TCP_KEEPCNT),
    OPTION(IPPROTO_TCP, TCP_USER_TIMEOUT),
    OPTION(IPPROTO_TCP, TCP_SYNCNT),
    OPTION(IPPROTO_TCP, TCP_LINGER2),
    OPTION(IPPROTO_TCP, TCP_FASTOPEN),
    OPTION(IPPROTO_IP, IP_TTL),
    OPTION(IPPROTO_IP, IP_TOS),
    OPTION(IPPROTO_IP, IP_RECVERR),
    OPTION(IPPROTO_IP, IP_PKTINFO),
    OPTION(IPPROTO_IP, IP_RECVTTL),
    OPTION(IPPROTO_IP, IP_RECVTOS),
    OPTION(IPPROTO_IP, IP_MTU_DISCOVER),
    OPTION(IPPROTO_IP, IP_MTU),
    OPTION(IPPROTO_IP, IP_MULTICAST_TTL),
    OPTION(IPPROTO_IP, IP_MULTICAST_LOOP),
};
enum { OPTIONS = sizeof options / sizeof options[0], VALUE_MAX = 16 };

unsigned option_count(void) { return OPTIONS; }
const char *option_name(unsigned index) { return options[index % OPTIONS].word; }

/* The value's bytes: an int mostly; a struct linger or timeval has two numbers. */
static size_t value_make(const struct option *option, const struct step *step, uint8_t value[VALUE_MAX]) {
    static const int32_t numbers[] = {0, 1, 2, -1, 5, 64, 100, 255, 256, 1000, 65535, INT32_MAX};
    int32_t number = numbers[step->b % 12];
    if (option->level == IPPROTO_TCP && option->name == TCP_LINGER2 && number < 0) {
        number =
            7; /* when the reset comes hangs on when the peer acknowledges the FIN (tests/drill: linger2_of_none.pkt) */
    }
    memset(value, 0, VALUE_MAX);
    if (option->level == SOL_SOCKET && option->name == SO_LINGER) {
        /* On, but never for a while: a close that waits takes as long as it takes. */
        struct linger linger = {.l_onoff = step->b % 2 == 1};
        memcpy(value, &linger, sizeof linger);
        return step->c % 8 == 0 ? 4 : sizeof linger;
    }
    if (option->level == SOL_SOCKET && (option->name == SO_RCVTIMEO || option->name == SO_SNDTIMEO)) {
        struct timeval time = {.tv_sec = number < 0 ? -1 : 1000, .tv_usec = number == 65535 ? 1000000 : 0};
        memcpy(value, &time, sizeof time);
        return step->c % 8 == 0 ? 8 : sizeof time;
    }
    memcpy(value, &number, sizeof number);
    static const uint8_t lengths[16] = {4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 8, 0, 1, 2, 3};
    return lengths[step->c % 16];
}

static void set(struct run *run, const struct option *option, const struct step *step, char *text, size_t size) {
    uint8_t value[VALUE_MAX];
    size_t len = value_make(option, step, value);
    errno = 0;
    int result = run->host->setsockopt(run->fds[step->slot], option->level, option->name, value, (socklen_t)len);
    print_result(text, size, result);
}

static void get(struct run *run, const struct option *option, const struct step *step, char *text, size_t size) {
    static const uint8_t lengths[16] = {4, 4, 4, 4, 4, 4, 16, 16, 4, 4, 4, 8, 0, 1, 2, 3};
    uint8_t value[VALUE_MAX];
    socklen_t len = lengths[step->c % 16];
    memset(value, 0xee, sizeof value);
    errno = 0;
    int result = run->host->getsockopt(run->fds[step->slot], option->level, option->name, value, &len);
    int at = print_result(text, size, result);
    if (result == 0) {
        at += snprintf(text + at, size - (size_t)at, " %u bytes", len);
        for (size_t i = 0; i < VALUE_MAX; i++) {
            at += snprintf(text + at, size - (size_t)at, "%s%02x", i % 4 == 0 ? " " : "", value[i]);
        }
    }
}

void option_step(struct run *run, const struct step *step, char *text, size_t size) {
    const struct option *option = &options[step->a % OPTIONS];
    (step->kind == STEP_SET ? set : get)(run, option, step, text, size);
}
