/* Parses TCP options: `<mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7>`, `<...>`, and bytes: `<0xfd04aabb>`. */
#include "parse.h"

enum { KIND_EOL, KIND_NOP, KIND_MSS, KIND_WSCALE, KIND_SACK_OK, KIND_SACK, KIND_TS = 8, KIND_FASTOPEN = 34 };

static void set(struct option_spec *option, uint8_t kind, uint8_t len, uint32_t value) {
    option->len = len;
    option->bytes[0] = kind;
    if (len > 1) {
        option->bytes[1] = len;
    }
    if (len == 3) {
        option->bytes[2] = (uint8_t)value;
    } else if (len == 4) {
        option->bytes[2] = (uint8_t)(value >> 8);
        option->bytes[3] = (uint8_t)value;
    }
}

/* Blocks "left:right", by spaces; they are filled in when the connection's numbers are known. */
static void parse_sack(struct scan *scan, struct option_spec *option) {
    unsigned count = 0;
    do {
        struct wire_tcp_sack *block = &option->sack[count++];
        block->left = (uint32_t)scan_number_in(scan, 0, UINT32_MAX);
        scan_expect(scan, ":");
        block->right = (uint32_t)scan_number_in(scan, 0, UINT32_MAX);
    } while (!scan->failed && !scan_next_is(scan, ",") && !scan_next_is(scan, ">") && count < WIRE_TCP_SACK_MAX);
    option->form = OPTION_SACK;
    set(option, KIND_SACK, (uint8_t)(2 + 8 * count), 0);
}

static void parse_timestamps(struct scan *scan, struct option_spec *option) {
    option->form = OPTION_TS;
    scan_expect(scan, "val");
    option->tsval = (uint32_t)scan_number_in(scan, 0, UINT32_MAX);
    scan_expect(scan, "ecr");
    option->tsecr = (uint32_t)scan_number_in(scan, 0, UINT32_MAX);
    set(option, KIND_TS, 10, 0);
}

/* A cookie in hexadecimal digits, with 0x or, as for Linux, without; or none: a request for one. */
static void parse_fastopen(struct scan *scan, struct option_spec *option) {
    uint8_t len = 0;
    if (!scan_next_is(scan, ",") && !scan_next_is(scan, ">")) {
        (void)scan_accept(scan, "0x");
        len = scan_hex_digits(scan, option->bytes + 2, WIRE_TCP_FASTOPEN_MAX);
    }
    option->bytes[0] = KIND_FASTOPEN;
    option->bytes[1] = option->len = (uint8_t)(2 + len);
}

static void parse_option(struct scan *scan, struct option_spec *option) {
    if (scan_accept(scan, "nop")) {
        set(option, KIND_NOP, 1, 0);
    } else if (scan_accept(scan, "eol")) {
        set(option, KIND_EOL, 1, 0);
    } else if (scan_accept(scan, "mss")) {
        set(option, KIND_MSS, 4, (uint32_t)scan_number_in(scan, 0, UINT16_MAX));
    } else if (scan_accept(scan, "wscale")) {
        set(option, KIND_WSCALE, 3, (uint32_t)scan_number_in(scan, 0, UINT8_MAX));
    } else if (scan_accept(scan, "sackOK")) {
        set(option, KIND_SACK_OK, 2, 0);
    } else if (scan_accept(scan, "sack")) {
        parse_sack(scan, option);
    } else if (scan_accept(scan, "TS")) {
        parse_timestamps(scan, option);
    } else if (scan_accept(scan, "FO")) {
        parse_fastopen(scan, option);
    } else {
        option->len = scan_hex_bytes(scan, option->bytes, WIRE_TCP_OPTIONS_MAX);
    }
}

void parse_options(struct scan *scan, struct options_spec *options) {
    unsigned len = 0;
    if (!scan_accept(scan, "<")) {
        return;
    }
    if (scan_accept(scan, "...")) {
        options->any = true;
        scan_expect(scan, ">");
        return;
    }
    do {
        if (options->count == OPTIONS_MAX) {
            scan_fail(scan, "more than %u options", OPTIONS_MAX);
            return;
        }
        parse_option(scan, &options->list[options->count]);
        len += options->list[options->count++].len;
    } while (scan_accept(scan, ","));
    scan_expect(scan, ">");
    if (len % 4 != 0 || len > WIRE_TCP_OPTIONS_MAX) {
        scan_fail(scan, "the options take %u bytes: not a multiple of 4, or more than 40", len);
    }
}
