
/*
 * Copyright (C) The ngx_soma authors
 *
 * Files of instances that are gone.  What they say is told to Redis once for
 * all of it, and again whenever Redis may have lost it, as long as the day or
 * month lasts that it counts: the script knows a call that it has heard.
 */


#include "ngx_http_soma_lease_file.h"
#include "ngx_http_soma_redis.h"

#include <sys/file.h>
#include <sys/mman.h>


/* the one that is being told */
typedef struct {
    ngx_http_soma_main_conf_t   *smcf;
    ngx_http_soma_saved_t       *map;
    size_t                       size;
    int                          fd;
    u_char                       instance[SOMA_LEASE_INSTANCE];
    uint32_t                     losses;        /* when it began */
    ngx_uint_t                   n;             /* entries */
    ngx_uint_t                   next;
    ngx_uint_t                   outstanding;
    ngx_uint_t                   told;
    unsigned                     failed:1;
} ngx_http_soma_orphan_t;


static ngx_int_t ngx_http_soma_orphan_find(void);
static ngx_uint_t ngx_http_soma_orphan_due(ngx_http_soma_quota_zone_t *zone,
    const u_char *instance);
static ngx_http_soma_gone_t *ngx_http_soma_orphan_gone(
    ngx_http_soma_quota_zone_t *zone, const u_char *instance);
static ngx_int_t ngx_http_soma_orphan_take(const u_char *instance);
static ngx_int_t ngx_http_soma_orphan_next(void);
static ngx_int_t ngx_http_soma_orphan_send(ngx_http_soma_saved_entry_t *entry);
static void ngx_http_soma_orphan_told(void *data, redisReply *reply);
static void ngx_http_soma_orphan_entry(ngx_http_soma_saved_entry_t *entry,
    redisReply *reply);
static void ngx_http_soma_orphan_done(void);
static ngx_uint_t ngx_http_soma_orphan_shrink(void);
static void ngx_http_soma_orphan_mark(void);
static void ngx_http_soma_orphan_remove(const u_char *instance);


static ngx_http_soma_orphan_t  ngx_http_soma_orphan = { .fd = -1 };


/* one at a time; the next one when that is told */
void
ngx_http_soma_lease_orphan_look(ngx_http_soma_main_conf_t *smcf)
{
    ngx_http_soma_orphan_t  *o;

    o = &ngx_http_soma_orphan;

    if (!ngx_http_soma_lease_file_set() || o->fd != -1 || ngx_exiting) {
        return;
    }

    o->smcf = smcf;

    while (ngx_http_soma_redis_ready()
           && ngx_http_soma_orphan_find() == NGX_OK)
    {
        if (ngx_http_soma_orphan_next() == NGX_OK) {
            return;
        }

        ngx_http_soma_orphan_done();

        if (o->failed) {
            return;
        }
    }
}


static ngx_int_t
ngx_http_soma_orphan_find(void)
{
    u_char                      *name;
    size_t                       prefix;
    ngx_int_t                    rc;
    ngx_dir_t                    dir;
    ngx_http_soma_main_conf_t   *smcf;
    ngx_http_soma_quota_zone_t  *zone;

    smcf = ngx_http_soma_orphan.smcf;
    zone = smcf->zone->quota;
    prefix = sizeof(NGX_HTTP_SOMA_SAVED_FILE) - 1;
    rc = NGX_DECLINED;

    if (ngx_open_dir(&smcf->ledger.path, &dir) == NGX_ERROR) {
        return NGX_DECLINED;
    }

    while (rc != NGX_OK && ngx_read_dir(&dir) == NGX_OK) {
        name = ngx_de_name(&dir);

        if (ngx_de_namelen(&dir) == prefix + SOMA_LEASE_INSTANCE
            && ngx_strncmp(name, NGX_HTTP_SOMA_SAVED_FILE, prefix) == 0
            && ngx_http_soma_orphan_due(zone, name + prefix))
        {
            rc = ngx_http_soma_orphan_take(name + prefix);
        }
    }

    (void) ngx_close_dir(&dir);

    return rc;
}


static ngx_uint_t
ngx_http_soma_orphan_due(ngx_http_soma_quota_zone_t *zone,
    const u_char *instance)
{
    ngx_http_soma_gone_t  *gone;

    if (ngx_memcmp(instance, zone->instance, SOMA_LEASE_INSTANCE) == 0) {
        return 0;
    }

    gone = ngx_http_soma_orphan_gone(zone, instance);

    return gone == NULL || gone->told != zone->losses;
}


