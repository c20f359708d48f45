
/*
 * Copyright (C) The ngx_soma authors
 *
 * The journal's directory and how its files are opened: they are the books,
 * and whoever could write in them would write bills.
 */


#include "ngx_http_soma_journal.h"
#include "ngx_http_soma_file.h"
#include <sys/file.h>


static ngx_int_t ngx_http_soma_journal_make(ngx_conf_t *cf, u_char *dir);
static char *ngx_http_soma_journal_directory(ngx_conf_t *cf, u_char *dir,
    int fd);
static ngx_uint_t ngx_http_soma_journal_empty(u_char *path);


char *
ngx_http_soma_journal_open_check(ngx_conf_t *cf,
    ngx_http_soma_ledger_conf_t *conf)
{
    int      fd;
    char    *rv;
    u_char  *dir;

    dir = ngx_pnalloc(cf->pool, conf->path.len + 1);
    if (dir == NULL) {
        return NGX_CONF_ERROR;
    }

    while (conf->path.len > 1 && conf->path.data[conf->path.len - 1] == '/') {
        conf->path.len--;
    }

    if (conf->path.len > NGX_MAX_PATH - NGX_HTTP_SOMA_JOURNAL_NAME) {
        return "has a path that is too long";
    }

    ngx_cpystrn(dir, conf->path.data, conf->path.len + 1);

    if (ngx_http_soma_journal_make(cf, dir) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    fd = open((char *) dir, O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC);

    if (fd == -1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "\"%s\" of \"soma_ledger\" is not a directory, or "
                           "a link to one: name the directory itself", dir);
        return NGX_CONF_ERROR;
    }

    rv = ngx_http_soma_journal_directory(cf, dir, fd);

    (void) close(fd);

    return rv;
}


static ngx_int_t
ngx_http_soma_journal_make(ngx_conf_t *cf, u_char *dir)
{
    ngx_err_t  err;

    if (mkdir((char *) dir, 0700) == 0) {
        return NGX_OK;
    }

    err = ngx_errno;

    if (err == NGX_EEXIST) {
        return NGX_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, err,
                       "cannot make directory \"%s\" of \"soma_ledger\"",
                       dir);

    return NGX_ERROR;
}


/* the books are root's and the workers': who else may write there could make
 * up records, or put a link where we write */
static char *
ngx_http_soma_journal_directory(ngx_conf_t *cf, u_char *dir, int fd)
{
    ngx_uid_t    user;
    struct stat  sb;

    if (fstat(fd, &sb) == -1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "cannot look at \"%s\" of \"soma_ledger\"", dir);
        return NGX_CONF_ERROR;
    }

    if (sb.st_mode & (S_IWGRP|S_IWOTH)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%s\" of \"soma_ledger\" may be written by "
                           "others, who could change the books: chmod go-w %s",
                           dir, dir);
        return NGX_CONF_ERROR;
    }

    user = ngx_http_soma_file_worker_user(cf);

    if (user == (ngx_uid_t) NGX_CONF_UNSET_UINT) {

        if (access((char *) dir, R_OK|W_OK|X_OK) == -1) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                               "\"%s\" of \"soma_ledger\" is not writable",
                               dir);
            return NGX_CONF_ERROR;
        }

        return NGX_CONF_OK;
    }

    if (sb.st_uid == user || user == 0) {
        return NGX_CONF_OK;
    }

    /* what others keep there is not ours to take */

    if (!ngx_http_soma_journal_empty(dir)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%s\" of \"soma_ledger\" belongs to user %ui and "
                           "is not empty, while workers run as user %ui: give "
                           "it to them by chown -R, or name another "
                           "directory", dir,
                           (ngx_uint_t) sb.st_uid, (ngx_uint_t) user);
        return NGX_CONF_ERROR;
    }

    if (fchown(fd, user, -1) == -1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "cannot give \"%s\" of \"soma_ledger\" to the "
                           "workers' user", dir);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_uint_t
