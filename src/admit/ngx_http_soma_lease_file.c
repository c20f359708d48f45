
/*
 * Copyright (C) The ngx_soma authors
 *
 * What an instance owes Redis, in a file beside the ledger: when all of its
 * processes were killed at once, the next instance tells it, and returns
 * what was held, instead of waiting for the leases to expire with their use
 * untold.
 *
 * All workers map the file and hold a shared lock on it; who gets the
 * exclusive one has an orphan.  An entry has two copies of its numbers and
 * says which is whole: a kill between two stores leaves the other.
 */


#include "ngx_http_soma_lease.h"
#include "ngx_http_soma_redis.h"

#include <sys/file.h>
#include <sys/mman.h>


#define NGX_HTTP_SOMA_SAVED_MAX    4096     /* leases of an instance */
#define NGX_HTTP_SOMA_SAVED_LOOKS  64       /* for a free entry */
#define NGX_HTTP_SOMA_SAVED_NAME   400      /* bytes of a key */
#define NGX_HTTP_SOMA_SAVED_MAGIC  "soma leases 1\n"
#define NGX_HTTP_SOMA_SAVED_FILE   "leases-"


typedef struct {
    int64_t   used;
    int64_t   total;
    int64_t   since;
    uint64_t  ack;
    uint64_t  seq;
} ngx_http_soma_saved_copy_t;


typedef struct {
    uint32_t                     valid;
    uint32_t                     current;
    int64_t                      limit;
    uint16_t                     window;
    uint16_t                     len;
    ngx_http_soma_saved_copy_t   copy[2];
    u_char                       name[NGX_HTTP_SOMA_SAVED_NAME];
} ngx_http_soma_saved_entry_t;


typedef struct {
    u_char                       magic[16];
    ngx_http_soma_saved_entry_t  entry[NGX_HTTP_SOMA_SAVED_MAX];
} ngx_http_soma_saved_t;


/* an orphan that is being told */
typedef struct {
    int                          fd;
    ngx_http_soma_saved_t       *map;
    u_char                       instance[SOMA_LEASE_INSTANCE];
    ngx_uint_t                   next;
    ngx_uint_t                   outstanding;
    ngx_uint_t                   told;
    unsigned                     failed:1;
} ngx_http_soma_orphan_t;


static void ngx_http_soma_saved_path(u_char *path, const u_char *instance);
static ngx_http_soma_saved_t *ngx_http_soma_saved_map(int fd);
static ngx_http_soma_saved_entry_t *ngx_http_soma_saved_entry_locked(
    ngx_http_soma_quota_zone_t *zone, ngx_http_soma_leased_t *leased);
static ngx_int_t ngx_http_soma_orphan_take(const u_char *instance);
static ngx_int_t ngx_http_soma_orphan_next(void);
static ngx_int_t ngx_http_soma_orphan_send(ngx_http_soma_saved_entry_t *entry);
static void ngx_http_soma_orphan_told(void *data, redisReply *reply);
static void ngx_http_soma_orphan_done(void);


static ngx_http_soma_main_conf_t  *ngx_http_soma_saved_conf;
static ngx_http_soma_saved_t      *ngx_http_soma_saved;
static int                         ngx_http_soma_saved_fd = -1;
static ngx_http_soma_orphan_t      ngx_http_soma_orphan = { .fd = -1 };
static ngx_http_soma_script_t      ngx_http_soma_orphan_lua;


void
ngx_http_soma_lease_file_init(ngx_http_soma_main_conf_t *smcf)
{
    int                          fd, tries;
    u_char                       path[NGX_MAX_PATH];
    struct stat                  st;
    ngx_http_soma_quota_zone_t  *zone;

    ngx_http_soma_saved_conf = smcf;
    zone = smcf->zone->quota;

    if (ngx_http_soma_saved != NULL) {

        /* a reload in one process: the zone, and its file, are the same */

        return;
    }

    if (smcf->ledger.path.len == 0
        || smcf->ledger.path.len + sizeof(NGX_HTTP_SOMA_SAVED_FILE)
           + SOMA_LEASE_INSTANCE >= NGX_MAX_PATH)
    {
        return;
    }

    ngx_http_soma_orphan_lua.text = soma_lease_script;
    ngx_http_soma_saved_path(path, zone->instance);

    for (tries = 0; tries < 3; tries++) {
        fd = open((char *) path, O_RDWR|O_CREAT|O_CLOEXEC, 0600);

        if (fd == -1) {
            break;
        }

        /* who looked for orphans may have taken it for one just now */

        if (flock(fd, LOCK_SH) == 0 && fstat(fd, &st) == 0 && st.st_nlink != 0
            && posix_fallocate(fd, 0, sizeof(ngx_http_soma_saved_t)) == 0)
        {
            ngx_http_soma_saved_fd = fd;
            ngx_http_soma_saved = ngx_http_soma_saved_map(fd);
            break;
        }

        close(fd);
    }

    if (ngx_http_soma_saved == NULL) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, ngx_errno,
                      "soma quotas: \"%s\" cannot be used: what this node "
                      "used in its last seconds is not known to the next one "
                      "if it is killed", path);

        /* half of the workers' numbers would be worse than none */

        zone->unsaved = 1;
        return;
    }

    ngx_memcpy(ngx_http_soma_saved->magic, NGX_HTTP_SOMA_SAVED_MAGIC,
               sizeof(NGX_HTTP_SOMA_SAVED_MAGIC));
}


