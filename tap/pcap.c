/* Wraps a device so that the frames that pass are written to a pcap file.
 *
 * Records are collected in a buffer of our own and written whole. If a write stops half-way because the disk is full, the file
 * is truncated to the last whole record. The device then goes on without a capture, and tells whoever drives it.
 */
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

/* What stands before each frame in the file, in the byte order of its writer (draft-ietf-opsawg-pcap 5). */
struct record_head {
    uint32_t seconds, microseconds, captured_bytes, frame_bytes;
};

#define RECORD_MAX_BYTES (sizeof(struct record_head) + TAPIR_FRAME_MAX_BYTES)

/* The wrapper. A frame is copied into its record once, which puts it in one piece. Completing its checksum must not touch
 * what the stack or the device still uses. */
struct capture {
    struct tapir_device device;
    struct tapir_device *inner; /* owned */
    char name[128];             /* of the file, for messages */
    int fd;                     /* owned; -1: none yet, or the capture has ended early */
    struct bpf_program filter;
    bool filtered;
    size_t used; /* bytes of buffer in use: whole records that are not written yet */
    uint8_t buffer[2 * RECORD_MAX_BYTES];
};

static void tell(const struct capture *capture, int error, const char *what) {
    char sentence[256];
    snprintf(sentence, sizeof sentence, "capture to %s: %s: %s", capture->name, strerror(error), what);
    if (capture->device.tell != NULL) {
        capture->device.tell(capture->device.tell_ctx, error, sentence);
    }
}

/* How many of the buffer's first bytes are whole records. */
static size_t whole_records(const struct capture *capture, size_t bytes) {
    struct record_head head;
    size_t whole = 0;
    while (whole + sizeof head <= bytes) {
        memcpy(&head, capture->buffer + whole, sizeof head);
        if (whole + sizeof head + head.captured_bytes > bytes) {
            break;
        }
        whole += sizeof head + head.captured_bytes;
    }
    return whole;
}

/* Ends the capture early; `written` bytes of the buffer are in the file. A pipe has no length to truncate, and keeps its
 * half record. */
static void break_off(struct capture *capture, int error, size_t written) {
    const off_t end = lseek(capture->fd, 0, SEEK_CUR);
    if (end >= 0) {
        (void)!ftruncate(capture->fd, end - (off_t)(written - whole_records(capture, written)));
    }
    tap_own_close(capture->fd);
    capture->fd = -1;
    tell(capture, error, "it ends here, after a whole frame");
}

static void flush(struct capture *capture) {
    size_t written = 0;
    while (written < capture->used && capture->fd >= 0) {
        const ssize_t n = write(capture->fd, capture->buffer + written, capture->used - written);
        if (n > 0) {
            written += (size_t)n;
        } else if (n == 0 || errno != EINTR) {
            break_off(capture, n == 0 ? EIO : errno, written);
        }
    }
    capture->used = 0;
}

/* Finishes the checksum as the device would have: on a wire it is complete. */
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

/* Where the next frame goes; NULL: the capture has ended, or no frame is so long. */
static uint8_t *next_frame(struct capture *capture, size_t len) {
    if (capture->fd < 0 || len > TAPIR_FRAME_MAX_BYTES) {
        return NULL;
    }
    if (capture->used + RECORD_MAX_BYTES > sizeof capture->buffer) {
        flush(capture);
    }
    return capture->buffer + capture->used + sizeof(struct record_head);
}

/* Makes a record of the frame that has been copied to next_frame, if the filter wants it. */
static void record(struct capture *capture, uint8_t *frame, size_t len, const struct tapir_offload *offload) {
    complete_checksum(frame, len, offload);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const struct pcap_pkthdr filtered = {.caplen = (bpf_u_int32)len, .len = (bpf_u_int32)len};
    if (capture->filtered && pcap_offline_filter(&capture->filter, &filtered, frame) == 0) {
        return;
    }
    const struct record_head head = {.seconds = (uint32_t)now.tv_sec,
                                     .microseconds = (uint32_t)(now.tv_nsec / 1000),
                                     .captured_bytes = (uint32_t)len,
                                     .frame_bytes = (uint32_t)len};
    memcpy(capture->buffer + capture->used, &head, sizeof head);
    capture->used += sizeof head + len;
}

