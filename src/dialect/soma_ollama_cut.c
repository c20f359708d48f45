
/*
 * Copyright (C) The ngx_soma authors
 *
 * How a stream ends that its budget has cut: as one that has reached its
 * bound, which every client knows.
 */


#include "soma_ollama.h"
#include "soma_usage_cost.h"


static void soma_ollama_cut_count(soma_out_t *out, const char *name,
    int64_t n);


void
soma_ollama_cut(soma_out_t *out, soma_ask_t *ask, soma_answer_t *answer,
    const soma_usage_t *usage, int64_t cost)
{
    soma_str_t  model;

    model = (answer->model.len != 0) ? answer->model : ask->model;

    if (model.len > SOMA_ANSWER_MODEL_MAX) {
        model.len = 0;
    }

    soma_put_cstr(out, "{\"model\":");
    soma_put_json_str(out, model);
    soma_put_cstr(out, ",\"created_at\":\"");
    soma_put_time(out, answer->created * 1000);

    soma_put_cstr(out, soma_ollama_surface_form(ask) == SOMA_OLLAMA_GENERATE
                       ? "\",\"response\":\"\""
                       : "\",\"message\":{\"role\":\"assistant\","
                         "\"content\":\"\"}");
    soma_put_cstr(out, ",\"done\":true,\"done_reason\":\"length\"");
    soma_ollama_cut_count(out, ",\"prompt_eval_count\":",
                          usage->input_tokens);
    soma_ollama_cut_count(out, ",\"eval_count\":", usage->output_tokens);

    if (cost >= 0) {
        soma_put_char(out, ',');
        soma_usage_cost_put(out, cost);
    }

    soma_put_cstr(out, "}\n");
}


static void
soma_ollama_cut_count(soma_out_t *out, const char *name, int64_t n)
{
    soma_put_cstr(out, name);
    soma_put_int(out, n);
}
