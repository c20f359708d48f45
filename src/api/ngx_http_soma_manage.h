
/*
 * Copyright (C) The ngx_soma authors
 *
 * Keys and tenants at run time: what their endpoints share.  Private to
 * src/api.
 */


#ifndef NGX_HTTP_SOMA_MANAGE_H
#define NGX_HTTP_SOMA_MANAGE_H


#include "ngx_http_soma_endpoint.h"
#include "soma_change.h"
#include "soma_tenant.h"


#define NGX_HTTP_SOMA_KEY_PREFIX      "soma:key:"
#define NGX_HTTP_SOMA_TENANT_PREFIX   "soma:tenant:"
#define NGX_HTTP_SOMA_KEYS_INDEX      "soma:keys"
#define NGX_HTTP_SOMA_TENANTS_INDEX   "soma:tenants"

#define NGX_HTTP_SOMA_PAGE            100       /* of a list, not said */
#define NGX_HTTP_SOMA_PAGE_MAX        1000
#define NGX_HTTP_SOMA_SAME_ID_MAX     8         /* a key and its old ones */
#define NGX_HTTP_SOMA_REVOKE_PASSES   8
#define NGX_HTTP_SOMA_TENANT_PAGES    32        /* of keys, for a deletion */
#define NGX_HTTP_SOMA_MANAGE_RETRY    1000      /* ms until a client asks
                                                   again */
#define NGX_HTTP_SOMA_CALL_ARGS       40
#define NGX_HTTP_SOMA_CALL_TEXT       8192      /* bytes of printed ones */

/* an entry of an index this old whose hash is gone is left over; a younger
 * one may be a key that is being made */
#define NGX_HTTP_SOMA_STALE_MS        60000

/* how long Redis keeps an expired key, so that clients are told */
#define NGX_HTTP_SOMA_KEPT_MS         (7 * 24 * 3600 * (int64_t) 1000)


/* one hash soma:key:<hex> */
typedef struct {
    soma_entry_t            entry;
    soma_identity_t         identity;
    int64_t                 created;    /* ms UTC, 0: not said */
    int64_t                 rotated;    /* 0: the current one */
    unsigned                there:1;
} ngx_http_soma_key_row_t;


/* one hash soma:tenant:<name> */
typedef struct {
    soma_str_t              name;
    soma_tenant_t           tenant;
    int64_t                 created;
    unsigned                there:1;
} ngx_http_soma_tenant_row_t;


typedef struct ngx_http_soma_manage_s  ngx_http_soma_manage_t;

/* goes on with a request: NGX_AGAIN (a reply will come), NGX_OK (it was
 * answered) or what a handler returns */
typedef ngx_int_t (*ngx_http_soma_manage_pt)(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m);

/* the same when a reply came; never NULL, never an error */
typedef ngx_int_t (*ngx_http_soma_manage_reply_pt)(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, redisReply *reply);


struct ngx_http_soma_manage_s {
    ngx_http_soma_ctx_t            *ctx;
    ngx_http_soma_manage_pt         op;         /* after the body */
    ngx_http_soma_manage_pt         found;      /* after the rows */
    ngx_http_soma_manage_reply_pt   reply;      /* of the next answer */
    soma_change_e                   kind;
    soma_change_t                   change;
    soma_str_t                      id;         /* of the path */
    int64_t                         now;

    void                           *data;       /* of the endpoint */
    ngx_array_t                     rows;       /* ..._key_row_t or
                                                   ..._tenant_row_t */
    ngx_uint_t                      sent;
    ngx_uint_t                      got;
    ngx_uint_t                      entries;    /* of the id, in the index */
    ngx_uint_t                      passes;     /* of a revocation, pages of
                                                   a tenant's keys */

    soma_str_t                      tenant;     /* of a list */
    soma_str_t                      cursor;
    ngx_uint_t                      limit;
    soma_str_t                      next;       /* cursor of the next page */

    ngx_http_soma_key_row_t         made;       /* a new key */
    soma_str_t                      secret;     /* shown once */
    unsigned                        body:1;     /* there may be one */
    unsigned                        local:1;    /* no Redis is configured */
    unsigned                        busy:1;     /* somebody makes a key of
                                                   this id just now */
    unsigned                        again:1;    /* a left over id was freed */
    unsigned                        written:1;  /* Redis was asked to change */
    unsigned                        alone:1;    /* goes on without its client */
};


