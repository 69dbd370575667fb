/* Whole numbers from text. */
#include "number.h"

/* Not strtoul: it takes signs, blanks and trailing text, and leaves overflow to errno. */
bool number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *value) {
    uint64_t number = 0;
    if (*text == '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        const unsigned digit = (unsigned)*text - '0';
        if (digit > 9 || number > (UINT64_MAX - digit) / 10) {
            return false;
        }
        number = number * 10 + digit;
    }
    *value = number;
    return number >= min && number <= max;
}
