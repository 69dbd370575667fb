/* The core's last word: prints the broken promise and stops the program. */
#include <stdio.h>
#include <stdlib.h>

#include <tapir/core.h>

void tapir_abort_hook(const char *what, const char *file, int line) {
    fprintf(stderr, "tapir: broken promise at %s:%d: %s\n", file, line, what);
    abort();
}
