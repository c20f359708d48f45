
/*
 * Copyright (C) The ngx_soma authors
 *
 * Tokens: the examples of RFC 7515, tokens signed here with the keys of
 * t/unit/data, and all that must be refused.
 */


#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include "soma_arena_malloc.h"
#include "soma_jwt.h"
#include "soma_key.h"
#include "soma_test.h"


#define NOW  INT64_C(1800000000000)

#define ALL  (SOMA_JWT_HS256 | SOMA_JWT_RS256 | SOMA_JWT_ES256)

#define RSA_N                                                                 \
    "qAYz32Eh_o4i9LzdsJDsPDEOg4IRztpvTGtgRgXpToURjLtQkC8k875lodkryEqa46"      \
    "bDowCH3xCLBjEWQOKkeDoauOHlN_VQstHEeIkGAcIR98DKl3h2p3UxS9plSdYp4OEi"      \
    "8998L7B67PLPO4zsQTsjLKGUNLFPd4RWNL2w39vfMcxgOYlq4XNcl1rP6lOk6ElQ-e"      \
    "hEU_zBUumH-JIOpTdieGKPpxbNpeddU5fYu11v5--H9bHDc6TTaTkTO7kECdzl-wai"      \
    "hQy-7_VQ6jldyi8wVde1mD5TK_uEysEpvQ9D4tpICzMVcBxEGD2ZIU1iC6eUXzS0dx"      \
    "Cmq4G7_Qy2WQ"
#define RSA_SHORT                                                             \
    "sBrEdWqRhDGVDx9TIQTg8ElKSC8skg584sFBoir2-JtDYtGLUqNDKtRUDTL_MSis-LnO"    \
    "pkNWbmT1AGFN-4ZaQXarjotqYRa3QEQf-NEh1lL-cHiA-3U1XO_8aSU-S1oAeKxhnePu"    \
    "1a5V18yExkrqmly4nOno0HWylwmRlBeH-3M"
#define EC_X  "IbfsT-0hmXGS8QSQZhvpVRh_s7edsq3BE7c2mnN8M5s"
#define EC_Y  "pP0XmNyHSJF1OdgPrzaHSJDtMH1L0D4tdG2Gmuahl_8"

#define RSA_JWK  "{\"kty\":\"RSA\",\"kid\":\"r1\",\"use\":\"sig\","           \
                 "\"alg\":\"RS256\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\"}"
#define EC_JWK   "{\"kty\":\"EC\",\"kid\":\"e1\",\"crv\":\"P-256\","          \
                 "\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}"

/* RFC 7515, A.1 to A.3: the payload is the same */
#define JOE                                                                   \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxl"    \
    "LmNvbS9pc19yb290Ijp0cnVlfQ"
#define JOE_HS256  "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." JOE            \
    ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define JOE_RS256  "eyJhbGciOiJSUzI1NiJ9." JOE                                \
    ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm" \
    "4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f" \
    "_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOL" \
    "n6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUT" \
    "I8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
#define JOE_ES256  "eyJhbGciOiJFUzI1NiJ9." JOE                                \
    ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxf" \
    "KTUJqPP3-Kg6NU1Q"
#define JOE_SECRET                                                            \
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcg"  \
    "UuTwjAzZr1Z9CAow"
#define JOE_KEYS                                                              \
    "{\"keys\":[{\"kty\":\"oct\",\"k\":\"" JOE_SECRET "\"},"                  \
    "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fA" \
    "kd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-" \
    "SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaS" \
    "HSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxv" \
    "b3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs9" \
    "1kzk2PAcDTW9gb54h4FRWyuXpoQ\"},"                                         \
    "{\"kty\":\"EC\",\"crv\":\"P-256\","                                      \
    "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","                  \
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}"


static soma_arena_t  *arena;
static EVP_PKEY      *rsa, *ec;

static char  secret[] = "0123456789abcdef0123456789abcdef";


static EVP_PKEY *
load(const char *path)
{
    FILE      *f;
    EVP_PKEY  *pkey;

    f = fopen(path, "r");
    pkey = f ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;

    if (pkey == NULL) {
        printf("Bail out! cannot read %s\n", path);
        exit(2);
    }

    fclose(f);

    return pkey;
}


