/* IGMP queries and reports, versions 1 to 3 (RFC 1112, 2236, 3376).
 *
 *     all but the v3 report   type 1 | max response 1 | checksum 2 | group 4
 *     a v3 query goes on      S and QRV 1 | QQIC 1 | number of sources 2 | sources, 4 each
 *     a v3 report             type 1 | 0 | checksum 2 | 0 0 | number of records 2 | records
 *     a record of it          type 1 | auxiliary words 1 | number of sources 2 | group 4
 *
 * A query has the same type in all versions: its length tells 3 from the others, its max response 1 from 2.
 */
#include "wire/wire.h"

enum { MESSAGE_LEN = 8, V3_QUERY_LEN = 12, RECORD_LEN = 8, CHECKSUM_OFFSET = 2 };

bool wire_igmp_parse(const uint8_t *data, size_t len, struct wire_igmp *igmp) {
    if (len < MESSAGE_LEN) {
        return false;
    }
    struct reader r = reader_of(data, len);
    igmp->type = reader_u8(&r);
    igmp->max_resp_code = reader_u8(&r);
    igmp->checksum = reader_u16(&r);
    igmp->group = reader_u32(&r);
    igmp->v3_query = igmp->type == WIRE_IGMP_QUERY && len >= V3_QUERY_LEN;
    if (!igmp->v3_query) {
        /* RFC 3376 7.1: a query of 9 to 11 bytes is of no version. */
        return igmp->type != WIRE_IGMP_QUERY || len == MESSAGE_LEN;
    }
    igmp->s_qrv = reader_u8(&r);
    igmp->qqic = reader_u8(&r);
    igmp->source_count = reader_u16(&r);
    return igmp->source_count <= reader_left(&r) / 4;
}

void wire_igmp_emit(struct writer *w, const struct wire_igmp *igmp) {
    uint8_t *message = writer_room(w, MESSAGE_LEN);
    if (message == NULL) {
        return;
    }
    struct writer m = writer_of(message, MESSAGE_LEN);
    writer_u8(&m, igmp->type);
    writer_u8(&m, igmp->max_resp_code);
    writer_u16(&m, igmp->checksum);
    writer_u32(&m, igmp->group);
}

uint32_t wire_igmp_v3_time(uint8_t code) {
    if (code < 128) {
        return code;
    }
    /* RFC 3376 4.1.1: four bits of mantissa under a hidden one, three of exponent. */
    uint32_t mantissa = (code & 15U) | 16U;
    uint32_t exponent = (code >> 4) & 7U;
    return mantissa << (exponent + 3);
}

void wire_igmp_emit_v3_report(struct writer *w, const struct wire_igmp_record *records, uint16_t count) {
    size_t len = MESSAGE_LEN + (size_t)count * RECORD_LEN;
    uint8_t *report = writer_room(w, len);
    if (report == NULL) {
        return;
    }
    struct writer m = writer_of(report, len);
    writer_u8(&m, WIRE_IGMP_V3_REPORT);
    writer_u8(&m, 0);
    writer_u16(&m, 0);
    writer_u16(&m, 0);
    writer_u16(&m, count);
    for (uint16_t i = 0; i < count; i++) {
        writer_u8(&m, records[i].type);
        writer_u8(&m, 0);  /* no auxiliary data */
        writer_u16(&m, 0); /* no sources */
        writer_u32(&m, records[i].group);
    }
    m = writer_of(report + CHECKSUM_OFFSET, 2);
    writer_u16(&m, checksum_finish(checksum_add(0, report, len)));
}
