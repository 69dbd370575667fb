/* Parses the brackets before a packet: `[ect0, ttl 63, frag 0:1480+]`. */
#include "parse.h"

enum form { FORM_FLAG, FORM_NUMBER, FORM_ADDRESS, FORM_FRAG, FORM_BYTES };

static const struct {
    const char *word;
    enum ip_key key;
    enum form form;
    uint32_t value; /* FLAG: this; NUMBER: the most */
} words[] = {
    {"noecn", KEY_ECN, FORM_FLAG, ECN_NOT},
    {"nonect", KEY_ECN, FORM_FLAG, ECN_NOT},
    {"ect0", KEY_ECN, FORM_FLAG, ECN_ECT0},
    {"ect1", KEY_ECN, FORM_FLAG, ECN_ECT1},
    {"ect01", KEY_ECN, FORM_FLAG, ECN_ECT01},
    {"ce", KEY_ECN, FORM_FLAG, ECN_CE},
    {"tos", KEY_TOS, FORM_NUMBER, UINT8_MAX},
    {"ttl", KEY_TTL, FORM_NUMBER, UINT8_MAX},
    {"id", KEY_ID, FORM_NUMBER, UINT16_MAX},
    {"df", KEY_DF, FORM_FLAG, 1},
    {"nodf", KEY_NODF, FORM_FLAG, 1},
    {"src", KEY_SRC, FORM_ADDRESS, 0},
    {"dst", KEY_DST, FORM_ADDRESS, 0},
    {"frag", KEY_FRAG, FORM_FRAG, 0},
    {"badsum", KEY_BADSUM, FORM_FLAG, 1},
    {"badipsum", KEY_BADIPSUM, FORM_FLAG, 1},
    {"nosum", KEY_NOSUM, FORM_FLAG, 1},
    {"cut", KEY_CUT, FORM_NUMBER, UINT16_MAX},
    {"total", KEY_TOTAL, FORM_NUMBER, UINT16_MAX},
    {"ihl", KEY_IHL, FORM_NUMBER, 15},
    {"version", KEY_VERSION, FORM_NUMBER, 15},
    {"reserved", KEY_RESERVED, FORM_FLAG, 1},
    {"doff", KEY_DOFF, FORM_NUMBER, 15},
    {"udplen", KEY_UDPLEN, FORM_NUMBER, UINT16_MAX},
    {"padding", KEY_PADDING, FORM_NUMBER, 1000},
    {"broadcast", KEY_BROADCAST, FORM_FLAG, 1},
    {"options", KEY_OPTIONS, FORM_BYTES, 0},
};

/* "first:end", and "+" if more fragments follow. */
static uint32_t parse_frag(struct scan *scan, struct ip_spec *ip) {
    uint32_t first = (uint32_t)scan_number_in(scan, 0, 65528);
    scan_expect(scan, ":");
    ip->frag_end = (uint32_t)scan_number_in(scan, first, 131072);
    ip->frag_more = scan_accept(scan, "+");
    if (first % 8 != 0) {
        scan_fail(scan, "a fragment starts at a multiple of 8");
    }
    return first;
}

/* IP options go padded to four bytes. */
static void parse_ip_options(struct scan *scan, struct ip_spec *ip) {
    ip->options_len = scan_hex_bytes(scan, ip->options, WIRE_IPV4_OPTIONS_MAX);
    if (ip->options_len % 4 != 0) {
        scan_fail(scan, "IP options fill words of 4 bytes");
    }
}

static void parse_word(struct scan *scan, struct ip_spec *ip, size_t i) {
    uint32_t value = words[i].value;
    switch (words[i].form) {
    case FORM_FLAG:
        break;
    case FORM_NUMBER:
        value = (uint32_t)scan_number_in(scan, 0, words[i].value);
        break;
    case FORM_ADDRESS:
        value = scan_ipv4(scan);
        break;
    case FORM_FRAG:
        value = parse_frag(scan, ip);
        break;
    case FORM_BYTES:
        parse_ip_options(scan, ip);
        break;
    }
    ip->value[words[i].key] = value;
    ip->given |= 1U << words[i].key;
}

void parse_ip(struct scan *scan, struct ip_spec *ip, bool outbound) {
    size_t count = sizeof words / sizeof words[0];
    if (!scan_accept(scan, "[")) {
        return;
    }
    do {
        size_t i = 0;
        while (i < count && !scan_accept(scan, words[i].word)) {
            i++;
        }
        if (i == count) {
            scan_fail(scan, "not known before a packet: '%.20s'", scan->at);
            return;
        }
        if (outbound && words[i].key >= KEY_BADSUM) {
            scan_fail(scan, "'%s' is for injected packets", words[i].word);
        }
        parse_word(scan, ip, i);
    } while (scan_accept(scan, ","));
    scan_expect(scan, "]");
}
