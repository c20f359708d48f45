
/*
 * Copyright (C) The ngx_soma authors
 *
 * What lies behind the last whole record of a segment: nothing, an append
 * that was cut off, or damage.
 */


#ifndef SOMA_CHECK_H
#define SOMA_CHECK_H


#include "soma_segment.h"


typedef enum {
    SOMA_CHECK_CLEAN = 0,
    SOMA_CHECK_TORN,            /* the writer was killed in an append: the
                                   record was never counted */
    SOMA_CHECK_DAMAGED
} soma_check_e;


typedef struct {
    soma_check_e   kind;
    uint64_t       records;     /* that count */
    uint64_t       last;        /* sequence; first_seq - 1: none */
    size_t         at;          /* offset behind the last that counts */
    size_t         torn;        /* bytes that are not zero behind it, about */
    uint64_t       behind;      /* whole records behind the damage */
    uint64_t       behind_first;
    uint64_t       behind_last;
    const char    *what;        /* a constant phrase, when DAMAGED */
} soma_check_t;


/*
 * Walks an opened segment, without writing.  In a segment that is written to
 * meanwhile, what is found behind "at" may be of records that came after the
 * walk: damage there is certain only when a second walk ends at the same
 * "at".
 */
void soma_segment_check(const soma_segment_t *segment, soma_check_t *check);


#endif /* SOMA_CHECK_H */
