/* Fuzzes what the sample programs make of words: numbers, seconds, quantities with units, URLs, a whole command line.
 *
 * The first byte of the input says which, the rest is the text; of a command line each line is a word. Numbers are read a second
 * time, naively; of the others their own promises are the oracle.
 */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "common.h"
#include "get/get.h"
#include "number.h"
#include "wire/app.h"

enum { WORDS_MAX = 40 };

/* ---- numbers ---- */

/* Decimal digits with at most one dot in, before or behind them: its value in millionths; false: it is not that. What lies
 * beyond 10^15 counts as that. */
static bool naive_decimal(const char *text, size_t len, double *value) {
    double number = 0, unit = 1;
    unsigned dots = 0, digits = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '.') {
            dots++;
        } else if (text[i] < '0' || text[i] > '9') {
            return false;
        } else {
            digits++;
            unit = dots > 0 ? unit / 10 : unit;
            number = dots > 0 ? number + unit * (text[i] - '0') : number * 10 + (text[i] - '0');
        }
    }
    *value = number;
    return dots <= 1 && digits > 0;
}

/* Is a quantity what it should be, but for the last digits that a double has? */
static bool near(double found, double wanted) {
    double off = found > wanted ? found - wanted : wanted - found;
    return off <= 1 + wanted * 1e-9;
}

static void fuzz_number(const char *text) {
    unsigned __int128 wanted = 0;
    size_t len = strlen(text);
    bool whole = len > 0;
    for (size_t i = 0; i < len; i++) {
        whole &= text[i] >= '0' && text[i] <= '9' && wanted <= UINT64_MAX;
        wanted = whole ? wanted * 10 + (unsigned)(text[i] - '0') : wanted;
    }
    whole &= wanted <= UINT64_MAX;
    uint64_t number = 0, taken = 0;
    uint16_t port = 0;
    CHECK(number_parse(text, 0, UINT64_MAX, &number) == whole && (!whole || number == (uint64_t)wanted));
    CHECK(number_parse(text, 7, 700, &number) == (whole && wanted >= 7 && wanted <= 700));
    CHECK(common_port(text, &port) == (whole && wanted >= 1 && wanted <= 65535));
    CHECK(port == (port == 0 ? 0 : (uint64_t)wanted));
    const char *words = common_take_number(text, 7, INT64_MAX, &taken);
    CHECK((words == NULL) == (whole && wanted >= 7 && wanted <= INT64_MAX) && (words == NULL || words[0] != '\0'));
}

static void fuzz_quantities(const char *text) {
    static const struct {
        const char *name;
        double us, count;
    } units[] = {{"us", 1, 0}, {"ms", 1e3, 0}, {"s", 1e6, 0}, {"", 0, 1}, {"k", 0, 1e3}, {"M", 0, 1e6}, {"G", 0, 1e9}};
    size_t digits = strspn(text, "0123456789.");
    double value = 0, chance = -1, time_us = -1, count = -1;
    uint64_t us = 0, number = 0;
    bool decimal = naive_decimal(text, digits, &value);
    for (size_t i = 0; decimal && i < ARRAY_LEN(units); i++) {
        if (strcmp(text + digits, units[i].name) == 0) {
            time_us = units[i].us > 0 ? value * units[i].us : time_us;
            count = units[i].count > 0 ? value * units[i].count : count;
        }
    }
    if (common_seconds(text, &us)) {
        CHECK(decimal && text[digits] == '\0' && value <= 1e9 * (1 + 1e-9) && near((double)us, value * 1e6));
    } else {
        CHECK(!decimal || text[digits] != '\0' || value >= 1e9 * (1 - 1e-9));
    }
    if (wire_units_time(text, &us)) {
        CHECK(us <= IMPAIR_TIME_MAX_US && (strcmp(text, "0") == 0 || (time_us >= 0 && near((double)us, time_us))));
    } else {
        CHECK(time_us < 0 || time_us > (double)IMPAIR_TIME_MAX_US - 1);
    }
    if (wire_units_count(text, &number)) {
        CHECK(number >= 1 && number <= 1ULL << 53 && count >= 0 && near((double)number, count));
    } else {
        CHECK(count < 1 + 1e-9 || count > 0x1p53 * (1 - 1e-9));
    }
    bool percent = decimal && (text[digits] == '\0' || strcmp(text + digits, "%") == 0);
    if (wire_units_chance(text, &chance)) {
        CHECK(percent && chance >= 0 && chance <= 1 && near(chance * 1e9, value * 1e7));
    } else {
        CHECK(!percent || value > 100 * (1 - 1e-9));
    }
}

