
/*
 * Copyright (C) The ngx_soma authors
 *
 * Which tenant was given which stored response, and by whom: in Redis for all
 * nodes, in the shared zone without it.
 */


#ifndef NGX_HTTP_SOMA_OWN_H
#define NGX_HTTP_SOMA_OWN_H


#include "ngx_http_soma.h"


/* OpenAI keeps a response for 30 days */
#define NGX_HTTP_SOMA_OWN_TTL    (30 * 86400)   /* s, in Redis and the zone */
#define NGX_HTTP_SOMA_OWN_BRIEF  60             /* s, in the zone beside
                                                   Redis: till it has come to
                                                   all nodes */


/* 1: no other tenant can be meant, one is all there is */
ngx_uint_t ngx_http_soma_own_alone(ngx_http_soma_ctx_t *ctx);

/*
 * Looks for an id that the tenant was given: NGX_OK, ctx->object.own is set;
 * NGX_DECLINED: it was not; NGX_BUSY: nobody can tell now; NGX_AGAIN: the
 * request waits, "next" will be called with one of the others; NGX_ERROR.
 */
ngx_int_t ngx_http_soma_own_find(ngx_http_soma_ctx_t *ctx, soma_str_t id,
    ngx_http_soma_resume_pt next);

/* the response that the tenant is being given, if it is kept */
void ngx_http_soma_own_note(ngx_http_soma_ctx_t *ctx);


#endif /* NGX_HTTP_SOMA_OWN_H */
