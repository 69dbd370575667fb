/* Runs the tests that were registered, each in a process of its own; quiet unless one fails. */
#include <sys/wait.h>
#include <unistd.h>

#include "criterion/criterion.h"

static struct tsan_test *tests;
static struct tsan_suite *suites;
static int failures; /* of the test that runs */

void tsan_add_test(struct tsan_test *test) {
    test->next = tests;
    tests = test;
}

void tsan_add_suite(struct tsan_suite *suite) {
    suite->next = suites;
    suites = suite;
}

void tsan_fail(const char *file, int line, bool go_on) {
    fprintf(stderr, "%s:%d: assertion failed\n", file, line);
    failures++;
    if (!go_on) {
        exit(1);
    }
}

static struct tsan_settings settings_of(const struct tsan_test *test) {
    for (const struct tsan_suite *suite = suites; suite != NULL; suite = suite->next) {
        if (strcmp(suite->name, test->suite) == 0) {
            return suite->settings;
        }
    }
    return (struct tsan_settings){.timeout = 60};
}

static int run(const struct tsan_test *test) {
    struct tsan_settings settings = settings_of(test);
    alarm(settings.timeout * 3); /* the sanitizer makes it slow */
    if (settings.init != NULL) {
        settings.init();
    }
    test->run();
    if (settings.fini != NULL) {
        settings.fini();
    }
    return failures != 0;
}

int main(int argc, char **argv) {
    int failed = 0;
    for (const struct tsan_test *test = tests; test != NULL; test = test->next) {
        int status = 0;
        if (argc > 1 && strcmp(argv[1], test->suite) != 0) {
            continue;
        }
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0) {
            exit(run(test));
        }
        if (waitpid(pid, &status, 0) != pid || status != 0) {
            fprintf(stderr, "FAILED %s::%s (status %d)\n", test->suite, test->name, status);
            failed++;
        }
    }
    return failed != 0;
}
