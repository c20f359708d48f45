
/*
 * Copyright (C) The ngx_soma authors
 *
 * The tenants that a writer knows: found by name, made, forgotten, and what
 * is counted of them in the writer.
 */


#include "soma_ship_tenant.h"
#include "soma_xxh3.h"


static soma_ship_tenant_t *soma_ship_tenant_find(soma_ship_writer_t *w,
    soma_str_t name);
static soma_ship_tenant_t *soma_ship_tenant_unused(soma_ship_writer_t *w);


soma_ship_tenant_t *
soma_ship_tenant_get(soma_ship_writer_t *w, soma_str_t name)
{
    uint64_t             hash;
    soma_ship_tenant_t  *t, **chain;

    t = soma_ship_tenant_find(w, name);
    if (t != NULL) {
        return t;
    }

    t = soma_ship_tenant_unused(w);
    if (t == NULL) {
        return NULL;
    }

    memset(t, 0, offsetof(soma_ship_tenant_t, name));
    memcpy(t->name, name.data, name.len);
    t->len = (uint16_t) name.len;
    t->known = w->fresh;

    hash = soma_xxh3_mix(name.data, name.len);
    chain = &w->chains[hash & (SOMA_SHIP_TENANT_CHAINS - 1)];
    t->next = *chain;
    *chain = t;
    w->ntenants++;

    return t;
}


static soma_ship_tenant_t *
soma_ship_tenant_find(soma_ship_writer_t *w, soma_str_t name)
{
    uint64_t             hash;
    soma_ship_tenant_t  *t;

    hash = soma_xxh3_mix(name.data, name.len);

    for (t = w->chains[hash & (SOMA_SHIP_TENANT_CHAINS - 1)];
         t != NULL;
         t = t->next)
    {
        if (t->len == name.len && soma_same(t->name, name.data, name.len)) {
            return t;
        }
    }

    return NULL;
}


/* a tenant nothing of which waits may leave: it is asked for when it comes
 * again */
static soma_ship_tenant_t *
soma_ship_tenant_unused(soma_ship_writer_t *w)
{
    unsigned             i;
    soma_ship_tenant_t  *t;

    if (w->unused == NULL && w->ntenants < SOMA_SHIP_TENANTS_MAX) {
        return w->arena->alloc(w->arena->data, sizeof(soma_ship_tenant_t));
    }

    for (i = 0; i < SOMA_SHIP_TENANT_CHAINS && w->unused == NULL; i++) {
        for (t = w->chains[i]; t != NULL; t = t->next) {
            if (t->held == 0 && t->known && t->nrefs == 0 && !t->behind
                && t->call == SOMA_SHIP_NONE && t->applied >= t->last)
            {
                soma_ship_tenant_remove(w, t);
                break;
            }
        }
    }

    t = w->unused;

    if (t != NULL) {
        w->unused = t->next;
    }

    return t;
}


void
soma_ship_tenant_remove(soma_ship_writer_t *w, soma_ship_tenant_t *t)
{
    uint64_t              hash;
    soma_ship_tenant_t  **p;

    hash = soma_xxh3_mix(t->name, t->len);

    for (p = &w->chains[hash & (SOMA_SHIP_TENANT_CHAINS - 1)];
         *p != t;
         p = &(*p)->next)
    {
        /* void */
    }

    soma_ship_tenant_mark(w, t, 0, 0);

    *p = t->next;
    t->next = w->unused;
    w->unused = t;
    w->ntenants--;
}


soma_str_t
soma_ship_tenant_name(soma_ship_tenant_t *t)
{
    return (soma_str_t) { t->len, t->name };
}


void
soma_ship_tenant_hold(soma_ship_writer_t *w, soma_ship_tenant_t *t,
    uint64_t seq, int64_t retry)
{
    if (t->held == 0) {
        w->nheld++;
        t->held = seq;

    } else if (seq < t->held) {
        t->held = seq;
    }

    t->retry = retry;

    if (t->behind) {
        t->behind = 0;
        w->nbehind--;
    }
}


void
soma_ship_tenant_mark(soma_ship_writer_t *w, soma_ship_tenant_t *t,
    unsigned check, unsigned forget)
{
    if ((check || forget) && !t->check && !t->forget) {
        w->nasks++;

    } else if (!check && !forget && (t->check || t->forget)) {
        w->nasks--;
    }

    t->check = check & 1;
    t->forget = forget & 1;
}
