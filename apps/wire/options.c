/* Reads the command line of tapir-wire. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "common.h"
#include "number.h"
#include "wire/app.h"

/* A queue of this time unless told otherwise, but never less than ten full frames. */
#define QUEUE_DEFAULT_US 50000U
#define QUEUE_DEFAULT_MIN 15140U

enum {
    OPTION_TAP = 1,
    OPTION_NS,
    OPTION_HOST,
    OPTION_HOST_MTU,
    OPTION_FORTH,
    OPTION_BACK,
    OPTION_BOTH,
    OPTION_SEED,
    OPTION_NO_OFFLOAD,
    OPTION_QUIET,
    OPTION_USER,
    OPTION_HELP,
    OPTION_VERSION,
    OPTION_WISH, /* from here on: of a direction */
    OPTION_FLAP = OPTION_WISH,
    OPTION_MTU,
    OPTION_RATE,
    OPTION_QUEUE,
    OPTION_ECN,
    OPTION_DROP,
    OPTION_DROP_COUNT,
    OPTION_MATCH,
    OPTION_LOSS,
    OPTION_BURST,
    OPTION_EVERY,
    OPTION_DUPLICATE,
    OPTION_CORRUPT,
    OPTION_REORDER,
    OPTION_DELAY,
    OPTION_JITTER,
};

static const struct option longs[] = {
    {"tap", required_argument, NULL, OPTION_TAP},
    {"ns", required_argument, NULL, OPTION_NS},
    {"host", required_argument, NULL, OPTION_HOST},
    {"host-mtu", required_argument, NULL, OPTION_HOST_MTU},
    {"forth", no_argument, NULL, OPTION_FORTH},
    {"back", no_argument, NULL, OPTION_BACK},
    {"both", no_argument, NULL, OPTION_BOTH},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"no-offload", no_argument, NULL, OPTION_NO_OFFLOAD},
    {"quiet", no_argument, NULL, OPTION_QUIET},
    {"user", required_argument, NULL, OPTION_USER},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {"flap", required_argument, NULL, OPTION_FLAP},
    {"mtu", required_argument, NULL, OPTION_MTU},
    {"rate", required_argument, NULL, OPTION_RATE},
    {"queue", required_argument, NULL, OPTION_QUEUE},
    {"ecn", required_argument, NULL, OPTION_ECN},
    {"drop", required_argument, NULL, OPTION_DROP},
    {"drop-count", required_argument, NULL, OPTION_DROP_COUNT},
    {"match", required_argument, NULL, OPTION_MATCH},
    {"loss", required_argument, NULL, OPTION_LOSS},
    {"burst", required_argument, NULL, OPTION_BURST},
    {"every", required_argument, NULL, OPTION_EVERY},
    {"duplicate", required_argument, NULL, OPTION_DUPLICATE},
    {"corrupt", required_argument, NULL, OPTION_CORRUPT},
    {"reorder", required_argument, NULL, OPTION_REORDER},
    {"delay", required_argument, NULL, OPTION_DELAY},
    {"jitter", required_argument, NULL, OPTION_JITTER},
    {0},
};

#define CHANCE "a percentage from 0 to 100, such as 0.5%"

/* What an option takes, for whoever gave it something else. */
static const char *const wants[] = {
    [OPTION_TAP] = "the name of a device, and there are two",
    [OPTION_NS] = "a namespace, and it goes behind the --tap of its end",
    [OPTION_HOST] = "an address, and it goes behind the --tap of its end",
    [OPTION_HOST_MTU] = "a whole number from 68 to 65521, and it goes behind the --tap of its end",
    [OPTION_SEED] = "a whole number below 2^64",
    [OPTION_FLAP] = "two times with their units, such as 10s:500ms, and perhaps :N",
    [OPTION_MTU] = "bytes, or at most 16 steps, such as 1500,10s:1000",
    [OPTION_RATE] = "bits per second, such as 64k, 10M or 1.5G",
    [OPTION_QUEUE] = "bytes, such as 64k, or a time with its unit, such as 20ms",
    [OPTION_ECN] = "bytes, such as 64k, or a time with its unit, such as 20ms",
    [OPTION_DROP_COUNT] = "a whole number, at least 1",
    [OPTION_LOSS] = CHANCE,
    [OPTION_BURST] = "two to four percentages, such as 1,25,100,0, the first above 0",
    [OPTION_EVERY] = "a whole number from 1 to 4294967295",
    [OPTION_DUPLICATE] = CHANCE,
    [OPTION_CORRUPT] = CHANCE,
    [OPTION_REORDER] = "a percentage and a time with its unit, such as 3%,4ms",
    [OPTION_DELAY] = "a time with its unit, such as 300us, 20ms or 1.5s, an hour at most",
    [OPTION_JITTER] = "a time with its unit, such as 5ms, and perhaps ,normal and ,overtake",
};

