
/*
 * Copyright (C) The ngx_soma authors
 *
 * GET .../health: what works and what does not, for an operator; /readyz:
 * may this node get requests?
 */


#include "ngx_http_soma_endpoint.h"
#include "ngx_http_soma_journal.h"
#include "ngx_http_soma_jwt.h"
#include "ngx_http_soma_plan.h"


typedef struct {
    ngx_http_soma_main_conf_t      *main;
    ngx_http_soma_ctx_t            *ctx;    /* of who asks for what is its
                                               own, or NULL: all */
    int64_t                         now;
    ngx_http_soma_workers_t         workers;
    ngx_http_soma_redis_state_t     redis;
    ngx_http_soma_journal_state_t   journal;
    ngx_uint_t                      on_redis_down;
} ngx_http_soma_health_state_t;


static void ngx_http_soma_health_zone(soma_out_t *out, ngx_http_soma_main_conf_t
    *smcf);
static void ngx_http_soma_health_look(ngx_http_request_t *r,
    ngx_http_soma_health_state_t *st);
static void ngx_http_soma_health_write(soma_out_t *out, void *data);
static ngx_uint_t ngx_http_soma_health_degraded(
    ngx_http_soma_health_state_t *st);
static void ngx_http_soma_health_write_own(soma_out_t *out, void *data);
static ngx_uint_t ngx_http_soma_health_models(soma_out_t *out,
    ngx_http_soma_health_state_t *st, ngx_http_soma_provider_t *provider);
static void ngx_http_soma_health_redis(soma_out_t *out,
    ngx_http_soma_health_state_t *st);
static void ngx_http_soma_health_ledger(soma_out_t *out,
    ngx_http_soma_health_state_t *st);
static void ngx_http_soma_health_prices(soma_out_t *out,
    ngx_http_soma_main_conf_t *smcf);
static void ngx_http_soma_health_jwt(soma_out_t *out,
    ngx_http_soma_main_conf_t *smcf);
static ngx_uint_t ngx_http_soma_health_jwt_failed(
    ngx_http_soma_main_conf_t *smcf);
static void ngx_http_soma_health_provider(soma_out_t *out,
    ngx_http_soma_health_state_t *st, ngx_http_soma_provider_t *provider);
static const char *ngx_http_soma_health_name(soma_health_all_t *health,
    int64_t now);
static void ngx_http_soma_ready_write(soma_out_t *out, void *data);
static ngx_uint_t ngx_http_soma_unready(ngx_http_soma_health_state_t *st,
    soma_out_t *out);
static void ngx_http_soma_put_reason(soma_out_t *out, const char *text);


ngx_int_t
ngx_http_soma_api_health_handler(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx)
{
    ngx_http_soma_health_state_t  st;

    ngx_http_soma_health_look(r, &st);

    /* addresses, versions and others' models are for who runs the gateway */

    if (ctx->identity.capabilities & (SOMA_CAN_ADMIN|SOMA_CAN_USAGE)) {
        return ngx_http_soma_endpoint_answer(r, NGX_HTTP_OK,
                                             ngx_http_soma_health_write, &st);
    }

    st.ctx = ctx;

    return ngx_http_soma_endpoint_answer(r, NGX_HTTP_OK,
                                         ngx_http_soma_health_write_own, &st);
}


/* one word, and which of the models that the key may use do not answer */
static void
ngx_http_soma_health_write_own(soma_out_t *out, void *data)
{
    ngx_http_soma_health_state_t *st = data;

    ngx_uint_t                  i;
    ngx_http_soma_provider_t  **provider;

    soma_put_char(out, '{');
    soma_member_text(out, "status",
                     ngx_http_soma_health_degraded(st) ? "degraded" : "ok");
    soma_member_open(out, "providers", '[');

    provider = st->main->providers.elts;

    for (i = 0; i < st->main->providers.nelts; i++) {

        if (ngx_http_soma_health_models(NULL, st, provider[i]) == 0) {
            continue;
        }

        soma_member_open(out, NULL, '{');
        soma_member_str(out, "name", ngx_http_soma_str(provider[i]->name));
        (void) ngx_http_soma_health_models(out, st, provider[i]);
        soma_put_char(out, '}');
    }

    soma_put_cstr(out, "]}\n");
}


