/* Wire's command line, quantities, filters, report and loop. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wire/app.h"

static struct wire_options options;
static char error[512];

/* Parses the words of a line, which hold no blanks themselves. */
static enum wire_options_verdict parse(const char *line) {
    static char text[1024];
    char *argv[64] = {(char *)(uintptr_t) "tapir-wire"};
    int argc = 1;
    snprintf(text, sizeof text, "%s", line);
    for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " ")) {
        argv[argc++] = word;
    }
    error[0] = '\0';
    return wire_options_parse(&options, argc, argv, error, sizeof error);
}

#define ENDS "--tap a --tap b "

static const struct impair_config *forth(const char *line) {
    cr_assert_eq(parse(line), WIRE_RUN, "%s: %s", line, error);
    return &options.wishes[WIRE_FORTH].config;
}

static const struct impair_config *back(void) { return &options.wishes[WIRE_BACK].config; }

static void wrong(const char *line, const char *why) {
    cr_assert_eq(parse(line), WIRE_WRONG, "%s", line);
    cr_assert_not_null(strstr(error, why), "%s: %s", line, error);
}

Test(wire, chances) {
    double chance = -1;
    static const struct {
        const char *text;
        double chance;
    } good[] = {{"0", 0}, {"1", 0.01}, {"1%", 0.01}, {"0.5%", 0.005}, {".5", 0.005}, {"100%", 1}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        cr_assert(wire_units_chance(good[i].text, &chance), "%s", good[i].text);
        cr_assert(chance > good[i].chance - 1e-12 && chance < good[i].chance + 1e-12, "%s: %g", good[i].text, chance);
    }
    static const char *const bad[] = {"", "%", ".", "-1", "+1", "100.1", "1e1", "0x1", "1 %", "1%%", "nan", "1.2.3"};
    chance = 7;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_assert_not(wire_units_chance(bad[i], &chance), "%s", bad[i]);
        cr_assert_eq(chance, 7.0, "untouched");
    }
}

Test(wire, times) {
    uint64_t us = 0;
    static const struct {
        const char *text;
        uint64_t us;
    } good[] = {{"0", 0}, {"20ms", 20000}, {"1.5s", 1500000}, {"300us", 300}, {"0.0015ms", 2}, {"3600s", 3600000000}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        cr_assert(wire_units_time(good[i].text, &us) && us == good[i].us, "%s: %llu", good[i].text,
                  (unsigned long long)us);
    }
    static const char *const bad[] = {"", "5", "ms", "5m", "5 ms", "-5ms", "3601s", "1h"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_assert_not(wire_units_time(bad[i], &us), "%s", bad[i]);
    }
}

Test(wire, counts) {
    uint64_t count = 0;
    static const struct {
        const char *text;
        uint64_t count;
    } good[] = {{"1", 1}, {"64k", 64000}, {"1.5M", 1500000}, {"10G", 10000000000}, {"1000000G", 1000000000000000}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        cr_assert(wire_units_count(good[i].text, &count) && count == good[i].count, "%s: %llu", good[i].text,
                  (unsigned long long)count);
    }
    static const char *const bad[] = {"", "0", "k", "1K", "1T", "-1", "0.2", "99999999G"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_assert_not(wire_units_count(bad[i], &count), "%s", bad[i]);
    }
}

Test(wire, ends) {
    cr_assert_eq(parse("--tap a --ns left --host 10.0.0.1/24 --host-mtu 9000 --tap b --ns /proc/1/ns/net"), WIRE_RUN);
    cr_assert_str_eq(options.ends[0].tap, "a");
    cr_assert_str_eq(options.ends[0].ns, "left");
    cr_assert_str_eq(options.ends[0].host, "10.0.0.1/24");
    cr_assert_eq(options.ends[0].mtu_bytes, 9000);
    cr_assert_str_eq(options.ends[1].tap, "b");
    cr_assert_str_eq(options.ends[1].ns, "/proc/1/ns/net");
    cr_assert_null(options.ends[1].host);
    wrong("", "two ends");
    wrong("--tap a", "two ends");
    wrong("--tap a --tap b --tap c", "--tap c: it takes the name of a device, and there are two");
    wrong("--ns x --tap a --tap b", "--ns x: it takes a namespace, and it goes behind the --tap of its end");
    wrong("--tap a --host-mtu 1000 --tap b", "--host-mtu goes with --host");
    wrong("--tap a --host 10.0.0.1/24 --host-mtu 67 --tap b",
          "--host-mtu 67: it takes a whole number from 68 to 65521");
    wrong(ENDS "c", "c is no option");
    wrong(ENDS "--tip", "--tip is unknown");
    wrong(ENDS "--loss", "--loss is unknown, or its value is missing");
}

