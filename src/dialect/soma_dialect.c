
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_dialect.h"


#define SOMA_BYTES_A_TOKEN       4
#define SOMA_BYTES_A_TOKEN_MOST  16     /* of Hindi they are about 10 */
#define SOMA_BYTES_ONE_TOKEN     64     /* that a short text may be */


const soma_rate_names_t  soma_dialect_rate[SOMA_RATE_NAMES] = {
    { soma_string("x-ratelimit-limit-requests"),
      soma_string("x-ratelimit-remaining-requests"),
      soma_string("x-ratelimit-reset-requests") },
    { soma_string("x-ratelimit-limit-tokens"),
      soma_string("x-ratelimit-remaining-tokens"),
      soma_string("x-ratelimit-reset-tokens") },
    { soma_string("x-ratelimit-limit-cost"),
      soma_string("x-ratelimit-remaining-cost"),
      soma_string("x-ratelimit-reset-cost") }
};


static const soma_dialect_t  *soma_dialects[] = {
    &soma_openai,
    &soma_openai_chat,
    &soma_openai_responses,
    &soma_anthropic,
    &soma_ollama,
    &soma_gemini,
    &soma_gemini_raw,
    &soma_bedrock,
    &soma_cohere,
    &soma_echo
};


const soma_dialect_t *
soma_dialect_find(soma_str_t name, const char **names)
{
    size_t  i;

    if (names != NULL) {
        *names = "openai, openai-chat, openai-responses, "
                 "anthropic, ollama, gemini, bedrock, cohere, echo";
    }

    for (i = 0; i < sizeof(soma_dialects) / sizeof(soma_dialects[0]); i++) {
        if (soma_str_eq(name, soma_dialects[i]->name)) {
            return soma_dialects[i];
        }
    }

    return NULL;
}


const soma_dialect_t *
soma_dialect_client(soma_url_t *url, soma_arena_t *arena)
{
    size_t  i;

    url->surface = NULL;
    url->id = (soma_str_t) soma_str_null;
    url->model = (soma_str_t) soma_str_null;

    for (i = 0; i < sizeof(soma_dialects) / sizeof(soma_dialects[0]); i++) {

        if (soma_dialects[i]->surface != NULL
            && soma_dialects[i]->surface(url, arena) == SOMA_OK)
        {
            return soma_dialects[i];
        }
    }

    return soma_dialects[0];
}


soma_str_t
soma_dialect_below(soma_str_t path, const char *segment)
{
    size_t      i, len;
    soma_str_t  below;

    below.len = 0;
    below.data = NULL;
    len = strlen(segment);

    for (i = 0; i + len <= path.len; i++) {
        if (memcmp(path.data + i, segment, len) == 0) {
            below.data = path.data + i + len - 1;
            below.len = path.len - i - len + 1;
        }
    }

    return below;
}


int
soma_dialect_unescape(soma_arena_t *arena, soma_str_t s, soma_str_t *to)
{
    size_t          i;
    unsigned char  *p;

    *to = s;

    if (s.len == 0 || memchr(s.data, '%', s.len) == NULL) {
        return SOMA_OK;
    }

    p = arena->alloc(arena->data, s.len);
    if (p == NULL) {
        return SOMA_ERROR;
    }

    to->data = p;

    for (i = 0; i < s.len; i++) {

        if (s.data[i] != '%') {
            *p++ = s.data[i];
            continue;
        }

        if (s.len - i < 3
            || soma_str_hex((soma_str_t) { 2, s.data + i + 1 }, p, 1)
               != SOMA_OK
            || *p < ' ')
        {
            return SOMA_DECLINED;
        }

        p++;
        i += 2;
    }

    to->len = (size_t) (p - to->data);

    return SOMA_OK;
}


