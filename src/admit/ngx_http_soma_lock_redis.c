
/*
 * Copyright (C) The ngx_soma authors
 */


#include "ngx_http_soma_cache.h"
#include "ngx_http_soma_lock_redis.h"
#include "ngx_http_soma_lock_table.h"


static void ngx_http_soma_lock_arg(ngx_http_soma_lock_call_t *call,
    const void *data, size_t len);
static void ngx_http_soma_lock_begin(ngx_http_soma_lock_call_t *call,
    const char *script, soma_str_t tenant);
static void ngx_http_soma_lock_printed(ngx_http_soma_lock_call_t *call,
    u_char *from);
static void ngx_http_soma_lock_common(ngx_http_soma_lock_call_t *call,
    soma_str_t tenant, int64_t now, ngx_uint_t late);
static void ngx_http_soma_lock_recorded(void *data, redisReply *reply);
static void ngx_http_soma_lock_event(ngx_http_soma_lock_call_t *call,
    ngx_http_soma_main_conf_t *smcf, const char *name,
    const soma_lock_t *lock, int64_t at, int64_t ttl_ms);


void
ngx_http_soma_lock_redis_get(ngx_http_soma_lock_call_t *call,
    soma_str_t tenant)
{
    ngx_http_soma_lock_begin(call, soma_lock_get_lua, tenant);
}


void
ngx_http_soma_lock_redis_enable(ngx_http_soma_lock_call_t *call,
    ngx_http_soma_main_conf_t *smcf, const soma_lock_t *lock,
    soma_str_t json, int64_t ttl_ms, ngx_uint_t late)
{
    u_char  *from;

    ngx_http_soma_lock_begin(call, soma_lock_enable_lua, lock->tenant);
    ngx_http_soma_lock_common(call, lock->tenant, lock->enabled_at, late);
    ngx_http_soma_lock_arg(call, json.data, json.len);
    ngx_http_soma_lock_event(call, smcf, "enabled", lock, lock->enabled_at,
                             ttl_ms);

    from = call->out.pos;
    soma_put_int(&call->out, ttl_ms > 0 ? ttl_ms : 1);
    ngx_http_soma_lock_printed(call, from);
}


void
ngx_http_soma_lock_redis_disable(ngx_http_soma_lock_call_t *call,
    ngx_http_soma_main_conf_t *smcf, const soma_lock_t *lock, int64_t now,
    ngx_uint_t late)
{
    u_char  *from;

    ngx_http_soma_lock_begin(call, soma_lock_disable_lua, lock->tenant);
    ngx_http_soma_lock_common(call, lock->tenant, now, late);

    from = call->out.pos;
    soma_put_time(&call->out, now);
    ngx_http_soma_lock_printed(call, from);

    ngx_http_soma_lock_event(call, smcf, "disabled", lock, now, 0);
}


void
ngx_http_soma_lock_redis_expired(ngx_http_soma_lock_call_t *call,
    ngx_http_soma_main_conf_t *smcf, const soma_lock_t *lock,
    soma_str_t json, int64_t at)
{
    ngx_http_soma_lock_begin(call, soma_lock_expired_lua, lock->tenant);
    ngx_http_soma_lock_common(call, lock->tenant, at, 0);
    ngx_http_soma_lock_arg(call, json.data, json.len);
    ngx_http_soma_lock_event(call, smcf, "expired", lock, at, 0);
}


void
ngx_http_soma_lock_redis_record(ngx_http_soma_main_conf_t *smcf,
    const char *name, const soma_lock_t *lock, int64_t at, int64_t ttl_ms)
{
    u_char                     *from;
    int64_t                     events;
    ngx_http_soma_lock_call_t   call;

    call.argc = 0;
    soma_put_init(&call.out, call.buf, sizeof(call.buf));

    ngx_http_soma_lock_arg(&call, "XADD", 4);

    from = call.out.pos;
    soma_put_cstr(&call.out, "soma:{");
    soma_put_str(&call.out, lock->tenant);
    soma_put_cstr(&call.out, "}:events");
    ngx_http_soma_lock_printed(&call, from);

    ngx_http_soma_lock_arg(&call, "MAXLEN", 6);
    ngx_http_soma_lock_arg(&call, "~", 1);

    events = (smcf->ledger.events > 0) ? smcf->ledger.events
                                       : NGX_HTTP_SOMA_LOCK_EVENTS;
    from = call.out.pos;
    soma_put_int(&call.out, events);
    ngx_http_soma_lock_printed(&call, from);

    ngx_http_soma_lock_arg(&call, "*", 1);
    ngx_http_soma_lock_arg(&call, "lock", 4);
    ngx_http_soma_lock_event(&call, smcf, name, lock, at, ttl_ms);

    if (ngx_http_soma_redis_command(ngx_http_soma_lock_recorded, NULL,
                                    call.argc, call.argv, call.argvlen)
        != NGX_OK)
    {
        ngx_http_soma_lock_recorded(NULL, NULL);
    }
}


static void
ngx_http_soma_lock_recorded(void *data, redisReply *reply)
{
    if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {
        ngx_http_soma_log(NGX_LOG_WARN, ngx_cycle->log, 0,
                          "soma: the change of a training lock is not in its "
                          "tenant's stream of events: %s",
                          reply ? reply->str : "redis went away");
    }
}


