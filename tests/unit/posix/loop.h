/* For the tests of the socket API: a stack with loopback only, connected pairs, and things that happen later. */
#ifndef TEST_LOOP_H
#define TEST_LOOP_H

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include <tapir/socket.h>

/* Fixture: the stack is up; and down, with no descriptor left open. */
void loop_up(void);
void loop_down(void);

/* 127.0.0.1 and a port. */
struct sockaddr_in loop_address(uint16_t port);

/* A TCP socket listening on the port. */
int loop_listen(uint16_t port);

/* A connected pair of TCP sockets; and of UDP sockets. */
void loop_stream(int fds[2]);
void loop_datagram(int fds[2]);

/* Milliseconds of a monotonic clock. */
uint64_t loop_now_ms(void);

/* What another thread does to a descriptor after a while. loop_join waits for it. */
struct later {
    pthread_t thread;
    unsigned after_ms;
    void (*act)(struct later *later);
    int fd;
    pthread_t target; /* of a signal */
    int result;
};
void loop_later(struct later *later, unsigned after_ms, void (*act)(struct later *later), int fd);
void loop_join(struct later *later);

/* Acts: write a byte, close, shut down both ways, send SIGUSR1 to later->target, accept one connection. */
void loop_write(struct later *later);
void loop_close(struct later *later);
void loop_shutdown(struct later *later);
void loop_signal(struct later *later);
void loop_accept(struct later *later);

/* Calls work, those that block too: data that comes later ends a recv. */
void loop_expect_working(void);

/* Another thread sits in recv of a socket of its own until loop_unoccupy: the caller has to follow, not lead. */
struct occupant {
    int fds[2];
    pthread_t thread;
};
void loop_occupy(struct occupant *occupant);
void loop_unoccupy(struct occupant *occupant);

/* result must be -1 with this errno. */
#define REFUSED(call, error)                                                                            \
    do {                                                                                                \
        errno = 0;                                                                                      \
        long result_ = (long)(call);                                                                    \
        int errno_ = errno;                                                                             \
        cr_assert(result_ == -1 && errno_ == (error), "%s: %ld, %s", #call, result_, strerror(errno_)); \
    } while (0)

/* result must be this. */
#define GIVES(call, wanted)                                                                                \
    do {                                                                                                   \
        long result_ = (long)(call);                                                                       \
        int errno_ = errno;                                                                                \
        cr_assert(result_ == (long)(wanted), "%s: %ld (%s), wanted %ld", #call, result_, strerror(errno_), \
                  (long)(wanted));                                                                         \
    } while (0)

#endif
