/* Tests of stack/wire/tcp_options.c. */
#include "wire/exact.h"

/* What a string of options ought to mean, found by other means than the parser's: by index, one kind at a time. */
static bool model_find(const uint8_t *s, size_t len, uint8_t kind, const uint8_t **body, size_t *body_len) {
    *body = NULL;
    for (size_t at = 0; at < len && s[at] != 0;) {
        if (s[at] == 1) {
            at++;
            continue;
        }
        if (at + 1 >= len || s[at + 1] < 2 || at + s[at + 1] > len) {
            return false;
        }
        size_t size = s[at + 1] - 2U;
        bool right = (kind == 2 && size == 2) || (kind == 3 && size == 1) || (kind == 4 && size == 0) ||
                     (kind == 5 && size % 8 == 0 && size >= 8 && size <= 32) || (kind == 8 && size == 8) ||
                     (kind == 28 && size == 2) || (kind == 34 && size % 2 == 0 && size != 2 && size <= 16);
        if (s[at] == kind && right && *body == NULL) {
            *body = s + at + 2;
            *body_len = size;
        }
        at += s[at + 1];
    }
    return true;
}

static const struct {
    uint8_t kind;
    uint16_t bit;
} kinds[] = {
    {2, WIRE_TCPOPT_MSS},        {3, WIRE_TCPOPT_WSCALE},        {4, WIRE_TCPOPT_SACK_PERMITTED}, {5, WIRE_TCPOPT_SACK},
    {8, WIRE_TCPOPT_TIMESTAMPS}, {28, WIRE_TCPOPT_USER_TIMEOUT}, {34, WIRE_TCPOPT_FASTOPEN},
};

static uint32_t get_u32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The value of one kind as parsed equals the one at `body`? */
static bool same_value(const struct wire_tcp_options *o, uint8_t kind, const uint8_t *body, size_t len) {
    switch (kind) {
    case 2:
        return o->mss == (body[0] << 8 | body[1]);
    case 3:
        return o->wscale == body[0];
    case 4:
        return true;
    case 5:
        for (size_t i = 0; i < len / 8; i++) {
            if (o->sack[i].left != get_u32(body + 8 * i) || o->sack[i].right != get_u32(body + 8 * i + 4)) {
                return false;
            }
        }
        return o->sack_count == len / 8;
    case 8:
        return o->tsval == get_u32(body) && o->tsecr == get_u32(body + 4);
    case 28:
        return o->user_timeout == (body[0] << 8 | body[1]);
    default:
        return o->fastopen_len == len && memcmp(o->fastopen, body, len) == 0;
    }
}

/* Parses the string and compares with the model. */
static void judge(const uint8_t *s, size_t len) {
    struct wire_tcp_options options;
    struct reader r = reader_of(s, len);
    bool ok = wire_tcp_options_parse(&r, &options);
    unsigned present = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const uint8_t *body = NULL;
        size_t body_len = 0;
        REQUIRE(model_find(s, len, kinds[i].kind, &body, &body_len) == ok, "%zu bytes from %#x", len, s[0]);
        if (ok && body != NULL) {
            present |= kinds[i].bit;
            REQUIRE(same_value(&options, kinds[i].kind, body, body_len), "kind %u of %zu bytes", kinds[i].kind, len);
        }
    }
    REQUIRE(options.present == present, "present %#x, not %#x", options.present, present);
    REQUIRE((present & WIRE_TCPOPT_SACK) != 0 || options.sack_count == 0, "blocks without SACK");
}

Test(tcp_options, T2_every_string_of_up_to_2_bytes) {
    uint8_t *empty = exact_alloc(0), *one = exact_alloc(1), *two = exact_alloc(2);
    struct wire_tcp_options options;
    struct reader r = reader_of(empty, 0);
    cr_assert(wire_tcp_options_parse(&r, &options));
    cr_assert_eq(options.present, 0);
    for (unsigned value = 0; value < 65536; value++) {
        one[0] = (uint8_t)value;
        two[0] = (uint8_t)value;
        two[1] = (uint8_t)(value >> 8);
        judge(one, 1);
        judge(two, 2);
    }
    exact_free(empty);
    exact_free(one);
    exact_free(two);
}

Test(tcp_options, T2_every_string_of_3_and_4_bytes_over_an_alphabet) {
    static const uint8_t alphabet[] = {0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 18, 28, 34, 40, 127, 128, 254, 255};
    const size_t symbols = sizeof alphabet;
    uint8_t *three = exact_alloc(3), *four = exact_alloc(4);
    for (size_t n = 0; n < symbols * symbols * symbols * symbols; n++) {
        four[0] = three[0] = alphabet[n % symbols];
        four[1] = three[1] = alphabet[n / symbols % symbols];
        four[2] = three[2] = alphabet[n / symbols / symbols % symbols];
        four[3] = alphabet[n / symbols / symbols / symbols];
        judge(four, 4);
        if (four[3] == 0) {
            judge(three, 3);
        }
    }
    exact_free(three);
    exact_free(four);
}

