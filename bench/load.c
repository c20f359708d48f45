
/*
 * Copyright (C) The ngx_soma authors
 *
 * A closed loop of requests over keepalive connections, and what the server
 * spent on them.
 *
 *     load -p PORT -u PATH -f BODY [-c CONNECTIONS] [-k KEY]
 *          [-n REQUESTS | -t SECONDS] [-s "CHUNKS DELAY"]
 *          [-w PID] [-d MS] [-h] [-m KEYS] [-r RATE]
 *
 * -m: connections take turns with so many keys, KEY with a number behind it.
 * -r: so many requests a second, if they come back in time; it sleeps between
 * them.
 * -s asks the mock provider for streams.  -w is the process whose CPU time
 * is read before and after, user and kernel; -d waits before the second
 * reading, for work that is put off but belongs to the requests.  -h opens
 * one stream on each connection, says "open" when all have their first
 * event, and holds them until its input ends.
 *
 * Prints NAME=VALUE: requests, errors, seconds, cpu_ns (of PID), and in ns
 * p50, p99, max (whole answers) and first_p50 (the first bytes of a body).
 */


#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>


#define CONNS_MAX    16384
#define EVENTS_MAX   512
#define INPUT_MAX    (256 * 1024)
#define HEADER_MAX   4096
#define TIMES_MAX    4000000
#define BODY_MAX     (4 * 1024 * 1024)
#define PATIENCE_NS  20000000000

#define LAST_CHUNK      "\r\n0\r\n\r\n"
#define LAST_CHUNK_LEN  7


typedef struct {
    int      fd;
    size_t   sent;
    long     rest;          /* of Content-Length; -1: chunked */
    size_t   got;           /* bytes of this answer's header, kept */
    char     head[HEADER_MAX];
    char     tail[LAST_CHUNK_LEN];
    int      in_body;
    int      first;         /* bytes of the body came */
    long     begun;
    char    *message;
    void    *next;          /* of those that have nothing to do yet */
} conn_t;


static struct {
    int          port;
    const char  *path;
    const char  *body;
    const char  *key;
    const char  *stream;
    int          conns;
    long         requests;
    double       seconds;
    int          pid;
    int          delay;
    int          hold;
    int          keys;
    long         rate;
} opt = { 0, "/", NULL, "", NULL, 1, 0, 0, 0, 0, 0, 1, 0 };

static size_t      message_len;
static conn_t     *idle;
static long        started;
static char        input[INPUT_MAX];
static unsigned   *times, *firsts;
static size_t      ntimes, nfirsts;
static long        begun, done, errors, open_streams, deadline;
static int         ep;


static long
now_ns(clockid_t clock)
{
    struct timespec  ts;

    if (clock_gettime(clock, &ts) != 0) {
        return 0;
    }

    return ts.tv_sec * 1000000000L + ts.tv_nsec;
}


static long
cpu_ns(void)
{
    clockid_t  clock;

    if (opt.pid == 0 || clock_getcpuclockid(opt.pid, &clock) != 0) {
        return 0;
    }

    return now_ns(clock);
}


static void
die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}


static char *
make_message(int number)
{
    int      fd;
    char    *body, *message;
    char     key[16];
    ssize_t  len;

    key[0] = '\0';

    if (opt.keys > 1) {
        snprintf(key, sizeof(key), "%05d", number % opt.keys);
    }

    body = malloc(BODY_MAX);
    fd = open(opt.body, O_RDONLY);
    len = read(fd, body, BODY_MAX);

    if (len < 0) {
        die(opt.body);
    }

    message = malloc(len + HEADER_MAX);
    message_len = snprintf(message, HEADER_MAX,
        "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
        "User-Agent: OpenAI/Python 1.99.9\r\nAccept: application/json\r\n"
        "Accept-Encoding: gzip, deflate\r\nContent-Type: application/json\r\n"
        "Authorization: Bearer %s%s\r\nX-Stainless-Lang: python\r\n"
        "X-Stainless-Package-Version: 1.99.9\r\n%s%s%s"
        "Content-Length: %zd\r\n\r\n", opt.path, opt.port, opt.key, key,
        opt.stream ? "x-mock: " : "", opt.stream ? opt.stream : "",
        opt.stream ? "\r\n" : "", len);

    memcpy(message + message_len, body, len);
    message_len += len;
    free(body);

    return message;
}


static void
watch(conn_t *c, int how, unsigned events)
{
    struct epoll_event  ee;

    ee.events = events;
    ee.data.ptr = c;
    epoll_ctl(ep, how, c->fd, &ee);
}


