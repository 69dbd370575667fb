/* Keyed numbers of a 4-tuple. */
#include "tcp/secret/isn.h"

#include <string.h>

enum { DOMAIN_ISN = 2, DOMAIN_TIMESTAMP = 3 };

uint64_t tcp_isn_tuple_hash(const struct siphash_key *key, const struct tapir_endpoint *local,
                            const struct tapir_endpoint *remote, uint8_t domain) {
    uint8_t tuple[37];
    memcpy(tuple, local->addr.b, 16);
    memcpy(tuple + 16, remote->addr.b, 16);
    memcpy(tuple + 32, &local->port, 2);
    memcpy(tuple + 34, &remote->port, 2);
    tuple[36] = domain;
    return siphash(key, tuple, sizeof tuple);
}

struct seq tcp_isn(const struct siphash_key *key, const struct tapir_endpoint *local,
                   const struct tapir_endpoint *remote, uint64_t now_us) {
    return seq_of((uint32_t)(now_us / 4) + (uint32_t)tcp_isn_tuple_hash(key, local, remote, DOMAIN_ISN));
}

uint32_t tcp_isn_timestamp_offset(const struct siphash_key *key, const struct tapir_endpoint *local,
                                  const struct tapir_endpoint *remote) {
    return (uint32_t)tcp_isn_tuple_hash(key, local, remote, DOMAIN_TIMESTAMP);
}
