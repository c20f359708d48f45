
/*
 * Copyright (C) The ngx_soma authors
 *
 * What Bedrock means by usage: inputTokens is what the cache has nothing to do
 * with.  Models have words of their own for it, in which a prompt is counted
 * as a whole or not; beside them AWS counts itself at a stream's end, which
 * holds where the model said nothing, for it may be less than what is billed.
 * All of it is brought to the one meaning of soma_usage.h.
 */


#include "soma_bedrock_read.h"


typedef struct {
    soma_str_t     name;
    unsigned char  place;
    unsigned char  field;
} soma_bedrock_count_t;


static const soma_bedrock_count_t  soma_bedrock_counts[] = {
    { soma_string("inputTokens"), SOMA_BP_USAGE, SOMA_B_INPUT },
    { soma_string("outputTokens"), SOMA_BP_USAGE, SOMA_B_OUTPUT },
    { soma_string("cacheReadInputTokens"), SOMA_BP_USAGE,
      SOMA_B_CACHE_READ },
    { soma_string("cacheWriteInputTokens"), SOMA_BP_USAGE,
      SOMA_B_CACHE_WRITE },

    /* Nova's own */
    { soma_string("cacheReadInputTokenCount"), SOMA_BP_USAGE,
      SOMA_B_CACHE_READ },
    { soma_string("cacheWriteInputTokenCount"), SOMA_BP_USAGE,
      SOMA_B_CACHE_WRITE },

    /* Anthropic's */
    { soma_string("input_tokens"), SOMA_BP_USAGE, SOMA_B_INPUT },
    { soma_string("output_tokens"), SOMA_BP_USAGE, SOMA_B_OUTPUT },
    { soma_string("cache_read_input_tokens"), SOMA_BP_USAGE,
      SOMA_B_CACHE_READ },
    { soma_string("cache_creation_input_tokens"), SOMA_BP_USAGE,
      SOMA_B_CACHE_WRITE },
    { soma_string("ephemeral_1h_input_tokens"), SOMA_BP_GROUP,
      SOMA_B_CACHE_WRITE_1H },
    { soma_string("thinking_tokens"), SOMA_BP_GROUP, SOMA_B_THINKING },

    /* OpenAI's */
    { soma_string("prompt_tokens"), SOMA_BP_USAGE, SOMA_B_PROMPT },
    { soma_string("completion_tokens"), SOMA_BP_USAGE, SOMA_B_OUTPUT },
    { soma_string("cached_tokens"), SOMA_BP_GROUP, SOMA_B_CACHE_READ },
    { soma_string("reasoning_tokens"), SOMA_BP_GROUP, SOMA_B_THINKING },

    /* Titan's and Llama's */
    { soma_string("inputTextTokenCount"), SOMA_BP_ROOT, SOMA_B_PROMPT },
    { soma_string("totalOutputTextTokenCount"), SOMA_BP_ROOT,
      SOMA_B_OUTPUT },
    { soma_string("tokenCount"), SOMA_BP_RESULT, SOMA_B_OUTPUT },
    { soma_string("prompt_token_count"), SOMA_BP_ROOT, SOMA_B_PROMPT },
    { soma_string("generation_token_count"), SOMA_BP_ROOT, SOMA_B_OUTPUT },

    /* AWS's */
    { soma_string("inputTokenCount"), SOMA_BP_METRICS, SOMA_B_INPUT },
    { soma_string("outputTokenCount"), SOMA_BP_METRICS, SOMA_B_OUTPUT },
    { soma_string("cacheReadInputTokenCount"), SOMA_BP_METRICS,
      SOMA_B_CACHE_READ },
    { soma_string("cacheWriteInputTokenCount"), SOMA_BP_METRICS,
      SOMA_B_CACHE_WRITE },

    /* of cacheDetails */
    { soma_string("inputTokens"), SOMA_BP_CACHE, SOMA_B_FIELDS }
};


unsigned
soma_bedrock_usage_slot(soma_bedrock_read_t *w, unsigned place,
    soma_str_t name)
{
    size_t  i;

    for (i = 0;
         i < sizeof(soma_bedrock_counts) / sizeof(soma_bedrock_counts[0]);
         i++)
    {
        if (soma_bedrock_counts[i].place == place
            && soma_str_eq(name, soma_bedrock_counts[i].name))
        {
            w->field = soma_bedrock_counts[i].field;
            return SOMA_BS_COUNT;
        }
    }

    if (place == SOMA_BP_CACHE) {
        return soma_str_is(name, "ttl") ? SOMA_BS_TTL : 0;
    }

    if (place != SOMA_BP_USAGE) {
        return 0;
    }

    return soma_str_is(name, "cacheDetails") ? SOMA_BS_CACHES
           : soma_str_is(name, "cache_creation")
             || soma_str_is(name, "output_tokens_details")
             || soma_str_is(name, "prompt_tokens_details")
             || soma_str_is(name, "completion_tokens_details") ? SOMA_BS_GROUP
           : soma_str_is(name, "service_tier") ? SOMA_BS_TIER_NAME : 0;
}


