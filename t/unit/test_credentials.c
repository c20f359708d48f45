
/*
 * Copyright (C) The ngx_soma authors
 *
 * Credentials of clouds: files, roles, service accounts and tokens.
 */


#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "soma_arena_malloc.h"
#include "soma_base64.h"
#include "soma_credentials.h"
#include "soma_test.h"


#define STR(s)  ((soma_str_t) { strlen(s), (unsigned char *) (s) })


static soma_arena_t  *arena;


static void
test_file(void)
{
    soma_credentials_t  c;

    static char  file[] =
        "# made by hand\n"
        "[default]\n"
        "aws_access_key_id = AKIDEFAULT\r\n"
        "aws_secret_access_key=s/e+c=ret\n"
        "\n"
        "[ other ]\n"
        "AWS_ACCESS_KEY_ID=AKIOTHER\n"
        "aws_secret_access_key = x\n"
        "aws_session_token = tok\n"
        "[half]\n"
        "aws_access_key_id = AKIHALF";

    soma_is_int(soma_credentials_file(STR(file), SOMA_STR("default"), &c),
                SOMA_OK, "the default profile");
    soma_is_str(c.id.data, c.id.len, "AKIDEFAULT", "its key");
    soma_is_str(c.secret.data, c.secret.len, "s/e+c=ret", "its secret");
    soma_ok(c.token.len == 0 && c.expires == 0, "and no session");

    soma_is_int(soma_credentials_file(STR(file), SOMA_STR("other"), &c),
                SOMA_OK, "another one");
    soma_is_str(c.id.data, c.id.len, "AKIOTHER", "its key");
    soma_is_str(c.token.data, c.token.len, "tok", "its session");

    soma_is_int(soma_credentials_file(STR(file), SOMA_STR("half"), &c),
                SOMA_DECLINED, "one without a secret");
    soma_is_int(soma_credentials_file(STR(file), SOMA_STR("none"), &c),
                SOMA_DECLINED, "one that is not there");
}


static void
test_role(void)
{
    soma_credentials_t  c;

    soma_is_int(soma_credentials_role(arena,
                    STR("{\"Code\":\"Success\",\"AccessKeyId\":\"ASIA1\","
                        "\"SecretAccessKey\":\"s\",\"Token\":\"t\","
                        "\"Expiration\":\"2026-12-01T12:00:00Z\"}"), &c),
                SOMA_OK, "a role's");
    soma_is_str(c.id.data, c.id.len, "ASIA1", "its key");
    soma_is_str(c.token.data, c.token.len, "t", "its session");
    soma_ok(c.expires == 1796126400000, "its end");

    soma_is_int(soma_credentials_role(arena, STR("{\"Code\":\"Failed\"}"),
                                      &c), SOMA_DECLINED, "none");
    soma_is_int(soma_credentials_role(arena, STR("<html>"), &c),
                SOMA_DECLINED, "a page");
}


static void
test_account(void)
{
    BIO                        *bio;
    char                       *pem;
    long                        n;
    size_t                      len;
    EVP_PKEY                   *key;
    soma_str_t                  form, text, sig;
    EVP_MD_CTX                 *md;
    unsigned char               buf[1024], *dot;
    soma_credentials_account_t  account;

    static const char  head[] =
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"
        "&assertion=";

    soma_is_int(soma_credentials_account(arena,
                    STR("{\"type\":\"service_account\",\"client_email\":"
                        "\"a@b\",\"private_key\":\"-----BEGIN\\nx\","
                        "\"private_key_id\":\"k1\"}"), &account),
                SOMA_OK, "a service account");
    soma_is_str(account.key.data, account.key.len, "-----BEGIN\nx",
                "its key, unescaped");
    soma_is_str(account.token_uri.data, account.token_uri.len,
                "https://oauth2.googleapis.com/token", "where it asks");
    soma_is_int(soma_credentials_grant(arena, &account, 0, &form),
                SOMA_DECLINED, "with a key that is none");

    key = EVP_RSA_gen(2048);
    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    n = BIO_get_mem_data(bio, &pem);
    account.key.data = (unsigned char *) pem;
    account.key.len = (size_t) n;

    soma_is_int(soma_credentials_grant(arena, &account, 1796126400000,
                                       &form), SOMA_OK, "a grant is asked");
    len = sizeof(head) - 1;
    soma_ok(form.len > len && memcmp(form.data, head, len) == 0, "as a form");

    text.data = form.data + len;
    dot = form.data + form.len - 1;
    while (*dot != '.') {
        dot--;
    }
    text.len = (size_t) (dot - text.data);
    sig.data = dot + 1;
    sig.len = (size_t) (form.data + form.len - sig.data);
    soma_is_int(soma_base64_decode(buf, &len, sig), SOMA_OK, "signed");

    md = EVP_MD_CTX_new();
    soma_ok(EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, key) == 1
            && EVP_DigestVerify(md, buf, len, text.data, text.len) == 1,
            "with the account's key");
    EVP_MD_CTX_free(md);

    dot = memchr(text.data, '.', text.len);
    text.len = (size_t) (text.data + text.len - dot - 1);
    text.data = dot + 1;
    soma_is_int(soma_base64_decode(buf, &len, text), SOMA_OK, "its claims");
    soma_is_str(buf, len,
                "{\"iss\":\"a@b\",\"scope\":\"https://www.googleapis.com/"
                "auth/cloud-platform\",\"aud\":\"https://oauth2.googleapis."
                "com/token\",\"iat\":1796126400,\"exp\":1796130000}",
                "are what Google wants");

    EVP_PKEY_free(key);
    BIO_free(bio);
}


static void
test_token(void)
{
    soma_credentials_t  c;

    soma_is_int(soma_credentials_token(arena,
                    STR("{\"access_token\":\"ya29.x\",\"expires_in\":3599,"
                        "\"token_type\":\"Bearer\"}"), 1000, &c),
                SOMA_OK, "a token");
    soma_is_str(c.token.data, c.token.len, "ya29.x", "its word");
    soma_ok(c.expires == 3600000, "its end");
    soma_is_int(soma_credentials_token(arena,
                    STR("{\"error\":\"invalid_grant\"}"), 0, &c),
                SOMA_DECLINED, "a refusal");
}


int
main(void)
{
    arena = soma_test_arena();

    test_file();
    test_role();
    test_account();
    test_token();

    soma_test_arena_free(arena);

    return soma_test_done();
}
