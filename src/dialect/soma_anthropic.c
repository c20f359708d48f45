
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_anthropic.h"
#include "soma_anthropic_request.h"


/* what a client that knows nothing of versions is asked in */
static const soma_header_t  soma_anthropic_headers[] = {
    { soma_string("anthropic-version"), soma_string("2023-06-01") }
};


/* SDKs ask for what is in beta with it */
static const soma_str_t  soma_anthropic_args[] = {
    soma_string("beta"),
    soma_str_null
};


static const soma_str_t  soma_anthropic_stored_args[] = {
    soma_str_null
};


static const soma_rate_names_t  soma_anthropic_rate[SOMA_RATE_NAMES] = {
    { soma_string("anthropic-ratelimit-requests-limit"),
      soma_string("anthropic-ratelimit-requests-remaining"),
      soma_string("anthropic-ratelimit-requests-reset") },
    { soma_string("anthropic-ratelimit-tokens-limit"),
      soma_string("anthropic-ratelimit-tokens-remaining"),
      soma_string("anthropic-ratelimit-tokens-reset") },
    { soma_string("anthropic-ratelimit-cost-limit"),
      soma_string("anthropic-ratelimit-cost-remaining"),
      soma_string("anthropic-ratelimit-cost-reset") }
};


const soma_dialect_t  soma_anthropic = {
    .name = soma_string("anthropic"),

    .want = soma_anthropic_want,
    .user = "user_id",
    .prompt = &soma_anthropic_prompt,

    .surface = soma_anthropic_surface,
    .surfaces = "messages and messages/count_tokens",
    .ask = soma_anthropic_ask,
    .bounds = soma_anthropic_bounds,
    .read_request = soma_anthropic_read_request,
    .write = soma_anthropic_write_event,
    .fault = soma_anthropic_fault,
    .fault_status = soma_anthropic_fault_status,
    .fault_event = soma_anthropic_fault_event,
    .cut = soma_anthropic_cut,
    .rate = soma_anthropic_rate,
    .rate_prefix = "anthropic-ratelimit-",
    .reset = SOMA_RESET_TIME,

    .headers = soma_anthropic_headers,
    .nheaders = sizeof(soma_anthropic_headers) / sizeof(soma_header_t),
    .own_headers = soma_string("anthropic-"),
    .credential = soma_string("x-api-key: "),
    .args = soma_anthropic_args,
    .stored_args = soma_anthropic_stored_args,
    .apis = SOMA_API_TALKS,
    .path = soma_anthropic_path,
    .tool_names = &soma_anthropic_write_turns_names,
    .call_ids = &soma_anthropic_write_turns_ids,
    .splice = soma_anthropic_splice,
    .write_request = soma_anthropic_write_request,
    .framing = SOMA_FRAMING_SSE,
    .body = soma_anthropic_body,
    .event = soma_anthropic_event,
    .part = soma_anthropic_part,
    .verdict = soma_anthropic_verdict,
    .refusal = soma_anthropic_refusal,
    .read_whole = soma_anthropic_read_whole,
    .read_event = soma_anthropic_read_event,
    .read_end = soma_anthropic_read_end
};
