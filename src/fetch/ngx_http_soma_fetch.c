
/*
 * Copyright (C) The ngx_soma authors
 *
 * libcurl says which sockets it waits for and when it wants to be called
 * next; nginx's events do that.  The sockets are curl's: a connection of
 * nginx stands for each, level-triggered because curl reads once a call, and
 * is given back, not closed.  Curl looks up names in a thread of its own and
 * waits for it on a socket like the others.
 */


#include "ngx_http_soma_fetch.h"
#include "ngx_http_soma.h"
#include "soma_address.h"

#include <curl/curl.h>
#include <openssl/err.h>
#include <signal.h>


#define NGX_HTTP_SOMA_FETCH_FIRST  4096     /* bytes of a body's first buffer */


typedef struct {
    ngx_queue_t                   queue;
    CURL                         *easy;
    ngx_http_soma_fetch_pt        handler;
    void                         *data;
    u_char                       *body;
    size_t                        len;
    size_t                        size;
    size_t                        max;
    struct curl_slist            *headers;
    unsigned                      large:1;
    unsigned                      inside:1; /* an address that is not public */
    char                          error[CURL_ERROR_SIZE];
} ngx_http_soma_fetching_t;


typedef struct {
    CURLM                        *multi;
    ngx_queue_t                   queue;    /* under way */
    ngx_uint_t                    count;
    ngx_event_t                   timer;
    ngx_connection_t              dummy;    /* for the timer's debug log */
} ngx_http_soma_fetch_worker_t;


static unsigned ngx_http_soma_fetch_tls(CURL *easy);
static ngx_int_t ngx_http_soma_fetch_init(void);
static ngx_int_t ngx_http_soma_fetch_set(ngx_http_soma_fetching_t *f,
    ngx_http_soma_fetch_t *fetch);
static unsigned ngx_http_soma_fetch_asks(ngx_http_soma_fetching_t *f,
    ngx_http_soma_fetch_t *fetch);
static curl_socket_t ngx_http_soma_fetch_open(void *data,
    curlsocktype purpose, struct curl_sockaddr *address);
static unsigned ngx_http_soma_fetch_trust(CURL *easy,
    ngx_http_soma_fetch_t *fetch);
static size_t ngx_http_soma_fetch_body(char *data, size_t size, size_t n,
    void *ctx);
static int ngx_http_soma_fetch_socket(CURL *easy, curl_socket_t fd, int what,
    void *data, void *socket);
static void ngx_http_soma_fetch_event(ngx_event_t *ev, ngx_int_t event,
    ngx_uint_t wanted);
static void ngx_http_soma_fetch_forget(ngx_connection_t *c);
static void ngx_http_soma_fetch_ready(ngx_event_t *ev);
static int ngx_http_soma_fetch_timer(CURLM *multi, long ms, void *data);
static void ngx_http_soma_fetch_timeout(ngx_event_t *ev);
static void ngx_http_soma_fetch_action(curl_socket_t fd, int what);
static void ngx_http_soma_fetch_finish(ngx_http_soma_fetching_t *f,
    CURLcode code);
static void ngx_http_soma_fetch_free(ngx_http_soma_fetching_t *f);


static ngx_http_soma_fetch_worker_t  ngx_http_soma_fetch_worker;


