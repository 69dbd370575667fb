/* Opens the TAP of one end, in another network namespace if need be. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "wire/app.h"

/* The namespace's descriptor, or -1 and error. */
static int open_namespace(const char *name, char *error, size_t size) {
    char path[512];
    /* No name in /run/netns has a slash. */
    const bool is_path = strchr(name, '/') != NULL;
    const int length = snprintf(path, sizeof path, "%s%s", is_path ? "" : "/run/netns/", name);
    const int fd = (size_t)length < sizeof path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) {
        snprintf(error, size, "namespace %s: %s; make it with: ip netns add NAME, or give a path as /proc/PID/ns/net",
                 name, (size_t)length < sizeof path ? strerror(errno) : "too long a name");
    }
    return fd;
}

/* Enters a namespace and leaves the way back in *home. 0, or -1 and error. */
static int go_into(const char *name, int *home, char *error, size_t size) {
    const int there = open_namespace(name, error, size);
    if (there < 0) {
        return -1;
    }
    *home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    const int result = *home < 0 ? -1 : setns(there, CLONE_NEWNET);
    if (result != 0) {
        snprintf(error, size, "cannot go into namespace %s: %s", name, strerror(errno));
        if (*home >= 0) {
            close(*home);
        }
    }
    close(there);
    return result;
}

static struct tapir_device *open_here(const struct wire_end *end, bool no_offload, char *error, size_t size) {
    const struct tapir_tap_config config = {
        .name = end->tap, .fd = -1, .no_offload = no_offload, .host_address = end->host, .mtu_bytes = end->mtu_bytes};
    return tapir_tap_open(&config, error, size);
}

struct tapir_device *wire_end_open(const struct wire_end *end, bool no_offload, char *error, size_t size) {
    int home = -1;
    error[0] = '\0';
    if (end->ns == NULL) {
        return open_here(end, no_offload, error, size);
    }
    if (go_into(end->ns, &home, error, size) != 0) {
        return NULL;
    }
    struct tapir_device *device = open_here(end, no_offload, error, size);
    /* The descriptor stays with its namespace; the program does not. */
    const int why = errno;
    const int result = setns(home, CLONE_NEWNET);
    close(home);
    if (result != 0 && device != NULL) {
        snprintf(error, size, "cannot come back from namespace %s: %s", end->ns, strerror(errno));
        device->ops->close(device);
        return NULL;
    }
    errno = why;
    return device;
}
