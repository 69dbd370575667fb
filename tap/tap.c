/* Opens a Linux TAP device with as much offload as the kernel has, and moves frames through it. */
#include "tap/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tap/host.h"
#include "tap/own.h"
#include "tap/vnet.h"

/* Since Linux 6.2: UDP segmentation. The kernel takes both or neither; IPv6 is dropped as an unknown type. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

/* The 10-byte header: the 12-byte form only adds a field for merged buffers, which a TAP never uses. */
#define VNET_BYTES ((int)sizeof(struct virtio_net_hdr))

/* The device that a caller of tapir_tap_open holds. */
struct tap {
    struct tapir_device device;
    bool vnet;
};

/* What to ask the kernel for, best first, and what the stack may then use. */
static const struct {
    unsigned flags;
    uint32_t caps;
} offload_ladder[] = {
    {TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO_ECN | TUN_F_USO4 | TUN_F_USO6,
     TAPIR_CAP_CSUM | TAPIR_CAP_TSO4 | TAPIR_CAP_USO4},
    {TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO_ECN, TAPIR_CAP_CSUM | TAPIR_CAP_TSO4},
    {TUN_F_CSUM | TUN_F_TSO4, TAPIR_CAP_CSUM | TAPIR_CAP_TSO4},
    {TUN_F_CSUM, TAPIR_CAP_CSUM},
};

/* Does this read error cost one frame only, so that reading may go on? EINVAL and ENOMEM: the kernel could not describe or
 * copy that frame. */
static bool read_may_go_on(int error) {
    return error == EAGAIN || error == EWOULDBLOCK || error == EINVAL || error == ENOMEM || error == ENOBUFS;
}

/* The offload header goes to a buffer of its own, so that the frame starts where the stack wants it and is never moved. The
 * kernel truncates a frame that is longer than any IP datagram in Ethernet, and the lengths inside show it. */
static int tap_read(struct tapir_device *device, struct tapir_frame *frame) {
    struct tap *tap = (struct tap *)device;
    struct virtio_net_hdr vnet = {0};
    struct iovec parts[2] = {
        {.iov_base = &vnet, .iov_len = tap->vnet ? sizeof vnet : 0},
        {.iov_base = frame->data, .iov_len = TAPIR_FRAME_MAX_BYTES},
    };
    ssize_t n;
    do {
        n = readv(device->fd, parts, 2);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return read_may_go_on(errno) ? 0 : -errno;
    }
    /* Shorter than its own header: an empty frame, which the link room counts as short. */
    size_t len = (size_t)n > parts[0].iov_len ? (size_t)n - parts[0].iov_len : 0;
    frame->len = (uint32_t)len;
    tap_vnet_parse(&vnet, &frame->offload);
    return 1;
}

/* V4: after any error nothing of the frame has been sent, and the caller is told. */
static int tap_write(struct tapir_device *device, const struct tapir_out *out) {
    const struct tap *tap = (const struct tap *)device;
    struct virtio_net_hdr vnet;
    struct iovec parts[2 + TAPIR_OUT_PIECES];
    int count = 0;
    size_t total = out->len;
    if (tap->vnet) {
        tap_vnet_emit(&out->offload, out->header_len, &vnet);
        parts[count++] = (struct iovec){.iov_base = &vnet, .iov_len = sizeof vnet};
        total += sizeof vnet;
    }
    parts[count++] = (struct iovec){.iov_base = out->header, .iov_len = out->header_len};
    for (size_t i = 0; i < out->piece_count; i++) {
        parts[count++] =
            (struct iovec){.iov_base = (void *)(uintptr_t)out->pieces[i].base, .iov_len = out->pieces[i].len};
    }
    ssize_t n;
    do {
        n = writev(device->fd, parts, count);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return -errno;
    }
    return (size_t)n == total ? 0 : -EIO;
}

static void tap_close(struct tapir_device *device) {
    tap_own_close(device->fd);
    free(device);
}

