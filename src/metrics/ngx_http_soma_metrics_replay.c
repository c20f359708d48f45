
/*
 * Copyright (C) The ngx_soma authors
 *
 * Without Redis the journal is the only memory of what was used before this
 * start: one worker reads this month's records back into the table.  Records
 * that came after the table was made are in it already.
 */


#include "ngx_http_soma_metrics.h"
#include "ngx_http_soma_journal.h"
#include "soma_segment.h"


typedef struct {
    ngx_str_t                   path;
    time_t                      mtime;
    off_t                       size;
} ngx_http_soma_replay_file_t;


typedef struct {
    ngx_http_soma_main_conf_t  *main;
    ngx_pool_t                 *pool;
    ngx_array_t                 files;      /* ..._replay_file_t, new first */
    ngx_uint_t                  next;
    off_t                       bytes;
    ngx_uint_t                  records;
    int64_t                     from;       /* ms UTC */
    int64_t                     before;
    ngx_event_t                 event;
    ngx_connection_t            dummy;
} ngx_http_soma_replay_t;


static ngx_int_t ngx_http_soma_replay_scan(ngx_http_soma_replay_t *replay);
static ngx_int_t ngx_http_soma_replay_note(ngx_http_soma_replay_t *replay,
    ngx_dir_t *dir, ngx_str_t *root);
static int ngx_libc_cdecl ngx_http_soma_replay_cmp(const void *one,
    const void *two);
static void ngx_http_soma_replay_handler(ngx_event_t *ev);
static void ngx_http_soma_replay_next(ngx_http_soma_replay_t *replay);
static void ngx_http_soma_replay_segment(ngx_http_soma_replay_t *replay,
    u_char *base, size_t size, ngx_str_t *path);
static void ngx_http_soma_replay_end(ngx_http_soma_replay_t *replay);
static ngx_int_t ngx_http_soma_replay_start(ngx_cycle_t *cycle,
    ngx_http_soma_main_conf_t *smcf);
static void ngx_http_soma_replay_read(ngx_http_soma_replay_t *replay,
    ngx_http_soma_replay_file_t *next);


static ngx_http_soma_replay_t  ngx_http_soma_replay;


ngx_int_t
ngx_http_soma_metrics_replay(ngx_cycle_t *cycle,
    ngx_http_soma_main_conf_t *smcf)
{
    ngx_atomic_t            seen;
    ngx_http_soma_usage_t  *usage;

    usage = smcf->zone->usage;
    seen = usage->replay;

    if (smcf->redis.set || smcf->ledger.path.len == 0
        || seen == NGX_HTTP_SOMA_REPLAY_DONE)
    {
        usage->replay = NGX_HTTP_SOMA_REPLAY_DONE;
        return NGX_OK;
    }

    if (seen != 0) {
        if (kill((ngx_pid_t) seen, 0) == -1 && ngx_errno == ESRCH
            && ngx_atomic_cmp_set(&usage->replay, seen,
                                  NGX_HTTP_SOMA_REPLAY_DONE))
        {
            ngx_log_error(NGX_LOG_WARN, cycle->log, 0,
                          "soma: the worker that read the journal back was "
                          "killed, /soma/usage lacks a part until the next "
                          "start");
        }

        return NGX_OK;
    }

    if (!ngx_atomic_cmp_set(&usage->replay, 0, (ngx_atomic_t) ngx_pid)) {
        return NGX_OK;
    }

    return ngx_http_soma_replay_start(cycle, smcf);
}


