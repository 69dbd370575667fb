/* TCP options (RFC 9293 3.2): found among the unknown when parsing, laid out in 4-byte rows when emitting.
 *
 *     end 0 | nop 1 | any other: kind 1 | length 1 | length - 2 bytes
 *
 * The length byte is what lets a stack skip options that it does not know, and what has hung or overrun so many: 0
 * and 1 stand still, a large one leaves the header (T2). Each turn of the loop below takes at least a byte, so 40
 * bytes end within 40 turns. Rows of 4 bytes keep the numbers aligned, as RFC 7323 appendix A lays them out.
 */
#include "wire/wire.h"

#include "base/check.h"

enum {
    KIND_END = 0,
    KIND_NOP = 1,
    KIND_MSS = 2,
    KIND_WSCALE = 3,         /* RFC 7323 2.2 */
    KIND_SACK_PERMITTED = 4, /* RFC 2018 2 */
    KIND_SACK = 5,           /* RFC 2018 3 */
    KIND_TIMESTAMPS = 8,     /* RFC 7323 3.2 */
    KIND_USER_TIMEOUT = 28,  /* RFC 5482 3 */
    KIND_FASTOPEN = 34,      /* RFC 7413 4.1.1 */
};

/* Lengths on the wire, kind and length bytes included. */
enum {
    LEN_MSS = 4,
    LEN_WSCALE = 3,
    LEN_SACK_PERMITTED = 2,
    LEN_TIMESTAMPS = 10,
    LEN_USER_TIMEOUT = 4,
    LEN_SACK_BLOCK = 8,
    FASTOPEN_COOKIE_MIN = 4,
};

/* Marks an option as present; false: it was already, and the first of a kind wins (T3). */
static bool claim(struct wire_tcp_options *options, uint16_t bit) {
    bool first = (options->present & bit) == 0;
    options->present |= bit;
    return first;
}

/* T6: only whole blocks. The scoreboard, which knows what is in flight, decides whether they make sense. */
static void take_sack(struct reader *body, struct wire_tcp_options *options) {
    size_t len = reader_left(body);
    if (len == 0 || len % LEN_SACK_BLOCK != 0 || len / LEN_SACK_BLOCK > WIRE_TCP_SACK_MAX ||
        !claim(options, WIRE_TCPOPT_SACK)) {
        return;
    }
    options->sack_count = (uint8_t)(len / LEN_SACK_BLOCK);
    for (uint8_t i = 0; i < options->sack_count; i++) {
        options->sack[i].left = reader_u32(body);
        options->sack[i].right = reader_u32(body);
    }
}

/* RFC 7413 4.1.1: an empty cookie is a request for one. */
static void take_fastopen(struct reader *body, struct wire_tcp_options *options) {
    size_t len = reader_left(body);
    bool cookie = len >= FASTOPEN_COOKIE_MIN && len <= WIRE_TCP_FASTOPEN_MAX && len % 2 == 0;
    if ((len != 0 && !cookie) || !claim(options, WIRE_TCPOPT_FASTOPEN)) {
        return;
    }
    options->fastopen_len = (uint8_t)len;
    reader_copy(body, options->fastopen, len);
}

/* Takes one option, given what follows its length byte; one with a wrong length is skipped as if unknown. */
static void take_option(uint8_t kind, struct reader *body, struct wire_tcp_options *options) {
    size_t len = reader_left(body) + 2;
    if (kind == KIND_MSS && len == LEN_MSS && claim(options, WIRE_TCPOPT_MSS)) {
        options->mss = reader_u16(body);
    } else if (kind == KIND_WSCALE && len == LEN_WSCALE && claim(options, WIRE_TCPOPT_WSCALE)) {
        options->wscale = reader_u8(body);
    } else if (kind == KIND_SACK_PERMITTED && len == LEN_SACK_PERMITTED) {
        options->present |= WIRE_TCPOPT_SACK_PERMITTED;
    } else if (kind == KIND_TIMESTAMPS && len == LEN_TIMESTAMPS && claim(options, WIRE_TCPOPT_TIMESTAMPS)) {
        options->tsval = reader_u32(body);
        options->tsecr = reader_u32(body);
    } else if (kind == KIND_USER_TIMEOUT && len == LEN_USER_TIMEOUT && claim(options, WIRE_TCPOPT_USER_TIMEOUT)) {
        options->user_timeout = reader_u16(body);
    } else if (kind == KIND_SACK) {
        take_sack(body, options);
    } else if (kind == KIND_FASTOPEN) {
        take_fastopen(body, options);
    }
}

/* Fields of absent options are not cleared: most segments carry one option, and the struct is large. */
static void clear(struct wire_tcp_options *options) {
    options->present = 0;
    options->sack_count = 0;
    options->fastopen_len = 0;
}

