
/*
 * Copyright (C) The ngx_soma authors
 *
 * additionalModelRequestFields: members of a model's own, of which those are
 * read that other dialects have words for.
 */


#include "soma_bedrock_request.h"


static int soma_bedrock_fields_thinking(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_bedrock_fields_effort(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_bedrock_fields_output(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_bedrock_fields_nova(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_bedrock_fields_choice(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);


#define SOMA_FIELDS  "additionalModelRequestFields."

static const soma_bedrock_nested_t  soma_bedrock_fields_known[] = {
    { "top_k", { soma_string(SOMA_FIELDS "top_k"),
                 soma_fill_value, SOMA_INNER_TOP_K } },
    { "thinking", { soma_string(SOMA_FIELDS "thinking"),
                    soma_bedrock_fields_thinking, 0 } },
    { "reasoning_config", { soma_string(SOMA_FIELDS "reasoning_config"),
                            soma_bedrock_fields_thinking, 0 } },
    { "reasoningConfig", { soma_string(SOMA_FIELDS "reasoningConfig"),
                           soma_bedrock_fields_thinking, 0 } },
    { "reasoning_effort", { soma_string(SOMA_FIELDS "reasoning_effort"),
                            soma_bedrock_fields_effort, 0 } },
    { "output_config", { soma_string(SOMA_FIELDS "output_config"),
                         soma_bedrock_fields_output, 0 } },
    { "inferenceConfig", { soma_string(SOMA_FIELDS "inferenceConfig"),
                           soma_bedrock_fields_nova, 0 } },
    { "tool_choice", { soma_string(SOMA_FIELDS "tool_choice"),
                       soma_bedrock_fields_choice, 0 } }
};


static const soma_bedrock_nested_t  soma_bedrock_fields_outputs[] = {
    { "effort", { soma_string(SOMA_FIELDS "output_config.effort"),
                  soma_bedrock_fields_effort, 0 } }
};


static const soma_bedrock_nested_t  soma_bedrock_fields_inference[] = {
    { "topK", { soma_string(SOMA_FIELDS "inferenceConfig.topK"),
                soma_fill_value, SOMA_INNER_TOP_K } }
};


int
soma_bedrock_fields(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    return soma_bedrock_request_nested(r, member->name, value,
                                       soma_bedrock_fields_known,
                                       sizeof(soma_bedrock_fields_known)
                                       / sizeof(soma_bedrock_nested_t));
}


/* Anthropic's, as it is and as it was called; Nova's has an effort in it */

static int
soma_bedrock_fields_thinking(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    soma_str_t             type, display;
    soma_json_value_t      v;
    soma_inner_request_t  *request;

    request = r->request;
    request->reasoning_member = member->name;

    (void) soma_fill_text(value->text, "type", &type);

    if (soma_fill_text(value->text, "display", &display) == SOMA_OK) {
        request->show_said = 1;
        request->show = soma_str_is(display, "summarized");
    }

    if (soma_str_is(type, "disabled")) {
        request->effort = SOMA_INNER_EFFORT_NONE;
        return SOMA_OK;
    }

    if (soma_str_is(type, "adaptive")) {
        request->adaptive = 1;
        return SOMA_OK;
    }

    if (!soma_str_is(type, "enabled")) {
        return soma_fill_fail(r, "\"type\" of \"", member->name,
                              "\" must be enabled, adaptive or disabled");
    }

    if (soma_json_get(value->text, "maxReasoningEffort", &v) == SOMA_OK) {
        return soma_bedrock_fields_effort(r, member, &v);
    }

    if (soma_json_get(value->text, "budget_tokens", &v) != SOMA_OK
        || soma_json_int(&v, &request->budget) != SOMA_OK
        || request->budget < 0)
    {
        return soma_fill_fail(r, "\"budget_tokens\" of \"", member->name,
                              "\" must be a whole number");
    }

    return SOMA_OK;
}


static int
soma_bedrock_fields_effort(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    soma_str_t           word;
    soma_inner_effort_e  effort;

    effort = (soma_fill_inside(value, &word) == SOMA_OK)
             ? soma_inner_effort(word) : SOMA_INNER_EFFORT_UNSET;

    if (effort == SOMA_INNER_EFFORT_UNSET) {
        return soma_fill_fail(r, "\"", member->name, "\" says no effort that "
                              "is known");
    }

    /* thinking may have been switched off, and that holds */

    if (r->request->effort != SOMA_INNER_EFFORT_NONE) {
        r->request->effort = effort;
        r->request->reasoning_member = member->name;
    }

    return SOMA_OK;
}


static int
soma_bedrock_fields_output(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    return soma_bedrock_request_nested(r, member->name, value,
                                       soma_bedrock_fields_outputs, 1);
}


static int
soma_bedrock_fields_nova(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    return soma_bedrock_request_nested(r, member->name, value,
                                       soma_bedrock_fields_inference, 1);
}


/* Anthropic's, which can say what Converse's own cannot: none, and that there
 * is to be one call alone */

static int
soma_bedrock_fields_choice(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    size_t                 i;
    soma_str_t             type;
    soma_json_value_t      alone;
    soma_inner_request_t  *request;

    static const struct {
        const char           *type;
        soma_inner_choice_e   choice;
    } choices[] = {
        { "auto", SOMA_INNER_CHOICE_AUTO },
        { "none", SOMA_INNER_CHOICE_NONE },
        { "any",  SOMA_INNER_CHOICE_ANY },
        { "tool", SOMA_INNER_CHOICE_ONE }
    };

    request = r->request;
    request->choice_name = member->name;

    (void) soma_fill_text(value->text, "type", &type);

    for (i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
        if (soma_str_is(type, choices[i].type)) {
            break;
        }
    }

    if (i == sizeof(choices) / sizeof(choices[0])) {
        return soma_fill_fail(r, "\"type\" of \"", member->name,
                              "\" must be auto, any, tool or none");
    }

    request->choice = choices[i].choice;
    request->one_call = soma_json_get(value->text,
                                      "disable_parallel_tool_use", &alone)
                        == SOMA_OK && alone.type == SOMA_JSON_TRUE;

    if (request->choice != SOMA_INNER_CHOICE_ONE) {
        return SOMA_OK;
    }

    request->nnames = 1;
    request->names = r->arena->alloc(r->arena->data, sizeof(soma_str_t));

    if (request->names == NULL) {
        return SOMA_ERROR;
    }

    if (soma_fill_name(r, value->text, "name", request->names) != SOMA_OK) {
        return soma_fill_fail(r, "\"", member->name, "\" has no \"name\"");
    }

    return SOMA_OK;
}
