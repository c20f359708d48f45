
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a stream has come to so far, held against what is reserved for it.
 * More is reserved as it grows, before it is needed; where that is refused,
 * it is cut.
 */


#include "ngx_http_soma_attempt.h"
#include "ngx_http_soma_admit.h"
#include "ngx_http_soma_settle.h"
#include "ngx_http_soma_vocabulary.h"


#define NGX_HTTP_SOMA_HOLDS  2      /* of who asks, of who answers */

/* tokens left when the next slice is reserved, and between two tries */
#define NGX_HTTP_SOMA_OUTPUT_AHEAD  (NGX_HTTP_SOMA_OUTPUT_SLICE / 2)
#define NGX_HTTP_SOMA_OUTPUT_STEP   (NGX_HTTP_SOMA_OUTPUT_SLICE / 8)


struct ngx_http_soma_meter_s {
    int64_t            reserved[NGX_HTTP_SOMA_HOLDS];   /* tokens, of the
                                                           answer */
    int64_t            slack[NGX_HTTP_SOMA_HOLDS][SOMA_AMOUNTS];
                                    /* reserved for more prompt than it is */
    int64_t            most;        /* that the provider was told of */
    int64_t            look;        /* fewer tokens ask for nothing */
    int64_t            counted;     /* of what went to the client */
    int64_t            over;        /* tokens of channels that are over */
    int64_t            bytes;       /* of them */
    int64_t            text_len;    /* when it was looked at last */
    int64_t            events;      /* that had text */
    unsigned           channel;
    unsigned           fresh:1;     /* "counted" is of the last event */
    unsigned           again:1;     /* the event at hand was counted */
    unsigned           exact:1;
    soma_progress_t    before;      /* the event at hand */
    soma_bpe_stream_t  stream;
};


static void ngx_http_soma_meter_text(void *data, unsigned channel,
    const u_char *p, size_t len);
static void ngx_http_soma_meter_look(ngx_http_soma_meter_t *m, int64_t n);
static ngx_int_t ngx_http_soma_meter_take(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_meter_t *m, ngx_uint_t which, int64_t slice,
    ngx_uint_t what);
static int64_t ngx_http_soma_meter_tokens(ngx_http_soma_meter_t *m);
static int64_t ngx_http_soma_meter_guess(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_meter_t *m);
static int64_t ngx_http_soma_meter_count(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_meter_t *m);
static int64_t ngx_http_soma_meter_cost(ngx_http_soma_ctx_t *ctx,
    int64_t input, int64_t output);
static void ngx_http_soma_meter_slack(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_meter_t *m, ngx_uint_t which, int64_t input);
static ngx_int_t ngx_http_soma_meter_extend(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_meter_t *m, ngx_uint_t which, int64_t tokens,
    ngx_uint_t what);


void
ngx_http_soma_meter_start(ngx_http_soma_attempt_t *a)
{
    const soma_bpe_t       *bpe;
    ngx_http_soma_ctx_t    *ctx;
    ngx_http_soma_meter_t  *m;

    ctx = a->ctx;

    if (!ctx->metered || !a->event_stream || !a->good
        || ctx->client->bounds(ctx->ask.api) == NULL)
    {
        return;
    }

    m = ngx_palloc(ctx->request->pool, sizeof(ngx_http_soma_meter_t));
    if (m == NULL) {
        return;
    }

    bpe = ngx_http_soma_vocabulary_bpe(ctx->main, ctx->model);

    ngx_memzero(m, offsetof(ngx_http_soma_meter_t, stream));
    soma_bpe_stream_init(&m->stream, bpe);

    ngx_http_soma_bound_reserved(ctx, m->reserved, &m->most);
    ngx_http_soma_meter_slack(ctx, m, 0, ctx->caller_input);

    m->exact = (bpe != NULL && ctx->ask.n == 1 && ctx->ask.prompts == 1);
    m->fresh = 1;

    ngx_http_soma_meter_look(m, 0);

    /* who waited to be let in waits anew */

    ctx->lease.late = 0;

    if (bpe != NULL) {
        ctx->answer.text = ngx_http_soma_meter_text;
        ctx->answer.text_data = m;

    }

    ctx->meter = m;
}


/* texts of several choices come in turns: each piece is counted apart */

static void
ngx_http_soma_meter_text(void *data, unsigned channel, const u_char *p,
    size_t len)
{
    ngx_http_soma_meter_t  *m = data;

    if (channel != m->channel) {
        m->over += soma_bpe_stream_tokens(&m->stream);
        m->bytes += m->stream.bytes;
        m->channel = channel;
        soma_bpe_stream_init(&m->stream, m->stream.bpe);
    }

    if (!m->fresh
        && m->bytes + m->stream.bytes + (int64_t) len > m->look)
    {
        m->counted = ngx_http_soma_meter_tokens(m);
        m->fresh = 1;
    }

    soma_bpe_stream_add(&m->stream, p, len);
}


