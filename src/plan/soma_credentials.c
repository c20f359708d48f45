
/*
 * Copyright (C) The ngx_soma authors
 */


#include <openssl/evp.h>
#include <openssl/pem.h>

#include "soma_base64.h"
#include "soma_credentials.h"
#include "soma_json.h"


#define SOMA_CREDENTIALS_SCOPE                                                \
    "https://www.googleapis.com/auth/cloud-platform"

#define SOMA_CREDENTIALS_FORM                                                 \
    "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"        \
    "&assertion="


static soma_str_t soma_credentials_line(soma_str_t *text);
static void soma_credentials_set(soma_str_t line,
    soma_credentials_t *credentials);
static int soma_credentials_member(soma_arena_t *arena, soma_str_t object,
    const char *name, soma_str_t *value);
static int soma_credentials_sign(const soma_credentials_account_t *account,
    soma_out_t *out);
static void soma_credentials_url(soma_out_t *out, soma_str_t s);


int
soma_credentials_file(soma_str_t text, soma_str_t profile,
    soma_credentials_t *credentials)
{
    int         in;
    soma_str_t  line;

    memset(credentials, 0, sizeof(soma_credentials_t));

    in = 0;

    while (text.len != 0) {
        line = soma_str_trim(soma_credentials_line(&text));

        if (line.len > 1 && line.data[0] == '['
            && line.data[line.len - 1] == ']')
        {
            line.data++;
            line.len -= 2;
            in = soma_str_eq(soma_str_trim(line), profile);
            continue;
        }

        if (in && line.len != 0 && line.data[0] != '#'
            && line.data[0] != ';')
        {
            soma_credentials_set(line, credentials);
        }
    }

    return (credentials->id.len != 0 && credentials->secret.len != 0)
           ? SOMA_OK : SOMA_DECLINED;
}


static soma_str_t
soma_credentials_line(soma_str_t *text)
{
    soma_str_t      line;
    unsigned char  *lf;

    line = *text;
    lf = memchr(text->data, '\n', text->len);

    if (lf == NULL) {
        text->len = 0;
        return line;
    }

    line.len = (size_t) (lf - line.data);
    text->len -= line.len + 1;
    text->data = lf + 1;

    if (line.len != 0 && line.data[line.len - 1] == '\r') {
        line.len--;
    }

    return line;
}


static void
soma_credentials_set(soma_str_t line, soma_credentials_t *credentials)
{
    soma_str_t      name, value;
    unsigned char  *eq;

    eq = memchr(line.data, '=', line.len);

    if (eq == NULL) {
        return;
    }

    name.data = line.data;
    name.len = (size_t) (eq - line.data);
    name = soma_str_trim(name);
    value.data = eq + 1;
    value.len = (size_t) (line.data + line.len - value.data);
    value = soma_str_trim(value);

    if (soma_str_case_is(name, "aws_access_key_id")) {
        credentials->id = value;

    } else if (soma_str_case_is(name, "aws_secret_access_key")) {
        credentials->secret = value;

    } else if (soma_str_case_is(name, "aws_session_token")) {
        credentials->token = value;
    }
}


/* a string that is not empty */

static int
soma_credentials_member(soma_arena_t *arena, soma_str_t object,
    const char *name, soma_str_t *value)
{
    soma_json_value_t  v;

    return (soma_json_get(object, name, &v) == SOMA_OK
            && v.type == SOMA_JSON_STRING
            && soma_json_text(arena, &v, value) == SOMA_OK
            && value->len != 0)
           ? SOMA_OK : SOMA_DECLINED;
}


