
/*
 * Copyright (C) The ngx_soma authors
 *
 * The conversation for a request of Converse.
 *
 * What AWS wants of it: turns of the user's and the assistant's, one after the
 * other, the user's first; no blank text; results of tools all of them in the
 * turn behind their calls; a text beside documents.  The system's words later
 * on are a user's text in a frame,
 *
 *     <system>
 *     ...
 *     </system>
 */


#include "soma_bedrock_write.h"
#include "soma_write.h"


static int soma_bedrock_write_system(soma_bedrock_write_t *w);
static unsigned soma_bedrock_write_side(const soma_inner_turn_t *turn);
static unsigned soma_bedrock_write_speaks(const soma_inner_turn_t *turn);
static int soma_bedrock_write_turn(soma_bedrock_write_t *w,
    const soma_inner_turn_t *turn, const soma_inner_turn_t *end);
static int soma_bedrock_write_blocks(soma_bedrock_write_t *w,
    const soma_inner_turn_t *turn, unsigned results);
static void soma_bedrock_write_beside(soma_bedrock_write_t *w,
    const soma_inner_turn_t *turn, const soma_inner_turn_t *end);
static void soma_bedrock_write_framed(soma_bedrock_write_t *w,
    const soma_inner_block_t *block);


int
soma_bedrock_write_turns(soma_bedrock_write_t *w)
{
    const soma_inner_turn_t  *turn, *end;

    if (soma_bedrock_write_system(w) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    soma_write_name(w->out, "messages");
    soma_pieces_char(w->out, '[');

    for (turn = w->request->turns; turn; turn = end) {

        end = turn->next;

        if (!soma_bedrock_write_speaks(turn)) {

            /* what it is that has no place here is said there */

            if (soma_bedrock_write_blocks(w, turn, 0) != SOMA_OK) {
                return SOMA_DECLINED;
            }

            continue;
        }

        /* what says nothing does not come between */

        while (end && (soma_bedrock_write_side(end)
                       == soma_bedrock_write_side(turn)
                       || !soma_bedrock_write_speaks(end)))
        {
            end = end->next;
        }

        if (w->out->tail == '[' && soma_bedrock_write_side(turn)) {
            w->loss->refused = SOMA_STR("messages");
            w->loss->why = "begins with the assistant, which Bedrock's "
                           "Converse does not take";
            return SOMA_DECLINED;
        }

        if (soma_bedrock_write_turn(w, turn, end) != SOMA_OK) {
            return SOMA_DECLINED;
        }
    }

    if (w->out->tail == '[') {
        w->loss->refused = SOMA_STR("messages");
        w->loss->why = "has nothing in it for a request of Bedrock's "
                       "Converse, which knows no empty text";
        return SOMA_DECLINED;
    }

    soma_pieces_char(w->out, ']');

    return SOMA_OK;
}


/* an object of any kind has to be asked for in words */

static int
soma_bedrock_write_system(soma_bedrock_write_t *w)
{
    unsigned                   n;
    const soma_inner_block_t  *block;

    n = 0;

    for (block = w->request->system; block; block = block->next) {

        if (block->kind != SOMA_INNER_TEXT
            && !(block->kind == SOMA_INNER_OPAQUE
                 && soma_bedrock_write_own(block)))
        {
            if (soma_bedrock_write_lose(w, SOMA_STR("a part of the system "
                                                    "that is no text"))
                != SOMA_OK)
            {
                return SOMA_DECLINED;
            }

            continue;
        }

        if (!soma_bedrock_write_says(block)) {
            continue;
        }

        if (n++ == 0) {
            soma_write_name(w->out, "system");
            soma_pieces_char(w->out, '[');
        }

        if (soma_bedrock_write_block(w, block, 0) != SOMA_OK) {
            return SOMA_DECLINED;
        }
    }

    if (w->request->format == SOMA_INNER_FORMAT_OBJECT) {

        if (n++ == 0) {
            soma_write_name(w->out, "system");
            soma_pieces_char(w->out, '[');
        }

        soma_bedrock_write_comma(w->out);
        soma_pieces_cstr(w->out, "{\"text\":\"Answer with one JSON object "
                                 "and nothing else: no words around it and "
                                 "no code fence.\"}");
    }

    if (n != 0) {
        soma_pieces_char(w->out, ']');
    }

    return SOMA_OK;
}


/* whose turn it is to AWS: 1, the assistant's */

static unsigned
soma_bedrock_write_side(const soma_inner_turn_t *turn)
{
    return turn->role == SOMA_INNER_ASSISTANT;
}


static unsigned
soma_bedrock_write_speaks(const soma_inner_turn_t *turn)
{
    const soma_inner_block_t  *block;

    for (block = turn->blocks; block; block = block->next) {
        if (soma_bedrock_write_says(block)) {
            return 1;
        }
    }

    return 0;
}


static int
soma_bedrock_write_turn(soma_bedrock_write_t *w,
    const soma_inner_turn_t *turn, const soma_inner_turn_t *end)
{
    unsigned                  results;
    const soma_inner_turn_t  *each;

    soma_bedrock_write_comma(w->out);
    soma_pieces_char(w->out, '{');
    soma_write_word(w->out, "role", soma_bedrock_write_side(turn)
                                    ? "assistant" : "user");
    soma_write_name(w->out, "content");
    soma_pieces_char(w->out, '[');

    for (results = 2; results-- != 0; /* void */ ) {

        for (each = turn; each != end; each = each->next) {

            if (each->name.len != 0 && results
                && soma_bedrock_write_lose(w, SOMA_STR("messages.name"))
                   != SOMA_OK)
            {
                return SOMA_DECLINED;
            }

            if (soma_bedrock_write_blocks(w, each, results) != SOMA_OK) {
                return SOMA_DECLINED;
            }
        }
    }

    soma_bedrock_write_beside(w, turn, end);

    if (end == NULL) {
        soma_bedrock_write_cache(w->out, w->request->cache);
    }

    soma_pieces_cstr(w->out, "]}");

    return SOMA_OK;
}


static int
soma_bedrock_write_blocks(soma_bedrock_write_t *w,
    const soma_inner_turn_t *turn, unsigned results)
{
    unsigned                   last;
    const soma_inner_block_t  *block;

    for (block = turn->blocks; block; block = block->next) {

        if ((block->kind == SOMA_INNER_RESULT) != results) {
            continue;
        }

        if (!soma_bedrock_write_says(block)) {

            if (block->kind == SOMA_INNER_OPAQUE
                && soma_bedrock_write_lose(w, block->type) != SOMA_OK)
            {
                return SOMA_DECLINED;
            }

            continue;
        }

        if (turn->role <= SOMA_INNER_DEVELOPER
            && block->kind == SOMA_INNER_TEXT)
        {
            soma_bedrock_write_framed(w, block);
            continue;
        }

        last = (turn->role == SOMA_INNER_ASSISTANT && turn->next == NULL
                && block->next == NULL
                && w->family == SOMA_BEDROCK_CLAUDE);

        if (soma_bedrock_write_block(w, block, last) != SOMA_OK) {
            return SOMA_DECLINED;
        }
    }

    return SOMA_OK;
}


/* documents alone are refused */

static void
soma_bedrock_write_beside(soma_bedrock_write_t *w,
    const soma_inner_turn_t *turn, const soma_inner_turn_t *end)
{
    unsigned                   documents;
    const soma_inner_block_t  *block;

    documents = 0;

    for ( /* void */ ; turn != end; turn = turn->next) {
        for (block = turn->blocks; block; block = block->next) {

            documents += (block->kind == SOMA_INNER_DOCUMENT);

            if ((block->kind == SOMA_INNER_TEXT
                 || block->kind == SOMA_INNER_REFUSAL)
                && soma_bedrock_write_says(block))
            {
                return;
            }
        }
    }

    if (documents != 0) {
        soma_bedrock_write_comma(w->out);
        soma_pieces_cstr(w->out, "{\"text\":\"" SOMA_BEDROCK_BESIDE "\"}");
    }
}


static void
soma_bedrock_write_framed(soma_bedrock_write_t *w,
    const soma_inner_block_t *block)
{
    soma_bedrock_write_comma(w->out);
    soma_pieces_cstr(w->out, "{\"text\":\"<system>\\n");
    soma_pieces_str(w->out, block->text);
    soma_pieces_cstr(w->out, "\\n</system>\"}");
    soma_bedrock_write_cache(w->out, block->cache);
}
