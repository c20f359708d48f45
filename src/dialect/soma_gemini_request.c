
/*
 * Copyright (C) The ngx_soma authors
 *
 * Reads a request of Google's API into the inner form.
 */


#include "soma_gemini_request.h"


static int soma_gemini_request_path(soma_gemini_fill_t *r, soma_str_t name,
    soma_str_t *whole);
static int soma_gemini_request_whole(soma_gemini_fill_t *r, soma_str_t body);
static int soma_gemini_request_inner(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_gemini_request_list(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_gemini_request_tier(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_gemini_request_input(soma_gemini_fill_t *r,
    soma_str_t request);
static int soma_gemini_request_content(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);


/* those of its own, up to 64 of one table */
static const soma_fill_member_t  soma_gemini_request_members[] = {
    { soma_string("model"), soma_fill_skip, 0 },
    { soma_string("systemInstruction"), soma_gemini_turns_system, 0 },
    { soma_string("contents"), soma_gemini_turns, 0 },
    { soma_string("tools"), soma_gemini_tools, 0 },
    { soma_string("toolConfig"), soma_gemini_tools_config, 0 },
    { soma_string("generationConfig"), soma_gemini_config, 0 },
    { soma_string("safetySettings"), soma_gemini_request_list, 0 },
    { soma_string("labels"), soma_fill_labels, 0 },
    { soma_string("serviceTier"), soma_gemini_request_tier, 0 },
    { soma_string("store"), soma_fill_value, SOMA_INNER_STORE },
    { soma_string("generateContentRequest"), soma_gemini_request_inner, 0 }
};


static const soma_fill_member_t  soma_gemini_request_inputs[] = {
    { soma_string("model"), soma_fill_skip, 0 },
    { soma_string("content"), soma_gemini_request_content, 0 }
};


int
soma_gemini_request_fill(soma_gemini_fill_t *r, soma_str_t object,
    const char *path, const soma_fill_member_t *table, size_t n)
{
    int                 rc;
    size_t              i;
    soma_str_t          name, whole, before;
    soma_json_iter_t    it;
    soma_json_value_t   value, values[SOMA_FILL_MEMBERS_MAX];
    soma_fill_member_t  member;

    whole.data = (unsigned char *) (uintptr_t) path;
    whole.len = strlen(path);

    if (soma_json_first(&it, object) != SOMA_OK || !it.object) {
        return soma_fill_fail(&r->fill, whole.len ? "\"" : "the body", whole,
                              whole.len ? "\" must be an object"
                                        : " must be an object");
    }

    before = r->path;
    r->path = whole;

    for (i = 0; i < n; i++) {
        values[i].type = SOMA_JSON_NULL;
    }

    while ((rc = soma_json_next(&it, &name, &value)) == SOMA_OK) {

        for (i = 0; i < n; i++) {
            if (soma_gemini_is(name, (const char *) table[i].name.data)) {
                break;
            }
        }

        if (i < n) {
            values[i] = value;

        } else if (value.type != SOMA_JSON_NULL
                   && soma_gemini_request_other(r, name, value.text) != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    if (rc != SOMA_DONE) {
        return soma_fill_fail(&r->fill, "the body is malformed in \"", whole,
                              "\"");
    }

    for (i = 0; i < n; i++) {

        if (values[i].type == SOMA_JSON_NULL) {
            continue;
        }

        member = table[i];

        if (soma_gemini_request_path(r, table[i].name, &member.name)
            != SOMA_OK)
        {
            return SOMA_ERROR;
        }

        if (member.read(&r->fill, &member, &values[i]) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    r->path = before;

    return SOMA_OK;
}


/* a member's name with those before it */

static int
soma_gemini_request_path(soma_gemini_fill_t *r, soma_str_t name,
    soma_str_t *whole)
{
    soma_pieces_t  out;

    *whole = name;

    if (r->path.len == 0) {
        return SOMA_OK;
    }

    soma_pieces_init(&out, r->fill.arena);
    soma_pieces_put(&out, r->path.data, r->path.len);
    soma_pieces_put(&out, name.data, name.len);

    return soma_pieces_whole(&out, whole);
}


int
soma_gemini_request_other(soma_gemini_fill_t *r, soma_str_t name,
    soma_str_t raw)
{
    soma_str_t  whole;

    if (soma_gemini_request_path(r, name, &whole) != SOMA_OK) {
        return SOMA_ERROR;
    }

    if (soma_inner_other(r->fill.request, whole, raw) != SOMA_OK) {
        *r->fill.error = "the request has more than 64 members that are not "
                         "known";
        return SOMA_ERROR;
    }

    return SOMA_OK;
}


int
soma_gemini_request_read(soma_inner_request_t *request, soma_arena_t *arena,
    soma_str_t body, const char **error)
{
    soma_gemini_fill_t  r;

    memset(&r, 0, sizeof(r));

    if (soma_fill_init(&r.fill, request, arena, error, &body) != SOMA_OK) {
        return SOMA_ERROR;
    }

    return soma_gemini_request_whole(&r, body);
}


static int
soma_gemini_request_whole(soma_gemini_fill_t *r, soma_str_t body)
{
    return soma_gemini_request_fill(r, body, "", soma_gemini_request_members,
                            sizeof(soma_gemini_request_members)
                            / sizeof(soma_gemini_request_members[0]));
}


/* of countTokens: a request within */

static int
soma_gemini_request_inner(soma_fill_t *fill, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    soma_gemini_fill_t  *r;
    soma_json_value_t    more;

    (void) member;

    r = (soma_gemini_fill_t *) fill;

    if (soma_gemini_get(value->text, "generateContentRequest", &more)
        == SOMA_OK)
    {
        *fill->error = "\"generateContentRequest\" stands in another one";
        return SOMA_ERROR;
    }

    return soma_gemini_request_whole(r, value->text);
}


/* an empty one says nothing, and clients write it */

static int
soma_gemini_request_list(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  v;

    if (soma_json_first(&it, value->text) == SOMA_OK && !it.object
        && soma_json_next(&it, &name, &v) == SOMA_DONE)
    {
        return SOMA_OK;
    }

    return soma_gemini_request_other((soma_gemini_fill_t *) r, member->name,
                                     value->text);
}


/* in the words that all have */

static int
soma_gemini_request_tier(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    soma_str_t           word;
    soma_inner_value_t  *kept;

    if (soma_fill_inside(value, &word) != SOMA_OK) {
        return soma_fill_fail(r, "\"", member->name, "\" must be a string");
    }

    if (soma_str_case_is(word, "unspecified")) {
        return SOMA_OK;
    }

    kept = &r->request->member[SOMA_INNER_TIER];
    kept->name = member->name;
    kept->raw = soma_str_case_is(word, "standard") ? SOMA_STR("\"default\"")
                : soma_str_case_is(word, "flex") ? SOMA_STR("\"flex\"")
                : soma_str_case_is(word, "priority")
                ? SOMA_STR("\"priority\"") : value->text;

    return SOMA_OK;
}


int
soma_gemini_request_embeddings(soma_inner_request_t *request,
    soma_arena_t *arena, soma_str_t body, unsigned batch, const char **error)
{
    int                 rc;
    soma_str_t          name;
    soma_json_iter_t    it;
    soma_json_value_t   requests, each;
    soma_gemini_fill_t  r;

    memset(&r, 0, sizeof(r));

    if (soma_fill_init(&r.fill, request, arena, error, &body) != SOMA_OK) {
        return SOMA_ERROR;
    }

    request->task = SOMA_INNER_INPUTS;

    if (!batch) {
        return soma_gemini_request_input(&r, body);
    }

    if (soma_gemini_get(body, "requests", &requests) != SOMA_OK
        || requests.type != SOMA_JSON_ARRAY
        || soma_json_first(&it, requests.text) != SOMA_OK)
    {
        *error = "\"requests\" must be an array of requests with a "
                 "\"content\" each";
        return SOMA_ERROR;
    }

    while ((rc = soma_json_next(&it, &name, &each)) == SOMA_OK) {
        if (soma_gemini_request_input(&r, each.text) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    if (rc != SOMA_DONE) {
        *error = "\"requests\" is malformed";
        return SOMA_ERROR;
    }

    return SOMA_OK;
}


/* what is said of one of them is said of all: others have it once */

static int
soma_gemini_request_input(soma_gemini_fill_t *r, soma_str_t request)
{
    unsigned               i, k, n;
    soma_json_value_t      content;
    soma_inner_request_t  *inner;

    if (soma_gemini_get(request, "content", &content) != SOMA_OK) {
        *r->fill.error = "each request must have a \"content\"";
        return SOMA_ERROR;
    }

    inner = r->fill.request;
    n = inner->nothers;

    if (soma_gemini_request_fill(r, request, "", soma_gemini_request_inputs,
                         sizeof(soma_gemini_request_inputs)
                         / sizeof(soma_gemini_request_inputs[0]))
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    for (i = n; i < inner->nothers; i++) {

        for (k = 0; k < n; k++) {

            if (!soma_str_eq(inner->other[k].name, inner->other[i].name)) {
                continue;
            }

            if (!soma_str_eq(inner->other[k].raw, inner->other[i].raw)) {
                return soma_fill_fail(&r->fill, "\"", inner->other[k].name,
                                      "\" is not the same in all "
                                      "\"requests\"");
            }

            inner->other[i--] = inner->other[--inner->nothers];
            break;
        }
    }

    return SOMA_OK;
}


static int
soma_gemini_request_content(soma_fill_t *fill,
    const soma_fill_member_t *member, soma_json_value_t *value)
{
    soma_inner_turn_t    *turn;
    soma_inner_block_t  **last;

    (void) member;

    turn = soma_fill_turn(fill, SOMA_INNER_USER);
    if (turn == NULL) {
        return SOMA_ERROR;
    }

    last = &turn->blocks;

    return soma_gemini_turns_parts((soma_gemini_fill_t *) fill, &last,
                                   value->text, 0);
}
