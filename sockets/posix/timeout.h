/* Timeouts of calls, as deadlines. */
#ifndef POSIX_TIMEOUT_H
#define POSIX_TIMEOUT_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* The deadline of a timeout in poll's terms: milliseconds, negative never; and in ppoll's: NULL never. */
uint64_t posix_timeout_deadline_ms(int timeout_ms);
uint64_t posix_timeout_deadline(const struct timespec *timeout);

/* Whether a timeout makes sense: not NULL, not negative, not a second of nanoseconds. */
bool posix_timeout_valid(const struct timespec *timeout);

#endif
