
/*
 * Copyright (C) The ngx_soma authors
 *
 * Writes a chat request out of the inner form.
 */


#include "soma_openai_shared.h"
#include "soma_openai_write.h"
#include "soma_write.h"


static int soma_openai_write_format(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);


/* in the order of soma_inner_member_e */
static const soma_write_member_t  soma_openai_write_members[] = {
    { SOMA_WRITE_OWN,     NULL },
    { SOMA_WRITE_MEMBER,  "temperature" },
    { SOMA_WRITE_MEMBER,  "top_p" },
    { SOMA_WRITE_REFUSED, NULL },                   /* top_k */
    { SOMA_WRITE_MEMBER,  "frequency_penalty" },
    { SOMA_WRITE_MEMBER,  "presence_penalty" },
    { SOMA_WRITE_MEMBER,  "seed" },
    { SOMA_WRITE_MEMBER,  "n" },
    { SOMA_WRITE_MEMBER,  "logprobs" },
    { SOMA_WRITE_MEMBER,  "top_logprobs" },
    { SOMA_WRITE_MEMBER,  "logit_bias" },
    { SOMA_WRITE_REFUSED, NULL },                   /* min_p */
    { SOMA_WRITE_MEMBER,  "prediction" },
    { SOMA_WRITE_MEMBER,  "verbosity" },
    { SOMA_WRITE_REFUSED, NULL },                   /* truncation */
    { SOMA_WRITE_MEMBER,  "user" },
    { SOMA_WRITE_OWN,     NULL },                   /* tier */
    { SOMA_WRITE_HINT,    NULL },                   /* store */
    { SOMA_WRITE_MEMBER,  "prompt_cache_key" }
};


int
soma_openai_write(soma_pieces_t *out, const soma_inner_request_t *request,
    soma_str_t bound, unsigned usage, soma_inner_loss_t *loss)
{
    soma_inner_effort_e   effort;
    soma_inner_request_t  fit;

    if (soma_write_facts(&fit, request, loss) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    request = &fit;

    soma_pieces_char(out, '{');
    soma_write_quoted(out, "model", request->model);

    if (soma_openai_write_turns(out, request, loss) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    if (request->stream) {
        soma_pieces_cstr(out, ",\"stream\":true");
    }

    if (request->stream && usage) {
        soma_pieces_cstr(out, ",\"stream_options\":"
                              "{\"include_usage\":true}");
    }

    if (request->member[SOMA_INNER_MAX_TOKENS].raw.data != NULL) {
        soma_pieces_cstr(out, ",\"");
        soma_pieces_put(out, bound.data, bound.len);
        soma_pieces_cstr(out, "\":");
        soma_pieces_str(out, request->member[SOMA_INNER_MAX_TOKENS].raw);
    }

    if (soma_openai_write_tools(out, request, loss) != SOMA_OK
        || soma_openai_write_format(out, request, loss) != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    effort = soma_openai_shared_effort(request);

    if (effort != SOMA_INNER_EFFORT_UNSET) {
        soma_write_word(out, "reasoning_effort",
                        soma_inner_effort_name(effort));
    }

    soma_write_stops(out, "stop", request, SOMA_OPENAI_STOPS_MAX, loss);
    soma_openai_shared_labels(out, request);
    soma_openai_shared_tier(out, request, loss);
    soma_write_uncached(request, loss);

    if (soma_write_members(out, request, soma_openai_write_members,
                           SOMA_OPENAI_WHY, loss)
        != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    soma_pieces_char(out, '}');

    return out->failed ? SOMA_ERROR : SOMA_OK;
}


static int
soma_openai_write_format(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    switch (request->format) {

    case SOMA_INNER_FORMAT_OBJECT:
        soma_pieces_cstr(out, ",\"response_format\":"
                              "{\"type\":\"json_object\"}");
        return SOMA_OK;

    case SOMA_INNER_FORMAT_SCHEMA:
        soma_pieces_cstr(out, ",\"response_format\":{\"type\":"
                              "\"json_schema\",\"json_schema\":{");
        soma_openai_shared_schema(out, request);
        soma_pieces_cstr(out, "}}");
        return SOMA_OK;

    case SOMA_INNER_FORMAT_ENUM:
        return soma_inner_lose(loss, request->format_member, SOMA_OPENAI_WHY);

    default:
        return SOMA_OK;
    }
}
