/* The client's side of iperf3's control connection, one function per step of the test. */
#ifndef APPS_PERF_CONTROL_H
#define APPS_PERF_CONTROL_H

#include <netinet/in.h>

#include "perf/iperf.h"

/* Each says what went wrong. */

/* Connects and agrees on the test: the server waits for streams that begin with `cookie`. The descriptor, or -1. */
int perf_control_open(const struct sockaddr_in *server, const char cookie[PERF_COOKIE_BYTES],
                      const struct perf_iperf_params *params);

/* All streams are there: waits until the server lets them go. 0 or -1. */
int perf_control_begin(int fd);

/* The test is over: waits until the server has ended its streams. 0 or -1. */
int perf_control_over(int fd);

/* Then: exchanges our results for the server's. 0 or -1. */
int perf_control_results(int fd, const struct perf_iperf_results *ours, struct perf_iperf_results *theirs);

/* Can the server's results be true, if `sent_bytes` is all that we have sent? */
bool perf_control_believes(const struct perf_iperf_results *ours, const struct perf_iperf_results *theirs,
                           uint64_t sent_bytes);

/* The test ends early. */
void perf_control_abort(int fd);

#endif
