
/*
 * Copyright (C) The ngx_soma authors
 *
 * GET .../locks: the training locks that hold now; from Redis where it can
 * tell, else those this node knows of.
 */


#include "ngx_http_soma_endpoint.h"
#include "ngx_http_soma_lock_table.h"


#define NGX_HTTP_SOMA_LOCK_PREFIX  "training:lock:"


typedef struct {
    soma_str_t            name;         /* in Redis */
    soma_str_t            json;
    int64_t               ttl;          /* ms, -1: none */
    unsigned              gone:1;
} ngx_http_soma_lock_row_t;


typedef struct {
    ngx_http_soma_ctx_t  *ctx;
    ngx_array_t           locks;        /* ..._lock_row_t */
    ngx_uint_t            master;       /* the one that is asked */
    ngx_uint_t            scans;
    ngx_uint_t            sent;         /* GET and PTTL, by turns */
    ngx_uint_t            got;
    int64_t               now;
    unsigned              local:1;
    unsigned              failed:1;
    unsigned              truncated:1;
} ngx_http_soma_locks_state_t;


static ngx_uint_t ngx_http_soma_locks_page(redisReply *reply);
static ngx_int_t ngx_http_soma_locks_scan(ngx_http_request_t *r,
    ngx_http_soma_locks_state_t *st, const char *cursor, size_t len);
static void ngx_http_soma_locks_scanned(ngx_http_request_t *r,
    redisReply *reply);
static void ngx_http_soma_locks_found(ngx_http_soma_locks_state_t *st,
    redisReply *keys);
static ngx_int_t ngx_http_soma_locks_ask(ngx_http_request_t *r,
    ngx_http_soma_locks_state_t *st);
