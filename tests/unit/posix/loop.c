/* For the tests of the socket API: a stack of the loopback alone, connected pairs, and things that happen later. */
#include "loop.h"

#include <dirent.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

static int open_before;

static int count_open(void) {
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir) != NULL) {
        count++;
    }
    closedir(dir);
    return count;
}

void loop_up(void) {
    char error[256];
    open_before = count_open();
    int result = tapir_up_device(NULL, NULL, error, sizeof error);
    cr_assert(result == 0, "%s", error);
}

void loop_down(void) {
    tapir_down();
    cr_assert(count_open() == open_before, "%d descriptors open, %d before", count_open(), open_before);
}

struct sockaddr_in loop_address(uint16_t port) {
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

int loop_listen(uint16_t port) {
    struct sockaddr_in address = loop_address(port);
    int fd = tapir_socket(AF_INET, SOCK_STREAM, 0);
    cr_assert(fd >= 0);
    GIVES(tapir_bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    GIVES(tapir_listen(fd, 16), 0);
    return fd;
}

void loop_stream(int fds[2]) {
    static uint16_t port = 20000;
    struct sockaddr_in address = loop_address(++port);
    int listener = loop_listen(port);
    fds[0] = tapir_socket(AF_INET, SOCK_STREAM, 0);
    GIVES(tapir_connect(fds[0], (struct sockaddr *)&address, sizeof address), 0);
    fds[1] = tapir_accept(listener, NULL, NULL);
    cr_assert(fds[1] >= 0);
    GIVES(tapir_close(listener), 0);
}

void loop_datagram(int fds[2]) {
    static uint16_t port = 21000;
    for (int i = 0; i < 2; i++) {
        struct sockaddr_in address = loop_address((uint16_t)(port + i));
        fds[i] = tapir_socket(AF_INET, SOCK_DGRAM, 0);
        GIVES(tapir_bind(fds[i], (struct sockaddr *)&address, sizeof address), 0);
    }
    for (int i = 0; i < 2; i++) {
        struct sockaddr_in address = loop_address((uint16_t)(port + 1 - i));
        GIVES(tapir_connect(fds[i], (struct sockaddr *)&address, sizeof address), 0);
    }
    port = (uint16_t)(port + 2);
}

uint64_t loop_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void *later_main(void *arg) {
    struct later *later = arg;
    struct timespec wait = {.tv_nsec = (long)later->after_ms * 1000000};
    nanosleep(&wait, NULL);
    later->act(later);
    return NULL;
}

void loop_later(struct later *later, unsigned after_ms, void (*act)(struct later *later), int fd) {
    *later = (struct later){.after_ms = after_ms, .act = act, .fd = fd, .target = pthread_self()};
    pthread_create(&later->thread, NULL, later_main, later);
}

void loop_join(struct later *later) { pthread_join(later->thread, NULL); }

void loop_write(struct later *later) { later->result = (int)tapir_write(later->fd, "x", 1); }
void loop_close(struct later *later) { later->result = tapir_close(later->fd); }
void loop_shutdown(struct later *later) { later->result = tapir_shutdown(later->fd, SHUT_RDWR); }
void loop_signal(struct later *later) { later->result = pthread_kill(later->target, SIGUSR1); }
void loop_accept(struct later *later) { later->result = tapir_accept(later->fd, NULL, NULL); }

static void *occupant_main(void *arg) {
    struct occupant *occupant = arg;
    char byte;
    GIVES(tapir_recv(occupant->fds[1], &byte, 1, 0), 1);
    return NULL;
}

void loop_occupy(struct occupant *occupant) {
    struct timespec wait = {.tv_nsec = 20000000};
    loop_stream(occupant->fds);
    pthread_create(&occupant->thread, NULL, occupant_main, occupant);
    nanosleep(&wait, NULL); /* until it is inside */
}

void loop_unoccupy(struct occupant *occupant) {
    GIVES(tapir_write(occupant->fds[0], "x", 1), 1);
    pthread_join(occupant->thread, NULL);
    tapir_close(occupant->fds[0]);
    tapir_close(occupant->fds[1]);
}

void loop_expect_working(void) {
    struct later later;
    int fds[2];
    char byte;
    loop_stream(fds);
    loop_later(&later, 20, loop_write, fds[0]);
    GIVES(tapir_recv(fds[1], &byte, 1, 0), 1);
    loop_join(&later);
    tapir_close(fds[0]);
    tapir_close(fds[1]);
}
