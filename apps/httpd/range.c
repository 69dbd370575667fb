/* The Range header field, as far as one range of bytes. */
#include <strings.h>

#include "httpd/httpd.h"

/* Reads digits, which there must be, saturating: more than any file has is as good as exact. */
static bool take_number(const char **at, uint64_t *value) {
    const char *start = *at;
    uint64_t number = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        const uint64_t digit = (uint64_t)(**at - '0');
        number = number > (UINT64_MAX - digit) / 10 ? UINT64_MAX : number * 10 + digit;
    }
    *value = number;
    return *at > start;
}

/* Three forms: "a-b", "a-" and "-n", the last n bytes. */
enum httpd_range httpd_range_parse(const char *text, uint64_t size_bytes, uint64_t *first, uint64_t *last) {
    uint64_t from = 0;
    uint64_t to = 0;
    if (strncasecmp(text, "bytes=", 6) != 0) {
        return HTTPD_RANGE_WHOLE;
    }
    const char *at = text + 6;
    const bool has_from = take_number(&at, &from);
    if (*at++ != '-') {
        return HTTPD_RANGE_WHOLE;
    }
    const bool has_to = take_number(&at, &to);
    if (*at != '\0' || (!has_from && !has_to) || (has_from && has_to && to < from)) {
        return HTTPD_RANGE_WHOLE;
    }
    if (has_from ? from >= size_bytes : to == 0 || size_bytes == 0) {
        return HTTPD_RANGE_NEVER;
    }
    if (!has_from) {
        /* The last so many bytes; more than there are means all. */
        *first = to >= size_bytes ? 0 : size_bytes - to;
        *last = size_bytes - 1;
    } else {
        *first = from;
        *last = has_to && to < size_bytes ? to : size_bytes - 1;
    }
    return HTTPD_RANGE_PART;
}
