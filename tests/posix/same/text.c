/* FILE streams over sockets, and printf to one. */
#include "same.h"

#include <fcntl.h>
#include <signal.h>

/* A line-oriented server as textbooks write it: one stream to read, one to write. */
static void two_streams(void) {
    int ends[2];
    char line[64];
    join_ends(0, ends);
    FILE *in = fdopen(ends[1], "r"), *out = fdopen(dup(ends[1]), "w");
    SHOW(in != NULL && out != NULL);
    SHOW(fileno(in) == ends[1]);
    SHOW(fileno(out) != ends[1] && port_of(fileno(out)) == port_of(ends[1]));
    SHOW(dprintf(ends[0], "%s %d\nsecond\nrest", "first", 1));
    SHOW(fgets(line, sizeof line, in) == line);
    printf("%s", line);
    SHOW(fgets(line, sizeof line, in) == line);
    printf("%s", line);
    SHOW(fprintf(out, "answer %s", line));
    SHOW(recv(ends[0], line, sizeof line, MSG_DONTWAIT));
    SHOW(fflush(out));
    SHOW(recv(ends[0], line, sizeof line, 0));
    SHOW(shutdown(ends[0], SHUT_WR));
    SHOW(fread(line, 1, sizeof line, in));
    SHOW(feof(in) != 0);
    SHOW(fclose(in));
    SHOW(fprintf(out, "last"));
    SHOW(fclose(out));
    SHOW(recv(ends[0], line, sizeof line, 0));
    SHOW(recv(ends[0], line, sizeof line, 0));
    SHOW(close(ends[0]));
}

/* Each way of one stream in turn, as fopen(3) allows it. */
static void one_stream(void) {
    int ends[2];
    char line[64];
    join_ends(0, ends);
    FILE *both = fdopen(ends[1], "r+");
    SHOW(setvbuf(both, NULL, _IONBF, 0));
    SHOW(write(ends[0], "question\n", 9));
    SHOW(fgets(line, sizeof line, both) == line);
    SHOW(fputs("answer\n", both));
    SHOW(read(ends[0], line, sizeof line));
    SHOW(fseek(both, 0, SEEK_SET));
    SHOW(ftell(both));
    SHOW(fclose(both));
    SHOW(close(ends[1]));
    SHOW(close(ends[0]));
}

static void what_goes_wrong(void) {
    static char filling[1 << 20];
    int ends[2];
    char line[64];
    join_ends(0, ends);
    SHOW(fdopen(ends[1], "x") == NULL ? -1 : 0);
    SHOW(fdopen(99, "r") == NULL ? -1 : 0);
    FILE *out = fdopen(ends[1], "w"), *in = fdopen(ends[0], "r");
    SHOW(fcntl(ends[0], F_SETFL, O_NONBLOCK));
    SHOW(fgets(line, sizeof line, in) == NULL ? -1 : 0);
    SHOW(ferror(in) != 0);
    SHOW(fgets(line, sizeof line, out) == NULL ? -1 : 0);
    SHOW(fcntl(ends[1], F_SETFL, O_NONBLOCK));
    size_t written = 1;
    for (int i = 0; i < 64 && written == 1; i++) {
        written = fwrite(filling, sizeof filling, 1, out);
    }
    SHOW(written);
    SHOW(ferror(out) != 0);
    reset(dup(ends[0]));
    SHOW(fclose(in));
    pause_ms(20);
    signal(SIGPIPE, SIG_IGN);
    clearerr(out);
    SHOW(fwrite(filling, sizeof filling, 1, out));
    SHOW(ferror(out) != 0);
    SHOW(fclose(out) == 0 ? 0 : 1);
    SHOW(dprintf(99, "x"));
}

int main(void) {
    two_streams();
    one_stream();
    what_goes_wrong();
    return 0;
}
