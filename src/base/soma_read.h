
/*
 * Copyright (C) The ngx_soma authors
 *
 * Reads JSON of any length in pieces cut anywhere, and hands on what somebody
 * wants of it.  Nothing is kept but the name or the small value under way, so
 * its memory is this struct, however long a text is or the whole.
 *
 * A place is an object or array that somebody looks into, a slot is a value
 * in one.  Whoever reads says by a table what becomes of a slot's value, and
 * is called for what is found; with "ops" a constant the calls are inlined.
 *
 * One pass: a value's end is not looked for before one looks inside.  At one
 * event a token that is most of what an event costs.
 *
 * Lenient: in values passed over brackets are counted, not paired, and
 * control characters may stand in strings.  What is read here is only
 * counted, never trusted.
 */


#ifndef SOMA_READ_H
#define SOMA_READ_H


#include "soma_json.h"
#include "soma_read_find.h"


#define SOMA_READ_DEPTH      20     /* places in places, the top within */
#define SOMA_READ_SMALL_MAX  128    /* a longer value or name is nobody's */
#define SOMA_READ_ESCAPE     12     /* of a character outside the BMP */


typedef enum {
    SOMA_READ_SKIP = 0,
    SOMA_READ_SMALL,        /* handed over whole, a string with its quotes */
    SOMA_READ_TEXT          /* in pieces, see text() */
} soma_read_take_e;


/* what becomes of the values of one slot; slot 0 is what nobody wants */
typedef struct {
    unsigned char          string;      /* soma_read_take_e */
    unsigned char          scalar;      /* ... of any other: _SKIP, _SMALL */
    unsigned char          object;      /* the place that it is, or 0 */
    unsigned char          array;
    unsigned char          note;        /* whether note() is called */
} soma_read_way_t;


typedef struct {
    const soma_read_way_t   *way;       /* of each slot */

    /* of a member in that place, or, without a name, of an element */
    unsigned  (*slot)(void *data, unsigned place, soma_str_t name);

    /* a value begins at p, of which nothing is read yet */
    void  (*note)(void *data, unsigned slot, soma_json_type_e type,
              const unsigned char *p);

    void  (*value)(void *data, unsigned slot, soma_json_value_t *value);

    /* bytes of a string as they stand in it, no escape cut in two, nor the
     * two escapes of one character; never none.  escaped 0: there are no
     * escapes in them */
    void  (*text)(void *data, unsigned slot, const unsigned char *p,
              size_t len, unsigned escaped);

    /* a place ends before p */
    void  (*close)(void *data, unsigned place, const unsigned char *p);
} soma_read_ops_t;


typedef enum {
    SOMA_READ_VALUE = 0,    /* an element is next, or the array's end */
    SOMA_READ_NAME,         /* a member is next, or the object's end */
    SOMA_READ_IN_NAME,
    SOMA_READ_COLON,
    SOMA_READ_MEMBER,       /* a member's value is next */
    SOMA_READ_IN_STRING,
    SOMA_READ_IN_TEXT,
    SOMA_READ_IN_SCALAR,
    SOMA_READ_IN_NESTED,    /* what is passed over */
    SOMA_READ_BROKEN        /* no JSON: nothing more is read */
} soma_read_state_e;


typedef struct {
    unsigned char          state;       /* soma_read_state_e */
    unsigned char          whole;       /* a value at the top has ended, and
                                           no other has begun */
    unsigned char          depth;       /* places open below the top */
    unsigned char          slot;        /* of the value under way */
    unsigned char          len;         /* of buf */
    unsigned char          lost;        /* it was too long for it */
    unsigned char          quoted;      /* within a string passed over */
    unsigned char          escaped;     /* behind a backslash */
    uint32_t               nested;      /* brackets open of what is passed
                                           over */
    uint32_t               objects;     /* a bit a place: it is no array */
    unsigned char          place[SOMA_READ_DEPTH];
    unsigned char          buf[SOMA_READ_SMALL_MAX];
} soma_read_t;


/* "top" is the place that whole values stand in, as if it were an array */

static inline void
soma_read_init(soma_read_t *r, unsigned top)
{
    memset(r, 0, offsetof(soma_read_t, place));
    r->place[0] = (unsigned char) top;
}


/* the string under way goes on at p < end; as soma_read_quote() */

static inline const unsigned char *
soma_read_on(soma_read_t *r, const unsigned char *p, const unsigned char *end)
{
    const unsigned char  *q;

    p += r->escaped;
    r->escaped = 0;

    q = soma_read_quote(p, end);

    if (q == NULL) {
        r->escaped = soma_read_escaped(p, end);
    }

    return q;
}


