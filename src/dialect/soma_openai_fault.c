
/*
 * Copyright (C) The ngx_soma authors
 *
 * Errors as OpenAI writes them, so that its clients know what to do: they
 * read the status first, then "type" and "code".
 */


#include "soma_openai.h"


typedef struct {
    const char  *type;
    const char  *code;          /* NULL: null */
} soma_openai_error_t;


static void soma_openai_error(soma_out_t *out, soma_fault_e fault,
    soma_str_t code, soma_str_t message);


/* in the order of soma_fault_e */
static const soma_openai_error_t  soma_openai_errors[] = {
    { "server_error",           NULL },
    { "invalid_request_error",  NULL },
    { "invalid_request_error",  "invalid_api_key" },
    { "invalid_request_error",  "permission_denied" },
    { "invalid_request_error",  "model_not_found" },
    { "invalid_request_error",  "not_found" },
    { "invalid_request_error",  "method_not_supported" },
    { "invalid_request_error",  "conflict" },
    { "invalid_request_error",  "request_too_large" },
    { "invalid_request_error",  "unsupported_media_type" },
    { "invalid_request_error",  "upgrade_required" },
    { "training_lock",          "training_lock" },
    { "rate_limit_error",       "rate_limit_exceeded" },
    { "insufficient_quota",     "insufficient_quota" },
    { "server_error",           "internal_error" },
    { "server_error",           "upstream_error" },
    { "server_error",           "service_unavailable" },
    { "server_error",           "timeout" }
};


void
soma_openai_fault(soma_out_t *out, soma_fault_e fault, soma_str_t code,
    soma_str_t message)
{
    soma_put_char(out, '{');
    soma_openai_error(out, fault, code, message);
    soma_put_char(out, '}');
}


void
soma_openai_fault_event(soma_out_t *out, const soma_ask_t *ask,
    soma_fault_e fault, soma_str_t code, soma_str_t message)
{
    /* nothing follows: a client takes [DONE] for a proper end */

    if (ask->api == SOMA_API_CHAT || ask->api == SOMA_API_COMPLETIONS) {
        soma_put_cstr(out, "data: {");
        soma_openai_error(out, fault, code, message);
        soma_put_cstr(out, "}\n\n");
        return;
    }

    /*
     * OpenAI's reference has code and message at the top, its servers send
     * them within "error", which is what its clients look for: both.
     */

    soma_put_cstr(out, "event: error\ndata: {\"type\":\"error\",");
    soma_openai_error(out, fault, code, message);
    soma_put_cstr(out, ",\"code\":");

    if (code.len != 0) {
        soma_put_json_str(out, code);

    } else {
        soma_put_char(out, '"');
        soma_put_cstr(out, soma_openai_errors[fault].code != NULL
                           ? soma_openai_errors[fault].code
                           : soma_openai_errors[fault].type);
        soma_put_char(out, '"');
    }

    soma_put_cstr(out, ",\"message\":");
    soma_put_json_str(out, message);
    soma_put_cstr(out, ",\"param\":null,\"sequence_number\":0}\n\n");
}


/* the member "error", without the braces around it */

static void
soma_openai_error(soma_out_t *out, soma_fault_e fault, soma_str_t code,
    soma_str_t message)
{
    const soma_openai_error_t  *error;

    error = &soma_openai_errors[fault];

    soma_put_cstr(out, "\"error\":{\"message\":");
    soma_put_json_str(out, message);
    soma_put_cstr(out, ",\"type\":\"");
    soma_put_cstr(out, error->type);
    soma_put_cstr(out, "\",\"param\":null,\"code\":");

    if (code.len != 0) {
        soma_put_json_str(out, code);

    } else if (error->code != NULL) {
        soma_put_char(out, '"');
        soma_put_cstr(out, error->code);
        soma_put_char(out, '"');

    } else {
        soma_put_cstr(out, "null");
    }

    soma_put_char(out, '}');
}
