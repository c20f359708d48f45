
/*
 * Copyright (C) The ngx_soma authors
 *
 * Every provider writes usage in OpenAI's words and means something else by
 * them.  What is read here is brought to the one meaning of soma_usage.h;
 * where the words leave a doubt, the provider's own total decides.
 */


#include "soma_openai.h"
#include "soma_openai_walk.h"


#define SOMA_OPENAI_MS_DIGITS  3        /* seconds to ms */


typedef enum {
    SOMA_F_INPUT = 0,
    SOMA_F_OUTPUT,
    SOMA_F_TOTAL,
    SOMA_F_CACHED,
    SOMA_F_CACHE_READ,          /* under Anthropic's name */
    SOMA_F_CACHE_WRITE,
    SOMA_F_CACHE_WRITE_1H,
    SOMA_F_REASONING,
    SOMA_F_REASONING_TOP,       /* beside the counts, not in their details */
    SOMA_F_AUDIO_IN,
    SOMA_F_AUDIO_OUT,
    SOMA_F_IMAGE_IN,
    SOMA_F_IMAGE_OUT,
    SOMA_F_SEARCHES,
    SOMA_F_X_SEARCHES,
    SOMA_F_SECONDS,
    SOMA_F_TOTAL_FIELDS
} soma_openai_field_e;


/* counts of one usage object, -1: not reported */
typedef struct {
    int64_t  n[SOMA_F_TOTAL_FIELDS];
} soma_openai_counts_t;


typedef struct {
    soma_str_t  name;
    int         field;
} soma_openai_count_t;

typedef struct {
    soma_str_t                  name;
    const soma_openai_count_t  *counts;
} soma_openai_group_t;


static void soma_openai_settle(soma_answer_t *answer,
    soma_openai_counts_t *counts);
static int soma_openai_whole(soma_answer_t *answer,
    soma_openai_counts_t *counts);
static void soma_openai_rest(soma_openai_counts_t *counts);


const soma_json_want_t  soma_openai_answer_want[SOMA_OPENAI_MEMBERS] = {
    { soma_string("usage"),         0 },
    { soma_string("service_tier"),  0 },
    { soma_string("model"),         0 },
    { soma_string("error"),         0 },
    { soma_string("duration"),      0 }
};


static const soma_openai_count_t  soma_openai_top[] = {
    { soma_string("prompt_tokens"),                SOMA_F_INPUT },
    { soma_string("completion_tokens"),            SOMA_F_OUTPUT },
    { soma_string("total_tokens"),                 SOMA_F_TOTAL },
    { soma_string("input_tokens"),                 SOMA_F_INPUT },
    { soma_string("output_tokens"),                SOMA_F_OUTPUT },
    { soma_string("reasoning_tokens"),             SOMA_F_REASONING_TOP },
    /* DeepSeek; Together, Hugging Face, Moonshot; Mistral; Anthropic */
    { soma_string("prompt_cache_hit_tokens"),      SOMA_F_CACHED },
    { soma_string("cached_tokens"),                SOMA_F_CACHED },
    { soma_string("num_cached_tokens"),            SOMA_F_CACHED },
    { soma_string("cache_read_input_tokens"),      SOMA_F_CACHE_READ },
    { soma_string("cache_creation_input_tokens"),  SOMA_F_CACHE_WRITE },
    { soma_string("num_search_queries"),           SOMA_F_SEARCHES },
    { soma_string("seconds"),                      SOMA_F_SECONDS },
    { soma_string("prompt_audio_seconds"),         SOMA_F_SECONDS },
    { soma_str_null,                               -1 }
};


static const soma_openai_count_t  soma_openai_input[] = {
    { soma_string("cached_tokens"),                SOMA_F_CACHED },
    { soma_string("cache_write_tokens"),           SOMA_F_CACHE_WRITE },
    { soma_string("cache_creation_tokens"),        SOMA_F_CACHE_WRITE },
    { soma_string("audio_tokens"),                 SOMA_F_AUDIO_IN },
    { soma_string("image_tokens"),                 SOMA_F_IMAGE_IN },
    { soma_str_null,                               -1 }
};


static const soma_openai_count_t  soma_openai_output[] = {
    { soma_string("reasoning_tokens"),             SOMA_F_REASONING },
    { soma_string("audio_tokens"),                 SOMA_F_AUDIO_OUT },
    { soma_string("image_tokens"),                 SOMA_F_IMAGE_OUT },
    { soma_str_null,                               -1 }
};


static const soma_openai_count_t  soma_openai_tools[] = {
    { soma_string("web_search_requests"),          SOMA_F_SEARCHES },
    { soma_string("web_search_calls"),             SOMA_F_SEARCHES },
    { soma_string("x_search_calls"),               SOMA_F_X_SEARCHES },
    { soma_str_null,                               -1 }
};


