
/*
 * Copyright (C) The ngx_soma authors
 *
 * What stands beside a candidate's content: what its words rest on, how likely
 * its tokens were; and the usage.
 */


#include "soma_gemini_answer.h"
#include "soma_json.h"
#include "soma_usage_cost.h"
#include "soma_write.h"


#define SOMA_GEMINI_CITES_MAX  1024     /* of a choice that are told */


static void soma_gemini_answer_token(soma_pieces_t *out, soma_str_t token);


/* an address, as OpenAI's API has it; where in the text it is cited is counted
 * in other units there, and left out */

int
soma_gemini_answer_cite(soma_gemini_choice_t *choice,
    const soma_inner_event_t *event)
{
    soma_str_t         url, title;
    soma_json_value_t  v, inner;

    if (!soma_str_is(event->type, "url_citation")
        || choice->nchunks == SOMA_GEMINI_CITES_MAX)
    {
        return SOMA_OK;
    }

    if (soma_json_get(event->raw, "url_citation", &inner) != SOMA_OK) {
        inner.text = event->raw;
    }

    if (soma_json_get(inner.text, "url", &v) != SOMA_OK
        || v.type != SOMA_JSON_STRING)
    {
        return SOMA_OK;
    }

    url = v.text;
    title = url;

    if (soma_json_get(inner.text, "title", &v) == SOMA_OK
        && v.type == SOMA_JSON_STRING)
    {
        title = v.text;
    }

    soma_pieces_cstr(&choice->chunks, choice->nchunks != 0 ? "," : "");
    soma_pieces_cstr(&choice->chunks, "{\"web\":{\"uri\":");
    soma_pieces_put(&choice->chunks, url.data, url.len);
    soma_pieces_cstr(&choice->chunks, ",\"title\":");
    soma_pieces_put(&choice->chunks, title.data, title.len);
    soma_pieces_cstr(&choice->chunks, "}}");

    choice->nchunks++;

    return choice->chunks.failed ? SOMA_ERROR : SOMA_OK;
}


int
soma_gemini_answer_prob(soma_gemini_choice_t *choice,
    const soma_inner_event_t *event)
{
    soma_str_t         name;
    soma_pieces_t     *probs, *tops;
    soma_json_iter_t   it, others;
    soma_json_value_t  content, token, top, other;

    probs = &choice->probs;
    tops = &choice->tops;

    if (soma_json_get(event->raw, "content", &content) != SOMA_OK
        || soma_json_first(&it, content.text) != SOMA_OK || it.object)
    {
        return SOMA_OK;
    }

    while (soma_json_next(&it, &name, &token) == SOMA_OK) {

        if (token.type != SOMA_JSON_OBJECT) {
            continue;
        }

        soma_pieces_cstr(probs, probs->len != 0 ? "," : "");
        soma_pieces_cstr(tops, tops->len != 0 ? ",{\"candidates\":["
                                              : "{\"candidates\":[");
        soma_gemini_answer_token(probs, token.text);

        if (soma_json_get(token.text, "top_logprobs", &top) == SOMA_OK
            && soma_json_first(&others, top.text) == SOMA_OK
            && !others.object)
        {
            while (soma_json_next(&others, &name, &other) == SOMA_OK) {

                if (other.type != SOMA_JSON_OBJECT) {
                    continue;
                }

                soma_pieces_cstr(tops, tops->tail != '[' ? "," : "");
                soma_gemini_answer_token(tops, other.text);
            }
        }

        soma_pieces_cstr(tops, "]}");
    }

    return (probs->failed || tops->failed) ? SOMA_ERROR : SOMA_OK;
}


static void
soma_gemini_answer_token(soma_pieces_t *out, soma_str_t token)
{
    soma_json_value_t  v;

    soma_pieces_char(out, '{');

    if (soma_json_get(token, "token", &v) == SOMA_OK
        && v.type == SOMA_JSON_STRING)
    {
        soma_pieces_cstr(out, "\"token\":");
        soma_pieces_put(out, v.text.data, v.text.len);
    }

    if (soma_json_get(token, "logprob", &v) == SOMA_OK
        && v.type == SOMA_JSON_NUMBER)
    {
        soma_write_name(out, "logProbability");
        soma_pieces_put(out, v.text.data, v.text.len);
    }

    soma_pieces_char(out, '}');
}


void
soma_gemini_answer_more(soma_pieces_t *out, soma_gemini_choice_t *choice)
{
    if (choice->nchunks != 0) {
        soma_pieces_cstr(out, ",\"groundingMetadata\":"
                              "{\"groundingChunks\":[");
        soma_pieces_join(out, &choice->chunks);
        soma_pieces_cstr(out, "]}");
    }

    if (choice->probs.len != 0) {
        soma_pieces_cstr(out, ",\"logprobsResult\":{\"chosenCandidates\":[");
        soma_pieces_join(out, &choice->probs);
        soma_pieces_cstr(out, "],\"topCandidates\":[");
        soma_pieces_join(out, &choice->tops);
        soma_pieces_cstr(out, "]}");
    }
}


/* thoughts stand beside the answer here, a cache within the prompt */

void
soma_gemini_answer_usage(soma_pieces_t *out, const soma_usage_t *usage,
    int64_t cost)
{
    int64_t        rest;
    soma_out_t     said;
    unsigned char  buf[SOMA_USAGE_COST_MAX];

    rest = usage->output_tokens - usage->reasoning_tokens;

    soma_pieces_char(out, '{');
    soma_write_int(out, "promptTokenCount", usage->input_tokens);
    soma_write_int(out, "candidatesTokenCount", rest > 0 ? rest : 0);
    soma_write_int(out, "totalTokenCount", usage->input_tokens
                                           + usage->output_tokens);

    if (usage->reasoning_tokens != 0) {
        soma_write_int(out, "thoughtsTokenCount",
                       rest > 0 ? usage->reasoning_tokens
                                : usage->output_tokens);
    }

    if (usage->cached_tokens != 0) {
        soma_write_int(out, "cachedContentTokenCount", usage->cached_tokens);
    }

    if (cost >= 0) {
        soma_put_init(&said, buf, sizeof(buf));
        soma_usage_cost_put(&said, cost);

        soma_pieces_char(out, ',');
        soma_pieces_put(out, buf, (size_t) (said.pos - buf));
    }

    soma_pieces_char(out, '}');
}
