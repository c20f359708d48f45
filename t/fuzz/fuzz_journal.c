
/*
 * Copyright (C) The ngx_soma authors
 *
 * Segments of arbitrary bytes, and good ones with arbitrary damage: opening
 * and reading end with a defined result inside the bytes, what lies before
 * the damage is there, and a segment that opens can be written on.
 *
 * Input: the first byte chooses.  Even: the rest is the segment.  Odd: a list
 * of damages, offset u16 and a byte to xor, to a segment with RECORDS good
 * records.
 */


#include <stdlib.h>
#include "soma_segment.h"


#define RECORDS  20
#define INPUT    (256 * 1024)


#define must(cond)  do { if (!(cond)) { abort(); } } while (0)


static void
walk(soma_segment_t *segment, uint64_t *records, unsigned *sum)
{
    size_t                 i;
    uint64_t               seq;
    soma_str_t             payload;
    soma_segment_cursor_t  cursor;

    memset(&cursor, 0, sizeof(cursor));
    *records = 0;

    while (soma_segment_next(segment, &cursor, &seq, &payload) == SOMA_OK) {
        must(seq == segment->first_seq + *records);
        must(payload.len != 0 && payload.data >= segment->base
             && payload.data + payload.len <= segment->base + segment->size);

        for (i = 0; i < payload.len; i++) {
            *sum += payload.data[i];
        }

        (*records)++;
    }
}


static void
open_and_append(unsigned char *base, size_t size, uint64_t least)
{
    size_t           torn;
    unsigned         sum;
    uint64_t         before, after;
    const char      *error;
    soma_segment_t   segment;

    sum = 0;

    if (soma_segment_open(&segment, base, size, &torn, &error) != SOMA_OK) {
        must(error != NULL);
        return;
    }

    must(segment.pos <= size && torn <= size - segment.pos);

    walk(&segment, &before, &sum);
    must(before >= least);
    must(segment.seq == segment.first_seq - 1 + before);

    if (soma_segment_append(&segment, (const void *) "after", 5) == SOMA_OK) {
        walk(&segment, &after, &sum);
        must(after == before + 1);
    }

    (void) soma_segment_acked(&segment);
    soma_segment_ack(&segment, sum);
    soma_segment_close(&segment);
    must(soma_segment_append(&segment, base, 1) == SOMA_DECLINED);
}


static void
damaged(const uint8_t *data, size_t len)
{
    size_t           i, at, first, ends[RECORDS];
    uint64_t         least;
    unsigned char   *base;
    soma_segment_t   segment;

    base = calloc(1, SOMA_SEGMENT_MIN);
    must(base != NULL);

    must(soma_segment_create(&segment, base, SOMA_SEGMENT_MIN,
                             SOMA_STR("0123456789abcdef"), 1, 1, 1)
         == SOMA_OK);

    for (i = 0; i < RECORDS; i++) {
        must(soma_segment_append(&segment, base, 1 + i * 5) == SOMA_OK);
        ends[i] = segment.pos;
    }

    first = SOMA_SEGMENT_MIN;

    for (i = 0; i + 3 <= len; i += 3) {
        at = data[i] | (size_t) data[i + 1] << 8;
        base[at] ^= data[i + 2];

        if (at < first && data[i + 2] != 0) {
            first = at;
        }
    }

    for (least = 0; least < RECORDS && ends[least] <= first; least++) {
        /* void */
    }

    open_and_append(base, SOMA_SEGMENT_MIN, least);
    free(base);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    unsigned char              *base;
    soma_out_t                  out;
    soma_str_t                  name, writer;
    uint64_t                    number;
    unsigned char               buf[64];

    if (len == 0 || len > INPUT) {
        return 0;
    }

    name.data = (unsigned char *) data;
    name.len = len;

    if (soma_segment_parse_name(name, &writer, &number) == SOMA_OK) {
        soma_put_init(&out, buf, sizeof(buf));
        soma_segment_name(&out, writer, number);
        must((size_t) (out.pos - out.start) == len
             && memcmp(buf, data, len) == 0);
    }

    if (data[0] & 1) {
        damaged(data + 1, len - 1);
        return 0;
    }

    /* of its own size, so that a byte too far is seen */
    base = malloc(len);
    must(base != NULL);
    memcpy(base, data + 1, len - 1);

    open_and_append(base, len - 1, 0);
    free(base);

    return 0;
}
