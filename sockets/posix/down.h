/* How the stack goes down with its process. */
#ifndef POSIX_DOWN_H
#define POSIX_DOWN_H

/* The stack was brought up without being asked for: exit() and quick_exit() are to take it down. */
void posix_down_with_process(void);

/* The process ends: what the kernel does for the sockets of such a process. Frees nothing, wakes nobody. */
void posix_down_finish(void *unused);

#endif
