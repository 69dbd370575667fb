/* How the stack comes up, and what undoes it. */
#ifndef POSIX_SETUP_H
#define POSIX_SETUP_H

#include <stdbool.h>

/* Around tapir_up and tapir_down, which are not for two threads at a time, nor to be cancelled. false, and nothing begun:
 * this is a signal handler's call within another of the thread, which would wait for itself: EDEADLK. */
bool posix_setup_begin(int *cancel_state);
void posix_setup_end(int cancel_state);

/* From any state of construction back to none, with the lock. The device is the caller's. */
void posix_setup_undo(void);

#endif
