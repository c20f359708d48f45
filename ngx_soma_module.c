
/*
 * Copyright (C) The ngx_soma authors
 *
 * The map of the house: every directive and where it is read, the phases we
 * stand in, and what happens when a worker starts and stops.
 */


#include "ngx_http_soma.h"
#include "ngx_http_soma_block.h"
#include "ngx_http_soma_conf.h"
#include "ngx_http_soma_cors.h"
#include "ngx_http_soma_identify.h"
#include "ngx_http_soma_jwt.h"
#include "ngx_http_soma_sigv4.h"
#include "ngx_http_soma_user.h"
#include "ngx_http_soma_admit.h"
#include "ngx_http_soma_quota.h"
#include "ngx_http_soma_lock.h"
#include "ngx_http_soma_plan.h"
#include "ngx_http_soma_provider.h"
#include "ngx_http_soma_credentials.h"
#include "ngx_http_soma_vocabulary.h"
#include "ngx_http_soma_attempt.h"
#include "ngx_http_soma_settle.h"
#include "ngx_http_soma_redis.h"
#include "ngx_http_soma_filter.h"


static ngx_int_t ngx_http_soma_init_worker(ngx_cycle_t *cycle);
static void ngx_http_soma_exit_worker(ngx_cycle_t *cycle);


static ngx_conf_enum_t  ngx_http_soma_unpriced[] = {
    { ngx_string("deny"), NGX_HTTP_SOMA_UNPRICED_DENY },
    { ngx_string("allow"), NGX_HTTP_SOMA_UNPRICED_ALLOW },
    { ngx_null_string, 0 }
};