static ngx_int_t
ngx_http_soma_replay_start(ngx_cycle_t *cycle,
    ngx_http_soma_main_conf_t *smcf)
{
    ngx_http_soma_usage_t   *usage;
    ngx_http_soma_replay_t  *replay;

    usage = smcf->zone->usage;
    replay = &ngx_http_soma_replay;

    ngx_memzero(replay, sizeof(ngx_http_soma_replay_t));

    replay->main = smcf;
    replay->before = usage->created;
    replay->from = soma_time_month_start(usage->created);
    replay->dummy.fd = (ngx_socket_t) -1;

    replay->event.handler = ngx_http_soma_replay_handler;
    replay->event.data = &replay->dummy;
    replay->event.log = cycle->log;
    replay->event.cancelable = 1;

    replay->pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, cycle->log);
    if (replay->pool == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_soma_replay_scan(replay) != NGX_OK) {
        ngx_http_soma_replay_end(replay);
        return NGX_OK;
    }

    while (replay->next < replay->files.nelts
           && replay->bytes < NGX_HTTP_SOMA_REPLAY_START)
    {
        ngx_http_soma_replay_next(replay);
    }

    ngx_http_soma_replay_handler(&replay->event);

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_replay_scan(ngx_http_soma_replay_t *replay)
{
    ngx_int_t   rc;
    ngx_dir_t   dir;
    ngx_str_t   root;

    if (ngx_array_init(&replay->files, replay->pool, 64,
                       sizeof(ngx_http_soma_replay_file_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    root.len = replay->main->ledger.path.len;
    root.data = ngx_pnalloc(replay->pool, root.len + 1);

    if (root.data == NULL) {
        return NGX_ERROR;
    }

    ngx_cpystrn(root.data, replay->main->ledger.path.data, root.len + 1);

    if (ngx_open_dir(&root, &dir) == NGX_ERROR) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, ngx_errno,
                      "soma: cannot read the journal back: "
                      ngx_open_dir_n " \"%V\" failed", &root);
        return NGX_ERROR;
    }

    do {
        ngx_set_errno(0);

        if (ngx_read_dir(&dir) == NGX_ERROR) {
            break;
        }

        rc = ngx_http_soma_replay_note(replay, &dir, &root);

    } while (rc == NGX_OK
             && replay->files.nelts < NGX_HTTP_SOMA_REPLAY_FILES_MAX);

    if (ngx_close_dir(&dir) == NGX_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                      ngx_close_dir_n " \"%V\" failed", &root);
    }

    ngx_qsort(replay->files.elts, replay->files.nelts,
              sizeof(ngx_http_soma_replay_file_t), ngx_http_soma_replay_cmp);

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_replay_note(ngx_http_soma_replay_t *replay, ngx_dir_t *dir,
    ngx_str_t *root)
{
    u_char                       *path;
    size_t                        len;
    uint64_t                      number;
    soma_str_t                    name, writer;
    ngx_file_info_t               info;
    ngx_http_soma_replay_file_t  *file;

    name.len = ngx_de_namelen(dir);
    name.data = ngx_de_name(dir);

    if (soma_segment_parse_name(name, &writer, &number) != SOMA_OK) {
        return NGX_OK;
    }

    len = root->len + 1 + name.len;
    path = ngx_pnalloc(replay->pool, len + 1);

    if (path == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(path, "%V/%*s%Z", root, name.len, name.data);

    if (ngx_file_info(path, &info) == NGX_FILE_ERROR
        || !ngx_is_file(&info))
    {
        return NGX_OK;
    }

    file = ngx_array_push(&replay->files);
    if (file == NULL) {
        return NGX_ERROR;
    }

    file->path.len = len;
    file->path.data = path;
    file->mtime = ngx_file_mtime(&info);
    file->size = ngx_file_size(&info);

    return NGX_OK;
}


static int ngx_libc_cdecl
ngx_http_soma_replay_cmp(const void *one, const void *two)
{
    const ngx_http_soma_replay_file_t *first = one;
    const ngx_http_soma_replay_file_t *second = two;

    return (first->mtime < second->mtime) - (first->mtime > second->mtime);
}


static void
ngx_http_soma_replay_handler(ngx_event_t *ev)
{
    ngx_http_soma_replay_t  *replay;

    replay = &ngx_http_soma_replay;

    if (replay->next < replay->files.nelts && ev->timedout) {
        ngx_http_soma_replay_next(replay);
    }

    if (replay->next >= replay->files.nelts || ngx_exiting) {
        ngx_http_soma_replay_end(replay);
        return;
    }

    ngx_add_timer(ev, 1);
}


static void
ngx_http_soma_replay_next(ngx_http_soma_replay_t *replay)
{
    ngx_http_soma_replay_file_t  *next;

    next = replay->files.elts;
    next = &next[replay->next++];

    if (replay->bytes + next->size > NGX_HTTP_SOMA_REPLAY_MAX) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "soma: the journal is large, only its newest %O bytes "
                      "were read back into /soma/usage", replay->bytes);

        replay->next = replay->files.nelts;
        return;
    }

    if (next->size > NGX_HTTP_SOMA_REPLAY_FILE_MAX) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "soma: \"%V\" is too large to be read back",
                      &next->path);
        return;
    }

    replay->bytes += next->size;

    ngx_http_soma_replay_read(replay, next);
}


