/* The signals that a socket's news sends. */
#ifndef POSIX_SIGNALS_H
#define POSIX_SIGNALS_H

#include "descriptors.h"

/* F_SETOWN, F_GETOWN, F_SETOWN_EX, F_GETOWN_EX, F_SETSIG, F_GETSIG: 0 and *value, or -errno; -EINVAL for other commands. */
int posix_signals_fcntl(struct descriptor *descriptor, int command, void *argument, int *value);

/* FIOSETOWN and FIOGETOWN: 0, -EFAULT, -EINVAL or -ESRCH. */
int posix_signals_ioctl(struct descriptor *descriptor, bool set, int *number);

/* O_ASYNC, set by the number fd. */
void posix_signals_async(struct descriptor *descriptor, int fd, bool on);

/* Sends the signals that are due for the socket's news. */
void posix_signals_news(struct descriptor *descriptor);

#endif
