/* Chooses frames by an expression of libpcap, as tcpdump does. */
#include <stdio.h>
#include <stdlib.h>

#include "wire/app.h"

struct bpf_program *wire_filter_new(const char *expression, char *error, size_t size) {
    struct bpf_program *filter = calloc(1, sizeof *filter);
    /* No device: the frames come by hand, and all that matters is that they are Ethernet. */
    pcap_t *dead = pcap_open_dead(DLT_EN10MB, TAPIR_FRAME_MAX_BYTES);
    if (filter == NULL || dead == NULL) {
        snprintf(error, size, "memory short");
    } else if (pcap_compile(dead, filter, expression, 1, PCAP_NETMASK_UNKNOWN) == 0) {
        pcap_close(dead);
        return filter;
    } else {
        snprintf(error, size, "filter \"%s\": %s", expression, pcap_geterr(dead));
    }
    if (dead != NULL) {
        pcap_close(dead);
    }
    free(filter);
    return NULL;
}

void wire_filter_free(struct bpf_program *filter) {
    if (filter != NULL) {
        pcap_freecode(filter);
        free(filter);
    }
}

bool wire_filter_chooses(void *filter, const uint8_t *frame, size_t len) {
    const struct bpf_program *program = filter;
    /* What reads past the frame's end does not match. */
    return bpf_filter(program->bf_insns, frame, (unsigned)len, (unsigned)len) != 0;
}
