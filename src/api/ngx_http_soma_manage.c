
/*
 * Copyright (C) The ngx_soma authors
 *
 * .../keys and .../tenants: who may, which of them a path means, the body,
 * and the way to Redis and back.
 */


#include "ngx_http_soma_manage.h"
#include "ngx_http_soma_attempt.h"
#include "ngx_http_soma_cache.h"
#include "ngx_http_soma_tz.h"


#define NGX_HTTP_SOMA_MANAGE_EVENTS  1000000    /* of a stream, not said */


typedef enum {
    NGX_HTTP_SOMA_MANAGE_NONE = 0,
    NGX_HTTP_SOMA_MANAGE_KEYS,
    NGX_HTTP_SOMA_MANAGE_TENANTS,
    NGX_HTTP_SOMA_MANAGE_LIMITS
} ngx_http_soma_manage_e;


static ngx_http_soma_manage_e ngx_http_soma_manage_path(ngx_http_request_t *r,
    soma_str_t *tail);
static size_t ngx_http_soma_manage_start(ngx_http_request_t *r,
    ngx_uint_t *only);
static ngx_int_t ngx_http_soma_manage_wait(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m);
static void ngx_http_soma_manage_body(ngx_http_request_t *r);
static ngx_int_t ngx_http_soma_manage_read(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m);
static ngx_int_t ngx_http_soma_manage_zones(ngx_http_soma_manage_t *m);
static ngx_int_t ngx_http_soma_manage_large(ngx_http_soma_manage_t *m);
static void ngx_http_soma_manage_told(void *data, redisReply *reply);
static void ngx_http_soma_manage_replied(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_soma_manage_failed(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, redisReply *reply);
static void ngx_http_soma_manage_event(ngx_http_soma_manage_t *m,
    const char *what, const char *event, soma_str_t name, soma_str_t tenant);


ngx_uint_t
ngx_http_soma_manage_is(ngx_http_request_t *r)
{
    soma_str_t  tail;

    return ngx_http_soma_manage_path(r, &tail) != NGX_HTTP_SOMA_MANAGE_NONE;
}


ngx_int_t
ngx_http_soma_manage_handler(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx)
{
    ngx_int_t                rc;
    soma_str_t               tail;
    ngx_http_soma_manage_e   what;
    ngx_http_soma_manage_t  *m;

    what = ngx_http_soma_manage_path(r, &tail);

    if (what != NGX_HTTP_SOMA_MANAGE_LIMITS
        && !(ctx->identity.capabilities & SOMA_CAN_ADMIN))
    {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_FORBIDDEN,
                                   "admin_required",
                                   "keys and tenants are managed with a key "
                                   "that has the capability \"admin\"");
    }

    m = ngx_http_soma_endpoint_state_create(r, sizeof(ngx_http_soma_manage_t));
    if (m == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    m->ctx = ctx;
    m->now = ngx_http_soma_now();

    switch (what) {

    case NGX_HTTP_SOMA_MANAGE_KEYS:
        rc = ngx_http_soma_api_keys_route(r, m, tail);
        break;

    case NGX_HTTP_SOMA_MANAGE_TENANTS:
        rc = ngx_http_soma_api_tenants_route(r, m, tail);
        break;

    default:
        rc = ngx_http_soma_api_limits_route(r, m, tail);
        break;
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (m->body) {

        if (r->headers_in.content_length_n > SOMA_CHANGE_BODY_MAX) {
            return ngx_http_soma_manage_large(m);
        }

        r->request_body_in_single_buf = 1;

        rc = ngx_http_read_client_request_body(r, ngx_http_soma_manage_body);

        return (rc >= NGX_HTTP_SPECIAL_RESPONSE) ? rc : NGX_DONE;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = m->op(r, m);

    if (rc != NGX_AGAIN) {
        return rc;
    }

    rc = ngx_http_soma_manage_wait(r, m);

    if (rc == NGX_AGAIN) {
        r->main->count++;
        return NGX_DONE;
    }

    return rc;
}


static ngx_int_t
ngx_http_soma_manage_wait(ngx_http_request_t *r, ngx_http_soma_manage_t *m)
{
    ngx_int_t  rc;

    rc = ngx_http_soma_endpoint_sleep(r);

    if (m->alone) {
        r->read_event_handler = ngx_http_block_reading;
    }

    return rc;
}


/*
 * Where "keys" or "tenants" stands as a word of the path; what is behind it,
 * without its slash, is the tail.  A key may be called "usage", and a tenant
 * "keys": so the first word below the location decides.
 */

static ngx_http_soma_manage_e
ngx_http_soma_manage_path(ngx_http_request_t *r, soma_str_t *tail)
{
    u_char                  *p, *last, *end;
    ngx_uint_t               only;
    soma_str_t               word;
    ngx_http_soma_manage_e   what;

    p = r->uri.data + ngx_http_soma_manage_start(r, &only);
    end = r->uri.data + r->uri.len;

    while (p < end) {

        word.data = p + 1;
        last = ngx_strlchr(word.data, end, '/');
        word.len = (last != NULL ? last : end) - word.data;

        what = NGX_HTTP_SOMA_MANAGE_NONE;

        if (soma_str_is(word, "keys")) {
            what = NGX_HTTP_SOMA_MANAGE_KEYS;

        } else if (soma_str_is(word, "tenants")) {
            what = NGX_HTTP_SOMA_MANAGE_TENANTS;

        } else if (soma_str_is(word, "limits")) {
            what = NGX_HTTP_SOMA_MANAGE_LIMITS;
        }

        if (what != NGX_HTTP_SOMA_MANAGE_NONE) {
            tail->data = (last != NULL) ? last + 1 : end;
            tail->len = end - tail->data;
            return what;
        }

        if (only || soma_str_is(word, "training") || last == NULL) {
            break;
        }

        p = last;
    }

    return NGX_HTTP_SOMA_MANAGE_NONE;
}


/* the slash at which to begin: the last one of a prefix location, below which
 * only one word is looked at */

static size_t
ngx_http_soma_manage_start(ngx_http_request_t *r, ngx_uint_t *only)
{
    ngx_http_core_loc_conf_t  *clcf;

    *only = 0;
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

#if (NGX_PCRE)
    if (clcf->regex) {
        return 0;
    }
#endif

    if (clcf->exact_match || clcf->name.len < 2
        || clcf->name.len > r->uri.len
        || clcf->name.data[clcf->name.len - 1] != '/'
        || ngx_memcmp(r->uri.data, clcf->name.data, clcf->name.len) != 0)
    {
        return 0;
    }

    *only = 1;

    return clcf->name.len - 1;
}


static void
ngx_http_soma_manage_body(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_http_soma_manage_t  *m;

    m = ngx_http_soma_endpoint_state(r);

    rc = ngx_http_soma_manage_read(r, m);

    if (rc == NGX_OK) {
        rc = m->op(r, m);
    }

    if (rc == NGX_AGAIN) {
        rc = ngx_http_soma_manage_wait(r, m);
    }

    if (rc == NGX_AGAIN) {
        return;
    }

    ngx_http_finalize_request(r, rc);
}


static ngx_int_t
ngx_http_soma_manage_read(ngx_http_request_t *r, ngx_http_soma_manage_t *m)
{
    off_t         len;
    u_char        buf[SOMA_CHANGE_ERROR_MAX];
    soma_out_t    error;
    ngx_chain_t  *cl;

    len = 0;

    if (r->request_body != NULL) {
        for (cl = r->request_body->bufs; cl != NULL; cl = cl->next) {
            len += ngx_buf_size(cl->buf);
        }
    }

    if (len > SOMA_CHANGE_BODY_MAX) {
        return ngx_http_soma_manage_large(m);
    }

    if (len && ngx_http_soma_body_whole(m->ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    soma_put_init(&error, buf, sizeof(buf));

    if (soma_change_read(&m->change, &m->ctx->arena, m->ctx->body, m->kind,
                         m->now, &error)
        != SOMA_OK)
    {
        return ngx_http_soma_fault(m->ctx, SOMA_FAULT_BAD_REQUEST,
                                   "invalid_request", "%*s",
                                   (size_t) (error.pos - error.start),
                                   error.start);
    }

    return ngx_http_soma_manage_zones(m);
}


/* limits that were understood may name a time zone that is not there */
static ngx_int_t
ngx_http_soma_manage_zones(ngx_http_soma_manage_t *m)
{
    unsigned       n;
    soma_str_t     bad;
    const char    *error;
    soma_limit_t   limits[SOMA_LIMITS_MAX];

    if (!(m->change.set & (1u << SOMA_FIELD_LIMITS))
        || soma_limit_list_parse(limits, SOMA_LIMITS_MAX, &n,
                                 m->change.value[SOMA_FIELD_LIMITS],
                                 SOMA_SCOPE_TENANT, &error)
           != SOMA_OK
        || ngx_http_soma_tz_limits(limits, n, &bad) == NGX_OK)
    {
        return NGX_OK;
    }

    return ngx_http_soma_fault(m->ctx, SOMA_FAULT_BAD_REQUEST,
                               "invalid_request",
                               "\"limits\" cannot be read: there is no time "
                               "zone \"%*s\" here: name one as in "
                               "Europe/Berlin, or have the system's (tzdata) "
                               "installed", bad.len, bad.data);
}


static ngx_int_t
ngx_http_soma_manage_large(ngx_http_soma_manage_t *m)
{
    return ngx_http_soma_fault(m->ctx, SOMA_FAULT_TOO_LARGE, "body_too_large",
                               "the body of this request may have %d bytes",
                               SOMA_CHANGE_BODY_MAX);
}


ngx_int_t
ngx_http_soma_manage_no_redis(ngx_http_soma_manage_t *m)
{
    m->ctx->error.no_retry = 1;

    return ngx_http_soma_fault(m->ctx, SOMA_FAULT_UNAVAILABLE,
                               "redis_required",
                               "keys and tenants that are made at run time "
                               "live in Redis: add soma_redis to the "
                               "configuration, or write soma_key and "
                               "soma_tenant there");
}


ngx_int_t
ngx_http_soma_manage_page(ngx_http_request_t *r, ngx_http_soma_manage_t *m)
{
    int64_t     n;
    soma_str_t  text;

    m->limit = NGX_HTTP_SOMA_PAGE;

    if (ngx_http_soma_endpoint_arg(r, "limit", &text) == NGX_OK) {

        if (soma_number_int(text, &n) != SOMA_OK || n < 1
            || n > NGX_HTTP_SOMA_PAGE_MAX)
        {
            return ngx_http_soma_fault(m->ctx, SOMA_FAULT_BAD_REQUEST,
                                       "invalid_limit",
                                       "limit= is a number from 1 to %d",
                                       NGX_HTTP_SOMA_PAGE_MAX);
        }

        m->limit = (ngx_uint_t) n;
    }

    (void) ngx_http_soma_endpoint_arg(r, "cursor", &m->cursor);

    return NGX_OK;
}


ngx_int_t
ngx_http_soma_manage_send(ngx_http_request_t *r, ngx_http_soma_manage_t *m,
    ngx_http_soma_call_t *call, ngx_http_soma_manage_reply_pt reply)
{
    if (call->out.full) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    m->reply = reply;

    if (ngx_http_soma_redis_request(r, ngx_http_soma_manage_replied,
                                    call->argc, call->argv, call->argvlen)
        != NGX_OK)
    {
        return ngx_http_soma_manage_failed(r, m, NULL);
    }

    return NGX_AGAIN;
}


ngx_int_t
ngx_http_soma_manage_hash(ngx_http_request_t *r, ngx_http_soma_manage_t *m,
    const char *prefix, soma_str_t name, ngx_uint_t row,
    ngx_http_soma_manage_reply_pt reply)
{
    ngx_http_soma_call_t  call;

    ngx_http_soma_manage_call(&call, "EVAL");
    ngx_http_soma_manage_cstr(&call, soma_manage_hash_lua);
    ngx_http_soma_manage_cstr(&call, "1");
    ngx_http_soma_manage_key(&call, prefix, name);
    ngx_http_soma_manage_int(&call, row);

    return ngx_http_soma_manage_send(r, m, &call, reply);
}


redisReply *
ngx_http_soma_manage_hashed(ngx_http_soma_manage_t *m, redisReply *reply,
    ngx_uint_t *row)
{
    *row = 0;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2
        || reply->element[0]->type != REDIS_REPLY_INTEGER
        || reply->element[0]->integer < 0
        || (ngx_uint_t) reply->element[0]->integer >= m->rows.nelts)
    {
        return NULL;
    }

    *row = (ngx_uint_t) reply->element[0]->integer;

    return reply->element[1]->type == REDIS_REPLY_ARRAY ? reply->element[1]
                                                        : NULL;
}


void
ngx_http_soma_manage_tell(ngx_http_soma_call_t *call)
{
    if (!call->out.full) {
        (void) ngx_http_soma_redis_command(ngx_http_soma_manage_told, NULL,
                                           call->argc, call->argv,
                                           call->argvlen);
    }
}


static void
ngx_http_soma_manage_told(void *data, redisReply *reply)
{
    (void) data;

    if (reply != NULL && reply->type == REDIS_REPLY_ERROR) {
        ngx_http_soma_log(NGX_LOG_WARN, ngx_cycle->log, 0,
                          "soma: Redis refused to be told of a changed key or "
                          "tenant: \"%s\"", reply->str);
    }
}


static void
ngx_http_soma_manage_replied(ngx_http_request_t *r, redisReply *reply)
{
    ngx_int_t                rc;
    ngx_http_soma_manage_t  *m;

    m = ngx_http_soma_endpoint_state(r);

    if (m->ctx->error.fault != SOMA_FAULT_NONE) {

        /* one of several commands failed before: the request has ended */

        return;
    }

    if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {
        rc = ngx_http_soma_manage_failed(r, m, reply);

    } else {
        rc = m->reply(r, m, reply);
    }

    if (rc != NGX_AGAIN) {
        ngx_http_soma_endpoint_end(r, rc);
    }
}


static ngx_int_t
ngx_http_soma_manage_failed(ngx_http_request_t *r, ngx_http_soma_manage_t *m,
    redisReply *reply)
{
    const char  *way_out;

    m->ctx->error.retry_ms = NGX_HTTP_SOMA_MANAGE_RETRY;

    way_out = m->written ? "how far the change came is not known, look with "
                           "GET before you try again"
                         : "nothing was changed, try again in a moment";

    if (reply != NULL) {
        ngx_http_soma_log(NGX_LOG_ERR, r->connection->log, 0,
                          "soma: Redis refused a change of keys or tenants: "
                          "\"%s\"", reply->str);

        return ngx_http_soma_fault(m->ctx, SOMA_FAULT_UNAVAILABLE,
                                   "redis_refused",
                                   "Redis refused, the error log says why: "
                                   "%s", way_out);
    }

    return ngx_http_soma_fault(m->ctx, SOMA_FAULT_UNAVAILABLE,
                               "redis_unavailable", "Redis is away: %s",
                               way_out);
}


/* this node forgets at once, the others as soon as they hear: Redis tells
 * them itself where it can, and this is for where it cannot */

void
ngx_http_soma_manage_drop(ngx_http_soma_manage_t *m, ngx_uint_t kind,
    soma_str_t name)
{
    u_char                hash[SOMA_KEY_HASH];
    soma_str_t            raw;
    ngx_http_soma_call_t  call;

    raw = name;

    if (kind == NGX_HTTP_SOMA_CACHE_KEY) {

        if (soma_str_hex(name, hash, sizeof(hash)) != SOMA_OK) {
            return;
        }

        raw.data = hash;
        raw.len = sizeof(hash);
    }

    ngx_http_soma_cache_drop(m->ctx->main, kind, raw);

    ngx_http_soma_manage_call(&call, "PUBLISH");
    ngx_http_soma_manage_cstr(&call, NGX_HTTP_SOMA_REDIS_CHANGES);
    ngx_http_soma_manage_key(&call, kind == NGX_HTTP_SOMA_CACHE_KEY
                                  ? "key " : "tenant ", name);
    ngx_http_soma_manage_tell(&call);
}


void
ngx_http_soma_manage_log(ngx_http_request_t *r, ngx_http_soma_manage_t *m,
    const char *what, const char *event, soma_str_t name, soma_str_t tenant)
{
    u_char            of[SOMA_TENANT_MAX + 16];
    soma_identity_t  *who;

    who = &m->ctx->identity;
    of[0] = '\0';

    if (!soma_str_eq(name, tenant)) {
        (void) ngx_slprintf(of, of + sizeof(of), " of tenant \"%*s\"%Z",
                            tenant.len, tenant.data);
    }

    ngx_http_soma_log(NGX_LOG_NOTICE, r->connection->log, 0,
                      "soma: %s \"%*s\"%s was %s by user \"%*s\" of tenant "
                      "\"%*s\" with key \"%*s\"", what,
                      name.len, name.data, of, event,
                      who->user.len, who->user.len ? who->user.data
                                                   : (u_char *) "",
                      who->tenant.len, who->tenant.data,
                      who->key.len,
                      who->key.len ? who->key.data : (u_char *) "");

    ngx_http_soma_manage_event(m, what, event, name, tenant);
}


static void
ngx_http_soma_manage_event(ngx_http_soma_manage_t *m, const char *what,
    const char *event, soma_str_t name, soma_str_t tenant)
{
    u_char                     *from;
    soma_out_t                 *out;
    ngx_http_soma_call_t        call;
    ngx_http_soma_main_conf_t  *smcf;

    smcf = m->ctx->main;
    out = &call.out;

    ngx_http_soma_manage_call(&call, "XADD");

    from = out->pos;
    soma_put_cstr(out, "soma:{");
    soma_put_str(out, tenant);
    soma_put_cstr(out, "}:events");
    ngx_http_soma_manage_printed(&call, from);

    ngx_http_soma_manage_cstr(&call, "MAXLEN");
    ngx_http_soma_manage_cstr(&call, "~");
    ngx_http_soma_manage_int(&call, smcf->ledger.events > 0
                                  ? smcf->ledger.events
                                  : NGX_HTTP_SOMA_MANAGE_EVENTS);
    ngx_http_soma_manage_cstr(&call, "*");
    ngx_http_soma_manage_cstr(&call, "admin");

    from = out->pos;
    soma_put_char(out, '{');
    soma_member_text(out, "event", event);
    soma_member_str(out, what, name);
    soma_member_str(out, "by_tenant", m->ctx->identity.tenant);
    soma_member_str(out, "by_user", m->ctx->identity.user);
    soma_member_str(out, "by_key", m->ctx->identity.key);
    soma_member_time(out, "at", m->now);
    soma_member_str(out, "node", ngx_http_soma_str(smcf->node));
    soma_put_char(out, '}');
    ngx_http_soma_manage_printed(&call, from);

    ngx_http_soma_manage_tell(&call);
}