static int64_t
ngx_http_soma_meter_tokens(ngx_http_soma_meter_t *m)
{
    return m->over + soma_bpe_stream_tokens(&m->stream);
}


void
ngx_http_soma_meter_event(ngx_http_soma_ctx_t *ctx)
{
    ctx->meter->before = ctx->answer.progress;
}


ngx_int_t
ngx_http_soma_meter(ngx_http_soma_ctx_t *ctx)
{
    int64_t                 n;
    ngx_int_t               rc;
    ngx_uint_t              i, what;
    ngx_http_soma_meter_t  *m;

    m = ctx->meter;

    /* text behind the end of a stream is nobody's */

    if (ctx->settled || ctx->answer.failed
        || (ctx->answer.text_len == m->text_len && !m->again))
    {
        return NGX_OK;
    }

    m->text_len = ctx->answer.text_len;
    m->events += !m->again;

    what = m->again ? NGX_HTTP_SOMA_MORE_AGAIN : NGX_HTTP_SOMA_MORE_NEEDED;
    m->again = 0;

    /* no token is less than a byte: mostly nothing is to be counted yet */

    if (m->stream.bpe != NULL && !ctx->answer.usage.known
        && m->bytes + m->stream.bytes + ctx->answer.unheard <= m->look)
    {
        m->fresh = 0;
        return NGX_OK;
    }

    n = ngx_http_soma_meter_count(ctx, m);

    for (i = 0; n > m->look && i < NGX_HTTP_SOMA_HOLDS; i++) {

        if (n > m->reserved[i]) {
            rc = ngx_http_soma_meter_extend(ctx, m, i, n, what);

            if (rc != NGX_OK) {
                m->again = (rc == NGX_AGAIN);
                return rc;
            }

        } else if (m->reserved[i] < m->most
                   && n > m->reserved[i] - NGX_HTTP_SOMA_OUTPUT_AHEAD)
        {
            /* refused or not there yet: what is reserved is good all the
             * same */

            (void) ngx_http_soma_meter_take(ctx, m, i,
                                     ngx_min(m->most - m->reserved[i],
                                             NGX_HTTP_SOMA_OUTPUT_SLICE),
                                     NGX_HTTP_SOMA_MORE_AHEAD);
        }
    }

    if (n > m->look) {
        ngx_http_soma_meter_look(m, n);
    }

    m->counted = n;
    m->fresh = 1;

    return NGX_OK;
}


static void
ngx_http_soma_meter_look(ngx_http_soma_meter_t *m, int64_t n)
{
    int64_t     look;
    ngx_uint_t  i;

    m->look = INT64_MAX;

    for (i = 0; i < NGX_HTTP_SOMA_HOLDS; i++) {
        look = m->reserved[i];

        if (look < m->most) {
            look = ngx_max(look - NGX_HTTP_SOMA_OUTPUT_AHEAD,
                           ngx_min(look, n + NGX_HTTP_SOMA_OUTPUT_STEP));
        }

        m->look = ngx_min(m->look, look);
    }
}


/* the best guess; without a vocabulary an estimate, which providers that send
 * a token an event make a good one */

static int64_t
ngx_http_soma_meter_guess(ngx_http_soma_ctx_t *ctx, ngx_http_soma_meter_t *m)
{
    int64_t  n;

    if (m->stream.bpe != NULL) {
        return ngx_http_soma_meter_tokens(m)
               + soma_dialect_estimate_tokens(ctx->answer.unheard);
    }

    n = soma_dialect_estimate_tokens(ctx->answer.text_len);

    return ngx_max(n, m->events);
}


/*
 * A guess goes no further than what the provider was told, until the text is
 * more than that could be: then the provider does not keep to it, and the
 * guess stands.
 */

static int64_t
ngx_http_soma_meter_count(ngx_http_soma_ctx_t *ctx, ngx_http_soma_meter_t *m)
{
    int64_t  n;

    n = ngx_http_soma_meter_guess(ctx, m);

    if ((!m->exact || ctx->answer.unheard) && n > m->most
        && soma_dialect_sure_tokens(ctx->answer.text_len) <= m->most)
    {
        n = m->most;
    }

    /* some providers report as they go */

    if (ctx->answer.usage.known) {
        n = ngx_max(n, ctx->answer.usage.output_tokens);
    }

    return n;
}


static int64_t
ngx_http_soma_meter_cost(ngx_http_soma_ctx_t *ctx, int64_t input,
    int64_t output)
{
    soma_price_ask_t  ask;

    ngx_http_soma_admit_price_ask(ctx, ctx->model, output, &ask);
    ask.input_tokens = input;

    return soma_price_bound(&ctx->model->dearest, &ask);
}


/* a hold was made for a prompt of "input" tokens, which turned out less */

static void
ngx_http_soma_meter_slack(ngx_http_soma_ctx_t *ctx, ngx_http_soma_meter_t *m,
    ngx_uint_t which, int64_t input)
{
    if (input <= ctx->input_bound) {
        return;
    }

    m->slack[which][SOMA_TOKENS] += input - ctx->input_bound;
    m->slack[which][SOMA_COST] +=
        ngx_http_soma_meter_cost(ctx, input, m->reserved[which])
        - ngx_http_soma_meter_cost(ctx, ctx->input_bound, m->reserved[which]);
}


