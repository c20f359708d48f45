
/*
 * Copyright (C) The ngx_soma authors
 *
 * How quotas lie in the shared zone.  Private to src/admit.
 */


#ifndef NGX_HTTP_SOMA_QUOTA_ZONE_H
#define NGX_HTTP_SOMA_QUOTA_ZONE_H


#include "ngx_http_soma_quota.h"
#include "soma_lease.h"


#define NGX_HTTP_SOMA_SLOTS_MAX      1024   /* workers, dying ones with them */
#define NGX_HTTP_SOMA_SPARE_MAX      256    /* holds kept to be used again */
#define NGX_HTTP_SOMA_EVICT_LOOKS    8      /* states asked, a queue */
#define NGX_HTTP_SOMA_EVICT_ROUNDS   4
#define NGX_HTTP_SOMA_BUCKETS_MIN    256
#define NGX_HTTP_SOMA_BUCKET_ZONE    1024   /* bytes of zone for a bucket */
#define NGX_HTTP_SOMA_STATE_KEYS     4096   /* bytes, keys of one reserve */
#define NGX_HTTP_SOMA_REAP_INTERVAL  1000   /* ms */
#define NGX_HTTP_SOMA_WAITS_MAX      1024   /* in the line of a state */
#define NGX_HTTP_SOMA_WAIT_POLL      5      /* ms, for what others did */
#define NGX_HTTP_SOMA_WAIT_RETRY     50     /* ms, for what nobody tells: a
                                               rate that fills, other nodes */

#define NGX_HTTP_SOMA_WINDOWS        SOMA_WINDOWS

#define NGX_HTTP_SOMA_GROUP_BUCKETS  1024
#define NGX_HTTP_SOMA_ANSWERS        64     /* counters of them */
#define NGX_HTTP_SOMA_ORPHANS_MAX    16     /* files kept, once told */


typedef struct ngx_http_soma_state_s  ngx_http_soma_state_t;
typedef struct ngx_http_soma_group_s  ngx_http_soma_group_t;
typedef struct ngx_http_soma_leased_s ngx_http_soma_leased_t;
typedef struct ngx_http_soma_waiter_s ngx_http_soma_waiter_t;

/*
 * One scope under one limit.  It knows its limit by value: the configuration
 * it came from may be gone when a dead worker's hold is given back.  The
 * number is the one that was asked with last.
 */
struct ngx_http_soma_state_s {
    ngx_http_soma_state_t  *next;       /* in its bucket */
    ngx_queue_t             queue;      /* of its window, while unheld */
    soma_quota_t            quota;
    int64_t                 limit;
    uint32_t                hash;
    uint32_t                holds;
    ngx_queue_t             waits;      /* ..._waiter_t, first come first */
    uint32_t                nwaits;
    uint32_t                changes;    /* those who wait may look again */
    uint16_t                len;
    u_char                  amount;
    u_char                  window;
    unsigned                ruled:1;    /* its rule tells more than these */
    ngx_http_soma_leased_t *leased;     /* NULL: no Redis */
    u_char                  key[1];     /* see ..._quota_zone_part() */
};


/* one in the line of a state; it keeps the state */
struct ngx_http_soma_waiter_s {
    ngx_queue_t             queue;      /* of its state */
    ngx_queue_t             slot;       /* of its worker */
    ngx_http_soma_state_t  *state;
};


/* what of a state is shared with other nodes, through Redis */
struct ngx_http_soma_leased_s {
    ngx_queue_t             queue;      /* of its group, while active */
    ngx_http_soma_state_t  *state;
    ngx_http_soma_group_t  *group;
    soma_lease_t            lease;
    uint16_t                len;
    uint16_t                saved;      /* entry of the file, from 1 */
    unsigned                active:1;   /* Redis is told of it */
    u_char                  name[1];    /* its key in Redis */
};


