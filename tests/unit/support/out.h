/* A frame of the stack as the device would write it: header and pieces in one run of bytes. */
#ifndef TEST_OUT_H
#define TEST_OUT_H

#include <string.h>

#include "base/check.h"

/* Copies the frame into bytes, which has room for `size`, and returns its length. */
static inline uint32_t out_gather(const struct tapir_out *out, uint8_t *bytes, size_t size) {
    size_t at = out->header_len;
    CHECK(out->len <= size);
    memcpy(bytes, out->header, out->header_len);
    for (size_t i = 0; i < out->piece_count; i++) {
        CHECK(at + out->pieces[i].len <= out->len);
        memcpy(bytes + at, out->pieces[i].base, out->pieces[i].len);
        at += out->pieces[i].len;
    }
    CHECK(at == out->len);
    return (uint32_t)at;
}

#endif
