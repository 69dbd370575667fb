/* Threads of a program that wait in a call while its first thread goes on. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <arpa/inet.h>

#include "differential.h"

static const char *const call_words[BLOCKED_CALLS] = {
    "recv", "recv(MSG_WAITALL)", "read", "accept", "connect", "poll", "select", "epoll_wait"};

struct blocked {
    pthread_t thread;
    _Atomic pid_t tid;
    atomic_bool done;
    bool running, used;
    const struct host *host;
    enum blocked_call call;
    int fd;
    unsigned slot, description;
    short events;
    size_t len;
    struct sockaddr_in address;
    int accepted; /* -1: none */
    char said[64];
};

struct blocked *blocked_new(void) {
    return calloc(THREADS, sizeof(struct blocked));
}

static void pause_us(long us) { nanosleep(&(struct timespec){.tv_nsec = us * 1000}, NULL); }

static void on_signal(int number) { (void)number; }

/* --- in the thread --- */

static int wait_ready(struct blocked *self) {
    struct pollfd one = {.fd = self->fd, .events = self->events};
    struct epoll_event found[SLOTS];
    fd_set readable;
    FD_ZERO(&readable);
    FD_SET(self->fd, &readable);
    return self->call == BLOCK_POLL     ? self->host->poll(&one, 1, -1)
           : self->call == BLOCK_SELECT ? self->host->select(self->fd + 1, &readable, NULL, NULL, NULL)
                                        : self->host->epoll_wait(self->fd, found, SLOTS, -1);
}

static long wait_in_call(struct blocked *self) {
    static _Thread_local char bytes[DATA_MAX];
    switch (self->call) {
    case BLOCK_RECV:
        return self->host->recv(self->fd, bytes, self->len, 0);
    case BLOCK_RECV_ALL:
        return self->host->recv(self->fd, bytes, self->len, MSG_WAITALL);
    case BLOCK_READ:
        return self->host->read(self->fd, bytes, self->len);
    case BLOCK_ACCEPT:
        self->accepted = self->host->accept4(self->fd, NULL, NULL, SOCK_NONBLOCK);
        return self->accepted < 0 ? -1 : 0; /* the number is nobody's business */
    case BLOCK_CONNECT:
        return self->host->connect(self->fd, (struct sockaddr *)&self->address, sizeof self->address);
    default:
        return wait_ready(self);
    }
}

static void *run_thread(void *argument) {
    struct blocked *self = argument;
    self->tid = gettid();
    errno = 0;
    print_result(self->said, sizeof self->said, wait_in_call(self));
    self->done = true;
    return NULL;
}

/* --- in the program's first thread --- */

/* The kernel's word for what a thread does. */
static char state_of(pid_t tid) {
    char path[64], line[256] = "";
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)tid);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return 'X';
    }
    char *after = fgets(line, sizeof line, file) == NULL ? NULL : strrchr(line, ')');
    fclose(file);
    return after == NULL ? 'X' : after[2];
}

/* Asleep several times in a row: on its way into its call the thread may wait for a lock. */
static void wait_until_quiet(const struct blocked *self) {
    for (unsigned asleep = 0; !self->done && asleep < (self->host->is_tapir ? 6 : 2);) {
        asleep = self->tid != 0 && state_of(self->tid) == 'S' ? asleep + 1 : 0;
        pause_us(50);
    }
}

static void collect(struct run *run, struct blocked *self) {
    pthread_join(self->thread, NULL);
    self->running = false;
    run->busy[self->description]--;
    if (self->accepted >= 0) {
        call_keep(run, self->accepted);
    }
    if (!run->is_set[self->slot]) {
        (void)run->host->fcntl(self->fd, F_SETFL, O_NONBLOCK);
    }
}

static bool fits(const struct run *run, enum blocked_call call, unsigned slot) {
    return run->fds[slot] >= 0 && run->busy[run->descriptions[slot]] == 0 &&
           (call == BLOCK_EPOLL) == run->is_set[slot] && (call != BLOCK_CONNECT || !call_keeps_its_source(run, slot));
}

void blocked_start(struct run *run, const struct step *step, char *text, size_t size) {
    enum blocked_call call = (enum blocked_call)(step->a % BLOCKED_CALLS);
    struct blocked *self = &run->blocked[step->other % THREADS];
    if (self->running || !fits(run, call, step->slot)) {
        snprintf(text, size, "unfit");
        return;
    }
    *self = (struct blocked){.host = run->host,
                             .call = call,
                             .fd = run->fds[step->slot],
                             .slot = step->slot,
                             .description = run->descriptions[step->slot],
                             .events = (short)(step->b & (POLLIN | POLLPRI | POLLRDHUP)),
                             .len = 1 + step->b % 600,
                             .running = true,
                             .accepted = -1,
                             .used = true};
    self->address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(run->ports[step->c % 4])};
    self->address.sin_addr.s_addr = htonl(step->c % 8 < 4 ? INADDR_LOOPBACK : 0x0a000001);
    run->busy[self->description]++;
    if (!run->is_set[step->slot]) {
        (void)run->host->fcntl(self->fd, F_SETFL, 0);
    }
    if (pthread_create(&self->thread, NULL, run_thread, self) != 0) {
        abort();
    }
    wait_until_quiet(self);
    snprintf(text, size, "begun");
}

static void send_signal(struct blocked *self, int flags) {
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};
    sigaction(SIGUSR1, &action, NULL);
    pthread_kill(self->thread, SIGUSR1);
    wait_until_quiet(self);
}

void blocked_signal(struct run *run, const struct step *step, char *text, size_t size) {
    struct blocked *self = &run->blocked[step->a % THREADS];
    if (!self->running) {
        snprintf(text, size, "nobody");
        return;
    }
    send_signal(self, step->b % 2 == 0 ? SA_RESTART : 0);
    snprintf(text, size, "sent");
}

void blocked_settle(struct run *run) {
    for (unsigned i = 0; i < THREADS; i++) {
        struct blocked *self = &run->blocked[i];
        if (self->running && !run->host->is_tapir) {
            wait_until_quiet(self);
        }
        if (self->running && self->done) {
            collect(run, self);
        }
    }
}

void blocked_print(struct run *run, char *text, size_t size) {
    int at = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        const struct blocked *self = &run->blocked[i];
        if (self->used) {
            at += snprintf(text + at, size - (size_t)at, "; thread %u %s %s", i, call_words[self->call],
                           self->running ? "waits" : self->said);
        }
    }
}

void blocked_end(struct run *run) {
    for (unsigned i = 0; i < THREADS; i++) {
        struct blocked *self = &run->blocked[i];
        while (self->running) {
            send_signal(self, 0);
            if (self->done) {
                collect(run, self);
            }
        }
    }
}
