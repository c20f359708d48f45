
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_openai.h"
#include "soma_openai_shared.h"


/* "beta" is what gateways of several providers are asked with */
const soma_str_t  soma_openai_args[] = {
    soma_string("api-version"),
    soma_string("beta"),
    soma_str_null
};


const soma_str_t  soma_openai_stored_args[] = {
    soma_string("api-version"),
    soma_string("stream"),
    soma_string("starting_after"),
    soma_string("include"),
    soma_string("include[]"),
    soma_string("include%5B%5D"),
    soma_string("include_obfuscation"),
    soma_string("limit"),
    soma_string("order"),
    soma_string("after"),
    soma_str_null
};


static const soma_str_t  soma_openai_own[] = {
    soma_string("openai-"),
    soma_string("x-stainless-"),
    soma_str_null
};


const soma_dialect_t  soma_openai = {
    .name = soma_string("openai"),

    .want = soma_openai_want,
    .prompt = &soma_openai_prompt,

    .surface = soma_openai_surface,
    .surfaces = "chat/completions, completions, responses (and by id, "
                "compact, input_tokens), embeddings, moderations, rerank, "
                "images/generations, images/edits, images/variations, "
                "audio/speech, audio/transcriptions, audio/translations and "
                "models",
    .ask = soma_openai_ask,
    .bounds = soma_openai_bounds,
    .read_request = soma_openai_read_request,
    .write = soma_openai_write_event,
    .fault = soma_openai_fault,
    .fault_event = soma_openai_fault_event,
    .cut = soma_openai_cut,
    .count = soma_openai_count,
    .rate = soma_dialect_rate,
    .rate_prefix = "x-ratelimit-",
    .reset = SOMA_RESET_DURATION,

    .own_headers = soma_openai_own,
    .credential = soma_string("Authorization: Bearer "),
    .args = soma_openai_args,
    .stored_args = soma_openai_stored_args,
    .apis = SOMA_API_TALKS | 1u << SOMA_API_EMBEDDINGS,
    .path = soma_openai_path,
    .tool_names = &soma_openai_shared_names,
    .call_ids = &soma_openai_shared_names,
    .fetches = 1u << SOMA_INNER_DOCUMENT,
    .splice_path = soma_openai_splice_path,
    .splice = soma_openai_encode,
    .write_request = soma_openai_write_request,
    .framing = SOMA_FRAMING_SSE,
    .body = soma_openai_body,
    .event = soma_openai_event,
    .part = soma_openai_part,
    .verdict = soma_openai_verdict,
    .refusal = soma_openai_refusal,
    .read_whole = soma_openai_read_whole,
    .read_event = soma_openai_read_event,
    .read_end = soma_openai_read_end
};


/* a server that knows chats, and no responses: most of those that call
 * themselves compatible.  Its clients are the same, and what they ask of the
 * newer API becomes a chat */
const soma_dialect_t  soma_openai_chat = {
    .name = soma_string("openai-chat"),

    .kin = &soma_openai,
    .kin_apis = ~(1u << SOMA_API_RESPONSES | 1u << SOMA_API_COMPACT
                  | 1u << SOMA_API_COUNT | 1u << SOMA_API_STORED),
    .want = soma_openai_want,
    .prompt = &soma_openai_prompt,

    .credential = soma_string("Authorization: Bearer "),
    .args = soma_openai_args,
    .stored_args = soma_openai_stored_args,
    .apis = SOMA_API_TALKS | 1u << SOMA_API_EMBEDDINGS,
    .path = soma_openai_path,
    .tool_names = &soma_openai_shared_names,
    .call_ids = &soma_openai_shared_names,
    .fetches = 1u << SOMA_INNER_DOCUMENT,
    .answers = soma_openai_answered,
    .splice_path = soma_openai_splice_path,
    .splice = soma_openai_encode,
    .write_request = soma_openai_write_request,
    .framing = SOMA_FRAMING_SSE,
    .body = soma_openai_body,
    .event = soma_openai_event,
    .part = soma_openai_part,
    .verdict = soma_openai_verdict,
    .refusal = soma_openai_refusal,
    .read_whole = soma_openai_read_whole,
    .read_event = soma_openai_read_event,
    .read_end = soma_openai_read_end
};


soma_api_e
soma_openai_answered(soma_api_e api)
{
    return (1u << api & SOMA_API_TALKS) ? SOMA_API_CHAT : api;
}
