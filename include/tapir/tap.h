/* Devices a stack is driven over: a Linux TAP, and wrappers such as a pcap writer around any device. */
#ifndef TAPIR_TAP_H
#define TAPIR_TAP_H

#include <tapir/core.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tapir_device;

struct tapir_device_ops {
    /* Reads one frame into *frame (room of at least TAPIR_FRAME_MAX_BYTES from data), setting len and offload.
     * 1: a frame; 0: none now; negative errno: the device is gone, or its other end is. Never blocks. */
    int (*read)(struct tapir_device *device, struct tapir_frame *frame);
    /* Writes one frame. 0; -EAGAIN, -ENOBUFS, -EIO...: it was not sent and may be dropped. Never blocks. */
    int (*write)(struct tapir_device *device, const struct tapir_out *out);
    /* Takes the device. */
    void (*close)(struct tapir_device *device);
};

/* Any device; embedded first in its own struct. */
struct tapir_device {
    const struct tapir_device_ops *ops;
    int fd;             /* poll it for POLLIN */
    uint32_t caps;      /* TAPIR_CAP_* that write understands */
    uint32_t mtu_bytes; /* of the host's side when it was opened */
    char name[16];
    /* Set by whoever drives it; NULL: nobody is told. What broke off beside the frames while the device goes on (a capture
     * whose disk is full): the errno and a sentence. */
    void (*tell)(void *ctx, int error, const char *sentence);
    void *tell_ctx;
};

struct tapir_tap_config {
    const char *name;         /* "tap0"; NULL or with %d: the kernel picks, see device->name */
    int fd;                   /* an open TAP descriptor to take instead of opening one; -1: none */
    bool no_offload;          /* plain frames, checksums verified and computed in software (HAZARDS V3) */
    const char *host_address; /* "10.0.0.1/24": bring up the host's side with this address; NULL: leave it */
    uint32_t mtu_bytes;       /* set on the host's side when host_address is given; 0: leave it */
};

/* Opens a TAP. On failure returns NULL with errno and puts into error[size] a sentence that says what to do. When the
 * kernel refuses offloads the device still opens, with caps 0, and `error` says so; as it does when the host's side
 * is down; else it is empty. Where we may, the host's queue towards us is lengthened to TAPIR_TAP_QUEUE_FRAMES.
 * Borrows config (takes config->fd on success). */
TAPIR_API struct tapir_device *tapir_tap_open(const struct tapir_tap_config *config, char *error, size_t size);

/* Wraps `inner` (takes it) in one that writes what passes to a pcap file, filtered by a libpcap expression
 * (NULL: everything). Super-segments are written whole, with their checksums completed.
 * Where the file can take no more, it is cut back to the last whole frame, and device->tell is told. NULL with errno and `error`,
 * inner untouched, when the file cannot be written, the expression is bad (EINVAL) or memory is short (ENOMEM). */
TAPIR_API struct tapir_device *tapir_pcap_open(struct tapir_device *inner, const char *path, const char *filter,
                                               char *error, size_t size);

#ifdef __cplusplus
}
#endif
#endif
