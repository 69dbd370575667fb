/* Lines of text that grow up to a fixed length. */
#include "text.h"

#include <stdarg.h>
#include <stdio.h>

void text_add(struct text *text, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int added = vsnprintf(text->bytes + text->len, sizeof text->bytes - text->len, format, args);
    va_end(args);
    text->len += added > 0 ? (size_t)added : 0;
    if (text->len >= sizeof text->bytes) {
        text->len = sizeof text->bytes - 1;
    }
}

void text_add_time(struct text *text, int64_t time_us) {
    const char *sign = time_us < 0 ? "-" : "";
    uint64_t us = time_us < 0 ? (uint64_t)-time_us : (uint64_t)time_us;
    text_add(text, "%s%llu.%06llu", sign, (unsigned long long)(us / 1000000), (unsigned long long)(us % 1000000));
}

void text_add_ipv4(struct text *text, uint32_t address) {
    text_add(text, "%u.%u.%u.%u", address >> 24, address >> 16 & 255, address >> 8 & 255, address & 255);
}
