/* Descriptors that the library keeps for itself: out of the program's way, and known, so that no call closes them.
 *
 * A program counts on numbers: what it closes is the next to come (close(0), then socket() for 0), 0 to 2 are for text, and a
 * daemon closes all that it may have inherited. So a descriptor of ours takes none of the low numbers, whatever was free
 * when it was opened.
 */
#ifndef TAP_OWN_H
#define TAP_OWN_H

#include <stdbool.h>

/* Takes fd and gives the number that stands for it from now on: high, closed by exec, and ours. -1 with errno: fd was -1 (errno
 * as it was), or no number but one of the first three is left (EMFILE), and fd is closed. Ends with tap_own_close. */
int tap_own_keep(int fd);

/* Makes a number ours as it is, or no longer so: of a device that a program made itself. */
void tap_own_claim(int fd);
void tap_own_disclaim(int fd);

/* Whether a number is ours. May be called by any thread. */
bool tap_own_is(int fd);

/* In a forked child, which has no use for them. */
void tap_own_close_all(void);

/* The lowest of ours from `from` on; -1: none. */
int tap_own_next(int from);

/* Closes a descriptor, ours or not. Nothing for -1. */
void tap_own_close(int fd);

#endif
