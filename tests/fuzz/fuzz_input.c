/* Fuzzes a whole stack: the input is a script of frames, waits and socket calls, checked after every step.
 *
 * The first three bytes configure the host (host.c); then each step is one byte of opcode and what its
 * builder reads. Bytes that are not there read as 0, and 0 mostly means "as it should be".
 */
#include "base/check.h"
#include "host.h"

enum {
    STEPS_MAX = 512,    /* an input longer than this tells nothing new */
    FRAGMENTS_MAX = 64, /* pieces of one datagram sent in a row */
};

/* Builds a frame with `build`, gives it to the stack or, if the input says so, keeps it to be cut in fragments. */
static void step_frame(struct host *host, struct reader *input,
                       void (*build)(struct peer *, struct draft *, struct reader *), bool stash) {
    struct draft *draft = stash ? &host->stash : &host->draft;
    build(&host->peer, draft, input);
    if (!stash) {
        host_receive(host, draft);
    }
}

/* Fragments of the stashed datagram: one stated piece, or all of them in order or backwards. */
static void step_fragments(struct host *host, struct reader *input) {
    uint8_t how = reader_u8(input);
    size_t offset = reader_u8(input) * 8U;
    size_t len = reader_u8(input) * 8U + 8U;
    if (host->stash.len < WIRE_ETH_LEN + WIRE_IPV4_LEN) {
        return;
    }
    size_t payload =
        host->stash.len - WIRE_ETH_LEN - min_size(host->stash.ip_header_len, host->stash.len - WIRE_ETH_LEN);
    if (how % 3 == 0) {
        frames_fragment(&host->draft, &host->stash, offset, len - (how >> 5), (how & 4) == 0);
        host_receive(host, &host->draft);
        return;
    }
    size_t pieces = min_size((payload + len - 1) / len, FRAGMENTS_MAX);
    for (size_t i = 0; i < pieces; i++) {
        size_t piece = how % 3 == 1 ? i : pieces - 1 - i;
        frames_fragment(&host->draft, &host->stash, piece * len, len, piece + 1 < pieces);
        host_receive(host, &host->draft);
    }
}

static void step_wait(struct host *host, struct reader *input) {
    static const uint64_t waits_us[] = {0,       1,        1000,      40000,     200000,     1000000,
                                        3000000, 30000000, 120000000, 600000000, 7200000000, 2160000000000};
    uint8_t code = reader_u8(input);
    host_wait(host, waits_us[code % ARRAY_LEN(waits_us)] * (1U + code / ARRAY_LEN(waits_us)));
}

static void step(struct host *host, struct reader *input) {
    static void (*const builders[])(struct peer *, struct draft *, struct reader *) = {peer_tcp, peer_udp, peer_echo,
                                                                                       peer_icmp_error, peer_igmp};
    uint8_t opcode = reader_u8(input);
    unsigned kind = opcode % 16;
    if (kind < 5) {
        step_frame(host, input, builders[0], false);
    } else if (kind < 9) {
        step_frame(host, input, builders[kind - 4], (opcode & 0x80) != 0);
    } else if (kind == 9) {
        frames_arp(&host->draft, input);
        host_receive(host, &host->draft);
    } else if (kind == 10) {
        frames_raw(&host->draft, input);
        host_receive(host, &host->draft);
    } else if (kind == 11) {
        step_fragments(host, input);
    } else if (kind < 14) {
        step_wait(host, input);
    } else {
        host_call(host, input);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    static struct host host;
    struct reader input = reader_of(data, len);
    host_open(&host, &input);
    for (unsigned steps = 0; host.stack != NULL && reader_left(&input) > 0 && steps < STEPS_MAX; steps++) {
        step(&host, &input);
    }
    host_close(&host);
    return 0;
}
