/* What the way from a socket to its descriptor costs, counted in descriptors that are looked at: hazards D13 and Z6. */
#define _GNU_SOURCE
#include <criterion/criterion.h>

/* A copy of the module under other names, for the sake of its buckets. */
#define posix_descriptors_add copy_add
#define posix_descriptors_attach copy_attach
#define posix_descriptors_by_sock copy_by_sock
#define posix_descriptors_close copy_close
#define posix_descriptors_destroy copy_destroy
#define posix_descriptors_drop copy_drop
#define posix_descriptors_end copy_end
#define posix_descriptors_enter copy_enter
#define posix_descriptors_find copy_find
#define posix_descriptors_forget copy_forget
#define posix_descriptors_given copy_given
#define posix_descriptors_init copy_init
#define posix_descriptors_leave copy_leave
#define posix_descriptors_next copy_next
#define posix_descriptors_next_number copy_next_number
#define posix_descriptors_number copy_number
#define posix_descriptors_orphan copy_orphan
#define posix_descriptors_ours copy_ours
#define posix_descriptors_release copy_release
#define posix_descriptors_reserve copy_reserve
#define posix_descriptors_share copy_share
#include "../../../sockets/posix/descriptors.c"

#define SOCKETS 3000
#define BUCKETS 4096 /* that so many sockets come to have */
#define LONGEST 16

static struct descriptor descriptors[SOCKETS];

static size_t longest_chain(void) {
    size_t longest = 0;
    for (size_t i = 0; i < bucket_count; i++) {
        size_t len = 0;
        for (const struct descriptor *d = buckets[i]; d != NULL; d = d->next_by_sock) {
            len++;
        }
        longest = len > longest ? len : longest;
    }
    return longest;
}

/* A handle is a slot of the pool below the generation of what is in it, which grows as peers come and go. */
static tapir_sock handle(uint64_t slot, uint64_t generation) { return generation << 32 | slot; }

/* Would it meet the others in one bucket, if the multiplier were the golden ratio? */
static bool meets(tapir_sock sock) { return ((sock * 0x9e3779b97f4a7c15U) >> 32 & (BUCKETS - 1)) == 0; }

/* `secret` 0: the one that was drawn. */
static void check(tapir_sock (*choose)(uint64_t slot), uint64_t secret) {
    cr_assert_eq(copy_init(), 0);
    multiplier = secret == 0 ? multiplier : secret;
    for (uint64_t i = 0; i < SOCKETS; i++) {
        copy_attach(&descriptors[i], choose(i));
    }
    cr_assert_eq(bucket_count, BUCKETS);
    cr_assert_leq(longest_chain(), LONGEST);
    for (uint64_t i = 0; i < SOCKETS; i++) {
        cr_assert_eq(copy_by_sock(choose(i)), &descriptors[i]);
    }
    copy_destroy();
}

static tapir_sock first_of(uint64_t slot) { return handle(slot, 1); }

static tapir_sock chosen_of(uint64_t slot) {
    uint64_t generation = 1;
    while (!meets(handle(slot, generation))) {
        generation++;
    }
    return handle(slot, generation);
}

Test(descriptors_cost, Z6_however_many_sockets) { check(first_of, 0); }

Test(descriptors_cost, D13_generations_that_peers_have_chosen) { check(chosen_of, 0); }

/* A multiplier whose product moves by hardly a bucket, or by a round fraction of them, from a slot to the next. */
Test(descriptors_cost, Z6_whatever_multiplier_is_drawn) {
    for (uint64_t fraction = 1; fraction <= 64; fraction++) {
        check(first_of, (uint64_t)BUCKETS / fraction << 32 | 1);
        check(first_of, (fraction << 24) | 1);
    }
}
