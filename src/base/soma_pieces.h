
/*
 * Copyright (C) The ngx_soma authors
 *
 * A writer whose length nobody knows before: what is written is a list of
 * pieces in an arena.  Long strings that outlive it are pieces of their own,
 * not copied.
 */


#ifndef SOMA_PIECES_H
#define SOMA_PIECES_H


#include "soma_base.h"


#define SOMA_PIECES_FIRST  1024     /* bytes of the first block; the next ones
                                       are twice as long, up to */
#define SOMA_PIECES_BLOCK  65536
#define SOMA_PIECES_REF    2048     /* a string as long as this is not copied */


typedef struct soma_piece_s  soma_piece_t;

struct soma_piece_s {
    soma_piece_t   *next;
    soma_str_t      text;
};


/* "failed": the arena gave no memory, and what was written since is lost */
typedef struct {
    soma_arena_t   *arena;
    soma_piece_t   *first;
    soma_piece_t   *last;
    soma_piece_t   *spare;          /* of before soma_pieces_reset() */
    unsigned char  *block;          /* that is being filled */
    unsigned char  *start;          /* of what is in no piece yet */
    unsigned char  *pos;
    unsigned char  *end;
    size_t          len;            /* of all pieces */
    unsigned char   tail;           /* the last byte that was written */
    unsigned        failed:1;
} soma_pieces_t;


void soma_pieces_init(soma_pieces_t *pieces, soma_arena_t *arena);

/* empties it; the block at hand is used again, so that a writer of many
 * short texts, one after the other, takes no more memory than the longest */
void soma_pieces_reset(soma_pieces_t *pieces);

/* copies */
void soma_pieces_put(soma_pieces_t *pieces, const void *data, size_t len);
void soma_pieces_cstr(soma_pieces_t *pieces, const char *s);
void soma_pieces_char(soma_pieces_t *pieces, int c);
void soma_pieces_int(soma_pieces_t *pieces, int64_t n);

/* a JSON string with its quotes, of decoded bytes */
void soma_pieces_quote(soma_pieces_t *pieces, soma_str_t s);

/* of a string that lives as long as the pieces: copied where it is short */
void soma_pieces_str(soma_pieces_t *pieces, soma_str_t s);

/* the same within quotes: of what stood between some */
void soma_pieces_text(soma_pieces_t *pieces, soma_str_t s);

/* copies all of another, which may be reset then */
void soma_pieces_join(soma_pieces_t *pieces, soma_pieces_t *from);

/* what was written is in the list from "first" on, unless it failed */
void soma_pieces_close(soma_pieces_t *pieces);

/* all of it in one piece: SOMA_OK or SOMA_ERROR */
int soma_pieces_whole(soma_pieces_t *pieces, soma_str_t *whole);


#endif /* SOMA_PIECES_H */
