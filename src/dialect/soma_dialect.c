
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_dialect.h"


#define SOMA_BYTES_A_TOKEN       4
#define SOMA_BYTES_A_TOKEN_MOST  16     /* of Hindi they are about 10 */
#define SOMA_BYTES_ONE_TOKEN     64     /* that a short text may be */


static const soma_dialect_t  *soma_dialects[] = {
    &soma_openai,
    &soma_anthropic,
    &soma_echo
};


const soma_dialect_t *
soma_dialect_find(soma_str_t name, const char **names)
{
    size_t  i;

    if (names != NULL) {
        *names = "openai, anthropic, echo";
    }

    for (i = 0; i < sizeof(soma_dialects) / sizeof(soma_dialects[0]); i++) {
        if (soma_str_eq(name, soma_dialects[i]->name)) {
            return soma_dialects[i];
        }
    }

    return NULL;
}


const soma_dialect_t *
soma_dialect_client(soma_str_t path, const soma_surface_t **surface,
    soma_str_t *id)
{
    size_t  i;

    for (i = 0; i < sizeof(soma_dialects) / sizeof(soma_dialects[0]); i++) {

        if (soma_dialects[i]->surface == NULL) {
            continue;
        }

        *surface = soma_dialects[i]->surface(path, id);

        if (*surface != NULL) {
            return soma_dialects[i];
        }
    }

    *surface = NULL;

    return soma_dialects[0];
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
