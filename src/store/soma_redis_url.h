
/*
 * Copyright (C) The ngx_soma authors
 *
 * Where Redis is, as one word of a configuration:
 *
 *     redis://[user[:password]@]host[:port][/db]      rediss:// with TLS
 *     unix:/path[?db=N]
 *     redis-sentinel://[user[:password]@]host[:port],.../master[/db]
 *     redis-cluster://[user[:password]@]host[:port],...
 *
 * (rediss-sentinel:// and rediss-cluster:// with TLS.)  The user and the
 * password may be percent-encoded, as RFC 3986 has it.
 */


#ifndef SOMA_REDIS_URL_H
#define SOMA_REDIS_URL_H


#include "soma_base.h"


#define SOMA_REDIS_HOSTS_MAX   16
#define SOMA_REDIS_HOST_MAX    255      /* bytes, without the port */
#define SOMA_REDIS_MASTER_MAX  128      /* bytes of a master's name */
#define SOMA_REDIS_SECRET_MAX  1024     /* bytes of a user, a password */
#define SOMA_REDIS_DB_MAX      65535
#define SOMA_REDIS_PORT        6379
#define SOMA_REDIS_SENTINEL    26379

#define SOMA_REDIS_SCHEMES                                                    \
    "redis://[user[:password]@]host[:port][/db], rediss:// for TLS, "         \
    "unix:/path[?db=N], redis-sentinel://host[:port],.../master[/db] or "     \
    "redis-cluster://host[:port],..."


typedef enum {
    SOMA_REDIS_SINGLE = 0,
    SOMA_REDIS_UNIX,
    SOMA_REDIS_SENTINELS,
    SOMA_REDIS_CLUSTER
} soma_redis_kind_e;


typedef struct {
    soma_str_t         name;        /* an IPv6 address without brackets */
    int                port;
} soma_redis_host_t;


typedef struct {
    soma_redis_kind_e  kind;
    soma_str_t         user;        /* len 0: none; decoded */
    soma_str_t         password;    /* len 0: none; decoded */
    soma_str_t         path;        /* UNIX */
    soma_str_t         master;      /* SENTINELS: its name there */
    soma_redis_host_t  hosts[SOMA_REDIS_HOSTS_MAX];
    unsigned           nhosts;
    int64_t            db;
    unsigned           tls:1;
} soma_redis_url_t;


/*
 * Strings point into "text", whose user and password are decoded in place.
 * SOMA_ERROR: *error is a constant sentence, what is allowed included, and
 * *word the part that is wrong, or nothing (len 0) where it could show a
 * secret.
 */
int soma_redis_url(soma_redis_url_t *url, soma_str_t text,
    const char **error, soma_str_t *word);


#endif /* SOMA_REDIS_URL_H */
