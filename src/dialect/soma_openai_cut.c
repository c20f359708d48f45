
/*
 * Copyright (C) The ngx_soma authors
 *
 * How a stream ends that its budget has cut: as one that has reached its
 * bound, which every client knows.
 */


#include "soma_openai.h"
#include "soma_usage_cost.h"


static void soma_openai_cut_choice(soma_out_t *out, soma_ask_t *ask,
    soma_answer_t *answer, unsigned index);
static void soma_openai_cut_head(soma_out_t *out, soma_ask_t *ask,
    soma_answer_t *answer);
static void soma_openai_cut_usage(soma_out_t *out, soma_ask_t *ask,
    soma_answer_t *answer, const soma_usage_t *usage, int64_t cost);
static void soma_openai_cut_response(soma_out_t *out, soma_ask_t *ask,
    soma_answer_t *answer, const soma_usage_t *usage, int64_t cost);
static void soma_openai_cut_cost(soma_out_t *out, int64_t cost);
static void soma_openai_cut_model(soma_out_t *out, soma_ask_t *ask,
    soma_answer_t *answer);
static void soma_openai_put_name(soma_out_t *out, const char *name,
    int64_t n);


void
soma_openai_cut(soma_out_t *out, soma_ask_t *ask, soma_answer_t *answer,
    const soma_usage_t *usage, int64_t cost)
{
    unsigned  i, n;

    if (ask->api == SOMA_API_RESPONSES) {
        soma_openai_cut_response(out, ask, answer, usage, cost);
        return;
    }

    n = answer->progress.choices;

    /* of completions, best_of may be more than are shown */

    if (ask->api == SOMA_API_CHAT && ask->n > n) {
        n = (ask->n < SOMA_ANSWER_CHOICES_MAX) ? (unsigned) ask->n
                                               : SOMA_ANSWER_CHOICES_MAX;
    }

    for (i = 0; i < n || i == 0; i++) {
        if (!(answer->progress.ended[i / 64] >> (i % 64) & 1)) {
            soma_openai_cut_choice(out, ask, answer, i);
        }
    }

    if (ask->usage_asked) {
        soma_openai_cut_usage(out, ask, answer, usage, cost);
    }

    soma_put_cstr(out, "data: [DONE]\n\n");
}


static void
soma_openai_cut_choice(soma_out_t *out, soma_ask_t *ask,
    soma_answer_t *answer, unsigned index)
{
    soma_openai_cut_head(out, ask, answer);

    soma_openai_put_name(out, ",\"choices\":[{\"index", index);
    soma_put_cstr(out, ask->api == SOMA_API_CHAT ? ",\"delta\":{}"
                                                 : ",\"text\":\"\"");
    soma_put_cstr(out, ",\"logprobs\":null,\"finish_reason\":\"length\"}]");

    if (ask->usage_asked) {
        soma_put_cstr(out, ",\"usage\":null");
    }

    soma_put_cstr(out, "}\n\n");
}


static void
soma_openai_cut_head(soma_out_t *out, soma_ask_t *ask, soma_answer_t *answer)
{
    soma_put_cstr(out, "data: {\"id\":");
    soma_put_json_str(out, answer->id);
    soma_put_cstr(out, ask->api == SOMA_API_CHAT
                       ? ",\"object\":\"chat.completion.chunk\""
                       : ",\"object\":\"text_completion\"");
    soma_openai_put_name(out, ",\"created", answer->created);
    soma_openai_cut_model(out, ask, answer);
}


static void
soma_openai_cut_usage(soma_out_t *out, soma_ask_t *ask,
    soma_answer_t *answer, const soma_usage_t *usage, int64_t cost)
{
    soma_openai_cut_head(out, ask, answer);

    soma_put_cstr(out, ",\"choices\":[],\"usage\":{");
    soma_openai_put_name(out, "\"prompt_tokens", usage->input_tokens);
    soma_openai_put_name(out, ",\"completion_tokens", usage->output_tokens);
    soma_openai_put_name(out, ",\"total_tokens",
                         usage->input_tokens + usage->output_tokens);
    soma_openai_cut_cost(out, cost);
    soma_put_cstr(out, "}}\n\n");
}


/* what was said stands in the events before; a stream's memory does not grow
 * with its length, so "output" is empty */

static void
soma_openai_cut_response(soma_out_t *out, soma_ask_t *ask,
    soma_answer_t *answer, const soma_usage_t *usage, int64_t cost)
{
    soma_put_cstr(out, "event: response.incomplete\n"
                       "data: {\"type\":\"response.incomplete\"");
    soma_openai_put_name(out, ",\"sequence_number",
                         answer->progress.sequence);
    soma_put_cstr(out, ",\"response\":{\"id\":");
    soma_put_json_str(out, answer->id);
    soma_put_cstr(out, ",\"object\":\"response\"");
    soma_openai_put_name(out, ",\"created_at", answer->created);
    soma_put_cstr(out, ",\"status\":\"incomplete\",\"error\":null,"
                       "\"incomplete_details\":"
                       "{\"reason\":\"max_output_tokens\"}");
    soma_openai_cut_model(out, ask, answer);
    soma_put_cstr(out, ",\"output\":[],\"parallel_tool_calls\":true,"
                       "\"tool_choice\":\"auto\",\"tools\":[],\"usage\":{");
    soma_openai_put_name(out, "\"input_tokens", usage->input_tokens);
    soma_openai_put_name(out, ",\"input_tokens_details\":{\"cached_tokens",
                         usage->cached_tokens);
    soma_openai_put_name(out, "},\"output_tokens", usage->output_tokens);
    soma_openai_put_name(out, ",\"output_tokens_details\":"
                              "{\"reasoning_tokens", usage->reasoning_tokens);
    soma_openai_put_name(out, "},\"total_tokens",
                         usage->input_tokens + usage->output_tokens);
    soma_openai_cut_cost(out, cost);
    soma_put_cstr(out, "}}}\n\n");
}


static void
soma_openai_cut_cost(soma_out_t *out, int64_t cost)
{
    if (cost >= 0) {
        soma_put_char(out, ',');
        soma_usage_cost_put(out, cost);
    }
}


static void
soma_openai_cut_model(soma_out_t *out, soma_ask_t *ask, soma_answer_t *answer)
{
    soma_str_t  model;

    soma_put_cstr(out, ",\"model\":");

    model = (answer->model.len != 0) ? answer->model : ask->model;

    if (model.len > SOMA_ANSWER_MODEL_MAX) {
        model.len = 0;
    }

    soma_put_json_str(out, model);
}


static void
soma_openai_put_name(soma_out_t *out, const char *name, int64_t n)
{
    soma_put_cstr(out, name);
    soma_put_cstr(out, "\":");
    soma_put_int(out, n);
}
