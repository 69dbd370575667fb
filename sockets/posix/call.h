/* How a call of the application begins and ends. */
#ifndef POSIX_CALL_H
#define POSIX_CALL_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Begins a call: locks; or false, not locked: the stack is down, or stayed with the parent (fork), or the thread is
 * posix_host_at_work. While the process ends, a call of another thread than the one that ends it does not return. */
bool posix_call_enter(void);

/* Why not: -EBADF or -EDEADLK. */
int posix_call_refusal(void);

/* Ends it: sends what it has caused, unlocks. */
void posix_call_leave(void);

/* A negative errno becomes -1 and errno. */
static inline ssize_t posix_result(int64_t result) {
    if (result < 0) {
        errno = (int)-result;
        return -1;
    }
    return (ssize_t)result;
}

#endif
