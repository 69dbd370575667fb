/* Wraps a device so that the frames that pass are written to a pcap file. */
#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <tapir/tap.h>

#include "base/checksum.h"
#include "tap/own.h"

/* The wrapper. Frames are copied here once: to be in one piece, and because completing a checksum must not touch
 * what the stack or the device still works on. */
struct capture {
    struct tapir_device device;
    struct tapir_device *inner; /* owned */
    pcap_t *handle;
    pcap_dumper_t *dumper;
    int fd; /* the dumper's; -1: none yet */
    struct bpf_program filter;
    bool filtered;
    bool unflushed; /* records wait in stdio's buffer */
    uint8_t copy[TAPIR_FRAME_MAX_BYTES];
};

/* Finishes the checksum that the device would have: what a wire shows is a complete one. */
static void complete_checksum(uint8_t *frame, size_t len, const struct tapir_offload *offload) {
    const size_t field = (size_t)offload->csum_start + offload->csum_offset;
    if (offload->csum != TAPIR_CSUM_PARTIAL || field + 2 > len) {
        return; /* V1: a contradiction is shown as it came */
    }
    uint16_t checksum = checksum_finish(checksum_add(0, frame + offload->csum_start, len - offload->csum_start));
    /* RFC 768: UDP sends a computed zero as ones. Its field is the one at offset 6. */
    if (checksum == 0 && offload->csum_offset == 6) {
        checksum = UINT16_MAX;
    }
    frame[field] = (uint8_t)(checksum >> 8);
    frame[field + 1] = (uint8_t)checksum;
}

/* Writes the record of the frame in capture->copy, if the filter wants it. */
static void record(struct capture *capture, size_t len, const struct tapir_offload *offload) {
    /* A full disk: the file stays whole up to here. */
    if (ferror(pcap_dump_file(capture->dumper))) {
        return;
    }
    complete_checksum(capture->copy, len, offload);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const struct pcap_pkthdr header = {
        .ts = {.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000},
        .caplen = (bpf_u_int32)len,
        .len = (bpf_u_int32)len,
    };
    if (capture->filtered && pcap_offline_filter(&capture->filter, &header, capture->copy) == 0) {
        return;
    }
    pcap_dump((u_char *)capture->dumper, &header, capture->copy);
    capture->unflushed = true;
}

static int capture_read(struct tapir_device *device, struct tapir_frame *frame) {
    struct capture *capture = (struct capture *)device;
    const int result = capture->inner->ops->read(capture->inner, frame);
    if (result == 1 && frame->len <= sizeof capture->copy) {
        memcpy(capture->copy, frame->data, frame->len);
        record(capture, frame->len, &frame->offload);
    } else if (capture->unflushed) {
        /* Idle: whoever follows the file should see what has passed. */
        capture->unflushed = false;
        pcap_dump_flush(capture->dumper);
    }
    return result;
}

/* Sent first and recorded after: what the device refused has not passed. */
static int capture_write(struct tapir_device *device, const struct tapir_out *out) {
    struct capture *capture = (struct capture *)device;
    const int result = capture->inner->ops->write(capture->inner, out);
    if (result != 0 || out->len > sizeof capture->copy) {
        return result;
    }
    size_t len = out->header_len;
    memcpy(capture->copy, out->header, len);
    for (size_t i = 0; i < out->piece_count; i++) {
        memcpy(capture->copy + len, out->pieces[i].base, out->pieces[i].len);
        len += out->pieces[i].len;
    }
    record(capture, len, &out->offload);
    return 0;
}

/* Frees what pcap holds; the dumper flushes as it closes. */
static void capture_free(struct capture *capture) {
    tap_own_disclaim(capture->fd);
    if (capture->dumper != NULL) {
        pcap_dump_close(capture->dumper);
    }
    if (capture->filtered) {
        pcap_freecode(&capture->filter);
    }
    if (capture->handle != NULL) {
        pcap_close(capture->handle);
    }
    free(capture);
}

static void capture_close(struct tapir_device *device) {
    struct capture *capture = (struct capture *)device;
    capture->inner->ops->close(capture->inner);
    capture_free(capture);
}

/* As pcap_dump_open, "-" for standard output, but for the number that the file gets. 0, or a negative errno and error. */
static int open_file(struct capture *capture, const char *path, char *error, size_t size) {
    const bool standard = strcmp(path, "-") == 0;
    const int fd =
        tap_own_keep(standard ? dup(STDOUT_FILENO) : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    FILE *file = fd < 0 ? NULL : fdopen(fd, "wb");
    if (file == NULL) {
        const int why = errno;
        tap_own_close(fd);
        snprintf(error, size, "cannot write the capture: %s: %s", path, strerror(why));
        return -why;
    }
    capture->fd = fd;
    errno = 0;
    capture->dumper = pcap_dump_fopen(capture->handle, file); /* takes the file, also where it fails */
    if (capture->dumper == NULL) {
        snprintf(error, size, "cannot write the capture: %s", pcap_geterr(capture->handle));
        return errno == 0 ? -EIO : -errno;
    }
    return 0;
}

/* Compiles the filter and creates the file. 0, or a negative errno and error. */
static int capture_start(struct capture *capture, const char *path, const char *filter, char *error, size_t size) {
    /* A handle without a device: it knows the link type, which the filter and the file header need. */
    capture->handle = pcap_open_dead(DLT_EN10MB, TAPIR_FRAME_MAX_BYTES);
    if (capture->handle == NULL) {
        snprintf(error, size, "memory short");
        return -ENOMEM;
    }
    if (filter != NULL) {
        if (pcap_compile(capture->handle, &capture->filter, filter, 1, PCAP_NETMASK_UNKNOWN) != 0) {
            snprintf(error, size, "filter '%s': %s; see pcap-filter(7)", filter, pcap_geterr(capture->handle));
            return -EINVAL;
        }
        capture->filtered = true;
    }
    return open_file(capture, path, error, size);
}

struct tapir_device *tapir_pcap_open(struct tapir_device *inner, const char *path, const char *filter, char *error,
                                     size_t size) {
    static const struct tapir_device_ops ops = {.read = capture_read, .write = capture_write, .close = capture_close};
    struct capture *capture = calloc(1, sizeof *capture);
    if (capture == NULL) {
        snprintf(error, size, "memory short");
        errno = ENOMEM;
        return NULL;
    }
    capture->fd = -1;
    const int result = capture_start(capture, path, filter, error, size);
    if (result != 0) {
        capture_free(capture);
        errno = -result;
        return NULL;
    }
    capture->device = *inner;
    capture->device.ops = &ops;
    capture->inner = inner;
    return &capture->device;
}