Test(tcp_options, T2_random_strings_of_up_to_40_bytes_over_12_symbols) {
    static const uint8_t alphabet[12] = {0, 1, 2, 3, 4, 5, 8, 10, 18, 28, 34, 40};
    uint64_t seed = 9;
    for (int i = 0; i < 300000; i++) {
        /* A 0 ends the string: now and then only, or nothing long would be met. */
        size_t first = random_below(&seed, 8) == 0 ? 0 : 1;
        size_t len = 1 + random_below(&seed, 40);
        uint8_t *s = exact_alloc(len);
        for (size_t k = 0; k < len; k++) {
            s[k] = alphabet[first + random_below(&seed, (uint32_t)(sizeof alphabet - first))];
        }
        judge(s, len);
        exact_free(s);
    }
}

Test(tcp_options, T3_the_first_of_a_kind_wins) {
    static const uint8_t s[8] = {2, 4, 0x05, 0xb4, 2, 4, 0x02, 0x18};
    struct wire_tcp_options options;
    struct reader r = reader_of(s, sizeof s);
    cr_assert(wire_tcp_options_parse(&r, &options));
    cr_assert_eq(options.mss, 1460);
}

Test(tcp_options, T3_a_wrong_length_is_unknown_and_a_later_right_one_counts) {
    static const uint8_t s[8] = {2, 3, 9, 1, 2, 4, 0x02, 0x18};
    struct wire_tcp_options options;
    struct reader r = reader_of(s, sizeof s);
    cr_assert(wire_tcp_options_parse(&r, &options));
    cr_assert_eq(options.present, WIRE_TCPOPT_MSS);
    cr_assert_eq(options.mss, 536);
}

Test(tcp_options, T4_T5_values_are_given_as_they_are) {
    static const uint16_t sizes[] = {0, 1, 7, 8, 47, 48, 535, 536, 65535};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (unsigned shift = 0; shift < 256; shift++) {
            uint8_t s[8] = {2, 4, (uint8_t)(sizes[i] >> 8), (uint8_t)sizes[i], 1, 3, 3, (uint8_t)shift};
            struct wire_tcp_options options;
            struct reader r = reader_of(s, sizeof s);
            REQUIRE(wire_tcp_options_parse(&r, &options), "MSS %u shift %u", sizes[i], shift);
            REQUIRE(options.mss == sizes[i] && options.wscale == shift, "MSS %u shift %u", sizes[i], shift);
        }
    }
}

Test(tcp_options, T6_every_sack_length) {
    uint8_t *s = exact_alloc(WIRE_TCP_OPTIONS_MAX);
    for (unsigned len = 2; len <= WIRE_TCP_OPTIONS_MAX; len++) {
        memset(s, 1, WIRE_TCP_OPTIONS_MAX);
        s[0] = 5;
        s[1] = (uint8_t)len;
        struct wire_tcp_options options;
        struct reader r = reader_of(s, WIRE_TCP_OPTIONS_MAX);
        cr_assert(wire_tcp_options_parse(&r, &options));
        bool whole_blocks = len > 2 && len % 8 == 2;
        cr_assert_eq(options.present, whole_blocks ? WIRE_TCPOPT_SACK : 0, "length %u", len);
        cr_assert_eq(options.sack_count, whole_blocks ? len / 8 : 0, "length %u", len);
    }
    exact_free(s);
}

/* Emits the options into exactly as many bytes as promised, poisoned, and compares with what is expected. */
static void expect_layout(const struct wire_tcp_options *options, const uint8_t *expected, size_t len) {
    cr_assert_eq(wire_tcp_options_len(options), len);
    uint8_t *room = exact_alloc(len);
    memset(room, 0xa5, len);
    struct writer w = writer_of(room, len);
    wire_tcp_options_emit(&w, options);
    cr_assert_not(w.failed);
    cr_assert_eq(writer_left(&w), 0);
    cr_assert_arr_eq(room, expected, len);
    exact_free(room);
}

Test(tcp_options, layout_of_a_syn_with_timestamps) {
    static const struct wire_tcp_options options = {.present = WIRE_TCPOPT_MSS | WIRE_TCPOPT_SACK_PERMITTED |
                                                               WIRE_TCPOPT_TIMESTAMPS | WIRE_TCPOPT_WSCALE,
                                                    .mss = 1460,
                                                    .wscale = 7,
                                                    .tsval = 0x01020304,
                                                    .tsecr = 0x05060708};
    static const uint8_t expected[20] = {2, 4, 0x05, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 3, 3, 7};
    expect_layout(&options, expected, sizeof expected);
}