ngx_int_t
ngx_http_soma_api_health_ready(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx)
{
    ngx_uint_t                    status;
    ngx_http_soma_health_state_t  st;

    (void) ctx;

    ngx_http_soma_health_look(r, &st);

    status = ngx_http_soma_unready(&st, NULL) ? NGX_HTTP_SERVICE_UNAVAILABLE
                                              : NGX_HTTP_OK;

    return ngx_http_soma_endpoint_answer(r, status, ngx_http_soma_ready_write,
                                         &st);
}


static void
ngx_http_soma_health_look(ngx_http_request_t *r,
    ngx_http_soma_health_state_t *st)
{
    ngx_http_soma_loc_conf_t  *slcf;

    ngx_memzero(st, sizeof(ngx_http_soma_health_state_t));

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_soma_module);

    st->main = ngx_http_get_module_main_conf(r, ngx_http_soma_module);
    st->now = ngx_http_soma_now();
    st->on_redis_down = slcf->on_redis_down;

    ngx_http_soma_redis_state(&st->redis);
    ngx_http_soma_journal_state(&st->journal);

    if (st->main->zone) {
        ngx_http_soma_metrics_workers(st->main, &st->workers);
    }
}


static void
ngx_http_soma_health_write(soma_out_t *out, void *data)
{
    ngx_http_soma_health_state_t *st = data;

    ngx_uint_t                  i;
    ngx_http_soma_main_conf_t  *smcf;
    ngx_http_soma_provider_t  **provider;

    smcf = st->main;

    soma_put_char(out, '{');
    soma_member_text(out, "status",
                     ngx_http_soma_health_degraded(st) ? "degraded" : "ok");
    soma_member_text(out, "version", NGX_HTTP_SOMA_VERSION);
    soma_member_text(out, "nginx", NGINX_VERSION);
    soma_member_str(out, "node", ngx_http_soma_str(smcf->node));
    soma_member_int(out, "pid", ngx_pid);
    soma_member_time(out, "time", st->now);
    soma_member_int(out, "workers", st->workers.workers);
    soma_member_int(out, "in_flight",
                    st->workers.value[NGX_HTTP_SOMA_WORKER_INFLIGHT]);

    ngx_http_soma_health_redis(out, st);
    ngx_http_soma_health_ledger(out, st);

    if (smcf->jwt) {
        ngx_http_soma_health_jwt(out, smcf);
    }

    if (smcf->catalogue_hash.len) {
        ngx_http_soma_health_prices(out, smcf);
    }

    ngx_http_soma_health_zone(out, smcf);

    soma_member_open(out, "providers", '[');

    provider = smcf->providers.elts;

    for (i = 0; i < smcf->providers.nelts; i++) {
        ngx_http_soma_health_provider(out, st, provider[i]);
    }

    soma_put_cstr(out, "]}\n");
}


static void
ngx_http_soma_health_zone(soma_out_t *out, ngx_http_soma_main_conf_t *smcf)
{
    soma_member_open(out, "zone", '{');
    soma_member_int(out, "bytes", smcf->shm_zone->shm.size);
    soma_member_int(out, "free_bytes", smcf->shpool->pfree * ngx_pagesize);
    soma_put_char(out, '}');
}


static ngx_uint_t
ngx_http_soma_health_degraded(ngx_http_soma_health_state_t *st)
{
    ngx_uint_t                  i;
    ngx_http_soma_provider_t  **provider;

    if ((st->main->redis.set && !st->redis.ready) || st->journal.error
        || ngx_http_soma_health_jwt_failed(st->main))
    {
        return 1;
    }

    provider = st->main->providers.elts;

    for (i = 0; i < st->main->providers.nelts; i++) {
        if (!ngx_http_soma_health_up(st->main, provider[i], st->now)) {
            return 1;
        }
    }

    return 0;
}


