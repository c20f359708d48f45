
/*
 * Copyright (C) The ngx_soma authors
 *
 * What an administrator asks for: the JSON of a new or changed key or tenant,
 * read into the fields of its hash in Redis; the secret of a new key; and the
 * entries of the index soma:keys, by which keys are found and listed.
 */


#ifndef SOMA_CHANGE_H
#define SOMA_CHANGE_H


#include "soma_base.h"
#include "soma_key.h"


#define SOMA_CHANGE_BODY_MAX    8192    /* bytes of JSON */
#define SOMA_CHANGE_ERROR_MAX   320     /* holds every sentence */
#define SOMA_CHANGE_TEXT_MAX    2048    /* bytes of one list, joined */

#define SOMA_SECRET_RANDOM      32      /* bytes: 256 bits */
#define SOMA_SECRET_LEN         51      /* "sk-soma-" and base64url of them */
#define SOMA_SECRET_PREFIX      "sk-soma-"
#define SOMA_KEY_ID_LEN         16      /* hex digits of an id we make up */

#define SOMA_OVERLAP_MS         (3600 * (int64_t) 1000)     /* not said */
#define SOMA_OVERLAP_MAX_MS     (90 * 24 * 3600 * (int64_t) 1000)

#define SOMA_ENTRY_MAX          512     /* bytes of one of the index */


/* a field is a member of the JSON and of the hash, by the same name */
typedef enum {
    SOMA_FIELD_TENANT = 0,
    SOMA_FIELD_NAME,
    SOMA_FIELD_USER,
    SOMA_FIELD_CAPABILITIES,
    SOMA_FIELD_MODELS,
    SOMA_FIELD_LIMITS,
    SOMA_FIELD_TAGS,
    SOMA_FIELD_EXPIRES,
    SOMA_FIELD_OVERLAP,         /* of a rotation, in no hash */
    SOMA_FIELDS
} soma_field_e;

typedef enum {
    SOMA_CHANGE_KEY_NEW = 0,    /* all but overlap; tenant is required */
    SOMA_CHANGE_KEY,            /* null, and empty, remove a field */
    SOMA_CHANGE_KEY_ROTATE,     /* overlap */
    SOMA_CHANGE_TENANT_NEW,     /* name, limits, models, tags */
    SOMA_CHANGE_TENANT          /* null removes; empty: none, or all */
} soma_change_e;

typedef struct {
    soma_str_t  value[SOMA_FIELDS];     /* as the hash has it */
    unsigned    set;                    /* bits, 1 << field */
    unsigned    removed;
    int64_t     overlap;                /* ms */
} soma_change_t;


/*
 * models, limits and capabilities are arrays of strings or the one string
 * the configuration has ("A B", "requests 10/minute;cost 5/day",
 * "admin,usage"); expires is all that soma_key_identity_set() takes, as a
 * string or a number, and not past "now" (ms UTC); overlap as
 * soma_number_duration(), or a number of seconds.  No body at all is {}.
 * SOMA_ERROR: a sentence in "error", which names the member and what is
 * allowed.
 */
int soma_change_read(soma_change_t *change, soma_arena_t *arena,
    soma_str_t body, soma_change_e kind, int64_t now, soma_out_t *error);

const char *soma_change_field_name(soma_field_e field);

/* the identity after the change; SOMA_ERROR: all of it together is longer
 * than SOMA_IDENTITY_MAX */
int soma_change_apply(const soma_change_t *change, soma_identity_t *identity);

/* [A-Za-z0-9._-]{1,SOMA_TENANT_MAX}, not beginning with "." or "sk-": what
 * may stand in a path and is nobody's key */
int soma_change_id_valid(soma_str_t id);

/* sk-soma-...: SOMA_SECRET_LEN bytes */
void soma_change_secret(soma_out_t *out, const unsigned char *random);


/*
 * The index: a sorted set with two members for each key, all of score 0, so
 * that it is in the order of their bytes:
 *
 *     id <id> <tenant> <sha256 hex> <ms UTC when made>
 *     tenant <tenant> <id> <sha256 hex> <ms UTC>
 */
typedef struct {
    soma_str_t  id;
    soma_str_t  tenant;
    soma_str_t  hex;
    int64_t     created;
} soma_entry_t;

void soma_change_entry_by_id(soma_out_t *out, const soma_entry_t *entry);
void soma_change_entry_by_tenant(soma_out_t *out, const soma_entry_t *entry);

/* either of the two; strings point into text; SOMA_ERROR: none of ours */
int soma_change_entry_parse(soma_entry_t *entry, soma_str_t text);

/* where the next page begins, for people to hand back: tenant/id/hex digits;
 * and the lower bound (of ZRANGEBYLEX) that it stands for */
void soma_change_entry_cursor(soma_out_t *out, const soma_entry_t *entry);
int soma_change_entry_after(soma_out_t *out, soma_str_t cursor);


#endif /* SOMA_CHANGE_H */