static void
dial(conn_t *c)
{
    int                 on = 1;
    struct sockaddr_in  sin;

    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_port = htons(opt.port);
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    c->fd = socket(AF_INET, SOCK_STREAM, 0);

    if (c->fd < 0 || connect(c->fd, (void *) &sin, sizeof(sin)) != 0) {
        die("connect");
    }

    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    watch(c, EPOLL_CTL_ADD, EPOLLIN);
}


static void
write_some(conn_t *c)
{
    ssize_t  n;

    n = send(c->fd, c->message + c->sent, message_len - c->sent, MSG_NOSIGNAL);

    if (n > 0) {
        c->sent += n;
    }

    watch(c, EPOLL_CTL_MOD,
          c->sent < message_len ? EPOLLIN|EPOLLOUT : EPOLLIN);
}


static void
begin(conn_t *c)
{
    if ((opt.requests && begun >= opt.requests)
        || (deadline && now_ns(CLOCK_MONOTONIC) >= deadline))
    {
        return;
    }

    if (opt.rate && now_ns(CLOCK_MONOTONIC) - started
                    < (long) (begun * 1e9 / opt.rate))
    {
        c->next = idle;
        idle = c;
        return;
    }

    begun++;
    c->got = 0;
    c->in_body = 0;
    c->first = 0;
    memset(c->tail, 0, sizeof(c->tail));
    c->begun = now_ns(CLOCK_MONOTONIC);
    c->sent = send(c->fd, c->message, message_len, MSG_NOSIGNAL);

    if (c->sent == (size_t) -1) {
        c->sent = 0;
    }

    if (c->sent < message_len) {
        watch(c, EPOLL_CTL_MOD, EPOLLIN|EPOLLOUT);
    }
}


static void
failed(conn_t *c)
{
    errors++;
    done++;
    close(c->fd);
    dial(c);
    begin(c);
}


static void
finished(conn_t *c)
{
    long  ns;

    ns = now_ns(CLOCK_MONOTONIC) - c->begun;

    if (ntimes < TIMES_MAX) {
        times[ntimes++] = ns < UINT_MAX ? ns : UINT_MAX;
    }

    done++;
    begin(c);
}


/* returns the bytes of the header among len; -1: not an answer to have */
static ssize_t
header(conn_t *c, char *p, size_t len)
{
    char    *end, *s;
    size_t   before, n;

    before = c->got;
    n = len < HEADER_MAX - 1 - before ? len : HEADER_MAX - 1 - before;
    memcpy(c->head + before, p, n);
    c->got += n;
    c->head[c->got] = '\0';

    end = strstr(c->head, "\r\n\r\n");
    if (end == NULL) {
        return c->got < HEADER_MAX - 1 ? (ssize_t) n : -1;
    }

    end[2] = '\0';

    if (strncmp(c->head, "HTTP/1.1 200", 12) != 0) {
        fprintf(stderr, "load: %.*s %.300s\n", 30, c->head, end + 4);
        return -1;
    }

    s = strcasestr(c->head, "\r\nContent-Length: ");
    c->rest = s ? atol(s + 18) : -1;
    c->in_body = 1;

    return end + 4 - c->head - before;
}


static void
body(conn_t *c, char *p, size_t len)
{
    size_t  n;

    if (!c->first) {
        c->first = 1;
        open_streams++;

        if (nfirsts < TIMES_MAX) {
            firsts[nfirsts++] = now_ns(CLOCK_MONOTONIC) - c->begun;
        }
    }

    if (c->rest >= 0) {
        c->rest -= len;

        if (c->rest <= 0) {
            finished(c);
        }

        return;
    }

    n = len < LAST_CHUNK_LEN ? len : LAST_CHUNK_LEN;
    memmove(c->tail, c->tail + n, LAST_CHUNK_LEN - n);
    memcpy(c->tail + LAST_CHUNK_LEN - n, p + len - n, n);

    if (memcmp(c->tail, LAST_CHUNK, LAST_CHUNK_LEN) == 0) {
        finished(c);
    }
}


static void
readable(conn_t *c)
{
    ssize_t  n, head;

    n = recv(c->fd, input, INPUT_MAX, 0);

    if (n <= 0) {
        if (n == 0 || errno != EAGAIN) {
            failed(c);
        }

        return;
    }

    head = 0;

    if (!c->in_body) {
        head = header(c, input, n);

        if (head < 0) {
            failed(c);
            return;
        }
    }

    if (n > head) {
        body(c, input + head, n - head);
    }
}