static size_t
put64(char *out, const void *data, size_t len)
{
    size_t                i, n;
    unsigned              v;
    const unsigned char  *p;

    static const char  set[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    p = data;
    n = 0;

    for (i = 0; i < len; i += 3) {
        v = (unsigned) p[i] << 16;
        v |= i + 1 < len ? (unsigned) p[i + 1] << 8 : 0;
        v |= i + 2 < len ? (unsigned) p[i + 2] : 0;

        out[n++] = set[v >> 18];
        out[n++] = set[v >> 12 & 63];

        if (i + 1 < len) {
            out[n++] = set[v >> 6 & 63];
        }

        if (i + 2 < len) {
            out[n++] = set[v & 63];
        }
    }

    out[n] = '\0';

    return n;
}


/* alg: what is really done, whatever the header says */
static soma_str_t
sign(unsigned alg, const char *header, const char *claims)
{
    size_t                len, n;
    unsigned              mac_len;
    EVP_MD_CTX           *md;
    soma_str_t            token;
    unsigned char         sig[1024], raw[64];
    ECDSA_SIG            *ecdsa;
    const unsigned char  *p;

    len = (strlen(header) + strlen(claims)) * 4 / 3 + 2048;
    token.data = arena->alloc(arena->data, len);

    n = put64((char *) token.data, header, strlen(header));
    token.data[n++] = '.';
    n += put64((char *) token.data + n, claims, strlen(claims));

    len = sizeof(sig);

    if (alg == SOMA_JWT_HS256) {
        HMAC(EVP_sha256(), secret, 32, token.data, n, sig, &mac_len);
        len = mac_len;

    } else if (alg != 0) {
        md = EVP_MD_CTX_new();
        EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL,
                           alg == SOMA_JWT_RS256 ? rsa : ec);
        EVP_DigestSign(md, sig, &len, token.data, n);
        EVP_MD_CTX_free(md);

    } else {
        len = 0;
    }

    if (alg == SOMA_JWT_ES256) {
        p = sig;
        ecdsa = d2i_ECDSA_SIG(NULL, &p, (long) len);
        BN_bn2binpad(ECDSA_SIG_get0_r(ecdsa), raw, 32);
        BN_bn2binpad(ECDSA_SIG_get0_s(ecdsa), raw + 32, 32);
        ECDSA_SIG_free(ecdsa);
        memcpy(sig, raw, 64);
        len = 64;
    }

    token.data[n++] = '.';
    n += put64((char *) token.data + n, sig, len);
    token.len = n;

    return token;
}


static soma_jwt_error_e
check(soma_jwt_t *jwt, soma_str_t token, const soma_jwks_t *set,
    unsigned algs)
{
    soma_jwt_error_e  rc;

    rc = soma_jwt_parse(jwt, arena, token);

    return rc == SOMA_JWT_OK ? soma_jwt_verify(jwt, set, algs) : rc;
}


static void
keys(soma_jwks_t *set, const char *text)
{
    const char  *error;

    error = "";

    soma_ok(soma_jwks_parse(set, arena, str(text), 1, &error)
            == SOMA_OK, "a set of keys: %s", error);
}


static void
test_base64url(void)
{
    size_t         i, len;
    unsigned char  out[64];

    static const char *const  bad[] = {
        "A", "AAAAA", "AA=", "AA==", "A A", "AB", "AAB", "A+", "A/", "AA\n",
        "_x", ".", "\xc3\xa4"
    };

    static const struct { const char *text, *bytes; } good[] = {
        { "", "" }, { "Zg", "f" }, { "Zm8", "fo" }, { "Zm9v", "foo" },
        { "Zm9vYmE", "fooba" }, { "-_8", "\xfb\xff" }
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        soma_is_int(soma_jwt_base64url(str(bad[i]), out, &len), SOMA_ERROR,
                    "no base64url: %zu", i);
    }

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        soma_is_int(soma_jwt_base64url(str(good[i].text), out, &len), SOMA_OK,
                    "base64url: %s", good[i].text);
        soma_is_str(out, len, good[i].bytes, "its bytes");
    }
}


