
/*
 * Copyright (C) The ngx_soma authors
 *
 * The tenants of a writer, for soma_ship_writer.c alone.
 */


#ifndef SOMA_SHIP_TENANT_H
#define SOMA_SHIP_TENANT_H


#include "soma_ship_writer.h"


/* one that is not known is made; NULL: no room */
soma_ship_tenant_t *soma_ship_tenant_get(soma_ship_writer_t *w,
    soma_str_t name);

void soma_ship_tenant_remove(soma_ship_writer_t *w, soma_ship_tenant_t *t);
soma_str_t soma_ship_tenant_name(soma_ship_tenant_t *t);

/* its records from "seq" on wait, until then at least (ms) */
void soma_ship_tenant_hold(soma_ship_writer_t *w, soma_ship_tenant_t *t,
    uint64_t seq, int64_t retry);

/* Redis is to be asked how far it has them, or told to forget */
void soma_ship_tenant_mark(soma_ship_writer_t *w, soma_ship_tenant_t *t,
    unsigned check, unsigned forget);


#endif /* SOMA_SHIP_TENANT_H */
