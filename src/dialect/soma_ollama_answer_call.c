
/*
 * Copyright (C) The ngx_soma authors
 *
 * A call for a client of chat: with arguments that are an object, and an id
 * that may carry its signature.
 */


#include "soma_ollama_answer.h"
#include "soma_ollama_request.h"
#include "soma_seal.h"
#include "soma_write.h"


static int soma_ollama_answer_id(soma_ollama_answer_t *answer,
    soma_ollama_open_t *open, soma_str_t *id);
static int soma_ollama_answer_arguments(soma_ollama_answer_t *answer,
    soma_ollama_open_t *open, soma_str_t *raw);


int
soma_ollama_answer_call(soma_ollama_answer_t *answer,
    soma_ollama_open_t *open)
{
    int             rc;
    soma_str_t      raw, id;
    soma_pieces_t  *list;

    rc = soma_ollama_answer_arguments(answer, open, &raw);

    if (rc != SOMA_OK) {
        return rc;
    }

    if (soma_ollama_answer_id(answer, open, &id) != SOMA_OK) {
        return SOMA_ERROR;
    }

    list = &answer->list;

    soma_pieces_cstr(list, list->len != 0 ? ",{" : "{");
    soma_write_quoted(list, "id", id);
    soma_pieces_cstr(list, ",\"function\":{");
    soma_write_int(list, "index", open->index);
    soma_write_quoted(list, "name", open->name);
    soma_write_name(list, "arguments");
    soma_pieces_put(list, raw.data, raw.len);
    soma_pieces_cstr(list, "}}");

    return list->failed ? SOMA_ERROR : SOMA_OK;
}


/* with the call's signature behind it, where that is short enough */

static int
soma_ollama_answer_id(soma_ollama_answer_t *answer, soma_ollama_open_t *open,
    soma_str_t *id)
{
    soma_str_t     seal;
    soma_pieces_t  whole;

    *id = open->id;

    if (open->seal.len == 0 || open->id.len + 1 >= SOMA_INNER_ID_MAX) {
        return open->seal.failed ? SOMA_ERROR : SOMA_OK;
    }

    soma_pieces_init(&whole, answer->arena);
    soma_pieces_put(&whole, open->id.data, open->id.len);
    soma_pieces_cstr(&whole, SOMA_SEAL_OWN);

    if (soma_pieces_whole(&open->seal, &seal) != SOMA_OK) {
        return SOMA_ERROR;
    }

    if (soma_seal_put_id(&whole, seal, answer->seals,
                         SOMA_INNER_ID_MAX - 1 - open->id.len)
        != SOMA_OK)
    {
        return SOMA_OK;
    }

    return soma_pieces_whole(&whole, id);
}


/* SOMA_DECLINED: they are no object */

static int
soma_ollama_answer_arguments(soma_ollama_answer_t *answer,
    soma_ollama_open_t *open, soma_str_t *raw)
{
    soma_str_t     text;
    soma_pieces_t  object;

    if (soma_pieces_whole(&open->text, &text) != SOMA_OK) {
        return SOMA_ERROR;
    }

    if (open->tool == SOMA_INNER_CUSTOM) {
        soma_pieces_init(&object, answer->arena);
        soma_pieces_char(&object, '{');
        soma_write_copy(&object, "input", text);
        soma_pieces_char(&object, '}');

        return soma_pieces_whole(&object, raw);
    }

    if (soma_inner_plain(answer->arena, text, raw) != SOMA_OK) {
        return SOMA_ERROR;
    }

    *raw = soma_str_trim(*raw);

    if (raw->len == 0) {
        *raw = SOMA_STR("{}");
    }

    if (!soma_inner_object(*raw)) {
        return SOMA_DECLINED;
    }

    return soma_inner_flat(answer->arena, raw);
}

