/* Options of datagram sockets: HAZARDS A3, every option with every kind of odd value, against Linux's answers. */
#include "rig.h"

#define REFUSED INT64_MIN /* as an expected value: not to be set */

/* What set answers, and what get gives afterwards. */
struct row {
    enum tapir_sock_opt opt;
    int64_t value;
    int64_t result; /* of set */
    int64_t after;
};

static void check_rows(enum tapir_sock_type type, const struct row *rows, size_t count) {
    struct rig *rig = rig_open();
    tapir_sock s = open_sock(&rig->a, type, WIRE_PROTO_UDP);
    for (size_t i = 0; i < count; i++) {
        const struct row *row = &rows[i];
        int64_t before = get(&rig->a, s, row->opt);
        cr_assert_eq(set(rig, &rig->a, s, row->opt, row->value), row->result, "row %zu", i);
        int64_t expected = row->result == 0 ? row->after : before;
        cr_assert_eq(get(&rig->a, s, row->opt), expected, "row %zu: %lld", i, (long long)get(&rig->a, s, row->opt));
    }
    rig_close(rig);
}

/* Flags take any value, and are 0 or 1. */
Test(sock_options, a3_flags) {
    const enum tapir_sock_opt flags[] = {TAPIR_OPT_REUSEADDR, TAPIR_OPT_REUSEPORT,      TAPIR_OPT_KEEPALIVE,
                                         TAPIR_OPT_BROADCAST, TAPIR_OPT_OOBINLINE,      TAPIR_OPT_CHECKSUM_OFF,
                                         TAPIR_OPT_RECVERR,   TAPIR_OPT_MULTICAST_LOOP, TAPIR_OPT_DONTROUTE};
    const int64_t values[] = {0, 1, -1, INT32_MIN, 0, INT32_MAX, INT64_MAX, 0, INT64_MIN};
    struct rig *rig = rig_open();
    const enum tapir_sock_type types[] = {TAPIR_SOCK_DGRAM, TAPIR_SOCK_PING, TAPIR_SOCK_RAW};
    for (size_t t = 0; t < ARRAY_LEN(types); t++) {
        tapir_sock s = open_sock(&rig->a, types[t], 99);
        for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
            cr_assert_eq(get(&rig->a, s, flags[i]), flags[i] == TAPIR_OPT_MULTICAST_LOOP);
            for (size_t j = 0; j < ARRAY_LEN(values); j++) {
                cr_assert_eq(set(rig, &rig->a, s, flags[i], values[j]), 0);
                cr_assert_eq(get(&rig->a, s, flags[i]), values[j] != 0);
            }
        }
    }
    rig_close(rig);
}