static int capture_read(struct tapir_device *device, struct tapir_frame *frame) {
    struct capture *capture = (struct capture *)device;
    const int result = capture->inner->ops->read(capture->inner, frame);
    if (result != 1) {
        flush(capture); /* idle: whoever follows the file should see what has passed */
        return result;
    }
    uint8_t *copy = next_frame(capture, frame->len);
    if (copy != NULL) {
        memcpy(copy, frame->data, frame->len);
        record(capture, copy, frame->len, &frame->offload);
    }
    return result;
}

/* Sent first and recorded afterwards: a frame that the device refused has not passed. */
static int capture_write(struct tapir_device *device, const struct tapir_out *out) {
    struct capture *capture = (struct capture *)device;
    const int result = capture->inner->ops->write(capture->inner, out);
    uint8_t *copy = result == 0 ? next_frame(capture, out->len) : NULL;
    if (copy == NULL) {
        return result;
    }
    size_t len = out->header_len;
    memcpy(copy, out->header, len);
    for (size_t i = 0; i < out->piece_count; i++) {
        memcpy(copy + len, out->pieces[i].base, out->pieces[i].len);
        len += out->pieces[i].len;
    }
    record(capture, copy, len, &out->offload);
    return 0;
}

static void capture_free(struct capture *capture) {
    tap_own_close(capture->fd);
    if (capture->filtered) {
        pcap_freecode(&capture->filter);
    }
    free(capture);
}

/* Some file systems report a full disk only here. */
static void capture_close(struct tapir_device *device) {
    struct capture *capture = (struct capture *)device;
    flush(capture);
    if (capture->fd >= 0) {
        tap_own_disclaim(capture->fd);
        if (close(capture->fd) != 0) {
            tell(capture, errno, "its end may be missing");
        }
        capture->fd = -1;
    }
    capture->inner->ops->close(capture->inner);
    capture_free(capture);
}

/* Opens the file, "-" for standard output, and writes its head. 0, or a negative errno and error. */
static int open_file(struct capture *capture, const char *path, char *error, size_t size) {
    static const struct {
        uint32_t magic;
        uint16_t major, minor;
        uint32_t zone, accuracy, frame_max_bytes, link_type;
    } head = {.magic = 0xa1b2c3d4, .major = 2, .minor = 4, .frame_max_bytes = TAPIR_FRAME_MAX_BYTES, .link_type = 1};
    const bool standard = strcmp(path, "-") == 0;
    snprintf(capture->name, sizeof capture->name, "%s", standard ? "standard output" : path);
    capture->fd =
        tap_own_keep(standard ? dup(STDOUT_FILENO) : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    errno = capture->fd < 0 ? errno : EIO;
    if (capture->fd >= 0 && write(capture->fd, &head, sizeof head) == sizeof head) {
        return 0;
    }
    const int why = errno;
    snprintf(error, size, "cannot write the capture to %s: %s", capture->name, strerror(why));
    return -why;
}

/* Compiles the filter and creates the file. 0, or a negative errno and error. */
static int capture_start(struct capture *capture, const char *path, const char *filter, char *error, size_t size) {
    /* A handle without a device: it knows the link type, which the filter needs. */
    pcap_t *handle = filter == NULL ? NULL : pcap_open_dead(DLT_EN10MB, TAPIR_FRAME_MAX_BYTES);
    if (filter != NULL && handle == NULL) {
        snprintf(error, size, "memory short");
        return -ENOMEM;
    }
    if (filter != NULL) {
        capture->filtered = pcap_compile(handle, &capture->filter, filter, 1, PCAP_NETMASK_UNKNOWN) == 0;
        if (!capture->filtered) {
            snprintf(error, size, "filter '%s': %s; see pcap-filter(7)", filter, pcap_geterr(handle));
        }
        pcap_close(handle);
    }
    return filter != NULL && !capture->filtered ? -EINVAL : open_file(capture, path, error, size);
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
