
/*
 * Copyright (C) The ngx_soma authors
 *
 * What looking at a body costs, in ns a byte: the scanner's kinds, beside
 * memchr() (the least that reading every byte can cost) and yyjson (a tree).
 *
 *     gcc -O2 -Isrc/base bench/json_scan.c src/identify/soma_*.c -lyyjson
 *
 * Bodies: "chat" is prose with some escapes, "tools" is function schemas and
 * arguments (JSON within JSON strings), "ascii" is prose in which every
 * letter is an escape, as some clients send other languages.  Bodies are
 * warm; the best of several rounds counts.
 */


#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <yyjson.h>
#include "soma_dialect.h"


#define ROUNDS    15
#define ROUND_NS  4000000
#define BODY_MAX  (1536 * 1024)
#define KINDS     4


typedef struct {
    unsigned char  *p;
    size_t          len;
} body_t;

typedef void (*run_pt)(body_t *b);


static const soma_json_want_t  want[] = {
    { soma_string("model"), 1 },
    { soma_string("stream"), 1 },
    { soma_string("stream_options"), 1 },
    { soma_string("max_tokens"), 1 },
    { soma_string("max_completion_tokens"), 1 },
    { soma_string("max_output_tokens"), 1 },
    { soma_string("n"), 1 },
    { soma_string("service_tier"), 1 },
    { soma_string("user"), 1 },
    { soma_string("messages"), 1 },
    { soma_string("input"), 1 },
    { soma_string("prompt"), 1 }
};

static volatile uintptr_t  sink;
static uint32_t            seed = 1;


static unsigned
any(unsigned n)
{
    seed = seed * 1664525 + 1013904223;

    return (seed >> 8) % n;
}


static void
put(body_t *b, const char *s)
{
    size_t  len;

    len = strlen(s);
    memcpy(b->p + b->len, s, len);
    b->len += len;
}


static void
put_prose(body_t *b, size_t len)
{
    size_t  end;

    static const char *const  words[] = {
        "the ", "gateway ", "of ", "a ", "request ", "and ", "its ", "tokens ",
        "are ", "counted ", "in ", "every ", "answer, ", "which ", "is ",
        "sent. ", "to ", "caf\xc3\xa9 ", "provider ", "for ", "(as ", "said) "
    };

    for (end = b->len + len; b->len < end; ) {
        put(b, words[any(22)]);

        switch (any(40)) {

        case 0:
        case 1:
            put(b, "\\n");
            break;

        case 2:
            put(b, "\\\"quoted\\\" ");
        }
    }
}


static void
put_ascii(body_t *b, size_t len)
{
    char    text[16];
    size_t  end;

    for (end = b->len + len; b->len < end; ) {
        snprintf(text, sizeof(text), "\\u%04x", 0x4e00 + any(0x5000));
        put(b, any(12) ? text : ", ");
    }
}


static void
put_schema(body_t *b)
{
    unsigned  n;

    put(b, "{\"type\":\"function\",\"function\":{\"name\":\"look_up\","
           "\"description\":\"");
    put_prose(b, 150);
    put(b, "\",\"parameters\":{\"type\":\"object\",\"properties\":{");

    for (n = 1 + any(5); n > 0; n--) {
        put(b, "\"field\":{\"type\":\"string\",\"description\":\"");
        put_prose(b, 20 + any(60));
        put(b, any(3) ? "\"}" : "\",\"enum\":[\"one\",\"two\",\"three\"]}");
        put(b, n > 1 ? "," : "");
    }

    put(b, "},\"required\":[\"field\"],\"additionalProperties\":false}}}");
}


static void
put_call(body_t *b)
{
    put(b, "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":"
           "\"call_1\",\"type\":\"function\",\"function\":{\"name\":\"look_up\""
           ",\"arguments\":\"{\\\"path\\\": \\\"src/a.c\\\", \\\"lines\\\": ["
           "1, 20], \\\"text\\\": \\\"");
    put_prose(b, 100 + any(300));
    put(b, "\\\"}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"call_1\","
           "\"content\":\"");
    put_prose(b, 50 + any(500));
    put(b, "\"}");
}


