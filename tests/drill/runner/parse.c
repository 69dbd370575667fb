/* Parses a script: its options, then its events with their times. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assert.h"
#include "parse.h"

static const char *read_file(struct script *script, const char *path) {
    FILE *file = fopen(path, "rb");
    long size = 0;
    if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0 || fseek(file, 0, SEEK_SET) != 0) {
        text_add(&script->error, "cannot be read");
        if (file != NULL) {
            (void)fclose(file);
        }
        return NULL;
    }
    char *text = memory_take(&script->memory, (size_t)size + 1);
    size_t got = fread(text, 1, (size_t)size, file);
    (void)fclose(file);
    if (got != (size_t)size || memchr(text, '\0', got) != NULL) {
        text_add(&script->error, "cannot be read as text");
        return NULL;
    }
    return text;
}

/* 255.255.0.0 and the like: ones, then zeros. */
static unsigned parse_netmask(struct scan *scan) {
    uint32_t zeros = ~scan_ipv4(scan);
    unsigned bits = 32;
    if ((zeros & (zeros + 1)) != 0) {
        scan_fail(scan, "a netmask is ones and then zeros");
    }
    for (; zeros != 0; zeros >>= 1) {
        bits--;
    }
    return bits;
}

/* "--mtu=1500" and the like; what has no meaning here is an error, not ignored. */
static void parse_option_line(struct scan *scan) {
    struct script_options *options = &scan->script->options;
    if (scan_accept(scan, "tolerance_usecs=")) {
        options->tolerance_us = scan_number_in(scan, 0, 1000000000);
    } else if (scan_accept(scan, "mtu=")) {
        options->mtu_bytes = (uint32_t)scan_number_in(scan, TAPIR_MTU_MIN, TAPIR_MTU_MAX);
    } else if (scan_accept(scan, "local_ip=")) {
        options->local_ip = scan_ipv4(scan);
    } else if (scan_accept(scan, "remote_ip=")) {
        options->remote_ip = scan_ipv4(scan);
    } else if (scan_accept(scan, "gateway_ip=")) {
        options->gateway_ip = scan_ipv4(scan);
    } else if (scan_accept(scan, "netmask_ip=")) {
        options->prefix_bits = parse_netmask(scan);
    } else if (scan_accept(scan, "bind_port=")) {
        options->bind_port = (uint16_t)scan_number_in(scan, 1, UINT16_MAX);
    } else if (scan_accept(scan, "connect_port=")) {
        options->connect_port = (uint16_t)scan_number_in(scan, 1, UINT16_MAX);
    } else if (scan_accept(scan, "tcp_ts_tick_usecs=")) {
        options->ts_tick_us = (uint32_t)scan_number_in(scan, 0, 1000000);
    } else if (scan_accept(scan, "ip_version=")) {
        scan_expect(scan, "ipv4");
    } else if (scan_accept(scan, "offload")) {
        options->offload = true;
    } else {
        scan_fail(scan, "not an option of this runner: '--%.20s'", scan->at);
    }
}

/* What follows a first time: "~" and the end of a range, or "..." and the end of a call. */
static void parse_when(struct scan *scan, struct when *when) {
    if (scan_accept(scan, "*")) {
        when->kind = WHEN_ANY;
        return;
    }
    when->relative = scan_accept(scan, "+");
    when->from_us = scan_time(scan);
    if (scan_accept(scan, "~")) {
        when->kind = WHEN_BETWEEN;
        (void)scan_accept(scan, "+");
        when->to_us = scan_time(scan);
    } else if (scan_accept(scan, "...")) {
        when->blocks = true;
        (void)scan_accept(scan, "+");
        when->returned_us = scan_time(scan);
    }
    if ((when->kind == WHEN_BETWEEN && when->to_us < when->from_us) ||
        (when->blocks && when->returned_us < when->from_us)) {
        scan_fail(scan, "a range of time ends before it begins");
    }
}