static const soma_openai_count_t  soma_openai_writes[] = {
    { soma_string("ephemeral_1h_input_tokens"),    SOMA_F_CACHE_WRITE_1H },
    { soma_str_null,                               -1 }
};


static const soma_openai_group_t  soma_openai_groups[] = {
    { soma_string("prompt_tokens_details"),           soma_openai_input },
    { soma_string("prompt_token_details"),            soma_openai_input },
    { soma_string("input_tokens_details"),            soma_openai_input },
    { soma_string("input_token_details"),             soma_openai_input },
    { soma_string("completion_tokens_details"),       soma_openai_output },
    { soma_string("output_tokens_details"),           soma_openai_output },
    { soma_string("output_token_details"),            soma_openai_output },
    { soma_string("server_tool_use"),                 soma_openai_tools },
    { soma_string("server_tool_use_details"),         soma_openai_tools },
    { soma_string("server_side_tool_usage_details"),  soma_openai_tools },
    { soma_string("cache_creation"),                  soma_openai_writes },
    { soma_str_null,                                  NULL }
};


/* what answers call a tier; constants, as the event's bytes soon go */
static const soma_str_t  soma_openai_tiers[] = {
    soma_string("default"),
    soma_string("flex"),
    soma_string("priority"),
    soma_string("batch"),
    soma_string("auto"),
    soma_string("scale"),
    soma_string("standard"),
    soma_string("on_demand"),
    soma_string("performance")
};


static inline int
soma_openai_is(soma_str_t name, soma_str_t known)
{
    return name.len == known.len && name.data[0] == known.data[0]
           && soma_same(name.data, known.data, name.len);
}


/*
 * One count.  Where a provider has a count under two names, one of them 0 to
 * please some client, the larger one is meant.
 */

static void
soma_openai_count(soma_openai_counts_t *counts, soma_str_t name,
    soma_json_value_t *value, const soma_openai_count_t *table)
{
    int64_t  n;

    if (value->type != SOMA_JSON_NUMBER) {
        return;
    }

    for ( /* void */ ; table->name.len != 0; table++) {
        if (soma_openai_is(name, table->name)) {
            break;
        }
    }

    if (table->name.len == 0) {
        return;
    }

    if (table->field == SOMA_F_SECONDS) {
        if (soma_parse_decimal(value->text, SOMA_OPENAI_MS_DIGITS, &n)
            != SOMA_OK)
        {
            return;
        }

    } else if (soma_json_int(value, &n) != SOMA_OK) {
        return;
    }

    if (n <= SOMA_OPENAI_TOKENS_MAX && n > counts->n[table->field]) {
        counts->n[table->field] = n;
    }
}


/* steps into a group that is known, past any other value */
static int
soma_openai_group(soma_openai_counts_t *counts, soma_str_t name,
    soma_walk_t *w)
{
    int                         rc;
    soma_json_value_t           value;
    const soma_openai_group_t  *group;

    for (group = soma_openai_groups; group->name.len != 0; group++) {
        if (soma_openai_is(name, group->name)) {
            break;
        }
    }

    if (group->name.len == 0) {
        return soma_walk_value(w, &value);
    }

    (void) soma_walk_enter(w, '{');

    while ((rc = soma_walk_next(w, &name)) == SOMA_OK) {

        if (soma_walk_value(w, &value) != SOMA_OK) {
            return SOMA_ERROR;
        }

        soma_openai_count(counts, name, &value, group->counts);
    }

    return rc == SOMA_DONE ? SOMA_OK : SOMA_ERROR;
}


void
soma_openai_usage(soma_answer_t *answer, soma_str_t text)
{
    int                   i;
    soma_str_t            name;
    soma_walk_t           w;
    soma_json_value_t     value;
    soma_openai_counts_t  counts;

    for (i = 0; i < SOMA_F_TOTAL_FIELDS; i++) {
        counts.n[i] = -1;
    }

    if (text.len == 0) {
        return;
    }

    w.p = text.data;
    w.end = text.data + text.len;

    if (!soma_walk_enter(&w, '{')) {
        return;
    }

    while (soma_walk_next(&w, &name) == SOMA_OK) {

        if (w.p < w.end && *w.p == '{') {

            if (soma_openai_group(&counts, name, &w) != SOMA_OK) {
                break;
            }

            continue;
        }

        if (soma_walk_value(&w, &value) != SOMA_OK) {
            break;
        }

        if (value.type != SOMA_JSON_STRING) {
            soma_openai_count(&counts, name, &value, soma_openai_top);

        } else if (soma_str_is(name, "service_tier")) {
            soma_openai_service_tier(answer, &value);
        }
    }

    soma_openai_settle(answer, &counts);
}


