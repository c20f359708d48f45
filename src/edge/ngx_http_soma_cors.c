
/*
 * Copyright (C) The ngx_soma authors
 *
 * soma_cors: what a browser's page of another origin may ask and read.  Its
 * preflight brings no key and is answered before one is asked for; the
 * headers go with every answer, for a page that may not read an error cannot
 * tell why it failed.
 */


#include "ngx_http_soma_cors.h"
#include "ngx_http_soma_conf.h"
#include "ngx_http_soma_filter.h"


static ngx_int_t ngx_http_soma_cors_header_filter(ngx_http_request_t *r);
static ngx_str_t *ngx_http_soma_cors_origin(ngx_http_soma_loc_conf_t *slcf,
    ngx_str_t *origin);
static ngx_uint_t ngx_http_soma_cors_is_preflight(ngx_http_request_t *r);
static ngx_int_t ngx_http_soma_cors_allow(ngx_http_request_t *r);
static ngx_str_t *ngx_http_soma_cors_asked(ngx_http_request_t *r);
static ngx_int_t ngx_http_soma_cors_add(ngx_http_request_t *r,
    const ngx_str_t *name, const ngx_str_t *value);
static const char *ngx_http_soma_cors_bad(ngx_str_t *origin);


enum {
    NGX_HTTP_SOMA_CORS_ORIGIN = 0,
    NGX_HTTP_SOMA_CORS_CREDENTIALS,
    NGX_HTTP_SOMA_CORS_EXPOSE,
    NGX_HTTP_SOMA_CORS_METHODS,
    NGX_HTTP_SOMA_CORS_HEADERS,
    NGX_HTTP_SOMA_CORS_AGE,
    NGX_HTTP_SOMA_CORS_VARY
};


static const ngx_str_t  ngx_http_soma_cors_names[] = {
    ngx_string("Access-Control-Allow-Origin"),
    ngx_string("Access-Control-Allow-Credentials"),
    ngx_string("Access-Control-Expose-Headers"),
    ngx_string("Access-Control-Allow-Methods"),
    ngx_string("Access-Control-Allow-Headers"),
    ngx_string("Access-Control-Max-Age"),
    ngx_string("Vary")
};


static ngx_str_t  ngx_http_soma_cors_any = ngx_string("*");

static ngx_str_t  ngx_http_soma_origin = ngx_string("origin");
static ngx_str_t  ngx_http_soma_asked_method =
    ngx_string("access-control-request-method");
static ngx_str_t  ngx_http_soma_asked_headers =
    ngx_string("access-control-request-headers");


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;


ngx_int_t
ngx_http_soma_cors_init(ngx_conf_t *cf)
{
    (void) cf;

    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_soma_cors_header_filter;

    return NGX_OK;
}


ngx_int_t
ngx_http_soma_cors_preflight(ngx_http_request_t *r)
{
    return ngx_http_soma_cors_is_preflight(r) ? NGX_HTTP_NO_CONTENT
                                              : NGX_DECLINED;
}


static ngx_uint_t
ngx_http_soma_cors_is_preflight(ngx_http_request_t *r)
{
    return r->method == NGX_HTTP_OPTIONS
           && ngx_http_soma_header_in(r, &ngx_http_soma_origin)
           && ngx_http_soma_header_in(r, &ngx_http_soma_asked_method);
}


