/* Echo messages of ping sockets (RFC 792): what a user may send, and whose an answer is. */
#include "ip/v4/v4.h"

bool ip_v4_echo_complete(const struct ip_path *path, struct tapir_frame *frame, uint16_t id) {
    struct wire_icmp icmp;
    (void)path;
    if (!wire_icmp_parse(frame->data, frame->len, &icmp) || icmp.type != WIRE_ICMP_ECHO || icmp.code != 0) {
        return false;
    }
    icmp.echo.id = id;
    icmp.checksum = 0;
    struct writer blank = writer_of(frame->data, WIRE_ICMP_LEN);
    wire_icmp_emit(&blank, &icmp);
    icmp.checksum = checksum_finish(checksum_add(0, frame->data, frame->len));
    struct writer whole = writer_of(frame->data, WIRE_ICMP_LEN);
    wire_icmp_emit(&whole, &icmp);
    return true;
}

bool ip_v4_echo_id(const uint8_t *message, uint32_t len, bool request, uint16_t *id) {
    struct wire_icmp icmp;
    if (!wire_icmp_parse(message, len, &icmp)) {
        return false;
    }
    *id = icmp.echo.id;
    return request ? icmp.type == WIRE_ICMP_ECHO && icmp.code == 0 : icmp.type == WIRE_ICMP_ECHO_REPLY;
}
