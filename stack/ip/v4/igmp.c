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
#include "ip/internal.h"

#include <errno.h>

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

/* RFC 1112 7.2, RFC 3376 6: everybody is in 224.0.0.1 and nobody says so; lo has no routers, and an interface that is
 * down reaches none. */
static bool is_silent(const struct ip_groups *groups, uint32_t group) {
    return group == ALL_SYSTEMS || groups->netif == LINK_LOOPBACK || !groups->ip->link->netifs[groups->netif].up;
}

/* Few groups an interface: a walk, and none at all on the interfaces without (`used`). */
static struct ip_group *find(struct ip_groups *groups, uint32_t group) {
    for (size_t i = 0; i < ARRAY_LEN(groups->groups) && groups->used > 0; i++) {
        if (groups->groups[i].used && groups->groups[i].group == group) {
            return &groups->groups[i];
        }
    }
    return NULL;
}

bool ip_v4_igmp_member(const struct ip *ip, const struct link_netif *netif, uint32_t group) {
    const struct ip_groups *groups = &ip->igmp[netif->index];
    for (size_t i = 0; i < ARRAY_LEN(groups->groups) && groups->used > 0; i++) {
        const struct ip_group *g = &groups->groups[i];
        if (g->used && g->group == group && g->refs > 0) {
            return true;
        }
    }
    return group == ALL_SYSTEMS;
}

/* ---- messages ---- */

