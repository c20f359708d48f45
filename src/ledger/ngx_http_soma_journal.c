
/*
 * Copyright (C) The ngx_soma authors
 *
 * The journal: where a worker puts its usage records.  An append is a copy
 * into mapped memory, which outlives the process; all that is slow (making
 * files, looking for orphans, removing what is old) is done by timers.
 */


#include "ngx_http_soma_journal.h"
#include <sys/random.h>


#define NGX_HTTP_SOMA_JOURNAL_TRIES  5      /* for an id of our own */


typedef struct {
    ngx_queue_t                 queue;
    size_t                      len;
    u_char                      data[1];
} ngx_http_soma_waiting_t;


static void ngx_http_soma_journal_timers(ngx_http_soma_journal_t *j);
static ngx_int_t ngx_http_soma_journal_begin(void);
static ngx_int_t ngx_http_soma_journal_rotate(void);
static ngx_int_t ngx_http_soma_journal_write(u_char *data, size_t len);
static ngx_int_t ngx_http_soma_journal_wait(u_char *data, size_t len);
static void ngx_http_soma_journal_flush(void);
static void ngx_http_soma_journal_told(const char *error, ngx_err_t err);
static void ngx_http_soma_journal_tick(ngx_event_t *ev);
static void ngx_http_soma_journal_scan(ngx_event_t *ev);
static void ngx_http_soma_journal_step(ngx_event_t *ev);
static void ngx_http_soma_journal_sync(void);
static void ngx_http_soma_journal_free(ngx_http_soma_writer_t *writer);
static void *ngx_http_soma_journal_alloc(void *data, size_t size);
static void ngx_http_soma_journal_timer(ngx_event_t *ev,
    ngx_event_handler_pt handler);
static void ngx_http_soma_journal_exit_waiting(void);


ngx_http_soma_journal_t  ngx_http_soma_journal;


ngx_int_t
ngx_http_soma_journal_init_worker(ngx_cycle_t *cycle,
    ngx_http_soma_main_conf_t *smcf)
{
    ngx_http_soma_journal_t  *j;

    j = &ngx_http_soma_journal;

    ngx_memzero(j, sizeof(ngx_http_soma_journal_t));

    if (smcf->ledger.path.len == 0) {
        return NGX_OK;
    }

    j->set = 1;
    j->smcf = smcf;
    j->log = cycle->log;
    j->ships = smcf->redis.set;
    j->keep = smcf->ledger.keep;

    if (j->keep == NGX_CONF_UNSET_MSEC) {
        j->keep = NGX_HTTP_SOMA_JOURNAL_KEEP;
        j->forever = !j->ships;
    }

    j->arena.alloc = ngx_http_soma_journal_alloc;
    j->arena.data = cycle->pool;

    ngx_queue_init(&j->adopted);
    ngx_queue_init(&j->waiting);
    ngx_queue_init(&j->own.segments);

    j->own.lock = -1;
    j->own.own = 1;

    ngx_http_soma_journal_timers(j);

    /* a worker that cannot write lives on, and tells: a dead one would be
     * started again at once, and again */
    (void) ngx_http_soma_journal_begin();

    return NGX_OK;
}


static void
ngx_http_soma_journal_timers(ngx_http_soma_journal_t *j)
{
    ngx_http_soma_journal_timer(&j->tick, ngx_http_soma_journal_tick);
    ngx_http_soma_journal_timer(&j->scan, ngx_http_soma_journal_scan);
    ngx_http_soma_journal_timer(&j->step, ngx_http_soma_journal_step);

    ngx_add_timer(&j->tick, NGX_HTTP_SOMA_JOURNAL_TICK);

    /* soon, but not all workers of a start at the same moment */
    ngx_add_timer(&j->scan, 100 + ngx_random() % 400);
}


static void
ngx_http_soma_journal_timer(ngx_event_t *ev, ngx_event_handler_pt handler)
{
    static ngx_connection_t  dummy = { .fd = (ngx_socket_t) -1 };

    ev->handler = handler;
    ev->data = &dummy;
    ev->log = ngx_http_soma_journal.log;
    ev->cancelable = 1;
}


static void *
ngx_http_soma_journal_alloc(void *data, size_t size)
{
    return ngx_palloc(data, size);
}


