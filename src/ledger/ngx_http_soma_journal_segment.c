
/*
 * Copyright (C) The ngx_soma authors
 *
 * Segment files: made, mapped, noted, removed.
 */


#include "ngx_http_soma_journal.h"


static int ngx_http_soma_segment_room(ngx_http_soma_segment_t *s, int fd);
static int ngx_http_soma_segment_open(ngx_http_soma_writer_t *writer,
    ngx_http_soma_segment_t *s, int flags);
static ngx_int_t ngx_http_soma_segment_aside(ngx_http_soma_writer_t *writer,
    ngx_http_soma_segment_t *s, const char *error);
static void ngx_http_soma_segment_keep(ngx_http_soma_writer_t *writer,
    ngx_http_soma_segment_t *s);
static ngx_uint_t ngx_http_soma_journal_damaged(void);
static ngx_uint_t ngx_http_soma_segment_zero(u_char *p, size_t size);
static ngx_int_t ngx_http_soma_segment_mmap(ngx_http_soma_writer_t *writer,
    ngx_http_soma_segment_t *s);


static int
ngx_http_soma_segment_open(ngx_http_soma_writer_t *writer,
    ngx_http_soma_segment_t *s, int flags)
{
    return ngx_http_soma_journal_open(
                   ngx_http_soma_journal_path(writer->id, s->number, ""),
                   flags);
}


/* room is taken from the disk now: a write to a mapped page that finds the
 * disk full would be the end of the process */
ngx_http_soma_segment_t *
ngx_http_soma_journal_segment_new(ngx_http_soma_writer_t *writer,
    uint64_t number)
{
    int                       fd, err;
    ngx_http_soma_segment_t  *s;

    s = ngx_calloc(sizeof(ngx_http_soma_segment_t),
                   ngx_http_soma_journal.log);
    if (s == NULL) {
        ngx_set_errno(NGX_ENOMEM);
        return NULL;
    }

    s->number = number;
    s->size = ngx_http_soma_journal.smcf->ledger.segment;

    fd = ngx_http_soma_segment_open(writer, s, O_RDWR|O_CREAT|O_EXCL);

    if (fd == -1) {
        err = ngx_errno;
        ngx_free(s);
        ngx_set_errno(err);
        return NULL;
    }

    err = ngx_http_soma_segment_room(s, fd);

    (void) close(fd);

    if (err) {
        (void) unlink((char *) ngx_http_soma_journal_path(writer->id, number,
                                                          ""));
        ngx_free(s);
        ngx_set_errno(err);
        return NULL;
    }

    return s;
}


/* 0, or an errno: a file without holes, mapped */
static int
ngx_http_soma_segment_room(ngx_http_soma_segment_t *s, int fd)
{
    int  err;

    err = posix_fallocate(fd, 0, (off_t) s->size);

    if (err != 0) {
        return err;
    }

    s->base = mmap(NULL, s->size, PROT_READ|PROT_WRITE, MAP_SHARED, fd, 0);

    if (s->base == MAP_FAILED) {
        s->base = NULL;
        return ngx_errno;
    }

    return 0;
}


/*
 * Written to the file, pages come into memory many at a time; written through
 * the map, each would be a fault of its own, of some 4 us.
 */
ngx_int_t
ngx_http_soma_journal_segment_warm(ngx_http_soma_writer_t *writer,
    ngx_http_soma_segment_t *s, size_t offset, size_t len)
{
    int      fd, err;
    ssize_t  n;

    static const u_char  zeros[NGX_HTTP_SOMA_JOURNAL_ZEROS];

    fd = ngx_http_soma_segment_open(writer, s, O_WRONLY);

    if (fd == -1) {
        return NGX_ERROR;
    }

    while (len > 0) {
        n = pwrite(fd, zeros, ngx_min(len, sizeof(zeros)), (off_t) offset);

        if (n <= 0) {
            err = ngx_errno;
            (void) close(fd);
            ngx_set_errno(err);
            return NGX_ERROR;
        }

        offset += (size_t) n;
        len -= (size_t) n;
    }

    (void) close(fd);

    return NGX_OK;
}


