
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a token says: its parts, its header, its claims.
 */


#include <yyjson.h>

#include "soma_jwt.h"
#include "soma_jwt_json.h"
#include "soma_key.h"


#define SOMA_JWT_TIME_MAX  253402300799999      /* ms: the end of 9999 */


static soma_jwt_error_e soma_jwt_split(soma_str_t token, soma_str_t *part);
static soma_jwt_error_e soma_jwt_header(soma_jwt_t *jwt, yyjson_val *header);
static int soma_jwt_typ(yyjson_val *typ);
static unsigned soma_jwt_alg(yyjson_val *alg);
static int soma_jwt_date(const soma_jwt_t *jwt, const char *name,
    int64_t *ms);
static int soma_jwt_audience_in(yyjson_val *value,
    const soma_str_t *audiences, unsigned n);
static int soma_jwt_scalar(yyjson_val *value, soma_str_t *text);
static int soma_jwt_join(soma_arena_t *arena, yyjson_val *list,
    soma_str_t *text);


static const struct {
    const char  *code;
    const char  *text;
} soma_jwt_errors[] = {
    { "", "" },
    { "no_memory", "there is no memory to look at the token" },
    { "invalid_token", "the token is too long" },
    { "invalid_token", "the token is not three parts of base64url with a dot "
                       "between them" },
    { "invalid_token", "the token's header is no JSON object whose members "
                       "stand there once" },
    { "invalid_token", "the token's claims are no JSON object whose members "
                       "stand there once" },
    { "invalid_token", "the token's typ is neither JWT nor at+jwt" },
    { "invalid_token", "the token's header has crit, which asks for an "
                       "extension that is not known here" },
    { "invalid_token", "the token's alg is not allowed here" },
    { "invalid_token", "the token's issuer has no key for its alg" },
    { "invalid_token", "the token's kid is not among its issuer's keys" },
    { "invalid_token", "more than one key of the issuer fits the token, its "
                       "kid must name one" },
    { "invalid_token", "the token's signature is wrong" },
    { "invalid_token", "the token's iss is not an issuer that is trusted "
                       "here" },
    { "invalid_token", "the token's aud does not name this gateway" },
    { "invalid_token", "the token's exp, nbf or iat is no time in seconds" },
    { "invalid_token", "the token has no exp: one that never ends is not "
                       "taken" },
    { "expired_token", "the token has expired: get a new one" },
    { "token_not_yet_valid", "the token's nbf is still to come" },
    { "token_not_yet_valid", "the token's iat is still to come" },
};

_Static_assert(sizeof(soma_jwt_errors) / sizeof(soma_jwt_errors[0])
               == SOMA_JWT_ERRORS, "a sentence for each error");


const char *
soma_jwt_text(soma_jwt_error_e error)
{
    return soma_jwt_errors[error].text;
}


const char *
soma_jwt_code(soma_jwt_error_e error)
{
    return soma_jwt_errors[error].code;
}


/* 6 bits of a character, 255: it is none */
static unsigned
soma_base64url_bits(unsigned char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }

    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26u;
    }

    if (c >= '0' && c <= '9') {
        return c - '0' + 52u;
    }

    return (c == '-') ? 62 : (c == '_') ? 63 : 255;
}


int
soma_jwt_base64url(soma_str_t text, unsigned char *out, size_t *len)
{
    size_t          i;
    unsigned        bits, left, value;
    unsigned char  *p;

    p = out;
    value = 0;
    left = 0;

    for (i = 0; i < text.len; i++) {
        bits = soma_base64url_bits(text.data[i]);

        if (bits == 255) {
            return SOMA_ERROR;
        }

        value = (value << 6) | bits;
        left += 6;

        if (left >= 8) {
            left -= 8;
            *p++ = (unsigned char) (value >> left);
            value &= (1u << left) - 1;
        }
    }

    /* one character alone has 6 bits, and what is left over must be 0: else
     * two texts would stand for the same bytes */

    if (left == 6 || value != 0) {
        return SOMA_ERROR;
    }

    *len = (size_t) (p - out);

    return SOMA_OK;
}


