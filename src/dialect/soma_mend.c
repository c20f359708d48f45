
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_mend.h"


#define SOMA_MEND_GROWTH  6         /* a control character becomes \u00XX */
#define SOMA_MEND_ESCAPE  6         /* bytes of \uXXXX */
#define SOMA_MEND_ROOM    256       /* bytes of the smallest room */

#define SOMA_MEND_REPLACEMENT  "\xef\xbf\xbd"       /* U+FFFD */


/* what stands at a place of a text */
typedef enum {
    SOMA_MEND_GOOD = 0,
    SOMA_MEND_BAD,
    SOMA_MEND_CONTROL,
    SOMA_MEND_CUT                   /* the rest is yet to come */
} soma_mend_e;


static void soma_mend_hold(soma_mend_t *mend, const unsigned char *p,
    soma_str_t *out);
static int soma_mend_bad(soma_mend_t *mend, soma_mend_room_t *room,
    unsigned inside, soma_str_t *out);
static soma_mend_e soma_mend_look(const unsigned char *p,
    const unsigned char *end, unsigned body, size_t *len);
static soma_mend_e soma_mend_escape(const unsigned char *p,
    const unsigned char *end, size_t *len);
static soma_mend_e soma_mend_utf8(const unsigned char *p,
    const unsigned char *end, size_t *len);
static int32_t soma_mend_unicode(const unsigned char *p,
    const unsigned char *end);
static unsigned char *soma_mend_copy(const unsigned char *p,
    const unsigned char *end, unsigned body, unsigned char *dst);
static int soma_mend_grow(soma_mend_room_t *room, size_t size);


int
soma_mend_text(soma_mend_t *mend, soma_mend_room_t *room, soma_str_t text,
    soma_str_t *out)
{
    size_t                len;
    soma_mend_e           what;
    unsigned char        *joint;
    const unsigned char  *p, *end;

    *out = text;

    if (text.len == 0) {
        return SOMA_OK;
    }

    len = mend->len + text.len;
    joint = NULL;

    if (mend->len != 0) {

        /* both halves together, behind the room for the mended text */

        if (soma_mend_grow(room, (SOMA_MEND_GROWTH + 1) * len) != SOMA_OK) {
            return SOMA_ERROR;
        }

        joint = room->data + SOMA_MEND_GROWTH * len;
        memcpy(joint, mend->held, mend->len);
        memcpy(joint + mend->len, text.data, text.len);

        out->data = joint;
        out->len = len;
        mend->len = 0;
    }

    end = out->data + out->len;
    what = SOMA_MEND_GOOD;

    for (p = out->data; p < end; p += len) {
        what = soma_mend_look(p, end, 0, &len);

        if (what != SOMA_MEND_GOOD) {
            break;
        }
    }

    if (what == SOMA_MEND_CUT) {
        soma_mend_hold(mend, p, out);
        return SOMA_OK;
    }

    return (p == end) ? SOMA_OK
                      : soma_mend_bad(mend, room, joint != NULL, out);
}


/* the text has an end that waits for more, at p */

static void
soma_mend_hold(soma_mend_t *mend, const unsigned char *p, soma_str_t *out)
{
    mend->len = (unsigned char) (out->data + out->len - p);
    memcpy(mend->held, p, mend->len);

    out->len -= mend->len;
}


/* a mended copy at the start of the room, which "out" may lie further in */

