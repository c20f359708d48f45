
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_gemini.h"


/* "key" stays here: it is the client's */
static const soma_str_t  soma_gemini_args[] = {
    soma_string("alt"),
    soma_string("$alt"),
    soma_str_null
};


static const soma_str_t  soma_gemini_stored_args[] = {
    soma_str_null
};


/* letters first; Google's reference of FunctionDeclaration */
const soma_names_t  soma_gemini_tool_names = { "_-.:", 64, 1 };


static const soma_str_t  soma_gemini_own[] = {
    soma_string("x-goog-"),
    soma_str_null
};


const soma_dialect_t  soma_gemini = {
    .name = soma_string("gemini"),

    .want = soma_gemini_want,
    .prompt = &soma_gemini_prompt,

    .surface = soma_gemini_surface,
    .surfaces = "models/MODEL:generateContent, :streamGenerateContent, "
                ":countTokens, :embedContent and :batchEmbedContents",
    .ask = soma_gemini_ask,
    .bounds = soma_gemini_bounds,
    .read_request = soma_gemini_read_request,
    .write = soma_gemini_write_event,
    .fault = soma_gemini_fault,
    .fault_retry = soma_gemini_fault_retry,
    .fault_event = soma_gemini_fault_event,
    .count = soma_gemini_count,
    .stream_type = soma_gemini_stream_type,
    .beat = soma_gemini_beat,
    .cut = soma_gemini_cut,
    .rate = soma_dialect_rate,
    .rate_prefix = "x-ratelimit-",
    .reset = SOMA_RESET_DURATION,

    .own_headers = soma_gemini_own,
    .credential = soma_string("x-goog-api-key: "),
    .args = soma_gemini_args,
    .stored_args = soma_gemini_stored_args,
    .apis = SOMA_API_TALKS | 1u << SOMA_API_EMBEDDINGS,
    .path = soma_gemini_path,
    .splice_path = soma_gemini_splice_path,
    .tool_names = &soma_gemini_tool_names,
    .fetches = 1u << SOMA_INNER_IMAGE | 1u << SOMA_INNER_DOCUMENT,
    .splice = soma_gemini_splice,
    .write_request = soma_gemini_write_request,
    .framing = SOMA_FRAMING_SSE,
    .body = soma_gemini_body,
    .event = soma_gemini_event,
    .part = soma_gemini_part,
    .verdict = soma_gemini_verdict,
    .refusal = soma_gemini_refusal,
    .read_whole = soma_gemini_read_whole,
    .read_event = soma_gemini_read_event,
    .read_end = soma_gemini_read_end
};
