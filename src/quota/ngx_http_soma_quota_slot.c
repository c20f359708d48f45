
/*
 * Copyright (C) The ngx_soma authors
 *
 * A slot a worker, with the holds of its requests.  A process is known by
 * its pid and the time it was started, for pids come again.
 */


#include "ngx_http_soma_quota_zone.h"


#define NGX_HTTP_SOMA_STAT_MAX    1024  /* bytes of /proc/<pid>/stat */
#define NGX_HTTP_SOMA_STAT_STATE  3     /* fields of it, from 1 */
#define NGX_HTTP_SOMA_STAT_START  22


static void ngx_http_soma_quota_slot_timer(ngx_http_soma_main_conf_t *smcf);
static void ngx_http_soma_quota_reap(ngx_http_soma_main_conf_t *smcf);
static ngx_uint_t ngx_http_soma_quota_dead(ngx_pid_t pid, uint64_t start);
static void ngx_http_soma_quota_bury(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_slot_t *slot, ngx_pid_t pid, uint64_t start);
static ngx_http_soma_slot_t *ngx_http_soma_quota_slot(
    ngx_http_soma_main_conf_t *smcf);
static void ngx_http_soma_quota_timer(ngx_event_t *ev);
static uint64_t ngx_http_soma_quota_start(ngx_pid_t pid, ngx_uint_t *dead);


static ngx_http_soma_slot_t  *ngx_http_soma_slot;
static ngx_event_t            ngx_http_soma_slot_event;
static ngx_connection_t       ngx_http_soma_slot_dummy;


ngx_int_t
ngx_http_soma_quota_init_worker(ngx_http_soma_main_conf_t *smcf)
{
    ngx_http_soma_slot = NULL;

    ngx_http_soma_quota_wait_init();

    if (smcf == NULL || smcf->zone == NULL || smcf->zone->quota == NULL) {
        return NGX_OK;
    }

    ngx_http_soma_quota_reap(smcf);

    ngx_http_soma_slot = ngx_http_soma_quota_slot(smcf);

    if (ngx_http_soma_slot == NULL) {

        /* requests are served; only a crash of this one would cost */

        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0,
                      "soma quotas: more than %d workers share the zone, "
                      "what this one holds is lost if it is killed",
                      NGX_HTTP_SOMA_SLOTS_MAX);
    }

    ngx_http_soma_quota_slot_timer(smcf);

    return NGX_OK;
}


static void
ngx_http_soma_quota_slot_timer(ngx_http_soma_main_conf_t *smcf)
{
    ngx_event_t  *ev;

    ev = &ngx_http_soma_slot_event;

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    ngx_memzero(ev, sizeof(ngx_event_t));

    /* debug logging of timers reads an fd behind ev->data */

    ngx_http_soma_slot_dummy.fd = (ngx_socket_t) -1;
    ngx_http_soma_slot_dummy.data = smcf;

    ev->handler = ngx_http_soma_quota_timer;
    ev->data = &ngx_http_soma_slot_dummy;
    ev->log = ngx_cycle->log;
    ev->cancelable = 1;

    ngx_add_timer(ev, NGX_HTTP_SOMA_REAP_INTERVAL);
}


ngx_queue_t *
ngx_http_soma_quota_slot_holds(void)
{
    return ngx_http_soma_slot != NULL ? &ngx_http_soma_slot->holds : NULL;
}


ngx_queue_t *
ngx_http_soma_quota_slot_waits(void)
{
    return ngx_http_soma_slot != NULL ? &ngx_http_soma_slot->waits : NULL;
}


ngx_uint_t
ngx_http_soma_quota_slot_leave(ngx_http_soma_main_conf_t *smcf)
{
    ngx_uint_t                   i, last;
    ngx_http_soma_slot_t        *slot;
    ngx_http_soma_quota_zone_t  *zone;

    zone = smcf->zone->quota;
    last = 1;

    ngx_shmtx_lock(&smcf->shpool->mutex);

    if (ngx_http_soma_slot != NULL) {
        ngx_http_soma_slot->leaving = 1;
    }

    for (i = 0; i < NGX_HTTP_SOMA_SLOTS_MAX; i++) {
        slot = &zone->slot[i];

        if (slot->pid != 0 && !slot->leaving) {
            last = 0;
            break;
        }
    }

    ngx_shmtx_unlock(&smcf->shpool->mutex);

    return last;
}


static void
ngx_http_soma_quota_timer(ngx_event_t *ev)
{
    int64_t                      now;
    ngx_uint_t                   due;
    ngx_connection_t            *c;
    ngx_http_soma_main_conf_t   *smcf;
    ngx_http_soma_quota_zone_t  *zone;

    if (ngx_exiting || ngx_terminate) {
        return;
    }

    c = ev->data;
    smcf = c->data;
    zone = smcf->zone->quota;

    now = ngx_http_soma_now();

    /* one of the workers looks, whoever comes first in this second */

    ngx_shmtx_lock(&smcf->shpool->mutex);

    due = (now - zone->reaped >= NGX_HTTP_SOMA_REAP_INTERVAL * 9 / 10
           || now < zone->reaped);

    if (due) {
        zone->reaped = now;
    }

    ngx_shmtx_unlock(&smcf->shpool->mutex);

    if (due) {
        ngx_http_soma_quota_reap(smcf);
    }

    ngx_add_timer(ev, NGX_HTTP_SOMA_REAP_INTERVAL);
}


