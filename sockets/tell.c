/* What somebody should know while the stack runs, and no call is there to return. */
#include <stdarg.h>
#include <stdio.h>

#include "internal.h"

static struct {
    void (*tell)(void *ctx, int error, const char *sentence);
    void *ctx;
} listener;

/* A program that knows nothing of the stack has its user. */
static void pass_on(void *unused, int error, const char *sentence) {
    (void)unused;
    if (listener.tell != NULL) {
        listener.tell(listener.ctx, error, sentence);
    } else {
        fprintf(stderr, "tapir: %s\n", sentence);
    }
}

void sockets_tell(int error, const char *format, ...) {
    char sentence[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    pass_on(NULL, error, sentence);
}

void sockets_tell_init(const struct tapir_config *config, struct tapir_device *device) {
    listener.tell = config->tell;
    listener.ctx = config->tell_ctx;
    if (device != NULL) {
        device->tell = pass_on;
    }
}
