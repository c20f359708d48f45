
/*
 * Copyright (C) The ngx_soma authors
 *
 * A whole message, out of the blocks that soma_anthropic_answer.c gathered.
 */


#include "soma_anthropic_answer.h"
#include "soma_json.h"
#include "soma_usage_cost.h"
#include "soma_write.h"


static void soma_anthropic_answer_thought(soma_pieces_t *out,
    soma_anthropic_open_t *open);
static int soma_anthropic_answer_block(soma_anthropic_answer_t *answer,
    soma_pieces_t *out, soma_anthropic_open_t *open);
static int soma_anthropic_answer_call(soma_anthropic_answer_t *answer,
    soma_pieces_t *out, soma_anthropic_open_t *open);
static void soma_anthropic_answer_words(soma_pieces_t *out, const char *name,
    soma_pieces_t *text);


int
soma_anthropic_answer_whole(soma_anthropic_answer_t *answer,
    soma_pieces_t *out)
{
    int                     rc;
    soma_anthropic_open_t  *open;

    soma_pieces_char(out, '{');
    soma_write_quoted(out, "id", answer->id);
    soma_write_word(out, "type", "message");
    soma_write_word(out, "role", "assistant");
    soma_write_quoted(out, "model", answer->model);
    soma_pieces_cstr(out, ",\"content\":[");

    for (open = answer->open; open; open = open->next) {
        rc = soma_anthropic_answer_block(answer, out, open);

        if (rc != SOMA_OK) {
            return rc;
        }
    }

    soma_pieces_char(out, ']');
    soma_anthropic_answer_stop(answer, out);
    soma_write_name(out, "usage");
    soma_anthropic_answer_usage(out, &answer->usage, -1);
    soma_pieces_char(out, '}');

    return SOMA_OK;
}


static int
soma_anthropic_answer_block(soma_anthropic_answer_t *answer,
    soma_pieces_t *out, soma_anthropic_open_t *open)
{
    if (open->kind != SOMA_INNER_CALL && open->kind != SOMA_INNER_OPAQUE
        && open->text.len == 0 && open->cites.len == 0 && !open->sealed)
    {
        return SOMA_OK;
    }

    if (out->tail != '[') {
        soma_pieces_char(out, ',');
    }

    switch (open->kind) {

    case SOMA_INNER_OPAQUE:
        soma_pieces_join(out, &open->head);
        return SOMA_OK;

    case SOMA_INNER_CALL:

        if (open->sealed) {
            soma_pieces_cstr(out, "{\"type\":\"redacted_thinking\"");
            soma_anthropic_answer_words(out, "data", &open->seal);
            soma_pieces_cstr(out, "},");
        }

        return soma_anthropic_answer_call(answer, out, open);

    case SOMA_INNER_REASONING:
        soma_anthropic_answer_thought(out, open);
        break;

    default:
        soma_pieces_cstr(out, "{\"type\":\"text\"");
        soma_anthropic_answer_words(out, "text", &open->text);

        if (open->cites.len != 0) {
            soma_write_name(out, "citations");
            soma_pieces_char(out, '[');
            soma_pieces_join(out, &open->cites);
            soma_pieces_char(out, ']');
        }
    }

    soma_pieces_char(out, '}');

    return SOMA_OK;
}


static void
soma_anthropic_answer_thought(soma_pieces_t *out, soma_anthropic_open_t *open)
{
    if (open->redacted) {
        soma_pieces_cstr(out, "{\"type\":\"redacted_thinking\"");
        soma_anthropic_answer_words(out, "data", &open->seal);
        return;
    }

    soma_pieces_cstr(out, "{\"type\":\"thinking\"");
    soma_anthropic_answer_words(out, "thinking", &open->text);
    soma_anthropic_answer_words(out, "signature", &open->seal);
}


/* the API has an object where the inner form has the text of a string */

static int
soma_anthropic_answer_call(soma_anthropic_answer_t *answer,
    soma_pieces_t *out, soma_anthropic_open_t *open)
{
    soma_str_t         text;
    soma_pieces_t      quoted;
    soma_json_value_t  value;

    soma_pieces_char(out, '{');
    soma_pieces_join(out, &open->head);

    if (open->tool == SOMA_INNER_CUSTOM) {
        soma_pieces_cstr(out, ",\"input\":{");
        soma_anthropic_answer_words(out, "input", &open->text);
        soma_pieces_cstr(out, "}}");
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
    soma_pieces_char(out, '}');

    return SOMA_OK;
}


static void
soma_anthropic_answer_words(soma_pieces_t *out, const char *name,
    soma_pieces_t *text)
{
    soma_write_name(out, name);
    soma_pieces_char(out, '"');
    soma_pieces_join(out, text);
    soma_pieces_char(out, '"');
}


/* what the caller pays full for, and beside it what the cache did, which
 * cannot be more than there was */

void
soma_anthropic_answer_usage(soma_pieces_t *out, const soma_usage_t *usage,
    int64_t cost)
{
    int64_t        rest, cached, written;
    soma_out_t     said;
    unsigned char  buf[SOMA_USAGE_COST_MAX];

    rest = usage->input_tokens;

    cached = (usage->cached_tokens < rest) ? usage->cached_tokens : rest;
    rest -= cached;

    written = (usage->cache_write_tokens < rest) ? usage->cache_write_tokens
                                                 : rest;
    rest -= written;

    soma_pieces_char(out, '{');
    soma_write_int(out, "input_tokens", rest);
    soma_write_int(out, "cache_creation_input_tokens", written);
    soma_write_int(out, "cache_read_input_tokens", cached);
    soma_write_int(out, "output_tokens", usage->output_tokens);

    if (usage->reasoning_tokens != 0) {
        soma_pieces_cstr(out, ",\"output_tokens_details\":{");
        soma_write_int(out, "thinking_tokens", usage->reasoning_tokens);
        soma_pieces_char(out, '}');
    }

    if (cost >= 0) {
        soma_put_init(&said, buf, sizeof(buf));
        soma_usage_cost_put(&said, cost);

        soma_pieces_char(out, ',');
        soma_pieces_put(out, buf, (size_t) (said.pos - buf));
    }

    soma_pieces_char(out, '}');
}