/* read, not mapped: who owns it may cut it short */
static void
ngx_http_soma_replay_read(ngx_http_soma_replay_t *replay,
    ngx_http_soma_replay_file_t *next)
{
    u_char      *base;
    size_t       size;
    ssize_t      n;
    ngx_file_t   file;

    size = (size_t) next->size;
    ngx_memzero(&file, sizeof(ngx_file_t));

    file.name = next->path;
    file.log = ngx_cycle->log;
    file.fd = ngx_http_soma_journal_open(next->path.data, O_RDONLY);

    if (file.fd == NGX_INVALID_FILE) {

        if (ngx_errno != NGX_ENOENT) {
            ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, ngx_errno,
                          "soma: cannot open \"%V\" to read it back",
                          &next->path);
        }

        return;
    }

    base = ngx_alloc(size + 1, ngx_cycle->log);

    if (base) {
        n = ngx_read_file(&file, base, size, 0);

        if (n > 0) {
            ngx_http_soma_replay_segment(replay, base, n, &next->path);
        }

        ngx_free(base);
    }

    if (ngx_close_file(file.fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", &next->path);
    }
}


static void
ngx_http_soma_replay_segment(ngx_http_soma_replay_t *replay, u_char *base,
    size_t size, ngx_str_t *path)
{
    size_t                  torn;
    uint64_t                seq;
    soma_str_t              payload;
    const char             *error;
    soma_record_t           record;
    soma_segment_t          segment;
    soma_segment_cursor_t   cursor;
    ngx_http_soma_usage_t  *usage;

    usage = replay->main->zone->usage;

    if (soma_segment_open(&segment, base, size, &torn, &error) != SOMA_OK) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "soma: \"%V\" is not read back: %s", path, error);
        return;
    }

    cursor.pos = 0;

    while (soma_segment_next(&segment, &cursor, &seq, &payload) == SOMA_OK) {

        if (soma_record_decode(&record, payload.data, payload.len) != SOMA_OK
            || record.time < replay->from || record.time >= replay->before)
        {
            continue;
        }

        ngx_http_soma_metrics_lock(replay->main->shpool);
        soma_aggregate_table_add(usage->table, &record);
        ngx_http_soma_metrics_unlock(replay->main->shpool);

        replay->records++;
    }
}


static void
ngx_http_soma_replay_end(ngx_http_soma_replay_t *replay)
{
    ngx_http_soma_usage_t  *usage;

    usage = replay->main->zone->usage;

    if (replay->records) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "soma: %ui records of the journal read back into "
                      "/soma/usage", replay->records);
    }

    usage->replay = NGX_HTTP_SOMA_REPLAY_DONE;

    ngx_destroy_pool(replay->pool);
    replay->pool = NULL;
    replay->files.nelts = 0;
}
