
/*
 * Copyright (C) The ngx_soma authors
 *
 * Redis, one command after the other: a server, the master that sentinels
 * name, or the masters of a cluster, each connected to when it is asked.
 */


#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "ledger.h"
#include "soma_redis_url.h"
#include "soma_slot.h"


#define LEDGER_NODES_MAX     256
#define LEDGER_HOPS_MAX      16         /* redirections of one command */
#define LEDGER_PAUSE         100000     /* us, of a cluster that moves */
#define LEDGER_URL_MAX       4096


typedef struct {
    char           host[SOMA_REDIS_HOST_MAX + 1];
    int            port;
    redisContext  *c;
    unsigned       master:1;
} ledger_node_t;


typedef struct {
    soma_redis_url_t  url;
    struct timeval    timeout;
    const char       *password;     /* of the environment */
    const char       *sentinel_password;
    ledger_node_t     node[LEDGER_NODES_MAX];
    unsigned          nodes;
    unsigned          at;
    unsigned          nmasters;
    char              text[LEDGER_URL_MAX];
} ledger_redis_t;


static redisContext *ledger_connect(const char *host, int port);
static int ledger_login(redisContext *c, unsigned sentinel);
static int ledger_sentinels(void);
static int ledger_slots(void);
static int ledger_node(const char *host, size_t len, int port);
static redisContext *ledger_context(void);
static redisReply *ledger_send(redisContext *c, const char *cmd, size_t len);
static redisReply *ledger_call(const char *cmd, size_t len);
static int ledger_is_error(const redisReply *reply, const char *word);


static ledger_redis_t  ledger_store;


int
ledger_redis_open(const ledger_opt_t *opt)
{
    size_t       i;
    soma_str_t   text, word;
    const char  *error;

    text.len = strlen(opt->redis);
    text.data = (unsigned char *) ledger_store.text;

    if (text.len >= LEDGER_URL_MAX) {
        return ledger_error("--redis: the URL is too long");
    }

    memcpy(ledger_store.text, opt->redis, text.len);

    if (soma_redis_url(&ledger_store.url, text, &error, &word) != SOMA_OK) {
        return ledger_error("--redis: \"%.*s\" %s", (int) word.len,
                            word.data, error);
    }

    if (ledger_store.url.tls) {
        return ledger_error("--redis: TLS is not spoken here: name a server "
                            "without it, or a tunnel");
    }

    ledger_store.timeout.tv_sec = opt->timeout;
    ledger_store.password = getenv("SOMA_REDIS_PASSWORD");
    ledger_store.sentinel_password = getenv("SOMA_REDIS_SENTINEL_PASSWORD");

    if (ledger_store.url.kind == SOMA_REDIS_UNIX) {
        if (ledger_node((char *) ledger_store.url.path.data,
                        ledger_store.url.path.len, 0)
            != LEDGER_OK)
        {
            return LEDGER_TROUBLE;
        }

    } else if (ledger_store.url.kind == SOMA_REDIS_SENTINELS) {
        if (ledger_sentinels() != LEDGER_OK) {
            return LEDGER_TROUBLE;
        }

    } else {
        for (i = 0; i < ledger_store.url.nhosts; i++) {
            if (ledger_node((char *) ledger_store.url.hosts[i].name.data,
                            ledger_store.url.hosts[i].name.len,
                            ledger_store.url.hosts[i].port)
                != LEDGER_OK)
            {
                return LEDGER_TROUBLE;
            }
        }
    }

    ledger_store.at = 0;

    if (ledger_store.url.kind == SOMA_REDIS_CLUSTER) {
        return ledger_slots();
    }

    return ledger_context() ? LEDGER_OK : LEDGER_TROUBLE;
}


void
ledger_redis_close(void)
{
    unsigned  i;

    for (i = 0; i < ledger_store.nodes; i++) {
        if (ledger_store.node[i].c) {
            redisFree(ledger_store.node[i].c);
            ledger_store.node[i].c = NULL;
        }
    }
}


static redisContext *
ledger_connect(const char *host, int port)
{
    redisContext  *c;

    c = port ? redisConnectWithTimeout(host, port, ledger_store.timeout)
             : redisConnectUnixWithTimeout(host, ledger_store.timeout);

    if (c == NULL || c->err
        || redisSetTimeout(c, ledger_store.timeout) != REDIS_OK)
    {
        (void) ledger_error("Redis at %s%s%.0d: %s", host, port ? ":" : "",
                            port, c ? c->errstr : "no memory");
        if (c) {
            redisFree(c);
        }

        return NULL;
    }

    return c;
}


/* a password in the URL goes before that of the environment, and is Redis'
 * own: sentinels have another, or none */
