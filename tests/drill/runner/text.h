/* Lines of text that grow up to a fixed length: for reports. */
#ifndef DRILL_TEXT_H
#define DRILL_TEXT_H

#include <stddef.h>
#include <stdint.h>

#define TEXT_BYTES 1024

/* NUL-terminated at all times; what does not fit is cut. All zero is empty. */
struct text {
    size_t len;
    char bytes[TEXT_BYTES];
};

__attribute__((format(printf, 2, 3))) void text_add(struct text *text, const char *format, ...);

/* Adds a time in seconds with six decimals. */
void text_add_time(struct text *text, int64_t time_us);

/* Adds an IPv4 address in host order, dotted. */
void text_add_ipv4(struct text *text, uint32_t address);

#endif
