
/*
 * Copyright (C) The ngx_soma authors
 */


#include "ngx_http_soma.h"


static const char  *ngx_http_soma_wait_names[NGX_HTTP_SOMA_WAITS] = {
    "nothing",
    "the first word of Redis",
    "its key from Redis",
    "the keys of a token's issuer",
    "its tenant's lock from Redis",
    "its tenant from Redis",
    "its body to be unpacked",
    "the end of its turn",
    "the owner of a response from Redis",
    "a lease of a limit",
    "what others hold of a limit",
    "images and documents by URL",
    "a token for a provider",
    "the address of a provider",
    "the answer of Redis to an endpoint"
};


ngx_int_t
ngx_http_soma_wait(ngx_http_soma_ctx_t *ctx, ngx_http_soma_wait_e what,
    ngx_http_soma_resume_pt resume)
{
    ngx_http_request_t    *r;
    ngx_http_soma_wait_t  *wait;

    r = ctx->request;
    wait = &ctx->wait;

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "soma waits for %s", ngx_http_soma_wait_names[what]);

    if (ngx_http_soma_waits(ctx)) {
        ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                      "soma: a request that waits for %s is to wait for %s",
                      ngx_http_soma_wait_names[wait->what],
                      ngx_http_soma_wait_names[what]);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_handle_read_event(r->connection->read, 0) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    wait->what = what;
    wait->resume = resume;
    wait->since = ngx_current_msec;
    wait->had |= 1u << what;
    wait->data = NULL;
    wait->over = NULL;

    ngx_queue_init(&wait->queue);

    return NGX_AGAIN;
}


void
ngx_http_soma_wake(ngx_http_soma_ctx_t *ctx, ngx_int_t rc)
{
    ngx_connection_t      *c;
    ngx_http_request_t    *r;
    ngx_http_soma_wait_t  *wait;

    r = ctx->request;
    c = r->connection;
    wait = &ctx->wait;

    ngx_http_set_log_request(c->log, r);

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, c->log, 0,
                   "soma goes on behind %s: %i",
                   ngx_http_soma_wait_names[wait->what], rc);

    if (!ngx_http_soma_waits(ctx)) {
        ngx_log_error(NGX_LOG_ALERT, c->log, 0,
                      "soma: a request is woken that does not wait");
        return;
    }

    if (rc == NGX_BUSY) {
        ngx_log_error(NGX_LOG_ERR, c->log, 0,
                      "soma: the request waited %M ms for %s, which did not "
                      "come", ngx_current_msec - wait->since,
                      ngx_http_soma_wait_names[wait->what]);
    }

    ngx_http_soma_wait_end(ctx);

    r->read_event_handler = ngx_http_block_reading;

    wait->resume(ctx, rc);

    ngx_http_run_posted_requests(c);
}


void
ngx_http_soma_wait_end(ngx_http_soma_ctx_t *ctx)
{
    ngx_http_soma_wait_t  *wait;

    wait = &ctx->wait;

    if (!ngx_http_soma_waits(ctx)) {
        return;
    }

    wait->what = NGX_HTTP_SOMA_WAIT_NOTHING;

    ngx_queue_remove(&wait->queue);

    if (wait->over) {
        wait->over(ctx);
    }
}
