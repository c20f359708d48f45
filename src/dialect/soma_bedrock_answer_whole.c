
/*
 * Copyright (C) The ngx_soma authors
 *
 * A whole answer of Converse, out of the blocks that
 * soma_bedrock_answer_blocks.c gathered.
 */


#include "soma_bedrock_answer.h"
#include "soma_write.h"


static int soma_bedrock_answer_block(soma_bedrock_answer_t *answer,
    soma_pieces_t *out, soma_bedrock_open_t *open);
static int soma_bedrock_answer_thought(soma_pieces_t *out,
    soma_bedrock_open_t *open);
static void soma_bedrock_answer_words(soma_pieces_t *out,
    soma_bedrock_open_t *open);
static int soma_bedrock_answer_call(soma_bedrock_answer_t *answer,
    soma_pieces_t *out, soma_bedrock_open_t *open);
static void soma_bedrock_answer_quoted(soma_pieces_t *out, const char *name,
    soma_pieces_t *text);


int
soma_bedrock_answer_whole(soma_bedrock_answer_t *answer, soma_pieces_t *out)
{
    int                   rc;
    soma_bedrock_open_t  *open;

    soma_pieces_cstr(out, "{\"output\":{\"message\":{\"role\":\"assistant\","
                          "\"content\":[");

    for (open = answer->open; open; open = open->next) {
        rc = soma_bedrock_answer_block(answer, out, open);

        if (rc != SOMA_OK) {
            return rc;
        }
    }

    soma_pieces_cstr(out, "]}}");
    soma_bedrock_answer_stop(answer, out);
    soma_bedrock_answer_usage(answer, out, -1);
    soma_pieces_char(out, '}');

    return SOMA_OK;
}


/* an empty text is nothing: clients send it back, and it is refused then */

static int
soma_bedrock_answer_block(soma_bedrock_answer_t *answer, soma_pieces_t *out,
    soma_bedrock_open_t *open)
{
    int  rc;

    if (open->kind != SOMA_INNER_CALL && open->text.len == 0
        && !open->sealed)
    {
        return SOMA_OK;
    }

    if (out->tail != '[') {
        soma_pieces_char(out, ',');
    }

    rc = SOMA_OK;

    switch (open->kind) {

    case SOMA_INNER_CALL:
        return soma_bedrock_answer_call(answer, out, open);

    case SOMA_INNER_REASONING:
        soma_pieces_cstr(out, "{\"reasoningContent\":{");
        rc = soma_bedrock_answer_thought(out, open);
        soma_pieces_cstr(out, "}}");
        break;

    case SOMA_INNER_IMAGE:
        soma_pieces_cstr(out, "{\"image\":{");
        soma_write_quoted(out, "format", open->format.len
                                         ? open->format : SOMA_STR("png"));
        soma_pieces_cstr(out, ",\"source\":{");
        soma_bedrock_answer_quoted(out, "bytes", &open->text);
        soma_pieces_cstr(out, "}}}");
        break;

    default:
        soma_bedrock_answer_words(out, open);
    }

    return rc;
}


static int
soma_bedrock_answer_thought(soma_pieces_t *out, soma_bedrock_open_t *open)
{
    int  rc;

    if (open->sealed && open->opaque && !open->said) {
        return soma_bedrock_answer_sealed(out, open);
    }

    rc = SOMA_OK;

    soma_pieces_cstr(out, "\"reasoningText\":{");
    soma_bedrock_answer_quoted(out, "text", &open->text);

    if (open->sealed) {
        rc = soma_bedrock_answer_sealed(out, open);
    }

    soma_pieces_char(out, '}');

    return rc;
}


/* a client that did not ask for citations looks for words where they always
 * are: what they cite follows them */

static void
soma_bedrock_answer_words(soma_pieces_t *out, soma_bedrock_open_t *open)
{
    soma_str_t  cites;

    soma_pieces_char(out, '{');
    soma_bedrock_answer_quoted(out, "text", &open->text);
    soma_pieces_char(out, '}');

    if (open->cites.len == 0
        || soma_pieces_whole(&open->cites, &cites) != SOMA_OK)
    {
        return;
    }

    soma_pieces_cstr(out, ",{\"citationsContent\":{\"citations\":[");
    soma_pieces_put(out, cites.data + 1, cites.len - 1);
    soma_pieces_cstr(out, "]}}");
}


/* Converse has an object where the inner form has the text of a string */

static int
soma_bedrock_answer_call(soma_bedrock_answer_t *answer, soma_pieces_t *out,
    soma_bedrock_open_t *open)
{
    soma_str_t         text;
    soma_pieces_t      quoted;
    soma_json_value_t  value;

    soma_pieces_cstr(out, "{\"toolUse\":");
    soma_pieces_join(out, &open->head);

    if (open->tool == SOMA_INNER_CUSTOM) {
        soma_pieces_cstr(out, ",\"input\":{");
        soma_bedrock_answer_quoted(out, "input", &open->text);
        soma_pieces_cstr(out, "}}}");
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

    soma_write_raw(out, "input", text);
    soma_pieces_cstr(out, "}}");

    return SOMA_OK;
}


static void
soma_bedrock_answer_quoted(soma_pieces_t *out, const char *name,
    soma_pieces_t *text)
{
    soma_write_name(out, name);
    soma_pieces_char(out, '"');
    soma_pieces_join(out, text);
    soma_pieces_char(out, '"');
}
