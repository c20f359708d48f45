
/*
 * Copyright (C) The ngx_soma authors
 *
 * What happens to training locks without a request: Redis is told what was
 * decided while it was away, and the end of a lock is announced.
 */


#include "ngx_http_soma_cache.h"
#include "ngx_http_soma_lock_redis.h"
#include "ngx_http_soma_lock_table.h"


#define NGX_HTTP_SOMA_LOCK_INTERVAL  500        /* ms */
#define NGX_HTTP_SOMA_LOCK_BATCH     64         /* locks a turn */
#define NGX_HTTP_SOMA_LOCK_LATE      3600000    /* ms, an end is news */


typedef struct {
    ngx_pool_t                 *pool;
    ngx_http_soma_main_conf_t  *smcf;
    soma_lock_t                 lock;
    int64_t                     ttl_ms;         /* that was sent */
    ngx_uint_t                  expired;
    ngx_http_soma_lock_copy_t   copy;
} ngx_http_soma_lock_sync_t;


static void ngx_http_soma_lock_timer(ngx_event_t *ev);
static void ngx_http_soma_lock_up(void *data);
static void ngx_http_soma_lock_turn(ngx_http_soma_main_conf_t *smcf);
static void ngx_http_soma_lock_forget(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_lock_copy_t *copy, const char *why);
static ngx_int_t ngx_http_soma_lock_tell(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_lock_copy_t *copy, int64_t now);
static void ngx_http_soma_lock_tell_stream(ngx_http_soma_lock_sync_t *sync);
static void ngx_http_soma_lock_told(void *data, redisReply *reply);
static void ngx_http_soma_lock_drop(void *data);


static ngx_event_t       ngx_http_soma_lock_event;
static ngx_connection_t  ngx_http_soma_lock_dummy;


