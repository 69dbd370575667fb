/* What the group protocol of a version needs of the groups: finding them, and what is owed to routers about them. */
#ifndef IP_GROUPS_H
#define IP_GROUPS_H

#include "ip/internal.h"

void ip_groups_init(struct ip *ip);
void ip_groups_destroy(struct ip *ip);

/* The interface went up or down: its groups are told anew, or what was owed about them is forgotten. */
void ip_groups_switched(struct ip *ip, const struct link_netif *netif, uint64_t now_us);

/* The group's slot, members or not; NULL: none. */
struct ip_group *ip_groups_find(struct ip_groups *groups, const struct tapir_addr *group);

/* Is there nobody to be told of the group? */
bool ip_groups_silent(const struct ip_groups *groups, const struct tapir_addr *group);

/* Frees the slot of a group that has no members, or that all of them lose now. */
void ip_groups_release(struct ip_group *group);

/* What was owed to the former routers, or in an older version (RFC 3376 7.2.1), is no longer owed. */
void ip_groups_forget_owed(struct ip_groups *groups);

#endif
