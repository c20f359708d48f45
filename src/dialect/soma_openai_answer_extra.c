
/*
 * Copyright (C) The ngx_soma authors
 *
 * What OpenAI's own chat has no place for, and servers that are like it do:
 * signatures of reasoning and of calls, in envelopes that say whose they are
 * (soma_seal.h), in reasoning_details as OpenRouter has them, in a call's
 * extra_content as Google has it, and in its id, which is all that many
 * clients send back; pictures, as OpenRouter has them.  And what has one:
 * logprobs, and what a text rests on.
 */


#include "soma_openai_answer.h"
#include "soma_json.h"
#include "soma_openai_shared.h"
#include "soma_seal.h"
#include "soma_write.h"


static soma_openai_open_t *soma_openai_answer_kept(
    soma_openai_answer_t *answer, unsigned choice, soma_inner_kind_e kind);
static int soma_openai_answer_event(soma_openai_open_t *open,
    soma_inner_event_t *event);


/* it may come in pieces */

int
soma_openai_answer_seal(soma_openai_answer_t *answer,
    soma_openai_open_t *open, const soma_inner_event_t *event)
{
    if ((open->kind != SOMA_INNER_REASONING && open->kind != SOMA_INNER_CALL)
        || (event->text.len == 0 && event->opaque.len == 0)
        || event->maker.len == 0
        || memchr(event->maker.data, '|', event->maker.len) != NULL)
    {
        return SOMA_OK;
    }

    if (!open->sealed) {
        open->sealed = 1;
        open->opaque = (event->opaque.len != 0);
        open->maker = soma_str_dup(answer->arena, event->maker);

        if (open->maker.data == NULL) {
            return SOMA_ERROR;
        }
    }

    soma_pieces_put(&open->seal, event->text.data, event->text.len);
    soma_pieces_put(&open->seal, event->opaque.data, event->opaque.len);

    return open->seal.failed ? SOMA_ERROR : SOMA_OK;
}


/* what was kept as the event that it came with */

static int
soma_openai_answer_event(soma_openai_open_t *open, soma_inner_event_t *event)
{
    soma_str_t  seal;

    if (soma_pieces_whole(&open->seal, &seal) != SOMA_OK) {
        return SOMA_ERROR;
    }

    memset(event, 0, sizeof(soma_inner_event_t));

    event->maker = open->maker;
    *(open->opaque ? &event->opaque : &event->text) = seal;

    return SOMA_OK;
}


/* words that are too long to be repeated go without what was signed */

void
soma_openai_answer_detail(soma_openai_open_t *open, soma_pieces_t *out)
{
    soma_inner_event_t  event;

    if (soma_openai_answer_event(open, &event) != SOMA_OK) {
        out->failed = 1;
        return;
    }

    soma_pieces_char(out, '{');

    if (open->text.len != 0) {
        soma_write_word(out, "type", "reasoning.text");
        soma_write_name(out, "text");
        soma_pieces_char(out, '"');
        soma_pieces_join(out, &open->text);
        soma_pieces_char(out, '"');
        soma_write_name(out, "signature");

    } else {
        soma_write_word(out, "type", "reasoning.encrypted");
        soma_write_name(out, "data");
    }

    soma_pieces_char(out, '"');
    soma_seal_put(out, &event);
    soma_pieces_char(out, '"');
    soma_write_int(out, "index", open->block);
    soma_pieces_char(out, '}');
}


void
soma_openai_answer_extra(soma_openai_open_t *open, soma_pieces_t *out)
{
    soma_inner_event_t  event;

    if (!open->sealed || open->seal.len == 0) {
        return;
    }

    if (soma_openai_answer_event(open, &event) != SOMA_OK) {
        out->failed = 1;
        return;
    }

    soma_pieces_cstr(out, ",\"extra_content\":{\"google\":{"
                          "\"thought_signature\":\"");
    soma_seal_put(out, &event);
    soma_pieces_cstr(out, "\"}}");

    /* it is told once */

    soma_pieces_reset(&open->seal);
}


/*
 * What is signed stands beside the answer's words, where few clients look: the
 * call that follows, which all of them send back, takes the signature along.
 * The first choice's, for nobody goes on from several.
 */

void
soma_openai_answer_carry(soma_openai_answer_t *answer,
    soma_openai_open_t *open)
{
    soma_pieces_t       made;
    soma_inner_event_t  event;

    if (open->kind != SOMA_INNER_REASONING || open->choice != 0) {
        return;
    }

    soma_pieces_init(&made, answer->arena);

    if (soma_openai_answer_event(open, &event) != SOMA_OK) {
        return;
    }

    soma_seal_put(&made, &event);

    if (soma_pieces_whole(&made, &answer->carried) != SOMA_OK) {
        answer->carried = (soma_str_t) soma_str_null;
    }
}


/* "id" of a call, with its own signature or with that of the reasoning before
 * it */

