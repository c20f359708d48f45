
/*
 * Copyright (C) The ngx_soma authors
 *
 * Writes a vocabulary for soma_vocabulary:
 *
 *     vocab cl100k_base|o200k_base FROM TO
 *
 * FROM is ranks/NAME.js of the npm package js-tiktoken, or OpenAI's own
 * NAME.tiktoken: in the one lines of "! RANK TOKEN TOKEN ...", in the other
 * lines of "TOKEN RANK", the tokens in base64.  Either way the ranks must be
 * those that tiktoken checks by this hash of NAME.tiktoken.
 */


#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/sha.h>

#include "soma_bpe.h"


#define VOCAB_FILE_MAX   (64 * 1024 * 1024)
#define VOCAB_TOKEN_MAX  256
#define VOCAB_LINE_MAX   512


typedef struct {
    const char         *name;
    soma_bpe_family_e   family;
    const char         *sha256;
} vocab_family_t;


typedef struct {
    soma_str_t  raw[SOMA_BPE_TOKENS_MAX];       /* base64 */
    soma_str_t  token[SOMA_BPE_TOKENS_MAX];
    uint32_t    n;
} vocab_t;


static const vocab_family_t  families[] = {
    { "cl100k_base", SOMA_BPE_CL100K,
      "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7" },
    { "o200k_base", SOMA_BPE_O200K,
      "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d" }
};


static void
die(const char *what, const char *why)
{
    fprintf(stderr, "vocab: error: %s: %s\n", what, why);
    exit(1);
}


static void *
alloc(void *data, size_t size)
{
    void  *p;

    (void) data;

    p = malloc(size);

    if (p == NULL) {
        die("malloc", "no memory");
    }

    return p;
}


static soma_str_t
read_file(const char *path)
{
    FILE        *f;
    soma_str_t   text;

    f = fopen(path, "rb");

    if (f == NULL) {
        die(path, strerror(errno));
    }

    text.data = alloc(NULL, VOCAB_FILE_MAX + 1);
    text.len = fread(text.data, 1, VOCAB_FILE_MAX, f);

    if (ferror(f) || fgetc(f) != EOF) {
        die(path, "cannot be read, or is too large");
    }

    fclose(f);
    text.data[text.len] = '\0';

    return text;
}


static int
digit(unsigned char c)
{
    static const char  digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz0123456789+/";
    const char  *p;

    p = c ? strchr(digits, c) : NULL;

    return p ? (int) (p - digits) : -1;
}


static soma_str_t
decode(soma_str_t raw)
{
    int          v;
    size_t       i;
    uint32_t     bits, nbits;
    soma_str_t   token;

    token.data = alloc(NULL, raw.len + 1);
    token.len = 0;
    bits = 0;
    nbits = 0;

    for (i = 0; i < raw.len && raw.data[i] != '='; i++) {
        v = digit(raw.data[i]);

        if (v < 0) {
            die("a token", "is no base64");
        }

        bits = (bits << 6 | (uint32_t) v) & 0xffffff;
        nbits += 6;

        if (nbits >= 8) {
            nbits -= 8;
            token.data[token.len++] = (unsigned char) (bits >> nbits);
        }
    }

    return token;
}


static void
add(vocab_t *vocab, soma_str_t raw, int64_t rank)
{
    if (rank < 0 || rank >= SOMA_BPE_TOKENS_MAX || raw.len > VOCAB_TOKEN_MAX
        || vocab->raw[rank].data != NULL)
    {
        die("a token", "its rank or its length is none");
    }

    vocab->raw[rank] = raw;
    vocab->token[rank] = decode(raw);

    if (vocab->n <= rank) {
        vocab->n = (uint32_t) rank + 1;
    }
}


/* "TOKEN RANK" a line */
static void
parse_plain(vocab_t *vocab, soma_str_t text)
{
    int64_t         rank;
    soma_str_t      line, raw, word;
    unsigned char  *p, *end, *eol;

    end = text.data + text.len;

    for (p = text.data; p < end; p = eol + 1) {
        eol = memchr(p, '\n', (size_t) (end - p));

        if (eol == NULL) {
            eol = end;
        }

        line.data = p;
        line.len = (size_t) (eol - p);

        if (!soma_str_word(&line, &raw)) {
            continue;
        }

        if (!soma_str_word(&line, &word)
            || soma_number_int(word, &rank) != SOMA_OK)
        {
            die("a line", "is no token and rank");
        }

        add(vocab, raw, rank);
    }
}


