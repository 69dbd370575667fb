/* Uses every name that <tapir/posix.h> redirects, by its address; and those that _FORTIFY_SOURCE watches by a call. C and C++. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

typedef void (*any_function)(void);

#define USE(name) (any_function)(name),
extern const any_function every[];
const any_function every[] = {
#include "names.inc"
};

int calls(int size, va_list arguments);
int calls(int size, va_list arguments) {
    char data[8];
    struct pollfd one = {0, 0, 0};
    long sum = read(0, data, (size_t)size) + recv(0, data, (size_t)size, 0);
    sum += recvfrom(0, data, (size_t)size, 0, NULL, NULL) + poll(&one, (nfds_t)size, 0);
    sum += ppoll(&one, (nfds_t)size, NULL, NULL) + dprintf(0, "%d", size) + vdprintf(0, "%d", arguments);
    sum += fcntl(0, F_GETFL) + lseek(0, 0, SEEK_CUR) + sendfile(0, 1, NULL, 1) + read(0, data, sizeof data);
    return (int)sum;
}