static void
soma_openai_set(int64_t *field, int64_t n)
{
    if (n >= 0) {
        *field = n;
    }
}


static void
soma_openai_settle(soma_answer_t *answer, soma_openai_counts_t *counts)
{
    int64_t       *n;
    soma_usage_t  *u;

    n = counts->n;
    u = &answer->usage;

    if (n[SOMA_F_SECONDS] >= 0) {
        u->audio_ms = n[SOMA_F_SECONDS];
        u->known = 1;
    }

    if (n[SOMA_F_REASONING] < n[SOMA_F_REASONING_TOP]) {

        n[SOMA_F_REASONING] = n[SOMA_F_REASONING_TOP];

        /* Perplexity's deep research counts it apart, and in no total */

        if (n[SOMA_F_OUTPUT] >= 0 && n[SOMA_F_REASONING] > n[SOMA_F_OUTPUT]
            && n[SOMA_F_TOTAL] <= n[SOMA_F_INPUT] + n[SOMA_F_OUTPUT])
        {
            n[SOMA_F_OUTPUT] += n[SOMA_F_REASONING];
        }
    }

    if (soma_openai_whole(answer, counts)) {
        soma_openai_rest(counts);
        u->known = 1;
    }

    if (n[SOMA_F_X_SEARCHES] > 0) {
        n[SOMA_F_SEARCHES] = n[SOMA_F_X_SEARCHES]
                             + (n[SOMA_F_SEARCHES] > 0 ? n[SOMA_F_SEARCHES]
                                                       : 0);
    }

    soma_openai_set(&u->input_tokens, n[SOMA_F_INPUT]);
    soma_openai_set(&u->output_tokens, n[SOMA_F_OUTPUT]);
    soma_openai_set(&u->cached_tokens, n[SOMA_F_CACHED]);
    soma_openai_set(&u->cache_write_tokens, n[SOMA_F_CACHE_WRITE]);
    soma_openai_set(&u->cache_write_1h_tokens, n[SOMA_F_CACHE_WRITE_1H]);
    soma_openai_set(&u->reasoning_tokens, n[SOMA_F_REASONING]);
    soma_openai_set(&u->audio_input_tokens, n[SOMA_F_AUDIO_IN]);
    soma_openai_set(&u->audio_output_tokens, n[SOMA_F_AUDIO_OUT]);
    soma_openai_set(&u->image_input_tokens, n[SOMA_F_IMAGE_IN]);
    soma_openai_set(&u->image_output_tokens, n[SOMA_F_IMAGE_OUT]);
    soma_openai_set(&u->queries, n[SOMA_F_SEARCHES]);
}


/*
 * Fills in one of input, output and total from the other two.  Whether the
 * usage is whole: an answer that has text must have a count of it.
 */

static int
soma_openai_whole(soma_answer_t *answer, soma_openai_counts_t *counts)
{
    int64_t  *n;

    n = counts->n;

    if (n[SOMA_F_INPUT] < 0) {

        if (n[SOMA_F_TOTAL] < 0) {
            return 0;
        }

        n[SOMA_F_INPUT] = n[SOMA_F_TOTAL];

        if (n[SOMA_F_OUTPUT] > 0) {
            n[SOMA_F_INPUT] -= n[SOMA_F_OUTPUT];

            if (n[SOMA_F_INPUT] < 0) {
                n[SOMA_F_INPUT] = -1;
                return 0;
            }
        }
    }

    if (n[SOMA_F_OUTPUT] < 0) {

        if (answer->api == SOMA_API_EMBEDDINGS) {
            n[SOMA_F_OUTPUT] = 0;

        } else if (n[SOMA_F_TOTAL] >= 0) {
            n[SOMA_F_OUTPUT] = n[SOMA_F_TOTAL] > n[SOMA_F_INPUT]
                               ? n[SOMA_F_TOTAL] - n[SOMA_F_INPUT] : 0;

        } else {
            return 0;
        }
    }

    return 1;
}


/*
 * A total above input and output tells what the provider keeps apart: sound
 * (Mistral), cached tokens (Anthropic's habit), reasoning (xAI), or thoughts
 * that it does not even name (Gemini).
 */