static inline void
soma_read_keep(soma_read_t *r, const unsigned char *p,
    const unsigned char *end)
{
    if ((size_t) (end - p) > sizeof(r->buf) - r->len) {
        r->lost = 1;
        return;
    }

    memcpy(r->buf + r->len, p, (size_t) (end - p));
    r->len += (unsigned char) (end - p);
}


/* a value has ended, or a place: what is next */

static inline void
soma_read_next(soma_read_t *r)
{
    r->state = (r->objects >> r->depth & 1) ? SOMA_READ_NAME
                                            : SOMA_READ_VALUE;
    r->whole |= (r->depth == 0);
}


static inline void
soma_read_open(soma_read_t *r, unsigned place, unsigned object)
{
    r->depth++;
    r->place[r->depth] = (unsigned char) place;
    r->objects = (r->objects & ~((uint32_t) 1 << r->depth))
                 | (uint32_t) object << r->depth;
    r->state = object ? SOMA_READ_NAME : SOMA_READ_VALUE;
}


static inline const unsigned char *
soma_read_close(soma_read_t *r, const soma_read_ops_t *ops, void *data,
    const unsigned char *p)
{
    ops->close(data, r->place[r->depth], p);

    r->depth--;
    soma_read_next(r);

    return p;
}


static inline void
soma_read_hand(soma_read_t *r, const soma_read_ops_t *ops, void *data,
    const unsigned char *p, size_t len)
{
    soma_json_value_t  value;

    if (len > SOMA_READ_SMALL_MAX) {
        return;
    }

    value.text.data = (unsigned char *) p;
    value.text.len = len;
    value.type = (*p == '"') ? SOMA_JSON_STRING
                 : (*p == 'n') ? SOMA_JSON_NULL
                 : (*p == 't') ? SOMA_JSON_TRUE
                 : (*p == 'f') ? SOMA_JSON_FALSE : SOMA_JSON_NUMBER;

    ops->value(data, r->slot, &value);
}


/* at the first byte behind an opening bracket, or further on */

static inline const unsigned char *
soma_read_nested(soma_read_t *r, const unsigned char *p,
    const unsigned char *end)
{
    const unsigned char  *q;

    r->state = SOMA_READ_IN_NESTED;

    while (p < end) {

        if (r->quoted) {
            p = soma_read_on(r, p, end);

            if (p == NULL) {
                return end;
            }

            r->quoted = 0;
        }

        p = soma_read_bracket(p, end);

        if (p == end) {
            break;
        }

        if (*p == '"') {
            p++;
            q = soma_read_quote(p, end);

            if (q != NULL) {
                p = q;
                continue;
            }

            r->quoted = 1;
            r->escaped = soma_read_escaped(p, end);
            break;
        }

        if ((*p++ | 0x20) == '{') {
            r->nested++;

        } else if (--r->nested == 0) {
            soma_read_next(r);
            return p;
        }
    }

    return end;
}


/* the text under way goes on at p; in soma_read.c */
const unsigned char *soma_read_text(soma_read_t *r,
    const soma_read_ops_t *ops, void *data, const unsigned char *p,
    const unsigned char *end);

/* a name with its escapes undone into "buf" of SOMA_READ_SMALL_MAX bytes;
 * empty where it has others than those of ASCII */
soma_str_t soma_read_plain(soma_str_t name, unsigned char *buf);


static inline const unsigned char *
soma_read_string(soma_read_t *r, const soma_read_ops_t *ops, void *data,
    const unsigned char *p, const unsigned char *end)
{
    unsigned              take, escaped;
    const unsigned char  *q;

    take = ops->way[r->slot].string;

    q = soma_read_special(p + 1, end);
    escaped = (q < end && *q == '\\');
    q = escaped ? soma_read_quote(q, end) : (q < end) ? q + 1 : NULL;

    if (q != NULL) {

        if (take == SOMA_READ_SMALL) {
            soma_read_hand(r, ops, data, p, (size_t) (q - p));

        } else if (take == SOMA_READ_TEXT && q - p > 2) {
            ops->text(data, r->slot, p + 1, (size_t) (q - p) - 2, escaped);
        }

        return q;
    }

    r->len = 0;
    r->lost = 0;

    if (take == SOMA_READ_TEXT) {
        r->state = SOMA_READ_IN_TEXT;
        return soma_read_text(r, ops, data, p + 1, end);
    }

    if (take == SOMA_READ_SMALL) {
        soma_read_keep(r, p, end);
    }

    r->escaped = soma_read_escaped(p + 1, end);
    r->state = SOMA_READ_IN_STRING;

    return end;
}