static void
ngx_http_soma_quota_reap(ngx_http_soma_main_conf_t *smcf)
{
    uint64_t                     start;
    ngx_pid_t                    pid;
    ngx_uint_t                   i;
    ngx_http_soma_slot_t        *slot;
    ngx_http_soma_quota_zone_t  *zone;

    zone = smcf->zone->quota;

    for (i = 0; i < NGX_HTTP_SOMA_SLOTS_MAX; i++) {
        slot = &zone->slot[i];

        /* what is read here without the lock is compared again with it */

        pid = slot->pid;
        start = slot->start;

        if (pid == 0 || pid == ngx_pid
            || !ngx_http_soma_quota_dead(pid, start))
        {
            continue;
        }

        ngx_http_soma_quota_bury(smcf, slot, pid, start);
    }
}


static ngx_uint_t
ngx_http_soma_quota_dead(ngx_pid_t pid, uint64_t start)
{
    uint64_t    now;
    ngx_uint_t  dead;

    if (kill(pid, 0) == -1 && ngx_errno == NGX_ESRCH) {
        return 1;
    }

    now = ngx_http_soma_quota_start(pid, &dead);

    return dead || (now != 0 && start != 0 && now != start);
}


static void
ngx_http_soma_quota_bury(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_slot_t *slot, ngx_pid_t pid, uint64_t start)
{
    int64_t                now;
    ngx_uint_t             n;
    ngx_queue_t           *q;
    ngx_http_soma_hold_t  *hold;

    now = ngx_http_soma_now();
    n = 0;

    ngx_shmtx_lock(&smcf->shpool->mutex);

    if (slot->pid == pid && slot->start == start) {

        while (!ngx_queue_empty(&slot->holds)) {
            q = ngx_queue_head(&slot->holds);
            hold = ngx_queue_data(q, ngx_http_soma_hold_t, queue);

            ngx_http_soma_quota_zone_return_locked(smcf->zone->quota, hold,
                                                   NULL, now);
            ngx_http_soma_quota_zone_free_locked(smcf, hold);
            n++;
        }

        while (!ngx_queue_empty(&slot->waits)) {
            q = ngx_queue_head(&slot->waits);

            ngx_http_soma_quota_wait_end_locked(smcf,
                           ngx_queue_data(q, ngx_http_soma_waiter_t, slot));
        }

        slot->pid = 0;
        slot->start = 0;
        slot->leaving = 0;
    }

    ngx_shmtx_unlock(&smcf->shpool->mutex);

    if (n != 0) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "soma quotas: %ui requests of process %P, which is "
                      "gone, gave back what they held", n, pid);
    }
}


static ngx_http_soma_slot_t *
ngx_http_soma_quota_slot(ngx_http_soma_main_conf_t *smcf)
{
    uint64_t                     start;
    ngx_uint_t                   i, dead;
    ngx_http_soma_slot_t        *slot, *found;
    ngx_http_soma_quota_zone_t  *zone;

    zone = smcf->zone->quota;
    start = ngx_http_soma_quota_start(ngx_pid, &dead);
    found = NULL;

    /* a reload without master process comes here twice in one process; the
     * holds of a process that had this pid before are not ours */

    for (i = 0; i < NGX_HTTP_SOMA_SLOTS_MAX; i++) {
        slot = &zone->slot[i];

        if (slot->pid == ngx_pid && slot->start != start) {
            ngx_http_soma_quota_bury(smcf, slot, slot->pid, slot->start);
        }
    }

    ngx_shmtx_lock(&smcf->shpool->mutex);

    for (i = 0; i < NGX_HTTP_SOMA_SLOTS_MAX; i++) {
        slot = &zone->slot[i];

        if (slot->pid == ngx_pid) {
            found = slot;
            break;
        }

        if (slot->pid == 0 && found == NULL) {
            found = slot;
        }
    }

    if (found != NULL) {
        found->pid = ngx_pid;
        found->start = start;
        found->leaving = 0;
    }

    ngx_shmtx_unlock(&smcf->shpool->mutex);

    return found;
}


/*
 * proc(5): "pid (comm) state ppid ... starttime ..."; comm may hold blanks
 * and parentheses, so fields are counted from the last one.
 */

/* how long a process has been there, 0: unknown; *dead is set for one that
 * only waits to be buried */
static uint64_t
ngx_http_soma_quota_start(ngx_pid_t pid, ngx_uint_t *dead)
{
    u_char      *p, *last;
    u_char       name[sizeof("/proc//stat") + NGX_INT64_LEN];
    u_char       buf[NGX_HTTP_SOMA_STAT_MAX];
    ssize_t      n;
    ngx_fd_t     fd;
    uint64_t     start;
    ngx_uint_t   field;

    *dead = 0;

    ngx_sprintf(name, "/proc/%P/stat%Z", pid);

    fd = ngx_open_file(name, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);
    if (fd == NGX_INVALID_FILE) {
        return 0;
    }

    n = ngx_read_fd(fd, buf, NGX_HTTP_SOMA_STAT_MAX);

    ngx_close_file(fd);

    if (n <= 0) {
        return 0;
    }

    last = buf + n;

    for (p = last; p > buf && p[-1] != ')'; p--) { /* void */ }

    field = NGX_HTTP_SOMA_STAT_STATE - 1;
    start = 0;

    for ( /* void */ ; p < last; p++) {
        if (*p == ' ') {
            field++;

        } else if (field == NGX_HTTP_SOMA_STAT_STATE) {
            *dead = (*p == 'Z' || *p == 'X');

        } else if (field == NGX_HTTP_SOMA_STAT_START) {
            start = start * 10 + (*p - '0');

        } else if (field > NGX_HTTP_SOMA_STAT_START) {
            break;
        }
    }

    return start;
}
