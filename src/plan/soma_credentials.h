
/*
 * Copyright (C) The ngx_soma authors
 *
 * Credentials of clouds as they are kept and handed out: AWS's shared file
 * and what its instances say, Google's service accounts and tokens (RFC 7523
 * and OAuth 2.0).  Times are ms UTC.
 */


#ifndef SOMA_CREDENTIALS_H
#define SOMA_CREDENTIALS_H


#include "soma_base.h"


#define SOMA_CREDENTIALS_TOKEN_MAX   8192       /* bytes of a token */
#define SOMA_CREDENTIALS_ASSERT_MAX  4096       /* of an assertion */
#define SOMA_CREDENTIALS_LIFE        3600       /* s that one is asked for */


/* strings lie in the text that was read, or in the arena */
typedef struct {
    soma_str_t   id;            /* AWS: of the access key */
    soma_str_t   secret;
    soma_str_t   token;         /* AWS: of the session; Google: the token */
    int64_t      expires;       /* 0: not said */
} soma_credentials_t;


typedef struct {
    soma_str_t   email;
    soma_str_t   key;           /* PEM */
    soma_str_t   key_id;
    soma_str_t   token_uri;
} soma_credentials_account_t;


/* "[PROFILE]" of a file as ~/.aws/credentials: SOMA_OK, or SOMA_DECLINED: it
 * has no such profile, or no key in it */
int soma_credentials_file(soma_str_t text, soma_str_t profile,
    soma_credentials_t *credentials);

/* what an instance, or a container, says of its role, as JSON */
int soma_credentials_role(soma_arena_t *arena, soma_str_t text,
    soma_credentials_t *credentials);

/* a service account's JSON file */
int soma_credentials_account(soma_arena_t *arena, soma_str_t text,
    soma_credentials_account_t *account);

/* the body of a request for a token: a form with a signed assertion.  SOMA_OK;
 * SOMA_DECLINED: the key cannot be used; SOMA_ERROR: no memory */
int soma_credentials_grant(soma_arena_t *arena,
    const soma_credentials_account_t *account, int64_t now, soma_str_t *form);

/* the answer to it, or of an instance: access_token and expires_in */
int soma_credentials_token(soma_arena_t *arena, soma_str_t text, int64_t now,
    soma_credentials_t *credentials);


#endif /* SOMA_CREDENTIALS_H */