ngx_int_t
ngx_http_soma_lock_init_worker(ngx_cycle_t *cycle,
    ngx_http_soma_main_conf_t *smcf)
{
    ngx_event_t  *ev;

    if (smcf == NULL || smcf->zone == NULL || smcf->zone->quota == NULL) {
        return NGX_OK;
    }

    ev = &ngx_http_soma_lock_event;

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    ngx_memzero(ev, sizeof(ngx_event_t));

    /* debug logging of timers reads an fd behind ev->data */

    ngx_http_soma_lock_dummy.fd = (ngx_socket_t) -1;
    ngx_http_soma_lock_dummy.data = smcf;

    ev->handler = ngx_http_soma_lock_timer;
    ev->data = &ngx_http_soma_lock_dummy;
    ev->log = cycle->log;
    ev->cancelable = 1;

    ngx_add_timer(ev, NGX_HTTP_SOMA_LOCK_INTERVAL);

    if (!smcf->redis.set) {
        return NGX_OK;
    }

    if (ngx_http_soma_redis_on_up(ngx_http_soma_lock_up, smcf) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_soma_redis_on_drop(ngx_http_soma_lock_told,
                                       ngx_http_soma_lock_drop);
}


static void
ngx_http_soma_lock_timer(ngx_event_t *ev)
{
    ngx_connection_t  *c;

    if (ngx_exiting || ngx_terminate) {
        return;
    }

    c = ev->data;

    ngx_http_soma_lock_turn(c->data);

    ngx_add_timer(ev, NGX_HTTP_SOMA_LOCK_INTERVAL);
}


static void
ngx_http_soma_lock_up(void *data)
{
    ngx_http_soma_lock_table_wake(data);
    ngx_http_soma_lock_turn(data);
}


static void
ngx_http_soma_lock_turn(ngx_http_soma_main_conf_t *smcf)
{
    int64_t                    now;
    ngx_uint_t                 i, expired;
    ngx_http_soma_lock_copy_t  copy;

    if (ngx_http_soma_lock_table_count(smcf) == 0) {
        return;
    }

    now = ngx_http_soma_now();

    for (i = 0; i < NGX_HTTP_SOMA_LOCK_BATCH; i++) {

        if (ngx_http_soma_lock_table_due(smcf, now, &copy) != NGX_OK) {
            return;
        }

        expired = (copy.expires != 0 && copy.expires <= now);

        if (!smcf->redis.set) {

            if (copy.state == NGX_HTTP_SOMA_LOCK_GONE) {
                (void) ngx_http_soma_lock_table_remove(smcf, &copy);

            } else if (expired) {
                ngx_http_soma_lock_forget(smcf, &copy, "has expired");
            }

            continue;
        }

        if (ngx_http_soma_redis_ready()
            && ngx_http_soma_lock_tell(smcf, &copy, now) == NGX_OK)
        {
            continue;
        }

        if (expired && copy.state != NGX_HTTP_SOMA_LOCK_GONE
            && now - copy.expires > NGX_HTTP_SOMA_LOCK_LATE)
        {
            ngx_http_soma_lock_forget(smcf, &copy, "has expired, which redis "
                                                   "could not be told");
        }
    }
}


static void
ngx_http_soma_lock_forget(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_lock_copy_t *copy, const char *why)
{
    if (ngx_http_soma_lock_table_remove(smcf, copy) != NGX_OK) {
        return;
    }

    ngx_http_soma_cache_drop(smcf, NGX_HTTP_SOMA_CACHE_LOCK, copy->tenant);

    ngx_http_soma_log(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "soma: the training lock of tenant \"%*s\" %s",
                      copy->tenant.len, copy->tenant.data, why);
}


static ngx_int_t
ngx_http_soma_lock_tell(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_lock_copy_t *copy, int64_t now)
{
    ngx_int_t                   rc;
    ngx_pool_t                 *pool;
    soma_arena_t                arena;
    ngx_http_soma_lock_call_t  *call;
    ngx_http_soma_lock_sync_t  *sync;

    pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, ngx_cycle->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    arena = ngx_http_soma_arena(pool);
    sync = ngx_palloc(pool, sizeof(ngx_http_soma_lock_sync_t));
    call = ngx_palloc(pool, sizeof(ngx_http_soma_lock_call_t));

    if (sync == NULL || call == NULL) {
        ngx_destroy_pool(pool);
        return NGX_ERROR;
    }

    sync->pool = pool;
    sync->smcf = smcf;
    sync->copy = *copy;
    sync->copy.tenant.data = sync->copy.buf;
    sync->copy.json.data = sync->copy.buf + copy->tenant.len;

    if (soma_lock_parse(&sync->lock, &arena, sync->copy.json) == SOMA_ERROR) {
        ngx_destroy_pool(pool);
        return NGX_ERROR;
    }

    sync->lock.tenant = sync->copy.tenant;
    sync->expired = 0;

    if (copy->state == NGX_HTTP_SOMA_LOCK_GONE) {
        ngx_http_soma_lock_redis_disable(call, smcf, &sync->lock,
                                         copy->changed, 1);

    } else if (copy->expires != 0 && copy->expires <= now) {
        sync->expired = 1;
        ngx_http_soma_lock_redis_expired(call, smcf, &sync->lock,
                                         sync->copy.json, copy->expires);

    } else {
        sync->ttl_ms = copy->expires - now;
        ngx_http_soma_lock_redis_enable(call, smcf, &sync->lock,
                                        sync->copy.json, sync->ttl_ms, 1);
    }

    rc = ngx_http_soma_redis_command(ngx_http_soma_lock_told, sync,
                                     call->argc, call->argv, call->argvlen);
    if (rc != NGX_OK) {
        ngx_destroy_pool(pool);
    }

    return rc;
}


static void
ngx_http_soma_lock_tell_stream(ngx_http_soma_lock_sync_t *sync)
{
    ngx_http_soma_lock_copy_t  *copy;

    copy = &sync->copy;

    if (sync->expired) {
        ngx_http_soma_lock_redis_record(sync->smcf, "expired", &sync->lock,
                                        copy->expires, 0);

    } else if (copy->state == NGX_HTTP_SOMA_LOCK_GONE) {
        ngx_http_soma_lock_redis_record(sync->smcf, "disabled", &sync->lock,
                                        copy->changed, 0);

    } else {
        ngx_http_soma_lock_redis_record(sync->smcf, "enabled", &sync->lock,
                                        sync->lock.enabled_at, sync->ttl_ms);
    }
}


/*
 * Removing compares with what was sent: a lock set or lifted here in the
 * meantime stays to be told.
 */

static void
ngx_http_soma_lock_told(void *data, redisReply *reply)
{
    ngx_http_soma_lock_sync_t  *sync = data;

    int64_t                       now;
    ngx_http_soma_main_conf_t    *smcf;
    ngx_http_soma_lock_copy_t    *copy;
    ngx_http_soma_lock_answer_t   answer;

    now = ngx_http_soma_now();
    smcf = sync->smcf;
    copy = &sync->copy;

    if (ngx_http_soma_lock_redis_answer(reply, copy->tenant, now, &answer)
        != NGX_OK)
    {
        goto done;
    }

    if (answer.code == NGX_HTTP_SOMA_LOCK_YES) {
        ngx_http_soma_lock_tell_stream(sync);
    }

    if (sync->expired) {

        if (answer.code != NGX_HTTP_SOMA_LOCK_NO) {
            ngx_http_soma_lock_forget(smcf, copy, "has expired");
            goto done;
        }

    } else if (copy->state == NGX_HTTP_SOMA_LOCK_GONE) {

        if (answer.code != NGX_HTTP_SOMA_LOCK_NEWER) {
            ngx_http_soma_lock_forget(smcf, copy, "was lifted, redis knows "
                                                  "it now");
            goto done;
        }

    } else if (answer.code == NGX_HTTP_SOMA_LOCK_YES) {

        if (ngx_http_soma_lock_table_remove(smcf, copy) == NGX_OK) {
            ngx_http_soma_lock_redis_learn(smcf, copy->tenant, copy->json,
                                           copy->expires, now, 1);

            ngx_http_soma_log(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                              "soma: redis knows the training lock of tenant "
                              "\"%*s\" now", copy->tenant.len,
                              copy->tenant.data);
        }

        goto done;

    } else if (answer.code == NGX_HTTP_SOMA_LOCK_NEWER) {
        ngx_http_soma_lock_forget(smcf, copy, "was set while redis was away "
                                  "and has been lifted elsewhere since");
        goto done;
    }

    /* the lock that Redis has is the one */

    if (ngx_http_soma_lock_table_remove(smcf, copy) == NGX_OK) {
        ngx_http_soma_lock_redis_learn(smcf, copy->tenant, answer.json,
                                       answer.expires, now, 1);
    }

done:

    ngx_http_soma_lock_drop(sync);
}


static void
ngx_http_soma_lock_drop(void *data)
{
    ngx_http_soma_lock_sync_t  *sync = data;

    ngx_destroy_pool(sync->pool);
}
