
/*
 * Copyright (C) The ngx_soma authors
 *
 * What of a request a target of another dialect cannot be told: named where it
 * is left out, and the reason to ask the next one where it may not be.
 */


#include "ngx_http_soma_attempt.h"


#define NGX_HTTP_SOMA_DROPPED_MAX  512      /* bytes of x-soma-dropped */


/* what was left out, by the names that the client gave: they go into a
 * header, so that none of them may break its line */

ngx_int_t
ngx_http_soma_translate_loss_dropped(ngx_http_soma_attempt_t *a,
    soma_inner_loss_t *loss)
{
    u_char      *p, c;
    size_t       len, k;
    unsigned     i;
    ngx_str_t   *dropped;
    soma_str_t   name;

    dropped = &a->ctx->dropped;
    ngx_str_null(dropped);
    len = 0;

    for (i = 0; i < loss->ndropped; i++) {
        len += loss->dropped[i].len + 2;
    }

    if (len == 0) {
        return NGX_OK;
    }

    len = ngx_min(len, NGX_HTTP_SOMA_DROPPED_MAX);

    p = ngx_pnalloc(a->ctx->request->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    dropped->data = p;

    for (i = 0; i < loss->ndropped; i++) {
        name = loss->dropped[i];

        if ((size_t) (p - dropped->data) + name.len + 2 > len) {
            break;
        }

        if (i != 0) {
            *p++ = ',';
            *p++ = ' ';
        }

        for (k = 0; k < name.len; k++) {
            c = name.data[k];
            *p++ = (c > ' ' && c < 0x7f && c != ',') ? c : '_';
        }
    }

    dropped->len = p - dropped->data;

    ngx_http_soma_log(NGX_LOG_INFO, a->ctx->request->connection->log, 0,
                      "soma: left out for provider \"%V\": %V",
                      &a->provider->name, dropped);

    return NGX_OK;
}


/* the client is told where no other target is left to ask */

ngx_int_t
ngx_http_soma_translate_loss_unsaid(ngx_http_soma_attempt_t *a,
    const char *code, const char *why)
{
    ngx_http_soma_ctx_t  *ctx;

    ctx = a->ctx;

    ngx_http_soma_log(NGX_LOG_INFO, ctx->request->connection->log, 0,
                      "soma: model \"%V\" of provider \"%V\" is passed over: "
                      "%s", &ctx->model->name, &a->provider->name, why);

    if (ctx->plan.next >= ctx->plan.n) {
        (void) ngx_http_soma_fault(ctx, SOMA_FAULT_BAD_REQUEST, code,
                                   "model \"%V\" cannot be asked this: %s",
                                   &ctx->model->name, why);
    }

    return NGX_DECLINED;
}


/* a member of the request that this target has no place for */

ngx_int_t
ngx_http_soma_translate_loss_lost(ngx_http_soma_attempt_t *a,
    soma_inner_loss_t *loss)
{
    u_char  why[NGX_HTTP_SOMA_NOTE_MAX];

    ngx_snprintf(why, sizeof(why), "\"%*s\" %s%Z",
                 ngx_min(loss->refused.len, NGX_HTTP_SOMA_NOTE_MAX / 2),
                 loss->refused.data, loss->why);
    why[sizeof(why) - 1] = '\0';

    return ngx_http_soma_translate_loss_unsaid(a, "unsupported_parameter",
                                          (char *) why);
}
