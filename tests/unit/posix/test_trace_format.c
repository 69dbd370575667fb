/* Tests of sockets/posix/trace_format.c: one line for each kind of event, and lines that do not fit. */
#include <string.h>

#include <criterion/criterion.h>

#include <tapir/trace.h>

static struct tapir_endpoint endpoint(uint8_t last, uint16_t port) {
    return (struct tapir_endpoint){.addr = {.b = {[10] = 0xff, 0xff, 10, 0, 0, last}}, .port = port};
}

/* An event of a flow from us, 10.0.0.1, to 10.0.0.2. */
static struct tapir_event event_of(enum tapir_event_kind kind, const char *reason) {
    return (struct tapir_event){
        .kind = kind, .now_us = 1000123, .local = endpoint(1, 43210), .remote = endpoint(2, 80), .reason = reason};
}

static void expect(const struct tapir_event *event, const char *line) {
    char buf[512];
    int len = tapir_trace_format(event, buf, sizeof buf);
    cr_assert_str_eq(buf, line, "got:    %s\nwanted: %s", buf, line);
    cr_assert_eq((size_t)len, strlen(line));
}

Test(trace_format, handshake_segment_with_options) {
    struct tapir_event event = event_of(TAPIR_EVENT_SEGMENT_OUT, "handshake");
    event.segment = (struct tapir_trace_segment){.seq = 1,
                                                 .flags = 0x02,
                                                 .state = TAPIR_TCP_SYN_SENT,
                                                 .window_bytes = 65160,
                                                 .has_mss = true,
                                                 .mss = 1460,
                                                 .sack_permitted = true,
                                                 .has_timestamps = true,
                                                 .tsval = 1,
                                                 .has_wscale = true,
                                                 .wscale = 7};
    expect(&event, "1.000123 Out IP 10.0.0.1.43210 > 10.0.0.2.80: Flags [S], seq 1, win 65160, "
                   "options [mss 1460,sackOK,TS val 1 ecr 0,wscale 7], length 0 (SYN-SENT: handshake)");
}

Test(trace_format, data_segment_in_comes_from_the_peer) {
    struct tapir_event event = event_of(TAPIR_EVENT_SEGMENT_IN, "");
    event.segment = (struct tapir_trace_segment){
        .seq = 1, .ack = 5, .len = 1460, .flags = 0x18, .state = TAPIR_TCP_ESTABLISHED, .window_bytes = 512};
    expect(&event, "1.000123 In  IP 10.0.0.2.80 > 10.0.0.1.43210: Flags [P.], seq 1:1461, ack 5, win 512, "
                   "length 1460 (ESTABLISHED)");
}

Test(trace_format, pure_ack_has_no_seq_and_sack_blocks_are_listed) {
    struct tapir_event event = event_of(TAPIR_EVENT_SEGMENT_OUT, "gap");
    event.segment =
        (struct tapir_trace_segment){.seq = 9, .ack = 5, .flags = 0x10, .sack_count = 2, .sack = {{10, 20}, {30, 40}}};
    expect(&event, "1.000123 Out IP 10.0.0.1.43210 > 10.0.0.2.80: Flags [.], ack 5, win 0, "
                   "options [sack 2 {10:20}{30:40}], length 0 (gap)");
}

Test(trace_format, super_segment_urgent_ecn_and_wrapping_sequence) {
    struct tapir_event event = event_of(TAPIR_EVENT_SEGMENT_OUT, "");
    event.segment = (struct tapir_trace_segment){
        .seq = UINT32_MAX, .ack = 1, .len = 2920, .gso_size = 1460, .flags = 0xf8, .urgent = 7, .tos = 2};
    expect(&event, "1.000123 Out IP 10.0.0.1.43210 > 10.0.0.2.80: Flags [P.UEW], seq 4294967295:2919, ack 1, win 0, "
                   "urg 7, length 2920 by 1460, tos 0x2");
}

Test(trace_format, dropped_segment_says_why) {
    struct tapir_event event = event_of(TAPIR_EVENT_SEGMENT_IN, "outside the window");
    event.dropped = true;
    event.segment = (struct tapir_trace_segment){.seq = 7, .flags = 0x04, .state = TAPIR_TCP_TIME_WAIT};
    expect(&event, "1.000123 In  IP 10.0.0.2.80 > 10.0.0.1.43210: Flags [R], seq 7, win 0, length 0 dropped "
                   "(TIME-WAIT: outside the window)");
    event.segment.flags = 0;
    expect(&event, "1.000123 In  IP 10.0.0.2.80 > 10.0.0.1.43210: Flags [none], win 0, length 0 dropped "
                   "(TIME-WAIT: outside the window)");
}

