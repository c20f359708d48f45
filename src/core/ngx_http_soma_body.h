
/*
 * Copyright (C) The ngx_soma authors
 *
 * A request's body as nginx read it.
 */


#ifndef NGX_HTTP_SOMA_BODY_H
#define NGX_HTTP_SOMA_BODY_H


#include "ngx_http_soma.h"


/* the request's body as it lies: the bytes of a span, copied together where
 * they lie apart; for soma_dialect_t */
int ngx_http_soma_body_value(void *data, soma_json_span_t *span,
    soma_str_t *value);

/* the whole body in one piece, in ctx->body */
ngx_int_t ngx_http_soma_body_whole(ngx_http_soma_ctx_t *ctx);

/* the body with edits, as a chain of fresh buffers over the same bytes */
ngx_chain_t *ngx_http_soma_body_chain(ngx_http_soma_ctx_t *ctx,
    soma_json_edits_t *edits);


#endif /* NGX_HTTP_SOMA_BODY_H */