static void
ngx_http_soma_saved_path(u_char *path, const u_char *instance)
{
    (void) ngx_snprintf(path, NGX_MAX_PATH, "%V/" NGX_HTTP_SOMA_SAVED_FILE
                        "%*s%Z", &ngx_http_soma_saved_conf->ledger.path,
                        (size_t) SOMA_LEASE_INSTANCE, instance);
}


static ngx_http_soma_saved_t *
ngx_http_soma_saved_map(int fd)
{
    void  *p;

    p = mmap(NULL, sizeof(ngx_http_soma_saved_t), PROT_READ|PROT_WRITE,
             MAP_SHARED, fd, 0);

    return (p == MAP_FAILED) ? NULL : p;
}


void
ngx_http_soma_lease_save_locked(ngx_http_soma_quota_zone_t *zone,
    ngx_http_soma_leased_t *leased)
{
    uint32_t                      other;
    ngx_http_soma_saved_copy_t   *copy;
    ngx_http_soma_saved_entry_t  *entry;

    if (ngx_http_soma_saved == NULL) {
        return;
    }

    if (zone->unsaved) {
        ngx_http_soma_saved->magic[0] = '\0';
        return;
    }

    entry = ngx_http_soma_saved_entry_locked(zone, leased);

    if (entry == NULL) {
        return;
    }

    other = !entry->current;
    copy = &entry->copy[other];

    copy->used = leased->lease.used;
    copy->total = leased->lease.total;
    copy->since = leased->lease.since;
    copy->ack = leased->lease.ack;
    copy->seq = zone->seq;

    ngx_memory_barrier();

    entry->current = other;

    ngx_memory_barrier();

    entry->valid = 1;
}


static ngx_http_soma_saved_entry_t *
ngx_http_soma_saved_entry_locked(ngx_http_soma_quota_zone_t *zone,
    ngx_http_soma_leased_t *leased)
{
    ngx_uint_t                    i, n;
    ngx_http_soma_saved_entry_t  *entry;

    if (leased->saved != 0) {
        return &ngx_http_soma_saved->entry[leased->saved - 1];
    }

    if (leased->len > NGX_HTTP_SOMA_SAVED_NAME) {
        return NULL;
    }

    for (i = 0; i < NGX_HTTP_SOMA_SAVED_LOOKS; i++) {
        n = zone->save_next++ % NGX_HTTP_SOMA_SAVED_MAX;
        entry = &ngx_http_soma_saved->entry[n];

        if (entry->valid) {
            continue;
        }

        entry->limit = leased->state->limit;
        entry->window = leased->state->window;
        entry->len = leased->len;
        ngx_memcpy(entry->name, leased->name, leased->len);
        leased->saved = n + 1;

        return entry;
    }

    return NULL;
}


void
ngx_http_soma_lease_unsave_locked(ngx_http_soma_leased_t *leased)
{
    if (leased->saved != 0 && ngx_http_soma_saved != NULL) {
        ngx_http_soma_saved->entry[leased->saved - 1].valid = 0;
        leased->saved = 0;
    }
}


/* the last worker of an instance that has told all takes its file away */
void
ngx_http_soma_lease_file_exit(void)
{
    u_char      path[NGX_MAX_PATH];
    ngx_uint_t  i;

    if (ngx_http_soma_saved == NULL
        || flock(ngx_http_soma_saved_fd, LOCK_EX|LOCK_NB) == -1)
    {
        return;
    }

    for (i = 0; i < NGX_HTTP_SOMA_SAVED_MAX; i++) {
        if (ngx_http_soma_saved->entry[i].valid) {
            return;
        }
    }

    ngx_http_soma_saved_path(path, ((ngx_http_soma_quota_zone_t *)
                             ngx_http_soma_saved_conf->zone->quota)->instance);
    (void) unlink((char *) path);
}


/* looks for the file of an instance without processes, one at a time */
void
ngx_http_soma_lease_adopt(void)
{
    u_char                      *name;
    size_t                       prefix;
    ngx_dir_t                    dir;
    ngx_http_soma_quota_zone_t  *zone;

    if (ngx_http_soma_saved == NULL || !ngx_http_soma_redis_ready()) {
        return;
    }

    if (ngx_http_soma_orphan.fd != -1) {
        return;
    }

    zone = ngx_http_soma_saved_conf->zone->quota;
    prefix = sizeof(NGX_HTTP_SOMA_SAVED_FILE) - 1;

    if (ngx_open_dir(&ngx_http_soma_saved_conf->ledger.path, &dir)
        == NGX_ERROR)
    {
        return;
    }

    while (ngx_read_dir(&dir) == NGX_OK) {
        name = ngx_de_name(&dir);

        if (ngx_de_namelen(&dir) != prefix + SOMA_LEASE_INSTANCE
            || ngx_strncmp(name, NGX_HTTP_SOMA_SAVED_FILE, prefix) != 0
            || ngx_strncmp(name + prefix, zone->instance,
                           SOMA_LEASE_INSTANCE)
               == 0)
        {
            continue;
        }

        if (ngx_http_soma_orphan_take(name + prefix) == NGX_OK) {
            break;
        }
    }

    (void) ngx_close_dir(&dir);

    if (ngx_http_soma_orphan.fd != -1 && ngx_http_soma_orphan_next() != NGX_OK)
    {
        ngx_http_soma_orphan_done();
    }
}