static int
ledger_login(redisContext *c, unsigned sentinel)
{
    int           argc;
    size_t        len[3];
    redisReply   *reply;
    const char   *argv[3];
    soma_str_t    password, user;
    const char   *secret;

    secret = sentinel ? ledger_store.sentinel_password : ledger_store.password;
    password = ledger_store.url.password;
    user = ledger_store.url.user;

    if (sentinel) {
        password.len = 0;
        user.len = 0;
    }

    if (password.len == 0 && secret != NULL) {
        password.data = (unsigned char *) secret;
        password.len = strlen(secret);
    }

    if (password.len != 0) {
        argv[0] = "AUTH";
        len[0] = sizeof("AUTH") - 1;
        argc = 1;

        if (user.len) {
            argv[argc] = (char *) user.data;
            len[argc++] = user.len;
        }

        argv[argc] = (char *) password.data;
        len[argc++] = password.len;

        reply = redisCommandArgv(c, argc, argv, len);

        if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {
            (void) ledger_error("Redis: AUTH: %s",
                                reply ? reply->str : c->errstr);
            goto failed;
        }

        freeReplyObject(reply);
    }

    if (ledger_store.url.db == 0 || sentinel) {
        return LEDGER_OK;
    }

    reply = redisCommand(c, "SELECT %lld", (long long) ledger_store.url.db);

    if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {
        (void) ledger_error("Redis: SELECT: %s",
                            reply ? reply->str : c->errstr);
        goto failed;
    }

    freeReplyObject(reply);

    return LEDGER_OK;

failed:

    if (reply) {
        freeReplyObject(reply);
    }

    return LEDGER_TROUBLE;
}


/* the first sentinel that knows the master is believed */
static int
ledger_sentinels(void)
{
    int                 rc;
    char                host[SOMA_REDIS_HOST_MAX + 1];
    size_t              i;
    redisReply         *reply;
    redisContext       *c;
    soma_redis_host_t  *h;

    for (i = 0; i < ledger_store.url.nhosts; i++) {
        h = &ledger_store.url.hosts[i];

        memcpy(host, h->name.data, h->name.len);
        host[h->name.len] = '\0';

        c = ledger_connect(host, h->port);

        if (c == NULL) {
            continue;
        }

        if (ledger_login(c, 1) != LEDGER_OK) {
            redisFree(c);
            continue;
        }

        reply = redisCommand(c, "SENTINEL get-master-addr-by-name %b",
                             ledger_store.url.master.data,
                             ledger_store.url.master.len);

        rc = reply && reply->type == REDIS_REPLY_ARRAY
             && reply->elements == 2
             && ledger_node(reply->element[0]->str, reply->element[0]->len,
                            atoi(reply->element[1]->str))
                == LEDGER_OK;

        if (reply && reply->type == REDIS_REPLY_ERROR) {
            (void) ledger_error("sentinel %s:%d: %s", host, h->port,
                                reply->str);
        }

        if (reply) {
            freeReplyObject(reply);
        }

        redisFree(c);

        if (rc) {
            return LEDGER_OK;
        }
    }

    return ledger_error("no sentinel knows the master \"%.*s\"",
                        (int) ledger_store.url.master.len,
                        ledger_store.url.master.data);
}


/* makes it the next one asked */
static int
ledger_node(const char *host, size_t len, int port)
{
    unsigned        i;
    ledger_node_t  *node;

    for (i = 0; i < ledger_store.nodes; i++) {
        node = &ledger_store.node[i];

        if (node->port == port && strlen(node->host) == len
            && memcmp(node->host, host, len) == 0)
        {
            ledger_store.at = i;
            return LEDGER_OK;
        }
    }

    if (i == LEDGER_NODES_MAX || len > SOMA_REDIS_HOST_MAX) {
        return ledger_error("Redis: more than %d nodes, or too long a name",
                            LEDGER_NODES_MAX);
    }

    node = &ledger_store.node[ledger_store.nodes++];
    memset(node, 0, sizeof(ledger_node_t));
    memcpy(node->host, host, len);
    node->port = port;
    ledger_store.at = i;

    return LEDGER_OK;
}


static redisContext *
ledger_context(void)
{
    ledger_node_t  *node;

    node = &ledger_store.node[ledger_store.at];

    if (node->c == NULL) {
        node->c = ledger_connect(node->host, node->port);

        if (node->c && ledger_login(node->c, 0) != LEDGER_OK) {
            redisFree(node->c);
            node->c = NULL;
        }
    }

    return node->c;
}


/* any node that answers knows them all */
static int
ledger_slots(void)
{
    size_t       i;
    unsigned     n, first;
    redisReply  *reply, *host, *port;

    reply = NULL;
    n = ledger_store.nodes;

    for (first = 0; first < n && reply == NULL; first++) {
        ledger_store.at = first;

        if (ledger_context() == NULL) {
            continue;
        }

        reply = redisCommand(ledger_context(), "CLUSTER SLOTS");

        if (reply && reply->type == REDIS_REPLY_ERROR) {
            (void) ledger_error("Redis: CLUSTER SLOTS: %s", reply->str);
            freeReplyObject(reply);
            reply = NULL;
        }
    }

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        if (reply) {
            freeReplyObject(reply);
        }

        return ledger_error("Redis: no node of the cluster answers");
    }

    first = first - 1;

    for (i = 0; i < reply->elements; i++) {

        if (reply->element[i]->type != REDIS_REPLY_ARRAY
            || reply->element[i]->elements < 3
            || reply->element[i]->element[2]->type != REDIS_REPLY_ARRAY
            || reply->element[i]->element[2]->elements < 2)
        {
            continue;
        }

        host = reply->element[i]->element[2]->element[0];
        port = reply->element[i]->element[2]->element[1];

        if (host->type == REDIS_REPLY_STRING && host->len != 0) {
            if (ledger_node(host->str, host->len, (int) port->integer)
                != LEDGER_OK)
            {
                freeReplyObject(reply);
                return LEDGER_TROUBLE;
            }

        } else {
            ledger_store.at = first;
        }

        ledger_store.node[ledger_store.at].master = 1;
    }

    freeReplyObject(reply);

    return LEDGER_OK;
}


