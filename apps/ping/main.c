/* tapir-ping: asks a host for echoes and says how long they take. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "ping/ping.h"

/* Exit codes are those of ping(8): 1 is "no answer", so other failures are 2. */
enum { PING_ANSWERED = 0, PING_SILENT = 1, PING_TROUBLE = 2 };

#define LAST_WAIT_MIN_US 1000000U

struct options {
    uint64_t count; /* 0: until stopped */
    uint64_t interval_us, timeout_us;
    size_t payload_bytes;
    int ttl; /* 0: the stack's */
    bool quiet, flood;
};

struct ping {
    struct options options;
    const char *host;
    int fd;
    struct ping_stats stats;
    uint8_t message[PING_HEADER_BYTES + PING_PAYLOAD_MAX + 1];
};

static const char *take_option(void *ctx, int c, const char *value) {
    struct options *options = ctx;
    uint64_t number = 0;
    const char *wanted;
    switch (c) {
    case 'c':
        return common_take_number(value, 1, UINT64_MAX, &options->count);
    case 'i':
        return common_take_seconds(value, 0, &options->interval_us);
    case 'W':
        return common_take_seconds(value, 0, &options->timeout_us);
    case 's':
        wanted = common_take_number(value, 0, PING_PAYLOAD_MAX, &number);
        options->payload_bytes = (size_t)number;
        return wanted;
    case 't':
        wanted = common_take_number(value, 1, 255, &number);
        options->ttl = (int)number;
        return wanted;
    case 'q':
        options->quiet = true;
        return NULL;
    default:
        options->flood = true;
        return NULL;
    }
}

/* A connected ping socket, or -1 after printing why. Such a socket carries only ICMP echo: the stack fills in the identifier
 * and the checksum, and gives us only the answers with our identifier. IP_RECVERR queues the ICMP errors about our requests,
 * which would otherwise show as one errno of some later call. */
static int open_socket(const struct options *options, const struct sockaddr_in *peer) {
    const int one = 1;
    char text[INET_ADDRSTRLEN];
    int fd = tapir_socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, IPPROTO_ICMP);
    if (fd < 0) {
        common_say("socket: %s", strerror(errno));
        return -1;
    }
    if (tapir_setsockopt(fd, IPPROTO_IP, IP_RECVTTL, &one, sizeof one) != 0 ||
        tapir_setsockopt(fd, IPPROTO_IP, IP_RECVERR, &one, sizeof one) != 0 ||
        (options->ttl != 0 && tapir_setsockopt(fd, IPPROTO_IP, IP_TTL, &options->ttl, sizeof options->ttl) != 0) ||
        tapir_connect(fd, (const struct sockaddr *)peer, sizeof *peer) != 0) {
        common_say("%s: %s", inet_ntop(AF_INET, &peer->sin_addr, text, sizeof text),
                   errno == EACCES ? "a broadcast address; ping one host" : common_error_text(errno));
        tapir_close(fd);
        return -1;
    }
    return fd;
}

/* Sends the next request. -1, after printing why, if it is no use going on. */
static int send_request(struct ping *ping) {
    /* 16 bits: numbers repeat after 65536 requests, when no answer to the first can still be under way. */
    const uint16_t sequence = (uint16_t)(ping->stats.sent + 1);
    ping_request(ping->message, sequence, ping->options.payload_bytes);
    ping_stats_sent(&ping->stats, sequence, common_now_us());
    if (tapir_send(ping->fd, ping->message, PING_HEADER_BYTES + ping->options.payload_bytes, 0) >= 0) {
        if (ping->options.flood && !ping->options.quiet) {
            putchar('.');
        }
        return 0;
    }
    /* An ICMP error about an earlier request comes by the error queue; a full device queue loses the request. */
    if (errno == EAGAIN || errno == ENOBUFS || errno == EHOSTUNREACH || errno == ECONNREFUSED || errno == EINTR) {
        return 0;
    }
    common_say("send: %s", strerror(errno));
    return -1;
}

/* The integer in the control message of this type (IP_TTL: the answer's time to live), or -1. */
static int control_int(struct msghdr *message, int type) {
    for (struct cmsghdr *control = CMSG_FIRSTHDR(message); control != NULL; control = CMSG_NXTHDR(message, control)) {
        if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == type) {
            int value;
            memcpy(&value, CMSG_DATA(control), sizeof value);
            return value;
        }
    }
    return -1;
}

