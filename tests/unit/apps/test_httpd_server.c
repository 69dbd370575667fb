/* The web server's places: who gets one. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "httpd/httpd.h"

static struct httpd_server server;

/* `peers` of them take turns until all are refused; the least that one of them has then. */
static uint32_t least_share(uint32_t places, uint32_t peers) {
    uint32_t counts[64] = {0};
    bool any = true;
    server.connections_max = places;
    server.connections = 0;
    while (any) {
        any = false;
        for (uint32_t i = 0; i < peers; i++) {
            if (server.connections < places && httpd_server_admits(&server, counts[i])) {
                counts[i]++;
                server.connections++;
                any = true;
            }
        }
    }
    uint32_t least = places;
    for (uint32_t i = 0; i < peers; i++) {
        least = counts[i] < least ? counts[i] : least;
    }
    return least;
}

Test(httpd_server, one_peer_leaves_room_for_the_next) {
    cr_assert_eq(least_share(1000, 1), 500);
    cr_assert(httpd_server_admits(&server, 0));
    cr_assert_geq(least_share(1000, 2), 333);
    cr_assert_geq(1000 - server.connections, 333);
    cr_assert_geq(least_share(1000, 9), 100);
    cr_assert_geq(1000 - server.connections, 100);
    /* A few are nobody's flood, however small the server. */
    cr_assert_eq(least_share(10, 1), HTTPD_PEER_LEAST);
    server.peer_max = 3;
    cr_assert_eq(least_share(1000, 5), 3);
    server.peer_max = 1000;
    cr_assert_eq(least_share(1000, 1), 1000);
}

Test(httpd_server, peers_are_counted_apart) {
    server.peer_seed = 0x12345678;
    unsigned shared = 0;
    for (uint32_t i = 1; i < 256; i++) {
        const struct in_addr one = {htonl(0x0a000000)};
        const struct in_addr other = {htonl(0x0a000000 + i)};
        cr_assert_eq(httpd_server_of_peer(&server, other), httpd_server_of_peer(&server, other));
        shared += httpd_server_of_peer(&server, one) == httpd_server_of_peer(&server, other) ? 1 : 0;
    }
    cr_assert_lt(shared, 3, "%u of 255 neighbours share a count", shared);
}
