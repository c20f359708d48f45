
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a worker tells Redis of leases, and what Redis says of them.  Any
 * worker may send any group's call; which state an answer is for is looked
 * up anew, since the state may be gone by then.
 */


#include "ngx_http_soma_lease.h"
#include "ngx_http_soma_redis.h"


#define NGX_HTTP_SOMA_LEASE_ARGV  (SOMA_LEASE_FIXED                           \
                                   + SOMA_LEASE_KEYS_MAX                      \
                                     * (1 + SOMA_LEASE_ARGS))


/* one key of a call; the state's key lies in the call's bytes */
typedef struct {
    soma_lease_item_t           item;
    uint32_t                    hash;
    uint16_t                    len;        /* of the state's key */
    uint16_t                    name_len;   /* of Redis', only until sent */
} ngx_http_soma_lease_key_t;


typedef struct {
    ngx_uint_t                  n;
    uint64_t                    seq;
    uint32_t                    ups;
    uint32_t                    hash;       /* of the group */
    size_t                      tag_len;
    size_t                      used;       /* bytes: tag, states' keys */
    ngx_http_soma_lease_key_t   key[SOMA_LEASE_KEYS_MAX];
    u_char                      bytes[NGX_HTTP_SOMA_LEASE_BYTES];
} ngx_http_soma_lease_call_t;


typedef struct {
    ngx_http_soma_main_conf_t  *smcf;
    ngx_event_t                 tick;
    ngx_event_t                 kick;       /* posted */
    time_t                      told;
    ngx_msec_t                  looked;     /* for orphans */
    unsigned                    set:1;
    unsigned                    leaving:1;  /* a graceful exit has begun */
    unsigned                    last:1;     /* no worker stays */
} ngx_http_soma_lease_sync_t;


static void ngx_http_soma_lease_tick(ngx_event_t *ev);
static void ngx_http_soma_lease_kicked(ngx_event_t *ev);
static void ngx_http_soma_lease_up(void *data);
static void ngx_http_soma_lease_exit(void *data);
static void ngx_http_soma_lease_all_due(ngx_uint_t lost);
static void ngx_http_soma_lease_run(void);
static ngx_uint_t ngx_http_soma_lease_gather_locked(int64_t now);
static void ngx_http_soma_lease_fill_locked(ngx_http_soma_group_t *group,
    int64_t now);
static ngx_uint_t ngx_http_soma_lease_pick_locked(
    ngx_http_soma_leased_t *leased, u_char **names, int64_t now);
static ngx_int_t ngx_http_soma_lease_send(void);
static void ngx_http_soma_lease_answer(void *data, redisReply *reply);
static void ngx_http_soma_lease_drop(void *data);
static ngx_uint_t ngx_http_soma_lease_good(redisReply *reply, ngx_uint_t n);
static void ngx_http_soma_lease_book(ngx_http_soma_lease_call_t *call,
    redisReply *reply);
static void ngx_http_soma_lease_book_key_locked(
    ngx_http_soma_group_t *group, ngx_http_soma_lease_key_t *key,
    const u_char *name, redisReply **element);
static void ngx_http_soma_lease_complain(ngx_http_soma_lease_call_t *call,
    redisReply *reply);


ngx_http_soma_script_t  ngx_http_soma_lease_lua = {
    .text = soma_lease_lua
};


static ngx_http_soma_lease_sync_t  ngx_http_soma_lease_sync;

/* the call that is being made; what outlives it is copied */
static ngx_http_soma_lease_call_t  ngx_http_soma_lease_call;
static u_char                      ngx_http_soma_lease_names[
                                       SOMA_LEASE_KEYS_MAX
                                       * SOMA_LEASE_KEY_MAX];


