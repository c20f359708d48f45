
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

    ngx_uint_t                  i, n;
    ngx_http_soma_provider_t  **provider;

    soma_put_char(out, '{');
    ngx_http_soma_endpoint_put_text(out, "status",
                                  ngx_http_soma_health_degraded(st) ? "degraded"
                                                           : "ok");
    ngx_http_soma_endpoint_put_name(out, "providers");
    soma_put_char(out, '[');

    provider = st->main->providers.elts;

    for (i = 0, n = 0; i < st->main->providers.nelts; i++) {

        if (ngx_http_soma_health_models(NULL, st, provider[i]) == 0) {
            continue;
        }

        soma_put_cstr(out, n++ ? ",{" : "{");
        ngx_http_soma_endpoint_put_string(out, "name",
                                          ngx_http_soma_str(provider[i]->name));
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
    ngx_http_soma_endpoint_put_text(out, "status",
                                  ngx_http_soma_health_degraded(st) ? "degraded"
                                                           : "ok");
    ngx_http_soma_endpoint_put_text(out, "version", NGX_HTTP_SOMA_VERSION);
    ngx_http_soma_endpoint_put_text(out, "nginx", NGINX_VERSION);
    ngx_http_soma_endpoint_put_string(out, "node",
                                      ngx_http_soma_str(smcf->node));
    ngx_http_soma_endpoint_put_number(out, "pid", ngx_pid);
    ngx_http_soma_endpoint_put_time(out, "time", st->now);
    ngx_http_soma_endpoint_put_number(out, "workers", st->workers.workers);
    ngx_http_soma_endpoint_put_number(out, "in_flight",
                    st->workers.value[NGX_HTTP_SOMA_WORKER_INFLIGHT]);

    ngx_http_soma_health_redis(out, st);
    ngx_http_soma_health_ledger(out, st);

    if (smcf->jwt) {
        ngx_http_soma_health_jwt(out, smcf);
    }

    if (smcf->catalogue_hash.len) {
        ngx_http_soma_health_prices(out, smcf);
    }

    ngx_http_soma_endpoint_put_name(out, "zone");
    soma_put_char(out, '{');
    ngx_http_soma_endpoint_put_number(out, "bytes", smcf->shm_zone->shm.size);
    ngx_http_soma_endpoint_put_number(out, "free_bytes",
                                      smcf->shpool->pfree * ngx_pagesize);
    soma_put_char(out, '}');

    ngx_http_soma_endpoint_put_name(out, "providers");
    soma_put_char(out, '[');

    provider = smcf->providers.elts;

    for (i = 0; i < smcf->providers.nelts; i++) {
        if (i) {
            soma_put_char(out, ',');
        }

        ngx_http_soma_health_provider(out, st, provider[i]);
    }

    soma_put_cstr(out, "]}\n");
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
    ngx_http_soma_endpoint_put_name(out, "redis");
    soma_put_char(out, '{');
    ngx_http_soma_endpoint_put_bool(out, "configured", st->main->redis.set);

    if (st->main->redis.set) {
        ngx_http_soma_endpoint_put_string(out, "url",
                                        ngx_http_soma_str(st->main->redis.url));
        ngx_http_soma_endpoint_put_bool(out, "up", st->redis.ready);

        if (st->redis.error) {
            ngx_http_soma_endpoint_put_text(out, "error", st->redis.error);
        }

        ngx_http_soma_endpoint_put_number(out, "connected_workers",
                    st->workers.value[NGX_HTTP_SOMA_WORKER_REDIS_UP]);
        ngx_http_soma_endpoint_put_bool(out, "listening", st->redis.listening);
        ngx_http_soma_endpoint_put_bool(out, "tracking", st->redis.tracking);
        ngx_http_soma_endpoint_put_number(out, "pending", st->redis.pending);
        ngx_http_soma_endpoint_put_number(out, "timeouts",
                    st->workers.value[NGX_HTTP_SOMA_WORKER_TIMEOUTS]);
    }

    soma_put_char(out, '}');
}


