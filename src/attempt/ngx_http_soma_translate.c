
/*
 * Copyright (C) The ngx_soma authors
 *
 * A target that speaks another dialect than the client: the request goes out
 * of the inner form, and the answer comes into it, event by event.  What the
 * books are told of an answer is read off the provider's own bytes, as of any
 * other; here is only what the client gets to see.
 */


#include "ngx_http_soma_attempt.h"
#include "ngx_http_soma_admit.h"
#include "ngx_http_soma_settle.h"
#include "ngx_http_soma_vocabulary.h"
#include "soma_stops.h"


typedef struct {
    unsigned                      choice;
    unsigned                      block;
    soma_inner_kind_e             kind;
} ngx_http_soma_translate_open_t;


/* of one attempt; the blocks that are open are what a cut has to close */
struct ngx_http_soma_translate_s {
    ngx_http_soma_attempt_t        *attempt;
    soma_writer_t                   writer;
    soma_decoder_t                  decoder;
    soma_pieces_t                   out;
    uint64_t                        finished[SOMA_INNER_CHOICES_MAX / 64];
    ngx_uint_t                      choices;    /* the highest + 1 */
    ngx_uint_t                      nopen;
    ngx_http_soma_translate_open_t  open[SOMA_INNER_OPEN_MAX];
    soma_str_t                      whole;      /* an answer, for its client */
    unsigned                        over:1;     /* FAILED or END was written */
    unsigned                        failed:1;   /* FAILED was */
};


static ngx_int_t ngx_http_soma_translate_stops(ngx_http_soma_attempt_t *a);
static ngx_str_t ngx_http_soma_translate_path(ngx_http_soma_attempt_t *a);
static ngx_int_t ngx_http_soma_translate_read(ngx_http_soma_attempt_t *a);
static ngx_int_t ngx_http_soma_translate_bound(ngx_http_soma_attempt_t *a,
    soma_inner_loss_t *loss);
static ngx_int_t ngx_http_soma_translate_chain(ngx_http_soma_attempt_t *a,
    soma_pieces_t *pieces, ngx_chain_t **chain);
static int ngx_http_soma_translate_sink(void *data,
    const soma_inner_event_t *event);
static void ngx_http_soma_translate_note(ngx_http_soma_translate_t *t,
    const soma_inner_event_t *event);
static ngx_int_t ngx_http_soma_translate_put(ngx_http_soma_attempt_t *a);


ngx_int_t
ngx_http_soma_translate_begin(ngx_http_soma_attempt_t *a)
{
    ngx_http_soma_ctx_t        *ctx;
    ngx_http_soma_translate_t  *t;

    ctx = a->ctx;

    a->translate = NULL;
    a->translated = 0;
    a->frames.sse.max = 0;

    if (soma_dialect_same(ctx->client, a->dialect, ctx->ask.api)) {
        return NGX_OK;
    }

    t = ngx_pcalloc(ctx->request->pool, sizeof(ngx_http_soma_translate_t));
    if (t == NULL) {
        return NGX_ERROR;
    }

    t->attempt = a;

    t->writer.arena = &ctx->arena;
    t->writer.ask = &ctx->ask;
    t->writer.request = a->ctx->inner;
    t->writer.id = ngx_http_soma_str(ctx->id);
    t->writer.model = ctx->ask.model;
    t->writer.created = ctx->start / 1000;
    t->writer.cost = -1;

    t->decoder.arena = &ctx->arena;
    t->decoder.api = ctx->answer.api;
    t->decoder.sink = ngx_http_soma_translate_sink;
    t->decoder.data = t;
    t->decoder.seed = (uint64_t) ngx_random() << 32 ^ (uint64_t) ngx_random();

    soma_pieces_init(&t->out, &ctx->arena);

    a->translate = t;

    /* an event that came in parts could not be read */

    a->frames.sse.max = NGX_HTTP_SOMA_TRANSLATE_MAX;

    return NGX_OK;
}


