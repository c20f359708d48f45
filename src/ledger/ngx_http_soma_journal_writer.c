
/*
 * Copyright (C) The ngx_soma authors
 *
 * A writer's files as one run of records, and which of them are kept.
 */


#include "ngx_http_soma_journal.h"


static int ngx_http_soma_writer_next(void *data, uint64_t *seq,
    soma_str_t *payload);
static void ngx_http_soma_writer_back(void *data);
static void ngx_http_soma_writer_seek(void *data, uint64_t seq);
static ngx_uint_t ngx_http_soma_writer_segments(ngx_http_soma_writer_t *writer);


void
ngx_http_soma_journal_writer_source(ngx_http_soma_writer_t *writer,
    soma_ship_source_t *source)
{
    source->next = ngx_http_soma_writer_next;
    source->back = ngx_http_soma_writer_back;
    source->seek = ngx_http_soma_writer_seek;
    source->data = writer;
}


static int
ngx_http_soma_writer_next(void *data, uint64_t *seq, soma_str_t *payload)
{
    ngx_http_soma_writer_t *writer = data;

    ngx_int_t                 rc;
    ngx_http_soma_segment_t  *s, *after;

    writer->before_at = writer->at;
    writer->before = writer->cursor;

    if (writer->at == NULL) {
        writer->at = ngx_http_soma_journal_segment_after(writer, NULL);
        ngx_memzero(&writer->cursor, sizeof(soma_segment_cursor_t));
    }

    while (writer->at) {

        s = writer->at;
        rc = ngx_http_soma_journal_segment_map(writer, s);

        if (rc == NGX_ERROR) {
            return SOMA_ERROR;
        }

        if (rc == NGX_OK
            && soma_segment_next(&s->segment, &writer->cursor, seq, payload)
               == SOMA_OK)
        {
            return SOMA_OK;
        }

        after = ngx_http_soma_journal_segment_after(writer, s);

        if (rc == NGX_DECLINED) {
            if (writer->before_at == s) {
                writer->before_at = after;
                ngx_memzero(&writer->before, sizeof(soma_segment_cursor_t));
            }

            ngx_http_soma_journal_segment_drop(writer, s);

        } else if (after == NULL) {
            return SOMA_DONE;

        } else {
            s->left = 1;
        }

        writer->at = after;
        ngx_memzero(&writer->cursor, sizeof(soma_segment_cursor_t));
    }

    return SOMA_DONE;
}


static void
ngx_http_soma_writer_back(void *data)
{
    ngx_http_soma_writer_t *writer = data;

    writer->at = writer->before_at;
    writer->cursor = writer->before;
}


static void
ngx_http_soma_writer_seek(void *data, uint64_t seq)
{
    ngx_http_soma_writer_t *writer = data;

    uint64_t                  got;
    soma_str_t                payload;
    ngx_http_soma_segment_t  *s, *after;

    s = ngx_http_soma_journal_segment_after(writer, NULL);

    while (s) {
        after = ngx_http_soma_journal_segment_after(writer, s);

        if (after == NULL || after->first_seq > seq) {
            break;
        }

        s = after;
    }

    writer->at = s;
    ngx_memzero(&writer->cursor, sizeof(soma_segment_cursor_t));

    while (ngx_http_soma_writer_next(writer, &got, &payload) == SOMA_OK) {
        if (got >= seq) {
            ngx_http_soma_writer_back(writer);
            break;
        }
    }
}


void
ngx_http_soma_journal_writer_unmap(ngx_http_soma_writer_t *writer)
{
    ngx_queue_t              *q;
    ngx_http_soma_segment_t  *s;

    for (q = ngx_queue_head(&writer->segments);
         q != ngx_queue_sentinel(&writer->segments);
         q = ngx_queue_next(q))
    {
        s = ngx_queue_data(q, ngx_http_soma_segment_t, queue);

        if (s->base && s != writer->at && !s->open) {
            ngx_http_soma_journal_segment_unmap(s);
        }
    }
}


void
ngx_http_soma_journal_writer_acked(ngx_http_soma_writer_t *writer)
{
    time_t                    now;
    ngx_uint_t                kept;
    ngx_http_soma_segment_t  *s, *after;

    kept = ngx_http_soma_writer_segments(writer);

    if (ngx_http_soma_journal.forever) {
        return;
    }

    now = ngx_time();

    for (s = ngx_http_soma_journal_segment_after(writer, NULL);
         s && kept != 0;
         s = after, kept--)
    {
        after = ngx_http_soma_journal_segment_after(writer, s);

        /* the clock was set back: what is in the future is of now */

        if (s->acked > now) {
            s->acked = now;
        }

        if ((kept <= NGX_HTTP_SOMA_JOURNAL_KEPT_MAX
             || !ngx_http_soma_journal.ships)
            && (ngx_msec_t) (now - s->acked) * 1000
               < ngx_http_soma_journal.keep)
        {
            break;
        }

        ngx_http_soma_journal_segment_remove(writer, s);

        soma_ship_writer_trim(&writer->ship,
                              after ? after->first_seq : writer->last + 1);
    }
}


/* notes which segments Redis has, and says how many: all of them but the one
 * that is written to, where nothing is shipped */
static ngx_uint_t
ngx_http_soma_writer_segments(ngx_http_soma_writer_t *writer)
{
    uint64_t                  first;
    ngx_uint_t                n;
    ngx_http_soma_segment_t  *s, *after;

    if (!ngx_http_soma_journal.ships) {
        return writer->nsegments - (writer->own ? 1 : 0);
    }

    n = 0;

    for (s = ngx_http_soma_journal_segment_after(writer, NULL); s; s = after) {

        after = ngx_http_soma_journal_segment_after(writer, s);

        if (after == NULL && writer->own) {
            ngx_http_soma_journal_segment_note(writer, s, writer->acked, 0);
            break;
        }

        first = after ? after->first_seq : writer->last + 1;

        if (writer->acked + 1 < first) {
            break;
        }

        if (s->acked == 0) {
            ngx_http_soma_journal_segment_note(writer, s, writer->acked, 1);
        }

        n++;
    }

    return n;
}
