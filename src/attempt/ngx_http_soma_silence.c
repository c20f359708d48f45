
/*
 * Copyright (C) The ngx_soma authors
 *
 * How long a provider may be silent.  nginx knows one time for all of it,
 * which begins when the request is out and does not begin anew before the
 * header is there; here it is set as the answer goes on.
 */


#include "ngx_http_soma_attempt.h"
#include "soma_silence.h"


static ngx_msec_t ngx_http_soma_silence_ms(ngx_http_soma_attempt_t *a,
    ngx_uint_t begun);


void
ngx_http_soma_silence_begin(ngx_http_soma_attempt_t *a)
{
    ngx_connection_t  *c;

    c = a->ctx->request->upstream->peer.connection;

    /* a timer that is set is left as it is when it is nearly right: a wait
     * of half a second would then hardly begin anew */

    if (c->read->timer_set) {
        ngx_del_timer(c->read);
    }

    ngx_add_timer(c->read, ngx_http_soma_silence_ms(a, 1));
}


void
ngx_http_soma_silence_set(ngx_http_soma_attempt_t *a)
{
    a->conf.read_timeout = ngx_http_soma_silence_ms(a, a->header);

    if (a->provider->heartbeat && a->ctx->answered) {
        ngx_http_soma_beat_again(a);
    }
}


/* begun: some of the answer is there */
static ngx_msec_t
ngx_http_soma_silence_ms(ngx_http_soma_attempt_t *a, ngx_uint_t begun)
{
    soma_wait_t                wait;
    soma_wait_e                state;
    soma_answer_t             *answer;
    ngx_http_soma_provider_t  *provider;

    provider = a->provider;
    answer = &a->ctx->answer;

    wait.first_token = provider->first_token_timeout;
    wait.idle = provider->idle_timeout;
    wait.answer = provider->answer_timeout;
    wait.total = provider->total_timeout;

    if (a->header ? a->event_stream : (a->ctx->ask.stream && !begun)) {
        state = (answer->begun || answer->finished || answer->done)
                ? SOMA_WAIT_TEXT : SOMA_WAIT_FIRST;

    } else if (a->header ? (a->peeked || a->ctx->answered) : begun) {
        state = SOMA_WAIT_BODY;

    } else {
        state = SOMA_WAIT_PLAIN;
    }

    return (ngx_msec_t) soma_silence(&wait, state,
                                     (ngx_msec_int_t) (ngx_current_msec
                                                       - a->start));
}