unsigned
ledger_redis_masters(void)
{
    unsigned  i, n;

    if (ledger_store.url.kind != SOMA_REDIS_CLUSTER) {
        return 1;
    }

    for (n = 0, i = 0; i < ledger_store.nodes; i++) {
        n += ledger_store.node[i].master;
    }

    return n;
}


int
ledger_redis_use(unsigned master)
{
    unsigned  i;

    if (ledger_store.url.kind != SOMA_REDIS_CLUSTER) {
        return LEDGER_OK;
    }

    for (i = 0; i < ledger_store.nodes; i++) {
        if (ledger_store.node[i].master && master-- == 0) {
            ledger_store.at = i;
            return LEDGER_OK;
        }
    }

    return LEDGER_TROUBLE;
}


static redisReply *
ledger_send(redisContext *c, const char *cmd, size_t len)
{
    void  *reply;

    reply = NULL;

    if (redisAppendFormattedCommand(c, cmd, len) != REDIS_OK
        || redisGetReply(c, &reply) != REDIS_OK)
    {
        (void) ledger_error("Redis: %s", c->errstr);
        return NULL;
    }

    return reply;
}


static int
ledger_is_error(const redisReply *reply, const char *word)
{
    return reply->type == REDIS_REPLY_ERROR
           && strncmp(reply->str, word, strlen(word)) == 0;
}


static redisReply *
ledger_call(const char *cmd, size_t len)
{
    unsigned           hops, tries, was;
    redisReply        *reply;
    redisContext      *c;
    soma_slot_move_t   move;

    tries = (unsigned) ledger_store.timeout.tv_sec * 1000000 / LEDGER_PAUSE;

    for (hops = 0; hops < LEDGER_HOPS_MAX; hops++) {

        c = ledger_context();
        reply = c ? ledger_send(c, cmd, len) : NULL;

        if (reply == NULL || reply->type != REDIS_REPLY_ERROR) {
            return reply;
        }

        if ((ledger_is_error(reply, "TRYAGAIN")
             || ledger_is_error(reply, "CLUSTERDOWN")
             || ledger_is_error(reply, "LOADING")) && tries-- > 0)
        {
            freeReplyObject(reply);
            (void) usleep(LEDGER_PAUSE);
            hops--;
            continue;
        }

        soma_slot_move(&move, (soma_str_t) { reply->len,
                                             (unsigned char *) reply->str });

        if (move.move == SOMA_SLOT_STAYS) {
            return reply;
        }

        was = ledger_store.at;

        if (ledger_node(move.host.len ? (char *) move.host.data
                                      : ledger_store.node[was].host,
                        move.host.len ? move.host.len
                                      : strlen(ledger_store.node[was].host),
                        move.port)
            != LEDGER_OK)
        {
            freeReplyObject(reply);
            return NULL;
        }

        freeReplyObject(reply);

        if (move.move == SOMA_SLOT_MOVED) {
            continue;
        }

        c = ledger_context();
        reply = c ? redisCommand(c, "ASKING") : NULL;

        if (reply) {
            freeReplyObject(reply);
            reply = ledger_send(c, cmd, len);
        }

        ledger_store.at = was;

        return reply;
    }

    (void) ledger_error("Redis: the cluster sends us round and round");

    return NULL;
}


redisReply *
ledger_redis_call(int argc, const char **argv, const size_t *argvlen)
{
    char        *cmd;
    long long    len;
    redisReply  *reply;

    len = redisFormatCommandArgv(&cmd, argc, argv, argvlen);

    if (len < 0) {
        (void) ledger_error("Redis: no memory for a command");
        return NULL;
    }

    reply = ledger_call(cmd, (size_t) len);
    redisFreeCommand(cmd);

    return reply;
}


redisReply *
ledger_redis(const char *fmt, ...)
{
    int          len;
    char        *cmd;
    va_list      args;
    redisReply  *reply;

    va_start(args, fmt);
    len = redisvFormatCommand(&cmd, fmt, args);
    va_end(args);

    if (len < 0) {
        (void) ledger_error("Redis: no memory for a command");
        return NULL;
    }

    reply = ledger_call(cmd, (size_t) len);
    redisFreeCommand(cmd);

    if (reply && reply->type == REDIS_REPLY_ERROR) {
        (void) ledger_error("Redis: %.*s: %s",
                            (int) strcspn(fmt, " "), fmt, reply->str);
        freeReplyObject(reply);
        return NULL;
    }

    return reply;
}