size_t
soma_dialect_escape(unsigned char *to, soma_str_t s)
{
    size_t          i;
    unsigned char   c, *p;

    static const char  digits[] = "0123456789ABCDEF";

    p = to;

    for (i = 0; i < s.len; i++) {
        c = s.data[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'
            || c == '~')
        {
            *p++ = c;
            continue;
        }

        *p++ = '%';
        *p++ = (unsigned char) digits[c >> 4];
        *p++ = (unsigned char) digits[c & 0xf];
    }

    return (size_t) (p - to);
}


int
soma_dialect_same(const soma_dialect_t *client, const soma_dialect_t *target,
    soma_api_e api)
{
    return client == target
           || (target->kin == client && target->kin_apis >> api & 1)
           || (client->kin == target && client->kin_apis >> api & 1);
}


int
soma_dialect_status(const soma_dialect_t *dialect, soma_fault_e fault)
{
    return dialect->fault_status ? dialect->fault_status(fault)
                                 : soma_dialect_fault_status(fault);
}


int
soma_dialect_fault_status(soma_fault_e fault)
{
    switch (fault) {

    case SOMA_FAULT_NONE:
        return 200;

    case SOMA_FAULT_BAD_REQUEST:
        return 400;

    case SOMA_FAULT_UNAUTHORIZED:
        return 401;

    case SOMA_FAULT_FORBIDDEN:
        return 403;

    case SOMA_FAULT_NO_MODEL:
    case SOMA_FAULT_NOT_FOUND:
        return 404;

    case SOMA_FAULT_METHOD:
        return 405;

    case SOMA_FAULT_CONFLICT:
        return 409;

    case SOMA_FAULT_TOO_LARGE:
        return 413;

    case SOMA_FAULT_MEDIA_TYPE:
        return 415;

    case SOMA_FAULT_UPGRADE:
        return 426;

    case SOMA_FAULT_LOCKED:
        return 423;

    case SOMA_FAULT_RATE:
    case SOMA_FAULT_QUOTA:
        return 429;

    case SOMA_FAULT_INTERNAL:
        return 500;

    case SOMA_FAULT_UPSTREAM:
        return 502;

    case SOMA_FAULT_UNAVAILABLE:
        return 503;

    case SOMA_FAULT_TIMEOUT:
        return 504;
    }

    return 500;
}


int64_t
soma_dialect_fault_retry(soma_fault_e fault, int64_t known)
{
    if (known > 0) {
        return known;
    }

    return (fault == SOMA_FAULT_UNAVAILABLE) ? SOMA_DIALECT_MOMENT : 0;
}


soma_fault_e
soma_dialect_fault_of(int status, int *client)
{
    *client = status;

    switch (status) {

    case 404:
        return SOMA_FAULT_NOT_FOUND;

    case 405:
        return SOMA_FAULT_METHOD;

    case 409:
        return SOMA_FAULT_CONFLICT;

    case 413:
        return SOMA_FAULT_TOO_LARGE;

    case 429:
        return SOMA_FAULT_RATE;

    /* the edge's own names for a server that is slow, Cloudflare's too */

    case 408:
    case 504:
    case 522:
    case 524:
    case 598:
    case 599:
        *client = 504;
        return SOMA_FAULT_TIMEOUT;

    case 503:
    case 529:
        *client = 503;
        return SOMA_FAULT_UNAVAILABLE;
    }

    if (status >= 400 && status < 500) {
        return SOMA_FAULT_BAD_REQUEST;
    }

    *client = 502;

    return SOMA_FAULT_UPSTREAM;
}


int64_t
soma_dialect_estimate_tokens(int64_t len)
{
    if (len <= 0) {
        return 0;
    }

    return len / SOMA_BYTES_A_TOKEN + (len % SOMA_BYTES_A_TOKEN != 0);
}


int64_t
soma_dialect_sure_tokens(int64_t len)
{
    return (len > SOMA_BYTES_ONE_TOKEN)
           ? (len - SOMA_BYTES_ONE_TOKEN) / SOMA_BYTES_A_TOKEN_MOST : 0;
}
