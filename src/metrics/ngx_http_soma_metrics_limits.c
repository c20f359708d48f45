
/*
 * Copyright (C) The ngx_soma authors
 *
 * Gauges of limits: those of configured tenants that count a tenant as a
 * whole, so that their number is bounded by the configuration.
 */


#include "ngx_http_soma_metrics.h"
#include "ngx_http_soma_quota_list.h"


typedef void (*ngx_http_soma_metrics_limit_pt)(soma_text_t *text,
    ngx_http_soma_main_conf_t *smcf, ngx_http_soma_tenant_t *tenant,
    soma_limit_t *limit);


static void ngx_http_soma_metrics_each_limit(soma_text_t *text,
    ngx_http_soma_main_conf_t *smcf, ngx_http_soma_metrics_limit_pt write);
static void ngx_http_soma_metrics_limit(soma_text_t *text,
    ngx_http_soma_main_conf_t *smcf, ngx_http_soma_tenant_t *tenant,
    soma_limit_t *limit);
static void ngx_http_soma_metrics_left(soma_text_t *text,
    ngx_http_soma_main_conf_t *smcf, ngx_http_soma_tenant_t *tenant,
    soma_limit_t *limit);
static void ngx_http_soma_metrics_limit_value(soma_text_t *text,
    ngx_http_soma_tenant_t *tenant, soma_limit_t *limit, int64_t n);


void
ngx_http_soma_metrics_limits(soma_text_t *text,
    ngx_http_soma_main_conf_t *smcf)
{
    soma_metrics_text_family(text, "soma_limit_waiting", "gauge",
                         "Requests that wait for what others hold of a limit.");
    soma_metrics_text_int(text, NULL, 0,
                          (int64_t) ngx_http_soma_quota_waiting(smcf));

    if (smcf->tenants.nelts == 0) {
        return;
    }

    soma_metrics_text_family(text, "soma_limit", "gauge",
                             "Limits of configured tenants, in their unit.");
    ngx_http_soma_metrics_each_limit(text, smcf, ngx_http_soma_metrics_limit);

    soma_metrics_text_family(text, "soma_limit_left", "gauge",
                             "What is left of them, as this node knows.");
    ngx_http_soma_metrics_each_limit(text, smcf, ngx_http_soma_metrics_left);
}


static void
ngx_http_soma_metrics_each_limit(soma_text_t *text,
    ngx_http_soma_main_conf_t *smcf, ngx_http_soma_metrics_limit_pt write)
{
    int64_t                   now;
    ngx_uint_t                i, k, n;
    soma_limit_t             *limit;
    ngx_http_soma_tenant_t  **tenant;

    n = 0;
    now = ngx_http_soma_now();
    tenant = smcf->tenants.elts;

    for (i = 0; i < smcf->tenants.nelts; i++) {
        limit = tenant[i]->limits.elts;

        for (k = 0; k < tenant[i]->limits.nelts; k++) {

            if (limit[k].per != SOMA_SCOPE_TENANT
                || !soma_rule_holds(limit, tenant[i]->limits.nelts, k, now))
            {
                continue;
            }

            if (n++ == NGX_HTTP_SOMA_METRICS_LIMITS_MAX) {
                return;
            }

            write(text, smcf, tenant[i], &limit[k]);
        }
    }
}


static void
ngx_http_soma_metrics_limit(soma_text_t *text, ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_tenant_t *tenant, soma_limit_t *limit)
{
    (void) smcf;

    ngx_http_soma_metrics_limit_value(text, tenant, limit, limit->limit);
}


static void
ngx_http_soma_metrics_left(soma_text_t *text, ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_tenant_t *tenant, soma_limit_t *limit)
{
    int64_t  left;

    left = ngx_http_soma_quota_list_left(smcf, tenant, limit);

    ngx_http_soma_metrics_limit_value(text, tenant, limit, left);
}


static void
ngx_http_soma_metrics_limit_value(soma_text_t *text,
    ngx_http_soma_tenant_t *tenant, soma_limit_t *limit, int64_t n)
{
    soma_out_t     rule;
    soma_label_t   label[3];
    unsigned char  buf[SOMA_RULE_MAX];

    soma_put_init(&rule, buf, sizeof(buf));
    soma_rule_of(&rule, limit);

    label[0].name = "tenant";
    label[0].value = ngx_http_soma_str(tenant->name);
    label[1].name = "limit";
    label[1].value.data = rule.start;
    label[1].value.len = rule.pos - rule.start;
    label[2].name = "unit";
    label[2].value.data = (u_char *) soma_rule_unit(limit->amount);
    label[2].value.len = ngx_strlen(label[2].value.data);

    if (limit->amount == SOMA_COST) {
        soma_metrics_text_usd(text, label, 3, n);

    } else {
        soma_metrics_text_int(text, label, 3, n);
    }
}
