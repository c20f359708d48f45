
/*
 * Copyright (C) The ngx_soma authors
 *
 * Reads a request of the Messages API into the inner form.
 */


#include "soma_anthropic_request.h"


static int soma_anthropic_request_budget(soma_fill_t *r, soma_str_t thinking);
static int soma_anthropic_request_thinking(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_anthropic_request_output(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_anthropic_request_effort(soma_fill_t *r,
    soma_json_value_t *value);
static int soma_anthropic_request_format(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_anthropic_request_metadata(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_anthropic_request_cache(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);


/* model and stream are the plan's: they were read before */
static const soma_fill_member_t  soma_anthropic_request_members[] = {
    { soma_string("model"), soma_fill_skip, 0 },
    { soma_string("stream"), soma_fill_skip, 0 },
    { soma_string("system"), soma_anthropic_turns_system, 0 },
    { soma_string("messages"), soma_anthropic_turns, 0 },
    { soma_string("tools"), soma_anthropic_tools, 0 },
    { soma_string("tool_choice"), soma_anthropic_tools_choice, 0 },
    { soma_string("thinking"), soma_anthropic_request_thinking, 0 },
    { soma_string("output_config"), soma_anthropic_request_output, 0 },
    { soma_string("output_format"), soma_anthropic_request_format, 0 },
    { soma_string("metadata"), soma_anthropic_request_metadata, 0 },
    { soma_string("cache_control"), soma_anthropic_request_cache, 0 },
    { soma_string("stop_sequences"), soma_fill_stop, 0 },
    { soma_string("max_tokens"), soma_fill_value, SOMA_INNER_MAX_TOKENS },
    { soma_string("temperature"), soma_fill_value, SOMA_INNER_TEMPERATURE },
    { soma_string("top_p"), soma_fill_value, SOMA_INNER_TOP_P },
    { soma_string("top_k"), soma_fill_value, SOMA_INNER_TOP_K },
    { soma_string("service_tier"), soma_fill_value, SOMA_INNER_TIER }
};


int
soma_anthropic_request_read(soma_inner_request_t *request,
    soma_arena_t *arena, soma_str_t body, const char **error)
{
    soma_fill_t  r;

    if (soma_fill_init(&r, request, arena, error, &body) != SOMA_OK) {
        return SOMA_ERROR;
    }

    return soma_fill_object(&r, body, soma_anthropic_request_members,
                            sizeof(soma_anthropic_request_members)
                            / sizeof(soma_anthropic_request_members[0]));
}


static int
soma_anthropic_request_thinking(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value)
{
    soma_str_t             type, display;
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

    if (soma_str_is(type, "enabled")) {

        return soma_anthropic_request_budget(r, value->text);
    }

    if (soma_str_is(type, "between_tools")
        && soma_inner_other(request, SOMA_STR("thinking.type"), value->text)
           == SOMA_OK)
    {
        return SOMA_OK;
    }

    *r->error = "\"thinking.type\" must be enabled, adaptive, between_tools "
                "or disabled";
    return SOMA_ERROR;
}


static int
soma_anthropic_request_budget(soma_fill_t *r, soma_str_t thinking)
{
    soma_json_value_t  budget;

    if (soma_json_get(thinking, "budget_tokens", &budget) != SOMA_OK
        || soma_json_int(&budget, &r->request->budget) != SOMA_OK
        || r->request->budget < 0)
    {
        *r->error = "\"thinking.budget_tokens\" must be a whole number";
        return SOMA_ERROR;
    }

    return SOMA_OK;
}


/* members of output_config that are known here; the others are told apart
 * by their whole names */

static int
soma_anthropic_request_output(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value)
{
    soma_str_t         name, path;
    soma_pieces_t      out;
    soma_json_iter_t   it;
    soma_json_value_t  v;

    if (value->type != SOMA_JSON_OBJECT
        || soma_json_first(&it, value->text) != SOMA_OK)
    {
        *r->error = "\"output_config\" must be an object";
        return SOMA_ERROR;
    }

    while (soma_json_next(&it, &name, &v) == SOMA_OK) {

        if (v.type == SOMA_JSON_NULL) {
            continue;
        }

        if (soma_str_is(name, "format")) {
            if (soma_anthropic_request_format(r, member, &v) != SOMA_OK) {
                return SOMA_ERROR;
            }

            continue;
        }

        if (soma_str_is(name, "effort")) {
            if (soma_anthropic_request_effort(r, &v) != SOMA_OK) {
                return SOMA_ERROR;
            }

            continue;
        }

        soma_pieces_init(&out, r->arena);
        soma_pieces_cstr(&out, "output_config.");
        soma_pieces_put(&out, name.data, name.len);

        if (soma_pieces_whole(&out, &path) != SOMA_OK) {
            return SOMA_ERROR;
        }

        if (soma_inner_other(r->request, path, v.text) != SOMA_OK) {
            *r->error = "\"output_config\" has too many members that are "
                        "not known";
            return SOMA_ERROR;
        }
    }

    return SOMA_OK;
}


static int
soma_anthropic_request_effort(soma_fill_t *r, soma_json_value_t *value)
{
    soma_str_t             word;
    soma_inner_effort_e    effort;
    soma_inner_request_t  *request;

    request = r->request;

    effort = (soma_fill_inside(value, &word) == SOMA_OK)
             ? soma_inner_effort(word) : SOMA_INNER_EFFORT_UNSET;

    if (effort == SOMA_INNER_EFFORT_UNSET) {
        *r->error = "\"output_config.effort\" must be low, medium, high, "
                    "xhigh or max";
        return SOMA_ERROR;
    }

    /* thinking may have been switched off, and that holds */

    if (request->effort != SOMA_INNER_EFFORT_NONE) {
        request->effort = effort;
        request->reasoning_member = SOMA_STR("output_config.effort");
    }

    return SOMA_OK;
}


/* of output_config, or the member that it was before */

static int
soma_anthropic_request_format(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value)
{
    soma_str_t         type;
    soma_json_value_t  schema;

    (void) soma_fill_text(value->text, "type", &type);

    if (!soma_str_is(type, "json_schema")
        || soma_json_get(value->text, "schema", &schema) != SOMA_OK
        || schema.type != SOMA_JSON_OBJECT)
    {
        return soma_fill_fail(r, "the format in \"", member->name,
                              "\" must be json_schema with a \"schema\"");
    }

    r->request->format = SOMA_INNER_FORMAT_SCHEMA;
    r->request->format_member = member->name;
    r->request->format_schema = schema.text;
    r->request->format_strict = 1;

    return SOMA_OK;
}


static int
soma_anthropic_request_metadata(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value)
{
    int                 rc;
    soma_str_t          name;
    soma_json_iter_t    it;
    soma_json_value_t   v;
    soma_inner_value_t *kept;

    if (value->type != SOMA_JSON_OBJECT
        || soma_json_first(&it, value->text) != SOMA_OK)
    {
        return soma_fill_fail(r, "\"", member->name, "\" must be an object");
    }

    kept = &r->request->member[SOMA_INNER_USER_ID];

    while ((rc = soma_json_next(&it, &name, &v)) == SOMA_OK) {

        if (v.type == SOMA_JSON_NULL) {
            continue;
        }

        if (soma_str_is(name, "user_id")) {
            kept->name = SOMA_STR("metadata.user_id");
            kept->raw = v.text;

        } else if (soma_inner_other(r->request, SOMA_STR("metadata"),
                                    value->text)
                   != SOMA_OK)
        {
            rc = SOMA_ERROR;
            break;
        }
    }

    return (rc == SOMA_DONE) ? SOMA_OK
           : soma_fill_fail(r, "\"", member->name,
                            "\" has members that are not known");
}


static int
soma_anthropic_request_cache(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    (void) member;

    r->request->cache = soma_fill_cache_point(value);

    return SOMA_OK;
}