/* Takes frame. RFC 3376 4: TTL 1, Router Alert; 4.2.13: from 0.0.0.0 while there is no address. */
static void send_message(struct ip_groups *groups, uint32_t dst, struct tapir_frame *frame, const char *reason,
                         uint64_t now_us) {
    struct ip *ip = groups->ip;
    struct link_netif *netif = &ip->link->netifs[groups->netif];
    const struct ip_send send = {
        .protocol = WIRE_PROTO_IGMP, .ttl = 1, .tos = TOS_INTERNETWORK_CONTROL, .router_alert = true};
    uint32_t own = IPV4_ANY;
    (void)ip_cast_first_address(netif, &own);
    struct ip_path path = {.generation = ip->generation,
                           .netif = netif,
                           .src = addr_of_ipv4(own),
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

/* Tells the routers about one group. `record`: how version 3 says it. */
static void send_report(struct ip_group *g, uint8_t record, const char *reason, uint64_t now_us) {
    const struct wire_igmp_record one = {.type = record, .group = g->group};
    switch (version_of(g->owner, now_us)) {
    case VERSION_1:
        send_short(g->owner, WIRE_IGMP_V1_REPORT, g->group, g->group, reason, now_us);
        break;
    case VERSION_2:
        send_short(g->owner, WIRE_IGMP_V2_REPORT, g->group, g->group, reason, now_us);
        break;
    case VERSION_3:
        send_v3(g->owner, &one, 1, reason, now_us);
        break;
    }
    g->last_reporter = true;
}

/* All groups, in as many reports as the MTU makes of them (RFC 3376 4.2.16). */
static void report_all(struct timer *timer, uint64_t now_us) {
    struct ip_groups *groups = CONTAINER_OF(timer, struct ip_groups, general);
    struct wire_igmp_record records[TAPIR_IGMP_GROUPS_MAX];
    uint32_t mtu = groups->ip->link->netifs[groups->netif].mtu_bytes;
    uint32_t fit = (mtu - HEADER_WITH_ALERT - MESSAGE_LEN) / RECORD_LEN;
    uint16_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(groups->groups); i++) {
        const struct ip_group *g = &groups->groups[i];
        if (g->used && g->refs > 0 && !is_silent(groups, g->group)) {
            records[count++] = (struct wire_igmp_record){.type = WIRE_IGMP_MODE_IS_EXCLUDE, .group = g->group};
        }
        if (count == fit) {
            send_v3(groups, records, count, "general query", now_us);
            count = 0;
        }
    }
    if (count > 0) {
        send_v3(groups, records, count, "general query", now_us);
    }
}

/* ---- joining and leaving ---- */

static struct timer_wheel *wheel_of(const struct ip_groups *groups) { return &groups->ip->core->wheel; }

static void release(struct ip_group *g) {
    timer_cancel(wheel_of(g->owner), &g->report);
    g->used = false;
    g->owner->used--;
}

/* RFC 3376 5.1, 5.2: uniformly within the time allowed, so that a thousand hosts do not answer at once. */
static void arm(struct ip_groups *groups, struct timer *timer, uint64_t within_us, uint64_t now_us) {
    timer_arm(wheel_of(groups), timer, now_us + core_random_below(groups->ip->core, (uint32_t)within_us) + 1);
}

/* Arms the repeat of a change, or ends it. */
static void repeat(struct ip_group *g, uint64_t now_us) {
    if (g->resends > 0) {
        arm(g->owner, &g->report, version_of(g->owner, now_us) == VERSION_3 ? V3_REPEAT_US : V2_REPEAT_US, now_us);
    } else if (g->refs == 0) {
        release(g);
    }
}

/* With repeats owed this is one of them, and does for a query that came meanwhile as well. */
static void report_due(struct timer *timer, uint64_t now_us) {
    struct ip_group *g = CONTAINER_OF(timer, struct ip_group, report);
    if (g->resends == 0) {
        send_report(g, WIRE_IGMP_MODE_IS_EXCLUDE, "group query", now_us);
        return;
    }
    g->resends--;
    send_report(g, g->refs == 0 ? WIRE_IGMP_TO_INCLUDE : WIRE_IGMP_TO_EXCLUDE, g->refs == 0 ? "left" : "joined",
                now_us);
    repeat(g, now_us);
}

static struct ip_group *take_slot(struct ip_groups *groups, uint32_t group) {
    for (size_t i = 0; i < ARRAY_LEN(groups->groups); i++) {
        struct ip_group *g = &groups->groups[i];
        if (!g->used) {
            *g = (struct ip_group){.used = true, .group = group, .owner = groups};
            timer_init(&g->report, report_due);
            groups->used++;
            return g;
        }
    }
    return NULL;
}

static bool known_netif(const struct ip *ip, const struct link_netif *netif) {
    return netif != NULL && netif == link_netif_get(ip->link, netif->index);
}

/* RFC 3376 5.1: the news that the interface listens to the group. */
static void announce_join(struct ip_group *g, uint64_t now_us) {
    g->resends = ROBUSTNESS - 1;
    send_report(g, WIRE_IGMP_TO_EXCLUDE, "joined", now_us);
    repeat(g, now_us);
}

int ip_v4_igmp_join(struct ip *ip, struct link_netif *netif, const struct tapir_addr *group, uint64_t now_us) {
    if (!known_netif(ip, netif)) {
        return -ENODEV;
    }
    if (!addr_is_ipv4(group) || !addr_is_multicast(group)) {
        return -EINVAL;
    }
    struct ip_groups *groups = &ip->igmp[netif->index];
    struct ip_group *g = find(groups, addr_ipv4(group));
    g = g == NULL ? take_slot(groups, addr_ipv4(group)) : g;
    if (g == NULL) {
        return -ENOBUFS;
    }
    /* The first member is news; also if the group was being left: that news is overtaken. */
    if (g->refs++ == 0 && !is_silent(groups, g->group)) {
        announce_join(g, now_us);
    }
    return 0;
}

/* RFC 3376 5.1 repeats a leave as a join; RFC 2236 3 says it once, and only if the last report was ours. */
static void announce_leave(struct ip_group *g, uint64_t now_us) {
    enum version version = version_of(g->owner, now_us);
    timer_cancel(wheel_of(g->owner), &g->report);
    g->resends = 0;
    if (version == VERSION_3) {
        g->resends = ROBUSTNESS - 1;
        send_report(g, WIRE_IGMP_TO_INCLUDE, "left", now_us);
    } else if (version == VERSION_2 && g->last_reporter) {
        send_short(g->owner, WIRE_IGMP_LEAVE, g->group, ALL_ROUTERS, "left", now_us);
    }
    repeat(g, now_us);
}

int ip_v4_igmp_leave(struct ip *ip, struct link_netif *netif, const struct tapir_addr *group, uint64_t now_us) {
    if (!known_netif(ip, netif)) {
        return -ENODEV;
    }
    if (!addr_is_ipv4(group) || !addr_is_multicast(group)) {
        return -EINVAL;
    }
    struct ip_groups *groups = &ip->igmp[netif->index];
    struct ip_group *g = find(groups, addr_ipv4(group));
    if (g == NULL || g->refs == 0) {
        return -EADDRNOTAVAIL;
    }
    if (--g->refs > 0) {
        return 0;
    }
    if (is_silent(groups, g->group)) {
        release(g);
    } else {
        announce_leave(g, now_us);
    }
    return 0;
}

void ip_v4_igmp_init(struct ip *ip) {
    for (size_t i = 0; i < ARRAY_LEN(ip->igmp); i++) {
        ip->igmp[i].ip = ip;
        ip->igmp[i].netif = (uint8_t)i;
        timer_init(&ip->igmp[i].general, report_all);
    }
}

void ip_v4_igmp_destroy(struct ip *ip) {
    for (size_t i = 0; i < ARRAY_LEN(ip->igmp); i++) {
        struct ip_groups *groups = &ip->igmp[i];
        timer_cancel(wheel_of(groups), &groups->general);
        for (size_t j = 0; j < ARRAY_LEN(groups->groups); j++) {
            if (groups->groups[j].used) {
                release(&groups->groups[j]);
            }
        }
    }
}

/* ---- queries and other hosts' reports ---- */

/* What was owed to the routers of before, or in an old version (RFC 3376 7.2.1), is owed no more. */
static void forget_owed(struct ip_groups *groups) {
    timer_cancel(wheel_of(groups), &groups->general);
    for (size_t i = 0; i < ARRAY_LEN(groups->groups); i++) {
        struct ip_group *g = &groups->groups[i];
        if (g->used) {
            timer_cancel(wheel_of(groups), &g->report);
            g->resends = 0;
            if (g->refs == 0) {
                release(g);
            }
        }
    }
}

/* The link may be another one when the interface comes up again: its routers know of no group of ours, and what is known
 * of those before does not hold. */
void ip_v4_igmp_switched(struct ip *ip, const struct link_netif *netif, uint64_t now_us) {
    struct ip_groups *groups = &ip->igmp[netif->index];
    if (!netif->up) {
        forget_owed(groups);
        groups->v1_until_us = groups->v2_until_us = 0;
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(groups->groups); i++) {
        struct ip_group *g = &groups->groups[i];
        if (g->used && !is_silent(groups, g->group)) {
            announce_join(g, now_us);
        }
    }
}

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
        forget_owed(groups);
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
        bool asked = query->group == IPV4_ANY || query->group == g->group;
        if (g->used && g->refs > 0 && asked && !is_silent(groups, g->group)) {
            answer_within(groups, &g->report, within_us, now_us);
        }
    }
}

/* RFC 2236 3: another member's report will do for ours. Not in version 3 (RFC 3376 5.2). */
static void hear_report(struct ip_groups *groups, uint32_t group, uint64_t now_us) {
    struct ip_group *g = find(groups, group);
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
    struct ip_groups *groups = &ip->igmp[rx->netif->index];
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
