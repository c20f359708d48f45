
/*
 * Copyright (C) The ngx_soma authors
 */


#include <yyjson.h>

#include "soma_change.h"
#include "soma_lock.h"
#include "soma_quota.h"
#include "soma_tenant.h"


#define SOMA_BIT(field)   (1u << (field))

#define SOMA_LISTS        (SOMA_BIT(SOMA_FIELD_MODELS)                        \
                           | SOMA_BIT(SOMA_FIELD_LIMITS))
#define SOMA_KEY_FIELDS   (SOMA_LISTS | SOMA_BIT(SOMA_FIELD_USER)             \
                           | SOMA_BIT(SOMA_FIELD_CAPABILITIES)                \
                           | SOMA_BIT(SOMA_FIELD_TAGS)                        \
                           | SOMA_BIT(SOMA_FIELD_EXPIRES))


static void *soma_change_malloc(void *ctx, size_t size);
static void *soma_change_realloc(void *ctx, void *old, size_t old_size,
    size_t size);
static void soma_change_free(void *ctx, void *p);
static int soma_change_members(soma_change_t *change, soma_arena_t *arena,
    yyjson_val *root, soma_change_e kind, int64_t now, soma_out_t *error);
static int soma_change_field(soma_str_t name);
static int soma_change_unknown(soma_str_t name, soma_change_e kind,
    soma_out_t *error);
static int soma_change_text(soma_str_t *text, soma_arena_t *arena,
    yyjson_val *value, soma_field_e field, soma_out_t *error);
static int soma_change_join(soma_str_t *text, soma_arena_t *arena,
    yyjson_val *array, soma_field_e field, soma_out_t *error);
static int soma_change_limits(soma_str_t *text, soma_arena_t *arena,
    soma_scope_e scope, soma_out_t *error);
static int soma_change_value(soma_change_t *change, soma_arena_t *arena,
    soma_field_e field, soma_change_e kind, int64_t now, soma_out_t *error);
static int soma_change_expires(soma_change_t *change, soma_arena_t *arena,
    int64_t now, soma_out_t *error);
static int soma_change_overlap(soma_change_t *change, soma_out_t *error);
static int soma_change_wrong(soma_out_t *error, soma_field_e field,
    const char *what);


static const char *const  soma_field_names[] = {
    "tenant", "name", "user", "capabilities", "models", "limits", "tags",
    "expires", "overlap"
};

/* what the hash has between the items of a list */
static const char  soma_field_separators[] = {
    0, 0, 0, ',', ' ', ';', 0, 0, 0
};

static const unsigned  soma_change_allowed[] = {
    SOMA_KEY_FIELDS | SOMA_BIT(SOMA_FIELD_TENANT) | SOMA_BIT(SOMA_FIELD_NAME),
    SOMA_KEY_FIELDS,
    SOMA_BIT(SOMA_FIELD_OVERLAP),
    SOMA_LISTS | SOMA_BIT(SOMA_FIELD_NAME) | SOMA_BIT(SOMA_FIELD_TAGS),
    SOMA_LISTS | SOMA_BIT(SOMA_FIELD_TAGS)
};


static void *
soma_change_malloc(void *ctx, size_t size)
{
    soma_arena_t  *arena;

    arena = ctx;

    return arena->alloc(arena->data, size);
}


static void *
soma_change_realloc(void *ctx, void *old, size_t old_size, size_t size)
{
    void  *p;

    if (size <= old_size) {
        return old;
    }

    p = soma_change_malloc(ctx, size);

    if (p != NULL && old_size != 0) {
        memcpy(p, old, old_size);
    }

    return p;
}


/* the arena's owner drops it whole */
static void
soma_change_free(void *ctx, void *p)
{
    (void) ctx;
    (void) p;
}


const char *
soma_change_field_name(soma_field_e field)
{
    return soma_field_names[field];
}


