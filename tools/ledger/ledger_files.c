
/*
 * Copyright (C) The ngx_soma authors
 *
 * The journals' files.  Everything is opened to be read, nothing is locked:
 * a gateway that writes meanwhile does not notice.
 */


#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger.h"
#include "soma_aggregate.h"


#define LEDGER_FILES_ROOM   64
#define LEDGER_BAD          ".bad"


static int ledger_directory(ledger_files_t *files, const char *path,
    const ledger_file_t *before);
static int ledger_entry(ledger_files_t *files, const char *dir,
    const char *name, const ledger_file_t *before);
static int ledger_before(ledger_files_t *files);
static int ledger_file(ledger_files_t *files, char *path, const char *name,
    int given);
static int ledger_header(ledger_file_t *file);
static int ledger_cmp(const void *a, const void *b);
static int ledger_each_file(const ledger_file_t *file,
    const ledger_opt_t *opt, uint64_t *last, ledger_record_pt callback,
    void *data, ledger_each_t *each);


int
ledger_files(ledger_files_t *files, const ledger_opt_t *opt)
{
    int           rc;
    size_t        i, n;
    unsigned      p;
    char         *path;
    struct stat   sb;

    memset(files, 0, sizeof(ledger_files_t));

    for (p = 0; p < opt->npaths; p++) {

        if (stat(opt->paths[p], &sb) == -1) {
            return ledger_error("%s: %s", opt->paths[p], strerror(errno));
        }

        if (S_ISDIR(sb.st_mode)) {
            rc = ledger_directory(files, opt->paths[p], NULL);

        } else {
            path = ledger_alloc(NULL, strlen(opt->paths[p]) + 1);
            strcpy(path, opt->paths[p]);
            rc = ledger_file(files, path, strrchr(path, '/')
                             ? strrchr(path, '/') + 1 : path, 1);

            if (rc == LEDGER_OK && opt->before) {
                rc = ledger_before(files);
            }
        }

        if (rc != LEDGER_OK) {
            return rc;
        }
    }

    for (i = 0, n = 0; i < files->n; i++) {

        rc = ledger_header(&files->file[i]);

        if (rc == SOMA_ERROR) {
            return LEDGER_TROUBLE;
        }

        if (rc == SOMA_DECLINED
            || (opt->writer.len
                && memcmp(files->file[i].writer, opt->writer.data,
                          SOMA_WRITER_LEN) != 0))
        {
            free(files->file[i].path);
            continue;
        }

        files->file[n++] = files->file[i];
    }

    files->n = n;

    if (n) {
        qsort(files->file, n, sizeof(ledger_file_t), ledger_cmp);
    }

    return LEDGER_OK;
}


/* the segments of the same writer before the file that was added last */
static int
ledger_before(ledger_files_t *files)
{
    int             rc;
    char           *dir;
    ledger_file_t   file;

    file = files->file[files->n - 1];

    if (!file.named) {
        return LEDGER_OK;
    }

    dir = ledger_alloc(NULL, strlen(file.path) + 2);
    strcpy(dir, file.path);
    *(strrchr(dir, '/') ? strrchr(dir, '/') : dir) = '\0';

    rc = ledger_directory(files, strchr(file.path, '/') ? dir : ".", &file);
    free(dir);

    return rc;
}


/* "before": only what is of its writer, and older */
static int
ledger_directory(ledger_files_t *files, const char *path,
    const ledger_file_t *before)
{
    int             rc;
    DIR            *dir;
    struct dirent  *entry;

    dir = opendir(path);

    if (dir == NULL) {
        return ledger_error("%s: %s", path, strerror(errno));
    }

    for (rc = LEDGER_OK; rc == LEDGER_OK; ) {

        errno = 0;
        entry = readdir(dir);

        if (entry == NULL) {
            if (errno) {
                rc = ledger_error("%s: %s", path, strerror(errno));
            }

            break;
        }

        rc = ledger_entry(files, path, entry->d_name, before);
    }

    (void) closedir(dir);

    return rc;
}


