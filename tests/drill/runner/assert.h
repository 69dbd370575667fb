/* Assertions between %{ and }%: comparisons over TCP_INFO, counters and constants. */
#ifndef DRILL_ASSERT_H
#define DRILL_ASSERT_H

#include "scan.h"

/* Gives the value of a name that is no constant; false: there is no such thing now. */
typedef bool assert_lookup_fn(void *ctx, const char *name, int64_t *value);

/* Takes the text between the brackets, which starts at that line. Gives the assertions, in order. */
struct assertion *assert_parse(struct script *script, const char *code, unsigned line);

/* Tests all of them; false: *why names the first that does not hold, and the values in it. */
bool assert_hold(const struct assertion *asserts, assert_lookup_fn *lookup, void *ctx, struct text *why);

#endif
