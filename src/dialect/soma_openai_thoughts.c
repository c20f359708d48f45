
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a client sends back of an answer's reasoning: words under the names
 * that servers have agreed on, and signatures where they were put for a
 * client whose API has no place for them (soma_openai_answer_extra.c).
 */


#include "soma_openai_request.h"
#include "soma_openai_shared.h"
#include "soma_seal.h"


#define SOMA_OPENAI_THOUGHTS_MAX  64        /* details of a message that are
                                               looked at for a call */


static int soma_openai_thoughts_detail(soma_fill_t *r,
    soma_inner_block_t ***last, soma_str_t detail, soma_str_t *words);
static int soma_openai_thoughts_seal(soma_fill_t *r,
    soma_inner_block_t *block, soma_str_t seal, const char *maker,
    unsigned opaque);


/*
 * The details tell blocks apart; where they have no words, those beside them
 * are the first block's.
 */

int
soma_openai_thoughts(soma_fill_t *r, soma_inner_block_t ***last,
    soma_str_t message)
{
    soma_str_t           name, words;
    soma_json_iter_t     it;
    soma_json_value_t    details, detail;
    soma_inner_block_t  *block;

    if (soma_fill_text(message, "reasoning_content", &words) != SOMA_OK
        || words.len == 0)
    {
        (void) soma_fill_text(message, "reasoning", &words);
    }

    if (soma_json_get(message, "reasoning_details", &details) == SOMA_OK
        && details.type == SOMA_JSON_ARRAY
        && soma_json_first(&it, details.text) == SOMA_OK)
    {
        while (soma_json_next(&it, &name, &detail) == SOMA_OK) {

            if (detail.type == SOMA_JSON_OBJECT
                && soma_openai_thoughts_detail(r, last, detail.text, &words)
                   != SOMA_OK)
            {
                return SOMA_ERROR;
            }
        }
    }

    if (words.len == 0) {
        return SOMA_OK;
    }

    block = soma_fill_block(r, last, SOMA_INNER_REASONING);
    if (block == NULL) {
        return SOMA_ERROR;
    }

    block->text = words;

    return SOMA_OK;
}


/* one that names a call is read with it */

static int
soma_openai_thoughts_detail(soma_fill_t *r, soma_inner_block_t ***last,
    soma_str_t detail, soma_str_t *words)
{
    unsigned             opaque;
    soma_str_t           type, text, seal, id;
    soma_inner_block_t  *block;

    (void) soma_fill_text(detail, "type", &type);
    (void) soma_fill_text(detail, "id", &id);

    opaque = soma_str_is(type, "reasoning.encrypted");

    if (opaque) {
        (void) soma_fill_text(detail, "data", &seal);
        text.len = 0;
        text.data = NULL;

        if (id.len > 5 && memcmp(id.data, "call_", 5) == 0) {
            return SOMA_OK;
        }

    } else {
        (void) soma_fill_text(detail, "signature", &seal);

        if (soma_fill_text(detail, "text", &text) != SOMA_OK) {
            (void) soma_fill_text(detail, "summary", &text);
        }
    }

    /* the text beside says all of it once more */

    if (text.len != 0 || (!opaque && seal.len != 0)) {

        if (text.len == 0) {
            text = *words;
        }

        words->len = 0;
    }

    if (text.len == 0 && seal.len == 0) {
        return SOMA_OK;
    }

    block = soma_fill_block(r, last, SOMA_INNER_REASONING);
    if (block == NULL) {
        return SOMA_ERROR;
    }

    block->text = text;

    return soma_openai_thoughts_seal(r, block, seal, SOMA_OPENAI_CHAT_MAKER,
                                     opaque);
}


static int
soma_openai_thoughts_seal(soma_fill_t *r, soma_inner_block_t *block,
    soma_str_t seal, const char *maker, unsigned opaque)
{
    int  rc;

    if (seal.len == 0) {
        return SOMA_OK;
    }

    rc = soma_seal_take(r->arena, seal, block);

    if (rc != SOMA_DECLINED) {
        return rc;
    }

    *(opaque ? &block->opaque : &block->signature) = seal;
    block->maker.data = (unsigned char *) (uintptr_t) maker;
    block->maker.len = strlen(maker);

    return SOMA_OK;
}


/* in the call itself, in its id, or in a detail that names it: the first that
 * has one */

int
soma_openai_thoughts_call(soma_fill_t *r, soma_inner_block_t *block,
    soma_str_t message, soma_str_t call)
{
    int                 rc;
    unsigned            n;
    soma_str_t          bare, name, seal, id;
    soma_json_iter_t    it;
    soma_json_value_t   extra, google, details, detail;

    if (soma_json_get(call, "extra_content", &extra) == SOMA_OK
        && soma_json_get(extra.text, "google", &google) == SOMA_OK
        && soma_fill_text(google.text, "thought_signature", &seal) == SOMA_OK
        && seal.len != 0)
    {
        return soma_openai_thoughts_seal(r, block, seal, "gemini", 0);
    }

    if (soma_seal_in_id(block->id, r->arena, r->request->seals, &bare, &seal)
        == SOMA_SEAL_CALL) {
        rc = soma_seal_take(r->arena, seal, block);

        if (rc != SOMA_DECLINED) {
            return rc;
        }
    }

    if (soma_json_get(message, "reasoning_details", &details) != SOMA_OK
        || details.type != SOMA_JSON_ARRAY
        || soma_json_first(&it, details.text) != SOMA_OK)
    {
        return SOMA_OK;
    }

    for (n = 0; n < SOMA_OPENAI_THOUGHTS_MAX
                && soma_json_next(&it, &name, &detail) == SOMA_OK; n++)
    {
        if (soma_fill_name(r, detail.text, "id", &id) == SOMA_OK
            && id.len != 0 && soma_str_eq(id, block->id)
            && soma_fill_text(detail.text, "data", &seal) == SOMA_OK)
        {
            return soma_openai_thoughts_seal(r, block, seal,
                                             SOMA_OPENAI_CHAT_MAKER, 0);
        }
    }

    return SOMA_OK;
}


int
soma_openai_thoughts_before(soma_fill_t *r, soma_inner_block_t ***last,
    soma_str_t message, soma_str_t call)
{
    soma_str_t           id, bare, seal;
    soma_json_value_t    details;
    soma_inner_block_t  *block;

    if (soma_fill_name(r, call, "id", &id) != SOMA_OK || id.len == 0
        || (soma_json_get(message, "reasoning_details", &details) == SOMA_OK
            && details.type == SOMA_JSON_ARRAY))
    {
        return SOMA_OK;
    }

    if (soma_seal_in_id(id, r->arena, r->request->seals, &bare, &seal)
        != SOMA_SEAL_REASONING
        || seal.len == 0)
    {
        return SOMA_OK;
    }

    block = soma_fill_block(r, last, SOMA_INNER_REASONING);
    if (block == NULL) {
        return SOMA_ERROR;
    }

    block->text = SOMA_STR("");

    return (soma_seal_take(r->arena, seal, block) == SOMA_ERROR) ? SOMA_ERROR
                                                                 : SOMA_OK;
}