static inline const unsigned char *
soma_read_scalar(soma_read_t *r, const soma_read_ops_t *ops, void *data,
    const unsigned char *p, const unsigned char *end)
{
    unsigned              take;
    const unsigned char  *q;

    take = ops->way[r->slot].scalar;

    for (q = p; q < end && *q != ',' && *q != '}' && *q != ']' && *q > ' ';
         q++)
    {
        /* void */
    }

    if (q == end) {

        if (take == SOMA_READ_SMALL) {
            r->len = 0;
            r->lost = 0;
            soma_read_keep(r, p, end);
        }

        r->state = SOMA_READ_IN_SCALAR;
        return end;
    }

    if (q == p) {
        r->state = SOMA_READ_BROKEN;
        return end;
    }

    if (take == SOMA_READ_SMALL) {
        soma_read_hand(r, ops, data, p, (size_t) (q - p));
    }

    return q;
}


/* p < end is a value's first byte.  r->state is what it is behind a whole
 * one, which stays so where this is one */

static inline const unsigned char *
soma_read_value(soma_read_t *r, const soma_read_ops_t *ops, void *data,
    const unsigned char *p, const unsigned char *end)
{
    unsigned                place;
    soma_json_type_e        type;
    const soma_read_way_t  *way;

    way = &ops->way[r->slot];

    if (way->note) {
        type = (*p == '"') ? SOMA_JSON_STRING
               : (*p == '{') ? SOMA_JSON_OBJECT
               : (*p == '[') ? SOMA_JSON_ARRAY
               : (*p == 'n') ? SOMA_JSON_NULL
               : (*p == 't') ? SOMA_JSON_TRUE
               : (*p == 'f') ? SOMA_JSON_FALSE : SOMA_JSON_NUMBER;

        ops->note(data, r->slot, type, p);
    }

    if (*p == '"') {
        return soma_read_string(r, ops, data, p, end);
    }

    if (*p != '{' && *p != '[') {
        return soma_read_scalar(r, ops, data, p, end);
    }

    place = (*p == '{') ? way->object : way->array;

    if (place != 0 && r->depth < SOMA_READ_DEPTH - 1) {
        soma_read_open(r, place, *p == '{');
        return p + 1;
    }

    r->nested = 1;
    r->quoted = 0;
    return soma_read_nested(r, p + 1, end);
}


/* escaped 0: there is no escape in it */

static inline void
soma_read_named(soma_read_t *r, const soma_read_ops_t *ops, void *data,
    const unsigned char *p, size_t len, unsigned escaped)
{
    soma_str_t     name;
    unsigned char  buf[SOMA_READ_SMALL_MAX];

    name.data = (unsigned char *) p;
    name.len = len;

    r->slot = 0;

    if (len == 0) {
        return;
    }

    r->slot = (unsigned char) ops->slot(data, r->place[r->depth], name);

    if (r->slot == 0 && escaped) {
        name = soma_read_plain(name, buf);

        if (name.len != 0) {
            r->slot = (unsigned char) ops->slot(data, r->place[r->depth],
                                                name);
        }
    }
}


/* members of one object and of those in it, as long as they are whole */

static inline const unsigned char *
soma_read_members(soma_read_t *r, const soma_read_ops_t *ops, void *data,
    const unsigned char *p, const unsigned char *end)
{
    unsigned              escaped;
    const unsigned char  *q;

    while (r->state == SOMA_READ_NAME) {

        while (p < end && (*p <= ' ' || *p == ',')) {
            p++;
        }

        if (p == end) {
            return end;
        }

        if (*p == '}') {
            p = soma_read_close(r, ops, data, p + 1);
            continue;
        }

        if (*p != '"') {
            r->state = SOMA_READ_BROKEN;
            return end;
        }

        q = soma_read_special(p + 1, end);
        escaped = (q < end && *q == '\\');
        q = escaped ? soma_read_quote(q, end) : (q < end) ? q + 1 : NULL;

        if (q == NULL) {
            r->len = 0;
            r->lost = 0;
            soma_read_keep(r, p + 1, end);
            r->escaped = soma_read_escaped(p + 1, end);
            r->state = SOMA_READ_IN_NAME;
            return end;
        }

        soma_read_named(r, ops, data, p + 1, (size_t) (q - p) - 2, escaped);

        p = soma_read_space(q, end);

        if (p == end) {
            r->state = SOMA_READ_COLON;
            return end;
        }

        if (*p != ':') {
            r->state = SOMA_READ_BROKEN;
            return end;
        }

        p = soma_read_space(p + 1, end);

        if (p == end) {
            r->state = SOMA_READ_MEMBER;
            return end;
        }

        p = soma_read_value(r, ops, data, p, end);
    }

    return p;
}


