
/*
 * Copyright (C) The ngx_soma authors
 *
 * The shipper: takes the journal to Redis, a round at a time for each
 * writer, the worker's own first.
 */


#include "ngx_http_soma_journal.h"
#include "ngx_http_soma_redis.h"


#define NGX_HTTP_SOMA_SHIP_TICK   100       /* ms */
#define NGX_HTTP_SOMA_SHIP_GATHER 2000      /* ms, while records keep coming */
#define NGX_HTTP_SOMA_SHIP_FEW    16        /* records a tick: no load */
#define NGX_HTTP_SOMA_SHIP_SLICE  512       /* records, then others' events */
#define NGX_HTTP_SOMA_SHIP_CALL   4         /* records that a call costs */
#define NGX_HTTP_SOMA_SHIP_DRAIN  2000      /* ms that an exit waits for us */
#define NGX_HTTP_SOMA_SHIP_TOLD   60        /* s before the same word again */
#define NGX_HTTP_SOMA_SHIP_ERROR  200


typedef struct ngx_http_soma_ship_call_s  ngx_http_soma_ship_call_t;

struct ngx_http_soma_ship_call_s {
    ngx_http_soma_ship_call_t  *next;
    ngx_http_soma_writer_t     *writer;
    soma_ship_tenant_t         *tenant;
};


typedef struct {
    soma_ship_scratch_t        *scratch;
    ngx_pool_t                 *pool;
    ngx_http_soma_ship_call_t  *unused;
    ngx_http_soma_writer_t     *sending;    /* the round in "scratch" */
    ngx_int_t                   gathered;   /* how the reading of it ended */
    ngx_event_t                 tick;
    ngx_event_t                 wake;       /* posted */
    ngx_event_t                 drain;      /* keeps an exiting worker */
    ngx_msec_t                  last_round; /* of our own records */
    uint64_t                    last_seen;  /* the last of them, a tick ago */
    ngx_uint_t                  calls;      /* of the last round of them */
    time_t                      told;
    uint32_t                    told_hash;
    u_char                      error[NGX_HTTP_SOMA_SHIP_ERROR];
    unsigned                    set:1;
    unsigned                    held:1;     /* some tenant waits */
} ngx_http_soma_shipper_t;


static void ngx_http_soma_shipper_up(void *data);
static void ngx_http_soma_shipper_exit(void *data);
static void ngx_http_soma_shipper_tick(ngx_event_t *ev);
static void ngx_http_soma_shipper_wake_event(ngx_event_t *ev);
static void ngx_http_soma_shipper_drain(ngx_event_t *ev);
static ngx_uint_t ngx_http_soma_shipper_gathers(void);
static void ngx_http_soma_shipper_run(ngx_uint_t own);
static void ngx_http_soma_shipper_drained(void);
static ngx_int_t ngx_http_soma_shipper_round(ngx_http_soma_writer_t *writer);
static ngx_uint_t ngx_http_soma_shipper_slice(ngx_http_soma_writer_t *writer);
static ngx_int_t ngx_http_soma_shipper_send(ngx_http_soma_writer_t *writer,
    soma_ship_tenant_t *tenant);
static void ngx_http_soma_shipper_free(ngx_http_soma_ship_call_t *call);
static void ngx_http_soma_shipper_reply(void *data, redisReply *reply);
static void ngx_http_soma_shipper_refused(ngx_http_soma_writer_t *writer,
    soma_ship_tenant_t *tenant, redisReply *reply);
static void ngx_http_soma_shipper_done(ngx_http_soma_writer_t *writer);


static ngx_http_soma_script_t   ngx_http_soma_ship_script;
static ngx_http_soma_shipper_t  ngx_http_soma_shipper;