/*
 * A slice more, or half of one ..., or what the event at hand needs; what
 * that lacks was asked for with the first.  Where even that is refused, the
 * prompt is counted: what its upper bound took too much is there.
 */

static ngx_int_t
ngx_http_soma_meter_extend(ngx_http_soma_ctx_t *ctx, ngx_http_soma_meter_t *m,
    ngx_uint_t which, int64_t tokens, ngx_uint_t what)
{
    int64_t     need, slice, input;
    ngx_int_t   rc;
    ngx_uint_t  i;

    need = tokens - m->reserved[which];
    slice = ngx_max(need, NGX_HTTP_SOMA_OUTPUT_SLICE);

    for ( ;; ) {

        rc = ngx_http_soma_meter_take(ctx, m, which, slice, what);

        if (rc == NGX_OK) {
            return NGX_OK;
        }

        what = NGX_HTTP_SOMA_MORE_AGAIN;

        if (slice > need) {
            slice = ngx_max(need, slice / 2);
            continue;
        }

        if (rc == NGX_AGAIN) {
            return NGX_AGAIN;
        }

        input = ctx->input_bound;

        if (ngx_http_soma_vocabulary_count(ctx) != NGX_OK) {
            return NGX_BUSY;
        }

        for (i = 0; i < NGX_HTTP_SOMA_HOLDS; i++) {
            ngx_http_soma_meter_slack(ctx, m, i, input);
        }
    }
}


static ngx_int_t
ngx_http_soma_meter_take(ngx_http_soma_ctx_t *ctx, ngx_http_soma_meter_t *m,
    ngx_uint_t which, int64_t slice, ngx_uint_t what)
{
    int64_t                      from, left[SOMA_AMOUNTS], more[SOMA_AMOUNTS];
    ngx_int_t                    rc;
    ngx_uint_t                   i;
    ngx_http_soma_hold_t       **hold;

    hold = (which == 0) ? &ctx->caller_hold : &ctx->provider_hold;
    from = m->reserved[which];

    ngx_memzero(more, sizeof(more));

    more[SOMA_TOKENS] = slice;
    more[SOMA_COST] = ngx_http_soma_meter_cost(ctx, ctx->input_bound,
                                               from + slice)
                      - ngx_http_soma_meter_cost(ctx, ctx->input_bound, from);

    for (i = 0; i < SOMA_AMOUNTS; i++) {
        left[i] = m->slack[which][i] - more[i];

        if (left[i] < 0) {
            more[i] = -left[i];
            left[i] = 0;

        } else {
            more[i] = 0;
        }
    }

    rc = ngx_http_soma_quota_extend(ctx, hold, more, what);

    if (rc == NGX_OK) {
        m->reserved[which] = from + slice;
        ngx_memcpy(m->slack[which], left, sizeof(left));
    }

    return rc;
}


int64_t
ngx_http_soma_meter_output(ngx_http_soma_ctx_t *ctx, ngx_uint_t *exact)
{
    ngx_http_soma_meter_t  *m;

    m = ctx->meter;
    *exact = m->exact;

    if (ctx->cut || ctx->event_held) {
        return m->counted;
    }

    return ngx_http_soma_meter_count(ctx, m);
}


ngx_int_t
ngx_http_soma_meter_cut(ngx_http_soma_attempt_t *a, soma_str_t *text)
{
    size_t                size;
    u_char               *p;
    soma_out_t            out;
    ngx_http_soma_ctx_t  *ctx;

    ctx = a->ctx;

    ngx_http_soma_log(NGX_LOG_INFO, ctx->request->connection->log, 0,
                      "soma: %s \"%*s\" has nothing left for this stream, "
                      "cut after %L tokens",
                      ctx->lease.silent
                          ? "Redis does not answer, and a lease of"
                          : "a limit of",
                      ctx->identity.tenant.len, ctx->identity.tenant.data,
                      ctx->meter->counted);

    /* the event at hand does not go out, nor is it billed */

    ctx->answer.progress = ctx->meter->before;

    ctx->cut = 1;
    ctx->complete = 1;
    a->ended = 1;

    ngx_http_soma_outcome_settle(ctx);

    if (a->translate) {
        return ngx_http_soma_translate_cut(a, text);
    }

    size = SOMA_CUT_EVENT_MAX * (ctx->answer.progress.choices + 2);

    if (ctx->ask.api == SOMA_API_CHAT) {
        size += SOMA_CUT_EVENT_MAX * ctx->ask.n;
    }

    p = ngx_palloc(ctx->request->pool, size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    soma_put_init(&out, p, size);
    ctx->client->cut(&out, &ctx->ask, &ctx->answer, &ctx->usage,
                     ngx_http_soma_outcome_cost(ctx));

    text->data = p;
    text->len = out.pos - out.start;

    return NGX_OK;
}