static const char *name_of(int option) {
    size_t i = 0;
    while (longs[i].val != option) {
        i++;
    }
    return longs[i].name;
}

/* Takes the next word of a list into word[size] and moves *list behind its separator; false: none, or too long. */
static bool next_word(const char **list, char separator, char *word, size_t size) {
    if (*list == NULL) {
        return false;
    }
    const char *end = strchr(*list, separator);
    const size_t length = end == NULL ? strlen(*list) : (size_t)(end - *list);
    if (length >= size) {
        return false;
    }
    memcpy(word, *list, length);
    word[length] = '\0';
    *list = end == NULL ? NULL : end + 1;
    return true;
}

/* No suffix: counts of frames and bytes of an MTU are written out. */
static bool take_u32(const char *value, uint64_t min, uint32_t *number) {
    uint64_t wide;
    if (!number_parse(value, min, UINT32_MAX, &wide)) {
        return false;
    }
    *number = (uint32_t)wide;
    return true;
}

/* UP:DOWN[:N] */
static bool take_flap(struct impair_config *config, const char *value) {
    char up[32];
    char down[32];
    if (!next_word(&value, ':', up, sizeof up) || !next_word(&value, ':', down, sizeof down) ||
        !wire_units_time(up, &config->up_us) || !wire_units_time(down, &config->down_us) || config->down_us == 0) {
        return false;
    }
    config->down_times = 0;
    return value == NULL || take_u32(value, 1, &config->down_times);
}

/* B or T:B; only the first step may do without a time. */
static bool take_step(struct impair_mtu_step *step, bool first, const char *value) {
    char at[32];
    step->at_us = 0;
    if (strchr(value, ':') == NULL) {
        return first && take_u32(value, 1, &step->mtu_bytes);
    }
    return next_word(&value, ':', at, sizeof at) && wire_units_time(at, &step->at_us) &&
           take_u32(value, 1, &step->mtu_bytes);
}

/* The steps, separated by commas. Their order is checked with the rest. */
static bool take_mtu(struct impair_config *config, const char *value) {
    char word[32];
    config->mtu_count = 0;
    while (value != NULL) {
        if (config->mtu_count == IMPAIR_MTU_STEPS_MAX || !next_word(&value, ',', word, sizeof word) ||
            !take_step(&config->mtu[config->mtu_count], config->mtu_count == 0, word)) {
            return false;
        }
        config->mtu_count++;
    }
    return true;
}

/* IN,OUT[,BAD[,GOOD]] */
static bool take_burst(struct impair_burst *burst, const char *value) {
    double chances[4] = {0, 0, 1, 0};
    char word[32];
    size_t count = 0;
    while (value != NULL) {
        if (count == 4 || !next_word(&value, ',', word, sizeof word) || !wire_units_chance(word, &chances[count])) {
            return false;
        }
        count++;
    }
    *burst = (struct impair_burst){
        .enter = chances[0], .leave = chances[1], .loss_bad = chances[2], .loss_good = chances[3]};
    return count >= 2 && burst->enter > 0;
}

/* P,T */
static bool take_reorder(struct impair_config *config, const char *value) {
    char word[32];
    return next_word(&value, ',', word, sizeof word) && value != NULL && wire_units_chance(word, &config->reorder) &&
           wire_units_time(value, &config->hold_us);
}

/* T[,normal][,overtake] */
static bool take_jitter(struct impair_config *config, const char *value) {
    char word[32];
    if (!next_word(&value, ',', word, sizeof word) || !wire_units_time(word, &config->jitter_us)) {
        return false;
    }
    /* The words of an earlier --jitter go with its time. */
    config->shape = IMPAIR_UNIFORM;
    config->overtake = false;
    while (next_word(&value, ',', word, sizeof word)) {
        if (strcmp(word, "normal") == 0) {
            config->shape = IMPAIR_NORMAL;
        } else if (strcmp(word, "overtake") == 0) {
            config->overtake = true;
        } else {
            return false;
        }
    }
    return value == NULL;
}

