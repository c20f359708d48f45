
/*
 * Copyright (C) The ngx_soma authors
 *
 * How fast tokens are counted: MB/s and ns a token, for texts of some kinds,
 * whole and in parts of a stream.
 *
 *     gcc -O2 -Isrc/base -Isrc/plan bench/bpe.c src/tokens/soma_bpe*.c -lz
 *     ./a.out build/share/soma/o200k_base.soma [TEXT ...]
 */


#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "soma_bpe.h"


#define FILE_MAX    (64 * 1024 * 1024)
#define TEXT_SIZE   (256 * 1024)
#define TIME_NS     200000000
#define DELTA       4           /* bytes of a streamed part */


static soma_str_t
read_file(const char *path)
{
    FILE        *f;
    soma_str_t   text;

    f = fopen(path, "rb");
    text.data = malloc(FILE_MAX);

    if (f == NULL || text.data == NULL) {
        perror(path);
        exit(1);
    }

    text.len = fread(text.data, 1, FILE_MAX, f);
    fclose(f);

    return text;
}


static soma_str_t
repeat(const char *s)
{
    size_t      n, len;
    soma_str_t  text;

    len = strlen(s);
    text.data = malloc(TEXT_SIZE + len);

    if (text.data == NULL) {
        exit(1);
    }

    for (n = 0; n < TEXT_SIZE; n += len) {
        memcpy(text.data + n, s, len);
    }

    text.len = n;

    return text;
}


static int64_t
now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}


static int64_t
whole(const soma_bpe_t *bpe, soma_str_t text)
{
    return soma_bpe_count(bpe, text);
}


/* as a gateway does with a stream: a count after each part */

static int64_t
parts(const soma_bpe_t *bpe, soma_str_t text)
{
    size_t             i, n;
    int64_t            tokens;
    soma_bpe_stream_t  stream;

    soma_bpe_stream_init(&stream, bpe);
    tokens = 0;

    for (i = 0; i < text.len; i += n) {
        n = text.len - i < DELTA ? text.len - i : DELTA;
        soma_bpe_stream_add(&stream, text.data + i, n);
        tokens = soma_bpe_stream_tokens(&stream);
    }

    return tokens;
}


static void
measure(const soma_bpe_t *bpe, const char *name, soma_str_t text,
    int64_t (*count)(const soma_bpe_t *bpe, soma_str_t text))
{
    int64_t  start, ns, tokens, bytes;

    tokens = 0;
    bytes = 0;
    start = now();

    do {
        tokens += count(bpe, text);
        bytes += (int64_t) text.len;
        ns = now() - start;
    } while (ns < TIME_NS);

    printf("%-24s %-6s %8.1f MB/s %8.1f ns/token %6.2f bytes/token\n", name,
           count == whole ? "whole" : "parts",
           (double) bytes * 1000 / (double) ns,
           (double) ns / (double) tokens, (double) bytes / (double) tokens);
}


int
main(int argc, char **argv)
{
    int           i;
    size_t        k;
    soma_str_t    file, text;
    const char   *error;
    soma_bpe_t    bpe;

    static const struct {
        const char  *name;
        const char  *text;
    } kinds[] = {
        { "English", "A request walks the steps once, forward. The "
          "settlement comes before the last bytes of the answer are handed "
          "to the client, whatever happens to the worker in the next "
          "microsecond. " },
        { "C", "    if (p == NULL) {\n        return SOMA_ERROR;\n    }\n\n"
          "    for (i = 0; i < n; i++) {\n        sum += value[i] * 17;\n"
          "    }\n" },
        { "Chinese", "\xe4\xbb\x8a\xe5\xa4\xa9\xe7\x9a\x84\xe5\xa4\xa9\xe6\xb0"
          "\x94\xe5\xbe\x88\xe5\xa5\xbd\xef\xbc\x8c\xe6\x88\x91\xe4\xbb\xac\xe5"
          "\x8e\xbb\xe5\x85\xac\xe5\x9b\xad\xe3\x80\x82" },
        { "no place to split", "qzjxkvbwqpzmxnqhgjtyvbcfd" },
        { "one letter", "a" }
    };

    if (argc < 2) {
        fprintf(stderr, "usage: bpe FILE.soma [TEXT ...]\n");
        return 2;
    }

    file = read_file(argv[1]);

    if (soma_bpe_open(&bpe, file, &error) != SOMA_OK) {
        fprintf(stderr, "%s: %s\n", argv[1], error);
        return 1;
    }

    for (i = 2; i < argc; i++) {
        text = read_file(argv[i]);
        measure(&bpe, argv[i], text, whole);
    }

    for (k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        text = repeat(kinds[k].text);
        measure(&bpe, kinds[k].name, text, whole);
        measure(&bpe, kinds[k].name, text, parts);
        free(text.data);
    }

    free(file.data);

    return 0;
}