ngx_int_t
ngx_http_soma_fetch(ngx_http_soma_fetch_t *fetch,
    ngx_http_soma_fetch_pt handler, void *data)
{
    sigset_t                       all, before;
    CURLMcode                      rc;
    ngx_http_soma_fetching_t      *f;
    ngx_http_soma_fetch_worker_t  *w;

    w = &ngx_http_soma_fetch_worker;

    if (w->count == NGX_HTTP_SOMA_FETCH_MAX
        || ngx_http_soma_fetch_init() != NGX_OK)
    {
        return NGX_ERROR;
    }

    f = ngx_calloc(sizeof(ngx_http_soma_fetching_t), ngx_cycle->log);
    if (f == NULL) {
        return NGX_ERROR;
    }

    f->handler = handler;
    f->data = data;
    f->max = ngx_min(fetch->max, NGX_HTTP_SOMA_FETCH_BODY_MAX);

    ngx_queue_insert_tail(&w->queue, &f->queue);
    w->count++;

    f->easy = curl_easy_init();

    if (f->easy == NULL || ngx_http_soma_fetch_set(f, fetch) != NGX_OK) {
        ngx_http_soma_fetch_free(f);
        return NGX_ERROR;
    }

    sigfillset(&all);
    (void) pthread_sigmask(SIG_BLOCK, &all, &before);

    rc = curl_multi_add_handle(w->multi, f->easy);

    (void) pthread_sigmask(SIG_SETMASK, &before, NULL);

    if (rc != CURLM_OK) {
        ngx_http_soma_fetch_free(f);
        return NGX_ERROR;
    }

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, ngx_cycle->log, 0,
                   "soma fetch: \"%V\"", &fetch->url);

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_fetch_init(void)
{
    ngx_http_soma_fetch_worker_t  *w;

    w = &ngx_http_soma_fetch_worker;

    if (w->multi) {
        return NGX_OK;
    }

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return NGX_ERROR;
    }

    w->multi = curl_multi_init();

    if (w->multi == NULL
        || curl_multi_setopt(w->multi, CURLMOPT_SOCKETFUNCTION,
                             ngx_http_soma_fetch_socket)
        || curl_multi_setopt(w->multi, CURLMOPT_TIMERFUNCTION,
                             ngx_http_soma_fetch_timer)
        || curl_multi_setopt(w->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS,
                             (long) NGX_HTTP_SOMA_FETCH_MAX))
    {
        (void) curl_multi_cleanup(w->multi);
        curl_global_cleanup();
        w->multi = NULL;
        return NGX_ERROR;
    }

    ngx_queue_init(&w->queue);
    w->count = 0;

    ngx_memzero(&w->timer, sizeof(ngx_event_t));
    w->dummy.fd = (ngx_socket_t) -1;
    w->timer.handler = ngx_http_soma_fetch_timeout;
    w->timer.data = &w->dummy;
    w->timer.log = ngx_cycle->log;

    /* nothing that is fetched is worth a worker's staying */
    w->timer.cancelable = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_fetch_set(ngx_http_soma_fetching_t *f,
    ngx_http_soma_fetch_t *fetch)
{
    CURL      *easy;
    unsigned   rc;

    easy = f->easy;

    rc = curl_easy_setopt(easy, CURLOPT_URL, fetch->url.data);
    rc |= curl_easy_setopt(easy, CURLOPT_PRIVATE, f);
    rc |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, f->error);
    rc |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION,
                           ngx_http_soma_fetch_body);
    rc |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, f);
    rc |= curl_easy_setopt(easy, CURLOPT_USERAGENT,
                           "ngx_soma/" NGX_HTTP_SOMA_VERSION);
    rc |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                           (long) CURL_HTTP_VERSION_1_1);

#if LIBCURL_VERSION_NUM >= 0x075500
    rc |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    rc |= curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
#else
    rc |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS,
                           (long) (CURLPROTO_HTTP|CURLPROTO_HTTPS));
    rc |= curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS,
                           (long) (CURLPROTO_HTTP|CURLPROTO_HTTPS));
#endif

    rc |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION,
                           (long) (fetch->redirects != 0));
    rc |= curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long) fetch->redirects);
    rc |= curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    rc |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    rc |= ngx_http_soma_fetch_tls(easy);
    rc |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long) fetch->timeout);
    rc |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                           (long) NGX_HTTP_SOMA_FETCH_CONNECT);

    rc |= ngx_http_soma_fetch_trust(easy, fetch);
    rc |= ngx_http_soma_fetch_asks(f, fetch);

