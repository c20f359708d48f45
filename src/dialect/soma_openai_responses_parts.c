
/*
 * Copyright (C) The ngx_soma authors
 *
 * What is kept of the parts of an answer: their words, whose reasoning it is,
 * what a text rests on, their names.
 */


#include "soma_openai_responses.h"
#include "soma_openai_shared.h"
#include "soma_seal.h"
#include "soma_write.h"


static void soma_openai_responses_inside(soma_pieces_t *out, soma_str_t s);


/* the part of a block that is open */

soma_openai_part_t *
soma_openai_responses_find(soma_openai_responses_t *answer,
    const soma_inner_event_t *event)
{
    soma_openai_item_t  *item;
    soma_openai_part_t  *part;

    part = answer->part;

    if (part != NULL && part->block == event->block) {
        return part->closed ? NULL : part;
    }

    for (item = answer->items; item; item = item->next) {
        for (part = item->open ? item->parts : NULL; part; part = part->next) {
            if (part->block == event->block && !part->closed) {
                answer->part = part;
                return part;
            }
        }
    }

    return NULL;
}


int
soma_openai_responses_keep(soma_openai_responses_t *answer,
    soma_pieces_t *kept, soma_str_t text)
{
    if (answer->kept + text.len > SOMA_OPENAI_RESPONSES_MAX) {
        return SOMA_DECLINED;
    }

    answer->kept += text.len;
    soma_pieces_put(kept, text.data, text.len);

    return kept->failed ? SOMA_ERROR : SOMA_OK;
}


/* a signature may come in pieces; one of another provider says whose it is */

int
soma_openai_responses_seal(soma_openai_responses_t *answer,
    const soma_inner_event_t *event)
{
    int                  rc;
    soma_str_t           maker;
    soma_pieces_t       *seal;
    soma_openai_part_t  *part;

    part = soma_openai_responses_find(answer, event);
    maker = event->maker;

    if (part == NULL || part->item->kind != SOMA_INNER_REASONING
        || (maker.len != 0 && memchr(maker.data, '|', maker.len) != NULL)
        || (event->opaque.len == 0 && event->text.len == 0))
    {
        return SOMA_OK;
    }

    seal = &part->item->seal;

    if (!part->item->sealed && !soma_str_is(maker, "openai")) {
        soma_seal_begin(seal, event->opaque.len != 0, maker);
    }

    part->item->sealed = 1;

    rc = soma_openai_responses_keep(answer, seal, event->opaque);

    return (rc == SOMA_OK)
           ? soma_openai_responses_keep(answer, seal, event->text) : rc;
}


/*
 * Of what a text rests on, pages of the web are known here, too; a chat has
 * them in an object of their own within the annotation.
 */

int
soma_openai_responses_note(soma_openai_responses_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event)
{
    soma_json_value_t    inner;
    soma_openai_part_t  *part;

    part = soma_openai_responses_find(answer, event);

    if (part == NULL || part->kind != SOMA_INNER_TEXT
        || !soma_str_is(event->type, "url_citation")
        || soma_json_get(event->raw, "url_citation", &inner) != SOMA_OK
        || inner.type != SOMA_JSON_OBJECT)
    {
        return SOMA_OK;
    }

    if (part->nnotes++ == 0) {
        soma_pieces_init(&part->notes, answer->arena);

    } else {
        soma_pieces_char(&part->notes, ',');
    }

    if (answer->stream) {
        soma_openai_responses_place(answer, out, part,
                                    "response.output_text.annotation.added");
        soma_write_int(out, "annotation_index", part->nnotes - 1);
        soma_pieces_cstr(out, ",\"annotation\":{\"type\":"
                              "\"url_citation\"");
        soma_openai_shared_cite(out, inner.text);
        soma_pieces_char(out, '}');
        soma_openai_responses_event_end(out);
    }

    if (answer->kept + inner.text.len > SOMA_OPENAI_RESPONSES_MAX) {
        return SOMA_DECLINED;
    }

    answer->kept += inner.text.len;
    soma_pieces_cstr(&part->notes, "{\"type\":\"url_citation\"");
    soma_openai_shared_cite(&part->notes, inner.text);
    soma_pieces_char(&part->notes, '}');

    return part->notes.failed ? SOMA_ERROR : SOMA_OK;
}


/* of the words at hand: they are told when all of the words are */

int
soma_openai_responses_probs(soma_openai_responses_t *answer,
    const soma_inner_event_t *event)
{
    soma_str_t           list;
    soma_json_value_t    content;
    soma_openai_part_t  *part;

    part = answer->part;

    if (part == NULL || part->closed || part->kind != SOMA_INNER_TEXT
        || soma_json_get(event->raw, "content", &content) != SOMA_OK
        || content.type != SOMA_JSON_ARRAY || content.text.len <= 2)
    {
        return SOMA_OK;
    }

    if (part->nprobs++ == 0) {
        soma_pieces_init(&part->probs, answer->arena);

    } else {
        soma_pieces_char(&part->probs, ',');
    }

    list.data = content.text.data + 1;
    list.len = content.text.len - 2;

    return soma_openai_responses_keep(answer, &part->probs, list);
}


/* decoded bytes as text */

static void
soma_openai_responses_inside(soma_pieces_t *out, soma_str_t s)
{
    soma_str_t     text;
    soma_pieces_t  quoted;

    soma_pieces_init(&quoted, out->arena);
    soma_pieces_quote(&quoted, s);

    if (soma_pieces_whole(&quoted, &text) != SOMA_OK) {
        out->failed = 1;
        return;
    }

    soma_pieces_put(out, text.data + 1, text.len - 2);
}


/* a name with quotes; the first of an answer's items needs no number */

soma_str_t
soma_openai_responses_quote(soma_arena_t *arena, const char *prefix,
    soma_str_t s, unsigned index)
{
    soma_str_t     text;
    soma_pieces_t  out;

    soma_pieces_init(&out, arena);
    soma_pieces_char(&out, '"');
    soma_pieces_cstr(&out, prefix);
    soma_openai_responses_inside(&out, s);

    if (index != 0) {
        soma_pieces_char(&out, '_');
        soma_pieces_int(&out, index);
    }

    soma_pieces_char(&out, '"');

    if (soma_pieces_whole(&out, &text) != SOMA_OK) {
        text.len = 0;
        text.data = NULL;
    }

    return text;
}
