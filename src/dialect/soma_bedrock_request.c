
/*
 * Copyright (C) The ngx_soma authors
 *
 * Reads a request of Converse into the inner form.
 */


#include "soma_bedrock_request.h"


static int soma_bedrock_request_config(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_bedrock_request_output(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_bedrock_request_effort(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_bedrock_request_format(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_bedrock_request_tier(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_bedrock_request_latency(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);


static const soma_fill_member_t  soma_bedrock_request_members[] = {
    { soma_string("system"), soma_bedrock_turns_system, 0 },
    { soma_string("messages"), soma_bedrock_turns, 0 },
    { soma_string("toolConfig"), soma_bedrock_tools, 0 },
    { soma_string("inferenceConfig"), soma_bedrock_request_config, 0 },
    { soma_string("outputConfig"), soma_bedrock_request_output, 0 },
    { soma_string("additionalModelRequestFields"), soma_bedrock_fields, 0 },
    { soma_string("requestMetadata"), soma_fill_labels, 0 },
    { soma_string("serviceTier"), soma_bedrock_request_tier, 0 },
    { soma_string("performanceConfig"), soma_bedrock_request_latency, 0 }
};


static const soma_bedrock_nested_t  soma_bedrock_request_inference[] = {
    { "maxTokens", { soma_string("inferenceConfig.maxTokens"),
                     soma_fill_value, SOMA_INNER_MAX_TOKENS } },
    { "temperature", { soma_string("inferenceConfig.temperature"),
                       soma_fill_value, SOMA_INNER_TEMPERATURE } },
    { "topP", { soma_string("inferenceConfig.topP"),
                soma_fill_value, SOMA_INNER_TOP_P } },
    { "topK", { soma_string("inferenceConfig.topK"),
                soma_fill_value, SOMA_INNER_TOP_K } },
    { "stopSequences", { soma_string("inferenceConfig.stopSequences"),
                         soma_fill_stop, 0 } }
};


static const soma_bedrock_nested_t  soma_bedrock_request_outputs[] = {
    { "textFormat", { soma_string("outputConfig.textFormat"),
                      soma_bedrock_request_format, 0 } },
    { "effort", { soma_string("outputConfig.effort"),
                  soma_bedrock_request_effort, 0 } }
};


int
soma_bedrock_request_read(soma_inner_request_t *request, soma_arena_t *arena,
    soma_str_t body, const char **error)
{
    soma_fill_t  r;

    if (soma_fill_init(&r, request, arena, error, &body) != SOMA_OK) {
        return SOMA_ERROR;
    }

    return soma_fill_object(&r, body, soma_bedrock_request_members,
                            sizeof(soma_bedrock_request_members)
                            / sizeof(soma_bedrock_request_members[0]));
}


int
soma_bedrock_request_nested(soma_fill_t *r, soma_str_t name,
    soma_json_value_t *value, const soma_bedrock_nested_t *table, size_t n)
{
    int                rc;
    size_t             i;
    soma_str_t         own, path;
    soma_pieces_t      out;
    soma_json_iter_t   it;
    soma_json_value_t  v;

    if (value->type != SOMA_JSON_OBJECT
        || soma_json_first(&it, value->text) != SOMA_OK)
    {
        return soma_fill_fail(r, "\"", name, "\" must be an object");
    }

    while ((rc = soma_json_next(&it, &own, &v)) == SOMA_OK) {

        if (v.type == SOMA_JSON_NULL) {
            continue;
        }

        for (i = 0; i < n; i++) {
            if (soma_str_is(own, table[i].name)) {
                break;
            }
        }

        if (i < n) {
            if (table[i].member.read(r, &table[i].member, &v) != SOMA_OK) {
                return SOMA_ERROR;
            }

            continue;
        }

        soma_pieces_init(&out, r->arena);
        soma_pieces_put(&out, name.data, name.len);
        soma_pieces_char(&out, '.');
        soma_pieces_put(&out, own.data, own.len);

        if (soma_pieces_whole(&out, &path) != SOMA_OK) {
            return SOMA_ERROR;
        }

        if (soma_inner_other(r->request, path, v.text) != SOMA_OK) {
            return soma_fill_fail(r, "\"", name, "\" has too many members "
                                  "that are not known");
        }
    }

    return (rc == SOMA_DONE) ? SOMA_OK
           : soma_fill_fail(r, "\"", name, "\" is malformed");
}


static int
soma_bedrock_request_config(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    return soma_bedrock_request_nested(r, member->name, value,
                                       soma_bedrock_request_inference,
                                       sizeof(soma_bedrock_request_inference)
                                       / sizeof(soma_bedrock_nested_t));
}


static int
soma_bedrock_request_output(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    return soma_bedrock_request_nested(r, member->name, value,
                                       soma_bedrock_request_outputs,
                                       sizeof(soma_bedrock_request_outputs)
                                       / sizeof(soma_bedrock_nested_t));
}


static int
soma_bedrock_request_effort(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    soma_str_t           word;
    soma_inner_effort_e  effort;

    effort = (soma_fill_inside(value, &word) == SOMA_OK)
             ? soma_inner_effort(word) : SOMA_INNER_EFFORT_UNSET;

    if (effort == SOMA_INNER_EFFORT_UNSET) {
        return soma_fill_fail(r, "\"", member->name, "\" must be low, "
                              "medium, high, xhigh or max");
    }

    r->request->effort = effort;
    r->request->reasoning_member = member->name;

    return SOMA_OK;
}


/* {"type":"json_schema","structure":{"jsonSchema":{"schema":"{...}"}}}: the
 * schema is a string that holds one */

static int
soma_bedrock_request_format(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    soma_str_t             schema;
    soma_json_value_t      structure, json;
    soma_inner_request_t  *request;

    request = r->request;

    if (soma_json_get(value->text, "structure", &structure) != SOMA_OK
        || soma_json_get(structure.text, "jsonSchema", &json) != SOMA_OK
        || soma_fill_name(r, json.text, "schema", &schema) != SOMA_OK
        || !soma_inner_object(schema))
    {
        return soma_fill_fail(r, "\"", member->name, "\" must have a "
                              "structure.jsonSchema, whose \"schema\" is a "
                              "string that holds a JSON object");
    }

    request->format = SOMA_INNER_FORMAT_SCHEMA;
    request->format_member = member->name;
    request->format_schema = schema;
    request->format_strict = 1;

    (void) soma_fill_text(json.text, "name", &request->format_name);
    (void) soma_fill_text(json.text, "description", &request->format_about);

    return SOMA_OK;
}


static int
soma_bedrock_request_tier(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    soma_json_value_t    type;
    soma_inner_value_t  *kept;

    if (soma_json_get(value->text, "type", &type) != SOMA_OK
        || type.type != SOMA_JSON_STRING)
    {
        return soma_fill_fail(r, "\"", member->name,
                              "\" must have a \"type\"");
    }

    kept = &r->request->member[SOMA_INNER_TIER];

    kept->name = member->name;
    kept->raw = type.text;

    return SOMA_OK;
}


/* what is so anyway is said to nobody */

static int
soma_bedrock_request_latency(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    soma_str_t  latency;

    (void) soma_fill_text(value->text, "latency", &latency);

    if (latency.data == NULL || soma_str_is(latency, "standard")
        || soma_inner_other(r->request, member->name, value->text) == SOMA_OK)
    {
        return SOMA_OK;
    }

    *r->error = "the request has more than 64 members that are not known";

    return SOMA_ERROR;
}
