
/*
 * Copyright (C) The ngx_soma authors
 *
 * What is left, for those who only look.
 */


#ifndef NGX_HTTP_SOMA_QUOTA_LIST_H
#define NGX_HTTP_SOMA_QUOTA_LIST_H


#include "ngx_http_soma_quota.h"


#define NGX_HTTP_SOMA_QUOTAS_SHOWN  4096    /* states of one list */


/* one count; strings lie in the pool */
typedef struct {
    soma_str_t      name;       /* by which rows are sorted, and known */
    soma_str_t      owner;      /* "tenant:acme", "key:ID", "provider:NAME" */
    soma_str_t      scope;      /* "user" */
    soma_str_t      tenant;     /* whose value it is, or empty */
    soma_str_t      value;      /* "alice" */
    soma_str_t      key;        /* in Redis, or empty */
    soma_limit_t    limit;
    int64_t         used;       /* settled, as this node knows */
    int64_t         reserved;   /* by requests in flight here */
    int64_t         untold;     /* used here, and Redis does not know yet */
    int64_t         resets;     /* ms UTC, 0: never, or it is whole */
    unsigned        there:1;    /* this node has a state of it */
} ngx_http_soma_quota_row_t;


/* 1: the row is wanted */
typedef ngx_uint_t (*ngx_http_soma_quota_want_pt)(void *data,
    ngx_http_soma_quota_row_t *row);

/*
 * Of the states this node has those that are wanted, into "rows"
 * (ngx_http_soma_quota_row_t).  NGX_OK; NGX_DECLINED: there are more than are
 * shown; NGX_ERROR.
 */
ngx_int_t ngx_http_soma_quota_list(ngx_http_soma_main_conf_t *smcf,
    ngx_pool_t *pool, ngx_array_t *rows, ngx_http_soma_quota_want_pt want,
    void *data);

/* a row of a limit that has no state here, as far as it is known then: adds
 * it.  NGX_ERROR */
ngx_int_t ngx_http_soma_quota_list_add(ngx_pool_t *pool, ngx_array_t *rows,
    soma_limit_t *limit, soma_str_t owner, soma_str_t tenant,
    soma_str_t value);

/*
 * What is left of a tenant's limit that counts the tenant as a whole, as this
 * node knows: of all nodes where Redis has told it.
 */
int64_t ngx_http_soma_quota_list_left(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_tenant_t *tenant, soma_limit_t *limit);


#endif /* NGX_HTTP_SOMA_QUOTA_LIST_H */