ngx_int_t
ngx_http_soma_lease_sync_init_worker(ngx_cycle_t *cycle,
    ngx_http_soma_main_conf_t *smcf)
{
    static ngx_connection_t  dummy = { .fd = (ngx_socket_t) -1 };

    ngx_http_soma_lease_sync_t  *sync;

    sync = &ngx_http_soma_lease_sync;

    if (sync->tick.timer_set) {
        ngx_del_timer(&sync->tick);
    }

    ngx_memzero(sync, sizeof(ngx_http_soma_lease_sync_t));
    ngx_http_soma_lease_wait_init(smcf);

    if (!smcf->redis.set || smcf->zone == NULL) {
        return NGX_OK;
    }

    ngx_http_soma_lease_file_init(smcf);

    sync->smcf = smcf;
    sync->set = 1;

    sync->tick.handler = ngx_http_soma_lease_tick;
    sync->tick.data = &dummy;
    sync->tick.log = cycle->log;
    sync->tick.cancelable = 1;

    sync->kick.handler = ngx_http_soma_lease_kicked;
    sync->kick.data = &dummy;
    sync->kick.log = cycle->log;

    ngx_add_timer(&sync->tick, NGX_HTTP_SOMA_LEASE_TICK);

    if (ngx_http_soma_redis_on_up(ngx_http_soma_lease_up, sync) != NGX_OK
        || ngx_http_soma_redis_on_flush(ngx_http_soma_lease_up, NULL)
           != NGX_OK
        || ngx_http_soma_redis_on_exit(ngx_http_soma_lease_exit, NULL)
           != NGX_OK
        || ngx_http_soma_redis_on_drop(ngx_http_soma_lease_answer,
                                       ngx_http_soma_lease_drop)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_soma_lease_tick(ngx_event_t *ev)
{
    ngx_http_soma_lease_sync_t  *sync;

    sync = &ngx_http_soma_lease_sync;

    ngx_http_soma_lease_run();

    if (ngx_current_msec - sync->looked >= NGX_HTTP_SOMA_LEASE_ADOPT) {
        sync->looked = ngx_current_msec;
        ngx_http_soma_lease_orphan_look(sync->smcf);
    }

    ngx_add_timer(ev, NGX_HTTP_SOMA_LEASE_TICK);
}


static void
ngx_http_soma_lease_kicked(ngx_event_t *ev)
{
    ngx_http_soma_lease_run();
}


/* after the requests of this turn of the loop have said what they need */
void
ngx_http_soma_lease_kick(void)
{
    ngx_http_soma_lease_sync_t  *sync;

    sync = &ngx_http_soma_lease_sync;

    if (sync->set && !sync->kick.posted) {
        ngx_post_event(&sync->kick, &ngx_posted_events);
    }
}


/* data: the connection is new; NULL: Redis was emptied */
static void
ngx_http_soma_lease_up(void *data)
{
    ngx_http_soma_lease_sync_t  *sync;
    ngx_http_soma_quota_zone_t  *zone;

    sync = &ngx_http_soma_lease_sync;
    zone = sync->smcf->zone->quota;

    ngx_shmtx_lock(&sync->smcf->shpool->mutex);

    zone->ups += (data != NULL);
    zone->losses++;

    ngx_shmtx_unlock(&sync->smcf->shpool->mutex);

    ngx_http_soma_lease_all_due(1);
    ngx_http_soma_lease_orphan_look(sync->smcf);
    ngx_http_soma_lease_kick();
}


/* when nobody stays to spend it, what is free goes back at once */
static void
ngx_http_soma_lease_exit(void *data)
{
    ngx_http_soma_lease_sync_t  *sync;

    sync = &ngx_http_soma_lease_sync;
    sync->leaving = 1;
    sync->last = ngx_http_soma_quota_slot_leave(sync->smcf);

    if (sync->last) {
        ngx_http_soma_lease_all_due(0);
        ngx_http_soma_lease_run();
    }
}


/* lost: what was told long ago is told again too */
static void
ngx_http_soma_lease_all_due(ngx_uint_t lost)
{
    int64_t                      now;
    ngx_uint_t                   i;
    ngx_http_soma_state_t       *state;
    ngx_http_soma_leased_t      *leased;
    ngx_http_soma_main_conf_t   *smcf;
    ngx_http_soma_quota_zone_t  *zone;

    smcf = ngx_http_soma_lease_sync.smcf;
    zone = smcf->zone->quota;
    now = ngx_http_soma_lease_now();

    ngx_shmtx_lock(&smcf->shpool->mutex);

    for (i = 0; i <= zone->mask; i++) {

        for (state = zone->bucket[i]; state; state = state->next) {
            leased = state->leased;

            if (leased == NULL) {
                continue;
            }

            if (lost) {
                soma_lease_recount(&leased->lease, now);
            }

            if (leased->active || leased->lease.recount) {
                leased->lease.due = now;
                ngx_http_soma_lease_awake_locked(zone, leased);
            }
        }
    }

    ngx_shmtx_unlock(&smcf->shpool->mutex);
}


static void
ngx_http_soma_lease_run(void)
{
    ngx_uint_t                   i, more;
    ngx_http_soma_lease_sync_t  *sync;

    sync = &ngx_http_soma_lease_sync;

    if (!ngx_http_soma_redis_ready()) {
        return;
    }

    for (i = 0; i < NGX_HTTP_SOMA_LEASE_CALLS; i++) {

        ngx_shmtx_lock(&sync->smcf->shpool->mutex);

        more = ngx_http_soma_lease_gather_locked(ngx_http_soma_lease_now());

        ngx_shmtx_unlock(&sync->smcf->shpool->mutex);

        if (!more) {
            break;
        }

        if (ngx_http_soma_lease_call.n != 0
            && ngx_http_soma_lease_send() != NGX_OK)
        {
            ngx_http_soma_lease_book(&ngx_http_soma_lease_call, NULL);
            break;
        }
    }
}


/* 1: one group was due; its call is made, or has no keys */
static ngx_uint_t
ngx_http_soma_lease_gather_locked(int64_t now)
{
    ngx_queue_t                 *q;
    ngx_http_soma_group_t       *group;
    ngx_http_soma_main_conf_t   *smcf;
    ngx_http_soma_quota_zone_t  *zone;

    smcf = ngx_http_soma_lease_sync.smcf;
    zone = smcf->zone->quota;

    if (ngx_queue_empty(&zone->groups)) {
        return 0;
    }

    q = ngx_queue_head(&zone->groups);
    group = ngx_queue_data(q, ngx_http_soma_group_t, queue);

    if (group->due > now) {
        return 0;
    }

    ngx_queue_remove(&group->queue);
    group->queued = 0;

    /* not answered in time: who sent it is dead, or stopped */

    group->flight = 0;

    ngx_http_soma_lease_fill_locked(group, now);

    if (ngx_http_soma_lease_call.n != 0) {
        group->flight = now;
        group->seq = ngx_http_soma_lease_call.seq;

        ngx_http_soma_lease_queue_locked(zone, group,
                                         now + smcf->redis.timeout
                                         + NGX_HTTP_SOMA_LEASE_LATE);

    } else if (!ngx_queue_empty(&group->leases)) {
        ngx_http_soma_lease_queue_locked(zone, group,
                                         ngx_max(group->after, now + 1));
    }

    return 1;
}


/*
 * Looks at the leases of a group from the front, and moves what it saw to
 * the back: of many, each gets its turn.
 */
static void
ngx_http_soma_lease_fill_locked(ngx_http_soma_group_t *group, int64_t now)
{
    u_char                      *names;
    ngx_uint_t                   i;
    ngx_queue_t                 *q, *last;
    ngx_http_soma_leased_t      *leased;
    ngx_http_soma_lease_call_t  *call;
    ngx_http_soma_quota_zone_t  *zone;

    zone = ngx_http_soma_lease_sync.smcf->zone->quota;
    call = &ngx_http_soma_lease_call;
    names = ngx_http_soma_lease_names;

    call->n = 0;
    call->seq = ++zone->seq;
    call->ups = (group->ups != zone->ups) ? zone->ups : 0;
    call->hash = group->hash;
    call->tag_len = group->len;
    call->used = group->len;
    ngx_memcpy(call->bytes, group->tag, group->len);

    group->after = now + SOMA_LEASE_BEAT_MS;

    if (ngx_queue_empty(&group->leases)) {
        return;
    }

    last = ngx_queue_last(&group->leases);

    for (i = 0; i < NGX_HTTP_SOMA_LEASE_LOOKS; i++) {
        q = ngx_queue_head(&group->leases);
        leased = ngx_queue_data(q, ngx_http_soma_leased_t, queue);

        if (leased->lease.due <= now + NGX_HTTP_SOMA_LEASE_EARLY) {

            if (soma_lease_quiet(&leased->lease, now)
                && (!leased->lease.known || leased->lease.since != 0))
            {
                /* what a window counts is told again when Redis loses it */

                if (leased->lease.total == 0) {
                    ngx_http_soma_lease_unsave_locked(leased);
                }

                ngx_http_soma_lease_rest_locked(leased);

            } else if (!ngx_http_soma_lease_pick_locked(leased, &names, now)) {
                group->after = now;
                return;
            }
        }

        if (leased->active) {
            group->after = ngx_min(group->after, leased->lease.due);
            ngx_queue_remove(q);
            ngx_queue_insert_tail(&group->leases, q);
        }

        if (q == last) {
            return;
        }
    }

    group->after = now + NGX_HTTP_SOMA_LEASE_TICK;
}


/* 0: the call is full */
static ngx_uint_t
ngx_http_soma_lease_pick_locked(ngx_http_soma_leased_t *leased,
    u_char **names, int64_t now)
{
    soma_limit_t                 limit;
    ngx_http_soma_state_t       *state;
    ngx_http_soma_lease_key_t   *key;
    ngx_http_soma_lease_call_t  *call;
    ngx_http_soma_quota_zone_t  *zone;

    call = &ngx_http_soma_lease_call;
    zone = ngx_http_soma_lease_sync.smcf->zone->quota;
    state = leased->state;

    if (call->n == SOMA_LEASE_KEYS_MAX
        || (size_t) state->len > sizeof(call->bytes) - call->used)
    {
        return 0;
    }

    key = &call->key[call->n++];
    key->hash = state->hash;
    key->len = state->len;
    key->name_len = leased->len;

    ngx_memcpy(call->bytes + call->used, state->key, state->len);
    call->used += state->len;
    *names = ngx_cpymem(*names, leased->name, leased->len);

    ngx_http_soma_quota_zone_limit(state, &limit);
    soma_window_edges(&limit, ngx_http_soma_now() + zone->ahead,
                      leased->lease.edge);

    soma_lease_send(&limit, &leased->lease, call->seq, now,
                    ngx_http_soma_lease_sync.last, &key->item);
    ngx_http_soma_lease_save_locked(zone, leased);

    return 1;
}


static ngx_int_t
ngx_http_soma_lease_send(void)
{
    int                          argc;
    u_char                      *p;
    size_t                       size;
    ngx_int_t                    rc;
    soma_out_t                   out;
    ngx_uint_t                   i;
    ngx_http_soma_lease_call_t  *call, *copy;
    ngx_http_soma_quota_zone_t  *zone;

    static const char  *argv[NGX_HTTP_SOMA_LEASE_ARGV];
    static size_t       argvlen[NGX_HTTP_SOMA_LEASE_ARGV];
    static u_char       numbers[SOMA_LEASE_FIXED_MAX
                                + SOMA_LEASE_KEYS_MAX * SOMA_LEASE_ITEM_MAX];

    call = &ngx_http_soma_lease_call;
    size = offsetof(ngx_http_soma_lease_call_t, bytes) + call->used;

    copy = ngx_alloc(size, ngx_cycle->log);
    if (copy == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(copy, call, size);

    p = ngx_http_soma_lease_names;
    argc = 0;

    for (i = 0; i < call->n; i++) {
        argv[argc] = (const char *) p;
        argvlen[argc++] = call->key[i].name_len;
        p += call->key[i].name_len;
    }

    zone = ngx_http_soma_lease_sync.smcf->zone->quota;

    soma_put_init(&out, numbers, sizeof(numbers));
    soma_lease_fixed(&out, zone->instance, call->seq, call->ups != 0,
                     &argv[argc], &argvlen[argc]);
    argc += SOMA_LEASE_FIXED;

    for (i = 0; i < call->n; i++) {
        soma_lease_args(&out, &call->key[i].item, &argv[argc],
                        &argvlen[argc]);
        argc += SOMA_LEASE_ARGS;
    }

    rc = ngx_http_soma_redis_script(&ngx_http_soma_lease_lua,
                                    ngx_http_soma_lease_answer, copy,
                                    call->n, argc, argv, argvlen);
    if (rc != NGX_OK) {
        ngx_free(copy);
    }

    return rc;
}


static void
ngx_http_soma_lease_answer(void *data, redisReply *reply)
{
    ngx_http_soma_lease_call_t  *call = data;

    if (reply != NULL && !ngx_http_soma_lease_good(reply, call->n)) {
        ngx_http_soma_lease_complain(call, reply);
        reply = NULL;
    }

    ngx_http_soma_lease_book(call, reply);
    ngx_free(call);

    ngx_http_soma_lease_wake();
}


static void
ngx_http_soma_lease_drop(void *data)
{
    ngx_free(data);
}


static ngx_uint_t
ngx_http_soma_lease_good(redisReply *reply, ngx_uint_t n)
{
    ngx_uint_t  i;

    if (reply->type != REDIS_REPLY_ARRAY
        || reply->elements != n * SOMA_LEASE_ANSWERS)
    {
        return 0;
    }

    for (i = 0; i < reply->elements; i++) {
        if (reply->element[i]->type != REDIS_REPLY_INTEGER) {
            return 0;
        }
    }

    return 1;
}


/* reply NULL: there was none that could be used */
static void
ngx_http_soma_lease_book(ngx_http_soma_lease_call_t *call, redisReply *reply)
{
    u_char                      *p;
    ngx_uint_t                   i;
    ngx_http_soma_group_t       *group;
    ngx_http_soma_main_conf_t   *smcf;
    ngx_http_soma_quota_zone_t  *zone;

    smcf = ngx_http_soma_lease_sync.smcf;
    zone = smcf->zone->quota;

    ngx_shmtx_lock(&smcf->shpool->mutex);

    group = ngx_http_soma_lease_group_locked(zone, call->bytes, call->tag_len,
                                             call->hash);
    if (group != NULL) {

        if (group->flight != 0 && group->seq == call->seq) {
            group->flight = 0;

            if (!ngx_queue_empty(&group->leases)) {
                ngx_http_soma_lease_queue_locked(zone, group, group->after);
            }
        }

        if (reply != NULL) {
            zone->ahead = reply->element[SOMA_LEASE_ANSWERS - 1]->integer
                          - ngx_http_soma_now();
        }

        if (reply != NULL && call->ups != 0) {
            group->ups = call->ups;
        }

        p = call->bytes + call->tag_len;

        for (i = 0; i < call->n; i++) {
            ngx_http_soma_lease_book_key_locked(group, &call->key[i], p,
                            reply ? &reply->element[i * SOMA_LEASE_ANSWERS]
                                  : NULL);
            p += call->key[i].len;
        }

        zone->answers[group->hash % NGX_HTTP_SOMA_ANSWERS]++;

        if (group->due <= ngx_http_soma_lease_now()) {
            ngx_http_soma_lease_kick();
        }
    }

    ngx_shmtx_unlock(&smcf->shpool->mutex);
}


static void
ngx_http_soma_lease_book_key_locked(ngx_http_soma_group_t *group,
    ngx_http_soma_lease_key_t *key, const u_char *name, redisReply **element)
{
    int64_t                      now;
    soma_lease_reply_t           answer;
    ngx_http_soma_state_t       *state;
    ngx_http_soma_leased_t      *leased;
    ngx_http_soma_quota_zone_t  *zone;

    zone = ngx_http_soma_lease_sync.smcf->zone->quota;
    now = ngx_http_soma_lease_now();
    state = ngx_http_soma_quota_zone_find_locked(zone, name, key->len,
                                                 key->hash);

    if (state == NULL || state->leased == NULL
        || state->leased->group != group)
    {
        return;
    }

    leased = state->leased;

    if (element == NULL) {
        soma_lease_fail(&leased->lease, key->item.seq, now);

    } else {
        answer.applied = element[0]->integer;
        answer.since = element[1]->integer;
        answer.grant = element[2]->integer;
        answer.free = element[3]->integer;
        answer.whole = element[4]->integer;
        answer.used = element[5]->integer;
        answer.turn = element[6]->integer;
        answer.flags = element[7]->integer;
        answer.now = element[8]->integer;

        soma_lease_reply(&leased->lease, &key->item, &answer, now);
        ngx_http_soma_lease_save_locked(zone, leased);
    }

    state->changes++;

    if (leased->active) {
        ngx_http_soma_lease_due_locked(zone, group, leased->lease.due);
    }
}


static void
ngx_http_soma_lease_complain(ngx_http_soma_lease_call_t *call,
    redisReply *reply)
{
    ngx_http_soma_lease_sync_t  *sync;

    sync = &ngx_http_soma_lease_sync;

    if (ngx_time() - sync->told < NGX_HTTP_SOMA_LEASE_TOLD) {
        return;
    }

    sync->told = ngx_time();

    ngx_http_soma_log(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "soma quotas: Redis refuses leases of \"%*s\": %s",
                      call->tag_len, call->bytes,
                      reply->type == REDIS_REPLY_ERROR ? reply->str
                                                       : "not what was asked");
}
