
/*
 * Copyright (C) The ngx_soma authors
 *
 * The handler of soma_metrics.
 */


#include "ngx_http_soma_api.h"
#include "ngx_http_soma_metrics.h"
#include "ngx_http_soma_plan.h"


#define NGX_HTTP_SOMA_METRICS_BUFFER  32768     /* of the chain's buffers */


typedef struct {
    ngx_http_request_t   *request;
    ngx_chain_t          *out;
    ngx_chain_t         **last;
    ngx_buf_t            *buf;
    off_t                 len;
} ngx_http_soma_metrics_chain_t;


static int ngx_http_soma_metrics_more(void *data, soma_out_t *out);
static void ngx_http_soma_metrics_flush(ngx_http_soma_metrics_chain_t *chain,
    soma_out_t *out);
static void ngx_http_soma_metrics_overflow(soma_text_t *text,
    soma_metrics_t *view, ngx_http_soma_main_conf_t *smcf);
static void ngx_http_soma_metrics_process(soma_text_t *text,
    ngx_http_soma_main_conf_t *smcf);
static void ngx_http_soma_metrics_prices(soma_text_t *text,
    ngx_http_soma_main_conf_t *smcf);
static void ngx_http_soma_metrics_providers(soma_text_t *text,
    ngx_http_soma_main_conf_t *smcf);
static void ngx_http_soma_metrics_zone(soma_text_t *text,
    ngx_http_soma_main_conf_t *smcf);
static ngx_int_t ngx_http_soma_metrics_send(ngx_http_request_t *r,
    ngx_http_soma_metrics_chain_t *chain);


/* what workers tell, in sum; redis: only where there is one */

static const struct {
    const char                    *name;
    const char                    *type;
    const char                    *help;
    ngx_http_soma_worker_value_e   value;
    ngx_uint_t                     redis;
} ngx_http_soma_metrics_family[] = {
    { "soma_requests_in_flight", "gauge",
      "Requests being served now.", NGX_HTTP_SOMA_WORKER_INFLIGHT, 0 },
    { "soma_journal_appended_total", "counter",
      "Usage records written to the journal.",
      NGX_HTTP_SOMA_WORKER_APPENDED, 0 },
    { "soma_journal_shipped_total", "counter",
      "Usage records Redis has acknowledged.",
      NGX_HTTP_SOMA_WORKER_SHIPPED, 1 },
    { "soma_journal_dropped_total", "counter",
      "Usage records lost because disk and memory were full.",
      NGX_HTTP_SOMA_WORKER_DROPPED, 0 },
    { "soma_journal_pending_records", "gauge",
      "Usage records that wait for Redis.",
      NGX_HTTP_SOMA_WORKER_PENDING, 1 },
    { "soma_journal_errors", "gauge",
      "Workers whose journal cannot be written or shipped.",
      NGX_HTTP_SOMA_WORKER_JOURNAL_ERROR, 0 },
    { "soma_redis_connected_workers", "gauge",
      "Workers with a connection to Redis.",
      NGX_HTTP_SOMA_WORKER_REDIS_UP, 1 },
    { "soma_redis_commands_total", "counter",
      "Commands sent to Redis.", NGX_HTTP_SOMA_WORKER_COMMANDS, 1 },
    { "soma_redis_timeouts_total", "counter",
      "Commands Redis did not answer in time.",
      NGX_HTTP_SOMA_WORKER_TIMEOUTS, 1 },
    { "soma_redis_connects_total", "counter",
      "Attempts to connect to Redis.",
      NGX_HTTP_SOMA_WORKER_CONNECTS, 1 }
};


static ngx_str_t  ngx_http_soma_metrics_type =
    ngx_string("text/plain; version=0.0.4; charset=utf-8");


