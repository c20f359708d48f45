
/*
 * Copyright (C) The ngx_soma authors
 *
 * Orphans: the files of a writer whose process is gone, for whatever reason,
 * are those whose lock is free.  Who takes the lock ships what is left in
 * them, keeps them as long as its own, and removes them.
 *
 * What a writer before us noted in the files about Redis is not relied upon:
 * Redis itself is asked how far it has the records of each tenant.
 */


#include "ngx_http_soma_journal.h"


#define NGX_HTTP_SOMA_JOURNAL_FILES_MAX  65536  /* of one writer */


static void ngx_http_soma_journal_found(u_char *id);
static void ngx_http_soma_journal_file(u_char *id, uint64_t number);
static ngx_http_soma_writer_t *ngx_http_soma_journal_find(u_char *id);
static ngx_int_t ngx_http_soma_journal_take(ngx_http_soma_writer_t *writer);
static ngx_uint_t ngx_http_soma_journal_name(ngx_dir_t *dir, u_char **id,
    uint64_t *number);
static void ngx_http_soma_journal_each(ngx_uint_t files);


/* writers found by this scan, whose files are not read yet */
static ngx_queue_t  ngx_http_soma_found;


void
ngx_http_soma_journal_adopt(void)
{
    ngx_queue_t              *q;
    ngx_http_soma_writer_t   *writer;
    ngx_http_soma_journal_t  *j;

    j = &ngx_http_soma_journal;

    ngx_queue_init(&ngx_http_soma_found);

    ngx_http_soma_journal_each(0);

    if (ngx_queue_empty(&ngx_http_soma_found)) {
        return;
    }

    /* a second look, now that nobody else touches their files */

    ngx_http_soma_journal_each(1);

    while (!ngx_queue_empty(&ngx_http_soma_found)) {

        q = ngx_queue_head(&ngx_http_soma_found);
        ngx_queue_remove(q);

        writer = ngx_queue_data(q, ngx_http_soma_writer_t, queue);

        ngx_queue_insert_tail(&j->adopted, &writer->queue);

        if (ngx_http_soma_journal_take(writer) != NGX_OK) {
            (void) ngx_http_soma_journal_dismiss(writer);
        }
    }

    ngx_http_soma_shipper_wake();
}


static void
ngx_http_soma_journal_each(ngx_uint_t files)
{
    u_char      path[NGX_MAX_PATH + 1], *id;
    uint64_t    number;
    ngx_dir_t   dir;
    ngx_str_t   name;

    name = ngx_http_soma_journal.smcf->ledger.path;
    ngx_cpystrn(path, name.data, ngx_min(name.len + 1, sizeof(path)));
    name.data = path;

    if (ngx_open_dir(&name, &dir) == NGX_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, ngx_http_soma_journal.log, ngx_errno,
                      "soma ledger: cannot read \"%V\"", &name);
        return;
    }

    while (ngx_read_dir(&dir) == NGX_OK) {

        if (!ngx_http_soma_journal_name(&dir, &id, &number)) {
            continue;
        }

        if (!files) {
            ngx_http_soma_journal_found(id);

        } else if (number != 0) {
            ngx_http_soma_journal_file(id, number);
        }
    }

    (void) ngx_close_dir(&dir);
}


/* number 0: a lock file */
static ngx_uint_t
ngx_http_soma_journal_name(ngx_dir_t *dir, u_char **id, uint64_t *number)
{
    ngx_uint_t  i;
    soma_str_t  name, writer;

    name.data = ngx_de_name(dir);
    name.len = ngx_de_namelen(dir);

    *id = name.data;

    if (soma_segment_parse_name(name, &writer, number) == SOMA_OK) {
        return 1;
    }

    *number = 0;

    if (name.len != SOMA_WRITER_LEN + sizeof(".lock") - 1
        || ngx_memcmp(name.data + SOMA_WRITER_LEN, ".lock",
                      sizeof(".lock") - 1) != 0)
    {
        return 0;
    }

    for (i = 0; i < SOMA_WRITER_LEN; i++) {
        if (!isxdigit(name.data[i])) {
            return 0;
        }
    }

    return 1;
}


static ngx_http_soma_writer_t *
ngx_http_soma_journal_find(u_char *id)
{
    ngx_uint_t               i;
    ngx_queue_t             *q, *queue;
    ngx_http_soma_writer_t  *writer;

    if (ngx_memcmp(ngx_http_soma_journal.own.id, id, SOMA_WRITER_LEN) == 0) {
        return &ngx_http_soma_journal.own;
    }

    for (i = 0; i < 2; i++) {
        queue = i ? &ngx_http_soma_journal.adopted : &ngx_http_soma_found;

        for (q = ngx_queue_head(queue);
             q != ngx_queue_sentinel(queue);
             q = ngx_queue_next(q))
        {
            writer = ngx_queue_data(q, ngx_http_soma_writer_t, queue);

            if (ngx_memcmp(writer->id, id, SOMA_WRITER_LEN) == 0) {
                return writer;
            }
        }
    }

    return NULL;
}


