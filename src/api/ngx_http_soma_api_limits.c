
/*
 * Copyright (C) The ngx_soma authors
 *
 * GET .../limits: what is left.  A key sees what it is limited by; the
 * capabilities admin and usage see all, or those of tenant=.  Which counts
 * there are this node knows by its configuration and by the requests it has
 * seen; how much all nodes have used of each, Redis.
 */


#include "ngx_http_soma_manage.h"
#include "ngx_http_soma_api_keys.h"
#include "ngx_http_soma_quota_list.h"
#include "ngx_http_soma_tz.h"
#include "soma_lease_hash.h"


typedef struct {
    ngx_http_soma_manage_t     *m;
    ngx_array_t                 own;        /* soma_limit_t, of the key */
    ngx_http_soma_quota_row_t  *row;        /* of this page */
    ngx_uint_t                  n;
    ngx_uint_t                  next;       /* 0: this is the last page */
    soma_str_t                  tenant;     /* empty: all */
    unsigned                    all:1;      /* not only what limits this key */
    unsigned                    more:1;     /* there are, and they are not
                                               shown */
    unsigned                    nodes:1;    /* numbers are of all nodes */
} ngx_http_soma_limits_t;


static ngx_int_t ngx_http_soma_limits_list(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m);
static ngx_int_t ngx_http_soma_limits_args(ngx_http_request_t *r,
    ngx_http_soma_limits_t *l, ngx_uint_t *first);
static ngx_int_t ngx_http_soma_limits_key(ngx_http_request_t *r,
    ngx_http_soma_limits_t *l);
static ngx_int_t ngx_http_soma_limits_rows(ngx_http_request_t *r,
    ngx_http_soma_limits_t *l, ngx_array_t *rows);
static ngx_int_t ngx_http_soma_limits_configured(ngx_http_request_t *r,
    ngx_http_soma_limits_t *l, ngx_array_t *rows, soma_limit_t *limit,
    ngx_uint_t n, const char *kind, soma_str_t name);
static ngx_uint_t ngx_http_soma_limits_want(void *data,
    ngx_http_soma_quota_row_t *row);
static soma_limit_t *ngx_http_soma_limits_known(ngx_http_soma_limits_t *l,
    ngx_http_soma_quota_row_t *row, ngx_uint_t *sure);
static soma_limit_t *ngx_http_soma_limits_find(soma_limit_t *limit,
    ngx_uint_t n, soma_limit_t *what);
static int ngx_libc_cdecl ngx_http_soma_limits_order(const void *one,
    const void *two);
static void ngx_http_soma_limits_page(ngx_http_soma_limits_t *l,
    ngx_array_t *rows, ngx_uint_t first);
static ngx_int_t ngx_http_soma_limits_hash(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, redisReply *reply);
static void ngx_http_soma_limits_write(soma_out_t *out, void *data);
static void ngx_http_soma_limits_write_row(soma_out_t *out,
    ngx_http_soma_limits_t *l, ngx_http_soma_quota_row_t *row);


