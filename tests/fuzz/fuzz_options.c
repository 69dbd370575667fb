/* Fuzzes the options of TCP and IPv4 against a second, naive reading, and what we write against what we read (RFC 9293 3.2, RFC 791 3.1).
 *
 * The first byte of the input says which. The naive reader looks for one kind at a time, by index.
 */
#include "base/check.h"
#include "ip/v4/v4.h"
#include "wire/wire.h"

static uint32_t number(const uint8_t *at, unsigned bytes) {
    uint32_t value = 0;
    for (unsigned i = 0; i < bytes; i++) {
        value = value << 8 | at[i];
    }
    return value;
}

/* ---- TCP ---- */

/* Has a known kind this length, header bytes included? */
static bool tcp_len_right(uint8_t kind, size_t len) {
    switch (kind) {
    case 2:
    case 28:
        return len == 4;
    case 3:
        return len == 3;
    case 4:
        return len == 2;
    case 5:
        return len == 10 || len == 18 || len == 26 || len == 34;
    case 8:
        return len == 10;
    case 34:
        return len == 2 || (len >= 6 && len <= 18 && len % 2 == 0);
    default:
        return false;
    }
}

/* The first sound option of the kind, from its kind byte on; NULL: none. False: the options do not hold together. */
static bool tcp_find(const uint8_t *options, size_t len, uint8_t kind, const uint8_t **found) {
    *found = NULL;
    for (size_t at = 0; at < len && options[at] != 0;) {
        if (options[at] == 1) {
            at++;
            continue;
        }
        if (len - at < 2 || options[at + 1] < 2 || options[at + 1] > len - at) {
            return false;
        }
        if (options[at] == kind && *found == NULL && tcp_len_right(kind, options[at + 1])) {
            *found = options + at;
        }
        at += options[at + 1];
    }
    return true;
}

/* Has the parser the value that stands at `at`, the option from its kind byte on? */
static bool tcp_same(const struct wire_tcp_options *o, uint8_t kind, const uint8_t *at) {
    switch (kind) {
    case 2:
        return o->mss == number(at + 2, 2);
    case 3:
        return o->wscale == at[2];
    case 4:
        return true;
    case 5:
        for (unsigned i = 0; i < o->sack_count; i++) {
            if (o->sack[i].left != number(at + 2 + 8 * i, 4) || o->sack[i].right != number(at + 6 + 8 * i, 4)) {
                return false;
            }
        }
        return o->sack_count == (at[1] - 2) / 8;
    case 8:
        return o->tsval == number(at + 2, 4) && o->tsecr == number(at + 6, 4);
    case 28:
        return o->user_timeout == number(at + 2, 2);
    default:
        return o->fastopen_len == at[1] - 2 && memcmp(o->fastopen, at + 2, o->fastopen_len) == 0;
    }
}

/* Everything that the naive reader finds, and nothing else. */
static void tcp_expect(const uint8_t *bytes, size_t len, bool ok, const struct wire_tcp_options *o) {
    static const struct {
        uint8_t kind;
        uint16_t bit;
    } kinds[] = {
        {2, WIRE_TCPOPT_MSS},       {3, WIRE_TCPOPT_WSCALE},     {4, WIRE_TCPOPT_SACK_PERMITTED},
        {5, WIRE_TCPOPT_SACK},      {8, WIRE_TCPOPT_TIMESTAMPS}, {28, WIRE_TCPOPT_USER_TIMEOUT},
        {34, WIRE_TCPOPT_FASTOPEN},
    };
    uint16_t present = 0;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const uint8_t *at;
        CHECK(tcp_find(bytes, len, kinds[i].kind, &at) == ok);
        if (ok && at != NULL) {
            present |= kinds[i].bit;
            CHECK((o->present & kinds[i].bit) != 0 && tcp_same(o, kinds[i].kind, at));
        }
    }
    CHECK(o->present == present);
    CHECK((present & WIRE_TCPOPT_SACK) != 0 || o->sack_count == 0);
    CHECK((present & WIRE_TCPOPT_FASTOPEN) != 0 || o->fastopen_len == 0);
}

static void fuzz_tcp_read(struct reader *input) {
    struct wire_tcp_options options;
    size_t len = min_size(reader_left(input), WIRE_TCP_OPTIONS_MAX);
    const uint8_t *bytes = input->at;
    struct reader r = reader_of(bytes, len);
    bool ok = wire_tcp_options_parse(&r, &options);
    tcp_expect(bytes, len, ok, &options);
}

