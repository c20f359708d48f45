
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_openai.h"


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


const soma_dialect_t  soma_openai = {
    soma_string("openai"),
    soma_openai_surface,
    soma_openai_want,
    soma_openai_policies,
    SOMA_OPENAI_POLICIES,
    soma_openai_policy,
    soma_openai_args,
    soma_openai_stored_args,
    soma_openai_objects,
    soma_openai_ask,
    soma_openai_bounds,
    soma_openai_encode,
    soma_openai_body,
    soma_openai_event,
    soma_openai_part,
    soma_openai_verdict,
    soma_openai_refusal,
    soma_openai_fault,
    soma_openai_fault_event,
    soma_openai_cut
};


/* what the built-in provider speaks; its answers come from soma_echo.c */

const soma_dialect_t  soma_echo_dialect = {
    soma_string("echo"),
    soma_openai_surface,
    soma_openai_want,
    soma_openai_policies,
    SOMA_OPENAI_POLICIES,
    soma_openai_policy,
    soma_openai_args,
    soma_openai_stored_args,
    soma_openai_objects,
    soma_openai_ask,
    soma_openai_bounds,
    soma_openai_encode,
    soma_openai_body,
    soma_openai_event,
    soma_openai_part,
    soma_openai_verdict,
    soma_openai_refusal,
    soma_openai_fault,
    soma_openai_fault_event,
    soma_openai_cut
};