Test(sock_options, a3_ranges) {
    const int64_t rcv_most = 2 * (int64_t)TAPIR_RCVBUF_MAX_BYTES, snd_most = 2 * (int64_t)TAPIR_SNDBUF_MAX_BYTES;
    const struct row rows[] = {
        {TAPIR_OPT_RCVBUF, 0, 0, 2304},
        {TAPIR_OPT_RCVBUF, 1152, 0, 2304},
        {TAPIR_OPT_RCVBUF, 1153, 0, 2306},
        {TAPIR_OPT_RCVBUF, TAPIR_RCVBUF_MAX_BYTES, 0, rcv_most},
        {TAPIR_OPT_RCVBUF, TAPIR_RCVBUF_MAX_BYTES + 1LL, 0, rcv_most},
        {TAPIR_OPT_RCVBUF, INT32_MAX, 0, rcv_most},
        {TAPIR_OPT_RCVBUF, -1, 0, rcv_most},
        {TAPIR_OPT_RCVBUF, INT64_MIN, 0, rcv_most},
        {TAPIR_OPT_SNDBUF, 0, 0, 4608},
        {TAPIR_OPT_SNDBUF, 10000, 0, 20000},
        {TAPIR_OPT_SNDBUF, -1, 0, snd_most},
        {TAPIR_OPT_SNDBUF, INT64_MAX, 0, snd_most},
        {TAPIR_OPT_RCVLOWAT, 0, 0, 1},
        {TAPIR_OPT_RCVLOWAT, 5, 0, 5},
        {TAPIR_OPT_RCVLOWAT, -1, 0, INT32_MAX},
        {TAPIR_OPT_RCVLOWAT, INT64_MAX, 0, INT32_MAX},
        {TAPIR_OPT_LINGER, 0, 0, 0},
        {TAPIR_OPT_LINGER, 7, 0, 7},
        {TAPIR_OPT_LINGER, INT64_MAX, 0, INT32_MAX},
        {TAPIR_OPT_LINGER, -2, -EINVAL, REFUSED},
        {TAPIR_OPT_LINGER, -1, 0, -1},
        {TAPIR_OPT_TTL, 0, -EINVAL, REFUSED},
        {TAPIR_OPT_TTL, 1, 0, 1},
        {TAPIR_OPT_TTL, 255, 0, 255},
        {TAPIR_OPT_TTL, 256, -EINVAL, REFUSED},
        {TAPIR_OPT_TTL, -2, -EINVAL, REFUSED},
        {TAPIR_OPT_TTL, INT32_MIN, -EINVAL, REFUSED},
        {TAPIR_OPT_TTL, -1, 0, 64},
        {TAPIR_OPT_TOS, 0x10, 0, 0x10},
        {TAPIR_OPT_TOS, 256, 0, 0},
        {TAPIR_OPT_TOS, -1, 0, 255},
        {TAPIR_OPT_MTU_DISCOVER, 0, 0, 0},
        {TAPIR_OPT_MTU_DISCOVER, 3, 0, 3},
        {TAPIR_OPT_MTU_DISCOVER, 4, -EINVAL, REFUSED},
        {TAPIR_OPT_MTU_DISCOVER, -1, -EINVAL, REFUSED},
        {TAPIR_OPT_MULTICAST_TTL, 1, 0, 1},
        {TAPIR_OPT_MULTICAST_TTL, 255, 0, 255},
        {TAPIR_OPT_MULTICAST_TTL, 256, -EINVAL, REFUSED},
        {TAPIR_OPT_MULTICAST_TTL, 0, 0, 0},
        {TAPIR_OPT_MULTICAST_TTL, -2, -EINVAL, REFUSED},
        {TAPIR_OPT_MULTICAST_TTL, -1, 0, 1},
        {TAPIR_OPT_MULTICAST_NETIF, 1, 0, 1},
        {TAPIR_OPT_MULTICAST_NETIF, 2, -EADDRNOTAVAIL, REFUSED},
        {TAPIR_OPT_MULTICAST_NETIF, -1, -EADDRNOTAVAIL, REFUSED},
        {TAPIR_OPT_MULTICAST_NETIF, INT64_MAX, -EADDRNOTAVAIL, REFUSED},
        {TAPIR_OPT_MULTICAST_NETIF, 0, 0, 0},
        {TAPIR_OPT_NETIF, 1, 0, 1},
        {TAPIR_OPT_NETIF, 7, -ENODEV, REFUSED},
        {TAPIR_OPT_NETIF, 8, -ENODEV, REFUSED},
        {TAPIR_OPT_NETIF, -1, -ENODEV, REFUSED},
        {TAPIR_OPT_NETIF, 256, -ENODEV, REFUSED},
        {TAPIR_OPT_NETIF, 0, 0, 0},
    };
    check_rows(TAPIR_SOCK_DGRAM, rows, ARRAY_LEN(rows));
    check_rows(TAPIR_SOCK_PING, rows, ARRAY_LEN(rows));
    check_rows(TAPIR_SOCK_RAW, rows, ARRAY_LEN(rows));
}

