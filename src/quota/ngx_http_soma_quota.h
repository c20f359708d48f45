
/*
 * Copyright (C) The ngx_soma authors
 *
 * The states of all limits in the shared zone, and the holds that requests
 * in flight have on them.  A hold lives in shared memory too, on a list of
 * its worker, so that what a killed worker held is given back by the next.
 *
 * A state is found by its owner, the rule of its limit (soma_rule_of()) and
 * the scope's value: it outlives a reload, and what was spent counts on when
 * the number of its limit is another.
 */


#ifndef NGX_HTTP_SOMA_QUOTA_H
#define NGX_HTTP_SOMA_QUOTA_H


#include "ngx_http_soma.h"


#define NGX_HTTP_SOMA_QUOTAS_MAX  65536     /* states, idle ones out first */
#define NGX_HTTP_SOMA_HOLD_MAX    16        /* limits of one hold */


typedef struct {
    soma_limit_t  *limit;       /* the one that refused */
    soma_str_t     owner;
    soma_verdict_t verdict;
    unsigned       waits:1;     /* only what others hold is in its way: it
                                   stands in line, see
                                   ngx_http_soma_quota_wait() */
    unsigned       behind:1;    /* or those in line are: less is no help */
} ngx_http_soma_refusal_t;


ngx_int_t ngx_http_soma_quota_init_zone(ngx_http_soma_main_conf_t *smcf,
    ngx_log_t *log);

/* takes a slot for this worker, gives back what dead ones held */
ngx_int_t ngx_http_soma_quota_init_worker(ngx_http_soma_main_conf_t *smcf);

/* leases: after ngx_http_soma_redis_init_worker() */
ngx_int_t ngx_http_soma_lease_sync_init_worker(ngx_cycle_t *cycle,
    ngx_http_soma_main_conf_t *smcf);

void ngx_http_soma_lease_file_exit(void);

/*
 * Reserves want[amount] under every limit of "limits" (soma_limit_t), all or
 * none, and makes *hold (or adds to it).  owner: whose limits these are
 * ("tenant:acme", "key:<id>", "provider:openai"); the scope's value is read
 * off ctx (identity, model, provider of the model).  Where want[] of tokens
 * or cost passes the limit itself and "trim" is set, the limit is asked for.
 * ctx->rate is brought up to date.
 *
 * With Redis each limit is shared with other nodes by a lease, see
 * soma_lease.h.  What the leases lack is asked for; then
 *   a hold of who asks (&ctx->caller_hold): NGX_AGAIN, the caller waits with
 *   ngx_http_soma_lease_wait() and reserves again; with ctx->count_first
 *   nothing is asked for yet;
 *   a hold of who answers: NGX_BUSY, it cannot wait.
 *
 * NGX_OK; NGX_BUSY: refused, see refusal; NGX_AGAIN; NGX_DECLINED: Redis is
 * away and soma_on_redis_down denies; NGX_ERROR: the zone is full.
 */
ngx_int_t ngx_http_soma_quota_reserve(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_hold_t **hold, soma_str_t owner, ngx_array_t *limits,
    const int64_t *want, ngx_uint_t trim, ngx_http_soma_refusal_t *refusal);

/*
 * more[amount] of tokens and cost for what *hold holds, all or none.
 * NGX_OK, also where nothing is held; NGX_BUSY: a limit refuses, or Redis
 * does not answer and that denies (ctx->lease.silent); NGX_AGAIN: the leases
 * were asked for what they lack, see ngx_http_soma_lease_wait_stream().
 *
 * what: _AHEAD, it can do without; _NEEDED, and what Redis said before is
 * old; _AGAIN, behind NGX_AGAIN or NGX_BUSY, with the same or with less.
 */
enum {
    NGX_HTTP_SOMA_MORE_AHEAD = 0,
    NGX_HTTP_SOMA_MORE_NEEDED,
    NGX_HTTP_SOMA_MORE_AGAIN
};

ngx_int_t ngx_http_soma_quota_extend(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_hold_t **hold, const int64_t *more, ngx_uint_t what);

/*
 * Nothing is taken, but what the leases lack is asked for, as above.
 * NGX_AGAIN: there is something to wait for; else NGX_OK, also where the
 * limits would refuse.
 */
ngx_int_t ngx_http_soma_quota_ensure(ngx_http_soma_ctx_t *ctx,
    soma_str_t owner, ngx_array_t *limits, const int64_t *want);

/*
 * The request waits until leases that it lacked may be there, at most for
 * Redis' timeout in all; then ctx->walk goes on.  NGX_AGAIN, or an HTTP
 * status.
 */
ngx_int_t ngx_http_soma_lease_wait(ngx_http_soma_ctx_t *ctx);

/*
 * The same for a stream: its request stays as it is, and the handler is
 * called.  Redis' timeout counts from the first call until
 * ngx_http_soma_lease_wait_done(), which is for those that did wait as for
 * those that do not want to any more.
 */
typedef void (*ngx_http_soma_lease_pt)(ngx_http_soma_ctx_t *ctx);

ngx_int_t ngx_http_soma_lease_wait_stream(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_lease_pt handler);
void ngx_http_soma_lease_wait_done(ngx_http_soma_ctx_t *ctx);

/* anew, for a request that will ask as if for the first time */
void ngx_http_soma_lease_wait_anew(ngx_http_soma_ctx_t *ctx);

/*
 * A request that stands in line waits until it is its turn and something has
 * changed, or soma_limit_wait is over; then ctx->walk goes on, and it
 * reserves again.  NGX_AGAIN, or an HTTP status.
 */
ngx_int_t ngx_http_soma_quota_wait(ngx_http_soma_ctx_t *ctx);
void ngx_http_soma_quota_wait_init(void);

/* it is refused for good */
void ngx_http_soma_quota_leave(ngx_http_soma_ctx_t *ctx);

/* how many stand in line, of all workers */
ngx_uint_t ngx_http_soma_quota_waiting(ngx_http_soma_main_conf_t *smcf);

/* used[amount]; *hold becomes NULL; NULL holds are fine */
void ngx_http_soma_quota_settle(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_hold_t **hold, const int64_t *used);


#endif /* NGX_HTTP_SOMA_QUOTA_H */