int
soma_jwt_like(soma_str_t credential)
{
    size_t    i;
    unsigned  dots;

    if (credential.len < 3 || memcmp(credential.data, "eyJ", 3) != 0) {
        return 0;
    }

    dots = 0;

    for (i = 0; i < credential.len; i++) {

        if (credential.data[i] == '.') {
            dots++;
            continue;
        }

        if (soma_base64url_bits(credential.data[i]) == 255) {
            return 0;
        }
    }

    return dots == 2;
}


soma_jwt_error_e
soma_jwt_parse(soma_jwt_t *jwt, soma_arena_t *arena, soma_str_t token)
{
    unsigned           i;
    soma_str_t         part[3], text[3];
    yyjson_val        *header;
    soma_jwt_error_e   rc;

    memset(jwt, 0, sizeof(soma_jwt_t));

    rc = soma_jwt_split(token, part);

    if (rc != SOMA_JWT_OK) {
        return rc;
    }

    for (i = 0; i < 3; i++) {
        text[i].data = arena->alloc(arena->data, part[i].len + 1);

        if (text[i].data == NULL) {
            return SOMA_JWT_NO_MEMORY;
        }

        if (soma_jwt_base64url(part[i], text[i].data,
                               &text[i].len) != SOMA_OK) {
            return SOMA_JWT_FORM;
        }
    }

    jwt->input.data = token.data;
    jwt->input.len = part[0].len + 1 + part[1].len;
    jwt->signature = text[2];

    header = soma_jwt_json_read(arena, text[0]);

    if (!yyjson_is_obj(header)) {
        return SOMA_JWT_HEADER;
    }

    rc = soma_jwt_header(jwt, header);

    if (rc != SOMA_JWT_OK) {
        return rc;
    }

    jwt->claims = soma_jwt_json_read(arena, text[1]);

    if (!yyjson_is_obj(jwt->claims)) {
        return SOMA_JWT_CLAIMS;
    }

    if (yyjson_is_str(yyjson_obj_get(jwt->claims, "iss"))) {
        jwt->issuer = soma_jwt_json_str(yyjson_obj_get(jwt->claims, "iss"));
    }

    jwt->has_aud = (yyjson_obj_get(jwt->claims, "aud") != NULL);

    return SOMA_JWT_OK;
}


static soma_jwt_error_e
soma_jwt_split(soma_str_t token, soma_str_t *part)
{
    unsigned        i;
    unsigned char  *p, *dot, *last;

    if (token.len > SOMA_JWT_MAX) {
        return SOMA_JWT_LONG;
    }

    p = token.data;
    last = p + token.len;

    for (i = 0; i < 3; i++) {
        dot = (p == last) ? NULL : memchr(p, '.', (size_t) (last - p));

        if ((dot == NULL) != (i == 2)) {
            return SOMA_JWT_FORM;
        }

        part[i].data = p;
        part[i].len = (size_t) ((dot ? dot : last) - p);
        p = dot ? dot + 1 : last;

        /* an empty signature is that of alg none */

        if (part[i].len == 0 && i < 2) {
            return SOMA_JWT_FORM;
        }
    }

    return SOMA_JWT_OK;
}


/* keys that a header brings along (jwk, jku, x5c, x5u) are never looked at */
static soma_jwt_error_e
soma_jwt_header(soma_jwt_t *jwt, yyjson_val *header)
{
    yyjson_val  *kid;

    if (yyjson_obj_get(header, "crit") != NULL) {
        return SOMA_JWT_CRIT;
    }

    if (!soma_jwt_typ(yyjson_obj_get(header, "typ"))) {
        return SOMA_JWT_TYPE;
    }

    jwt->alg = soma_jwt_alg(yyjson_obj_get(header, "alg"));

    if (jwt->alg == 0) {
        return SOMA_JWT_ALG;
    }

    kid = yyjson_obj_get(header, "kid");

    if (kid == NULL) {
        return SOMA_JWT_OK;
    }

    if (!yyjson_is_str(kid) || yyjson_get_len(kid) > SOMA_JWT_KID_MAX) {
        return SOMA_JWT_UNKNOWN_KID;
    }

    jwt->kid = soma_jwt_json_str(kid);
    jwt->has_kid = 1;

    return SOMA_JWT_OK;
}


