/* The constants of the socket API by their names, as scripts write them. */
#ifndef DRILL_NAMES_H
#define DRILL_NAMES_H

#include <stdbool.h>
#include <stdint.h>

/* False: no constant is called that. */
bool names_value(const char *name, int64_t *value);

/* "EAGAIN" of EAGAIN; "an unknown error" if there is none. */
const char *names_errno(int error);

#endif
