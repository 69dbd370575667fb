/* The end of a descriptor. */
#ifndef POSIX_CALLS_CLOSE_H
#define POSIX_CALLS_CLOSE_H

#include "descriptors.h"

/* The last number of a descriptor is gone: lingers, and ends it. The caller is a user. */
void posix_calls_close_last(struct descriptor *descriptor);
/* tapir_close within a call that is no cancellation point. */
int posix_calls_close_uncancelled(int fd);

#endif
