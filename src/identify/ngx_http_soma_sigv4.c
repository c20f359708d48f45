
/*
 * Copyright (C) The ngx_soma authors
 */


#include "ngx_http_soma_sigv4.h"
#include "ngx_http_soma_body.h"
#include "ngx_http_soma_file.h"
#include "soma_pair.h"
#include "soma_sigv4.h"


#define NGX_HTTP_SOMA_SIGV4_FILE  4096      /* bytes of a secret's file */


static ngx_int_t ngx_http_soma_sigv4_secret(ngx_conf_t *cf, ngx_str_t *word,
    ngx_str_t *secret);
static ngx_int_t ngx_http_soma_sigv4_proved(ngx_http_soma_ctx_t *ctx,
    soma_sigv4_line_t *line, soma_sigv4_t *request);
static ngx_int_t ngx_http_soma_sigv4_pieces(ngx_http_soma_ctx_t *ctx,
    soma_sigv4_t *request);
static int ngx_http_soma_sigv4_value(void *data, soma_str_t name, unsigned n,
    soma_str_t *value);
static ngx_int_t ngx_http_soma_sigv4_refuse(ngx_http_soma_ctx_t *ctx,
    const char *why);


/* in the order of soma_sigv4_e */
static const char *const  ngx_http_soma_sigv4_reasons[] = {
    NULL,
    "the signature of this request is not the one of its access key's "
    "secret: check both",
    "the request was signed more than 15 minutes from now: set the clock",
    "the request was signed for another region, service or day than it says",
    "a header that was signed is not there, or the host is not signed",
    "the body is not the one that was signed",
    "the signature could not be computed"
};


