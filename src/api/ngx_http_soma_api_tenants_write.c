
/*
 * Copyright (C) The ngx_soma authors
 *
 * Tenants as the endpoints tell them.
 */


#include "ngx_http_soma_manage.h"
#include "ngx_http_soma_api_tenants.h"
#include "ngx_http_soma_cache.h"


static void ngx_http_soma_tenants_print_over(soma_out_t *out, soma_tenant_t
    *tenant);
static void ngx_http_soma_tenants_print(soma_out_t *out,
    ngx_http_soma_manage_t *m, ngx_http_soma_tenant_row_t *row);
static void ngx_http_soma_tenants_print_limits(soma_out_t *out,
    ngx_http_soma_tenant_t *block);


void
ngx_http_soma_api_tenants_write(soma_out_t *out, void *data)
{
    ngx_http_soma_manage_t *m = data;

    ngx_uint_t                   i;
    ngx_http_soma_tenant_row_t  *row;

    row = m->rows.elts;

    soma_put_char(out, '{');
    soma_member_text(out, "source", m->local ? "configuration" : "redis");
    soma_member_open(out, "tenants", '[');

    for (i = 0; i < m->rows.nelts; i++) {

        if (!row[i].there
            && ngx_http_soma_api_tenants_block(m, row[i].name) == NULL)
        {
            continue;
        }

        ngx_http_soma_tenants_print(out, m, &row[i]);
    }

    soma_put_char(out, ']');
    soma_member(out, "cursor");

    if (m->next.len) {
        soma_put_json_str(out, m->next);

    } else {
        soma_put_cstr(out, "null");
    }

    soma_put_cstr(out, "}\n");
}


void
ngx_http_soma_api_tenants_write_item(soma_out_t *out, void *data)
{
    ngx_http_soma_manage_t *m = data;

    ngx_http_soma_tenants_print(out, m, m->rows.elts);
    soma_put_char(out, '\n');
}


void
ngx_http_soma_api_tenants_write_gone(soma_out_t *out, void *data)
{
    ngx_http_soma_manage_t *m = data;

    soma_put_char(out, '{');
    soma_member_str(out, "name", m->id);
    soma_member_bool(out, "deleted", 1);
    soma_put_cstr(out, "}\n");
}


/* what counts, and where it stands */

static void
ngx_http_soma_tenants_print(soma_out_t *out, ngx_http_soma_manage_t *m,
    ngx_http_soma_tenant_row_t *row)
{
    soma_tenant_t            *tenant;
    ngx_http_soma_tenant_t   *block;

    tenant = &row->tenant;
    block = ngx_http_soma_api_tenants_block(m, row->name);

    soma_member_open(out, NULL, '{');
    soma_member_str(out, "name", row->name);

    if (tenant->has_limits) {
        soma_member_list(out, "limits", tenant->limits, ';');

    } else {
        ngx_http_soma_tenants_print_limits(out, block);
    }

    soma_member_list(out, "models",
                     tenant->has_models || block == NULL
                     ? tenant->models : ngx_http_soma_str(block->models), ' ');
    soma_member_str(out, "tags", tenant->tags);
    soma_member_time(out, "created", row->created);
    soma_member_text(out, "source", !row->there ? "configuration"
                                    : block == NULL ? "redis" : "both");

    if (row->there && block != NULL) {
        ngx_http_soma_tenants_print_over(out, tenant);
    }

    if (tenant->invalid) {
        soma_member_bool(out, "invalid", 1);
    }

    soma_put_char(out, '}');
}


/* of the lines of a block, those that Redis says otherwise */
static void
ngx_http_soma_tenants_print_over(soma_out_t *out, soma_tenant_t *tenant)
{
    soma_member_open(out, "overridden", '[');

    if (tenant->has_limits) {
        soma_member_text(out, NULL, "limits");
    }

    if (tenant->has_models) {
        soma_member_text(out, NULL, "models");
    }

    soma_put_char(out, ']');
}


static void
ngx_http_soma_tenants_print_limits(soma_out_t *out,
    ngx_http_soma_tenant_t *block)
{
    ngx_uint_t     i;
    soma_limit_t  *limit;

    soma_member_open(out, "limits", '[');

    if (block != NULL) {
        limit = block->limits.elts;

        for (i = 0; i < block->limits.nelts; i++) {
            soma_member_str(out, NULL, limit[i].text);
        }
    }

    soma_put_char(out, ']');
}