ngx_int_t
ngx_http_soma_translate_request(ngx_http_soma_attempt_t *a,
    ngx_chain_t **body, size_t *len, ngx_str_t *path)
{
    int                    rc;
    soma_pieces_t          out;
    soma_inner_loss_t      loss;
    ngx_http_soma_ctx_t   *ctx;
    const soma_dialect_t  *dialect;

    ctx = a->ctx;
    dialect = a->dialect;

    ngx_memzero(&loss, sizeof(soma_inner_loss_t));

    rc = ngx_http_soma_translate_read(a);

    if (rc != NGX_OK) {
        return rc;
    }

    loss.lossy = (soma_inner_lossy_e) ctx->conf->lossy;
    loss.facts = (unsigned) ctx->model->facts;

    if (dialect->write_request == NULL
        || ngx_http_soma_translate_bound(a, &loss) != NGX_OK)
    {
        return NGX_ERROR;
    }

    soma_pieces_init(&out, &ctx->arena);

    a->translate->writer.request = a->ctx->inner;
    a->translate->decoder.request = a->ctx->inner;

    rc = dialect->write_request(&out, a->ctx->inner, &ctx->ask, &loss);

    if (rc == SOMA_DECLINED) {
        return ngx_http_soma_translate_loss_lost(a, &loss);
    }

    if (rc != SOMA_OK
        || ngx_http_soma_translate_loss_dropped(a, &loss) != NGX_OK
        || (loss.stops && ngx_http_soma_translate_stops(a) != NGX_OK))
    {
        return NGX_ERROR;
    }

    *path = ngx_http_soma_translate_path(a);
    *len = out.len;

    return path->len ? ngx_http_soma_translate_chain(a, &out, body)
                     : NGX_ERROR;
}


/* of stop sequences that the provider does not look for */
static ngx_int_t
ngx_http_soma_translate_stops(ngx_http_soma_attempt_t *a)
{
    soma_stops_t               *stops;
    ngx_http_soma_translate_t  *t;

    t = a->translate;

    stops = ngx_pcalloc(a->ctx->request->pool, sizeof(soma_stops_t));
    if (stops == NULL) {
        return NGX_ERROR;
    }

    stops->arena = t->decoder.arena;
    stops->sink = t->decoder.sink;
    stops->data = t->decoder.data;

    if (soma_stops_init(stops, a->ctx->inner) != SOMA_OK) {
        return NGX_ERROR;
    }

    t->decoder.sink = soma_stops_sink;
    t->decoder.data = stops;

    return NGX_OK;
}


/* empty: no memory */
static ngx_str_t
ngx_http_soma_translate_path(ngx_http_soma_attempt_t *a)
{
    soma_str_t  s;

    s = a->dialect->path(&a->ctx->arena, a->ctx->inner);

    return ngx_http_soma_ngx(s);
}


static ngx_int_t
ngx_http_soma_translate_read(ngx_http_soma_attempt_t *a)
{
    ngx_int_t    rc;
    const char  *error;

    if (!(a->dialect->apis & (1u << a->ctx->ask.api))) {
        return ngx_http_soma_translate_loss_unsaid(a, "unsupported_endpoint",
                                              "its provider has no such "
                                              "endpoint");
    }

    rc = ngx_http_soma_inner(a->ctx, &error);

    return (rc == NGX_DECLINED)
           ? ngx_http_soma_translate_loss_unsaid(a, "invalid_request", error)
           : rc;
}


