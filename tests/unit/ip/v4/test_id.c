/* Identifications tell an observer nothing (N3), and do not come again soon. */
#include "ip/rig.h"

Test(ip_v4_id, N3_atomic_datagrams_have_none) {
    struct rig *rig = rig_start();
    for (unsigned i = 0; i < 1000; i++) {
        cr_assert_eq(ip_v4_id_next(&rig->ip, true), 0);
    }
    rig_stop(rig);
}

Test(ip_v4_id, N3_no_recent_one_again) {
    struct rig *rig = rig_start();
    static uint32_t last_seen[65536];
    for (uint32_t i = 1; i <= 200000; i++) {
        uint16_t id = ip_v4_id_next(&rig->ip, false);
        cr_assert_neq(id, 0);
        cr_assert(last_seen[id] == 0 || i - last_seen[id] > TAPIR_IP_ID_RECENT, "again after %u", i - last_seen[id]);
        last_seen[id] = i;
    }
    rig_stop(rig);
}

/* What we send to A says nothing about how much goes to B: differences between successive ids to A are spread
 * evenly, whether B got none or many in between. */
Test(ip_v4_id, N3_ids_to_one_do_not_count_those_to_another) {
    struct rig *rig = rig_start();
    enum { SAMPLES = 40000, BINS = 64 };
    for (unsigned between = 0; between < 8; between += 7) {
        unsigned bins[BINS] = {0};
        uint16_t last = ip_v4_id_next(&rig->ip, false);
        for (unsigned i = 0; i < SAMPLES; i++) {
            for (unsigned j = 0; j < between; j++) {
                (void)ip_v4_id_next(&rig->ip, false);
            }
            uint16_t id = ip_v4_id_next(&rig->ip, false);
            bins[(uint16_t)(id - last) / (65536 / BINS)]++;
            last = id;
        }
        double chi = 0, expected = (double)SAMPLES / BINS;
        for (unsigned i = 0; i < BINS; i++) {
            double d = bins[i] - expected;
            chi += d * d / expected;
        }
        /* 63 degrees of freedom: above 120 once in ten thousand. */
        cr_assert_lt(chi, 120.0, "chi square %f", chi);
    }
    rig_stop(rig);
}
