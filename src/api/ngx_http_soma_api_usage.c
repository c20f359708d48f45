
/*
 * Copyright (C) The ngx_soma authors
 *
 * GET .../usage: what was used, from Redis where it counts for all nodes,
 * else from this node's own table.
 */


#include "ngx_http_soma_api_usage.h"


static ngx_uint_t ngx_http_soma_usage_last(ngx_http_soma_usage_state_t *st,
    ngx_uint_t days);
static ngx_int_t ngx_http_soma_usage_args(ngx_http_request_t *r,
    ngx_http_soma_usage_state_t *st);
static ngx_int_t ngx_http_soma_usage_days(ngx_http_request_t *r,
    ngx_http_soma_usage_state_t *st);
static ngx_int_t ngx_http_soma_usage_by(ngx_http_request_t *r,
    ngx_http_soma_usage_state_t *st);
static void ngx_http_soma_usage_batch(ngx_http_request_t *r,
    ngx_http_soma_usage_state_t *st);
static void ngx_http_soma_usage_reply(ngx_http_request_t *r,
    redisReply *reply);
static void ngx_http_soma_usage_hash(ngx_http_request_t *r,
    ngx_http_soma_usage_state_t *st, redisReply *reply);
static ngx_int_t ngx_http_soma_usage_send(ngx_http_request_t *r,
    ngx_http_soma_usage_state_t *st);
static void ngx_http_soma_usage_write(soma_out_t *out, void *data);


ngx_int_t
ngx_http_soma_api_usage_handler(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx)
{
    ngx_int_t                     rc;
    soma_str_t                   *tenant;
    ngx_http_soma_usage_state_t  *st;

    st = ngx_http_soma_endpoint_state_create(r,
                                           sizeof(ngx_http_soma_usage_state_t));
    if (st == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    st->ctx = ctx;

    rc = ngx_http_soma_usage_args(r, st);

    if (rc != NGX_OK) {
        return rc;
    }

    soma_report_init(&st->report, &ctx->arena, st->by);

    if (!ctx->main->redis.set) {
        return ngx_http_soma_api_usage_local(r, st);
    }

    if (st->all) {
        return ngx_http_soma_api_usage_index(r, st);
    }

    if (ngx_array_init(&st->tenants, r->pool, 1, sizeof(soma_str_t))
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    tenant = ngx_array_push(&st->tenants);
    *tenant = st->tenant;

    rc = ngx_http_soma_api_usage_ask(r, st);

    return (rc == NGX_AGAIN) ? ngx_http_soma_endpoint_wait(r) : rc;
}


static ngx_int_t
ngx_http_soma_usage_args(ngx_http_request_t *r,
    ngx_http_soma_usage_state_t *st)
{
    ngx_int_t             rc;
    ngx_http_soma_ctx_t  *ctx;

    ctx = st->ctx;

    if (ngx_http_soma_endpoint_arg(r, "tenant", &st->tenant) != NGX_OK) {
        st->tenant = ctx->identity.tenant;
    }

    if (soma_str_is(st->tenant, "*")) {
        st->all = 1;

    } else if (!soma_lock_tenant_valid(st->tenant)) {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_BAD_REQUEST,
                                   "invalid_tenant",
                                   "tenant is \"%*s\": letters, digits, "
                                   "\".\", \"_\" and \"-\" are allowed, %d at "
                                   "most, or * for all tenants",
                                   ngx_min(st->tenant.len, 64),
                                   st->tenant.data, SOMA_TENANT_MAX);
    }

    if (!soma_str_eq(st->tenant, ctx->identity.tenant)
        && !(ctx->identity.capabilities & (SOMA_CAN_ADMIN|SOMA_CAN_USAGE)))
    {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_FORBIDDEN,
                                   "usage_of_another_tenant",
                                   "this key sees the usage of its own tenant "
                                   "\"%*s\"; other tenants need the "
                                   "capability \"usage\" or \"admin\"",
                                   ctx->identity.tenant.len,
                                   ctx->identity.tenant.data);
    }

    rc = ngx_http_soma_usage_days(r, st);

    if (rc == NGX_OK) {
        rc = ngx_http_soma_api_usage_page(r, st);
    }

    return (rc == NGX_OK) ? ngx_http_soma_usage_by(r, st) : rc;
}


