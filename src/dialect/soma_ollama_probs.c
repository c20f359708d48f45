
/*
 * Copyright (C) The ngx_soma authors
 *
 * Logprobs.  The inner form has them as OpenAI's chat does,
 *
 *     {"content":[{"token","logprob","bytes","top_logprobs":[...]}],
 *      "refusal":null}
 *
 * of which Ollama has the list alone, and leaves out what is empty.
 */


#include "soma_ollama_answer.h"
#include "soma_ollama_events.h"
#include "soma_write.h"


static void soma_ollama_probs_token(soma_pieces_t *out, soma_str_t token,
    unsigned top);
static void soma_ollama_probs_bytes(soma_pieces_t *out, soma_str_t token);
static void soma_ollama_probs_list(soma_pieces_t *out, soma_str_t list,
    unsigned top);


int
soma_ollama_probs_read(soma_events_t *events, soma_str_t line)
{
    soma_pieces_t       out;
    soma_inner_event_t  event;
    soma_json_value_t   probs;

    if (soma_json_get(line, "logprobs", &probs) != SOMA_OK
        || probs.type != SOMA_JSON_ARRAY || probs.text.len <= 2)
    {
        return SOMA_OK;
    }

    if (soma_mend_body(events->arena, &probs.text) != SOMA_OK) {
        return SOMA_ERROR;
    }

    soma_pieces_init(&out, events->arena);
    soma_pieces_cstr(&out, "{\"content\":");
    soma_ollama_probs_list(&out, probs.text, 1);
    soma_pieces_cstr(&out, ",\"refusal\":null}");

    memset(&event, 0, sizeof(event));

    event.event = SOMA_INNER_PROBS;

    if (soma_pieces_whole(&out, &event.raw) != SOMA_OK) {
        return SOMA_ERROR;
    }

    return soma_events_emit(events, &event);
}


static void
soma_ollama_probs_list(soma_pieces_t *out, soma_str_t list, unsigned top)
{
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  token;

    soma_pieces_char(out, '[');

    if (soma_json_first(&it, list) == SOMA_OK && !it.object) {

        while (soma_json_next(&it, &name, &token) == SOMA_OK) {

            if (token.type != SOMA_JSON_OBJECT) {
                continue;
            }

            if (out->tail != '[') {
                soma_pieces_char(out, ',');
            }

            soma_ollama_probs_token(out, token.text, top);
        }
    }

    soma_pieces_char(out, ']');
}


static void
soma_ollama_probs_token(soma_pieces_t *out, soma_str_t token, unsigned top)
{
    soma_json_value_t  v;

    soma_pieces_char(out, '{');
    soma_write_raw(out, "token", soma_json_get(token, "token", &v) == SOMA_OK
                                 && v.type == SOMA_JSON_STRING
                                 ? v.text : SOMA_STR("\"\""));
    soma_write_raw(out, "logprob",
                   soma_json_get(token, "logprob", &v) == SOMA_OK
                   && v.type == SOMA_JSON_NUMBER ? v.text : SOMA_STR("0"));
    soma_write_name(out, "bytes");

    if (soma_json_get(token, "bytes", &v) == SOMA_OK
        && v.type == SOMA_JSON_ARRAY)
    {
        soma_pieces_str(out, v.text);

    } else {
        soma_ollama_probs_bytes(out, token);
    }

    if (top) {
        soma_write_name(out, "top_logprobs");

        if (soma_json_get(token, "top_logprobs", &v) != SOMA_OK) {
            v.text = SOMA_STR("[]");
        }

        soma_ollama_probs_list(out, v.text, 0);
    }

    soma_pieces_char(out, '}');
}


/* of a token that its provider gave none of */

static void
soma_ollama_probs_bytes(soma_pieces_t *out, soma_str_t token)
{
    size_t             i;
    soma_str_t         text;
    soma_json_value_t  v;

    text.len = 0;

    if (soma_json_get(token, "token", &v) == SOMA_OK
        && v.type == SOMA_JSON_STRING
        && soma_json_text(out->arena, &v, &text) != SOMA_OK)
    {
        text.len = 0;
    }

    soma_pieces_char(out, '[');

    for (i = 0; i < text.len; i++) {
        soma_pieces_cstr(out, i == 0 ? "" : ",");
        soma_pieces_int(out, text.data[i]);
    }

    soma_pieces_char(out, ']');
}


/* elements with a comma between; what is there already is behind "[" */

void
soma_ollama_probs_write(soma_pieces_t *out, soma_str_t raw)
{
    soma_json_value_t  list;

    if (soma_json_get(raw, "content", &list) != SOMA_OK
        || list.type != SOMA_JSON_ARRAY || list.text.len <= 2)
    {
        return;
    }

    if (out->tail != '[') {
        soma_pieces_char(out, ',');
    }

    soma_pieces_put(out, list.text.data + 1, list.text.len - 2);
}