static ngx_conf_enum_t  ngx_http_soma_on_redis_down[] = {
    { ngx_string("allow"), NGX_HTTP_SOMA_DOWN_ALLOW },
    { ngx_string("deny"), NGX_HTTP_SOMA_DOWN_DENY },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_soma_aborts[] = {
    { ngx_string("auto"), NGX_HTTP_SOMA_ABORT_AUTO },
    { ngx_string("cancel"), NGX_HTTP_SOMA_ABORT_CANCEL },
    { ngx_string("drain"), NGX_HTTP_SOMA_ABORT_DRAIN },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_soma_max_tokens[] = {
    { ngx_string("clamp"), NGX_HTTP_SOMA_BOUND_CLAMP },
    { ngx_string("require"), NGX_HTTP_SOMA_BOUND_REQUIRE },
    { ngx_string("trust"), NGX_HTTP_SOMA_BOUND_TRUST },
    { ngx_null_string, 0 }
};


/* what a target cannot say: it is refused; left out, and named in a header;
 * left out */
static ngx_conf_enum_t  ngx_http_soma_losses[] = {
    { ngx_string("refuse"), SOMA_INNER_REFUSE },
    { ngx_string("warn"), SOMA_INNER_WARN },
    { ngx_string("drop"), SOMA_INNER_DROP },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_soma_medias[] = {
    { ngx_string("off"), NGX_HTTP_SOMA_MEDIA_OFF },
    { ngx_string("public"), NGX_HTTP_SOMA_MEDIA_PUBLIC },
    { ngx_string("all"), NGX_HTTP_SOMA_MEDIA_ALL },
    { ngx_null_string, 0 }
};


static ngx_command_t  ngx_http_soma_commands[] = {

    /* services */

    { ngx_string("soma_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_ANY,
      ngx_http_soma_conf_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("soma_redis"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_soma_redis_conf_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("soma_ledger"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_soma_services_ledger,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("soma_prices"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_soma_services_prices,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("soma_vocabulary"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE2,
      ngx_http_soma_vocabulary,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("soma_vocabulary_factor"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE2,
      ngx_http_soma_factor_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    /* who */

    { ngx_string("soma_key"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_2MORE,
      ngx_http_soma_keys_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("soma_sigv4"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_soma_sigv4,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("soma_jwt"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_soma_jwt_block,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("soma_tenant"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_soma_tenant,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    /* where */

    { ngx_string("soma_provider"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_soma_provider,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("soma_model"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_2MORE,
      ngx_http_soma_model,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("soma_route"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_soma_route,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    /* locations */

    { ngx_string("soma_pass"),
      NGX_HTTP_LOC_CONF|NGX_CONF_ANY,
      ngx_http_soma_services_pass,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("soma_access"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF
                        |NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_http_soma_services_access,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("soma_api"),
      NGX_HTTP_LOC_CONF|NGX_CONF_ANY,
      ngx_http_soma_services_api,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("soma_metrics"),
      NGX_HTTP_LOC_CONF|NGX_CONF_ANY,
      ngx_http_soma_services_metrics,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    /* policy, inherited */

    { ngx_string("soma_cors"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_soma_cors,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("soma_training_lock"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_soma_loc_conf_t, training_lock),
      NULL },

    { ngx_string("soma_on_redis_down"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_soma_block_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_soma_loc_conf_t, on_redis_down),
      &ngx_http_soma_on_redis_down },

    { ngx_string("soma_unpriced"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_soma_block_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_soma_loc_conf_t, unpriced),
      &ngx_http_soma_unpriced },

    { ngx_string("soma_on_abort"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_soma_drain_on_abort,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_soma_loc_conf_t, on_abort),
      &ngx_http_soma_aborts },

    { ngx_string("soma_max_tokens"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_soma_block_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_soma_loc_conf_t, max_tokens),
      &ngx_http_soma_max_tokens },

    { ngx_string("soma_limit_wait"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_soma_loc_conf_t, limit_wait),
      NULL },

    { ngx_string("soma_user_from"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_soma_user_from,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("soma_usage_cost"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_soma_loc_conf_t, usage_cost),
      NULL },

    { ngx_string("soma_lossy"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_soma_loc_conf_t, lossy),
      ngx_http_soma_losses },

    { ngx_string("soma_fetch_media"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_soma_loc_conf_t, fetch_media),
      ngx_http_soma_medias },

    { ngx_string("soma_body_buffer"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_soma_loc_conf_t, body_buffer),
      NULL },

    { ngx_string("soma_buffer_size"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_soma_loc_conf_t, buffer_size),
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_soma_module_ctx = {
    ngx_http_soma_variables_add,           /* preconfiguration */
    ngx_http_soma_conf_init,                    /* postconfiguration */

    ngx_http_soma_conf_create_main,        /* create main configuration */
    ngx_http_soma_conf_init_main,          /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_soma_conf_create_loc,         /* create location configuration */
    ngx_http_soma_conf_merge_loc           /* merge location configuration */
};


ngx_module_t  ngx_http_soma_module = {
    NGX_MODULE_V1,
    &ngx_http_soma_module_ctx,             /* module context */
    ngx_http_soma_commands,                /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_http_soma_init_worker,             /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_soma_exit_worker,             /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_soma_init_worker(ngx_cycle_t *cycle)
{
    ngx_http_soma_main_conf_t  *smcf;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    smcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_soma_module);

    if (smcf == NULL || !smcf->used) {
        return NGX_OK;
    }

    if (ngx_http_soma_quota_init_worker(smcf) != NGX_OK
        || ngx_http_soma_metrics_init_worker(cycle, smcf) != NGX_OK
        || ngx_http_soma_journal_init_worker(cycle, smcf) != NGX_OK
        || ngx_http_soma_peers_init_worker(cycle, smcf) != NGX_OK
        || ngx_http_soma_credentials_init_worker(cycle, smcf) != NGX_OK
        || ngx_http_soma_redis_init_worker(cycle, smcf) != NGX_OK
        || ngx_http_soma_lease_sync_init_worker(cycle, smcf) != NGX_OK
        || ngx_http_soma_lock_init_worker(cycle, smcf) != NGX_OK
        || ngx_http_soma_jwt_init_worker(cycle, smcf) != NGX_OK
        || ngx_http_soma_shipper_init_worker(cycle, smcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_soma_exit_worker(ngx_cycle_t *cycle)
{
    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return;
    }

    ngx_http_soma_metrics_exit_worker();
    ngx_http_soma_identify_exit_worker();
    ngx_http_soma_jwt_exit_worker();
    ngx_http_soma_credentials_exit_worker();
    ngx_http_soma_redis_exit_worker(cycle);
    ngx_http_soma_lease_file_exit();
    ngx_http_soma_journal_exit_worker(cycle);
}