static void parse_event(struct scan *scan, struct event *event) {
    if (scan_next_is(scan, "`")) { /* settings before the clock starts have no time */
        event->when.relative = true;
    } else {
        parse_when(scan, &event->when);
    }
    scan_skip(scan);
    event->line = scan->line;
    const char *start = scan->at;
    if (scan_accept(scan, "%{")) {
        event->kind = EVENT_ASSERT;
        event->asserts = assert_parse(scan->script, scan_until(scan, "}%"), event->line);
        scan->failed |= scan->script->error.len > 0;
    } else if (scan_accept(scan, "`")) {
        event->kind = EVENT_SHELL;
        event->shell = scan_until(scan, "`");
    } else if (scan_next_is(scan, "<") || scan_next_is(scan, ">")) {
        event->kind = EVENT_PACKET;
        event->packet = parse_packet(scan);
    } else {
        event->kind = EVENT_CALL;
        event->call = parse_call(scan);
    }
    bool expected = event->kind == EVENT_PACKET && event->packet->outbound;
    if (!expected && event->when.kind != WHEN_AT) {
        scan_fail(scan, "only an expected packet may come at any time, or within a range");
    }
    if (event->when.blocks && event->kind != EVENT_CALL) {
        scan_fail(scan, "only a call may take from one time to another");
    }
    if (!scan->failed) {
        event->text = memory_text(&scan->script->memory, start, (size_t)(scan->end - start));
    }
}

static void parse_text(struct scan *scan) {
    struct event **tail = &scan->script->events;
    scan_skip(scan);
    while (scan_accept(scan, "--")) {
        parse_option_line(scan);
    }
    while (!scan_at_end(scan)) {
        *tail = memory_take(&scan->script->memory, sizeof **tail);
        parse_event(scan, *tail);
        tail = &(*tail)->next;
    }
    if (scan->script->events == NULL && !scan->failed) {
        scan_fail(scan, "the script holds no event");
    }
}

static bool is_host(const struct script_options *options, uint32_t ip) {
    uint32_t host_mask = UINT32_MAX >> options->prefix_bits;
    uint32_t host = ip & host_mask;
    return ((ip ^ options->local_ip) & ~host_mask) == 0 && host != 0 && host != host_mask;
}

/* packetdrill's gateway, unless the script names one: the neighbour of the host's address. Options come in any order, so it
 * is looked at after the last. */
static void choose_gateway(struct scan *scan) {
    struct script_options *options = &scan->script->options;
    if (options->prefix_bits < 1 || options->prefix_bits > 30) {
        scan_fail(scan, "the local network has room for a host and a gateway with a netmask of 1 to 30 ones");
    } else if (!is_host(options, options->local_ip)) {
        scan_fail(scan, "the local address is no host's of its network");
    } else if (options->gateway_ip == 0) {
        options->gateway_ip = options->local_ip ^ (is_host(options, options->local_ip ^ 3U) ? 3U : 1U);
    }
    bool other = options->gateway_ip != options->local_ip && is_host(options, options->gateway_ip);
    if (!scan->failed && !other) {
        scan_fail(scan, "the gateway is not another host of the local network");
    }
}

/* The first line, if it is a comment. */
static const char *title_of(struct script *script, const char *text) {
    const char *start = text + strspn(text, "/# ");
    return memory_text(&script->memory, start, start == text ? 0 : strcspn(start, "\n"));
}

static void script_init(struct script *script, const char *path) {
    *script = (struct script){.path = path,
                              .title = "",
                              .options = {.tolerance_us = -1,
                                          .mtu_bytes = 1500,
                                          .local_ip = 0xc0a80001,  /* 192.168.0.1 */
                                          .remote_ip = 0xc0000201, /* 192.0.2.1 */
                                          .prefix_bits = 16,
                                          .bind_port = 8080,
                                          .connect_port = 8080}};
}

static bool parse_script(struct script *script, const char *text) {
    script->title = title_of(script, text);
    struct scan scan = {.at = text, .line = 1, .script = script};
    parse_text(&scan);
    if (!scan.failed) {
        choose_gateway(&scan);
    }
    return !scan.failed;
}

bool script_parse(struct script *script, const char *path) {
    script_init(script, path);
    const char *text = read_file(script, path);
    return text != NULL && parse_script(script, text);
}

bool script_parse_text(struct script *script, const char *path, const char *text) {
    script_init(script, path);
    return parse_script(script, text);
}

void script_free(struct script *script) { memory_free(&script->memory); }