#if LIBCURL_VERSION_NUM >= 0x075700

    /* a name server that does not answer holds up no worker that ends */
    rc |= curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);

#endif

    return rc == CURLE_OK ? NGX_OK : NGX_ERROR;
}


/* the method, the body and its headers; and where it may lead */
static unsigned
ngx_http_soma_fetch_asks(ngx_http_soma_fetching_t *f,
    ngx_http_soma_fetch_t *fetch)
{
    unsigned            rc;
    ngx_uint_t          i;
    struct curl_slist  *headers;

    rc = CURLE_OK;

    if (fetch->body.len) {
        rc |= curl_easy_setopt(f->easy, CURLOPT_POSTFIELDSIZE,
                               (long) fetch->body.len);
        rc |= curl_easy_setopt(f->easy, CURLOPT_COPYPOSTFIELDS,
                               fetch->body.data);
    }

    if (fetch->method) {
        rc |= curl_easy_setopt(f->easy, CURLOPT_CUSTOMREQUEST, fetch->method);
    }

    for (i = 0; i < NGX_HTTP_SOMA_FETCH_HEADERS && fetch->headers[i]; i++) {
        headers = curl_slist_append(f->headers, fetch->headers[i]);

        if (headers == NULL) {
            return CURLE_OUT_OF_MEMORY;
        }

        f->headers = headers;
    }

    if (f->headers) {
        rc |= curl_easy_setopt(f->easy, CURLOPT_HTTPHEADER, f->headers);
    }

    if (fetch->strange) {
        rc |= curl_easy_setopt(f->easy, CURLOPT_PROXY, "");
        rc |= curl_easy_setopt(f->easy, CURLOPT_OPENSOCKETFUNCTION,
                               ngx_http_soma_fetch_open);
        rc |= curl_easy_setopt(f->easy, CURLOPT_OPENSOCKETDATA, f);
    }

    return rc;
}


/* the address is looked at that is connected to, be it of a redirect, so that
 * no name can mean another one by then */
static curl_socket_t
ngx_http_soma_fetch_open(void *data, curlsocktype purpose,
    struct curl_sockaddr *address)
{
    ngx_http_soma_fetching_t *f = data;

    ngx_uint_t            ok;
    struct sockaddr      *sa;
    struct sockaddr_in   *sin;
    struct sockaddr_in6  *sin6;

    (void) purpose;

    sa = &address->addr;
    ok = 0;

    if (sa->sa_family == AF_INET) {
        sin = (struct sockaddr_in *) sa;
        ok = soma_address_public((u_char *) &sin->sin_addr, 4);

    } else if (sa->sa_family == AF_INET6) {
        sin6 = (struct sockaddr_in6 *) sa;
        ok = soma_address_public((u_char *) &sin6->sin6_addr, 16);
    }

    if (!ok) {
        f->inside = 1;
        return CURL_SOCKET_BAD;
    }

    return socket(address->family, address->socktype, address->protocol);
}


static unsigned
ngx_http_soma_fetch_tls(CURL *easy)
{
    unsigned  rc;

    rc = curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    rc |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    rc |= curl_easy_setopt(easy, CURLOPT_SSLVERSION,
                           (long) CURL_SSLVERSION_TLSv1_2);

    return rc;
}


/*
 * Authorities of one's own are trusted alone.  Of the system's authorities the
 * directory is taken where there is one: the one that is needed is read from
 * it, where the file with all of them would hold the worker up for a tenth of
 * a second.
 */
static unsigned
ngx_http_soma_fetch_trust(CURL *easy, ngx_http_soma_fetch_t *fetch)
{
    unsigned                 rc;
    struct curl_blob         blob;
    curl_version_info_data  *info;

    if (fetch->ca.len) {
        blob.data = fetch->ca.data;
        blob.len = fetch->ca.len;
        blob.flags = CURL_BLOB_NOCOPY;

        rc = curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
        rc |= curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
        rc |= curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);

        return rc;
    }

    rc = CURLE_OK;
    info = curl_version_info(CURLVERSION_NOW);

    if (info->age >= CURLVERSION_SEVENTH && info->capath) {
        rc = curl_easy_setopt(easy, CURLOPT_CAPATH, info->capath);
        rc |= curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
    }

    return rc;
}


