/* What is told while the stack runs (tapir_config.tell). */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include <tapir/trace.h>

#include "sockets/posix/tell.h"

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
                                  .file = "stack/tcp/conn/state.c",
                                  .line = 77,
                                  .local = {.addr = {{[10] = 255, 255, 10, 0, 0, 2}}, .port = 80},
                                  .remote = {.addr = {{[10] = 255, 255, 192, 168, 100, 200}}, .port = 65535},
                                  .state = TAPIR_TCP_CLOSE_WAIT,
                                  .snd_una = 4294967295U,
                                  .snd_nxt = 7,
                                  .unread_bytes = 12345};
    posix_tell_init(&config, NULL);
    posix_tell_broken(NULL, &broken);
    static const char *const parts[] = {"10.0.0.2:80 to 192.168.100.200:65535", "CLOSE-WAIT",
                                        "stack/tcp/conn/state.c:77: una <= nxt", "snd.una 4294967295 nxt 7",
                                        "unread 12345 bytes"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        cr_assert_neq(strstr(heard, parts[i]), NULL, "no \"%s\" in: %s", parts[i], heard);
    }
    cr_assert(strchr(heard, '\n') == NULL && heard_error == 0);
}

/* What is wrong, with whom, and what to do. */
Test(tell, what_is_wrong_with_the_network) {
    struct tapir_device device = {.name = "tap7"};
    struct tapir_config config = {.tell = listen_to};
    static const struct {
        struct tapir_notice notice;
        int error;
        const char *parts[4];
    } cases[] = {
        {{.kind = TAPIR_NOTICE_ADDRESS_SHARED}, 0, {"10.0.0.2", "02:00:00:00:00:09", "tap7", "another address"}},
        {{.kind = TAPIR_NOTICE_ADDRESS_LOST}, EADDRINUSE, {"10.0.0.2", "02:00:00:00:00:09", "tap7", "not used"}},
        {{.kind = TAPIR_NOTICE_FRAME_LONG, .bytes = 1500, .mtu_bytes = 1000},
         0,
         {"1500 bytes", "our MTU is 1000", "02:00:00:00:00:09", "ip link set tap7 mtu 1000"}},
    };
    posix_tell_init(&config, &device);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tapir_notice notice = cases[i].notice;
        notice.addr = (struct tapir_addr){{[10] = 255, 255, 10, 0, 0, 2}};
        memcpy(notice.mac, (uint8_t[]){2, 0, 0, 0, 0, 9}, sizeof notice.mac);
        posix_tell_notice(NULL, &notice);
        for (size_t k = 0; k < 4; k++) {
            cr_assert_neq(strstr(heard, cases[i].parts[k]), NULL, "no \"%s\" in: %s", cases[i].parts[k], heard);
        }
        cr_assert(strchr(heard, '\n') == NULL && heard_error == cases[i].error);
    }
}
