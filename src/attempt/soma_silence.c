
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_silence.h"


static int64_t soma_wait_min(int64_t a, int64_t b);


int64_t
soma_silence(const soma_wait_t *wait, soma_wait_e state, int64_t elapsed)
{
    int64_t  ms;

    ms = wait->total - elapsed;

    switch (state) {

    case SOMA_WAIT_FIRST:
        ms = soma_wait_min(ms, wait->first_token);
        break;

    case SOMA_WAIT_TEXT:
        ms = soma_wait_min(ms, wait->idle);
        break;

    case SOMA_WAIT_BODY:
        ms = soma_wait_min(ms, wait->idle);

        /* fall through */

    case SOMA_WAIT_PLAIN:
        ms = soma_wait_min(ms, wait->answer - elapsed);
        break;
    }

    return ms > 1 ? ms : 1;
}


static int64_t
soma_wait_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}