/* a new id, its lock, its first segment */
static ngx_int_t
ngx_http_soma_journal_begin(void)
{
    u_char                   random[SOMA_WRITER_LEN / 2];
    ngx_int_t                rc;
    ngx_uint_t               i;
    soma_str_t               id;
    soma_ship_source_t       source;
    ngx_http_soma_writer_t  *own;

    own = &ngx_http_soma_journal.own;

    rc = own->lock == -1 ? NGX_DECLINED : NGX_OK;

    for (i = 0; rc == NGX_DECLINED && i < NGX_HTTP_SOMA_JOURNAL_TRIES; i++) {

        if (getrandom(random, sizeof(random), 0) != (ssize_t) sizeof(random))
        {
            break;
        }

        ngx_hex_dump(own->id, random, sizeof(random));

        rc = ngx_http_soma_journal_lock(own, 1);
    }

    if (rc != NGX_OK) {
        ngx_http_soma_journal.error = "the journal's directory cannot be "
                                      "written";
        return NGX_ERROR;
    }

    if (i != 0) {
        id.data = own->id;
        id.len = SOMA_WRITER_LEN;

        ngx_http_soma_journal_writer_source(own, &source);
        soma_ship_writer_init(&own->ship, id, &ngx_http_soma_journal.arena,
                              &source, 1,
                              ngx_http_soma_journal.smcf->ledger.events, 1);
    }

    return ngx_http_soma_journal_rotate();
}


static ngx_int_t
ngx_http_soma_journal_rotate(void)
{
    uint64_t                  number;
    soma_str_t                id;
    ngx_http_soma_writer_t   *own;
    ngx_http_soma_segment_t  *s, *old;

    own = &ngx_http_soma_journal.own;
    old = ngx_http_soma_journal.current;
    number = old ? old->number + 1 : 1;

    s = ngx_http_soma_journal.spare;
    ngx_http_soma_journal.spare = NULL;

    if (s == NULL) {
        s = ngx_http_soma_journal_segment_new(own, number);
    }

    if (s == NULL) {
        ngx_http_soma_journal_told("there is no room for the journal on the "
                                   "disk", ngx_errno);
        return NGX_ERROR;
    }

    if (old) {
        soma_segment_close(&old->segment);
        old->open = 0;

        if (!ngx_http_soma_journal.ships) {
            old->acked = ngx_time();
        }

        if (own->at != old) {
            ngx_http_soma_journal_segment_unmap(old);
        }
    }

    id.data = own->id;
    id.len = SOMA_WRITER_LEN;

    (void) soma_segment_create(&s->segment, s->base, s->size, id, number,
                               own->last + 1, ngx_http_soma_now());

    s->first_seq = own->last + 1;
    s->open = 1;

    ngx_queue_insert_tail(&own->segments, &s->queue);
    own->nsegments++;

    ngx_http_soma_journal.current = s;

    if (ngx_http_soma_journal.error) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_http_soma_journal.log, 0,
                      "soma ledger: the journal is written again");
        ngx_http_soma_journal.error = NULL;
    }

    if (!ngx_http_soma_journal.step.timer_set) {
        ngx_add_timer(&ngx_http_soma_journal.step,
                      NGX_HTTP_SOMA_JOURNAL_STEP_WAIT);
    }

    return NGX_OK;
}


/* the next segment, made ready piece by piece, off the hot path */
static void
ngx_http_soma_journal_step(ngx_event_t *ev)
{
    size_t                    size;
    ngx_http_soma_journal_t  *j;

    j = &ngx_http_soma_journal;

    if (ngx_exiting || j->current == NULL) {
        return;
    }

    if (j->spare == NULL) {
        j->spare = ngx_http_soma_journal_segment_new(&j->own,
                                                     j->current->number + 1);
        j->ready = 0;

        if (j->spare == NULL) {
            ngx_log_error(NGX_LOG_WARN, j->log, ngx_errno,
                          "soma ledger: cannot make the next segment yet");
            return;
        }
    }

    size = ngx_min(NGX_HTTP_SOMA_JOURNAL_STEP, j->spare->size - j->ready);

    if (ngx_http_soma_journal_segment_warm(&j->own, j->spare, j->ready, size)
        != NGX_OK)
    {
        ngx_log_error(NGX_LOG_WARN, j->log, ngx_errno,
                      "soma ledger: cannot write to the next segment");
        return;
    }

    j->ready += size;

    if (j->ready < j->spare->size) {
        ngx_add_timer(ev, NGX_HTTP_SOMA_JOURNAL_STEP_WAIT);
    }
}