static void
test_like(void)
{
    size_t  i;

    static const char *const  no[] = {
        "", "eyJ", "eyJ.a", "sk-a.b.c", "eyJ.a.b.c", "eyJh.a=.b", "eyJ.a.b ",
        "ey.a.b"
    };

    soma_ok(soma_jwt_like(str(JOE_HS256)), "a token looks like one");
    soma_ok(soma_jwt_like(str("eyJhbGciOiJub25lIn0.eyJ9.")),
            "an unsigned one too");

    for (i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
        soma_ok(!soma_jwt_like(str(no[i])), "no token: \"%s\"", no[i]);
    }
}


static void
test_rfc7515(void)
{
    size_t       i, at;
    soma_jwt_t   jwt;
    soma_str_t   token;
    soma_jwks_t  set;

    static const char *const  joe[] = { JOE_HS256, JOE_RS256, JOE_ES256 };

    keys(&set, JOE_KEYS);
    soma_is_int(set.n, 3, "three keys");

    for (i = 0; i < 3; i++) {
        soma_is_int(check(&jwt, str(joe[i]), &set, ALL), SOMA_JWT_OK,
                    "RFC 7515 A.%zu", i + 1);
        soma_is_str(jwt.issuer.data, jwt.issuer.len, "joe", "its issuer");
        soma_is_int(check(&jwt, str(joe[i]), &set, ALL ^ (1u << i)),
                    SOMA_JWT_ALG, "its algorithm is not allowed");

        /* each byte of it counts: another character of the alphabet */

        token = soma_str_dup(arena, str(joe[i]));

        for (at = 0; at < token.len; at += 7) {
            token.data[at] ^= 1;
            soma_ok(check(&jwt, token, &set, ALL) != SOMA_JWT_OK,
                    "byte %zu changed", at);
            token.data[at] ^= 1;
        }
    }

    soma_jwks_free(&set);
}


