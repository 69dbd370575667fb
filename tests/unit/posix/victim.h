/* For the tests of pthread_cancel: a thread that is cancelled in a call. */
#ifndef TEST_VICTIM_H
#define TEST_VICTIM_H

#include "loop.h"

struct victim {
    pthread_t thread;
    void (*body)(int fd);
    int fd;
    bool undone, masked; /* its cleanup handler ran; SIGUSR1 was blocked then */
};

/* Starts it: it runs body(fd). */
void victim_start(struct victim *victim, void (*body)(int fd), int fd);

/* Cancels it, and waits for its end; or only waits. */
void victim_cancel(struct victim *victim);
void victim_expect_cancelled(struct victim *victim);

/* Checks that no memory has leaked, as far as the address sanitizer sees. */
void victim_expect_all_given_back(void);

void victim_sleep_ms(long ms);

/* A connected pair whose fds[0] waits when it ends: the peer's buffer is full, so the last bytes are not acknowledged. */
void victim_lingering_stream(int fds[2]);

#endif
