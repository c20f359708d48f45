
/*
 * Copyright (C) The ngx_soma authors
 *
 * Times, durations, numbers and hexadecimal digits as others write them; and a
 * time zone's file when the first byte is a T.
 */


#include <stdlib.h>

#include "soma_tz.h"
#include "soma_arena_malloc.h"


#define DAY  ((int64_t) 24 * 3600 * 1000)


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
need(int cond)
{
    if (!cond) {
        abort();
    }
}


static void
zone(soma_str_t file)
{
    int64_t        ms, utc;
    unsigned       i;
    soma_tz_t      tz;
    soma_arena_t  *arena;

    arena = soma_test_arena();
    memset(&tz, 0, sizeof(tz));

    if (soma_tz_read(&tz, arena, file) == SOMA_OK) {
        need(tz.n <= SOMA_TZ_CHANGES_MAX);

        for (i = 1; i < tz.n; i++) {
            need(tz.change[i - 1].at < tz.change[i].at);
        }

        for (ms = 0; ms < 4000 * DAY; ms += 97 * DAY + 12345) {
            need(llabs(soma_tz_local(&tz, ms) - ms) <= 2 * DAY);
            utc = soma_tz_utc(&tz, ms);
            need(llabs(utc - ms) <= 3 * DAY);
        }
    }

    soma_test_arena_free(arena);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t        n, back;
    unsigned       local;
    soma_out_t     out;
    soma_str_t     text;
    unsigned char  buf[512];

    text.data = (unsigned char *) (uintptr_t) data;
    text.len = size;

    if (size && data[0] == 'T') {
        zone(text);
    }

    if (soma_time_parse(text, &n) == SOMA_OK
        && soma_time_parse_local(text, &back, &local) == SOMA_OK)
    {
        need(n == back);

        if (n >= 0) {
            soma_put_init(&out, buf, sizeof(buf));
            soma_put_time(&out, n);
            text.data = buf;
            text.len = (size_t) (out.pos - out.start);
            need(soma_time_parse(text, &back) == SOMA_OK && back == n);
        }
    }

    text.data = (unsigned char *) (uintptr_t) data;
    text.len = size;

    if (soma_number_duration(text, &n) == SOMA_OK) {
        need(n >= 0);
    }

    if (soma_number_int(text, &n) == SOMA_OK) {
        need(n >= 0);
        soma_put_init(&out, buf, sizeof(buf));
        soma_put_int(&out, n);
        text.data = buf;
        text.len = (size_t) (out.pos - out.start);
        need(soma_number_int(text, &back) == SOMA_OK && back == n);
    }

    text.data = (unsigned char *) (uintptr_t) data;
    text.len = size;

    if (soma_number_decimal(text, 9, &n) == SOMA_OK) {
        need(n >= 0);
    }

    (void) soma_str_hex(text, buf, size / 2 < sizeof(buf) ? size / 2 : 0);

    /* the log: nothing in it is bare */

    soma_put_init(&out, buf, sizeof(buf));
    soma_put_log(&out, text, 1);

    for (n = 0; n < out.pos - out.start; n++) {
        need(buf[n] >= 0x20 && buf[n] < 0x7f && buf[n] != '"');
    }

    return 0;
}
