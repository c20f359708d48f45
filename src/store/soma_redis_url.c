
/*
 * Copyright (C) The ngx_soma authors
 */


#include <string.h>
#include "soma_redis_url.h"


typedef struct {
    const char         *scheme;
    soma_redis_kind_e   kind;
    unsigned            tls;
} soma_redis_scheme_t;


static const soma_redis_scheme_t  soma_redis_schemes[] = {
    { "redis://", SOMA_REDIS_SINGLE, 0 },
    { "rediss://", SOMA_REDIS_SINGLE, 1 },
    { "redis-sentinel://", SOMA_REDIS_SENTINELS, 0 },
    { "rediss-sentinel://", SOMA_REDIS_SENTINELS, 1 },
    { "redis-cluster://", SOMA_REDIS_CLUSTER, 0 },
    { "rediss-cluster://", SOMA_REDIS_CLUSTER, 1 },
    { NULL, SOMA_REDIS_SINGLE, 0 }
};


static int soma_redis_url_unix(soma_redis_url_t *url, soma_str_t text,
    const char **error, soma_str_t *word);
static int soma_redis_url_user(soma_redis_url_t *url, soma_str_t *rest,
    const char **error);
static int soma_redis_url_decode(soma_str_t *s);
static int soma_redis_url_hosts(soma_redis_url_t *url, soma_str_t list,
    const char **error, soma_str_t *word);
static int soma_redis_url_host(soma_redis_host_t *host, soma_str_t text,
    int port);
static int soma_redis_url_path(soma_redis_url_t *url, soma_str_t path,
    const char **error, soma_str_t *word);
static int soma_redis_url_db(soma_redis_url_t *url, soma_str_t text,
    const char **error, soma_str_t *word);


int
soma_redis_url(soma_redis_url_t *url, soma_str_t text, const char **error,
    soma_str_t *word)
{
    size_t          len;
    unsigned        i;
    soma_str_t      rest, path;
    unsigned char  *slash;

    memset(url, 0, sizeof(soma_redis_url_t));
    memset(word, 0, sizeof(soma_str_t));

    if (text.len > 5 && memcmp(text.data, "unix:", 5) == 0) {
        return soma_redis_url_unix(url, text, error, word);
    }

    len = 0;

    for (i = 0; soma_redis_schemes[i].scheme; i++) {
        len = strlen(soma_redis_schemes[i].scheme);

        if (text.len >= len
            && memcmp(text.data, soma_redis_schemes[i].scheme, len) == 0)
        {
            break;
        }
    }

    if (soma_redis_schemes[i].scheme == NULL) {
        *error = "is no URL of Redis: " SOMA_REDIS_SCHEMES " is allowed";
        return SOMA_ERROR;
    }

    url->kind = soma_redis_schemes[i].kind;
    url->tls = soma_redis_schemes[i].tls;

    rest.data = text.data + len;
    rest.len = text.len - len;

    if (soma_redis_url_user(url, &rest, error) != SOMA_OK) {
        return SOMA_ERROR;
    }

    memset(&path, 0, sizeof(soma_str_t));
    slash = rest.len ? memchr(rest.data, '/', rest.len) : NULL;

    if (slash) {
        path.data = slash + 1;
        path.len = (size_t) (rest.data + rest.len - path.data);
        rest.len = (size_t) (slash - rest.data);
    }

    if (soma_redis_url_hosts(url, rest, error, word) != SOMA_OK) {
        return SOMA_ERROR;
    }

    return soma_redis_url_path(url, path, error, word);
}


