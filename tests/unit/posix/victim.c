/* A thread that is cancelled in a call, and what must hold afterwards. */
#define _GNU_SOURCE
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#include <signal.h>
#include <time.h>

#include "victim.h"

void victim_sleep_ms(long ms) {
    struct timespec wait = {.tv_nsec = ms * 1000000};
    nanosleep(&wait, NULL);
}

/* The address sanitizer does not see that cancellation skips frames, and would take their red zones for those of others. */
static void forget_frames(void) {
    pthread_attr_t attr;
    void *stack;
    size_t bytes;
    pthread_getattr_np(pthread_self(), &attr);
    pthread_attr_getstack(&attr, &stack, &bytes);
    ASAN_UNPOISON_MEMORY_REGION(stack, bytes);
    pthread_attr_destroy(&attr);
}

static void note_end(void *arg) {
    struct victim *victim = arg;
    sigset_t mask;
    forget_frames();
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    victim->masked = sigismember(&mask, SIGUSR1) != 0;
    victim->undone = true;
}

static void *victim_main(void *arg) {
    struct victim *victim = arg;
    pthread_cleanup_push(note_end, victim);
    victim->body(victim->fd);
    pthread_cleanup_pop(0);
    return NULL;
}

void victim_start(struct victim *victim, void (*body)(int fd), int fd) {
    *victim = (struct victim){.body = body, .fd = fd};
    GIVES(pthread_create(&victim->thread, NULL, victim_main, victim), 0);
}

void victim_expect_cancelled(struct victim *victim) {
    void *result = NULL;
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 3;
    GIVES(pthread_timedjoin_np(victim->thread, &result, &limit), 0);
    cr_assert(result == PTHREAD_CANCELED && victim->undone && !victim->masked);
}

void victim_cancel(struct victim *victim) {
    GIVES(pthread_cancel(victim->thread), 0);
    victim_expect_cancelled(victim);
}

#pragma weak __lsan_do_recoverable_leak_check /* without the sanitizer there is none */

void victim_expect_all_given_back(void) {
    cr_assert(__lsan_do_recoverable_leak_check == NULL || __lsan_do_recoverable_leak_check() == 0);
}

void victim_lingering_stream(int fds[2]) {
    static char bulk[1 << 20];
    struct linger linger = {.l_onoff = 1, .l_linger = 10};
    loop_stream(fds);
    while (tapir_send(fds[0], bulk, sizeof bulk, MSG_DONTWAIT) > 0) {
    }
    GIVES(tapir_setsockopt(fds[0], SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
}
