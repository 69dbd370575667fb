/* Keyed numbers of a 4-tuple: the initial sequence number (RFC 6528) and the timestamp offset (RFC 7323 5.4). */
#ifndef TCP_ISN_H
#define TCP_ISN_H

#include "base/siphash.h"
#include "tcp/segment/seq.h"
#include <tapir/core.h>

/* A keyed hash of the tuple; `domain` separates uses of one key. */
uint64_t tcp_isn_tuple_hash(const struct siphash_key *key, const struct tapir_endpoint *local,
                            const struct tapir_endpoint *remote, uint8_t domain);

/* ISN = M + F(tuple, key), M stepping every 4 us (MUST-8, SHLD-1, MUST-9). */
struct seq tcp_isn(const struct siphash_key *key, const struct tapir_endpoint *local,
                   const struct tapir_endpoint *remote, uint64_t now_us);

/* What to add to the millisecond clock in this connection's timestamps (HAZARDS N4). */
uint32_t tcp_isn_timestamp_offset(const struct siphash_key *key, const struct tapir_endpoint *local,
                                  const struct tapir_endpoint *remote);

#endif
