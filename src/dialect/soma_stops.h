
/*
 * Copyright (C) The ngx_soma authors
 *
 * Stop sequences for a provider that knows none, or not as many: the answer's
 * words are looked through as they come, and end before the first of them.
 * What may be the beginning of one waits for its rest, so that no client sees
 * any of it.  The provider does not know, and goes on: what it says behind the
 * end is nobody's, but its usage is, for it is billed.
 */


#ifndef SOMA_STOPS_H
#define SOMA_STOPS_H


#include "soma_inner.h"


typedef struct soma_stops_open_s  soma_stops_open_t;


/* memory for the time of one event */
typedef struct {
    soma_arena_t         *arena;
    unsigned char        *start;
    size_t                used;
    size_t                size;
} soma_stops_room_t;


/* of one answer */
typedef struct {
    soma_arena_t         *arena;
    soma_inner_sink_pt    sink;         /* where what is left of it goes */
    void                 *data;

    /* private */
    soma_str_t            stop[SOMA_INNER_STOPS_MAX];   /* decoded */
    unsigned              nstops;
    size_t                longest;      /* bytes */
    soma_stops_room_t     room;
    soma_stops_open_t    *open;
    soma_stops_open_t    *spare;
    uint64_t              cut[SOMA_INNER_CHOICES_MAX / 64];
} soma_stops_t;


/* zeroed before, with the first part filled in: SOMA_OK, or SOMA_ERROR without
 * memory */
int soma_stops_init(soma_stops_t *stops, const soma_inner_request_t *request);

/* a sink: data is a soma_stops_t */
int soma_stops_sink(void *data, const soma_inner_event_t *event);


#endif /* SOMA_STOPS_H */
