
/*
 * Copyright (C) The ngx_soma authors
 */


#include "ngx_http_soma_trace.h"

#include <openssl/rand.h>


static void ngx_http_soma_seed(void);


/*
 * The seed belongs to the process that draws: a worker forked from a seeded
 * master would otherwise repeat its brother's ids.
 */
static ngx_pid_t  ngx_http_soma_seeded;
static uint64_t   ngx_http_soma_state;
static uint64_t   ngx_http_soma_origin;


static void
ngx_http_soma_seed(void)
{
    u_char  buf[2 * sizeof(uint64_t)];

    if (RAND_bytes(buf, sizeof(buf)) != 1) {
        ngx_memzero(buf, sizeof(buf));
    }

    ngx_memcpy(&ngx_http_soma_state, buf, sizeof(uint64_t));
    ngx_memcpy(&ngx_http_soma_origin, buf + sizeof(uint64_t),
               sizeof(uint64_t));

    ngx_http_soma_origin ^= (uint64_t) ngx_pid << 32 ^ (uint64_t) ngx_time();
    ngx_http_soma_seeded = ngx_pid;
}


/* splitmix64, by Sebastiano Vigna, public domain: every state once */
uint64_t
ngx_http_soma_trace_random(void)
{
    uint64_t  z;

    if (ngx_http_soma_seeded != ngx_pid) {
        ngx_http_soma_seed();
    }

    ngx_http_soma_state += 0x9e3779b97f4a7c15u;

    z = ngx_http_soma_state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;

    return z ^ (z >> 31);
}


ngx_int_t
ngx_http_soma_trace_id(ngx_pool_t *pool, ngx_str_t *id)
{
    u_char    *p;
    uint64_t   n;

    p = ngx_pnalloc(pool, sizeof("req_") - 1 + 32);
    if (p == NULL) {
        return NGX_ERROR;
    }

    n = ngx_http_soma_trace_random();

    id->data = p;
    p = ngx_cpymem(p, "req_", sizeof("req_") - 1);
    p = soma_put_hex64(p, ngx_http_soma_origin);
    p = soma_put_hex64(p, n);
    id->len = p - id->data;

    return NGX_OK;
}


void
ngx_http_soma_trace_parent(u_char *buf)
{
    u_char    *p;
    uint64_t   span;

    span = ngx_http_soma_trace_random() | 1;

    p = ngx_cpymem(buf, "00-", 3);
    p = soma_put_hex64(p, ngx_http_soma_origin | 1);
    p = soma_put_hex64(p, ngx_http_soma_trace_random());
    *p++ = '-';
    p = soma_put_hex64(p, span);
    ngx_memcpy(p, "-01", 3);
}
