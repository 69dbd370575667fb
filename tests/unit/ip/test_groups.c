/* Joining and leaving groups: who may, and how many; IGMP's tests have what is told. */
#include "ip/rig.h"

#include <errno.h>

Test(ip_groups, arguments) {
    struct rig *rig = rig_start();
    struct tapir_addr group = addr_of_ipv4(GROUP_IP);
    struct link_netif none = {.index = 5};
    cr_assert_eq(ip_groups_join(&rig->ip, NULL, &group, 0), -ENODEV);
    cr_assert_eq(ip_groups_join(&rig->ip, &none, &group, 0), -ENODEV);
    cr_assert_eq(ip_groups_leave(&rig->ip, &none, &group, 0), -ENODEV);
    cr_assert_eq(rig_join(rig, PEER_IP), -EINVAL);
    cr_assert_eq(rig_leave(rig, PEER_IP), -EINVAL);
    struct tapir_addr other = {.b = {0xff, 2, [15] = 0x77}};
    cr_assert_eq(ip_groups_join(&rig->ip, rig->netif, &other, 0), -EINVAL, "of a version that we do not speak");
    cr_assert(!ip_groups_member(&rig->ip, rig->netif, &other));
    cr_assert_eq(rig_leave(rig, GROUP_IP), -EADDRNOTAVAIL);
    for (uint32_t i = 0; i < TAPIR_IGMP_GROUPS_MAX; i++) {
        cr_assert_eq(rig_join(rig, GROUP_IP + i), 0);
    }
    cr_assert_eq(rig_join(rig, IPV4(239, 9, 9, 9)), -ENOBUFS);
    cr_assert_eq(rig_join(rig, GROUP_IP), 0, "again, counted");
    rig_drain(rig);
    rig_stop(rig);
}