/* Bytes or a time: no text is both, since a time has a unit. An earlier value no longer counts. */
static bool take_length(struct wire_length *length, const char *value) {
    *length = (struct wire_length){0};
    return wire_units_count(value, &length->bytes) || (wire_units_time(value, &length->us) && length->us > 0);
}

/* An option of one direction: its bottleneck and link. */
static bool take_link(struct wire_wish *wish, int c, const char *value) {
    switch (c) {
    case OPTION_FLAP:
        return take_flap(&wish->config, value);
    case OPTION_MTU:
        return take_mtu(&wish->config, value);
    case OPTION_RATE:
        return wire_units_count(value, &wish->config.rate_bps);
    case OPTION_QUEUE:
        return take_length(&wish->queue, value);
    case OPTION_ECN:
        return take_length(&wish->ecn, value);
    case OPTION_DELAY:
        return wire_units_time(value, &wish->config.delay_us);
    default:
        return take_jitter(&wish->config, value);
    }
}

/* An option of one direction: what happens to its frames. */
static bool take_accident(struct wire_wish *wish, int c, const char *value) {
    switch (c) {
    case OPTION_DROP:
        wish->drop = value;
        return true;
    case OPTION_DROP_COUNT:
        return number_parse(value, 1, UINT64_MAX, &wish->config.drop_count);
    case OPTION_MATCH:
        wish->match = value;
        return true;
    case OPTION_LOSS:
        return wire_units_chance(value, &wish->config.loss);
    case OPTION_BURST:
        return take_burst(&wish->config.burst, value);
    case OPTION_EVERY:
        return take_u32(value, 1, &wish->config.nth);
    case OPTION_DUPLICATE:
        return wire_units_chance(value, &wish->config.duplicate);
    case OPTION_CORRUPT:
        return wire_units_chance(value, &wish->config.corrupt);
    default:
        return take_reorder(&wish->config, value);
    }
}

/* The accidents are adjacent in the list of options. */
static bool take_wish(struct wire_wish *wish, int c, const char *value) {
    const bool accident = c >= OPTION_DROP && c <= OPTION_REORDER;
    return accident ? take_accident(wish, c, value) : take_link(wish, c, value);
}

/* An option of the end that the last --tap began. */
static bool take_end(struct wire_end *end, int c, const char *value) {
    switch (c) {
    case OPTION_NS:
        end->ns = value;
        return *value != '\0';
    case OPTION_HOST:
        end->host = value;
        return true;
    default:
        return take_u32(value, TAPIR_MTU_MIN, &end->mtu_bytes) && end->mtu_bytes <= TAPIR_MTU_MAX;
    }
}

/* Where the parser stands: how many ends there are, and which directions are meant, a bit each. */
struct cursor {
    struct wire_options *options;
    size_t ends;
    unsigned ways;
};

/* Takes option `c`; false: its value makes no sense there. */
static bool take(struct cursor *cursor, int c, const char *value) {
    bool good = true;
    switch (c) {
    case OPTION_TAP:
        if (cursor->ends == 2) {
            return false;
        }
        cursor->options->ends[cursor->ends++].tap = value;
        return *value != '\0';
    case OPTION_NS:
    case OPTION_HOST:
    case OPTION_HOST_MTU:
        return cursor->ends > 0 && take_end(&cursor->options->ends[cursor->ends - 1], c, value);
    case OPTION_FORTH:
    case OPTION_BACK:
    case OPTION_BOTH:
        cursor->ways = c == OPTION_FORTH ? 1U << WIRE_FORTH : c == OPTION_BACK ? 1U << WIRE_BACK : 3U;
        return true;
    case OPTION_SEED:
        cursor->options->seeded = true;
        return number_parse(value, 0, UINT64_MAX, &cursor->options->seed);
    case OPTION_NO_OFFLOAD:
        cursor->options->no_offload = true;
        return true;
    case OPTION_QUIET:
        cursor->options->quiet = true;
        return true;
    case OPTION_USER:
        cursor->options->user = value;
        return true;
    default:
        for (unsigned way = 0; way < WIRE_WAYS; way++) {
            good = good && ((cursor->ways >> way & 1) == 0 || take_wish(&cursor->options->wishes[way], c, value));
        }
        return good;
    }
}

