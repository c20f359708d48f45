
/*
 * Copyright (C) The ngx_soma authors
 *
 * What Google means by usage: the prompt holds what came from a cache, what
 * its own tools put into it stands beside; so do thoughts beside the answer.
 * Each event of a stream may have one, and the last is the bill: earlier ones
 * are of what was known by then.  It is brought to the one meaning of
 * soma_usage.h.
 */


#include "soma_gemini_read.h"


static int64_t soma_gemini_usage_of(const soma_gemini_read_t *w,
    unsigned field);


void
soma_gemini_usage_init(soma_gemini_read_t *w)
{
    unsigned  i;

    for (i = 0; i < SOMA_G_FIELDS; i++) {
        w->n[i] = -1;
    }
}


unsigned
soma_gemini_usage_slot(soma_gemini_read_t *w, unsigned place, soma_str_t name)
{
    size_t  i;

    static const struct {
        soma_str_t     name;
        unsigned char  field;
    } counts[] = {
        { soma_string("promptTokenCount"), SOMA_G_PROMPT },
        { soma_string("toolUsePromptTokenCount"), SOMA_G_TOOL_PROMPT },
        { soma_string("candidatesTokenCount"), SOMA_G_CANDIDATES },
        { soma_string("thoughtsTokenCount"), SOMA_G_THOUGHTS },
        { soma_string("cachedContentTokenCount"), SOMA_G_CACHED },
        { soma_string("totalTokenCount"), SOMA_G_TOTAL }
    };

    switch (place) {

    case SOMA_GP_PROMPT_DETAILS:
    case SOMA_GP_ANSWER_DETAILS:
        return SOMA_GS_DETAIL;

    case SOMA_GP_DETAIL:
        return soma_str_is(name, "modality") ? SOMA_GS_MODALITY
               : soma_str_is(name, "tokenCount") ? SOMA_GS_MODALITY_COUNT : 0;

    case SOMA_GP_USAGE:
        break;

    default:
        return 0;
    }

    for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        if (soma_str_eq(name, counts[i].name)) {
            w->field = counts[i].field;
            return SOMA_GS_COUNT;
        }
    }

    return soma_str_is(name, "promptTokensDetails")
           || soma_str_is(name, "promptTokenDetails")
           || soma_str_is(name, "toolUsePromptTokensDetails")
           ? SOMA_GS_PROMPT_DETAILS
           : soma_str_is(name, "candidatesTokensDetails")
           ? SOMA_GS_ANSWER_DETAILS
           : soma_str_is(name, "serviceTier")
             || soma_str_is(name, "trafficType") ? SOMA_GS_TIER : 0;
}


void
soma_gemini_usage_count(soma_gemini_read_t *w, soma_json_value_t *value)
{
    int64_t  n;

    if (soma_json_int(value, &n) == SOMA_OK
        && n >= 0 && n <= SOMA_GEMINI_TOKENS_MAX)
    {
        w->n[w->field] = n;
    }
}


void
soma_gemini_usage_modality(soma_gemini_read_t *w, soma_json_value_t *value)
{
    w->modality = soma_str_is(value->text, "\"AUDIO\"") ? 'A'
                  : soma_str_is(value->text, "\"IMAGE\"") ? 'I' : 0;
}


/* a detail has ended, in the list that it is of */

void
soma_gemini_usage_detail(soma_gemini_read_t *w, unsigned place)
{
    unsigned  field;

    if (w->modality == 0) {
        return;
    }

    field = (place == SOMA_GP_PROMPT_DETAILS)
            ? (w->modality == 'A' ? SOMA_G_AUDIO_IN : SOMA_G_IMAGE_IN)
            : (w->modality == 'A' ? SOMA_G_AUDIO_OUT : SOMA_G_IMAGE_OUT);

    w->n[field] = soma_gemini_usage_of(w, field) + w->detail;
}


void
soma_gemini_usage_tier(soma_gemini_read_t *w, soma_json_value_t *value)
{
    size_t  i;

    /* constants, as the event's bytes soon go; serviceTier is Gemini's own,
     * trafficType is Vertex's */
    static const struct {
        const char   *word;
        soma_str_t    name;
        soma_tier_e   tier;
    } tiers[] = {
        { "\"standard\"", soma_string("standard"), SOMA_TIER_DEFAULT },
        { "\"flex\"", soma_string("flex"), SOMA_TIER_FLEX },
        { "\"priority\"", soma_string("priority"), SOMA_TIER_PRIORITY },
        { "\"batch\"", soma_string("batch"), SOMA_TIER_BATCH },
        { "\"ON_DEMAND\"", soma_string("standard"), SOMA_TIER_DEFAULT },
        { "\"ON_DEMAND_FLEX\"", soma_string("flex"), SOMA_TIER_FLEX },
        { "\"ON_DEMAND_PRIORITY\"", soma_string("priority"),
          SOMA_TIER_PRIORITY }
    };

    for (i = 0; i < sizeof(tiers) / sizeof(tiers[0]); i++) {
        if (soma_str_is(value->text, tiers[i].word)) {
            w->answer->service_tier = tiers[i].name;
            w->answer->usage.tier = tiers[i].tier;
            return;
        }
    }
}


static int64_t
soma_gemini_usage_of(const soma_gemini_read_t *w, unsigned field)
{
    return w->n[field] > 0 ? w->n[field] : 0;
}


void
soma_gemini_usage_counted(soma_gemini_read_t *w)
{
    soma_usage_t  *u;

    /* Vertex has members without a count in it, before the last event */

    if (w->n[SOMA_G_PROMPT] < 0 && w->n[SOMA_G_CANDIDATES] < 0
        && w->n[SOMA_G_TOTAL] < 0)
    {
        return;
    }

    u = &w->answer->usage;

    u->input_tokens = soma_gemini_usage_of(w, SOMA_G_PROMPT)
                      + soma_gemini_usage_of(w, SOMA_G_TOOL_PROMPT);
    u->output_tokens = soma_gemini_usage_of(w, SOMA_G_CANDIDATES)
                       + soma_gemini_usage_of(w, SOMA_G_THOUGHTS);
    u->cached_tokens = soma_gemini_usage_of(w, SOMA_G_CACHED);
    u->reasoning_tokens = soma_gemini_usage_of(w, SOMA_G_THOUGHTS);
    u->audio_input_tokens = soma_gemini_usage_of(w, SOMA_G_AUDIO_IN);
    u->image_input_tokens = soma_gemini_usage_of(w, SOMA_G_IMAGE_IN);
    u->audio_output_tokens = soma_gemini_usage_of(w, SOMA_G_AUDIO_OUT);
    u->image_output_tokens = soma_gemini_usage_of(w, SOMA_G_IMAGE_OUT);

    if (u->cached_tokens > u->input_tokens) {
        u->cached_tokens = u->input_tokens;
    }

    w->counted = 1;
    w->answer->usage_proper = (w->n[SOMA_G_CANDIDATES] >= 0
                               || w->n[SOMA_G_THOUGHTS] >= 0);
}