Test(trace_format, ipv6_and_unknown_endpoints) {
    struct tapir_event event = event_of(TAPIR_EVENT_SEGMENT_IN, "");
    event.local.addr = (struct tapir_addr){.b = {0xfe, 0x80, [15] = 1}};
    event.remote = (struct tapir_endpoint){.port = 0};
    event.segment = (struct tapir_trace_segment){.flags = 0x10};
    expect(&event, "1.000123 In  IP6 *.0 > fe80::1.43210: Flags [.], ack 0, win 0, length 0");
}

Test(trace_format, arp) {
    struct tapir_event event = event_of(TAPIR_EVENT_PACKET_OUT, "");
    event.packet = (struct tapir_trace_packet){.type = 1, .len = 28};
    expect(&event, "1.000123 Out ARP, request who-has 10.0.0.2 tell 10.0.0.1, length 28");
    event.kind = TAPIR_EVENT_PACKET_IN;
    event.packet.type = 2;
    expect(&event, "1.000123 In  ARP, reply 10.0.0.2 to 10.0.0.1, length 28");
}

Test(trace_format, udp_icmp_igmp_and_others) {
    struct tapir_event event = event_of(TAPIR_EVENT_PACKET_IN, "");
    event.packet = (struct tapir_trace_packet){.protocol = 17, .len = 40};
    expect(&event, "1.000123 In  IP 10.0.0.2.80 > 10.0.0.1.43210: UDP, length 40");
    event.packet = (struct tapir_trace_packet){.protocol = 1, .type = 8, .len = 64};
    expect(&event, "1.000123 In  IP 10.0.0.2 > 10.0.0.1: ICMP echo request, length 64");
    event.packet = (struct tapir_trace_packet){.protocol = 1, .type = 3, .code = 3, .len = 36};
    expect(&event, "1.000123 In  IP 10.0.0.2 > 10.0.0.1: ICMP port unreachable, length 36");
    event.packet = (struct tapir_trace_packet){.protocol = 1, .type = 3, .code = 200};
    event.reason = "type";
    event.dropped = true;
    expect(&event, "1.000123 In  IP 10.0.0.2 > 10.0.0.1: ICMP type 3 code 200, length 0 dropped (type)");
    event.packet = (struct tapir_trace_packet){.protocol = 2, .type = 0x16, .len = 8};
    event.dropped = false;
    event.reason = "joined";
    event.kind = TAPIR_EVENT_PACKET_OUT;
    expect(&event, "1.000123 Out IP 10.0.0.1 > 10.0.0.2: IGMP v2 report, length 8 (joined)");
    event.packet = (struct tapir_trace_packet){.protocol = 47, .len = 8};
    expect(&event, "1.000123 Out IP 10.0.0.1 > 10.0.0.2: ip-proto-47, length 8 (joined)");
}

Test(trace_format, state) {
    struct tapir_event event = event_of(TAPIR_EVENT_STATE, "");
    event.state =
        (struct tapir_trace_state){.from = TAPIR_TCP_ESTABLISHED, .to = TAPIR_TCP_FIN_WAIT_1, .trigger = "close"};
    expect(&event, "1.000123 10.0.0.1.43210 > 10.0.0.2.80 ESTABLISHED -> FIN-WAIT-1 (close)");
    event.reason = "close";
    expect(&event, "1.000123 10.0.0.1.43210 > 10.0.0.2.80 ESTABLISHED -> FIN-WAIT-1 (close)");
    event.reason = "linger";
    expect(&event, "1.000123 10.0.0.1.43210 > 10.0.0.2.80 ESTABLISHED -> FIN-WAIT-1 (close: linger)");
}

