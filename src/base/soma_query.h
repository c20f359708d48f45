
/*
 * Copyright (C) The ngx_soma authors
 *
 * The arguments of a request's query that a provider gets.  Some read a model
 * or a key there before they look at the body.
 */


#ifndef SOMA_QUERY_H
#define SOMA_QUERY_H


#include "soma_base.h"


#define SOMA_QUERY_VALUE_MAX  256


/*
 * Those of "names" (the last one empty, at most 64), as they are spelt there,
 * the first of each, where the value is plain letters, digits and "-._~,".
 * "out" has room for args.len bytes; returns how many were written.
 */
size_t soma_query_pass(soma_str_t args, const soma_str_t *names,
    unsigned char *out);


#endif /* SOMA_QUERY_H */
