
/*
 * Copyright (C) The ngx_soma authors
 *
 * The first look at an answer's body: whether it is good enough to begin the
 * client's answer with.  The dialect decides, not the status.
 */


#include "ngx_http_soma_attempt.h"
#include "soma_sniff.h"


static ngx_int_t ngx_http_soma_peek_body(ngx_http_soma_attempt_t *a);
static ngx_int_t ngx_http_soma_peek_foreign(ngx_http_soma_attempt_t *a);
static ngx_int_t ngx_http_soma_peek_packed(ngx_http_soma_attempt_t *a);
static ngx_int_t ngx_http_soma_peek_beginning(ngx_http_soma_attempt_t *a,
    ngx_buf_t *packed, size_t size);
static ngx_int_t ngx_http_soma_peek_answer(ngx_http_soma_attempt_t *a);
static soma_verdict_e ngx_http_soma_look(ngx_http_soma_attempt_t *a,
    size_t *skip);
static void ngx_http_soma_peek_kind(ngx_http_soma_attempt_t *a);
static ngx_uint_t ngx_http_soma_peek_array(u_char *p, size_t len);
static const char *ngx_http_soma_peek_reason(ngx_http_soma_attempt_t *a,
    soma_verdict_e verdict);
static ngx_int_t ngx_http_soma_peek_wait(ngx_http_soma_attempt_t *a,
    size_t skip);
static ngx_int_t ngx_http_soma_peek_whole(ngx_http_soma_attempt_t *a);


ngx_int_t
ngx_http_soma_peek_reject(ngx_http_soma_attempt_t *a, soma_fail_e fail,
    const char *reason)
{
    a->fail = fail;
    a->reason = reason;

    return NGX_HTTP_UPSTREAM_INVALID_HEADER;
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
                     : ngx_http_soma_refusal(a);

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

    a->retyped |= a->event_stream;

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
                                || (skip && !ngx_http_soma_target_left(a)))))
    {
        return NGX_OK;
    }

    return (ngx_http_soma_peek_more(a) == NGX_AGAIN) ? NGX_AGAIN : NGX_OK;
}


ngx_int_t
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

        verdict = a->dialect->verdict(&look);
        a->closed = look.closed;

        return verdict;
    }

    if (a->frames.framing == SOMA_FRAMING_SSE) {
        rc = soma_look_event(&look, &a->ctx->arena, b->pos, a->peeked, skip);

    } else {
        rc = soma_look_frame(&look, a->frames.framing, b->pos, a->peeked,
                             skip);
    }

    if (rc == SOMA_AGAIN) {
        return a->ended ? SOMA_VERDICT_NONE : SOMA_VERDICT_MORE;
    }

    if (rc == SOMA_DECLINED) {
        return SOMA_VERDICT_NONE;
    }

    if (look.failed) {
        return SOMA_VERDICT_ERROR;
    }

    verdict = (rc == SOMA_OK) ? a->dialect->verdict(&look)
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

    if (a->event_stream && a->frames.framing != SOMA_FRAMING_SSE) {
        a->sniffed = 1;
        return;
    }

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

    } else if (is == SOMA_SNIFF_JSON && a->ctx->ask.stream
               && ngx_http_soma_peek_array(b->pos, a->peeked))
    {
        a->event_stream = 1;
        a->json = 0;
        a->retyped = (a->translate != NULL);
        a->frames.framing = SOMA_FRAMING_ARRAY;

    } else if (is == SOMA_SNIFF_JSON && !a->json) {
        a->json = 1;
        a->event_stream = 0;
        a->retyped = 1;
    }

    a->ctx->answer.stream = a->event_stream;
}


/* a stream may come as one array that grows */
static ngx_uint_t
ngx_http_soma_peek_array(u_char *p, size_t len)
{
    size_t  i;

    for (i = 0; i < len && p[i] <= ' '; i++) { /* void */ }

    return i < len && p[i] == '[';
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
        && !ngx_http_soma_target_left(a))
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