/* ---- URLs ---- */

/* Nothing in it can end the request line or the field in which it is sent (RFC 9112 3). */
static void check_url(const struct get_url *url) {
    CHECK(url->host[0] != '\0' && strlen(url->host) < sizeof url->host && url->port != 0);
    CHECK(url->target[0] == '/' && strlen(url->target) < sizeof url->target);
    for (const char *at = url->host; *at != '\0'; at++) {
        CHECK((unsigned char)*at > ' ' && *at != 0x7f && strchr("/?#@", *at) == NULL);
    }
    for (const char *at = url->target; *at != '\0'; at++) {
        CHECK((unsigned char)*at > ' ' && *at != 0x7f && *at != '#');
    }
}

/* What was taken apart can be written again, and is the same then. */
static void check_again(const struct get_url *url) {
    static char text[2 * GET_URL_MAX];
    struct get_url again;
    bool literal = strpbrk(url->host, ":%") != NULL; /* an IPv6 address, and perhaps its zone */
    snprintf(text, sizeof text, "http://%s%s%s:%u%s", literal ? "[" : "", url->host, literal ? "]" : "",
             (unsigned)url->port, url->target);
    const char *why = get_url_parse(text, &again);
    if (why == NULL) {
        CHECK(strcmp(again.host, url->host) == 0 && again.port == url->port && strcmp(again.target, url->target) == 0);
    } else {
        CHECK(strcmp(why, "too long") == 0);
    }
}

/* The first line is the URL, the second one where it sends us. */
static void fuzz_url(char *text) {
    struct get_url url, next;
    char *location = strchr(text, '\n');
    if (location != NULL) {
        *location++ = '\0';
    }
    const char *why = get_url_parse(text, &url);
    if (why != NULL) {
        CHECK(why[0] != '\0');
        return;
    }
    check_url(&url);
    check_again(&url);
    if (location != NULL && get_url_follow(&url, location, &next) == NULL) {
        check_url(&next);
        check_again(&next);
    }
}

/* ---- the command line of tapir-wire ---- */

static void check_way(const struct impair_config *config) {
    CHECK(config->mtu_count <= IMPAIR_MTU_STEPS_MAX && config->rate_bps <= IMPAIR_RATE_MAX_BPS);
    CHECK((config->rate_bps == 0) == (config->queue_bytes == 0) && config->queue_bytes <= IMPAIR_QUEUE_MAX_BYTES);
    CHECK(config->delay_us <= IMPAIR_TIME_MAX_US && config->jitter_us <= IMPAIR_TIME_MAX_US);
    CHECK(config->loss >= 0 && config->loss <= 1 && config->corrupt >= 0 && config->corrupt <= 1);
    CHECK(config->duplicate >= 0 && config->duplicate <= 1 && config->reorder >= 0 && config->reorder <= 1);
}

static void fuzz_wire(char *text) {
    static char name[] = "tapir-wire";
    char *words[WORDS_MAX + 1] = {name}, error[64];
    int count = 1;
    for (char *word = text; word != NULL && count < WORDS_MAX; count++) {
        char *end = strchr(word, '\n');
        words[count] = word;
        if (end != NULL) {
            *end++ = '\0';
        }
        word = end;
    }
    struct wire_options options;
    memset(error, 0, sizeof error);
    error[sizeof error - 1] = 'x';
    enum wire_options_verdict verdict = wire_options_parse(&options, count, words, error, sizeof error - 1);
    CHECK(error[sizeof error - 1] == 'x' && (verdict != WIRE_WRONG || error[0] != '\0'));
    if (verdict == WIRE_RUN) {
        CHECK(options.ends[0].tap != NULL && options.ends[1].tap != NULL);
        check_way(&options.wishes[WIRE_FORTH].config);
        check_way(&options.wishes[WIRE_BACK].config);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    if (len == 0) {
        return 0;
    }
    /* In a block of its own size, so that AddressSanitizer sees one byte of overread. */
    char *text = malloc(len);
    CHECK(text != NULL);
    memcpy(text, data + 1, len - 1);
    text[len - 1] = '\0';
    switch (data[0] % 4) {
    case 0:
        fuzz_number(text);
        break;
    case 1:
        fuzz_quantities(text);
        break;
    case 2:
        fuzz_url(text);
        break;
    default:
        fuzz_wire(text);
    }
    free(text);
    return 0;
}