static ngx_http_soma_gone_t *
ngx_http_soma_orphan_gone(ngx_http_soma_quota_zone_t *zone,
    const u_char *instance)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_SOMA_ORPHANS_MAX; i++) {
        if (ngx_memcmp(zone->gone[i].instance, instance, SOMA_LEASE_INSTANCE)
            == 0)
        {
            return &zone->gone[i];
        }
    }

    return NULL;
}


/* its processes are gone if nobody holds its lock */
static ngx_int_t
ngx_http_soma_orphan_take(const u_char *instance)
{
    int                      fd;
    u_char                   path[NGX_MAX_PATH];
    size_t                   size;
    struct stat              st;
    ngx_http_soma_orphan_t  *o;

    o = &ngx_http_soma_orphan;

    ngx_http_soma_lease_file_path(o->smcf, path, instance);

    fd = open((char *) path, O_RDWR|O_CLOEXEC|O_NOFOLLOW|O_NONBLOCK);
    if (fd == -1) {
        return NGX_DECLINED;
    }

    if (flock(fd, LOCK_EX|LOCK_NB) == -1 || fstat(fd, &st) == -1
        || st.st_nlink == 0 || !S_ISREG(st.st_mode)
        || (st.st_mode & (S_IWGRP|S_IWOTH)))
    {
        close(fd);
        return NGX_DECLINED;
    }

    o->fd = fd;
    o->map = NULL;
    o->n = 0;
    o->next = 0;
    o->outstanding = 0;
    o->told = 0;
    o->failed = 0;
    o->losses = ((ngx_http_soma_quota_zone_t *) o->smcf->zone->quota)->losses;
    ngx_memcpy(o->instance, instance, SOMA_LEASE_INSTANCE);

    size = (size_t) st.st_size;

    if (size >= ngx_http_soma_saved_size(1)
        && size <= sizeof(ngx_http_soma_saved_t))
    {
        o->size = size;
        o->map = ngx_http_soma_lease_file_map(fd, size);
    }

    if (o->map != NULL
        && ngx_strcmp(o->map->magic, NGX_HTTP_SOMA_SAVED_MAGIC) == 0)
    {
        o->n = (size - ngx_http_soma_saved_size(0))
               / sizeof(ngx_http_soma_saved_entry_t);
    }

    return NGX_OK;
}


/* sends what is next; NGX_DONE: nothing is left and nothing is on its way */
static ngx_int_t
ngx_http_soma_orphan_next(void)
{
    ngx_http_soma_orphan_t       *o;
    ngx_http_soma_saved_entry_t  *entry;

    o = &ngx_http_soma_orphan;

    while (o->outstanding < SOMA_LEASE_KEYS_MAX && !o->failed
           && o->next < o->n)
    {
        entry = &o->map->entry[o->next++];

        if (!entry->valid || entry->len > NGX_HTTP_SOMA_SAVED_NAME
            || entry->window >= SOMA_WINDOWS || entry->current > 1)
        {
            entry->valid = 0;
            continue;
        }

        if (ngx_http_soma_orphan_send(entry) != NGX_OK) {
            o->failed = 1;
        }
    }

    return (o->outstanding == 0) ? NGX_DONE : NGX_OK;
}


static ngx_int_t
ngx_http_soma_orphan_send(ngx_http_soma_saved_entry_t *entry)
{
    int                          argc;
    u_char                       numbers[SOMA_LEASE_FIXED_MAX
                                         + SOMA_LEASE_ITEM_MAX];
    size_t                       len[SOMA_LEASE_FIXED + SOMA_LEASE_ARGS + 1];
    soma_out_t                   out;
    const char                  *argv[SOMA_LEASE_FIXED + SOMA_LEASE_ARGS + 1];
    soma_lease_item_t            item;
    ngx_http_soma_saved_copy_t  *copy;

    copy = &entry->copy[entry->current];

    ngx_memzero(&item, sizeof(soma_lease_item_t));

    item.window = entry->window;
    item.limit = entry->limit;
    item.state = SOMA_LEASE_NEW;
    item.ack = copy->ack;
    item.used = copy->used;
    item.total = copy->total;
    item.since = copy->since;
    ngx_memcpy(item.edge, copy->edge, sizeof(item.edge));

    argc = 0;
    argv[argc] = (char *) entry->name;
    len[argc++] = entry->len;

    soma_put_init(&out, numbers, sizeof(numbers));
    soma_lease_fixed(&out, ngx_http_soma_orphan.instance, copy->seq + 1, 0,
                     &argv[argc], &len[argc]);
    argc += SOMA_LEASE_FIXED;
    soma_lease_args(&out, &item, &argv[argc], &len[argc]);
    argc += SOMA_LEASE_ARGS;

    if (ngx_http_soma_redis_script(&ngx_http_soma_lease_lua,
                                   ngx_http_soma_orphan_told, entry, 1, argc,
                                   argv, len)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_soma_orphan.outstanding++;

    return NGX_OK;
}


static void
ngx_http_soma_orphan_told(void *data, redisReply *reply)
{
    ngx_http_soma_orphan_t  *o;

    o = &ngx_http_soma_orphan;
    o->outstanding--;

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY
        || reply->elements != SOMA_LEASE_ANSWERS
        || reply->element[0]->type != REDIS_REPLY_INTEGER
        || reply->element[1]->type != REDIS_REPLY_INTEGER)
    {
        o->failed = 1;

    } else {
        o->told++;
        ngx_http_soma_orphan_entry(data, reply);
    }

    if (ngx_http_soma_orphan_next() != NGX_DONE) {
        return;
    }

    ngx_http_soma_orphan_done();

    if (!o->failed) {
        ngx_http_soma_lease_orphan_look(o->smcf);
    }
}


