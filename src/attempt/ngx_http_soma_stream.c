
/*
 * Copyright (C) The ngx_soma authors
 *
 * The body of an answer on its way from nginx's upstream to the client:
 * event by event or as it is, looked at, and passed on as the same bytes.
 *
 * Bytes that lie in the upstream's buffer are passed on from there.  Only an
 * event cut by a read lies elsewhere; it is copied into buffers that are
 * used again, so a stream's memory does not grow with its length.
 */


#include "ngx_http_soma_attempt.h"
#include "ngx_http_soma_quota.h"
#include "ngx_http_soma_settle.h"
#include "soma_usage_cost.h"


static ngx_int_t ngx_http_soma_events(ngx_http_soma_attempt_t *a, u_char *p,
    size_t len);
static ngx_int_t ngx_http_soma_event_good(ngx_http_soma_attempt_t *a,
    soma_sse_event_t *event, int action);
static ngx_int_t ngx_http_soma_hold(ngx_http_soma_attempt_t *a, u_char *p,
    size_t len);
static void ngx_http_soma_hold_handler(ngx_http_soma_ctx_t *ctx);
static ngx_int_t ngx_http_soma_hold_end(ngx_http_soma_attempt_t *a,
    ngx_int_t rc);
static ngx_int_t ngx_http_soma_event_raw(ngx_http_soma_attempt_t *a,
    soma_sse_event_t *event);
static ngx_int_t ngx_http_soma_event_priced(ngx_http_soma_attempt_t *a,
    soma_sse_event_t *event);
static ngx_int_t ngx_http_soma_event_drop(ngx_http_soma_attempt_t *a,
    soma_sse_event_t *event);
static void ngx_http_soma_body_end(ngx_http_soma_attempt_t *a);