/* states whose keys in Redis share one hash tag: one call, one at a time */
struct ngx_http_soma_group_s {
    ngx_http_soma_group_t  *next;       /* in its bucket */
    ngx_queue_t             queue;      /* by due, while any lease is active */
    ngx_queue_t             leases;
    ngx_uint_t              nstates;
    int64_t                 due;        /* monotonic ms */
    int64_t                 flight;     /* when the call was sent, 0: none */
    int64_t                 after;      /* due when it will be answered */
    uint64_t                seq;        /* of the call */
    uint32_t                ups;        /* connections known to its keys */
    uint32_t                hash;
    uint16_t                len;
    unsigned                queued:1;
    u_char                  tag[1];
};


typedef struct {
    ngx_http_soma_state_t  *state;
    int64_t                 window;     /* what soma_quota_take() returned */
    int64_t                 taken;
    uint64_t                asked;      /* its lease was asked for more: the
                                           last sequence then; 0: it has it */
    uint32_t                epoch;      /* of the lease */
} ngx_http_soma_hold_item_t;


struct ngx_http_soma_hold_s {
    ngx_queue_t                queue;   /* of its worker's slot, or spare */
    ngx_uint_t                 n;
    ngx_http_soma_hold_item_t  item[NGX_HTTP_SOMA_HOLD_MAX];
};


typedef struct {
    ngx_pid_t    pid;                   /* 0: free */
    uint64_t     start;                 /* ticks since boot, 0: unknown */
    ngx_queue_t  holds;
    ngx_queue_t  waits;                 /* ..._waiter_t */
    ngx_uint_t   leaving;               /* a graceful exit has begun */
} ngx_http_soma_slot_t;


/* an instance that is gone, and whose use may have to be told again */
typedef struct {
    u_char       instance[SOMA_LEASE_INSTANCE];
    uint32_t     told;                  /* losses when it was told last */
} ngx_http_soma_gone_t;


/*
 * Nothing here points into a process: no function pointer (a module may be
 * loaded elsewhere after a reload), no string of a configuration.
 */
typedef struct {
    ngx_http_soma_state_t  **bucket;
    ngx_uint_t               mask;
    ngx_uint_t               nstates;
    ngx_queue_t              unheld[NGX_HTTP_SOMA_WINDOWS]; /* LRU, new first */
    uint32_t                 nwaits;    /* of all states */
    ngx_queue_t              spare;
    ngx_uint_t               nspare;
    int64_t                  reaped;    /* ms UTC */
    ngx_http_soma_group_t   *group[NGX_HTTP_SOMA_GROUP_BUCKETS];
    ngx_queue_t              groups;    /* active, by due */
    uint64_t                 seq;       /* of leases and their calls */
    int64_t                  ahead;     /* ms, of Redis' clock before ours */
    uint32_t                 ups;       /* connections that came up */
    uint32_t                 losses;    /* times Redis may have lost data */
    uint32_t                 answers[NGX_HTTP_SOMA_ANSWERS];    /* by group's
                                           hash */
    u_char                   instance[SOMA_LEASE_INSTANCE];
    ngx_http_soma_leased_t **saved_by;  /* of the entries of the file, or
                                           NULL: none yet */
    uint32_t                 save_next; /* entry of the file */
    uint32_t                 unsaved;   /* some worker has no such file */
    uint32_t                 gone_next; /* oldest of these */
    ngx_http_soma_gone_t     gone[NGX_HTTP_SOMA_ORPHANS_MAX];
    ngx_http_soma_slot_t     slot[NGX_HTTP_SOMA_SLOTS_MAX];
} ngx_http_soma_quota_zone_t;


typedef struct {
    soma_limit_t           *limit;
    ngx_http_soma_state_t  *state;
    u_char                 *key;
    size_t                  len;
    uint32_t                hash;
    int64_t                 want;
    soma_verdict_t          verdict;
    unsigned                lacks:1;    /* its lease is too small */
    unsigned                refused:1;
    unsigned                behind:1;   /* only by those who wait for it */
} ngx_http_soma_take_t;


typedef struct {
    u_char                  buf[NGX_HTTP_SOMA_STATE_KEYS];
    ngx_http_soma_take_t    take[NGX_HTTP_SOMA_HOLD_MAX];
    ngx_uint_t              n;
    unsigned                part:1;     /* what is left will do as well */
    unsigned                line:1;     /* who was here before goes first */
} ngx_http_soma_takes_t;



