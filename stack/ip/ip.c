/* The internet layer's life, and the questions others ask it about addresses. */
#include "ip/groups.h"
#include "ip/reasm.h"

/* First sizes; the tables grow with use, up to the caps of limits.h. */
#define REASSEMBLY_BUCKETS 64
#define PMTU_BUCKETS 16

int ip_init(struct ip *ip, struct core *core, struct link *link, const struct ip_version *v4, uint64_t now_us) {
    memset(ip, 0, sizeof *ip);
    ip->core = core;
    ip->link = link;
    ip->v4 = v4;
    ip->generation = 1; /* so that a zeroed path is not valid */
    list_init(&ip->reassembly_age);
    ip_limits_init(ip, now_us);
    ip_groups_init(ip);
    int error = table_init(&ip->reassembly, &core->mem, REASSEMBLY_BUCKETS);
    if (error != 0) {
        return error;
    }
    error = table_init(&ip->pmtu, &core->mem, PMTU_BUCKETS);
    if (error != 0) {
        table_destroy(&ip->reassembly);
    }
    return error;
}

void ip_destroy(struct ip *ip) {
    ip_groups_destroy(ip);
    ip_reasm_clear(ip);
    ip_pmtu_clear(ip);
    table_destroy(&ip->reassembly);
    table_destroy(&ip->pmtu);
}

void ip_netif_switched(struct ip *ip, const struct link_netif *netif, uint64_t now_us) {
    ip_changed(ip);
    ip_groups_switched(ip, netif, now_us);
}

struct others {
    const struct ip *ip;
    uint8_t than;
};

static bool is_other(const void *ctx, const struct tapir_addr *neighbour, const struct tapir_frame *frame) {
    const struct others *others = ctx;
    return ip_version_of(others->ip, neighbour)->protocol(frame) != others->than;
}

bool ip_waits_beside(const struct ip *ip, uint8_t protocol) {
    const struct others others = {.ip = ip, .than = protocol};
    return link_neighbour_holds(ip->link, is_other, &others);
}

bool ip_speaks(const struct ip *ip, const struct tapir_addr *addr) { return ip_version_of(ip, addr) != NULL; }

uint32_t ip_header_len(const struct ip *ip, const struct tapir_addr *addr) {
    const struct ip_version *version = ip_version_of(ip, addr);
    CHECK(version != NULL);
    return version->header_len;
}

bool ip_is_local(const struct ip *ip, const struct tapir_addr *addr) { return ip_cast_kind(ip, addr) == IP_KIND_OWN; }
