/* Timeouts of poll, select and epoll as deadlines. */
#include "timeout.h"

#include <time.h>

#include <tapir/sock.h>

#include "sockets/driver/driver.h"

uint64_t posix_timeout_deadline_ms(int timeout_ms) {
    return timeout_ms < 0 ? TAPIR_NEVER : timeout_ms == 0 ? 0 : driver_clock_deadline((uint64_t)timeout_ms * 1000);
}

bool posix_timeout_valid(const struct timespec *timeout) {
    return timeout == NULL || (timeout->tv_sec >= 0 && timeout->tv_nsec >= 0 && timeout->tv_nsec < 1000000000);
}

/* Rounded up: a wait that ends early would be made again in a hurry. Beyond 292,000 years it is never. */
uint64_t posix_timeout_deadline(const struct timespec *timeout) {
    if (timeout == NULL || (uint64_t)timeout->tv_sec > TAPIR_NEVER / 2000000) {
        return TAPIR_NEVER;
    }
    return driver_clock_deadline((uint64_t)timeout->tv_sec * 1000000 + ((uint64_t)timeout->tv_nsec + 999) / 1000);
}
