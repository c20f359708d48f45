
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a link says before it is ready: AUTH, SELECT, its name, and who is
 * there.
 *
 * Everything in one write; the replies come in the same order.  In a cluster
 * a node's role is no matter: one that is not the master of a key says so.
 */


#include "ngx_http_soma_redis_link.h"


static ngx_int_t ngx_http_soma_redis_link_say(ngx_http_soma_link_t *link,
    ngx_http_soma_redis_pt handler, int argc, const char *a, const char *b,
    ngx_str_t *c);
static ngx_int_t ngx_http_soma_redis_link_auth(ngx_http_soma_link_t *link);
static ngx_int_t ngx_http_soma_redis_link_refused(ngx_http_soma_link_t *link,
    redisReply *reply, ngx_uint_t must);
static void ngx_http_soma_redis_link_must(void *data, redisReply *reply);
static void ngx_http_soma_redis_link_may(void *data, redisReply *reply);
static void ngx_http_soma_redis_link_hello(void *data, redisReply *reply);
static void ngx_http_soma_redis_link_role(void *data, redisReply *reply);


ngx_int_t
ngx_http_soma_redis_link_greet(ngx_http_soma_link_t *link)
{
    u_char      *p, buf[NGX_INT64_LEN + NGX_MAXHOSTNAMELEN + 16];
    ngx_str_t    value;
    ngx_uint_t   sentinel;

    sentinel = (link->kind == NGX_HTTP_SOMA_LINK_SENTINEL);

    if (ngx_http_soma_redis_link_auth(link) != NGX_OK) {
        return NGX_ERROR;
    }

    if (link->conf->db > 0 && !sentinel) {
        p = ngx_sprintf(buf, "%i", link->conf->db);
        value.data = buf;
        value.len = p - buf;

        if (ngx_http_soma_redis_link_say(link, ngx_http_soma_redis_link_must,
                                         2, "SELECT", NULL, &value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    p = ngx_snprintf(buf, sizeof(buf), "soma-%V-%P", &link->node, ngx_pid);
    value.data = buf;
    value.len = p - buf;

    if (ngx_http_soma_redis_link_say(link, ngx_http_soma_redis_link_may, 3,
                                     "CLIENT", "SETNAME", &value)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (sentinel || ngx_http_soma_redis_worker.cluster) {
        return ngx_http_soma_redis_link_say(link,
                                            ngx_http_soma_redis_link_hello, 1,
                                            "PING", NULL, NULL);
    }

    if (ngx_http_soma_redis_link_say(link, ngx_http_soma_redis_link_may, 1,
                                     "PING", NULL, NULL)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_soma_redis_link_say(link, ngx_http_soma_redis_link_role,
                                        1, "ROLE", NULL, NULL);
}


static ngx_int_t
ngx_http_soma_redis_link_auth(ngx_http_soma_link_t *link)
{
    int          argc;
    size_t       len[3];
    ngx_str_t   *user, *password;
    const char  *argv[3];

    user = &link->conf->user;
    password = &link->conf->password;

    if (link->kind == NGX_HTTP_SOMA_LINK_SENTINEL) {
        user = &link->conf->sentinel_user;
        password = &link->conf->sentinel_password;
    }

    if (password->len == 0) {
        return NGX_OK;
    }

    argc = 0;
    argv[argc] = "AUTH";
    len[argc++] = 4;

    if (user->len) {
        argv[argc] = (char *) user->data;
        len[argc++] = user->len;
    }

    argv[argc] = (char *) password->data;
    len[argc++] = password->len;

    return ngx_http_soma_redis_link_send(link, ngx_http_soma_redis_link_must,
                                         link, argc, argv, len);
}


static ngx_int_t
ngx_http_soma_redis_link_say(ngx_http_soma_link_t *link,
    ngx_http_soma_redis_pt handler, int argc, const char *a, const char *b,
    ngx_str_t *c)
{
    int          n;
    size_t       len[3];
    const char  *argv[3];

    n = 0;
    argv[n] = a;
    len[n++] = ngx_strlen(a);

    if (b) {
        argv[n] = b;
        len[n++] = ngx_strlen(b);
    }

    if (c) {
        argv[n] = (char *) c->data;
        len[n++] = c->len;
    }

    return ngx_http_soma_redis_link_send(link, handler, link, argc, argv,
                                         len);
}


/* NGX_DECLINED: the link is on its way down */
static ngx_int_t
ngx_http_soma_redis_link_refused(ngx_http_soma_link_t *link,
    redisReply *reply, ngx_uint_t must)
{
    if (reply == NULL || link->state != NGX_HTTP_SOMA_LINK_CONNECT) {
        return NGX_DECLINED;
    }

    if (reply->type != REDIS_REPLY_ERROR) {
        return NGX_OK;
    }

    if (must || ngx_http_soma_redis_link_is_useless(reply)) {
        ngx_http_soma_redis_link_drop(link, "%s", reply->str);
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static void
ngx_http_soma_redis_link_must(void *data, redisReply *reply)
{
    (void) ngx_http_soma_redis_link_refused(data, reply, 1);
}


static void
ngx_http_soma_redis_link_may(void *data, redisReply *reply)
{
    (void) ngx_http_soma_redis_link_refused(data, reply, 0);
}


/* the last reply of the greeting, one of the two */

static void
ngx_http_soma_redis_link_hello(void *data, redisReply *reply)
{
    ngx_http_soma_link_t  *link = data;

    if (ngx_http_soma_redis_link_refused(link, reply, 0) == NGX_OK) {
        ngx_http_soma_redis_link_ready(link);
    }
}


static void
ngx_http_soma_redis_link_role(void *data, redisReply *reply)
{
    ngx_http_soma_link_t  *link = data;

    redisReply  *role;

    if (ngx_http_soma_redis_link_refused(link, reply, 0) != NGX_OK) {
        return;
    }

    /* a user who may not ask finds out by the first write */
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements
        && reply->element[0]->type == REDIS_REPLY_STRING)
    {
        role = reply->element[0];

        if (ngx_strcmp(role->str, "master") != 0) {
            ngx_http_soma_redis_link_drop(link,
                                          "its role is \"%s\", not \"master\"",
                                          role->str);
            return;
        }
    }

    ngx_http_soma_redis_link_ready(link);
}