ngx_int_t
ngx_http_soma_journal_segment_map(ngx_http_soma_writer_t *writer,
    ngx_http_soma_segment_t *s)
{
    size_t       torn;
    ngx_int_t    rc;
    const char  *error;

    if (s->base) {
        return NGX_OK;
    }

    rc = ngx_http_soma_segment_mmap(writer, s);
    if (rc != NGX_OK) {
        return rc;
    }

    if (soma_segment_open(&s->segment, s->base, s->size, &torn, &error)
        != SOMA_OK)
    {
        if (ngx_http_soma_segment_zero(s->base, SOMA_SEGMENT_HEADER)) {
            ngx_http_soma_journal_segment_unmap(s);
            (void) unlink((char *) ngx_http_soma_journal_path(writer->id,
                                                              s->number, ""));
            return NGX_DECLINED;
        }

        return ngx_http_soma_segment_aside(writer, s, error);
    }

    s->first_seq = s->segment.first_seq;

    if (torn && !writer->own) {
        ngx_log_error(NGX_LOG_WARN, ngx_http_soma_journal.log, 0,
                      "soma ledger: \"%s\" has %uz bytes behind its last "
                      "whole record, number %uL",
                      ngx_http_soma_journal_path(writer->id, s->number, ""),
                      torn, s->segment.seq);

        if (soma_segment_damaged(&s->segment, torn)) {
            ngx_http_soma_segment_keep(writer, s);
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_segment_mmap(ngx_http_soma_writer_t *writer,
    ngx_http_soma_segment_t *s)
{
    int          fd;
    struct stat  sb;

    fd = ngx_http_soma_segment_open(writer, s, O_RDWR);

    if (fd == -1 || fstat(fd, &sb) == -1) {
        ngx_log_error(NGX_LOG_ALERT, ngx_http_soma_journal.log, ngx_errno,
                      "soma ledger: cannot open \"%s\"",
                      ngx_http_soma_journal_path(writer->id, s->number, ""));

        if (fd != -1) {
            (void) close(fd);
        }

        return NGX_ERROR;
    }

    if (sb.st_size < SOMA_SEGMENT_HEADER) {
        (void) close(fd);
        return ngx_http_soma_segment_aside(writer, s, "it is too short");
    }

    s->size = (size_t) sb.st_size;
    s->base = mmap(NULL, s->size, PROT_READ|PROT_WRITE, MAP_SHARED, fd, 0);

    (void) close(fd);

    if (s->base == MAP_FAILED) {
        s->base = NULL;
        ngx_log_error(NGX_LOG_ALERT, ngx_http_soma_journal.log, ngx_errno,
                      "soma ledger: cannot map \"%s\"",
                      ngx_http_soma_journal_path(writer->id, s->number, ""));
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* a second name for the file, which outlives its removal: nothing is copied,
 * and what is before the damage is shipped as ever */

static void
ngx_http_soma_segment_keep(ngx_http_soma_writer_t *writer,
    ngx_http_soma_segment_t *s)
{
    u_char      path[NGX_MAX_PATH + NGX_HTTP_SOMA_JOURNAL_NAME + 16], *aside;
    ngx_log_t  *log;

    log = ngx_http_soma_journal.log;

    ngx_cpystrn(path, ngx_http_soma_journal_path(writer->id, s->number, ""),
                sizeof(path));
    aside = ngx_http_soma_journal_path(writer->id, s->number, ".damaged");

    if (access((char *) aside, F_OK) == 0) {
        return;
    }

    if (ngx_http_soma_journal_damaged() >= NGX_HTTP_SOMA_JOURNAL_DAMAGED_MAX) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "soma ledger: \"%s\" is damaged and not put aside, for "
                      "there are %d *.damaged already: move them elsewhere, "
                      "and copy this one before it is removed", path,
                      NGX_HTTP_SOMA_JOURNAL_DAMAGED_MAX);
        return;
    }

    if (link((char *) path, (char *) aside) == -1) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                      "soma ledger: cannot put \"%s\" aside", path);
        return;
    }

    ngx_log_error(NGX_LOG_ERR, log, 0,
                  "soma ledger: \"%s\" is damaged behind record %uL: it is "
                  "kept as \"%s\"", path, s->segment.seq, aside);
}


/* how many there are: as many as are allowed when that cannot be told */

static ngx_uint_t
ngx_http_soma_journal_damaged(void)
{
    u_char      path[NGX_MAX_PATH + 1], *name;
    size_t      len;
    ngx_dir_t   dir;
    ngx_str_t   of;
    ngx_uint_t  n;

    static const char  suffix[] = ".damaged";

    of = ngx_http_soma_journal.smcf->ledger.path;
    ngx_cpystrn(path, of.data, ngx_min(of.len + 1, sizeof(path)));
    of.data = path;

    if (ngx_open_dir(&of, &dir) == NGX_ERROR) {
        return NGX_HTTP_SOMA_JOURNAL_DAMAGED_MAX;
    }

    n = 0;

    while (ngx_read_dir(&dir) == NGX_OK) {
        name = ngx_de_name(&dir);
        len = ngx_de_namelen(&dir);

        if (len >= sizeof(suffix)
            && ngx_memcmp(name + len - (sizeof(suffix) - 1), suffix,
                          sizeof(suffix) - 1)
               == 0)
        {
            n++;
        }
    }

    (void) ngx_close_dir(&dir);

    return n;
}


static ngx_int_t
ngx_http_soma_segment_aside(ngx_http_soma_writer_t *writer,
    ngx_http_soma_segment_t *s, const char *error)
{
    u_char  path[NGX_MAX_PATH + NGX_HTTP_SOMA_JOURNAL_NAME + 16];

    ngx_http_soma_journal_segment_unmap(s);

    ngx_cpystrn(path, ngx_http_soma_journal_path(writer->id, s->number, ""),
                sizeof(path));

    ngx_log_error(NGX_LOG_ERR, ngx_http_soma_journal.log, 0,
                  "soma ledger: \"%s\" cannot be read: %s; it is kept as "
                  "*.bad", path, error);

    (void) rename((char *) path,
                  (char *) ngx_http_soma_journal_path(writer->id, s->number,
                                                      ".bad"));

    return NGX_DECLINED;
}


static ngx_uint_t
ngx_http_soma_segment_zero(u_char *p, size_t size)
{
    while (size--) {
        if (*p++) {
            return 0;
        }
    }

    return 1;
}


void
ngx_http_soma_journal_segment_unmap(ngx_http_soma_segment_t *s)
{
    if (s->base) {
        (void) munmap(s->base, s->size);
        s->base = NULL;
    }
}


ngx_int_t
ngx_http_soma_journal_segment_peek(ngx_http_soma_writer_t *writer,
    ngx_http_soma_segment_t *s)
{
    int             fd;
    size_t          torn;
    ssize_t         n;
    uint64_t        header[SOMA_SEGMENT_HEADER / sizeof(uint64_t)];
    const char     *error;
    struct stat     sb;
    soma_segment_t  segment;

    fd = ngx_http_soma_segment_open(writer, s, O_RDONLY);
    if (fd == -1) {
        return NGX_DECLINED;
    }

    n = pread(fd, header, sizeof(header), 0);

    if (n == -1 || fstat(fd, &sb) == -1) {
        (void) close(fd);
        return NGX_DECLINED;
    }

    (void) close(fd);

    if (n != (ssize_t) sizeof(header)) {
        return ngx_http_soma_segment_aside(writer, s, "it is too short");
    }

    if (soma_segment_open(&segment, (u_char *) header, sizeof(header), &torn,
                          &error)
        != SOMA_OK)
    {
        if (ngx_http_soma_segment_zero((u_char *) header, sizeof(header))) {
            (void) unlink((char *) ngx_http_soma_journal_path(writer->id,
                                                              s->number, ""));
            return NGX_DECLINED;
        }

        return ngx_http_soma_segment_aside(writer, s, error);
    }

    s->first_seq = segment.first_seq;

    /* Redis had all of it, says a process before us: the file's time is of
     * that moment.  Without Redis it is of the last record, about */
    if (soma_segment_acked(&segment) == UINT64_MAX
        || !ngx_http_soma_journal.ships)
    {
        s->acked = sb.st_mtime;
    }

    return NGX_OK;
}


void
ngx_http_soma_journal_segment_drop(ngx_http_soma_writer_t *writer,
    ngx_http_soma_segment_t *s)
{
    ngx_http_soma_journal_segment_unmap(s);

    if (writer->at == s) {
        writer->at = NULL;
    }

    ngx_queue_remove(&s->queue);
    writer->nsegments--;

    ngx_free(s);
}


void
ngx_http_soma_journal_segment_remove(ngx_http_soma_writer_t *writer,
    ngx_http_soma_segment_t *s)
{
    if (unlink((char *) ngx_http_soma_journal_path(writer->id, s->number, ""))
        == -1)
    {
        ngx_log_error(NGX_LOG_ALERT, ngx_http_soma_journal.log, ngx_errno,
                      "soma ledger: cannot remove \"%s\"",
                      ngx_http_soma_journal_path(writer->id, s->number, ""));
    }

    ngx_http_soma_journal_segment_drop(writer, s);
}


void
ngx_http_soma_journal_segment_note(ngx_http_soma_writer_t *writer,
    ngx_http_soma_segment_t *s, uint64_t seq, ngx_uint_t whole)
{
    int              fd;
    u_char          *base;
    soma_segment_t   segment;

    if (!whole) {
        if (s->base) {
            soma_segment_ack(&s->segment, seq);
        }

        return;
    }

    s->acked = ngx_time();

    fd = ngx_http_soma_segment_open(writer, s, O_RDWR);
    if (fd == -1) {
        return;
    }

    base = s->base ? s->base : mmap(NULL, SOMA_SEGMENT_HEADER,
                                    PROT_READ|PROT_WRITE, MAP_SHARED, fd, 0);

    if (base != MAP_FAILED) {
        ngx_memzero(&segment, sizeof(soma_segment_t));
        segment.base = base;

        soma_segment_ack(&segment, UINT64_MAX);

        if (base != s->base) {
            (void) munmap(base, SOMA_SEGMENT_HEADER);
        }
    }

    (void) futimens(fd, NULL);
    (void) close(fd);
}


ngx_http_soma_segment_t *
ngx_http_soma_journal_segment_after(ngx_http_soma_writer_t *writer,
    ngx_http_soma_segment_t *s)
{
    ngx_queue_t  *q;

    q = s ? ngx_queue_next(&s->queue) : ngx_queue_head(&writer->segments);

    if (q == ngx_queue_sentinel(&writer->segments)) {
        return NULL;
    }

    return ngx_queue_data(q, ngx_http_soma_segment_t, queue);
}
