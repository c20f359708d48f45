
/*
 * Copyright (C) The ngx_soma authors
 *
 * Every provider writes usage in OpenAI's words and means something else by
 * them.  What is read here is brought to the one meaning of soma_usage.h;
 * where the words leave a doubt, the provider's own total decides.
 */


#include "soma_openai_read.h"


#define SOMA_OPENAI_MS_DIGITS  3        /* seconds to ms */


typedef struct {
    soma_str_t                  name;
    const soma_openai_count_t  *counts;
} soma_openai_group_t;


static void soma_openai_more(int64_t *field, int64_t n);
static void soma_openai_image_gen(soma_answer_t *answer,
    soma_openai_counts_t *counts);
static void soma_openai_settle(soma_answer_t *answer,
    soma_openai_counts_t *counts);
static int soma_openai_whole(soma_answer_t *answer,
    soma_openai_counts_t *counts);
static void soma_openai_rest(soma_openai_counts_t *counts);


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
    { soma_string("num_requests"),                 SOMA_F_SEARCHES },
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


static const soma_openai_count_t *
soma_openai_find(const soma_openai_count_t *table, soma_str_t name)
{
    for ( /* void */ ; table->name.len != 0; table++) {
        if (soma_openai_is(name, table->name)) {
            return table;
        }
    }

    return NULL;
}


void
soma_openai_usage_init(soma_openai_counts_t *counts)
{
    int  i;

    for (i = 0; i < SOMA_F_TOTAL_FIELDS; i++) {
        counts->n[i] = -1;
    }
}


unsigned
soma_openai_usage_slot(soma_openai_read_t *w, unsigned place,
    soma_str_t name)
{
    const soma_openai_count_t  *count;
    const soma_openai_group_t  *group;

    count = soma_openai_find(place == SOMA_P_GROUP ? w->group
                             : place == SOMA_P_WEB_SEARCH ? soma_openai_tools
                             : soma_openai_top, name);

    if (count != NULL) {
        w->field = (unsigned char) count->field;
        return SOMA_S_COUNT;
    }

    if (place != SOMA_P_USAGE && place != SOMA_P_IMAGE_GEN) {
        return SOMA_S_NONE;
    }

    for (group = soma_openai_groups; group->name.len != 0; group++) {

        if (soma_openai_is(name, group->name)) {
            w->group = group->counts;
            return SOMA_S_GROUP;
        }
    }

    return soma_str_is(name, "service_tier") ? SOMA_S_TIER : SOMA_S_NONE;
}


/*
 * One count, some write it as text.  Where a provider has a count under two
 * names, one of them 0 to please some client, the larger one is meant.
 */

void
soma_openai_usage_count(soma_openai_read_t *w, soma_json_value_t *value)
{
    int64_t            n, *count;
    soma_json_value_t  number;

    number = *value;

    if (number.type == SOMA_JSON_STRING) {
        number.type = SOMA_JSON_NUMBER;
        number.text.data++;
        number.text.len -= 2;
    }

    if (number.type != SOMA_JSON_NUMBER || number.text.len == 0) {
        return;
    }

    if (w->field == SOMA_F_SECONDS) {
        if (soma_number_decimal(number.text, SOMA_OPENAI_MS_DIGITS, &n)
            != SOMA_OK)
        {
            return;
        }

    } else if (soma_json_int(&number, &n) != SOMA_OK) {
        return;
    }

    count = &w->counts.n[w->field];

    if (n <= SOMA_OPENAI_TOKENS_MAX && n > *count) {
        *count = n;
    }
}


/*
 * A usage object has ended: a field that it reports replaces what was there,
 * one that it does not leaves it, the last word of each.  One that stands
 * deeper than it belongs is a decoy where there is a proper one.
 */

