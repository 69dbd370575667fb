/* The C library's standard streams where a socket has the number 0, 1 or 2: printf, puts, fgets, perror. */
#include "same.h"

#include <fcntl.h>
#include <signal.h>

static FILE *report; /* where standard output was in the beginning */

#define TELL(call) tell(#call, (errno = 0, (long)(call)))

static void tell(const char *call, long result) {
    fprintf(report, "%s = %ld%s%s\n", call, result, result < 0 ? " " : "", result < 0 ? strerrorname_np(errno) : "");
    fflush(report);
}

static void tell_received(int fd, size_t bytes) {
    char text[256];
    ssize_t got = recv(fd, text, bytes, MSG_WAITALL);
    fprintf(report, "\"%.*s\"\n", got < 0 ? 0 : (int)got, text);
}

/* Nobody is connected: as a write, the flush meets EPIPE. */
static void before_a_connection(void) {
    TELL(close(1));
    TELL(socket(AF_INET, SOCK_STREAM, 0));
    TELL(printf("to nobody\n"));
    TELL(fflush(stdout));
    TELL(ferror(stdout) != 0);
    clearerr(stdout);
}

static void output(void) {
    int ends[2], saved = dup(0);
    join_ends(0, ends);
    TELL(printf("before, "));
    TELL(dup2(ends[0], 1));
    TELL(close(ends[0]));
    TELL(fileno(stdout));
    TELL(printf("after"));
    TELL(recv(ends[1], ends, 1, MSG_DONTWAIT));
    TELL(fflush(stdout));
    tell_received(ends[1], 13);
    TELL(puts("line") >= 0);
    TELL(putchar('c'));
    TELL(fflush(stdout));
    tell_received(ends[1], 6);
    TELL(dup2(ends[1], 2));
    TELL(fprintf(stderr, "at %s", "once"));
    errno = ENOENT;
    perror("");
    dup2(saved, 2);
    char text[64] = "";
    TELL(read(1, text, 7));
    TELL(read(1, text, sizeof text));
    fprintf(report, "%s", text);
    /* Back to the file: what is in the buffer goes with the number. */
    int file = fileno(tmpfile());
    TELL(printf("into the file\n"));
    TELL(dup2(file, 1));
    TELL(printf("and this\n"));
    TELL(fflush(stdout));
    TELL(lseek(file, 0, SEEK_SET));
    memset(text, 0, sizeof text);
    TELL(read(file, text, sizeof text));
    fprintf(report, "%s", text);
    TELL(recv(ends[1], text, sizeof text, 0));
    close(ends[1]);
    close(saved);
}

/* A daemon's farewell to its streams; and a number may become a socket's again. */
static void reopened(void) {
    int ends[2];
    join_ends(0, ends);
    for (int i = 0; i < 2; i++) {
        TELL(dup2(ends[0], 1));
        TELL(printf("number %d", i));
        TELL(freopen("/dev/null", "w", stdout) != NULL);
        TELL(printf("to nowhere\n"));
        TELL(fflush(stdout));
        TELL(fileno(stdout));
        tell_received(ends[1], 8);
    }
    TELL(dup2(ends[0], 1));
    close(ends[0]);
    TELL(freopen("/no/such/file", "w", stdout) == NULL);
    TELL(write(1, "", 1));
    TELL(recv(ends[1], ends, 1, 0));
    close(ends[1]);
}

/* What was read ahead is read first. */
static void input(void) {
    int ends[2], pipes[2];
    char line[64], word[16];
    join_ends(0, ends);
    must(pipe(pipes) == 0 && write(pipes[1], "one\ntwo\nthree\n", 14) == 14, "pipe");
    dup2(pipes[0], 0);
    TELL(fgets(line, sizeof line, stdin) == line);
    fprintf(report, "%s", line);
    TELL(dup2(ends[0], 0));
    TELL(close(ends[0]));
    TELL(write(ends[1], "four five\nsix\n", 14));
    for (int i = 0; i < 3; i++) {
        TELL(fgets(line, sizeof line, stdin) == line);
        fprintf(report, "%s", line);
    }
    TELL(scanf("%15s", word));
    fprintf(report, "%s\n", word);
    TELL(getchar());
    TELL(close(ends[1]));
    TELL(getchar());
    TELL(feof(stdin) != 0);
    TELL(fclose(stdin));
    TELL(read(0, word, 1));
}

int main(void) {
    report = fdopen(dup(1), "w");
    setvbuf(report, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    before_a_connection();
    output();
    reopened();
    input();
    return 0;
}
