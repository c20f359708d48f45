
/*
 * Copyright (C) The ngx_soma authors
 *
 * A provider that costs next to nothing, so that what is measured before it
 * is nginx: HTTP/1.1 with keepalive on one epoll, no work on a body but
 * counting its bytes.
 *
 *     mock PORT
 *
 * A request gets a chat completion of about 1 KB.  One with the header
 * "x-mock: CHUNKS DELAY" gets a stream: the header and the first event at
 * once, CHUNKS events DELAY ms apart, usage if it was asked for, [DONE].
 * "x-mock: free" is answered without usage of anything.
 */


#define _GNU_SOURCE

#include <errno.h>
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


#define CONNS_MAX   16384
#define EVENTS_MAX  512
#define INPUT_MAX   (256 * 1024)
#define HEADER_MAX  8192
#define OUTPUT_MAX  4096

/*
 * Awake for a while after an event: to wake a sleeping peer on another core
 * costs the sender microseconds, and would be billed to nginx.
 */
#define SPIN_MS     3


typedef struct {
    int      fd;
    size_t   body;          /* bytes of a body still to come */
    size_t   kept;          /* bytes of a header cut by a read */
    char    *header;
    int      stream;
    int      free;          /* nothing was used */
    int      usage;         /* asked for */
    int      messages;      /* of Anthropic's API */
    int      chunks;        /* events still to come */
    int      delay;         /* ms */
    long     due;           /* ms */
    int      slot;          /* in streams, or -1 */
} conn_t;


static const char  answer[] =
    "{\"id\":\"chatcmpl-BqT5r0zq2JmV1xkUj3yN7\",\"object\":\"chat.completion\","
    "\"created\":1752000000,\"model\":\"gpt-4o-mini-2024-07-18\",\"choices\":["
    "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"The lock "
    "is taken with one command that sets the key only when nobody holds it, "
    "and it carries a time to live, so a process that dies does not hold it "
    "for ever.\\n\\n1. Take it before the first write.\\n2. Renew it at a "
    "third of its life.\\n3. Give it back with a script that compares the "
    "holder's name first, otherwise you may give back a lock that somebody "
    "else has taken in the meantime.\\n\\nDo not rely on clocks of different "
    "machines being equal.\",\"refusal\":null,\"annotations\":[]},"
    "\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":"
    "{\"prompt_tokens\":213,\"completion_tokens\":97,\"total_tokens\":310,"
    "\"prompt_tokens_details\":{\"cached_tokens\":0,\"audio_tokens\":0},"
    "\"completion_tokens_details\":{\"reasoning_tokens\":0,"
    "\"audio_tokens\":0,\"accepted_prediction_tokens\":0,"
    "\"rejected_prediction_tokens\":0}},\"service_tier\":\"default\","
    "\"system_fingerprint\":\"fp_34a54ae93c\"}";

static const char  event_head[] =
    "data: {\"id\":\"chatcmpl-BqT5r0zq2JmV1xkUj3yN7\",\"object\":"
    "\"chat.completion.chunk\",\"created\":1752000000,\"model\":"
    "\"gpt-4o-mini-2024-07-18\",\"service_tier\":\"default\","
    "\"system_fingerprint\":\"fp_34a54ae93c\",\"choices\":";

static const char  message[] =
    "{\"model\":\"claude-sonnet-4-5-20250929\",\"id\":\"msg_01XFDUDYJgAACzv\","
    "\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":"
    "\"text\",\"text\":\"The lock is taken with one command that sets the key "
    "only when nobody holds it, and it carries a time to live, so a process "
    "that dies does not hold it for ever.\\n\\n1. Take it before the first "
    "write.\\n2. Renew it at a third of its life.\\n3. Give it back with a "
    "script that compares the holder's name first, otherwise you may give "
    "back a lock that somebody else has taken in the meantime.\\n\\nDo not "
    "rely on clocks of different machines being equal.\"}],\"stop_reason\":"
    "\"end_turn\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":213,"
    "\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,"
    "\"cache_creation\":{\"ephemeral_5m_input_tokens\":0,"
    "\"ephemeral_1h_input_tokens\":0},\"output_tokens\":97,"
    "\"service_tier\":\"standard\"}}";

static char     plain_message[OUTPUT_MAX];
static size_t   plain_message_len;
static char     plain[OUTPUT_MAX];
static char     nothing[OUTPUT_MAX];
static size_t   plain_len;
static char     input[INPUT_MAX];
static conn_t  *streams[CONNS_MAX];
static int      nstreams;
static int      ep;


static long
now_ms(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}


static size_t
put_event(char *p, const char *choices)
{
    size_t  len;

    len = sizeof(event_head) - 1 + strlen(choices) + 3;

    return sprintf(p, "%zx\r\n%s%s}\n\n\r\n", len, event_head, choices);
}