ngx_http_soma_journal_empty(u_char *path)
{
    ngx_dir_t   dir;
    ngx_str_t   name;
    ngx_uint_t  n;

    name.data = path;
    name.len = ngx_strlen(path);

    if (ngx_open_dir(&name, &dir) == NGX_ERROR) {
        return 0;
    }

    n = 0;

    while (ngx_read_dir(&dir) == NGX_OK) {
        if (ngx_de_name(&dir)[0] != '.') {
            n++;
        }
    }

    (void) ngx_close_dir(&dir);

    return n == 0;
}


u_char *
ngx_http_soma_journal_path(const u_char *id, uint64_t number,
    const char *suffix)
{
    static u_char  path[NGX_MAX_PATH + NGX_HTTP_SOMA_JOURNAL_NAME + 16];

    u_char      *p, name[NGX_HTTP_SOMA_JOURNAL_NAME];
    ngx_str_t   *dir;
    soma_out_t   out;
    soma_str_t   writer;

    dir = &ngx_http_soma_journal.smcf->ledger.path;

    if (number == 0) {
        p = ngx_snprintf(path, sizeof(path) - 1, "%V/%*s%s", dir,
                         (size_t) SOMA_WRITER_LEN, id, suffix);

    } else {
        writer.data = (u_char *) id;
        writer.len = SOMA_WRITER_LEN;

        soma_put_init(&out, name, sizeof(name));
        soma_segment_name(&out, writer, number);

        p = ngx_snprintf(path, sizeof(path) - 1, "%V/%*s%s", dir,
                         (size_t) (out.pos - out.start), out.start, suffix);
    }

    *p = '\0';

    return path;
}


/*
 * The lock file is removed by who held the lock, so what was opened may be a
 * file without a name by now, which locks nothing.
 */
ngx_int_t
ngx_http_soma_journal_lock(ngx_http_soma_writer_t *writer, ngx_uint_t create)
{
    int           fd;
    u_char       *path;
    struct stat   now, then;

    path = ngx_http_soma_journal_path(writer->id, 0, ".lock");

    fd = open((char *) path, O_RDWR|O_CREAT|O_CLOEXEC|O_NOFOLLOW
                              |(create ? O_EXCL : 0), 0600);
    if (fd == -1) {
        ngx_log_error(NGX_LOG_ALERT, ngx_http_soma_journal.log, ngx_errno,
                      "soma ledger: cannot open \"%s\"", path);
        return NGX_ERROR;
    }

    if (flock(fd, LOCK_EX|LOCK_NB) == -1
        || fstat(fd, &now) == -1
        || stat((char *) path, &then) == -1
        || now.st_ino != then.st_ino
        || now.st_dev != then.st_dev)
    {
        (void) close(fd);
        return NGX_DECLINED;
    }

    writer->lock = fd;

    return NGX_OK;
}


void
ngx_http_soma_journal_unlock(ngx_http_soma_writer_t *writer,
    ngx_uint_t remove)
{
    if (remove) {
        (void) unlink((char *) ngx_http_soma_journal_path(writer->id, 0,
                                                          ".lock"));
    }

    (void) close(writer->lock);

    writer->lock = -1;
}


int
ngx_http_soma_journal_open(u_char *path, int flags)
{
    int          fd;
    struct stat  sb;

    fd = open((char *) path, flags|O_CLOEXEC|O_NOFOLLOW|O_NONBLOCK, 0600);

    if (fd == -1) {
        return -1;
    }

    /* neither a pipe nor a book that others may write in */

    if (fstat(fd, &sb) == -1 || !S_ISREG(sb.st_mode)
        || (sb.st_mode & (S_IWGRP|S_IWOTH)))
    {
        (void) close(fd);
        ngx_set_errno(NGX_EPERM);
        return -1;
    }

    return fd;
}