ngx_int_t
ngx_http_soma_journal_append(const soma_record_t *record)
{
    size_t                    len;
    u_char                    buf[SOMA_RECORD_MAX];
    ngx_int_t                 rc;
    ngx_http_soma_journal_t  *j;

    j = &ngx_http_soma_journal;

    if (!j->set) {
        return NGX_OK;
    }

    len = soma_record_encode(record, buf, sizeof(buf));

    if (len == 0) {
        j->dropped++;
        return NGX_ERROR;
    }

    if (!ngx_queue_empty(&j->waiting)) {
        rc = NGX_ERROR;

    } else {
        rc = ngx_http_soma_journal_write(buf, len);
    }

    if (rc != NGX_OK) {
        return ngx_http_soma_journal_wait(buf, len);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_journal_write(u_char *data, size_t len)
{
    ngx_http_soma_journal_t  *j;

    j = &ngx_http_soma_journal;

    if (j->current == NULL) {
        return NGX_ERROR;
    }

    if (soma_segment_append(&j->current->segment, data, len) != SOMA_OK
        && (ngx_http_soma_journal_rotate() != NGX_OK
            || soma_segment_append(&j->current->segment, data, len)
               != SOMA_OK))
    {
        return NGX_ERROR;
    }

    j->own.last = j->current->segment.seq;
    j->appended++;

    if (j->ships && (++j->unread >= j->full || ngx_exiting)) {
        ngx_http_soma_shipper_wake();
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_journal_wait(u_char *data, size_t len)
{
    ngx_http_soma_journal_t  *j;
    ngx_http_soma_waiting_t  *w;

    j = &ngx_http_soma_journal;

    w = NULL;

    if (j->nwaiting < NGX_HTTP_SOMA_JOURNAL_QUEUE_MAX) {
        w = ngx_alloc(offsetof(ngx_http_soma_waiting_t, data) + len, j->log);
    }

    if (w == NULL) {
        j->dropped++;
        ngx_http_soma_journal_told("usage records are lost: there is no room "
                                   "on the disk and none in memory", 0);
        return NGX_ERROR;
    }

    w->len = len;
    ngx_memcpy(w->data, data, len);

    ngx_queue_insert_tail(&j->waiting, &w->queue);
    j->nwaiting++;

    return NGX_ERROR;
}


static void
ngx_http_soma_journal_flush(void)
{
    ngx_queue_t              *q;
    ngx_http_soma_journal_t  *j;
    ngx_http_soma_waiting_t  *w;

    j = &ngx_http_soma_journal;

    if (j->current == NULL && ngx_http_soma_journal_begin() != NGX_OK) {
        return;
    }

    while (!ngx_queue_empty(&j->waiting)) {

        q = ngx_queue_head(&j->waiting);
        w = ngx_queue_data(q, ngx_http_soma_waiting_t, queue);

        if (ngx_http_soma_journal_write(w->data, w->len) != NGX_OK) {
            return;
        }

        ngx_queue_remove(q);
        j->nwaiting--;
        ngx_free(w);
    }
}


/* once a second, however many records there are */
static void
ngx_http_soma_journal_told(const char *error, ngx_err_t err)
{
    ngx_http_soma_journal_t  *j;

    j = &ngx_http_soma_journal;

    j->error = error;

    if (j->told == ngx_time()) {
        return;
    }

    j->told = ngx_time();

    ngx_log_error(NGX_LOG_ALERT, j->log, err,
                  "soma ledger: %s in \"%V\" (%ui records wait in memory, "
                  "%uL are lost)", error, &j->smcf->ledger.path, j->nwaiting,
                  j->dropped);
}


static void
ngx_http_soma_journal_tick(ngx_event_t *ev)
{
    ngx_queue_t              *q;
    ngx_http_soma_writer_t   *writer;
    ngx_http_soma_journal_t  *j;

    j = &ngx_http_soma_journal;

    ngx_add_timer(ev, NGX_HTTP_SOMA_JOURNAL_TICK);

    if (j->current == NULL || !ngx_queue_empty(&j->waiting)) {
        ngx_http_soma_journal_flush();
    }

    if (j->spare == NULL && j->current && !j->step.timer_set && !ngx_exiting)
    {
        ngx_add_timer(&j->step, NGX_HTTP_SOMA_JOURNAL_STEP_WAIT);
    }

    if (j->smcf->ledger.sync) {
        ngx_http_soma_journal_sync();
    }

    if (j->own.ship.outstanding == 0) {
        ngx_http_soma_journal_writer_acked(&j->own);
    }

    for (q = ngx_queue_head(&j->adopted);
         q != ngx_queue_sentinel(&j->adopted); /* void */ )
    {
        writer = ngx_queue_data(q, ngx_http_soma_writer_t, queue);
        q = ngx_queue_next(q);

        if (writer->ship.outstanding == 0) {
            ngx_http_soma_journal_writer_acked(writer);
            (void) ngx_http_soma_journal_dismiss(writer);
        }
    }
}


static void
ngx_http_soma_journal_scan(ngx_event_t *ev)
{
    if (ngx_exiting) {
        return;
    }

    ngx_add_timer(ev, NGX_HTTP_SOMA_JOURNAL_SCAN);

    /* without Redis and without a "keep" there is nothing to do with them */

    if (!ngx_http_soma_journal.forever) {
        ngx_http_soma_journal_adopt();
    }
}


/* begins the writing of what is dirty and does not wait for its end */
static void
ngx_http_soma_journal_sync(void)
{
    int                       fd;
    ngx_http_soma_journal_t  *j;

    j = &ngx_http_soma_journal;

    if (j->current == NULL
        || (ngx_msec_t) (ngx_time() - j->synced) * 1000
           < j->smcf->ledger.sync)
    {
        return;
    }

    j->synced = ngx_time();

    fd = open((char *) ngx_http_soma_journal_path(j->own.id,
                                                  j->current->number, ""),
              O_RDWR|O_CLOEXEC|O_NOFOLLOW);

    if (fd != -1) {
        (void) sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
        (void) close(fd);
    }
}


void
ngx_http_soma_journal_state(ngx_http_soma_journal_state_t *state)
{
    ngx_queue_t              *q;
    ngx_http_soma_writer_t   *writer;
    ngx_http_soma_journal_t  *j;

    j = &ngx_http_soma_journal;

    ngx_memzero(state, sizeof(ngx_http_soma_journal_state_t));

    if (!j->set) {
        return;
    }

    state->appended = j->appended;
    state->dropped = j->dropped;
    state->adopted = j->adoptions;
    state->shipped = j->shipped + j->own.ship.shipped;
    state->error = j->error ? j->error : ngx_http_soma_shipper_error();

    if (!j->ships) {
        return;
    }

    state->pending = j->own.last - j->own.acked;

    for (q = ngx_queue_head(&j->adopted);
         q != ngx_queue_sentinel(&j->adopted);
         q = ngx_queue_next(q))
    {
        writer = ngx_queue_data(q, ngx_http_soma_writer_t, queue);

        state->shipped += writer->ship.shipped;

        if (writer->last > writer->acked) {
            state->pending += writer->last - writer->acked;
        }
    }
}


/* what is left is for the next worker: it finds the locks free */
void
ngx_http_soma_journal_exit_worker(ngx_cycle_t *cycle)
{
    ngx_queue_t              *q;
    ngx_http_soma_writer_t   *writer;
    ngx_http_soma_journal_t  *j;

    j = &ngx_http_soma_journal;

    if (!j->set) {
        return;
    }

    j->set = 0;

    ngx_http_soma_journal_exit_waiting();

    if (j->spare) {
        (void) unlink((char *) ngx_http_soma_journal_path(j->own.id,
                                                      j->spare->number, ""));
        ngx_http_soma_journal_segment_unmap(j->spare);
        ngx_free(j->spare);
        j->spare = NULL;
    }

    if (j->current) {
        soma_segment_close(&j->current->segment);
    }

    if (j->own.lock != -1) {

        if (j->own.last == 0 && j->current) {
            ngx_http_soma_journal_segment_remove(&j->own, j->current);
            ngx_http_soma_journal_unlock(&j->own, 1);

        } else {
            ngx_http_soma_journal_unlock(&j->own, 0);
        }
    }

    ngx_http_soma_journal_free(&j->own);

    while (!ngx_queue_empty(&j->adopted)) {

        q = ngx_queue_head(&j->adopted);
        ngx_queue_remove(q);

        writer = ngx_queue_data(q, ngx_http_soma_writer_t, queue);

        ngx_http_soma_journal_unlock(writer, 0);
        ngx_http_soma_journal_free(writer);
        ngx_free(writer);
    }
}


/* what has waited for room on the disk until the end */
static void
ngx_http_soma_journal_exit_waiting(void)
{
    ngx_queue_t              *q;
    ngx_http_soma_journal_t  *j;

    j = &ngx_http_soma_journal;

    if (ngx_queue_empty(&j->waiting)) {
        return;
    }

    ngx_http_soma_journal_flush();

    if (j->nwaiting) {
        ngx_log_error(NGX_LOG_ALERT, j->log, 0,
                      "soma ledger: %ui records are lost: there is no "
                      "room for them on the disk", j->nwaiting);
    }

    while (!ngx_queue_empty(&j->waiting)) {
        q = ngx_queue_head(&j->waiting);
        ngx_queue_remove(q);
        ngx_free(ngx_queue_data(q, ngx_http_soma_waiting_t, queue));
    }
}


static void
ngx_http_soma_journal_free(ngx_http_soma_writer_t *writer)
{
    ngx_http_soma_segment_t  *s;

    for ( ;; ) {
        s = ngx_http_soma_journal_segment_after(writer, NULL);
        if (s == NULL) {
            return;
        }

        ngx_queue_remove(&s->queue);
        ngx_http_soma_journal_segment_unmap(s);
        ngx_free(s);
    }
}