void
soma_openai_usage_counted(soma_openai_read_t *w, unsigned place)
{
    unsigned        known;
    soma_answer_t  *answer;

    answer = w->answer;

    if (place == SOMA_P_WEB_SEARCH) {
        soma_openai_more(&answer->usage.queries, w->counts.n[SOMA_F_SEARCHES]);
        return;
    }

    if (place == SOMA_P_IMAGE_GEN) {
        soma_openai_image_gen(answer, &w->counts);
        return;
    }

    if (w->elsewhere && answer->usage_proper) {
        return;
    }

    known = answer->usage.known;
    answer->usage.known = 0;

    soma_openai_settle(answer, &w->counts);

    answer->usage_proper |= (answer->usage.known && !w->elsewhere);
    answer->usage.known |= known;
}


static void
soma_openai_set(int64_t *field, int64_t n)
{
    if (n >= 0) {
        *field = n;
    }
}


static void
soma_openai_set_beside(int64_t *field, int64_t n, int64_t beside)
{
    if (n >= 0) {
        *field = n + beside;
    }
}


static void
soma_openai_more(int64_t *field, int64_t n)
{
    if (n > *field) {
        *field = n;
    }
}


/*
 * Pictures that a response had made are no part of its usage, whichever of
 * the two comes first.  Without details all of its output is pictures.
 */

static void
soma_openai_image_gen(soma_answer_t *answer, soma_openai_counts_t *counts)
{
    int64_t             *n;
    soma_usage_t        *u;
    soma_answer_tool_t   tool;

    n = counts->n;
    u = &answer->usage;

    memset(&tool, 0, sizeof(soma_answer_tool_t));

    soma_openai_more(&tool.input, n[SOMA_F_INPUT]);
    soma_openai_more(&tool.output, n[SOMA_F_OUTPUT]);
    soma_openai_more(&tool.image_input, n[SOMA_F_IMAGE_IN]);
    soma_openai_more(&tool.image_output, n[SOMA_F_IMAGE_OUT] >= 0
                                         ? n[SOMA_F_IMAGE_OUT]
                                         : n[SOMA_F_OUTPUT]);

    u->input_tokens += tool.input - answer->tool.input;
    u->output_tokens += tool.output - answer->tool.output;
    u->image_input_tokens += tool.image_input - answer->tool.image_input;
    u->image_output_tokens += tool.image_output - answer->tool.image_output;

    answer->tool = tool;
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

    soma_openai_set_beside(&u->input_tokens, n[SOMA_F_INPUT],
                           answer->tool.input);
    soma_openai_set_beside(&u->output_tokens, n[SOMA_F_OUTPUT],
                           answer->tool.output);
    soma_openai_set(&u->cached_tokens, n[SOMA_F_CACHED]);
    soma_openai_set(&u->cache_write_tokens, n[SOMA_F_CACHE_WRITE]);
    soma_openai_set(&u->cache_write_1h_tokens, n[SOMA_F_CACHE_WRITE_1H]);
    soma_openai_set(&u->reasoning_tokens, n[SOMA_F_REASONING]);
    soma_openai_set(&u->audio_input_tokens, n[SOMA_F_AUDIO_IN]);
    soma_openai_set(&u->audio_output_tokens, n[SOMA_F_AUDIO_OUT]);
    soma_openai_set_beside(&u->image_input_tokens, n[SOMA_F_IMAGE_IN],
                           answer->tool.image_input);
    soma_openai_set_beside(&u->image_output_tokens, n[SOMA_F_IMAGE_OUT],
                           answer->tool.image_output);
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
            answer->usage.tier = soma_ask_tier(name);
            return;
        }
    }
}


/* seconds of sound; a usage of seconds, which is billed, outranks it, and only
 * these two apis mean sound by it */

void
soma_openai_duration(soma_answer_t *answer, soma_json_value_t *value)
{
    int64_t  ms;

    if ((answer->api == SOMA_API_TRANSCRIPTIONS
         || answer->api == SOMA_API_TRANSLATIONS)
        && value->type == SOMA_JSON_NUMBER
        && answer->usage.audio_ms == 0
        && soma_number_decimal(value->text, SOMA_OPENAI_MS_DIGITS, &ms)
           == SOMA_OK)
    {
        answer->usage.audio_ms = ms;
    }
}
