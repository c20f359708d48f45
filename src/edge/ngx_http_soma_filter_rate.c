
/*
 * Copyright (C) The ngx_soma authors
 *
 * How much is left, in headers of every answer.
 */


#include "ngx_http_soma_filter.h"


#define NGX_HTTP_SOMA_RATE_VALUES  256      /* bytes of all that is written */


static ngx_int_t ngx_http_soma_add_amount(ngx_http_request_t *r,
    const ngx_str_t *name, soma_out_t *out, ngx_uint_t amount, int64_t n);
static ngx_int_t ngx_http_soma_add_duration(ngx_http_request_t *r,
    const ngx_str_t *name, soma_out_t *out, int64_t ms);


static const struct {
    ngx_uint_t  amount;
    ngx_str_t   limit;
    ngx_str_t   remaining;
    ngx_str_t   reset;
} ngx_http_soma_rate_names[] = {
    { SOMA_REQUESTS,
      ngx_string("x-ratelimit-limit-requests"),
      ngx_string("x-ratelimit-remaining-requests"),
      ngx_string("x-ratelimit-reset-requests") },
    { SOMA_TOKENS,
      ngx_string("x-ratelimit-limit-tokens"),
      ngx_string("x-ratelimit-remaining-tokens"),
      ngx_string("x-ratelimit-reset-tokens") },
    { SOMA_COST,
      ngx_string("x-ratelimit-limit-cost"),
      ngx_string("x-ratelimit-remaining-cost"),
      ngx_string("x-ratelimit-reset-cost") }
};

#define NGX_HTTP_SOMA_RATE_NAMES                                              \
    (sizeof(ngx_http_soma_rate_names) / sizeof(ngx_http_soma_rate_names[0]))


ngx_int_t
ngx_http_soma_filter_rate_headers(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx)
{
    u_char                *p;
    soma_out_t             out;
    ngx_uint_t             i, amount;
    ngx_http_soma_rate_t  *rate;

    if (ctx->rate[SOMA_REQUESTS].limit == 0
        && ctx->rate[SOMA_TOKENS].limit == 0
        && ctx->rate[SOMA_COST].limit == 0)
    {
        return NGX_OK;
    }

    /* a provider's own count is about our account, not about the key */

    ngx_http_soma_filter_drop_headers(r, "x-ratelimit-");

    p = ngx_pnalloc(r->pool, NGX_HTTP_SOMA_RATE_VALUES);
    if (p == NULL) {
        return NGX_ERROR;
    }

    soma_put_init(&out, p, NGX_HTTP_SOMA_RATE_VALUES);

    for (i = 0; i < NGX_HTTP_SOMA_RATE_NAMES; i++) {

        amount = ngx_http_soma_rate_names[i].amount;
        rate = &ctx->rate[amount];

        if (rate->limit == 0) {
            continue;
        }

        if (ngx_http_soma_add_amount(r, &ngx_http_soma_rate_names[i].limit,
                                     &out, amount, rate->limit)
            != NGX_OK
            || ngx_http_soma_add_amount(r,
                                        &ngx_http_soma_rate_names[i].remaining,
                                        &out, amount, rate->remaining)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        /* what never fills again has no time to tell */

        if (rate->reset_ms >= 0
            && ngx_http_soma_add_duration(r,
                                          &ngx_http_soma_rate_names[i].reset,
                                          &out, rate->reset_ms)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* counts as they are, money in USD */
static ngx_int_t
ngx_http_soma_add_amount(ngx_http_request_t *r, const ngx_str_t *name,
    soma_out_t *out, ngx_uint_t amount, int64_t n)
{
    u_char  *p;

    p = out->pos;
    soma_rule_put_amount(out, amount, n);

    return ngx_http_soma_filter_add_header(r, name, p, out->pos - p);
}


/* as OpenAI writes it: 120ms, 1s, 6m0s, 1h0m0s */
static ngx_int_t
ngx_http_soma_add_duration(ngx_http_request_t *r, const ngx_str_t *name,
    soma_out_t *out, int64_t ms)
{
    u_char   *p;
    int64_t   s;

    s = (ms + 999) / 1000;
    p = out->pos;

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

    return ngx_http_soma_filter_add_header(r, name, p, out->pos - p);
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
