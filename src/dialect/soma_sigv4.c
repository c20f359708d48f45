
/*
 * Copyright (C) The ngx_soma authors
 */


#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "soma_sigv4.h"


#define SOMA_SIGV4_ALGORITHM   "AWS4-HMAC-SHA256"
#define SOMA_SIGV4_SECRET_MAX  256          /* bytes; AWS's have 40 */
#define SOMA_SIGV4_SCOPE_MAX   512
#define SOMA_SIGV4_DAY         8            /* of the time */


typedef struct {
    soma_str_t   name;
    soma_str_t   value;
} soma_sigv4_arg_t;


static void soma_sigv4_time(int64_t ms, unsigned char *time);
static int soma_sigv4_names(const soma_sigv4_t *sign,
    soma_sigv4_work_t *work);
static int soma_sigv4_canonical(const soma_sigv4_work_t *work,
    unsigned char *hash);
static int soma_sigv4_update(EVP_MD_CTX *md, soma_str_t s);
static int soma_sigv4_encoded(EVP_MD_CTX *md, soma_str_t s, unsigned path);
static int soma_sigv4_query(EVP_MD_CTX *md, soma_str_t args);
static int soma_sigv4_arg_compare(const soma_sigv4_arg_t *a,
    const soma_sigv4_arg_t *b);
static int soma_sigv4_headers(const soma_sigv4_work_t *work, EVP_MD_CTX *md);
static int soma_sigv4_value(const soma_sigv4_work_t *work, soma_str_t name,
    unsigned n, soma_str_t *value);
static int soma_sigv4_trimmed(EVP_MD_CTX *md, soma_str_t value);
static int soma_sigv4_key(const soma_sigv4_work_t *work, unsigned char *key);
static int soma_sigv4_hmac(const unsigned char *key, size_t len,
    soma_str_t text, unsigned char *mac);


int
soma_sigv4_sign(const soma_sigv4_t *sign, soma_out_t *out)
{
    unsigned           i;
    soma_sigv4_work_t  work;
    unsigned char      time[SOMA_SIGV4_TIME], payload[SOMA_SIGV4_HEX];
    unsigned char      signature[SOMA_SIGV4_HEX];

    memset(&work, 0, sizeof(soma_sigv4_work_t));

    soma_sigv4_time(sign->now, time);

    work.sign = sign;
    work.time.data = time;
    work.time.len = sizeof(time);
    work.payload.data = payload;
    work.payload.len = sizeof(payload);
    work.region = sign->region;
    work.service = sign->service;

    if (soma_sigv4_names(sign, &work) != SOMA_OK
        || soma_sigv4_payload(sign, payload) != SOMA_OK
        || soma_sigv4_signature(&work, signature) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    soma_put_cstr(out, "X-Amz-Date: ");
    soma_put_str(out, work.time);

    if (sign->token.len != 0) {
        soma_put_cstr(out, "\r\nX-Amz-Security-Token: ");
        soma_put_str(out, sign->token);
    }

    if (sign->hashed) {
        soma_put_cstr(out, "\r\nX-Amz-Content-Sha256: ");
        soma_put_str(out, work.payload);
    }

    soma_put_cstr(out, "\r\nAuthorization: " SOMA_SIGV4_ALGORITHM
                       " Credential=");
    soma_put_str(out, sign->id);
    soma_put_char(out, '/');
    soma_put(out, time, SOMA_SIGV4_DAY);
    soma_put_char(out, '/');
    soma_put_str(out, sign->region);
    soma_put_char(out, '/');
    soma_put_str(out, sign->service);
    soma_put_cstr(out, "/aws4_request, SignedHeaders=");

    for (i = 0; i < work.nnames; i++) {
        soma_put_cstr(out, i == 0 ? "" : ";");
        soma_put_str(out, work.names[i]);
    }

    soma_put_cstr(out, ", Signature=");
    soma_put(out, signature, sizeof(signature));
    soma_put_cstr(out, "\r\n");

    return out->full ? SOMA_ERROR : SOMA_OK;
}


static void
soma_sigv4_time(int64_t ms, unsigned char *time)
{
    size_t         i, n;
    soma_out_t     out;
    unsigned char  text[sizeof("2015-08-30T12:36:00.000Z")];

    soma_put_init(&out, text, sizeof(text));
    soma_put_time(&out, ms);

    /* the same without its marks and its fraction */

    for (i = 0, n = 0; text + i < out.pos && n < SOMA_SIGV4_TIME - 1; i++) {
        if (text[i] != '-' && text[i] != ':') {
            time[n++] = text[i];
        }
    }

    time[SOMA_SIGV4_TIME - 1] = 'Z';
}


/* those of the caller, and those that are written: sorted */

static int
soma_sigv4_names(const soma_sigv4_t *sign, soma_sigv4_work_t *work)
{
    int         rc;
    size_t      len;
    unsigned    i, k, n;
    soma_str_t  name;

    static const soma_str_t  written[] = {
        soma_string("x-amz-date"),
        soma_string("x-amz-security-token"),
        soma_string("x-amz-content-sha256")
    };

    n = 0;

    for (i = 0; i < sign->nheaders + 3; i++) {

        if (i >= sign->nheaders) {
            k = i - sign->nheaders;

            if ((k == 1 && sign->token.len == 0) || (k == 2 && !sign->hashed))
            {
                continue;
            }

            name = written[k];

        } else {
            name = sign->headers[i].name;
        }

        if (n == SOMA_SIGV4_HEADERS_MAX) {
            return SOMA_ERROR;
        }

        for (k = n; k > 0; k--) {
            len = work->names[k - 1].len;
            len = len < name.len ? len : name.len;
            rc = memcmp(work->names[k - 1].data, name.data, len);

            if (rc < 0 || (rc == 0 && work->names[k - 1].len <= name.len)) {
                break;
            }

            work->names[k] = work->names[k - 1];
        }

        work->names[k] = name;
        n++;
    }

    work->nnames = n;

    return SOMA_OK;
}


int
soma_sigv4_payload(const soma_sigv4_t *sign, unsigned char *hex)
{
    int             rc;
    unsigned        i;
    soma_out_t      out;
    EVP_MD_CTX     *md;
    unsigned char   hash[SOMA_SIGV4_HASH];

    if (sign->payload.len != 0) {

        if (sign->payload.len != SOMA_SIGV4_HEX) {
            return SOMA_ERROR;
        }

        memcpy(hex, sign->payload.data, SOMA_SIGV4_HEX);
        return SOMA_OK;
    }

    md = EVP_MD_CTX_new();

    rc = (md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL))
         ? SOMA_OK : SOMA_ERROR;

    for (i = 0; rc == SOMA_OK && i < sign->npieces; i++) {
        rc = soma_sigv4_update(md, sign->body[i]);
    }

    if (rc == SOMA_OK && !EVP_DigestFinal_ex(md, hash, NULL)) {
        rc = SOMA_ERROR;
    }

    EVP_MD_CTX_free(md);

    soma_put_init(&out, hex, SOMA_SIGV4_HEX);

    if (rc == SOMA_OK) {
        soma_put_hex(&out, hash, sizeof(hash));
    }

    return rc;
}