/* The bytes that a length stands for at a rate. Time and rate are bounded, but not so that 64 bits hold the product. */
static uint64_t length_bytes(const struct wire_length *length, uint64_t rate_bps) {
    const double bytes = (double)length->us * (double)rate_bps / 8e6;
    const uint64_t limit = 2 * IMPAIR_QUEUE_MAX_BYTES; /* more is refused all the same */
    if (length->us == 0) {
        return length->bytes;
    }
    return bytes > (double)limit ? limit : (uint64_t)(bytes < 1 ? 1 : bytes);
}

/* Completes a direction; NULL, or what is wrong with it. */
static const char *complete(struct wire_wish *wish) {
    /* Not before now: the rate, which turns the queue's time into a length, may come after the queue. */
    const struct wire_length default_queue = {.us = QUEUE_DEFAULT_US};
    struct impair_config *config = &wish->config;
    const bool given = wish->queue.bytes != 0 || wish->queue.us != 0;
    if (config->rate_bps == 0 && (given || wish->ecn.bytes != 0 || wish->ecn.us != 0)) {
        return "--queue and --ecn need a --rate";
    }
    if (config->drop_count != 0 && wish->drop == NULL) {
        return "--drop-count needs a --drop";
    }
    config->queue_bytes = length_bytes(given ? &wish->queue : &default_queue, config->rate_bps);
    config->ecn_bytes = length_bytes(&wish->ecn, config->rate_bps);
    if (config->rate_bps == 0) {
        config->queue_bytes = 0;
    } else if (!given && config->queue_bytes < QUEUE_DEFAULT_MIN) {
        config->queue_bytes = QUEUE_DEFAULT_MIN;
    }
    /* The filters come later; what needs them has been checked. */
    struct impair_config judged = *config;
    judged.drop_count = 0;
    return impair_config_problem(&judged);
}

/* Are the two ends one device? A name with %d is a new one each time. */
static bool is_loop(const struct wire_end ends[2]) {
    const char *namespaces[2] = {ends[0].ns, ends[1].ns};
    for (int i = 0; i < 2; i++) {
        namespaces[i] = namespaces[i] == NULL ? "" : namespaces[i];
    }
    return strcmp(ends[0].tap, ends[1].tap) == 0 && strchr(ends[0].tap, '%') == NULL &&
           strcmp(namespaces[0], namespaces[1]) == 0;
}

/* What the options mean together. false: nothing good, and error says why. */
static bool judge(const struct cursor *cursor, char *error, size_t size) {
    struct wire_options *options = cursor->options;
    if (cursor->ends != 2) {
        snprintf(error, size, "a wire has two ends: give --tap twice");
        return false;
    }
    if (is_loop(options->ends)) {
        snprintf(error, size, "both ends are %s: name two devices, or give one of them its namespace (--ns)",
                 options->ends[0].tap);
        return false;
    }
    for (int i = 0; i < 2; i++) {
        if (options->ends[i].mtu_bytes != 0 && options->ends[i].host == NULL) {
            snprintf(error, size, "--host-mtu goes with --host");
            return false;
        }
    }
    for (int way = 0; way < WIRE_WAYS; way++) {
        const char *problem = complete(&options->wishes[way]);
        if (problem != NULL) {
            snprintf(error, size, "%s: %s", way == WIRE_FORTH ? "forth" : "back", problem);
            return false;
        }
    }
    return true;
}

enum wire_options_verdict wire_options_parse(struct wire_options *options, int argc, char **argv, char *error,
                                             size_t size) {
    struct cursor cursor = {.options = options, .ways = 3};
    *options = (struct wire_options){0};
    opterr = 0;
    optind = 0; /* GNU: from the beginning, whoever called getopt before */
    for (;;) {
        const int here = optind == 0 ? 1 : optind;
        const int c = getopt_long(argc, argv, "", longs, NULL);
        if (c == -1) {
            break;
        }
        /* At once: a call for help need not have the rest right. */
        if (c == OPTION_HELP || c == OPTION_VERSION) {
            return c == OPTION_HELP ? WIRE_HELP : WIRE_VERSION;
        }
        if (c == '?' || c == ':') {
            snprintf(error, size, "%s is unknown, or its value is missing or not wanted", argv[here]);
            return WIRE_WRONG;
        }
        if (!take(&cursor, c, optarg)) {
            snprintf(error, size, "--%s %s: it takes %s", name_of(c), optarg, wants[c]);
            return WIRE_WRONG;
        }
    }
    if (optind < argc) {
        snprintf(error, size, "%s is no option", argv[optind]);
        return WIRE_WRONG;
    }
    return judge(&cursor, error, size) ? WIRE_RUN : WIRE_WRONG;
}
