/* Fuzzes the pcap writer: what is in the file are the frames that passed, in order and whole, wherever the file may end.
 *
 * The input says how large the file may become, then what the device reads, writes and refuses. The file is read again by
 * a second, naive reader. (Filters are libpcap's; a fixed one shows that it is asked.)
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <tapir/tap.h>

#include "base/bytes.h"
#include "base/check.h"

enum {
    STEPS_MAX = 64,
    HEAD_BYTES = 24,
    RECORD_BYTES = 16,
    FRAMES_BYTES = STEPS_MAX * (RECORD_BYTES + TAPIR_FRAME_MAX_BYTES)
};

/* The device inside: gives and takes one frame as the script says. */
static uint8_t frame_bytes[TAPIR_FRAME_MAX_BYTES];
static size_t frame_len;
static struct tapir_offload offload;
static int verdict;
static bool closed;
static int told;

/* What the file ought to hold behind its head. */
static uint8_t expected[FRAMES_BYTES];
static size_t expected_len;

/* The disk: how much it still takes, and how much at once. Linked in the place of write (CMakeLists.txt). */
static bool disk_on;
static size_t disk_room, disk_piece;
static unsigned disk_writes;

ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);

ssize_t __wrap_write(int fd, const void *data, size_t len) {
    if (!disk_on || fd <= STDERR_FILENO) {
        return __real_write(fd, data, len);
    }
    if (++disk_writes % 4 == 0 || disk_room == 0) {
        errno = disk_writes % 4 == 0 ? EINTR : ENOSPC;
        return -1;
    }
    ssize_t written = __real_write(fd, data, min_size(len, min_size(disk_room, disk_piece)));
    disk_room -= written > 0 ? (size_t)written : 0;
    return written;
}

static int inner_read(struct tapir_device *device, struct tapir_frame *frame) {
    (void)device;
    if (verdict == 1) {
        memcpy(frame->data, frame_bytes, frame_len);
        frame->len = (uint32_t)frame_len;
        frame->offload = offload;
    }
    return verdict;
}

static int inner_write(struct tapir_device *device, const struct tapir_out *out) {
    (void)device;
    CHECK(out->len == frame_len);
    return verdict;
}

static void inner_close(struct tapir_device *device) {
    (void)device;
    closed = true;
}

static void note(void *ctx, int error, const char *sentence) {
    (void)ctx;
    CHECK(told == 0 && error != 0 && sentence[0] != '\0');
    told = error;
}

/* ---- what should be there ---- */

static uint16_t naive_sum(const uint8_t *data, size_t len) {
    uint64_t sum = 0;
    for (size_t i = 0; i < len; i++) {
        sum += i % 2 == 0 ? (uint64_t)data[i] << 8 : data[i];
    }
    while (sum > UINT16_MAX) {
        sum = (sum >> 16) + (sum & UINT16_MAX);
    }
    return (uint16_t)sum;
}

/* A frame of the expected file: its checksum is complete, if its words can be true (RFC 768 for the zero). */
static void expect_frame(void) {
    uint32_t lengths[2] = {(uint32_t)frame_len, (uint32_t)frame_len};
    size_t field = (size_t)offload.csum_start + offload.csum_offset;
    memset(expected + expected_len, 0, 8); /* the time */
    memcpy(expected + expected_len + 8, lengths, sizeof lengths);
    uint8_t *frame = expected + expected_len + RECORD_BYTES;
    memcpy(frame, frame_bytes, frame_len);
    if (offload.csum == TAPIR_CSUM_PARTIAL && field + 2 <= frame_len) {
        uint16_t sum = (uint16_t)~naive_sum(frame + offload.csum_start, frame_len - offload.csum_start);
        sum = sum == 0 && offload.csum_offset == 6 ? UINT16_MAX : sum;
        frame[field] = (uint8_t)(sum >> 8);
        frame[field + 1] = (uint8_t)sum;
    }
    expected_len += RECORD_BYTES + frame_len;
}