/* the same of Anthropic's API: its name stands twice */
static size_t
put_named(char *p, const char *name, const char *rest)
{
    size_t  len;

    len = 2 * strlen(name) + strlen(rest)
          + sizeof("event: \ndata: {\"type\":\"\"}\n\n") - 1;

    return sprintf(p, "%zx\r\nevent: %s\ndata: {\"type\":\"%s\"%s}\n\n\r\n",
                   len, name, name, rest);
}


static void
drop_stream(conn_t *c)
{
    if (c->slot < 0) {
        return;
    }

    streams[c->slot] = streams[--nstreams];
    streams[c->slot]->slot = c->slot;
    c->slot = -1;
}


static void
drop(conn_t *c)
{
    drop_stream(c);
    close(c->fd);
    free(c->header);
    free(c);
}


/* what a socket does not take at once is lost: nginx reads fast enough */
static int
put(conn_t *c, const char *p, size_t len)
{
    return send(c->fd, p, len, MSG_NOSIGNAL|MSG_DONTWAIT) == (ssize_t) len
           ? 0 : -1;
}


static int
begin_stream(conn_t *c)
{
    char  *p, out[OUTPUT_MAX];

    p = out;
    p += sprintf(p, "HTTP/1.1 200 OK\r\nServer: mock\r\n"
                 "Content-Type: text/event-stream; charset=utf-8\r\n"
                 "x-request-id: req_5f3a\r\nopenai-version: 2020-10-01\r\n"
                 "openai-processing-ms: 213\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n");

    if (c->messages) {
        p += put_named(p, "message_start",
                       ",\"message\":{\"id\":\"msg_01XF\",\"type\":"
                       "\"message\",\"role\":\"assistant\",\"model\":"
                       "\"claude-sonnet-4-5-20250929\",\"content\":[],"
                       "\"stop_reason\":null,\"stop_sequence\":null,"
                       "\"usage\":{\"input_tokens\":213,"
                       "\"output_tokens\":1}}");
        p += put_named(p, "content_block_start",
                       ",\"index\":0,\"content_block\":{\"type\":\"text\","
                       "\"text\":\"\"}");

    } else {
        p += put_event(p, "[{\"index\":0,\"delta\":{\"role\":\"assistant\","
                          "\"content\":\"\"},\"finish_reason\":null}]");
    }

    c->due = now_ms() + c->delay;
    c->slot = nstreams;
    streams[nstreams++] = c;

    return put(c, out, p - out);
}


static int
end_stream(conn_t *c)
{
    char  *p, out[OUTPUT_MAX];

    p = out;

    if (c->messages) {
        p += put_named(p, "content_block_stop", ",\"index\":0");
        p += put_named(p, "message_delta",
                       ",\"delta\":{\"stop_reason\":\"end_turn\","
                       "\"stop_sequence\":null},\"usage\":"
                       "{\"output_tokens\":97}");
        p += put_named(p, "message_stop", "");
        p += sprintf(p, "0\r\n\r\n");

        drop_stream(c);

        return put(c, out, p - out);
    }

    p += put_event(p, "[{\"index\":0,\"delta\":{},"
                      "\"finish_reason\":\"stop\"}]");

    if (c->usage) {
        p += put_event(p, "[],\"usage\":{\"prompt_tokens\":213,"
                          "\"completion_tokens\":97,\"total_tokens\":310}");
    }

    p += sprintf(p, "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n");

    drop_stream(c);

    return put(c, out, p - out);
}


static void
tick(void)
{
    int      i, rc;
    char     out[OUTPUT_MAX], named[OUTPUT_MAX];
    long     now;
    size_t   len, named_len;
    conn_t  *c;

    now = now_ms();
    named_len = put_named(named, "content_block_delta",
                          ",\"index\":0,\"delta\":{\"type\":\"text_delta\","
                          "\"text\":\" because \"}");
    len = put_event(out, "[{\"index\":0,\"delta\":{\"content\":\" because "
                         "\"},\"logprobs\":null,\"finish_reason\":null}]");

    for (i = 0; i < nstreams; i++) {
        c = streams[i];

        if (c->due > now) {
            continue;
        }

        if (c->chunks-- > 0) {
            c->due += c->delay;
            rc = c->messages ? put(c, named, named_len) : put(c, out, len);

        } else {
            rc = end_stream(c);
            i--;
        }

        if (rc != 0) {
            if (c->slot >= 0) {
                i--;
            }

            drop(c);
        }
    }
}


static int
respond(conn_t *c)
{
    if (c->messages && !c->stream) {
        return put(c, plain_message, plain_message_len);
    }

    return c->stream ? begin_stream(c)
                     : put(c, c->free ? nothing : plain, plain_len);
}


