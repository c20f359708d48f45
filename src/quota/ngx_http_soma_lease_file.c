
/*
 * Copyright (C) The ngx_soma authors
 *
 * What an instance owes Redis, and what it used in windows that last, in a
 * file beside the ledger: when its processes are gone the next instance tells
 * it, and returns what was held, instead of waiting for the leases to expire
 * with their use untold.
 *
 * All workers map the file and hold a shared lock on it; who gets the
 * exclusive one has an orphan.  An entry has two copies of its numbers and
 * says which is whole: a kill between two stores leaves the other.
 */


#include "ngx_http_soma_lease_file.h"

#include <sys/file.h>
#include <sys/mman.h>


#define NGX_HTTP_SOMA_SAVED_LOOKS  64       /* for a free entry */
#define NGX_HTTP_SOMA_SAVED_LATE   3600000LL    /* ms, of clocks that differ */


static ngx_http_soma_saved_entry_t *ngx_http_soma_saved_entry_locked(
    ngx_http_soma_quota_zone_t *zone, ngx_http_soma_leased_t *leased);
static ngx_int_t ngx_http_soma_saved_free_locked(
    ngx_http_soma_quota_zone_t *zone, ngx_uint_t n);


static ngx_http_soma_main_conf_t  *ngx_http_soma_saved_conf;
static ngx_http_soma_saved_t      *ngx_http_soma_saved;
static int                         ngx_http_soma_saved_fd = -1;


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

    ngx_http_soma_lease_file_path(smcf, path, zone->instance);

    for (tries = 0; tries < 3; tries++) {
        fd = open((char *) path, O_RDWR|O_CREAT|O_CLOEXEC|O_NOFOLLOW, 0600);

        if (fd == -1) {
            break;
        }

        /* who looked for orphans may have taken it for one just now */

        if (flock(fd, LOCK_SH) == 0 && fstat(fd, &st) == 0 && st.st_nlink != 0
            && posix_fallocate(fd, 0, sizeof(ngx_http_soma_saved_t)) == 0)
        {
            ngx_http_soma_saved_fd = fd;
            ngx_http_soma_saved = ngx_http_soma_lease_file_map(fd,
                                                sizeof(ngx_http_soma_saved_t));
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


ngx_uint_t
ngx_http_soma_lease_file_set(void)
{
    return ngx_http_soma_saved != NULL;
}


void
ngx_http_soma_lease_file_path(ngx_http_soma_main_conf_t *smcf, u_char *path,
    const u_char *instance)
{
    (void) ngx_snprintf(path, NGX_MAX_PATH, "%V/" NGX_HTTP_SOMA_SAVED_FILE
                        "%*s%Z", &smcf->ledger.path,
                        (size_t) SOMA_LEASE_INSTANCE, instance);
}


ngx_http_soma_saved_t *
ngx_http_soma_lease_file_map(int fd, size_t size)
{
    void  *p;

    p = mmap(NULL, size, PROT_READ|PROT_WRITE, MAP_SHARED, fd, 0);

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
    ngx_memcpy(copy->edge, leased->lease.edge, sizeof(copy->edge));
    copy->ack = leased->lease.ack;
    copy->seq = zone->seq;

    /* a kill stops between two stores of this process: in their order they
     * have to be made, and the processor need not wait for it */

    __atomic_signal_fence(__ATOMIC_SEQ_CST);

    entry->current = other;

    __atomic_signal_fence(__ATOMIC_SEQ_CST);

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

    if (zone->saved_by == NULL) {
        zone->saved_by = ngx_slab_calloc_locked(
                                 ngx_http_soma_saved_conf->shpool,
                                 NGX_HTTP_SOMA_SAVED_MAX
                                 * sizeof(ngx_http_soma_leased_t *));
        if (zone->saved_by == NULL) {
            return NULL;
        }
    }

    for (i = 0; i < NGX_HTTP_SOMA_SAVED_LOOKS; i++) {
        n = zone->save_next++ % NGX_HTTP_SOMA_SAVED_MAX;
        entry = &ngx_http_soma_saved->entry[n];

        if (entry->valid
            && ngx_http_soma_saved_free_locked(zone, n) != NGX_OK)
        {
            continue;
        }

        zone->saved_by[n] = leased;
        entry->spare = 0;
        entry->limit = leased->state->limit;
        entry->window = leased->state->window;
        entry->len = leased->len;
        ngx_memcpy(entry->name, leased->name, leased->len);
        leased->saved = n + 1;

        return entry;
    }

    return NULL;
}


/* of a window that has ended, by a lease that nobody asked for since; whose
 * it is stands in the zone, for a file may be written by others */
static ngx_int_t
ngx_http_soma_saved_free_locked(ngx_http_soma_quota_zone_t *zone,
    ngx_uint_t n)
{
    ngx_http_soma_leased_t       *leased;
    ngx_http_soma_saved_entry_t  *entry;

    entry = &ngx_http_soma_saved->entry[n];
    leased = zone->saved_by[n];

    if (leased == NULL) {
        entry->valid = 0;
        return NGX_OK;
    }

    if (leased->active || ngx_http_soma_lease_file_lasts(entry)) {
        return NGX_DECLINED;
    }

    ngx_http_soma_lease_unsave_locked(leased);

    return NGX_OK;
}


ngx_uint_t
ngx_http_soma_lease_file_lasts(ngx_http_soma_saved_entry_t *entry)
{
    int64_t                      now;
    ngx_http_soma_saved_copy_t  *copy;

    copy = &entry->copy[entry->current & 1];

    if (copy->total <= 0 || copy->since <= 0) {
        return 0;
    }

    now = (int64_t) ngx_time() * 1000;

    return now < soma_lease_end(copy->edge, copy->since)
                 + NGX_HTTP_SOMA_SAVED_LATE;
}


void
ngx_http_soma_lease_unsave_locked(ngx_http_soma_leased_t *leased)
{
    ngx_http_soma_quota_zone_t  *zone;

    if (leased->saved != 0 && ngx_http_soma_saved != NULL) {
        zone = ngx_http_soma_saved_conf->zone->quota;

        ngx_http_soma_saved->entry[leased->saved - 1].valid = 0;
        zone->saved_by[leased->saved - 1] = NULL;
        leased->saved = 0;
    }
}


/* the last worker of an instance whose use nobody has to tell again takes its
 * file away */
void
ngx_http_soma_lease_file_exit(void)
{
    u_char                       path[NGX_MAX_PATH];
    ngx_uint_t                   i;
    ngx_http_soma_quota_zone_t  *zone;

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

    zone = ngx_http_soma_saved_conf->zone->quota;
    ngx_http_soma_lease_file_path(ngx_http_soma_saved_conf, path,
                                  zone->instance);
    (void) unlink((char *) path);
}
