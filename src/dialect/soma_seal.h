
/*
 * Copyright (C) The ngx_soma authors
 *
 * Signed and encrypted reasoning on its way through a client whose dialect is
 * not its maker's: an envelope that says whose it is and what, in whatever
 * member the client keeps for such a thing.  On the way back it goes to that
 * maker and to no other.  The gateway remembers nothing but what is too long
 * for its place, and that for as long as it has room.
 *
 *     soma1|KIND|MAKER|BYTES
 *
 * KIND is s (a signature) or o (opaque reasoning: redacted, encrypted), MAKER
 * as soma_inner_block_t has it, BYTES text as it stood between quotes.
 */


#ifndef SOMA_SEAL_H
#define SOMA_SEAL_H


#include "soma_inner.h"
#include "soma_pieces.h"


#define SOMA_SEAL  "soma1|"

/* letters that stand in an id for an envelope that the gateway keeps, behind
 * the word that says so */
#define SOMA_SEAL_KEPT     "key-"
#define SOMA_SEAL_KEY_LEN  22

/* behind a call's id, and before the envelope in the alphabet of URLs: it is
 * the call's own, or of the reasoning that the call follows */
#define SOMA_SEAL_OWN     "~"
#define SOMA_SEAL_BEFORE  "~."

typedef enum {
    SOMA_SEAL_NONE = 0,
    SOMA_SEAL_CALL,                 /* behind SOMA_SEAL_OWN */
    SOMA_SEAL_REASONING             /* behind SOMA_SEAL_BEFORE */
} soma_seal_place_e;


/* the envelope up to its bytes, which may come in pieces behind it */
void soma_seal_begin(soma_pieces_t *out, unsigned opaque, soma_str_t maker);

/* all of it as text, without quotes; event->text is a signature,
 * event->opaque the other */
void soma_seal_put(soma_pieces_t *out, const soma_inner_event_t *event);

/* the same in base64, for members that hold bytes */
void soma_seal_put_base64(soma_pieces_t *out,
    const soma_inner_event_t *event);

/*
 * An envelope behind an id: in base64 in the alphabet of URLs where that is at
 * most max bytes, else the key by which the store keeps it.  SOMA_OK, or
 * SOMA_DECLINED: there is no room for it, and nothing was put.
 */
int soma_seal_put_id(soma_pieces_t *out, soma_str_t envelope,
    const soma_seal_store_t *store, size_t max);

/*
 * What a client sent back, as text or in base64, into signature or opaque and
 * maker of the block.  SOMA_OK; SOMA_DECLINED: it is no envelope, and the
 * block is untouched; SOMA_ERROR: no memory.  A broken one is SOMA_OK with
 * nothing in it: it is nobody's.
 */
int soma_seal_take(soma_arena_t *arena, soma_str_t text,
    soma_inner_block_t *block);

/* what a call's id has brought along: the envelope, and the id without it.
 * SOMA_SEAL_NONE: both are untouched.  What the store has no more is empty */
soma_seal_place_e soma_seal_in_id(soma_str_t id, soma_arena_t *arena,
    const soma_seal_store_t *store, soma_str_t *bare, soma_str_t *seal);

/* the call's own signature out of its id, which is the bare one then, likewise:
 * SOMA_OK, whether there was one or not, or SOMA_ERROR (no memory) */
int soma_seal_take_id(soma_arena_t *arena, const soma_seal_store_t *store,
    soma_inner_block_t *block);


#endif /* SOMA_SEAL_H */