/* It has one end. */
Test(trace_format, state_of_a_listener) {
    struct tapir_event event = event_of(TAPIR_EVENT_STATE, "");
    event.remote = (struct tapir_endpoint){.port = 0};
    event.state =
        (struct tapir_trace_state){.from = TAPIR_TCP_CLOSED, .to = TAPIR_TCP_LISTEN, .trigger = "OPEN passive"};
    expect(&event, "1.000123 10.0.0.1.43210 CLOSED -> LISTEN (OPEN passive)");
    event.local.addr = (struct tapir_addr){.b = {0}};
    expect(&event, "1.000123 *.43210 CLOSED -> LISTEN (OPEN passive)");
}

Test(trace_format, timer) {
    struct tapir_event event = event_of(TAPIR_EVENT_TIMER, "");
    event.timer =
        (struct tapir_trace_timer){.name = "rto", .action = TAPIR_TIMER_ARMED, .deadline_us = event.now_us + 200000};
    expect(&event, "1.000123 10.0.0.1.43210 > 10.0.0.2.80 timer rto armed +200 ms");
    event.timer.deadline_us = event.now_us - 1;
    expect(&event, "1.000123 10.0.0.1.43210 > 10.0.0.2.80 timer rto armed +0 ms");
    event.timer.action = TAPIR_TIMER_CANCELLED;
    expect(&event, "1.000123 10.0.0.1.43210 > 10.0.0.2.80 timer rto cancelled");
    event.timer.action = TAPIR_TIMER_FIRED;
    event.reason = "rto"; /* says nothing more than the name */
    expect(&event, "1.000123 10.0.0.1.43210 > 10.0.0.2.80 timer rto fired");
    event.reason = "no answer";
    expect(&event, "1.000123 10.0.0.1.43210 > 10.0.0.2.80 timer rto fired (no answer)");
}

Test(trace_format, cwnd) {
    struct tapir_event event = event_of(TAPIR_EVENT_CWND, "");
    event.cwnd = (struct tapir_trace_cwnd){14600, UINT32_MAX, 2920};
    expect(&event, "1.000123 10.0.0.1.43210 > 10.0.0.2.80 cwnd 14600 ssthresh inf flight 2920");
    event.cwnd.ssthresh_bytes = 7300;
    event.reason = "loss";
    expect(&event, "1.000123 10.0.0.1.43210 > 10.0.0.2.80 cwnd 14600 ssthresh 7300 flight 2920 (loss)");
}

Test(trace_format, rtt_with_as_many_decimals_as_needed) {
    struct tapir_event event = event_of(TAPIR_EVENT_RTT, "");
    event.rtt = (struct tapir_trace_rtt){.sample_us = 1200, .srtt_us = 1250, .rttvar_us = 7, .rto_us = 200000};
    expect(&event, "1.000123 10.0.0.1.43210 > 10.0.0.2.80 rtt 1.2 ms srtt 1.25 ms rttvar 0.007 ms rto 200 ms");
}

Test(trace_format, mtu_with_a_probe_or_without) {
    struct tapir_event event = event_of(TAPIR_EVENT_MTU, "probe lost");
    event.mtu = (struct tapir_trace_mtu){.low_bytes = 1064, .high_bytes = 1500, .probe_bytes = 1282};
    expect(&event, "1.000123 10.0.0.1.43210 > 10.0.0.2.80 mtu 1064 to 1500 probe 1282 (probe lost)");
    event.mtu.probe_bytes = 0;
    event.reason = "black hole";
    expect(&event, "1.000123 10.0.0.1.43210 > 10.0.0.2.80 mtu 1064 to 1500 (black hole)");
}

Test(trace_format, every_size_is_terminated_and_tells_the_whole_length) {
    struct tapir_event event = event_of(TAPIR_EVENT_CWND, "loss");
    event.cwnd = (struct tapir_trace_cwnd){14600, 7300, 2920};
    char whole[256];
    int len = tapir_trace_format(&event, whole, sizeof whole);
    cr_assert_eq(tapir_trace_format(&event, NULL, 0), len);
    for (size_t size = 1; size <= (size_t)len + 1; size++) {
        char buf[256];
        memset(buf, 'x', sizeof buf);
        cr_assert_eq(tapir_trace_format(&event, buf, size), len, "size %zu", size);
        cr_assert_eq(strlen(buf), size - 1, "size %zu", size);
        cr_assert_eq(memcmp(buf, whole, size - 1), 0, "size %zu", size);
        cr_assert_eq(buf[size], 'x', "size %zu", size);
    }
}
