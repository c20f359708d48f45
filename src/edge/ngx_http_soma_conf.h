
/*
 * Copyright (C) The ngx_soma authors
 *
 * The configuration as a whole: its birth, its inheritance, its end checks,
 * and the directives of the services.
 */


#ifndef NGX_HTTP_SOMA_CONF_H
#define NGX_HTTP_SOMA_CONF_H


#include "ngx_http_soma.h"


#define NGX_HTTP_SOMA_ZONE_SIZE    (32 * 1024 * 1024)   /* when not said */
#define NGX_HTTP_SOMA_ZONE_MIN     (1024 * 1024)

#define NGX_HTTP_SOMA_DRAIN_TIME   120000   /* ms, when not said */

/* of a tenant or a provider; with a key's own they fit one hold */
#define NGX_HTTP_SOMA_LIMITS_MAX   8


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

/* as ngx_conf_set_enum_slot, but says what is allowed */
char *ngx_http_soma_conf_enum(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

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

/*
 * Reads a block of simple directives: "line" is called for each, with
 * cf->args its words and the block's own struct as cf->handler_conf.
 */
char *ngx_http_soma_block(ngx_conf_t *cf, ngx_conf_handler_pt line,
    void *data);

/* name=value: 1 and the value when "word" begins so */
ngx_uint_t ngx_http_soma_block_param(ngx_str_t *word, const char *name,
    ngx_str_t *value);

/* a limit directive's words, "limit" itself first; pushes to "limits" */
char *ngx_http_soma_block_limit(ngx_conf_t *cf, ngx_array_t *limits,
    soma_scope_e scope);

/*
 * The bytes of a whole file, for configuration time.  One that others may
 * write is refused, of a plain one it is said; that everybody may read a
 * secret is said.
 */
#define NGX_HTTP_SOMA_FILE_PLAIN    0
#define NGX_HTTP_SOMA_FILE_TRUSTED  1
#define NGX_HTTP_SOMA_FILE_SECRET   2

ngx_int_t ngx_http_soma_file_read(ngx_conf_t *cf, ngx_str_t *path,
    size_t max, ngx_uint_t kind, ngx_str_t *text);

/* 1: root, who we are, or who the workers are */
ngx_uint_t ngx_http_soma_file_ours(ngx_conf_t *cf, ngx_uid_t owner);

/* NGX_CONF_UNSET_UINT: the workers run as who we are */
ngx_uid_t ngx_http_soma_file_worker_user(ngx_conf_t *cf);

/* by the store */
char *ngx_http_soma_redis_conf_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* the zone's init callback; by the store */
ngx_int_t ngx_http_soma_zone_init(ngx_shm_zone_t *shm_zone, void *data);

/* may the journal live there? makes the directory; by settle */
char *ngx_http_soma_journal_check(ngx_conf_t *cf,
    ngx_http_soma_ledger_conf_t *conf);


#endif /* NGX_HTTP_SOMA_CONF_H */
