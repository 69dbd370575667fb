/* The values of header fields that are kept: whole or not at all. */
#include <string.h>

#include "http/http.h"

void http_value_add(char *value, size_t size, const char *at, size_t bytes) {
    const size_t used = strlen(value);
    if (bytes >= size - used) {
        memcpy(value, "?", 2);
        return;
    }
    memcpy(value + used, at, bytes);
    value[used + bytes] = '\0';
}

void http_value_trim(char *value) {
    size_t len = strlen(value);
    while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t')) {
        value[--len] = '\0';
    }
}

/* Terminals act upon control characters, also those above 0x7f; a blank or a quote would look like the line's own. */
size_t http_value_escape(const char *text, char *escaped, size_t size) {
    static const char digits[] = "0123456789abcdef";
    size_t len = 0;
    for (; *text != '\0' && len + 5 <= size; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c > ' ' && c < 0x7f && c != '\\' && c != '"') {
            escaped[len++] = (char)c;
        } else {
            escaped[len++] = '\\';
            escaped[len++] = 'x';
            escaped[len++] = digits[c >> 4];
            escaped[len++] = digits[c & 15];
        }
    }
    escaped[len] = '\0';
    return len;
}