Test(wire, the_program) {
    cr_assert_eq(parse("--help"), WIRE_HELP);
    cr_assert_eq(parse("--version"), WIRE_VERSION);
    cr_assert_eq(parse(ENDS), WIRE_RUN);
    cr_assert_not(options.seeded || options.quiet || options.no_offload);
    cr_assert_eq(parse(ENDS "--seed 18446744073709551615 --quiet --no-offload"), WIRE_RUN);
    cr_assert(options.seeded && options.quiet && options.no_offload);
    cr_assert_eq(options.seed, UINT64_MAX);
    wrong(ENDS "--seed -1", "--seed -1: it takes a whole number");
}

Test(wire, directions) {
    const struct impair_config *config = forth(ENDS "--loss 1 --forth --delay 5ms --back --delay 7ms --both --every 9");
    cr_assert_eq(config->delay_us, 5000);
    cr_assert_eq(back()->delay_us, 7000);
    cr_assert(config->loss > 0 && back()->loss > 0);
    cr_assert(config->nth == 9 && back()->nth == 9);
    config = forth(ENDS "--back --corrupt 3%");
    cr_assert(config->corrupt <= 0 && back()->corrupt > 0.029);
}

Test(wire, nothing_is_a_perfect_wire) {
    static const struct impair_config perfect;
    cr_assert_eq(memcmp(forth(ENDS), &perfect, sizeof perfect), 0);
    cr_assert_eq(memcmp(back(), &perfect, sizeof perfect), 0);
}

Test(wire, flap) {
    const struct impair_config *config = forth(ENDS "--flap 10s:500ms");
    cr_assert(config->up_us == 10000000 && config->down_us == 500000 && config->down_times == 0);
    cr_assert_eq(forth(ENDS "--flap 0:1s:3")->down_times, 3);
    static const char *const bad[] = {"10s", "10s:", ":10s", "10s:0", "1s:1s:0", "1s:1s:", "1s:1s:1:1", "1s,1s"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char line[128];
        snprintf(line, sizeof line, ENDS "--flap %s", bad[i]);
        wrong(line, "it takes two times with their units");
    }
}

#define SEVENTEEN_STEPS "1,1s:1,2s:1,3s:1,4s:1,5s:1,6s:1,7s:1,8s:1,9s:1,10s:1,11s:1,12s:1,13s:1,14s:1,15s:1,16s:1"

Test(wire, mtu) {
    const struct impair_config *config = forth(ENDS "--mtu 1500,10s:1000,20s:1400");
    cr_assert_eq(config->mtu_count, 3);
    cr_assert(config->mtu[0].at_us == 0 && config->mtu[0].mtu_bytes == 1500);
    cr_assert(config->mtu[2].at_us == 20000000 && config->mtu[2].mtu_bytes == 1400);
    cr_assert_eq(forth(ENDS "--mtu 5s:1000")->mtu[0].at_us, 5000000);
    wrong(ENDS "--mtu 10s:1000,5s:900", "one after the other");
    static const char *const bad[] = {"0", "x", "1500,1000", "1500,", "10s:", "1500:1000", SEVENTEEN_STEPS};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char line[256];
        snprintf(line, sizeof line, ENDS "--mtu %s", bad[i]);
        wrong(line, "it takes bytes, or at most 16 steps");
    }
}

Test(wire, rate_and_queue) {
    const struct impair_config *config = forth(ENDS "--rate 100M");
    cr_assert(config->rate_bps == 100000000 && config->queue_bytes == 625000 && config->ecn_bytes == 0);
    cr_assert_eq(forth(ENDS "--rate 64k")->queue_bytes, 15140, "never less than ten frames");
    cr_assert_eq(forth(ENDS "--rate 64k --queue 3000")->queue_bytes, 3000);
    cr_assert_eq(forth(ENDS "--queue 20ms --ecn 5ms --rate 10M")->queue_bytes, 25000, "in any order");
    cr_assert_eq(options.wishes[WIRE_FORTH].config.ecn_bytes, 6250);
    /* The later word wins, whichever way it is said. */
    cr_assert_eq(forth(ENDS "--rate 10M --queue 20ms --queue 4k")->queue_bytes, 4000);
    wrong(ENDS "--queue 64k", "need a --rate");
    wrong(ENDS "--ecn 1ms", "need a --rate");
    wrong(ENDS "--rate 10M --queue 10ms --ecn 10ms", "never comes");
    wrong(ENDS "--rate 2000G", "at most 1 Tbit/s");
    wrong(ENDS "--rate 1G --queue 3600s", "1 GiB");
    wrong(ENDS "--rate 1G --queue 0", "0: it takes b");
    wrong(ENDS "--rate 0", "0: it takes b");
}

