/* Shell lines of scripts: settings of a Linux system, as far as the stack has them. */
#ifndef DRILL_SETTINGS_H
#define DRILL_SETTINGS_H

#include "world.h"

#define SETTINGS_MAX 32

/* Options for every socket opened from now on. */
struct settings {
    unsigned count;
    struct setting {
        enum tapir_sock_type type;
        enum tapir_sock_opt option;
        int64_t value;
    } list[SETTINGS_MAX];
    char congestion[TAPIR_CONGESTION_BYTES]; /* of streams; empty: the stack's default */
};

/* Obeys a shell line. False: *why says what of it is not known here. */
bool settings_shell(struct settings *settings, struct world *world, const char *line, struct text *why);

/* Sets what was chosen on a new socket. */
void settings_apply(const struct settings *settings, struct world *world, tapir_sock sock, enum tapir_sock_type type);

#endif
