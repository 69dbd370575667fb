/* The pcap wrapper around a device that the test plays: what is recorded, filtered and completed. */
#include <criterion/criterion.h>
#include <errno.h>
#include <pcap/pcap.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "frames.h"
#include "tap/own.h"

/* A device whose read gives one prepared frame and whose write says what it is told to. */
struct fake {
    struct tapir_device device;
    const uint8_t *bytes;
    uint32_t len;
    struct tapir_offload offload;
    int write_result;
    int closed;
};

static int fake_read(struct tapir_device *device, struct tapir_frame *frame) {
    struct fake *fake = (struct fake *)device;
    if (fake->bytes == NULL) {
        return 0;
    }
    memcpy(frame->data, fake->bytes, fake->len);
    frame->len = fake->len;
    frame->offload = fake->offload;
    fake->bytes = NULL;
    return 1;
}

static int fake_write(struct tapir_device *device, const struct tapir_out *out) {
    (void)out;
    return ((struct fake *)device)->write_result;
}

static void fake_close(struct tapir_device *device) { ((struct fake *)device)->closed++; }

static const struct tapir_device_ops fake_ops = {.read = fake_read, .write = fake_write, .close = fake_close};

static struct fake fake_new(void) {
    return (struct fake){
        .device = {.ops = &fake_ops, .fd = 7, .caps = TAPIR_CAP_CSUM, .mtu_bytes = 1500, .name = "fake0"}};
}

/* A UDP datagram 10.0.0.1:1234 -> 10.0.0.2:53 with 4 bytes; its checksum field holds the pseudo-header's sum. */
static const uint8_t udp_frame[46] = {
    2,  0,    0,    0,  0, 2, 2, 0,  0, 0, 0, 1, 8,   0, 0x45, 0, 0,  32,   0,    1,   0,   0,   64,
    17, 0x66, 0xca, 10, 0, 0, 1, 10, 0, 0, 2, 4, 210, 0, 53,   0, 12, 0x14, 0x20, 'a', 'b', 'c', 'd',
};
static const struct tapir_offload udp_partial = {.csum = TAPIR_CSUM_PARTIAL, .csum_start = 34, .csum_offset = 6};

static char path[] = "/tmp/tapir-unit-pcap-XXXXXX";

static void make_path(void) {
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    close(fd);
}

static void remove_path(void) { unlink(path); }

TestSuite(pcap, .init = make_path, .fini = remove_path);

/* Reads the file back; the number of records, and a copy of the first. */
static int records(uint8_t *first, struct pcap_pkthdr *first_header) {
    char error[PCAP_ERRBUF_SIZE];
    pcap_t *file = pcap_open_offline(path, error);
    cr_assert_not_null(file, "%s", error);
    cr_assert_eq(pcap_datalink(file), DLT_EN10MB);
    int count = 0;
    struct pcap_pkthdr *header;
    const u_char *data;
    while (pcap_next_ex(file, &header, &data) == 1) {
        if (count++ == 0 && first != NULL) {
            memcpy(first, data, header->caplen);
            *first_header = *header;
        }
    }
    pcap_close(file);
    return count;
}

static struct tapir_device *wrap(struct fake *fake, const char *filter) {
    char error[300] = "";
    struct tapir_device *device = tapir_pcap_open(&fake->device, path, filter, error, sizeof error);
    cr_assert_not_null(device, "%s", error);
    return device;
}

Test(pcap, looks_like_the_inner_device) {
    struct fake fake = fake_new();
    struct tapir_device *device = wrap(&fake, NULL);
    cr_assert_eq(device->fd, 7);
    cr_assert_eq(device->caps, TAPIR_CAP_CSUM);
    cr_assert_eq(device->mtu_bytes, 1500);
    cr_assert_str_eq(device->name, "fake0");
    device->ops->close(device);
    cr_assert_eq(fake.closed, 1);
    cr_assert_eq(records(NULL, NULL), 0);
}

Test(pcap, records_both_ways_with_finished_checksums) {
    struct fake fake = fake_new();
    struct tapir_device *device = wrap(&fake, NULL);
    struct tapir_frame *frame = frame_new();
    fake.bytes = udp_frame;
    fake.len = sizeof udp_frame;
    fake.offload = udp_partial;
    cr_assert_eq(device->ops->read(device, frame), 1);
    cr_assert_eq(memcmp(frame->data, udp_frame, sizeof udp_frame), 0, "the stack's frame stays as it came");
    struct tapir_out out;
    out_fill(&out, udp_frame, 42, udp_frame + 42, 4);
    out.offload = udp_partial;
    cr_assert_eq(device->ops->write(device, &out), 0);
    device->ops->close(device);

    uint8_t first[100];
    struct pcap_pkthdr header;
    cr_assert_eq(records(first, &header), 2);
    cr_assert_eq(header.len, sizeof udp_frame);
    cr_assert_eq(header.caplen, sizeof udp_frame);
    cr_assert_gt(header.ts.tv_sec, 1600000000);
    /* Over the pseudo-header and the datagram, the sum is all ones now. */
    uint32_t sum = 17 + 12;
    for (size_t i = 26; i < sizeof udp_frame; i += 2) {
        sum += (uint32_t)(first[i] << 8 | first[i + 1]);
    }
    sum = (sum & 0xffff) + (sum >> 16);
    cr_assert_eq((sum & 0xffff) + (sum >> 16), 0xffff);
    free(frame);
}