static void
ngx_http_soma_health_ledger(soma_out_t *out, ngx_http_soma_health_state_t *st)
{
    int64_t  *value;

    value = st->workers.value;

    ngx_http_soma_endpoint_put_name(out, "ledger");
    soma_put_char(out, '{');
    ngx_http_soma_endpoint_put_bool(out, "configured",
                                    st->main->ledger.path.len != 0);

    if (st->main->ledger.path.len) {
        ngx_http_soma_endpoint_put_number(out, "appended",
                                          value[NGX_HTTP_SOMA_WORKER_APPENDED]);
        ngx_http_soma_endpoint_put_number(out, "shipped",
                                          value[NGX_HTTP_SOMA_WORKER_SHIPPED]);
        ngx_http_soma_endpoint_put_number(out, "pending",
                                          value[NGX_HTTP_SOMA_WORKER_PENDING]);
        ngx_http_soma_endpoint_put_number(out, "dropped",
                                          value[NGX_HTTP_SOMA_WORKER_DROPPED]);

        if (st->journal.error) {
            ngx_http_soma_endpoint_put_text(out, "error", st->journal.error);
        }
    }

    soma_put_char(out, '}');
}


static void
ngx_http_soma_health_prices(soma_out_t *out, ngx_http_soma_main_conf_t *smcf)
{
    ngx_http_soma_endpoint_put_name(out, "prices");
    soma_put_char(out, '{');
    ngx_http_soma_endpoint_put_string(out, "file",
                                      ngx_http_soma_str(smcf->prices));
    ngx_http_soma_endpoint_put_string(out, "catalogue",
                                      ngx_http_soma_str(smcf->catalogue_hash));

    if (smcf->catalogue_time) {
        ngx_http_soma_endpoint_put_time(out, "date", smcf->catalogue_time);
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

    ngx_http_soma_endpoint_put_name(out, "jwt");
    soma_put_char(out, '[');

    jwt = smcf->jwt->elts;

    for (i = 0; i < smcf->jwt->nelts; i++) {

        ngx_http_soma_jwks_state(smcf, jwt[i], &state);

        soma_put_cstr(out, i ? ",{" : "{");
        ngx_http_soma_endpoint_put_string(out, "name",
                                          ngx_http_soma_str(jwt[i]->name));
        ngx_http_soma_endpoint_put_number(out, "keys", (int64_t) state.keys);

        if (state.fetched) {
            age = (ngx_http_soma_now() - state.fetched) / 1000;

            ngx_http_soma_endpoint_put_time(out, "fetched", state.fetched);
            ngx_http_soma_endpoint_put_number(out, "age_seconds", ngx_max(age,
                                                                          0));
        }

        if (state.error_len) {
            error.data = state.error;
            error.len = state.error_len;
            ngx_http_soma_endpoint_put_string(out, "error", error);
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
    soma_put_char(out, '{');
    ngx_http_soma_endpoint_put_string(out, "name",
                                      ngx_http_soma_str(provider->name));
    ngx_http_soma_endpoint_put_string(out, "dialect",
                                      provider->echo ? SOMA_STR("echo")
                                            : provider->dialect->name);

    if (provider->endpoint.len) {
        ngx_http_soma_endpoint_put_string(out, "endpoint",
                                         ngx_http_soma_str(provider->endpoint));
    }

    ngx_http_soma_endpoint_put_bool(out, "usable",
                                    ngx_http_soma_health_up(st->main, provider,
                                                            st->now));

    if (provider->missing.len) {
        ngx_http_soma_endpoint_put_string(out, "why",
                                          ngx_http_soma_str(provider->missing));

    } else if (provider->state && provider->state->refused) {
        ngx_http_soma_endpoint_put_text(out, "why",
                                        "it does not accept our api_key, "
                                        "or our account is not in order");
        ngx_http_soma_endpoint_put_time(out, "key_refused_since",
                                        provider->state->refused);
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
        ngx_http_soma_endpoint_put_name(out, "models");
        soma_put_char(out, '[');
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

        soma_put_cstr(out, n > 1 ? ",{" : "{");
        ngx_http_soma_endpoint_put_string(out, "name",
                                          ngx_http_soma_str(model[i]->name));
        ngx_http_soma_endpoint_put_bool(out, "priced", !model[i]->free);
        ngx_http_soma_endpoint_put_text(out, "health",
                                        ngx_http_soma_health_name(&health,
                                                                  st->now));

        until = soma_health_until(&health, st->now);

        if (until > st->now) {
            ngx_http_soma_endpoint_put_time(out, "open_until", until);
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
    ngx_http_soma_endpoint_put_text(out, "status",
                                    ngx_http_soma_unready(st, NULL) ? "unready"
                                                           : "ready");
    ngx_http_soma_endpoint_put_name(out, "reasons");
    soma_put_char(out, '[');
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
    soma_str_t  s;

    if (out == NULL) {
        return;
    }

    if (out->pos[-1] != '[') {
        soma_put_char(out, ',');
    }

    s.data = (u_char *) text;
    s.len = ngx_strlen(text);

    soma_put_json_str(out, s);
}