/* the string of "bpe_ranks": the only escape in it is \n */
static void
parse_js(vocab_t *vocab, soma_str_t text)
{
    int64_t         rank;
    soma_str_t      rest, word;
    unsigned char  *p, *end;

    p = (unsigned char *) strstr((char *) text.data, "bpe_ranks\":\"");
    p = p ? p + strlen("bpe_ranks\":\"") : NULL;
    end = p ? (unsigned char *) strchr((char *) p, '"') : NULL;

    if (end == NULL) {
        die("bpe_ranks", "is not there");
    }

    rest.data = p;
    rest.len = (size_t) (end - p);

    for ( /* void */ ; p < end; p++) {
        if (p[0] == '\\' && p[1] == 'n') {
            p[0] = ' ';
            p[1] = ' ';
        }
    }

    rank = -1;

    while (soma_str_word(&rest, &word)) {

        if (soma_str_is(word, "!")) {
            if (!soma_str_word(&rest, &word)
                || soma_number_int(word, &rank) != SOMA_OK)
            {
                die("bpe_ranks", "a line begins with no rank");
            }

            continue;
        }

        add(vocab, word, rank++);
    }
}


static void
check(const vocab_t *vocab, const vocab_family_t *family)
{
    int             n;
    char            line[VOCAB_LINE_MAX], hex[2 * SHA256_DIGEST_LENGTH + 1];
    size_t          len;
    uint32_t        i;
    unsigned char   sum[SHA256_DIGEST_LENGTH], *text;

    text = alloc(NULL, VOCAB_FILE_MAX);
    len = 0;

    for (i = 0; i < vocab->n; i++) {

        if (vocab->raw[i].data == NULL) {
            continue;
        }

        n = snprintf(line, sizeof(line), "%.*s %u\n", (int) vocab->raw[i].len,
                     (char *) vocab->raw[i].data, i);

        if (len + (size_t) n > VOCAB_FILE_MAX) {
            die(family->name, "is too large");
        }

        memcpy(text + len, line, (size_t) n);
        len += (size_t) n;
    }

    SHA256(text, len, sum);
    free(text);

    for (i = 0; i < SHA256_DIGEST_LENGTH; i++) {
        snprintf(hex + 2 * i, 3, "%02x", sum[i]);
    }

    if (strcmp(hex, family->sha256) != 0) {
        die(family->name, "these are not OpenAI's ranks: their hash differs");
    }
}


/* whole or not at all: nginx may be about to map it */
static void
write_file(const char *path, soma_str_t file)
{
    FILE  *f;
    char   tmp[VOCAB_LINE_MAX];

    if ((size_t) snprintf(tmp, sizeof(tmp), "%s.%d", path, (int) getpid())
        >= sizeof(tmp))
    {
        die(path, "is too long a name");
    }

    f = fopen(tmp, "wb");

    if (f == NULL || fwrite(file.data, 1, file.len, f) != file.len
        || fclose(f) != 0 || rename(tmp, path) != 0)
    {
        die(path, strerror(errno));
    }
}


int
main(int argc, char **argv)
{
    size_t                 i;
    vocab_t               *vocab;
    soma_str_t             text, file;
    const char            *error;
    soma_bpe_t             bpe;
    soma_arena_t           arena;
    const vocab_family_t  *family;

    family = NULL;

    for (i = 0; argc == 4 && i < sizeof(families) / sizeof(families[0]); i++) {
        if (strcmp(argv[1], families[i].name) == 0) {
            family = &families[i];
        }
    }

    if (family == NULL) {
        fprintf(stderr, "usage: vocab cl100k_base|o200k_base FROM TO\n");
        return 2;
    }

    vocab = calloc(1, sizeof(vocab_t));

    if (vocab == NULL) {
        die("malloc", "no memory");
    }

    text = read_file(argv[2]);

    if (strstr((char *) text.data, "bpe_ranks") != NULL) {
        parse_js(vocab, text);

    } else {
        parse_plain(vocab, text);
    }

    check(vocab, family);

    arena.alloc = alloc;
    arena.data = NULL;
    error = NULL;

    if (soma_bpe_make(&arena, family->family, vocab->token, vocab->n, &file,
                      &error)
        != SOMA_OK
        || soma_bpe_open(&bpe, file, &error) != SOMA_OK)
    {
        die(family->name, error);
    }

    write_file(argv[3], file);

    return 0;
}
