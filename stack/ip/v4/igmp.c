/* IGMP, the host's side: version 3 (RFC 3376) without source filters, and the older two as long as a router of
 * theirs is heard (7.2.1).
 *
 *   timer    armed when                                        does
 *   report   a group was joined or left: some repeats follow   repeats the news (5.1; RFC 2236 3)
 *            the interface came up with groups: the same
 *            a query was heard that wants this group           answers it
 *   general  a version 3 general query was heard               answers it for all groups at once (5.2)
 *
 * A membership is "exclude nobody" in version 3's terms, so each change and each state is one record without
 * sources. A group left stays in its slot, without members, until the leave has been repeated. */
#include "ip/groups.h"
#include "ip/v4/v4.h"

#define ALL_SYSTEMS IPV4(224, 0, 0, 1)
#define ALL_ROUTERS IPV4(224, 0, 0, 2)
#define V3_ROUTERS IPV4(224, 0, 0, 22)

#define TENTH_US 100000ULL
#define ROBUSTNESS 2                  /* RFC 3376 8.1: each change is told this many times */
#define V3_REPEAT_US 1000000ULL       /* 8.11 */
#define V2_REPEAT_US 10000000ULL      /* RFC 2236 8.10 */
#define V1_RESPONSE_US 10000000ULL    /* RFC 2236 4: a version 1 query means ten seconds */
#define OLDER_QUERIER_US 260000000ULL /* RFC 3376 8.12: 2 x 125 s + 10 s */
#define TOS_INTERNETWORK_CONTROL 0xc0 /* RFC 3376 4 */

enum { HEADER_WITH_ALERT = WIRE_IPV4_LEN + 4, MESSAGE_LEN = 8, RECORD_LEN = 8 };

enum version { VERSION_1 = 1, VERSION_2, VERSION_3 };

/* The oldest router heard lately decides: it would not understand a newer report. */
static enum version version_of(const struct ip_groups *groups, uint64_t now_us) {
    if (now_us < groups->v1_until_us) {
        return VERSION_1;
    }
    return now_us < groups->v2_until_us ? VERSION_2 : VERSION_3;
}

/* ---- messages ---- */

/* Takes frame. RFC 3376 4: TTL 1, Router Alert; 4.2.13: from 0.0.0.0 while there is no address. */
static void send_message(struct ip_groups *groups, uint32_t dst, struct tapir_frame *frame, const char *reason,
                         uint64_t now_us) {
    struct ip *ip = groups->ip;
    struct link_netif *netif = &ip->link->netifs[groups->netif];
    const struct ip_send send = {
        .protocol = WIRE_PROTO_IGMP, .ttl = 1, .tos = TOS_INTERNETWORK_CONTROL, .router_alert = true};
    struct tapir_addr own = addr_of_ipv4(IPV4_ANY);
    (void)ip_v4_cast_first(netif, &own);
    struct ip_path path = {.generation = ip->generation,
                           .netif = netif,
                           .version = groups->version,
                           .src = own,
                           .dst = addr_of_ipv4(dst),
                           .next_hop = addr_of_ipv4(dst),
                           .cast = LINK_MULTICAST};
    COUNT(ip->core, igmp_out);
    ip_trace_out(ip, &path, WIRE_PROTO_IGMP, frame, reason, now_us);
    (void)ip_send_frame(ip, &path, &send, frame, now_us);
}

static struct tapir_frame *alloc_message(struct ip_groups *groups, uint32_t len) {
    struct tapir_frame *frame = frame_alloc(&groups->ip->core->mem, MEM_PROGRESS, TAPIR_FRAME_HEADROOM_BYTES, len);
    if (frame == NULL) {
        COUNT(groups->ip->core, ip_no_memory);
    }
    return frame;
}

/* A message of versions 1 and 2; emitted twice, as its checksum covers itself. */
static void send_short(struct ip_groups *groups, uint8_t type, uint32_t group, uint32_t dst, const char *reason,
                       uint64_t now_us) {
    struct wire_igmp message = {.type = type, .group = group};
    struct tapir_frame *frame = alloc_message(groups, MESSAGE_LEN);
    if (frame == NULL) {
        return;
    }
    uint8_t *bytes = frame_put(frame, MESSAGE_LEN);
    struct writer w = writer_of(bytes, MESSAGE_LEN);
    wire_igmp_emit(&w, &message);
    message.checksum = checksum_finish(checksum_add(0, bytes, MESSAGE_LEN));
    w = writer_of(bytes, MESSAGE_LEN);
    wire_igmp_emit(&w, &message);
    send_message(groups, dst, frame, reason, now_us);
}