int
soma_change_read(soma_change_t *change, soma_arena_t *arena, soma_str_t body,
    soma_change_e kind, int64_t now, soma_out_t *error)
{
    yyjson_alc       alc;
    yyjson_doc      *doc;
    yyjson_val      *root;
    yyjson_read_err  err;

    memset(change, 0, sizeof(soma_change_t));
    change->overlap = SOMA_OVERLAP_MS;

    if (body.len == 0) {
        body = SOMA_STR("{}");
    }

    alc.malloc = soma_change_malloc;
    alc.realloc = soma_change_realloc;
    alc.free = soma_change_free;
    alc.ctx = arena;

    doc = body.len > SOMA_CHANGE_BODY_MAX
          ? NULL
          : yyjson_read_opts((char *) body.data, body.len, 0, &alc, &err);

    root = yyjson_doc_get_root(doc);

    if (!yyjson_is_obj(root)) {
        soma_put_cstr(error, "the body must be a JSON object, as in ");
        soma_put_cstr(error, kind == SOMA_CHANGE_KEY_ROTATE
                             ? "{\"overlap\":\"1h\"}"
                             : "{\"limits\":[\"requests 600/minute\"]}");
        return SOMA_ERROR;
    }

    if (soma_change_members(change, arena, root, kind, now, error)
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (kind == SOMA_CHANGE_KEY_NEW
        && !(change->set & SOMA_BIT(SOMA_FIELD_TENANT)))
    {
        return soma_change_wrong(error, SOMA_FIELD_TENANT,
                                 "is required: the name of a tenant");
    }

    if (kind == SOMA_CHANGE_TENANT_NEW
        && !(change->set & SOMA_BIT(SOMA_FIELD_NAME)))
    {
        return soma_change_wrong(error, SOMA_FIELD_NAME,
                                 "is required: the name of the new tenant");
    }

    return SOMA_OK;
}


static int
soma_change_members(soma_change_t *change, soma_arena_t *arena,
    yyjson_val *root, soma_change_e kind, int64_t now, soma_out_t *error)
{
    int              field;
    unsigned         seen;
    soma_str_t       name;
    yyjson_val      *key, *value;
    yyjson_obj_iter  iter;

    seen = 0;
    yyjson_obj_iter_init(root, &iter);

    while ((key = yyjson_obj_iter_next(&iter)) != NULL) {

        value = yyjson_obj_iter_get_val(key);
        name.data = (unsigned char *) (uintptr_t) yyjson_get_str(key);
        name.len = yyjson_get_len(key);

        field = soma_change_field(name);

        if (field < 0 || !(soma_change_allowed[kind] & SOMA_BIT(field))) {
            return soma_change_unknown(name, kind, error);
        }

        if (seen & SOMA_BIT(field)) {
            return soma_change_wrong(error, (soma_field_e) field,
                                     "stands twice");
        }

        seen |= SOMA_BIT(field);

        if (yyjson_is_null(value)) {
            change->removed |= SOMA_BIT(field);
            continue;
        }

        if (soma_change_text(&change->value[field], arena, value,
                             (soma_field_e) field, error)
            != SOMA_OK
            || soma_change_value(change, arena, (soma_field_e) field, kind,
                                 now, error)
               != SOMA_OK)
        {
            return SOMA_ERROR;
        }

        if (change->value[field].len == 0
            && (kind == SOMA_CHANGE_KEY_NEW || kind == SOMA_CHANGE_KEY
                || field == SOMA_FIELD_TAGS))
        {
            change->removed |= SOMA_BIT(field);
            continue;
        }

        change->set |= SOMA_BIT(field);
    }

    return SOMA_OK;
}


static int
soma_change_field(soma_str_t name)
{
    int  i;

    for (i = 0; i < SOMA_FIELDS; i++) {
        if (soma_str_is(name, soma_field_names[i])) {
            return i;
        }
    }

    return -1;
}


static int
soma_change_unknown(soma_str_t name, soma_change_e kind, soma_out_t *error)
{
    int  i, n;

    if (kind == SOMA_CHANGE_KEY
        && (soma_str_is(name, "tenant") || soma_str_is(name, "name")))
    {
        return soma_change_wrong(error, soma_str_is(name, "tenant")
                                        ? SOMA_FIELD_TENANT : SOMA_FIELD_NAME,
                                 "of a key cannot be changed: make a new key "
                                 "and revoke this one");
    }

    if (name.len > 64) {
        name.len = 64;
    }

    soma_put_cstr(error, "unknown member ");
    soma_put_json_str(error, name);
    soma_put_cstr(error, ": allowed are ");

    n = 0;

    for (i = 0; i < SOMA_FIELDS; i++) {
        if (soma_change_allowed[kind] & SOMA_BIT(i)) {
            soma_put_cstr(error, n++ ? ", " : "");
            soma_put_cstr(error, soma_field_names[i]);
        }
    }

    return SOMA_ERROR;
}


static int
soma_change_text(soma_str_t *text, soma_arena_t *arena, yyjson_val *value,
    soma_field_e field, soma_out_t *error)
{
    soma_out_t  out;

    if (yyjson_is_str(value)) {
        text->data = (unsigned char *) (uintptr_t) yyjson_get_str(value);
        text->len = yyjson_get_len(value);
        *text = soma_str_trim(*text);

        return SOMA_OK;
    }

    if (soma_field_separators[field] != 0) {

        if (yyjson_is_arr(value)) {
            return soma_change_join(text, arena, value, field, error);
        }

        return soma_change_wrong(error, field, "must be an array of strings");
    }

    if ((field == SOMA_FIELD_EXPIRES || field == SOMA_FIELD_OVERLAP)
        && yyjson_is_uint(value) && yyjson_get_uint(value) <= INT64_MAX)
    {
        text->data = arena->alloc(arena->data, 32);

        if (text->data == NULL) {
            return soma_change_wrong(error, field, "found no memory");
        }

        soma_put_init(&out, text->data, 32);
        soma_put_int(&out, (int64_t) yyjson_get_uint(value));
        text->len = (size_t) (out.pos - out.start);

        return SOMA_OK;
    }

    return soma_change_wrong(error, field, "must be a string");
}


/* an item with a separator in it would be two */

static int
soma_change_join(soma_str_t *text, soma_arena_t *arena, yyjson_val *array,
    soma_field_e field, soma_out_t *error)
{
    char             separator;
    soma_out_t       out;
    soma_str_t       item;
    yyjson_val      *value;
    yyjson_arr_iter  iter;

    separator = soma_field_separators[field];
    text->data = arena->alloc(arena->data, SOMA_CHANGE_TEXT_MAX);

    if (text->data == NULL) {
        return soma_change_wrong(error, field, "found no memory");
    }

    soma_put_init(&out, text->data, SOMA_CHANGE_TEXT_MAX);
    yyjson_arr_iter_init(array, &iter);

    while ((value = yyjson_arr_iter_next(&iter)) != NULL) {

        if (!yyjson_is_str(value)) {
            return soma_change_wrong(error, field,
                                     "must be an array of strings");
        }

        item.data = (unsigned char *) (uintptr_t) yyjson_get_str(value);
        item.len = yyjson_get_len(value);
        item = soma_str_trim(item);

        if (item.len == 0 || memchr(item.data, separator, item.len) != NULL) {
            return soma_change_wrong(error, field,
                                     "has an item that is empty or that is "
                                     "more than one: an item of its own for "
                                     "each");
        }

        if (out.pos != out.start) {
            soma_put_char(&out, separator);
        }

        soma_put_str(&out, item);
    }

    if (out.full) {
        return soma_change_wrong(error, field,
                                 "is too long: up to 2048 bytes");
    }

    text->len = (size_t) (out.pos - out.start);

    return SOMA_OK;
}


static int
soma_change_value(soma_change_t *change, soma_arena_t *arena,
    soma_field_e field, soma_change_e kind, int64_t now, soma_out_t *error)
{
    soma_str_t       name, *value;
    soma_scope_e     scope;
    unsigned char    hash[SOMA_KEY_HASH];
    soma_identity_t  identity;

    value = &change->value[field];

    switch (field) {

    case SOMA_FIELD_EXPIRES:
        return soma_change_expires(change, arena, now, error);

    case SOMA_FIELD_OVERLAP:
        return soma_change_overlap(change, error);

    case SOMA_FIELD_LIMITS:
        scope = (kind == SOMA_CHANGE_TENANT || kind == SOMA_CHANGE_TENANT_NEW)
                ? SOMA_SCOPE_TENANT : SOMA_SCOPE_KEY;

        return soma_change_limits(value, arena, scope, error);

    case SOMA_FIELD_NAME:

        if (!soma_change_id_valid(*value)) {
            return soma_change_wrong(error, field,
                                     "has 1 to 128 letters, digits, \".\", "
                                     "\"_\" and \"-\", and begins neither "
                                     "with \".\" nor with \"sk-\"");
        }

        /* in a path it would be taken for the hash of another key */

        if (kind == SOMA_CHANGE_KEY_NEW
            && soma_str_hex(*value, hash, sizeof(hash)) == SOMA_OK)
        {
            return soma_change_wrong(error, field,
                                     "must not be 64 hex digits, which are "
                                     "the hash of a key");
        }

        return SOMA_OK;

    default:
        break;
    }

    memset(&identity, 0, sizeof(soma_identity_t));

    name.data = (unsigned char *) (uintptr_t) soma_field_names[field];
    name.len = strlen(soma_field_names[field]);

    if (soma_key_identity_set(&identity, name, *value) == SOMA_OK) {
        return SOMA_OK;
    }

    switch (field) {

    case SOMA_FIELD_TENANT:
        return soma_change_wrong(error, field,
                                 "has 1 to 128 letters, digits, \".\", \"_\" "
                                 "and \"-\"");

    case SOMA_FIELD_CAPABILITIES:
        return soma_change_wrong(error, field,
                                 "has an unknown one: allowed are \"admin\" "
                                 "and \"usage\"");

    case SOMA_FIELD_MODELS:
        return soma_change_wrong(error, field,
                                 "has up to 32 names of up to 256 bytes each, "
                                 "2048 in all, without control characters");

    default:
        return soma_change_wrong(error, field,
                                 "has up to 256 bytes and no control "
                                 "characters");
    }
}


/* words with one blank in between: the same limit is the same count, however
 * it was typed */

static int
soma_change_limits(soma_str_t *text, soma_arena_t *arena, soma_scope_e scope,
    soma_out_t *error)
{
    unsigned       i, n;
    soma_out_t     out;
    soma_str_t     rest, word;
    const char    *why;
    soma_limit_t   limits[SOMA_LIMITS_MAX];

    if (soma_limit_list_parse(limits, SOMA_LIMITS_MAX, &n, *text, scope, &why)
        != SOMA_OK)
    {
        (void) soma_change_wrong(error, SOMA_FIELD_LIMITS, "cannot be read: ");
        soma_put_cstr(error, why);
        return SOMA_ERROR;
    }

    text->data = arena->alloc(arena->data, SOMA_TENANT_LIMITS_LEN);

    if (text->data == NULL) {
        return soma_change_wrong(error, SOMA_FIELD_LIMITS, "found no memory");
    }

    soma_put_init(&out, text->data, SOMA_TENANT_LIMITS_LEN);

    for (i = 0; i < n; i++) {

        if (i != 0) {
            soma_put_char(&out, ';');
        }

        rest = limits[i].text;

        while (soma_str_word(&rest, &word)) {

            if (word.data != limits[i].text.data) {
                soma_put_char(&out, ' ');
            }

            soma_put_str(&out, word);
        }
    }

    if (out.full) {
        return soma_change_wrong(error, SOMA_FIELD_LIMITS,
                                 "is too long: up to 1024 bytes");
    }

    text->len = (size_t) (out.pos - out.start);

    return SOMA_OK;
}


static int
soma_change_expires(soma_change_t *change, soma_arena_t *arena, int64_t now,
    soma_out_t *error)
{
    soma_out_t       out;
    soma_str_t      *value;
    soma_identity_t  identity;

    value = &change->value[SOMA_FIELD_EXPIRES];
    memset(&identity, 0, sizeof(soma_identity_t));

    if (soma_key_identity_set(&identity, SOMA_STR("expires"),
                              *value) != SOMA_OK) {
        return soma_change_wrong(error, SOMA_FIELD_EXPIRES,
                                 "is not a time: allowed are 2026-12-31, "
                                 "2026-12-31T18:00:00Z, seconds since 1970, "
                                 "and null for never");
    }

    if (identity.expires == 0) {
        value->len = 0;
        return SOMA_OK;
    }

    if (identity.expires <= now) {
        return soma_change_wrong(error, SOMA_FIELD_EXPIRES,
                                 "is past: a key is revoked with DELETE");
    }

    value->data = arena->alloc(arena->data, 32);

    if (value->data == NULL) {
        return soma_change_wrong(error, SOMA_FIELD_EXPIRES,
                                 "found no memory");
    }

    soma_put_init(&out, value->data, 32);
    soma_put_time(&out, identity.expires);
    value->len = (size_t) (out.pos - out.start);

    return SOMA_OK;
}


static int
soma_change_overlap(soma_change_t *change, soma_out_t *error)
{
    int64_t  ms;

    if (soma_number_duration(change->value[SOMA_FIELD_OVERLAP], &ms) != SOMA_OK
        || ms < 0 || ms > SOMA_OVERLAP_MAX_MS)
    {
        return soma_change_wrong(error, SOMA_FIELD_OVERLAP,
                                 "must be a time of up to 90 days, as in "
                                 "\"1h\", or 0 to end the old key at once");
    }

    change->overlap = ms;

    return SOMA_OK;
}


static int
soma_change_wrong(soma_out_t *error, soma_field_e field, const char *what)
{
    soma_put_char(error, '"');
    soma_put_cstr(error, soma_field_names[field]);
    soma_put_cstr(error, "\" ");
    soma_put_cstr(error, what);

    return SOMA_ERROR;
}


int
soma_change_apply(const soma_change_t *change, soma_identity_t *identity)
{
    int            i;
    soma_str_t     name, value;
    unsigned char  packed[SOMA_IDENTITY_MAX];

    for (i = 0; i < SOMA_FIELD_OVERLAP; i++) {

        if (!((change->set | change->removed) & SOMA_BIT(i))) {
            continue;
        }

        name.data = (unsigned char *) (uintptr_t) soma_field_names[i];
        name.len = strlen(soma_field_names[i]);

        value = (soma_str_t) soma_str_null;

        if (change->set & SOMA_BIT(i)) {
            value = change->value[i];
        }

        if (soma_key_identity_set(identity, name, value) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    return soma_key_identity_pack(identity, packed, sizeof(packed)) != 0
           ? SOMA_OK : SOMA_ERROR;
}
