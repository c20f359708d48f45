
/*
 * Copyright (C) The ngx_soma authors
 *
 * The blocks of an answer of Converse as they come: gathered of a whole one,
 * told of a stream.  A block of text has no beginning of its own there, and
 * several may be open at a time, for each piece says whose it is.  What seals
 * reasoning is told at its end: whether it stands beside a text is known then.
 */


#include "soma_base64.h"
#include "soma_bedrock.h"
#include "soma_bedrock_answer.h"
#include "soma_seal.h"
#include "soma_write.h"


static int soma_bedrock_answer_new(soma_bedrock_answer_t *answer,
    soma_bedrock_open_t **result);
static int soma_bedrock_answer_start(soma_bedrock_answer_t *answer,
    soma_pieces_t *out, soma_bedrock_open_t *open);
static int soma_bedrock_answer_piece(soma_bedrock_answer_t *answer,
    soma_pieces_t *out, soma_bedrock_open_t *open,
    const soma_inner_event_t *event);
static void soma_bedrock_answer_delta(soma_bedrock_answer_t *answer,
    soma_bedrock_open_t *open);
static void soma_bedrock_answer_keep(soma_bedrock_open_t *open,
    const soma_inner_event_t *event);
static int soma_bedrock_answer_cite(soma_bedrock_answer_t *answer,
    soma_pieces_t *out, soma_bedrock_open_t *open,
    const soma_inner_event_t *event);
static int soma_bedrock_answer_seal(soma_bedrock_answer_t *answer,
    soma_pieces_t *out, soma_bedrock_open_t *open);
static int soma_bedrock_answer_picture(soma_bedrock_answer_t *answer,
    soma_pieces_t *out, soma_bedrock_open_t *open);