Test(tcp_options, layout_of_a_syn_without_timestamps) {
    static const struct wire_tcp_options options = {
        .present = WIRE_TCPOPT_MSS | WIRE_TCPOPT_SACK_PERMITTED | WIRE_TCPOPT_WSCALE, .mss = 536, .wscale = 14};
    static const uint8_t expected[12] = {2, 4, 0x02, 0x18, 1, 1, 4, 2, 1, 3, 3, 14};
    expect_layout(&options, expected, sizeof expected);
}

Test(tcp_options, layout_of_timestamps_with_three_sack_blocks_is_full) {
    static const struct wire_tcp_options options = {.present = WIRE_TCPOPT_TIMESTAMPS | WIRE_TCPOPT_SACK,
                                                    .tsval = 1,
                                                    .tsecr = 2,
                                                    .sack_count = 3,
                                                    .sack = {{10, 20}, {30, 40}, {50, 60}}};
    static const uint8_t expected[40] = {1, 1, 8, 10, 0, 0, 0, 1,  0, 0, 0, 2,  1, 1, 5, 26, 0, 0, 0, 10,
                                         0, 0, 0, 20, 0, 0, 0, 30, 0, 0, 0, 40, 0, 0, 0, 50, 0, 0, 0, 60};
    expect_layout(&options, expected, sizeof expected);
}

Test(tcp_options, layout_of_fast_open_and_user_timeout) {
    static const struct wire_tcp_options request = {.present = WIRE_TCPOPT_FASTOPEN | WIRE_TCPOPT_USER_TIMEOUT,
                                                    .user_timeout = 0x8005};
    static const uint8_t request_bytes[8] = {34, 2, 1, 1, 28, 4, 0x80, 5};
    expect_layout(&request, request_bytes, sizeof request_bytes);
    static const struct wire_tcp_options cookie = {
        .present = WIRE_TCPOPT_FASTOPEN, .fastopen_len = 8, .fastopen = {1, 2, 3, 4, 5, 6, 7, 8}};
    static const uint8_t cookie_bytes[12] = {34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1};
    expect_layout(&cookie, cookie_bytes, sizeof cookie_bytes);
}

/* Random options of every combination of kinds that fits. */
static void random_options(uint64_t *seed, struct wire_tcp_options *options) {
    do {
        memset(options, 0, sizeof *options);
        options->present = (uint16_t)random_below(seed, 128);
        options->mss = (uint16_t)random_next(seed);
        options->wscale = (uint8_t)random_next(seed);
        options->sack_count =
            (options->present & WIRE_TCPOPT_SACK) != 0 ? (uint8_t)(1 + random_below(seed, WIRE_TCP_SACK_MAX)) : 0;
        random_fill(seed, (uint8_t *)options->sack, sizeof options->sack);
        options->tsval = (uint32_t)random_next(seed);
        options->tsecr = (uint32_t)random_next(seed);
        uint32_t pairs = random_below(seed, 8);
        options->fastopen_len =
            (options->present & WIRE_TCPOPT_FASTOPEN) == 0 || pairs == 0 ? 0 : (uint8_t)(2 + 2 * pairs);
        random_fill(seed, options->fastopen, sizeof options->fastopen);
        options->user_timeout = (uint16_t)random_next(seed);
    } while (wire_tcp_options_len(options) > WIRE_TCP_OPTIONS_MAX);
}

/* Do both say the same, where a field counts only if it is present? */
static bool same_options(const struct wire_tcp_options *a, const struct wire_tcp_options *b) {
    uint16_t p = a->present;
    return p == b->present && a->sack_count == b->sack_count && a->fastopen_len == b->fastopen_len &&
           ((p & WIRE_TCPOPT_MSS) == 0 || a->mss == b->mss) &&
           ((p & WIRE_TCPOPT_WSCALE) == 0 || a->wscale == b->wscale) &&
           ((p & WIRE_TCPOPT_TIMESTAMPS) == 0 || (a->tsval == b->tsval && a->tsecr == b->tsecr)) &&
           ((p & WIRE_TCPOPT_USER_TIMEOUT) == 0 || a->user_timeout == b->user_timeout) &&
           memcmp(a->sack, b->sack, a->sack_count * sizeof a->sack[0]) == 0 &&
           memcmp(a->fastopen, b->fastopen, a->fastopen_len) == 0;
}

Test(tcp_options, parse_is_the_inverse_of_emit) {
    uint64_t seed = 10;
    for (int i = 0; i < 50000; i++) {
        struct wire_tcp_options options, back;
        random_options(&seed, &options);
        size_t len = wire_tcp_options_len(&options);
        uint8_t *room = exact_alloc(len);
        struct writer w = writer_of(room, len);
        wire_tcp_options_emit(&w, &options);
        REQUIRE(!w.failed && writer_left(&w) == 0 && len % 4 == 0, "round %d", i);
        struct reader r = reader_of(room, len);
        REQUIRE(wire_tcp_options_parse(&r, &back), "round %d", i);
        REQUIRE(same_options(&options, &back), "round %d", i);
        exact_free(room);
    }
}