static ngx_int_t
ngx_http_soma_orphan_take(const u_char *instance)
{
    int                      fd;
    u_char                   path[NGX_MAX_PATH];
    struct stat              st;
    ngx_http_soma_orphan_t  *o;

    o = &ngx_http_soma_orphan;

    ngx_http_soma_saved_path(path, instance);

    fd = open((char *) path, O_RDWR|O_CLOEXEC);
    if (fd == -1) {
        return NGX_DECLINED;
    }

    if (flock(fd, LOCK_EX|LOCK_NB) == -1 || fstat(fd, &st) == -1
        || st.st_nlink == 0)
    {
        close(fd);
        return NGX_DECLINED;
    }

    ngx_memzero(o, sizeof(ngx_http_soma_orphan_t));

    o->fd = fd;
    ngx_memcpy(o->instance, instance, SOMA_LEASE_INSTANCE);

    if ((size_t) st.st_size == sizeof(ngx_http_soma_saved_t)) {
        o->map = ngx_http_soma_saved_map(fd);
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

    if (o->map != NULL
        && ngx_strcmp(o->map->magic, NGX_HTTP_SOMA_SAVED_MAGIC) == 0)
    {
        while (o->outstanding < SOMA_LEASE_KEYS_MAX && !o->failed
               && o->next < NGX_HTTP_SOMA_SAVED_MAX)
        {
            entry = &o->map->entry[o->next++];

            if (!entry->valid || entry->len > NGX_HTTP_SOMA_SAVED_NAME
                || entry->window > SOMA_WINDOW_MONTH || entry->current > 1)
            {
                continue;
            }

            if (ngx_http_soma_orphan_send(entry) != NGX_OK) {
                o->failed = 1;
            }
        }
    }

    return (o->outstanding == 0) ? NGX_DONE : NGX_OK;
}


static ngx_int_t
ngx_http_soma_orphan_send(ngx_http_soma_saved_entry_t *entry)
{
    int                          argc;
    u_char                       ttl[NGX_INT64_LEN], seq[NGX_INT64_LEN];
    u_char                       numbers[SOMA_LEASE_ITEM_MAX];
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

    argc = 0;
    argv[argc] = (char *) entry->name;
    len[argc++] = entry->len;
    argv[argc] = (char *) ngx_http_soma_orphan.instance;
    len[argc++] = SOMA_LEASE_INSTANCE;
    argv[argc] = (char *) ttl;
    len[argc++] = ngx_sprintf(ttl, "%d", SOMA_LEASE_TTL_MS) - ttl;
    argv[argc] = (char *) seq;
    len[argc++] = ngx_sprintf(seq, "%uL", copy->seq + 1) - seq;
    argv[argc] = "0";
    len[argc++] = 1;

    soma_out_init(&out, numbers, sizeof(numbers));
    soma_lease_args(&out, &item, &argv[argc], &len[argc]);
    argc += SOMA_LEASE_ARGS;

    if (ngx_http_soma_redis_script(&ngx_http_soma_orphan_lua,
                                   ngx_http_soma_orphan_told, NULL, 1, argc,
                                   argv, len)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_soma_orphan.outstanding++;

    return NGX_OK;
}


/* told before, by one who did not hear the answer: that is as good */
static void
ngx_http_soma_orphan_told(void *data, redisReply *reply)
{
    ngx_http_soma_orphan_t  *o;

    (void) data;

    o = &ngx_http_soma_orphan;
    o->outstanding--;

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        o->failed = 1;

    } else {
        o->told++;
    }

    if (ngx_http_soma_orphan_next() == NGX_DONE) {
        ngx_http_soma_orphan_done();
    }
}


/* what could not be told is tried again, whole: the script knows the call */
static void
ngx_http_soma_orphan_done(void)
{
    u_char                   path[NGX_MAX_PATH];
    ngx_http_soma_orphan_t  *o;

    o = &ngx_http_soma_orphan;

    if (!o->failed) {
        ngx_http_soma_saved_path(path, o->instance);
        (void) unlink((char *) path);

        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "soma quotas: told what %ui leases of instance %*s, "
                      "which is gone, had used", o->told,
                      (size_t) SOMA_LEASE_INSTANCE, o->instance);
    }

    if (o->map != NULL) {
        (void) munmap(o->map, sizeof(ngx_http_soma_saved_t));
    }

    close(o->fd);
    o->fd = -1;
}