static int
by_value(const void *one, const void *two)
{
    unsigned  a = *(const unsigned *) one, b = *(const unsigned *) two;

    return a < b ? -1 : a > b;
}


static unsigned
quantile(unsigned *v, size_t n, double q)
{
    if (n == 0) {
        return 0;
    }

    qsort(v, n, sizeof(unsigned), by_value);

    return v[(size_t) ((n - 1) * q)];
}


static void
options(int argc, char **argv)
{
    int  ch;

    while ((ch = getopt(argc, argv, "p:u:f:c:n:t:s:k:w:d:hm:r:")) != -1) {
        switch (ch) {
        case 'p': opt.port = atoi(optarg); break;
        case 'u': opt.path = optarg; break;
        case 'f': opt.body = optarg; break;
        case 'c': opt.conns = atoi(optarg); break;
        case 'n': opt.requests = atol(optarg); break;
        case 't': opt.seconds = atof(optarg); break;
        case 's': opt.stream = optarg; break;
        case 'k': opt.key = optarg; break;
        case 'w': opt.pid = atoi(optarg); break;
        case 'd': opt.delay = atoi(optarg); break;
        case 'h': opt.hold = 1; break;
        case 'm': opt.keys = atoi(optarg); break;
        case 'r': opt.rate = atol(optarg); break;
        default: exit(2);
        }
    }

    if (opt.port == 0 || opt.body == NULL || opt.conns < 1 || opt.keys < 1
        || opt.conns > CONNS_MAX)
    {
        fprintf(stderr, "load: see the top of load.c\n");
        exit(2);
    }
}


/* the connections that are held end with their process */
static void
hold(void)
{
    printf("open\n");
    fflush(stdout);

    while (getchar() != EOF) { /* void */ }

    exit(0);
}


static void
loop(void)
{
    int                  i, n;
    long                 busy;
    conn_t              *c, *next;
    struct epoll_event   events[EVENTS_MAX];

    busy = now_ns(CLOCK_MONOTONIC);

    while (done < begun
           || (idle && now_ns(CLOCK_MONOTONIC) < deadline))
    {
        for (c = idle, idle = NULL; c; c = next) {
            next = c->next;
            begin(c);
        }

        /* awake, as the mock is: see there */

        n = epoll_wait(ep, events, EVENTS_MAX, opt.hold || opt.rate ? 1 : 0);

        if (n > 0) {
            busy = now_ns(CLOCK_MONOTONIC);

        } else if (now_ns(CLOCK_MONOTONIC) - busy < PATIENCE_NS) {
            sched_yield();

        } else {
            fprintf(stderr, "load: %ld answers do not come\n", begun - done);
            errors += begun - done;
            return;
        }

        for (i = 0; i < n; i++) {
            c = events[i].data.ptr;

            if (events[i].events & EPOLLOUT) {
                write_some(c);
            }

            if (events[i].events & (EPOLLIN|EPOLLHUP|EPOLLERR)) {
                readable(c);
            }
        }

        if (opt.hold && open_streams >= opt.conns) {
            hold();
        }
    }
}


int
main(int argc, char **argv)
{
    int            i;
    long           start, cpu;
    conn_t        *conns;
    struct rlimit  files = { CONNS_MAX + 64, CONNS_MAX + 64 };

    options(argc, argv);
    setrlimit(RLIMIT_NOFILE, &files);

    ep = epoll_create1(0);
    conns = calloc(opt.conns, sizeof(conn_t));
    times = malloc(TIMES_MAX * sizeof(unsigned));
    firsts = malloc(TIMES_MAX * sizeof(unsigned));

    for (i = 0; i < opt.conns; i++) {
        conns[i].message = i < opt.keys ? make_message(i)
                                        : conns[i % opt.keys].message;
        dial(&conns[i]);
    }

    cpu = cpu_ns();
    start = now_ns(CLOCK_MONOTONIC);
    started = start;

    if (opt.seconds > 0) {
        deadline = start + (long) (opt.seconds * 1e9);
    }

    for (i = 0; i < opt.conns; i++) {
        begin(&conns[i]);
    }

    loop();

    start = now_ns(CLOCK_MONOTONIC) - start;
    usleep(opt.delay * 1000);
    cpu = cpu_ns() - cpu;

    printf("requests=%ld errors=%ld seconds=%.3f cpu_ns=%ld p50=%u p99=%u "
           "max=%u first_p50=%u\n", done, errors, start / 1e9, cpu,
           quantile(times, ntimes, 0.5), quantile(times, ntimes, 0.99),
           quantile(times, ntimes, 1), quantile(firsts, nfirsts, 0.5));

    return errors != 0;
}