/* RFC 7515, 4.1.9: without case, "application/" may be left out */
static int
soma_jwt_typ(yyjson_val *typ)
{
    soma_str_t  s, prefix;

    static const size_t  len = sizeof("application/") - 1;

    if (typ == NULL) {
        return 1;
    }

    if (!yyjson_is_str(typ)) {
        return 0;
    }

    s = soma_jwt_json_str(typ);

    if (s.len > len) {
        prefix.data = s.data;
        prefix.len = len;

        if (soma_str_case_is(prefix, "application/")) {
            s.data += len;
            s.len -= len;
        }
    }

    return soma_str_case_is(s, "jwt") || soma_str_case_is(s, "at+jwt");
}


static unsigned
soma_jwt_alg(yyjson_val *alg)
{
    if (!yyjson_is_str(alg)) {
        return 0;
    }

    return soma_jwt_alg_of(soma_jwt_json_str(alg));
}


unsigned
soma_jwt_alg_of(soma_str_t name)
{
    if (soma_str_is(name, "RS256")) {
        return SOMA_JWT_RS256;
    }

    if (soma_str_is(name, "ES256")) {
        return SOMA_JWT_ES256;
    }

    if (soma_str_is(name, "HS256")) {
        return SOMA_JWT_HS256;
    }

    return 0;
}


/* a NumericDate, seconds that may have a fraction; SOMA_DECLINED: none */
static int
soma_jwt_date(const soma_jwt_t *jwt, const char *name, int64_t *ms)
{
    soma_str_t   s;
    yyjson_val  *value;

    value = yyjson_obj_get(jwt->claims, name);

    if (value == NULL) {
        return SOMA_DECLINED;
    }

    if (!yyjson_is_raw(value)) {
        return SOMA_ERROR;
    }

    s.data = (unsigned char *) (uintptr_t) yyjson_get_raw(value);
    s.len = yyjson_get_len(value);

    /* a number past the year 9999 is ms taken for seconds */

    if (soma_number_decimal(s, 3, ms) != SOMA_OK || *ms > SOMA_JWT_TIME_MAX) {
        return SOMA_ERROR;
    }

    return SOMA_OK;
}


soma_jwt_error_e
soma_jwt_times(const soma_jwt_t *jwt, int64_t now, int64_t leeway,
    int64_t *expires)
{
    int      has_exp, has_nbf, has_iat;
    int64_t  exp, nbf, iat;

    has_exp = soma_jwt_date(jwt, "exp", &exp);
    has_nbf = soma_jwt_date(jwt, "nbf", &nbf);
    has_iat = soma_jwt_date(jwt, "iat", &iat);

    if (has_exp == SOMA_ERROR || has_nbf == SOMA_ERROR
        || has_iat == SOMA_ERROR)
    {
        return SOMA_JWT_TIMES;
    }

    if (has_exp == SOMA_DECLINED) {
        return SOMA_JWT_NO_EXP;
    }

    if (now >= exp + leeway) {
        return SOMA_JWT_EXPIRED;
    }

    if (has_nbf == SOMA_OK && now < nbf - leeway) {
        return SOMA_JWT_EARLY;
    }

    if (has_iat == SOMA_OK && now < iat - leeway) {
        return SOMA_JWT_FUTURE;
    }

    *expires = exp + leeway;

    return SOMA_JWT_OK;
}