/* all of a reservation that needs no lock; NGX_ERROR: too many, too long */
ngx_int_t ngx_http_soma_quota_prepare(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_takes_t *takes, soma_str_t owner, ngx_array_t *limits,
    const int64_t *want, ngx_uint_t trim);


/* a state's key is five words with null bytes between them */
enum {
    NGX_HTTP_SOMA_KEY_OWNER = 0,
    NGX_HTTP_SOMA_KEY_RULE,
    NGX_HTTP_SOMA_KEY_SCOPE,
    NGX_HTTP_SOMA_KEY_GROUP,
    NGX_HTTP_SOMA_KEY_VALUE,
    NGX_HTTP_SOMA_KEY_PARTS
};

void ngx_http_soma_quota_prepare_key(soma_out_t *out, soma_limit_t *limit,
    soma_str_t owner, soma_str_t group, soma_str_t value);
void ngx_http_soma_quota_zone_parts(soma_str_t key, soma_str_t *part);
void ngx_http_soma_quota_zone_part(ngx_http_soma_state_t *state,
    soma_str_t *part);

/* its limit, without text and scope */
void ngx_http_soma_quota_zone_limit(ngx_http_soma_state_t *state,
    soma_limit_t *limit);


/* all of these with the zone's mutex held */
ngx_http_soma_state_t *ngx_http_soma_quota_zone_state_locked(
    ngx_http_soma_main_conf_t *smcf, soma_limit_t *limit, u_char *key,
    size_t len, uint32_t hash, int64_t now);
ngx_http_soma_state_t *ngx_http_soma_quota_zone_find_locked(
    ngx_http_soma_quota_zone_t *zone, const u_char *key, size_t len,
    uint32_t hash);
void *ngx_http_soma_quota_zone_alloc_locked(ngx_http_soma_main_conf_t *smcf,
    size_t size, int64_t now);
void ngx_http_soma_quota_zone_unhold_locked(ngx_http_soma_quota_zone_t *zone,
    ngx_http_soma_state_t *state);
ngx_http_soma_hold_t *ngx_http_soma_quota_zone_hold_locked(
    ngx_http_soma_main_conf_t *smcf, int64_t now);
void ngx_http_soma_quota_zone_free_locked(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_hold_t *hold);

/* used: NULL when nobody can tell (the worker died) */
void ngx_http_soma_quota_zone_return_locked(ngx_http_soma_quota_zone_t *zone,
    ngx_http_soma_hold_t *hold, const int64_t *used, int64_t now);

/* ngx_http_soma_quota_wait.c: who waits for what others hold */

/* 1: it may wait, or wait on */
ngx_uint_t ngx_http_soma_quota_wait_may(ngx_http_soma_ctx_t *ctx);

/* 1: others were here before */
ngx_uint_t ngx_http_soma_quota_wait_behind_locked(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_state_t *state);

/* in line for that state and no other; keeps a place that it has.
 * NGX_DECLINED: the line is full, or there is no memory */
ngx_int_t ngx_http_soma_quota_wait_join_locked(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_state_t *state);
void ngx_http_soma_quota_wait_leave_locked(ngx_http_soma_ctx_t *ctx);

/* of a process that is gone */
void ngx_http_soma_quota_wait_end_locked(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_waiter_t *waiter);

/* soon after this event: something was given back */
void ngx_http_soma_quota_wait_kick(void);

/* where a new waiter goes, as below */
ngx_queue_t *ngx_http_soma_quota_slot_waits(void);

/* where a new hold goes: NULL when this process has no slot */
ngx_queue_t *ngx_http_soma_quota_slot_holds(void);

/* this worker's graceful exit begins; 1: no other worker stays */
ngx_uint_t ngx_http_soma_quota_slot_leave(ngx_http_soma_main_conf_t *smcf);


#endif /* NGX_HTTP_SOMA_QUOTA_ZONE_H */