static void send_v3(struct ip_groups *groups, const struct wire_igmp_record *records, uint16_t count,
                    const char *reason, uint64_t now_us) {
    uint32_t len = MESSAGE_LEN + (uint32_t)count * RECORD_LEN;
    struct tapir_frame *frame = alloc_message(groups, len);
    if (frame == NULL) {
        return;
    }
    struct writer w = writer_of(frame_put(frame, len), len);
    wire_igmp_emit_v3_report(&w, records, count);
    send_message(groups, V3_ROUTERS, frame, reason, now_us);
}

/* Has the group members that routers are to know of? */
static bool is_told(const struct ip_group *g) {
    return g->used && g->refs > 0 && !ip_groups_silent(g->owner, &g->addr);
}

/* Tells the routers about one group. `record`: how version 3 says it. */
static void send_report(struct ip_group *g, uint8_t record, const char *reason, uint64_t now_us) {
    uint32_t group = addr_ipv4(&g->addr);
    const struct wire_igmp_record one = {.type = record, .group = group};
    switch (version_of(g->owner, now_us)) {
    case VERSION_1:
        send_short(g->owner, WIRE_IGMP_V1_REPORT, group, group, reason, now_us);
        break;
    case VERSION_2:
        send_short(g->owner, WIRE_IGMP_V2_REPORT, group, group, reason, now_us);
        break;
    case VERSION_3:
        send_v3(g->owner, &one, 1, reason, now_us);
        break;
    }
    g->last_reporter = true;
}

/* All groups, in as many reports as the MTU makes of them (RFC 3376 4.2.16). */
void ip_v4_igmp_general_report(struct ip_groups *groups, uint64_t now_us) {
    struct wire_igmp_record records[TAPIR_IGMP_GROUPS_MAX];
    uint32_t mtu = groups->ip->link->netifs[groups->netif].mtu_bytes;
    uint32_t fit = (mtu - HEADER_WITH_ALERT - MESSAGE_LEN) / RECORD_LEN;
    uint32_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(groups->groups); i++) {
        const struct ip_group *g = &groups->groups[i];
        if (is_told(g)) {
            records[count++] =
                (struct wire_igmp_record){.type = WIRE_IGMP_MODE_IS_EXCLUDE, .group = addr_ipv4(&g->addr)};
        }
    }
    for (uint32_t at = 0; at < count; at += fit) {
        send_v3(groups, records + at, (uint16_t)min_u32(fit, count - at), "general query", now_us);
    }
}

/* ---- joining and leaving ---- */

static struct timer_wheel *wheel_of(const struct ip_groups *groups) { return &groups->ip->core->wheel; }

/* RFC 3376 5.1, 5.2: uniformly within the time allowed, so that a thousand hosts do not answer at once. */
static void arm(struct ip_groups *groups, struct timer *timer, uint64_t within_us, uint64_t now_us) {
    timer_arm(wheel_of(groups), timer, now_us + core_random_below(groups->ip->core, (uint32_t)within_us) + 1);
}

/* Arms the repeat of a change, or ends it. */
static void repeat(struct ip_group *g, uint64_t now_us) {
    if (g->resends > 0) {
        arm(g->owner, &g->report, version_of(g->owner, now_us) == VERSION_3 ? V3_REPEAT_US : V2_REPEAT_US, now_us);
    } else if (g->refs == 0) {
        ip_groups_release(g);
    }
}

/* With repeats owed this is one of them, and does for a query that came meanwhile as well. */
void ip_v4_igmp_report(struct ip_group *g, uint64_t now_us) {
    if (g->resends == 0) {
        send_report(g, WIRE_IGMP_MODE_IS_EXCLUDE, "group query", now_us);
        return;
    }
    g->resends--;
    send_report(g, g->refs == 0 ? WIRE_IGMP_TO_INCLUDE : WIRE_IGMP_TO_EXCLUDE, g->refs == 0 ? "left" : "joined",
                now_us);
    repeat(g, now_us);
}

/* RFC 3376 5.1: the news that the interface listens to the group. */
void ip_v4_igmp_joined(struct ip_group *g, uint64_t now_us) {
    g->resends = ROBUSTNESS - 1;
    send_report(g, WIRE_IGMP_TO_EXCLUDE, "joined", now_us);
    repeat(g, now_us);
}

/* RFC 3376 5.1 repeats a leave as a join; RFC 2236 3 says it once, and only if the last report was ours. */
void ip_v4_igmp_left(struct ip_group *g, uint64_t now_us) {
    enum version version = version_of(g->owner, now_us);
    timer_cancel(wheel_of(g->owner), &g->report);
    g->resends = 0;
    if (version == VERSION_3) {
        g->resends = ROBUSTNESS - 1;
        send_report(g, WIRE_IGMP_TO_INCLUDE, "left", now_us);
    } else if (version == VERSION_2 && g->last_reporter) {
        send_short(g->owner, WIRE_IGMP_LEAVE, addr_ipv4(&g->addr), ALL_ROUTERS, "left", now_us);
    }
    repeat(g, now_us);
}