static size_t
ngx_http_soma_fetch_body(char *data, size_t size, size_t n, void *ctx)
{
    ngx_http_soma_fetching_t *f = ctx;

    u_char  *p;
    size_t   room;

    n *= size;

    if (n > f->max - f->len) {
        f->large = 1;
        return 0;
    }

    if (n > f->size - f->len) {
        room = ngx_max(f->size, NGX_HTTP_SOMA_FETCH_FIRST);

        while (room < f->len + n) {
            room *= 2;
        }

        p = ngx_alloc(room, ngx_cycle->log);
        if (p == NULL) {
            return 0;
        }

        if (f->len) {
            ngx_memcpy(p, f->body, f->len);
            ngx_free(f->body);
        }

        f->body = p;
        f->size = room;
    }

    ngx_memcpy(f->body + f->len, data, n);
    f->len += n;

    return n;
}


/* -1 would end all that is under way: what cannot be waited for is left to
 * its own timeout */
static int
ngx_http_soma_fetch_socket(CURL *easy, curl_socket_t fd, int what,
    void *data, void *socket)
{
    ngx_connection_t *c = socket;

    (void) easy;
    (void) data;

    if (what == CURL_POLL_REMOVE) {
        if (c) {
            ngx_http_soma_fetch_forget(c);
        }

        return 0;
    }

    if (c == NULL) {
        c = ngx_get_connection(fd, ngx_cycle->log);
        if (c == NULL) {
            return 0;
        }

        c->read->handler = ngx_http_soma_fetch_ready;
        c->read->log = ngx_cycle->log;
        c->write->handler = ngx_http_soma_fetch_ready;
        c->write->log = ngx_cycle->log;

        if (curl_multi_assign(ngx_http_soma_fetch_worker.multi, fd, c)
            != CURLM_OK)
        {
            ngx_http_soma_fetch_forget(c);
            return 0;
        }
    }

    ngx_http_soma_fetch_event(c->read, NGX_READ_EVENT, what & CURL_POLL_IN);
    ngx_http_soma_fetch_event(c->write, NGX_WRITE_EVENT,
                              what & CURL_POLL_OUT);

    return 0;
}


static void
ngx_http_soma_fetch_event(ngx_event_t *ev, ngx_int_t event,
    ngx_uint_t wanted)
{
    if (wanted && !ev->active) {
        (void) ngx_add_event(ev, event, 0);

    } else if (!wanted && ev->active) {
        (void) ngx_del_event(ev, event, 0);
    }
}


static void
ngx_http_soma_fetch_forget(ngx_connection_t *c)
{
    ngx_http_soma_fetch_event(c->read, NGX_READ_EVENT, 0);
    ngx_http_soma_fetch_event(c->write, NGX_WRITE_EVENT, 0);

    if (c->read->posted) {
        ngx_delete_posted_event(c->read);
    }

    if (c->write->posted) {
        ngx_delete_posted_event(c->write);
    }

    ngx_free_connection(c);
    c->fd = (ngx_socket_t) -1;
}


static void
ngx_http_soma_fetch_ready(ngx_event_t *ev)
{
    ngx_connection_t  *c;

    c = ev->data;

    ngx_http_soma_fetch_action(c->fd, ev->write ? CURL_CSELECT_OUT
                                                : CURL_CSELECT_IN);
}


