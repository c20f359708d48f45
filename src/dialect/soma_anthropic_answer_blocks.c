
/*
 * Copyright (C) The ngx_soma authors
 *
 * The blocks of an answer of the Messages API, as far as they have come.
 */


#include "soma_anthropic_answer.h"
#include "soma_seal.h"
#include "soma_write.h"


static void soma_anthropic_answer_seal(soma_anthropic_open_t *open,
    const soma_inner_event_t *event);


/* what of a block is known as it begins */

void
soma_anthropic_answer_head(soma_anthropic_answer_t *answer,
    soma_anthropic_open_t *open, const soma_inner_event_t *event)
{
    if (open->kind == SOMA_INNER_CALL) {
        answer->calls = 1;
        soma_pieces_cstr(&open->head, "\"type\":\"tool_use\"");
        soma_write_quoted(&open->head, "id", event->id);
        soma_write_quoted(&open->head, "name", event->name);

    } else if (open->kind == SOMA_INNER_OPAQUE) {
        soma_pieces_put(&open->head, event->raw.data, event->raw.len);
        open->closed = 1;

    } else if (open->kind == SOMA_INNER_REFUSAL) {
        answer->refused = 1;
    }
}


/* the last of the list */

int
soma_anthropic_answer_new(soma_anthropic_answer_t *answer,
    soma_anthropic_open_t **result)
{
    soma_anthropic_open_t  *open;

    open = answer->spare;

    if (open != NULL) {
        answer->spare = open->next;
        soma_pieces_reset(&open->head);
        soma_pieces_reset(&open->text);
        soma_pieces_reset(&open->cites);
        soma_pieces_reset(&open->seal);

    } else if (answer->nopen == (answer->stream ? SOMA_INNER_OPEN_MAX
                                                : SOMA_INNER_BLOCKS_MAX))
    {
        answer->error = "the answer has too many blocks open at once";
        return SOMA_DECLINED;

    } else {
        open = answer->arena->alloc(answer->arena->data,
                                    sizeof(soma_anthropic_open_t));
        if (open == NULL) {
            return SOMA_ERROR;
        }

        answer->nopen++;
        soma_pieces_init(&open->head, answer->arena);
        soma_pieces_init(&open->text, answer->arena);
        soma_pieces_init(&open->cites, answer->arena);
        soma_pieces_init(&open->seal, answer->arena);
    }

    open->next = NULL;
    open->sealed = 0;
    open->redacted = 0;
    open->started = 0;
    open->closed = 0;

    if (answer->open == NULL) {
        answer->last = &answer->open;
    }

    *answer->last = open;
    answer->last = &open->next;

    *result = open;

    return SOMA_OK;
}


soma_anthropic_open_t *
soma_anthropic_answer_open(soma_anthropic_answer_t *answer,
    const soma_inner_event_t *event)
{
    soma_anthropic_open_t  *open;

    for (open = answer->open; open; open = open->next) {
        if (open->block == event->block && !open->closed) {
            return open;
        }
    }

    return NULL;
}


/* a signature of another provider's says whose it is: no model of this API's
 * can read it, and it goes back to where it came from */

static void
soma_anthropic_answer_seal(soma_anthropic_open_t *open,
    const soma_inner_event_t *event)
{
    if (event->text.len == 0 && event->opaque.len == 0) {
        return;
    }

    if (open->sealed) {
        soma_pieces_put(&open->seal, event->text.data, event->text.len);
        soma_pieces_put(&open->seal, event->opaque.data, event->opaque.len);
        return;
    }

    if (soma_str_is(event->maker, "anthropic")) {

        if (open->kind != SOMA_INNER_REASONING) {
            return;
        }

        open->redacted = (event->opaque.len != 0);
        soma_pieces_put(&open->seal, event->text.data, event->text.len);
        soma_pieces_put(&open->seal, event->opaque.data, event->opaque.len);

    } else {

        if (memchr(event->maker.len ? event->maker.data
                                    : (const unsigned char *) "", '|',
                   event->maker.len)
            != NULL)
        {
            return;
        }

        open->redacted = (open->text.len == 0 && !open->started);
        soma_seal_put(&open->seal, event);
    }

    open->sealed = 1;
}


void
soma_anthropic_answer_keep(soma_anthropic_open_t *open,
    const soma_inner_event_t *event)
{
    unsigned  own;

    own = soma_str_is(event->maker, "anthropic");

    switch (event->event) {

    case SOMA_INNER_DELTA:
        soma_pieces_put(&open->text, event->text.data, event->text.len);
        break;

    case SOMA_INNER_SIGNATURE:

        if (open->kind == SOMA_INNER_REASONING
            || open->kind == SOMA_INNER_CALL)
        {
            soma_anthropic_answer_seal(open, event);
        }

        break;

    case SOMA_INNER_CITATION:
        if (own && open->kind == SOMA_INNER_TEXT) {
            if (open->cites.len != 0) {
                soma_pieces_char(&open->cites, ',');
            }

            soma_pieces_put(&open->cites, event->raw.data, event->raw.len);
        }

        break;

    default:
        open->closed = 1;
    }
}
