
/*
 * Copyright (C) The ngx_soma authors
 *
 * Keys: a secret or a JWK set.
 */


#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "soma_jwt.h"
#include "soma_jwt_der.h"
#include "soma_jwt_json.h"


/* a modulus and an exponent with all that is put around them */
#define SOMA_DER_RSA_MAX    (SOMA_JWT_RSA_MAX / 8 + SOMA_JWT_EXPONENT_MAX + 64)


static int soma_jwk_parse(soma_jwk_t *key, soma_arena_t *arena,
    yyjson_val *entry, int secrets);
static int soma_jwk_usable(yyjson_val *entry, unsigned alg);
static int soma_jwk_bytes(soma_arena_t *arena, yyjson_val *entry,
    const char *name, soma_str_t *bytes);
static void *soma_jwk_rsa(soma_arena_t *arena, yyjson_val *entry);
static void *soma_jwk_p256(soma_arena_t *arena, yyjson_val *entry);
static void *soma_jwk_public(const unsigned char *der, size_t len);


int
soma_jwks_parse(soma_jwks_t *set, soma_arena_t *arena, soma_str_t text,
    int secrets, const char **error)
{
    int          rc;
    size_t       i, n;
    yyjson_val  *root, *keys, *entry;

    memset(set, 0, sizeof(soma_jwks_t));

    if (text.len > SOMA_JWKS_MAX) {
        *error = "it is larger than a JWK set may be";
        return SOMA_ERROR;
    }

    root = soma_jwt_json_read(arena, text);
    keys = yyjson_obj_get(root, "keys");

    if (!yyjson_is_arr(keys)) {
        *error = "it is no JWK set, a JSON object with an array \"keys\"";
        return SOMA_ERROR;
    }

    if (yyjson_arr_size(keys) > SOMA_JWKS_ENTRIES_MAX) {
        *error = "it has more keys than a JWK set may have";
        return SOMA_ERROR;
    }

    yyjson_arr_foreach(keys, i, n, entry) {

        if (set->n == SOMA_JWKS_KEYS_MAX) {
            *error = "it has more usable keys than a JWK set may have";
            return SOMA_ERROR;
        }

        rc = soma_jwk_parse(&set->key[set->n], arena, entry, secrets);

        if (rc == SOMA_ERROR) {
            *error = "there is no memory for it";
            return SOMA_ERROR;
        }

        if (rc == SOMA_OK) {
            set->n++;

        } else {
            set->skipped++;
        }
    }

    if (set->n == 0) {
        *error = "it has no usable key: RSA of at least 2048 bits or EC P-256,"
                 " for signatures";
        return SOMA_ERROR;
    }

    return SOMA_OK;
}


int
soma_jwks_secret(soma_jwks_t *set, soma_str_t secret, const char **error)
{
    memset(set, 0, sizeof(soma_jwks_t));

    if (secret.len < SOMA_JWT_SECRET_MIN || secret.len > SOMA_JWT_SECRET_MAX) {
        *error = "a secret of 32 to 4096 bytes is needed";
        return SOMA_ERROR;
    }

    set->n = 1;
    set->key[0].alg = SOMA_JWT_HS256;
    set->key[0].secret = secret;
    set->key[0].any_kid = 1;

    return SOMA_OK;
}


void
soma_jwks_free(soma_jwks_t *set)
{
    unsigned  i;

    for (i = 0; i < set->n; i++) {
        EVP_PKEY_free(set->key[i].pkey);
    }

    set->n = 0;
}


static int
soma_jwk_parse(soma_jwk_t *key, soma_arena_t *arena, yyjson_val *entry,
    int secrets)
{
    yyjson_val  *kid, *kty;

    memset(key, 0, sizeof(soma_jwk_t));

    kty = yyjson_obj_get(entry, "kty");
    kid = yyjson_obj_get(entry, "kid");

    if (!yyjson_is_str(kty)
        || (kid != NULL && (!yyjson_is_str(kid)
                            || yyjson_get_len(kid) > SOMA_JWT_KID_MAX)))
    {
        return SOMA_DECLINED;
    }

    if (soma_str_is(soma_jwt_json_str(kty), "RSA")) {
        key->alg = SOMA_JWT_RS256;

    } else if (soma_str_is(soma_jwt_json_str(kty), "EC")) {
        key->alg = SOMA_JWT_ES256;

    } else if (soma_str_is(soma_jwt_json_str(kty), "oct") && secrets) {
        key->alg = SOMA_JWT_HS256;

    } else {
        return SOMA_DECLINED;
    }

    if (!soma_jwk_usable(entry, key->alg)) {
        return SOMA_DECLINED;
    }

    switch (key->alg) {

    case SOMA_JWT_RS256:
        key->pkey = soma_jwk_rsa(arena, entry);
        break;

    case SOMA_JWT_ES256:
        key->pkey = soma_jwk_p256(arena, entry);
        break;

    default:
        if (soma_jwk_bytes(arena, entry, "k", &key->secret) != SOMA_OK
            || key->secret.len < SOMA_JWT_SECRET_MIN
            || key->secret.len > SOMA_JWT_SECRET_MAX)
        {
            return SOMA_DECLINED;
        }
    }

    if (key->pkey == NULL && key->alg != SOMA_JWT_HS256) {
        return SOMA_DECLINED;
    }

    if (kid != NULL) {
        key->kid = soma_str_dup(arena, soma_jwt_json_str(kid));

        if (key->kid.data == NULL) {
            EVP_PKEY_free(key->pkey);
            return SOMA_ERROR;
        }
    }

    return SOMA_OK;
}


