
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_jwt_der.h"


size_t
soma_jwt_der_head_len(size_t len)
{
    return (len < 0x80) ? 2 : (len < 0x100) ? 3 : 4;
}


void
soma_jwt_der_head(soma_out_t *out, int tag, size_t len)
{
    soma_put_char(out, tag);

    if (len >= 0x100) {
        soma_put_char(out, 0x82);
        soma_put_char(out, (int) (len >> 8));

    } else if (len >= 0x80) {
        soma_put_char(out, 0x81);
    }

    soma_put_char(out, (int) (len & 0xff));
}


soma_str_t
soma_jwt_der_trim(soma_str_t n)
{
    while (n.len != 0 && n.data[0] == 0) {
        n.data++;
        n.len--;
    }

    return n;
}


size_t
soma_jwt_der_integer_len(soma_str_t n)
{
    size_t  len;

    len = n.len + (n.len == 0 || (n.data[0] & 0x80) != 0);

    return soma_jwt_der_head_len(len) + len;
}


void
soma_jwt_der_integer(soma_out_t *out, soma_str_t n)
{
    int  zero;

    zero = (n.len == 0 || (n.data[0] & 0x80) != 0);

    soma_jwt_der_head(out, SOMA_DER_INTEGER, n.len + (size_t) zero);

    if (zero) {
        soma_put_char(out, 0);
    }

    soma_put_str(out, n);
}
