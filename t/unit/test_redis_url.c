
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_test.h"
#include "soma_redis_url.h"


static soma_redis_url_t  url;
static const char       *error;
static soma_str_t        word;
static unsigned char     buf[4096];


static int
parse(const char *text)
{
    soma_str_t  s;

    s.len = strlen(text);
    s.data = buf;
    memcpy(buf, text, s.len);
    error = "";

    return soma_redis_url(&url, s, &error, &word);
}


static void
good(const char *text, soma_redis_kind_e kind, const char *user,
    const char *password, unsigned nhosts, const char *host, int port,
    int64_t db)
{
    soma_is_int(parse(text), SOMA_OK, "%s is accepted", text);
    soma_is_int(url.kind, kind, "%s: kind", text);
    soma_is_str(url.user.data, url.user.len, user, "%s: user", text);
    soma_is_str(url.password.data, url.password.len, password,
                "%s: password", text);
    soma_is_int(url.nhosts, nhosts, "%s: hosts", text);

    if (nhosts) {
        soma_is_str(url.hosts[nhosts - 1].name.data,
                    url.hosts[nhosts - 1].name.len, host, "%s: host", text);
        soma_is_int(url.hosts[nhosts - 1].port, port, "%s: port", text);
    }

    soma_is_int(url.db, db, "%s: database", text);
}


static void
bad(const char *text, const char *shown, const char *said)
{
    soma_is_int(parse(text), SOMA_ERROR, "%s is refused", text);
    soma_is_str(word.data, word.len, shown, "%s: the word", text);
    soma_ok(strstr(error, said), "%s: %s", text, error);
}


int
main(void)
{
    good("redis://127.0.0.1", SOMA_REDIS_SINGLE, "", "", 1, "127.0.0.1",
         6379, 0);
    good("redis://h:1/15", SOMA_REDIS_SINGLE, "", "", 1, "h", 1, 15);
    good("redis://h/", SOMA_REDIS_SINGLE, "", "", 1, "h", 6379, 0);
    good("redis://:secret@h", SOMA_REDIS_SINGLE, "", "secret", 1, "h", 6379,
         0);
    good("redis://ann:se:c@r/et@h", SOMA_REDIS_SINGLE, "ann", "se:c@r/et", 1,
         "h", 6379, 0);
    good("redis://ann@h", SOMA_REDIS_SINGLE, "ann", "", 1, "h", 6379, 0);
    good("redis://a%3Ab:%40%2f%25@h:7", SOMA_REDIS_SINGLE, "a:b", "@/%", 1,
         "h", 7, 0);
    good("redis://[::1]:6380/2", SOMA_REDIS_SINGLE, "", "", 1, "::1", 6380,
         2);
    good("redis://[fe80::1]", SOMA_REDIS_SINGLE, "", "", 1, "fe80::1", 6379,
         0);

    good("rediss://h", SOMA_REDIS_SINGLE, "", "", 1, "h", 6379, 0);
    soma_ok(url.tls, "rediss is TLS");

    good("unix:/run/r.sock", SOMA_REDIS_UNIX, "", "", 0, "", 0, 0);
    soma_is_str(url.path.data, url.path.len, "/run/r.sock", "path");
    good("unix:/run/r?db=3", SOMA_REDIS_UNIX, "", "", 0, "", 0, 3);
    soma_is_str(url.path.data, url.path.len, "/run/r", "path");

    good("redis-sentinel://a,b:1,c/mymaster", SOMA_REDIS_SENTINELS, "", "",
         3, "c", 26379, 0);
    soma_is_str(url.master.data, url.master.len, "mymaster", "master");
    soma_is_int(url.hosts[1].port, 1, "port of the second");
    good("redis-sentinel://u:p@a/m/4", SOMA_REDIS_SENTINELS, "u", "p", 1,
         "a", 26379, 4);
    soma_is_str(url.master.data, url.master.len, "m", "master");

    good("redis-cluster://a:1,b:2", SOMA_REDIS_CLUSTER, "", "", 2, "b", 2,
         0);
    soma_ok(!url.tls, "no TLS");
    good("rediss-cluster://a:1/0", SOMA_REDIS_CLUSTER, "", "", 1, "a", 1, 0);
    soma_ok(url.tls, "TLS");

    bad("", "", "redis://");
    bad("http://h", "", "redis://");
    bad("redis:/h", "", "redis://");
    bad("redis://", "", "needs a host");
    bad("redis:///0", "", "needs a host");
    bad("redis://u:p@", "", "needs a host");
    bad("redis://h:0x/1", "h:0x", "invalid port");
    bad("redis://h:0", "h:0", "invalid port");
    bad("redis://h:65536", "h:65536", "invalid port");
    bad("redis://h:1:2", "h:1:2", "invalid port");
    bad("redis://h: ", "h: ", "invalid");
    bad("redis://[::1", "[::1", "invalid host");
    bad("redis://[::1]6379", "[::1]6379", "invalid");
    bad("redis://h/x", "x", "number as its database");
    bad("redis://h/-1", "-1", "number as its database");
    bad("redis://h/65536", "65536", "number as its database");
    bad("redis://a,b", "a,b", "several hosts");
    bad("redis://u:%4@h", "", "hexadecimal");
    bad("redis://u:%zz@h", "", "hexadecimal");
    bad("unix:", "", "redis://");
    bad("unix:r.sock", "r.sock", "is no path");
    bad("unix:/r?x=1", "x=1", "unix:/path?db=N");
    bad("unix:/r?db=a", "a", "number as its database");
    bad("redis-sentinel://a", "", "master's name");
    bad("redis-sentinel://a/", "", "master's name");
    bad("redis-sentinel://a/m/x", "x", "number as its database");
    bad("redis-sentinel://a,,b/m", "", "invalid host");
    bad("redis-cluster://a,", "", "invalid host");
    bad("redis-cluster://a/1", "1", "but one");
    bad("redis-cluster://a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a", "", "too many");

    return soma_done();
}
