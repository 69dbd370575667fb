/* Whole numbers from text. */
#ifndef APPS_NUMBER_H
#define APPS_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* Reads a whole number in [min, max]; false: it is not one. */
bool number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *value);

#endif
