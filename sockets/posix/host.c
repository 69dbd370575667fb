/* The one stack of the process, with its driver, and where the thread is in it. */
#include "host.h"

#include "sockets/driver/driver.h"

struct host posix_host = {.driver = DRIVER_INITIALIZER, .claimed_fd = -1};

_Thread_local struct driver_thread posix_host_thread;

bool posix_host_at_work(void) { return driver_at_work(&posix_host_thread); }