void
soma_openai_answer_id(soma_openai_answer_t *answer, soma_openai_open_t *open,
    soma_pieces_t *out)
{
    soma_str_t          id, envelope;
    soma_pieces_t       made, own;
    soma_inner_event_t  event;

    if (!open->sealed && (answer->carried.len == 0 || open->choice != 0)) {
        soma_write_raw(out, "id", open->id);
        return;
    }

    soma_pieces_init(&made, out->arena);
    soma_pieces_cstr(&made, "\"call_");
    soma_pieces_int(&made, open->index);

    if (open->sealed) {
        soma_pieces_init(&own, out->arena);

        if (soma_openai_answer_event(open, &event) != SOMA_OK) {
            out->failed = 1;
            return;
        }

        soma_seal_put(&own, &event);
        soma_pieces_cstr(&made, SOMA_SEAL_OWN);

        if (soma_pieces_whole(&own, &envelope) != SOMA_OK) {
            out->failed = 1;
            return;
        }

    } else {

        /* calls of several turns have one number, and one reasoning each */

        soma_pieces_cstr(&made, SOMA_SEAL_BEFORE);
        envelope = answer->carried;
        answer->carried = (soma_str_t) soma_str_null;
    }

    if (soma_seal_put_id(&made, envelope, answer->seals,
                         SOMA_OPENAI_CARRIED_MAX)
        != SOMA_OK)
    {
        soma_write_raw(out, "id", open->id);
        return;
    }

    soma_pieces_char(&made, '"');

    if (soma_pieces_whole(&made, &id) != SOMA_OK) {
        out->failed = 1;
        return;
    }

    soma_write_raw(out, "id", id);
}


static soma_openai_open_t *
soma_openai_answer_kept(soma_openai_answer_t *answer, unsigned choice,
    soma_inner_kind_e kind)
{
    soma_openai_open_t  *open;

    for (open = answer->open; open; open = open->next) {
        if (open->choice == choice && open->kind == kind) {
            return open;
        }
    }

    return NULL;
}


int
soma_openai_answer_probs(soma_openai_answer_t *answer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    int                  rc;
    soma_str_t           list;
    soma_json_value_t    content;
    soma_openai_open_t  *open;

    if (answer->completions
        || soma_json_get(event->raw, "content", &content) != SOMA_OK
        || content.type != SOMA_JSON_ARRAY || content.text.len <= 2)
    {
        return SOMA_OK;
    }

    if (answer->stream) {
        soma_openai_answer_role(answer, out, event->choice);
        soma_openai_answer_chunk(answer, out, event->choice);
        soma_pieces_cstr(out, "{},\"logprobs\":");
        soma_pieces_put(out, event->raw.data, event->raw.len);
        soma_pieces_cstr(out, answer->usage_asked
                              ? ",\"finish_reason\":null}],\"usage\":null}"
                                "\n\n"
                              : ",\"finish_reason\":null}]}\n\n");
        return SOMA_OK;
    }

    open = soma_openai_answer_kept(answer, event->choice, SOMA_INNER_OPAQUE);

    if (open == NULL) {
        rc = soma_openai_answer_new(answer, event, SOMA_INNER_OPAQUE, &open);

        if (rc != SOMA_OK) {
            return rc;
        }

        open->block = UINT32_MAX;

    } else {
        soma_pieces_char(&open->text, ',');
    }

    list.data = content.text.data + 1;
    list.len = content.text.len - 2;
    soma_pieces_put(&open->text, list.data, list.len);

    return open->text.failed ? SOMA_ERROR : SOMA_OK;
}


/* pages of the web, as those have them who write them so */

int
soma_openai_answer_cite(soma_openai_answer_t *answer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    int                  rc;
    soma_json_value_t    inner;
    soma_openai_open_t  *open;

    if (answer->completions || !soma_str_is(event->type, "url_citation")
        || soma_json_get(event->raw, "url_citation", &inner) != SOMA_OK)
    {
        return SOMA_OK;
    }

    if (answer->stream) {
        soma_openai_answer_role(answer, out, event->choice);
        soma_openai_answer_chunk(answer, out, event->choice);
        soma_pieces_cstr(out, "{\"annotations\":[{\"type\":"
                              "\"url_citation\",\"url_citation\":{");
        soma_openai_shared_cite(out, inner.text);
        soma_pieces_cstr(out, "}}]}");
        soma_openai_answer_chunk_end(answer, out, NULL);
        return SOMA_OK;
    }

    open = soma_openai_answer_kept(answer, event->choice,
                                   SOMA_INNER_SEARCH_RESULT);

    if (open == NULL) {
        rc = soma_openai_answer_new(answer, event, SOMA_INNER_SEARCH_RESULT,
                                    &open);
        if (rc != SOMA_OK) {
            return rc;
        }

        open->block = UINT32_MAX;

    } else {
        soma_pieces_char(&open->text, ',');
    }

    soma_pieces_cstr(&open->text, "{\"type\":\"url_citation\","
                                  "\"url_citation\":{");
    soma_openai_shared_cite(&open->text, inner.text);
    soma_pieces_cstr(&open->text, "}}");

    return open->text.failed ? SOMA_ERROR : SOMA_OK;
}


int
soma_openai_answer_media(soma_openai_answer_t *answer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    soma_pieces_t       *to;
    soma_openai_open_t  *open;

    if (answer->completions || event->kind != SOMA_INNER_IMAGE) {
        return SOMA_OK;
    }

    to = out;

    if (answer->stream) {
        soma_openai_answer_role(answer, out, event->choice);
        soma_openai_answer_chunk(answer, out, event->choice);
        soma_pieces_cstr(out, "{\"images\":[");

    } else {
        for (open = answer->open; open; open = open->next) {
            if (open->choice == event->choice && open->block == event->block)
            {
                break;
            }
        }

        if (open == NULL || open->text.len != 0) {
            return SOMA_OK;
        }

        to = &open->text;
    }

    soma_pieces_cstr(to, "{\"type\":\"image_url\",\"image_url\":{"
                         "\"url\":\"data:");
    soma_pieces_put(to, event->media.data, event->media.len);
    soma_pieces_cstr(to, ";base64,");
    soma_pieces_put(to, event->text.data, event->text.len);
    soma_pieces_cstr(to, "\"}}");

    if (answer->stream) {
        soma_pieces_cstr(out, "]}");
        soma_openai_answer_chunk_end(answer, out, NULL);
    }

    return to->failed ? SOMA_ERROR : SOMA_OK;
}
