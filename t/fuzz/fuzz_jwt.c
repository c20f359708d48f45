
/*
 * Copyright (C) The ngx_soma authors
 *
 * The first byte says what the rest is: a token, a set of keys, a header and
 * claims that a token is made of, so that the reader of JSON is reached, or
 * a text for the small readers.
 */


#include <stdlib.h>

#include "soma_arena_malloc.h"
#include "soma_jwt.h"
#include "soma_key.h"


#define ALL  (SOMA_JWT_HS256 | SOMA_JWT_RS256 | SOMA_JWT_ES256)


static const char  secret[] = "0123456789abcdef0123456789abcdef";


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
need(int cond)
{
    if (!cond) {
        abort();
    }
}


static void
fuzz_token(soma_arena_t *arena, soma_str_t token)
{
    size_t        i;
    int64_t       expires;
    soma_str_t    text;
    soma_jwt_t    jwt;
    soma_jwks_t   set;
    const char   *error;

    static const soma_str_t  names[] = {
        soma_string("sub"), soma_string("/a/b"), soma_string("/"),
        soma_string("aud")
    };

    text.data = (unsigned char *) (uintptr_t) secret;
    text.len = sizeof(secret) - 1;

    need(soma_jwks_secret(&set, text, &error) == SOMA_OK);

    if (soma_jwt_parse(&jwt, arena, token) != SOMA_JWT_OK) {
        return;
    }

    need(jwt.alg == SOMA_JWT_HS256 || jwt.alg == SOMA_JWT_RS256
         || jwt.alg == SOMA_JWT_ES256);
    need(jwt.input.data == token.data && jwt.input.len < token.len);
    need(token.len <= SOMA_JWT_MAX);

    if (soma_jwt_verify(&jwt, &set, ALL) == SOMA_JWT_OK) {
        need(jwt.alg == SOMA_JWT_HS256 && jwt.signature.len == 32);
    }

    need(soma_jwt_verify(&jwt, &set, SOMA_JWT_RS256) != SOMA_JWT_OK);

    if (soma_jwt_times(&jwt, INT64_C(1800000000000), 30000, &expires)
        == SOMA_JWT_OK)
    {
        need(expires > INT64_C(1800000000000));
    }

    (void) soma_jwt_audience(&jwt, names, 4);

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (soma_jwt_claim(&jwt, arena, names[i], &text) == SOMA_OK) {
            (void) soma_jwt_capabilities(text);
        }
    }
}


static size_t
put64(unsigned char *out, const unsigned char *p, size_t len)
{
    size_t    i, n;
    unsigned  v;

    static const char  set[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    n = 0;

    for (i = 0; i < len; i += 3) {
        v = (unsigned) p[i] << 16;
        v |= i + 1 < len ? (unsigned) p[i + 1] << 8 : 0;
        v |= i + 2 < len ? (unsigned) p[i + 2] : 0;

        out[n++] = (unsigned char) set[v >> 18];
        out[n++] = (unsigned char) set[v >> 12 & 63];

        if (i + 1 < len) {
            out[n++] = (unsigned char) set[v >> 6 & 63];
        }

        if (i + 2 < len) {
            out[n++] = (unsigned char) set[v & 63];
        }
    }

    return n;
}


/* header, a line's end, claims */
static void
fuzz_parts(soma_arena_t *arena, soma_str_t text)
{
    size_t          header;
    soma_str_t      token;
    unsigned char  *line;

    line = text.len ? memchr(text.data, '\n', text.len) : NULL;
    header = line ? (size_t) (line - text.data) : text.len;

    token.data = arena->alloc(arena->data, text.len * 2 + 64);
    token.len = put64(token.data, text.data, header);
    token.data[token.len++] = '.';

    if (line) {
        token.len += put64(token.data + token.len, line + 1,
                           text.len - header - 1);
    }

    memcpy(token.data + token.len, ".AAAA", 5);
    token.len += 5;

    fuzz_token(arena, token);
}


static void
fuzz_set(soma_arena_t *arena, soma_str_t text)
{
    unsigned      i;
    soma_jwks_t   set;
    const char   *error;

    error = NULL;

    if (soma_jwks_parse(&set, arena, text, 1, &error) == SOMA_OK) {
        need(set.n != 0 && set.n <= SOMA_JWKS_KEYS_MAX);

    } else {
        need(error != NULL);
    }

    for (i = 0; i < set.n; i++) {
        need((set.key[i].alg == SOMA_JWT_HS256) == (set.key[i].pkey == NULL));
        need(set.key[i].kid.len <= SOMA_JWT_KID_MAX);
        need(!set.key[i].any_kid);
    }

    soma_jwks_free(&set);
}


static void
fuzz_text(soma_arena_t *arena, soma_str_t text)
{
    size_t          len;
    unsigned char  *out;

    out = arena->alloc(arena->data, text.len * 3 / 4 + 1);

    if (soma_jwt_base64url(text, out, &len) == SOMA_OK) {
        need(len == text.len * 3 / 4);
    }

    need((soma_jwt_capabilities(text)
          & ~(unsigned) (SOMA_CAN_ADMIN | SOMA_CAN_USAGE)) == 0);

    (void) soma_jwt_like(text);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    soma_str_t     text;
    soma_arena_t  *arena;

    if (size == 0) {
        return 0;
    }

    text.data = (unsigned char *) (uintptr_t) (data + 1);
    text.len = size - 1;

    arena = soma_test_arena();

    switch (data[0] % 4) {

    case 0:
        fuzz_token(arena, text);
        break;

    case 1:
        fuzz_set(arena, text);
        break;

    case 2:
        fuzz_parts(arena, text);
        break;

    default:
        fuzz_text(arena, text);
    }

    soma_test_arena_free(arena);

    return 0;
}
