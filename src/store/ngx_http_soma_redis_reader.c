
/*
 * Copyright (C) The ngx_soma authors
 *
 * What hiredis may make of the bytes of a Redis that is broken or hostile.
 *
 * hiredis believes whatever a reply announces: thirteen bytes make it ask for
 * sixteen gigabytes of pointers.  Its reader makes objects through a table of
 * functions: ours counts before it calls hiredis' own.
 */


#include "ngx_http_soma_redis_link.h"

#include <hiredis/hiredis.h>


#if (HIREDIS_MAJOR >= 1)
typedef size_t  ngx_http_soma_redis_count_t;
#else
typedef int  ngx_http_soma_redis_count_t;
#endif


static void *ngx_http_soma_redis_reader_array(const redisReadTask *task,
    ngx_http_soma_redis_count_t n);
static void *ngx_http_soma_redis_reader_string(const redisReadTask *task,
    char *str, size_t len);
static ngx_http_soma_link_t *ngx_http_soma_redis_reader_count(
    const redisReadTask *task);
static void ngx_http_soma_redis_reader_refuse(ngx_http_soma_link_t *link,
    const char *why);


static redisReplyObjectFunctions   ngx_http_soma_redis_objects;
static redisReplyObjectFunctions  *ngx_http_soma_redis_hiredis;


void
ngx_http_soma_redis_reader_init(ngx_http_soma_link_t *link)
{
    redisReader  *reader;

    reader = link->ac->c.reader;

    if (ngx_http_soma_redis_hiredis == NULL) {
        ngx_http_soma_redis_hiredis = reader->fn;
        ngx_http_soma_redis_objects = *reader->fn;
        ngx_http_soma_redis_objects.createArray =
                                             ngx_http_soma_redis_reader_array;
        ngx_http_soma_redis_objects.createString =
                                            ngx_http_soma_redis_reader_string;
    }

    reader->fn = &ngx_http_soma_redis_objects;
    reader->privdata = link;

    link->refused = NULL;
}


void
ngx_http_soma_redis_reader_check(ngx_http_soma_link_t *link)
{
    redisReader  *reader;

    if (link->ac == NULL) {
        return;
    }

    reader = link->ac->c.reader;

    if (reader && reader->len - reader->pos
                  > NGX_HTTP_SOMA_REDIS_STRING_MAX)
    {
        link->late = 1;
        ngx_http_soma_redis_link_drop(link, "a reply has a string of more "
                                      "than %d bytes, it cannot be trusted",
                                      NGX_HTTP_SOMA_REDIS_STRING_MAX);
    }
}


/* n: of a map hiredis counts names and values */
static void *
ngx_http_soma_redis_reader_array(const redisReadTask *task,
    ngx_http_soma_redis_count_t n)
{
    ngx_http_soma_link_t  *link;

    link = ngx_http_soma_redis_reader_count(task);

    if (n < 0 || (size_t) n > NGX_HTTP_SOMA_REDIS_ELEMENTS_MAX
                              - link->elements)
    {
        ngx_http_soma_redis_reader_refuse(link, "a reply announces more "
                                          "elements than any has, it cannot "
                                          "be trusted");
        return NULL;
    }

    link->elements += (size_t) n;

    return ngx_http_soma_redis_hiredis->createArray(task, n);
}


static void *
ngx_http_soma_redis_reader_string(const redisReadTask *task, char *str,
    size_t len)
{
    ngx_http_soma_link_t  *link;

    link = ngx_http_soma_redis_reader_count(task);

    if (len > NGX_HTTP_SOMA_REDIS_REPLY_MAX - link->bytes) {
        ngx_http_soma_redis_reader_refuse(link, "a reply is larger than any "
                                          "is, it cannot be trusted");
        return NULL;
    }

    link->bytes += len;

    return ngx_http_soma_redis_hiredis->createString(task, str, len);
}


/* begins to count anew with a new reply */
static ngx_http_soma_link_t *
ngx_http_soma_redis_reader_count(const redisReadTask *task)
{
    const redisReadTask   *top;
    ngx_http_soma_link_t  *link;

    for (top = task; top->parent; top = top->parent) { /* void */ }

    link = top->privdata;

    if (top == task) {
        link->elements = 0;
        link->bytes = 0;
    }

    return link;
}


/* hiredis takes it for a lack of memory and ends the connection; who said so
 * is not hurried to the next commands */
static void
ngx_http_soma_redis_reader_refuse(ngx_http_soma_link_t *link, const char *why)
{
    link->refused = why;
    link->late = 1;
}
