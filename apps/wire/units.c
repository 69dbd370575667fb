/* Quantities as people write them: 1.5%, 20ms, 64k. */
#include <stdlib.h>
#include <string.h>

#include "wire/app.h"

struct unit {
    const char *name;
    double factor;
};

/* A decimal number and one of `count` units; false: it is not that. No sign, no exponent, no hexadecimal. */
static bool quantity(const char *text, const struct unit *units, size_t count, double *value) {
    const size_t digits = strspn(text, "0123456789.");
    char *end;
    const double number = strtod(text, &end);
    if (digits == 0 || end != text + digits) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(end, units[i].name) == 0) {
            *value = number * units[i].factor;
            return true;
        }
    }
    return false;
}

bool wire_units_chance(const char *text, double *chance) {
    static const struct unit units[] = {{"%", 0.01}, {"", 0.01}};
    double value;
    if (!quantity(text, units, 2, &value) || value > 1) {
        return false;
    }
    *chance = value;
    return true;
}

/* A number without a unit could mean any of them; only 0 is unambiguous. */
bool wire_units_time(const char *text, uint64_t *us) {
    static const struct unit units[] = {{"us", 1}, {"ms", 1e3}, {"s", 1e6}};
    double value = 0;
    if (strcmp(text, "0") != 0 && (!quantity(text, units, 3, &value) || value > (double)IMPAIR_TIME_MAX_US)) {
        return false;
    }
    *us = (uint64_t)(value + 0.5);
    return true;
}

bool wire_units_count(const char *text, uint64_t *count) {
    static const struct unit units[] = {{"", 1}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}};
    double value;
    if (!quantity(text, units, 4, &value) || value < 1 || value > 0x1p53) {
        return false;
    }
    *count = (uint64_t)(value + 0.5);
    return true;
}
