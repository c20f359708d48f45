
/*
 * Copyright (C) The ngx_soma authors
 *
 * The first line is a text of limits, or a number in one of its spellings;
 * what comes behind it drives the states of the limits it made.
 */


#include <stdlib.h>

#include "soma_quota.h"


#define STEP  25        /* bytes of one step: what to do, time, two amounts */


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
need(int cond)
{
    if (!cond) {
        abort();
    }
}


static void
fuzz_numbers(soma_str_t text)
{
    int64_t        n, again;
    soma_out_t     out;
    soma_str_t     back;
    unsigned char  buf[64];

    if (soma_number_int(text, &n) == SOMA_OK) {
        need(n >= 0);
        need(soma_number_decimal(text, 0, &again) == SOMA_OK && again == n);
    }

    if (soma_number_decimal(text, 12, &n) == SOMA_OK) {
        need(n >= 0);
    }

    if (soma_number_duration(text, &n) == SOMA_OK) {
        need(n >= 0);
    }

    back.data = buf;

    if (soma_number_decimal(text, 9, &n) == SOMA_OK) {
        soma_put_init(&out, buf, sizeof(buf));
        soma_put_usd(&out, n);
        back.len = (size_t) (out.pos - buf);

        need(!out.full);
        need(soma_number_decimal(back, 9, &again) == SOMA_OK && again == n);
    }

    if (soma_time_parse(text, &n) == SOMA_OK) {
        soma_put_init(&out, buf, sizeof(buf));
        soma_put_time(&out, n);
        back.len = (size_t) (out.pos - buf);

        need(!out.full);
        need(soma_time_parse(back, &again) == SOMA_OK && again == n);
    }
}


static void
fuzz_step(const soma_limit_t *limit, soma_quota_t *quota, const uint8_t *p)
{
    int             rc;
    int64_t         now, a, b, window;
    soma_quota_t    copy;
    soma_verdict_t  v;

    memcpy(&now, p + 1, 8);
    memcpy(&a, p + 9, 8);
    memcpy(&b, p + 17, 8);

    rc = soma_quota_check(limit, quota, now, a, &v);

    need(v.remaining >= 0 && v.remaining <= limit->limit);
    need(v.reset_ms >= 0);
    need(rc == SOMA_OK ? v.retry_ms == 0
                       : v.retry_ms > 0 || v.retry_ms == -1);

    if (rc != SOMA_OK && v.retry_ms == -1) {
        need(a > limit->limit);
    }

    /* what it promises holds, where time has an end and slots have none */
    if (rc != SOMA_OK && v.retry_ms > 0 && limit->window != SOMA_WINDOW_NONE
        && now > 0 && now < 253402300799999 - v.retry_ms)
    {
        copy = *quota;
        need(soma_quota_check(limit, &copy, now + v.retry_ms, a, &v)
             == SOMA_OK);
    }

    window = quota->since;

    if (rc == SOMA_OK || p[0] & 1) {
        window = soma_quota_take(limit, quota, a);
    }

    if (p[0] & 2) {
        soma_quota_settle(limit, quota, now, window, a, b);
    }

    need(quota->level >= -SOMA_QUOTA_DEBT_MAX);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned        i, n;
    const char     *error;
    soma_str_t      text;
    soma_limit_t    limit[SOMA_LIMITS_MAX];
    soma_quota_t    quota[SOMA_LIMITS_MAX];
    const uint8_t  *line;

    line = size ? memchr(data, '\n', size) : NULL;

    text.data = (unsigned char *) (uintptr_t) data;
    text.len = (line != NULL) ? (size_t) (line - data) : size;

    fuzz_numbers(text);

    error = NULL;

    if (soma_limit_list_parse(limit, SOMA_LIMITS_MAX, &n, text, SOMA_SCOPE_KEY,
                              &error)
        != SOMA_OK)
    {
        need(error != NULL);
        return 0;
    }

    for (i = 0; i < n; i++) {
        need(limit[i].limit > 0 && limit[i].limit <= SOMA_LIMIT_MAX);
        need((limit[i].window == SOMA_WINDOW_NONE)
             == (limit[i].amount == SOMA_CONCURRENCY));
    }

    if (line == NULL || n == 0) {
        return 0;
    }

    memset(quota, 0, sizeof(quota));
    size -= text.len + 1;
    data = line + 1;

    for (i = 0; size >= STEP; i++) {
        fuzz_step(&limit[i % n], &quota[i % n], data);
        data += STEP;
        size -= STEP;
    }

    return 0;
}
