/* Whom the datagram echo may answer. */
#include <criterion/criterion.h>

#include "echo/echo.h"

/* HAZARDS U4: two services that answer each other would go on for ever. */
Test(echo, u4_never_answers_a_service_that_would_answer) {
    for (uint32_t port = 0; port <= UINT16_MAX; port++) {
        const bool loops = port == 0 || port == 7 || port == 13 || port == 17 || port == 19 || port == 7007;
        cr_assert_eq(echo_udp_may_answer((uint16_t)port, 7007), !loops, "port %u", port);
    }
}