static void
soma_openai_rest(soma_openai_counts_t *counts)
{
    int64_t  *n, rest, cache;

    n = counts->n;

    if (n[SOMA_F_CACHED] < n[SOMA_F_CACHE_READ]) {
        n[SOMA_F_CACHED] = n[SOMA_F_CACHE_READ];
    }

    cache = (n[SOMA_F_CACHED] > 0 ? n[SOMA_F_CACHED] : 0)
            + (n[SOMA_F_CACHE_WRITE] > 0 ? n[SOMA_F_CACHE_WRITE] : 0);

    rest = n[SOMA_F_TOTAL] - n[SOMA_F_INPUT] - n[SOMA_F_OUTPUT];

    if (n[SOMA_F_TOTAL] < 0 || rest <= 0) {

        /*
         * Under its name Anthropic's habit goes on in some proxies.  Azure's
         * Grok reports more cached tokens than prompt, too, and no total has
         * them: its word stands.
         */

        if (n[SOMA_F_CACHE_READ] > n[SOMA_F_INPUT]) {
            n[SOMA_F_INPUT] += cache;
        }

        return;
    }

    if (rest == n[SOMA_F_REASONING]) {
        n[SOMA_F_OUTPUT] += rest;
        return;
    }

    if (rest == cache || rest == n[SOMA_F_AUDIO_IN]) {
        n[SOMA_F_INPUT] += rest;
        return;
    }

    if (n[SOMA_F_SECONDS] > 0) {
        n[SOMA_F_INPUT] += rest;

        if (n[SOMA_F_AUDIO_IN] <= 0) {
            n[SOMA_F_AUDIO_IN] = rest;
        }

        return;
    }

    if (n[SOMA_F_REASONING] > 0) {

        /* what is left beside it are the prompts of tools (Gemini) */

        if (rest > n[SOMA_F_REASONING]) {
            n[SOMA_F_OUTPUT] += n[SOMA_F_REASONING];
            n[SOMA_F_INPUT] += rest - n[SOMA_F_REASONING];

        } else {
            n[SOMA_F_OUTPUT] += rest;
        }

        return;
    }

    n[SOMA_F_OUTPUT] += rest;
    n[SOMA_F_REASONING] = rest;
}


void
soma_openai_service_tier(soma_answer_t *answer, soma_json_value_t *value)
{
    size_t      i;
    soma_str_t  name;

    if (value->type != SOMA_JSON_STRING) {
        return;
    }

    name.data = value->text.data + 1;
    name.len = value->text.len - 2;

    for (i = 0; i < sizeof(soma_openai_tiers) / sizeof(soma_openai_tiers[0]);
         i++)
    {
        if (soma_str_eq(name, soma_openai_tiers[i])) {
            answer->service_tier = soma_openai_tiers[i];
            answer->usage.tier = soma_openai_tier(name);
            return;
        }
    }
}


void
soma_openai_model(soma_answer_t *answer, soma_json_value_t *value)
{
    size_t  len;

    if (answer->model.len != 0 || value->type != SOMA_JSON_STRING) {
        return;
    }

    len = value->text.len - 2;

    if (len > SOMA_ANSWER_MODEL_MAX
        || memchr(value->text.data, '\\', value->text.len) != NULL)
    {
        return;
    }

    memcpy(answer->model_buf, value->text.data + 1, len);

    answer->model.data = answer->model_buf;
    answer->model.len = len;
}


void
soma_openai_id(soma_answer_t *answer, soma_json_value_t *value)
{
    size_t  len;

    if (answer->id.len != 0 || value->type != SOMA_JSON_STRING) {
        return;
    }

    len = value->text.len - 2;

    if (len > SOMA_ANSWER_ID_MAX
        || memchr(value->text.data, '\\', value->text.len) != NULL)
    {
        return;
    }

    memcpy(answer->id_buf, value->text.data + 1, len);

    answer->id.data = answer->id_buf;
    answer->id.len = len;
}


int
soma_openai_failed(soma_json_value_t *value)
{
    return value->type != SOMA_JSON_NONE && value->type != SOMA_JSON_NULL
           && value->type != SOMA_JSON_FALSE;
}


void
soma_openai_member(soma_answer_t *answer, unsigned index,
    soma_json_value_t *value)
{
    int64_t  ms;

    switch (index) {

    case SOMA_OPENAI_USAGE:
        if (value->type == SOMA_JSON_OBJECT) {
            soma_openai_usage(answer, value->text);
        }

        break;

    case SOMA_OPENAI_SERVICE_TIER:
        soma_openai_service_tier(answer, value);
        break;

    case SOMA_OPENAI_MODEL:
        soma_openai_model(answer, value);
        break;

    case SOMA_OPENAI_ERROR:
        if (soma_openai_failed(value)) {
            answer->failed = 1;
        }

        break;

    case SOMA_OPENAI_DURATION:

        /* seconds of sound; a usage of seconds, which is billed, outranks
         * it, and only these two apis mean sound by it */

        if ((answer->api == SOMA_API_TRANSCRIPTIONS
             || answer->api == SOMA_API_TRANSLATIONS)
            && value->type == SOMA_JSON_NUMBER
            && answer->usage.audio_ms == 0
            && soma_parse_decimal(value->text, SOMA_OPENAI_MS_DIGITS, &ms)
               == SOMA_OK)
        {
            answer->usage.audio_ms = ms;
        }

        break;
    }
}