int
soma_bedrock_answer_begin(soma_bedrock_answer_t *answer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    int                   rc;
    soma_str_t            id;
    soma_bedrock_open_t  *open;

    if (event->kind != SOMA_INNER_TEXT && event->kind != SOMA_INNER_CALL
        && event->kind != SOMA_INNER_REASONING
        && event->kind != SOMA_INNER_REFUSAL
        && event->kind != SOMA_INNER_IMAGE)
    {
        return SOMA_OK;
    }

    rc = soma_bedrock_answer_new(answer, &open);

    if (rc != SOMA_OK) {
        return rc;
    }

    open->block = event->block;
    open->kind = event->kind;
    open->tool = event->tool;

    if (open->kind != SOMA_INNER_CALL) {
        return SOMA_OK;
    }

    answer->calls = 1;

    if (soma_names_fit(answer->arena, &soma_bedrock_call_ids, event->id, &id)
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    soma_pieces_char(&open->head, '{');
    soma_write_quoted(&open->head, "toolUseId", id);
    soma_write_quoted(&open->head, "name", event->name);

    if (open->head.failed) {
        return SOMA_ERROR;
    }

    return answer->stream ? soma_bedrock_answer_start(answer, out, open)
                          : SOMA_OK;
}


/* the last of the list */

static int
soma_bedrock_answer_new(soma_bedrock_answer_t *answer,
    soma_bedrock_open_t **result)
{
    soma_bedrock_open_t  *open;
    soma_pieces_t         head, text, cites, seal;

    open = answer->spare;

    if (open != NULL) {
        answer->spare = open->next;

        head = open->head;
        text = open->text;
        cites = open->cites;
        seal = open->seal;

        soma_pieces_reset(&head);
        soma_pieces_reset(&text);
        soma_pieces_reset(&cites);
        soma_pieces_reset(&seal);

    } else if (answer->nopen == (answer->stream ? SOMA_INNER_OPEN_MAX
                                                : SOMA_INNER_BLOCKS_MAX))
    {
        answer->error = "the answer has too many blocks open at once";
        return SOMA_DECLINED;

    } else {
        open = answer->arena->alloc(answer->arena->data,
                                    sizeof(soma_bedrock_open_t));
        if (open == NULL) {
            return SOMA_ERROR;
        }

        answer->nopen++;
        soma_pieces_init(&head, answer->arena);
        soma_pieces_init(&text, answer->arena);
        soma_pieces_init(&cites, answer->arena);
        soma_pieces_init(&seal, answer->arena);
    }

    memset(open, 0, sizeof(soma_bedrock_open_t));

    open->head = head;
    open->text = text;
    open->cites = cites;
    open->seal = seal;

    if (answer->open == NULL) {
        answer->last = &answer->open;
    }

    *answer->last = open;
    answer->last = &open->next;

    *result = open;

    return SOMA_OK;
}


/* the client's number of it; a call is told as it begins, and a picture */

static int
soma_bedrock_answer_start(soma_bedrock_answer_t *answer, soma_pieces_t *out,
    soma_bedrock_open_t *open)
{
    if (open->started) {
        return SOMA_OK;
    }

    open->started = 1;
    open->index = answer->index++;

    if (soma_bedrock_answer_message(answer, out) != SOMA_OK) {
        return SOMA_ERROR;
    }

    if (open->kind != SOMA_INNER_CALL && open->kind != SOMA_INNER_IMAGE) {
        return SOMA_OK;
    }

    soma_pieces_char(&answer->payload, '{');
    soma_write_int(&answer->payload, "contentBlockIndex", open->index);
    soma_write_name(&answer->payload, "start");

    if (open->kind == SOMA_INNER_CALL) {
        soma_pieces_cstr(&answer->payload, "{\"toolUse\":");
        soma_pieces_join(&answer->payload, &open->head);

    } else {
        soma_pieces_cstr(&answer->payload, "{\"image\":{");
        soma_write_quoted(&answer->payload, "format", open->format);
    }

    soma_pieces_cstr(&answer->payload, "}}}");

    return soma_bedrock_answer_frame(answer, out,
                                     SOMA_STR("contentBlockStart"), 0);
}


int
soma_bedrock_answer_add(soma_bedrock_answer_t *answer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    int                    rc;
    soma_bedrock_open_t   *open, **link;

    for (link = &answer->open; *link != NULL; link = &(*link)->next) {
        if ((*link)->block == event->block && !(*link)->closed) {
            break;
        }
    }

    open = *link;

    if (open == NULL) {
        return SOMA_OK;
    }

    if (event->event == SOMA_INNER_CLOSE) {
        open->closed = 1;

        if (!answer->stream) {
            return SOMA_OK;
        }

        rc = soma_bedrock_answer_shut(answer, out, open);

        *link = open->next;

        if (answer->last == &open->next) {
            answer->last = link;
        }

        open->next = answer->spare;
        answer->spare = open;

        return rc;
    }

    if (event->event == SOMA_INNER_CITATION) {
        return soma_bedrock_answer_cite(answer, out, open, event);
    }

    if (answer->stream && event->event == SOMA_INNER_DELTA) {
        return soma_bedrock_answer_piece(answer, out, open, event);
    }

    soma_bedrock_answer_keep(open, event);

    return (open->text.failed || open->seal.failed) ? SOMA_ERROR : SOMA_OK;
}


static int
soma_bedrock_answer_piece(soma_bedrock_answer_t *answer, soma_pieces_t *out,
    soma_bedrock_open_t *open, const soma_inner_event_t *event)
{
    soma_pieces_t  *payload;

    if (event->text.len == 0) {
        return SOMA_OK;
    }

    if (soma_bedrock_answer_start(answer, out, open) != SOMA_OK) {
        return SOMA_ERROR;
    }

    payload = &answer->payload;
    open->said = 1;

    soma_bedrock_answer_delta(answer, open);

    switch (open->kind) {

    case SOMA_INNER_CALL:
        soma_pieces_cstr(payload, "\"toolUse\":{");
        soma_write_copy(payload, "input", event->text);
        soma_pieces_char(payload, '}');
        break;

    case SOMA_INNER_REASONING:
        soma_pieces_cstr(payload, "\"reasoningContent\":{");
        soma_write_copy(payload, "text", event->text);
        soma_pieces_char(payload, '}');
        break;

    default:
        soma_write_copy(payload, "text", event->text);
    }

    soma_pieces_cstr(payload, "}}");

    return soma_bedrock_answer_frame(answer, out,
                                     SOMA_STR("contentBlockDelta"), 0);
}


/* a delta has exactly one member, which is put behind this */

static void
soma_bedrock_answer_delta(soma_bedrock_answer_t *answer,
    soma_bedrock_open_t *open)
{
    soma_pieces_char(&answer->payload, '{');
    soma_write_int(&answer->payload, "contentBlockIndex", open->index);
    soma_write_name(&answer->payload, "delta");
    soma_pieces_char(&answer->payload, '{');
}


/* a signature of another maker is one in an envelope, for clients give it
 * back as they got it */

static void
soma_bedrock_answer_keep(soma_bedrock_open_t *open,
    const soma_inner_event_t *event)
{
    size_t  i;

    static const struct {
        const char  *media;
        soma_str_t   format;
    } formats[] = {
        { "image/jpeg", soma_string("jpeg") },
        { "image/jpg",  soma_string("jpeg") },
        { "image/gif",  soma_string("gif") },
        { "image/webp", soma_string("webp") },
        { "image/png",  soma_string("png") }
    };

    switch (event->event) {

    case SOMA_INNER_DELTA:
        open->said |= (event->text.len != 0);
        soma_pieces_put(&open->text, event->text.data, event->text.len);
        break;

    case SOMA_INNER_MEDIA:

        if (open->kind != SOMA_INNER_IMAGE) {
            break;
        }

        soma_pieces_put(&open->text, event->text.data, event->text.len);

        for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
            if (soma_str_case_is(event->media, formats[i].media)) {
                open->format = formats[i].format;
            }
        }

        break;

    default:

        if (open->kind != SOMA_INNER_REASONING) {
            break;
        }

        if (!open->sealed) {
            open->own = soma_str_is(event->maker, SOMA_BEDROCK_MAKER);
            open->opaque = (event->opaque.len != 0);

            if (!open->own) {
                soma_seal_begin(&open->seal, open->opaque, event->maker);
            }
        }

        open->sealed = 1;
        soma_pieces_put(&open->seal, event->text.data, event->text.len);
        soma_pieces_put(&open->seal, event->opaque.data, event->opaque.len);
    }
}


