/* IPv4 as the shared part of ip/ sees it. */
#include "ip/v4/v4.h"

const struct ip_version ip_v4_version = {
    .header_len = WIRE_IPV4_LEN,
    .alert_len = 4,
    .payload_max = UINT16_MAX - WIRE_IPV4_LEN,
    .pmtu_floor = TAPIR_PMTU_FLOOR,
    .gso_tcp = TAPIR_GSO_TCP4,
    .cap_tcp = TAPIR_CAP_TSO4,
    .icmp = WIRE_PROTO_ICMP,
    .icmp_echo = WIRE_ICMP_ECHO,
    .loopback = {.b = {[10] = 0xff, 0xff, 127, 0, 0, 1}},
    .all_nodes = {.b = {[10] = 0xff, 0xff, 224, 0, 0, 1}},
    .kind = ip_v4_cast_of,
    .source = ip_v4_cast_source,
    .put_header = ip_v4_header_put,
    .adopt_header = ip_v4_header_adopt,
    .protocol = ip_v4_header_protocol,
    .fragment = ip_v4_fragment_send,
    .echo_complete = ip_v4_echo_complete,
    .echo_id = ip_v4_echo_id,
    .input_own = ip_v4_input_own,
    .reassembly_expired = ip_v4_reasm_expired,
    .joined = ip_v4_igmp_joined,
    .left = ip_v4_igmp_left,
    .report_due = ip_v4_igmp_report,
    .general_report_due = ip_v4_igmp_general_report,
};