ngx_int_t
ngx_http_soma_shipper_init_worker(ngx_cycle_t *cycle,
    ngx_http_soma_main_conf_t *smcf)
{
    static ngx_connection_t  dummy = { .fd = (ngx_socket_t) -1 };

    ngx_http_soma_shipper_t  *ship;

    ship = &ngx_http_soma_shipper;

    ngx_memzero(ship, sizeof(ngx_http_soma_shipper_t));

    if (!ngx_http_soma_journal.set || !ngx_http_soma_journal.ships) {
        return NGX_OK;
    }

    ship->pool = cycle->pool;
    ship->scratch = ngx_palloc(cycle->pool, sizeof(soma_ship_scratch_t));
    if (ship->scratch == NULL) {
        return NGX_ERROR;
    }

    ngx_http_soma_ship_script.text = soma_ship_lua;

    ship->set = 1;
    ngx_http_soma_journal.full = SOMA_SHIP_RECORDS_MAX;

    ship->tick.handler = ngx_http_soma_shipper_tick;
    ship->tick.data = &dummy;
    ship->tick.log = cycle->log;
    ship->tick.cancelable = 1;

    ship->wake.handler = ngx_http_soma_shipper_wake_event;
    ship->wake.data = &dummy;
    ship->wake.log = cycle->log;

    ship->drain.handler = ngx_http_soma_shipper_drain;
    ship->drain.data = &dummy;
    ship->drain.log = cycle->log;

    ngx_add_timer(&ship->tick, NGX_HTTP_SOMA_SHIP_TICK);

    if (ngx_http_soma_redis_on_up(ngx_http_soma_shipper_up, NULL) != NGX_OK
        || ngx_http_soma_redis_on_flush(ngx_http_soma_shipper_up, NULL)
           != NGX_OK
        || ngx_http_soma_redis_on_exit(ngx_http_soma_shipper_exit, NULL)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


const char *
ngx_http_soma_shipper_error(void)
{
    return ngx_http_soma_shipper.error[0]
           ? (const char *) ngx_http_soma_shipper.error : NULL;
}


/* Redis is back, or was emptied: does it still have what it had? */
static void
ngx_http_soma_shipper_up(void *data)
{
    ngx_queue_t              *q;
    ngx_http_soma_writer_t   *writer;
    ngx_http_soma_journal_t  *j;

    j = &ngx_http_soma_journal;

    soma_ship_writer_check(&j->own.ship);

    for (q = ngx_queue_head(&j->adopted);
         q != ngx_queue_sentinel(&j->adopted);
         q = ngx_queue_next(q))
    {
        writer = ngx_queue_data(q, ngx_http_soma_writer_t, queue);
        soma_ship_writer_check(&writer->ship);
    }

    ngx_http_soma_shipper_wake();
}


void
ngx_http_soma_shipper_wake(void)
{
    ngx_http_soma_shipper_t  *ship;

    ship = &ngx_http_soma_shipper;

    if (!ship->set) {
        return;
    }

    /* the worker ends when no timer holds it: this one does, for a moment */

    if (ngx_exiting && !ship->drain.timer_set && !ship->drain.timedout
        && ngx_http_soma_redis_ready())
    {
        ngx_add_timer(&ship->drain, NGX_HTTP_SOMA_SHIP_DRAIN);
    }

    if (!ship->wake.posted) {
        ngx_post_event(&ship->wake, &ngx_posted_events);
    }
}


static void
ngx_http_soma_shipper_exit(void *data)
{
    ngx_http_soma_shipper_wake();
}


static void
ngx_http_soma_shipper_drain(ngx_event_t *ev)
{
    ngx_log_error(NGX_LOG_INFO, ev->log, 0,
                  "soma ledger: leaves %uL records to the next worker",
                  ngx_http_soma_journal.own.last
                  - ngx_http_soma_journal.own.acked);
}


static void
ngx_http_soma_shipper_tick(ngx_event_t *ev)
{
    ngx_add_timer(ev, NGX_HTTP_SOMA_SHIP_TICK);

    ngx_http_soma_shipper_run(!ngx_http_soma_shipper_gathers());
}


/*
 * A call for each tenant ten times a second would cost Redis more than the
 * records do: while they keep coming they wait for each other.
 */
static ngx_uint_t
ngx_http_soma_shipper_gathers(void)
{
    uint64_t                  waiting, came;
    ngx_http_soma_writer_t   *own;
    ngx_http_soma_shipper_t  *ship;

    ship = &ngx_http_soma_shipper;
    own = &ngx_http_soma_journal.own;

    waiting = own->last + 1 - ngx_min(own->ship.position, own->last + 1);
    came = own->last - ngx_min(ship->last_seen, own->last);
    ship->last_seen = own->last;

    return came > NGX_HTTP_SOMA_SHIP_FEW
           && ngx_queue_empty(&ngx_http_soma_journal.waiting)
           && waiting < ngx_http_soma_journal.full
           && ngx_current_msec - ship->last_round < NGX_HTTP_SOMA_SHIP_GATHER
           && !ngx_exiting;
}


static void
ngx_http_soma_shipper_wake_event(ngx_event_t *ev)
{
    ngx_http_soma_shipper_run(1);
}


static void
ngx_http_soma_shipper_run(ngx_uint_t own)
{
    ngx_int_t                 rc;
    ngx_queue_t              *q;
    ngx_http_soma_writer_t   *writer;
    ngx_http_soma_journal_t  *j;
    ngx_http_soma_shipper_t  *ship;

    j = &ngx_http_soma_journal;
    ship = &ngx_http_soma_shipper;

    if (!j->set || j->current == NULL
        || (ship->sending == NULL && !ngx_http_soma_redis_ready()))
    {
        ngx_http_soma_shipper_drained();
        return;
    }

    ship->held = 0;

    rc = NGX_OK;

    if (own) {
        j->unread = 0;
        ship->last_round = ngx_current_msec;
        rc = ngx_http_soma_shipper_round(&j->own);
    }

    for (q = ngx_queue_head(&j->adopted);
         q != ngx_queue_sentinel(&j->adopted);
         q = ngx_queue_next(q))
    {
        writer = ngx_queue_data(q, ngx_http_soma_writer_t, queue);

        if (ngx_http_soma_shipper_round(writer) == NGX_AGAIN) {
            rc = NGX_AGAIN;
        }
    }

    if (rc == NGX_AGAIN && !ship->wake.posted) {
        ngx_post_event(&ship->wake, &ngx_posted_next_events);
    }

    if (!ship->held && ship->sending == NULL) {
        ship->error[0] = '\0';
    }

    ngx_http_soma_shipper_drained();
}


/* an exit waits for our own records and, as long, for what is under way */
static void
ngx_http_soma_shipper_drained(void)
{
    ngx_queue_t              *q;
    ngx_http_soma_writer_t   *writer;
    ngx_http_soma_journal_t  *j;

    j = &ngx_http_soma_journal;

    if (!ngx_http_soma_shipper.drain.timer_set
        || j->own.ship.outstanding != 0 || j->own.acked != j->own.last)
    {
        return;
    }

    for (q = ngx_queue_head(&j->adopted);
         q != ngx_queue_sentinel(&j->adopted);
         q = ngx_queue_next(q))
    {
        writer = ngx_queue_data(q, ngx_http_soma_writer_t, queue);

        if (writer->ship.outstanding != 0) {
            return;
        }
    }

    ngx_del_timer(&ngx_http_soma_shipper.drain);
}


/* NGX_AGAIN: there is more to send, or to read, at once */
static ngx_int_t
ngx_http_soma_shipper_round(ngx_http_soma_writer_t *writer)
{
    ngx_http_soma_shipper_t  *ship;

    ship = &ngx_http_soma_shipper;

    if (ship->sending == NULL && writer->ship.outstanding == 0
        && ngx_http_soma_redis_ready())
    {
        ship->gathered = soma_ship_writer_gather(&writer->ship, ship->scratch,
                                                 (int64_t) ngx_current_msec);
        ship->sending = writer;

        if (writer->own) {
            ship->calls = 0;
        }

        /* one too many until all are sent, lest a failed one ends the round */
        writer->ship.outstanding++;
    }

    if (ship->sending != writer) {
        return NGX_OK;
    }

    if (ngx_http_soma_shipper_slice(writer)) {
        return NGX_AGAIN;
    }

    ship->sending = NULL;
    writer->ship.outstanding--;

    ngx_http_soma_journal_writer_unmap(writer);

    if (writer->ship.outstanding == 0) {
        ngx_http_soma_shipper_done(writer);
    }

    if (writer->ship.nheld != 0) {
        ship->held = 1;
    }

    if (writer->own && ship->calls) {
        ngx_http_soma_journal.full = ngx_min(ship->calls
                                             * SOMA_SHIP_RECORDS_MAX,
                                             NGX_HTTP_SOMA_SHIP_FULL);
    }

    return ship->gathered == SOMA_AGAIN ? NGX_AGAIN : NGX_OK;
}


/* as much of the round as requests may be kept waiting for; 1: there is more
 * of it */
static ngx_uint_t
ngx_http_soma_shipper_slice(ngx_http_soma_writer_t *writer)
{
    ngx_uint_t                n;
    soma_ship_tenant_t       *tenant;
    ngx_http_soma_shipper_t  *ship;

    ship = &ngx_http_soma_shipper;

    for (n = 0;
         n < NGX_HTTP_SOMA_SHIP_SLICE;
         n += tenant->count + NGX_HTTP_SOMA_SHIP_CALL)
    {

        if (soma_ship_writer_next(&writer->ship, ship->scratch,
                                  &tenant) != SOMA_OK) {
            return 0;
        }

        if (ngx_http_soma_shipper_send(writer, tenant) != NGX_OK) {
            soma_ship_writer_failed(&writer->ship, tenant,
                                    (int64_t) ngx_current_msec, 0);
        }
    }

    return 1;
}


static ngx_int_t
ngx_http_soma_shipper_send(ngx_http_soma_writer_t *writer,
    soma_ship_tenant_t *tenant)
{
    ngx_int_t                   rc;
    soma_ship_batch_t          *batch;
    ngx_http_soma_shipper_t    *ship;
    ngx_http_soma_ship_call_t  *call;

    ship = &ngx_http_soma_shipper;
    batch = &ship->scratch->batch;
    call = ship->unused;

    if (call) {
        ship->unused = call->next;

    } else {
        call = ngx_palloc(ship->pool, sizeof(ngx_http_soma_ship_call_t));
        if (call == NULL) {
            return NGX_ERROR;
        }
    }

    call->writer = writer;
    call->tenant = tenant;

    if (writer->own) {
        ship->calls++;
    }

    if (tenant->call == SOMA_SHIP_FORGET) {
        rc = ngx_http_soma_redis_command(ngx_http_soma_shipper_reply, call,
                                         batch->argc, batch->argv,
                                         batch->argvlen);

    } else {
        rc = ngx_http_soma_redis_script(&ngx_http_soma_ship_script,
                                        ngx_http_soma_shipper_reply, call,
                                        batch->nkeys, batch->argc,
                                        batch->argv, batch->argvlen);
    }

    if (rc != NGX_OK) {
        ngx_http_soma_shipper_free(call);
    }

    return rc;
}


static void
ngx_http_soma_shipper_free(ngx_http_soma_ship_call_t *call)
{
    call->next = ngx_http_soma_shipper.unused;
    ngx_http_soma_shipper.unused = call;
}


static void
ngx_http_soma_shipper_reply(void *data, redisReply *reply)
{
    ngx_http_soma_ship_call_t *call = data;

    uint64_t                 n;
    soma_ship_tenant_t      *tenant;
    ngx_http_soma_writer_t  *writer;

    writer = call->writer;
    tenant = call->tenant;

    ngx_http_soma_shipper_free(call);

    if (reply == NULL) {
        soma_ship_writer_failed(&writer->ship, tenant,
                                (int64_t) ngx_current_msec, 0);

    } else if (reply->type != REDIS_REPLY_INTEGER) {
        ngx_http_soma_shipper_refused(writer, tenant, reply);
        soma_ship_writer_failed(&writer->ship, tenant,
                                (int64_t) ngx_current_msec, 1);

    } else {
        soma_ship_writer_reply(&writer->ship, tenant,
                            reply->integer < 0 ? 0 : (uint64_t) reply->integer);
    }

    if (writer->ship.outstanding == 0) {
        ngx_http_soma_shipper_done(writer);

        /* a call that follows at once would keep an exiting worker on */

        if (ngx_exiting && ngx_http_soma_shipper.drain.timedout) {
            return;
        }

        /* a few records wait for the tick: large batches are cheaper */

        n = writer->own && !ngx_exiting ? ngx_http_soma_journal.full : 1;

        if (writer->last + 1 >= writer->ship.position + n || ngx_exiting) {
            ngx_http_soma_shipper_wake();
        }
    }
}


static void
ngx_http_soma_shipper_refused(ngx_http_soma_writer_t *writer,
    soma_ship_tenant_t *tenant, redisReply *reply)
{
    u_char                   *p;
    uint32_t                  hash;
    ngx_http_soma_shipper_t  *ship;

    ship = &ngx_http_soma_shipper;

    p = ngx_snprintf(ship->error, sizeof(ship->error) - 1,
                     "Redis refuses records of tenant \"%*s\": %s",
                     (size_t) tenant->len, tenant->name,
                     reply->str ? reply->str : "not a number");
    *p = '\0';

    hash = ngx_crc32_short(ship->error, p - ship->error);

    if (ngx_time() - ship->told < NGX_HTTP_SOMA_SHIP_TOLD
        && (hash == ship->told_hash || ngx_time() == ship->told))
    {
        return;
    }

    ship->told = ngx_time();
    ship->told_hash = hash;

    ngx_http_soma_log(NGX_LOG_ERR, ngx_http_soma_journal.log, 0,
                      "soma ledger: %s; they wait in the journal", ship->error);
}


/* every call of the round was answered */
static void
ngx_http_soma_shipper_done(ngx_http_soma_writer_t *writer)
{
    writer->acked = soma_ship_writer_acked(&writer->ship);

    if (writer->own) {
        ngx_http_soma_journal_segment_note(writer,
                                           ngx_http_soma_journal.current,
                                           writer->acked, 0);
    }

    if (writer->ship.lost) {
        ngx_log_error(NGX_LOG_WARN, ngx_http_soma_journal.log, 0,
                      "soma ledger: Redis has lost records of writer %*s; "
                      "what is kept of them is sent again",
                      (size_t) SOMA_WRITER_LEN, writer->id);

        ngx_http_soma_shipper_up(NULL);
    }
}
