/* Moves bytes between standard input and output and a socket, whichever is ready. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common.h"
#include "nc/nc.h"

/* One way through. */
struct flow {
    int from, to;
    bool ended; /* `from` has given its last byte */
    size_t start, end;
    char buffer[65536];
};

/* Does this flow have anything left to do? */
static bool flow_open(const struct flow *flow) { return !flow->ended || flow->start < flow->end; }

/* A datagram must be read and sent whole, so reading waits until the last one has gone. 0 or -1 with errno. */
static int flow_fill(struct flow *flow) {
    const ssize_t n = tapir_read(flow->from, flow->buffer, sizeof flow->buffer);
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    }
    flow->ended = n == 0;
    flow->start = 0;
    flow->end = (size_t)n;
    return 0;
}

/* A stream may take part of the buffer; the rest goes next time. */
static int flow_drain(struct flow *flow) {
    const ssize_t n = tapir_write(flow->to, flow->buffer + flow->start, flow->end - flow->start);
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    }
    flow->start += (size_t)n;
    return 0;
}

/* What to wait for: the source while the buffer is empty, the sink while it is not. */
static struct pollfd flow_wanted(const struct flow *flow) {
    if (flow->start < flow->end) {
        return (struct pollfd){.fd = flow->to, .events = POLLOUT};
    }
    return (struct pollfd){.fd = flow->ended ? -1 : flow->from, .events = POLLIN};
}

static int flow_move(struct flow *flow) { return flow->start < flow->end ? flow_drain(flow) : flow_fill(flow); }

/* 0; or whose failure it was, after printing it. */
static int move_ready(struct flow *const *flows, const struct pollfd *wanted, int fd) {
    for (int i = 0; i < 2; i++) {
        if (wanted[i].revents != 0 && flow_move(flows[i]) != 0) {
            common_say("%s", strerror(errno));
            return wanted[i].fd == fd ? NC_PEER_FAILED : -1;
        }
    }
    return 0;
}

/* The relay ends with the peer's end, unless our input is to be sent to its end first. */
static bool goes_on(const struct nc_options *options, const struct flow *in, const struct flow *out) {
    return flow_open(in) || (options->half_close && !options->udp && flow_open(out));
}

/* tapir_poll takes descriptors of the kernel and of the stack together, so one loop serves both sides. */
int nc_relay(const struct nc_options *options, int fd) {
    static struct flow out, in;
    bool shut = false;
    out = (struct flow){.from = STDIN_FILENO, .to = fd};
    in = (struct flow){.from = fd, .to = STDOUT_FILENO};
    while (goes_on(options, &in, &out) && !common_stopped()) {
        if (!flow_open(&out) && options->half_close && !shut) {
            shut = true;
            if (options->udp) {
                return 0; /* datagrams have no end to wait for */
            }
            tapir_shutdown(fd, SHUT_WR);
        }
        struct pollfd wanted[2] = {flow_wanted(&out), flow_wanted(&in)};
        const int count = tapir_poll(wanted, 2, options->idle_us == 0 ? -1 : common_wait_ms(options->idle_us));
        if (count == 0) {
            return 0; /* idle for as long as we were told to wait */
        }
        if (count < 0 && errno != EINTR) {
            common_say("poll: %s", strerror(errno));
            return -1;
        }
        const int failed = move_ready((struct flow *const[]){&out, &in}, wanted, fd);
        if (failed != 0) {
            return failed;
        }
        /* An empty datagram is no end. */
        in.ended = in.ended && !options->udp;
    }
    return common_stopped() ? -1 : 0;
}