static void
test_algorithms(void)
{
    size_t       i;
    soma_jwt_t   jwt;
    soma_jwks_t  set, one;
    const char  *error;

    static const struct {
        unsigned          alg;
        const char       *header;
        soma_jwt_error_e  want;
    } cases[] = {
        { SOMA_JWT_RS256, "{\"alg\":\"RS256\",\"kid\":\"r1\"}", SOMA_JWT_OK },
        { SOMA_JWT_RS256, "{\"alg\":\"RS256\"}", SOMA_JWT_OK },
        { SOMA_JWT_ES256, "{\"alg\":\"ES256\",\"kid\":\"e1\"}", SOMA_JWT_OK },
        { SOMA_JWT_ES256, "{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}",
          SOMA_JWT_OK },
        { SOMA_JWT_ES256, "{\"alg\":\"ES256\",\"typ\":\"application/JWT\"}",
          SOMA_JWT_OK },
        { SOMA_JWT_ES256, "{\"alg\":\"ES256\",\"typ\":\"JOSE\"}",
          SOMA_JWT_TYPE },
        { SOMA_JWT_ES256, "{\"alg\":\"ES256\",\"typ\":1}", SOMA_JWT_TYPE },
        { SOMA_JWT_RS256, "{\"alg\":\"RS256\",\"kid\":\"r2\"}",
          SOMA_JWT_UNKNOWN_KID },
        { SOMA_JWT_RS256, "{\"alg\":\"RS256\",\"kid\":\"e1\"}",
          SOMA_JWT_UNKNOWN_KID },
        { SOMA_JWT_RS256, "{\"alg\":\"RS256\",\"kid\":\"\"}",
          SOMA_JWT_UNKNOWN_KID },
        { SOMA_JWT_RS256, "{\"alg\":\"RS256\",\"kid\":null}",
          SOMA_JWT_UNKNOWN_KID },
        { SOMA_JWT_RS256, "{\"alg\":\"ES256\",\"kid\":\"r1\"}",
          SOMA_JWT_UNKNOWN_KID },
        { SOMA_JWT_RS256, "{\"alg\":\"ES256\",\"kid\":\"e1\"}",
          SOMA_JWT_SIGNATURE },
        { SOMA_JWT_ES256, "{\"alg\":\"RS256\"}", SOMA_JWT_SIGNATURE },
        { SOMA_JWT_HS256, "{\"alg\":\"RS256\"}", SOMA_JWT_SIGNATURE },
        { SOMA_JWT_HS256, "{\"alg\":\"HS256\"}", SOMA_JWT_NO_KEY },
        { SOMA_JWT_HS256, "{\"alg\":\"HS256\",\"kid\":\"r1\"}",
          SOMA_JWT_UNKNOWN_KID },
        { 0, "{\"alg\":\"RS256\"}", SOMA_JWT_SIGNATURE },
        { 0, "{\"alg\":\"none\"}", SOMA_JWT_ALG },
        { SOMA_JWT_RS256, "{\"alg\":\"none\"}", SOMA_JWT_ALG },
        { SOMA_JWT_RS256, "{\"alg\":\"None\"}", SOMA_JWT_ALG },
        { SOMA_JWT_RS256, "{\"alg\":\"rs256\"}", SOMA_JWT_ALG },
        { SOMA_JWT_RS256, "{\"alg\":\"RS512\"}", SOMA_JWT_ALG },
        { SOMA_JWT_RS256, "{\"alg\":\"RS256\\u0000\"}", SOMA_JWT_ALG },
        { SOMA_JWT_RS256, "{\"alg\":[\"RS256\"]}", SOMA_JWT_ALG },
        { SOMA_JWT_RS256, "{}", SOMA_JWT_ALG },
        { SOMA_JWT_RS256, "[]", SOMA_JWT_HEADER },
        { SOMA_JWT_RS256, "{\"alg\":\"none\",\"alg\":\"RS256\"}",
          SOMA_JWT_HEADER },
        { SOMA_JWT_RS256, "{\"alg\":\"RS256\",\"\\u0061lg\":\"none\"}",
          SOMA_JWT_HEADER },
        { SOMA_JWT_RS256, "{\"alg\":\"RS256\",\"x\":{\"a\":1,\"a\":1}}",
          SOMA_JWT_HEADER },
        { SOMA_JWT_RS256, "{\"alg\":\"RS256\",\"crit\":[\"b64\"],"
                          "\"b64\":false}", SOMA_JWT_CRIT },
        { SOMA_JWT_RS256, "{\"alg\":\"RS256\",\"crit\":null}",
          SOMA_JWT_CRIT },
        { SOMA_JWT_RS256, "{\"alg\":\"RS256\"} x", SOMA_JWT_HEADER },
        { SOMA_JWT_HS256, "{\"alg\":\"HS256\",\"jwk\":{\"kty\":\"oct\","
          "\"k\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"}}",
          SOMA_JWT_NO_KEY },
    };

    keys(&set, "{\"keys\":[" RSA_JWK "," EC_JWK "]}");

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        soma_is_int(check(&jwt, sign(cases[i].alg, cases[i].header,
                                     "{\"exp\":1900000000}"), &set, ALL),
                    cases[i].want, "signed by %u: %s", cases[i].alg,
                    cases[i].header);
    }

    soma_jwks_free(&set);

    /* a secret takes HS256 and nothing else, whatever the kid */

    soma_is_int(soma_jwks_secret(&one, str(secret), &error), SOMA_OK,
                "a secret");
    soma_is_int(check(&jwt, sign(SOMA_JWT_HS256, "{\"alg\":\"HS256\"}", "{}"),
                      &one, ALL), SOMA_JWT_OK, "HS256");
    soma_is_int(check(&jwt, sign(SOMA_JWT_HS256,
                                 "{\"alg\":\"HS256\",\"kid\":\"k\"}", "{}"),
                      &one, ALL), SOMA_JWT_OK, "HS256 with a kid");
    soma_is_int(check(&jwt, sign(SOMA_JWT_HS256, "{\"alg\":\"RS256\"}", "{}"),
                      &one, ALL), SOMA_JWT_NO_KEY, "a secret is no RSA key");
    soma_is_int(check(&jwt, str(JOE_HS256), &one, ALL), SOMA_JWT_SIGNATURE,
                "another secret");
    soma_is_int(check(&jwt, sign(0, "{\"alg\":\"HS256\"}", "{}"), &one, ALL),
                SOMA_JWT_SIGNATURE, "no signature at all");
    soma_is_int(soma_jwks_secret(&one, str("0123456789abcdef0123456789abcde"),
                                 &error), SOMA_ERROR, "too short a secret");
}


