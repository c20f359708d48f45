
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_bedrock.h"


static const soma_str_t  soma_bedrock_args[] = {
    soma_str_null
};


/* AWS's ToolName and ToolUseId; some of its models want a letter first */
const soma_names_t  soma_bedrock_tool_names = { "_-", 64, 1 };
const soma_names_t  soma_bedrock_call_ids = { "_.:-", 64, 0 };


static const soma_str_t  soma_bedrock_own[] = {
    soma_string("x-amz"),
    soma_string("amz-sdk-"),
    soma_str_null
};


const soma_dialect_t  soma_bedrock = {
    .name = soma_string("bedrock"),

    .want = soma_bedrock_want,
    .prompt = &soma_bedrock_prompt,

    .surface = soma_bedrock_surface,
    .surfaces = "model/MODEL/converse, /converse-stream, /count-tokens, "
                "/invoke and /invoke-with-response-stream",
    .ask = soma_bedrock_ask,
    .bounds = soma_bedrock_bounds,
    .read_request = soma_bedrock_read_request,
    .write = soma_bedrock_write_event,
    .fault = soma_bedrock_fault,
    .fault_event = soma_bedrock_fault_event,
    .fault_status = soma_bedrock_fault_status,
    .fault_header = soma_string("x-amzn-errortype"),
    .fault_name = soma_bedrock_fault_name,
    .count = soma_bedrock_count,
    .stream_type = soma_bedrock_stream_type,
    .beat = soma_bedrock_beat,
    .cut = soma_bedrock_cut,
    .rate = soma_dialect_rate,
    .rate_prefix = "x-ratelimit-",
    .reset = SOMA_RESET_DURATION,

    .own_headers = soma_bedrock_own,
    .credential = soma_string("Authorization: Bearer "),
    .args = soma_bedrock_args,
    .stored_args = soma_bedrock_args,
    .apis = SOMA_API_TALKS,
    .path = soma_bedrock_path,
    .splice_path = soma_bedrock_splice_path,
    .tool_names = &soma_bedrock_tool_names,
    .call_ids = &soma_bedrock_call_ids,
    .sign = soma_bedrock_sign,
    .fetches = 1u << SOMA_INNER_IMAGE | 1u << SOMA_INNER_DOCUMENT,
    .splice = soma_bedrock_splice,
    .write_request = soma_bedrock_write_request,
    .framing = SOMA_FRAMING_AWS,
    .body = soma_bedrock_body,
    .usage_header = soma_bedrock_usage_header,
    .event = soma_bedrock_event,
    .part = soma_bedrock_part,
    .verdict = soma_bedrock_verdict,
    .refusal = soma_bedrock_refusal,
    .read_whole = soma_bedrock_read_whole,
    .read_event = soma_bedrock_read_event,
    .read_end = soma_bedrock_read_end
};
