
/*
 * Copyright (C) The ngx_soma authors
 *
 * How much is left, in headers of every answer.
 */


#include "ngx_http_soma_filter.h"


#define NGX_HTTP_SOMA_RATE_VALUES  256      /* bytes of all that is written */


static ngx_int_t ngx_http_soma_rate_amount(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx, const soma_rate_names_t *name,
    ngx_uint_t amount, soma_out_t *out);
static ngx_int_t ngx_http_soma_add_amount(ngx_http_request_t *r,
    const soma_str_t *name, soma_out_t *out, ngx_uint_t amount, int64_t n);
static ngx_int_t ngx_http_soma_add_reset(ngx_http_request_t *r,
    soma_reset_e reset, const soma_str_t *name, soma_out_t *out, int64_t ms);
static void ngx_http_soma_put_duration(soma_out_t *out, int64_t ms);
static ngx_int_t ngx_http_soma_add_value(ngx_http_request_t *r,
    const soma_str_t *name, u_char *start, soma_out_t *out);


/* in the order of a dialect's names */
static const ngx_uint_t  ngx_http_soma_rate_amounts[SOMA_RATE_NAMES] = {
    SOMA_REQUESTS, SOMA_TOKENS, SOMA_COST
};


ngx_int_t
ngx_http_soma_filter_rate_headers(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx)
{
    u_char                   *p;
    soma_out_t                out;
    ngx_uint_t                i, amount;
    const soma_rate_names_t  *name;

    if (ctx->rate[SOMA_REQUESTS].limit == 0
        && ctx->rate[SOMA_TOKENS].limit == 0
        && ctx->rate[SOMA_COST].limit == 0)
    {
        return NGX_OK;
    }

    /* a provider's own count is about our account, not about the key */

    ngx_http_soma_filter_drop_headers(r, ctx->client->rate_prefix);

    if (ctx->answered) {
        ngx_http_soma_filter_drop_headers(r,
                                  ctx->model->provider->dialect->rate_prefix);
    }

    p = ngx_pnalloc(r->pool, NGX_HTTP_SOMA_RATE_VALUES);
    if (p == NULL) {
        return NGX_ERROR;
    }

    soma_put_init(&out, p, NGX_HTTP_SOMA_RATE_VALUES);

    for (i = 0; i < SOMA_RATE_NAMES; i++) {

        name = &ctx->client->rate[i];
        amount = ngx_http_soma_rate_amounts[i];

        if (ctx->rate[amount].limit != 0 && name->limit.len != 0
            && ngx_http_soma_rate_amount(r, ctx, name, amount, &out) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_rate_amount(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx,
    const soma_rate_names_t *name, ngx_uint_t amount, soma_out_t *out)
{
    ngx_http_soma_rate_t  *rate;

    rate = &ctx->rate[amount];

    if (ngx_http_soma_add_amount(r, &name->limit, out, amount, rate->limit)
        != NGX_OK
        || ngx_http_soma_add_amount(r, &name->remaining, out, amount,
                                    rate->remaining)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* what never fills again has no time to tell */

    if (rate->reset_ms < 0) {
        return NGX_OK;
    }

    return ngx_http_soma_add_reset(r, ctx->client->reset, &name->reset, out,
                                   rate->reset_ms);
}


/* counts as they are, money in USD */
static ngx_int_t
ngx_http_soma_add_amount(ngx_http_request_t *r, const soma_str_t *name,
    soma_out_t *out, ngx_uint_t amount, int64_t n)
{
    u_char  *p;

    p = out->pos;
    soma_rule_put_amount(out, amount, n);

    return ngx_http_soma_add_value(r, name, p, out);
}


static ngx_int_t
ngx_http_soma_add_reset(ngx_http_request_t *r, soma_reset_e reset,
    const soma_str_t *name, soma_out_t *out, int64_t ms)
{
    u_char  *p;

    p = out->pos;

    if (reset == SOMA_RESET_TIME) {
        soma_put_time(out, ngx_http_soma_now() + ms);

    } else {
        ngx_http_soma_put_duration(out, ms);
    }

    return ngx_http_soma_add_value(r, name, p, out);
}


/* as OpenAI writes it: 120ms, 1s, 6m0s, 1h0m0s */
static void
ngx_http_soma_put_duration(soma_out_t *out, int64_t ms)
{
    int64_t  s;

    s = (ms + 999) / 1000;

    if (ms < 1000) {
        soma_put_int(out, ms);
        soma_put_char(out, 'm');

    } else {

        if (s >= 3600) {
            soma_put_int(out, s / 3600);
            soma_put_char(out, 'h');
        }

        if (s >= 60) {
            soma_put_int(out, s % 3600 / 60);
            soma_put_char(out, 'm');
        }

        soma_put_int(out, s % 60);
    }

    soma_put_char(out, 's');
}


/* the dialect's name is constant and outlives the request */
static ngx_int_t
ngx_http_soma_add_value(ngx_http_request_t *r, const soma_str_t *name,
    u_char *start, soma_out_t *out)
{
    ngx_str_t  s;

    s = ngx_http_soma_ngx(*name);

    return ngx_http_soma_add_header(r, &s, start, out->pos - start);
}


void
ngx_http_soma_filter_drop_headers(ngx_http_request_t *r, const char *prefix)
{
    size_t            len;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    len = ngx_strlen(prefix);

    for (part = &r->headers_out.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].key.len >= len
                && ngx_tolower(h[i].key.data[0]) == (u_char) prefix[0]
                && ngx_strncasecmp(h[i].key.data, (u_char *) prefix, len) == 0)
            {
                h[i].hash = 0;
            }
        }
    }
}