static int
soma_mend_bad(soma_mend_t *mend, soma_mend_room_t *room, unsigned inside,
    soma_str_t *out)
{
    size_t                len;
    const unsigned char  *p, *end;

    if (!inside
        && soma_mend_grow(room, SOMA_MEND_GROWTH * out->len) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    end = out->data + out->len;

    for (p = out->data; p < end; p += len) {
        if (soma_mend_look(p, end, 0, &len) == SOMA_MEND_CUT) {
            soma_mend_hold(mend, p, out);
            break;
        }
    }

    end = soma_mend_copy(out->data, out->data + out->len, 0, room->data);

    out->data = room->data;
    out->len = (size_t) (end - room->data);

    return SOMA_OK;
}


int
soma_mend_end(soma_mend_t *mend, soma_str_t *out)
{
    if (mend->len == 0) {
        return SOMA_DECLINED;
    }

    mend->len = 0;
    *out = SOMA_STR(SOMA_MEND_REPLACEMENT);

    return SOMA_OK;
}


int
soma_mend_body(soma_arena_t *arena, soma_str_t *body)
{
    size_t                len, bad;
    unsigned char        *dst;
    const unsigned char  *p, *end;

    end = body->data + body->len;
    bad = 0;

    for (p = body->data; p < end; p += len) {
        bad += (soma_mend_look(p, end, 1, &len) != SOMA_MEND_GOOD);
    }

    if (bad == 0) {
        return SOMA_OK;
    }

    dst = arena->alloc(arena->data, body->len
                                    + bad * sizeof(SOMA_MEND_REPLACEMENT));
    if (dst == NULL) {
        return SOMA_ERROR;
    }

    len = (size_t) (soma_mend_copy(body->data, end, 1, dst) - dst);

    body->data = dst;
    body->len = len;

    return SOMA_OK;
}


/* a run of plain bytes, or one character or escape; *len > 0 */

static soma_mend_e
soma_mend_look(const unsigned char *p, const unsigned char *end,
    unsigned body, size_t *len)
{
    const unsigned char  *q;

    for (q = p; q < end && *q >= 0x20 && *q < 0x80 && *q != '\\'; q++) {
        /* void */
    }

    if (q > p) {
        *len = (size_t) (q - p);
        return SOMA_MEND_GOOD;
    }

    if (*p == '\\') {
        return soma_mend_escape(p, end, len);
    }

    if (*p >= 0x80) {
        return soma_mend_utf8(p, end, len);
    }

    *len = 1;

    return body ? SOMA_MEND_GOOD : SOMA_MEND_CONTROL;
}


static soma_mend_e
soma_mend_escape(const unsigned char *p, const unsigned char *end,
    size_t *len)
{
    int32_t  u, low;

    *len = (end - p < 2) ? 1 : 2;

    if (end - p < 2) {
        return SOMA_MEND_BAD;
    }

    if (p[1] != 'u') {
        return (p[1] != '\0' && strchr("\"\\/bfnrt", p[1]) != NULL)
               ? SOMA_MEND_GOOD : SOMA_MEND_BAD;
    }

    u = soma_mend_unicode(p, end);

    if (u < 0) {
        return SOMA_MEND_BAD;
    }

    *len = SOMA_MEND_ESCAPE;

    if (u < 0xd800 || u > 0xdfff) {
        return SOMA_MEND_GOOD;
    }

    if (u >= 0xdc00) {
        return SOMA_MEND_BAD;
    }

    if (end - p == SOMA_MEND_ESCAPE) {
        return SOMA_MEND_CUT;
    }

    low = soma_mend_unicode(p + SOMA_MEND_ESCAPE, end);

    if (low < 0xdc00 || low > 0xdfff) {
        return SOMA_MEND_BAD;
    }

    *len = 2 * SOMA_MEND_ESCAPE;

    return SOMA_MEND_GOOD;
}


static soma_mend_e
soma_mend_utf8(const unsigned char *p, const unsigned char *end, size_t *len)
{
    size_t         i, n;
    unsigned char  low, high;

    low = 0x80;
    high = 0xbf;
    *len = 1;

    if (*p < 0xc2 || *p > 0xf4) {
        return SOMA_MEND_BAD;
    }

    n = (*p < 0xe0) ? 1 : (*p < 0xf0) ? 2 : 3;

    /* no longer form than needed, no surrogates, nothing above U+10FFFF */

    switch (*p) {

    case 0xe0:
        low = 0xa0;
        break;

    case 0xed:
        high = 0x9f;
        break;

    case 0xf0:
        low = 0x90;
        break;

    case 0xf4:
        high = 0x8f;
        break;

    default:
        break;
    }

    for (i = 1; i <= n; i++) {

        if (p + i == end) {
            *len = i;
            return SOMA_MEND_CUT;
        }

        if (p[i] < low || p[i] > high) {
            return SOMA_MEND_BAD;
        }

        low = 0x80;
        high = 0xbf;
    }

    *len = n + 1;

    return SOMA_MEND_GOOD;
}


static int32_t
soma_mend_unicode(const unsigned char *p, const unsigned char *end)
{
    unsigned char  c[2];

    if (end - p < SOMA_MEND_ESCAPE || p[0] != '\\' || p[1] != 'u'
        || soma_str_hex((soma_str_t) { 4, (unsigned char *) p + 2 }, c,
                        sizeof(c))
           != SOMA_OK)
    {
        return -1;
    }

    return c[0] << 8 | c[1];
}


/* "dst" may lie before the text, not within it */

static unsigned char *
soma_mend_copy(const unsigned char *p, const unsigned char *end,
    unsigned body, unsigned char *dst)
{
    size_t       len;
    soma_mend_e  what;
    soma_out_t   out;

    for ( /* void */ ; p < end; p += len) {
        what = soma_mend_look(p, end, body, &len);

        if (what == SOMA_MEND_GOOD) {
            memcpy(dst, p, len);
            dst += len;

        } else if (what == SOMA_MEND_CONTROL) {
            soma_put_init(&out, dst, SOMA_MEND_GROWTH);
            soma_put_cstr(&out, "\\u00");
            soma_put_hex(&out, p, 1);
            dst = out.pos;

        } else {
            memcpy(dst, SOMA_MEND_REPLACEMENT,
                   sizeof(SOMA_MEND_REPLACEMENT) - 1);
            dst += sizeof(SOMA_MEND_REPLACEMENT) - 1;
        }
    }

    return dst;
}


static int
soma_mend_grow(soma_mend_room_t *room, size_t size)
{
    unsigned char  *p;

    if (room->size >= size) {
        return SOMA_OK;
    }

    if (size < SOMA_MEND_ROOM) {
        size = SOMA_MEND_ROOM;
    }

    p = room->arena->alloc(room->arena->data, 2 * size);
    if (p == NULL) {
        return SOMA_ERROR;
    }

    room->data = p;
    room->size = 2 * size;

    return SOMA_OK;
}