/* RFC 768: a UDP sum that comes out as zero is recorded as the device would send it, as ones. */
Test(pcap, udp_zero_is_sent_as_ones) {
    struct fake fake = fake_new();
    struct tapir_device *device = wrap(&fake, NULL);
    struct tapir_out out;
    uint8_t frame[44];
    memset(frame, 0, sizeof frame);
    frame[40] = frame[41] = 0xff; /* the pseudo-header's part, chosen so that the total complements to zero */
    out_fill(&out, frame, sizeof frame, NULL, 0);
    out.offload = udp_partial;
    cr_assert_eq(device->ops->write(device, &out), 0);
    device->ops->close(device);
    uint8_t first[100];
    struct pcap_pkthdr header;
    cr_assert_eq(records(first, &header), 1);
    cr_assert_eq(first[40], 0xff);
    cr_assert_eq(first[41], 0xff);
}

/* HAZARDS V1: checksum fields past the end are recorded as they came, and nothing is written out of bounds. */
Test(pcap, v1_checksum_fields_past_the_end) {
    static const struct tapir_offload bad[] = {
        {.csum = TAPIR_CSUM_PARTIAL, .csum_start = 65535, .csum_offset = 65535},
        {.csum = TAPIR_CSUM_PARTIAL, .csum_start = 34, .csum_offset = 11},
        {.csum = TAPIR_CSUM_PARTIAL, .csum_start = 46, .csum_offset = 0},
    };
    struct fake fake = fake_new();
    struct tapir_device *device = wrap(&fake, NULL);
    struct tapir_frame *frame = frame_new();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        fake.bytes = udp_frame;
        fake.len = sizeof udp_frame;
        fake.offload = bad[i];
        cr_assert_eq(device->ops->read(device, frame), 1);
    }
    device->ops->close(device);
    uint8_t first[100];
    struct pcap_pkthdr header;
    cr_assert_eq(records(first, &header), 3);
    cr_assert_eq(memcmp(first, udp_frame, sizeof udp_frame), 0);
    free(frame);
}

Test(pcap, the_filter_chooses) {
    struct fake fake = fake_new();
    struct tapir_device *device = wrap(&fake, "udp port 54 or arp");
    struct tapir_out out;
    out_fill(&out, udp_frame, sizeof udp_frame, NULL, 0);
    cr_assert_eq(device->ops->write(device, &out), 0);
    out.header[37] = 54;
    cr_assert_eq(device->ops->write(device, &out), 0);
    device->ops->close(device);
    cr_assert_eq(records(NULL, NULL), 1);
}

/* HAZARDS V4: what the device refused never passed, and the error reaches the caller. */
Test(pcap, v4_a_refused_frame_is_not_recorded) {
    struct fake fake = fake_new();
    struct tapir_device *device = wrap(&fake, NULL);
    struct tapir_out out;
    out_fill(&out, udp_frame, sizeof udp_frame, NULL, 0);
    fake.write_result = -ENOBUFS;
    cr_assert_eq(device->ops->write(device, &out), -ENOBUFS);
    device->ops->close(device);
    cr_assert_eq(records(NULL, NULL), 0);
}

/* An idle read flushes, so that a follower of the file sees the records before the end. */
Test(pcap, idle_flushes) {
    struct fake fake = fake_new();
    struct tapir_device *device = wrap(&fake, NULL);
    struct tapir_frame *frame = frame_new();
    struct tapir_out out;
    out_fill(&out, udp_frame, sizeof udp_frame, NULL, 0);
    cr_assert_eq(device->ops->write(device, &out), 0);
    cr_assert_eq(device->ops->read(device, frame), 0);
    cr_assert_eq(records(NULL, NULL), 1);
    device->ops->close(device);
    free(frame);
}

struct told {
    int times, error;
    char sentence[256];
};

static void take_word(void *ctx, int error, const char *sentence) {
    struct told *told = ctx;
    told->times++;
    told->error = error;
    snprintf(told->sentence, sizeof told->sentence, "%s", sentence);
}