static ngx_int_t
ngx_http_soma_cors_header_filter(ngx_http_request_t *r)
{
    ngx_str_t                 *origin, *allowed;
    const ngx_str_t           *name;
    ngx_http_soma_loc_conf_t  *slcf;

    static const ngx_str_t  yes = ngx_string("true");
    static const ngx_str_t  vary = ngx_string("Origin");
    static const ngx_str_t  expose = ngx_string(
        "x-request-id, x-soma-model, x-soma-provider, x-soma-attempts, "
        "x-soma-route-reason, "
        "x-soma-cost, x-ratelimit-limit-requests, "
        "x-ratelimit-remaining-requests, x-ratelimit-reset-requests, "
        "x-ratelimit-limit-tokens, x-ratelimit-remaining-tokens, "
        "x-ratelimit-reset-tokens, retry-after, x-should-retry");

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_soma_module);

    if (slcf->cors == NULL || r != r->main
        || !(slcf->pass || slcf->access || slcf->api))
    {
        return ngx_http_next_header_filter(r);
    }

    /* a provider's or a service's own word is for other pages */

    ngx_http_soma_filter_drop_headers(r, "access-control-");

    name = ngx_http_soma_cors_names;
    origin = ngx_http_soma_header_in(r, &ngx_http_soma_origin);
    allowed = origin ? ngx_http_soma_cors_origin(slcf, origin) : NULL;

    if (ngx_http_soma_cors_add(r, &name[NGX_HTTP_SOMA_CORS_VARY], &vary)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (allowed == NULL) {
        return ngx_http_next_header_filter(r);
    }

    if (ngx_http_soma_cors_add(r, &name[NGX_HTTP_SOMA_CORS_ORIGIN], allowed)
        != NGX_OK
        || (allowed != &ngx_http_soma_cors_any
            && ngx_http_soma_cors_add(r, &name[NGX_HTTP_SOMA_CORS_CREDENTIALS],
                                      &yes)
               != NGX_OK))
    {
        return NGX_ERROR;
    }

    if (ngx_http_soma_cors_is_preflight(r)) {

        if (ngx_http_soma_cors_allow(r) != NGX_OK) {
            return NGX_ERROR;
        }

    } else if (ngx_http_soma_cors_add(r, &name[NGX_HTTP_SOMA_CORS_EXPOSE],
                                      &expose)
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_next_header_filter(r);
}


/* the origin as it is listed, which a page may send credentials from; "*",
 * which it may not; or NULL */
static ngx_str_t *
ngx_http_soma_cors_origin(ngx_http_soma_loc_conf_t *slcf, ngx_str_t *origin)
{
    ngx_str_t   *listed, *found;
    ngx_uint_t   i;

    found = NULL;
    listed = slcf->cors->elts;

    for (i = 0; i < slcf->cors->nelts; i++) {

        if (listed[i].len == 1) {
            found = &ngx_http_soma_cors_any;
            continue;
        }

        if (listed[i].len == origin->len
            && ngx_strncasecmp(listed[i].data, origin->data, origin->len) == 0)
        {
            return &listed[i];
        }
    }

    return found;
}


static ngx_int_t
ngx_http_soma_cors_allow(ngx_http_request_t *r)
{
    ngx_str_t        *asked;
    const ngx_str_t  *name;

    static const ngx_str_t  methods =
        ngx_string("GET, HEAD, POST, PUT, PATCH, DELETE");
    static const ngx_str_t  age = ngx_string("7200");

    name = ngx_http_soma_cors_names;
    asked = ngx_http_soma_cors_asked(r);

    if (asked && ngx_http_soma_cors_add(r, &name[NGX_HTTP_SOMA_CORS_HEADERS],
                                        asked)
                 != NGX_OK)
    {
        return NGX_ERROR;
    }

    return (ngx_http_soma_cors_add(r, &name[NGX_HTTP_SOMA_CORS_METHODS],
                                   &methods)
            == NGX_OK
            && ngx_http_soma_cors_add(r, &name[NGX_HTTP_SOMA_CORS_AGE], &age)
               == NGX_OK) ? NGX_OK : NGX_ERROR;
}


/* the headers that a page wants to send: any names; "*" would leave out
 * Authorization, the one that matters */
static ngx_str_t *
ngx_http_soma_cors_asked(ngx_http_request_t *r)
{
    u_char      c;
    size_t      i;
    ngx_str_t  *asked;

    asked = ngx_http_soma_header_in(r, &ngx_http_soma_asked_headers);

    if (asked == NULL || asked->len == 0
        || asked->len > NGX_HTTP_SOMA_CORS_HEADERS_MAX)
    {
        return NULL;
    }

    for (i = 0; i < asked->len; i++) {
        c = asked->data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == ','
              || c == ' '))
        {
            return NULL;
        }
    }

    return asked;
}


static ngx_int_t
ngx_http_soma_cors_add(ngx_http_request_t *r, const ngx_str_t *name,
    const ngx_str_t *value)
{
    return ngx_http_soma_add_header(r, name, value->data, value->len);
}


char *
ngx_http_soma_cors(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_soma_loc_conf_t  *slcf = conf;

    ngx_str_t                  *value, *origin;
    ngx_uint_t                  i;
    const char                 *bad;
    ngx_http_soma_main_conf_t  *smcf;

    (void) cmd;

    if (slcf->cors != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        slcf->cors = NULL;
        return NGX_CONF_OK;
    }

    slcf->cors = ngx_array_create(cf->pool, cf->args->nelts - 1,
                                  sizeof(ngx_str_t));
    if (slcf->cors == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        bad = ngx_http_soma_cors_bad(&value[i]);

        if (bad) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid origin \"%V\" of \"soma_cors\": %s; "
                               "allowed are origins like "
                               "https://app.example.com, \"*\" for all, or "
                               "\"off\"", &value[i], bad);
            return NGX_CONF_ERROR;
        }

        origin = ngx_array_push(slcf->cors);
        *origin = value[i];
    }

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_soma_module);
    smcf->cors = 1;

    return NGX_CONF_OK;
}


/* what is wrong with it, or NULL */
static const char *
ngx_http_soma_cors_bad(ngx_str_t *origin)
{
    u_char  *p, *end, *host;

    if (origin->len == 1 && origin->data[0] == '*') {
        return NULL;
    }

    p = origin->data;
    end = p + origin->len;
    host = ngx_strlcasestrn(p, end, (u_char *) "://", 3 - 1);

    if (host == NULL || host == p) {
        return "it has no scheme";
    }

    host += 3;

    if (host == end) {
        return "it has no host";
    }

    for (p = host; p < end; p++) {

        if (*p == '/' || *p == '?' || *p == '#') {
            return "an origin has no path, not even a slash";
        }

        if (*p == '*') {
            return "a name with \"*\" in it is not supported, write each";
        }

        if (*p == '@' || *p == ',' || *p == ';' || *p <= ' ' || *p > '~') {
            return "it has a character that no host has";
        }
    }

    return NULL;
}
