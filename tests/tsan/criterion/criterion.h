/* As much of Criterion as the socket tests use, for ThreadSanitizer, in whose address space Criterion cannot run. */
#ifndef TSAN_CRITERION_H
#define TSAN_CRITERION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tsan_settings {
    void (*init)(void), (*fini)(void);
    unsigned timeout; /* seconds */
};

struct tsan_test {
    const char *suite, *name;
    void (*run)(void);
    struct tsan_test *next;
};

struct tsan_suite {
    const char *name;
    struct tsan_settings settings;
    struct tsan_suite *next;
};

void tsan_add_test(struct tsan_test *test);
void tsan_add_suite(struct tsan_suite *suite);
void tsan_fail(const char *file, int line, bool go_on);

#define TestSuite(suite_, ...)                                                         \
    __attribute__((constructor)) static void suite_##_add(void) {                      \
        static struct tsan_suite suite = {.name = #suite_, .settings = {__VA_ARGS__}}; \
        tsan_add_suite(&suite);                                                        \
    }                                                                                  \
    struct tsan_suite

#define Test(suite_, name_)                                                                         \
    static void suite_##_##name_(void);                                                             \
    __attribute__((constructor)) static void suite_##_##name_##_add(void) {                         \
        static struct tsan_test test = {.suite = #suite_, .name = #name_, .run = suite_##_##name_}; \
        tsan_add_test(&test);                                                                       \
    }                                                                                               \
    static void suite_##_##name_(void)

/* `...` may be a format and its arguments; what they say is left out. */
#define cr_assert(condition, ...) ((condition) ? (void)0 : tsan_fail(__FILE__, __LINE__, false))
#define cr_expect(condition, ...) ((condition) ? (void)0 : tsan_fail(__FILE__, __LINE__, true))
#define cr_assert_str_eq(a, b, ...) cr_assert(strcmp(a, b) == 0)
#define cr_skip_test(...) exit(0)

#define cr_assert_eq(a, b, ...) cr_assert((a) == (b))
#define cr_assert_neq(a, b, ...) cr_assert((a) != (b))
#define cr_assert_not_null(a, ...) cr_assert((a) != NULL)
#define cr_assert_geq(a, b, ...) cr_assert((a) >= (b))
#define cr_assert_leq(a, b, ...) cr_assert((a) <= (b))

#endif
