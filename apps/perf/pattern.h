/* What a checked flow carries: a function of the offset in the stream, so that the receiver can tell a byte that is
 * damaged, lost, repeated or out of its place. */
#ifndef APPS_PERF_PATTERN_H
#define APPS_PERF_PATTERN_H

#include <stddef.h>
#include <stdint.h>

#define PERF_PATTERN_BYTES 262144 /* of one look at it, at most */

/* To be called once, before there are threads. */
void perf_pattern_init(void);

/* PERF_PATTERN_BYTES of the pattern, from this offset of the stream on. Lent for ever. */
const char *perf_pattern_at(uint64_t offset);

/* How many of the bytes, at most PERF_PATTERN_BYTES, are what belongs at this offset, up to the first that is not.
 * Borrows data. */
size_t perf_pattern_right(const char *data, size_t bytes, uint64_t offset);

#endif
