/* The core's last word: prints the broken promise and stops the program. */
#include <stdlib.h>

#include "tell.h"

void tapir_abort_hook(const char *what, const char *file, int line) {
    posix_tell_stderr("tapir: broken promise at %s:%d: %s\n", file, line, what);
    abort();
}
