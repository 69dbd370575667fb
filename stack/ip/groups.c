/* The groups that interfaces listen to, counted by their members; what is told to routers is its version's (IGMP). */
#include "ip/groups.h"

#include <errno.h>

/* Is there nothing to tell of the group? RFC 1112 7.2, RFC 3376 6: everybody is in the group of all and nobody says so; lo
 * has no routers, and an interface that is down reaches none. */
bool ip_groups_silent(const struct ip_groups *groups, const struct tapir_addr *group) {
    return addr_equal(group, &groups->version->all_nodes) || groups->netif == LINK_LOOPBACK ||
           !groups->ip->link->netifs[groups->netif].up;
}

/* Few groups per interface: a walk, and none at all on the interfaces without (`used`). */
struct ip_group *ip_groups_find(struct ip_groups *groups, const struct tapir_addr *group) {
    for (size_t i = 0; i < ARRAY_LEN(groups->groups) && groups->used > 0; i++) {
        if (groups->groups[i].used && addr_equal(&groups->groups[i].addr, group)) {
            return &groups->groups[i];
        }
    }
    return NULL;
}

/* NULL: a version that we do not speak. */
static struct ip_groups *groups_of(struct ip *ip, const struct link_netif *netif, const struct tapir_addr *group) {
    return ip_version_of(ip, group) == NULL ? NULL : &ip->groups_v4[netif->index];
}

bool ip_groups_member(struct ip *ip, const struct link_netif *netif, const struct tapir_addr *group) {
    struct ip_groups *groups = groups_of(ip, netif, group);
    if (groups == NULL) {
        return false;
    }
    const struct ip_group *g = ip_groups_find(groups, group);
    return (g != NULL && g->refs > 0) || addr_equal(group, &groups->version->all_nodes);
}

void ip_groups_release(struct ip_group *group) {
    timer_cancel(&group->owner->ip->core->wheel, &group->report);
    group->used = false;
    group->owner->used--;
}

void ip_groups_forget_owed(struct ip_groups *groups) {
    struct timer_wheel *wheel = &groups->ip->core->wheel;
    timer_cancel(wheel, &groups->general);
    for (size_t i = 0; i < ARRAY_LEN(groups->groups); i++) {
        struct ip_group *g = &groups->groups[i];
        if (g->used) {
            timer_cancel(wheel, &g->report);
            g->resends = 0;
            if (g->refs == 0) {
                ip_groups_release(g);
            }
        }
    }
}

/* ---- joining and leaving ---- */

static void report_due(struct timer *timer, uint64_t now_us) {
    struct ip_group *g = CONTAINER_OF(timer, struct ip_group, report);
    g->owner->version->report_due(g, now_us);
}

static void general_due(struct timer *timer, uint64_t now_us) {
    struct ip_groups *groups = CONTAINER_OF(timer, struct ip_groups, general);
    groups->version->general_report_due(groups, now_us);
}

static struct ip_group *take_slot(struct ip_groups *groups, const struct tapir_addr *group) {
    for (size_t i = 0; i < ARRAY_LEN(groups->groups); i++) {
        struct ip_group *g = &groups->groups[i];
        if (!g->used) {
            *g = (struct ip_group){.used = true, .addr = *group, .owner = groups};
            timer_init(&g->report, report_due);
            groups->used++;
            return g;
        }
    }
    return NULL;
}

/* Gives the groups of an interface of ours that `group` can be one of: 0, -ENODEV or -EINVAL. */
static int find_groups(struct ip *ip, const struct link_netif *netif, const struct tapir_addr *group,
                       struct ip_groups **groups) {
    if (netif == NULL || netif != link_netif_get(ip->link, netif->index)) {
        return -ENODEV;
    }
    *groups = groups_of(ip, netif, group);
    return *groups != NULL && addr_is_multicast(group) ? 0 : -EINVAL;
}

int ip_groups_join(struct ip *ip, struct link_netif *netif, const struct tapir_addr *group, uint64_t now_us) {
    struct ip_groups *groups;
    int error = find_groups(ip, netif, group, &groups);
    if (error != 0) {
        return error;
    }
    struct ip_group *g = ip_groups_find(groups, group);
    g = g == NULL ? take_slot(groups, group) : g;
    if (g == NULL) {
        return -ENOBUFS;
    }
    /* The first member is news; also if the group was being left: that news is overtaken. */
    if (g->refs++ == 0 && !ip_groups_silent(groups, group)) {
        groups->version->joined(g, now_us);
    }
    return 0;
}

int ip_groups_leave(struct ip *ip, struct link_netif *netif, const struct tapir_addr *group, uint64_t now_us) {
    struct ip_groups *groups;
    int error = find_groups(ip, netif, group, &groups);
    if (error != 0) {
        return error;
    }
    struct ip_group *g = ip_groups_find(groups, group);
    if (g == NULL || g->refs == 0) {
        return -EADDRNOTAVAIL;
    }
    if (--g->refs > 0) {
        return 0;
    }
    if (ip_groups_silent(groups, group)) {
        ip_groups_release(g);
    } else {
        groups->version->left(g, now_us);
    }
    return 0;
}

/* ---- life ---- */

void ip_groups_init(struct ip *ip) {
    for (size_t i = 0; i < ARRAY_LEN(ip->groups_v4); i++) {
        struct ip_groups *groups = &ip->groups_v4[i];
        groups->ip = ip;
        groups->version = ip->v4;
        groups->netif = (uint8_t)i;
        timer_init(&groups->general, general_due);
    }
}

void ip_groups_destroy(struct ip *ip) {
    for (size_t i = 0; i < ARRAY_LEN(ip->groups_v4); i++) {
        struct ip_groups *groups = &ip->groups_v4[i];
        timer_cancel(&ip->core->wheel, &groups->general);
        for (size_t j = 0; j < ARRAY_LEN(groups->groups); j++) {
            if (groups->groups[j].used) {
                ip_groups_release(&groups->groups[j]);
            }
        }
    }
}

/* The link may be another one when the interface comes up again: its routers know of no group of ours, and what is known
 * of those before does not hold. */
void ip_groups_switched(struct ip *ip, const struct link_netif *netif, uint64_t now_us) {
    struct ip_groups *groups = &ip->groups_v4[netif->index];
    if (!netif->up) {
        ip_groups_forget_owed(groups);
        groups->v1_until_us = groups->v2_until_us = 0;
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(groups->groups); i++) {
        struct ip_group *g = &groups->groups[i];
        if (g->used && !ip_groups_silent(groups, &g->addr)) {
            groups->version->joined(g, now_us);
        }
    }
}
