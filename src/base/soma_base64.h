
/*
 * Copyright (C) The ngx_soma authors
 *
 * Base64 (RFC 4648): written in the standard alphabet with its padding, read
 * as clients write it: either alphabet, with or without padding, with blanks.
 */


#ifndef SOMA_BASE64_H
#define SOMA_BASE64_H


#include "soma_base.h"


#define soma_base64_encoded_len(len)  (((len) + 2) / 3 * 4)
#define soma_base64_decoded_len(len)  (((len) + 3) / 4 * 3)


/* into soma_base64_encoded_len() bytes; returns how many */
size_t soma_base64_encode(unsigned char *to, soma_str_t from);

/* the URL's alphabet, no padding: what may stand in an id */
size_t soma_base64_encode_url(unsigned char *to, soma_str_t from);

/* into soma_base64_decoded_len() bytes, *len says how many: SOMA_OK or
 * SOMA_ERROR */
int soma_base64_decode(unsigned char *to, size_t *len, soma_str_t from);

/*
 * The standard form of it: *to is "from" itself where it is that already, as
 * a rule, and lies in the arena else.  SOMA_OK; SOMA_DECLINED: it is no
 * base64; SOMA_ERROR: no memory.
 */
int soma_base64_standard(soma_arena_t *arena, soma_str_t from,
    soma_str_t *to);


#endif /* SOMA_BASE64_H */