ngx_int_t
ngx_http_soma_stream_start(void *data)
{
    ngx_http_soma_attempt_t  *a = data;

    ngx_http_upstream_t  *u;

    u = a->ctx->request->upstream;

    if (a->rest == 0 && !u->headers_in.chunked) {
        a->ended = 1;
    }

    if (a->ended && a->peeked == 0) {
        ngx_http_soma_body_end(a);
        return NGX_OK;
    }

    /*
     * A stream may end with its connection: what its last event was tells
     * whether it is whole; so may JSON, behind its last brace.  Any other body
     * of unknown end is cut off for the client too when its chunks stop, so
     * that the client can tell.
     */

    if (a->event_stream) {
        u->length = -1;

    } else if (u->headers_in.chunked || a->rest != -1 || a->gunzip
               || (a->json && a->good && !a->caught))
    {
        u->length = 1;

    } else {
        u->length = -1;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_soma_stream_filter(void *data, ssize_t bytes)
{
    ngx_http_soma_attempt_t  *a = data;

    size_t                len;
    u_char               *p;
    ngx_int_t             rc;
    ngx_buf_t            *b;

    if (a->ctx->cut) {
        return NGX_OK;
    }

    if (ngx_http_soma_drain_read(a, bytes) != NGX_OK) {
        return NGX_ERROR;
    }

    b = &a->ctx->request->upstream->buffer;
    p = b->last;
    len = bytes;

    if (a->peeked) {

        /* out of its framing already */

        len = a->peeked;
        a->peeked = 0;

    } else {
        rc = ngx_http_soma_frame_read(a, p, &len);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_DONE) {
            a->ended = 1;
        }
    }

    b->last = p + len;

    if (a->gunzip) {
        rc = ngx_http_soma_gunzip(a, p, len);

    } else {
        rc = ngx_http_soma_stream_bytes(a, p, len);
    }

    ngx_http_soma_silence_set(a);

    /* what was put aside for the client goes out after this has returned */

    return (rc == NGX_OK) ? ngx_http_soma_stream_done(a) : rc;
}


ngx_int_t
ngx_http_soma_stream_done(ngx_http_soma_attempt_t *a)
{
    if (!a->ended || a->ctx->event_held || a->ctx->answer_paused) {
        return NGX_OK;
    }

    /* a stream whose last event is there has all that counts */

    if (a->gunzip && !(a->event_stream && a->ctx->answer.done)
        && ngx_http_soma_gunzip_end(a) != NGX_OK)
    {
        if (!a->event_stream || !a->good) {
            return NGX_ERROR;
        }

        /* its events go out, and the error behind them */

        a->ctx->request->upstream->headers_in.connection_close = 1;
    }

    if (ngx_http_soma_stream_broken(a)) {
        return NGX_ERROR;
    }

    ngx_http_soma_body_end(a);

    return NGX_OK;
}


ngx_int_t
ngx_http_soma_stream_bytes(ngx_http_soma_attempt_t *a, u_char *p, size_t len)
{
    if (a->event_stream && a->good) {
        return ngx_http_soma_events(a, p, len);
    }

    if (!a->ctx->first_token && len) {
        a->ctx->first_token = 1;
        a->ctx->first_token_msec = ngx_current_msec - a->ctx->start_msec;
    }

    if (a->json && a->good && !a->caught) {
        ngx_http_soma_stream_catch(a, p, len);
    }

    /* the client does not get the last of what is cut: it shall see it */

    if (a->gunzip == NULL && ngx_http_soma_stream_broken(a)) {
        return NGX_ERROR;
    }

    return ngx_http_soma_put(a, p, len);
}


void
ngx_http_soma_stream_catch(ngx_http_soma_attempt_t *a, u_char *p, size_t len)
{
    int                   rc;
    soma_reader_t        *reader, once;
    ngx_http_soma_ctx_t  *ctx;
    ngx_http_upstream_t  *u;

    ctx = a->ctx;
    u = ctx->request->upstream;
    reader = a->reader;
    a->some |= (len != 0);

    if (reader == NULL) {

        /* what is there in one piece leaves nothing to remember */

        reader = &once;

        if (!a->ended || a->gunzip) {
            reader = ngx_palloc(ctx->request->pool, sizeof(soma_reader_t));

            if (reader == NULL) {
                a->caught = 1;
                return;
            }

            a->reader = reader;
        }

        ngx_memzero(reader, sizeof(soma_reader_t));
    }

    rc = a->dialect->body(&ctx->answer, reader, p, len);

    if (rc == SOMA_AGAIN) {
        return;
    }

    a->caught = 1;

    /* now it may end with its connection */

    if (u->length == 1 && a->rest == -1 && !u->headers_in.chunked) {
        u->length = -1;
    }

    if (rc == SOMA_OK) {

        /*
         * The client may take the closing brace for the end and go: the
         * books are written before it gets it.
         */

        a->whole = 1;
        ctx->complete = 1;
        ngx_http_soma_outcome_settle(ctx);
    }
}


ngx_uint_t
ngx_http_soma_stream_broken(ngx_http_soma_attempt_t *a)
{
    if (!a->ended || !a->json || !a->good || a->caught || !a->some) {
        return 0;
    }

    ngx_log_error(NGX_LOG_ERR, a->ctx->request->connection->log, 0,
                  "soma: provider \"%V\" sent a JSON answer without its end",
                  &a->provider->name);

    return 1;
}


static ngx_int_t
ngx_http_soma_events(ngx_http_soma_attempt_t *a, u_char *p, size_t len)
{
    int               rc;
    size_t            used;
    soma_sse_event_t  event;

    while (!a->ctx->cut) {

        rc = soma_frames_feed(&a->frames, p, len, &used, &event);

        p += used;
        len -= used;

        switch (rc) {

        case SOMA_OK:
        case SOMA_DECLINED:
            switch (ngx_http_soma_stream_event(a, &event)) {

            case NGX_ERROR:
                return NGX_ERROR;

            case NGX_AGAIN:
                return ngx_http_soma_hold(a, p, len);

            default:
                break;
            }

            break;

        case SOMA_AGAIN:
            return NGX_OK;

        default:
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_soma_stream_event(ngx_http_soma_attempt_t *a, soma_sse_event_t *event)
{
    int                   action;
    ngx_int_t             rc;
    ngx_http_soma_ctx_t  *ctx;

    ctx = a->ctx;

    if (event->comment) {

        /* of another dialect, it is nothing to the client: some read every
         * line that they get as an event */

        return a->translate ? NGX_OK : ngx_http_soma_event_raw(a, event);
    }

    if (ctx->meter != NULL) {
        ngx_http_soma_meter_event(ctx);
    }

    if (event->part) {

        if (a->reader == NULL) {
            a->reader = ngx_pcalloc(ctx->request->pool,
                                    sizeof(soma_reader_t));
            if (a->reader == NULL) {
                return NGX_ERROR;
            }
        }

        action = a->dialect->part(&ctx->answer, &ctx->ask,
                                            a->reader, event);

    } else {
        action = a->dialect->event(&ctx->answer, &ctx->ask, event);
    }

    if (a->left && !event->part && ngx_http_soma_drain_event(a) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!ctx->first_token && ctx->answer.begun) {
        ctx->first_token = 1;
        ctx->first_token_msec = ngx_current_msec - ctx->start_msec;
    }

    rc = (ctx->meter != NULL) ? ngx_http_soma_meter(ctx) : NGX_OK;

    if (rc == NGX_AGAIN) {
        a->held.event = *event;
        a->held.action = action;
        return NGX_AGAIN;
    }

    if (rc != NGX_OK) {
        return ngx_http_soma_stream_cut(a);
    }

    return ngx_http_soma_event_good(a, event, action);
}


static ngx_int_t
ngx_http_soma_event_good(ngx_http_soma_attempt_t *a, soma_sse_event_t *event,
    int action)
{
    ngx_http_soma_ctx_t  *ctx;

    ctx = a->ctx;

    if (ctx->answer.done && !(event->part && !event->last)) {

        /* the client may go as soon as it has this event */

        ctx->complete = 1;
        ngx_http_soma_outcome_settle(ctx);
    }

    if (a->translate) {
        return ngx_http_soma_translate_event(a, event);
    }

    if (action == SOMA_EVENT_DROP) {
        return ngx_http_soma_event_drop(a, event);
    }

    a->within = (event->part && !event->last);

    if (ctx->conf->usage_cost && ctx->answer.usage_text.len
        && a->frames.framing != SOMA_FRAMING_AWS)
    {
        return ngx_http_soma_event_priced(a, event);
    }

    return ngx_http_soma_event_raw(a, event);
}


/* nothing behind this event is read: its connection is closed */
ngx_int_t
ngx_http_soma_stream_cut(ngx_http_soma_attempt_t *a)
{
    soma_str_t  text;

    /* what has gone out of an event has to end as one */

    if (a->within
        && ngx_http_soma_put(a, (u_char *) "\n\n", 2) != NGX_OK)
    {
        return NGX_ERROR;
    }

    a->within = 0;

    if (ngx_http_soma_meter_cut(a, &text) != NGX_OK
        || ngx_http_soma_put(a, text.data, text.len) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_DONE;
}


/* the event at hand waits for a lease, and all behind it with it */
static ngx_int_t
ngx_http_soma_hold(ngx_http_soma_attempt_t *a, u_char *p, size_t len)
{
    if (ngx_http_soma_lease_wait_stream(a->ctx, ngx_http_soma_hold_handler)
        != NGX_OK
        || ngx_http_soma_pause_stop(a) != NGX_OK)
    {
        return NGX_ERROR;
    }

    a->held.rest = p;
    a->held.len = len;
    a->ctx->event_held = 1;

    return NGX_OK;
}


static void
ngx_http_soma_hold_handler(ngx_http_soma_ctx_t *ctx)
{
    ngx_int_t                 rc;
    ngx_http_request_t       *r;
    ngx_http_soma_attempt_t  *a;

    r = ctx->request;
    a = ctx->attempt;

    rc = ngx_http_soma_meter(ctx);

    if (rc == NGX_AGAIN && ctx->lease.late) {

        /* this one was not asked for before */

        ngx_http_soma_lease_wait_done(ctx);
    }

    if (rc == NGX_AGAIN
        && ngx_http_soma_lease_wait_stream(ctx, ngx_http_soma_hold_handler)
           == NGX_OK)
    {
        return;
    }

    ngx_http_soma_lease_wait_done(ctx);

    if (ngx_http_soma_hold_end(a, rc) == NGX_ERROR) {

        /* nginx ends the request when it comes to it */

        r->upstream->error = 1;
    }

    r->write_event_handler(r);
}


/* rc: what the meter says of the event that was held */
static ngx_int_t
ngx_http_soma_hold_end(ngx_http_soma_attempt_t *a, ngx_int_t rc)
{
    ngx_http_soma_held_t  *held;

    held = &a->held;

    a->ctx->event_held = 0;
    ngx_http_soma_pause_go(a);

    rc = (rc == NGX_OK) ? ngx_http_soma_event_good(a, &held->event,
                                                   held->action)
                        : ngx_http_soma_stream_cut(a);

    if (rc == NGX_ERROR
        || ngx_http_soma_events(a, held->rest, held->len) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (a->gunzip && !a->ctx->cut && ngx_http_soma_gunzip_rest(a) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_soma_stream_done(a);
}


static ngx_int_t
ngx_http_soma_event_raw(ngx_http_soma_attempt_t *a, soma_sse_event_t *event)
{
    size_t  skip;

    /* the end of an event whose parts have all gone has no bytes */

    if (event->raw.len == 0) {
        return NGX_OK;
    }

    skip = (a->drop_lf && event->raw.data[0] == '\n');
    a->drop_lf = 0;

    return ngx_http_soma_put(a, event->raw.data + skip,
                             event->raw.len - skip);
}


/* an event with usage, which is told what it costs */
static ngx_int_t
ngx_http_soma_event_priced(ngx_http_soma_attempt_t *a,
    soma_sse_event_t *event)
{
    u_char            buf[SOMA_USAGE_COST_MAX];
    int64_t           cost;
    soma_json_edit_t  edit;
    soma_sse_event_t  head;

    cost = ngx_http_soma_outcome_cost(a->ctx);

    if (cost < 0
        || soma_usage_cost(event, a->ctx->answer.usage_text, cost, buf, &edit)
           != SOMA_OK)
    {
        return ngx_http_soma_event_raw(a, event);
    }

    head = *event;
    head.raw.len = edit.start;

    if (ngx_http_soma_event_raw(a, &head) != NGX_OK
        || ngx_http_soma_put(a, edit.text.data, edit.text.len) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_soma_put(a, event->raw.data + edit.end,
                             event->raw.len - edit.end);
}


/* where a CRLF was cut in two, its LF stands before the next event: it goes
 * where its CR went */
static ngx_int_t
ngx_http_soma_event_drop(ngx_http_soma_attempt_t *a, soma_sse_event_t *event)
{
    ngx_uint_t  lf;
    soma_str_t  raw;

    raw = event->raw;
    lf = (!a->drop_lf && raw.len > 1 && raw.data[0] == '\n');

    a->drop_lf = (raw.len && raw.data[raw.len - 1] == '\r');

    return lf ? ngx_http_soma_put(a, raw.data, 1) : NGX_OK;
}


static void
ngx_http_soma_body_end(ngx_http_soma_attempt_t *a)
{
    ngx_http_upstream_t  *u;

    u = a->ctx->request->upstream;

    a->ended = 1;
    u->length = 0;
    u->keepalive = !u->headers_in.connection_close && !a->ctx->cut;

    if (!a->event_stream || !a->good) {
        a->ctx->complete = 1;
        ngx_http_soma_outcome_settle(a->ctx);
    }
}
