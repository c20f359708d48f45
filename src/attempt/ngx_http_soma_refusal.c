
/*
 * Copyright (C) The ngx_soma authors
 *
 * An answer whose status is bad: what it says, and whether the client gets
 * it as it is.
 */


#include "ngx_http_soma_attempt.h"
#include "soma_sniff.h"


#define NGX_HTTP_SOMA_SAID_MAX  256     /* bytes of a provider's message */
#define NGX_HTTP_SOMA_KEY_HEAD  8       /* of a key, that nobody is shown */


static void ngx_http_soma_refusal_said(ngx_http_soma_attempt_t *a,
    soma_str_t body, soma_json_value_t *message);
static ngx_uint_t ngx_http_soma_refusal_key(ngx_http_soma_attempt_t *a,
    soma_str_t text);


/*
 * An error of the provider's goes to the client when it is written as the
 * client's dialect writes them.  A page, a text or nothing becomes one of
 * ours.
 */
ngx_int_t
ngx_http_soma_refusal(ngx_http_soma_attempt_t *a)
{
    ngx_int_t         rc;
    ngx_buf_t        *b;
    soma_str_t        body;
    const char       *reason;
    soma_sniff_e      is;
    soma_refusal_t    refusal;

    b = &a->ctx->request->upstream->buffer;
    reason = ngx_http_soma_header_reason(a->status.code);

    body.data = b->pos;
    body.len = a->encoding ? 0 : a->peeked;

    is = soma_sniff(body.data, body.len);

    refusal.retry = 0;
    a->dialect->refusal(body, &refusal);

    if (a->retry_after_ms == 0 && refusal.retry > 0) {
        a->retry_after_ms = ngx_min(refusal.retry, SOMA_HEALTH_OPEN_MAX_MS);
    }

    if (!a->ended && !a->encoding && !refusal.whole
        && (is != SOMA_SNIFF_OTHER || a->rest != -1
            || a->ctx->request->upstream->headers_in.chunked))
    {
        rc = ngx_http_soma_peek_more(a);

        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    if (a->fail == SOMA_FAIL_AUTH) {

        if (!refusal.ours || !refusal.content) {
            return ngx_http_soma_peek_reject(a, a->fail, reason);
        }

        a->fail = SOMA_FAIL_STATUS;
    }

    if (a->usage_added && refusal.usage
        && (a->status.code == 400 || a->status.code == 422))
    {
        a->resend = 1;

        return ngx_http_soma_peek_reject(a, a->fail,
                                         "stream_options are not known");
    }

    if (!ngx_http_soma_target_may(a) && refusal.ours && !a->translate
        && !ngx_http_soma_refusal_key(a, body))
    {
        return NGX_OK;
    }

    if (is != SOMA_SNIFF_MORE) {
        ngx_http_soma_refusal_said(a, body, &refusal.message);
    }

    return ngx_http_soma_peek_reject(a, a->fail, reason);
}


/* what a 4xx says about the request, for the error that takes its place */
static void
ngx_http_soma_refusal_said(ngx_http_soma_attempt_t *a, soma_str_t body,
    soma_json_value_t *message)
{
    soma_str_t  text;

    text.len = 0;

    if (message->type == SOMA_JSON_STRING) {

        if (soma_json_text(&a->ctx->arena, message, &text) != SOMA_OK) {
            return;
        }

    } else if (message->type != SOMA_JSON_NONE) {
        text = message->text;

    } else if (body.len && soma_sniff(body.data, body.len) == SOMA_SNIFF_OTHER
               && memchr(body.data, '<', body.len) == NULL)
    {
        text = body;
    }

    if (text.len == 0 || text.len > NGX_HTTP_SOMA_SAID_MAX
        || ngx_http_soma_refusal_key(a, text))
    {
        return;
    }

    a->said.data = ngx_pnalloc(a->ctx->request->pool, text.len);

    if (a->said.data) {
        ngx_memcpy(a->said.data, text.data, text.len);
        a->said.len = text.len;
    }
}


/* its beginning is enough: providers show that much, and stars behind it */
static ngx_uint_t
ngx_http_soma_refusal_key(ngx_http_soma_attempt_t *a, soma_str_t text)
{
    size_t      len;
    u_char     *p, *end;
    ngx_str_t  *key;

    key = &a->provider->api_key;
    len = ngx_min(key->len, NGX_HTTP_SOMA_KEY_HEAD);

    if (len == 0 || text.len < len) {
        return 0;
    }

    end = text.data + text.len - len;

    for (p = text.data; p <= end; p++) {

        if (*p == key->data[0] && ngx_memcmp(p, key->data, len) == 0) {
            return 1;
        }
    }

    return 0;
}