ngx_int_t
ngx_http_soma_metrics_text_handler(ngx_http_request_t *r)
{
    ngx_int_t                       rc;
    soma_text_t                     text;
    soma_arena_t                    arena;
    soma_metrics_t                  view;
    ngx_http_soma_ctx_t            *ctx;
    ngx_http_soma_main_conf_t      *smcf;
    ngx_http_soma_metrics_chain_t   chain;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    ctx = ngx_http_soma_get_ctx(r);

    if (ctx && ctx->identified
        && !(ctx->identity.capabilities & (SOMA_CAN_ADMIN|SOMA_CAN_USAGE)))
    {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_FORBIDDEN,
                                   "metrics_of_all_tenants",
                                   "metrics tell of all tenants: that needs "
                                   "the capability \"usage\" or \"admin\"");
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    smcf = ngx_http_get_module_main_conf(r, ngx_http_soma_module);

    if (ngx_http_soma_metrics_view(smcf, &view) != NGX_OK) {
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    ngx_memzero(&chain, sizeof(ngx_http_soma_metrics_chain_t));
    ngx_memzero(&text, sizeof(soma_text_t));

    chain.request = r;
    chain.last = &chain.out;

    text.more = ngx_http_soma_metrics_more;
    text.data = &chain;

    arena = ngx_http_soma_arena(r->pool);

    ngx_http_soma_metrics_process(&text, smcf);
    ngx_http_soma_metrics_limits(&text, smcf);
    ngx_http_soma_metrics_providers(&text, smcf);
    ngx_http_soma_metrics_prices(&text, smcf);
    ngx_http_soma_metrics_zone(&text, smcf);
    ngx_http_soma_metrics_overflow(&text, &view, smcf);

    if (soma_metrics_text(&text, &view, &arena) != SOMA_OK || text.failed) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_soma_metrics_flush(&chain, &text.out);

    return ngx_http_soma_metrics_send(r, &chain);
}


static int
ngx_http_soma_metrics_more(void *data, soma_out_t *out)
{
    ngx_http_soma_metrics_chain_t *chain = data;

    ngx_chain_t  *cl;

    ngx_http_soma_metrics_flush(chain, out);

    cl = ngx_alloc_chain_link(chain->request->pool);
    if (cl == NULL) {
        return SOMA_ERROR;
    }

    cl->buf = ngx_create_temp_buf(chain->request->pool,
                                  NGX_HTTP_SOMA_METRICS_BUFFER);
    if (cl->buf == NULL) {
        return SOMA_ERROR;
    }

    cl->next = NULL;
    *chain->last = cl;
    chain->last = &cl->next;
    chain->buf = cl->buf;

    soma_put_init(out, cl->buf->pos, NGX_HTTP_SOMA_METRICS_BUFFER);

    return SOMA_OK;
}


static void
ngx_http_soma_metrics_flush(ngx_http_soma_metrics_chain_t *chain,
    soma_out_t *out)
{
    if (chain->buf) {
        chain->buf->last = out->pos;
        chain->len += out->pos - out->start;
        chain->buf = NULL;
    }
}


static void
ngx_http_soma_metrics_process(soma_text_t *text,
    ngx_http_soma_main_conf_t *smcf)
{
    ngx_uint_t               i;
    soma_label_t             label[2];
    ngx_http_soma_workers_t  workers;

    soma_metrics_text_family(text, "soma_build_info", "gauge",
                             "The versions that run, always 1.");
    label[0].name = "version";
    label[0].value = SOMA_STR(NGX_HTTP_SOMA_VERSION);
    label[1].name = "nginx";
    label[1].value = SOMA_STR(NGINX_VERSION);
    soma_metrics_text_int(text, label, 2, 1);

    ngx_http_soma_metrics_workers(smcf, &workers);

    soma_metrics_text_family(text, "soma_workers", "gauge",
                             "Worker processes.");
    soma_metrics_text_int(text, NULL, 0, (int64_t) workers.workers);

    for (i = 0;
         i < sizeof(ngx_http_soma_metrics_family)
             / sizeof(ngx_http_soma_metrics_family[0]);
         i++)
    {
        if (ngx_http_soma_metrics_family[i].redis && !smcf->redis.set) {
            continue;
        }

        soma_metrics_text_family(text, ngx_http_soma_metrics_family[i].name,
                                 ngx_http_soma_metrics_family[i].type,
                                 ngx_http_soma_metrics_family[i].help);
        soma_metrics_text_int(text, NULL, 0,
                    workers.value[ngx_http_soma_metrics_family[i].value]);
    }

    if (smcf->redis.set) {
        soma_metrics_text_family(text, "soma_redis_up", "gauge",
                                 "1: every worker is connected to Redis.");
        soma_metrics_text_int(text, NULL, 0,
                              workers.value[NGX_HTTP_SOMA_WORKER_REDIS_UP]
                              == (int64_t) workers.workers);
    }
}


static void
ngx_http_soma_metrics_providers(soma_text_t *text,
    ngx_http_soma_main_conf_t *smcf)
{
    int64_t                     now;
    ngx_uint_t                  i;
    soma_label_t                label;
    ngx_http_soma_provider_t  **provider;

    now = ngx_http_soma_now();
    provider = smcf->providers.elts;
    label.name = "provider";

    soma_metrics_text_family(text, "soma_provider_up", "gauge",
                         "1: the provider takes our key, and requests are sent "
                         "to it.");

    for (i = 0; i < smcf->providers.nelts; i++) {
        label.value = ngx_http_soma_str(provider[i]->name);
        soma_metrics_text_int(text, &label, 1,
                              (int64_t) ngx_http_soma_health_up(smcf,
                                                                provider[i],
                                                                now));
    }

    soma_metrics_text_family(text, "soma_provider_key_refused", "gauge",
                        "1: the provider's last word was that it does not take "
                        "our key.");

    for (i = 0; i < smcf->providers.nelts; i++) {
        label.value = ngx_http_soma_str(provider[i]->name);
        soma_metrics_text_int(text, &label, 1,
                             provider[i]->state && provider[i]->state->refused);
    }
}


static void
ngx_http_soma_metrics_prices(soma_text_t *text,
    ngx_http_soma_main_conf_t *smcf)
{
    ngx_uint_t               i;
    soma_label_t             label;
    ngx_http_soma_model_t  **model;

    model = smcf->models.elts;
    label.name = "model";

    soma_metrics_text_family(text, "soma_model_unpriced", "gauge",
                           "1: the model has no price, so that a limit of cost "
                           "refuses it.");

    for (i = 0; i < smcf->models.nelts; i++) {
        label.value = ngx_http_soma_str(model[i]->name);
        soma_metrics_text_int(text, &label, 1, model[i]->free);
    }

    if (smcf->catalogue_time) {
        soma_metrics_text_family(text, "soma_prices_timestamp_seconds", "gauge",
                           "When the file of the price catalogue was written.");
        soma_metrics_text_int(text, NULL, 0, smcf->catalogue_time / 1000);
    }
}


static void
ngx_http_soma_metrics_zone(soma_text_t *text, ngx_http_soma_main_conf_t *smcf)
{
    soma_label_t  label;

    label.name = "state";

    soma_metrics_text_family(text, "soma_zone_bytes", "gauge",
                        "Shared memory: all of soma_zone, and its free pages.");

    label.value = SOMA_STR("total");
    soma_metrics_text_int(text, &label, 1, (int64_t) smcf->shm_zone->shm.size);

    label.value = SOMA_STR("free");
    soma_metrics_text_int(text, &label, 1,
                          (int64_t) (smcf->shpool->pfree * ngx_pagesize));
}


/* nothing of this should ever move: then a bound is too low */

static void
ngx_http_soma_metrics_overflow(soma_text_t *text, soma_metrics_t *view,
    ngx_http_soma_main_conf_t *smcf)
{
    ngx_uint_t              i;
    soma_label_t            label;
    ngx_http_soma_usage_t  *usage;

    const struct {
        soma_str_t           name;
        soma_table_t        *table;
    } tables[] = {
        { SOMA_STR("requests"), view->requests },
        { SOMA_STR("timings"), view->timings },
        { SOMA_STR("refused"), view->refused },
        { SOMA_STR("attempts"), view->attempts }
    };

    usage = smcf->zone->usage;
    label.name = "table";

    soma_metrics_text_family(text, "soma_metrics_overflow_total", "counter",
                        "Events counted as other because a table of metrics is "
                        "full.");

    for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        label.value = tables[i].name;
        soma_metrics_text_int(text, &label, 1,
                              (int64_t) tables[i].table->overflow);
    }

    soma_metrics_text_family(text, "soma_usage_rows", "gauge",
                             "Rows of usage by day kept in shared memory.");
    soma_metrics_text_int(text, NULL, 0, (int64_t) usage->table->used);
}


static ngx_int_t
ngx_http_soma_metrics_send(ngx_http_request_t *r,
    ngx_http_soma_metrics_chain_t *chain)
{
    ngx_int_t     rc;
    ngx_chain_t  *cl;

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = chain->len;
    r->headers_out.content_type = ngx_http_soma_metrics_type;
    r->headers_out.content_type_len = sizeof("text/plain") - 1;
    r->headers_out.content_type_lowcase = NULL;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    for (cl = chain->out; cl->next; cl = cl->next) { /* void */ }

    cl->buf->last_buf = (r == r->main);
    cl->buf->last_in_chain = 1;

    return ngx_http_output_filter(r, chain->out);
}
