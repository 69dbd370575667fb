/* The IPv4 header of what we send (RFC 791 3.1): our own, and one that a user wrote. */
#include "ip/v4/v4.h"

enum { TOTAL_LEN_OFFSET = 2 };

/* RFC 2113: "routers shall examine this packet"; copied into fragments. */
static const uint8_t router_alert[] = {WIRE_IPOPT_RA, 4, 0, 0};

struct wire_ipv4 ip_v4_header_of(struct ip *ip, const struct ip_path *path, const struct ip_send *send,
                                 uint32_t total_len) {
    CHECK((send->ttl > 0 || path->cast == LINK_MULTICAST) && total_len <= UINT16_MAX);
    return (struct wire_ipv4){
        .header_len = (uint8_t)ip_send_header_len(path, send),
        .tos = send->tos,
        .ttl = send->ttl,
        .protocol = send->protocol,
        .total_len = (uint16_t)total_len,
        .id = ip_v4_id_next(ip, send->dont_fragment),
        .dont_fragment = send->dont_fragment,
        .src = addr_ipv4(&path->src),
        .dst = addr_ipv4(&path->dst),
        .options = router_alert,
    };
}

void ip_v4_header_put(struct ip *ip, const struct ip_path *path, const struct ip_send *send, uint32_t total_len,
                      uint8_t *at) {
    struct wire_ipv4 header = ip_v4_header_of(ip, path, send, total_len);
    struct writer w = writer_of(at, header.header_len);
    wire_ipv4_emit(&w, &header);
}

void ip_v4_header_prepend(struct tapir_frame *frame, const struct wire_ipv4 *header) {
    struct writer w = writer_of(frame_push(frame, header->header_len), header->header_len);
    wire_ipv4_emit(&w, header);
}

/* Parses the user's header, whose total length counts for nothing: the frame's does. */
static bool parse(struct tapir_frame *frame, struct wire_ipv4 *header) {
    if (frame->len < WIRE_IPV4_LEN) {
        return false;
    }
    struct writer w = writer_of(frame->data + TOTAL_LEN_OFFSET, sizeof(uint16_t));
    writer_u16(&w, (uint16_t)frame->len);
    return wire_ipv4_parse_quote(frame->data, frame->len, header);
}

bool ip_v4_header_adopt(struct ip *ip, const struct ip_path *path, struct tapir_frame *frame) {
    struct wire_ipv4 header;
    uint8_t options[WIRE_IPV4_OPTIONS_MAX];
    if (!parse(frame, &header)) {
        return false;
    }
    /* The options are copied aside, as emitting writes over what they are read from. */
    memcpy(options, header.options, header.header_len - (size_t)WIRE_IPV4_LEN);
    header.options = options;
    header.src = header.src == IPV4_ANY ? addr_ipv4(&path->src) : header.src;
    header.id = header.id == 0 ? ip_v4_id_next(ip, header.dont_fragment) : header.id;
    struct writer w = writer_of(frame->data, header.header_len);
    wire_ipv4_emit(&w, &header);
    return true;
}

uint8_t ip_v4_header_protocol(const struct tapir_frame *frame) {
    struct wire_ipv4 header;
    CHECK(wire_ipv4_parse_quote(frame->data, frame->len, &header));
    return header.protocol;
}