ngx_int_t
ngx_http_soma_lock_redis_answer(redisReply *reply, soma_str_t tenant,
    int64_t now, ngx_http_soma_lock_answer_t *answer)
{
    int64_t  ttl;

    ngx_memzero(answer, sizeof(ngx_http_soma_lock_answer_t));

    if (reply == NULL) {
        return NGX_ERROR;
    }

    if (reply->type != REDIS_REPLY_ARRAY
        || reply->elements < 1
        || reply->element[0]->type != REDIS_REPLY_INTEGER)
    {
        ngx_http_soma_log(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "soma: the training lock of tenant \"%*s\" is not to "
                          "be had from redis: %*s", tenant.len, tenant.data,
                          (size_t) (reply->type == REDIS_REPLY_ERROR
                                    ? reply->len : 0), reply->str);
        return NGX_ERROR;
    }

    answer->code = reply->element[0]->integer;

    if (reply->elements < 3
        || reply->element[1]->type != REDIS_REPLY_STRING
        || reply->element[2]->type != REDIS_REPLY_INTEGER)
    {
        return NGX_OK;
    }

    ttl = reply->element[2]->integer;

    answer->json.data = (u_char *) reply->element[1]->str;
    answer->json.len = reply->element[1]->len;
    answer->expires = (ttl >= 0) ? now + ttl : 0;

    if (answer->json.len == 0 || answer->json.len > SOMA_LOCK_JSON_MAX) {

        /* not ours, and nothing to be kept of it but that it locks */

        answer->json = SOMA_STR("{}");
    }

    return NGX_OK;
}


void
ngx_http_soma_lock_redis_learn(ngx_http_soma_main_conf_t *smcf,
    soma_str_t tenant,
    soma_str_t json, int64_t expires, int64_t now, ngx_uint_t fresh)
{
    ngx_http_soma_lock_table_learn(smcf, tenant, json, expires, now);

    if (fresh) {
        (void) ngx_http_soma_cache_put(smcf, NGX_HTTP_SOMA_CACHE_LOCK, tenant,
                                       json, now, expires);
    }
}


static void
ngx_http_soma_lock_arg(ngx_http_soma_lock_call_t *call, const void *data,
    size_t len)
{
    call->argv[call->argc] = data;
    call->argvlen[call->argc] = len;
    call->argc++;
}


static void
ngx_http_soma_lock_printed(ngx_http_soma_lock_call_t *call, u_char *from)
{
    ngx_http_soma_lock_arg(call, from, call->out.pos - from);
}


static void
ngx_http_soma_lock_begin(ngx_http_soma_lock_call_t *call, const char *script,
    soma_str_t tenant)
{
    u_char  *from;

    call->argc = 0;
    soma_put_init(&call->out, call->buf, sizeof(call->buf));

    ngx_http_soma_lock_arg(call, "EVAL", 4);
    ngx_http_soma_lock_arg(call, script, ngx_strlen(script));
    ngx_http_soma_lock_arg(call, "2", 1);

    from = call->out.pos;
    soma_put_cstr(&call->out, "training:lock:");
    soma_put_str(&call->out, tenant);
    ngx_http_soma_lock_printed(call, from);

    from = call->out.pos;
    soma_put_cstr(&call->out, "soma:{training:lock:");
    soma_put_str(&call->out, tenant);
    soma_put_cstr(&call->out, "}:state");
    ngx_http_soma_lock_printed(call, from);
}


static void
ngx_http_soma_lock_common(ngx_http_soma_lock_call_t *call,
    soma_str_t tenant, int64_t now, ngx_uint_t late)
{
    u_char  *from;

    ngx_http_soma_lock_arg(call, tenant.data, tenant.len);

    from = call->out.pos;
    soma_put_int(&call->out, now);
    ngx_http_soma_lock_printed(call, from);

    ngx_http_soma_lock_arg(call, late ? "1" : "0", 1);
}


static void
ngx_http_soma_lock_event(ngx_http_soma_lock_call_t *call,
    ngx_http_soma_main_conf_t *smcf, const char *name,
    const soma_lock_t *lock, int64_t at, int64_t ttl_ms)
{
    u_char      *from;
    soma_out_t  *out;

    out = &call->out;
    from = out->pos;

    soma_put_cstr(out, "{\"event\":\"");
    soma_put_cstr(out, name);
    soma_put_cstr(out, "\",\"tenant\":");
    soma_put_json_str(out, lock->tenant);
    soma_put_cstr(out, ",\"user\":");
    soma_put_json_str(out, lock->user);
    soma_put_cstr(out, ",\"reason\":");
    soma_put_json_str(out, lock->reason);

    if (ttl_ms != 0) {
        soma_put_cstr(out, ",\"ttl\":");
        soma_put_int(out, (ttl_ms + 999) / 1000);
    }

    soma_put_cstr(out, ",\"at\":\"");
    soma_put_time(out, at);
    soma_put_cstr(out, "\",\"node\":");
    soma_put_json_str(out, ngx_http_soma_str(smcf->node));
    soma_put_char(out, '}');

    ngx_http_soma_lock_printed(call, from);
}
