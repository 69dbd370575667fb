/* What a program may give up once its device is open. */
#ifndef APPS_RIGHTS_H
#define APPS_RIGHTS_H

#include <stddef.h>

/* Gives up, for good, all that the stack needs no more once it has its device: root, every capability, and what exec could
 * bring back. To be called before there are threads: Linux keeps capabilities for each thread.
 *
 * As root it becomes `user`, a name of /etc/passwd; NULL: the user whom sudo names, else nobody. Where the kernel
 * has no such user for us, in most user namespaces, NULL leaves the user as it is. Not as root it stays who it is.
 *
 * 0; or -errno and, in error[size], why `user` cannot be had. EINVAL: there is none of that name, EPERM: we are not root. */
int rights_drop(const char *user, char *error, size_t size);

#endif
