
/*
 * Copyright (C) The ngx_soma authors
 *
 * What tools gave back, for a request of Google's API: an object, in the order
 * of the calls, for older models find their results by name and place.
 */


#define _GNU_SOURCE             /* memmem() */

#include "soma_gemini_request.h"
#include "soma_write.h"


#define SOMA_GEMINI_ORDER_MAX  256      /* results that are put in order */


/* where among the blocks of some turns one is */
typedef struct {
    const soma_inner_turn_t   *turn;
    const soma_inner_turn_t   *end;
    const soma_inner_block_t  *block;
    soma_inner_kind_e          kind;
} soma_gemini_cursor_t;


static const soma_inner_block_t *soma_gemini_write_next(
    soma_gemini_cursor_t *cursor);
static void soma_gemini_write_from(soma_gemini_cursor_t *cursor,
    const soma_inner_turn_t *turn, const soma_inner_turn_t *end,
    soma_inner_kind_e kind);
static unsigned soma_gemini_write_ordered(soma_gemini_cursor_t calls,
    soma_gemini_cursor_t results);
static int soma_gemini_write_result(soma_pieces_t *out,
    const soma_inner_block_t *result, soma_inner_loss_t *loss);
static int soma_gemini_write_response(soma_pieces_t *out,
    const soma_inner_block_t *result, soma_inner_loss_t *loss);
static int soma_gemini_write_media_of(soma_pieces_t *out,
    const soma_inner_block_t *result, soma_inner_loss_t *loss);
static unsigned soma_gemini_write_is_media(const soma_inner_block_t *block);


int
soma_gemini_write_results(soma_pieces_t *out, const soma_inner_turn_t *calls,
    const soma_inner_turn_t *turn, const soma_inner_turn_t *end,
    soma_inner_loss_t *loss)
{
    unsigned                   i, n;
    const soma_inner_block_t  *call, *result;
    soma_gemini_cursor_t       some, all;
    const soma_inner_block_t  *list[SOMA_GEMINI_ORDER_MAX];

    soma_gemini_write_from(&all, turn, end, SOMA_INNER_RESULT);
    soma_gemini_write_from(&some, calls ? calls : turn, turn,
                           SOMA_INNER_CALL);

    n = 0;

    if (!soma_gemini_write_ordered(some, all)) {

        for (result = soma_gemini_write_next(&all); result;
             result = soma_gemini_write_next(&all))
        {
            if (n == SOMA_GEMINI_ORDER_MAX) {
                n = 0;
                break;
            }

            list[n++] = result;
        }
    }

    while (n != 0 && (call = soma_gemini_write_next(&some)) != NULL) {

        for (i = 0; i < n; i++) {

            if (list[i] == NULL || !soma_str_eq(list[i]->id, call->id)) {
                continue;
            }

            if (soma_gemini_write_result(out, list[i], loss) != SOMA_OK) {
                return SOMA_DECLINED;
            }

            list[i] = NULL;
            break;
        }
    }

    for (i = 0; i < n; i++) {
        if (list[i] != NULL
            && soma_gemini_write_result(out, list[i], loss) != SOMA_OK)
        {
            return SOMA_DECLINED;
        }
    }

    soma_gemini_write_from(&all, turn, end, SOMA_INNER_RESULT);

    while (n == 0 && (result = soma_gemini_write_next(&all)) != NULL) {
        if (soma_gemini_write_result(out, result, loss) != SOMA_OK) {
            return SOMA_DECLINED;
        }
    }

    /* pictures that a tool made are the user's, behind all results */

    soma_gemini_write_from(&all, turn, end, SOMA_INNER_RESULT);

    while ((result = soma_gemini_write_next(&all)) != NULL) {
        if (soma_gemini_write_media_of(out, result, loss) != SOMA_OK) {
            return SOMA_DECLINED;
        }
    }

    return SOMA_OK;
}


static void
soma_gemini_write_from(soma_gemini_cursor_t *cursor,
    const soma_inner_turn_t *turn, const soma_inner_turn_t *end,
    soma_inner_kind_e kind)
{
    cursor->turn = turn;
    cursor->end = end;
    cursor->block = (turn != end) ? turn->blocks : NULL;
    cursor->kind = kind;
}


