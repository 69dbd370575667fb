/* Fuzzes every parser of stack/wire: no overread, the promises of wire.h, and emit as the inverse of parse.
 *
 * The first byte of the input picks the format, the rest is what is parsed. libFuzzer gives the input in a heap
 * block of its own size, so that AddressSanitizer sees one byte of overread.
 */
#include "base/check.h"
#include "wire/wire.h"

static void fuzz_eth(const uint8_t *data, size_t len) {
    struct wire_eth eth;
    uint8_t again[WIRE_ETH_LEN];
    struct writer w = writer_of(again, sizeof again);
    if (!wire_eth_parse(data, len, &eth)) {
        return;
    }
    CHECK(eth.type >= 0x600);
    CHECK((size_t)eth.header_len + eth.payload_len <= len);
    wire_eth_emit(&w, &eth);
    CHECK(!w.failed && (eth.header_len != WIRE_ETH_LEN || memcmp(again, data, sizeof again) == 0));
}

static void fuzz_arp(const uint8_t *data, size_t len) {
    struct wire_arp arp;
    uint8_t again[WIRE_ARP_LEN];
    struct writer w = writer_of(again, sizeof again);
    if (wire_arp_parse(data, len, &arp) == WIRE_ARP_OK) {
        wire_arp_emit(&w, &arp);
        CHECK(!w.failed && memcmp(again, data, sizeof again) == 0);
    }
}

static void fuzz_ipv4_options(const struct wire_ipv4 *ip) {
    struct reader r = reader_of(ip->options, ip->header_len - WIRE_IPV4_LEN);
    struct wire_ipv4_option option;
    enum wire_ipv4_option_verdict verdict = WIRE_IPOPT_OK;
    unsigned calls = 0;
    uint8_t sum = 0;
    while (verdict == WIRE_IPOPT_OK) {
        verdict = wire_ipv4_next_option(&r, &option);
        for (uint8_t i = 2; verdict == WIRE_IPOPT_OK && i < option.len; i++) {
            sum = (uint8_t)(sum + option.data[i - 2]); /* every byte promised can be read */
        }
        CHECK(++calls <= 21);
    }
    volatile uint8_t used = sum;
    (void)used;
}

static void fuzz_ipv4(const uint8_t *data, size_t len) {
    struct wire_ipv4 ip, quote;
    uint8_t again[WIRE_IPV4_LEN + WIRE_IPV4_OPTIONS_MAX];
    struct writer w = writer_of(again, sizeof again);
    bool quotable = wire_ipv4_parse_quote(data, len, &quote);
    if (quotable) {
        CHECK(quote.header_len >= WIRE_IPV4_LEN && quote.header_len <= len && quote.header_len <= quote.total_len);
        fuzz_ipv4_options(&quote);
    }
    if (wire_ipv4_parse(data, len, &ip) != WIRE_IPV4_OK) {
        return;
    }
    CHECK(quotable && ip.header_len <= ip.total_len && ip.total_len <= len);
    wire_ipv4_emit(&w, &ip);
    CHECK(!w.failed && w.at == again + ip.header_len);
    if (ip.checksum != UINT16_MAX) { /* the other zero comes back as 0 */
        CHECK(memcmp(again, data, ip.header_len) == 0);
    }
}

static void fuzz_icmp(const uint8_t *data, size_t len) {
    struct wire_icmp icmp;
    uint8_t again[WIRE_ICMP_LEN];
    struct writer w = writer_of(again, sizeof again);
    if (wire_icmp_parse(data, len, &icmp)) {
        wire_icmp_emit(&w, &icmp);
        CHECK(!w.failed && memcmp(again, data, sizeof again) == 0);
        CHECK(icmp.data == data + WIRE_ICMP_LEN && icmp.data_len == len - WIRE_ICMP_LEN);
    }
}

static void fuzz_igmp(const uint8_t *data, size_t len) {
    struct wire_igmp igmp;
    uint8_t again[8];
    struct writer w = writer_of(again, sizeof again);
    if (wire_igmp_parse(data, len, &igmp)) {
        wire_igmp_emit(&w, &igmp);
        CHECK(!w.failed && memcmp(again, data, sizeof again) == 0);
        CHECK(!igmp.v3_query || 12 + 4 * (size_t)igmp.source_count <= len);
        CHECK(wire_igmp_v3_time(igmp.max_resp_code) <= 31744);
    }
}

static void fuzz_udp(const uint8_t *data, size_t len) {
    struct wire_udp udp;
    uint8_t again[WIRE_UDP_LEN];
    struct writer w = writer_of(again, sizeof again);
    if (wire_udp_parse(data, len, &udp)) {
        wire_udp_emit(&w, &udp);
        CHECK(!w.failed && memcmp(again, data, sizeof again) == 0);
    }
}

/* Options have many forms: what our layout says must parse to the same bytes in our layout again. */
static void fuzz_tcp(const uint8_t *data, size_t len) {
    struct wire_tcp tcp, back;
    uint8_t once[WIRE_TCP_LEN + WIRE_TCP_OPTIONS_MAX], twice[sizeof once];
    struct writer w = writer_of(once, sizeof once);
    if (wire_tcp_parse(data, len, &tcp) != WIRE_TCP_OK) {
        return;
    }
    CHECK(tcp.header_len >= WIRE_TCP_LEN && tcp.header_len <= len);
    CHECK(tcp.options.sack_count <= WIRE_TCP_SACK_MAX && tcp.options.fastopen_len <= WIRE_TCP_FASTOPEN_MAX);
    if (wire_tcp_options_len(&tcp.options) > WIRE_TCP_OPTIONS_MAX) {
        return; /* tightly packed by the peer, too long for our padding */
    }
    wire_tcp_emit(&w, &tcp);
    size_t emitted = (size_t)(w.at - once);
    CHECK(!w.failed && emitted == WIRE_TCP_LEN + wire_tcp_options_len(&tcp.options));
    CHECK(memcmp(once, data, 12) == 0 && (once[12] & 15) == (data[12] & 15));
    CHECK(memcmp(once + 13, data + 13, WIRE_TCP_LEN - 13) == 0);
    CHECK(wire_tcp_parse(once, emitted, &back) == WIRE_TCP_OK);
    CHECK(back.options.present == tcp.options.present && back.header_len == emitted);
    w = writer_of(twice, sizeof twice);
    wire_tcp_emit(&w, &back);
    CHECK(!w.failed && memcmp(once, twice, emitted) == 0);
}

static void fuzz_tcp_options(const uint8_t *data, size_t len) {
    struct wire_tcp_options options;
    struct reader r = reader_of(data, len);
    bool ok = wire_tcp_options_parse(&r, &options);
    CHECK(ok || (options.present == 0 && options.sack_count == 0 && options.fastopen_len == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    static void (*const formats[])(const uint8_t *, size_t) = {fuzz_eth,  fuzz_arp, fuzz_ipv4, fuzz_icmp,
                                                               fuzz_igmp, fuzz_udp, fuzz_tcp,  fuzz_tcp_options};
    if (len > 0) {
        formats[data[0] % ARRAY_LEN(formats)](data + 1, len - 1);
    }
    return 0;
}
