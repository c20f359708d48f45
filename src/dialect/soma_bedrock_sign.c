
/*
 * Copyright (C) The ngx_soma authors
 *
 * A request to Bedrock that a key's pair signs.  Host and time are signed
 * alone: what is between the gateway and AWS may add to the others.
 */


#include "soma_bedrock.h"
#include "soma_sigv4.h"


int
soma_bedrock_sign(soma_sign_t *sign, soma_out_t *out)
{
    soma_sigv4_t         request;
    soma_sigv4_header_t  host;

    memset(&request, 0, sizeof(soma_sigv4_t));

    host.name = SOMA_STR("host");
    host.value = sign->host;

    request.method = sign->method;
    request.path = sign->path;
    request.args = sign->args;
    request.body = sign->body;
    request.npieces = sign->npieces;
    request.now = sign->now;
    request.region = sign->region;
    request.service = SOMA_STR("bedrock");
    request.secret = sign->secret;
    request.id = sign->id;
    request.token = sign->token;
    request.headers = &host;
    request.nheaders = 1;

    return soma_sigv4_sign(&request, out);
}
