
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_names.h"
#include "soma_xxh3.h"


#define SOMA_NAMES_HASH  16         /* digits */


static int soma_names_may(const soma_names_t *rule, unsigned char c);
static int soma_names_letter(unsigned char c);


static int
soma_names_letter(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}


static int
soma_names_may(const soma_names_t *rule, unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9')
           || (c != '\0' && strchr(rule->also, c) != NULL);
}


int
soma_names_fit(soma_arena_t *arena, const soma_names_t *rule, soma_str_t name,
    soma_str_t *fit)
{
    size_t          i, keep;
    unsigned char  *p;

    for (i = 0; i < name.len && soma_names_may(rule, name.data[i]); i++) {
        /* void */
    }

    if (i == name.len && name.len <= rule->max && name.len != 0
        && (!rule->letter || soma_names_letter(name.data[0])))
    {
        *fit = name;
        return SOMA_OK;
    }

    /* "t" or a letter of its own, what of it may stand, "_", the hash */

    p = arena->alloc(arena->data, name.len + SOMA_NAMES_HASH + 2);
    if (p == NULL) {
        return SOMA_ERROR;
    }

    fit->data = p;
    keep = rule->max - SOMA_NAMES_HASH - 1;

    if (name.len == 0 || !soma_names_letter(name.data[0])) {
        *p++ = 't';
        keep--;
    }

    for (i = 0; i < name.len && keep != 0; i++, keep--) {
        *p++ = soma_names_may(rule, name.data[i]) ? name.data[i] : '_';
    }

    *p++ = '_';
    p = soma_put_hex64(p, soma_xxh3(&name, 1));

    fit->len = (size_t) (p - fit->data);

    return SOMA_OK;
}


int
soma_names_back(soma_arena_t *arena, const soma_names_t *rule,
    const soma_inner_request_t *request, soma_str_t name, soma_str_t *back,
    const soma_inner_toolset_t **tool)
{
    unsigned    i;
    soma_str_t  fit;

    *back = name;
    *tool = NULL;

    if (request == NULL) {
        return SOMA_OK;
    }

    for (i = 0; i < request->ntools; i++) {

        if (request->tools[i].kind == SOMA_INNER_HOSTED) {
            continue;
        }

        if (soma_names_fit(arena, rule, request->tools[i].name, &fit)
            != SOMA_OK)
        {
            return SOMA_ERROR;
        }

        if (soma_str_eq(fit, name)) {
            *back = request->tools[i].name;
            *tool = &request->tools[i];
            break;
        }
    }

    return SOMA_OK;
}
