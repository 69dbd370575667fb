/* A handler ends a call that has moved some bytes, with SA_RESTART too, and though input or room comes without a pause. */
#include "same.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/sendfile.h>

#define MANY ((size_t)64 << 20) /* more than all buffers hold */
#define MUCH ((size_t)1 << 30)
#define MOVED_FIRST ((size_t)10 << 20) /* the call is under way then, and far from its end */

static volatile bool over;
static volatile sig_atomic_t handled;
static pthread_t main_thread;
static pid_t main_tid;

static void handle(int number) {
    (void)number;
    handled++;
}

static void install(int flags) {
    struct sigaction action = {.sa_handler = handle, .sa_flags = flags};
    sigaction(SIGUSR1, &action, NULL);
}

static void *interrupt_sleep(void *unused) {
    await_sleep(main_tid);
    pthread_kill(main_thread, SIGUSR1);
    return unused;
}

static void *send_until_over(void *argument) {
    static char bulk[20000];
    size_t sent = 0;
    ssize_t more = 1;
    for (bool interrupted = false; !over && more > 0; sent += more > 0 ? (size_t)more : 0) {
        more = send(*(int *)argument, bulk, sizeof bulk, MSG_NOSIGNAL);
        if (!interrupted && sent > MOVED_FIRST) {
            interrupted = pthread_kill(main_thread, SIGUSR1) == 0;
        }
    }
    return NULL;
}

/* In small pieces: whoever sends is faster, and has to wait for room. */
static void *recv_until_over(void *argument) {
    static char piece[500];
    size_t got = 0;
    ssize_t more = 1;
    for (bool interrupted = false; !over && more > 0; got += more > 0 ? (size_t)more : 0) {
        more = recv(*(int *)argument, piece, sizeof piece, 0);
        if (!interrupted && got > MOVED_FIRST) {
            interrupted = pthread_kill(main_thread, SIGUSR1) == 0;
        }
    }
    return NULL;
}

/* The other thread, which interrupts this one. */
static pthread_t beside(void *(*body)(void *), int *fd) {
    pthread_t thread;
    over = false;
    handled = 0;
    must(pthread_create(&thread, NULL, body, fd) == 0, "pthread_create");
    return thread;
}

static void say(const char *what, int flags, ssize_t moved, size_t wanted) {
    printf("%s%s: %s, handlers run: %d\n", what, flags == 0 ? "" : ", SA_RESTART",
           moved < 0                 ? said(moved)
           : (size_t)moved == wanted ? "all"
                                     : "some",
           (int)handled);
}

static void asleep(int flags) {
    static char few[10], bulk[MANY];
    int fds[2];
    join_ends(0, fds);
    must(send(fds[0], "five ", 5, 0) == 5, "send");
    pthread_t thread = beside(interrupt_sleep, NULL);
    say("recv of ten where five come", flags, recv(fds[1], few, sizeof few, MSG_WAITALL), sizeof few);
    pthread_join(thread, NULL);
    thread = beside(interrupt_sleep, NULL);
    say("send that nobody reads", flags, send(fds[1], bulk, sizeof bulk, 0), sizeof bulk);
    pthread_join(thread, NULL);
    close(fds[0]);
    close(fds[1]);
}

static void without_a_pause(int flags) {
    char *bulk = malloc(MUCH);
    int fds[2];
    must(bulk != NULL, "malloc");
    join_ends(0, fds);
    pthread_t thread = beside(send_until_over, &fds[0]);
    say("recv of what comes without a pause", flags, recv(fds[1], bulk, MUCH, MSG_WAITALL), MUCH);
    over = true;
    close(fds[1]);
    pthread_join(thread, NULL);
    close(fds[0]);

    int file = memfd_create("zeroes", 0);
    must(file >= 0 && ftruncate(file, (off_t)MUCH) == 0, "memfd_create");
    join_ends(0, fds);
    thread = beside(recv_until_over, &fds[0]);
    say("sendfile of what is read without a pause", flags, sendfile(fds[1], file, NULL, MUCH), MUCH);
    over = true;
    close(fds[1]);
    pthread_join(thread, NULL);
    close(fds[0]);
    close(file);

    join_ends(0, fds);
    thread = beside(recv_until_over, &fds[0]);
    say("send of what is read without a pause", flags, send(fds[1], bulk, MUCH, 0), MUCH);
    over = true;
    close(fds[1]);
    pthread_join(thread, NULL);
    close(fds[0]);
    free(bulk);
}

/* The first of two messages is progress, too. */
static void between_messages(int flags) {
    char got[2];
    struct iovec pieces[2] = {{got, 1}, {got + 1, 1}};
    struct mmsghdr two[2] = {{.msg_hdr = {.msg_iov = pieces, .msg_iovlen = 1}},
                             {.msg_hdr = {.msg_iov = pieces + 1, .msg_iovlen = 1}}};
    struct sockaddr_in address = address_of("127.0.0.1", 0);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    must(bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && connect_to(fd, port_of(fd)) == 0, "bind");
    must(send(fd, "x", 1, 0) == 1, "send");
    pthread_t thread = beside(interrupt_sleep, NULL);
    say("recvmmsg of two where one comes", flags, recvmmsg(fd, two, 2, 0, NULL), 2);
    pthread_join(thread, NULL);
    close(fd);
}

int main(int argc, char **argv) {
    static const int both[] = {0, SA_RESTART};
    (void)argc, (void)argv;
    setvbuf(stdout, NULL, _IOLBF, 0);
    main_thread = pthread_self();
    main_tid = gettid();
    for (int i = 0; i < 2; i++) {
        install(both[i]);
        asleep(both[i]);
        between_messages(both[i]);
        without_a_pause(both[i]);
    }
    return 0;
}