static void
ngx_http_soma_health_redis(soma_out_t *out, ngx_http_soma_health_state_t *st)
{
    soma_member_open(out, "redis", '{');
    soma_member_bool(out, "configured", st->main->redis.set);

    if (st->main->redis.set) {
        soma_member_str(out, "url", ngx_http_soma_str(st->main->redis.url));
        soma_member_bool(out, "up", st->redis.ready);

        if (st->redis.error) {
            soma_member_text(out, "error", st->redis.error);
        }

        soma_member_int(out, "connected_workers",
                        st->workers.value[NGX_HTTP_SOMA_WORKER_REDIS_UP]);
        soma_member_bool(out, "listening", st->redis.listening);
        soma_member_bool(out, "tracking", st->redis.tracking);
        soma_member_int(out, "pending", st->redis.pending);
        soma_member_int(out, "timeouts",
                        st->workers.value[NGX_HTTP_SOMA_WORKER_TIMEOUTS]);
    }

    soma_put_char(out, '}');
}


static void
ngx_http_soma_health_ledger(soma_out_t *out, ngx_http_soma_health_state_t *st)
{
    int64_t  *value;

    value = st->workers.value;

    soma_member_open(out, "ledger", '{');
    soma_member_bool(out, "configured", st->main->ledger.path.len != 0);

    if (st->main->ledger.path.len) {
        soma_member_int(out, "appended", value[NGX_HTTP_SOMA_WORKER_APPENDED]);
        soma_member_int(out, "shipped", value[NGX_HTTP_SOMA_WORKER_SHIPPED]);
        soma_member_int(out, "pending", value[NGX_HTTP_SOMA_WORKER_PENDING]);
        soma_member_int(out, "dropped", value[NGX_HTTP_SOMA_WORKER_DROPPED]);

        if (st->journal.error) {
            soma_member_text(out, "error", st->journal.error);
        }
    }

    soma_put_char(out, '}');
}


static void
ngx_http_soma_health_prices(soma_out_t *out, ngx_http_soma_main_conf_t *smcf)
{
    soma_member_open(out, "prices", '{');
    soma_member_str(out, "file", ngx_http_soma_str(smcf->prices));
    soma_member_str(out, "catalogue", ngx_http_soma_str(smcf->catalogue_hash));

    if (smcf->catalogue_time) {
        soma_member_time(out, "date", smcf->catalogue_time);
    }

    soma_put_char(out, '}');
}


static void
ngx_http_soma_health_jwt(soma_out_t *out, ngx_http_soma_main_conf_t *smcf)
{
    int64_t                       age;
    soma_str_t                    error;
    ngx_uint_t                    i;
    ngx_http_soma_jwt_t         **jwt;
    ngx_http_soma_jwks_state_t    state;

    soma_member_open(out, "jwt", '[');

    jwt = smcf->jwt->elts;

    for (i = 0; i < smcf->jwt->nelts; i++) {

        ngx_http_soma_jwks_state(smcf, jwt[i], &state);

        soma_member_open(out, NULL, '{');
        soma_member_str(out, "name", ngx_http_soma_str(jwt[i]->name));
        soma_member_int(out, "keys", (int64_t) state.keys);

        if (state.fetched) {
            age = (ngx_http_soma_now() - state.fetched) / 1000;

            soma_member_time(out, "fetched", state.fetched);
            soma_member_int(out, "age_seconds", ngx_max(age, 0));
        }

        if (state.error_len) {
            error.data = state.error;
            error.len = state.error_len;
            soma_member_str(out, "error", error);
        }

        soma_put_char(out, '}');
    }

    soma_put_char(out, ']');
}


static ngx_uint_t
ngx_http_soma_health_jwt_failed(ngx_http_soma_main_conf_t *smcf)
{
    ngx_uint_t                    i;
    ngx_http_soma_jwt_t         **jwt;
    ngx_http_soma_jwks_state_t    state;

    if (smcf->jwt == NULL) {
        return 0;
    }

    jwt = smcf->jwt->elts;

    for (i = 0; i < smcf->jwt->nelts; i++) {
        ngx_http_soma_jwks_state(smcf, jwt[i], &state);

        if (state.keys == 0 || state.error_len) {
            return 1;
        }
    }

    return 0;
}


