
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_pieces.h"


#define SOMA_PIECES_ESCAPED  6      /* bytes of one, \u0000 */
#define SOMA_PIECES_QUOTED   128    /* bytes that are escaped at a time */


static int soma_pieces_room(soma_pieces_t *pieces, size_t len);
static void soma_pieces_add(soma_pieces_t *pieces, unsigned char *data,
    size_t len);


void
soma_pieces_init(soma_pieces_t *pieces, soma_arena_t *arena)
{
    memset(pieces, 0, sizeof(soma_pieces_t));

    pieces->arena = arena;
}


void
soma_pieces_reset(soma_pieces_t *pieces)
{
    if (pieces->last != NULL) {
        pieces->last->next = pieces->spare;
        pieces->spare = pieces->first;
    }

    pieces->start = pieces->block;
    pieces->pos = pieces->block;
    pieces->first = NULL;
    pieces->last = NULL;
    pieces->len = 0;
    pieces->tail = 0;
    pieces->failed = 0;
}


void
soma_pieces_put(soma_pieces_t *pieces, const void *data, size_t len)
{
    if (len == 0 || soma_pieces_room(pieces, len) != SOMA_OK) {
        return;
    }

    soma_copy(pieces->pos, data, len);

    pieces->pos += len;
    pieces->len += len;
    pieces->tail = pieces->pos[-1];
}


void
soma_pieces_cstr(soma_pieces_t *pieces, const char *s)
{
    soma_pieces_put(pieces, s, strlen(s));
}


void
soma_pieces_char(soma_pieces_t *pieces, int c)
{
    unsigned char  ch;

    ch = (unsigned char) c;

    soma_pieces_put(pieces, &ch, 1);
}


void
soma_pieces_int(soma_pieces_t *pieces, int64_t n)
{
    size_t  len;

    if (soma_pieces_room(pieces, SOMA_INT_LEN) != SOMA_OK) {
        return;
    }

    len = soma_put_int_text(pieces->pos, n);

    pieces->pos += len;
    pieces->len += len;
    pieces->tail = pieces->pos[-1];
}


/* escaped part by part, no character cut in two */

void
soma_pieces_quote(soma_pieces_t *pieces, soma_str_t s)
{
    size_t         n;
    soma_out_t     out;
    unsigned char  buf[SOMA_PIECES_QUOTED * SOMA_PIECES_ESCAPED + 2];

    soma_pieces_char(pieces, '"');

    while (s.len != 0) {

        n = (s.len < SOMA_PIECES_QUOTED) ? s.len : SOMA_PIECES_QUOTED;

        while (n < s.len && n > SOMA_PIECES_QUOTED - 4
               && (s.data[n] & 0xc0) == 0x80)
        {
            n--;
        }

        soma_put_init(&out, buf, sizeof(buf));
        soma_put_json_str(&out, (soma_str_t) { n, s.data });

        /* without its quotes */

        soma_pieces_put(pieces, buf + 1, (size_t) (out.pos - out.start) - 2);

        s.data += n;
        s.len -= n;
    }

    soma_pieces_char(pieces, '"');
}


void
soma_pieces_str(soma_pieces_t *pieces, soma_str_t s)
{
    if (s.len < SOMA_PIECES_REF) {
        soma_pieces_put(pieces, s.data, s.len);
        return;
    }

    soma_pieces_close(pieces);
    soma_pieces_add(pieces, s.data, s.len);

    pieces->len += s.len;
    pieces->tail = s.data[s.len - 1];
}


void
soma_pieces_text(soma_pieces_t *pieces, soma_str_t s)
{
    soma_pieces_char(pieces, '"');
    soma_pieces_str(pieces, s);
    soma_pieces_char(pieces, '"');
}


void
soma_pieces_join(soma_pieces_t *pieces, soma_pieces_t *from)
{
    soma_piece_t  *piece;

    soma_pieces_close(from);

    for (piece = from->first; piece; piece = piece->next) {
        soma_pieces_put(pieces, piece->text.data, piece->text.len);
    }

    pieces->failed |= from->failed;
}


int
soma_pieces_whole(soma_pieces_t *pieces, soma_str_t *whole)
{
    soma_piece_t   *piece;
    unsigned char  *p;

    soma_pieces_close(pieces);

    if (pieces->failed) {
        return SOMA_ERROR;
    }

    whole->len = pieces->len;
    whole->data = (unsigned char *) "";

    if (pieces->first == NULL) {
        return SOMA_OK;
    }

    if (pieces->first->next == NULL) {
        *whole = pieces->first->text;
        return SOMA_OK;
    }

    p = pieces->arena->alloc(pieces->arena->data, pieces->len);
    if (p == NULL) {
        return SOMA_ERROR;
    }

    whole->data = p;

    for (piece = pieces->first; piece; piece = piece->next) {
        memcpy(p, piece->text.data, piece->text.len);
        p += piece->text.len;
    }

    return SOMA_OK;
}


/* "len" bytes behind pos, in a new block where the old one has fewer */

static int
soma_pieces_room(soma_pieces_t *pieces, size_t len)
{
    size_t          size;
    unsigned char  *p;

    if (pieces->failed) {
        return SOMA_ERROR;
    }

    if ((size_t) (pieces->end - pieces->pos) >= len) {
        return SOMA_OK;
    }

    soma_pieces_close(pieces);

    size = 2 * (size_t) (pieces->end - pieces->block);

    if (size < SOMA_PIECES_FIRST) {
        size = SOMA_PIECES_FIRST;

    } else if (size > SOMA_PIECES_BLOCK) {
        size = SOMA_PIECES_BLOCK;
    }

    if (size < len) {
        size = len;
    }

    p = pieces->arena->alloc(pieces->arena->data, size);

    if (p == NULL) {
        pieces->failed = 1;
        return SOMA_ERROR;
    }

    pieces->block = p;
    pieces->start = p;
    pieces->pos = p;
    pieces->end = p + size;

    return SOMA_OK;
}


/* what was copied so far is a piece */

void
soma_pieces_close(soma_pieces_t *pieces)
{
    unsigned char  *start;

    start = pieces->start;

    if (pieces->pos == start) {
        return;
    }

    pieces->start = pieces->pos;

    soma_pieces_add(pieces, start, (size_t) (pieces->pos - start));
}


static void
soma_pieces_add(soma_pieces_t *pieces, unsigned char *data, size_t len)
{
    soma_piece_t  *piece;

    piece = pieces->spare;

    if (piece != NULL) {
        pieces->spare = piece->next;

    } else {
        piece = pieces->arena->alloc(pieces->arena->data,
                                     sizeof(soma_piece_t));
    }

    if (piece == NULL) {
        pieces->failed = 1;
        return;
    }

    piece->next = NULL;
    piece->text.data = data;
    piece->text.len = len;

    if (pieces->last != NULL) {
        pieces->last->next = piece;

    } else {
        pieces->first = piece;
    }

    pieces->last = piece;
}