static int
soma_redis_url_unix(soma_redis_url_t *url, soma_str_t text,
    const char **error, soma_str_t *word)
{
    soma_str_t      db;
    unsigned char  *mark;

    url->kind = SOMA_REDIS_UNIX;
    url->path.data = text.data + 5;
    url->path.len = text.len - 5;

    mark = memchr(url->path.data, '?', url->path.len);

    if (mark) {
        db.data = mark + 1;
        db.len = (size_t) (text.data + text.len - db.data);
        url->path.len = (size_t) (mark - url->path.data);

        if (db.len <= 3 || memcmp(db.data, "db=", 3) != 0) {
            *error = "is no option of a socket: unix:/path?db=N is allowed";
            *word = db;
            return SOMA_ERROR;
        }

        db.data += 3;
        db.len -= 3;

        if (soma_redis_url_db(url, db, error, word) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    if (url->path.len == 0 || url->path.data[0] != '/') {
        *error = "is no path: unix:/path is allowed";
        *word = url->path;
        return SOMA_ERROR;
    }

    return SOMA_OK;
}


/* up to the last "@": whoever did not encode his password meant it so */
static int
soma_redis_url_user(soma_redis_url_t *url, soma_str_t *rest,
    const char **error)
{
    size_t          n;
    unsigned char  *colon;

    for (n = rest->len; n > 0; n--) {
        if (rest->data[n - 1] == '@') {
            break;
        }
    }

    if (n == 0) {
        return SOMA_OK;
    }

    url->user.data = rest->data;
    url->user.len = n - 1;

    rest->data += n;
    rest->len -= n;

    colon = url->user.len ? memchr(url->user.data, ':', url->user.len)
                          : NULL;

    if (colon) {
        url->password.data = colon + 1;
        url->password.len = (size_t) (url->user.data + url->user.len
                                      - url->password.data);
        url->user.len = (size_t) (colon - url->user.data);
    }

    if (soma_redis_url_decode(&url->user) != SOMA_OK
        || soma_redis_url_decode(&url->password) != SOMA_OK)
    {
        *error = "the user or the password is too long, or has a \"%\" that "
                 "two hexadecimal digits do not follow: write it as \"%25\"";
        return SOMA_ERROR;
    }

    return SOMA_OK;
}


static int
soma_redis_url_decode(soma_str_t *s)
{
    size_t      i, n;
    soma_str_t  hex;

    if (s->len > SOMA_REDIS_SECRET_MAX) {
        return SOMA_ERROR;
    }

    for (i = 0, n = 0; i < s->len; i++, n++) {

        if (s->data[i] != '%') {
            s->data[n] = s->data[i];
            continue;
        }

        if (s->len - i < 3) {
            return SOMA_ERROR;
        }

        hex.data = s->data + i + 1;
        hex.len = 2;

        if (soma_str_hex(hex, s->data + n, 1) != SOMA_OK) {
            return SOMA_ERROR;
        }

        i += 2;
    }

    s->len = n;

    return SOMA_OK;
}


static int
soma_redis_url_hosts(soma_redis_url_t *url, soma_str_t list,
    const char **error, soma_str_t *word)
{
    int             port;
    soma_str_t      one;
    unsigned char  *comma, *last;

    port = (url->kind == SOMA_REDIS_SENTINELS) ? SOMA_REDIS_SENTINEL
                                               : SOMA_REDIS_PORT;

    if (list.len == 0) {
        *error = "needs a host: " SOMA_REDIS_SCHEMES " is allowed";
        return SOMA_ERROR;
    }

    last = list.data + list.len;
    one.data = list.data;

    for ( ;; ) {
        comma = (one.data < last)
                ? memchr(one.data, ',', (size_t) (last - one.data)) : NULL;
        one.len = (size_t) ((comma ? comma : last) - one.data);

        if (url->kind == SOMA_REDIS_SINGLE && comma) {
            *error = "are several hosts: one is allowed, or a list after "
                     "redis-sentinel:// and redis-cluster://";
            *word = list;
            return SOMA_ERROR;
        }

        if (url->nhosts == SOMA_REDIS_HOSTS_MAX) {
            *error = "has too many hosts: 16 are allowed";
            return SOMA_ERROR;
        }

        if (soma_redis_url_host(&url->hosts[url->nhosts++], one, port)
            != SOMA_OK)
        {
            *error = "is an invalid host or an invalid port: host, "
                     "host:6379, 127.0.0.1 and [::1]:6379 are allowed";
            *word = one;
            return SOMA_ERROR;
        }

        if (comma == NULL) {
            return SOMA_OK;
        }

        one.data = comma + 1;
    }
}


static int
soma_redis_url_host(soma_redis_host_t *host, soma_str_t text, int port)
{
    size_t          i;
    int64_t         n;
    soma_str_t      digits;
    unsigned char   c, *p, *last;

    last = text.data + text.len;
    host->port = port;

    if (text.len && text.data[0] == '[') {
        p = memchr(text.data, ']', text.len);
        if (p == NULL) {
            return SOMA_ERROR;
        }

        host->name.data = text.data + 1;
        host->name.len = (size_t) (p - host->name.data);
        p++;

    } else {
        p = text.len ? memchr(text.data, ':', text.len) : NULL;
        p = p ? p : last;

        host->name.data = text.data;
        host->name.len = (size_t) (p - text.data);
    }

    if (host->name.len == 0 || host->name.len > SOMA_REDIS_HOST_MAX) {
        return SOMA_ERROR;
    }

    for (i = 0; i < host->name.len; i++) {
        c = host->name.data[i];

        if (c <= ' ' || c >= 0x7f || strchr("\"\\<>?#/@", c)
            || (c == ':' && text.data[0] != '['))
        {
            return SOMA_ERROR;
        }
    }

    if (p == last) {
        return SOMA_OK;
    }

    digits.data = p + 1;
    digits.len = (size_t) (last - digits.data);

    if (*p != ':' || soma_number_int(digits, &n) != SOMA_OK
        || n < 1 || n > 65535)
    {
        return SOMA_ERROR;
    }

    host->port = (int) n;

    return SOMA_OK;
}


static int
soma_redis_url_path(soma_redis_url_t *url, soma_str_t path,
    const char **error, soma_str_t *word)
{
    unsigned char  *slash;

    if (url->kind == SOMA_REDIS_CLUSTER) {

        if (path.len && !soma_str_is(path, "0")) {
            *error = "is no database of a cluster, which has but one: "
                     "redis-cluster://host[:port],... is allowed";
            *word = path;
            return SOMA_ERROR;
        }

        return SOMA_OK;
    }

    if (url->kind == SOMA_REDIS_SENTINELS) {
        slash = path.len ? memchr(path.data, '/', path.len) : NULL;

        url->master = path;

        if (slash) {
            url->master.len = (size_t) (slash - path.data);
        }

        if (url->master.len == 0 || url->master.len > SOMA_REDIS_MASTER_MAX) {
            *error = "needs the master's name: "
                     "redis-sentinel://host[:port],.../master[/db] is "
                     "allowed";
            return SOMA_ERROR;
        }

        path.data += url->master.len;
        path.len -= url->master.len;

        if (slash) {
            path.data++;
            path.len--;
        }
    }

    return path.len ? soma_redis_url_db(url, path, error, word) : SOMA_OK;
}


static int
soma_redis_url_db(soma_redis_url_t *url, soma_str_t text, const char **error,
    soma_str_t *word)
{
    int64_t  n;

    if (soma_number_int(text, &n) != SOMA_OK || n < 0
        || n > SOMA_REDIS_DB_MAX)
    {
        *error = "is no number as its database: 0 to 65535 is allowed, as in "
                 "redis://host:6379/0";
        *word = text;
        return SOMA_ERROR;
    }

    url->db = n;

    return SOMA_OK;
}
