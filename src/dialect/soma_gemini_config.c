
/*
 * Copyright (C) The ngx_soma authors
 *
 * generationConfig of a request: sampling, the form of the answer, thinking.
 */


#include "soma_gemini_request.h"


static int soma_gemini_config_whole(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_gemini_config_type(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_gemini_config_schema(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_gemini_config_modes(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_gemini_config_thinking(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_gemini_config_budget(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_gemini_config_level(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_gemini_config_show(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);


static const soma_fill_member_t  soma_gemini_config_members[] = {
    { soma_string("maxOutputTokens"), soma_gemini_config_whole,
      SOMA_INNER_MAX_TOKENS },
    { soma_string("temperature"), soma_fill_value, SOMA_INNER_TEMPERATURE },
    { soma_string("topP"), soma_fill_value, SOMA_INNER_TOP_P },
    { soma_string("topK"), soma_gemini_config_whole, SOMA_INNER_TOP_K },
    { soma_string("candidateCount"), soma_gemini_config_whole,
      SOMA_INNER_N },
    { soma_string("seed"), soma_gemini_config_whole, SOMA_INNER_SEED },
    { soma_string("presencePenalty"), soma_fill_value,
      SOMA_INNER_PRESENCE_PENALTY },
    { soma_string("frequencyPenalty"), soma_fill_value,
      SOMA_INNER_FREQUENCY_PENALTY },
    { soma_string("responseLogprobs"), soma_fill_value, SOMA_INNER_LOGPROBS },
    { soma_string("logprobs"), soma_gemini_config_whole,
      SOMA_INNER_TOP_LOGPROBS },
    { soma_string("stopSequences"), soma_fill_stop, 0 },
    { soma_string("responseMimeType"), soma_gemini_config_type, 0 },
    { soma_string("responseSchema"), soma_gemini_config_schema, 0 },
    { soma_string("responseJsonSchema"), soma_gemini_config_schema, 1 },
    { soma_string("responseModalities"), soma_gemini_config_modes, 0 },
    { soma_string("thinkingConfig"), soma_gemini_config_thinking, 0 }
};


static const soma_fill_member_t  soma_gemini_config_thoughts[] = {
    { soma_string("includeThoughts"), soma_gemini_config_show, 0 },
    { soma_string("thinkingBudget"), soma_gemini_config_budget, 0 },
    { soma_string("thinkingLevel"), soma_gemini_config_level, 0 }
};


int
soma_gemini_config(soma_fill_t *fill, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    soma_inner_request_t  *request;
    soma_gemini_fill_t    *r;

    (void) member;

    r = (soma_gemini_fill_t *) fill;
    request = fill->request;

    if (soma_gemini_request_fill(r, value->text, "generationConfig.",
                         soma_gemini_config_members,
                         sizeof(soma_gemini_config_members)
                         / sizeof(soma_gemini_config_members[0]))
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    /* a type and a schema are one thing elsewhere */

    if (r->words) {
        request->format = SOMA_INNER_FORMAT_ENUM;
        request->format_schema = r->schema;

    } else if (r->schema.data != NULL) {
        request->format = SOMA_INNER_FORMAT_SCHEMA;
        request->format_schema = r->schema;
        request->format_strict = 1;

    } else if (r->json) {
        request->format = SOMA_INNER_FORMAT_OBJECT;
    }

    return SOMA_OK;
}


/* an SDK writes 5.0 where other APIs want 5 */

static int
soma_gemini_config_whole(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    int64_t         n;
    soma_str_t      text;
    soma_pieces_t   out;

    if (soma_fill_value(r, member, value) != SOMA_OK) {
        return SOMA_ERROR;
    }

    if (value->type != SOMA_JSON_NUMBER || soma_json_int(value, &n) != SOMA_OK)
    {
        return SOMA_OK;
    }

    soma_pieces_init(&out, r->arena);
    soma_pieces_int(&out, n);

    if (soma_pieces_whole(&out, &text) != SOMA_OK) {
        return SOMA_ERROR;
    }

    r->request->member[member->member].raw = text;

    return SOMA_OK;
}


static int
soma_gemini_config_type(soma_fill_t *fill, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    soma_gemini_fill_t  *r;

    r = (soma_gemini_fill_t *) fill;

    if (soma_str_is(value->text, "\"text/plain\"")
        || soma_str_is(value->text, "\"\""))
    {
        return SOMA_OK;
    }

    fill->request->format_member = member->name;

    if (soma_str_is(value->text, "\"application/json\"")) {
        r->json = 1;
        return SOMA_OK;
    }

    if (soma_str_is(value->text, "\"text/x.enum\"")) {
        r->words = 1;
        return SOMA_OK;
    }

    return soma_gemini_request_other(r, SOMA_STR("responseMimeType"),
                                     value->text);
}


/* member->member 1: it is JSON Schema already */

static int
soma_gemini_config_schema(soma_fill_t *fill, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    soma_gemini_fill_t  *r;

    r = (soma_gemini_fill_t *) fill;
    fill->request->format_member = member->name;

    if (value->type != SOMA_JSON_OBJECT) {
        return soma_fill_fail(fill, "\"", member->name,
                              "\" must be an object");
    }

    if (member->member != 0) {
        r->schema = value->text;
        return SOMA_OK;
    }

    if (soma_gemini_schema(fill->arena, value->text, &r->schema) != SOMA_OK) {
        return soma_fill_fail(fill, "\"", member->name,
                              "\" is no schema, or lies too deep");
    }

    return SOMA_OK;
}


/* words are what all answer with */

static int
soma_gemini_config_modes(soma_fill_t *fill, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    unsigned           n;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  mode;

    (void) member;

    n = 0;

    if (soma_json_first(&it, value->text) == SOMA_OK && !it.object) {

        while (soma_json_next(&it, &name, &mode) == SOMA_OK) {
            n += !(soma_str_case_is(mode.text, "\"text\"")
                   || soma_str_case_is(mode.text,
                                       "\"modality_unspecified\""));
        }
    }

    return (n == 0) ? SOMA_OK
           : soma_gemini_request_other((soma_gemini_fill_t *) fill,
                               SOMA_STR("responseModalities"), value->text);
}


static int
soma_gemini_config_thinking(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    r->request->reasoning_member = member->name;

    return soma_gemini_request_fill((soma_gemini_fill_t *) r, value->text,
                            "generationConfig.thinkingConfig.",
                            soma_gemini_config_thoughts,
                            sizeof(soma_gemini_config_thoughts)
                            / sizeof(soma_gemini_config_thoughts[0]));
}


/* -1: as much as the model wants */

static int
soma_gemini_config_budget(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    int64_t  n;

    if (value->type != SOMA_JSON_NUMBER || soma_json_int(value, &n) != SOMA_OK
        || n < -1)
    {
        return soma_fill_fail(r, "\"", member->name,
                              "\" must be a whole number, or -1");
    }

    if (n < 0) {
        r->request->adaptive = 1;

    } else if (n == 0) {
        r->request->effort = SOMA_INNER_EFFORT_NONE;

    } else {
        r->request->budget = n;
    }

    return SOMA_OK;
}


static int
soma_gemini_config_level(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    size_t      i;
    soma_str_t  word;

    static const struct {
        const char           *name;
        soma_inner_effort_e   effort;
    } levels[] = {
        { "THINKING_LEVEL_UNSPECIFIED", SOMA_INNER_EFFORT_UNSET },
        { "MINIMAL", SOMA_INNER_EFFORT_MINIMAL },
        { "LOW", SOMA_INNER_EFFORT_LOW },
        { "MEDIUM", SOMA_INNER_EFFORT_MEDIUM },
        { "HIGH", SOMA_INNER_EFFORT_HIGH },
        { "XHIGH", SOMA_INNER_EFFORT_XHIGH }
    };

    if (soma_fill_inside(value, &word) == SOMA_OK) {

        for (i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {

            if (!soma_str_case_is(word, levels[i].name)) {
                continue;
            }

            if (levels[i].effort != SOMA_INNER_EFFORT_UNSET) {
                r->request->effort = levels[i].effort;
                r->request->reasoning_member = member->name;
            }

            return SOMA_OK;
        }
    }

    return soma_fill_fail(r, "\"", member->name, "\" must be minimal, low, "
                          "medium, high or xhigh");
}


static int
soma_gemini_config_show(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    if (value->type != SOMA_JSON_TRUE && value->type != SOMA_JSON_FALSE) {
        return soma_fill_fail(r, "\"", member->name,
                              "\" must be true or false");
    }

    r->request->show_said = 1;
    r->request->show = (value->type == SOMA_JSON_TRUE);

    return SOMA_OK;
}