static void ngx_http_soma_locks_value(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_soma_locks_local(ngx_http_request_t *r,
    ngx_http_soma_locks_state_t *st);
static void ngx_http_soma_locks_each(void *data,
    ngx_http_soma_lock_copy_t *copy);
static void ngx_http_soma_locks_write(soma_out_t *out, void *data);


ngx_int_t
ngx_http_soma_api_locks_handler(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx)
{
    ngx_http_soma_locks_state_t  *st;

    if (!(ctx->identity.capabilities & SOMA_CAN_ADMIN)) {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_FORBIDDEN,
                                   "admin_required",
                                   "the list of locks is for keys with the "
                                   "capability \"admin\"");
    }

    st = ngx_http_soma_endpoint_state_create(r,
                                           sizeof(ngx_http_soma_locks_state_t));
    if (st == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    st->ctx = ctx;
    st->now = ngx_http_soma_now();

    if (ngx_array_init(&st->locks, r->pool, 16,
                       sizeof(ngx_http_soma_lock_row_t))
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_soma_locks_scan(r, st, "0", 1) != NGX_OK) {
        return ngx_http_soma_locks_local(r, st);
    }

    return ngx_http_soma_endpoint_wait(r);
}


static ngx_int_t
ngx_http_soma_locks_scan(ngx_http_request_t *r,
    ngx_http_soma_locks_state_t *st, const char *cursor, size_t len)
{
    size_t       argvlen[6];
    const char  *argv[6];

    if (!st->ctx->main->redis.set) {
        return NGX_DECLINED;
    }

    argv[0] = "SCAN";
    argvlen[0] = sizeof("SCAN") - 1;
    argv[1] = cursor;
    argvlen[1] = len;
    argv[2] = "MATCH";
    argvlen[2] = sizeof("MATCH") - 1;
    argv[3] = NGX_HTTP_SOMA_LOCK_PREFIX "*";
    argvlen[3] = sizeof(NGX_HTTP_SOMA_LOCK_PREFIX "*") - 1;
    argv[4] = "COUNT";
    argvlen[4] = sizeof("COUNT") - 1;
    argv[5] = NGX_HTTP_SOMA_SCAN_COUNT;
    argvlen[5] = sizeof(NGX_HTTP_SOMA_SCAN_COUNT) - 1;

    st->scans++;

    return ngx_http_soma_redis_request_master(r, st->master,
                                              ngx_http_soma_locks_scanned, 6,
                                              argv, argvlen);
}


static void
ngx_http_soma_locks_scanned(ngx_http_request_t *r, redisReply *reply)
{
    ngx_int_t                     rc;
    redisReply                   *cursor;
    ngx_http_soma_locks_state_t  *st;

    st = ngx_http_soma_endpoint_state(r);

    if (!ngx_http_soma_locks_page(reply)) {
        ngx_http_soma_endpoint_end(r, ngx_http_soma_locks_local(r, st));
        return;
    }

    ngx_http_soma_locks_found(st, reply->element[1]);

    cursor = reply->element[0];

    /* SCAN tells of one master only: after its last word the next is asked */

    if (cursor->len == 1 && cursor->str[0] == '0') {
        st->master++;
    }

    if (!st->truncated && st->scans < NGX_HTTP_SOMA_SCAN_MAX) {
        rc = ngx_http_soma_locks_scan(r, st, cursor->str, cursor->len);

        if (rc == NGX_OK) {
            return;
        }

        if (rc != NGX_DONE) {
            ngx_http_soma_endpoint_end(r, ngx_http_soma_locks_local(r, st));
            return;
        }

    } else {
        st->truncated = 1;
    }

    rc = ngx_http_soma_locks_ask(r, st);

    if (rc != NGX_AGAIN) {
        ngx_http_soma_endpoint_end(r, rc);
    }
}


/* a cursor and keys, as SCAN tells them */
static ngx_uint_t
ngx_http_soma_locks_page(redisReply *reply)
{
    return reply != NULL && reply->type == REDIS_REPLY_ARRAY
           && reply->elements == 2
           && reply->element[0]->type == REDIS_REPLY_STRING
           && reply->element[1]->type == REDIS_REPLY_ARRAY;
}


/* SCAN may tell a key more than once */

static void
ngx_http_soma_locks_found(ngx_http_soma_locks_state_t *st, redisReply *keys)
{
    size_t                     i;
    ngx_uint_t                 k;
    soma_str_t                 name;
    ngx_http_soma_lock_row_t  *row;

    for (i = 0; i < keys->elements; i++) {

        if (keys->element[i]->type != REDIS_REPLY_STRING) {
            continue;
        }

        name.data = (u_char *) keys->element[i]->str;
        name.len = keys->element[i]->len;

        row = st->locks.elts;

        for (k = 0; k < st->locks.nelts; k++) {
            if (soma_str_eq(row[k].name, name)) {
                break;
            }
        }

        if (k < st->locks.nelts) {
            continue;
        }

        if (st->locks.nelts == NGX_HTTP_SOMA_LOCKS_SHOWN) {
            st->truncated = 1;
            return;
        }

        row = ngx_array_push(&st->locks);
        if (row == NULL) {
            st->truncated = 1;
            return;
        }

        ngx_memzero(row, sizeof(ngx_http_soma_lock_row_t));
        row->name = soma_str_dup(&st->ctx->arena, name);
        row->gone = (row->name.data == NULL);
    }
}


/* NGX_AGAIN: answers will come, else what the request ends with */

static ngx_int_t
ngx_http_soma_locks_ask(ngx_http_request_t *r,
    ngx_http_soma_locks_state_t *st)
{
    size_t                     argvlen[2];
    ngx_uint_t                 i;
    const char                *argv[2];
    ngx_http_soma_lock_row_t  *row;

    row = st->locks.elts;

    for (i = 0; i < 2 * st->locks.nelts; i++) {

        argv[0] = (i & 1) ? "PTTL" : "GET";
        argvlen[0] = (i & 1) ? sizeof("PTTL") - 1 : sizeof("GET") - 1;
        argv[1] = (const char *) row[i / 2].name.data;
        argvlen[1] = row[i / 2].name.len;

        if (ngx_http_soma_redis_request(r, ngx_http_soma_locks_value, 2, argv,
                                        argvlen)
            != NGX_OK)
        {
            st->failed = 1;
            break;
        }

        st->sent++;
    }

    if (st->sent) {
        return NGX_AGAIN;
    }

    if (st->failed) {
        return ngx_http_soma_locks_local(r, st);
    }

    return ngx_http_soma_endpoint_answer(r, NGX_HTTP_OK,
                                         ngx_http_soma_locks_write, st);
}


static void
ngx_http_soma_locks_value(ngx_http_request_t *r, redisReply *reply)
{
    soma_str_t                    s;
    ngx_http_soma_lock_row_t     *row;
    ngx_http_soma_locks_state_t  *st;

    st = ngx_http_soma_endpoint_state(r);

    row = st->locks.elts;
    row = &row[st->got / 2];

    if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {
        st->failed = 1;

    } else if (reply->type == REDIS_REPLY_STRING) {
        s.data = (u_char *) reply->str;
        s.len = ngx_min((size_t) reply->len, SOMA_LOCK_JSON_MAX);
        row->json = soma_str_dup(&st->ctx->arena, s);

    } else if (reply->type == REDIS_REPLY_INTEGER) {
        row->ttl = reply->integer;

        /* -2: it is not there any more */
        row->gone |= (reply->integer == -2);

    } else {
        row->gone = 1;
    }

    if (++st->got < st->sent) {
        return;
    }

    if (st->failed) {
        ngx_http_soma_endpoint_end(r, ngx_http_soma_locks_local(r, st));
        return;
    }

    ngx_http_soma_endpoint_end(r,
                  ngx_http_soma_endpoint_answer(r, NGX_HTTP_OK,
                                                ngx_http_soma_locks_write, st));
}


static ngx_int_t
ngx_http_soma_locks_local(ngx_http_request_t *r,
    ngx_http_soma_locks_state_t *st)
{
    st->local = 1;
    st->truncated = 0;
    st->locks.nelts = 0;

    ngx_http_soma_lock_table_walk(st->ctx->main, ngx_http_soma_locks_each,
                                  st);

    return ngx_http_soma_endpoint_answer(r, NGX_HTTP_OK,
                                         ngx_http_soma_locks_write, st);
}


static void
ngx_http_soma_locks_each(void *data, ngx_http_soma_lock_copy_t *copy)
{
    ngx_http_soma_locks_state_t *st = data;

    ngx_http_soma_lock_row_t  *row;

    if (copy->state == NGX_HTTP_SOMA_LOCK_GONE
        || (copy->expires && copy->expires <= st->now))
    {
        return;
    }

    if (st->locks.nelts == NGX_HTTP_SOMA_LOCKS_SHOWN) {
        st->truncated = 1;
        return;
    }

    row = ngx_array_push(&st->locks);
    if (row == NULL) {
        st->truncated = 1;
        return;
    }

    ngx_memzero(row, sizeof(ngx_http_soma_lock_row_t));

    row->name = soma_str_dup(&st->ctx->arena, copy->tenant);
    row->json = soma_str_dup(&st->ctx->arena, copy->json);
    row->ttl = copy->expires ? copy->expires - st->now : -1;
}


static void
ngx_http_soma_locks_write(soma_out_t *out, void *data)
{
    ngx_http_soma_locks_state_t *st = data;

    ngx_uint_t                 i;
    soma_str_t                 tenant;
    soma_lock_t                lock;
    ngx_http_soma_lock_row_t  *row;

    row = st->locks.elts;

    soma_put_char(out, '{');
    soma_member_text(out, "source", st->local ? "local" : "redis");

    if (st->truncated) {
        soma_member_bool(out, "truncated", 1);
    }

    soma_member_open(out, "locks", '[');

    for (i = 0; i < st->locks.nelts; i++) {

        if (row[i].gone || row[i].json.data == NULL) {
            continue;
        }

        tenant = row[i].name;

        if (!st->local) {
            tenant.data += sizeof(NGX_HTTP_SOMA_LOCK_PREFIX) - 1;
            tenant.len -= sizeof(NGX_HTTP_SOMA_LOCK_PREFIX) - 1;
        }

        /* whatever stands there, it locks */

        ngx_memzero(&lock, sizeof(soma_lock_t));
        (void) soma_lock_parse(&lock, &st->ctx->arena, row[i].json);

        soma_member_open(out, NULL, '{');
        soma_member_str(out, "tenant", tenant);
        soma_member_str(out, "user", lock.user);
        soma_member_str(out, "reason", lock.reason);
        soma_member_time(out, "enabled_at", lock.enabled_at);

        if (row[i].ttl >= 0) {
            soma_member_int(out, "ttl", (row[i].ttl + 999) / 1000);

        } else {
            soma_member_null(out, "ttl");
        }

        soma_put_char(out, '}');
    }

    soma_put_cstr(out, "]}\n");
}
