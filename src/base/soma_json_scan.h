
/*
 * Copyright (C) The ngx_soma authors
 *
 * What the two files of the scanner's upper half share: soma_json_scan.c has
 * the grammar, soma_json_name.c the names of members.
 */


#ifndef SOMA_JSON_SCAN_H
#define SOMA_JSON_SCAN_H


#include "soma_json_skip.h"


typedef enum {
    SOMA_SCAN_START = 0,
    SOMA_SCAN_FIRST,            /* a name or "}" */
    SOMA_SCAN_NEXT,             /* a name */
    SOMA_SCAN_COLON,
    SOMA_SCAN_VALUE,
    SOMA_SCAN_COMMA,            /* a comma or "}" */
    SOMA_SCAN_END,
    SOMA_SCAN_NAME,
    SOMA_SCAN_STRING,
    SOMA_SCAN_NEST,
    SOMA_SCAN_LITERAL,
    SOMA_SCAN_NUMBER,
    SOMA_SCAN_FAILED
} soma_json_scan_state_e;


typedef enum {
    SOMA_NAME_PLAIN = 0,
    SOMA_NAME_ESCAPE,
    SOMA_NAME_HEX1,
    SOMA_NAME_HEX2,
    SOMA_NAME_HEX3,
    SOMA_NAME_HEX4
} soma_json_name_step_e;


/* most names are of no length that is wanted */
#define soma_json_length(len)  ((uint64_t) 1 << ((len) & 63))


static inline uint32_t
soma_json_at(soma_json_scan_t *scan, const unsigned char *p)
{
    return (uint32_t) (scan->offset + (size_t) (p - scan->piece));
}


/* in the order of soma_json_fault_e */
extern const char *const  soma_json_scan_faults[];

/* always NULL: the scan has failed at p */
const unsigned char *soma_json_scan_refuse(soma_json_scan_t *scan,
    const unsigned char *p, const char *error);

/* more of a name that is long, cut off, or not plain; how far it was taken, or
 * NULL where it is refused */
const unsigned char *soma_json_name(soma_json_scan_t *scan,
    const unsigned char *p, const unsigned char *end);

/* a name that is decoded: whose value follows; NULL, or why it is refused */
const char *soma_json_name_known(soma_json_scan_t *scan,
    const unsigned char *name, size_t len);


#endif /* SOMA_JSON_SCAN_H */
