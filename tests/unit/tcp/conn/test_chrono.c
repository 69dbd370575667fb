/* The clock of what holds a connection back, alone. */
#include <criterion/criterion.h>

#include "tcp/conn/chrono.h"

Test(tcp_chrono, each_time_goes_to_one_reason) {
    struct chrono chrono = {0};
    cr_assert_eq(tcp_chrono_spent_us(&chrono, CHRONO_BUSY, 500), 0);
    tcp_chrono_set(&chrono, CHRONO_BUSY, 1000);
    tcp_chrono_set(&chrono, CHRONO_BUSY, 1500); /* the same: the clock runs on */
    cr_assert_eq(tcp_chrono_spent_us(&chrono, CHRONO_BUSY, 1700), 700);
    tcp_chrono_set(&chrono, CHRONO_RWND, 2000);
    cr_assert_eq(tcp_chrono_spent_us(&chrono, CHRONO_BUSY, 9000), 1000);
    cr_assert_eq(tcp_chrono_spent_us(&chrono, CHRONO_RWND, 2300), 300);
    tcp_chrono_set(&chrono, CHRONO_BUSY, 2500);
    tcp_chrono_set(&chrono, CHRONO_IDLE, 2600);
    cr_assert_eq(tcp_chrono_spent_us(&chrono, CHRONO_BUSY, 9000), 1100);
    cr_assert_eq(tcp_chrono_spent_us(&chrono, CHRONO_RWND, 9000), 500);
    cr_assert_eq(tcp_chrono_spent_us(&chrono, CHRONO_SNDBUF, 9000), 0);
}
