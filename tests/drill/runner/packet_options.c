/* TCP options between script and wire. */
#include <string.h>

#include "packet.h"

enum { KIND_EOL, KIND_NOP, KIND_MSS, KIND_WSCALE, KIND_SACK_OK, KIND_SACK, KIND_TS = 8, KIND_FASTOPEN = 34 };

/* The peer acknowledges our bytes and echoes our clock. */
uint8_t packet_options_build(const struct options_spec *options, const struct flow *flow, uint8_t *bytes) {
    struct writer w = writer_of(bytes, WIRE_TCP_OPTIONS_MAX);
    for (unsigned i = 0; i < options->count; i++) {
        const struct option_spec *option = &options->list[i];
        if (option->form == OPTION_BYTES) {
            writer_copy(&w, option->bytes, option->len);
            continue;
        }
        writer_copy(&w, option->bytes, 2);
        if (option->form == OPTION_TS) {
            writer_u32(&w, option->tsval);
            writer_u32(&w, flow_stamp_to_wire(flow, option->tsecr));
        }
        for (unsigned block = 0; option->form == OPTION_SACK && block < (option->len - 2U) / 8; block++) {
            writer_u32(&w, flow_ours_to_wire(flow, option->sack[block].left));
            writer_u32(&w, flow_ours_to_wire(flow, option->sack[block].right));
        }
    }
    return (uint8_t)(w.at - bytes);
}

static bool sack_matches(const struct packet_context *context, const struct option_spec *option, struct reader *r) {
    for (unsigned block = 0; block < (option->len - 2U) / 8; block++) {
        uint32_t left = reader_u32(r), right = reader_u32(r);
        if (left != option->sack[block].left + context->flows->remote_isn ||
            right != option->sack[block].right + context->flows->remote_isn) {
            return false;
        }
    }
    return true;
}

/* The value of our clock: by --tcp_ts_tick_usecs it has to have gone on as in the script. */
static bool clock_matches(const struct packet_context *context, const struct flow *flow, uint32_t script,
                          uint32_t wire) {
    if (context->options->ts_tick_us == 0 || !flow->ts_known) {
        return true;
    }
    int64_t off = (int32_t)(wire - flow->ts_wire - (script - flow->ts_script));
    int64_t ticks = context->tolerance_us / context->options->ts_tick_us;
    return off >= -ticks && off <= ticks;
}

bool packet_options_match(struct packet_context *context, const struct options_spec *options, struct flow *flow,
                          const uint8_t *bytes, uint8_t len) {
    struct reader r = reader_of(bytes, len);
    if (options->any) {
        return true;
    }
    for (unsigned i = 0; i < options->count; i++) {
        const struct option_spec *option = &options->list[i];
        if (reader_left(&r) < option->len) {
            return false;
        }
        bool bytes_alone = option->form == OPTION_BYTES;
        uint8_t compared = bytes_alone ? option->len : 2;
        if (memcmp(reader_bytes(&r, compared), option->bytes, compared) != 0) {
            return false;
        }
        if (option->form == OPTION_SACK && !sack_matches(context, option, &r)) {
            return false;
        }
        if (option->form == OPTION_TS) {
            uint32_t tsval = reader_u32(&r), tsecr = reader_u32(&r);
            if (tsecr != option->tsecr || !clock_matches(context, flow, option->tsval, tsval)) {
                return false;
            }
            flow_stamp_seen(context->flows, flow, option->tsval, tsval);
        }
    }
    return reader_left(&r) == 0;
}

static void show_blocks(const struct flows *flows, const struct flow *flow, bool outbound, struct reader *r,
                        struct text *text) {
    text_add(text, "sack");
    while (reader_left(r) >= 8) {
        uint32_t left = reader_u32(r), right = reader_u32(r);
        left = outbound ? left - flows->remote_isn : flow_ours_to_script(flow, left);
        right = outbound ? right - flows->remote_isn : flow_ours_to_script(flow, right);
        text_add(text, " %u:%u", left, right);
    }
}

static void show_bytes(uint8_t kind, struct reader *r, struct text *text) {
    text_add(text, "0x%02x%02x", kind, (unsigned)reader_left(r) + 2);
    while (reader_left(r) > 0) {
        text_add(text, "%02x", reader_u8(r));
    }
}

/* One option; `body` is what its length leaves for its value. */
static void show_option(const struct flows *flows, const struct flow *flow, bool outbound, uint8_t kind,
                        struct reader *body, struct text *text) {
    size_t len = reader_left(body);
    if (kind == KIND_MSS && len == 2) {
        text_add(text, "mss %u", reader_u16(body));
    } else if (kind == KIND_WSCALE && len == 1) {
        text_add(text, "wscale %u", reader_u8(body));
    } else if (kind == KIND_SACK_OK && len == 0) {
        text_add(text, "sackOK");
    } else if (kind == KIND_SACK && len % 8 == 0) {
        show_blocks(flows, flow, outbound, body, text);
    } else if (kind == KIND_TS && len == 8) {
        uint32_t tsval = reader_u32(body), tsecr = reader_u32(body);
        text_add(text, "TS val %u ecr %u", outbound ? flow_stamp_to_script(flow, tsval) : tsval,
                 outbound ? tsecr : flow_stamp_to_script(flow, tsecr));
    } else if (kind == KIND_FASTOPEN) {
        text_add(text, "FO");
        text_add(text, len > 0 ? " 0x" : "");
        while (reader_left(body) > 0) {
            text_add(text, "%02x", reader_u8(body));
        }
    } else {
        show_bytes(kind, body, text);
    }
}

void packet_options_show(const struct flows *flows, const struct flow *flow, bool outbound, const uint8_t *bytes,
                         uint8_t len, struct text *text) {
    struct reader r = reader_of(bytes, len);
    const char *separator = " <";
    while (reader_left(&r) > 0) {
        uint8_t kind = reader_u8(&r);
        text_add(text, "%s", separator);
        separator = ",";
        if (kind == KIND_NOP || kind == KIND_EOL) {
            text_add(text, kind == KIND_NOP ? "nop" : "eol");
            continue;
        }
        uint8_t option_len = reader_u8(&r);
        if (option_len < 2 || option_len - 2U > reader_left(&r)) {
            text_add(text, "kind %u length %u", kind, option_len);
            break;
        }
        struct reader body = reader_of(r.at, option_len - 2U);
        show_option(flows, flow, outbound, kind, &body, text);
        (void)reader_bytes(&r, option_len - 2U);
    }
    text_add(text, len > 0 ? ">" : "");
}
