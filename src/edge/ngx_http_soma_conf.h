
/*
 * Copyright (C) The ngx_soma authors
 *
 * The configuration as a whole: its birth, its inheritance, its end checks,
 * and the directives of the services.
 */


#ifndef NGX_HTTP_SOMA_CONF_H
#define NGX_HTTP_SOMA_CONF_H


#include "ngx_http_soma_block.h"
#include "ngx_http_soma_file.h"


#define NGX_HTTP_SOMA_ZONE_SIZE    (32 * 1024 * 1024)   /* when not said */
#define NGX_HTTP_SOMA_ZONE_MIN     (1024 * 1024)

#define NGX_HTTP_SOMA_DRAIN_TIME   120000   /* ms, when not said */


void *ngx_http_soma_conf_create_main(ngx_conf_t *cf);
char *ngx_http_soma_conf_init_main(ngx_conf_t *cf, void *conf);
void *ngx_http_soma_conf_create_loc(ngx_conf_t *cf);
char *ngx_http_soma_conf_merge_loc(ngx_conf_t *cf, void *parent, void *child);

/* postconfiguration: phases, filters */
ngx_int_t ngx_http_soma_conf_init(ngx_conf_t *cf);

char *ngx_http_soma_conf_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_soma_services_ledger(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_soma_services_prices(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* by the attempt */
char *ngx_http_soma_drain_on_abort(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

char *ngx_http_soma_services_pass(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_soma_services_access(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_soma_services_api(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_soma_services_metrics(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* by the store */
char *ngx_http_soma_redis_conf_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* the zone's init callback; by the store */
ngx_int_t ngx_http_soma_zone_init(ngx_shm_zone_t *shm_zone, void *data);


#endif /* NGX_HTTP_SOMA_CONF_H */
