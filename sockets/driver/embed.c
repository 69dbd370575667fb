/* The driver as an embedder has it (<tapir/driver.h>): its calls, and who waits for which socket. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include <tapir/driver.h>

#include "base/list.h"
#include "driver.h"

#define CHAINS 64U /* of waits, by socket: news looks at the waits of one chain */

struct tapir_driver {
    struct driver driver;
    struct tapir_driver_config config;
    _Atomic pthread_t telling; /* the thread that is in one of config's functions; 0: none is */
    struct list waits[CHAINS]; /* of struct wait */
};

/* A thread in tapir_driver_wait. */
struct wait {
    struct driver_waiter waiter; /* first: found by it when abandoned */
    struct list node;
    tapir_sock sock;
    uint32_t events; /* 0: any news */
};

_Static_assert(sizeof(struct driver_thread) <= sizeof(struct tapir_driver_thread),
               "a thread fits into its public form");

static struct driver_thread *thread_of(struct tapir_driver_thread *thread) { return (struct driver_thread *)thread; }

static struct list *chain_of(struct tapir_driver *driver, tapir_sock sock) { return &driver->waits[sock % CHAINS]; }

static void wake(struct wait *wait) {
    if (!wait->waiter.woken) {
        driver_wait_wake(&wait->waiter);
    }
}

/* A socket that is closed has no readiness that could be asked for: who waits shall come and find out. */
static void tell_news(void *ctx, tapir_sock sock) {
    struct tapir_driver *driver = ctx;
    uint32_t ready = tapir_sock_ready(driver->driver.stack, sock);
    LIST_FOR_EACH(node, chain_of(driver, sock)) {
        struct wait *wait = LIST_ENTRY(node, struct wait, node);
        if (wait->sock == sock && (wait->events == 0 || (wait->events & ready) != 0)) {
            wake(wait);
        }
    }
    if (driver->config.news != NULL) {
        driver->telling = pthread_self();
        driver->config.news(driver->config.ctx, sock);
        driver->telling = 0;
    }
}

static void tell_device(void *ctx, enum driver_device what_it_is) {
    static const enum tapir_driver_device public[] = {
        [DRIVER_DEVICE_GONE] = TAPIR_DEVICE_GONE,
        [DRIVER_DEVICE_DOWN] = TAPIR_DEVICE_DOWN,
        [DRIVER_DEVICE_UP] = TAPIR_DEVICE_UP,
    };
    struct tapir_driver *driver = ctx;
    if (driver->config.device_is != NULL) {
        driver->telling = pthread_self();
        driver->config.device_is(driver->config.ctx, public[what_it_is]);
        driver->telling = 0;
    }
}

/* From the start up to the background thread, or back. With the lock. */
static int start(struct tapir_driver *driver) {
    const struct driver_listener listener = {.ctx = driver, .news = tell_news, .device = tell_device};
    int result = driver_open(&driver->driver, &listener);
    if (result != 0) {
        return result;
    }
    driver_attach(&driver->driver, driver->config.stack);
    if (driver->config.device != NULL) {
        driver_attach_device(&driver->driver, driver->config.device, driver->config.netif);
    }
    result = driver_background_start(&driver->driver);
    if (result != 0) {
        driver_close(&driver->driver);
    }
    return result;
}

static void destroy(struct tapir_driver *driver) {
    pthread_cond_destroy(&driver->driver.all_out);
    pthread_mutex_destroy(&driver->driver.gate);
    pthread_mutex_destroy(&driver->driver.lock);
    free(driver);
}

/* Whether a device may have this interface. It has no address that is all zeros: nothing is taken away. */
static bool has_netif(struct tapir_stack *stack, int netif) {
    static const struct tapir_addr none;
    return netif > 0 && tapir_netif_remove_address(stack, netif, &none) != -ENODEV;
}

int tapir_driver_open(const struct tapir_driver_config *config, struct tapir_driver **driver) {
    struct driver_thread self = {0};
    if (config->stack == NULL || (config->device != NULL && !has_netif(config->stack, config->netif))) {
        return -EINVAL;
    }
    struct tapir_driver *opened = malloc(sizeof *opened);
    if (opened == NULL) {
        return -ENOMEM;
    }
    *opened = (struct tapir_driver){.driver = DRIVER_INITIALIZER, .config = *config};
    for (size_t i = 0; i < CHAINS; i++) {
        list_init(&opened->waits[i]);
    }
    driver_lock(&opened->driver, &self);
    int result = start(opened);
    driver_lock_release(&opened->driver);
    if (result != 0) {
        destroy(opened);
        return result;
    }
    *driver = opened;
    return 0;
}

static uint64_t unfinished(void *ctx) {
    const struct driver *driver = ctx;
    return driver->device == NULL || driver->device_lost ? 0 : tapir_stack_unfinished(driver->stack);
}

void tapir_driver_close(struct tapir_driver *driver) {
    struct driver_thread self = {0};
    int cancel_state; /* it waits and joins, and must not leave half of it */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    driver_lock(&driver->driver, &self);
    driver->driver.closing = true;
    for (size_t i = 0; i < CHAINS; i++) {
        LIST_FOR_EACH(node, &driver->waits[i]) {
            wake(LIST_ENTRY(node, struct wait, node));
        }
    }
    (void)driver_round_flush(&driver->driver);
    driver_await_all_out(&driver->driver);
    driver_background_stop(&driver->driver);
    driver_lead_drain(&driver->driver, unfinished, &driver->driver);
    driver_close(&driver->driver);
    driver_lock_release(&driver->driver);
    destroy(driver);
    pthread_setcancelstate(cancel_state, NULL);
}

int tapir_driver_enter(struct tapir_driver *driver, struct tapir_driver_thread *thread) {
    if (driver_at_work(thread_of(thread)) || pthread_equal(driver->telling, pthread_self())) {
        return -EDEADLK;
    }
    return driver_enter(&driver->driver, thread_of(thread)) ? 0 : -EBADF;
}

void tapir_driver_leave(struct tapir_driver *driver, struct tapir_driver_thread *thread) {
    driver_leave(&driver->driver, thread_of(thread));
}

static void abandon(struct driver_waiter *waiter) {
    struct wait *wait = (struct wait *)(void *)waiter;
    list_remove(&wait->node);
    driver_leave(waiter->driver, waiter->thread);
}

int tapir_driver_wait(struct tapir_driver *driver, struct tapir_driver_thread *thread, tapir_sock sock, uint32_t events,
                      uint64_t deadline_us) {
    struct pollfd fds[DRIVER_RESERVED_FDS];
    struct wait wait = {.sock = sock, .events = events == 0 ? 0 : events | TAPIR_READY_ERR | TAPIR_READY_HUP};
    if (driver->driver.closing) {
        return -EBADF;
    }
    driver_wait_init(&wait.waiter, &driver->driver, thread_of(thread), fds, DRIVER_RESERVED_FDS, abandon);
    wait.waiter.prompt = true;
    list_push_back(chain_of(driver, sock), &wait.node);
    int result = driver_wait(&wait.waiter, deadline_us);
    list_remove(&wait.node);
    return driver->driver.closing ? -EBADF : result;
}

void tapir_driver_wake(struct tapir_driver *driver, tapir_sock sock) {
    LIST_FOR_EACH(node, chain_of(driver, sock)) {
        struct wait *wait = LIST_ENTRY(node, struct wait, node);
        if (wait->sock == sock) {
            wake(wait);
        }
    }
}

uint64_t tapir_driver_now(void) { return driver_clock_now(); }
