
/*
 * Copyright (C) The ngx_soma authors
 *
 * Files that the configuration names.
 */


#ifndef NGX_HTTP_SOMA_FILE_H
#define NGX_HTTP_SOMA_FILE_H


#include "ngx_http_soma.h"


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


#endif /* NGX_HTTP_SOMA_FILE_H */
