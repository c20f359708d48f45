
/*
 * Copyright (C) The ngx_soma authors
 *
 * A document from somewhere else, by GET or POST, while the worker goes on:
 * libcurl's multi interface on nginx's event loop.  https and http, TLS
 * verified, no connection kept.
 */


#ifndef NGX_HTTP_SOMA_FETCH_H
#define NGX_HTTP_SOMA_FETCH_H


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_HTTP_SOMA_FETCH_MAX       16                /* at once, a worker */
#define NGX_HTTP_SOMA_FETCH_BODY_MAX  (32 * 1024 * 1024)    /* bytes */
#define NGX_HTTP_SOMA_FETCH_HEADERS   4
#define NGX_HTTP_SOMA_FETCH_CONNECT   5000              /* ms, TLS included */


typedef struct {
    ngx_str_t       url;        /* ends in a null byte that is not counted */
    ngx_str_t       ca;         /* PEM, must stay; empty: the system's */
    size_t          max;        /* of the body, at most ..._BODY_MAX */
    ngx_msec_t      timeout;    /* of the whole */
    ngx_uint_t      redirects;  /* that are followed */
    const char     *method;     /* NULL: GET, or POST where there is a body */
    ngx_str_t       body;       /* what is posted, or empty */
    const char     *headers[NGX_HTTP_SOMA_FETCH_HEADERS];   /* lines without
                                   their ends; the last one NULL */
    unsigned        strange:1;  /* a client named the URL: no address that is
                                   not public, no proxy */
} ngx_http_soma_fetch_t;


/* all of it is gone when the handler returns */
typedef struct {
    const char     *error;      /* NULL: an answer came whole */
    ngx_uint_t      status;     /* of the answer */
    ngx_str_t       body;
} ngx_http_soma_fetched_t;


typedef void (*ngx_http_soma_fetch_pt)(ngx_http_soma_fetched_t *fetched,
    void *data);


/*
 * NGX_OK: "handler" is called once, later, unless the worker ends before;
 * it may fetch again.  NGX_ERROR: it is not called.  "fetch" is not needed
 * behind the call.
 */
ngx_int_t ngx_http_soma_fetch(ngx_http_soma_fetch_t *fetch,
    ngx_http_soma_fetch_pt handler, void *data);

/* forgets what is under way */
void ngx_http_soma_fetch_exit_worker(void);


#endif /* NGX_HTTP_SOMA_FETCH_H */
