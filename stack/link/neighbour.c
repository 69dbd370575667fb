/* The neighbour table: its entries, their states, and what waits for them.
 *
 * Nobody on a link proves who he is, so the table limits what a lie can do rather than detect it:
 *   - only our own question makes a neighbour REACHABLE, or a transport that hears from beyond it;
 *   - an unasked claim never makes an entry, unless it is a request to us, whose sender wants an answer (RFC 826);
 *   - an entry confirmed a moment ago, as is a neighbour in conversation, is not moved by a claim, but asked whether
 *     it is still there (L5); if it is silent, the next datagram, or one that waits for its answer, asks everybody (Z11);
 *   - a moved entry is only STALE: its first use starts the verification.
 * Whoever answers a question first is believed: there is no better evidence on an Ethernet.
 */
#include "link/neighbour.h"

#include <errno.h>

#define BUCKETS 16U /* a small LAN without growing; the table doubles by itself */

/* Keyed, as neighbours choose their addresses: chains cannot be made long on purpose (D13). Of a v4-mapped address the
 * last four bytes tell all, and this is done for each datagram. */
static uint64_t hash_of(const struct link_netif *netif, const struct tapir_addr *addr) {
    size_t skipped = addr_is_ipv4(addr) ? sizeof addr->b - sizeof(uint32_t) : 0;
    return siphash(&netif->link->core->key, addr->b + skipped, sizeof addr->b - skipped);
}

static struct link_neighbour *entry_of(struct table_node *node) {
    return CONTAINER_OF(node, struct link_neighbour, node);
}

int link_neighbour_init(struct link_netif *netif) {
    list_init(&netif->neighbours_unproven);
    list_init(&netif->neighbours_stale);
    return table_init(&netif->neighbours, &netif->link->core->mem, BUCKETS);
}

struct link_neighbour *link_neighbour_find(const struct link_netif *netif, const struct tapir_addr *addr) {
    struct table_node *node = table_first(&netif->neighbours, hash_of(netif, addr));
    while (node != NULL && !addr_equal(&entry_of(node)->addr, addr)) {
        node = table_next(node);
    }
    return node == NULL ? NULL : entry_of(node);
}

/* ---- frames that wait ---- */

/* Gives all frames that wait, which then count no more. */
static struct frame_queue take_pending(struct link_neighbour *entry) {
    struct frame_queue taken = entry->pending;
    if (taken.count > 0) {
        entry->netif->link->pending_bytes -= taken.true_bytes;
        frame_queue_init(&entry->pending);
        list_remove(&entry->waiting);
    }
    return taken;
}

/* The newest datagram is the most likely to be wanted still (RFC 1122 2.3.2.2). */
static void drop_oldest(struct link_neighbour *entry) {
    struct link *link = entry->netif->link;
    struct tapir_frame *frame = frame_queue_pop(&entry->pending);
    link->pending_bytes -= frame_true_size(frame);
    if (entry->pending.count == 0) {
        list_remove(&entry->waiting);
    }
    COUNT(link->core, arp_pending_drop);
    frame_release(frame);
}

void link_neighbour_wait(struct link_neighbour *entry, struct tapir_frame *frame) {
    struct link *link = entry->netif->link;
    struct frame_queue *pending = &entry->pending;
    uint32_t size = frame_true_size(frame);
    uint64_t total_max = mem_at_most(&link->core->mem, TAPIR_NEIGHBOURS_PENDING_BYTES);
    /* A frame above the cap waits alone: it is the newest, and one super-segment is just above. */
    while (pending->count > 0 && (pending->count >= TAPIR_NEIGHBOUR_PENDING_FRAMES ||
                                  pending->true_bytes + size > TAPIR_NEIGHBOUR_PENDING_BYTES)) {
        drop_oldest(entry);
    }
    /* Those who wait longest are the likeliest to wait in vain, as scans and forged sources make us ask (L7). */
    while (!list_empty(&link->waiting) && link->pending_bytes + size > total_max) {
        drop_oldest(LIST_ENTRY(link->waiting.next, struct link_neighbour, waiting));
    }
    if (pending->count == 0) {
        list_push_back(&link->waiting, &entry->waiting);
    }
    link->pending_bytes += size;
    frame_queue_push(pending, frame);
}

bool link_neighbour_holds(const struct link *link,
                          bool (*wanted)(const void *ctx, const struct tapir_addr *neighbour,
                                         const struct tapir_frame *frame),
                          const void *ctx) {
    LIST_FOR_EACH(node, &link->waiting) {
        const struct link_neighbour *entry = LIST_ENTRY(node, struct link_neighbour, waiting);
        for (const struct tapir_frame *frame = entry->pending.first; frame != NULL; frame = frame->next) {
            if (wanted(ctx, &entry->addr, frame)) {
                return true;
            }
        }
    }
    return false;
}