static void
ngx_http_soma_journal_found(u_char *id)
{
    soma_str_t                name;
    soma_ship_source_t        source;
    ngx_http_soma_writer_t   *writer;
    ngx_http_soma_journal_t  *j;

    j = &ngx_http_soma_journal;

    if (j->nadopted >= NGX_HTTP_SOMA_JOURNAL_ADOPT_MAX
        || ngx_http_soma_journal_find(id) != NULL)
    {
        return;
    }

    writer = ngx_calloc(sizeof(ngx_http_soma_writer_t), j->log);
    if (writer == NULL) {
        return;
    }

    ngx_memcpy(writer->id, id, SOMA_WRITER_LEN);
    ngx_queue_init(&writer->segments);

    if (ngx_http_soma_journal_lock(writer, 0) != NGX_OK) {
        ngx_free(writer);
        return;
    }

    name.data = writer->id;
    name.len = SOMA_WRITER_LEN;

    ngx_http_soma_journal_writer_source(writer, &source);
    soma_ship_writer_init(&writer->ship, name, &j->arena, &source, 1,
                          j->smcf->ledger.events, 0);

    writer->ship.unused = j->unused;
    j->unused = NULL;

    ngx_queue_insert_tail(&ngx_http_soma_found, &writer->queue);
    j->nadopted++;
}


static void
ngx_http_soma_journal_file(u_char *id, uint64_t number)
{
    ngx_queue_t              *q;
    ngx_http_soma_writer_t   *writer;
    ngx_http_soma_segment_t  *s, *before;

    writer = ngx_http_soma_journal_find(id);

    if (writer == NULL || writer->own || writer->last != 0
        || writer->nsegments == NGX_HTTP_SOMA_JOURNAL_FILES_MAX)
    {
        return;
    }

    for (q = ngx_queue_head(&ngx_http_soma_journal.adopted);
         q != ngx_queue_sentinel(&ngx_http_soma_journal.adopted);
         q = ngx_queue_next(q))
    {
        if (q == &writer->queue) {
            return;
        }
    }

    s = ngx_calloc(sizeof(ngx_http_soma_segment_t),
                   ngx_http_soma_journal.log);
    if (s == NULL) {
        return;
    }

    s->number = number;

    if (ngx_http_soma_journal_segment_peek(writer, s) != NGX_OK) {
        ngx_free(s);
        return;
    }

    for (q = ngx_queue_last(&writer->segments);
         q != ngx_queue_sentinel(&writer->segments);
         q = ngx_queue_prev(q))
    {
        before = ngx_queue_data(q, ngx_http_soma_segment_t, queue);

        if (before->number < number) {
            break;
        }
    }

    ngx_queue_insert_after(q, &s->queue);
    writer->nsegments++;
}


/* how many records there are; NGX_DECLINED: none at all */
static ngx_int_t
ngx_http_soma_journal_take(ngx_http_soma_writer_t *writer)
{
    ngx_queue_t              *q;
    ngx_http_soma_segment_t  *s;

    if (ngx_queue_empty(&writer->segments)) {
        return NGX_DECLINED;
    }

    q = ngx_queue_last(&writer->segments);
    s = ngx_queue_data(q, ngx_http_soma_segment_t, queue);

    writer->last = s->first_seq - 1;

    if (ngx_http_soma_journal_segment_map(writer, s) == NGX_OK) {
        writer->last = s->segment.seq;
        ngx_http_soma_journal_segment_unmap(s);
    }

    q = ngx_queue_head(&writer->segments);
    s = ngx_queue_data(q, ngx_http_soma_segment_t, queue);

    writer->acked = s->first_seq - 1;
    writer->ship.position = s->first_seq;
    writer->ship.tip = s->first_seq;

    ngx_http_soma_journal.adoptions += writer->nsegments;

    ngx_log_error(NGX_LOG_INFO, ngx_http_soma_journal.log, 0,
                  "soma ledger: takes over writer %*s: %ui segments, records "
                  "%uL to %uL", (size_t) SOMA_WRITER_LEN, writer->id,
                  writer->nsegments, s->first_seq, writer->last);

    return NGX_OK;
}


ngx_int_t
ngx_http_soma_journal_dismiss(ngx_http_soma_writer_t *writer)
{
    ngx_http_soma_journal_t  *j;

    j = &ngx_http_soma_journal;

    if (!ngx_queue_empty(&writer->segments)
        || writer->ship.outstanding != 0
        || (j->ships && writer->ship.ntenants != 0))
    {
        return NGX_DECLINED;
    }

    ngx_log_error(NGX_LOG_INFO, j->log, 0,
                  "soma ledger: is done with writer %*s",
                  (size_t) SOMA_WRITER_LEN, writer->id);

    ngx_http_soma_journal_unlock(writer, 1);

    j->shipped += writer->ship.shipped;
    soma_ship_writer_done(&writer->ship, &j->unused);

    ngx_queue_remove(&writer->queue);
    j->nadopted--;

    ngx_free(writer);

    return NGX_OK;
}