/* In a flood each request has printed a dot: an answer takes it away, so that the dots left are the losses. */
static void print_answer(const struct ping *ping, const struct sockaddr_in *from, size_t bytes, int ttl,
                         uint64_t rtt_us, const char *remark) {
    char text[INET_ADDRSTRLEN];
    if (ping->options.flood) {
        putchar('\b');
        return;
    }
    printf("%zu bytes from %s: icmp_seq=%u ttl=%d time=%.3f ms%s\n", bytes,
           inet_ntop(AF_INET, &from->sin_addr, text, sizeof text), (unsigned)(ping->message[6] << 8 | ping->message[7]),
           ttl, (double)rtt_us / 1e3, remark);
    fflush(stdout);
}

/* Takes one answer. false: there is none. */
static bool take_answer(struct ping *ping) {
    struct sockaddr_in from = {0};
    struct iovec piece = {.iov_base = ping->message, .iov_len = sizeof ping->message};
    _Alignas(struct cmsghdr) char control[256];
    struct msghdr message = {.msg_name = &from,
                             .msg_namelen = sizeof from,
                             .msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    /* recvmsg rather than recv: the time to live comes as a control message. */
    const ssize_t n = tapir_recvmsg(ping->fd, &message, 0);
    if (n < 0) {
        return false;
    }
    if (n < PING_HEADER_BYTES || ping->message[0] != 0) {
        return true;
    }
    bool duplicate = false;
    const uint16_t sequence = (uint16_t)(ping->message[6] << 8 | ping->message[7]);
    const uint64_t rtt_us = ping_stats_received(&ping->stats, sequence, common_now_us(), &duplicate);
    if (rtt_us == UINT64_MAX) {
        return true;
    }
    const bool intact = ping_payload_intact(ping->message, (size_t)n, ping->options.payload_bytes);
    ping->stats.corrupted += intact ? 0 : 1;
    if (!ping->options.quiet) {
        print_answer(ping, &from, (size_t)n, control_int(&message, IP_TTL), rtt_us,
                     !intact     ? " (wrong data!)"
                     : duplicate ? " (DUP!)"
                                 : "");
    }
    return true;
}

/* RFC 792's types and codes in ping's words. */
static const char *error_text(const struct sock_extended_err *error) {
    if (error->ee_type == 11) {
        return error->ee_code == 0 ? "Time to live exceeded" : "Fragment reassembly time exceeded";
    }
    if (error->ee_type != 3) {
        return "Parameter problem";
    }
    static const char *const unreachable[] = {"Destination Net Unreachable", "Destination Host Unreachable",
                                              "Destination Protocol Unreachable", "Destination Port Unreachable",
                                              "Fragmentation needed"};
    return error->ee_code < 5 ? unreachable[error->ee_code] : "Destination unreachable";
}

/* Who reports it: a router or host on the path, or the stack itself, which found no neighbour or no route. */
static void print_error(const struct sock_extended_err *error, const struct sockaddr_in *offender, unsigned sequence) {
    char text[INET_ADDRSTRLEN];
    if (error->ee_origin == SO_EE_ORIGIN_ICMP) {
        printf("From %s icmp_seq=%u %s\n", inet_ntop(AF_INET, &offender->sin_addr, text, sizeof text), sequence,
               error_text(error));
    } else {
        printf("From here icmp_seq=%u %s\n", sequence, strerror((int)error->ee_errno));
    }
    fflush(stdout);
}

/* Takes one report of the error queue. false: there is none. */
static bool take_error(struct ping *ping) {
    struct iovec piece = {.iov_base = ping->message, .iov_len = sizeof ping->message};
    _Alignas(struct cmsghdr) char control[512];
    struct msghdr message = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    const ssize_t n = tapir_recvmsg(ping->fd, &message, MSG_ERRQUEUE);
    if (n < 0) {
        return false;
    }
    ping->stats.errors++;
    for (struct cmsghdr *head = CMSG_FIRSTHDR(&message); head != NULL; head = CMSG_NXTHDR(&message, head)) {
        if (head->cmsg_level != IPPROTO_IP || head->cmsg_type != IP_RECVERR || ping->options.quiet) {
            continue;
        }
        struct {
            struct sock_extended_err error;
            struct sockaddr_in offender;
        } report = {0};
        const size_t bytes = head->cmsg_len - CMSG_LEN(0);
        memcpy(&report, CMSG_DATA(head), bytes < sizeof report ? bytes : sizeof report);
        print_error(&report.error, &report.offender,
                    n >= PING_HEADER_BYTES ? (unsigned)(ping->message[6] << 8 | ping->message[7]) : 0);
    }
    return true;
}

/* Waits until `until_us` for answers, and takes them; in a flood the first one ends the wait. -1: give up. */
static int collect(struct ping *ping, uint64_t until_us) {
    for (;;) {
        const uint64_t now_us = common_now_us();
        const uint64_t before = ping->stats.received;
        struct pollfd ready = {.fd = ping->fd, .events = POLLIN};
        if (tapir_poll(&ready, 1, until_us > now_us ? common_wait_ms(until_us - now_us) : 0) < 0 && errno != EINTR) {
            common_say("poll: %s", strerror(errno));
            return -1;
        }
        for (int i = 0; i < 1000 && (ready.revents & POLLIN) != 0 && take_answer(ping); i++) {
        }
        for (int i = 0; i < 1000 && (ready.revents & POLLERR) != 0 && take_error(ping); i++) {
        }
        const bool all = ping->options.count != 0 && ping->stats.received + ping->stats.errors >= ping->options.count;
        if (common_stopped() || all || common_now_us() >= until_us ||
            (ping->options.flood && ping->stats.received > before)) {
            return 0;
        }
    }
}

/* How long to wait for the last answer: the given time if none has come yet, else twice the longest round trip. */
static uint64_t last_wait_us(const struct ping *ping) {
    const uint64_t twice_us = 2 * ping->stats.max_us;
    if (ping->stats.received == 0) {
        return ping->options.timeout_us;
    }
    return twice_us > LAST_WAIT_MIN_US ? twice_us : LAST_WAIT_MIN_US;
}

/* Sends requests and collects answers until the count is reached or we are stopped. */
static int run(struct ping *ping) {
    uint64_t next_us = common_now_us();
    ping->stats.started_us = next_us;
    while (!common_stopped()) {
        if (ping->options.count != 0 && ping->stats.sent >= ping->options.count) {
            return collect(ping, common_now_us() + last_wait_us(ping));
        }
        if (send_request(ping) != 0) {
            return -1;
        }
        /* Counted from the last due time and not from now, so that the pace does not drift. */
        next_us = ping->options.flood ? common_now_us() + 10000 : next_us + ping->options.interval_us;
        const bool last = ping->options.count != 0 && ping->stats.sent >= ping->options.count;
        if (!last && collect(ping, next_us) != 0) {
            return -1;
        }
    }
    return 0;
}

int main(int argc, char **argv) {
    static const struct common_program program = {
        .name = "tapir-ping",
        .synopsis = "[options] HOST",
        .help = "  -c COUNT     stop after so many requests\n"
                "  -i SECONDS   between requests (1)\n"
                "  -s BYTES     of payload (56)\n"
                "  -t TTL       time to live\n"
                "  -W SECONDS   to wait for the last answer (10)\n"
                "  -q           only the summary\n"
                "  -f           flood: the next request as soon as an answer came, 100 a second at least\n",
        .short_options = "c:i:s:t:W:qf",
        .option = take_option,
    };
    static struct ping ping;
    struct tapir_config config;
    struct sockaddr_in peer;
    char text[512];
    ping.options = (struct options){.interval_us = 1000000, .timeout_us = 10000000, .payload_bytes = 56};
    const int first = common_parse(&program, &config, &ping.options, argc, argv);
    if (argc - first != 1) {
        common_usage("give one host");
    }
    ping.host = argv[first];
    if (common_resolve(ping.host, 0, &peer) != 0 || common_start(&config) != 0) {
        return PING_TROUBLE;
    }
    int result = -1;
    ping.fd = open_socket(&ping.options, &peer);
    if (ping.fd >= 0) {
        printf("PING %s (%s) %zu(%zu) bytes of data.\n", ping.host,
               inet_ntop(AF_INET, &peer.sin_addr, text, sizeof text), ping.options.payload_bytes,
               ping.options.payload_bytes + 28);
        fflush(stdout);
        result = run(&ping);
        char summary[512];
        printf("\n%s", ping_stats_summary(&ping.stats, ping.host, common_now_us(), summary, sizeof summary));
        tapir_close(ping.fd);
    }
    if (!common_end() || result != 0) {
        return PING_TROUBLE;
    }
    return ping.stats.received > 0 ? PING_ANSWERED : PING_SILENT;
}