void
soma_bedrock_usage_count(soma_bedrock_read_t *w, soma_json_value_t *value)
{
    int64_t  n;

    if (value->type != SOMA_JSON_NUMBER
        || soma_json_int(value, &n) != SOMA_OK
        || n < 0 || n > SOMA_BEDROCK_TOKENS_MAX)
    {
        return;
    }

    if (w->field == SOMA_B_FIELDS) {
        w->cache = n;
        return;
    }

    w->n[w->field] = n;
    w->counted = 1;
}


void
soma_bedrock_usage_tier(soma_bedrock_read_t *w, soma_json_value_t *value)
{
    size_t      i;
    soma_str_t  name;

    /* constants, as the event's bytes soon go */
    static const soma_str_t  tiers[] = {
        soma_string("default"),
        soma_string("standard"),
        soma_string("flex"),
        soma_string("priority"),
        soma_string("reserved")
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
soma_bedrock_usage_set(int64_t *field, int64_t n)
{
    if (n >= 0) {
        *field = n;
    }
}


void
soma_bedrock_usage_counted(soma_bedrock_read_t *w)
{
    int64_t       *n, rest;
    unsigned       i;
    soma_usage_t  *u;

    if (!w->counted) {
        return;
    }

    n = w->n;
    u = &w->answer->usage;

    if (w->metrics && w->answer->usage_proper) {
        goto done;
    }

    rest = u->input_tokens - u->cached_tokens - u->cache_write_tokens;

    soma_bedrock_usage_set(&rest, n[SOMA_B_INPUT]);
    soma_bedrock_usage_set(&u->output_tokens, n[SOMA_B_OUTPUT]);
    soma_bedrock_usage_set(&u->cached_tokens, n[SOMA_B_CACHE_READ]);
    soma_bedrock_usage_set(&u->cache_write_tokens, n[SOMA_B_CACHE_WRITE]);
    soma_bedrock_usage_set(&u->cache_write_1h_tokens,
                           n[SOMA_B_CACHE_WRITE_1H]);
    soma_bedrock_usage_set(&u->reasoning_tokens, n[SOMA_B_THINKING]);

    if (n[SOMA_B_PROMPT] >= 0) {
        rest = n[SOMA_B_PROMPT] - u->cached_tokens - u->cache_write_tokens;
        rest = (rest > 0) ? rest : 0;
    }

    if (u->cache_write_1h_tokens > u->cache_write_tokens) {
        u->cache_write_1h_tokens = u->cache_write_tokens;
    }

    u->input_tokens = rest + u->cached_tokens + u->cache_write_tokens;

    if (n[SOMA_B_INPUT] >= 0 || n[SOMA_B_PROMPT] >= 0
        || n[SOMA_B_OUTPUT] >= 0)
    {
        u->known = 1;
    }

    if (w->proper && n[SOMA_B_OUTPUT] >= 0) {
        w->answer->usage_proper = 1;
    }

done:

    for (i = 0; i < SOMA_B_FIELDS; i++) {
        n[i] = -1;
    }

    w->counted = 0;
    w->metrics = 0;
    w->proper = 1;
}


/* InvokeModel's, for models whose answers do not tell: each comes once, and
 * the input is what the cache has nothing to do with */

void
soma_bedrock_usage_header(soma_usage_t *usage, soma_str_t name,
    soma_str_t value)
{
    size_t    i;
    int64_t   n;
    int64_t  *field;

    static const struct {
        soma_str_t  name;
        size_t      field;
    } counts[] = {
        { soma_string("input"), offsetof(soma_usage_t, input_tokens) },
        { soma_string("output"), offsetof(soma_usage_t, output_tokens) },
        { soma_string("cache-read-input"),
          offsetof(soma_usage_t, cached_tokens) },
        { soma_string("cache-write-input"),
          offsetof(soma_usage_t, cache_write_tokens) }
    };

    static const soma_str_t  before = soma_string("x-amzn-bedrock-");
    static const soma_str_t  after = soma_string("-token-count");

    if (name.len <= before.len + after.len
        || memcmp(name.data, before.data, before.len) != 0
        || memcmp(name.data + name.len - after.len, after.data, after.len)
           != 0
        || soma_number_int(value, &n) != SOMA_OK || n < 0
        || n > SOMA_BEDROCK_TOKENS_MAX)
    {
        return;
    }

    name.data += before.len;
    name.len -= before.len + after.len;

    for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {

        if (!soma_str_eq(name, counts[i].name)) {
            continue;
        }

        field = (int64_t *) ((unsigned char *) usage + counts[i].field);

        if (i == 0) {
            n += usage->cached_tokens + usage->cache_write_tokens;

        } else if (i > 1) {
            usage->input_tokens += n - *field;
        }

        *field = n;
        usage->known |= (i < 2);

        return;
    }
}
