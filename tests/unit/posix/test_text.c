/* Tests of FILE streams over sockets that a comparison with the kernel (tests/posix) does not show. */
#define _GNU_SOURCE
#include <unistd.h>

#include "sockets/posix/tell.h"
#include "sockets/posix/text.h"
#include "wired.h"

TestSuite(text, .timeout = 20);

/* To a group, so that no neighbour is asked for first. */
Test(text, going_down_writes_what_is_buffered) {
    struct sockaddr_in group = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr = {htonl(0xefff0001)}};
    uint8_t frame[2048];
    wired_up();
    int fd = tapir_socket(AF_INET, SOCK_DGRAM, 0);
    GIVES(tapir_connect(fd, (struct sockaddr *)&group, sizeof group), 0);
    FILE *file = tapir_fdopen(fd, "w");
    cr_assert(file != NULL && fputs("buffered", file) >= 0);
    cr_assert(!wired_comes(0x0800, 42, 'b', frame, 50));
    tapir_down();
    cr_assert(wired_comes(0x0800, 42, 'b', frame, 1000));
    close(wired.wire);
    (void)fclose(file);
}

Test(text, a_stream_may_outlive_the_stack) {
    loop_up();
    FILE *file = tapir_fdopen(tapir_socket(AF_INET, SOCK_DGRAM, 0), "w");
    cr_assert(tapir_fileno(file) >= 0);
    tapir_down();
    cr_assert(fputs("x", file) >= 0);
    cr_assert(fflush(file) == EOF && errno == EBADF);
    cr_assert(fclose(file) == EOF);
}

Test(text, a_stream_of_a_file_is_the_librarys) {
    int ends[2];
    char text[8] = "";
    cr_assert(pipe(ends) == 0);
    FILE *file = tapir_fdopen(ends[1], "w");
    cr_assert(tapir_fileno(file) == ends[1] && fileno(file) == ends[1]);
    cr_assert(fclose(file) == 0);
    cr_assert(read(ends[0], text, sizeof text) == 0);
    GIVES(tapir_dprintf(ends[0], "x"), -1);
    close(ends[0]);
}

/* What a program prints on stderr does (tests/posix); but the library may be at work when it has something to say. */
Test(text, the_librarys_own_words_are_for_no_socket) {
    int fds[2];
    char text[64];
    loop_up();
    loop_stream(fds);
    int before = dup(STDERR_FILENO);
    GIVES(tapir_dup2(fds[0], STDERR_FILENO), STDERR_FILENO);
    posix_tell(0, "a sentence");
    (void)fputs("the program's", stderr);
    GIVES(tapir_dup2(before, STDERR_FILENO), STDERR_FILENO);
    GIVES(tapir_recv(fds[1], text, sizeof text, 0), 13);
    close(before);
    loop_down();
}
