
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_cohere.h"


static const soma_str_t  soma_cohere_args[] = {
    soma_str_null
};


static const soma_str_t  soma_cohere_own[] = {
    soma_string("x-fern-"),
    soma_str_null
};


const soma_dialect_t  soma_cohere = {
    .name = soma_string("cohere"),

    .want = soma_cohere_want,
    .prompt = &soma_cohere_prompt,

    .surface = soma_cohere_surface,
    .surfaces = "v2/chat, v2/embed and v2/rerank",
    .ask = soma_cohere_ask,
    .bounds = soma_cohere_bounds,
    .read_request = soma_cohere_read_request,
    .write = soma_cohere_write_event,
    .fault = soma_cohere_fault,
    .fault_event = soma_cohere_fault_event,
    .fault_status = soma_cohere_fault_status,
    .cut = soma_cohere_cut,
    .rate = soma_dialect_rate,
    .rate_prefix = "x-ratelimit-",
    .reset = SOMA_RESET_DURATION,

    .own_headers = soma_cohere_own,
    .credential = soma_string("Authorization: Bearer "),
    .args = soma_cohere_args,
    .stored_args = soma_cohere_args,
    .apis = SOMA_API_TALKS | 1u << SOMA_API_EMBEDDINGS,
    .path = soma_cohere_path,
    .splice_path = soma_cohere_surface_path,
    .answers = soma_cohere_surface_answers,
    .splice = soma_cohere_splice,
    .write_request = soma_cohere_write_request,
    .framing = SOMA_FRAMING_SSE,
    .body = soma_cohere_body,
    .event = soma_cohere_event,
    .part = soma_cohere_part,
    .verdict = soma_cohere_verdict,
    .refusal = soma_cohere_refusal,
    .read_whole = soma_cohere_read_whole,
    .read_event = soma_cohere_read_event,
    .read_end = soma_cohere_read_end
};
