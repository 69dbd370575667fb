/* A program outside the tree, good C and good C++, that uses the installed library: TCP over its loopback. */
#include <tapir/core.h>
#include <tapir/sock.h>
#include <tapir/socket.h>
#include <tapir/tap.h>
#include <tapir/trace.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif
/* Names that the library also uses inside: they must neither clash at link time nor be called by it. */
int table_insert(void);
int siphash(void);
int timer_arm(void);
#ifdef __cplusplus
}
#endif
int table_insert(void) { return 1; }
int siphash(void) { return 2; }
int timer_arm(void) { return 3; }

static int fail(const char *what) {
    perror(what);
    return 1;
}

/* Connects to ourselves, sends a line and reads it back. */
static int talk(int listener, int client) {
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    char got[16] = "";

    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (tapir_bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || tapir_listen(listener, 1) != 0 ||
        tapir_getsockname(listener, (struct sockaddr *)&address, &size) != 0) {
        return fail("listen");
    }
    if (tapir_connect(client, (struct sockaddr *)&address, sizeof address) != 0) {
        return fail("connect");
    }
    int server = tapir_accept(listener, NULL, NULL);
    if (server < 0 || tapir_send(client, "installed", 9, 0) != 9 || tapir_recv(server, got, sizeof got, 0) != 9) {
        return fail("talk");
    }
    tapir_close(server);
    return strcmp(got, "installed") != 0;
}

int main(void) {
    struct tapir_config config;
    char error[256];

    memset(&config, 0, sizeof config);
    config.tap_fd = -1;
    if (table_insert() + siphash() + timer_arm() != 6) {
        return 1;
    }
    if (tapir_up_device(NULL, &config, error, sizeof error) != 0) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    int listener = tapir_socket(AF_INET, SOCK_STREAM, 0), client = tapir_socket(AF_INET, SOCK_STREAM, 0);
    int result = listener < 0 || client < 0 ? fail("socket") : talk(listener, client);
    tapir_close(client);
    tapir_close(listener);
    tapir_down();
    puts(result == 0 ? "installed" : "failed");
    return result;
}
