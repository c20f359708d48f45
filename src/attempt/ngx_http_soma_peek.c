
/*
 * Copyright (C) The ngx_soma authors
 *
 * The first look at an answer's body: whether it is good enough to begin the
 * client's answer with.  The dialect decides, not the status.
 */


#include "ngx_http_soma_attempt.h"
#include "ngx_http_soma_filter.h"
#include "ngx_http_soma_plan.h"
#include "ngx_http_soma_settle.h"
#include "soma_sniff.h"


#define NGX_HTTP_SOMA_SAID_MAX  256     /* bytes of a provider's message */
#define NGX_HTTP_SOMA_KEY_HEAD  8       /* of a key, that nobody is shown */


static ngx_int_t ngx_http_soma_peek_body(ngx_http_soma_attempt_t *a);
static ngx_int_t ngx_http_soma_peek_foreign(ngx_http_soma_attempt_t *a);
static ngx_int_t ngx_http_soma_peek_packed(ngx_http_soma_attempt_t *a);
static ngx_int_t ngx_http_soma_peek_beginning(ngx_http_soma_attempt_t *a,
    ngx_buf_t *packed, size_t size);
static ngx_int_t ngx_http_soma_peek_more(ngx_http_soma_attempt_t *a);
static ngx_int_t ngx_http_soma_peek_answer(ngx_http_soma_attempt_t *a);
static soma_verdict_e ngx_http_soma_look(ngx_http_soma_attempt_t *a,
    size_t *skip);
static void ngx_http_soma_peek_kind(ngx_http_soma_attempt_t *a);
static const char *ngx_http_soma_peek_reason(ngx_http_soma_attempt_t *a,
    soma_verdict_e verdict);
static ngx_int_t ngx_http_soma_peek_wait(ngx_http_soma_attempt_t *a,
    size_t skip);
static ngx_int_t ngx_http_soma_peek_whole(ngx_http_soma_attempt_t *a);
static ngx_int_t ngx_http_soma_peek_refusal(ngx_http_soma_attempt_t *a);
static void ngx_http_soma_said(ngx_http_soma_attempt_t *a, soma_str_t body,
    soma_json_value_t *message);
static ngx_uint_t ngx_http_soma_key_in(ngx_http_soma_attempt_t *a,
    soma_str_t text);
static ngx_int_t ngx_http_soma_accept(ngx_http_soma_attempt_t *a);
static ngx_int_t ngx_http_soma_accept_type(ngx_http_soma_attempt_t *a);
static void ngx_http_soma_accept_refusal(ngx_http_soma_attempt_t *a);


ngx_int_t
ngx_http_soma_peek_reject(ngx_http_soma_attempt_t *a, soma_fail_e fail,
    const char *reason)
{
    a->fail = fail;
    a->reason = reason;

    return NGX_HTTP_UPSTREAM_INVALID_HEADER;
}


ngx_uint_t
ngx_http_soma_peek_next_left(ngx_http_soma_attempt_t *a)
{
    return !a->ctx->route->single && a->ctx->next < a->ctx->norder
           && !a->ctx->left;
}


ngx_uint_t
ngx_http_soma_peek_may_move_on(ngx_http_soma_attempt_t *a)
{
    return ngx_http_soma_peek_next_left(a)
           && soma_retry_may(&a->ctx->route->retry, a->fail,
                             (int) a->status.code);
}