bool wire_tcp_options_parse(struct reader *r, struct wire_tcp_options *options) {
    clear(options);
    while (reader_left(r) > 0) {
        uint8_t kind = reader_u8(r);
        if (kind == KIND_END) {
            return true;
        }
        if (kind == KIND_NOP) {
            continue;
        }
        uint8_t len = reader_u8(r);
        /* T2, MUST-7: a length that makes no progress or leaves the header. A missing length byte reads as 0. */
        if (len < 2 || len - 2U > reader_left(r)) {
            clear(options);
            return false;
        }
        struct reader body = reader_of(reader_bytes(r, len - 2U), len - 2U);
        take_option(kind, &body, options);
    }
    return true;
}

static bool has(const struct wire_tcp_options *options, uint16_t bits) { return (options->present & bits) == bits; }

size_t wire_tcp_options_len(const struct wire_tcp_options *options) {
    size_t len = 0;
    if (has(options, WIRE_TCPOPT_MSS)) {
        len += LEN_MSS;
    }
    if (has(options, WIRE_TCPOPT_TIMESTAMPS)) {
        len += 2 + LEN_TIMESTAMPS; /* SACK-permitted takes the place of the two NOPs */
    } else if (has(options, WIRE_TCPOPT_SACK_PERMITTED)) {
        len += 2 + LEN_SACK_PERMITTED;
    }
    if (has(options, WIRE_TCPOPT_WSCALE)) {
        len += 1 + LEN_WSCALE;
    }
    if (has(options, WIRE_TCPOPT_SACK)) {
        len += 4 + (size_t)options->sack_count * LEN_SACK_BLOCK;
    }
    if (has(options, WIRE_TCPOPT_FASTOPEN)) {
        len += ((size_t)2 + options->fastopen_len + 3) / 4 * 4;
    }
    if (has(options, WIRE_TCPOPT_USER_TIMEOUT)) {
        len += LEN_USER_TIMEOUT;
    }
    return len;
}

/* The two bytes before the body of every option that has one. */
static void emit_start(struct writer *w, uint8_t kind, size_t len) {
    writer_u8(w, kind);
    writer_u8(w, (uint8_t)len);
}

static void emit_nops(struct writer *w, size_t count) {
    for (size_t i = 0; i < count; i++) {
        writer_u8(w, KIND_NOP);
    }
}

/* SACK-permitted and timestamps share a row when both are there. */
static void emit_permitted_and_timestamps(struct writer *w, const struct wire_tcp_options *options) {
    bool permitted = has(options, WIRE_TCPOPT_SACK_PERMITTED);
    bool timestamps = has(options, WIRE_TCPOPT_TIMESTAMPS);
    if (permitted != timestamps) {
        emit_nops(w, 2);
    }
    if (permitted) {
        emit_start(w, KIND_SACK_PERMITTED, LEN_SACK_PERMITTED);
    }
    if (timestamps) {
        emit_start(w, KIND_TIMESTAMPS, LEN_TIMESTAMPS);
        writer_u32(w, options->tsval);
        writer_u32(w, options->tsecr);
    }
}

static void emit_sack(struct writer *w, const struct wire_tcp_options *options) {
    CHECK(options->sack_count <= WIRE_TCP_SACK_MAX);
    emit_nops(w, 2);
    emit_start(w, KIND_SACK, 2 + (size_t)options->sack_count * LEN_SACK_BLOCK);
    for (uint8_t i = 0; i < options->sack_count; i++) {
        writer_u32(w, options->sack[i].left);
        writer_u32(w, options->sack[i].right);
    }
}

static void emit_fastopen(struct writer *w, const struct wire_tcp_options *options) {
    CHECK(options->fastopen_len <= WIRE_TCP_FASTOPEN_MAX && options->fastopen_len % 2 == 0);
    emit_start(w, KIND_FASTOPEN, 2U + options->fastopen_len);
    writer_copy(w, options->fastopen, options->fastopen_len);
    emit_nops(w, (2U + options->fastopen_len) % 4);
}

void wire_tcp_options_emit(struct writer *w, const struct wire_tcp_options *options) {
    if (has(options, WIRE_TCPOPT_MSS)) {
        emit_start(w, KIND_MSS, LEN_MSS);
        writer_u16(w, options->mss);
    }
    emit_permitted_and_timestamps(w, options);
    if (has(options, WIRE_TCPOPT_WSCALE)) {
        emit_nops(w, 1);
        emit_start(w, KIND_WSCALE, LEN_WSCALE);
        writer_u8(w, options->wscale);
    }
    if (has(options, WIRE_TCPOPT_SACK)) {
        emit_sack(w, options);
    }
    if (has(options, WIRE_TCPOPT_FASTOPEN)) {
        emit_fastopen(w, options);
    }
    if (has(options, WIRE_TCPOPT_USER_TIMEOUT)) {
        emit_start(w, KIND_USER_TIMEOUT, LEN_USER_TIMEOUT);
        writer_u16(w, options->user_timeout);
    }
}