/* does the key say of itself that it is for checking signatures of "alg"? */
static int
soma_jwk_usable(yyjson_val *entry, unsigned alg)
{
    size_t       i, n;
    yyjson_val  *value, *op;

    value = yyjson_obj_get(entry, "use");

    if (value != NULL && !yyjson_equals_str(value, "sig")) {
        return 0;
    }

    value = yyjson_obj_get(entry, "alg");

    if (value != NULL
        && (!yyjson_is_str(value)
            || soma_jwt_alg_of(soma_jwt_json_str(value)) != alg))
    {
        return 0;
    }

    value = yyjson_obj_get(entry, "key_ops");

    if (value == NULL) {
        return 1;
    }

    yyjson_arr_foreach(value, i, n, op) {
        if (yyjson_equals_str(op, "verify")) {
            return 1;
        }
    }

    return 0;
}


static int
soma_jwk_bytes(soma_arena_t *arena, yyjson_val *entry, const char *name,
    soma_str_t *bytes)
{
    soma_str_t   text;
    yyjson_val  *value;

    value = yyjson_obj_get(entry, name);

    if (!yyjson_is_str(value)) {
        return SOMA_DECLINED;
    }

    text = soma_jwt_json_str(value);
    bytes->data = arena->alloc(arena->data, text.len + 1);

    if (bytes->data == NULL) {
        return SOMA_DECLINED;
    }

    return soma_jwt_base64url(text, bytes->data, &bytes->len) == SOMA_OK
           ? SOMA_OK : SOMA_DECLINED;
}


/* SubjectPublicKeyInfo of RFC 3279, 2.3.1, around n and e */
static void *
soma_jwk_rsa(soma_arena_t *arena, yyjson_val *entry)
{
    size_t          numbers, sequence, bits;
    EVP_PKEY       *pkey;
    soma_out_t      out;
    soma_str_t      n, e;
    unsigned char   der[SOMA_DER_RSA_MAX];

    static const unsigned char  algorithm[] = {
        SOMA_DER_SEQUENCE, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7,
        0x0d, 0x01, 0x01, 0x01, 0x05, 0x00
    };

    if (soma_jwk_bytes(arena, entry, "n", &n) != SOMA_OK
        || soma_jwk_bytes(arena, entry, "e", &e) != SOMA_OK)
    {
        return NULL;
    }

    n = soma_jwt_der_trim(n);
    e = soma_jwt_der_trim(e);

    /* with an exponent of 1 everybody can sign; an even one is no key */

    if (n.len > SOMA_JWT_RSA_MAX / 8 || n.len == 0
        || e.len > SOMA_JWT_EXPONENT_MAX || e.len == 0
        || (e.data[e.len - 1] & 1) == 0 || (e.len == 1 && e.data[0] == 1))
    {
        return NULL;
    }

    numbers = soma_jwt_der_integer_len(n) + soma_jwt_der_integer_len(e);
    sequence = soma_jwt_der_head_len(numbers) + numbers;
    bits = soma_jwt_der_head_len(sequence + 1) + sequence + 1;

    soma_put_init(&out, der, sizeof(der));
    soma_jwt_der_head(&out, SOMA_DER_SEQUENCE, sizeof(algorithm) + bits);
    soma_put(&out, algorithm, sizeof(algorithm));
    soma_jwt_der_head(&out, SOMA_DER_BITS, sequence + 1);
    soma_put_char(&out, 0);
    soma_jwt_der_head(&out, SOMA_DER_SEQUENCE, numbers);
    soma_jwt_der_integer(&out, n);
    soma_jwt_der_integer(&out, e);

    if (out.full) {
        return NULL;
    }

    pkey = soma_jwk_public(der, (size_t) (out.pos - out.start));

    if (pkey != NULL && EVP_PKEY_bits(pkey) < SOMA_JWT_RSA_MIN) {
        EVP_PKEY_free(pkey);
        return NULL;
    }

    return pkey;
}


/* the same of RFC 5480, 2, for an uncompressed point; that the point lies on
 * the curve is checked when it is read */
static void *
soma_jwk_p256(soma_arena_t *arena, yyjson_val *entry)
{
    soma_out_t      out;
    soma_str_t      x, y;
    yyjson_val     *crv;
    unsigned char   der[128];

    static const unsigned char  head[] = {
        SOMA_DER_SEQUENCE, 0x59, SOMA_DER_SEQUENCE, 0x13, 0x06, 0x07, 0x2a,
        0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
        0xce, 0x3d, 0x03, 0x01, 0x07, SOMA_DER_BITS, 0x42, 0x00, 0x04
    };

    crv = yyjson_obj_get(entry, "crv");

    if (!yyjson_equals_str(crv, "P-256")
        || soma_jwk_bytes(arena, entry, "x", &x) != SOMA_OK
        || soma_jwk_bytes(arena, entry, "y", &y) != SOMA_OK
        || x.len != SOMA_JWT_P256_SIZE || y.len != SOMA_JWT_P256_SIZE)
    {
        return NULL;
    }

    soma_put_init(&out, der, sizeof(der));
    soma_put(&out, head, sizeof(head));
    soma_put_str(&out, x);
    soma_put_str(&out, y);

    return soma_jwk_public(der, (size_t) (out.pos - out.start));
}


static void *
soma_jwk_public(const unsigned char *der, size_t len)
{
    EVP_PKEY             *pkey;
    const unsigned char  *p;

    p = der;
    pkey = d2i_PUBKEY(NULL, &p, (long) len);

    /* a host that finds an old error in the queue takes it for its own */

    ERR_clear_error();

    return pkey;
}