static inline const unsigned char *
soma_read_elements(soma_read_t *r, const soma_read_ops_t *ops, void *data,
    const unsigned char *p, const unsigned char *end)
{
    while (r->state == SOMA_READ_VALUE) {

        while (p < end && (*p <= ' ' || *p == ',')) {
            p++;
        }

        if (p == end) {
            return end;
        }

        if (*p == ']') {

            if (r->depth == 0) {
                r->state = SOMA_READ_BROKEN;
                return end;
            }

            p = soma_read_close(r, ops, data, p + 1);
            continue;
        }

        r->slot = (unsigned char) ops->slot(data, r->place[r->depth],
                                            (soma_str_t) soma_str_null);

        r->whole = 0;

        p = soma_read_value(r, ops, data, p, end);

        r->whole |= (r->depth == 0 && r->state == SOMA_READ_VALUE);
    }

    return p;
}


/* what a piece before has begun; p < end */

static inline const unsigned char *
soma_read_rest(soma_read_t *r, const soma_read_ops_t *ops, void *data,
    const unsigned char *p, const unsigned char *end)
{
    unsigned              name;
    const unsigned char  *q;

    name = (r->state == SOMA_READ_IN_NAME);

    if (r->state == SOMA_READ_IN_SCALAR) {
        for (q = p;
             q < end && *q != ',' && *q != '}' && *q != ']' && *q > ' ';
             q++)
        {
            /* void */
        }

        if (ops->way[r->slot].scalar == SOMA_READ_SMALL) {
            soma_read_keep(r, p, q);

            if (q < end && !r->lost) {
                soma_read_hand(r, ops, data, r->buf, r->len);
            }
        }

        if (q < end) {
            soma_read_next(r);
        }

        return q;
    }

    q = soma_read_on(r, p, end);

    if (name || ops->way[r->slot].string == SOMA_READ_SMALL) {
        soma_read_keep(r, p, q != NULL ? q : end);
    }

    if (q == NULL) {
        return end;
    }

    if (name) {
        r->state = SOMA_READ_COLON;
        soma_read_named(r, ops, data, r->buf, r->lost ? 0 : r->len - 1u, 1);
        return q;
    }

    if (ops->way[r->slot].string == SOMA_READ_SMALL && !r->lost) {
        soma_read_hand(r, ops, data, r->buf, r->len);
    }

    soma_read_next(r);

    return q;
}


/*
 * The next piece.  Afterwards r->whole tells whether all that began at the
 * top has ended, and r->state may be SOMA_READ_BROKEN.
 */

static inline void
soma_read(soma_read_t *r, const soma_read_ops_t *ops, void *data,
    const unsigned char *p, size_t len)
{
    const unsigned char  *end;

    if (len == 0) {
        return;
    }

    end = p + len;

    while (p < end) {

        switch (r->state) {

        case SOMA_READ_NAME:
            p = soma_read_members(r, ops, data, p, end);
            break;

        case SOMA_READ_VALUE:
            p = soma_read_elements(r, ops, data, p, end);
            break;

        case SOMA_READ_COLON:
        case SOMA_READ_MEMBER:
            p = soma_read_space(p, end);

            if (p == end) {
                break;
            }

            if (r->state == SOMA_READ_MEMBER) {
                r->state = SOMA_READ_NAME;
                p = soma_read_value(r, ops, data, p, end);

            } else {
                r->state = (*p == ':') ? SOMA_READ_MEMBER : SOMA_READ_BROKEN;
                p++;
            }

            break;

        case SOMA_READ_IN_TEXT:
            p = soma_read_text(r, ops, data, p, end);
            break;

        case SOMA_READ_IN_NESTED:
            p = soma_read_nested(r, p, end);
            break;

        case SOMA_READ_BROKEN:
            return;

        default:
            p = soma_read_rest(r, ops, data, p, end);
        }
    }
}


#endif /* SOMA_READ_H */