int
soma_credentials_role(soma_arena_t *arena, soma_str_t text,
    soma_credentials_t *credentials)
{
    soma_str_t  expires;

    memset(credentials, 0, sizeof(soma_credentials_t));

    if (soma_credentials_member(arena, text, "AccessKeyId", &credentials->id)
        != SOMA_OK
        || soma_credentials_member(arena, text, "SecretAccessKey",
                                   &credentials->secret)
           != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    (void) soma_credentials_member(arena, text, "Token",
                                   &credentials->token);

    if (soma_credentials_member(arena, text, "Expiration", &expires)
        == SOMA_OK)
    {
        (void) soma_time_parse(expires, &credentials->expires);
    }

    return SOMA_OK;
}


int
soma_credentials_account(soma_arena_t *arena, soma_str_t text,
    soma_credentials_account_t *account)
{
    memset(account, 0, sizeof(soma_credentials_account_t));

    (void) soma_credentials_member(arena, text, "private_key_id",
                                   &account->key_id);

    if (soma_credentials_member(arena, text, "token_uri",
                                &account->token_uri)
        != SOMA_OK)
    {
        account->token_uri = SOMA_STR("https://oauth2.googleapis.com/token");
    }

    return (soma_credentials_member(arena, text, "client_email",
                                    &account->email)
            == SOMA_OK
            && soma_credentials_member(arena, text, "private_key",
                                       &account->key)
               == SOMA_OK)
           ? SOMA_OK : SOMA_DECLINED;
}


int
soma_credentials_grant(soma_arena_t *arena,
    const soma_credentials_account_t *account, int64_t now, soma_str_t *form)
{
    soma_out_t      out, text;
    soma_str_t      part;
    unsigned char  *p, *buf;

    p = arena->alloc(arena->data, 2 * SOMA_CREDENTIALS_ASSERT_MAX);
    if (p == NULL) {
        return SOMA_ERROR;
    }

    buf = p + SOMA_CREDENTIALS_ASSERT_MAX;

    soma_put_init(&out, p, SOMA_CREDENTIALS_ASSERT_MAX);
    soma_put_cstr(&out, SOMA_CREDENTIALS_FORM);

    soma_put_init(&text, buf, SOMA_CREDENTIALS_ASSERT_MAX / 2);
    soma_put_cstr(&text, "{\"alg\":\"RS256\",\"typ\":\"JWT\"");

    if (account->key_id.len != 0) {
        soma_put_cstr(&text, ",\"kid\":");
        soma_put_json_str(&text, account->key_id);
    }

    soma_put_char(&text, '}');

    part.data = buf;
    part.len = (size_t) (text.pos - buf);
    soma_credentials_url(&out, part);
    soma_put_char(&out, '.');

    now /= 1000;

    soma_put_init(&text, buf, SOMA_CREDENTIALS_ASSERT_MAX / 2);
    soma_put_cstr(&text, "{\"iss\":");
    soma_put_json_str(&text, account->email);
    soma_put_cstr(&text, ",\"scope\":\"" SOMA_CREDENTIALS_SCOPE
                         "\",\"aud\":");
    soma_put_json_str(&text, account->token_uri);
    soma_put_cstr(&text, ",\"iat\":");
    soma_put_int(&text, now);
    soma_put_cstr(&text, ",\"exp\":");
    soma_put_int(&text, now + SOMA_CREDENTIALS_LIFE);
    soma_put_char(&text, '}');

    part.len = (size_t) (text.pos - buf);
    soma_credentials_url(&out, part);

    if (text.full || out.full
        || soma_credentials_sign(account, &out) != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    form->data = p;
    form->len = (size_t) (out.pos - p);

    return SOMA_OK;
}


static void
soma_credentials_url(soma_out_t *out, soma_str_t s)
{
    if (soma_base64_encoded_len(s.len) > (size_t) (out->end - out->pos)) {
        out->full = 1;
        return;
    }

    out->pos += soma_base64_encode_url(out->pos, s);
}


/* what stands behind the form's last "=" is signed */

static int
soma_credentials_sign(const soma_credentials_account_t *account,
    soma_out_t *out)
{
    int             rc;
    BIO            *bio;
    size_t          len;
    EVP_PKEY       *key;
    EVP_MD_CTX     *md;
    soma_str_t      signature;
    unsigned char   buf[1024], *from;

    from = out->start + sizeof(SOMA_CREDENTIALS_FORM) - 1;
    len = sizeof(buf);
    key = NULL;
    rc = 0;

    bio = BIO_new_mem_buf(account->key.data, (int) account->key.len);
    md = EVP_MD_CTX_new();

    if (bio != NULL && md != NULL) {
        key = PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *) "");
    }

    if (key != NULL && EVP_PKEY_base_id(key) == EVP_PKEY_RSA
        && (size_t) EVP_PKEY_size(key) <= sizeof(buf)
        && EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key) == 1)
    {
        rc = EVP_DigestSign(md, buf, &len, from,
                            (size_t) (out->pos - from));
    }

    EVP_PKEY_free(key);
    EVP_MD_CTX_free(md);
    BIO_free(bio);

    if (rc != 1) {
        return SOMA_DECLINED;
    }

    signature.data = buf;
    signature.len = len;

    soma_put_char(out, '.');
    soma_credentials_url(out, signature);

    return out->full ? SOMA_DECLINED : SOMA_OK;
}


int
soma_credentials_token(soma_arena_t *arena, soma_str_t text, int64_t now,
    soma_credentials_t *credentials)
{
    int64_t            n;
    soma_json_value_t  v;

    memset(credentials, 0, sizeof(soma_credentials_t));

    if (soma_credentials_member(arena, text, "access_token",
                                &credentials->token)
        != SOMA_OK
        || credentials->token.len > SOMA_CREDENTIALS_TOKEN_MAX)
    {
        return SOMA_DECLINED;
    }

    if (soma_json_get(text, "expires_in", &v) == SOMA_OK
        && soma_json_int(&v, &n) == SOMA_OK && n > 0
        && n < INT32_MAX)
    {
        credentials->expires = now + n * 1000;
    }

    return SOMA_OK;
}
