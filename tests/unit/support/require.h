/* An assertion for loops of thousands: cr_assert reports each success too. */
#ifndef TEST_REQUIRE_H
#define TEST_REQUIRE_H

#include <criterion/criterion.h>

/* Fails the test with this message unless the condition holds. */
#define REQUIRE(condition, ...)                     \
    do {                                            \
        if (!(condition)) {                         \
            cr_log_error("broken: %s", #condition); \
            cr_assert_fail(__VA_ARGS__);            \
        }                                           \
    } while (0)

#endif
