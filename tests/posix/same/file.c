/* What sockets answer to calls of files: sendfile, lseek, isatty, isfdtype; and sockatmark. */
#include "same.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#define BIG (3 << 20)

static int make_file(size_t bytes) {
    FILE *file = tmpfile();
    must(file != NULL, "tmpfile");
    for (size_t i = 0; i < bytes; i++) {
        putc((int)((i * 7 + i / 251) & 0xff), file);
    }
    fflush(file);
    rewind(file);
    return fileno(file);
}

/* Reads so many bytes, and adds them up. */
struct reader {
    pthread_t thread;
    int fd;
    size_t wanted, got;
    unsigned sum;
};

static void *read_all(void *argument) {
    struct reader *reader = argument;
    static unsigned char buffer[65536];
    ssize_t more = 1;
    while (reader->got < reader->wanted && more > 0) {
        more = read(reader->fd, buffer, sizeof buffer);
        for (ssize_t i = 0; i < more; i++) {
            reader->sum = reader->sum * 31 + buffer[i];
        }
        reader->got += more > 0 ? (size_t)more : 0;
    }
    return NULL;
}

static void small_ones(void) {
    int ends[2], file = make_file(1000);
    char got[2000];
    off_t offset = 100;
    join_ends(0, ends);
    SHOW(sendfile(ends[0], file, NULL, 10));
    SHOW(lseek(file, 0, SEEK_CUR));
    SHOW(sendfile(ends[0], file, &offset, 10));
    SHOW(offset);
    SHOW(lseek(file, 0, SEEK_CUR));
    SHOW(recv(ends[1], got, 20, MSG_WAITALL));
    SHOW(got[0] == 0 && (unsigned char)got[10] == 700 % 256);
    SHOW(sendfile(ends[0], file, NULL, 5000));
    SHOW(recv(ends[1], got, 990, MSG_WAITALL));
    SHOW(sendfile(ends[0], file, NULL, 5000));
    offset = 2000;
    SHOW(sendfile(ends[0], file, &offset, 1));
    SHOW(offset);
    SHOW(sendfile(ends[0], file, NULL, 0));
    close(ends[0]);
    close(ends[1]);
    int udp = socket(AF_INET, SOCK_DGRAM, 0), to = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in address = address_of("127.0.0.1", 0);
    must(bind(to, (struct sockaddr *)&address, sizeof address) == 0 && connect_to(udp, port_of(to)) == 0, "udp");
    lseek(file, 0, SEEK_SET);
    SHOW(sendfile(udp, file, NULL, 500));
    SHOW(recv(to, got, sizeof got, 0));
    close(udp);
    close(to);
}