/* A disk that is full in the middle of a frame: the file ends before it, somebody is told, once, and the device goes on. */
Test(pcap, a_full_disk_leaves_whole_frames) {
    enum { HEAD_BYTES = 24, RECORD_BYTES = 16 + (int)sizeof udp_frame };
    static const struct {
        rlim_t room;
        int records;
    } cases[] = {{HEAD_BYTES, 0},
                 {HEAD_BYTES + 15, 0},
                 {HEAD_BYTES + RECORD_BYTES - 1, 0},
                 {HEAD_BYTES + RECORD_BYTES, 1},
                 {HEAD_BYTES + 3 * RECORD_BYTES - 1, 2}};
    signal(SIGXFSZ, SIG_IGN);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct told told = {0};
        struct fake fake = fake_new();
        struct tapir_device *device = wrap(&fake, NULL);
        device->tell = take_word;
        device->tell_ctx = &told;
        struct tapir_frame *frame = frame_new();
        struct tapir_out out;
        out_fill(&out, udp_frame, sizeof udp_frame, NULL, 0);
        struct rlimit before, full;
        cr_assert_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
        full = (struct rlimit){.rlim_cur = cases[i].room, .rlim_max = before.rlim_max};
        cr_assert_eq(setrlimit(RLIMIT_FSIZE, &full), 0);
        for (int sent = 0; sent < 6; sent++) {
            cr_assert_eq(device->ops->write(device, &out), 0);
            cr_assert_eq(device->ops->read(device, frame), 0);
        }
        cr_assert_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
        cr_assert_eq(told.times, 1);
        cr_assert_eq(told.error, EFBIG);
        cr_assert_not_null(strstr(told.sentence, path), "%s", told.sentence);
        struct stat file;
        cr_assert_eq(stat(path, &file), 0);
        cr_assert_eq(file.st_size, HEAD_BYTES + cases[i].records * RECORD_BYTES);
        cr_assert_eq(records(NULL, NULL), cases[i].records);
        cr_assert_eq(tap_own_next(0), -1, "the file is closed");
        device->ops->close(device);
        cr_assert(told.times == 1 && fake.closed == 1);
        free(frame);
    }
}

/* What is lost at the end is told as well, and a device that nobody listens to may break off too. */
Test(pcap, a_full_disk_at_the_end) {
    for (int listens = 0; listens < 2; listens++) {
        struct told told = {0};
        struct fake fake = fake_new();
        struct tapir_device *device =
            tapir_pcap_open(&fake.device, "/dev/full", NULL, told.sentence, sizeof told.sentence);
        cr_assert_null(device, "its head does not fit");
        cr_assert_not_null(strstr(told.sentence, "No space left"), "%s", told.sentence);
        int ends[2];
        cr_assert_eq(pipe(ends), 0);
        char name[32];
        snprintf(name, sizeof name, "/dev/fd/%d", ends[1]);
        signal(SIGPIPE, SIG_IGN);
        device = tapir_pcap_open(&fake.device, name, NULL, told.sentence, sizeof told.sentence);
        cr_assert_not_null(device, "%s", told.sentence);
        device->tell = listens ? take_word : NULL;
        device->tell_ctx = &told;
        struct tapir_out out;
        out_fill(&out, udp_frame, sizeof udp_frame, NULL, 0);
        cr_assert_eq(device->ops->write(device, &out), 0);
        close(ends[0]);
        close(ends[1]);
        device->ops->close(device);
        cr_assert_eq(told.error, listens ? EPIPE : 0);
    }
}

Test(pcap, a_super_segment_is_one_record) {
    struct fake fake = fake_new();
    struct tapir_device *device = wrap(&fake, NULL);
    static const uint8_t payload[65000];
    struct tapir_out out;
    out_fill(&out, udp_frame, 42, payload, sizeof payload);
    out.offload = (struct tapir_offload){.gso = TAPIR_GSO_TCP4, .gso_size = 1448};
    cr_assert_eq(device->ops->write(device, &out), 0);
    device->ops->close(device);
    static uint8_t first[70000];
    struct pcap_pkthdr header;
    cr_assert_eq(records(first, &header), 1);
    cr_assert_eq(header.len, 65042);
    cr_assert_eq(header.caplen, 65042);
}

Test(pcap, bad_filter_and_bad_path_leave_the_device) {
    struct fake fake = fake_new();
    char error[300] = "";
    cr_assert_null(tapir_pcap_open(&fake.device, path, "tcp prot 80", error, sizeof error));
    cr_assert_not_null(strstr(error, "tcp prot 80"), "%s", error);
    cr_assert_null(tapir_pcap_open(&fake.device, "/no/such/directory/x.pcap", NULL, error, sizeof error));
    cr_assert_not_null(strstr(error, "/no/such/directory"), "%s", error);
    cr_assert_eq(fake.closed, 0);
}

/* A program that closes everything does not close the file: its number is out of the way, and known. */
Test(pcap, the_file_is_the_librarys_own) {
    struct fake fake = fake_new();
    struct tapir_device *device = wrap(&fake, NULL);
    cr_assert_geq(tap_own_next(0), 64);
    device->ops->close(device);
    cr_assert_eq(tap_own_next(0), -1);
}
