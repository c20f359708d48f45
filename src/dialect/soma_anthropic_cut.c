
/*
 * Copyright (C) The ngx_soma authors
 *
 * How a stream ends that its budget has cut: as one that has reached its
 * bound, which every client knows.
 */


#include "soma_anthropic.h"
#include "soma_usage_cost.h"


static void soma_anthropic_cut_count(soma_out_t *out, const char *name,
    int64_t n);


void
soma_anthropic_cut(soma_out_t *out, soma_ask_t *ask, soma_answer_t *answer,
    const soma_usage_t *usage, int64_t cost)
{
    unsigned  i;
    int64_t   rest;

    (void) ask;

    for (i = 0; i < answer->progress.choices; i++) {

        if (answer->progress.ended[i / 64] >> (i % 64) & 1) {
            continue;
        }

        soma_put_cstr(out, "event: content_block_stop\n"
                           "data: {\"type\":\"content_block_stop\"");
        soma_anthropic_cut_count(out, ",\"index", i);
        soma_put_cstr(out, "}\n\n");
    }

    rest = usage->input_tokens - usage->cached_tokens
           - usage->cache_write_tokens;

    soma_put_cstr(out, "event: message_delta\n"
                       "data: {\"type\":\"message_delta\",\"delta\":"
                       "{\"stop_reason\":\"max_tokens\","
                       "\"stop_sequence\":null},\"usage\":{");
    soma_anthropic_cut_count(out, "\"input_tokens", rest > 0 ? rest : 0);
    soma_anthropic_cut_count(out, ",\"cache_creation_input_tokens",
                             usage->cache_write_tokens);
    soma_anthropic_cut_count(out, ",\"cache_read_input_tokens",
                             usage->cached_tokens);
    soma_anthropic_cut_count(out, ",\"output_tokens", usage->output_tokens);

    if (cost >= 0) {
        soma_put_char(out, ',');
        soma_usage_cost_put(out, cost);
    }

    soma_put_cstr(out, "}}\n\n"
                       "event: message_stop\n"
                       "data: {\"type\":\"message_stop\"}\n\n");
}


static void
soma_anthropic_cut_count(soma_out_t *out, const char *name, int64_t n)
{
    soma_put_cstr(out, name);
    soma_put_cstr(out, "\":");
    soma_put_int(out, n);
}
