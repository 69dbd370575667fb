/* Eventfds for threads that sleep on descriptors; a few are kept for their next use. */
#define _GNU_SOURCE
#include <sys/eventfd.h>
#include <unistd.h>

#include "driver.h"
#include "tap/own.h"

#define SPARE_EVENTS (sizeof((struct driver *)NULL)->spare_events / sizeof(int))

int driver_event_open(void) { return tap_own_keep(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

void driver_event_raise(int fd) {
    static const uint64_t one = 1;
    (void)!write(fd, &one, sizeof one);
}

void driver_event_drain(int fd) {
    uint64_t count;
    (void)!read(fd, &count, sizeof count);
}

int driver_event_get(struct driver *driver) {
    if (driver->spare_event_count > 0) {
        return driver->spare_events[--driver->spare_event_count];
    }
    return driver_event_open();
}

void driver_event_put(struct driver *driver, int fd) {
    if (fd < 0) {
        return;
    }
    driver_event_drain(fd);
    if (driver->spare_event_count < SPARE_EVENTS) {
        driver->spare_events[driver->spare_event_count++] = fd;
    } else {
        tap_own_close(fd);
    }
}
