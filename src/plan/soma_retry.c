
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_retry.h"


#define SOMA_STATUS_LOW    400      /* what retry_on may name */
#define SOMA_STATUS_HIGH   599


int
soma_retry_parse(soma_retry_t *retry, soma_str_t word)
{
    int64_t     status;
    soma_str_t  number;

    if (soma_str_is(word, "error")) {
        retry->error = 1;
        return SOMA_OK;
    }

    if (soma_str_is(word, "timeout")) {
        retry->timeout = 1;
        return SOMA_OK;
    }

    if (soma_str_is(word, "http_5xx")) {
        retry->http_5xx = 1;
        return SOMA_OK;
    }

    if (soma_str_is(word, "http_4xx")) {
        retry->http_4xx = 1;
        return SOMA_OK;
    }

    if (word.len != sizeof("http_NNN") - 1
        || memcmp(word.data, "http_", sizeof("http_") - 1) != 0)
    {
        return SOMA_ERROR;
    }

    number.data = word.data + sizeof("http_") - 1;
    number.len = word.len - (sizeof("http_") - 1);

    if (soma_number_int(number, &status) != SOMA_OK
        || status < SOMA_STATUS_LOW
        || status > SOMA_STATUS_HIGH)
    {
        return SOMA_ERROR;
    }

    if (soma_retry_status(retry, (int) status)) {
        return SOMA_OK;
    }

    if (retry->nstatus == SOMA_RETRY_STATUS_MAX) {
        return SOMA_DECLINED;
    }

    retry->status[retry->nstatus++] = (uint16_t) status;

    return SOMA_OK;
}


int
soma_retry_status(const soma_retry_t *retry, int status)
{
    unsigned  i;

    if (retry->http_5xx && status >= 500 && status <= SOMA_STATUS_HIGH) {
        return 1;
    }

    if (retry->http_4xx && status >= SOMA_STATUS_LOW && status < 500) {
        return 1;
    }

    for (i = 0; i < retry->nstatus; i++) {
        if (retry->status[i] == status) {
            return 1;
        }
    }

    return 0;
}


soma_fail_e
soma_retry_fail(int status)
{
    switch (status) {

    case 204:
    case 205:
        return SOMA_FAIL_ANSWER;

    case 401:
    case 402:
    case 403:
    case 407:
        return SOMA_FAIL_AUTH;
    }

    if (status >= 200 && status < 300) {
        return SOMA_FAIL_NONE;
    }

    return (status >= SOMA_STATUS_LOW && status <= SOMA_STATUS_HIGH)
           ? SOMA_FAIL_STATUS : SOMA_FAIL_ANSWER;
}


int
soma_retry_left(const soma_retry_facts_t *facts)
{
    return facts->left != 0 && !facts->gone;
}


int
soma_retry_may(const soma_retry_facts_t *facts)
{
    const soma_retry_t  *retry;

    if (!soma_retry_left(facts)) {
        return 0;
    }

    retry = facts->retry;

    switch (facts->fail) {

    case SOMA_FAIL_SLOW:
    case SOMA_FAIL_TIMEOUT:
        return retry->timeout;

    case SOMA_FAIL_STATUS:
        return soma_retry_status(retry, facts->status);

    case SOMA_FAIL_AUTH:
        return 1;

    case SOMA_FAIL_CONNECT:
    case SOMA_FAIL_LOST:
    case SOMA_FAIL_ANSWER:
        return retry->error;

    case SOMA_FAIL_NONE:
        break;
    }

    return 0;
}


int
soma_retry_early(const soma_retry_facts_t *facts)
{
    switch (facts->fail) {

    case SOMA_FAIL_ANSWER:
        return 1;

    case SOMA_FAIL_AUTH:
        return facts->status != 403
               || (soma_retry_left(facts)
                   && soma_retry_status(facts->retry, facts->status));

    default:
        return soma_retry_may(facts);
    }
}


/*
 * A refused connection and a refused key have nothing to do with what was
 * asked.  All else can be made by a request: a prompt that the provider's
 * server dies of, one so long that no answer comes in time, one that alone
 * passes a rate, one that a 403 turns away for what it says.
 */

soma_evidence_e
soma_retry_evidence(soma_fail_e fail, int status)
{
    switch (fail) {

    case SOMA_FAIL_CONNECT:
    case SOMA_FAIL_SLOW:
        return SOMA_EVIDENCE_ALL;

    case SOMA_FAIL_AUTH:
        return (status == 403) ? SOMA_EVIDENCE_TENANT : SOMA_EVIDENCE_ALL;

    case SOMA_FAIL_STATUS:
        return (status == 408 || status == 429 || status >= 500)
               ? SOMA_EVIDENCE_TENANT : SOMA_EVIDENCE_NONE;

    case SOMA_FAIL_LOST:
    case SOMA_FAIL_TIMEOUT:
    case SOMA_FAIL_ANSWER:
        return SOMA_EVIDENCE_TENANT;

    case SOMA_FAIL_NONE:
        break;
    }

    return SOMA_EVIDENCE_NONE;
}