ngx_int_t
ngx_http_soma_api_limits_route(ngx_http_request_t *r, ngx_http_soma_manage_t *m,
    soma_str_t tail)
{
    if (tail.len != 0) {
        return ngx_http_soma_fault(m->ctx, SOMA_FAULT_NOT_FOUND,
                                   "unknown_endpoint",
                                   "there is nothing below .../limits: "
                                   "?tenant=NAME asks for those of one tenant");
    }

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return ngx_http_soma_endpoint_method(r, m->ctx, "GET, HEAD");
    }

    m->op = ngx_http_soma_limits_list;

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_limits_list(ngx_http_request_t *r, ngx_http_soma_manage_t *m)
{
    ngx_int_t                rc;
    ngx_uint_t               i, first;
    ngx_array_t              rows;
    ngx_http_soma_limits_t  *l;

    l = ngx_pcalloc(r->pool, sizeof(ngx_http_soma_limits_t));

    if (l == NULL
        || ngx_array_init(&rows, r->pool, 32,
                          sizeof(ngx_http_soma_quota_row_t))
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    l->m = m;
    m->data = l;

    rc = ngx_http_soma_limits_args(r, l, &first);

    if (rc == NGX_OK) {
        rc = ngx_http_soma_limits_rows(r, l, &rows);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_soma_limits_page(l, &rows, first);

    l->nodes = (m->ctx->main->redis.set && ngx_http_soma_redis_ready());

    if (l->n == 0 || !l->nodes) {
        return ngx_http_soma_endpoint_answer(r, NGX_HTTP_OK,
                                             ngx_http_soma_limits_write, l);
    }

    m->rows.nelts = l->n;
    m->sent = l->n;
    m->got = 0;

    for (i = 0; i < l->n; i++) {
        rc = ngx_http_soma_manage_hash(r, m, "", l->row[i].key, i,
                                       ngx_http_soma_limits_hash);
        if (rc != NGX_AGAIN) {
            return rc;
        }
    }

    return NGX_AGAIN;
}


static ngx_int_t
ngx_http_soma_limits_args(ngx_http_request_t *r, ngx_http_soma_limits_t *l,
    ngx_uint_t *first)
{
    int64_t                  n;
    ngx_int_t                rc;
    ngx_http_soma_ctx_t     *ctx;
    ngx_http_soma_manage_t  *m;

    m = l->m;
    ctx = m->ctx;

    rc = ngx_http_soma_manage_page(r, m);

    if (rc != NGX_OK) {
        return rc;
    }

    *first = 0;

    if (m->cursor.len) {

        if (soma_number_int(m->cursor, &n) != SOMA_OK
            || n > NGX_HTTP_SOMA_QUOTAS_SHOWN * 2)
        {
            return ngx_http_soma_fault(ctx, SOMA_FAULT_BAD_REQUEST,
                                       "invalid_cursor",
                                       "cursor= is what the page before said "
                                       "under \"cursor\"");
        }

        *first = (ngx_uint_t) n;
    }

    l->all = ((ctx->identity.capabilities & (SOMA_CAN_ADMIN|SOMA_CAN_USAGE))
              != 0);

    if (ngx_http_soma_endpoint_arg(r, "tenant", &l->tenant) == NGX_OK
        && !soma_str_is(l->tenant, "*"))
    {
        if (!soma_lock_tenant_valid(l->tenant)) {
            return ngx_http_soma_fault(ctx, SOMA_FAULT_BAD_REQUEST,
                                       "invalid_tenant",
                                       "tenant= has 1 to %d letters, digits, "
                                       "\".\", \"_\" and \"-\", or is * for "
                                       "all", SOMA_TENANT_MAX);
        }

    } else if (l->all || l->tenant.len == 0) {
        l->tenant = (soma_str_t) soma_str_null;
    }

    if (!l->all && l->tenant.len != 0
        && !soma_str_eq(l->tenant, ctx->identity.tenant))
    {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_FORBIDDEN,
                                   "limits_of_another_tenant",
                                   "this key sees what it is limited by "
                                   "itself; limits of others need the "
                                   "capability \"usage\" or \"admin\"");
    }

    return ngx_http_soma_limits_key(r, l);
}


/* the limits that this key carries itself */
static ngx_int_t
ngx_http_soma_limits_key(ngx_http_request_t *r, ngx_http_soma_limits_t *l)
{
    unsigned     n;
    soma_str_t   zone;
    const char  *error;

    if (ngx_array_init(&l->own, r->pool, SOMA_LIMITS_MAX,
                       sizeof(soma_limit_t))
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (soma_limit_list_parse(l->own.elts, SOMA_LIMITS_MAX, &n,
                             l->m->ctx->identity.limits, SOMA_SCOPE_KEY, &error)
        == SOMA_OK
        && ngx_http_soma_tz_limits(l->own.elts, n, &zone) == NGX_OK)
    {
        l->own.nelts = n;
    }

    return NGX_OK;
}


/* all that there are: by the configuration, then by what was seen */
static ngx_int_t
ngx_http_soma_limits_rows(ngx_http_request_t *r, ngx_http_soma_limits_t *l,
    ngx_array_t *rows)
{
    ngx_int_t                   rc;
    ngx_uint_t                  i;
    ngx_http_soma_ctx_t        *ctx;
    ngx_http_soma_tenant_t    **tenant;
    ngx_http_soma_provider_t  **provider;
    ngx_http_soma_main_conf_t  *smcf;

    ctx = l->m->ctx;
    smcf = ctx->main;
    rc = NGX_OK;

    if (ctx->tenant != NULL
        && (l->tenant.len == 0
            || soma_str_eq(l->tenant, ctx->identity.tenant)))
    {
        rc = ngx_http_soma_limits_configured(r, l, rows,
                              ctx->tenant->limits.elts,
                              ctx->tenant->limits.nelts, "tenant:",
                              ctx->identity.tenant);
    }

    if (rc == NGX_OK && l->own.nelts) {
        rc = ngx_http_soma_limits_configured(r, l, rows, l->own.elts,
                              l->own.nelts, "key:", ctx->identity.key);
    }

    tenant = smcf->tenants.elts;

    for (i = 0; rc == NGX_OK && l->all && i < smcf->tenants.nelts; i++) {

        if (soma_str_eq(ngx_http_soma_str(tenant[i]->name),
                        ctx->identity.tenant)
            || (l->tenant.len != 0
                && !soma_str_eq(ngx_http_soma_str(tenant[i]->name),
                                l->tenant)))
        {
            continue;
        }

        rc = ngx_http_soma_limits_configured(r, l, rows,
                              tenant[i]->limits.elts,
                              tenant[i]->limits.nelts, "tenant:",
                              ngx_http_soma_str(tenant[i]->name));
    }

    provider = smcf->providers.elts;

    for (i = 0;
         rc == NGX_OK && l->all && l->tenant.len == 0
         && i < smcf->providers.nelts;
         i++)
    {
        rc = ngx_http_soma_limits_configured(r, l, rows,
                              provider[i]->limits.elts,
                              provider[i]->limits.nelts, "provider:",
                              ngx_http_soma_str(provider[i]->name));
    }

    if (rc == NGX_OK) {
        rc = ngx_http_soma_quota_list(smcf, r->pool, rows,
                                      ngx_http_soma_limits_want, l);
        l->more = (rc == NGX_DECLINED);
    }

    return (rc == NGX_ERROR) ? NGX_HTTP_INTERNAL_SERVER_ERROR : NGX_OK;
}


/* those whose one value is known: a limit per user has as many counts as
 * users came, and those are found where they were made */
static ngx_int_t
ngx_http_soma_limits_configured(ngx_http_request_t *r,
    ngx_http_soma_limits_t *l, ngx_array_t *rows, soma_limit_t *limit,
    ngx_uint_t n, const char *kind, soma_str_t name)
{
    soma_out_t        out;
    ngx_uint_t        i;
    soma_str_t        owner, tenant, value, none;
    soma_identity_t  *identity;

    none = (soma_str_t) soma_str_null;
    identity = &l->m->ctx->identity;

    owner.len = ngx_strlen(kind) + name.len;
    owner.data = ngx_pnalloc(r->pool, owner.len);

    if (owner.data == NULL) {
        return NGX_ERROR;
    }

    soma_put_init(&out, owner.data, owner.len);
    soma_put_cstr(&out, kind);
    soma_put_str(&out, name);

    for (i = 0; i < n; i++) {

        if (!soma_rule_holds(limit, n, i, l->m->now)) {
            continue;
        }

        tenant = none;
        value = none;

        if (kind[0] == 'p' && limit[i].per == SOMA_SCOPE_PROVIDER) {
            value = name;

        } else if (kind[0] == 't' && limit[i].per == SOMA_SCOPE_TENANT) {
            tenant = name;

        } else if ((kind[0] == 'k' || !l->all)
                   && (limit[i].per == SOMA_SCOPE_TENANT
                       || limit[i].per == SOMA_SCOPE_USER
                       || limit[i].per == SOMA_SCOPE_KEY))
        {
            tenant = identity->tenant;
            value = (limit[i].per == SOMA_SCOPE_USER) ? identity->user
                    : (limit[i].per == SOMA_SCOPE_KEY) ? identity->key : none;

        } else {
            continue;
        }

        if (ngx_http_soma_quota_list_add(r->pool, rows, &limit[i], owner,
                                         tenant, value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_soma_limits_want(void *data, ngx_http_soma_quota_row_t *row)
{
    ngx_http_soma_limits_t *l = data;

    ngx_uint_t        mine, sure;
    soma_str_t        tenant;
    soma_identity_t  *identity;

    identity = &l->m->ctx->identity;

    tenant = row->tenant;

    if (row->owner.len > 7 && ngx_memcmp(row->owner.data, "tenant:", 7) == 0) {
        tenant.data = row->owner.data + 7;
        tenant.len = row->owner.len - 7;

    } else if (row->owner.data[0] == 'p') {
        tenant = (soma_str_t) soma_str_null;
    }

    if (l->tenant.len != 0 && !soma_str_eq(tenant, l->tenant)) {
        return 0;
    }

    mine = soma_str_eq(tenant, identity->tenant)
           && (row->owner.data[0] == 't'
               || (row->owner.data[0] == 'k'
                   && row->owner.len == identity->key.len + 4
                   && ngx_memcmp(row->owner.data + 4, identity->key.data,
                                 identity->key.len) == 0))
           && (row->limit.per != SOMA_SCOPE_USER
               || soma_str_eq(row->value, identity->user))
           && (row->limit.per != SOMA_SCOPE_KEY
               || soma_str_eq(row->value, identity->key));

    /* a limit that is no more says nothing, though it was counted once */

    return (l->all || mine)
           && (ngx_http_soma_limits_known(l, row, &sure) != NULL || !sure);
}


/* the words of a row's limit; sure: if there were any they would be known */
static soma_limit_t *
ngx_http_soma_limits_known(ngx_http_soma_limits_t *l,
    ngx_http_soma_quota_row_t *row, ngx_uint_t *sure)
{
    ngx_str_t                  name;
    soma_str_t                 s;
    ngx_http_soma_ctx_t       *ctx;
    ngx_http_soma_tenant_t    *tenant;
    ngx_http_soma_provider_t  *provider;

    ctx = l->m->ctx;
    *sure = 0;

    s = row->owner;

    if (s.data[0] == 't') {
        s.data += sizeof("tenant:") - 1;
        s.len -= sizeof("tenant:") - 1;

        tenant = soma_str_eq(s, ctx->identity.tenant)
                 ? ctx->tenant
                 : ngx_http_soma_names_find(&ctx->main->tenant_names, s.data,
                                            s.len);

        *sure = !ctx->main->redis.set
                || soma_str_eq(s, ctx->identity.tenant);

        return tenant ? ngx_http_soma_limits_find(tenant->limits.elts,
                                                  tenant->limits.nelts,
                                                  &row->limit)
                      : NULL;
    }

    if (s.data[0] == 'p') {
        name.data = s.data + sizeof("provider:") - 1;
        name.len = s.len - (sizeof("provider:") - 1);
        provider = ngx_http_soma_provider_find(ctx->main, &name);
        *sure = 1;

        return provider ? ngx_http_soma_limits_find(provider->limits.elts,
                                                    provider->limits.nelts,
                                                    &row->limit)
                        : NULL;
    }

    if (s.len == ctx->identity.key.len + 4
        && ngx_memcmp(s.data + 4, ctx->identity.key.data, s.len - 4) == 0)
    {
        *sure = 1;

        return ngx_http_soma_limits_find(l->own.elts, l->own.nelts,
                                         &row->limit);
    }

    return NULL;
}


static soma_limit_t *
ngx_http_soma_limits_find(soma_limit_t *limit, ngx_uint_t n,
    soma_limit_t *what)
{
    int64_t     now;
    ngx_uint_t  i;

    now = ngx_http_soma_now();

    for (i = 0; i < n; i++) {
        if (limit[i].amount == what->amount
            && limit[i].window == what->window && limit[i].per == what->per
            && limit[i].from == what->from
            && soma_str_eq(limit[i].tz, what->tz)
            && soma_rule_holds(limit, n, i, now))
        {
            return &limit[i];
        }
    }

    return NULL;
}


/* of the same name the one that this node has counted comes first */
static int ngx_libc_cdecl
ngx_http_soma_limits_order(const void *one, const void *two)
{
    int     rc;
    size_t  len;

    const ngx_http_soma_quota_row_t  *a = one;
    const ngx_http_soma_quota_row_t  *b = two;

    len = ngx_min(a->name.len, b->name.len);
    rc = ngx_memcmp(a->name.data, b->name.data, len);

    if (rc == 0) {
        rc = (a->name.len > b->name.len) - (a->name.len < b->name.len);
    }

    return rc ? rc : (int) b->there - (int) a->there;
}


static void
ngx_http_soma_limits_page(ngx_http_soma_limits_t *l, ngx_array_t *rows,
    ngx_uint_t first)
{
    ngx_uint_t                  i, n;
    ngx_http_soma_quota_row_t  *row;

    row = rows->elts;

    if (rows->nelts > 1) {
        ngx_qsort(row, rows->nelts, sizeof(ngx_http_soma_quota_row_t),
                  ngx_http_soma_limits_order);
    }

    n = 0;

    for (i = 0; i < rows->nelts; i++) {
        if (n == 0 || !soma_str_eq(row[n - 1].name, row[i].name)) {
            row[n++] = row[i];
        }
    }

    first = ngx_min(first, n);

    l->row = row + first;
    l->n = ngx_min(l->m->limit, n - first);
    l->next = (first + l->n < n) ? first + l->n : 0;
}


static ngx_int_t
ngx_http_soma_limits_hash(ngx_http_request_t *r, ngx_http_soma_manage_t *m,
    redisReply *reply)
{
    size_t                      i;
    ngx_uint_t                  n;
    soma_str_t                  name, value;
    soma_lease_hash_t           hash;
    ngx_http_soma_limits_t     *l;
    ngx_http_soma_quota_row_t  *row;

    l = m->data;
    reply = ngx_http_soma_manage_hashed(m, reply, &n);

    if (reply != NULL) {
        ngx_memzero(&hash, sizeof(soma_lease_hash_t));
        row = &l->row[n];

        for (i = 0; i + 1 < reply->elements; i += 2) {
            name.data = (u_char *) reply->element[i]->str;
            name.len = reply->element[i]->len;
            value.data = (u_char *) reply->element[i + 1]->str;
            value.len = reply->element[i + 1]->len;

            soma_lease_hash_field(&hash, name, value, m->now);
        }

        row->used = soma_lease_hash_used(&hash, &row->limit, m->now)
                    + row->untold;

        if (soma_window_ms(row->limit.window) && row->used > 0) {
            row->resets = m->now + soma_number_muldiv(row->used,
                                       soma_window_ms(row->limit.window),
                                       row->limit.limit);
        }
    }

    if (++m->got < m->sent) {
        return NGX_AGAIN;
    }

    return ngx_http_soma_endpoint_answer(r, NGX_HTTP_OK,
                                         ngx_http_soma_limits_write, l);
}


static void
ngx_http_soma_limits_write(soma_out_t *out, void *data)
{
    ngx_http_soma_limits_t *l = data;

    ngx_uint_t  i;

    soma_put_char(out, '{');
    soma_member_text(out, "object", "list");
    soma_member_text(out, "nodes", l->nodes ? "all" : "this");
    soma_member_open(out, "limits", '[');

    for (i = 0; i < l->n; i++) {

        if (i != 0) {
            soma_put_char(out, ',');
        }

        ngx_http_soma_limits_write_row(out, l, &l->row[i]);
    }

    soma_put_char(out, ']');
    soma_member_bool(out, "truncated", l->more);

    soma_member(out, "cursor");

    if (l->next) {
        soma_put_char(out, '"');
        soma_put_int(out, (int64_t) l->next);
        soma_put_char(out, '"');

    } else {
        soma_put_cstr(out, "null");
    }

    soma_put_cstr(out, "}\n");
}


static void
ngx_http_soma_limits_write_row(soma_out_t *out, ngx_http_soma_limits_t *l,
    ngx_http_soma_quota_row_t *row)
{
    int64_t        n[4];
    soma_out_t     words;
    ngx_uint_t     i, sure;
    soma_str_t     text;
    soma_limit_t  *limit, *known;
    unsigned char  buf[SOMA_LIMIT_WORDS_MAX];

    static const char *const  names[4] = {
        "limit", "used", "reserved", "left"
    };

    limit = &row->limit;
    known = ngx_http_soma_limits_known(l, row, &sure);

    /* somebody may have changed the number since it was counted last */

    if (known != NULL && known->text.len != 0) {
        limit->limit = known->limit;
        text = known->text;

    } else {
        soma_put_init(&words, buf, sizeof(buf));
        soma_rule_words(&words, limit);
        text.data = words.start;
        text.len = words.pos - words.start;
    }

    n[0] = limit->limit;
    n[1] = row->used;
    n[2] = row->reserved;
    n[3] = ngx_max(limit->limit - row->used - row->reserved, 0);

    soma_put_char(out, '{');
    soma_member_str(out, "text", text);
    soma_member_str(out, "owner", row->owner);
    soma_member_str(out, "scope", row->scope);

    if (row->tenant.len) {
        soma_member_str(out, "tenant", row->tenant);
    }

    if (row->value.len) {
        soma_member_str(out, "value", row->value);
    }

    soma_member_text(out, "amount", soma_limit_amount_name(limit->amount));
    soma_member_text(out, "window", soma_limit_window_name(limit->window));
    soma_member_text(out, "unit", soma_rule_unit(limit->amount));

    for (i = 0; i < 4; i++) {
        soma_member(out, names[i]);
        soma_rule_put_amount(out, limit->amount, n[i]);
    }

    if (row->resets > 0) {
        soma_member_time(out, "resets_at", row->resets);

    } else {
        soma_member_null(out, "resets_at");
    }

    soma_put_char(out, '}');
}
