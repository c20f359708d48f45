
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_ollama.h"


static const soma_str_t  soma_ollama_args[] = {
    soma_str_null
};


const soma_dialect_t  soma_ollama = {
    .name = soma_string("ollama"),

    .want = soma_ollama_want,
    .prompt = &soma_ollama_prompt,

    .surface = soma_ollama_surface,
    .surfaces = "api/chat, api/generate, api/embed, api/embeddings, "
                "api/tags, api/show, api/ps and api/version",
    .ask = soma_ollama_ask,
    .bounds = soma_ollama_bounds,
    .read_request = soma_ollama_read_request,
    .write = soma_ollama_write_event,
    .fault = soma_ollama_fault,
    .fault_event = soma_ollama_fault_event,
    .fault_status = soma_ollama_fault_status,
    .stream_type = soma_ollama_fault_type,
    .beat = soma_ollama_fault_beat,
    .cut = soma_ollama_cut,
    .rate = soma_dialect_rate,
    .rate_prefix = "x-ratelimit-",
    .reset = SOMA_RESET_DURATION,

    .credential = soma_string("Authorization: Bearer "),
    .args = soma_ollama_args,
    .stored_args = soma_ollama_args,
    .apis = SOMA_API_TALKS | 1u << SOMA_API_EMBEDDINGS,
    .path = soma_ollama_path,
    .splice_path = soma_ollama_surface_path,
    .answers = soma_ollama_surface_answers,
    .fetches = 1u << SOMA_INNER_IMAGE,
    .splice = soma_ollama_splice,
    .write_request = soma_ollama_write_request,
    .framing = SOMA_FRAMING_LINES,
    .body = soma_ollama_body,
    .event = soma_ollama_event,
    .part = soma_ollama_part,
    .verdict = soma_ollama_verdict,
    .refusal = soma_ollama_refusal,
    .read_whole = soma_ollama_read_whole,
    .read_event = soma_ollama_read_event,
    .read_end = soma_ollama_read_end
};
