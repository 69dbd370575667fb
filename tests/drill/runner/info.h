/* What assertions can be about: TCP_INFO of the connection under test, and the stack's counters. */
#ifndef DRILL_INFO_H
#define DRILL_INFO_H

#include "run.h"

/* An assert_lookup_fn; ctx is the struct run. tcpi_* has Linux's units, a counter its name in <tapir/counters.h>. */
bool info_lookup(void *ctx, const char *name, int64_t *value);

/* The field of a connection's TCP_INFO, by its name without tcpi_. False: it has none. */
bool info_tcp_field(struct run *run, const struct descriptor *d, const char *name, int64_t *value);

#endif