/* ---- states ---- */

static void arm(struct link_neighbour *entry, uint64_t deadline_us) {
    timer_arm(&entry->netif->link->core->wheel, &entry->timer, deadline_us);
}

/* The one writer of an entry's state: arms its deadline, and lists it for eviction if nobody needs it. */
static void enter(struct link_neighbour *entry, enum link_neighbour_state state, uint64_t now_us) {
    static const uint64_t stay_us[] = {
        [NEIGHBOUR_INCOMPLETE] = TAPIR_NEIGHBOUR_RETRY_US, [NEIGHBOUR_REACHABLE] = TAPIR_NEIGHBOUR_REACHABLE_US,
        [NEIGHBOUR_STALE] = TAPIR_NEIGHBOUR_STALE_US,      [NEIGHBOUR_DELAY] = TAPIR_NEIGHBOUR_DELAY_US,
        [NEIGHBOUR_PROBE] = TAPIR_NEIGHBOUR_RETRY_US,      [NEIGHBOUR_FAILED] = TAPIR_NEIGHBOUR_FAILED_US,
    };
    struct link_netif *netif = entry->netif;
    if (list_linked(&entry->idle)) {
        list_remove(&entry->idle);
    }
    entry->state = (uint8_t)state;
    entry->tries = 0;
    entry->doubt = DOUBT_NONE;
    if (state == NEIGHBOUR_STALE || state == NEIGHBOUR_FAILED) {
        list_push_back(entry->proven ? &netif->neighbours_stale : &netif->neighbours_unproven, &entry->idle);
    }
    arm(entry, now_us + stay_us[state]);
}

/* Frees an entry for which nothing waits. */
static void forget(struct link_neighbour *entry) {
    struct mem *mem = &entry->netif->link->core->mem;
    CHECK(entry->pending.count == 0);
    timer_cancel(&entry->netif->link->core->wheel, &entry->timer);
    if (list_linked(&entry->idle)) {
        list_remove(&entry->idle);
    }
    table_remove(&entry->netif->neighbours, &entry->node);
    mem_free(mem, entry, sizeof *entry);
}

/* Asks once more: everybody while the neighbour is unknown, else it alone. */
static void ask(struct link_neighbour *entry, uint64_t now_us) {
    entry->tries++;
    arm(entry, now_us + (entry->doubt == DOUBT_NONE ? TAPIR_NEIGHBOUR_RETRY_US : TAPIR_NEIGHBOUR_DOUBT_RETRY_US));
    entry->solicit(entry->netif, &entry->addr, entry->state == NEIGHBOUR_PROBE ? entry->mac : NULL, now_us);
}

/* There is reason to think that a known neighbour is not where we know it: it is asked at once, but no sooner than a
 * second after the last such reason, however often others give us one. */
static void doubt(struct link_neighbour *entry, enum link_doubt reason, uint64_t now_us) {
    if (entry->doubt != DOUBT_NONE) {
        entry->doubt = (uint8_t)max_u32(entry->doubt, reason);
        return;
    }
    enter(entry, NEIGHBOUR_PROBE, now_us);
    entry->doubt = (uint8_t)reason;
    uint64_t next_us = entry->doubted_us + TAPIR_NEIGHBOUR_RETRY_US;
    entry->doubted_us = max_u64(now_us, next_us);
    if (now_us < next_us) {
        arm(entry, next_us);
    } else {
        ask(entry, now_us);
    }
}

/* No answer: what waited is reported. The handler may use the table, so the entry is not touched after. */
static void fail(struct link_neighbour *entry, uint64_t now_us) {
    struct link_netif *netif = entry->netif;
    const struct link_handlers *handlers = &netif->link->handlers;
    struct frame_queue lost = take_pending(entry);
    enter(entry, NEIGHBOUR_FAILED, now_us);
    for (struct tapir_frame *frame = frame_queue_pop(&lost); frame != NULL; frame = frame_queue_pop(&lost)) {
        COUNT(netif->link->core, arp_unreachable);
        handlers->unreachable(handlers->ctx, netif, frame, now_us);
        frame_release(frame);
    }
}

