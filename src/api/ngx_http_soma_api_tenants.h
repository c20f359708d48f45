
/*
 * Copyright (C) The ngx_soma authors
 *
 * What the files of the endpoints of tenants share.
 */


#ifndef NGX_HTTP_SOMA_API_TENANTS_H
#define NGX_HTTP_SOMA_API_TENANTS_H


#include "ngx_http_soma_manage.h"


/* the list, one of them, and one that was deleted, as answers */
void ngx_http_soma_api_tenants_write(soma_out_t *out, void *data);
void ngx_http_soma_api_tenants_write_item(soma_out_t *out, void *data);
void ngx_http_soma_api_tenants_write_gone(soma_out_t *out, void *data);

/* its block in the configuration, or NULL */
ngx_http_soma_tenant_t *ngx_http_soma_api_tenants_block(
    ngx_http_soma_manage_t *m, soma_str_t name);


#endif /* NGX_HTTP_SOMA_API_TENANTS_H */