/* Options that are not a datagram socket's, and values that are no option at all, for get and set. */
Test(sock_options, a3_not_for_this_type) {
    const enum tapir_sock_opt none[] = {TAPIR_OPT_NODELAY,         TAPIR_OPT_CORK,         TAPIR_OPT_MAXSEG,
                                        TAPIR_OPT_KEEPIDLE_US,     TAPIR_OPT_KEEPINTVL_US, TAPIR_OPT_KEEPCNT,
                                        TAPIR_OPT_USER_TIMEOUT_US, TAPIR_OPT_QUICKACK,     TAPIR_OPT_SYNCNT,
                                        TAPIR_OPT_LINGER2_US,      TAPIR_OPT_AT_MARK,      TAPIR_OPT_MTU_PROBING,
                                        TAPIR_OPT_MTU_BASE_MSS,    TAPIR_OPT_DEFER_ACCEPT, (enum tapir_sock_opt)999};
    const enum tapir_sock_opt read_only[] = {TAPIR_OPT_ERROR,      TAPIR_OPT_TYPE, TAPIR_OPT_PROTOCOL,
                                             TAPIR_OPT_ACCEPTCONN, TAPIR_OPT_MTU,  TAPIR_OPT_IN_BYTES,
                                             TAPIR_OPT_OUT_BYTES};
    struct rig *rig = rig_open();
    tapir_sock s = open_sock(&rig->a, TAPIR_SOCK_DGRAM, 0);
    for (size_t i = 0; i < ARRAY_LEN(none); i++) {
        cr_assert_eq(set(rig, &rig->a, s, none[i], 1), -ENOPROTOOPT);
        cr_assert_eq(get(&rig->a, s, none[i]), -ENOPROTOOPT);
    }
    for (size_t i = 0; i < ARRAY_LEN(read_only); i++) {
        cr_assert_eq(set(rig, &rig->a, s, read_only[i], 1), -ENOPROTOOPT);
    }
    cr_assert_eq(set(rig, &rig->a, s, TAPIR_OPT_HDRINCL, 1), -ENOPROTOOPT);
    cr_assert_eq(get(&rig->a, s, TAPIR_OPT_HDRINCL), -ENOPROTOOPT);
    rig_close(rig);
}

/* Every option of <tapir/options.h> has a row in the table of some kind of socket. */
Test(sock_options, each_is_had_by_some_kind) {
#define OPT(name, ...) TAPIR_OPT_##name,
    const enum tapir_sock_opt all[] = {TAPIR_OPTIONS(OPT, OPT)};
    struct rig *rig = rig_open();
    const tapir_sock kinds[] = {open_sock(&rig->a, TAPIR_SOCK_STREAM, 0), open_sock(&rig->a, TAPIR_SOCK_DGRAM, 0),
                                open_sock(&rig->a, TAPIR_SOCK_PING, 0),
                                open_sock(&rig->a, TAPIR_SOCK_RAW, WIRE_PROTO_UDP)};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        bool had = false;
        for (size_t j = 0; j < ARRAY_LEN(kinds); j++) {
            had |= get(&rig->a, kinds[j], all[i]) != -ENOPROTOOPT;
        }
        cr_assert(had, "option %zu of the list", i);
    }
    rig_close(rig);
}