/* what is none of the journal's names is passed over */
static int
ledger_entry(ledger_files_t *files, const char *dir, const char *name,
    const ledger_file_t *before)
{
    char        *path;
    size_t       len, suffix;
    uint64_t     number;
    soma_str_t   s, writer;

    s.data = (unsigned char *) name;
    s.len = strlen(name);
    suffix = sizeof(LEDGER_BAD) - 1;

    if (s.len > suffix && strcmp(name + s.len - suffix, LEDGER_BAD) == 0) {
        s.len -= suffix;
    }

    if (soma_segment_parse_name(s, &writer, &number) != SOMA_OK
        || (before
            && (number >= before->number
                || memcmp(writer.data, before->writer, SOMA_WRITER_LEN)
                   != 0)))
    {
        return LEDGER_OK;
    }

    len = strlen(dir);
    path = ledger_alloc(NULL, len + 1 + strlen(name) + 1);

    memcpy(path, dir, len);
    path[len] = '/';
    strcpy(path + len + 1, name);

    return ledger_file(files, path, path + len + 1, 0);
}


static int
ledger_file(ledger_files_t *files, char *path, const char *name, int given)
{
    soma_str_t      s, writer;
    ledger_file_t  *file;

    if (files->n == LEDGER_FILES_MAX) {
        return ledger_error("more than %d segments: name fewer directories",
                            LEDGER_FILES_MAX);
    }

    if (files->n == files->room) {
        files->room = files->room ? files->room * 2 : LEDGER_FILES_ROOM;
        files->file = ledger_alloc(files->file,
                                   files->room * sizeof(ledger_file_t));
    }

    file = &files->file[files->n++];
    memset(file, 0, sizeof(ledger_file_t));
    file->path = path;

    s.data = (unsigned char *) name;
    s.len = strlen(name);

    if (!given && strcmp(name + s.len - (sizeof(LEDGER_BAD) - 1), LEDGER_BAD)
                  == 0)
    {
        s.len -= sizeof(LEDGER_BAD) - 1;
        file->state = LEDGER_ASIDE;
    }

    if (soma_segment_parse_name(s, &writer, &file->number) == SOMA_OK) {
        memcpy(file->writer, writer.data, SOMA_WRITER_LEN);
        file->named = 1;
    }

    return LEDGER_OK;
}


/* SOMA_DECLINED: it was removed meanwhile, as a gateway does in time */
static int
ledger_header(ledger_file_t *file)
{
    int              rc;
    size_t           i;
    ledger_map_t     map;
    soma_segment_t  *segment;

    if (file->state == LEDGER_ASIDE) {
        return SOMA_OK;
    }

    rc = ledger_map(file, &map);

    if (rc != SOMA_OK) {
        return rc;
    }

    file->size = map.size;

    if (map.error != NULL) {

        for (i = 0; i < map.size && map.base[i] == 0; i++) { /* void */ }

        file->state = map.size && i == map.size ? LEDGER_UNUSED
                                                : LEDGER_BROKEN;
        file->error = map.error;
        ledger_unmap(&map);

        return SOMA_OK;
    }

    segment = &map.segment;

    file->misnamed = file->named
                     && (file->number != segment->number
                         || memcmp(file->writer, segment->writer,
                                   SOMA_WRITER_LEN) != 0);
    file->number = segment->number;
    file->first_seq = segment->first_seq;
    memcpy(file->writer, segment->writer, SOMA_WRITER_LEN);

    ledger_unmap(&map);

    return SOMA_OK;
}


static int
ledger_cmp(const void *a, const void *b)
{
    int                   rc;
    const ledger_file_t  *x, *y;

    x = a;
    y = b;
    rc = memcmp(x->writer, y->writer, SOMA_WRITER_LEN);

    if (rc != 0) {
        return rc;
    }

    if (x->number != y->number) {
        return x->number < y->number ? -1 : 1;
    }

    return strcmp(x->path, y->path);
}


int
ledger_same_writer(const ledger_files_t *files, size_t i)
{
    return i > 0 && memcmp(files->file[i].writer, files->file[i - 1].writer,
                           SOMA_WRITER_LEN) == 0;
}


