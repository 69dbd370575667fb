/* What a child of the process may do with the stack: nothing. */
#ifndef POSIX_FORK_H
#define POSIX_FORK_H

#include <stdbool.h>

/* The stack comes up, or has gone down: children made in between have none. */
void posix_fork_watch(bool up);

/* Whether this process is a child of the one that has the stack. */
bool posix_fork_in_child(void);

/* The same at the cost of a system call, but of any other process, also one that shares this memory (vfork): what is done
 * to numbers there must not be done to the tables here. */
bool posix_fork_elsewhere(void);

/* Says on stderr, once, why a child's call fails and what to do. */
void posix_fork_refuse(void);

#endif