static void
test_forms(void)
{
    size_t       i;
    char        *big;
    soma_jwt_t   jwt;
    soma_str_t   token;
    soma_jwks_t  set;

    static const struct { const char *token; soma_jwt_error_e want; } bad[] = {
        { "", SOMA_JWT_FORM }, { ".", SOMA_JWT_FORM }, { "..", SOMA_JWT_FORM },
        { "eyJhbGciOiJIUzI1NiJ9", SOMA_JWT_FORM },
        { "eyJhbGciOiJIUzI1NiJ9.e30", SOMA_JWT_FORM },
        { "eyJhbGciOiJIUzI1NiJ9..x", SOMA_JWT_FORM },
        { "eyJhbGciOiJIUzI1NiJ9.e30.AA.AA", SOMA_JWT_FORM },
        { "eyJhbGciOiJIUzI1NiJ9.e30.AB", SOMA_JWT_FORM },
        { "eyJhbGciOiJIUzI1NiJ9.e3-.AA", SOMA_JWT_FORM },
        { "eyJhbGciOiJIUzI1NiJ9.e30=.AA", SOMA_JWT_FORM },
        { "eyJhbGciOiJIUzI1NiJ9. e30.AA", SOMA_JWT_FORM },
        { "eyJhbGciOiJIUzI1NiI.e30.AA", SOMA_JWT_HEADER },
        { "eyJhbGciOiJIUzI1NiJ9.W10.AA", SOMA_JWT_CLAIMS },
        { "eyJhbGciOiJIUzI1NiJ9.IngiIA.AA", SOMA_JWT_CLAIMS },
        { "eyJhbGciOiJIUzI1NiJ9.eyJhIjoxLCJhIjoxfQ.AA", SOMA_JWT_CLAIMS },
    };

    memset(&set, 0, sizeof(set));

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        soma_is_int(check(&jwt, str(bad[i].token), &set, ALL), bad[i].want,
                    "bad form: %s", bad[i].token);
    }

    big = malloc(SOMA_JWT_MAX + 2);
    memset(big, 'a', SOMA_JWT_MAX + 1);
    big[SOMA_JWT_MAX + 1] = '\0';
    soma_is_int(check(&jwt, str(big), &set, ALL), SOMA_JWT_LONG, "too long");

    /* deep, and many members */

    memset(big, 0, SOMA_JWT_MAX);
    strcpy(big, "{\"a\":");
    memset(big + 5, '[', 20);
    memset(big + 25, ']', 20);
    big[45] = '}';
    soma_is_int(check(&jwt, sign(SOMA_JWT_HS256, "{\"alg\":\"HS256\"}", big),
                      &set, ALL), SOMA_JWT_CLAIMS, "too deep");

    strcpy(big, "{\"x\":0");

    for (i = 0; i <= SOMA_JWT_MEMBERS_MAX; i++) {
        sprintf(big + strlen(big), ",\"%zu\":0", i);
    }

    strcat(big, "}");
    soma_is_int(check(&jwt, sign(SOMA_JWT_HS256, "{\"alg\":\"HS256\"}", big),
                      &set, ALL), SOMA_JWT_CLAIMS, "too many members");
    free(big);

    /* no memory, at whatever step */

    token = str(JOE_HS256);

    for (i = 1; i <= 5; i++) {
        soma_test_arena_fail(arena, i);
        soma_ok(soma_jwt_parse(&jwt, arena, token) != SOMA_JWT_OK,
                "no memory at allocation %zu", i);
    }

    soma_test_arena_fail(arena, 0);
}


