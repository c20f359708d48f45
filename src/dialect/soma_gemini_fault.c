
/*
 * Copyright (C) The ngx_soma authors
 *
 * What stands in an answer to Google's clients that is no answer: errors, what
 * shows that a stream lives, and the end of one whose budget has cut it.
 *
 * A stream without alt=sse is an array, which has to stay one.  Google's SDK
 * for Python takes a comment in a stream of events for JSON, and breaks: a
 * blank line is what everybody bears.
 */


#include "soma_gemini.h"
#include "soma_usage_cost.h"


static void soma_gemini_cut_count(soma_out_t *out, const char *name,
    int64_t n);


/* in the order of soma_fault_e */
static const char *const  soma_gemini_errors[] = {
    "INTERNAL",
    "INVALID_ARGUMENT",
    "UNAUTHENTICATED",
    "PERMISSION_DENIED",
    "NOT_FOUND",
    "NOT_FOUND",
    "UNIMPLEMENTED",
    "ABORTED",
    "INVALID_ARGUMENT",
    "INVALID_ARGUMENT",
    "FAILED_PRECONDITION",
    "FAILED_PRECONDITION",
    "RESOURCE_EXHAUSTED",
    "RESOURCE_EXHAUSTED",
    "INTERNAL",
    "INTERNAL",
    "UNAVAILABLE",
    "DEADLINE_EXCEEDED"
};


const char *
soma_gemini_fault_status(int status)
{
    switch (status) {

    case 401:
        return "UNAUTHENTICATED";

    case 403:
        return "PERMISSION_DENIED";

    case 404:
        return "NOT_FOUND";

    case 402:
    case 429:
        return "RESOURCE_EXHAUSTED";

    case 408:
    case 504:
        return "DEADLINE_EXCEEDED";

    case 503:
    case 529:
        return "UNAVAILABLE";
    }

    return (status >= 400 && status < 500) ? "INVALID_ARGUMENT" : "INTERNAL";
}


void
soma_gemini_fault(soma_out_t *out, soma_fault_e fault, soma_str_t code,
    soma_str_t message)
{
    soma_gemini_fault_retry(out, fault, code, message, 0);
}


void
soma_gemini_fault_retry(soma_out_t *out, soma_fault_e fault, soma_str_t code,
    soma_str_t message, int64_t retry)
{
    soma_put_cstr(out, "{\"error\":{\"code\":");
    soma_put_int(out, soma_dialect_fault_status(fault));
    soma_put_cstr(out, ",\"message\":");
    soma_put_json_str(out, message);
    soma_put_cstr(out, ",\"status\":\"");
    soma_put_cstr(out, soma_gemini_errors[fault]);
    soma_put_char(out, '"');

    if (code.len != 0 || retry > 0) {
        soma_put_cstr(out, ",\"details\":[");
    }

    /* the word that tells what the status does not */

    if (code.len != 0) {
        soma_put_cstr(out, "{\"@type\":\"type.googleapis.com/"
                           "google.rpc.ErrorInfo\",\"reason\":");
        soma_put_json_str(out, code);
        soma_put_cstr(out, ",\"domain\":\"ngx_soma\"}");
    }

    if (retry > 0) {
        soma_put_cstr(out, code.len != 0 ? "," : "");
        soma_put_cstr(out, "{\"@type\":\"type.googleapis.com/"
                           "google.rpc.RetryInfo\",\"retryDelay\":\"");
        soma_put_int(out, (retry + 999) / 1000);
        soma_put_cstr(out, "s\"}");
    }

    soma_put_cstr(out, (code.len != 0 || retry > 0) ? "]}}" : "}}");
}


/* nothing comes behind an error */

void
soma_gemini_fault_event(soma_out_t *out, const soma_ask_t *ask,
    soma_fault_e fault, soma_str_t code, soma_str_t message)
{
    unsigned  sse;

    sse = soma_gemini_sse(ask);

    soma_put_cstr(out, sse ? "data: " : ",\r\n");
    soma_gemini_fault(out, fault, code, message);
    soma_put_cstr(out, sse ? "\n\n" : "\r\n]");
}


void
soma_gemini_count(soma_out_t *out, const soma_ask_t *ask, int64_t tokens)
{
    (void) ask;

    soma_put_cstr(out, "{\"totalTokens\":");
    soma_put_int(out, tokens);
    soma_put_char(out, '}');
}


soma_str_t
soma_gemini_stream_type(const soma_ask_t *ask)
{
    return soma_gemini_sse(ask) ? SOMA_STR("text/event-stream")
                                : SOMA_STR("application/json");
}


soma_str_t
soma_gemini_beat(const soma_ask_t *ask)
{
    (void) ask;

    return SOMA_STR("\n");
}


void
soma_gemini_cut(soma_out_t *out, soma_ask_t *ask, soma_answer_t *answer,
    const soma_usage_t *usage, int64_t cost)
{
    int64_t   rest;
    unsigned  i, n, sse;

    sse = soma_gemini_sse(ask);

    soma_put_cstr(out, sse ? "data: " : answer->formed ? ",\r\n" : "[");
    soma_put_cstr(out, "{\"candidates\":[");

    n = (answer->progress.choices != 0) ? answer->progress.choices : 1;

    for (i = 0; i < n; i++) {

        if (answer->progress.ended[i / 64] >> (i % 64) & 1) {
            continue;
        }

        if (out->pos != out->start && out->pos[-1] == '}') {
            soma_put_char(out, ',');
        }

        soma_put_cstr(out, "{\"content\":{\"parts\":[{\"text\":\"\"}],"
                           "\"role\":\"model\"},"
                           "\"finishReason\":\"MAX_TOKENS\"");
        soma_gemini_cut_count(out, ",\"index", i);
        soma_put_char(out, '}');
    }

    rest = usage->output_tokens - usage->reasoning_tokens;

    soma_gemini_cut_count(out, "],\"usageMetadata\":{\"promptTokenCount",
                          usage->input_tokens);
    soma_gemini_cut_count(out, ",\"candidatesTokenCount",
                          rest > 0 ? rest : 0);
    soma_gemini_cut_count(out, ",\"thoughtsTokenCount",
                          usage->reasoning_tokens);
    soma_gemini_cut_count(out, ",\"cachedContentTokenCount",
                          usage->cached_tokens);
    soma_gemini_cut_count(out, ",\"totalTokenCount",
                          usage->input_tokens + usage->output_tokens);

    if (cost >= 0) {
        soma_put_char(out, ',');
        soma_usage_cost_put(out, cost);
    }

    soma_put_char(out, '}');

    if (answer->model.len != 0) {
        soma_put_cstr(out, ",\"modelVersion\":");
        soma_put_json_str(out, answer->model);
    }

    if (answer->id.len != 0) {
        soma_put_cstr(out, ",\"responseId\":");
        soma_put_json_str(out, answer->id);
    }

    soma_put_cstr(out, sse ? "}\n\n" : "}]");
}


static void
soma_gemini_cut_count(soma_out_t *out, const char *name, int64_t n)
{
    soma_put_cstr(out, name);
    soma_put_cstr(out, "\":");
    soma_put_int(out, n);
}
