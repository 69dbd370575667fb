/* Wire: its options, its two ends, and the loop that carries frames from one to the other. */
#ifndef APPS_WIRE_APP_H
#define APPS_WIRE_APP_H

#include <pcap/pcap.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tapir/tap.h>

#include "impair/impair.h"

/* The two directions: from the first end to the second, and back. */
enum { WIRE_FORTH, WIRE_BACK, WIRE_WAYS };

/* ---- units.c: quantities as people write them. Each is false if the text is malformed, and then sets nothing. ---- */

/* "1.5%" or "1.5", of a hundred, as 0 to 1. */
bool wire_units_chance(const char *text, double *chance);

/* "20ms", "1.5s", "300us", or "0", in microseconds. */
bool wire_units_time(const char *text, uint64_t *us);

/* "64k", "1500", "1.5M", by powers of ten; 1 to 2^53. */
bool wire_units_count(const char *text, uint64_t *count);

/* ---- options.c: the command line ---- */

/* One end, with the strings of argv. */
struct wire_end {
    const char *tap;
    const char *ns;   /* a name in /run/netns or a path; NULL: the program's own */
    const char *host; /* the host's side comes up with this address; NULL: it is left alone */
    uint32_t mtu_bytes;
};

/* The length of a queue, in bytes or in the time that they take. Both 0: not given. */
struct wire_length {
    uint64_t bytes, us;
};

/* What the options say about one direction. */
struct wire_wish {
    struct impair_config config; /* complete but for the seed and the filters */
    const char *drop, *match;
    struct wire_length queue, ecn;
};

struct wire_options {
    struct wire_end ends[2];
    struct wire_wish wishes[WIRE_WAYS];
    uint64_t seed;
    bool seeded;
    bool no_offload, quiet;
    const char *user; /* which user root becomes; NULL: as rights_drop says */
};

enum wire_options_verdict { WIRE_RUN, WIRE_HELP, WIRE_VERSION, WIRE_WRONG };

/* Parses the command line; WRONG: with a sentence in error[size]. Keeps argv's strings in *options. */
enum wire_options_verdict wire_options_parse(struct wire_options *options, int argc, char **argv, char *error,
                                             size_t size);

/* help.c: what --help prints. */
extern const char wire_help[];

/* ---- filter.c: libpcap expressions as impair_choose_fn ---- */

/* Gives a filter, or NULL and libpcap's complaint in error[size]. */
struct bpf_program *wire_filter_new(const char *expression, char *error, size_t size);

/* Takes the filter. NULL is allowed. */
void wire_filter_free(struct bpf_program *filter);

/* The impair_choose_fn of a struct bpf_program. */
bool wire_filter_chooses(void *filter, const uint8_t *frame, size_t len);

/* ---- end.c ---- */

/* Opens the TAP of an end in its namespace; the program stays in its own. NULL and error[size], which also may hold a
 * warning on success, and is empty otherwise. Borrows end. */
struct tapir_device *wire_end_open(const struct wire_end *end, bool no_offload, char *error, size_t size);

/* ---- loop.c: frames from one end to the other ---- */

struct wire_way {
    struct tapir_device *from, *to;
    struct impair *impair;
    uint64_t refused; /* frames that the kernel at the far end did not take: its interface is down, for instance */
};

/* Carries frames until *stop. `unblocked` is the signal mask of its waits: only there do signals arrive. Calls
 * report(ways) whenever *asked, which it clears. 0, or -errno with *broken set to the end that is gone. Borrows all. */
int wire_loop_run(struct wire_way ways[WIRE_WAYS], const sigset_t *unblocked, const volatile sig_atomic_t *stop,
                  volatile sig_atomic_t *asked, void (*report)(const struct wire_way *ways),
                  const struct tapir_device **broken);

/* Monotonic time. */
uint64_t wire_loop_now_us(void);

/* ---- report.c ---- */

#define WIRE_REPORT_BYTES 1024

/* What happened in one direction, in a line without its end; text has WIRE_REPORT_BYTES. Returns text. */
const char *wire_report_text(const struct impair_stats *stats, uint64_t refused, char *text);

#endif
