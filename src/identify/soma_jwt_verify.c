
/*
 * Copyright (C) The ngx_soma authors
 *
 * Has one of a set's keys signed the token?
 */


#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "soma_jwt.h"
#include "soma_jwt_der.h"


#define SOMA_JWT_SHA256_SIZE  32

/* r and s with all that is put around them */
#define SOMA_JWT_ECDSA_MAX    (2 * (SOMA_JWT_P256_SIZE + 3) + 3)


static soma_jwt_error_e soma_jwt_verify_key(const soma_jwt_t *jwt,
    const soma_jwks_t *set, const soma_jwk_t **found);
static int soma_jwt_verify_hmac(const soma_jwk_t *key, const soma_jwt_t *jwt);
static int soma_jwt_verify_signed(const soma_jwk_t *key,
    const soma_jwt_t *jwt, soma_str_t signature);
static int soma_jwt_verify_ecdsa(const soma_jwk_t *key,
    const soma_jwt_t *jwt);


soma_jwt_error_e
soma_jwt_verify(const soma_jwt_t *jwt, const soma_jwks_t *set, unsigned algs)
{
    int                rc;
    soma_jwt_error_e   error;
    const soma_jwk_t  *key;

    if ((jwt->alg & algs) == 0) {
        return SOMA_JWT_ALG;
    }

    error = soma_jwt_verify_key(jwt, set, &key);

    if (error != SOMA_JWT_OK) {
        return error;
    }

    switch (key->alg) {

    case SOMA_JWT_HS256:
        rc = soma_jwt_verify_hmac(key, jwt);
        break;

    case SOMA_JWT_RS256:
        rc = soma_jwt_verify_signed(key, jwt, jwt->signature);
        break;

    default:
        rc = soma_jwt_verify_ecdsa(key, jwt);
    }

    return rc == SOMA_OK ? SOMA_JWT_OK : SOMA_JWT_SIGNATURE;
}


/* only keys of the token's own algorithm are looked at */
static soma_jwt_error_e
soma_jwt_verify_key(const soma_jwt_t *jwt, const soma_jwks_t *set,
    const soma_jwk_t **found)
{
    unsigned           i, fit;
    const soma_jwk_t  *key;

    fit = 0;
    *found = NULL;

    for (i = 0; i < set->n; i++) {
        key = &set->key[i];

        if (key->alg != jwt->alg
            || (jwt->has_kid && !key->any_kid
                && !soma_str_eq(key->kid, jwt->kid)))
        {
            continue;
        }

        *found = key;
        fit++;
    }

    if (fit == 0) {
        return jwt->has_kid ? SOMA_JWT_UNKNOWN_KID : SOMA_JWT_NO_KEY;
    }

    return (fit == 1) ? SOMA_JWT_OK : SOMA_JWT_AMBIGUOUS;
}


static int
soma_jwt_verify_hmac(const soma_jwk_t *key, const soma_jwt_t *jwt)
{
    unsigned       len;
    unsigned char  mac[EVP_MAX_MD_SIZE];

    if (HMAC(EVP_sha256(), key->secret.data, (int) key->secret.len,
             jwt->input.data, jwt->input.len, mac, &len)
        == NULL)
    {
        ERR_clear_error();
        return SOMA_ERROR;
    }

    if (jwt->signature.len != SOMA_JWT_SHA256_SIZE
        || len != SOMA_JWT_SHA256_SIZE
        || CRYPTO_memcmp(mac, jwt->signature.data, SOMA_JWT_SHA256_SIZE) != 0)
    {
        return SOMA_ERROR;
    }

    return SOMA_OK;
}


/* RSA without more said is PKCS #1 v1.5, which RS256 is */
static int
soma_jwt_verify_signed(const soma_jwk_t *key, const soma_jwt_t *jwt,
    soma_str_t signature)
{
    int          rc;
    EVP_MD_CTX  *md;

    rc = 0;
    md = EVP_MD_CTX_new();

    if (md != NULL
        && EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, key->pkey) == 1)
    {
        rc = EVP_DigestVerify(md, signature.data, signature.len,
                              jwt->input.data, jwt->input.len);
    }

    EVP_MD_CTX_free(md);
    ERR_clear_error();

    return (rc == 1) ? SOMA_OK : SOMA_ERROR;
}


/* r and s side by side (RFC 7518, 3.4), as the sequence that OpenSSL takes */
static int
soma_jwt_verify_ecdsa(const soma_jwk_t *key, const soma_jwt_t *jwt)
{
    soma_out_t     out;
    soma_str_t     r, s, signature;
    unsigned char  der[SOMA_JWT_ECDSA_MAX];

    if (jwt->signature.len != 2 * SOMA_JWT_P256_SIZE) {
        return SOMA_ERROR;
    }

    r.data = jwt->signature.data;
    r.len = SOMA_JWT_P256_SIZE;
    s.data = r.data + SOMA_JWT_P256_SIZE;
    s.len = SOMA_JWT_P256_SIZE;

    r = soma_jwt_der_trim(r);
    s = soma_jwt_der_trim(s);

    soma_put_init(&out, der, sizeof(der));
    soma_jwt_der_head(&out, SOMA_DER_SEQUENCE,
                  soma_jwt_der_integer_len(r) + soma_jwt_der_integer_len(s));
    soma_jwt_der_integer(&out, r);
    soma_jwt_der_integer(&out, s);

    if (out.full) {
        return SOMA_ERROR;
    }

    signature.data = der;
    signature.len = (size_t) (out.pos - out.start);

    return soma_jwt_verify_signed(key, jwt, signature);
}