/* ---- queries and other hosts' reports ---- */

/* The version of a query by its length and code (RFC 3376 7.1); remembers an older one. */
static enum version note_querier(struct ip_groups *groups, const struct wire_igmp *query, uint64_t now_us) {
    enum version before = version_of(groups, now_us);
    enum version version = VERSION_3;
    if (!query->v3_query) {
        version = query->max_resp_code == 0 ? VERSION_1 : VERSION_2;
        uint64_t *until_us = version == VERSION_1 ? &groups->v1_until_us : &groups->v2_until_us;
        *until_us = now_us + OLDER_QUERIER_US;
    }
    if (version_of(groups, now_us) != before) {
        ip_groups_forget_owed(groups);
    }
    return version;
}

static uint64_t response_us(enum version version, uint8_t code) {
    switch (version) {
    case VERSION_1:
        return V1_RESPONSE_US;
    case VERSION_2:
        return code * TENTH_US;
    case VERSION_3:
        break;
    }
    /* RFC 3376 4.1.1: a code of 0 asks for an answer at once. */
    return max_u64(wire_igmp_v3_time(code), 1) * TENTH_US;
}

/* An answer that is due sooner anyway stays as it is. */
static void answer_within(struct ip_groups *groups, struct timer *timer, uint64_t within_us, uint64_t now_us) {
    if (!timer_armed(timer) || timer->deadline_us > now_us + within_us) {
        arm(groups, timer, within_us, now_us);
    }
}

/* Group-and-source queries too are answered for the whole group: we filter no sources, so any of them is wanted. */
static void answer_query(struct ip_groups *groups, const struct wire_igmp *query, uint64_t now_us) {
    enum version version = note_querier(groups, query, now_us);
    uint64_t within_us = response_us(version, query->max_resp_code);
    if (query->group == IPV4_ANY && version_of(groups, now_us) == VERSION_3) {
        answer_within(groups, &groups->general, within_us, now_us);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(groups->groups); i++) {
        struct ip_group *g = &groups->groups[i];
        bool asked = query->group == IPV4_ANY || query->group == addr_ipv4(&g->addr);
        if (asked && is_told(g)) {
            answer_within(groups, &g->report, within_us, now_us);
        }
    }
}

/* RFC 2236 3: another member's report will do for ours. Not in version 3 (RFC 3376 5.2). */
static void hear_report(struct ip_groups *groups, uint32_t group, uint64_t now_us) {
    struct tapir_addr addr = addr_of_ipv4(group);
    struct ip_group *g = ip_groups_find(groups, &addr);
    if (g != NULL && version_of(groups, now_us) != VERSION_3) {
        timer_cancel(wheel_of(groups), &g->report);
        g->resends = 0;
        g->last_reporter = false;
    }
}

/* RFC 3376 9.1: what crossed a router, came to the wrong address or, from version 2 on, lacks the Router Alert is
 * forged. */
static bool query_ok(const struct ip_rx *rx, const struct wire_igmp *query) {
    struct wire_ipv4 header;
    struct ip_v4_options options;
    CHECK(wire_ipv4_parse_quote(rx->header, rx->header_len, &header));
    (void)ip_v4_options_judge(&header, &options);
    bool version_1 = !query->v3_query && query->max_resp_code == 0;
    bool general = query->group == IPV4_ANY;
    return (options.router_alert || version_1) && (!general || addr_ipv4(&rx->dst) == ALL_SYSTEMS) &&
           (general || ipv4_is_multicast(query->group));
}

/* What all messages need: TTL 1, so that they cannot come from beyond a router, and a sound sum. */
static bool message_ok(const struct ip_rx *rx, struct wire_igmp *message) {
    return rx->ttl == 1 && wire_igmp_parse(rx->data, rx->len, message) &&
           checksum_fold(checksum_add(0, rx->data, rx->len)) == UINT16_MAX &&
           (message->type != WIRE_IGMP_QUERY || query_ok(rx, message));
}

void ip_v4_igmp_input(struct ip *ip, const struct ip_rx *rx, uint64_t now_us) {
    struct ip_groups *groups = &ip->groups_v4[rx->netif->index];
    struct wire_igmp message;
    COUNT(ip->core, igmp_in);
    if (!message_ok(rx, &message)) {
        COUNT(ip->core, igmp_bad);
        ip_trace_in(ip, rx, "malformed or forged", true, now_us);
        return;
    }
    ip_trace_in(ip, rx, "taken", false, now_us);
    if (message.type == WIRE_IGMP_QUERY) {
        answer_query(groups, &message, now_us);
    } else if (message.type == WIRE_IGMP_V1_REPORT || message.type == WIRE_IGMP_V2_REPORT) {
        hear_report(groups, message.group, now_us);
    }
}
