/* The search for the largest segment a path takes. */
#include "tcp/send/plpmtu.h"

#include "base/check.h"

/* From the top: the doubt may be needless, and then one probe shows it. */
static void open_search(struct plpmtu *p, uint32_t low_bytes) {
    p->phase = PLPMTU_SEARCH;
    p->low_bytes = low_bytes;
    p->high_bytes = p->most_bytes;
    p->lost_probes = 0;
    p->top = true;
}

static void end_if_near(struct plpmtu *p, uint64_t now_us) {
    if (p->phase == PLPMTU_SEARCH && p->high_bytes - p->low_bytes < PLPMTU_NEAR_BYTES) {
        p->phase = PLPMTU_FOUND;
        p->next_us = now_us + PLPMTU_RAISE_US;
    }
}

uint32_t tcp_plpmtu_limit(struct plpmtu *p, uint32_t most_bytes) {
    p->most_bytes = most_bytes;
    if (p->phase == PLPMTU_OFF) {
        return most_bytes;
    }
    p->low_bytes = min_u32(p->low_bytes, most_bytes);
    if (most_bytes < p->high_bytes) { /* whoever says so knows the size: it is tried next */
        p->high_bytes = most_bytes;
        p->lost_probes = 0;
        p->top = true;
    }
    return p->low_bytes;
}

void tcp_plpmtu_begin(struct plpmtu *p, uint32_t base_bytes) { open_search(p, min_u32(base_bytes, p->most_bytes)); }

bool tcp_plpmtu_black_hole(struct plpmtu *p, uint32_t base_bytes, uint32_t lost_bytes) {
    uint32_t before = p->phase == PLPMTU_OFF ? p->most_bytes : p->low_bytes;
    uint32_t half = p->phase == PLPMTU_OFF ? base_bytes : max_u32(before / 2, PLPMTU_FLOOR_BYTES);
    uint32_t less_bytes = before > base_bytes ? base_bytes : half;
    if (less_bytes >= before || lost_bytes <= less_bytes) {
        return false;
    }
    open_search(p, less_bytes);
    p->probe_bytes = 0;
    p->next_us = 0;
    return true;
}

uint32_t tcp_plpmtu_wants(struct plpmtu *p, uint64_t now_us) {
    if (p->phase == PLPMTU_OFF || p->probe_bytes != 0 || now_us < p->next_us) {
        return 0;
    }
    if (p->phase == PLPMTU_FOUND) {
        if (p->most_bytes - p->low_bytes < PLPMTU_NEAR_BYTES) { /* until somebody allows more */
            return 0;
        }
        open_search(p, p->low_bytes);
    }
    end_if_near(p, now_us);
    if (p->phase == PLPMTU_FOUND) {
        return 0;
    }
    return p->top ? p->high_bytes : p->low_bytes + (p->high_bytes - p->low_bytes + 1) / 2;
}

bool tcp_plpmtu_sent(struct plpmtu *p, uint32_t bytes) {
    bool wanted = p->probe_bytes == 0 && bytes > p->low_bytes && bytes <= p->high_bytes;
    p->probe_bytes = wanted ? bytes : p->probe_bytes;
    return wanted;
}

void tcp_plpmtu_passed(struct plpmtu *p, uint64_t now_us) {
    p->low_bytes = max_u32(p->low_bytes, min_u32(p->probe_bytes, p->most_bytes));
    p->probe_bytes = 0;
    p->lost_probes = 0;
    p->top = false;
    end_if_near(p, now_us);
}

void tcp_plpmtu_lost(struct plpmtu *p, uint64_t now_us, uint64_t pause_us) {
    uint32_t bytes = p->probe_bytes;
    p->probe_bytes = 0;
    p->next_us = now_us + pause_us;
    if (bytes <= p->low_bytes || bytes > p->high_bytes) { /* ICMP was faster */
        return;
    }
    p->lost_probes++;
    if (p->lost_probes >= PLPMTU_TRIES) {
        p->high_bytes = bytes - 1;
        p->lost_probes = 0;
        p->top = false;
        end_if_near(p, now_us);
    }
}

void tcp_plpmtu_unclear(struct plpmtu *p, uint64_t now_us, uint64_t pause_us) {
    p->probe_bytes = 0;
    p->next_us = now_us + pause_us;
}
