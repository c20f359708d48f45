
/*
 * Copyright (C) The ngx_soma authors
 *
 * What is known of a request, step by step.  What a step keeps to itself is a
 * part of its own (ctx->key, ctx->lease ...); what the steps behind it read
 * stands in the context, with the flags of the same step.
 *
 * For ngx_http_soma.h, which has the types.
 */


#ifndef NGX_HTTP_SOMA_CTX_H
#define NGX_HTTP_SOMA_CTX_H


/* identify: which of the credentials that a request brings is a key of ours */
typedef struct {
    u_char                          hash[SOMA_KEY_HASH];
    soma_str_t                      credential; /* in its header */
    ngx_uint_t                      candidate;  /* which of the headers */
    ngx_http_soma_error_t          *refused;    /* why an earlier one was, or
                                                   NULL */
    ngx_uint_t                      changes;    /* of the cache, when Redis
                                                   was asked */
    unsigned                        unknown:1;  /* one was */
    unsigned                        stripped:1; /* from the headers */
    unsigned                        signature:1;    /* of its pair, is sent in
                                                   its place */
    unsigned                        proved:1;   /* and is good */
} ngx_http_soma_ctx_key_t;


/* identify: how far what counts for the tenant is known */
typedef struct {
    ngx_uint_t                      changes;    /* of the cache, when Redis
                                                   was asked */
    unsigned                        known:1;    /* ctx->tenant counts */
    unsigned                        asked:1;    /* Redis, no answer yet */
    unsigned                        failed:1;   /* it cannot tell */
} ngx_http_soma_ctx_tenancy_t;


/* admit: what the request has asked of leases */
typedef struct {
    ngx_http_soma_lease_wait_t     *wait;       /* NULL: never yet */
    uint64_t                        after;      /* what Redis says later than
                                                   that is an answer to it */
    uint64_t                        asked;      /* when it told a need */
    uint64_t                        needs;      /* bits of the leases of which
                                                   it told one */
    uint64_t                        groups;     /* bits of what it waits for */
    uint32_t                        answers;    /* the sum of their counters
                                                   when it looked */
    unsigned                        late:1;     /* it waits no more */
    unsigned                        silent:1;   /* Redis is, which denies */
} ngx_http_soma_ctx_lease_t;


/* admit: the object of a provider's that is named, and who has it */
typedef struct {
    soma_own_t                      own;        /* of the id asked last */
    soma_str_t                      keeper;     /* provider that keeps what is
                                                   gone on from; or empty */
    unsigned                        known;      /* ids of ctx->ask that are */
} ngx_http_soma_ctx_object_t;


/* plan: the targets of ctx->route, in the order in which they are tried */
typedef struct {
    unsigned                        order[SOMA_TARGETS_MAX];
    ngx_uint_t                      n;
    ngx_uint_t                      next;       /* index in order */
    ngx_str_t                       reason;     /* why the first one is, or
                                                   empty */
    unsigned                        probing:1;  /* all targets are closed */
} ngx_http_soma_ctx_plan_t;


/* settle: what the bill has been made of so far */
typedef struct {
    int64_t                         prompt;     /* tokens, estimated; 0: not
                                                   yet */
    ngx_http_soma_doubt_t          *doubt;      /* what the attempt that
                                                   failed last may have cost,
                                                   or NULL */
    int64_t                         retried_tokens; /* of those before */
    int64_t                         retried_cost;   /* nano-USD */
} ngx_http_soma_ctx_bill_t;


/* edge: the answer as the filters see it */
typedef struct {
    ngx_uint_t                      page;       /* status of a file that
                                                   tells our refusal */
    off_t                           passed;     /* of a service's answer */
    unsigned                        replaced:1; /* filter writes the body */
    unsigned                        replaced_sent:1;
} ngx_http_soma_ctx_edge_t;


typedef void (*ngx_http_soma_ctx_over_pt)(ngx_http_soma_ctx_t *ctx);


struct ngx_http_soma_ctx_s {
    ngx_http_request_t             *request;    /* the main one */
    ngx_http_soma_main_conf_t      *main;
    ngx_http_soma_loc_conf_t       *conf;
    soma_arena_t                    arena;      /* over request->pool */
    const soma_dialect_t           *client;     /* what the caller speaks */
    ngx_str_t                       id;
    ngx_str_t                       session;
    int64_t                         start;      /* ms UTC */
    ngx_msec_t                      start_msec;

    /* the walk */
    ngx_http_soma_wait_t            wait;       /* what it waits for */
    ngx_http_soma_resume_pt         walk;       /* goes on with the steps: rc
                                                   is NGX_OK, or a status that
                                                   ends the request */
    ngx_http_soma_ctx_over_pt       over;
    ngx_http_soma_error_t           error;
    ngx_http_soma_reply_t           reply;
    ngx_http_soma_ctx_edge_t        edge;

