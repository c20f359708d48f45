
/*
 * Copyright (C) The ngx_soma authors
 *
 * Errors as Anthropic writes them: its clients read the status first, then
 * the type of the error.
 */


#include "soma_anthropic.h"


#define SOMA_ANTHROPIC_OVERLOADED  529


/* in the order of soma_fault_e */
static const char *const  soma_anthropic_errors[] = {
    "api_error",
    "invalid_request_error",
    "authentication_error",
    "permission_error",
    "not_found_error",
    "not_found_error",
    "invalid_request_error",
    "invalid_request_error",
    "request_too_large",
    "invalid_request_error",
    "invalid_request_error",
    "training_lock",
    "rate_limit_error",
    "billing_error",
    "api_error",
    "api_error",
    "overloaded_error",
    "timeout_error"
};


void
soma_anthropic_fault(soma_out_t *out, soma_fault_e fault, soma_str_t code,
    soma_str_t message)
{
    (void) code;

    soma_put_cstr(out, "{\"type\":\"error\",\"error\":{\"type\":\"");
    soma_put_cstr(out, soma_anthropic_errors[fault]);
    soma_put_cstr(out, "\",\"message\":");
    soma_put_json_str(out, message);
    soma_put_cstr(out, "}}");
}


/* its clients know who is overloaded by a status of its own */

int
soma_anthropic_fault_status(soma_fault_e fault)
{
    return (fault == SOMA_FAULT_UNAVAILABLE)
           ? SOMA_ANTHROPIC_OVERLOADED : soma_dialect_fault_status(fault);
}


/* nothing comes behind an error */

void
soma_anthropic_fault_event(soma_out_t *out, const soma_ask_t *ask,
    soma_fault_e fault, soma_str_t code, soma_str_t message)
{
    (void) ask;

    soma_put_cstr(out, "event: error\ndata: ");
    soma_anthropic_fault(out, fault, code, message);
    soma_put_cstr(out, "\n\n");
}
