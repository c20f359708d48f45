
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_base64.h"
#include "soma_seal.h"


/* how it begins in base64, of either alphabet */
#define SOMA_SEAL_BASE64  "c29tYTF8"


static int soma_seal_open(soma_arena_t *arena, soma_str_t text,
    soma_inner_block_t *block);
static void soma_seal_fetch(soma_arena_t *arena,
    const soma_seal_store_t *store, soma_str_t *seal);


void
soma_seal_begin(soma_pieces_t *out, unsigned opaque, soma_str_t maker)
{
    soma_str_t  text;

    soma_pieces_cstr(out, SOMA_SEAL);
    soma_pieces_cstr(out, opaque ? "o|" : "s|");

    if (soma_inner_text(out->arena, maker, &text) != SOMA_OK) {
        out->failed = 1;
        return;
    }

    soma_pieces_put(out, text.data, text.len);
    soma_pieces_char(out, '|');
}


void
soma_seal_put(soma_pieces_t *out, const soma_inner_event_t *event)
{
    unsigned  opaque;

    opaque = (event->opaque.len != 0);

    soma_seal_begin(out, opaque, event->maker);

    if (opaque) {
        soma_pieces_put(out, event->opaque.data, event->opaque.len);

    } else {
        soma_pieces_put(out, event->text.data, event->text.len);
    }
}


void
soma_seal_put_base64(soma_pieces_t *out, const soma_inner_event_t *event)
{
    soma_str_t      text;
    soma_arena_t   *arena;
    soma_pieces_t   seal;
    unsigned char  *p;

    arena = out->arena;

    soma_pieces_init(&seal, arena);
    soma_seal_put(&seal, event);

    if (soma_pieces_whole(&seal, &text) != SOMA_OK) {
        out->failed = 1;
        return;
    }

    p = arena->alloc(arena->data, soma_base64_encoded_len(text.len));

    if (p == NULL) {
        out->failed = 1;
        return;
    }

    soma_pieces_put(out, p, soma_base64_encode(p, text));
}


int
soma_seal_put_id(soma_pieces_t *out, soma_str_t envelope,
    const soma_seal_store_t *store, size_t max)
{
    unsigned char  *p, key[SOMA_SEAL_KEY_LEN];

    if (soma_base64_encoded_len(envelope.len) <= max) {

        p = out->arena->alloc(out->arena->data,
                              soma_base64_encoded_len(envelope.len));
        if (p == NULL) {
            out->failed = 1;
            return SOMA_OK;
        }

        soma_pieces_put(out, p, soma_base64_encode_url(p, envelope));

        return SOMA_OK;
    }

    if (store == NULL || max < sizeof(SOMA_SEAL_KEPT) - 1 + SOMA_SEAL_KEY_LEN
        || store->put(store->data, envelope, key) != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    soma_pieces_cstr(out, SOMA_SEAL_KEPT);
    soma_pieces_put(out, key, SOMA_SEAL_KEY_LEN);

    return SOMA_OK;
}


int
soma_seal_take(soma_arena_t *arena, soma_str_t text, soma_inner_block_t *block)
{
    size_t          len;
    soma_str_t      plain;
    unsigned char  *p;

    len = sizeof(SOMA_SEAL) - 1;

    if (text.len >= len && memcmp(text.data, SOMA_SEAL, len) == 0) {
        return soma_seal_open(arena, text, block);
    }

    len = sizeof(SOMA_SEAL_BASE64) - 1;

    if (text.len < len || memcmp(text.data, SOMA_SEAL_BASE64, len) != 0) {
        return SOMA_DECLINED;
    }

    p = arena->alloc(arena->data, soma_base64_decoded_len(text.len));
    if (p == NULL) {
        return SOMA_ERROR;
    }

    if (soma_base64_decode(p, &len, text) != SOMA_OK) {
        return SOMA_OK;
    }

    /* it was text when it was sealed; whoever changed it may have made it
     * something else */

    plain.data = p;
    plain.len = len;

    if (!soma_inner_is_text(plain)) {
        return SOMA_OK;
    }

    return soma_seal_open(arena, plain, block);
}


static int
soma_seal_open(soma_arena_t *arena, soma_str_t text, soma_inner_block_t *block)
{
    soma_str_t      maker, rest;
    unsigned char   kind, *bar;

    text.data += sizeof(SOMA_SEAL) - 1;
    text.len -= sizeof(SOMA_SEAL) - 1;

    if (text.len < 2 || text.data[1] != '|'
        || (text.data[0] != 's' && text.data[0] != 'o'))
    {
        return SOMA_OK;
    }

    kind = text.data[0];
    maker.data = text.data + 2;

    bar = memchr(maker.data, '|', text.len - 2);

    if (bar == NULL) {
        return SOMA_OK;
    }

    maker.len = (size_t) (bar - maker.data);
    rest.data = bar + 1;
    rest.len = text.len - 2 - maker.len - 1;

    *(kind == 's' ? &block->signature : &block->opaque) = rest;

    return soma_inner_plain(arena, maker, &block->maker);
}


soma_seal_place_e
soma_seal_in_id(soma_str_t id, soma_arena_t *arena,
    const soma_seal_store_t *store, soma_str_t *bare, soma_str_t *seal)
{
    unsigned char      *mark, *end;
    soma_seal_place_e   place;

    mark = id.len ? memchr(id.data, SOMA_SEAL_OWN[0], id.len) : NULL;

    if (mark == NULL) {
        return SOMA_SEAL_NONE;
    }

    end = id.data + id.len;

    bare->data = id.data;
    bare->len = (size_t) (mark - id.data);
    mark++;

    place = SOMA_SEAL_CALL;

    if (mark < end && *mark == SOMA_SEAL_BEFORE[1]) {
        place = SOMA_SEAL_REASONING;
        mark++;
    }

    seal->data = mark;
    seal->len = (size_t) (end - mark);

    soma_seal_fetch(arena, store, seal);

    return place;
}


/* a key becomes what it stands for */

static void
soma_seal_fetch(soma_arena_t *arena, const soma_seal_store_t *store,
    soma_str_t *seal)
{
    size_t      len;
    soma_str_t  key;

    len = sizeof(SOMA_SEAL_KEPT) - 1;

    if (seal->len != len + SOMA_SEAL_KEY_LEN
        || memcmp(seal->data, SOMA_SEAL_KEPT, len) != 0)
    {
        return;
    }

    key.data = seal->data + len;
    key.len = SOMA_SEAL_KEY_LEN;

    if (store == NULL
        || store->get(store->data, arena, key, seal) != SOMA_OK)
    {
        seal->len = 0;
    }
}


int
soma_seal_take_id(soma_arena_t *arena, const soma_seal_store_t *store,
    soma_inner_block_t *block)
{
    int                rc;
    soma_str_t         bare, seal;
    soma_seal_place_e  place;

    place = soma_seal_in_id(block->id, arena, store, &bare, &seal);

    if (place != SOMA_SEAL_CALL) {
        return SOMA_OK;
    }

    rc = soma_seal_take(arena, seal, block);

    /* of what is kept no more, the id is left */

    if (rc == SOMA_OK || (rc == SOMA_DECLINED && seal.len == 0)) {
        block->id = bare;
    }

    return (rc == SOMA_ERROR) ? SOMA_ERROR : SOMA_OK;
}
