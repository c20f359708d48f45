
/*
 * Copyright (C) The ngx_soma authors
 *
 * The little DER that keys and signatures of tokens are put into for OpenSSL,
 * private to soma_jw*.c.
 */


#ifndef SOMA_JWT_DER_H
#define SOMA_JWT_DER_H


#include "soma_base.h"


#define SOMA_JWT_P256_SIZE  32      /* of a coordinate, of r and s */

#define SOMA_DER_INTEGER    0x02
#define SOMA_DER_BITS       0x03
#define SOMA_DER_SEQUENCE   0x30


/* a value's tag and length, and how many bytes they take; shorter than 64k */
void soma_jwt_der_head(soma_out_t *out, int tag, size_t len);
size_t soma_jwt_der_head_len(size_t len);

/* a number that is not negative, without leading zeros as trim leaves it */
soma_str_t soma_jwt_der_trim(soma_str_t n);
size_t soma_jwt_der_integer_len(soma_str_t n);
void soma_jwt_der_integer(soma_out_t *out, soma_str_t n);


#endif /* SOMA_JWT_DER_H */
