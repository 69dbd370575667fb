/* The clock that the stack is driven by, and times in POSIX's terms. */
#include "driver.h"

uint64_t driver_clock_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t driver_clock_deadline(uint64_t timeout_us) {
    uint64_t now_us = driver_clock_now();
    return timeout_us >= TAPIR_NEVER - now_us ? TAPIR_NEVER : now_us + timeout_us;
}

struct timespec driver_clock_timespec(uint64_t us) {
    return (struct timespec){.tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000) * 1000};
}
