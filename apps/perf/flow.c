/* The flows of a measurement, with blocking calls: whoever waits drives the stack. */
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>

#include "common.h"
#include "perf/pattern.h"
#include "perf/perf.h"

/* What every flow but an echo sends. It contains nothing from a peer or from old memory. It is always the same, because
 * making data is not what should be measured. */
static const char zeros[PERF_BUFFER_BYTES];

/* Relaxed: it does not matter if a reporter sees a count a moment late. */
static void count_up(struct perf_count *count, size_t bytes, unsigned transactions) {
    for (; count != NULL; count = count->also) {
        atomic_fetch_add_explicit(&count->bytes, bytes, memory_order_relaxed);
        atomic_fetch_add_explicit(&count->transactions, transactions, memory_order_relaxed);
    }
}

int perf_flow_send_all(int fd, const void *data, size_t bytes) {
    const char *at = data;
    while (bytes > 0) {
        const ssize_t n = tapir_send(fd, at, bytes, MSG_NOSIGNAL);
        if (n < 0) {
            return -1;
        }
        at += n;
        bytes -= (size_t)n;
    }
    return 0;
}

int perf_flow_recv_all(int fd, void *data, size_t bytes) {
    char *at = data;
    while (bytes > 0) {
        const ssize_t n = tapir_recv(fd, at, bytes, 0);
        if (n <= 0) {
            errno = n == 0 ? ECONNRESET : errno;
            return -1;
        }
        at += n;
        bytes -= (size_t)n;
    }
    return 0;
}

int perf_flow_congestion(int fd, const char *name) {
    return name == NULL ? 0 : tapir_setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)strlen(name));
}

uint64_t perf_flow_retransmits(int fd) {
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    return tapir_getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 ? info.tcpi_total_retrans : 0;
}

int perf_flow_source(int fd, uint64_t until_us, const atomic_bool *stop, bool pattern, struct perf_count *count) {
    uint64_t offset = 0;
    while (!atomic_load_explicit(stop, memory_order_relaxed) &&
           (until_us == TAPIR_NEVER || common_now_us() < until_us)) {
        const ssize_t n = tapir_send(fd, pattern ? perf_pattern_at(offset) : zeros, sizeof zeros, MSG_NOSIGNAL);
        if (n < 0) {
            return -1;
        }
        offset += (uint64_t)n;
        count_up(count, (size_t)n, 0);
    }
    return 0;
}

/* A stream that differs from what was sent is reset, so that the peer learns of it. */
static int refuse_stream(int fd, uint64_t offset) {
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    common_say("corrupt: byte %llu of a connection is not what was sent", (unsigned long long)offset);
    tapir_setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    errno = EBADMSG;
    return -1;
}

int perf_flow_sink(int fd, const atomic_bool *stop, bool pattern, char *buffer, struct perf_count *count) {
    uint64_t offset = 0;
    while (!atomic_load_explicit(stop, memory_order_relaxed)) {
        const ssize_t n = tapir_recv(fd, buffer, PERF_BUFFER_BYTES, 0);
        if (n <= 0) {
            return (int)n;
        }
        const size_t right = pattern ? perf_pattern_right(buffer, (size_t)n, offset) : (size_t)n;
        offset += right;
        if (right < (size_t)n) {
            return refuse_stream(fd, offset);
        }
        count_up(count, (size_t)n, 0);
    }
    return 0;
}

int perf_flow_echo(int fd, const atomic_bool *stop, char *buffer, struct perf_count *count) {
    while (!atomic_load_explicit(stop, memory_order_relaxed)) {
        const ssize_t n = tapir_recv(fd, buffer, PERF_BUFFER_BYTES, 0);
        if (n <= 0) {
            return (int)n;
        }
        if (perf_flow_send_all(fd, buffer, (size_t)n) != 0) {
            return -1;
        }
        count_up(count, (size_t)n, 0);
    }
    return 0;
}

/* Receives a message of any size through the buffer. 0; -1 with errno; 1: the peer ended before its first byte. */
static int receive_message(int fd, char *buffer, size_t bytes) {
    bool begun = false;
    while (bytes > 0) {
        const ssize_t n = tapir_recv(fd, buffer, bytes < PERF_BUFFER_BYTES ? bytes : PERF_BUFFER_BYTES, 0);
        if (n < 0) {
            return -1;
        }
        if (n == 0) {
            errno = ECONNRESET;
            return begun ? -1 : 1;
        }
        begun = true;
        bytes -= (size_t)n;
    }
    return 0;
}

static int send_message(int fd, size_t bytes) {
    while (bytes > 0) {
        const size_t part = bytes < sizeof zeros ? bytes : sizeof zeros;
        if (perf_flow_send_all(fd, zeros, part) != 0) {
            return -1;
        }
        bytes -= part;
    }
    return 0;
}

/* The clock is read once per transaction: the end of one is the start of the next. */
int perf_flow_ask(int fd, const struct perf_order *order, uint64_t until_us, const atomic_bool *stop, char *buffer,
                  struct perf_count *count, struct perf_latency *latency) {
    uint64_t now_us = common_now_us();
    while (!atomic_load_explicit(stop, memory_order_relaxed) && now_us < until_us) {
        const uint64_t asked_us = now_us;
        if (send_message(fd, order->request_bytes) != 0 || receive_message(fd, buffer, order->response_bytes) != 0) {
            return -1;
        }
        now_us = common_now_us();
        perf_latency_add(latency, now_us - asked_us);
        count_up(count, (size_t)order->request_bytes + order->response_bytes, 1);
    }
    return 0;
}

/* No time: the client's end between two requests is this side's end. */
int perf_flow_answer(int fd, const struct perf_order *order, const atomic_bool *stop, char *buffer,
                     struct perf_count *count) {
    while (!atomic_load_explicit(stop, memory_order_relaxed)) {
        const int got = receive_message(fd, buffer, order->request_bytes);
        if (got != 0) {
            return got < 0 ? -1 : 0;
        }
        if (send_message(fd, order->response_bytes) != 0) {
            return -1;
        }
        count_up(count, (size_t)order->request_bytes + order->response_bytes, 1);
    }
    return 0;
}