char *
ngx_http_soma_sigv4(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_soma_main_conf_t  *smcf = conf;

    ngx_str_t  *value;

    (void) cmd;

    value = cf->args->elts;

    if (smcf->sigv4.data) {
        return "is duplicate";
    }

    if (ngx_http_soma_sigv4_secret(cf, &value[1], &smcf->sigv4) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (smcf->sigv4.len < SOMA_PAIR_LEAST) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"soma_sigv4\" needs a secret of %d bytes at "
                           "least, as openssl rand -base64 32 makes one, in "
                           "a file or a variable: file:PATH or env:NAME",
                           SOMA_PAIR_LEAST);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* empty: it names none */
static ngx_int_t
ngx_http_soma_sigv4_secret(ngx_conf_t *cf, ngx_str_t *word, ngx_str_t *secret)
{
    char       *env;
    ngx_str_t   path, text;

    ngx_str_set(secret, "");

    if (word->len > 4 && ngx_strncmp(word->data, "env:", 4) == 0) {
        env = getenv((char *) word->data + 4);

        if (env == NULL) {
            return NGX_OK;
        }

        text.data = (u_char *) env;
        text.len = ngx_strlen(env);

    } else if (word->len > 5 && ngx_strncmp(word->data, "file:", 5) == 0) {
        path.data = word->data + 5;
        path.len = word->len - 5;

        if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK
            || ngx_http_soma_file_read(cf, &path, NGX_HTTP_SOMA_SIGV4_FILE,
                                       NGX_HTTP_SOMA_FILE_SECRET, &text)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

    } else {
        return NGX_OK;
    }

    while (text.len && text.data[text.len - 1] <= ' ') {
        text.len--;
    }

    secret->len = text.len;
    secret->data = ngx_pstrdup(cf->pool, &text);

    return secret->data ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_soma_sigv4_find(ngx_http_soma_ctx_t *ctx)
{
    int                        rc;
    ngx_table_elt_t           *h;
    soma_sigv4_line_t          line;
    ngx_http_soma_loc_conf_t  *slcf;

    h = ctx->request->headers_in.authorization;

    if (h == NULL) {
        return NGX_DECLINED;
    }

    rc = soma_sigv4_parse(ngx_http_soma_str(h->value), &line);

    if (rc == SOMA_DECLINED) {
        return NGX_DECLINED;
    }

    if (rc != SOMA_OK) {
        return ngx_http_soma_sigv4_refuse(ctx, "the signature in the header "
                                          "Authorization is not complete");
    }

    slcf = ngx_http_get_module_loc_conf(ctx->request, ngx_http_soma_module);

    if (ctx->main->sigv4.len == 0 || !slcf->pass) {
        return ngx_http_soma_sigv4_refuse(ctx, "this gateway takes no "
                                          "signatures here: send a key as a "
                                          "bearer (AWS_BEARER_TOKEN_BEDROCK), "
                                          "or have soma_sigv4 set");
    }

    if (soma_pair_hash(line.id, ctx->key.hash) != SOMA_OK) {
        return ngx_http_soma_sigv4_refuse(ctx, "this access key is none of "
                                          "this gateway's, whose ids begin "
                                          "with SOMA");
    }

    ctx->key.credential = line.id;
    ctx->key.signature = 1;

    return NGX_OK;
}


ngx_int_t
ngx_http_soma_sigv4_check(ngx_http_soma_ctx_t *ctx, ngx_uint_t body)
{
    ngx_int_t           rc;
    soma_sigv4_t        request;
    unsigned char       secret[SOMA_PAIR_SECRET];
    soma_sigv4_line_t   line;
    ngx_http_request_t *r;

    if (!ctx->key.signature || ctx->key.proved) {
        return NGX_OK;
    }

    r = ctx->request;

    if (r->headers_in.authorization == NULL
        || soma_sigv4_parse(ngx_http_soma_str(
                                      r->headers_in.authorization->value),
                            &line)
           != SOMA_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memzero(&request, sizeof(soma_sigv4_t));

    request.method = ngx_http_soma_str(r->method_name);
    request.path = ctx->url.path;
    request.args = ctx->url.args;
    request.now = ngx_http_soma_now();
    request.service = SOMA_STR("bedrock");
    request.secret.data = secret;
    request.secret.len = sizeof(secret);

    if (soma_pair_secret(secret, ngx_http_soma_str(ctx->main->sigv4),
                         line.id)
        != SOMA_OK
        || (body && ngx_http_soma_sigv4_pieces(ctx, &request) != NGX_OK))
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_soma_sigv4_proved(ctx, &line, &request);

    ngx_explicit_memzero(secret, sizeof(secret));

    return rc;
}


static ngx_int_t
ngx_http_soma_sigv4_proved(ngx_http_soma_ctx_t *ctx, soma_sigv4_line_t *line,
    soma_sigv4_t *request)
{
    soma_sigv4_e  how;

    how = soma_sigv4_verify(line, request, ngx_http_soma_sigv4_value, ctx);

    if (how != SOMA_SIGV4_GOOD) {
        return ngx_http_soma_sigv4_refuse(ctx,
                                          ngx_http_soma_sigv4_reasons[how]);
    }

    ctx->key.proved = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_sigv4_pieces(ngx_http_soma_ctx_t *ctx, soma_sigv4_t *request)
{
    ngx_uint_t           n;
    soma_str_t          *piece;
    ngx_chain_t         *cl;
    ngx_http_request_t  *r;

    r = ctx->request;

    if (r->request_body == NULL || r->request_body->bufs == NULL) {
        return NGX_OK;
    }

    if (r->request_body->temp_file && ngx_http_soma_body_whole(ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (n = 0, cl = r->request_body->bufs; cl; cl = cl->next) {
        n++;
    }

    piece = ngx_palloc(r->pool, n * sizeof(soma_str_t));
    if (piece == NULL) {
        return NGX_ERROR;
    }

    request->body = piece;
    request->npieces = n;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        piece->data = cl->buf->pos;
        piece->len = cl->buf->last - cl->buf->pos;
        piece++;
    }

    return NGX_OK;
}


/* HTTP/2 has the host in its line, where nginx puts it among the headers */
static int
ngx_http_soma_sigv4_value(void *data, soma_str_t name, unsigned n,
    soma_str_t *value)
{
    ngx_http_soma_ctx_t *ctx = data;

    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    if (soma_str_is(name, ":authority")) {
        name = SOMA_STR("host");
    }

    part = &ctx->request->headers_in.headers.part;

    for ( /* void */ ; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len == name.len
                && ngx_strncasecmp(h[i].key.data, name.data, name.len) == 0
                && n-- == 0)
            {
                *value = ngx_http_soma_str(h[i].value);
                return SOMA_OK;
            }
        }
    }

    return SOMA_DECLINED;
}


static ngx_int_t
ngx_http_soma_sigv4_refuse(ngx_http_soma_ctx_t *ctx, const char *why)
{
    return ngx_http_soma_fault(ctx, SOMA_FAULT_UNAUTHORIZED,
                               "invalid_signature", "%s", why);
}