/* told before, by one who did not hear the answer: that is as good */
static void
ngx_http_soma_orphan_entry(ngx_http_soma_saved_entry_t *entry,
    redisReply *reply)
{
    int64_t                      applied, since;
    ngx_http_soma_saved_copy_t  *copy;

    copy = &entry->copy[entry->current];
    applied = reply->element[0]->integer;
    since = reply->element[1]->integer;

    if (applied && copy->since == 0) {

        /* it was used before Redis had said in which window */

        copy->since = since;
    }

    if ((applied && since != copy->since)
        || !ngx_http_soma_lease_file_lasts(entry))
    {
        entry->valid = 0;
    }
}


/* what could not be told is tried again, whole */
static void
ngx_http_soma_orphan_done(void)
{
    ngx_http_soma_orphan_t  *o;

    o = &ngx_http_soma_orphan;

    if (!o->failed) {

        if (ngx_http_soma_orphan_shrink() == 0) {
            ngx_http_soma_orphan_remove(o->instance);
        }

        ngx_http_soma_orphan_mark();
    }

    if (o->map != NULL) {
        (void) munmap(o->map, o->size);
    }

    close(o->fd);
    o->fd = -1;
}


/* how many entries stay */
static ngx_uint_t
ngx_http_soma_orphan_shrink(void)
{
    ngx_uint_t               i, n;
    ngx_http_soma_orphan_t  *o;

    o = &ngx_http_soma_orphan;

    for (i = 0, n = 0; i < o->n; i++) {

        if (!o->map->entry[i].valid) {
            continue;
        }

        /* two of the same are told as one, should this end here */

        if (i != n) {
            o->map->entry[n] = o->map->entry[i];
            ngx_memory_barrier();
            o->map->entry[i].valid = 0;
        }

        n++;
    }

    if (n != 0 && n != o->n
        && ftruncate(o->fd, ngx_http_soma_saved_size(n)) == -1)
    {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                      "soma quotas: ftruncate() of the leases of instance "
                      "%*s failed", (size_t) SOMA_LEASE_INSTANCE,
                      o->instance);
    }

    return n;
}


static void
ngx_http_soma_orphan_mark(void)
{
    u_char                       old[SOMA_LEASE_INSTANCE];
    ngx_uint_t                   first;
    ngx_slab_pool_t             *shpool;
    ngx_http_soma_gone_t        *gone;
    ngx_http_soma_orphan_t      *o;
    ngx_http_soma_quota_zone_t  *zone;

    o = &ngx_http_soma_orphan;
    zone = o->smcf->zone->quota;
    shpool = o->smcf->shpool;

    ngx_shmtx_lock(&shpool->mutex);

    gone = ngx_http_soma_orphan_gone(zone, o->instance);
    first = (gone == NULL);

    if (first) {
        gone = &zone->gone[zone->gone_next++ % NGX_HTTP_SOMA_ORPHANS_MAX];
    }

    ngx_memcpy(old, gone->instance, SOMA_LEASE_INSTANCE);
    ngx_memcpy(gone->instance, o->instance, SOMA_LEASE_INSTANCE);
    gone->told = o->losses;

    ngx_shmtx_unlock(&shpool->mutex);

    if (!first) {
        return;
    }

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "soma quotas: told what %ui leases of instance %*s, which "
                  "is gone, had used", o->told, (size_t) SOMA_LEASE_INSTANCE,
                  o->instance);

    if (old[0] != '\0') {
        ngx_http_soma_orphan_remove(old);
    }
}


static void
ngx_http_soma_orphan_remove(const u_char *instance)
{
    u_char  path[NGX_MAX_PATH];

    ngx_http_soma_lease_file_path(ngx_http_soma_orphan.smcf, path, instance);
    (void) unlink((char *) path);
}
