/* A daemon's beginnings: it closes what it may have inherited, and counts on getting the lowest numbers. */
#include "same.h"

#include <fcntl.h>
#include <sys/stat.h>

/* Connects to an echo server, and talks. */
static void talk(const char *host, int port) {
    struct sockaddr_in address = address_of(host, port);
    char got[8] = "";
    int fd = (int)SHOW(socket(AF_INET, SOCK_STREAM, 0));
    SHOW(connect(fd, (struct sockaddr *)&address, sizeof address));
    SHOW(write(fd, "hello", 5));
    SHOW(read(fd, got, sizeof got));
    puts(got);
    SHOW(close(fd));
}

/* numbers HOST PORT: of an echo server. */
int main(int argc, char **argv) {
    struct stat status;
    int port = argc == 3 ? atoi(argv[2]) : 0;
    for (int i = 3; i < 1024; i++) {
        close(i);
    }
    close(0);
    int first = (int)SHOW(socket(AF_INET, SOCK_DGRAM, 0)); /* brings the stack up */
    SHOW(fcntl(first, F_GETFD));
    SHOW(fstat(first, &status));
    SHOW((status.st_mode & S_IFMT) == S_IFSOCK);
    talk(argv[1], port);
    for (int i = 0; i < 4096; i++) {
        if (i != 1 && i != 2) {
            close(i);
        }
    }
    SHOW(close(first));
    talk(argv[1], port);
    for (int i = 0; i < 5; i++) {
        SHOW(dup(1));
    }
    closefrom(3);
    talk(argv[1], port);
    SHOW(close_range(4, 3, 0));
    SHOW(close_range(0, 0, 0));
    SHOW(close_range(3, ~0U, 0));
    talk(argv[1], port);
    return 0;
}