struct tapir_device *tap_wrap(int fd, bool vnet) {
    static const struct tapir_device_ops ops = {.read = tap_read, .write = tap_write, .close = tap_close};
    struct tap *tap = calloc(1, sizeof *tap);
    if (tap == NULL) {
        return NULL;
    }
    tap->device.ops = &ops;
    tap->device.fd = fd;
    tap->vnet = vnet;
    return &tap->device;
}

/* Errors are sentences for the user of the program: what is wrong, and what would help. */
static void explain_open(int why, char *error, size_t size) {
    if (why == ENOENT || why == ENODEV || why == ENXIO) {
        snprintf(error, size, "no /dev/net/tun: load the driver (modprobe tun), or give the container the device");
    } else if (why == EACCES || why == EPERM) {
        snprintf(error, size, "no permission on /dev/net/tun: run as root, or ask for chmod 666 /dev/net/tun");
    } else {
        snprintf(error, size, "cannot open /dev/net/tun: %s", strerror(why));
    }
}

static void explain_attach(const char *name, int why, char *error, size_t size) {
    if (why == EPERM) {
        snprintf(error, size,
                 "no permission to use %s: run as root, or ask root once for: "
                 "ip tuntap add dev %s mode tap user $USER && ip address add 10.0.0.1/24 dev %s && ip link set %s up",
                 name, name, name, name);
    } else if (why == EBUSY) {
        snprintf(error, size, "%s is busy: another program has it open; end that one or choose another name", name);
    } else if (why == EINVAL && if_nametoindex(name) != 0) {
        snprintf(error, size, "%s is an interface already, and not a TAP: choose another name", name);
    } else if (why == EINVAL) {
        snprintf(error, size, "%s is no name for an interface: choose one such as tap0", name);
    } else {
        snprintf(error, size, "cannot attach to %s: %s", name, strerror(why));
    }
}

/* Attaches fd to the TAP of that name, creating it where allowed. 0 or an errno. */
static int attach(int fd, const char *name, short flags, struct ifreq *request) {
    memset(request, 0, sizeof *request);
    strncpy(request->ifr_name, name, sizeof request->ifr_name - 1);
    request->ifr_flags = flags;
    if (ioctl(fd, TUNSETIFF, request) == 0) {
        return 0;
    }
    /* A persistent TAP made with several queues insists on the flag; one queue is ours. */
    if (errno == EINVAL) {
        request->ifr_flags = (short)(flags | IFF_MULTI_QUEUE);
        return ioctl(fd, TUNSETIFF, request) == 0 ? 0 : EINVAL;
    }
    return errno;
}