/* how long its answer may be, as it was reserved */
static ngx_int_t
ngx_http_soma_translate_bound(ngx_http_soma_attempt_t *a,
    soma_inner_loss_t *loss)
{
    u_char               *p;
    int64_t               n;
    soma_inner_value_t   *member;
    ngx_http_soma_ctx_t  *ctx;

    ctx = a->ctx;

    a->ctx->inner->model = ngx_http_soma_str(ctx->model->target);

    n = ctx->ask.bound > 0 ? ctx->ask.bound : ctx->ask.max_tokens;

    if (n <= 0) {

        /* what a model can say, for dialects that have to name it */

        loss->max_tokens = ngx_http_soma_bound_output(ctx, ctx->model);
        return NGX_OK;
    }

    p = ngx_pnalloc(ctx->request->pool, NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    member = &a->ctx->inner->member[SOMA_INNER_MAX_TOKENS];
    member->raw.data = p;
    member->raw.len = ngx_sprintf(p, "%L", n) - p;

    if (member->name.data == NULL) {
        member->name = SOMA_STR("max_tokens");
    }

    loss->max_tokens = n;

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_translate_chain(ngx_http_soma_attempt_t *a,
    soma_pieces_t *pieces, ngx_chain_t **chain)
{
    ngx_buf_t           *b;
    soma_str_t           whole;
    ngx_chain_t         *cl;
    ngx_http_request_t  *r;

    r = a->ctx->request;

    b = ngx_calloc_buf(r->pool);
    cl = ngx_alloc_chain_link(r->pool);

    if (b == NULL || cl == NULL
        || soma_pieces_whole(pieces, &whole) != SOMA_OK)
    {
        return NGX_ERROR;
    }

    b->start = whole.data;
    b->pos = whole.data;
    b->last = whole.data + whole.len;
    b->end = b->last;
    b->memory = 1;
    b->last_buf = 1;
    b->flush = 1;

    cl->buf = b;
    cl->next = NULL;
    *chain = cl;

    return NGX_OK;
}


/* where the reader of the provider's dialect puts what it found */
static int
ngx_http_soma_translate_sink(void *data, const soma_inner_event_t *event)
{
    ngx_http_soma_translate_t  *t = data;

    int                       rc;
    ngx_http_soma_ctx_t      *ctx;

    ctx = t->attempt->ctx;

    if (t->over) {
        return SOMA_OK;
    }

    if (event->event == SOMA_INNER_START && ctx->ask.stream) {
        t->writer.usage.input_tokens = ngx_http_soma_vocabulary_estimate(ctx);
    }

    if (event->event == SOMA_INNER_END && ctx->settled
        && ctx->conf->usage_cost)
    {
        t->writer.cost = ngx_http_soma_outcome_cost(ctx);
    }

    ngx_http_soma_translate_note(t, event);

    t->writer.elapsed = (int64_t) (ngx_current_msec - ctx->start_msec)
                        * 1000000;

    rc = ctx->client->write(&t->writer, &t->out, event);

    if (rc == SOMA_DECLINED) {
        ngx_log_error(NGX_LOG_ERR, ctx->request->connection->log, 0,
                      "soma: an answer of provider \"%V\" cannot be told to "
                      "its client: %s", &t->attempt->provider->name,
                      t->writer.error ? t->writer.error : "it is too long");
    }

    return rc == SOMA_OK ? SOMA_OK : SOMA_ERROR;
}


static void
ngx_http_soma_translate_note(ngx_http_soma_translate_t *t,
    const soma_inner_event_t *event)
{
    ngx_uint_t  i;

    switch (event->event) {

    case SOMA_INNER_BEGIN:
        t->choices = ngx_max(t->choices, event->choice + 1);

        if (t->nopen < SOMA_INNER_OPEN_MAX) {
            t->open[t->nopen].choice = event->choice;
            t->open[t->nopen].block = event->block;
            t->open[t->nopen].kind = event->kind;
            t->nopen++;
        }

        break;

    case SOMA_INNER_CLOSE:
        for (i = 0; i < t->nopen; i++) {

            if (t->open[i].choice == event->choice
                && t->open[i].block == event->block)
            {
                t->nopen--;
                ngx_memmove(&t->open[i], &t->open[i + 1],
                            (t->nopen - i)
                            * sizeof(ngx_http_soma_translate_open_t));
                break;
            }
        }

        break;

    case SOMA_INNER_FINISH:
        t->choices = ngx_max(t->choices, event->choice + 1);

        if (event->choice < SOMA_INNER_CHOICES_MAX) {
            t->finished[event->choice / 64] |= (uint64_t) 1
                                               << (event->choice % 64);
        }

        break;

    case SOMA_INNER_FAILED:
        t->failed = 1;
        t->over = 1;
        break;

    case SOMA_INNER_END:
        t->over = 1;
        break;

    default:
        break;
    }
}


/* what was written for the client goes behind what waits for it */
static ngx_int_t
ngx_http_soma_translate_put(ngx_http_soma_attempt_t *a)
{
    soma_piece_t   *piece;
    soma_pieces_t  *out;

    out = &a->translate->out;

    soma_pieces_close(out);

    if (out->failed) {
        return NGX_ERROR;
    }

    for (piece = out->first; piece; piece = piece->next) {
        if (ngx_http_soma_put(a, piece->text.data, piece->text.len)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_soma_translate_event(ngx_http_soma_attempt_t *a,
    soma_sse_event_t *event)
{
    ngx_http_soma_translate_t  *t;

    t = a->translate;

    if (event->part) {
        ngx_log_error(NGX_LOG_ERR, a->ctx->request->connection->log, 0,
                      "soma: provider \"%V\" sent an event of more than %d "
                      "bytes, which is not translated", &a->provider->name,
                      NGX_HTTP_SOMA_TRANSLATE_MAX);
        return NGX_ERROR;
    }

    soma_pieces_reset(&t->out);

    if (a->dialect->read_event(&t->decoder, event) != SOMA_OK) {
        return NGX_ERROR;
    }

    return ngx_http_soma_translate_put(a);
}


ngx_int_t
ngx_http_soma_translate_end(ngx_http_soma_attempt_t *a)
{
    ngx_http_soma_translate_t  *t;

    t = a->translate;

    if (t->over) {
        return NGX_OK;
    }

    soma_pieces_reset(&t->out);

    if (a->dialect->read_end(&t->decoder) != SOMA_OK) {
        return NGX_DECLINED;
    }

    return ngx_http_soma_translate_put(a);
}


ngx_int_t
ngx_http_soma_translate_cut(ngx_http_soma_attempt_t *a, soma_str_t *text)
{
    unsigned                    i;
    soma_inner_event_t          event;
    ngx_http_soma_translate_t  *t;

    t = a->translate;
    soma_pieces_reset(&t->out);

    while (t->nopen) {
        ngx_memzero(&event, sizeof(soma_inner_event_t));

        event.event = SOMA_INNER_CLOSE;
        event.choice = t->open[0].choice;
        event.block = t->open[0].block;
        event.kind = t->open[0].kind;

        if (ngx_http_soma_translate_sink(t, &event) != SOMA_OK) {
            return NGX_ERROR;
        }
    }

    ngx_memzero(&event, sizeof(soma_inner_event_t));

    event.event = SOMA_INNER_USAGE;
    event.usage = &a->ctx->usage;

    if (ngx_http_soma_translate_sink(t, &event) != SOMA_OK) {
        return NGX_ERROR;
    }

    event.event = SOMA_INNER_FINISH;
    event.finish = SOMA_INNER_LENGTH;

    for (i = 0; i < ngx_max(t->choices, 1); i++) {

        if (t->finished[i / 64] & ((uint64_t) 1 << (i % 64))) {
            continue;
        }

        event.choice = i;

        if (ngx_http_soma_translate_sink(t, &event) != SOMA_OK) {
            return NGX_ERROR;
        }
    }

    event.event = SOMA_INNER_END;
    event.choice = 0;

    if (ngx_http_soma_translate_sink(t, &event) != SOMA_OK
        || soma_pieces_whole(&t->out, text) != SOMA_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_soma_translate_whole(ngx_http_soma_attempt_t *a)
{
    soma_str_t                  body;
    ngx_http_soma_translate_t  *t;

    t = a->translate;

    soma_pieces_reset(&t->out);

    body.data = a->ctx->request->upstream->buffer.pos;
    body.len = a->peeked;

    if (a->dialect->read_whole(&t->decoder, body) != SOMA_OK
        || !t->over || t->failed
        || soma_pieces_whole(&t->out, &t->whole) != SOMA_OK)
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


void
ngx_http_soma_translate_take(ngx_http_soma_attempt_t *a)
{
    ngx_buf_t            *b;
    soma_str_t           *whole;
    ngx_http_upstream_t  *u;

    u = a->ctx->request->upstream;
    b = &u->buffer;
    whole = &a->translate->whole;

    b->start = whole->data;
    b->pos = whole->data;
    b->last = whole->data + whole->len;
    b->end = b->last;

    a->peeked = whole->len;
    a->skipped = 0;
    a->translated = 1;
    a->retyped = 1;
    u->headers_in.chunked = 0;
    u->headers_in.content_length_n = whole->len;
}
