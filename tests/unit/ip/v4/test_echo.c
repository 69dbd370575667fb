/* Echo messages as ping sockets write and hear them. */
#include "ip/rig.h"

static struct ip_path path;

Test(ip_v4_echo, a_request_gets_its_identifier_and_checksum) {
    struct rig *rig = rig_start();
    uint8_t message[WIRE_ICMP_LEN + 3];
    uint32_t len = rig_icmp(message, WIRE_ICMP_ECHO, 0, 0xaaaa0007, "abc", 3);
    struct tapir_frame *frame = rig_frame(rig, message, len);
    uint16_t id = 0;
    cr_assert(ip_v4_echo_complete(&path, frame, 0x1234));
    cr_assert(rig_checksum_ok(frame->data, frame->len));
    cr_assert(ip_v4_echo_id(frame->data, frame->len, true, &id));
    cr_assert_eq(id, 0x1234);
    cr_assert_arr_eq(frame->data + 6,
                     "\0\x07"
                     "abc",
                     5, "sequence number and data are the user's");
    frame_release(frame);
    rig_stop(rig);
}

Test(ip_v4_echo, nothing_else_is_one) {
    struct rig *rig = rig_start();
    uint8_t message[WIRE_ICMP_LEN];
    for (unsigned type = 0; type < 256; type++) {
        for (unsigned code = 0; code < 2; code++) {
            uint32_t len = rig_icmp(message, (uint8_t)type, (uint8_t)code, 7, NULL, 0);
            struct tapir_frame *frame = rig_frame(rig, message, len), *cut = rig_frame(rig, message, len - 1);
            bool request = type == WIRE_ICMP_ECHO && code == 0;
            uint16_t id;
            cr_assert_eq(ip_v4_echo_id(message, len, true, &id), request);
            cr_assert_eq(ip_v4_echo_id(message, len, false, &id), type == WIRE_ICMP_ECHO_REPLY);
            cr_assert_eq(ip_v4_echo_complete(&path, frame, 1), request, "type %u code %u", type, code);
            cr_assert(!ip_v4_echo_complete(&path, cut, 1) && !ip_v4_echo_id(message, len - 1, true, &id));
            frame_release(frame);
            frame_release(cut);
        }
    }
    rig_stop(rig);
}
