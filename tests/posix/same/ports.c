/* Who may bind beside whom: addresses, SO_REUSEADDR and SO_REUSEPORT, set before or after, listeners and TIME-WAIT. */
#include "same.h"

#define PORT 7654

enum { ADDRESS = 1, PORT_TOO = 2 }; /* SO_REUSEADDR, SO_REUSEPORT */

static const char *const hosts[] = {"0.0.0.0", "127.0.0.1", "127.0.0.2"};

static void reuse(int fd, int flags) {
    int address = (flags & ADDRESS) != 0, port = (flags & PORT_TOO) != 0;
    must(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &address, sizeof address) == 0, "SO_REUSEADDR");
    must(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &port, sizeof port) == 0, "SO_REUSEPORT");
}

static int bind_to(int fd, const char *host, int port) {
    struct sockaddr_in address = address_of(host, port);
    return bind(fd, (struct sockaddr *)&address, sizeof address);
}

/* Two sockets, the second one's bind: '.' it may, 'x' it may not. `late`: the first one's flags come after its bind. */
static char second(int type, int first_host, int second_host, int first_flags, int second_flags, int listens,
                   int late) {
    int first = socket(AF_INET, type, 0), other = socket(AF_INET, type, 0);
    reuse(first, late ? 0 : first_flags);
    must(bind_to(first, hosts[first_host], PORT) == 0, "bind");
    must(!listens || listen(first, 1) == 0, "listen");
    if (late) {
        reuse(first, first_flags);
    }
    reuse(other, second_flags);
    int result = bind_to(other, hosts[second_host], PORT);
    close(first);
    close(other);
    return result == 0 ? '.' : 'x';
}

/* All combinations of flags and addresses on one line. */
static void table(const char *name, int type, int listens, int late) {
    printf("%s ", name);
    for (int flags = 0; flags < 16; flags++) {
        putchar(' ');
        for (int pair = 0; pair < 9; pair++) {
            putchar(second(type, pair / 3, pair % 3, flags / 4, flags % 4, listens, late));
        }
    }
    putchar('\n');
}

/* Which port is nobody's is a matter of the address: the neighbour of a port that is taken elsewhere is not special. */
static void ephemeral(int type) {
    int sockets[2000], met = 0;
    for (int i = 0; i < 2000; i++) {
        sockets[i] = socket(AF_INET, type, 0);
        must(sockets[i] >= 0 && bind_to(sockets[i], hosts[1], 0) == 0, "bind");
    }
    for (int i = 0; i < 2000; i++) {
        int here = socket(AF_INET, type, 0), there = socket(AF_INET, type, 0);
        met += bind_to(here, hosts[1], port_of(sockets[i])) == 0;
        met += bind_to(there, hosts[2], port_of(sockets[i])) != 0;
        close(here);
        close(there);
    }
    for (int i = 0; i < 2000; i++) {
        close(sockets[i]);
    }
    printf("%d met what was elsewhere\n", met);
}

/* A connection that its server ended first: the port waits at that address. */
static void time_wait(int flags) {
    int ends[2];
    join_ends(0, ends);
    int port = port_of(ends[1]);
    char byte;
    close(ends[1]);
    must(read(ends[0], &byte, 1) == 0, "read");
    close(ends[0]);
    pause_ms(20);
    for (int host = 0; host < 3; host++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        reuse(fd, flags);
        errno = 0;
        printf("after a connection, flags %d, %s: %s\n", flags, hosts[host], said(bind_to(fd, hosts[host], port)));
        close(fd);
    }
}

int main(void) {
    table("udp", SOCK_DGRAM, 0, 0);
    table("udp, late", SOCK_DGRAM, 0, 1);
    table("tcp", SOCK_STREAM, 0, 0);
    table("tcp, late", SOCK_STREAM, 0, 1);
    table("tcp, listening", SOCK_STREAM, 1, 0);
    table("tcp, listening, late", SOCK_STREAM, 1, 1);
    ephemeral(SOCK_DGRAM);
    ephemeral(SOCK_STREAM);
    time_wait(0);
    time_wait(ADDRESS);
    return 0;
}
