
/*
 * Copyright (C) The ngx_soma authors
 *
 * Streams of events, whole and in pieces: all raw bytes in a row are the
 * stream, and the same events are found.  The first byte of the input
 * decides how it is cut.
 */


#include <stdio.h>
#include "soma_sse.h"
#include "soma_arena_malloc.h"


typedef struct {
    unsigned char  *raw;
    size_t          len;
    unsigned char  *data;       /* of the event at hand, of its parts */
    size_t          data_len;
    unsigned        parts;
    uint64_t        events;     /* a hash over all events */
    uint64_t        said;       /* of those with data, over what they say */
} found_t;


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
fail(const char *fault)
{
    fprintf(stderr, "%s\n", fault);
    abort();
}


static uint64_t
hash(uint64_t h, const void *data, size_t len)
{
    return h * 31 + soma_str_hash(data, len) + len;
}


static void
add_said(found_t *f, soma_sse_event_t *event)
{
    f->said = hash(f->said, event->data.data, event->data.len);
    f->said = hash(f->said, event->name.data, event->name.len);
}


static void
add(found_t *f, soma_sse_event_t *event)
{
    size_t  i;

    memcpy(f->raw + f->len, event->raw.data, event->raw.len);
    f->len += event->raw.len;

    for (i = 0; i < event->raw.len; i++) {
        if (event->raw.data[i] != '\r' && event->raw.data[i] != '\n') {
            break;
        }
    }

    /* how many line ends in a row make an event depends on the pieces */
    if (i == event->raw.len) {
        if (event->data.data != NULL || !event->comment) {
            fail("blank lines that say something");
        }

        return;
    }

    f->events = f->events * 4 + event->comment * 2
                + (event->data.data != NULL);

    if (event->data.len != 0) {
        add_said(f, event);
    }
}


/* parts put together are the event */

static void
add_part(found_t *f, soma_sse_event_t *part)
{
    soma_sse_event_t  event;

    if (!part->part || part->first != (f->parts == 0)) {
        fail("no first part, or two");
    }

    if (part->raw.len != 0) {
        memcpy(f->raw + f->len, part->raw.data, part->raw.len);
        f->len += part->raw.len;
    }

    f->parts++;

    if (part->join) {
        f->data[f->data_len++] = '\n';
    }

    if (part->data.len != 0) {
        memcpy(f->data + f->data_len, part->data.data, part->data.len);
        f->data_len += part->data.len;
    }

    if (!part->last) {
        return;
    }

    /* whether there was data of no bytes, or a line that says nothing, parts
     * do not tell */

    if (f->data_len != 0) {
        memset(&event, 0, sizeof(event));
        event.data.data = f->data;
        event.data.len = f->data_len;
        event.name = part->name;
        add_said(f, &event);
    }

    f->parts = 0;
    f->data_len = 0;
}


static void
feed(soma_sse_t *sse, const unsigned char *p, size_t len, found_t *f)
{
    int                rc;
    size_t             n, used;
    unsigned char     *copy;
    soma_sse_event_t   event;

    copy = malloc(len > 0 ? len : 1);
    if (copy == NULL) {
        abort();
    }

    memcpy(copy, p, len);

    for (n = 0; ; n += used) {
        rc = soma_sse_feed(sse, copy + n, len - n, &used, &event);

        if (rc == SOMA_AGAIN) {
            if (n + used != len) {
                fail("not all taken");
            }

            break;
        }

        if (rc != SOMA_OK && rc != SOMA_DECLINED) {
            fail("no event");
        }

        if (used > len - n || (rc == SOMA_OK && used == 0)) {
            fail("more bytes than there are, or none");
        }

        if (rc == SOMA_OK) {
            add(f, &event);

        } else {
            add_part(f, &event);
        }
    }

    free(copy);
}


static void
parse(const unsigned char *p, size_t len, unsigned step, size_t max,
    uint64_t seed, found_t *f)
{
    int                rc;
    size_t             at, n;
    soma_sse_t         sse;
    soma_arena_t      *arena;
    soma_sse_event_t   event;

    arena = soma_test_arena();

    memset(&sse, 0, sizeof(sse));
    sse.arena = arena;
    sse.max = max;

    f->len = 0;
    f->events = 0;
    f->said = 0;
    f->data_len = 0;
    f->parts = 0;

    for (at = 0; at < len; at += n) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;

        n = (step == 0) ? len : (step == 1) ? 1 : (seed >> 40) % step;
        n = (n > len - at) ? len - at : n;

        feed(&sse, p + at, n, f);
    }

    rc = soma_sse_end(&sse, &event);

    if (rc == SOMA_OK) {
        add(f, &event);

    } else if (rc == SOMA_DECLINED) {
        add_part(f, &event);

    } else if (rc != SOMA_DONE) {
        fail("no end");
    }

    soma_test_arena_free(arena);

    if (f->len != len || memcmp(f->raw, p, len) != 0) {
        fail("other bytes than the stream's");
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t    i;
    found_t   whole, cut;
    uint64_t  seed;

    static const unsigned  steps[] = { 1, 3, 20, 200 };

    if (size < 2 || size > SOMA_SSE_EVENT_MAX) {
        return 0;
    }

    seed = *data++;
    size--;

    whole.raw = malloc(size);
    whole.data = malloc(size);
    cut.raw = malloc(size);
    cut.data = malloc(size);

    if (whole.raw == NULL || cut.raw == NULL || whole.data == NULL
        || cut.data == NULL)
    {
        abort();
    }

    parse(data, size, 0, 0, 0, &whole);

    for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        parse(data, size, steps[i], 0, seed, &cut);

        if (cut.events != whole.events || cut.said != whole.said) {
            fail("other events than those of the whole stream");
        }

        parse(data, size, steps[i], 1 + seed % 40, seed, &cut);

        if (cut.said != whole.said) {
            fail("other data in parts");
        }
    }

    free(whole.raw);
    free(whole.data);
    free(cut.raw);
    free(cut.data);

    return 0;
}