static int
soma_bedrock_answer_cite(soma_bedrock_answer_t *answer, soma_pieces_t *out,
    soma_bedrock_open_t *open, const soma_inner_event_t *event)
{
    int            rc;
    soma_str_t     text;
    soma_pieces_t  cite;

    if (open->kind != SOMA_INNER_TEXT) {
        return SOMA_OK;
    }

    soma_pieces_init(&cite, answer->arena);

    rc = soma_bedrock_cites_write(&cite, event);

    if (rc != SOMA_OK) {
        return (rc == SOMA_DECLINED) ? SOMA_OK : rc;
    }

    if (soma_pieces_whole(&cite, &text) != SOMA_OK) {
        return SOMA_ERROR;
    }

    if (!answer->stream) {
        soma_pieces_char(&open->cites, ',');
        soma_pieces_put(&open->cites, text.data, text.len);

        return open->cites.failed ? SOMA_ERROR : SOMA_OK;
    }

    if (soma_bedrock_answer_start(answer, out, open) != SOMA_OK) {
        return SOMA_ERROR;
    }

    soma_bedrock_answer_delta(answer, open);
    soma_write_raw(&answer->payload, "citation", text);
    soma_pieces_cstr(&answer->payload, "}}");

    return soma_bedrock_answer_frame(answer, out,
                                     SOMA_STR("contentBlockDelta"), 0);
}


/* a stream's block ends; of one that has nothing in it nothing is said */

int
soma_bedrock_answer_shut(soma_bedrock_answer_t *answer, soma_pieces_t *out,
    soma_bedrock_open_t *open)
{
    if (open->kind == SOMA_INNER_IMAGE && open->text.len != 0
        && soma_bedrock_answer_picture(answer, out, open) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (open->sealed
        && soma_bedrock_answer_seal(answer, out, open) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (!open->started) {
        return SOMA_OK;
    }

    soma_pieces_char(&answer->payload, '{');
    soma_write_int(&answer->payload, "contentBlockIndex", open->index);
    soma_pieces_char(&answer->payload, '}');

    return soma_bedrock_answer_frame(answer, out,
                                     SOMA_STR("contentBlockStop"), 0);
}


static int
soma_bedrock_answer_seal(soma_bedrock_answer_t *answer, soma_pieces_t *out,
    soma_bedrock_open_t *open)
{
    if (soma_bedrock_answer_start(answer, out, open) != SOMA_OK) {
        return SOMA_ERROR;
    }

    soma_bedrock_answer_delta(answer, open);
    soma_pieces_cstr(&answer->payload, "\"reasoningContent\":{");

    if (soma_bedrock_answer_sealed(&answer->payload, open) != SOMA_OK) {
        return SOMA_ERROR;
    }

    soma_pieces_cstr(&answer->payload, "}}}");

    return soma_bedrock_answer_frame(answer, out,
                                     SOMA_STR("contentBlockDelta"), 0);
}


int
soma_bedrock_answer_sealed(soma_pieces_t *out, soma_bedrock_open_t *open)
{
    soma_str_t      seal;
    soma_arena_t   *arena;
    unsigned char  *p;

    arena = out->arena;

    if (soma_pieces_whole(&open->seal, &seal) != SOMA_OK) {
        return SOMA_ERROR;
    }

    if (!open->opaque || open->said) {
        soma_write_copy(out, "signature", seal);
        return SOMA_OK;
    }

    if (open->own) {
        soma_write_copy(out, "redactedContent", seal);
        return SOMA_OK;
    }

    p = arena->alloc(arena->data, soma_base64_encoded_len(seal.len) + 1);
    if (p == NULL) {
        return SOMA_ERROR;
    }

    seal.len = soma_base64_encode(p, seal);
    seal.data = p;

    soma_write_copy(out, "redactedContent", seal);

    return SOMA_OK;
}


static int
soma_bedrock_answer_picture(soma_bedrock_answer_t *answer, soma_pieces_t *out,
    soma_bedrock_open_t *open)
{
    if (open->format.len == 0) {
        open->format = SOMA_STR("png");
    }

    if (soma_bedrock_answer_start(answer, out, open) != SOMA_OK) {
        return SOMA_ERROR;
    }

    soma_bedrock_answer_delta(answer, open);
    soma_pieces_cstr(&answer->payload, "\"image\":{\"source\":{\"bytes\":\"");
    soma_pieces_join(&answer->payload, &open->text);
    soma_pieces_cstr(&answer->payload, "\"}}}}");

    return soma_bedrock_answer_frame(answer, out,
                                     SOMA_STR("contentBlockDelta"), 0);
}