static void
test_times(void)
{
    size_t            i;
    int64_t           expires;
    soma_jwt_t        jwt;
    soma_jwt_error_e  rc;

    static const struct {
        const char       *claims;
        soma_jwt_error_e  want;
    } cases[] = {
        { "{\"exp\":1800000001}", SOMA_JWT_OK },
        { "{\"exp\":1800000000.5}", SOMA_JWT_OK },
        { "{\"exp\":1.9e9}", SOMA_JWT_OK },
        { "{\"exp\":1799999971}", SOMA_JWT_OK },
        { "{\"exp\":1799999970}", SOMA_JWT_EXPIRED },
        { "{\"exp\":0}", SOMA_JWT_EXPIRED },
        { "{}", SOMA_JWT_NO_EXP },
        { "{\"exp\":null}", SOMA_JWT_TIMES },
        { "{\"exp\":\"1800000001\"}", SOMA_JWT_TIMES },
        { "{\"exp\":-1}", SOMA_JWT_TIMES },
        { "{\"exp\":1800000001000}", SOMA_JWT_TIMES },
        { "{\"exp\":1e400}", SOMA_JWT_TIMES },
        { "{\"exp\":1800000001,\"nbf\":1800000030}", SOMA_JWT_OK },
        { "{\"exp\":1800000001,\"nbf\":1800000031}", SOMA_JWT_EARLY },
        { "{\"exp\":1800000001,\"nbf\":true}", SOMA_JWT_TIMES },
        { "{\"exp\":1800000001,\"iat\":1800000030}", SOMA_JWT_OK },
        { "{\"exp\":1800000001,\"iat\":1800000031}", SOMA_JWT_FUTURE },
        { "{\"exp\":1800000001,\"iat\":[]}", SOMA_JWT_TIMES },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        expires = 0;
        rc = soma_jwt_parse(&jwt, arena,
                            sign(0, "{\"alg\":\"HS256\"}", cases[i].claims));
        soma_is_int(rc, SOMA_JWT_OK, "%s", cases[i].claims);
        rc = soma_jwt_times(&jwt, NOW, 30000, &expires);
        soma_is_int(rc, cases[i].want, "its times");
        soma_ok(rc != SOMA_JWT_OK || expires > NOW, "its end is to come");
    }

    soma_is_int(expires, 0, "nothing written with an error");
}


static void
test_audience(void)
{
    size_t      i;
    soma_jwt_t  jwt;

    static const soma_str_t  ours[] = {
        soma_string("llm"), soma_string("https://gateway.example")
    };

    static const soma_str_t  any[] = { soma_string("*") };

    static const struct {
        const char  *claims;
        int          ours, none;
    } cases[] = {
        { "{}", 0, 1 },
        { "{\"aud\":\"llm\"}", 1, 0 },
        { "{\"aud\":\"LLM\"}", 0, 0 },
        { "{\"aud\":\"llm \"}", 0, 0 },
        { "{\"aud\":[\"a\",\"https://gateway.example\"]}", 1, 0 },
        { "{\"aud\":[\"a\",[\"llm\"]]}", 0, 0 },
        { "{\"aud\":[]}", 0, 0 },
        { "{\"aud\":null}", 0, 0 },
        { "{\"aud\":{\"llm\":\"llm\"}}", 0, 0 },
        { "{\"aud\":1}", 0, 0 },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        (void) soma_jwt_parse(&jwt, arena,
                              sign(0, "{\"alg\":\"HS256\"}",
                                   cases[i].claims));
        soma_is_int(soma_jwt_audience(&jwt, ours, 2) == SOMA_JWT_OK,
                    cases[i].ours, "for us: %s", cases[i].claims);
        soma_is_int(soma_jwt_audience(&jwt, NULL, 0) == SOMA_JWT_OK,
                    cases[i].none, "none configured");
        soma_is_int(soma_jwt_audience(&jwt, any, 1), SOMA_JWT_OK, "any");
    }
}


static void
test_claims(void)
{
    size_t      i;
    soma_jwt_t  jwt;
    soma_str_t  text;

    static const struct { const char *name, *want; } cases[] = {
        { "sub", "alice" }, { "n", "12.50" }, { "list", "a b 3" },
        { "empty", "" }, { "none", NULL }, { "null", NULL }, { "o", NULL },
        { "mixed", NULL }, { "t", NULL },
        { "/o/roles", "admin x" }, { "/o/roles/0", "admin" },
        { "/sub", "alice" }, { "/o/none", NULL }, { "/", NULL },
        { "http://x/y", "u" }, { "a/b", "c" }, { "/a~1b", "c" },
        { "\xc3\xa4", "\xc3\xb6" }
    };

    (void) soma_jwt_parse(&jwt, arena,
        sign(0, "{\"alg\":\"HS256\"}",
             "{\"sub\":\"alice\",\"n\":12.50,\"list\":[\"a\",\"b\",3],"
             "\"empty\":[],\"null\":null,\"mixed\":[\"a\",{}],\"t\":true,"
             "\"o\":{\"roles\":[\"admin\",\"x\"]},\"http://x/y\":\"u\","
             "\"a/b\":\"c\",\"\xc3\xa4\":\"\\u00f6\"}"));

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        text.len = 0;

        if (cases[i].want == NULL) {
            soma_is_int(soma_jwt_claim(&jwt, arena,
                                       str(cases[i].name), &text),
                        SOMA_DECLINED, "no claim %s", cases[i].name);
            continue;
        }

        soma_is_int(soma_jwt_claim(&jwt, arena, str(cases[i].name),
                                   &text), SOMA_OK, "claim %s",
                    cases[i].name);
        soma_is_str(text.data, text.len, cases[i].want, "its text");
    }

    soma_is_int(soma_jwt_capabilities(str("openid admin,profile")),
                SOMA_CAN_ADMIN, "capabilities among other words");
    soma_is_int(soma_jwt_capabilities(str("soma:usage soma:admin")),
                SOMA_CAN_ADMIN | SOMA_CAN_USAGE, "with a prefix");
    soma_is_int(soma_jwt_capabilities(str("Admin administrator x:admin")), 0,
                "what only looks alike");
    soma_is_int(soma_jwt_capabilities(str("")), 0, "none");
}