static ngx_int_t
ngx_http_soma_usage_days(ngx_http_request_t *r,
    ngx_http_soma_usage_state_t *st)
{
    int32_t      today, *day;
    ngx_uint_t   i;
    soma_str_t   value;
    unsigned     given[3];

    static const char  *name[] = { "day", "from", "to" };

    today = soma_aggregate_day_of(ngx_http_soma_now());
    st->from = today;
    st->to = today;

    for (i = 0; i < 3; i++) {
        given[i] = 0;

        if (ngx_http_soma_endpoint_arg(r, name[i], &value) != NGX_OK) {
            continue;
        }

        given[i] = 1;
        day = (i == 2) ? &st->to : &st->from;

        if (soma_aggregate_day_parse(value, day) != SOMA_OK) {
            return ngx_http_soma_fault(st->ctx, SOMA_FAULT_BAD_REQUEST,
                                       "invalid_day",
                                       "%s is \"%*s\": a day as YYYY-MM-DD "
                                       "is allowed", name[i],
                                       ngx_min(value.len, 64), value.data);
        }

        if (i == 0) {
            st->to = st->from;
        }
    }

    if (given[0] && (given[1] || given[2])) {
        return ngx_http_soma_fault(st->ctx, SOMA_FAULT_BAD_REQUEST,
                                   "invalid_day",
                                   "day and from or to are given: one day or "
                                   "a range is allowed");
    }

    if (given[2] && !given[1]) {
        st->from = st->to;
    }

    if (st->from > st->to) {
        return ngx_http_soma_fault(st->ctx, SOMA_FAULT_BAD_REQUEST,
                                   "invalid_day",
                                   "from lies behind to (which is today when "
                                   "not given)");
    }

    if (st->to - st->from >= NGX_HTTP_SOMA_USAGE_DAYS_MAX) {
        return ngx_http_soma_fault(st->ctx, SOMA_FAULT_BAD_REQUEST,
                                   "invalid_day",
                                   "from and to span %D days: %d a call are "
                                   "allowed", st->to - st->from + 1,
                                   NGX_HTTP_SOMA_USAGE_DAYS_MAX);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_usage_by(ngx_http_request_t *r, ngx_http_soma_usage_state_t *st)
{
    u_char      *p, *end, *comma;
    soma_str_t   value, word;

    if (ngx_http_soma_endpoint_arg(r, "by", &value) != NGX_OK) {
        st->by = SOMA_BY_DAY|SOMA_BY_MODEL|(st->all ? SOMA_BY_TENANT : 0);
        return NGX_OK;
    }

    p = value.data;
    end = p + value.len;

    while (p < end) {
        comma = ngx_strlchr(p, end, ',');

        word.data = p;
        word.len = (comma ? comma : end) - p;
        p = comma ? comma + 1 : end;

        if (soma_str_is(word, "model")) {
            st->by |= SOMA_BY_MODEL;

        } else if (soma_str_is(word, "day")) {
            st->by |= SOMA_BY_DAY;

        } else if (soma_str_is(word, "tenant")) {
            st->by |= SOMA_BY_TENANT;

        } else {
            return ngx_http_soma_fault(st->ctx, SOMA_FAULT_BAD_REQUEST,
                                       "invalid_by",
                                       "by is \"%*s\": model, day, tenant, or "
                                       "some of them with commas are allowed",
                                       ngx_min(value.len, 64), value.data);
        }
    }

    return NGX_OK;
}


/* NGX_AGAIN: the hashes are asked for, else what a handler returns */

ngx_int_t
ngx_http_soma_api_usage_ask(ngx_http_request_t *r,
    ngx_http_soma_usage_state_t *st)
{
    if (st->tenants.nelts) {
        ngx_http_soma_usage_batch(r, st);

        return st->sent ? NGX_AGAIN : ngx_http_soma_api_usage_local(r, st);
    }

    return ngx_http_soma_usage_send(r, st);
}


/* some tenants' days, which come back in this order: those of one node do */

static void
ngx_http_soma_usage_batch(ngx_http_request_t *r,
    ngx_http_soma_usage_state_t *st)
{
    size_t       argvlen[2];
    ngx_uint_t   days, last;
    soma_out_t   out;
    const char  *argv[2];
    soma_str_t  *tenant;
    u_char       key[SOMA_TENANT_MAX + 64];

    tenant = st->tenants.elts;
    days = st->to - st->from + 1;

    last = ngx_http_soma_usage_last(st, days);

    argv[0] = "HGETALL";
    argvlen[0] = sizeof("HGETALL") - 1;
    argv[1] = (const char *) key;

    while (st->sent < last) {

        soma_put_init(&out, key, sizeof(key));
        soma_put_cstr(&out, "soma:{");
        soma_put_str(&out, tenant[st->sent / days]);
        soma_put_cstr(&out, "}:usage:");
        soma_put_day(&out, soma_aggregate_day_to_ms(st->from
                                                + (int32_t) (st->sent % days)));

        argvlen[1] = out.pos - out.start;

        if (ngx_http_soma_redis_request(r, ngx_http_soma_usage_reply, 2, argv,
                                        argvlen)
            != NGX_OK)
        {
            st->failed = 1;
            return;
        }

        st->sent++;
    }
}


/* how many hashes are asked for when this batch is sent: a tenant's, or of a
 * single server those of several */
static ngx_uint_t
ngx_http_soma_usage_last(ngx_http_soma_usage_state_t *st, ngx_uint_t days)
{
    ngx_uint_t  last;

    last = st->sent + days;

    if (st->ctx->main->redis.kind != SOMA_REDIS_CLUSTER) {
        last = st->sent
               + ngx_max(NGX_HTTP_SOMA_USAGE_BATCH / days, 1) * days;
    }

    return ngx_min(last, st->tenants.nelts * days);
}


static void
ngx_http_soma_usage_reply(ngx_http_request_t *r, redisReply *reply)
{
    ngx_http_soma_usage_state_t  *st;

    st = ngx_http_soma_endpoint_state(r);

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        st->failed = 1;

    } else if (!st->failed && !st->full) {
        ngx_http_soma_usage_hash(r, st, reply);
    }

    if (++st->got < st->sent) {
        return;
    }

    if (!st->failed && !st->full
        && st->sent < st->tenants.nelts * (st->to - st->from + 1))
    {
        ngx_http_soma_usage_batch(r, st);

        if (st->got < st->sent) {
            return;
        }
    }

    ngx_http_soma_endpoint_end(r, st->failed
                                  ? ngx_http_soma_api_usage_local(r, st)
                                  : ngx_http_soma_usage_send(r, st));
}


/* replies come in the order of the questions */

static void
ngx_http_soma_usage_hash(ngx_http_request_t *r,
    ngx_http_soma_usage_state_t *st, redisReply *reply)
{
    int          rc;
    size_t       i;
    int32_t      day, days;
    redisReply  *name, *number;
    soma_str_t  *tenant, field, value;

    tenant = st->tenants.elts;
    days = st->to - st->from + 1;
    day = st->from + (int32_t) (st->got % days);
    tenant = &tenant[st->got / days];

    for (i = 0; i + 1 < reply->elements; i += 2) {
        name = reply->element[i];
        number = reply->element[i + 1];

        if (name->type != REDIS_REPLY_STRING
            || number->type != REDIS_REPLY_STRING)
        {
            continue;
        }

        field.data = (u_char *) name->str;
        field.len = name->len;

        if (st->by & SOMA_BY_MODEL) {

            /* the row keeps the names, the reply does not stay */

            field = soma_str_dup(&st->ctx->arena, field);

            if (field.data == NULL && field.len) {
                st->full = 1;
                return;
            }
        }

        value.data = (u_char *) number->str;
        value.len = number->len;

        rc = soma_report_field(&st->report, day, *tenant, field, value);

        if (rc != SOMA_OK) {
            st->full = 1;
            return;
        }
    }

    if (soma_report_merge(&st->report) != SOMA_OK) {
        st->full = 1;
    }

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "soma usage: hash of %uz elements, %uz rows",
                   reply->elements, st->report.n);
}


