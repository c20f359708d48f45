
/*
 * Copyright (C) The ngx_soma authors
 *
 * What of a request a provider has to allow ("allow" of soma_provider),
 * whatever the dialect: members by which it would choose another model, key
 * or address than was checked, and things that it keeps for all tenants.
 */


#ifndef SOMA_POLICY_H
#define SOMA_POLICY_H


#include "soma_base.h"


/* why a member of a request that is none of those is not passed on */
typedef enum {
    SOMA_POLICY_ROUTE = 0,      /* it chooses model, key or address */
    SOMA_POLICY_BOUND,          /* it bounds an answer */
    SOMA_POLICY_TOOL            /* it has the provider search or fetch */
} soma_policy_e;

typedef struct {
    soma_str_t     name;        /* in small letters; constant, ends in \0 */
    soma_policy_e  why;
} soma_policy_t;


#define SOMA_POLICIES  99

extern const soma_policy_t  soma_policies[SOMA_POLICIES];

/* the index of a member's name among them, in any case; -1: none of them
 * (soma_json_other_pt) */
int soma_policy_find(const unsigned char *name, size_t len);


/* what a provider keeps, and a request may name */
typedef enum {
    SOMA_OBJECT_RESPONSE = 0,
    SOMA_OBJECT_CONVERSATION,
    SOMA_OBJECT_PROMPT,
    SOMA_OBJECT_FILE,
    SOMA_OBJECT_STORE,          /* of vectors */
    SOMA_OBJECT_CONTAINER,
    SOMA_OBJECT_ITEM,           /* of a response, by any id */
    SOMA_OBJECTS
} soma_object_e;

/* names by which a provider allows objects that nobody here was given */
extern const soma_str_t  soma_policy_objects[SOMA_OBJECTS];


#endif /* SOMA_POLICY_H */
