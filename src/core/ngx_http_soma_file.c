
/*
 * Copyright (C) The ngx_soma authors
 *
 * Files that are read with the configuration, and who else may write them: a
 * key, a price or a book that others can change is theirs, not ours.
 */


#include "ngx_http_soma_file.h"

#include <pwd.h>


static ngx_int_t ngx_http_soma_file_check(ngx_conf_t *cf, ngx_str_t *path,
    ngx_file_info_t *fi, ngx_uint_t kind);


ngx_int_t
ngx_http_soma_file_read(ngx_conf_t *cf, ngx_str_t *path, size_t max,
    ngx_uint_t kind, ngx_str_t *text)
{
    ssize_t          n;
    ngx_file_t       file;
    ngx_file_info_t  fi;

    ngx_memzero(&file, sizeof(ngx_file_t));

    file.name = *path;
    file.log = cf->log;

    /* a pipe in its place is not waited for */

    file.fd = ngx_open_file(path->data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                            NGX_FILE_OPEN, 0);

    if (file.fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "cannot open \"%V\"", path);
        return NGX_ERROR;
    }

    text->data = NULL;

    if (ngx_fd_info(file.fd, &fi) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "cannot look at \"%V\"", path);
        goto failed;
    }

    if (ngx_http_soma_file_check(cf, path, &fi, kind) != NGX_OK) {
        goto failed;
    }

    if (ngx_file_size(&fi) > (off_t) max) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is larger than %uz bytes", path, max);
        goto failed;
    }

    text->len = (size_t) ngx_file_size(&fi);
    text->data = ngx_pnalloc(cf->temp_pool, text->len + 1);

    if (text->data == NULL) {
        goto failed;
    }

    n = ngx_read_file(&file, text->data, text->len, 0);

    if (n == NGX_ERROR || (size_t) n != text->len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "cannot read \"%V\" whole", path);
        goto failed;
    }

    (void) ngx_close_file(file.fd);

    return NGX_OK;

failed:

    (void) ngx_close_file(file.fd);

    return NGX_ERROR;
}


/* a link is followed to the file, as secrets of containers are links */
static ngx_int_t
ngx_http_soma_file_check(ngx_conf_t *cf, ngx_str_t *path, ngx_file_info_t *fi,
    ngx_uint_t kind)
{
    ngx_uint_t  level;

    if (!ngx_is_file(fi)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" is not a file", path);
        return NGX_ERROR;
    }

    level = (kind == NGX_HTTP_SOMA_FILE_PLAIN) ? NGX_LOG_WARN
                                               : NGX_LOG_EMERG;

    if (fi->st_mode & (S_IWGRP|S_IWOTH)) {
        ngx_conf_log_error(level, cf, 0,
                           "\"%V\" may be written by others: chmod go-w %V",
                           path, path);

        if (level == NGX_LOG_EMERG) {
            return NGX_ERROR;
        }
    }

    if (!ngx_http_soma_file_ours(cf, fi->st_uid)) {
        ngx_conf_log_error(level, cf, 0,
                           "\"%V\" belongs to user %ui, who may change it: "
                           "give it to root or to the workers' user", path,
                           (ngx_uint_t) fi->st_uid);

        if (level == NGX_LOG_EMERG) {
            return NGX_ERROR;
        }
    }

    if (kind == NGX_HTTP_SOMA_FILE_SECRET && (fi->st_mode & S_IROTH)) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"%V\" may be read by everybody: chmod o-r %V",
                           path, path);
    }

    return NGX_OK;
}


ngx_uint_t
ngx_http_soma_file_ours(ngx_conf_t *cf, ngx_uid_t owner)
{
    return owner == 0 || owner == geteuid()
           || owner == ngx_http_soma_file_worker_user(cf);
}


/* unset: the workers run as who we are */
ngx_uid_t
ngx_http_soma_file_worker_user(ngx_conf_t *cf)
{
    struct passwd    *pwd;
    ngx_core_conf_t  *ccf;

    if (geteuid() != 0) {
        return (ngx_uid_t) NGX_CONF_UNSET_UINT;
    }

    ccf = (ngx_core_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                           ngx_core_module);

    if (ccf->user != (ngx_uid_t) NGX_CONF_UNSET_UINT) {
        return ccf->user;
    }

    pwd = getpwnam(NGX_USER);

    return pwd ? pwd->pw_uid : (ngx_uid_t) NGX_CONF_UNSET_UINT;
}
