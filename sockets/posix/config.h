/* The configuration from the environment. */
#ifndef POSIX_CONFIG_H
#define POSIX_CONFIG_H

/* Brings the stack up from the environment unless it is up: 0 or -ENETDOWN. */
int posix_config_ensure(void);

#endif