soma_jwt_error_e
soma_jwt_audience(const soma_jwt_t *jwt, const soma_str_t *audiences,
    unsigned n)
{
    size_t       i, max;
    yyjson_val  *aud, *value;

    if (n == 1 && soma_str_is(audiences[0], "*")) {
        return SOMA_JWT_OK;
    }

    if (n == 0) {
        return jwt->has_aud ? SOMA_JWT_AUDIENCE : SOMA_JWT_OK;
    }

    aud = yyjson_obj_get(jwt->claims, "aud");

    if (soma_jwt_audience_in(aud, audiences, n)) {
        return SOMA_JWT_OK;
    }

    yyjson_arr_foreach(aud, i, max, value) {
        if (soma_jwt_audience_in(value, audiences, n)) {
            return SOMA_JWT_OK;
        }
    }

    return SOMA_JWT_AUDIENCE;
}


static int
soma_jwt_audience_in(yyjson_val *value, const soma_str_t *audiences,
    unsigned n)
{
    unsigned  i;

    if (!yyjson_is_str(value)) {
        return 0;
    }

    for (i = 0; i < n; i++) {
        if (soma_str_eq(soma_jwt_json_str(value), audiences[i])) {
            return 1;
        }
    }

    return 0;
}


int
soma_jwt_claim(const soma_jwt_t *jwt, soma_arena_t *arena, soma_str_t name,
    soma_str_t *text)
{
    yyjson_val  *value;

    if (name.len != 0 && name.data[0] == '/') {
        value = yyjson_ptr_getn(jwt->claims, (char *) name.data, name.len);

    } else {
        value = yyjson_obj_getn(jwt->claims, (char *) name.data, name.len);
    }

    if (yyjson_is_arr(value)) {
        return soma_jwt_join(arena, value, text);
    }

    return soma_jwt_scalar(value, text);
}


static int
soma_jwt_scalar(yyjson_val *value, soma_str_t *text)
{
    if (yyjson_is_str(value)) {
        *text = soma_jwt_json_str(value);
        return SOMA_OK;
    }

    if (yyjson_is_raw(value)) {
        text->data = (unsigned char *) (uintptr_t) yyjson_get_raw(value);
        text->len = yyjson_get_len(value);
        return SOMA_OK;
    }

    return SOMA_DECLINED;
}


static int
soma_jwt_join(soma_arena_t *arena, yyjson_val *list, soma_str_t *text)
{
    size_t          i, n, len;
    soma_str_t      word;
    yyjson_val     *value;
    unsigned char  *p;

    len = 0;

    yyjson_arr_foreach(list, i, n, value) {
        if (soma_jwt_scalar(value, &word) != SOMA_OK) {
            return SOMA_DECLINED;
        }

        len += word.len + 1;
    }

    p = arena->alloc(arena->data, len + 1);

    if (p == NULL) {
        return SOMA_ERROR;
    }

    text->data = p;

    yyjson_arr_foreach(list, i, n, value) {
        if (i) {
            *p++ = ' ';
        }

        if (soma_jwt_scalar(value, &word) == SOMA_OK && word.len) {
            memcpy(p, word.data, word.len);
            p += word.len;
        }
    }

    text->len = (size_t) (p - text->data);

    return SOMA_OK;
}


unsigned
soma_jwt_capabilities(soma_str_t words)
{
    size_t      i, start;
    unsigned    bits;
    soma_str_t  word;

    bits = 0;
    start = 0;

    for (i = 0; i <= words.len; i++) {

        if (i < words.len && words.data[i] != ' ' && words.data[i] != ',') {
            continue;
        }

        word.data = words.data + start;
        word.len = i - start;
        start = i + 1;

        if (soma_str_is(word, "admin") || soma_str_is(word, "soma:admin")) {
            bits |= SOMA_CAN_ADMIN;

        } else if (soma_str_is(word, "usage")
                   || soma_str_is(word, "soma:usage"))
        {
            bits |= SOMA_CAN_USAGE;

        } else if (soma_str_is(word, "soma:user")) {
            bits |= SOMA_CAN_USER;
        }
    }

    return bits;
}