Test(wire, accidents) {
    const struct impair_config *config =
        forth(ENDS "--burst 1%,25%,90%,1% --duplicate 2 --reorder 3%,4ms --jitter 5ms,normal,overtake");
    cr_assert(config->burst.enter > 0.009 && config->burst.leave > 0.24 && config->burst.loss_bad > 0.89 &&
              config->burst.loss_good > 0.009);
    cr_assert(config->duplicate > 0.019 && config->reorder > 0.029 && config->hold_us == 4000);
    cr_assert(config->jitter_us == 5000 && config->shape == IMPAIR_NORMAL && config->overtake);
    cr_assert(forth(ENDS "--burst 1,25")->burst.loss_bad > 0.999, "all are lost");
    cr_assert_eq(forth(ENDS "--jitter 5ms,normal --jitter 1ms")->shape, IMPAIR_UNIFORM, "said anew");
    static const char *const bad[] = {"--burst 1",      "--burst 0,1",    "--burst 1,2,3,4,5", "--reorder 1",
                                      "--reorder 1,1",  "--reorder ,1ms", "--jitter 5",        "--jitter 5ms,odd",
                                      "--jitter 5ms,",  "--loss 101",     "--every 0",         "--every 4294967296",
                                      "--duplicate x%", "--drop-count 0"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char line[128];
        snprintf(line, sizeof line, ENDS "%s", bad[i]);
        wrong(line, "it takes ");
    }
}

Test(wire, filters_of_a_direction) {
    forth(ENDS "--drop udp --drop-count 2 --back --match arp");
    cr_assert_str_eq(options.wishes[WIRE_BACK].drop, "udp");
    cr_assert_eq(back()->drop_count, 2);
    cr_assert_null(options.wishes[WIRE_FORTH].match);
    cr_assert_str_eq(options.wishes[WIRE_BACK].match, "arp");
    wrong(ENDS "--drop-count 2", "needs a --drop");
}

Test(wire, every_option_is_in_the_help) {
    static const char *const names[] = {"--tap",   "--ns",      "--host",   "--host-mtu",   "--forth",   "--back",
                                        "--both",  "--seed",    "--flap",   "--mtu",        "--rate",    "--queue",
                                        "--ecn",   "--drop",    "--match",  "--loss",       "--help",    "--drop-count",
                                        "--burst", "--every",   "--quiet",  "--no-offload", "--version", "--duplicate",
                                        "--delay", "--corrupt", "--jitter", "--reorder"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const size_t length = strlen(names[i]);
        const char *at = strstr(wire_help, names[i]);
        /* Not as the beginning of a longer name. */
        while (at != NULL && strchr(" ,\n", at[length]) == NULL) {
            at = strstr(at + 1, names[i]);
        }
        cr_assert_not_null(at, "%s", names[i]);
    }
}

Test(wire, filter) {
    uint8_t arp[42] = {[12] = 0x08, [13] = 0x06};
    struct bpf_program *filter = wire_filter_new("arp", error, sizeof error);
    cr_assert_not_null(filter, "%s", error);
    cr_assert(wire_filter_chooses(filter, arp, sizeof arp));
    arp[13] = 0;
    cr_assert_not(wire_filter_chooses(filter, arp, sizeof arp));
    cr_assert_not(wire_filter_chooses(filter, arp, 3), "too short to tell");
    wire_filter_free(filter);
    wire_filter_free(NULL);
    cr_assert_null(wire_filter_new("nonsense here", error, sizeof error));
    cr_assert_not_null(strstr(error, "nonsense here"), "%s", error);
}