/* The deadline of the state has come: the right column of the table in neighbour.h. */
static void fire(struct timer *timer, uint64_t now_us) {
    struct link_neighbour *entry = CONTAINER_OF(timer, struct link_neighbour, timer);
    switch ((enum link_neighbour_state)entry->state) {
    case NEIGHBOUR_INCOMPLETE:
        if (entry->tries < TAPIR_NEIGHBOUR_TRIES) {
            ask(entry, now_us);
        } else {
            fail(entry, now_us);
        }
        break;
    case NEIGHBOUR_REACHABLE:
        /* Confirmations come with every acknowledgement: they move trusted_us alone, the deadline follows here. */
        if (entry->trusted_us + TAPIR_NEIGHBOUR_REACHABLE_US > now_us) {
            arm(entry, entry->trusted_us + TAPIR_NEIGHBOUR_REACHABLE_US);
        } else {
            enter(entry, NEIGHBOUR_STALE, now_us);
        }
        break;
    case NEIGHBOUR_DELAY:
        enter(entry, NEIGHBOUR_PROBE, now_us);
        ask(entry, now_us);
        break;
    case NEIGHBOUR_PROBE:
        if (entry->tries < TAPIR_NEIGHBOUR_TRIES) {
            ask(entry, now_us);
        } else if (entry->pending.count > 0) {
            enter(entry, NEIGHBOUR_INCOMPLETE, now_us);
            ask(entry, now_us);
        } else {
            /* RFC 4861 7.3.3: the next datagram asks everybody. */
            forget(entry);
        }
        break;
    case NEIGHBOUR_STALE:
    case NEIGHBOUR_FAILED:
        forget(entry);
        break;
    }
}

/* It is there and hears us. */
static void confirm(struct link_neighbour *entry, uint64_t now_us) {
    entry->proven = true;
    entry->trusted_us = now_us;
    if (entry->state != NEIGHBOUR_REACHABLE) {
        enter(entry, NEIGHBOUR_REACHABLE, now_us);
    }
}

/* ---- the table ---- */

/* L6: makes room for one entry. What others say of themselves may push out only what others said of themselves;
 * a datagram of ours may push out a neighbour that was confirmed and is idle; none in use ever goes. */
static bool evict(struct link_netif *netif, bool for_datagram) {
    struct list *victims = &netif->neighbours_unproven;
    if (list_empty(victims) && for_datagram) {
        victims = &netif->neighbours_stale;
    }
    if (list_empty(victims)) {
        return false;
    }
    forget(LIST_ENTRY(victims->next, struct link_neighbour, idle));
    return true;
}

/* A new entry without a state, or NULL: counted. */
static struct link_neighbour *add(struct link_netif *netif, const struct tapir_addr *addr, link_solicit *solicit,
                                  bool for_datagram) {
    struct core *core = netif->link->core;
    struct link_neighbour *entry = NULL;
    bool room =
        netif->neighbours.used < TAPIR_NEIGHBOUR_ENTRIES_MAX && mem_allows(&core->mem, MEM_ADMISSION, sizeof *entry);
    if (room || evict(netif, for_datagram)) {
        entry = mem_alloc_zero(&core->mem, MEM_ADMISSION, sizeof *entry);
    }
    if (entry == NULL) {
        COUNT(core, arp_table_full);
        return NULL;
    }
    entry->netif = netif;
    entry->addr = *addr;
    entry->solicit = solicit;
    timer_init(&entry->timer, fire);
    frame_queue_init(&entry->pending);
    table_insert(&netif->neighbours, &entry->node, hash_of(netif, addr));
    return entry;
}

/* Is it better to keep a datagram than to send it? Of a neighbour whose address another station claims: once it has left a
 * question without an answer. Then the datagram reaches whoever of the two answers first, and not, if it moved, nobody. */
static bool must_wait(const struct link_neighbour *entry) {
    return entry->state == NEIGHBOUR_INCOMPLETE || (entry->doubt == DOUBT_RIVAL && entry->tries > 1);
}

int link_neighbour_use(struct link_netif *netif, const struct tapir_addr *addr, link_solicit *solicit,
                       struct link_neighbour **found, uint64_t now_us) {
    struct link_neighbour *entry = link_neighbour_find(netif, addr);
    *found = NULL;
    if (entry == NULL) {
        entry = add(netif, addr, solicit, true);
        if (entry == NULL) {
            return -ENOBUFS;
        }
        enter(entry, NEIGHBOUR_INCOMPLETE, now_us);
        ask(entry, now_us);
    }
    if (entry->state == NEIGHBOUR_FAILED) {
        return -EHOSTUNREACH;
    }
    *found = entry;
    if (entry->state == NEIGHBOUR_STALE) {
        /* RFC 4861 7.3.3: the datagram goes at once; the answer to it will often spare the probe. */
        enter(entry, NEIGHBOUR_DELAY, now_us);
    }
    return must_wait(entry) ? 0 : 1;
}