/* Opens the TAP that config names. The descriptor, and *request as the kernel filled it; or -1, errno and error. */
static int open_by_name(const struct tapir_tap_config *config, struct ifreq *request, char *error, size_t size) {
    const char *name = config->name == NULL ? "tap%d" : config->name;
    /* The kernel would take an empty name for "any". */
    const bool empty = name[0] == '\0';
    if (empty || strlen(name) >= sizeof request->ifr_name) {
        snprintf(error, size, "%s is too %s for an interface name: 1 to 15 bytes, such as tap0", empty ? "\"\"" : name,
                 empty ? "short" : "long");
        errno = EINVAL;
        return -1;
    }
    int fd = tap_own_keep(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (fd < 0) {
        explain_open(errno, error, size);
        return -1;
    }
    /* Offload needs the header, so the header is asked for whenever offload is wanted. */
    unsigned features = 0;
    short flags = IFF_TAP | IFF_NO_PI;
    if (!config->no_offload && ioctl(fd, TUNGETFEATURES, &features) == 0 && (features & IFF_VNET_HDR) != 0) {
        flags |= IFF_VNET_HDR;
    }
    int why = attach(fd, name, flags, request);
    if (why != 0) {
        explain_attach(name, why, error, size);
        tap_own_close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

/* Inspects the descriptor given in config. 0 and *request as the kernel has it; or -1, errno and error. */
static int inspect_given(int fd, struct ifreq *request, char *error, size_t size) {
    memset(request, 0, sizeof *request);
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || ioctl(fd, TUNGETIFF, request) != 0) {
        snprintf(error, size, "descriptor %d is not an attached TAP: %s", fd, strerror(errno));
        return -1;
    }
    if ((request->ifr_flags & IFF_TAP) == 0 || (request->ifr_flags & IFF_NO_PI) == 0) {
        snprintf(error, size, "descriptor %d is not a TAP with IFF_NO_PI: set both flags in TUNSETIFF", fd);
        errno = EINVAL;
        return -1;
    }
    if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
        snprintf(error, size, "descriptor %d cannot be made non-blocking: %s", fd, strerror(errno));
        return -1;
    }
    return 0;
}

/* Asks for offload, for less and less until the kernel agrees. Returns TAPIR_CAP_*; 0: plain frames only. A persistent TAP
 * keeps the setting of its last user, so "none" is set explicitly. */
static uint32_t agree_offload(int fd, bool wanted) {
    int vnet_bytes = VNET_BYTES;
    if (wanted && ioctl(fd, TUNSETVNETHDRSZ, &vnet_bytes) == 0) {
        for (size_t i = 0; i < sizeof offload_ladder / sizeof offload_ladder[0]; i++) {
            if (ioctl(fd, TUNSETOFFLOAD, (unsigned long)offload_ladder[i].flags) == 0) {
                return offload_ladder[i].caps;
            }
        }
    }
    ioctl(fd, TUNSETOFFLOAD, 0UL);
    return 0;
}

/* Makes the device of an attached descriptor. On failure NULL, errno and error; fd stays the caller's then. */
static struct tapir_device *adopt(int fd, const struct ifreq *request, const struct tapir_tap_config *config,
                                  char *error, size_t size) {
    const bool vnet = (request->ifr_flags & IFF_VNET_HDR) != 0;
    int vnet_bytes = VNET_BYTES;
    if (vnet && ioctl(fd, TUNSETVNETHDRSZ, &vnet_bytes) != 0) {
        snprintf(error, size, "%s: the kernel refuses a %d-byte vnet header: %s", request->ifr_name, vnet_bytes,
                 strerror(errno));
        return NULL;
    }
    /* Before the device is made: a failure here leaves nothing to undo but the descriptor. */
    const int result = config->host_address == NULL
                           ? 0
                           : tap_host_up(request->ifr_name, config->host_address, config->mtu_bytes, error, size);
    if (result != 0) {
        errno = -result;
        return NULL;
    }
    struct tapir_device *device = tap_wrap(fd, vnet);
    if (device == NULL) {
        snprintf(error, size, "memory short");
        errno = ENOMEM;
        return NULL;
    }
    /* The default is no limit. A persistent TAP may have kept a lower one, and a full buffer loses a frame. */
    int sndbuf_bytes = INT_MAX;
    ioctl(fd, TUNSETSNDBUF, &sndbuf_bytes);
    memcpy(device->name, request->ifr_name, sizeof device->name);
    device->caps = agree_offload(fd, vnet && !config->no_offload);
    return device;
}

struct tapir_device *tapir_tap_open(const struct tapir_tap_config *config, char *error, size_t size) {
    struct ifreq request;
    const bool given = config->fd >= 0;
    if (size > 0) {
        error[0] = '\0';
    }
    int fd = given ? config->fd : open_by_name(config, &request, error, size);
    if (fd < 0 || (given && inspect_given(fd, &request, error, size) != 0)) {
        return NULL;
    }
    struct tapir_device *device = adopt(fd, &request, config, error, size);
    if (device == NULL) {
        const int why = errno;
        if (!given) {
            tap_own_close(fd);
        }
        errno = why;
        return NULL;
    }
    bool up = false;
    tap_host_lengthen_queue(device->name, TAPIR_TAP_QUEUE_FRAMES);
    tap_host_state(device->name, &device->mtu_bytes, &up);
    if (!up) {
        snprintf(error, size, "%s is down: nothing passes until it is up (ip link set %s up)", device->name,
                 device->name);
    } else if (device->caps == 0 && !config->no_offload) {
        snprintf(error, size, "%s: the kernel refuses offloads; going on with plain frames, more slowly", device->name);
    }
    return device;
}
