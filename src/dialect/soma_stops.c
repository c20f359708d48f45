
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_stops.h"


#define SOMA_STOPS_ROOM  4096           /* bytes at first */


/* a block that is open; of text, what waits of it */
struct soma_stops_open_s {
    soma_stops_open_t    *next;
    unsigned              choice;
    unsigned              block;
    soma_inner_kind_e     kind;
    size_t                held;
    unsigned char        *hold;         /* stops->longest bytes */
};


static int soma_stops_begin(soma_stops_t *stops,
    const soma_inner_event_t *event);
static soma_stops_open_t **soma_stops_find(soma_stops_t *stops,
    const soma_inner_event_t *event);
static void soma_stops_remove(soma_stops_t *stops, soma_stops_open_t **link);
static int soma_stops_text(soma_stops_t *stops, soma_stops_open_t *open,
    const soma_inner_event_t *event);
static size_t soma_stops_look(soma_stops_t *stops, soma_str_t text,
    soma_str_t *stop);
static size_t soma_stops_begun(soma_stops_t *stops, soma_str_t text);
static int soma_stops_tell(soma_stops_t *stops, soma_stops_open_t *open,
    soma_str_t text);
static int soma_stops_cut(soma_stops_t *stops, unsigned choice,
    soma_str_t stop);
static void *soma_stops_alloc(void *data, size_t size);


int
soma_stops_init(soma_stops_t *stops, const soma_inner_request_t *request)
{
    unsigned    i;
    soma_str_t  stop;

    stops->room.arena = stops->arena;

    for (i = 0; i < request->nstops; i++) {

        if (soma_inner_plain(stops->arena, request->stops[i], &stop)
            != SOMA_OK)
        {
            return SOMA_ERROR;
        }

        if (stop.len == 0) {
            continue;
        }

        stops->stop[stops->nstops++] = stop;

        if (stop.len > stops->longest) {
            stops->longest = stop.len;
        }
    }

    return SOMA_OK;
}


int
soma_stops_sink(void *data, const soma_inner_event_t *event)
{
    int                  rc;
    soma_str_t           held;
    soma_stops_t        *stops = data;
    soma_stops_open_t  **link;

    stops->room.used = 0;

    switch (event->event) {

    case SOMA_INNER_START:
    case SOMA_INNER_USAGE:
    case SOMA_INNER_FAILED:
    case SOMA_INNER_PING:
    case SOMA_INNER_END:
        return stops->sink(stops->data, event);

    default:
        break;
    }

    if (stops->cut[event->choice / 64] >> (event->choice % 64) & 1) {
        return SOMA_OK;
    }

    switch (event->event) {

    case SOMA_INNER_BEGIN:
        rc = soma_stops_begin(stops, event);
        break;

    case SOMA_INNER_DELTA:
        link = soma_stops_find(stops, event);

        if (*link != NULL && (*link)->kind == SOMA_INNER_TEXT) {
            return soma_stops_text(stops, *link, event);
        }

        rc = SOMA_OK;
        break;

    case SOMA_INNER_CLOSE:
        rc = SOMA_OK;
        link = soma_stops_find(stops, event);

        if (*link != NULL) {
            held.data = (*link)->hold;
            held.len = (*link)->held;
            rc = soma_stops_tell(stops, *link, held);
            soma_stops_remove(stops, link);
        }

        break;

    default:
        rc = SOMA_OK;
    }

    return (rc == SOMA_OK) ? stops->sink(stops->data, event) : rc;
}


static int
soma_stops_begin(soma_stops_t *stops, const soma_inner_event_t *event)
{
    soma_stops_open_t  *open;

    open = stops->spare;

    if (open != NULL) {
        stops->spare = open->next;

    } else {
        open = stops->arena->alloc(stops->arena->data,
                                   sizeof(soma_stops_open_t));
        if (open == NULL) {
            return SOMA_ERROR;
        }

        open->hold = stops->arena->alloc(stops->arena->data,
                                         stops->longest + 1);
        if (open->hold == NULL) {
            return SOMA_ERROR;
        }
    }

    open->choice = event->choice;
    open->block = event->block;
    open->kind = event->kind;
    open->held = 0;
    open->next = stops->open;
    stops->open = open;

    return SOMA_OK;
}


static soma_stops_open_t **
soma_stops_find(soma_stops_t *stops, const soma_inner_event_t *event)
{
    soma_stops_open_t  **link;

    for (link = &stops->open; *link != NULL; link = &(*link)->next) {
        if ((*link)->choice == event->choice
            && (*link)->block == event->block)
        {
            break;
        }
    }

    return link;
}


static void
soma_stops_remove(soma_stops_t *stops, soma_stops_open_t **link)
{
    soma_stops_open_t  *open;

    open = *link;
    *link = open->next;
    open->next = stops->spare;
    stops->spare = open;
}


/* deltas hold whole characters, and so does what is told of them: a stop
 * sequence begins with one */

