
/*
 * Copyright (C) The ngx_soma authors
 */


#include <string.h>
#include "soma_resp.h"


static unsigned char *soma_resp_head(unsigned char *p, unsigned char kind,
    size_t n);


size_t
soma_resp_size(int argc, const size_t *argvlen)
{
    int     i;
    size_t  size;

    size = (size_t) argc * (SOMA_RESP_HEAD + 2);

    for (i = 0; i < argc; i++) {
        size += argvlen[i];
    }

    return size;
}


unsigned char *
soma_resp_array(unsigned char *p, size_t argc)
{
    return soma_resp_head(p, '*', argc);
}


unsigned char *
soma_resp_args(unsigned char *p, int argc, const char *const *argv,
    const size_t *argvlen)
{
    int  i;

    for (i = 0; i < argc; i++) {
        p = soma_resp_head(p, '$', argvlen[i]);

        memcpy(p, argv[i], argvlen[i]);
        p += argvlen[i];

        *p++ = '\r';
        *p++ = '\n';
    }

    return p;
}


static unsigned char *
soma_resp_head(unsigned char *p, unsigned char kind, size_t n)
{
    *p++ = kind;
    p += soma_put_int_text(p, (int64_t) n);
    *p++ = '\r';
    *p++ = '\n';

    return p;
}
