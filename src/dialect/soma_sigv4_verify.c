
/*
 * Copyright (C) The ngx_soma authors
 *
 * A client's signed request: what its Authorization line says, and whether
 * that is true.
 */


#include <openssl/crypto.h>

#include "soma_sigv4.h"


#define SOMA_SIGV4_SCHEME     "AWS4-HMAC-SHA256"
#define SOMA_SIGV4_UNSIGNED   "UNSIGNED-PAYLOAD"
#define SOMA_SIGV4_WORD_MAX   128       /* bytes of a part of the scope */
#define SOMA_SIGV4_NAMES_MAX  2048      /* of the list of signed headers */


static int soma_sigv4_scope(soma_str_t text, soma_sigv4_line_t *line);
static unsigned soma_sigv4_word(soma_str_t s, size_t max);
static int soma_sigv4_split(soma_str_t list, soma_sigv4_work_t *work);
static int soma_sigv4_when(soma_str_t time, int64_t *ms);
static soma_sigv4_e soma_sigv4_timed(const soma_sigv4_line_t *line,
    const soma_sigv4_t *request, soma_sigv4_work_t *work);
static soma_sigv4_e soma_sigv4_hashed(const soma_sigv4_t *request,
    soma_sigv4_work_t *work, unsigned char *hash);


/*
 *     AWS4-HMAC-SHA256 Credential=ID/DAY/REGION/SERVICE/aws4_request,
 *         SignedHeaders=NAME;NAME, Signature=HEX
 *
 * in any order, with blanks or none behind the commas.
 */

int
soma_sigv4_parse(soma_str_t value, soma_sigv4_line_t *line)
{
    size_t          i, k, len, start;
    soma_str_t      part, *to, credential;
    unsigned char  *equals;

    static const char *const  names[] = {
        "Credential", "SignedHeaders", "Signature"
    };

    memset(line, 0, sizeof(soma_sigv4_line_t));
    memset(&credential, 0, sizeof(soma_str_t));

    len = sizeof(SOMA_SIGV4_SCHEME) - 1;
    value = soma_str_trim(value);

    if (value.len <= len
        || memcmp(value.data, SOMA_SIGV4_SCHEME, len) != 0
        || (value.data[len] != ' ' && value.data[len] != '\t'))
    {
        return SOMA_DECLINED;
    }

    for (i = len, start = len; i <= value.len; i++) {

        if (i < value.len && value.data[i] != ',') {
            continue;
        }

        part.data = value.data + start;
        part.len = i - start;
        part = soma_str_trim(part);
        start = i + 1;

        equals = (part.len != 0) ? memchr(part.data, '=', part.len) : NULL;

        if (equals == NULL) {
            return SOMA_ERROR;
        }

        len = (size_t) (equals - part.data);
        to = NULL;

        for (k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
            if (len == strlen(names[k])
                && memcmp(part.data, names[k], len) == 0)
            {
                to = (k == 0) ? &credential
                     : (k == 1) ? &line->names : &line->signature;
            }
        }

        if (to == NULL || to->data != NULL) {
            return SOMA_ERROR;
        }

        to->data = equals + 1;
        to->len = part.len - len - 1;
    }

    if (line->names.len == 0 || line->names.len > SOMA_SIGV4_NAMES_MAX
        || line->signature.len != SOMA_SIGV4_HEX)
    {
        return SOMA_ERROR;
    }

    for (i = 0; i < SOMA_SIGV4_HEX; i++) {
        if (strchr("0123456789abcdef", line->signature.data[i]) == NULL
            || line->signature.data[i] == '\0')
        {
            return SOMA_ERROR;
        }
    }

    return soma_sigv4_scope(credential, line);
}


/* an id may have slashes in it, though none of AWS's has */

static int
soma_sigv4_scope(soma_str_t text, soma_sigv4_line_t *line)
{
    size_t       i, end;
    unsigned     n;
    soma_str_t  *to, last;

    to = &last;
    end = text.len;
    n = 0;

    for (i = text.len; i > 0 && n < 4; i--) {

        if (text.data[i - 1] != '/') {
            continue;
        }

        to->data = text.data + i;
        to->len = end - i;
        end = i - 1;
        n++;

        to = (n == 1) ? &line->service
             : (n == 2) ? &line->region : &line->date;
    }

    line->id.data = text.data;
    line->id.len = end;

    if (n != 4 || !soma_str_is(last, "aws4_request")
        || line->date.len != 8
        || !soma_sigv4_word(line->id, SOMA_SIGV4_WORD_MAX)
        || !soma_sigv4_word(line->date, 8)
        || !soma_sigv4_word(line->region, SOMA_SIGV4_WORD_MAX)
        || !soma_sigv4_word(line->service, SOMA_SIGV4_WORD_MAX))
    {
        return SOMA_ERROR;
    }

    return SOMA_OK;
}


/* whether it is of visible letters, some but not more than max */

static unsigned
soma_sigv4_word(soma_str_t s, size_t max)
{
    size_t  i;

    for (i = 0; i < s.len && s.data[i] > ' ' && s.data[i] < 0x7f; i++) {
        /* void */
    }

    return s.len != 0 && s.len <= max && i == s.len;
}


