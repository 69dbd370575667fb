/* The Internet checksum (RFC 1071), a word at a time, with incremental update (RFC 1624). */
#ifndef BASE_CHECKSUM_H
#define BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* A running sum of 16-bit big-endian words, not folded. Start from 0. */
typedef uint64_t checksum_sum;

/* Adds bytes at an even offset of the data summed; a last odd byte counts as the high half of a word.
 * Borrows data, any alignment. */
checksum_sum checksum_add(checksum_sum sum, const void *data, size_t len);

/* Copies len bytes from src to dst and returns checksum_add(sum, src, len): one pass over the bytes. */
checksum_sum checksum_copy(checksum_sum sum, void *dst, const void *src, size_t len);

/* Adds a sum that was computed for data starting at an odd (`odd`) or even offset: for data in pieces. */
checksum_sum checksum_combine(checksum_sum sum, checksum_sum part, int odd);

/* Adds one 16-bit or 32-bit number given in host order. */
checksum_sum checksum_add_u16(checksum_sum sum, uint16_t value);
checksum_sum checksum_add_u32(checksum_sum sum, uint32_t value);

/* Folds to 16 bits, not complemented, host order. A valid packet with its checksum in place folds to 0xffff. */
uint16_t checksum_fold(checksum_sum sum);

/* The value for the checksum field: the complement of the fold, host order. */
uint16_t checksum_finish(checksum_sum sum);

/* The new checksum field after one 16-bit word that it covers changed from `from` to `to` (RFC 1624 eqn. 3), host order. */
uint16_t checksum_update(uint16_t checksum, uint16_t from, uint16_t to);

#endif
