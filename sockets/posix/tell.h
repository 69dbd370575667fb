/* Who is told what is wrong. */
#ifndef POSIX_TELL_H
#define POSIX_TELL_H

#include <tapir/core.h>
#include <tapir/socket.h>
#include <tapir/tap.h>

/* Who is told from now on: config->tell, or standard error. What the device has to say goes there too. */
void posix_tell_init(const struct tapir_config *config, struct tapir_device *device);

/* Writes to standard error: the library's own words, of less than 1,024 bytes. */
void posix_tell_stderr(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Tells it, as tapir_config.tell says; with the lock held. */
void posix_tell(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same for struct tapir_env: a bug of ours has ended a connection, in a line for whoever is to find it. */
void posix_tell_broken(void *ctx, const struct tapir_broken *broken);

/* The same: something is wrong with the network, once. */
void posix_tell_notice(void *ctx, const struct tapir_notice *notice);

#endif