Test(wire, report_names_what_is_not_zero) {
    char text[WIRE_REPORT_BYTES];
    struct impair_stats stats = {.in = 5, .in_bytes = 500, .out = 3, .out_bytes = 300};
    cr_assert_str_eq(wire_report_text(&stats, 0, text), "5 frames in (500 bytes), 3 out (300 bytes)");
    stats.lost_random = 2;
    cr_assert_str_eq(wire_report_text(&stats, 1, text),
                     "5 frames in (500 bytes), 3 out (300 bytes); 2 lost at random; 1 refused by the far end");
    memset(&stats, 0xff, sizeof stats);
    wire_report_text(&stats, UINT64_MAX, text);
    cr_assert_not_null(strstr(text, "bytes queued at most"), "there is room for the longest: %s", text);
}

/* A device of a test: `left` frames come in, then it is silent or gone; what goes out is counted. */
struct fake {
    struct tapir_device device;
    int left, then, out;
    uint8_t last;
    volatile sig_atomic_t *stop;
    int stop_at;
};

static int fake_read(struct tapir_device *device, struct tapir_frame *frame) {
    struct fake *fake = (struct fake *)device;
    if (fake->left == 0) {
        return fake->then;
    }
    memset(frame->data, fake->left--, 60);
    frame->len = 60;
    frame->offload = (struct tapir_offload){0};
    return 1;
}

static int fake_write(struct tapir_device *device, const struct tapir_out *out) {
    struct fake *fake = (struct fake *)device;
    cr_assert_eq(out->len, 60);
    fake->last = *(const uint8_t *)out->pieces[0].base;
    if (++fake->out == fake->stop_at) {
        *fake->stop = 1;
    }
    return fake->out % 2 == 0 ? -EIO : 0;
}

static const struct tapir_device_ops fake_ops = {.read = fake_read, .write = fake_write};

static void *test_alloc(void *ctx, size_t bytes) {
    (void)ctx;
    return malloc(bytes);
}

static void test_free(void *ctx, void *block, size_t bytes) {
    (void)ctx;
    (void)bytes;
    free(block);
}

static int reports;
static void count_report(const struct wire_way *ways) {
    (void)ways;
    reports++;
}

/* Runs a wire of 2 ms between two fakes whose descriptors are always readable. */
static int run(struct fake *a, struct fake *b, volatile sig_atomic_t *stop, struct wire_way *ways,
               const struct tapir_device **broken) {
    static const struct tapir_env env = {.alloc = test_alloc, .free = test_free};
    const struct impair_config config = {.delay_us = 2000};
    volatile sig_atomic_t asked = 1;
    sigset_t unblocked;
    int ends[2];
    sigemptyset(&unblocked);
    cr_assert_eq(pipe(ends), 0);
    close(ends[1]);
    a->device.ops = b->device.ops = &fake_ops;
    a->device.fd = b->device.fd = ends[0];
    for (int i = 0; i < WIRE_WAYS; i++) {
        ways[i] = (struct wire_way){.from = i == 0 ? &a->device : &b->device,
                                    .to = i == 0 ? &b->device : &a->device,
                                    .impair = impair_create(&env, &config, wire_loop_now_us())};
    }
    const int result = wire_loop_run(ways, &unblocked, stop, &asked, count_report, broken);
    close(ends[0]);
    impair_destroy(ways[0].impair);
    impair_destroy(ways[1].impair);
    return result;
}

Test(wire, loop_carries_both_ways) {
    volatile sig_atomic_t stop = 0;
    struct wire_way ways[WIRE_WAYS];
    const struct tapir_device *broken;
    struct fake a = {.left = 100}, b = {.left = 50, .stop = &stop, .stop_at = 100};
    const uint64_t before_us = wire_loop_now_us();
    cr_assert_eq(run(&a, &b, &stop, ways, &broken), 0);
    cr_assert_geq(wire_loop_now_us() - before_us, 2000, "not before its time");
    cr_assert_eq(b.out, 100);
    cr_assert_eq(b.last, 1, "the last one is the last");
    cr_assert_eq(a.out, 50);
    cr_assert_eq(ways[WIRE_FORTH].refused, 50, "and a frame that is refused is not tried again");
    cr_assert_eq(reports, 1);
}

Test(wire, loop_ends_when_a_device_is_gone) {
    volatile sig_atomic_t stop = 0;
    struct wire_way ways[WIRE_WAYS];
    const struct tapir_device *broken;
    struct fake a = {.left = 3}, b = {.left = 3, .then = -EBADFD};
    cr_assert_eq(run(&a, &b, &stop, ways, &broken), -EBADFD);
    cr_assert_eq(broken, &b.device);
}
