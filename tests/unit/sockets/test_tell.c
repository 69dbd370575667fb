/* What is told while the stack runs (tapir_config.tell). */
#include <criterion/criterion.h>
#include <string.h>

#include <tapir/trace.h>

#include "sockets/internal.h"

static char heard[1024];
static int heard_error;

static void listen_to(void *ctx, int error, const char *sentence) {
    (void)ctx;
    heard_error = error;
    strncpy(heard, sentence, sizeof heard - 1);
}

/* One line, from which somebody else can begin to look. */
Test(tell, a_broken_promise_in_a_line) {
    struct tapir_config config = {.tell = listen_to};
    struct tapir_broken broken = {.what = "una <= nxt",
                                  .file = "stack/tcp/state.c",
                                  .line = 77,
                                  .local = {.addr = {{[10] = 255, 255, 10, 0, 0, 2}}, .port = 80},
                                  .remote = {.addr = {{[10] = 255, 255, 192, 168, 100, 200}}, .port = 65535},
                                  .state = TAPIR_TCP_CLOSE_WAIT,
                                  .snd_una = 4294967295U,
                                  .snd_nxt = 7,
                                  .unread_bytes = 12345};
    sockets_tell_init(&config, NULL);
    sockets_tell_broken(NULL, &broken);
    static const char *const parts[] = {"10.0.0.2:80 to 192.168.100.200:65535", "CLOSE-WAIT",
                                        "stack/tcp/state.c:77: una <= nxt", "snd.una 4294967295 nxt 7",
                                        "unread 12345 bytes"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        cr_assert_neq(strstr(heard, parts[i]), NULL, "no \"%s\" in: %s", parts[i], heard);
    }
    cr_assert(strchr(heard, '\n') == NULL && heard_error == 0);
}