static int
soma_stops_text(soma_stops_t *stops, soma_stops_open_t *open,
    const soma_inner_event_t *event)
{
    size_t        n;
    soma_str_t    more, text, stop;
    soma_arena_t  room;

    room.alloc = soma_stops_alloc;
    room.data = &stops->room;

    if (soma_inner_plain(&room, event->text, &more) != SOMA_OK) {
        return SOMA_ERROR;
    }

    text = more;

    if (open->held != 0) {
        text.len = open->held + more.len;
        text.data = room.alloc(room.data, text.len);
        if (text.data == NULL) {
            return SOMA_ERROR;
        }

        memcpy(text.data, open->hold, open->held);

        if (more.len != 0) {
            memcpy(text.data + open->held, more.data, more.len);
        }
    }

    n = soma_stops_look(stops, text, &stop);

    if (n < text.len) {
        text.len = n;

        return (soma_stops_tell(stops, open, text) == SOMA_OK)
               ? soma_stops_cut(stops, open->choice, stop) : SOMA_ERROR;
    }

    n = soma_stops_begun(stops, text);

    if (n != 0) {
        memmove(open->hold, text.data + text.len - n, n);
    }

    open->held = n;
    text.len -= n;

    return soma_stops_tell(stops, open, text);
}


/* where the first one stands: of several there the one that was said first;
 * text.len: none is in it */

static size_t
soma_stops_look(soma_stops_t *stops, soma_str_t text, soma_str_t *stop)
{
    size_t          first;
    unsigned        i;
    soma_str_t      s;
    unsigned char  *p, *last;

    first = text.len;

    for (i = 0; i < stops->nstops; i++) {
        s = stops->stop[i];

        if (s.len > text.len) {
            continue;
        }

        last = text.data + text.len - s.len;
        p = text.data;

        while (p <= last && (size_t) (p - text.data) < first) {
            p = memchr(p, s.data[0], (size_t) (last - p) + 1);

            if (p == NULL) {
                break;
            }

            if (memcmp(p, s.data, s.len) == 0) {

                if ((size_t) (p - text.data) < first) {
                    first = (size_t) (p - text.data);
                    *stop = s;
                }

                break;
            }

            p++;
        }
    }

    return first;
}


/* the longest end of a text that one of them may go on from */

static size_t
soma_stops_begun(soma_stops_t *stops, soma_str_t text)
{
    size_t      n, longest;
    unsigned    i;
    soma_str_t  s;

    longest = 0;

    for (i = 0; i < stops->nstops; i++) {
        s = stops->stop[i];
        n = (s.len - 1 < text.len) ? s.len - 1 : text.len;

        for ( /* void */ ; n > longest; n--) {
            if (memcmp(text.data + text.len - n, s.data, n) == 0) {
                longest = n;
                break;
            }
        }
    }

    return longest;
}


static int
soma_stops_tell(soma_stops_t *stops, soma_stops_open_t *open,
    soma_str_t text)
{
    soma_arena_t        room;
    soma_inner_event_t  event;

    if (text.len == 0) {
        return SOMA_OK;
    }

    room.alloc = soma_stops_alloc;
    room.data = &stops->room;

    memset(&event, 0, sizeof(soma_inner_event_t));

    event.event = SOMA_INNER_DELTA;
    event.choice = open->choice;
    event.block = open->block;
    event.kind = open->kind;

    if (soma_inner_text(&room, text, &event.text) != SOMA_OK) {
        return SOMA_ERROR;
    }

    return stops->sink(stops->data, &event);
}


/* the end of a choice */

static int
soma_stops_cut(soma_stops_t *stops, unsigned choice, soma_str_t stop)
{
    soma_arena_t         room;
    soma_inner_event_t   event;
    soma_stops_open_t  **link;

    room.alloc = soma_stops_alloc;
    room.data = &stops->room;

    memset(&event, 0, sizeof(soma_inner_event_t));

    stops->cut[choice / 64] |= (uint64_t) 1 << (choice % 64);
    event.choice = choice;

    for (link = &stops->open; *link != NULL; /* void */ ) {

        if ((*link)->choice != choice) {
            link = &(*link)->next;
            continue;
        }

        event.event = SOMA_INNER_CLOSE;
        event.block = (*link)->block;
        event.kind = (*link)->kind;

        soma_stops_remove(stops, link);

        if (stops->sink(stops->data, &event) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    event.event = SOMA_INNER_FINISH;
    event.block = 0;
    event.finish = SOMA_INNER_STOP_SEQUENCE;

    if (soma_inner_text(&room, stop, &event.text) != SOMA_OK) {
        return SOMA_ERROR;
    }

    return stops->sink(stops->data, &event);
}


/* what does not fit takes more room, which stays: no more of it in all than
 * some times what the longest event needs */

static void *
soma_stops_alloc(void *data, size_t size)
{
    size_t              want;
    unsigned char      *p;
    soma_stops_room_t  *room = data;

    size = (size + 15) & ~(size_t) 15;

    if (room->size - room->used < size) {
        want = room->size ? 2 * room->size : SOMA_STOPS_ROOM;

        if (want < size) {
            want = size;
        }

        p = room->arena->alloc(room->arena->data, want);
        if (p == NULL) {
            return NULL;
        }

        room->start = p;
        room->size = want;
        room->used = 0;
    }

    p = room->start + room->used;
    room->used += size;

    return p;
}
