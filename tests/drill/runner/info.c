/* TCP_INFO by Linux's names and in its units, and the stack's counters by theirs.
 *
 * The core counts windows in bytes and times in microseconds; Linux has windows in segments of snd_mss, and what was
 * last sent or received as an age in milliseconds. A counter tells why a packet was dropped, which no packet does. */
#include "info.h"

#include <string.h>

/* Which field it is, and how Linux counts it. */
enum unit { AS_IT_IS, IN_SEGMENTS, AGE_MS, OPTIONS };

#define U8(field) offsetof(struct tapir_tcp_info, field), 1, AS_IT_IS
#define U32(field) offsetof(struct tapir_tcp_info, field), 4, AS_IT_IS
#define U64(field) offsetof(struct tapir_tcp_info, field), 8, AS_IT_IS
#define SEGMENTS(field) offsetof(struct tapir_tcp_info, field), 4, IN_SEGMENTS
#define AGE(field) offsetof(struct tapir_tcp_info, field), 8, AGE_MS

static const struct {
    const char *name; /* after tcpi_ */
    size_t at, bytes;
    enum unit unit;
} fields[] = {
    {"state", U8(state)},
    {"ca_state", U8(ca_state)},
    {"retransmits", U8(retransmits)},
    {"probes", U8(probes)},
    {"backoff", U8(backoff)},
    {"options", 0, 1, OPTIONS},
    {"snd_wscale", U8(snd_wscale)},
    {"rcv_wscale", U8(rcv_wscale)},
    {"rto", U64(rto_us)},
    {"ato", U64(ato_us)},
    {"snd_mss", U32(snd_mss_bytes)},
    {"rcv_mss", U32(rcv_mss_bytes)},
    {"advmss", U32(advmss_bytes)},
    {"pmtu", U32(pmtu_bytes)},
    {"unacked", U32(unacked_segs)},
    {"sacked", U32(sacked_segs)},
    {"lost", U32(lost_segs)},
    {"retrans", U32(retrans_segs)},
    {"reordering", U32(reordering_segs)},
    {"rtt", U64(rtt_us)},
    {"rttvar", U64(rttvar_us)},
    {"rcv_rtt", U64(rcv_rtt_us)},
    {"min_rtt", U64(min_rtt_us)},
    {"snd_cwnd", SEGMENTS(cwnd_bytes)},
    {"cwnd", SEGMENTS(cwnd_bytes)},
    {"snd_ssthresh", SEGMENTS(ssthresh_bytes)},
    {"ssthresh", SEGMENTS(ssthresh_bytes)},
    {"snd_wnd", U32(snd_wnd_bytes)},
    {"rcv_wnd", U32(rcv_wnd_bytes)},
    {"rcv_space", U32(rcv_space_bytes)},
    {"total_retrans", U32(total_retrans_segs)},
    {"bytes_sent", U64(bytes_sent)},
    {"bytes_acked", U64(bytes_acked)},
    {"bytes_received", U64(bytes_received)},
    {"bytes_retrans", U64(bytes_retrans)},
    {"segs_out", U64(segs_out)},
    {"segs_in", U64(segs_in)},
    {"data_segs_out", U64(data_segs_out)},
    {"data_segs_in", U64(data_segs_in)},
    {"notsent_bytes", U32(notsent_bytes)},
    {"rcv_ooopack", U32(rcv_ooopack)},
    {"delivered", U32(delivered_segs)},
    {"pacing_rate", U64(pacing_bytes_per_s)},
    {"delivery_rate", U64(delivery_bytes_per_s)},
    {"busy_time", U64(busy_us)},
    {"last_data_sent", AGE(last_data_sent_us)},
    {"last_data_recv", AGE(last_data_recv_us)},
    {"last_ack_recv", AGE(last_ack_recv_us)},
};

static uint64_t read_field(const struct tapir_tcp_info *info, size_t at, size_t bytes) {
    const uint8_t *from = (const uint8_t *)info + at;
    uint32_t u32;
    uint64_t u64;
    switch (bytes) {
    case 1:
        return *from;
    case 4:
        memcpy(&u32, from, sizeof u32);
        return u32;
    default:
        memcpy(&u64, from, sizeof u64);
        return u64;
    }
}

/* TCPI_OPT_TIMESTAMPS 1, TCPI_OPT_SACK 2, TCPI_OPT_WSCALE 4. */
static int64_t options_of(const struct tapir_tcp_info *info) {
    return (info->timestamps ? 1 : 0) | (info->sack ? 2 : 0) | (info->wscale_ok ? 4 : 0);
}

static int64_t in_unit(const struct tapir_tcp_info *info, enum unit unit, uint64_t value, uint64_t now_us) {
    switch (unit) {
    case IN_SEGMENTS:
        return (int64_t)(value == UINT32_MAX || info->snd_mss_bytes == 0 ? value : value / info->snd_mss_bytes);
    case AGE_MS:
        return (int64_t)((now_us - value) / 1000);
    case OPTIONS:
        return options_of(info);
    default:
        return (int64_t)value;
    }
}

static bool lookup_tcp_info(struct run *run, const char *name, int64_t *value) {
    struct tapir_tcp_info info;
    const struct descriptor *d = &run->descriptors[run->subject];
    if (d->kind != DESCRIPTOR_SOCKET || tapir_sock_tcp_info(run->world.stack, d->sock, &info, run->world.now_us) != 0) {
        return false;
    }
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (strcmp(fields[i].name, name) == 0) {
            uint64_t raw = read_field(&info, fields[i].at, fields[i].bytes);
            *value = in_unit(&info, fields[i].unit, raw, run->world.now_us);
            return true;
        }
    }
    return false;
}

static bool lookup_counter(const struct run *run, const char *name, int64_t *value) {
    const uint8_t *counters = (const uint8_t *)tapir_stack_counters(run->world.stack);
    for (size_t i = 0; tapir_counter_name(i) != NULL; i++) {
        if (strcmp(tapir_counter_name(i), name) == 0) {
            uint64_t count;
            memcpy(&count, counters + i * sizeof count, sizeof count);
            *value = (int64_t)count;
            return true;
        }
    }
    return false;
}

bool info_lookup(void *ctx, const char *name, int64_t *value) {
    struct run *run = ctx;
    return strncmp(name, "tcpi_", 5) == 0 ? lookup_tcp_info(run, name + 5, value) : lookup_counter(run, name, value);
}
