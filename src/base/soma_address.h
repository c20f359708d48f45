
/*
 * Copyright (C) The ngx_soma authors
 *
 * Which addresses are of the public internet (RFC 6890 and IANA's registries
 * of special addresses): a URL that a client names must not lead into the
 * network that the gateway stands in.
 */


#ifndef SOMA_ADDRESS_H
#define SOMA_ADDRESS_H


#include "soma_base.h"


/* p: 4 or 16 bytes in the network's order; any other length is not public */
int soma_address_public(const unsigned char *p, size_t len);


#endif /* SOMA_ADDRESS_H */
