
/*
 * Copyright (C) The ngx_soma authors
 *
 * An append stores a length of 0, the record, a length of 0 behind it, and
 * the record's own length last.  So a killed writer leaves, behind its last
 * whole record, a length of 0 and at most one record's bytes; anything else
 * there was made by a disk, a file system or a person.
 */


#include "soma_check.h"


#define SOMA_CHECK_ALIGN    8
#define SOMA_CHECK_AT_SEQ   8

/* of one record cut off, and the length behind it */
#define SOMA_CHECK_TORN_MAX                                                   \
    (SOMA_SEGMENT_RECORD + SOMA_SEGMENT_PAYLOAD_MAX + SOMA_CHECK_ALIGN        \
     + SOMA_SEGMENT_RECORD)


static uint64_t soma_check_seq(const soma_segment_t *segment, size_t pos);
static size_t soma_check_torn(const soma_segment_t *segment, size_t pos);
static void soma_check_behind(const soma_segment_t *segment,
    soma_check_t *check);
static uint32_t soma_check_length(const soma_segment_t *segment, size_t pos);
static size_t soma_check_size(uint32_t len);
static const char *soma_check_what(const soma_segment_t *segment,
    const soma_check_t *check);


static uint64_t
soma_check_seq(const soma_segment_t *segment, size_t pos)
{
    unsigned              i;
    uint64_t              seq;
    const unsigned char  *p;

    p = segment->base + pos + SOMA_CHECK_AT_SEQ;

    for (seq = 0, i = sizeof(seq); i > 0; i--) {
        seq = seq << 8 | p[i - 1];
    }

    return seq;
}


static uint32_t
soma_check_length(const soma_segment_t *segment, size_t pos)
{
    const unsigned char  *p;

    if (segment->size - pos < sizeof(uint32_t)) {
        return 0;
    }

    p = segment->base + pos;

    return (uint32_t) p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16
           | (uint32_t) p[3] << 24;
}


static size_t
soma_check_torn(const soma_segment_t *segment, size_t pos)
{
    size_t  end;

    for (end = segment->size; end > pos && segment->base[end - 1] == 0; end--)
    {
        /* void */
    }

    return end - pos;
}


/* a record is known by its CRC; its number must be one that can follow */
static void
soma_check_behind(const soma_segment_t *segment, soma_check_t *check)
{
    size_t                 pos, end;
    uint64_t               seq, max;
    soma_str_t             payload;
    soma_segment_cursor_t  cursor;

    max = segment->size / SOMA_SEGMENT_RECORD;
    end = check->at + check->torn;

    for (pos = check->at; pos < end && end - pos > SOMA_SEGMENT_RECORD;
         pos += SOMA_CHECK_ALIGN)
    {
        seq = soma_check_seq(segment, pos);

        if (seq <= check->last || seq - check->last > max) {
            continue;
        }

        cursor.pos = pos;
        cursor.seq = seq - 1;

        while (soma_segment_next(segment, &cursor, &seq, &payload)
               == SOMA_OK)
        {
            if (check->behind++ == 0) {
                check->behind_first = seq;
            }

            check->behind_last = seq;
            pos = cursor.pos - SOMA_CHECK_ALIGN;
        }
    }
}


static size_t
soma_check_size(uint32_t len)
{
    return (SOMA_SEGMENT_RECORD + (size_t) len + SOMA_CHECK_ALIGN - 1)
           / SOMA_CHECK_ALIGN * SOMA_CHECK_ALIGN;
}


static const char *
soma_check_what(const soma_segment_t *segment, const soma_check_t *check)
{
    uint32_t  len;

    len = soma_check_length(segment, check->at);

    if (len != 0 && len <= SOMA_SEGMENT_PAYLOAD_MAX
        && soma_check_size(len) > segment->size - check->at)
    {
        return "the file ends within a record";
    }

    if (len > SOMA_SEGMENT_PAYLOAD_MAX) {
        return "a record's length makes no sense";
    }

    if (len != 0) {
        return check->behind ? "a record's bytes do not fit its CRC or number"
                             : "the last record's bytes do not fit its CRC "
                               "or number";
    }

    if (check->behind) {
        return "a record's length is 0, but whole records follow";
    }

    if (check->torn > SOMA_CHECK_TORN_MAX) {
        return "bytes that no append has written follow the last record";
    }

    return "a segment that was closed ends in half a record";
}


void
soma_segment_check(const soma_segment_t *segment, soma_check_t *check)
{
    uint64_t               seq, acked;
    soma_str_t             payload;
    soma_segment_cursor_t  cursor;

    memset(check, 0, sizeof(soma_check_t));
    memset(&cursor, 0, sizeof(soma_segment_cursor_t));

    while (soma_segment_next(segment, &cursor, &seq, &payload) == SOMA_OK) {
        check->records++;
    }

    check->at = cursor.pos;
    check->last = cursor.seq;
    check->torn = soma_check_torn(segment, cursor.pos);

    if (check->torn) {
        check->kind = SOMA_CHECK_TORN;
        soma_check_behind(segment, check);

        if (soma_check_length(segment, check->at) != 0 || check->behind
            || check->torn > SOMA_CHECK_TORN_MAX
            || soma_segment_closed(segment))
        {
            check->kind = SOMA_CHECK_DAMAGED;
            check->what = soma_check_what(segment, check);
            return;
        }
    }

    acked = soma_segment_acked(segment);

    if (acked != UINT64_MAX && acked > check->last) {
        check->kind = SOMA_CHECK_DAMAGED;
        check->what = "Redis was given more records of it than are left";

    } else if (segment->size < SOMA_SEGMENT_MIN) {
        check->kind = SOMA_CHECK_DAMAGED;
        check->what = "the file was cut short";
    }
}
