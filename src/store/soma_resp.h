
/*
 * Copyright (C) The ngx_soma authors
 *
 * A command as Redis reads it: RESP 2, an array of bulk strings.  From the
 * Redis serialization protocol specification.
 *
 * hiredis would write it too, through the format of a string for each
 * argument, of which a shipment has hundreds.
 */


#ifndef SOMA_RESP_H
#define SOMA_RESP_H


#include "soma_base.h"


#define SOMA_RESP_HEAD  (1 + SOMA_INT_LEN + 2)      /* bytes at most */


/* bytes at most of the arguments' text */
size_t soma_resp_size(int argc, const size_t *argvlen);

/* "*3\r\n", before so many arguments; where it ends */
unsigned char *soma_resp_array(unsigned char *p, size_t argc);

/* each with its length before it; where they end */
unsigned char *soma_resp_args(unsigned char *p, int argc,
    const char *const *argv, const size_t *argvlen);


#endif /* SOMA_RESP_H */