/* Sends what waited, in its order. Use of an unconfirmed neighbour starts its verification. */
static void deliver(struct link_neighbour *entry, uint64_t now_us) {
    struct frame_queue ready = take_pending(entry);
    if (ready.count > 0 && entry->state == NEIGHBOUR_STALE) {
        enter(entry, NEIGHBOUR_DELAY, now_us);
    }
    for (struct tapir_frame *frame = frame_queue_pop(&ready); frame != NULL; frame = frame_queue_pop(&ready)) {
        (void)link_framing_send(entry->netif, entry->mac, frame);
    }
}

static bool is_known(const struct link_neighbour *entry) {
    return entry->state != NEIGHBOUR_INCOMPLETE && entry->state != NEIGHBOUR_FAILED;
}

/* Is the hardware address held against other claims? While one of them is looked into, all of them wait for that. */
static bool is_locked(const struct link_neighbour *entry, uint64_t now_us) {
    return is_known(entry) && (entry->doubt == DOUBT_RIVAL || now_us - entry->trusted_us < TAPIR_NEIGHBOUR_LOCK_US);
}

/* A claim about a neighbour that has an entry. Only the answer to a question confirms, of whoever
 * was asked; any other claim of a new hardware address is taken unless the old one is locked, to be verified when it
 * is used (L5). */
static const char *merge(struct link_neighbour *entry, const struct link_claim *claim, uint64_t now_us) {
    bool asked = entry->state == NEIGHBOUR_INCOMPLETE || entry->state == NEIGHBOUR_PROBE;
    bool same = is_known(entry) && mac_equal(entry->mac, claim->mac);
    if (!same && is_locked(entry, now_us)) {
        COUNT(entry->netif->link->core, arp_locked);
        doubt(entry, DOUBT_RIVAL, now_us);
        return "locked: the neighbour we know is asked";
    }
    if (asked && claim->answers_us && (same || !is_known(entry))) {
        memcpy(entry->mac, claim->mac, sizeof entry->mac);
        confirm(entry, now_us);
        deliver(entry, now_us);
        return "confirms a neighbour";
    }
    if (same) {
        /* Not even its age is renewed, or repeating a lie would keep it alive. */
        return "known";
    }
    memcpy(entry->mac, claim->mac, sizeof entry->mac);
    entry->trusted_us = now_us;
    enter(entry, NEIGHBOUR_STALE, now_us);
    deliver(entry, now_us);
    return "moves a neighbour";
}

const char *link_neighbour_hear(struct link_netif *netif, const struct link_claim *claim, link_solicit *solicit,
                                uint64_t now_us) {
    struct link_neighbour *entry = link_neighbour_find(netif, &claim->addr);
    if (entry != NULL) {
        return merge(entry, claim, now_us);
    }
    if (!claim->asks_us) {
        return "nobody we know";
    }
    entry = add(netif, &claim->addr, solicit, false);
    if (entry == NULL) {
        return "no room to learn it";
    }
    memcpy(entry->mac, claim->mac, sizeof entry->mac);
    entry->trusted_us = now_us;
    enter(entry, NEIGHBOUR_STALE, now_us);
    return "learns a neighbour";
}

void link_neighbour_flush(struct link_netif *netif) {
    uint32_t cursor = 0;
    struct table_node *node = table_walk(&netif->neighbours, &cursor, NULL);
    while (node != NULL) {
        struct link_neighbour *entry = entry_of(node);
        node = table_walk(&netif->neighbours, &cursor, node);
        /* Nobody failed to answer: the datagrams are dropped, not reported as unreachable. */
        struct frame_queue dropped = take_pending(entry);
        netif->link->core->counters.link_down += dropped.count;
        frame_queue_clear(&dropped);
        forget(entry);
    }
}

void link_neighbour_confirm(struct link_netif *netif, const struct tapir_addr *next_hop, uint64_t now_us) {
    struct link_neighbour *entry = link_neighbour_find(netif, next_hop);
    if (entry != NULL && is_known(entry) && entry->doubt != DOUBT_RIVAL) {
        confirm(entry, now_us);
    }
}

void link_neighbour_suspect(struct link_netif *netif, const struct tapir_addr *next_hop, uint64_t now_us) {
    struct link_neighbour *entry = link_neighbour_find(netif, next_hop);
    if (entry != NULL && is_known(entry)) {
        doubt(entry, DOUBT_SILENCE, now_us);
    }
}
