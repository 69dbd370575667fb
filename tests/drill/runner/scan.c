/* A cursor over a script's text.
 *
 * There is no token stream: TCP flags, times and hexadecimal bytes would each want rules of their own, and the parser
 * always knows which of them may come. After the first error the cursor stands at an empty text, so that parsing comes
 * to its end without looking at each step whether it still makes sense. */
#include "scan.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool scan_fail(struct scan *scan, const char *format, ...) {
    if (!scan->failed) {
        char message[TEXT_BYTES];
        va_list args;
        va_start(args, format);
        (void)vsnprintf(message, sizeof message, format, args);
        va_end(args);
        text_add(&scan->script->error, "%s", message);
        scan->script->error_line = scan->line;
    }
    scan->failed = true;
    scan->at = "";
    return false;
}

static void step(struct scan *scan) {
    scan->line += *scan->at == '\n' ? 1 : 0;
    scan->at++;
}

static bool starts(const struct scan *scan, const char *text) { return strncmp(scan->at, text, strlen(text)) == 0; }

static void skip_line(struct scan *scan) {
    while (*scan->at != '\0' && *scan->at != '\n') {
        step(scan);
    }
}

static void skip_block(struct scan *scan) {
    while (*scan->at != '\0' && !starts(scan, "*/")) {
        step(scan);
    }
    if (*scan->at == '\0') {
        scan_fail(scan, "a comment is not closed");
        return;
    }
    scan->at += 2;
}

void scan_skip(struct scan *scan) {
    while (*scan->at != '\0') {
        if (isspace((unsigned char)*scan->at)) {
            step(scan);
        } else if (*scan->at == '#' || starts(scan, "//")) {
            skip_line(scan);
        } else if (starts(scan, "/*")) {
            skip_block(scan);
        } else {
            return;
        }
    }
}

bool scan_at_end(struct scan *scan) {
    scan_skip(scan);
    return *scan->at == '\0';
}

static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_'; }

bool scan_next_is(struct scan *scan, const char *text) {
    scan_skip(scan);
    size_t len = strlen(text);
    return starts(scan, text) && !(is_word(text[len - 1]) && is_word(scan->at[len]));
}

bool scan_accept(struct scan *scan, const char *text) {
    if (scan->failed || !scan_next_is(scan, text)) {
        return false;
    }
    scan->at += strlen(text);
    scan->end = scan->at;
    return true;
}

/* Up to the end of the line, for messages. */
static int rest_len(const struct scan *scan) { return (int)strcspn(scan->at, "\n"); }

bool scan_expect(struct scan *scan, const char *text) {
    return scan_accept(scan, text) || scan_fail(scan, "expected '%s' before '%.*s'", text, rest_len(scan), scan->at);
}

bool scan_word(struct scan *scan, char word[WORD_BYTES]) {
    scan_skip(scan);
    size_t len = 0;
    word[0] = '\0';
    if (isdigit((unsigned char)*scan->at)) {
        return false;
    }
    while (is_word(scan->at[len])) {
        len++;
    }
    if (len == 0 || len >= WORD_BYTES) {
        return false;
    }
    memcpy(word, scan->at, len);
    word[len] = '\0';
    scan->at += len;
    scan->end = scan->at;
    return true;
}

static int digit_of(char c) {
    if (isdigit((unsigned char)c)) {
        return c - '0';
    }
    return isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : 99;
}

bool scan_number(struct scan *scan, int64_t *number) {
    scan_skip(scan);
    const char *at = scan->at;
    bool negative = *at == '-';
    at += negative ? 1 : 0;
    int base = at[0] == '0' && (at[1] == 'x' || at[1] == 'X') ? 16 : 10;
    at += base == 16 ? 2 : 0;
    if (digit_of(*at) >= base) {
        return false;
    }
    uint64_t value = 0;
    for (; digit_of(*at) < base; at++) {
        if (value > (INT64_MAX - 15) / 16) {
            return scan_fail(scan, "a number is too large");
        }
        value = value * (uint64_t)base + (uint64_t)digit_of(*at);
    }
    scan->at = scan->end = at;
    *number = negative ? -(int64_t)value : (int64_t)value;
    return true;
}

int64_t scan_number_in(struct scan *scan, int64_t least, int64_t most) {
    int64_t number = 0;
    scan_skip(scan);
    if (!scan_number(scan, &number)) {
        scan_fail(scan, "expected a number before '%.*s'", rest_len(scan), scan->at);
    } else if (number < least || number > most) {
        scan_fail(scan, "%lld is not within %lld and %lld", (long long)number, (long long)least, (long long)most);
    }
    return scan->failed ? least : number;
}

int64_t scan_time(struct scan *scan) {
    scan_skip(scan);
    int64_t us = 0;
    bool digits = false;
    for (; isdigit((unsigned char)*scan->at); scan->at++) {
        us = us < INT64_MAX / 100000000 ? us * 10 + (*scan->at - '0') : us;
        digits = true;
    }
    us *= 1000000;
    /* The dots of a range are none of the number's. */
    if (*scan->at == '.' && isdigit((unsigned char)scan->at[1])) {
        scan->at++;
        for (int64_t unit = 100000; isdigit((unsigned char)*scan->at); unit /= 10, scan->at++) {
            us += unit * (*scan->at - '0');
        }
        digits = true;
    }
    if (!digits) {
        scan_fail(scan, "expected a time before '%.*s'", rest_len(scan), scan->at);
    }
    return us;
}

const char *scan_until(struct scan *scan, const char *close) {
    const char *start = scan->at;
    while (*scan->at != '\0' && !starts(scan, close)) {
        step(scan);
    }
    if (*scan->at == '\0') {
        scan_fail(scan, "'%s' is missing", close);
        return "";
    }
    const char *copy = memory_text(&scan->script->memory, start, (size_t)(scan->at - start));
    scan->at += strlen(close);
    scan->end = scan->at;
    return copy;
}

uint32_t scan_ipv4(struct scan *scan) {
    uint32_t address = 0;
    for (int i = 0; i < 4; i++) {
        if (i > 0 && !scan_expect(scan, ".")) {
            return 0;
        }
        address = address << 8 | (uint32_t)scan_number_in(scan, 0, 255);
    }
    return address;
}

uint8_t scan_hex_bytes(struct scan *scan, uint8_t *bytes, uint8_t most) {
    scan_skip(scan);
    if (!starts(scan, "0x")) {
        scan_fail(scan, "expected 0x and pairs of digits");
        return 0;
    }
    scan->at += 2;
    return scan_hex_digits(scan, bytes, most);
}

uint8_t scan_hex_digits(struct scan *scan, uint8_t *bytes, uint8_t most) {
    uint8_t count = 0;
    scan_skip(scan);
    while (digit_of(scan->at[0]) < 16 && digit_of(scan->at[1]) < 16) {
        if (count == most) {
            scan_fail(scan, "more than %u bytes", most);
            return 0;
        }
        bytes[count++] = (uint8_t)(digit_of(scan->at[0]) << 4 | digit_of(scan->at[1]));
        scan->at += 2;
    }
    return count;
}