int
soma_sigv4_signature(const soma_sigv4_work_t *work, unsigned char *hex)
{
    int             rc;
    soma_out_t      out;
    soma_str_t      text;
    unsigned char   canonical[SOMA_SIGV4_HASH], mac[SOMA_SIGV4_HASH];
    unsigned char   key[SOMA_SIGV4_HASH], buf[SOMA_SIGV4_SCOPE_MAX];

    rc = soma_sigv4_canonical(work, canonical);

    if (rc != SOMA_OK) {
        return rc;
    }

    soma_put_init(&out, buf, sizeof(buf));
    soma_put_cstr(&out, SOMA_SIGV4_ALGORITHM "\n");
    soma_put_str(&out, work->time);
    soma_put_char(&out, '\n');
    soma_put(&out, work->time.data, SOMA_SIGV4_DAY);
    soma_put_char(&out, '/');
    soma_put_str(&out, work->region);
    soma_put_char(&out, '/');
    soma_put_str(&out, work->service);
    soma_put_cstr(&out, "/aws4_request\n");
    soma_put_hex(&out, canonical, sizeof(canonical));

    if (out.full || soma_sigv4_key(work, key) != SOMA_OK) {
        return SOMA_ERROR;
    }

    text.data = buf;
    text.len = (size_t) (out.pos - buf);

    rc = soma_sigv4_hmac(key, sizeof(key), text, mac);
    OPENSSL_cleanse(key, sizeof(key));

    if (rc == SOMA_OK) {
        soma_put_init(&out, hex, SOMA_SIGV4_HEX);
        soma_put_hex(&out, mac, sizeof(mac));
    }

    return rc;
}


/* it is hashed as it is made, and never there as a whole */

