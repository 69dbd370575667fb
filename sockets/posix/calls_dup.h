/* Further numbers of a descriptor. */
#ifndef POSIX_CALLS_DUP_H
#define POSIX_CALLS_DUP_H

/* F_DUPFD and F_DUPFD_CLOEXEC of any number, with the results and errno of tapir_fcntl. */
int posix_calls_dup_from(int fd, int command, int lowest);

#endif