static void
test_sets(void)
{
    size_t       i;
    soma_jwt_t   jwt;
    soma_jwks_t  set;
    const char  *error;

    /* n: 0 stands for an error */

    static const struct { const char *text; unsigned n, skipped; } cases[] = {
        { "{\"keys\":[" RSA_JWK "]}", 1, 0 },
        { "{\"keys\":[" RSA_JWK "," EC_JWK "],\"x\":1}", 2, 0 },
        { "{\"keys\":[]}", 0, 0 },
        { "{}", 0, 0 }, { "[]", 0, 0 }, { "", 0, 0 }, { "null", 0, 0 },
        { "{\"keys\":{}}", 0, 0 }, { "{\"keys\":[1,null,[],{}]}", 0, 0 },
        { "{\"keys\":[" RSA_JWK "]", 0, 0 },
        { "{\"keys\":[" EC_JWK ",1,{\"kty\":\"OKP\",\"crv\":\"Ed25519\"}]}",
          1, 2 },

        /* of no use for signatures of ours */

        { "{\"keys\":[" EC_JWK ",{\"kty\":\"RSA\",\"use\":\"enc\",\"n\":\""
          RSA_N "\",\"e\":\"AQAB\"}]}", 1, 1 },
        { "{\"keys\":[" EC_JWK ",{\"kty\":\"RSA\",\"alg\":\"RS512\",\"n\":\""
          RSA_N "\",\"e\":\"AQAB\"}]}", 1, 1 },
        { "{\"keys\":[" EC_JWK ",{\"kty\":\"RSA\",\"alg\":\"HS256\",\"n\":\""
          RSA_N "\",\"e\":\"AQAB\"}]}", 1, 1 },
        { "{\"keys\":[" EC_JWK ",{\"kty\":\"RSA\",\"key_ops\":[\"sign\"],"
          "\"n\":\"" RSA_N "\",\"e\":\"AQAB\"}]}", 1, 1 },
        { "{\"keys\":[{\"kty\":\"RSA\",\"key_ops\":[\"sign\",\"verify\"],"
          "\"n\":\"" RSA_N "\",\"e\":\"AQAB\"}]}", 1, 0 },

        /* weak or broken */

        { "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"" RSA_SHORT
          "\",\"e\":\"AQAB\"}]}", 0, 0 },
        { "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQ\"}]}",
          0, 0 },
        { "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"Ag\"}]}",
          0, 0 },
        { "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"\"}]}",
          0, 0 },
        { "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"" RSA_N "\"}]}", 0, 0 },
        { "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AAAA\",\"e\":\"AQAB\"}]}",
          0, 0 },
        { "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X
          "\",\"y\":\"" EC_X "\"}]}", 0, 0 },
        { "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"" EC_X
          "\",\"y\":\"" EC_Y "\"}]}", 0, 0 },
        { "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAA\","
          "\"y\":\"" EC_Y "\"}]}", 0, 0 },
        { "{\"keys\":[{\"kty\":\"oct\",\"k\":\"MDEyMw\"}]}", 0, 0 },
        { "{\"keys\":[{\"kty\":\"oct\",\"k\":\"" JOE_SECRET "\"}]}", 1, 0 },
        { "{\"keys\":[{\"kty\":\"oct\",\"kid\":1,\"k\":\"" JOE_SECRET
          "\"}]}", 0, 0 },

        /* a member that stands twice */

        { "{\"keys\":[" RSA_JWK "],\"keys\":[" EC_JWK "]}", 0, 0 },
        { "{\"keys\":[{\"kty\":\"oct\",\"kty\":\"oct\",\"k\":\"" JOE_SECRET
          "\"}]}", 0, 0 },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        error = NULL;
        soma_is_int(soma_jwks_parse(&set, arena, str(cases[i].text),
                                    1, &error),
                    cases[i].n ? SOMA_OK : SOMA_ERROR, "set %zu", i);
        soma_ok(cases[i].n ? set.n == cases[i].n
                             && set.skipped == cases[i].skipped
                           : set.n == 0 && error != NULL,
                "its keys, or why it has none");
        soma_jwks_free(&set);
    }

    soma_is_int(soma_jwks_parse(&set, arena,
                                str("{\"keys\":[" EC_JWK ",{\"kty\":\"oct\","
                                    "\"k\":\"" JOE_SECRET "\"}]}"), 0,
                                &error), SOMA_OK, "a public set");
    soma_is_int(set.n, 1, "a secret that is public is none");
    soma_jwks_free(&set);

    /* two of a kind */

    keys(&set, "{\"keys\":[" EC_JWK "," EC_JWK "]}");
    soma_is_int(check(&jwt, sign(SOMA_JWT_ES256, "{\"alg\":\"ES256\"}", "{}"),
                      &set, ALL), SOMA_JWT_AMBIGUOUS, "no kid, two keys");
    soma_is_int(check(&jwt, sign(SOMA_JWT_ES256, "{\"alg\":\"ES256\","
                                 "\"kid\":\"e1\"}", "{}"), &set, ALL),
                SOMA_JWT_AMBIGUOUS, "two keys of one kid");
    soma_jwks_free(&set);
}