static int
soma_sigv4_canonical(const soma_sigv4_work_t *work, unsigned char *hash)
{
    int                  rc;
    unsigned             i;
    EVP_MD_CTX          *md;
    const soma_sigv4_t  *sign;

    sign = work->sign;
    md = EVP_MD_CTX_new();

    if (md == NULL
        || !EVP_DigestInit_ex(md, EVP_sha256(), NULL)
        || soma_sigv4_update(md, sign->method) != SOMA_OK
        || soma_sigv4_update(md, SOMA_STR("\n")) != SOMA_OK
        || soma_sigv4_encoded(md, sign->path, 1) != SOMA_OK
        || soma_sigv4_update(md, SOMA_STR("\n")) != SOMA_OK
        || soma_sigv4_query(md, sign->args) != SOMA_OK
        || soma_sigv4_update(md, SOMA_STR("\n")) != SOMA_OK)
    {
        rc = SOMA_ERROR;
        goto done;
    }

    rc = soma_sigv4_headers(work, md);

    for (i = 0; rc == SOMA_OK && i < work->nnames; i++) {
        if (soma_sigv4_update(md, i == 0 ? SOMA_STR("\n") : SOMA_STR(";"))
            != SOMA_OK
            || soma_sigv4_update(md, work->names[i]) != SOMA_OK)
        {
            rc = SOMA_ERROR;
        }
    }

    if (rc == SOMA_OK
        && (soma_sigv4_update(md, SOMA_STR("\n")) != SOMA_OK
            || soma_sigv4_update(md, work->payload) != SOMA_OK
            || !EVP_DigestFinal_ex(md, hash, NULL)))
    {
        rc = SOMA_ERROR;
    }

done:

    EVP_MD_CTX_free(md);

    return rc;
}


static int
soma_sigv4_update(EVP_MD_CTX *md, soma_str_t s)
{
    return (s.len == 0 || EVP_DigestUpdate(md, s.data, s.len)) ? SOMA_OK
                                                               : SOMA_ERROR;
}


/* a path as it is sent, with all but its slashes encoded once more; of a query
 * what is encoded there already is taken for what it stands for */

static int
soma_sigv4_encoded(EVP_MD_CTX *md, soma_str_t s, unsigned path)
{
    int             rc;
    size_t          i, n;
    unsigned char   c, text[3];

    static const char  digits[] = "0123456789ABCDEF";

    if (path && s.len == 0) {
        return soma_sigv4_update(md, SOMA_STR("/"));
    }

    for (i = 0, rc = SOMA_OK; i < s.len && rc == SOMA_OK; i++) {
        c = s.data[i];

        if (!path && c == '%' && s.len - i >= 3
            && soma_str_hex((soma_str_t) { 2, s.data + i + 1 }, &c, 1)
               == SOMA_OK)
        {
            i += 2;
        }

        text[0] = c;
        n = 1;

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'
              || c == '~' || (path && c == '/')))
        {
            text[0] = '%';
            text[1] = (unsigned char) digits[c >> 4];
            text[2] = (unsigned char) digits[c & 0xf];
            n = 3;
        }

        rc = soma_sigv4_update(md, (soma_str_t) { n, text });
    }

    return rc;
}


