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
    if (strncasecmp(text, "bytes=", 6) != 0) {
        return HTTPD_RANGE_WHOLE;
    }
    const char *at = text + 6;
    const bool has_first = take_number(&at, first);
    if (*at++ != '-') {
        return HTTPD_RANGE_WHOLE;
    }
    const bool has_last = take_number(&at, last);
    if (*at != '\0' || (!has_first && !has_last) || (has_first && has_last && *last < *first)) {
        return HTTPD_RANGE_WHOLE;
    }
    if (!has_first) {
        /* The last so many bytes; more than there are means all. */
        if (*last == 0 || size_bytes == 0) {
            return HTTPD_RANGE_NEVER;
        }
        *first = *last >= size_bytes ? 0 : size_bytes - *last;
        *last = size_bytes - 1;
        return HTTPD_RANGE_PART;
    }
    if (*first >= size_bytes) {
        return HTTPD_RANGE_NEVER;
    }
    if (!has_last || *last >= size_bytes) {
        *last = size_bytes - 1;
    }
    return HTTPD_RANGE_PART;
}
