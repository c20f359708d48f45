
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_read.h"


static int soma_read_other(soma_read_t *r, soma_str_t name,
    soma_json_value_t *value);


int
soma_read_object(soma_read_t *r, soma_str_t object,
    const soma_read_member_t *table, size_t n)
{
    int                rc;
    size_t             i;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  value;

    if (soma_json_first(&it, object) != SOMA_OK || !it.object) {
        *r->error = "the body is no JSON object";
        return SOMA_ERROR;
    }

    for ( ;; ) {
        rc = soma_json_next(&it, &name, &value);

        if (rc == SOMA_DONE) {
            return SOMA_OK;
        }

        if (rc != SOMA_OK) {
            *r->error = "the body is malformed";
            return SOMA_ERROR;
        }

        if (value.type == SOMA_JSON_NULL) {
            continue;
        }

        for (i = 0; i < n; i++) {
            if (soma_str_eq(name, table[i].name)) {
                break;
            }
        }

        rc = (i < n) ? table[i].read(r, &table[i], &value)
                     : soma_read_other(r, name, &value);

        if (rc != SOMA_OK) {
            return SOMA_ERROR;
        }
    }
}


static int
soma_read_other(soma_read_t *r, soma_str_t name, soma_json_value_t *value)
{
    if (soma_inner_other(r->request, name, value->text) != SOMA_OK) {
        *r->error = "the request has more than 64 members that are not known";
        return SOMA_ERROR;
    }

    return SOMA_OK;
}


int
soma_read_value(soma_read_t *r, const soma_read_member_t *member,
    soma_json_value_t *value)
{
    soma_inner_value_t  *kept;

    kept = &r->request->member[member->member];

    kept->name = member->name;
    kept->raw = value->text;

    return SOMA_OK;
}


int
soma_read_skip(soma_read_t *r, const soma_read_member_t *member,
    soma_json_value_t *value)
{
    (void) r;
    (void) member;
    (void) value;

    return SOMA_OK;
}


int
soma_read_stop(soma_read_t *r, const soma_read_member_t *member,
    soma_json_value_t *value)
{
    soma_str_t             name;
    soma_json_iter_t       it;
    soma_json_value_t      stop;
    soma_inner_request_t  *request;

    request = r->request;
    request->stop_member = member->name;

    if (soma_read_inside(value, &request->stops[0]) == SOMA_OK) {
        request->nstops = 1;
        return SOMA_OK;
    }

    if (soma_json_first(&it, value->text) != SOMA_OK || it.object) {
        return soma_read_fail(r, "\"", member->name,
                              "\" must be a string or an array of strings");
    }

    while (soma_json_next(&it, &name, &stop) == SOMA_OK) {

        if (request->nstops == SOMA_INNER_STOPS_MAX
            || soma_read_inside(&stop, &request->stops[request->nstops])
               != SOMA_OK)
        {
            return soma_read_fail(r, "\"", member->name,
                                  "\" must be a string or an array of up to "
                                  "16 strings");
        }

        request->nstops++;
    }

    return SOMA_OK;
}


int
soma_read_labels(soma_read_t *r, const soma_read_member_t *member,
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
        return soma_read_fail(r, "\"", member->name, "\" must be an object");
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
            return soma_read_fail(r, "\"", member->name,
                                  "\" has more than 64 members");
        }

        label = &request->labels[request->nlabels++];
        label->name = name;

        if (soma_read_inside(&v, &label->value) != SOMA_OK) {
            return soma_read_fail(r, "the members of \"", member->name,
                                  "\" must be strings");
        }
    }

    return SOMA_OK;
}


soma_inner_turn_t *
soma_read_turn(soma_read_t *r, soma_inner_role_e role)
{
    if (r->request->nturns == SOMA_INNER_TURNS_MAX) {
        *r->error = "the conversation has more than 8192 turns";
        return NULL;
    }

    r->request->nturns++;

    return soma_inner_turn(r->arena, &r->turns, role);
}


soma_inner_block_t *
soma_read_block(soma_read_t *r, soma_inner_block_t ***last,
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
soma_read_fail(soma_read_t *r, const char *before, soma_str_t name,
    const char *after)
{
    char        *p;
    soma_out_t   out;

    p = r->arena->alloc(r->arena->data, SOMA_READ_ERROR_MAX);

    if (p != NULL) {
        soma_out_init(&out, p, SOMA_READ_ERROR_MAX - 1);
        soma_put_cstr(&out, before);
        soma_put_str(&out, name);
        soma_put_cstr(&out, after);
        *out.pos = '\0';
    }

    *r->error = p;

    return SOMA_ERROR;
}


int
soma_read_inside(soma_json_value_t *value, soma_str_t *text)
{
    if (value->type != SOMA_JSON_STRING) {
        return SOMA_DECLINED;
    }

    text->data = value->text.data + 1;
    text->len = value->text.len - 2;

    return SOMA_OK;
}


int
soma_read_text(soma_str_t object, const char *name, soma_str_t *text)
{
    soma_json_value_t  value;

    text->len = 0;
    text->data = NULL;

    if (soma_json_get(object, name, &value) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    return soma_read_inside(&value, text);
}


int
soma_read_name(soma_read_t *r, soma_str_t object, const char *name,
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


soma_inner_block_t *
soma_read_called(soma_inner_request_t *request, soma_str_t id)
{
    soma_inner_turn_t   *turn;
    soma_inner_block_t  *block, *found;

    found = NULL;

    for (turn = request->turns; turn; turn = turn->next) {

        if (turn->role != SOMA_INNER_ASSISTANT) {
            continue;
        }

        for (block = turn->blocks; block; block = block->next) {
            if (block->kind == SOMA_INNER_CALL && soma_str_eq(block->id, id)) {
                found = block;
            }
        }
    }

    return found;
}