static void a_big_one(int blocking) {
    int ends[2], file = make_file(BIG);
    off_t offset = 0;
    join_ends(0, ends);
    struct reader reader = {.fd = ends[1], .wanted = BIG};
    int bytes = 65536;
    setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    setsockopt(ends[1], SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    if (!blocking) {
        SHOW(fcntl(ends[0], F_SETFL, O_NONBLOCK));
        ssize_t first = sendfile(ends[0], file, &offset, BIG);
        SHOW(first > 0 && first < BIG && offset == first);
        SHOW(sendfile(ends[0], file, &offset, BIG));
        SHOW(offset == first);
    }
    pthread_create(&reader.thread, NULL, read_all, &reader);
    while (offset < BIG) {
        ssize_t more = sendfile(ends[0], file, &offset, BIG);
        if (more < 0 && errno == EAGAIN) {
            struct pollfd one = {.fd = ends[0], .events = POLLOUT};
            poll(&one, 1, 1000);
        } else if (more <= 0 || blocking) {
            SHOW(more);
        }
    }
    pthread_join(reader.thread, NULL);
    printf("%zu %u\n", reader.got, reader.sum);
    close(ends[0]);
    close(ends[1]);
}

static void what_goes_wrong(void) {
    int ends[2], pipes[2], file = make_file(10), writing = open("/dev/null", O_WRONLY), set[2];
    off_t offset = 0, negative = -1;
    join_ends(0, ends);
    must(pipe(pipes) == 0, "pipe");
    set[0] = open("/", O_RDONLY);
    SHOW(sendfile(ends[0], pipes[0], NULL, 1));
    SHOW(sendfile(ends[0], pipes[0], &offset, 1));
    SHOW(sendfile(ends[0], ends[1], NULL, 1));
    SHOW(sendfile(ends[0], ends[1], &offset, 1));
    SHOW(sendfile(writing, ends[1], NULL, 1));
    SHOW(sendfile(ends[0], writing, NULL, 1));
    SHOW(sendfile(ends[0], set[0], NULL, 1));
    SHOW(sendfile(ends[0], 99, NULL, 1));
    SHOW(sendfile(99, file, NULL, 1));
    SHOW(sendfile(ends[0], file, &negative, 1));
    int fresh = socket(AF_INET, SOCK_STREAM, 0);
    signal(SIGPIPE, SIG_IGN);
    SHOW(sendfile(fresh, file, NULL, 1));
    SHOW(lseek(file, 0, SEEK_CUR));
    SHOW(shutdown(ends[0], SHUT_WR));
    SHOW(sendfile(ends[0], file, NULL, 1));
    reset(ends[1]);
    pause_ms(20);
    SHOW(sendfile(ends[0], file, NULL, 1));
    close(ends[0]);
}

/* Cut short by a reset: what went is the result. The error comes next; but the kernel's sendfile has eaten it. */
static void *reset_soon(void *fd) {
    pause_ms(50);
    reset(*(int *)fd);
    return NULL;
}

static void an_error_after_some_bytes(void) {
    int ends[2], file = make_file(BIG);
    pthread_t thread;
    join_ends(0, ends);
    int bytes = 65536;
    setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    pthread_create(&thread, NULL, reset_soon, &ends[1]);
    ssize_t first = sendfile(ends[0], file, NULL, BIG);
    SHOW(first > 0 && first < BIG);
    SHOW(lseek(file, 0, SEEK_CUR) == first);
    SHOW(sendfile(ends[0], file, NULL, BIG) < 0 && (errno == ECONNRESET || errno == EPIPE));
    SHOW(sendfile(ends[0], file, NULL, BIG));
    pthread_join(thread, NULL);
    close(ends[0]);
}

static void what_a_socket_is_not(void) {
    int ends[2], at_mark, udp = socket(AF_INET, SOCK_DGRAM, 0);
    char got[8];
    join_ends(0, ends);
    SHOW(lseek(ends[0], 0, SEEK_CUR));
    SHOW(lseek(ends[0], 5, SEEK_SET));
    SHOW(isatty(ends[0]) != 0 ? 1 : -1);
    SHOW(isfdtype(ends[0], S_IFSOCK));
    SHOW(isfdtype(ends[0], S_IFREG));
    SHOW(isfdtype(0, S_IFSOCK));
    SHOW(sockatmark(ends[0]));
    SHOW(sockatmark(udp));
    SHOW(sockatmark(99));
    SHOW(send(ends[1], "ab", 2, 0));
    SHOW(send(ends[1], "c", 1, MSG_OOB));
    SHOW(send(ends[1], "d", 1, 0));
    pause_ms(30);
    SHOW(recv(ends[0], got, sizeof got, 0));
    at_mark = (int)SHOW(sockatmark(ends[0]));
    SHOW(at_mark == 1 ? recv(ends[0], got, 1, MSG_OOB) : 0);
    SHOW(recv(ends[0], got, sizeof got, 0));
    SHOW(sockatmark(ends[0]));
    close(ends[0]);
    close(ends[1]);
    close(udp);
}

int main(void) {
    small_ones();
    a_big_one(1);
    a_big_one(0);
    what_goes_wrong();
    an_error_after_some_bytes();
    what_a_socket_is_not();
    return 0;
}