/* returns the bytes it took; 0: the header is not whole; -1: no more */
static ssize_t
request(conn_t *c, char *p, size_t len)
{
    char    *end, *s;
    size_t   n, head;

    end = memmem(p, len, "\r\n\r\n", 4);
    if (end == NULL) {
        return len < HEADER_MAX ? 0 : -1;
    }

    head = end + 4 - p;
    s = memmem(p, head, "Content-Length: ", 16);
    c->body = s ? strtoul(s + 16, NULL, 10) : 0;

    c->messages = head > 18 && memcmp(p, "POST /v1/messages ", 18) == 0;

    s = memmem(p, head, "x-mock: ", 8);
    c->stream = s && sscanf(s + 8, "%d %d", &c->chunks, &c->delay) == 2;
    c->free = s && !c->stream;

    n = len - head < c->body ? len - head : c->body;
    c->body -= n;
    c->usage = c->stream
               && memmem(p + head, n, "\"include_usage\":true", 20) != NULL;

    if (c->body == 0 && respond(c) != 0) {
        return -1;
    }

    return head + n;
}


static int
readable(conn_t *c)
{
    char     *p;
    size_t    len;
    ssize_t   n;

    memcpy(input, c->header, c->kept);

    n = recv(c->fd, input + c->kept, INPUT_MAX - c->kept, MSG_DONTWAIT);

    if (n <= 0) {
        return n < 0 && errno == EAGAIN ? 0 : -1;
    }

    p = input;
    len = n + c->kept;
    c->kept = 0;

    while (len) {

        if (c->body) {
            n = len < c->body ? len : c->body;
            c->body -= n;

            if (c->body == 0 && respond(c) != 0) {
                return -1;
            }

        } else {
            n = request(c, p, len);

            if (n < 0) {
                return -1;
            }

            if (n == 0) {
                memcpy(c->header, p, len);
                c->kept = len;
                return 0;
            }
        }

        p += n;
        len -= n;
    }

    return 0;
}


static void
accepted(int listener)
{
    int                  fd, on = 1;
    conn_t              *c;
    struct epoll_event   ee;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));

        c = calloc(1, sizeof(conn_t));
        c->fd = fd;
        c->slot = -1;
        c->header = malloc(HEADER_MAX);

        ee.events = EPOLLIN;
        ee.data.ptr = c;
        epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ee);
    }
}


static int
listening(int port)
{
    int                 fd, on = 1;
    struct sockaddr_in  sin;

    fd = socket(AF_INET, SOCK_STREAM|SOCK_NONBLOCK, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));

    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_port = htons(port);
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    if (bind(fd, (struct sockaddr *) &sin, sizeof(sin)) != 0
        || listen(fd, 4096) != 0)
    {
        perror("mock");
        exit(1);
    }

    return fd;
}


/* the same, with zeros for what was used */
static void
make_nothing(void)
{
    char  *p;

    memcpy(nothing, plain, plain_len + 1);

    for (p = strstr(nothing, "\"usage\""); *p != '\0'; p++) {
        if (p[0] == ':' && p[1] >= '1' && p[1] <= '9') {

            /* the length stays: blanks behind a zero */

            *++p = '0';

            while (p[1] >= '0' && p[1] <= '9') {
                *++p = ' ';
            }
        }
    }
}


int
main(int argc, char **argv)
{
    int                  i, n, fd, wait;
    long                 busy;
    conn_t              *c;
    struct rlimit        files = { CONNS_MAX, CONNS_MAX };
    struct epoll_event   ee, events[EVENTS_MAX];

    if (argc != 2) {
        fprintf(stderr, "usage: mock PORT\n");
        return 2;
    }

    setrlimit(RLIMIT_NOFILE, &files);

    plain_len = sprintf(plain, "HTTP/1.1 200 OK\r\nServer: mock\r\n"
                        "Date: Tue, 01 Jul 2025 12:00:00 GMT\r\n"
                        "Content-Type: application/json\r\n"
                        "Content-Length: %zu\r\n"
                        "x-request-id: req_5f3a\r\n"
                        "openai-version: 2020-10-01\r\n"
                        "openai-processing-ms: 213\r\n\r\n%s",
                        sizeof(answer) - 1, answer);

    plain_message_len = sprintf(plain_message,
                                "HTTP/1.1 200 OK\r\nServer: mock\r\n"
                                "Date: Tue, 01 Jul 2025 12:00:00 GMT\r\n"
                                "Content-Type: application/json\r\n"
                                "Content-Length: %zu\r\n"
                                "request-id: req_5f3a\r\n\r\n%s",
                                sizeof(message) - 1, message);

    make_nothing();

    fd = listening(atoi(argv[1]));
    ep = epoll_create1(0);

    ee.events = EPOLLIN;
    ee.data.ptr = NULL;
    epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ee);

    for (busy = 0; /* void */ ; /* void */) {
        wait = now_ms() - busy < SPIN_MS ? 0 : nstreams ? 1 : -1;
        n = epoll_wait(ep, events, EVENTS_MAX, wait);

        if (n > 0) {
            busy = now_ms();

        } else if (wait == 0) {
            sched_yield();
        }

        for (i = 0; i < n; i++) {
            c = events[i].data.ptr;

            if (c == NULL) {
                accepted(fd);

            } else if (readable(c) != 0) {
                drop(c);
            }
        }

        if (nstreams) {
            tick();
        }
    }
}
