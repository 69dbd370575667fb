/* Descriptors that the library keeps for itself: they are out of the program's way, and known, so that no call closes them.
 *
 * Programs rely on descriptor numbers: the number just closed is the next to be given out (close(0), then socket() for 0), 0 to
 * 2 are for text, and a daemon closes all that it may have inherited. So a descriptor of ours takes none of the low numbers,
 * even if one was free when it was opened.
 */
#ifndef TAP_OWN_H
#define TAP_OWN_H

#include <stdbool.h>

/* Takes fd and gives the number that replaces it: high, closed by exec, and ours. Closed with tap_own_close. -1 with errno:
 * fd was -1 (errno is left as it was), or only the first three numbers are free (EMFILE; fd is closed). */
int tap_own_keep(int fd);

/* Marks a number as ours, or no longer ours, without changing it: for a device that the program made itself. */
void tap_own_claim(int fd);
void tap_own_disclaim(int fd);

/* Whether a number is ours. May be called by any thread. */
bool tap_own_is(int fd);

/* Closes all of ours: for a forked child, which has no use for them. */
void tap_own_close_all(void);

/* The lowest of ours from `from` on; -1: none. */
int tap_own_next(int from);

/* Closes a descriptor, ours or not. Nothing for -1. */
void tap_own_close(int fd);

#endif