/* a command's words: pointers to what lives till it is sent, or printed */
typedef struct {
    const char   *argv[NGX_HTTP_SOMA_CALL_ARGS];
    size_t        argvlen[NGX_HTTP_SOMA_CALL_ARGS];
    int           argc;
    soma_out_t    out;
    u_char        buf[NGX_HTTP_SOMA_CALL_TEXT];
} ngx_http_soma_call_t;


void ngx_http_soma_manage_call(ngx_http_soma_call_t *call, const char *command);
void ngx_http_soma_manage_cstr(ngx_http_soma_call_t *call, const char *word);
void ngx_http_soma_manage_str(ngx_http_soma_call_t *call, soma_str_t word);
void ngx_http_soma_manage_int(ngx_http_soma_call_t *call, int64_t n);
void ngx_http_soma_manage_time(ngx_http_soma_call_t *call, int64_t ms);

/* prefix and s, one word */
void ngx_http_soma_manage_key(ngx_http_soma_call_t *call, const char *prefix,
    soma_str_t s);

/* what was printed to call->out since "from", as a word */
void ngx_http_soma_manage_printed(ngx_http_soma_call_t *call, u_char *from);

/* "[<prefix><s> " and "(<prefix><s>!": all that begins with these words */
void ngx_http_soma_manage_range(ngx_http_soma_call_t *call, const char *prefix,
    soma_str_t s);

/* of soma_manage_write.lua: how many words, names and values */
void ngx_http_soma_manage_change(ngx_http_soma_call_t *call,
    const soma_change_t *change, unsigned set);

/* the two members of an entry */
void ngx_http_soma_manage_entry(ngx_http_soma_call_t *call,
    const soma_entry_t *entry);

/* the scripts: of each the file NAME.lua beside this one */
extern const char  soma_keys_reserve_lua[];
extern const char  soma_keys_retire_lua[];
extern const char  soma_keys_rotate_lua[];
extern const char  soma_manage_hash_lua[];
extern const char  soma_manage_write_lua[];

/* "admin,usage" of the bits */
soma_str_t ngx_http_soma_manage_capabilities(unsigned bits);

/* 1: the script, or DEL, did what it was asked to */
#define ngx_http_soma_manage_did(reply)                                       \
    ((reply)->type == REDIS_REPLY_INTEGER && (reply)->integer == 1)

/*
 * NGX_AGAIN: "reply" will be called; else what the request ends with.
 *
 * A client that leaves ends its request.  With m->alone it does not: a
 * revocation of several keys must not stop at the first of them.
 */
ngx_int_t ngx_http_soma_manage_send(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, ngx_http_soma_call_t *call,
    ngx_http_soma_manage_reply_pt reply);

/*
 * One of several hashes, all asked for at once: in a cluster their answers
 * come in any order, so each brings its row with it.  hashed gives the reply
 * to HGETALL, NULL: what is there is no hash.
 */
ngx_int_t ngx_http_soma_manage_hash(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, const char *prefix, soma_str_t name,
    ngx_uint_t row, ngx_http_soma_manage_reply_pt reply);
redisReply *ngx_http_soma_manage_hashed(ngx_http_soma_manage_t *m,
    redisReply *reply, ngx_uint_t *row);

/* nobody waits for the answer */
void ngx_http_soma_manage_tell(ngx_http_soma_call_t *call);

/* the end of a change: nodes hear of it, the log and the tenant's stream say
 * who did it.  what: "key" or "tenant", event: "created", "changed" ... */
void ngx_http_soma_manage_log(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, const char *what, const char *event,
    soma_str_t name, soma_str_t tenant);
void ngx_http_soma_manage_drop(ngx_http_soma_manage_t *m, ngx_uint_t kind,
    soma_str_t name);

/* Redis is not configured: the refusal that says so */
ngx_int_t ngx_http_soma_manage_no_redis(ngx_http_soma_manage_t *m);

/* keys and tenants */
ngx_int_t ngx_http_soma_api_keys_route(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, soma_str_t tail);
ngx_int_t ngx_http_soma_api_tenants_route(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, soma_str_t tail);

ngx_int_t ngx_http_soma_api_limits_route(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, soma_str_t tail);

/* limit= and cursor= of a list */
ngx_int_t ngx_http_soma_manage_page(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m);


#endif /* NGX_HTTP_SOMA_MANAGE_H */