ngx_int_t
ngx_http_soma_api_usage_local(ngx_http_request_t *r,
    ngx_http_soma_usage_state_t *st)
{
    ngx_int_t  rc;

    if (st->cursor.len && st->ctx->main->redis.set) {

        /* pages of two books would not add up */

        st->ctx->error.retry_ms = 1000;

        return ngx_http_soma_fault(st->ctx, SOMA_FAULT_UNAVAILABLE,
                                   "usage_unavailable",
                                   "Redis is away, and the pages before came "
                                   "from it: try again in a moment");
    }

    st->local = 1;
    st->next.len = 0;
    soma_report_init(&st->report, &st->ctx->arena, st->by);

    rc = ngx_http_soma_metrics_usage(st->ctx->main, &st->report, st->from,
                                     st->to, st->all ? NULL : &st->tenant);

    if (rc == NGX_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rc == NGX_DECLINED) {
        st->full = 1;
    }

    if (st->ctx->main->redis.set) {
        st->note = "Redis is away: this node's own usage since it started";

    } else if (ngx_http_soma_metrics_replaying(st->ctx->main)) {
        st->note = "the journal is still being read: sums are too low";
    }

    return ngx_http_soma_usage_send(r, st);
}


static ngx_int_t
ngx_http_soma_usage_send(ngx_http_request_t *r,
    ngx_http_soma_usage_state_t *st)
{
    if (st->full || soma_report_merge(&st->report) != SOMA_OK) {
        return ngx_http_soma_fault(st->ctx, SOMA_FAULT_BAD_REQUEST,
                                   "range_too_large",
                                   "more than %d rows: ask for fewer days, or "
                                   "by=model, by=day or by=tenant",
                                   SOMA_REPORT_ROWS_MAX);
    }

    return ngx_http_soma_endpoint_answer(r, NGX_HTTP_OK,
                                         ngx_http_soma_usage_write, st);
}


static void
ngx_http_soma_usage_write(soma_out_t *out, void *data)
{
    ngx_http_soma_usage_state_t *st = data;

    soma_put_char(out, '{');

    soma_member_str(out, "tenant", st->tenant);

    soma_put_cstr(out, ",\"from\":\"");
    soma_put_day(out, soma_aggregate_day_to_ms(st->from));
    soma_put_cstr(out, "\",\"to\":\"");
    soma_put_day(out, soma_aggregate_day_to_ms(st->to));
    soma_put_char(out, '"');

    soma_member_text(out, "source", st->local ? "local" : "redis");

    if (st->next.len) {
        soma_member_str(out, "cursor", st->next);
    }

    if (st->note) {
        soma_member_text(out, "note", st->note);
    }

    soma_put_char(out, ',');
    soma_report_json(out, &st->report);
    soma_put_cstr(out, "}\n");
}
