
/*
 * Copyright (C) The ngx_soma authors
 *
 * A stream's first event, before it is certain that its stream is the
 * client's.  It may be longer than what is looked at; its beginning is
 * enough to tell an error from an answer.
 */


#include "soma_dialect.h"
#include "soma_eventstream.h"


/* one line; its end is not part of it */
typedef struct {
    soma_str_t  field;
    soma_str_t  value;
    size_t      next;           /* where the next one begins */
    unsigned    whole:1;
} soma_look_line_t;


static void soma_look_line(soma_look_line_t *line, const unsigned char *p,
    size_t len, size_t pos);
static int soma_look_join(soma_look_t *look, soma_arena_t *arena,
    const unsigned char *p, size_t start, size_t end);


int
soma_look_event(soma_look_t *look, soma_arena_t *arena,
    const unsigned char *p, size_t len, size_t *skip)
{
    size_t            pos, start;
    unsigned          n;
    soma_look_line_t  line;

    look->event = 1;
    look->whole = 0;
    look->name.len = 0;
    look->text.len = 0;

    n = 0;
    pos = (len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) ? 3 : 0;
    start = pos;
    *skip = pos;

    while (pos < len) {

        soma_look_line(&line, p, len, pos);

        if (line.whole && line.field.len == 0 && line.value.len == 0) {

            /* a blank line ends an event */

            if (look->text.len != 0) {
                look->whole = 1;

                return (n > 1) ? soma_look_join(look, arena, p, start, pos)
                               : SOMA_OK;
            }

            look->name.len = 0;
            n = 0;
            start = line.next;
            *skip = line.next;

        } else if (soma_str_is(line.field, "data")) {

            if (n++ == 0 || look->text.len == 0) {
                look->text = line.value;
            }

        } else if (soma_str_is(line.field, "event") && line.whole) {
            look->name = line.value;

        } else if (line.field.len == 0 && line.whole && start == pos) {

            /* a comment between events */

            start = line.next;
            *skip = line.next;
        }

        pos = line.next;
    }

    return (look->text.len != 0) ? SOMA_OK : SOMA_AGAIN;
}


/* a comment is a line whose field has no name */

static void
soma_look_line(soma_look_line_t *line, const unsigned char *p, size_t len,
    size_t pos)
{
    size_t  i;

    line->field.data = (unsigned char *) p + pos;
    line->whole = 0;

    for (i = pos; i < len && p[i] != ':' && p[i] != '\r' && p[i] != '\n';
         i++)
    {
        /* void */
    }

    line->field.len = i - pos;
    line->value.data = (unsigned char *) p + i;

    if (i < len && p[i] == ':') {

        i++;

        /* the colon of a comment tells it from a blank line */

        if (line->field.len != 0) {

            if (i < len && p[i] == ' ') {
                i++;
            }

            line->value.data = (unsigned char *) p + i;
        }

        while (i < len && p[i] != '\r' && p[i] != '\n') {
            i++;
        }
    }

    line->value.len = (size_t) (p + i - line->value.data);

    if (i < len) {
        line->whole = 1;
        i += (p[i] == '\r' && i + 1 < len && p[i + 1] == '\n') ? 2 : 1;
    }

    line->next = i;
}


/* the lines of an event's data, with line feeds in between */

static int
soma_look_join(soma_look_t *look, soma_arena_t *arena,
    const unsigned char *p, size_t start, size_t end)
{
    size_t             pos;
    unsigned char     *d;
    soma_look_line_t   line;

    d = arena->alloc(arena->data, end - start);

    if (d == NULL) {
        return SOMA_ERROR;
    }

    look->text.data = d;

    for (pos = start; pos < end; pos = line.next) {

        soma_look_line(&line, p, end, pos);

        if (soma_str_is(line.field, "data")) {

            if (d != look->text.data) {
                *d++ = '\n';
            }

            memcpy(d, line.value.data, line.value.len);
            d += line.value.len;
        }
    }

    look->text.len = (size_t) (d - look->text.data);

    return SOMA_OK;
}


/*
 * Where frames have a length, an event that is there in part says nothing;
 * where they end in a mark its beginning does.
 */

int
soma_look_frame(soma_look_t *look, soma_framing_e framing,
    const unsigned char *p, size_t len, size_t *skip)
{
    size_t                n;
    const unsigned char  *end;
    soma_sse_event_t      event;

    look->event = 1;
    look->whole = 0;
    look->failed = 0;
    look->name.len = 0;
    look->text.len = 0;
    *skip = 0;

    if (framing == SOMA_FRAMING_AWS) {

        if (len < SOMA_EVENTSTREAM_PRELUDE) {
            return SOMA_AGAIN;
        }

        n = soma_eventstream_len(p);

        if (n == 0) {
            return SOMA_DECLINED;
        }

        if (n > len) {
            return SOMA_AGAIN;
        }

        if (soma_eventstream_read(p, n, &event) != SOMA_OK) {
            return SOMA_DECLINED;
        }

        look->name = event.name;
        look->text = event.data;
        look->failed = event.failed;
        look->whole = 1;

        return SOMA_OK;
    }

    while (*skip < len && (p[*skip] <= ' '
                           || (framing == SOMA_FRAMING_ARRAY
                               && p[*skip] == '[')))
    {
        (*skip)++;
    }

    if (*skip == len) {
        *skip = (framing == SOMA_FRAMING_ARRAY) ? 0 : len;
        return SOMA_AGAIN;
    }

    look->text.data = (unsigned char *) (uintptr_t) p + *skip;
    look->text.len = len - *skip;

    if (framing == SOMA_FRAMING_ARRAY) {
        *skip = 0;

        n = look->text.len;
        look->whole = soma_frames_element(look->text.data, &n);
        look->text.len = n;

        return SOMA_OK;
    }

    end = memchr(look->text.data, '\n', look->text.len);

    if (end != NULL) {
        look->whole = 1;
        look->text.len = (size_t) (end - look->text.data);
    }

    return SOMA_OK;
}