ngx_int_t
ngx_http_soma_peek(ngx_http_soma_attempt_t *a)
{
    ngx_int_t  rc;

    rc = ngx_http_soma_peek_body(a);

    if (rc == NGX_OK && a->gunzip) {
        rc = ngx_http_soma_peek_packed(a);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (a->translate && a->good) {
        rc = ngx_http_soma_peek_foreign(a);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (!a->gunzip) {
        rc = a->good ? ngx_http_soma_peek_answer(a)
                     : ngx_http_soma_peek_refusal(a);

    } else if (a->fail == SOMA_FAIL_AUTH || (!a->good && !a->json)) {

        /* packed, and a page by its type */

        rc = ngx_http_soma_peek_reject(a, a->fail,
                                   ngx_http_soma_header_reason(a->status.code));
    }

    return (rc == NGX_OK) ? ngx_http_soma_accept(a) : rc;
}


/* an answer that is translated has to be one that can be read */
static ngx_int_t
ngx_http_soma_peek_foreign(ngx_http_soma_attempt_t *a)
{
    ngx_http_soma_peek_kind(a);

    if (a->event_stream && !a->ctx->ask.stream) {
        return ngx_http_soma_peek_reject(a, SOMA_FAIL_ANSWER,
                                         "a stream where none was asked for");
    }

    if (!a->event_stream && (a->gunzip || a->encoding)) {
        return ngx_http_soma_peek_reject(a, SOMA_FAIL_ANSWER,
                                         "a packed answer too long to be "
                                         "translated");
    }

    return NGX_OK;
}


/* what came is taken out of its framing, and lies behind what was there */
static ngx_int_t
ngx_http_soma_peek_body(ngx_http_soma_attempt_t *a)
{
    size_t      len;
    u_char     *p;
    ngx_int_t   rc;
    ngx_buf_t  *b;

    b = &a->ctx->request->upstream->buffer;

    p = b->pos + a->peeked;
    len = b->last - p;

    if (len == 0) {
        return NGX_OK;
    }

    rc = ngx_http_soma_frame_read(a, p, &len);

    if (rc == NGX_ERROR) {
        return ngx_http_soma_peek_reject(a, SOMA_FAIL_LOST,
                                         "an answer with a broken body");
    }

    b->last = p + len;
    a->peeked += len;
    a->ended = (rc == NGX_DONE);

    return NGX_OK;
}


/*
 * A packed body that is all there and comes to no more than is looked at is
 * unpacked and taken for one that was never packed.  Of a longer one the
 * beginning is looked at as any other.
 */
static ngx_int_t
ngx_http_soma_peek_packed(ngx_http_soma_attempt_t *a)
{
    size_t      size;
    ngx_int_t   rc;
    ngx_buf_t  *b, packed;

    if (a->peeked == 0 && !a->ended) {
        return NGX_AGAIN;
    }

    if (a->peeked == 0) {

        /* nothing is packed as nothing */

        a->gunzip = NULL;
        a->encoding = NULL;

        return NGX_OK;
    }

    b = &a->ctx->request->upstream->buffer;
    size = NGX_HTTP_SOMA_PEEK_MAX;

    if (a->looked == NULL) {
        a->looked = ngx_palloc(a->ctx->request->pool, size);
        if (a->looked == NULL) {
            return NGX_ERROR;
        }
    }

    rc = ngx_http_soma_gunzip_look(a, b->pos, a->peeked, a->looked, &size);

    if (rc == NGX_ERROR
        || (rc == NGX_AGAIN && a->ended && size < NGX_HTTP_SOMA_PEEK_MAX))
    {
        if (!a->good || (a->event_stream && size)) {

            /* what there is of it is the client's */

            return NGX_OK;
        }

        return ngx_http_soma_peek_reject(a, SOMA_FAIL_LOST,
                                         "an answer that is cut off");
    }

    packed = *b;

    b->start = a->looked;
    b->pos = a->looked;
    b->last = a->looked + size;
    b->end = a->looked + NGX_HTTP_SOMA_PEEK_MAX;

    if (rc == NGX_OK && a->ended) {
        a->peeked = size;
        a->gunzip = NULL;
        a->encoding = NULL;

        return NGX_OK;
    }

    return ngx_http_soma_peek_beginning(a, &packed, size);
}


/* of what is packed in that buffer, as u->buffer holds it */
static ngx_int_t
ngx_http_soma_peek_beginning(ngx_http_soma_attempt_t *a, ngx_buf_t *packed,
    size_t size)
{
    size_t                skip, peeked;
    ngx_uint_t            ended, unknown;
    soma_verdict_e        verdict;
    ngx_http_upstream_t  *u;

    u = a->ctx->request->upstream;
    peeked = a->peeked;
    ended = a->ended;
    a->peeked = size;
    a->ended = 0;
    skip = 0;
    verdict = SOMA_VERDICT_GOOD;

    if (a->good && size) {
        verdict = ngx_http_soma_look(a, &skip);

    } else if (!ended) {
        verdict = SOMA_VERDICT_MORE;
    }

    a->peeked = peeked;
    a->ended = ended;
    u->buffer = *packed;

    if (verdict == SOMA_VERDICT_ERROR || verdict == SOMA_VERDICT_NONE) {
        return ngx_http_soma_peek_reject(a, SOMA_FAIL_ANSWER,
                                         ngx_http_soma_peek_reason(a, verdict));
    }

    /* only the end of the connection would tell */

    unknown = (a->rest == -1 && !u->headers_in.chunked);

    if (ended || size == NGX_HTTP_SOMA_PEEK_MAX
        || (unknown && verdict != SOMA_VERDICT_MORE)
        || (a->event_stream && (verdict == SOMA_VERDICT_GOOD
                                || (skip && !ngx_http_soma_peek_next_left(a)))))
    {
        return NGX_OK;
    }

    return (ngx_http_soma_peek_more(a) == NGX_AGAIN) ? NGX_AGAIN : NGX_OK;
}


/* NGX_AGAIN: there is room for more; NGX_DECLINED: no more is looked at */
static ngx_int_t
ngx_http_soma_peek_more(ngx_http_soma_attempt_t *a)
{
    size_t      size;
    u_char     *p;
    ngx_buf_t  *b;

    b = &a->ctx->request->upstream->buffer;

    if (b->end - b->last >= NGX_HTTP_SOMA_PEEK_ROOM) {
        return NGX_AGAIN;
    }

    size = 2 * (b->end - b->start);

    if (size > (a->translate ? NGX_HTTP_SOMA_TRANSLATE_MAX
                             : NGX_HTTP_SOMA_PEEK_MAX))
    {
        return NGX_DECLINED;
    }

    p = ngx_palloc(a->ctx->request->pool, size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, b->pos, b->last - b->pos);

    b->last = p + (b->last - b->pos);
    b->pos = p;
    b->start = p;
    b->end = p + size;

    return NGX_AGAIN;
}


static ngx_int_t
ngx_http_soma_peek_answer(ngx_http_soma_attempt_t *a)
{
    size_t          skip;
    ngx_int_t       rc;
    soma_verdict_e  verdict;

    if (a->encoding) {

        /* what it says cannot be read */

        return NGX_OK;
    }

    verdict = ngx_http_soma_look(a, &skip);

    if (verdict == SOMA_VERDICT_ERROR || verdict == SOMA_VERDICT_NONE) {
        return ngx_http_soma_peek_reject(a, SOMA_FAIL_ANSWER,
                                         ngx_http_soma_peek_reason(a, verdict));
    }

    if (verdict == SOMA_VERDICT_MORE && !a->ended) {

        rc = ngx_http_soma_peek_wait(a, skip);

        if (rc != NGX_DECLINED) {
            return rc;
        }

        /* so long, and no error yet */
    }

    return a->json ? ngx_http_soma_peek_whole(a) : NGX_OK;
}


/* skip: bytes at the start that say nothing */
static soma_verdict_e
ngx_http_soma_look(ngx_http_soma_attempt_t *a, size_t *skip)
{
    int                   rc;
    ngx_buf_t            *b;
    soma_look_t           look;
    soma_verdict_e        verdict;
    ngx_http_upstream_t  *u;

    u = a->ctx->request->upstream;
    b = &u->buffer;

    ngx_http_soma_peek_kind(a);

    ngx_memzero(&look, sizeof(soma_look_t));
    look.api = a->ctx->ask.api;
    *skip = 0;

    if (u->headers_in.content_type) {
        look.type = ngx_http_soma_str(u->headers_in.content_type->value);
    }

    if (!a->event_stream) {
        look.text.data = b->pos;
        look.text.len = a->peeked;
        look.whole = a->ended;

        while (*skip < a->peeked && b->pos[*skip] <= ' ') {
            (*skip)++;
        }

        if (*skip < a->peeked) {
            *skip = 0;
        }

        verdict = a->provider->dialect->verdict(&look);
        a->closed = look.closed;

        return verdict;
    }

    rc = soma_look_event(&look, &a->ctx->arena, b->pos, a->peeked, skip);

    if (rc == SOMA_AGAIN) {
        return a->ended ? SOMA_VERDICT_NONE : SOMA_VERDICT_MORE;
    }

    verdict = (rc == SOMA_OK) ? a->provider->dialect->verdict(&look)
                              : SOMA_VERDICT_GOOD;

    return (verdict == SOMA_VERDICT_MORE && a->ended) ? SOMA_VERDICT_GOOD
                                                      : verdict;
}


/* a header may say anything of what follows: its first bytes tell */
static void
ngx_http_soma_peek_kind(ngx_http_soma_attempt_t *a)
{
    ngx_buf_t     *b;
    soma_api_e     api;
    soma_sniff_e   is;

    if (a->sniffed) {
        return;
    }

    api = a->ctx->ask.api;
    b = &a->ctx->request->upstream->buffer;

    if (!a->event_stream && !a->json
        && (api == SOMA_API_SPEECH || api == SOMA_API_TRANSCRIPTIONS
            || api == SOMA_API_TRANSLATIONS))
    {
        /* sound, and what was heard, may begin with any bytes */

        a->sniffed = 1;
        return;
    }

    is = soma_sniff(b->pos, a->peeked);

    if (is == SOMA_SNIFF_MORE) {
        return;
    }

    a->sniffed = 1;

    if (is == SOMA_SNIFF_SSE && !a->event_stream) {
        a->event_stream = 1;
        a->json = 0;
        a->retyped = 1;

    } else if (is == SOMA_SNIFF_JSON && !a->json) {
        a->json = 1;
        a->event_stream = 0;
        a->retyped = 1;
    }

    a->ctx->answer.stream = a->event_stream;
}


static const char *
ngx_http_soma_peek_reason(ngx_http_soma_attempt_t *a, soma_verdict_e verdict)
{
    if (verdict == SOMA_VERDICT_ERROR) {
        return a->event_stream ? "an error as first event"
                               : "an error with a good status";
    }

    if (a->event_stream) {
        return "an empty stream";
    }

    return a->peeked ? "a body that is no answer" : "an empty answer";
}


/* NGX_OK: what is there may go out; NGX_DECLINED: no more is looked at */
static ngx_int_t
ngx_http_soma_peek_wait(ngx_http_soma_attempt_t *a, size_t skip)
{
    ngx_buf_t  *b;

    b = &a->ctx->request->upstream->buffer;

    if ((skip || a->released) && a->event_stream
        && !ngx_http_soma_peek_next_left(a))
    {
        /* keep-alives, and nobody else to ask: they are the client's */

        return NGX_OK;
    }

    if (skip && (!a->event_stream
                 || b->end - b->last < NGX_HTTP_SOMA_PEEK_ROOM))
    {
        a->peeked -= skip;
        a->skipped += skip;

        ngx_memmove(b->pos, b->pos + skip, a->peeked);
        b->last = b->pos + a->peeked;
    }

    return ngx_http_soma_peek_more(a);
}


/* JSON that fits is held until its end: then its cost can stand in the
 * header */
static ngx_int_t
ngx_http_soma_peek_whole(ngx_http_soma_attempt_t *a)
{
    ngx_buf_t            *b;
    ngx_http_upstream_t  *u;

    u = a->ctx->request->upstream;
    b = &u->buffer;

    if (a->closed && a->rest == -1 && !u->headers_in.chunked) {

        /* its last brace is its end: nobody has to wait for the connection's,
         * which cannot be used again */

        a->ended = 1;
        u->headers_in.connection_close = 1;
        u->headers_in.content_length_n = a->peeked;
    }

    if (a->ended) {

        if (a->translate && ngx_http_soma_translate_whole(a) != NGX_OK) {
            return ngx_http_soma_peek_reject(a, SOMA_FAIL_ANSWER,
                                             "an answer that cannot be "
                                             "translated");
        }

        a->ctx->answered = 1;
        a->ctx->status = a->status.code;

        ngx_http_soma_stream_catch(a, b->pos, a->peeked);

        if (ngx_http_soma_stream_broken(a)) {
            a->ctx->answered = 0;
            a->ctx->status = 0;

            return ngx_http_soma_peek_reject(a, SOMA_FAIL_LOST,
                                             "an answer that is cut off");
        }

        a->caught = 1;

        if (a->translate) {
            ngx_http_soma_translate_take(a);
        }

        return NGX_OK;
    }

    if (a->translate) {
        return (ngx_http_soma_peek_more(a) == NGX_AGAIN)
               ? NGX_AGAIN
               : ngx_http_soma_peek_reject(a, SOMA_FAIL_ANSWER,
                                           "an answer too long to be "
                                           "translated");
    }

    /* will it fit? */

    if (a->rest > b->end - b->last
        || b->end - b->last < NGX_HTTP_SOMA_PEEK_ROOM)
    {
        return NGX_OK;
    }

    return NGX_AGAIN;
}


/*
 * An error of the provider's goes to the client when it is written as the
 * client's dialect writes them.  A page, a text or nothing becomes one of
 * ours.
 */
static ngx_int_t
ngx_http_soma_peek_refusal(ngx_http_soma_attempt_t *a)
{
    ngx_int_t         rc;
    ngx_buf_t        *b;
    soma_str_t        body;
    const char       *reason;
    soma_sniff_e      is;
    soma_refusal_t    refusal;

    b = &a->ctx->request->upstream->buffer;
    reason = ngx_http_soma_header_reason(a->status.code);

    body.data = b->pos;
    body.len = a->encoding ? 0 : a->peeked;

    is = soma_sniff(body.data, body.len);

    a->provider->dialect->refusal(body, &refusal);

    if (!a->ended && !a->encoding && !refusal.whole
        && (is != SOMA_SNIFF_OTHER || a->rest != -1
            || a->ctx->request->upstream->headers_in.chunked))
    {
        rc = ngx_http_soma_peek_more(a);

        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    if (a->fail == SOMA_FAIL_AUTH) {

        if (!refusal.ours || !refusal.content) {
            return ngx_http_soma_peek_reject(a, a->fail, reason);
        }

        a->fail = SOMA_FAIL_STATUS;
    }

    if (a->usage_added && refusal.usage
        && (a->status.code == 400 || a->status.code == 422))
    {
        a->resend = 1;

        return ngx_http_soma_peek_reject(a, a->fail,
                                         "stream_options are not known");
    }

    if (!ngx_http_soma_peek_may_move_on(a) && refusal.ours && !a->translate
        && !ngx_http_soma_key_in(a, body))
    {
        return NGX_OK;
    }

    if (is != SOMA_SNIFF_MORE) {
        ngx_http_soma_said(a, body, &refusal.message);
    }

    return ngx_http_soma_peek_reject(a, a->fail, reason);
}


/* what a 4xx says about the request, for the error that takes its place */
static void
ngx_http_soma_said(ngx_http_soma_attempt_t *a, soma_str_t body,
    soma_json_value_t *message)
{
    soma_str_t  text;

    text.len = 0;

    if (message->type == SOMA_JSON_STRING) {

        if (soma_json_text(&a->ctx->arena, message, &text) != SOMA_OK) {
            return;
        }

    } else if (message->type != SOMA_JSON_NONE) {
        text = message->text;

    } else if (body.len && soma_sniff(body.data, body.len) == SOMA_SNIFF_OTHER
               && memchr(body.data, '<', body.len) == NULL)
    {
        text = body;
    }

    if (text.len == 0 || text.len > NGX_HTTP_SOMA_SAID_MAX
        || ngx_http_soma_key_in(a, text))
    {
        return;
    }

    a->said.data = ngx_pnalloc(a->ctx->request->pool, text.len);

    if (a->said.data) {
        ngx_memcpy(a->said.data, text.data, text.len);
        a->said.len = text.len;
    }
}


/* its beginning is enough: providers show that much, and stars behind it */
static ngx_uint_t
ngx_http_soma_key_in(ngx_http_soma_attempt_t *a, soma_str_t text)
{
    size_t      len;
    u_char     *p, *end;
    ngx_str_t  *key;

    key = &a->provider->api_key;
    len = ngx_min(key->len, NGX_HTTP_SOMA_KEY_HEAD);

    if (len == 0 || text.len < len) {
        return 0;
    }

    end = text.data + text.len - len;

    for (p = text.data; p <= end; p++) {

        if (*p == key->data[0] && ngx_memcmp(p, key->data, len) == 0) {
            return 1;
        }
    }

    return 0;
}


/* this answer is the client's: from here on no other target is tried */
static ngx_int_t
ngx_http_soma_accept(ngx_http_soma_attempt_t *a)
{
    ngx_http_soma_ctx_t  *ctx;
    ngx_http_upstream_t  *u;

    ctx = a->ctx;
    u = ctx->request->upstream;

    ctx->answered = 1;
    ctx->status = a->status.code;

    ngx_http_soma_target_probe_end(a, a->good);

    if (a->good) {
        ngx_http_soma_health_good(ctx, ctx->model);

    } else {
        ngx_http_soma_accept_refusal(a);
    }

    ngx_http_soma_silence_set(a);
    ngx_http_soma_meter_start(a);

    if (a->event_stream) {

        /* its length is unknown once an event may be left out */

        u->headers_in.content_length_n = -1;

    } else if (a->peeked && u->headers_in.chunked && a->ended && !a->gunzip) {

        /* it lies whole in the buffer: it has a length now */

        u->headers_in.chunked = 0;
        u->headers_in.content_length_n = a->peeked;

    } else if (a->rest != -1 && u->headers_in.content_length_n != -1) {
        u->headers_in.content_length_n -= a->skipped;
    }

    if (a->caught
        || (a->ended && a->peeked == 0 && !(a->event_stream && a->good)))
    {
        /* caught, or without a body: the header may be the end of it */

        ctx->complete = 1;
        ngx_http_soma_settle(ctx);
    }

    return ngx_http_soma_accept_type(a);
}


/*
 * What a provider sends is shown from the gateway's origin: a browser is not
 * to look for itself what it may be.  The usual two forms are told by their
 * names, and clients read a body as its type says.
 */
static ngx_int_t
ngx_http_soma_accept_type(ngx_http_soma_attempt_t *a)
{
    ngx_str_t            *type;
    ngx_http_request_t   *r;
    ngx_http_upstream_t  *u;

    static ngx_str_t  json = ngx_string("application/json");
    static ngx_str_t  events = ngx_string("text/event-stream");

    static const ngx_str_t  nosniff = ngx_string("X-Content-Type-Options");

    if (a->good && !a->retyped && (a->json || a->event_stream)) {
        return NGX_OK;
    }

    r = a->ctx->request;
    u = r->upstream;
    type = (a->translated ? a->ctx->ask.stream : a->event_stream) ? &events
                                                                  : &json;

    if (a->retyped || !a->good) {

        if (u->headers_in.content_type) {
            u->headers_in.content_type->value = *type;

        } else {
            r->headers_out.content_type = *type;
            r->headers_out.content_type_len = type->len;
            r->headers_out.content_type_lowcase = NULL;
        }
    }

    return ngx_http_soma_filter_add_header(r, &nosniff, (u_char *) "nosniff",
                                           7);
}


/* an error in the client's dialect, with a status that clients know */
static void
ngx_http_soma_accept_refusal(ngx_http_soma_attempt_t *a)
{
    int                   status;
    ngx_http_soma_ctx_t  *ctx;
    ngx_http_upstream_t  *u;

    ctx = a->ctx;
    u = ctx->request->upstream;

    ngx_http_soma_health_bad(ctx, ctx->model,
                             soma_retry_evidence(a->fail,
                                                 (int) a->status.code),
                             a->retry_after_ms);

    ngx_http_soma_metrics_attempt(ctx->main, a->provider,
                                  ngx_http_soma_header_reason(a->status.code));

    if (a->status.code > 504) {
        (void) soma_dialect_fault_of((int) a->status.code, &status);

        ctx->status = status;
        u->headers_in.status_n = status;
        u->headers_in.status_line.len = 0;
    }
}
