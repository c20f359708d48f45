
/*
 * Copyright (C) The ngx_soma authors
 *
 * The journal's format: a segment is one file of fixed size, mapped by one
 * writer, a header and then records one behind the other.  This file works
 * on the mapped bytes; opening, locking and syncing are the caller's.
 *
 *   segment header (SOMA_SEGMENT_HEADER bytes, little-endian)
 *     "SOMAJRN1"  version u32  crc u32  writer[16]  number u64  first_seq u64
 *     created i64 (ms UTC)  acked u64 (last sequence known to be shipped)
 *     closed u32 (the writer moved on: no more records will come)
 *   record, at an 8-byte boundary
 *     length u32 (payload)  crc u32 (of seq and payload)  seq u64  payload
 *
 * A record counts when its length is in range, its CRC fits and its seq is
 * the one before plus one; the first that does not ends the segment.  The
 * length is written last, so a killed writer leaves whole records only.
 */


#ifndef SOMA_JOURNAL_H
#define SOMA_JOURNAL_H


#include "soma_base.h"


#define SOMA_SEGMENT_HEADER   128
#define SOMA_SEGMENT_MIN      (64 * 1024)
#define SOMA_WRITER_LEN       16        /* hex digits, no NUL */


typedef struct {
    unsigned char  *base;       /* mapped bytes */
    size_t          size;
    size_t          pos;        /* where the next record goes */
    uint64_t        seq;        /* of the last record, first_seq - 1: none */
    uint64_t        number;     /* of the segment, from 1 */
    uint64_t        first_seq;
    int64_t         created;    /* ms UTC */
    unsigned char   writer[SOMA_WRITER_LEN];
} soma_segment_t;


/* writes a header over "base"; SOMA_ERROR: size below SOMA_SEGMENT_MIN */
int soma_segment_create(soma_segment_t *segment, unsigned char *base,
    size_t size, soma_str_t writer, uint64_t number, uint64_t first_seq,
    int64_t now);

/* reads the header and walks the records to the last good one; SOMA_ERROR:
 * not a segment (*error says why).  *torn: bytes behind the last good record
 * that are not zero */
int soma_segment_open(soma_segment_t *segment, unsigned char *base,
    size_t size, size_t *torn, const char **error);

/* SOMA_OK, or SOMA_DECLINED when it does not fit: close and start the next */
int soma_segment_append(soma_segment_t *segment, const unsigned char *payload,
    size_t len);

void soma_segment_close(soma_segment_t *segment);
int soma_segment_closed(const soma_segment_t *segment);
void soma_segment_ack(soma_segment_t *segment, uint64_t seq);
uint64_t soma_segment_acked(const soma_segment_t *segment);


typedef struct {
    size_t  pos;                /* zero it to start at the first record */
} soma_segment_cursor_t;

/* SOMA_OK with the record (payload points into the segment), SOMA_DONE at
 * the end of what is written; a later call sees what came since */
int soma_segment_next(const soma_segment_t *segment,
    soma_segment_cursor_t *cursor, uint64_t *seq, soma_str_t *payload);


/* file name of a segment, "<writer>-<number, 8 digits>.soma", both ways */
void soma_segment_name(soma_out_t *out, soma_str_t writer, uint64_t number);
int soma_segment_parse_name(soma_str_t name, soma_str_t *writer,
    uint64_t *number);


#endif /* SOMA_JOURNAL_H */
