/* What the driver tells: which sockets have news, and what has become of the device. */
#include "news.h"

#include <errno.h>

#include <tapir/sock.h>

#include "descriptors.h"
#include "host.h"
#include "pair.h"
#include "signals.h"
#include "sockets/driver/driver.h"
#include "tell.h"
#include "watch.h"

/* A socket that nobody has a descriptor for any more (closed a moment ago) has no one to be told. */
static void tell_news(void *unused, tapir_sock sock) {
    struct descriptor *descriptor = posix_descriptors_by_sock(sock);
    (void)unused;
    if (descriptor != NULL) {
        posix_watch_notify(descriptor);
        posix_pair_update(descriptor);
        posix_signals_news(descriptor);
    }
}

static void tell_device(void *unused, enum driver_device what_it_is) {
    const char *name = posix_host.driver.device->name;
    (void)unused;
    switch (what_it_is) {
    case DRIVER_DEVICE_GONE:
        posix_tell(ENODEV, "%s is gone: nothing comes or goes any more", name);
        break;
    case DRIVER_DEVICE_DOWN:
        posix_tell(0, "%s is down: nothing passes until it is up (ip link set %s up)", name, name);
        break;
    case DRIVER_DEVICE_UP:
        posix_tell(0, "%s is up", name);
        break;
    }
}

const struct driver_listener posix_news_listener = {.news = tell_news, .device = tell_device};