    /* identify */
    soma_identity_t                 identity;
    ngx_http_soma_tenant_t         *tenant;     /* NULL: none of that name */
    ngx_http_soma_ctx_key_t         key;
    ngx_http_soma_ctx_tenancy_t     tenancy;
    unsigned                        identified:1;
    unsigned                        user_asked:1;   /* by the headers */

    /* admit: the lock */
    ngx_uint_t                      lock_changes;   /* of the cache, when
                                                   Redis was asked */
    unsigned                        unlocked:1; /* lock was checked */

    /* admit: what is asked */
    soma_ask_t                      ask;
    soma_json_scan_t               *scan;
    soma_json_span_t                model_span; /* of a form's model */
    soma_str_t                      body;       /* whole; by body_whole() */
    ngx_str_t                       type;       /* of it, as we read it */
    uint64_t                        others[SOMA_JSON_OTHERS];   /* members that
                                                   have to be allowed, by
                                                   the dialect's index */
    soma_inner_request_t           *inner;      /* NULL: no target of another
                                                   dialect has needed it */
    uint64_t                        query_hash;
    soma_url_t                      url;        /* its surface: NULL, there is
                                                   no such endpoint */
    ngx_http_soma_ctx_object_t      object;
    ngx_http_soma_route_t          *route;
    unsigned                        asked:1;    /* all of this is known */

    /* admit: what it may use */
    ngx_http_soma_hold_t           *caller_hold;    /* of who asks */
    ngx_http_soma_hold_t           *provider_hold;  /* of who answers */
    ngx_http_soma_ctx_lease_t       lease;
    void                           *quota_wait;     /* for what others hold */
    ngx_http_soma_rate_t            rate[SOMA_AMOUNTS];
    unsigned                        kinds;      /* of tokens beside text,
                                                   once it is counted */
    int64_t                         input_bound;    /* tokens reserved, 0:
                                                       no limit asks */
    int64_t                         cap;        /* tokens of an answer that
                                                   the limits leave to it,
                                                   0: all it wants */
    int64_t                         caller_cap; /* the part of who asks */
    int64_t                         caller_input;   /* input_bound then */
    unsigned                        tenant_admitted:1;
    unsigned                        key_admitted:1;
    unsigned                        admitted:1; /* quotas hold something */
    unsigned                        metered:1;  /* tokens or cost among it */
    unsigned                        costed:1;   /* a limit of cost among
                                                   those of who asks */
    unsigned                        counted:1;  /* input_bound is exact */
    unsigned                        count_first:1;  /* before a lease is
                                                   waited for */

    /* plan */
    ngx_http_soma_ctx_plan_t        plan;

    /* attempt */
    ngx_http_soma_model_t          *model;      /* tried now, or that
                                                   answered */
    void                           *attempt;    /* private to that step */
    ngx_uint_t                      attempts;
    ngx_str_t                       note;       /* what they said */
    ngx_str_t                       dropped;    /* members that were left out
                                                   for a provider of another
                                                   dialect */
    soma_answer_t                   answer;
    ngx_http_soma_meter_t          *meter;      /* NULL: nothing is metered */
    ngx_msec_t                      first_token_msec;   /* since start */
    ngx_uint_t                      status;     /* of the answer, 0: none */
    unsigned                        answered:1; /* a target's answer began */
    unsigned                        first_token:1;
    unsigned                        complete:1; /* answer came to its end */
    unsigned                        cut:1;      /* by us: a budget ended */
    unsigned                        event_held:1;   /* of a stream, until
                                                   there is a lease for it */
    unsigned                        answer_paused:1;    /* one that is
                                                   unpacked, for its client */
    unsigned                        left:1;     /* the client has gone; its
                                                   answer is read on */

    /* settle */
    soma_usage_t                    usage;      /* final once settled */
    soma_cost_t                     cost;
    ngx_http_soma_ctx_bill_t        bill;
    unsigned                        settled:1;
};


/*
 * A request's context, and its end: then "over" is called, once, which may
 * find the request in any state; NULL: no memory.
 */
ngx_http_soma_ctx_t *ngx_http_soma_ctx_create(ngx_http_request_t *r,
    ngx_http_soma_ctx_over_pt over);

/* what is asked by the request's line: ctx->url, ctx->client */
void ngx_http_soma_ctx_url(ngx_http_soma_ctx_t *ctx);


#endif /* NGX_HTTP_SOMA_CTX_H */
