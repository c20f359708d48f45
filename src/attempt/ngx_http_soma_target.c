
/*
 * Copyright (C) The ngx_soma authors
 *
 * One target after the other: what must be set before it is tried, and what
 * its failure means for the rest of the plan.
 */


#include "ngx_http_soma_attempt.h"
#include "ngx_http_soma_admit.h"
#include "ngx_http_soma_credentials.h"
#include "ngx_http_soma_plan.h"
#include "ngx_http_soma_quota.h"
#include "ngx_http_soma_settle.h"


#define NGX_HTTP_SOMA_NO_USAGE_MS  86400000     /* then it is asked again */


static ngx_int_t ngx_http_soma_target_admit(ngx_http_soma_attempt_t *a);
static void ngx_http_soma_target_reset(ngx_http_soma_attempt_t *a);
static ngx_int_t ngx_http_soma_target_request(ngx_http_soma_attempt_t *a);
static void ngx_http_soma_target_unsaid(ngx_http_soma_attempt_t *a);
static const char *ngx_http_soma_target_reason(ngx_http_soma_attempt_t *a);
static void ngx_http_soma_target_facts(ngx_http_soma_attempt_t *a,
    soma_retry_facts_t *facts);
static void ngx_http_soma_target_refused(ngx_http_soma_attempt_t *a);
static void ngx_http_soma_target_note(ngx_http_soma_attempt_t *a,
    const char *reason);


ngx_int_t
ngx_http_soma_target_next(ngx_http_soma_attempt_t *a)
{
    ngx_int_t                rc;
    ngx_http_soma_ctx_t     *ctx;
    ngx_http_soma_target_t  *target;

    ctx = a->ctx;
    target = ctx->route->targets.elts;

    while (ctx->plan.next < ctx->plan.n) {

        ctx->model = target[ctx->plan.order[ctx->plan.next++]].model;
        ctx->cap = ctx->caller_cap;
        a->provider = ctx->model->provider;
        a->dialect = ctx->model->dialect;

        /* words of a client's own, that this target takes elsewhere */

        if (ctx->client->kin == a->dialect) {
            a->dialect = ctx->client;
        }

        if (ctx->plan.probing) {

            if (!ngx_http_soma_health_probe(ctx, ctx->model)) {
                continue;
            }

            a->probe = 1;
        }

        rc = ngx_http_soma_target_admit(a);

        if (rc != NGX_OK) {
            ngx_http_soma_target_probe_end(a, 0);
        }

        if (rc == NGX_BUSY) {
            continue;
        }

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }

        ngx_http_soma_bill_retried(ctx);
        ctx->attempts++;

        ngx_log_debug3(NGX_LOG_DEBUG_HTTP, ctx->request->connection->log, 0,
                       "soma attempt %ui: model \"%V\" of provider \"%V\"",
                       ctx->attempts, &ctx->model->name, &a->provider->name);

        ngx_http_soma_target_reset(a);

        ctx->ask.bound = ngx_http_soma_bound(ctx);
        ctx->ask.newer_bound = a->provider->newer_bound;

        if (a->provider->echo) {
            rc = ngx_http_soma_local(ctx);
            a->local = (rc == NGX_OK);
            return NGX_DONE;
        }

        rc = ngx_http_soma_target_request(a);

        if (rc != NGX_DECLINED) {
            return rc;
        }

        ngx_http_soma_target_unsaid(a);
    }

    return NGX_DECLINED;
}


/* nothing was sent: its provider has no place for what is asked */
static void
ngx_http_soma_target_unsaid(ngx_http_soma_attempt_t *a)
{
    int64_t  used[SOMA_AMOUNTS];

    ngx_memzero(used, sizeof(used));

    a->ctx->attempts--;

    ngx_http_soma_target_probe_end(a, 0);
    ngx_http_soma_target_note(a, "it cannot be asked this");
    ngx_http_soma_metrics_attempt(a->ctx->main, a->provider, "unsaid");
    ngx_http_soma_quota_settle(a->ctx->main, &a->ctx->provider_hold, used);
}


