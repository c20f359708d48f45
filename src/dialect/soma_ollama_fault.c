
/*
 * Copyright (C) The ngx_soma authors
 *
 * Errors as Ollama writes them, and what else is sent that is no answer.  Its
 * clients read every line of a stream as JSON: there is neither a blank one
 * nor a comment.
 */


#include "soma_ollama.h"


#define SOMA_OLLAMA_BEAT                                                      \
    "{\"model\":\"\",\"created_at\":\"1970-01-01T00:00:00Z\","


void
soma_ollama_fault(soma_out_t *out, soma_fault_e fault, soma_str_t code,
    soma_str_t message)
{
    (void) fault;
    (void) code;

    soma_put_cstr(out, "{\"error\":");
    soma_put_json_str(out, message);
    soma_put_char(out, '}');
}


/* nothing comes behind an error */

void
soma_ollama_fault_event(soma_out_t *out, const soma_ask_t *ask,
    soma_fault_e fault, soma_str_t code, soma_str_t message)
{
    (void) ask;

    soma_ollama_fault(out, fault, code, message);
    soma_put_char(out, '\n');
}


int
soma_ollama_fault_status(soma_fault_e fault)
{
    return (fault == SOMA_FAULT_QUOTA) ? 402
                                       : soma_dialect_fault_status(fault);
}


soma_str_t
soma_ollama_fault_type(const soma_ask_t *ask)
{
    (void) ask;

    return SOMA_STR("application/x-ndjson");
}


/* a line that says nothing, as a model's first one may be */

soma_str_t
soma_ollama_fault_beat(const soma_ask_t *ask)
{
    if (soma_ollama_surface_form(ask) == SOMA_OLLAMA_GENERATE) {
        return SOMA_STR(SOMA_OLLAMA_BEAT
                        "\"response\":\"\",\"done\":false}\n");
    }

    return SOMA_STR(SOMA_OLLAMA_BEAT
                    "\"message\":{\"role\":\"assistant\",\"content\":\"\"},"
                    "\"done\":false}\n");
}