static void
make(body_t *b, int shape, size_t len)
{
    size_t  half;

    b->len = 0;
    half = (shape == 1) ? len / 2 : 0;

    put(b, "{\"model\":\"gpt-4o-mini\",\"temperature\":0.7,\"stream\":true,"
           "\"max_tokens\":1024,\"user\":\"u-17\"");

    if (half) {
        put(b, ",\"tools\":[");
        put_schema(b);

        while (b->len < half) {
            put(b, ",");
            put_schema(b);
        }

        put(b, "]");
    }

    put(b, ",\"messages\":[{\"role\":\"system\",\"content\":\"");
    put_prose(b, len / 8);
    put(b, "\"}");

    while (b->len + 60 < len) {
        put(b, ",");

        if (half) {
            put_call(b);
            continue;
        }

        put(b, "{\"role\":\"user\",\"content\":\"");

        if (shape == 2) {
            put_ascii(b, len / 5);

        } else {
            put_prose(b, 100 + any((unsigned) len / 5));
        }

        put(b, "\"}");
    }

    put(b, "]}");
}


static void
run_scan(body_t *b)
{
    soma_json_scan_t  scan;

    soma_json_scan_init(&scan, want, sizeof(want) / sizeof(want[0]));
    soma_json_scan_watch(&scan, soma_openai.prompt->marks);

    if (soma_json_scan(&scan, b->p, b->len) != SOMA_OK
        || soma_json_scan_end(&scan) != SOMA_OK)
    {
        fprintf(stderr, "%s at %zu\n", scan.error, scan.offset);
        exit(1);
    }

    sink = scan.span[0].end;
}


/* as nginx hands a body over */
static void
run_pieces(body_t *b)
{
    size_t            i, n;
    soma_json_scan_t  scan;

    soma_json_scan_init(&scan, want, sizeof(want) / sizeof(want[0]));
    soma_json_scan_watch(&scan, soma_openai.prompt->marks);

    for (i = 0; i < b->len; i += n) {
        n = (b->len - i < 4096) ? b->len - i : 4096;
        (void) soma_json_scan(&scan, b->p + i, n);
    }

    if (soma_json_scan_end(&scan) != SOMA_OK) {
        exit(1);
    }

    sink = scan.span[0].end;
}


static void
run_memchr(body_t *b)
{
    sink = (uintptr_t) memchr(b->p, 1, b->len);
}


static void
run_yyjson(body_t *b)
{
    yyjson_doc  *doc;

    doc = yyjson_read((char *) b->p, b->len, 0);
    if (doc == NULL) {
        exit(1);
    }

    sink = (uintptr_t) yyjson_obj_get(yyjson_doc_get_root(doc), "model");
    yyjson_doc_free(doc);
}


static double
now(void)
{
    struct timespec  t;

    clock_gettime(CLOCK_MONOTONIC, &t);

    return (double) t.tv_sec * 1e9 + (double) t.tv_nsec;
}


/* ns a byte */
static double
measure(run_pt run, body_t *b)
{
    int     i;
    long    n, k;
    double  start, took, best;

    best = 1e18;
    n = 1;

    for (i = 0; i < ROUNDS; i++) {
        start = now();

        for (k = 0; k < n; k++) {
            run(b);
        }

        took = now() - start;

        if (i == 0) {
            n = (long) (ROUND_NS / (took + 1)) + 1;
            continue;
        }

        if (took / (double) n < best) {
            best = took / (double) n;
        }
    }

    return best / (double) b->len;
}


int
main(void)
{
    size_t  i, k, n;
    body_t  b;

    static const char *const  shapes[] = { "chat", "tools", "ascii" };
    static const char *const  kinds[KINDS] = {
        "portable", "sse2", "avx2", "avx512"
    };
    static const size_t       sizes[] = { 1024, 10240, 102400, 1048576 };

    b.p = malloc(BODY_MAX);
    if (b.p == NULL) {
        return 1;
    }

    printf("ns/byte  %9s", "bytes");

    for (k = 0; k < KINDS; k++) {
        printf(" %9s", kinds[k]);
    }

    printf(" %9s %9s %9s\n", "in 4 KB", "memchr", "yyjson");

    for (i = 0; i < 3; i++) {

        for (n = 0; n < 4; n++) {
            make(&b, (int) i, sizes[n]);
            printf("%-8s %9zu", shapes[i], b.len);

            for (k = 0; k < KINDS; k++) {
                if (soma_json_scan_use(kinds[k]) == SOMA_OK) {
                    printf(" %9.4f", measure(run_scan, &b));

                } else {
                    printf(" %9s", "-");
                }
            }

            printf(" %9.4f %9.4f %9.4f\n", measure(run_pieces, &b),
                   measure(run_memchr, &b), measure(run_yyjson, &b));
            fflush(stdout);
        }
    }

    free(b.p);

    return 0;
}
