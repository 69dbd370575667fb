/* What a program may give up once its device is open. */
#ifndef APPS_RIGHTS_H
#define APPS_RIGHTS_H

#include <stddef.h>

/* Drops for good what the stack no longer needs once it has its device: root, every capability, and what exec could bring back.
 * Call it before there are threads: Linux keeps capabilities per thread.
 *
 * Root becomes `user`, a name of /etc/passwd; NULL: the user that sudo names, else nobody. If the kernel has no such user for
 * us, as in most user namespaces, NULL leaves the user as it is. A program that is not root keeps its user.
 *
 * 0; or -errno and, in error[size], why it cannot become `user`. EINVAL: there is none of that name, EPERM: we are not root. */
int rights_drop(const char *user, char *error, size_t size);

#endif