Test(sock_options, what_describes_the_socket) {
    struct rig *rig = rig_open();
    const struct {
        enum tapir_sock_type type;
        uint8_t protocol;
    } kinds[] = {{TAPIR_SOCK_DGRAM, 17}, {TAPIR_SOCK_PING, 1}, {TAPIR_SOCK_RAW, 89}};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        tapir_sock s = open_sock(&rig->a, kinds[i].type, kinds[i].protocol);
        cr_assert_eq(get(&rig->a, s, TAPIR_OPT_TYPE), kinds[i].type);
        cr_assert_eq(get(&rig->a, s, TAPIR_OPT_PROTOCOL), kinds[i].protocol);
        cr_assert_eq(get(&rig->a, s, TAPIR_OPT_ACCEPTCONN), 0);
        cr_assert_eq(get(&rig->a, s, TAPIR_OPT_ERROR), 0);
        cr_assert_eq(get(&rig->a, s, TAPIR_OPT_IN_BYTES), 0);
        cr_assert_eq(get(&rig->a, s, TAPIR_OPT_OUT_BYTES), 0);
        cr_assert_eq(get(&rig->a, s, TAPIR_OPT_MTU), -ENOTCONN);
        cr_assert_eq(get(&rig->a, s, TAPIR_OPT_RCVBUF), TAPIR_DGRAM_RCVBUF_BYTES);
        cr_assert_eq(get(&rig->a, s, TAPIR_OPT_SNDBUF), TAPIR_DGRAM_SNDBUF_BYTES);
        cr_assert_eq(get(&rig->a, s, TAPIR_OPT_LINGER), -1);
        cr_assert_eq(get(&rig->a, s, TAPIR_OPT_TTL), 64);
        cr_assert_eq(get(&rig->a, s, TAPIR_OPT_MULTICAST_TTL), 1);
        cr_assert_eq(get(&rig->a, s, TAPIR_OPT_MTU_DISCOVER), 1);
    }
    rig_close(rig);
}

/* REUSE options work through the socket, and SO_BINDTODEVICE bars the multicast interface of another. */
Test(sock_options, have_their_effect) {
    struct rig *rig = rig_open();
    tapir_sock one = open_sock(&rig->a, TAPIR_SOCK_DGRAM, 0), two = open_sock(&rig->a, TAPIR_SOCK_DGRAM, 0);
    set(rig, &rig->a, one, TAPIR_OPT_REUSEPORT, 1);
    cr_assert_eq(bind_to(&rig->a, one, IPV4_ANY, 53), 0);
    cr_assert_eq(bind_to(&rig->a, two, IPV4_ANY, 53), -EADDRINUSE);
    set(rig, &rig->a, two, TAPIR_OPT_REUSEADDR, 1);
    cr_assert_eq(bind_to(&rig->a, two, IPV4_ANY, 53), -EADDRINUSE);
    set(rig, &rig->a, two, TAPIR_OPT_REUSEPORT, 1);
    cr_assert_eq(bind_to(&rig->a, two, IPV4_ANY, 53), 0);
    struct tapir_netif_config config = {.name = "tap1", .mac = {2, 0, 0, 0, 1, 1}, .mtu_bytes = 1500};
    cr_assert_eq(link_netif_add(&rig->a.stack->link, &config), 2);
    cr_assert_eq(set(rig, &rig->a, one, TAPIR_OPT_NETIF, 2), 0);
    cr_assert_eq(set(rig, &rig->a, one, TAPIR_OPT_MULTICAST_NETIF, 1), -EINVAL);
    cr_assert_eq(set(rig, &rig->a, one, TAPIR_OPT_MULTICAST_NETIF, 2), 0);
    rig_close(rig);
}

/* SO_NO_CHECK reaches the wire. */
Test(sock_options, checksum_off) {
    struct rig *rig = rig_open();
    tapir_sock s = open_sock(&rig->a, TAPIR_SOCK_DGRAM, 0), raw = open_sock(&rig->b, TAPIR_SOCK_RAW, WIRE_PROTO_UDP);
    tapir_sock server = udp_bound(&rig->b, IPV4_ANY, 53);
    uint8_t in[64];
    for (int off = 0; off < 2; off++) {
        set(rig, &rig->a, s, TAPIR_OPT_CHECKSUM_OFF, off);
        cr_assert_eq(say_to(rig, &rig->a, s, B_ADDR, 53, "x", 1), 1);
        cr_assert_eq(hear(rig, &rig->b, raw, in, sizeof in, 0, NULL), 29);
        cr_assert_eq((in[26] | in[27]) == 0, off == 1);
        cr_assert_eq(hear(rig, &rig->b, server, in, sizeof in, 0, NULL), 1);
    }
    rig_close(rig);
}
