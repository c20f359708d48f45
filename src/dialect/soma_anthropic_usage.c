
/*
 * Copyright (C) The ngx_soma authors
 *
 * What Anthropic means by usage: input_tokens is what the cache has nothing
 * to do with, each count of a stream is so far, and the last word of each
 * holds.  It is brought to the one meaning of soma_usage.h.
 */


#include "soma_anthropic_read.h"


static void soma_anthropic_usage_written(int64_t *n);


typedef struct {
    soma_str_t     name;
    unsigned char  place;
    unsigned char  field;
} soma_anthropic_count_t;


/* no two groups have a count of one name */
static const soma_anthropic_count_t  soma_anthropic_counts[] = {
    { soma_string("input_tokens"), SOMA_AP_USAGE, SOMA_A_INPUT },
    { soma_string("output_tokens"), SOMA_AP_USAGE, SOMA_A_OUTPUT },
    { soma_string("cache_read_input_tokens"), SOMA_AP_USAGE,
      SOMA_A_CACHE_READ },
    { soma_string("cache_creation_input_tokens"), SOMA_AP_USAGE,
      SOMA_A_CACHE_WRITE },
    { soma_string("ephemeral_5m_input_tokens"), SOMA_AP_GROUP,
      SOMA_A_CACHE_WRITE_5M },
    { soma_string("ephemeral_1h_input_tokens"), SOMA_AP_GROUP,
      SOMA_A_CACHE_WRITE_1H },
    { soma_string("thinking_tokens"), SOMA_AP_GROUP, SOMA_A_THINKING },
    { soma_string("web_search_requests"), SOMA_AP_GROUP, SOMA_A_SEARCHES }
};


void
soma_anthropic_usage_init(soma_anthropic_read_t *w)
{
    int  i;

    for (i = 0; i < SOMA_A_FIELDS; i++) {
        w->n[i] = -1;
    }
}


unsigned
soma_anthropic_usage_slot(soma_anthropic_read_t *w, unsigned place,
    soma_str_t name)
{
    size_t  i;

    for (i = 0;
         i < sizeof(soma_anthropic_counts) / sizeof(soma_anthropic_counts[0]);
         i++)
    {
        if (soma_anthropic_counts[i].place == place
            && soma_str_eq(name, soma_anthropic_counts[i].name))
        {
            w->field = soma_anthropic_counts[i].field;
            return SOMA_AS_COUNT;
        }
    }

    if (place != SOMA_AP_USAGE) {
        return 0;
    }

    return soma_str_is(name, "cache_creation")
           || soma_str_is(name, "server_tool_use")
           || soma_str_is(name, "output_tokens_details") ? SOMA_AS_GROUP
           : soma_str_is(name, "service_tier") ? SOMA_AS_TIER : 0;
}


void
soma_anthropic_usage_count(soma_anthropic_read_t *w, soma_json_value_t *value)
{
    int64_t  n;

    if (value->type == SOMA_JSON_NUMBER
        && soma_json_int(value, &n) == SOMA_OK
        && n >= 0 && n <= SOMA_ANTHROPIC_TOKENS_MAX)
    {
        w->n[w->field] = n;
    }
}


void
soma_anthropic_usage_tier(soma_anthropic_read_t *w, soma_json_value_t *value)
{
    size_t      i;
    soma_str_t  name;

    /* constants, as the event's bytes soon go */
    static const soma_str_t  tiers[] = {
        soma_string("standard"),
        soma_string("priority"),
        soma_string("batch")
    };

    name.data = value->text.data + 1;
    name.len = value->text.len - 2;

    for (i = 0; i < sizeof(tiers) / sizeof(tiers[0]); i++) {
        if (soma_str_eq(name, tiers[i])) {
            w->answer->service_tier = tiers[i];
            w->answer->usage.tier = soma_ask_tier(name);
            return;
        }
    }
}


static void
soma_anthropic_usage_set(int64_t *field, int64_t n)
{
    if (n >= 0) {
        *field = n;
    }
}


void
soma_anthropic_usage_counted(soma_anthropic_read_t *w)
{
    int64_t       *n, input;
    soma_usage_t  *u;

    n = w->n;
    u = &w->answer->usage;

    input = u->input_tokens - u->cached_tokens - u->cache_write_tokens;

    soma_anthropic_usage_written(n);

    soma_anthropic_usage_set(&input, n[SOMA_A_INPUT]);
    soma_anthropic_usage_set(&u->output_tokens, n[SOMA_A_OUTPUT]);
    soma_anthropic_usage_set(&u->cached_tokens, n[SOMA_A_CACHE_READ]);
    soma_anthropic_usage_set(&u->cache_write_tokens, n[SOMA_A_CACHE_WRITE]);
    soma_anthropic_usage_set(&u->cache_write_1h_tokens,
                             n[SOMA_A_CACHE_WRITE_1H]);
    soma_anthropic_usage_set(&u->reasoning_tokens, n[SOMA_A_THINKING]);
    soma_anthropic_usage_set(&u->queries, n[SOMA_A_SEARCHES]);

    if (u->cache_write_1h_tokens > u->cache_write_tokens) {
        u->cache_write_1h_tokens = u->cache_write_tokens;
    }

    u->input_tokens = input + u->cached_tokens + u->cache_write_tokens;

    if (n[SOMA_A_INPUT] >= 0 || n[SOMA_A_OUTPUT] >= 0) {
        u->known = 1;
    }

    if (w->last && n[SOMA_A_OUTPUT] >= 0) {
        w->counted = 1;
        w->answer->usage_proper = 1;
    }
}


/* where only the parts of what was written to the cache are told */

static void
soma_anthropic_usage_written(int64_t *n)
{
    if (n[SOMA_A_CACHE_WRITE] >= 0
        || (n[SOMA_A_CACHE_WRITE_5M] < 0 && n[SOMA_A_CACHE_WRITE_1H] < 0))
    {
        return;
    }

    n[SOMA_A_CACHE_WRITE] = 0;

    if (n[SOMA_A_CACHE_WRITE_5M] > 0) {
        n[SOMA_A_CACHE_WRITE] += n[SOMA_A_CACHE_WRITE_5M];
    }

    if (n[SOMA_A_CACHE_WRITE_1H] > 0) {
        n[SOMA_A_CACHE_WRITE] += n[SOMA_A_CACHE_WRITE_1H];
    }
}