static const soma_inner_block_t *
soma_gemini_write_next(soma_gemini_cursor_t *cursor)
{
    const soma_inner_block_t  *block;

    while (cursor->turn != cursor->end) {

        while (cursor->block != NULL) {
            block = cursor->block;
            cursor->block = block->next;

            if (block->kind == cursor->kind) {
                return block;
            }
        }

        cursor->turn = cursor->turn->next;
        cursor->block = (cursor->turn != cursor->end) ? cursor->turn->blocks
                                                      : NULL;
    }

    return NULL;
}


/* whether they come as the calls did */

static unsigned
soma_gemini_write_ordered(soma_gemini_cursor_t calls,
    soma_gemini_cursor_t results)
{
    const soma_inner_block_t  *call, *result;

    do {
        call = soma_gemini_write_next(&calls);
        result = soma_gemini_write_next(&results);
    } while (call && result && soma_str_eq(call->id, result->id));

    return result == NULL;
}


static int
soma_gemini_write_result(soma_pieces_t *out,
    const soma_inner_block_t *result, soma_inner_loss_t *loss)
{
    soma_gemini_write_turns_comma(out);
    soma_pieces_cstr(out, "{\"functionResponse\":{");

    if (result->id.len != 0) {
        soma_write_quoted(out, "id", result->id);
    }

    if (soma_gemini_write_tools_name(out, "name", result->name) != SOMA_OK
        || soma_gemini_write_response(out, result, loss) != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    soma_pieces_cstr(out, "}}");

    return SOMA_OK;
}


/* a text that is an object already is that; any other is a member of one */

static int
soma_gemini_write_response(soma_pieces_t *out,
    const soma_inner_block_t *result, soma_inner_loss_t *loss)
{
    unsigned                   n;
    soma_str_t                 plain;
    const soma_inner_block_t  *part;

    part = result->content;
    soma_write_name(out, "response");

    if (!result->error && part != NULL && part->kind == SOMA_INNER_TEXT
        && (part->next == NULL || soma_gemini_write_is_media(part->next)))
    {
        if (soma_inner_plain(out->arena, part->text, &plain) != SOMA_OK) {
            return SOMA_ERROR;
        }

        /* Google takes "$ref" in it for a part of its own */

        if (soma_inner_object(plain)
            && memmem(plain.data, plain.len, "\"$ref\"", 6) == NULL)
        {
            soma_pieces_str(out, soma_str_trim(plain));
            return SOMA_OK;
        }
    }

    soma_pieces_cstr(out, result->error ? "{\"error\":\"" : "{\"result\":\"");

    for (n = 0; part; part = part->next) {

        if (soma_gemini_write_is_media(part)) {
            continue;
        }

        if (part->kind != SOMA_INNER_TEXT && part->kind != SOMA_INNER_REFUSAL
            && part->kind != SOMA_INNER_SEARCH_RESULT)
        {
            if (soma_inner_lose(loss, part->type.len ? part->type
                                      : SOMA_STR("a part of a tool's result"),
                                SOMA_GEMINI_WHY)
                != SOMA_OK)
            {
                return SOMA_DECLINED;
            }

            continue;
        }

        if (part->text.len != 0) {
            soma_pieces_cstr(out, n++ == 0 ? "" : "\\n");
            soma_pieces_str(out, part->text);
        }
    }

    soma_pieces_cstr(out, "\"}");

    return SOMA_OK;
}


static unsigned
soma_gemini_write_is_media(const soma_inner_block_t *block)
{
    return block->kind == SOMA_INNER_IMAGE
           || block->kind == SOMA_INNER_DOCUMENT
           || block->kind == SOMA_INNER_AUDIO
           || block->kind == SOMA_INNER_VIDEO;
}


static int
soma_gemini_write_media_of(soma_pieces_t *out,
    const soma_inner_block_t *result, soma_inner_loss_t *loss)
{
    const soma_inner_block_t  *part;

    for (part = result->content; part; part = part->next) {
        if (soma_gemini_write_is_media(part)
            && soma_gemini_write_media(out, part, loss) != SOMA_OK)
        {
            return SOMA_DECLINED;
        }
    }

    return SOMA_OK;
}
