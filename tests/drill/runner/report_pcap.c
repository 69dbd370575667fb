/* Writes the frames of a run as a pcap file (version 2.4, Ethernet, microseconds). */
#include "report.h"

#define MAGIC 0xa1b2c3d4U /* in the writer's byte order: readers find out which that is */

bool report_pcap(const struct world *world, const char *path) {
    const struct {
        uint32_t magic;
        uint16_t major, minor;
        uint32_t zone, accuracy, snap_bytes, link_type;
    } head = {MAGIC, 2, 4, 0, 0, 262144, 1};
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        return false;
    }
    bool good = fwrite(&head, sizeof head, 1, file) == 1;
    for (const struct world_frame *frame = world->frames; frame != NULL && good; frame = frame->next) {
        const uint32_t record[4] = {(uint32_t)(frame->time_us / 1000000), (uint32_t)(frame->time_us % 1000000),
                                    frame->len, frame->len};
        good = fwrite(record, sizeof record, 1, file) == 1 && fwrite(frame->bytes, 1, frame->len, file) == frame->len;
    }
    return fclose(file) == 0 && good;
}
