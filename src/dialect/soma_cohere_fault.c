
/*
 * Copyright (C) The ngx_soma authors
 *
 * Errors as Cohere writes them, and how a stream ends that its budget has
 * cut: as one that has reached its bound, which every client knows.
 */


#include "soma_cohere.h"
#include "soma_usage_cost.h"


void
soma_cohere_fault(soma_out_t *out, soma_fault_e fault, soma_str_t code,
    soma_str_t message)
{
    (void) fault;
    (void) code;

    soma_put_cstr(out, "{\"message\":");
    soma_put_json_str(out, message);
    soma_put_char(out, '}');
}


/* nothing comes behind it: a client takes [DONE] for a proper end */

void
soma_cohere_fault_event(soma_out_t *out, const soma_ask_t *ask,
    soma_fault_e fault, soma_str_t code, soma_str_t message)
{
    (void) ask;
    (void) fault;
    (void) code;

    soma_put_cstr(out, "event: message-end\n"
                       "data: {\"type\":\"message-end\",\"delta\":{"
                       "\"finish_reason\":\"ERROR\",\"error\":");
    soma_put_json_str(out, message);
    soma_put_cstr(out, "}}\n\n");
}


int
soma_cohere_fault_status(soma_fault_e fault)
{
    return (fault == SOMA_FAULT_QUOTA) ? 402
                                       : soma_dialect_fault_status(fault);
}


void
soma_cohere_cut(soma_out_t *out, soma_ask_t *ask, soma_answer_t *answer,
    const soma_usage_t *usage, int64_t cost)
{
    int64_t      open;
    const char  *kind;

    (void) ask;

    open = answer->progress.sequence;

    if (open != 0) {
        kind = ((open & 3) == SOMA_COHERE_CALL) ? "tool-call-end"
                                                : "content-end";

        soma_put_cstr(out, "event: ");
        soma_put_cstr(out, kind);
        soma_put_cstr(out, "\ndata: {\"type\":\"");
        soma_put_cstr(out, kind);
        soma_put_cstr(out, "\",\"index\":");
        soma_put_int(out, open >> 2);
        soma_put_cstr(out, "}\n\n");
    }

    soma_put_cstr(out, "event: message-end\n"
                       "data: {\"type\":\"message-end\",\"delta\":{"
                       "\"finish_reason\":\"MAX_TOKENS\",\"usage\":{"
                       "\"tokens\":{\"input_tokens\":");
    soma_put_int(out, usage->input_tokens);
    soma_put_cstr(out, ",\"output_tokens\":");
    soma_put_int(out, usage->output_tokens);
    soma_put_cstr(out, "},\"cached_tokens\":");
    soma_put_int(out, usage->cached_tokens);

    if (cost >= 0) {
        soma_put_char(out, ',');
        soma_usage_cost_put(out, cost);
    }

    soma_put_cstr(out, "}}}\n\ndata: [DONE]\n\n");
}
