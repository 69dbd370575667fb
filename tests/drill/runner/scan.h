/* A cursor over a script's text: skips space and comments, takes words and numbers, and keeps the first error. */
#ifndef DRILL_SCAN_H
#define DRILL_SCAN_H

#include "script.h"

struct scan {
    const char *at;  /* NUL-terminated */
    const char *end; /* of what was taken last */
    unsigned line;
    bool failed;
    struct script *script; /* for its memory, and for the error */
};

#define WORD_BYTES 64

/* Records what is wrong at the cursor, once; from then on the scan is at its end. Always false. */
__attribute__((format(printf, 2, 3))) bool scan_fail(struct scan *scan, const char *format, ...);

/* Skips white space and comments. */
void scan_skip(struct scan *scan);
bool scan_at_end(struct scan *scan);

/* Is this what comes next? Words and numbers only whole. Takes it (accept), or fails without it (expect). */
bool scan_next_is(struct scan *scan, const char *text);
bool scan_accept(struct scan *scan, const char *text);
bool scan_expect(struct scan *scan, const char *text);

/* Takes an identifier; false (nothing taken, no failure): there is none. */
bool scan_word(struct scan *scan, char word[WORD_BYTES]);

/* Takes a decimal or hexadecimal number, which may be negative; false: there is none. */
bool scan_number(struct scan *scan, int64_t *number);

/* The same, required, and within [least, most]. */
int64_t scan_number_in(struct scan *scan, int64_t least, int64_t most);

/* Takes seconds with up to six decimals; required. */
int64_t scan_time(struct scan *scan);

/* Takes everything up to `close`, which goes too; required. Gives a copy. */
const char *scan_until(struct scan *scan, const char *close);

/* Takes a dotted address, required; host order. */
uint32_t scan_ipv4(struct scan *scan);

/* Takes 0x and pairs of digits, required. Gives how many bytes. */
uint8_t scan_hex_digits(struct scan *scan, uint8_t *bytes, uint8_t most); /* the same without 0x */
uint8_t scan_hex_bytes(struct scan *scan, uint8_t *bytes, uint8_t most);

#endif
