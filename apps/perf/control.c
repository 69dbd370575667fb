/* Leads a test against a server of iperf3's protocol. */
#include "perf/control.h"

#include <errno.h>
#include <string.h>
#include <sys/time.h>

#include "common.h"

#define STEP_MAX_S 10 /* for each answer */

/* -1, after saying what `errno` means here. */
static int complain(void) {
    const char *why = common_error_text(errno);
    switch (errno) {
    case EPROTO:
        why = "it does not speak iperf3's protocol";
        break;
    case EBUSY:
        why = "it is busy with another test";
        break;
    case EOPNOTSUPP:
        why = "it cannot do this test";
        break;
    case ECANCELED:
        why = "it has ended the test";
        break;
    case ECONNRESET:
        why = "it has closed the connection";
        break;
    default:
        break;
    }
    common_say("the server: %s", why);
    return -1;
}

int perf_control_open(const struct sockaddr_in *server, const char cookie[PERF_COOKIE_BYTES],
                      const struct perf_iperf_params *params) {
    const struct timeval step = {.tv_sec = STEP_MAX_S};
    char text[COMMON_ADDRESS_BYTES];
    int fd = tapir_socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || tapir_connect(fd, (const struct sockaddr *)server, sizeof *server) != 0) {
        common_say("%s: %s", common_address_text(server, text), common_error_text(errno));
    } else if (tapir_setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &step, sizeof step) != 0 ||
               perf_flow_send_all(fd, cookie, PERF_COOKIE_BYTES) != 0 ||
               perf_iperf_expect(fd, PERF_IPERF_PARAM_EXCHANGE) != 0 || perf_iperf_params_send(fd, params) != 0 ||
               perf_iperf_expect(fd, PERF_IPERF_CREATE_STREAMS) != 0) {
        (void)complain();
    } else {
        return fd;
    }
    if (fd >= 0) {
        tapir_close(fd);
    }
    return -1;
}

int perf_control_begin(int fd) {
    if (perf_iperf_expect(fd, PERF_IPERF_TEST_START) != 0 || perf_iperf_expect(fd, PERF_IPERF_TEST_RUNNING) != 0) {
        return complain();
    }
    return 0;
}

int perf_control_over(int fd) {
    if (perf_iperf_say(fd, PERF_IPERF_TEST_END) != 0 || perf_iperf_expect(fd, PERF_IPERF_EXCHANGE_RESULTS) != 0) {
        return complain();
    }
    return 0;
}

int perf_control_results(int fd, const struct perf_iperf_results *ours, struct perf_iperf_results *theirs) {
    if (perf_iperf_results_send(fd, ours) != 0 || perf_iperf_results_receive(fd, theirs) != 0 ||
        perf_iperf_expect(fd, PERF_IPERF_DISPLAY_RESULTS) != 0 || perf_iperf_say(fd, PERF_IPERF_DONE) != 0) {
        return complain();
    }
    return 0;
}

bool perf_control_believes(const struct perf_iperf_results *ours, const struct perf_iperf_results *theirs,
                           uint64_t sent_bytes) {
    uint64_t bytes = 0;
    for (unsigned i = 0; i < theirs->streams; i++) {
        /* So none of the sums overflows. */
        if (ours->sender && theirs->stream[i].bytes > sent_bytes) {
            return false;
        }
        bytes += theirs->stream[i].bytes;
    }
    return theirs->streams == ours->streams && (!ours->sender || bytes <= sent_bytes);
}

void perf_control_abort(int fd) { (void)perf_iperf_say(fd, PERF_IPERF_CLIENT_TERMINATE); }