static void
ngx_http_soma_health_provider(soma_out_t *out,
    ngx_http_soma_health_state_t *st, ngx_http_soma_provider_t *provider)
{
    soma_member_open(out, NULL, '{');
    soma_member_str(out, "name", ngx_http_soma_str(provider->name));
    soma_member_str(out, "dialect",
                    provider->echo ? SOMA_STR("echo")
                                   : provider->dialect->name);

    if (provider->endpoint.len) {
        soma_member_str(out, "endpoint", ngx_http_soma_str(provider->endpoint));
    }

    soma_member_bool(out, "usable",
                     ngx_http_soma_health_up(st->main, provider, st->now));

    if (provider->missing.len) {
        soma_member_str(out, "why", ngx_http_soma_str(provider->missing));

    } else if (provider->state && provider->state->refused) {
        soma_member_text(out, "why",
                         "it does not accept our api_key, or our account is "
                         "not in order");
        soma_member_time(out, "key_refused_since", provider->state->refused);
    }

    (void) ngx_http_soma_health_models(out, st, provider);

    soma_put_char(out, '}');
}


/* how many there are to tell of; out: where they are written, or NULL */
static ngx_uint_t
ngx_http_soma_health_models(soma_out_t *out, ngx_http_soma_health_state_t *st,
    ngx_http_soma_provider_t *provider)
{
    int64_t                  until;
    ngx_uint_t               i, n;
    soma_health_all_t        health;
    ngx_http_soma_model_t  **model;

    if (out) {
        soma_member_open(out, "models", '[');
    }

    model = st->main->models.elts;

    for (i = 0, n = 0; i < st->main->models.nelts; i++) {

        if (model[i]->provider != provider) {
            continue;
        }

        health = ngx_http_soma_health_get(st->main, model[i]);

        if (st->ctx
            && (soma_health_well(&health, NULL)
                || !ngx_http_soma_plan_allowed(st->ctx, &model[i]->name)))
        {
            continue;
        }

        n++;

        if (out == NULL) {
            continue;
        }

        soma_member_open(out, NULL, '{');
        soma_member_str(out, "name", ngx_http_soma_str(model[i]->name));
        soma_member_bool(out, "priced", !model[i]->free);
        soma_member_text(out, "health",
                         ngx_http_soma_health_name(&health, st->now));

        until = soma_health_until(&health, st->now);

        if (until > st->now) {
            soma_member_time(out, "open_until", until);
        }

        soma_put_char(out, '}');
    }

    if (out) {
        soma_put_char(out, ']');
    }

    return n;
}


/* "open" where one tenant finds it so, and nobody had an answer since */
static const char *
ngx_http_soma_health_name(soma_health_all_t *health, int64_t now)
{
    if (soma_health_until(health, now) > now) {
        return "open";
    }

    return soma_health_well(health, NULL) ? "ok" : "failing";
}


static void
ngx_http_soma_ready_write(soma_out_t *out, void *data)
{
    ngx_http_soma_health_state_t *st = data;

    soma_put_char(out, '{');
    soma_member_text(out, "status",
                     ngx_http_soma_unready(st, NULL) ? "unready" : "ready");
    soma_member_open(out, "reasons", '[');
    (void) ngx_http_soma_unready(st, out);
    soma_put_cstr(out, "]}\n");
}


/* how many reasons there are; out: where they are written, or NULL */

static ngx_uint_t
ngx_http_soma_unready(ngx_http_soma_health_state_t *st, soma_out_t *out)
{
    ngx_uint_t                  i, n, usable;
    ngx_http_soma_provider_t  **provider;

    n = 0;
    usable = 0;
    provider = st->main->providers.elts;

    for (i = 0; i < st->main->providers.nelts; i++) {
        usable += ngx_http_soma_health_up(st->main, provider[i], st->now);
    }

    if (usable == 0 && st->main->providers.nelts) {
        n++;
        ngx_http_soma_put_reason(out, "no provider is usable");
    }

    if (st->main->redis.set && !st->redis.ready
        && st->on_redis_down == NGX_HTTP_SOMA_DOWN_DENY)
    {
        n++;
        ngx_http_soma_put_reason(out, "Redis is away and soma_on_redis_down "
                                      "is deny");
    }

    /* what cannot be shipped waits on disk: another node would not do better,
     * and one tenant's bad key in Redis must not take all nodes away */

    if (st->journal.error
        && st->journal.error != ngx_http_soma_shipper_error())
    {
        n++;
        ngx_http_soma_put_reason(out, "the ledger cannot be written");
    }

    return n;
}


static void
ngx_http_soma_put_reason(soma_out_t *out, const char *text)
{
    if (out != NULL) {
        soma_member_text(out, NULL, text);
    }
}