static int
soma_sigv4_query(EVP_MD_CTX *md, soma_str_t args)
{
    size_t             i, start;
    unsigned           k, n;
    soma_str_t         word;
    unsigned char     *equals;
    soma_sigv4_arg_t   arg, list[SOMA_SIGV4_ARGS_MAX];

    if (args.len == 0) {
        return SOMA_OK;
    }

    for (i = 0, start = 0, n = 0; i <= args.len; i++) {

        if (i < args.len && args.data[i] != '&') {
            continue;
        }

        word.data = args.data + start;
        word.len = i - start;
        start = i + 1;

        if (word.len == 0) {
            continue;
        }

        if (n == SOMA_SIGV4_ARGS_MAX) {
            return SOMA_ERROR;
        }

        equals = memchr(word.data, '=', word.len);

        arg.name = word;
        arg.value.len = 0;
        arg.value.data = NULL;

        if (equals != NULL) {
            arg.name.len = (size_t) (equals - word.data);
            arg.value.data = equals + 1;
            arg.value.len = word.len - arg.name.len - 1;
        }

        for (k = n++; k > 0 && soma_sigv4_arg_compare(&list[k - 1], &arg) > 0;
             k--)
        {
            list[k] = list[k - 1];
        }

        list[k] = arg;
    }

    for (k = 0; k < n; k++) {
        if ((k != 0 && soma_sigv4_update(md, SOMA_STR("&")) != SOMA_OK)
            || soma_sigv4_encoded(md, list[k].name, 0) != SOMA_OK
            || soma_sigv4_update(md, SOMA_STR("=")) != SOMA_OK
            || soma_sigv4_encoded(md, list[k].value, 0) != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    return SOMA_OK;
}


static int
soma_sigv4_arg_compare(const soma_sigv4_arg_t *a, const soma_sigv4_arg_t *b)
{
    int         rc;
    size_t      len;
    unsigned    i;
    soma_str_t  one, two;

    for (i = 0; i < 2; i++) {
        one = i ? a->value : a->name;
        two = i ? b->value : b->name;
        len = one.len < two.len ? one.len : two.len;

        rc = len ? memcmp(one.data, two.data, len) : 0;

        if (rc != 0) {
            return rc;
        }

        if (one.len != two.len) {
            return one.len < two.len ? -1 : 1;
        }
    }

    return 0;
}


static int
soma_sigv4_headers(const soma_sigv4_work_t *work, EVP_MD_CTX *md)
{
    int         rc;
    unsigned    i, n;
    soma_str_t  value;

    for (i = 0; i < work->nnames; i++) {

        if (soma_sigv4_update(md, work->names[i]) != SOMA_OK) {
            return SOMA_ERROR;
        }

        for (n = 0; ; n++) {
            rc = soma_sigv4_value(work, work->names[i], n, &value);

            if (rc != SOMA_OK) {
                break;
            }

            if (n == SOMA_SIGV4_VALUES_MAX
                || soma_sigv4_update(md, n == 0 ? SOMA_STR(":")
                                                : SOMA_STR(","))
                   != SOMA_OK
                || soma_sigv4_trimmed(md, value) != SOMA_OK)
            {
                return SOMA_ERROR;
            }
        }

        if (n == 0) {
            return SOMA_DECLINED;
        }

        if (soma_sigv4_update(md, SOMA_STR("\n")) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    return SOMA_OK;
}


static int
soma_sigv4_value(const soma_sigv4_work_t *work, soma_str_t name, unsigned n,
    soma_str_t *value)
{
    unsigned             i;
    const soma_sigv4_t  *sign;

    if (work->value != NULL) {
        return work->value(work->data, name, n, value);
    }

    sign = work->sign;

    for (i = 0; i < sign->nheaders; i++) {
        if (soma_str_eq(sign->headers[i].name, name) && n-- == 0) {
            *value = sign->headers[i].value;
            return SOMA_OK;
        }
    }

    if (n != 0) {
        return SOMA_DECLINED;
    }

    if (soma_str_is(name, "x-amz-date")) {
        *value = work->time;

    } else if (soma_str_is(name, "x-amz-security-token")) {
        *value = sign->token;

    } else if (soma_str_is(name, "x-amz-content-sha256")) {
        *value = work->payload;

    } else {
        return SOMA_DECLINED;
    }

    return SOMA_OK;
}


/* blanks in a row are one */

static int
soma_sigv4_trimmed(EVP_MD_CTX *md, soma_str_t value)
{
    size_t      i, start;
    soma_str_t  run;

    value = soma_str_trim(value);

    for (i = 0, start = 0; i <= value.len && value.len != 0; i++) {

        if (i < value.len
            && (i == 0 || value.data[i] != ' ' || value.data[i - 1] != ' '))
        {
            continue;
        }

        run.data = value.data + start;
        run.len = i - start;
        start = i + 1;

        if (soma_sigv4_update(md, run) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    return SOMA_OK;
}


/* the key of that day, region and service */

static int
soma_sigv4_key(const soma_sigv4_work_t *work, unsigned char *key)
{
    int             rc;
    size_t          len;
    unsigned        i;
    soma_str_t      words[4], secret;
    unsigned char   first[SOMA_SIGV4_SECRET_MAX + 4];

    secret = work->sign->secret;

    if (secret.len > SOMA_SIGV4_SECRET_MAX) {
        return SOMA_ERROR;
    }

    memcpy(first, "AWS4", 4);

    if (secret.len != 0) {
        memcpy(first + 4, secret.data, secret.len);
    }

    words[0].data = work->time.data;
    words[0].len = SOMA_SIGV4_DAY;
    words[1] = work->region;
    words[2] = work->service;
    words[3] = SOMA_STR("aws4_request");

    len = secret.len + 4;

    rc = soma_sigv4_hmac(first, len, words[0], key);
    OPENSSL_cleanse(first, sizeof(first));

    for (i = 1; rc == SOMA_OK && i < 4; i++) {
        rc = soma_sigv4_hmac(key, SOMA_SIGV4_HASH, words[i], key);
    }

    return rc;
}


/* mac may be the key */

static int
soma_sigv4_hmac(const unsigned char *key, size_t len, soma_str_t text,
    unsigned char *mac)
{
    int             rc;
    unsigned        n;
    unsigned char   out[SOMA_SIGV4_HASH];

    n = 0;

    rc = (HMAC(EVP_sha256(), key, (int) len, text.data, text.len, out, &n)
          != NULL && n == SOMA_SIGV4_HASH)
         ? SOMA_OK : SOMA_ERROR;

    if (rc == SOMA_OK) {
        memcpy(mac, out, SOMA_SIGV4_HASH);
    }

    OPENSSL_cleanse(out, sizeof(out));

    return rc;
}
