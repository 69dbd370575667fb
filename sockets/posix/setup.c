/* Around tapir_up and tapir_down: one at a time, and from any state of construction back to none. */
#define _GNU_SOURCE
#include "setup.h"

#include <netinet/in.h>
#include <pthread.h>

#include "descriptors.h"
#include "fork.h"
#include "host.h"
#include "memory.h"
#include "sockets/driver/driver.h"
#include "tap/own.h"

#define HOST (&posix_host)

static pthread_mutex_t setup = PTHREAD_MUTEX_INITIALIZER; /* one tapir_up or tapir_down at a time; before the lock */
static _Thread_local bool setting_up;                     /* this thread is in one */

/* Files are opened and threads waited for: a thread cancelled there would leave `setup` locked. */
bool posix_setup_begin(int *cancel_state) {
    if (setting_up || posix_host_at_work()) {
        return false;
    }
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, cancel_state);
    setting_up = true;
    pthread_mutex_lock(&setup);
    return true;
}

void posix_setup_end(int cancel_state) {
    pthread_mutex_unlock(&setup);
    setting_up = false;
    pthread_setcancelstate(cancel_state, NULL);
}

void posix_setup_undo(void) {
    struct tapir_stack *stack = HOST->driver.stack;
    driver_close(&HOST->driver);
    if (stack != NULL) {
        tapir_stack_destroy(stack);
        posix_memory_trim();
    }
    posix_descriptors_destroy();
    HOST->address.s_addr = INADDR_ANY;
    tap_own_disclaim(HOST->claimed_fd);
    HOST->claimed_fd = -1;
    posix_fork_watch(false);
}