static void
test_bounds(void)
{
    char        *text, *p;
    unsigned     i;
    soma_jwks_t  set;
    const char  *error;

    text = malloc(2 * SOMA_JWKS_MAX);

    p = text + sprintf(text, "{\"keys\":[" EC_JWK);

    for (i = 1; i <= SOMA_JWKS_KEYS_MAX; i++) {
        p += sprintf(p, ",%s", EC_JWK);
    }

    strcpy(p, "]}");
    soma_is_int(soma_jwks_parse(&set, arena, str(text), 1, &error),
                SOMA_ERROR, "too many keys");
    soma_jwks_free(&set);

    p = text + sprintf(text, "{\"keys\":[" EC_JWK);

    for (i = 1; i <= SOMA_JWKS_ENTRIES_MAX; i++) {
        p += sprintf(p, ",1");
    }

    strcpy(p, "]}");
    soma_is_int(soma_jwks_parse(&set, arena, str(text), 1, &error),
                SOMA_ERROR, "too many entries");
    soma_jwks_free(&set);

    memset(text, ' ', SOMA_JWKS_MAX + 1);
    text[SOMA_JWKS_MAX + 1] = '\0';
    soma_is_int(soma_jwks_parse(&set, arena, str(text), 1, &error),
                SOMA_ERROR, "too large");
    free(text);

    for (i = 1; i <= 4; i++) {
        soma_test_arena_fail(arena, i);
        soma_is_int(soma_jwks_parse(&set, arena,
                                    str("{\"keys\":[" EC_JWK "]}"), 1,
                                    &error), SOMA_ERROR,
                    "no memory at allocation %u", i);
        soma_jwks_free(&set);
        soma_test_arena_fail(arena, 0);
    }
}


static void
test_errors(void)
{
    soma_jwt_error_e  e;

    for (e = SOMA_JWT_NO_MEMORY; e < SOMA_JWT_ERRORS; e++) {
        soma_ok(strlen(soma_jwt_text(e)) > 10 && strlen(soma_jwt_code(e)) > 5,
                "error %d: %s", e, soma_jwt_text(e));
    }
}


int
main(void)
{
    arena = soma_test_arena();

    rsa = load("t/unit/data/jwt_rsa.pem");
    ec = load("t/unit/data/jwt_ec.pem");

    test_base64url();
    test_like();
    test_rfc7515();
    test_algorithms();
    test_forms();
    test_times();
    test_audience();
    test_claims();
    test_sets();
    test_bounds();
    test_errors();

    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ec);
    soma_test_arena_free(arena);

    return soma_done();
}
