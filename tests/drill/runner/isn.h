/* What holds for the initial sequence numbers of a whole run, whatever its script expects. */
#ifndef DRILL_ISN_H
#define DRILL_ISN_H

#include "world.h"

/* RFC 9293 3.4.1 (SHLD-1), RFC 6528 3: do the numbers of different connections differ by more than the clock?
 * False: *why says which do not. */
bool isn_hidden(const struct world *world, struct text *why);

/* The number of the first SYN that went out, with or without ACK; false: none did. */
bool isn_first(const struct world *world, uint32_t *isn);

#endif