/* called from within curl: nothing of it may be called here */
static int
ngx_http_soma_fetch_timer(CURLM *multi, long ms, void *data)
{
    ngx_event_t  *ev;

    (void) multi;
    (void) data;

    ev = &ngx_http_soma_fetch_worker.timer;

    /* nginx leaves a timer as it is when the new time is close to it */

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    if (ms >= 0) {
        ngx_add_timer(ev, (ngx_msec_t) ngx_max(ms, 1));
    }

    return 0;
}


static void
ngx_http_soma_fetch_timeout(ngx_event_t *ev)
{
    (void) ev;

    ngx_http_soma_fetch_action(CURL_SOCKET_TIMEOUT, 0);
}


static void
ngx_http_soma_fetch_action(curl_socket_t fd, int what)
{
    int                            n;
    CURL                          *easy;
    CURLMsg                       *msg;
    sigset_t                       all, before;
    CURLcode                       code;
    CURLMcode                      rc;
    ngx_http_soma_fetching_t      *f;
    ngx_http_soma_fetch_worker_t  *w;

    w = &ngx_http_soma_fetch_worker;

    /* a thread that curl starts here must not get the worker's signals: they
     * would not wake the worker */

    sigfillset(&all);
    (void) pthread_sigmask(SIG_BLOCK, &all, &before);

    rc = curl_multi_socket_action(w->multi, fd, what, &n);

    (void) pthread_sigmask(SIG_SETMASK, &before, NULL);

    ERR_clear_error();

    if (rc != CURLM_OK) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0,
                      "soma: curl_multi_socket_action() failed: %s",
                      curl_multi_strerror(rc));
    }

    while (w->multi && (msg = curl_multi_info_read(w->multi, &n)) != NULL) {

        if (msg->msg != CURLMSG_DONE) {
            continue;
        }

        easy = msg->easy_handle;
        code = msg->data.result;
        f = NULL;

        (void) curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **) &f);

        ngx_http_soma_fetch_finish(f, code);
    }
}


static void
ngx_http_soma_fetch_finish(ngx_http_soma_fetching_t *f, CURLcode code)
{
    long                     status;
    ngx_http_soma_fetched_t  fetched;

    ngx_memzero(&fetched, sizeof(ngx_http_soma_fetched_t));

    status = 0;

    if (f->large) {
        fetched.error = "the answer is too large";

    } else if (f->inside) {
        fetched.error = "its address is not public";

    } else if (code != CURLE_OK) {
        fetched.error = f->error[0] ? f->error : curl_easy_strerror(code);

    } else {
        (void) curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);

        fetched.status = (ngx_uint_t) status;
        fetched.body.data = f->body;
        fetched.body.len = f->len;
    }

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, ngx_cycle->log, 0,
                   "soma fetched: %ui, %s", fetched.status,
                   fetched.error ? fetched.error : "");

    f->handler(&fetched, f->data);

    ngx_http_soma_fetch_free(f);
}


static void
ngx_http_soma_fetch_free(ngx_http_soma_fetching_t *f)
{
    ngx_queue_remove(&f->queue);
    ngx_http_soma_fetch_worker.count--;

    if (f->easy) {
        (void) curl_multi_remove_handle(ngx_http_soma_fetch_worker.multi,
                                        f->easy);
        curl_easy_cleanup(f->easy);
    }

    curl_slist_free_all(f->headers);
    ngx_free(f->body);
    ngx_free(f);
}


void
ngx_http_soma_fetch_exit_worker(void)
{
    ngx_queue_t                   *q;
    ngx_http_soma_fetch_worker_t  *w;

    w = &ngx_http_soma_fetch_worker;

    if (w->multi == NULL) {
        return;
    }

    while (!ngx_queue_empty(&w->queue)) {
        q = ngx_queue_head(&w->queue);

        ngx_http_soma_fetch_free(ngx_queue_data(q, ngx_http_soma_fetching_t,
                                                queue));
    }

    (void) curl_multi_cleanup(w->multi);
    w->multi = NULL;

    if (w->timer.timer_set) {
        ngx_del_timer(&w->timer);
    }

    curl_global_cleanup();
}
