/* Prints what was measured, for people or as JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>

#include "perf/perf.h"

static uint64_t us_of(const struct timeval *time) {
    return (uint64_t)time->tv_sec * 1000000U + (uint64_t)time->tv_usec;
}

struct perf_cpu perf_report_cpu(struct perf_cpu before) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (struct perf_cpu){.user_us = us_of(&usage.ru_utime) - before.user_us,
                             .system_us = us_of(&usage.ru_stime) - before.system_us};
}

/* Decimal units, as networks are sold. */
static double gbit_per_s(uint64_t bytes, uint64_t us) { return us == 0 ? 0 : (double)bytes * 8 / (double)us / 1e3; }

static double per_s(uint64_t count, uint64_t us) { return us == 0 ? 0 : (double)count * 1e6 / (double)us; }

void perf_report_interval(const char *what, uint64_t start_us, uint64_t end_us, uint64_t bytes, uint64_t transactions) {
    printf("%-8s %6.1f-%-6.1f s  %10.3f MB  %8.3f Gbit/s", what, (double)start_us / 1e6, (double)end_us / 1e6,
           (double)bytes / 1e6, gbit_per_s(bytes, end_us - start_us));
    if (transactions > 0) {
        printf("  %10.0f transactions/s", per_s(transactions, end_us - start_us));
    }
    printf("\n");
    fflush(stdout);
}

static const char *test_name(enum perf_test test) {
    static const char *const names[] = {"upload", "download", "transactions"};
    return names[test];
}

static double cpu_percent(const struct perf_summary *summary) {
    return summary->elapsed_us == 0
               ? 0
               : 100 * (double)(summary->cpu.user_us + summary->cpu.system_us) / (double)summary->elapsed_us;
}

void perf_report_summary(const struct perf_summary *summary) {
    perf_report_interval("total", 0, summary->elapsed_us, summary->bytes, summary->transactions);
    if (summary->test == PERF_TRANSACTIONS) {
        printf("latency  min %" PRIu64 "  p50 %" PRIu64 "  p90 %" PRIu64 "  p99 %" PRIu64 "  max %" PRIu64 " us\n",
               summary->latency->min_us, perf_latency_percentile(summary->latency, 50),
               perf_latency_percentile(summary->latency, 90), perf_latency_percentile(summary->latency, 99),
               summary->latency->max_us);
    }
    printf("cpu      %.0f %% of one core, here\n", cpu_percent(summary));
}

/* One line, so that a script can take the last line of the output. The rates are for people; what was measured is bytes and
 * seconds. */
void perf_report_json(const struct perf_summary *summary) {
    printf("{\"test\":\"%s\",\"parallel\":%u,\"seconds\":%.6f,\"bytes\":%" PRIu64
           ",\"gbit_per_s\":%.6f,\"cpu_percent\":%.1f",
           test_name(summary->test), summary->parallel, (double)summary->elapsed_us / 1e6, summary->bytes,
           gbit_per_s(summary->bytes, summary->elapsed_us), cpu_percent(summary));
    if (summary->test == PERF_TRANSACTIONS) {
        printf(",\"transactions\":%" PRIu64 ",\"transactions_per_s\":%.1f,\"latency_us\":{\"min\":%" PRIu64
               ",\"p50\":%" PRIu64 ",\"p90\":%" PRIu64 ",\"p99\":%" PRIu64 ",\"max\":%" PRIu64 "}",
               summary->transactions, per_s(summary->transactions, summary->elapsed_us), summary->latency->min_us,
               perf_latency_percentile(summary->latency, 50), perf_latency_percentile(summary->latency, 90),
               perf_latency_percentile(summary->latency, 99), summary->latency->max_us);
    }
    printf(",\"interval_seconds\":%.3f,\"interval_bytes\":[", (double)summary->interval_us / 1e6);
    for (size_t i = 0; i < summary->interval_count; i++) {
        printf("%s%" PRIu64, i == 0 ? "" : ",", summary->interval_bytes[i]);
    }
    printf("]}\n");
    fflush(stdout);
}
