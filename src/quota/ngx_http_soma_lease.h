
/*
 * Copyright (C) The ngx_soma authors
 *
 * Leases of states in the shared zone: the second gate of a limit, when
 * there is a Redis to share it with other nodes.  Private to src/admit.
 *
 * A state gets its lease when it is first asked for; the lease is active
 * from its first need until nothing is held of it any more.  Each worker's
 * timer sends what is due, whichever worker it was that made it due.
 */


#ifndef NGX_HTTP_SOMA_LEASE_H
#define NGX_HTTP_SOMA_LEASE_H


#include "ngx_http_soma_quota_zone.h"
#include "ngx_http_soma_redis.h"


#define NGX_HTTP_SOMA_LEASE_TICK   50       /* ms */
#define NGX_HTTP_SOMA_LEASE_POLL   5        /* ms, for what others were told */
#define NGX_HTTP_SOMA_LEASE_CALLS  256      /* groups, a tick */
#define NGX_HTTP_SOMA_LEASE_LOOKS  512      /* leases of a group, a call */
#define NGX_HTTP_SOMA_LEASE_EARLY  1500     /* ms, to go along with another */
#define NGX_HTTP_SOMA_LEASE_LATE   200      /* ms beyond Redis' timeout, then
                                               another worker sends anew */
#define NGX_HTTP_SOMA_LEASE_BYTES  65536    /* keys of states in a call */
#define NGX_HTTP_SOMA_LEASE_ADOPT  1000     /* ms between two looks */
#define NGX_HTTP_SOMA_LEASE_TOLD   10       /* s between complaints */


ngx_int_t ngx_http_soma_lease_init_zone(ngx_http_soma_quota_zone_t *zone);

/* monotonic ms, the same for all workers */
#define ngx_http_soma_lease_now()  ((int64_t) ngx_current_msec)


/* all of these with the zone's mutex held */

/* makes state->leased if it has none; NGX_ERROR: no room */
ngx_int_t ngx_http_soma_lease_make_locked(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_state_t *state, soma_str_t tenant, int64_t now);
void ngx_http_soma_lease_number_locked(ngx_http_soma_quota_zone_t *zone,
    ngx_http_soma_state_t *state, int64_t number);
void ngx_http_soma_lease_need_locked(ngx_http_soma_quota_zone_t *zone,
    ngx_http_soma_state_t *state, int64_t want, int64_t least);
void ngx_http_soma_lease_take_locked(ngx_http_soma_quota_zone_t *zone,
    ngx_http_soma_state_t *state, ngx_http_soma_hold_item_t *item);
void ngx_http_soma_lease_settle_locked(ngx_http_soma_quota_zone_t *zone,
    ngx_http_soma_state_t *state, ngx_http_soma_hold_item_t *item,
    int64_t used);
void ngx_http_soma_lease_drop_locked(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_state_t *state);

/* the group of a tag, or NULL */
ngx_http_soma_group_t *ngx_http_soma_lease_group_locked(
    ngx_http_soma_quota_zone_t *zone, const u_char *tag, size_t len,
    uint32_t hash);

/* the group is due then at the latest; at once: it goes first */
void ngx_http_soma_lease_due_locked(ngx_http_soma_quota_zone_t *zone,
    ngx_http_soma_group_t *group, int64_t due);

/* the group is due then, whatever was said before */
void ngx_http_soma_lease_queue_locked(ngx_http_soma_quota_zone_t *zone,
    ngx_http_soma_group_t *group, int64_t due);

/* the lease is among those that Redis is told of */
void ngx_http_soma_lease_awake_locked(ngx_http_soma_quota_zone_t *zone,
    ngx_http_soma_leased_t *leased);

/* nothing is held of it: Redis need not hear of it */
void ngx_http_soma_lease_rest_locked(ngx_http_soma_leased_t *leased);


/* what all calls of leases run, soma_lease.lua */
extern ngx_http_soma_script_t  ngx_http_soma_lease_lua;

/* ngx_http_soma_lease_sync.c: sends what is due, soon after this event */
void ngx_http_soma_lease_kick(void);

/* ngx_http_soma_lease_wait.c: requests that wait may look again */
void ngx_http_soma_lease_wake(void);
void ngx_http_soma_lease_wait_init(ngx_http_soma_main_conf_t *smcf);

/* ngx_http_soma_lease_orphan.c: tells what instances that are gone used */
void ngx_http_soma_lease_orphan_look(ngx_http_soma_main_conf_t *smcf);

/* ngx_http_soma_lease_file.c: what outlives a kill of all processes */
void ngx_http_soma_lease_file_init(ngx_http_soma_main_conf_t *smcf);
void ngx_http_soma_lease_save_locked(ngx_http_soma_quota_zone_t *zone,
    ngx_http_soma_leased_t *leased);
void ngx_http_soma_lease_unsave_locked(ngx_http_soma_leased_t *leased);

/* what an answer for that group changes */
#define ngx_http_soma_lease_bit(hash)                                         \
    ((uint64_t) 1 << ((hash) % NGX_HTTP_SOMA_ANSWERS))


#endif /* NGX_HTTP_SOMA_LEASE_H */