int
ledger_map(const ledger_file_t *file, ledger_map_t *map)
{
    int          fd, err;
    size_t       torn;
    struct stat  sb;

    memset(map, 0, sizeof(ledger_map_t));

    fd = open(file->path, O_RDONLY|O_CLOEXEC);

    if (fd == -1) {

        if (errno == ENOENT) {
            return SOMA_DECLINED;
        }

        (void) ledger_error("%s: %s", file->path, strerror(errno));
        return SOMA_ERROR;
    }

    if (fstat(fd, &sb) == -1 || !S_ISREG(sb.st_mode)) {
        (void) close(fd);
        (void) ledger_error("%s: it is no file", file->path);
        return SOMA_ERROR;
    }

    if (sb.st_size > (off_t) LEDGER_SEGMENT_MAX) {
        (void) close(fd);
        (void) ledger_error("%s: it is larger than any segment", file->path);
        return SOMA_ERROR;
    }

    map->size = (size_t) sb.st_size;

    if (map->size < SOMA_SEGMENT_HEADER) {
        map->error = "the file is shorter than a segment's header";
    }

    if (map->size != 0) {
        map->base = mmap(NULL, map->size, PROT_READ, MAP_SHARED, fd, 0);
        err = errno;

        if (map->base == MAP_FAILED) {
            (void) close(fd);
            (void) ledger_error("%s: %s", file->path, strerror(err));
            return SOMA_ERROR;
        }
    }

    (void) close(fd);

    /* the header alone: the walk is the caller's */

    if (map->error == NULL
        && soma_segment_open(&map->segment, map->base, SOMA_SEGMENT_HEADER,
                             &torn, &map->error)
           == SOMA_OK)
    {
        map->segment.size = map->size;
    }

    return SOMA_OK;
}


void
ledger_unmap(ledger_map_t *map)
{
    if (map->base) {
        (void) munmap(map->base, map->size);
        map->base = NULL;
    }
}


/*
 * Records that came while we looked behind the last one would look like
 * damage: they do not when looked at again.
 */
soma_check_e
ledger_walk(const ledger_map_t *map, soma_check_t *check)
{
    size_t    at;
    unsigned  n;

    soma_segment_check(&map->segment, check);

    for (n = 0; check->kind != SOMA_CHECK_CLEAN; n++) {

        at = check->at;
        soma_segment_check(&map->segment, check);

        if (check->at == at) {
            break;
        }

        if (n == LEDGER_WALKS_MAX) {
            check->kind = SOMA_CHECK_CLEAN;
        }
    }

    return check->kind;
}


int
ledger_each(const ledger_files_t *files, const ledger_opt_t *opt,
    ledger_record_pt callback, void *data, ledger_each_t *each)
{
    size_t    i;
    uint64_t  last;

    memset(each, 0, sizeof(ledger_each_t));
    last = 0;

    for (i = 0; i < files->n; i++) {

        if (!ledger_same_writer(files, i)) {
            last = 0;
        }

        if (files->file[i].state == LEDGER_ASIDE
            || files->file[i].state == LEDGER_BROKEN)
        {
            each->damaged++;
        }

        if (files->file[i].state == LEDGER_SEGMENT
            && ledger_each_file(&files->file[i], opt, &last, callback, data,
                                each)
               != LEDGER_OK)
        {
            return LEDGER_TROUBLE;
        }
    }

    return LEDGER_OK;
}


static int
ledger_each_file(const ledger_file_t *file, const ledger_opt_t *opt,
    uint64_t *last, ledger_record_pt callback, void *data,
    ledger_each_t *each)
{
    int                    rc;
    soma_str_t             payload;
    ledger_map_t           map;
    ledger_record_t        record;
    soma_check_t           check;
    soma_segment_cursor_t  cursor;

    rc = ledger_map(file, &map);

    if (rc != SOMA_OK) {
        return rc == SOMA_DECLINED ? LEDGER_OK : LEDGER_TROUBLE;
    }

    memset(&cursor, 0, sizeof(soma_segment_cursor_t));
    record.file = file;
    rc = SOMA_OK;

    while (rc == SOMA_OK && map.error == NULL
           && soma_segment_next(&map.segment, &cursor, &record.seq, &payload)
              == SOMA_OK)
    {
        if (record.seq <= *last) {
            each->twice++;
            continue;
        }

        *last = record.seq;

        if (soma_record_decode(&record.record, payload.data, payload.len)
            != SOMA_OK)
        {
            each->bad++;
            continue;
        }

        if ((opt->tenant.len
             && !soma_str_eq(opt->tenant, record.record.tenant))
            || (opt->has_day
                && soma_aggregate_day_of(record.record.time) != opt->day))
        {
            continue;
        }

        rc = callback(data, &record);
    }

    if (rc == SOMA_OK && map.error == NULL
        && ledger_walk(&map, &check) == SOMA_CHECK_DAMAGED)
    {
        each->damaged++;
    }

    ledger_unmap(&map);

    return rc == SOMA_OK ? LEDGER_OK : LEDGER_TROUBLE;
}