soma_sigv4_e
soma_sigv4_verify(const soma_sigv4_line_t *line, const soma_sigv4_t *request,
    soma_sigv4_value_pt value, void *data)
{
    int                rc;
    soma_sigv4_e       verdict;
    soma_sigv4_work_t  work;
    unsigned char      hash[SOMA_SIGV4_HEX], signature[SOMA_SIGV4_HEX];

    memset(&work, 0, sizeof(soma_sigv4_work_t));

    work.sign = request;
    work.value = value;
    work.data = data;
    work.region = line->region;
    work.service = line->service;

    if ((request->region.len != 0
         && !soma_str_eq(request->region, line->region))
        || (request->service.len != 0
            && !soma_str_eq(request->service, line->service)))
    {
        return SOMA_SIGV4_SCOPE;
    }

    if (soma_sigv4_split(line->names, &work) != SOMA_OK) {
        return SOMA_SIGV4_HEADERS;
    }

    verdict = soma_sigv4_timed(line, request, &work);

    if (verdict == SOMA_SIGV4_GOOD) {
        verdict = soma_sigv4_hashed(request, &work, hash);
    }

    if (verdict != SOMA_SIGV4_GOOD) {
        return verdict;
    }

    rc = soma_sigv4_signature(&work, signature);

    if (rc != SOMA_OK) {
        return (rc == SOMA_DECLINED) ? SOMA_SIGV4_HEADERS : SOMA_SIGV4_FAILED;
    }

    rc = CRYPTO_memcmp(signature, line->signature.data, SOMA_SIGV4_HEX);
    OPENSSL_cleanse(signature, sizeof(signature));

    return (rc == 0) ? SOMA_SIGV4_GOOD : SOMA_SIGV4_WRONG;
}


/* the names as they were signed; one of them must be the host's */

static int
soma_sigv4_split(soma_str_t list, soma_sigv4_work_t *work)
{
    size_t      i, start;
    unsigned    host;
    soma_str_t  name;

    host = 0;

    for (i = 0, start = 0; i <= list.len; i++) {

        if (i < list.len && list.data[i] != ';') {

            if (list.data[i] <= ' '
                || (list.data[i] >= 'A' && list.data[i] <= 'Z'))
            {
                return SOMA_DECLINED;
            }

            continue;
        }

        name.data = list.data + start;
        name.len = i - start;
        start = i + 1;

        if (name.len == 0 || work->nnames == SOMA_SIGV4_HEADERS_MAX) {
            return SOMA_DECLINED;
        }

        host |= soma_str_is(name, "host") || soma_str_is(name, ":authority");

        work->names[work->nnames++] = name;
    }

    return host ? SOMA_OK : SOMA_DECLINED;
}


static soma_sigv4_e
soma_sigv4_timed(const soma_sigv4_line_t *line, const soma_sigv4_t *request,
    soma_sigv4_work_t *work)
{
    int64_t     then;
    soma_str_t  time, more;

    if (work->value(work->data, SOMA_STR("x-amz-date"), 0, &time) != SOMA_OK
        || work->value(work->data, SOMA_STR("x-amz-date"), 1, &more)
           == SOMA_OK)
    {
        return SOMA_SIGV4_HEADERS;
    }

    time = soma_str_trim(time);

    if (soma_sigv4_when(time, &then) != SOMA_OK) {
        return SOMA_SIGV4_LATE;
    }

    work->time = time;

    if (memcmp(time.data, line->date.data, line->date.len) != 0) {
        return SOMA_SIGV4_SCOPE;
    }

    return (then - request->now > SOMA_SIGV4_SKEW
            || request->now - then > SOMA_SIGV4_SKEW)
           ? SOMA_SIGV4_LATE : SOMA_SIGV4_GOOD;
}


/* 20150830T123600Z as 2015-08-30T12:36:00Z */

static int
soma_sigv4_when(soma_str_t time, int64_t *ms)
{
    size_t         i;
    soma_out_t     out;
    soma_str_t     text;
    unsigned char  buf[sizeof("2015-08-30T12:36:00Z")];

    if (time.len != SOMA_SIGV4_TIME) {
        return SOMA_DECLINED;
    }

    soma_put_init(&out, buf, sizeof(buf));

    for (i = 0; i < time.len; i++) {

        if (i == 4 || i == 6) {
            soma_put_char(&out, '-');

        } else if (i == 11 || i == 13) {
            soma_put_char(&out, ':');
        }

        soma_put_char(&out, time.data[i]);
    }

    text.data = buf;
    text.len = (size_t) (out.pos - buf);

    return soma_time_parse(text, ms);
}


/* what a client says of its body's hash has to be so, unless it says that the
 * body is not signed */

static soma_sigv4_e
soma_sigv4_hashed(const soma_sigv4_t *request, soma_sigv4_work_t *work,
    unsigned char *hash)
{
    soma_str_t  said;

    if (work->value(work->data, SOMA_STR("x-amz-content-sha256"), 0, &said)
        != SOMA_OK)
    {
        said.len = 0;
    }

    said = soma_str_trim(said);

    if (soma_str_is(said, SOMA_SIGV4_UNSIGNED)) {
        work->payload = said;
        return SOMA_SIGV4_GOOD;
    }

    if (soma_sigv4_payload(request, hash) != SOMA_OK) {
        return SOMA_SIGV4_FAILED;
    }

    work->payload.data = hash;
    work->payload.len = SOMA_SIGV4_HEX;

    return (said.len == 0 || soma_str_eq(said, work->payload))
           ? SOMA_SIGV4_GOOD : SOMA_SIGV4_PAYLOAD;
}
