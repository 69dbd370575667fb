/* IPv4 options on receipt: which datagrams they condemn (RFC 7126). None is obeyed, none is echoed. */
#include "ip/v4/v4.h"

enum { TYPE_AND_LEN = 2, POINTER_MIN_RR = 4, POINTER_MIN_TS = 5, ROUTER_ALERT_LEN = 4 };

/* Record route and timestamp have a pointer behind the length, which may stand just past the end when the
 * recording space is full, and never within the option's own header (RFC 791 3.1, I5). */
static bool pointer_ok(const struct wire_ipv4_option *option, uint8_t minimum) {
    struct reader r = reader_of(option->data, option->len - (size_t)TYPE_AND_LEN);
    uint8_t pointer = reader_u8(&r);
    return !r.failed && pointer >= minimum && pointer <= option->len + 1;
}

static enum ip_v4_options_verdict judge_one(const struct wire_ipv4_option *option, struct ip_v4_options *options) {
    switch (option->type) {
    case WIRE_IPOPT_LSRR:
    case WIRE_IPOPT_SSRR:
        return IP_OPTIONS_SOURCE_ROUTE;
    case WIRE_IPOPT_RR:
        return pointer_ok(option, POINTER_MIN_RR) ? IP_OPTIONS_OK : IP_OPTIONS_BAD;
    case WIRE_IPOPT_TS:
        return pointer_ok(option, POINTER_MIN_TS) ? IP_OPTIONS_OK : IP_OPTIONS_BAD;
    case WIRE_IPOPT_RA:
        options->router_alert = option->len == ROUTER_ALERT_LEN;
        return options->router_alert ? IP_OPTIONS_OK : IP_OPTIONS_BAD;
    default:
        /* RFC 1122 3.2.1.8: what we do not know is ignored. */
        return IP_OPTIONS_OK;
    }
}

enum ip_v4_options_verdict ip_v4_options_judge(const struct wire_ipv4 *header, struct ip_v4_options *options) {
    size_t len = header->header_len - (size_t)WIRE_IPV4_LEN;
    struct reader r = reader_of(header->options, len);
    *options = (struct ip_v4_options){0};
    /* Each option takes at least two bytes: this many rounds see them all. */
    for (size_t i = 0; i <= len / TYPE_AND_LEN; i++) {
        size_t at = len - reader_left(&r);
        struct wire_ipv4_option option;
        enum wire_ipv4_option_verdict found = wire_ipv4_next_option(&r, &option);
        if (found == WIRE_IPOPT_END) {
            break;
        }
        enum ip_v4_options_verdict verdict = found == WIRE_IPOPT_BAD ? IP_OPTIONS_BAD : judge_one(&option, options);
        if (verdict != IP_OPTIONS_OK) {
            options->bad_at = (uint8_t)(WIRE_IPV4_LEN + at);
            return verdict;
        }
    }
    return IP_OPTIONS_OK;
}