/* Any options that fit are whole rows of four bytes, and read back as they were. */
static void fuzz_tcp_write(struct reader *input) {
    uint8_t bytes[WIRE_TCP_OPTIONS_MAX];
    struct wire_tcp_options options = {0}, back;
    options.present =
        reader_u16(input) & (WIRE_TCPOPT_MSS | WIRE_TCPOPT_WSCALE | WIRE_TCPOPT_SACK_PERMITTED | WIRE_TCPOPT_SACK |
                             WIRE_TCPOPT_TIMESTAMPS | WIRE_TCPOPT_USER_TIMEOUT | WIRE_TCPOPT_FASTOPEN);
    options.mss = reader_u16(input);
    options.wscale = reader_u8(input);
    options.tsval = reader_u32(input);
    options.tsecr = reader_u32(input);
    options.user_timeout = reader_u16(input);
    if ((options.present & WIRE_TCPOPT_SACK) != 0) {
        options.sack_count = 1 + reader_u8(input) % WIRE_TCP_SACK_MAX;
        for (unsigned i = 0; i < options.sack_count; i++) {
            options.sack[i] = (struct wire_tcp_sack){.left = reader_u32(input), .right = reader_u32(input)};
        }
    }
    if ((options.present & WIRE_TCPOPT_FASTOPEN) != 0) {
        uint8_t len = reader_u8(input) % 8 * 2;
        options.fastopen_len = len == 0 ? 0 : len + 2;
        reader_copy(input, options.fastopen, options.fastopen_len);
    }
    size_t len = wire_tcp_options_len(&options);
    CHECK(len % 4 == 0);
    if (len > sizeof bytes) {
        return; /* the caller sees to it */
    }
    struct writer w = writer_of(bytes, len);
    wire_tcp_options_emit(&w, &options);
    CHECK(!w.failed && writer_left(&w) == 0);
    struct reader r = reader_of(bytes, len);
    CHECK(wire_tcp_options_parse(&r, &back) && back.present == options.present);
    tcp_expect(bytes, len, true, &options);
    tcp_expect(bytes, len, true, &back);
}

/* ---- IPv4 ---- */

/* Where a route or timestamp pointer may stand: from its least value to just past the option (RFC 791 3.1). */
static bool pointer_right(const uint8_t *option, uint8_t least) {
    return option[1] >= 3 && option[2] >= least && option[2] <= option[1] + 1;
}

/* What one sound option makes of the datagram. */
static enum ip_v4_options_verdict ipv4_judge(const uint8_t *option) {
    bool bad = (option[0] == 7 && !pointer_right(option, 4)) || (option[0] == 68 && !pointer_right(option, 5)) ||
               (option[0] == 148 && option[1] != 4);
    bool source_route = option[0] == 131 || option[0] == 137;
    return source_route ? IP_OPTIONS_SOURCE_ROUTE : bad ? IP_OPTIONS_BAD : IP_OPTIONS_OK;
}

/* The same by index: *at is where the option at fault begins, or the padding before it. */
static enum ip_v4_options_verdict ipv4_walk(const uint8_t *options, size_t len, size_t *at, bool *alert) {
    enum ip_v4_options_verdict verdict = IP_OPTIONS_OK;
    *alert = false;
    for (*at = 0; *at < len;) {
        size_t option = *at;
        while (option < len && options[option] == 1) {
            option++;
        }
        if (option == len || options[option] == 0) {
            return IP_OPTIONS_OK;
        }
        if (len - option < 2 || options[option + 1] < 2 || options[option + 1] > len - option) {
            return IP_OPTIONS_BAD;
        }
        verdict = ipv4_judge(options + option);
        if (verdict != IP_OPTIONS_OK) {
            return verdict;
        }
        *alert |= options[option] == 148;
        *at = option + options[option + 1];
    }
    return IP_OPTIONS_OK;
}

static void fuzz_ipv4(struct reader *input) {
    size_t len = min_size(reader_left(input), WIRE_IPV4_OPTIONS_MAX) & ~(size_t)3;
    const struct wire_ipv4 header = {.header_len = (uint8_t)(WIRE_IPV4_LEN + len), .options = input->at};
    struct ip_v4_options options;
    size_t at;
    bool alert;
    enum ip_v4_options_verdict wanted = ipv4_walk(header.options, len, &at, &alert);
    CHECK(ip_v4_options_judge(&header, &options) == wanted);
    CHECK(wanted != IP_OPTIONS_OK || options.router_alert == alert);
    CHECK(wanted == IP_OPTIONS_OK ? options.bad_at == 0 : options.bad_at == WIRE_IPV4_LEN + at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    static void (*const readings[])(struct reader *) = {fuzz_tcp_read, fuzz_tcp_write, fuzz_ipv4};
    struct reader input = reader_of(data, len);
    uint8_t which = reader_u8(&input);
    readings[which % ARRAY_LEN(readings)](&input);
    return 0;
}
