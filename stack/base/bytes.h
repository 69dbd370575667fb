/* Byte cursors: the one way to read and write multi-byte fields. Network order; they never pass their end. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Reads [at, end). Past the end it gives zeros and sets failed, so one test after a parse is enough. */
struct reader {
    const uint8_t *at, *end;
    bool failed;
};

/* Writes [at, end). Past the end it writes nothing and sets failed. */
struct writer {
    uint8_t *at, *end;
    bool failed;
};

static inline struct reader reader_of(const void *data, size_t len) {
    return (struct reader){.at = data, .end = (const uint8_t *)data + len};
}

static inline struct writer writer_of(void *data, size_t len) {
    return (struct writer){.at = data, .end = (uint8_t *)data + len};
}

static inline size_t reader_left(const struct reader *r) { return (size_t)(r->end - r->at); }
static inline size_t writer_left(const struct writer *w) { return (size_t)(w->end - w->at); }

/* The next len bytes, borrowed, or NULL. */
static inline const uint8_t *reader_bytes(struct reader *r, size_t len) {
    if (reader_left(r) < len) {
        r->failed = true;
        r->at = r->end;
        return NULL;
    }
    const uint8_t *p = r->at;
    r->at += len;
    return p;
}

static inline void reader_copy(struct reader *r, void *to, size_t len) {
    const uint8_t *p = reader_bytes(r, len);
    if (p != NULL) {
        memcpy(to, p, len);
    } else {
        memset(to, 0, len);
    }
}

static inline uint8_t reader_u8(struct reader *r) {
    const uint8_t *p = reader_bytes(r, 1);
    return p == NULL ? 0 : p[0];
}

static inline uint16_t reader_u16(struct reader *r) {
    const uint8_t *p = reader_bytes(r, 2);
    return (uint16_t)(p == NULL ? 0 : p[0] << 8 | p[1]);
}

static inline uint32_t reader_u32(struct reader *r) {
    const uint8_t *p = reader_bytes(r, 4);
    return p == NULL ? 0 : (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Is there room for len bytes? If not, the writer has failed. */
static inline bool writer_fits(struct writer *w, size_t len) {
    bool fits = writer_left(w) >= len;
    w->failed |= !fits;
    return fits;
}

/* Room for len bytes, or NULL. */
static inline uint8_t *writer_room(struct writer *w, size_t len) {
    if (!writer_fits(w, len)) {
        return NULL;
    }
    uint8_t *p = w->at;
    w->at += len;
    return p;
}

static inline void writer_copy(struct writer *w, const void *from, size_t len) {
    if (writer_fits(w, len) && len > 0) {
        memcpy(w->at, from, len);
        w->at += len;
    }
}

static inline void writer_u8(struct writer *w, uint8_t value) {
    if (writer_fits(w, 1)) {
        *w->at++ = value;
    }
}

static inline void writer_u16(struct writer *w, uint16_t value) {
    if (writer_fits(w, 2)) {
        *w->at++ = (uint8_t)(value >> 8);
        *w->at++ = (uint8_t)value;
    }
}

static inline void writer_u32(struct writer *w, uint32_t value) {
    writer_u16(w, (uint16_t)(value >> 16));
    writer_u16(w, (uint16_t)value);
}

#endif
