
/*
 * Copyright (C) The ngx_soma authors
 *
 * A block as a part of a content, or what there is of one.
 */


#include "soma_gemini.h"
#include "soma_gemini_answer.h"
#include "soma_json.h"
#include "soma_seal.h"
#include "soma_write.h"


static void soma_gemini_answer_comma(soma_pieces_t *parts);
static void soma_gemini_answer_words(soma_pieces_t *out, const char *name,
    soma_pieces_t *text);
static int soma_gemini_answer_call(soma_gemini_answer_t *answer,
    soma_gemini_open_t *open, soma_pieces_t *parts);
static void soma_gemini_answer_signed(soma_gemini_choice_t *choice,
    soma_gemini_open_t *open, soma_pieces_t *parts);
static void soma_gemini_answer_thought(soma_gemini_choice_t *choice,
    soma_gemini_open_t *open, unsigned last, soma_pieces_t *parts);


void
soma_gemini_answer_seal(soma_pieces_t *out, const soma_inner_event_t *event)
{
    if (event->opaque.len == 0
        && soma_str_is(event->maker, SOMA_GEMINI_MAKER))
    {
        soma_pieces_put(out, event->text.data, event->text.len);
        return;
    }

    soma_seal_put_base64(out, event);
}


int
soma_gemini_answer_part(soma_gemini_answer_t *answer,
    soma_gemini_choice_t *choice, soma_gemini_open_t *open, unsigned last,
    soma_pieces_t *parts)
{
    switch (open->kind) {

    case SOMA_INNER_TEXT:
    case SOMA_INNER_REFUSAL:

        if (open->text.len == 0 && open->seal.len == 0) {
            return SOMA_OK;
        }

        if (!last && open->text.len == 0) {
            return SOMA_OK;
        }

        soma_gemini_answer_comma(parts);
        soma_pieces_char(parts, '{');
        soma_gemini_answer_words(parts, "text", &open->text);
        break;

    case SOMA_INNER_REASONING:
        soma_gemini_answer_thought(choice, open, last, parts);
        return SOMA_OK;

    case SOMA_INNER_CALL:

        if (!last) {
            return SOMA_OK;
        }

        soma_gemini_answer_comma(parts);

        if (soma_gemini_answer_call(answer, open, parts) != SOMA_OK) {
            return answer->error ? SOMA_DECLINED : SOMA_ERROR;
        }

        break;

    default:

        if (!last || open->text.len == 0) {
            return SOMA_OK;
        }

        soma_gemini_answer_comma(parts);
        soma_pieces_cstr(parts, "{\"inlineData\":{\"mimeType\":");
        soma_pieces_join(parts, &open->head);
        soma_gemini_answer_words(parts, "data", &open->text);
        soma_pieces_char(parts, '}');
    }

    soma_gemini_answer_signed(choice, open, parts);
    soma_pieces_char(parts, '}');

    return SOMA_OK;
}


static void
soma_gemini_answer_comma(soma_pieces_t *parts)
{
    if (parts->len != 0) {
        soma_pieces_char(parts, ',');
    }
}


static void
soma_gemini_answer_words(soma_pieces_t *out, const char *name,
    soma_pieces_t *text)
{
    soma_write_name(out, name);
    soma_pieces_char(out, '"');
    soma_pieces_join(out, text);
    soma_pieces_char(out, '"');
    soma_pieces_reset(text);
}


/* its own signature, or that of the reasoning before it */

static void
soma_gemini_answer_signed(soma_gemini_choice_t *choice,
    soma_gemini_open_t *open, soma_pieces_t *parts)
{
    soma_pieces_t  *seal;

    seal = (open->seal.len != 0) ? &open->seal : &choice->seal;

    if (seal->len != 0) {
        soma_gemini_answer_words(parts, "thoughtSignature", seal);
    }
}


/* reasoning without words has its signature on the part behind it */

static void
soma_gemini_answer_thought(soma_gemini_choice_t *choice,
    soma_gemini_open_t *open, unsigned last, soma_pieces_t *parts)
{
    if (open->text.len != 0) {
        soma_gemini_answer_comma(parts);
        soma_pieces_char(parts, '{');
        soma_gemini_answer_words(parts, "text", &open->text);
        soma_pieces_cstr(parts, ",\"thought\":true");

        if (last && open->seal.len != 0) {
            soma_gemini_answer_words(parts, "thoughtSignature", &open->seal);
        }

        soma_pieces_char(parts, '}');
        return;
    }

    if (!last || open->seal.len == 0) {
        return;
    }

    if (choice->seal.len != 0) {

        /* there is one that waits already */

        soma_gemini_answer_comma(parts);
        soma_pieces_cstr(parts, "{\"text\":\"\",\"thought\":true");
        soma_gemini_answer_words(parts, "thoughtSignature", &choice->seal);
        soma_pieces_char(parts, '}');
    }

    soma_pieces_join(&choice->seal, &open->seal);
}


/* the API has an object where the inner form has the text of a string */

static int
soma_gemini_answer_call(soma_gemini_answer_t *answer,
    soma_gemini_open_t *open, soma_pieces_t *parts)
{
    soma_str_t         text;
    soma_pieces_t      quoted;
    soma_json_value_t  value;

    soma_pieces_cstr(parts, "{\"functionCall\":");
    soma_pieces_join(parts, &open->head);

    if (open->tool == SOMA_INNER_CUSTOM) {
        soma_pieces_cstr(parts, ",\"args\":{");
        soma_gemini_answer_words(parts, "input", &open->text);
        soma_pieces_cstr(parts, "}}");
        return SOMA_OK;
    }

    soma_pieces_init(&quoted, answer->arena);
    soma_pieces_char(&quoted, '"');
    soma_pieces_join(&quoted, &open->text);
    soma_pieces_char(&quoted, '"');

    value.type = SOMA_JSON_STRING;

    if (soma_pieces_whole(&quoted, &value.text) != SOMA_OK
        || soma_json_text(answer->arena, &value, &text) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    text = soma_str_trim(text);

    if (text.len == 0) {
        text = SOMA_STR("{}");
    }

    if (!soma_inner_object(text)) {
        answer->error = "the model made a call whose arguments are no JSON "
                        "object";
        return SOMA_DECLINED;
    }

    if (soma_inner_flat(answer->arena, &text) != SOMA_OK) {
        return SOMA_ERROR;
    }

    soma_pieces_cstr(parts, ",\"args\":");
    soma_pieces_put(parts, text.data, text.len);
    soma_pieces_char(parts, '}');

    return SOMA_OK;
}
