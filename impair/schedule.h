/* What the clock alone decides: when the link is down, and the longest frame at a time. */
#ifndef IMPAIR_SCHEDULE_H
#define IMPAIR_SCHEDULE_H

#include "impair/impair.h"

/* Is the link up at elapsed_us after the start? Borrows config. */
bool impair_schedule_up(const struct impair_config *config, uint64_t elapsed_us);

/* The MTU at that time; UINT32_MAX: no limit yet. Borrows config. */
uint32_t impair_schedule_mtu(const struct impair_config *config, uint64_t elapsed_us);

#endif