/* Whole records, the first so many of those expected: all of them unless the file was cut and somebody told. */
static void check_file(int file) {
    static uint8_t found[HEAD_BYTES + FRAMES_BYTES];
    ssize_t len = pread(file, found, sizeof found, 0);
    CHECK(len >= HEAD_BYTES);
    size_t at = 0, end = (size_t)len - HEAD_BYTES;
    while (at < end) {
        uint32_t lengths[2];
        uint8_t *record = found + HEAD_BYTES + at;
        CHECK(end - at >= RECORD_BYTES);
        memcpy(lengths, record + 8, sizeof lengths);
        memset(record, 0, 8);
        CHECK(lengths[0] == lengths[1] && end - at - RECORD_BYTES >= lengths[0]);
        at += RECORD_BYTES + lengths[0];
        CHECK(at <= expected_len);
    }
    CHECK(memcmp(found + HEAD_BYTES, expected, end) == 0 && (end == expected_len || told != 0));
}

/* ---- steps ---- */

static void read_frame(struct reader *input) {
    uint8_t size = reader_u8(input), words = reader_u8(input), fill = reader_u8(input);
    frame_len = size < 240 ? size : size < 252 ? size * 32U : TAPIR_FRAME_MAX_BYTES - (255U - size);
    for (size_t i = 0; i < frame_len; i++) {
        frame_bytes[i] = (uint8_t)(fill == 0 ? 0 : fill + i * 3);
    }
    offload = (struct tapir_offload){.csum = words % 4 == 0 ? TAPIR_CSUM_PARTIAL : TAPIR_CSUM_NONE};
    offload.csum_start = (words & 4) != 0 ? reader_u16(input) : reader_u8(input);
    offload.csum_offset = (words & 8) != 0 ? reader_u16(input) : 6;
}

/* The frame from the wire, or to it in a header and pieces. */
static void step(struct reader *input, struct tapir_device *device, struct tapir_frame *frame) {
    uint8_t how = reader_u8(input);
    read_frame(input);
    if ((how & 1) == 0) {
        verdict = how % 8 == 0 ? 0 : how % 8 == 2 ? -EIO : 1;
        CHECK(device->ops->read(device, frame) == verdict);
    } else {
        struct tapir_out out = {.offload = offload, .len = frame_len, .piece_count = 2};
        out.header = out.room;
        out.header_len = min_size(frame_len, sizeof out.room);
        memcpy(out.room, frame_bytes, out.header_len);
        size_t rest = frame_len - out.header_len, first = rest * how / 256;
        out.pieces[0] = (struct tapir_piece){frame_bytes + out.header_len, first};
        out.pieces[1] = (struct tapir_piece){frame_bytes + out.header_len + first, rest - first};
        verdict = how % 8 == 3 ? -EAGAIN : 0;
        CHECK(device->ops->write(device, &out) == verdict);
    }
    if ((how & 1) == 0 ? verdict == 1 : verdict == 0) {
        expect_frame();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    static const struct tapir_device_ops ops = {.read = inner_read, .write = inner_write, .close = inner_close};
    static _Alignas(struct tapir_frame) uint8_t space[sizeof(struct tapir_frame) + TAPIR_FRAME_MAX_BYTES];
    struct tapir_frame *frame = (struct tapir_frame *)(void *)space;
    struct tapir_device inner = {.ops = &ops};
    struct reader input = reader_of(data, len);
    char path[64], error[256];
    uint16_t room = reader_u16(&input);
    uint8_t piece = reader_u8(&input);
    int file = memfd_create("capture", 0);
    CHECK(file >= 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    struct tapir_device *device =
        tapir_pcap_open(&inner, path, piece % 2 == 0 ? NULL : "greater 0", error, sizeof error);
    CHECK(device != NULL);
    device->tell = note;
    closed = false;
    told = 0;
    expected_len = 0;
    *frame = (struct tapir_frame){.data = frame->storage, .capacity = TAPIR_FRAME_MAX_BYTES};
    disk_room = room == 0 ? SIZE_MAX : room * 4U;
    disk_piece = piece < 128 ? SIZE_MAX : piece * 16U;
    disk_writes = 0;
    disk_on = true;
    for (unsigned steps = 0; reader_left(&input) > 0 && steps < STEPS_MAX; steps++) {
        step(&input, device, frame);
    }
    device->ops->close(device);
    disk_on = false;
    CHECK(closed);
    check_file(file);
    close(file);
    return 0;
}
