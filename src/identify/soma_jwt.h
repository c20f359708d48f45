
/*
 * Copyright (C) The ngx_soma authors
 *
 * JSON Web Tokens (RFC 7519) as signed compact serializations (RFC 7515), and
 * the keys that they are signed with: a secret or a JWK set (RFC 7517, 7518).
 *
 * A key knows the one algorithm it is for, by its kind: a secret is for
 * HS256, an RSA key for RS256, a P-256 key for ES256.  A token's "alg" only
 * chooses among keys, so no key is ever used for another algorithm.
 */


#ifndef SOMA_JWT_H
#define SOMA_JWT_H


#include "soma_base.h"


#define SOMA_JWT_MAX            8192    /* bytes of a token */
#define SOMA_JWT_MEMBERS_MAX    128     /* of one object in it */
#define SOMA_JWT_DEPTH_MAX      16
#define SOMA_JWT_KID_MAX        256     /* bytes of a key's id */

#define SOMA_JWKS_MAX           65536   /* bytes of a set's text */
#define SOMA_JWKS_KEYS_MAX      32      /* usable ones in a set */
#define SOMA_JWKS_ENTRIES_MAX   128     /* entries of a set's text */

#define SOMA_JWT_SECRET_MIN     32      /* bytes, RFC 7518, 3.2 */
#define SOMA_JWT_SECRET_MAX     4096
#define SOMA_JWT_RSA_MIN        2048    /* bits of a modulus, RFC 7518, 3.3 */
#define SOMA_JWT_RSA_MAX        8192    /* more would be slow to check */
#define SOMA_JWT_EXPONENT_MAX   8       /* bytes of a public exponent */


/* bits, so that a set of them is a number */
#define SOMA_JWT_HS256          0x01
#define SOMA_JWT_RS256          0x02
#define SOMA_JWT_ES256          0x04


typedef enum {
    SOMA_JWT_OK = 0,
    SOMA_JWT_NO_MEMORY,
    SOMA_JWT_LONG,
    SOMA_JWT_FORM,
    SOMA_JWT_HEADER,
    SOMA_JWT_CLAIMS,
    SOMA_JWT_TYPE,
    SOMA_JWT_CRIT,
    SOMA_JWT_ALG,
    SOMA_JWT_NO_KEY,            /* none of that algorithm, no kid named */
    SOMA_JWT_UNKNOWN_KID,
    SOMA_JWT_AMBIGUOUS,         /* more than one key fits */
    SOMA_JWT_SIGNATURE,
    SOMA_JWT_ISSUER,
    SOMA_JWT_AUDIENCE,
    SOMA_JWT_TIMES,             /* exp, nbf or iat is not a time */
    SOMA_JWT_NO_EXP,
    SOMA_JWT_EXPIRED,
    SOMA_JWT_EARLY,             /* nbf is still to come */
    SOMA_JWT_FUTURE,            /* iat is still to come */
    SOMA_JWT_ERRORS
} soma_jwt_error_e;


typedef struct {
    soma_str_t      kid;        /* empty: it has none */
    unsigned        alg;        /* one bit */
    void           *pkey;       /* EVP_PKEY; NULL: a secret */
    soma_str_t      secret;
    unsigned        any_kid:1;  /* fits tokens of whatever kid */
} soma_jwk_t;


typedef struct {
    soma_jwk_t      key[SOMA_JWKS_KEYS_MAX];
    unsigned        n;
    unsigned        skipped;    /* entries that are of no use here */
} soma_jwks_t;


typedef struct {
    soma_str_t      kid;
    unsigned        alg;
    unsigned        has_kid:1;
    unsigned        has_aud:1;
    soma_str_t      input;      /* what is signed, within the token */
    soma_str_t      signature;  /* decoded */
    soma_str_t      issuer;     /* empty: none */
    void           *claims;     /* of the JSON reader */
} soma_jwt_t;


/* a constant sentence for a client, and a code ("invalid_token") */
const char *soma_jwt_text(soma_jwt_error_e error);
const char *soma_jwt_code(soma_jwt_error_e error);

/* the bit of an algorithm's name, 0: none of ours */
unsigned soma_jwt_alg_of(soma_str_t name);

/* begins with "eyJ", the first bytes of every JSON object in base64url, and
 * has three parts of base64url: a key of ours never does */
int soma_jwt_like(soma_str_t credential);

/*
 * Strict base64url (RFC 4648, 5): no padding, no blanks, no bits left over.
 * "out" takes len * 3 / 4 bytes.  SOMA_ERROR: it is none.
 */
int soma_jwt_base64url(soma_str_t text, unsigned char *out, size_t *len);

/*
 * Reads header and claims; nothing is proven by that.  Refused: an "alg"
 * other than the three, "crit", members that stand twice on any level.
 * Strings live in the arena or in the token.
 */
soma_jwt_error_e soma_jwt_parse(soma_jwt_t *jwt, soma_arena_t *arena,
    soma_str_t token);

/* algs: the allowed ones */
soma_jwt_error_e soma_jwt_verify(const soma_jwt_t *jwt,
    const soma_jwks_t *set, unsigned algs);

/*
 * exp (must be there), nbf and iat against "now", with "leeway" for clocks
 * that differ, all in ms; *expires is when the token ends, leeway included,
 * ms UTC.
 */
soma_jwt_error_e soma_jwt_times(const soma_jwt_t *jwt, int64_t now,
    int64_t leeway, int64_t *expires);

/*
 * One of "audiences" must be in "aud", a string or an array of them.  With
 * none configured, a token that has an audience is meant for somebody else
 * (RFC 7519, 4.1.3); "*" as the only one takes whatever there is.
 */
soma_jwt_error_e soma_jwt_audience(const soma_jwt_t *jwt,
    const soma_str_t *audiences, unsigned n);

/*
 * A claim as a text in the arena: a string or a number as it stands, an array
 * of them with blanks in between.  The name is that of a top-level member, or
 * a JSON pointer (RFC 6901) when it begins with "/".  SOMA_DECLINED: not
 * there, null, or of another type; SOMA_ERROR: memory.
 */
int soma_jwt_claim(const soma_jwt_t *jwt, soma_arena_t *arena,
    soma_str_t name, soma_str_t *text);

/*
 * Words of a claim to capabilities: admin, usage, also as soma:admin and
 * soma:usage, between blanks or commas; what else stands there is for others.
 */
unsigned soma_jwt_capabilities(soma_str_t words);


/*
 * A JWK set.  Entries of no use are skipped, not refused: other kinds and
 * curves, use other than sig, another alg, key_ops without verify, keys that
 * are too short or broken.  secrets: 0 leaves "oct" entries out.  SOMA_ERROR
 * with a constant sentence when the text is no set or has no usable key.
 * What was parsed must be freed with soma_jwks_free(), errors included.
 */
int soma_jwks_parse(soma_jwks_t *set, soma_arena_t *arena, soma_str_t text,
    int secrets, const char **error);

/* a set of one secret, for tokens of whatever kid; it is not copied */
int soma_jwks_secret(soma_jwks_t *set, soma_str_t secret,
    const char **error);

void soma_jwks_free(soma_jwks_t *set);


#endif /* SOMA_JWT_H */
