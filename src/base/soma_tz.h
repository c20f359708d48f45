
/*
 * Copyright (C) The ngx_soma authors
 *
 * Time zones, as the system's database describes them (TZif, RFC 8536).  The
 * rule behind the last known change is written out when the file is read, so
 * that every question is a search by halves.
 *
 * All times are ms since 1970; a local time is what the clock on the wall
 * shows, counted as if it were UTC.
 */


#ifndef SOMA_TZ_H
#define SOMA_TZ_H


#include "soma_base.h"


#define SOMA_TZ_NAME_MAX     64         /* bytes, "Europe/Berlin" */
#define SOMA_TZ_FILE_MAX     65536      /* bytes */
#define SOMA_TZ_CHANGES_MAX  2048       /* read or written out */
#define SOMA_TZ_YEAR_LAST    2200       /* then the clock is changed no more */


typedef struct {
    int64_t  at;            /* ms UTC */
    int64_t  offset;        /* ms east of UTC, from then on */
} soma_tz_change_t;


/* zeroed: UTC */
typedef struct {
    soma_tz_change_t  *change;          /* of the arena, by time */
    unsigned           n;
    int64_t            first;           /* offset before the first */
} soma_tz_t;


/* a name that may be looked for below the database's directory */
int soma_tz_valid(soma_str_t name);

/* reads a file's bytes; SOMA_ERROR: they are no such file, or no memory */
int soma_tz_read(soma_tz_t *tz, soma_arena_t *arena, soma_str_t file);

/* tz: NULL is UTC */
int64_t soma_tz_local(const soma_tz_t *tz, int64_t ms);

/* the first moment at which the zone's clock shows that time, or a later one
 * (what a change skips is never shown) */
int64_t soma_tz_utc(const soma_tz_t *tz, int64_t local);


#endif /* SOMA_TZ_H */