/* the upstream becomes this target's, and gets its request */
static ngx_int_t
ngx_http_soma_target_request(ngx_http_soma_attempt_t *a)
{
    soma_ask_t                      *ask;
    ngx_http_upstream_t             *u;
    ngx_http_soma_provider_t        *provider;
    ngx_http_soma_provider_state_t  *state;

    ask = &a->ctx->ask;
    u = a->ctx->request->upstream;
    provider = a->provider;
    state = provider->state;

    a->conf = provider->upstream;
    a->conf.buffer_size = a->ctx->conf->buffer_size;
    a->conf.ignore_client_abort = ngx_http_soma_drain_wanted(a);

    ngx_http_soma_silence_set(a);

    u->conf = &a->conf;
#if (NGX_HTTP_SSL)
    u->ssl = provider->ssl;
    u->ssl_name = provider->server_name;
#endif
    u->process_header = ngx_http_soma_header_status;

    /* a provider that refused it once is not asked for a stream's usage */

    ask->usage_left = (provider->stream_usage == NGX_HTTP_SOMA_USAGE_OFF
                       || (provider->stream_usage == NGX_HTTP_SOMA_USAGE_AUTO
                           && state && state->no_usage
                           && ngx_http_soma_now() - state->no_usage
                              < NGX_HTTP_SOMA_NO_USAGE_MS));

    a->usage_added = (provider->stream_usage == NGX_HTTP_SOMA_USAGE_AUTO
                      && (ask->api == SOMA_API_CHAT
                          || ask->api == SOMA_API_COMPLETIONS)
                      && ask->stream && !ask->usage_left
                      && (!ask->usage_asked
                          || provider->dialect != a->ctx->client));

    if (ngx_http_soma_translate_begin(a) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_soma_request_create(a);
}


ngx_int_t
ngx_http_soma_target_again(ngx_http_soma_attempt_t *a)
{
    ngx_log_error(NGX_LOG_WARN, a->ctx->request->connection->log, 0,
                  "soma: provider \"%V\" does not know stream_options: it is "
                  "not sent to it for a day, and the usage of its streams is "
                  "counted here; \"stream_usage off\" saves the question",
                  &a->provider->name);

    if (a->provider->state) {
        a->provider->state->no_usage = ngx_http_soma_now();

    } else {
        a->provider->stream_usage = NGX_HTTP_SOMA_USAGE_OFF;
    }

    ngx_http_soma_target_reset(a);

    return ngx_http_soma_target_request(a);
}


void
ngx_http_soma_target_probe_end(ngx_http_soma_attempt_t *a, ngx_uint_t good)
{
    if (a->probe) {
        a->probe = 0;
        ngx_http_soma_health_probe_end(a->ctx, a->ctx->model, good);
    }
}


/* the limits of who answers; NGX_BUSY: this target has none left */
static ngx_int_t
ngx_http_soma_target_admit(ngx_http_soma_attempt_t *a)
{
    u_char                   buf[NGX_HTTP_SOMA_NOTE_MAX];
    int64_t                  least;
    ngx_int_t                rc;
    soma_out_t               out;
    soma_str_t               owner;
    ngx_http_soma_ctx_t     *ctx;
    ngx_http_soma_refusal_t  refusal;

    ctx = a->ctx;

    if (ngx_http_soma_unpriced_target(ctx, ctx->model)) {

        ngx_http_soma_target_note(a, "it has no price");
        ngx_http_soma_metrics_attempt(ctx->main, a->provider, "unpriced");

        if (ctx->plan.next >= ctx->plan.n && ctx->attempts == 0) {
            (void) ngx_http_soma_unpriced_refuse(ctx);
        }

        return NGX_BUSY;
    }

    if (a->provider->credentials && !a->provider->credentials->ready) {

        ngx_http_soma_target_note(a, "it has no credentials yet");
        ngx_http_soma_metrics_attempt(ctx->main, a->provider, "credentials");

        return NGX_BUSY;
    }

    if (a->provider->limits.nelts == 0) {
        return NGX_OK;
    }

    soma_put_init(&out, buf, sizeof(buf));
    soma_put_cstr(&out, "provider:");
    soma_put_str(&out, ngx_http_soma_str(a->provider->name));

    owner.data = buf;
    owner.len = out.pos - out.start;

    /* the next target's whole answer is better than a part of this one's */

    least = ctx->plan.next < ctx->plan.n ? NGX_HTTP_SOMA_OUTPUT_MAX
                                    : NGX_HTTP_SOMA_OUTPUT_MIN;

    rc = ngx_http_soma_bound_reserve(ctx, &ctx->provider_hold, owner,
                                     &a->provider->limits, ctx->model, least,
                                     &refusal);
    if (rc != NGX_BUSY) {
        return rc;
    }

    ngx_http_soma_target_note(a, "its limit is used up");
    ngx_http_soma_metrics_attempt(ctx->main, a->provider, "limit");

    if (ctx->plan.next >= ctx->plan.n && ctx->attempts == 0) {
        (void) ngx_http_soma_admit_refused(ctx, refusal.limit, refusal.owner,
                                           &refusal.verdict);
    }

    return NGX_BUSY;
}


/* what its answer is read as, for the books and for the client */
static soma_api_e
ngx_http_soma_target_api(ngx_http_soma_attempt_t *a)
{
    soma_api_e  api;

    api = a->ctx->ask.api;

    return (a->dialect->answers == NULL
            || soma_dialect_same(a->ctx->client, a->dialect, api))
           ? api : a->dialect->answers(api);
}


static void
ngx_http_soma_target_reset(ngx_http_soma_attempt_t *a)
{
    ngx_memzero(&a->status, sizeof(ngx_http_status_t));
    ngx_memzero(&a->chunked, sizeof(ngx_http_chunked_t));
    ngx_memzero(&a->ctx->answer, sizeof(soma_answer_t));

    a->ctx->answer.api = ngx_http_soma_target_api(a);
    a->ctx->meter = NULL;
    ngx_str_null(&a->ctx->dropped);
    soma_frames_reset(&a->frames, a->dialect->framing);
    a->reader = NULL;
    a->encoding = NULL;
    a->gunzip = NULL;
    a->looked = NULL;
    a->ctx->answer_paused = 0;
    a->peeked = 0;
    a->skipped = 0;
    a->retry_after_ms = 0;
    ngx_memzero(&a->told, sizeof(soma_usage_t));
    a->fail = SOMA_FAIL_NONE;
    a->reason = NULL;
    a->said.len = 0;
    a->start = ngx_current_msec;
    a->interim = 0;
    a->nudged = 0;
    a->released = 0;
    a->fresh = 0;
    a->event_stream = 0;
    a->json = 0;
    a->good = 0;
    a->sniffed = 0;
    a->retyped = 0;
    a->closed = 0;
    a->hops = 0;
    a->usage_added = 0;
    a->resend = 0;
    a->ended = 0;
    a->caught = 0;
    a->some = 0;
    a->whole = 0;
    a->within = 0;
    a->header = 0;
    a->drop_lf = 0;
    a->over = 0;
    a->rest = -1;
}


static void
ngx_http_soma_target_facts(ngx_http_soma_attempt_t *a,
    soma_retry_facts_t *facts)
{
    ngx_http_soma_ctx_t  *ctx;

    ctx = a->ctx;

    ngx_memzero(facts, sizeof(soma_retry_facts_t));

    facts->retry = &ctx->route->retry;
    facts->fail = a->fail;
    facts->status = (int) a->status.code;
    facts->left = ctx->plan.n - ctx->plan.next;
    facts->gone = ctx->left;
}


ngx_uint_t
ngx_http_soma_target_left(ngx_http_soma_attempt_t *a)
{
    soma_retry_facts_t  facts;

    ngx_http_soma_target_facts(a, &facts);

    return soma_retry_left(&facts);
}


ngx_uint_t
ngx_http_soma_target_may(ngx_http_soma_attempt_t *a)
{
    soma_retry_facts_t  facts;

    ngx_http_soma_target_facts(a, &facts);

    return soma_retry_may(&facts);
}


ngx_uint_t
ngx_http_soma_target_early(ngx_http_soma_attempt_t *a)
{
    soma_retry_facts_t  facts;

    ngx_http_soma_target_facts(a, &facts);

    return soma_retry_early(&facts);
}


ngx_uint_t
ngx_http_soma_target_failed(ngx_http_soma_attempt_t *a)
{
    int64_t               used[SOMA_AMOUNTS];
    const char           *reason;
    ngx_http_soma_ctx_t  *ctx;

    ctx = a->ctx;
    reason = ngx_http_soma_target_reason(a);

    ngx_http_soma_target_note(a, reason);
    ngx_http_soma_metrics_attempt(ctx->main, a->provider,
                                  a->reason ? a->reason : "error");

    ngx_http_soma_health_bad(ctx, ctx->model,
                             soma_retry_evidence(a->fail,
                                                 (int) a->status.code),
                             a->retry_after_ms);
    ngx_http_soma_target_probe_end(a, 0);
    ngx_http_soma_beat_stop(a);

    if (a->fail == SOMA_FAIL_AUTH) {
        ngx_http_soma_target_refused(a);
    }

    ngx_memzero(used, sizeof(used));
    used[SOMA_REQUESTS] = 1;

    ngx_http_soma_outcome_failed(ctx, a->status.code,
                                 a->fail == SOMA_FAIL_LOST
                                 || a->fail == SOMA_FAIL_TIMEOUT, used);
    ngx_http_soma_quota_settle(ctx->main, &ctx->provider_hold, used);

    a->over = 1;

    return ngx_http_soma_target_may(a);
}


/* what nginx found out, where the answer did not say it itself */
static const char *
ngx_http_soma_target_reason(ngx_http_soma_attempt_t *a)
{
    ngx_buf_t            *b;
    ngx_http_upstream_t  *u;

    u = a->ctx->request->upstream;
    b = &u->buffer;

    if (a->fail == SOMA_FAIL_NONE) {
        a->fail = (a->status.code == 0 && (a->reason || !u->request_sent))
                  ? SOMA_FAIL_CONNECT : SOMA_FAIL_LOST;
    }

    if (a->reason == NULL && u->request_sent && !a->header && b->start
        && b->last == b->end)
    {
        a->reason = "a header larger than soma_buffer_size";
    }

    if (a->reason) {
        return a->reason;
    }

    if (a->fail == SOMA_FAIL_STATUS || a->fail == SOMA_FAIL_AUTH) {
        a->reason = ngx_http_soma_header_reason(a->status.code);
        return a->reason;
    }

    return u->request_sent ? "connection lost" : "no connection";
}


static void
ngx_http_soma_target_refused(ngx_http_soma_attempt_t *a)
{
    ngx_http_soma_provider_state_t  *state;

    state = a->provider->state;

    if (state && state->refused == 0) {
        state->refused = ngx_http_soma_now();
    }

    ngx_log_error(NGX_LOG_ERR, a->ctx->request->connection->log, 0,
                  "soma: provider \"%V\" answered %ui: it does not take the "
                  "api_key of its soma_provider, or its account is not in "
                  "order", &a->provider->name, a->status.code);
}


/* what the failed attempts said, for the error that may come in the end */
static void
ngx_http_soma_target_note(ngx_http_soma_attempt_t *a, const char *reason)
{
    u_char     *p, *last;
    ngx_str_t  *note;

    note = &a->ctx->note;

    if (note->data == NULL) {
        note->data = ngx_pnalloc(a->ctx->request->pool,
                                 NGX_HTTP_SOMA_NOTE_MAX);
        if (note->data == NULL) {
            return;
        }
    }

    p = note->data + note->len;
    last = note->data + NGX_HTTP_SOMA_NOTE_MAX;

    p = ngx_slprintf(p, last, "%s%V of %V: %s", note->len ? "; " : "",
                     &a->ctx->model->name, &a->provider->name, reason);

    if (a->header && !a->good) {
        p = ngx_slprintf(p, last, " %ui", a->status.code);
    }

    note->len = p - note->data;

    ngx_http_soma_log(NGX_LOG_WARN, a->ctx->request->connection->log, 0,
                      "soma: attempt %ui failed: %V", a->ctx->attempts, note);
}
