
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_fill.h"
#include "soma_mend.h"


static int soma_fill_other(soma_fill_t *r, soma_str_t name,
    soma_json_value_t *value);


int
soma_fill_init(soma_fill_t *r, soma_inner_request_t *request,
    soma_arena_t *arena, const char **error, soma_str_t *body)
{
    soma_inner_request_init(request);

    *error = NULL;

    r->request = request;
    r->arena = arena;
    r->error = error;
    r->system = &request->system;
    r->turns = &request->turns;
    r->nblocks = 0;
    r->calls = NULL;

    return soma_mend_body(arena, body);
}


int
soma_fill_object(soma_fill_t *r, soma_str_t object,
    const soma_fill_member_t *table, size_t n)
{
    int                rc;
    size_t             i;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  value, values[SOMA_FILL_MEMBERS_MAX];

    if (soma_json_first(&it, object) != SOMA_OK || !it.object) {
        *r->error = "the body is no JSON object";
        return SOMA_ERROR;
    }

    for (i = 0; i < n; i++) {
        values[i].type = SOMA_JSON_NULL;
    }

    while ((rc = soma_json_next(&it, &name, &value)) == SOMA_OK) {

        for (i = 0; i < n; i++) {
            if (soma_str_eq(name, table[i].name)) {
                break;
            }
        }

        if (i < n) {
            values[i] = value;

        } else if (value.type != SOMA_JSON_NULL
                   && soma_fill_other(r, name, &value) != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    if (rc != SOMA_DONE) {
        *r->error = "the body is malformed";
        return SOMA_ERROR;
    }

    for (i = 0; i < n; i++) {
        if (values[i].type != SOMA_JSON_NULL
            && table[i].read(r, &table[i], &values[i]) != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    return SOMA_OK;
}


static int
soma_fill_other(soma_fill_t *r, soma_str_t name, soma_json_value_t *value)
{
    if (soma_inner_other(r->request, name, value->text) != SOMA_OK) {
        *r->error = "the request has more than 64 members that are not known";
        return SOMA_ERROR;
    }

    return SOMA_OK;
}


int
soma_fill_value(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    soma_inner_value_t  *kept;

    kept = &r->request->member[member->member];

    kept->name = member->name;
    kept->raw = value->text;

    return SOMA_OK;
}


int
soma_fill_skip(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    (void) r;
    (void) member;
    (void) value;

    return SOMA_OK;
}


int
soma_fill_stop(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    soma_str_t             name;
    soma_json_iter_t       it;
    soma_json_value_t      stop;
    soma_inner_request_t  *request;

    request = r->request;
    request->stop_member = member->name;

    if (soma_fill_inside(value, &request->stops[0]) == SOMA_OK) {
        request->nstops = 1;
        return SOMA_OK;
    }

    if (soma_json_first(&it, value->text) != SOMA_OK || it.object) {
        return soma_fill_fail(r, "\"", member->name,
                              "\" must be a string or an array of strings");
    }

    while (soma_json_next(&it, &name, &stop) == SOMA_OK) {

        if (request->nstops == SOMA_INNER_STOPS_MAX
            || soma_fill_inside(&stop, &request->stops[request->nstops])
               != SOMA_OK)
        {
            return soma_fill_fail(r, "\"", member->name,
                                  "\" must be a string or an array of up to "
                                  "16 strings");
        }

        request->nstops++;
    }

    return SOMA_OK;
}


int
soma_fill_labels(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    soma_str_t             name;
    soma_json_iter_t       it;
    soma_json_value_t      v;
    soma_inner_label_t    *label;
    soma_inner_request_t  *request;

    request = r->request;

    if (value->type != SOMA_JSON_OBJECT
        || soma_json_first(&it, value->text) != SOMA_OK)
    {
        return soma_fill_fail(r, "\"", member->name, "\" must be an object");
    }

    request->labels = r->arena->alloc(r->arena->data,
                                      SOMA_INNER_LABELS_MAX
                                      * sizeof(soma_inner_label_t));
    if (request->labels == NULL) {
        return SOMA_ERROR;
    }

    request->label_member = member->name;

    while (soma_json_next(&it, &name, &v) == SOMA_OK) {

        if (request->nlabels == SOMA_INNER_LABELS_MAX) {
            return soma_fill_fail(r, "\"", member->name,
                                  "\" has more than 64 members");
        }

        label = &request->labels[request->nlabels++];
        label->name = name;

        if (soma_fill_inside(&v, &label->value) != SOMA_OK) {
            return soma_fill_fail(r, "the members of \"", member->name,
                                  "\" must be strings");
        }
    }

    return SOMA_OK;
}


soma_inner_turn_t *
soma_fill_turn(soma_fill_t *r, soma_inner_role_e role)
{
    if (r->request->nturns == SOMA_INNER_TURNS_MAX) {
        *r->error = "the conversation has more than 8192 turns";
        return NULL;
    }

    r->request->nturns++;

    return soma_inner_turn(r->arena, &r->turns, role);
}


soma_inner_block_t *
soma_fill_block(soma_fill_t *r, soma_inner_block_t ***last,
    soma_inner_kind_e kind)
{
    if (r->nblocks == SOMA_INNER_BLOCKS_MAX) {
        *r->error = "the conversation has more than 65536 parts";
        return NULL;
    }

    r->nblocks++;

    return soma_inner_block(r->arena, last, kind);
}


int
soma_fill_fail(soma_fill_t *r, const char *before, soma_str_t name,
    const char *after)
{
    char        *p;
    soma_out_t   out;

    p = r->arena->alloc(r->arena->data, SOMA_FILL_ERROR_MAX);

    if (p != NULL) {
        soma_put_init(&out, p, SOMA_FILL_ERROR_MAX - 1);
        soma_put_cstr(&out, before);
        soma_put_str(&out, name);
        soma_put_cstr(&out, after);
        *out.pos = '\0';
    }

    *r->error = p;

    return SOMA_ERROR;
}


int
soma_fill_inside(soma_json_value_t *value, soma_str_t *text)
{
    if (value->type != SOMA_JSON_STRING) {
        return SOMA_DECLINED;
    }

    text->data = value->text.data + 1;
    text->len = value->text.len - 2;

    return SOMA_OK;
}


int
soma_fill_text(soma_str_t object, const char *name, soma_str_t *text)
{
    soma_json_value_t  value;

    text->len = 0;
    text->data = NULL;

    if (soma_json_get(object, name, &value) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    return soma_fill_inside(&value, text);
}


int
soma_fill_name(soma_fill_t *r, soma_str_t object, const char *name,
    soma_str_t *text)
{
    soma_json_value_t  value;

    text->len = 0;
    text->data = NULL;

    if (soma_json_get(object, name, &value) != SOMA_OK
        || value.type != SOMA_JSON_STRING
        || soma_json_text(r->arena, &value, text) != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    return SOMA_OK;
}


soma_inner_cache_e
soma_fill_cache(soma_str_t object)
{
    soma_json_value_t  value;

    if (soma_json_get(object, "cache_control", &value) != SOMA_OK) {
        return SOMA_INNER_CACHE_NONE;
    }

    return soma_fill_cache_point(&value);
}


soma_inner_cache_e
soma_fill_cache_point(soma_json_value_t *value)
{
    soma_str_t  ttl;

    if (value->type != SOMA_JSON_OBJECT) {
        return SOMA_INNER_CACHE_NONE;
    }

    (void) soma_fill_text(value->text, "ttl", &ttl);

    return soma_str_is(ttl, "1h") ? SOMA_INNER_CACHE_1H
                                  : SOMA_INNER_CACHE_5M;
}


int
soma_fill_call(soma_fill_t *r, soma_inner_block_t *block)
{
    size_t              size;
    soma_fill_call_t   *call, **chain;

    if (r->calls == NULL) {
        size = SOMA_FILL_CALLS * sizeof(soma_fill_call_t *);

        r->calls = r->arena->alloc(r->arena->data, size);
        if (r->calls == NULL) {
            return SOMA_ERROR;
        }

        memset(r->calls, 0, size);
    }

    call = r->arena->alloc(r->arena->data, sizeof(soma_fill_call_t));
    if (call == NULL) {
        return SOMA_ERROR;
    }

    chain = &r->calls[soma_str_hash(block->id.data, block->id.len)
                      % SOMA_FILL_CALLS];

    call->block = block;
    call->next = *chain;
    *chain = call;

    return SOMA_OK;
}


/* a chain is short, unless somebody made up ids so that it is not */

soma_inner_block_t *
soma_fill_called(soma_fill_t *r, soma_str_t id)
{
    unsigned           n;
    soma_fill_call_t  *call;

    if (r->calls == NULL) {
        return NULL;
    }

    call = r->calls[soma_str_hash(id.data, id.len) % SOMA_FILL_CALLS];

    for (n = 0; call != NULL && n < SOMA_FILL_CHAIN_MAX; n++) {
        if (soma_str_eq(call->block->id, id)) {
            return call->block;
        }

        call = call->next;
    }

    return NULL;
}
