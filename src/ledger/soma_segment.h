
/*
 * Copyright (C) The ngx_soma authors
 *
 * The journal's format: a segment is one file of fixed size, mapped by one
 * writer, a header and then records one behind the other.  This file works
 * on the mapped bytes; opening, locking and syncing are the caller's.
 *
 *   segment header (SOMA_SEGMENT_HEADER bytes, little-endian)
 *      0  "SOMAJRN1"
 *      8  version u32
 *     12  crc u32 (zlib's), of the bytes 0..11 and 16..55
 *     16  writer[16]
 *     32  number u64
 *     40  first_seq u64
 *     48  created i64 (ms UTC)
 *     56  acked u64 (last sequence known to be shipped)
 *     64  closed u32 (the writer moved on: no more records will come)
 *     68  zeros
 *   record, at an 8-byte boundary
 *      0  length u32 (payload)
 *      4  crc u32 (CRC-32C of seq and payload)
 *      8  seq u64
 *     16  payload, zeros up to the boundary
 *
 * A record counts when its length is in range, its CRC fits and its
 * seq is the one before plus one; the first that does not ends the
 * segment.  The length is written last, so a killed writer leaves whole
 * records only, and the length of what comes next is always 0 before that.
 *
 * One process appends.  Others may open and read the same bytes meanwhile:
 * a record that soma_segment_next() has handed out does not change any more.
 */


#ifndef SOMA_SEGMENT_H
#define SOMA_SEGMENT_H


#include "soma_base.h"


#define SOMA_SEGMENT_HEADER   128
#define SOMA_SEGMENT_MIN      (64 * 1024)
#define SOMA_SEGMENT_RECORD   16        /* before the payload */
#define SOMA_SEGMENT_PAYLOAD_MAX  (32 * 1024)
#define SOMA_SEGMENT_VERSION  1
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


/*
 * Writes a header over "base", the caller's mapped bytes, aligned to 8.  What
 * lies behind it should be zeros, as in a new file; old bytes there do no
 * harm but are reported as torn.  SOMA_ERROR: size below SOMA_SEGMENT_MIN,
 * not aligned, writer not of hex digits, number or first_seq 0
 */
int soma_segment_create(soma_segment_t *segment, unsigned char *base,
    size_t size, soma_str_t writer, uint64_t number, uint64_t first_seq,
    int64_t now);

/*
 * Reads the header and walks the records to the last good one; writes
 * nothing, so a read-only mapping will do for a reader.  A file that was cut
 * short (of any size from SOMA_SEGMENT_HEADER) gives what is left of it.
 * SOMA_ERROR: not a segment, *error, a constant sentence, says why.
 * *torn: bytes from behind the last good record to the last byte that is not
 * zero: an append that was cut off (harmless, its length is 0), or damage
 */
int soma_segment_open(soma_segment_t *segment, unsigned char *base,
    size_t size, size_t *torn, const char **error);

/*
 * What stands behind the last good record ("torn" bytes, of
 * soma_segment_open()): 0 for nothing, or for one append that was cut off; 1
 * when a disk, a file system or a person must have been at it.
 */
int soma_segment_damaged(const soma_segment_t *segment, size_t torn);

/* SOMA_OK, or SOMA_DECLINED when it does not fit or the segment is closed:
 * start the next one; SOMA_ERROR: len is 0 or above SOMA_SEGMENT_PAYLOAD_MAX
 * and fits nowhere */
int soma_segment_append(soma_segment_t *segment, const unsigned char *payload,
    size_t len);

/* a reader that sees closed and only then SOMA_DONE has seen all of it */
void soma_segment_close(soma_segment_t *segment);
int soma_segment_closed(const soma_segment_t *segment);

/* first_seq - 1: nothing yet.  May go back, when a Redis lost its memory */
void soma_segment_ack(soma_segment_t *segment, uint64_t seq);
uint64_t soma_segment_acked(const soma_segment_t *segment);


typedef struct {
    size_t    pos;              /* zero it to start at the first record */
    uint64_t  seq;              /* of the record before */
} soma_segment_cursor_t;

/* SOMA_OK with the record (payload points into the segment), SOMA_DONE at
 * the end of what is written; a later call sees what came since.  Of the
 * segment only base, size and first_seq are looked at: "pos" and "seq" of a
 * reader's own soma_segment_t may be behind */
int soma_segment_next(const soma_segment_t *segment,
    soma_segment_cursor_t *cursor, uint64_t *seq, soma_str_t *payload);


/* file name of a segment, "<writer>-<number, 8 digits>.soma" (more digits
 * from 100000000 on), both ways; parsing, "writer" points into the name, and
 * anything not written so is SOMA_DECLINED */
void soma_segment_name(soma_out_t *out, soma_str_t writer, uint64_t number);
int soma_segment_parse_name(soma_str_t name, soma_str_t *writer,
    uint64_t *number);


#endif /* SOMA_SEGMENT_H */
