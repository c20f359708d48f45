
/*
 * Copyright (C) The ngx_soma authors
 *
 * The JSON of training locks.
 */


#include <yyjson.h>

#include "soma_lock.h"


/* the members of a request, in the order of soma_lock_members */
typedef struct {
    yyjson_val  *value[4];
} soma_lock_fields_t;

typedef enum {
    SOMA_LOCK_TENANT = 0,
    SOMA_LOCK_USER,
    SOMA_LOCK_REASON,
    SOMA_LOCK_TTL,
    SOMA_LOCK_MEMBERS
} soma_lock_member_e;


static void *soma_lock_malloc(void *ctx, size_t size);
static void *soma_lock_realloc(void *ctx, void *old, size_t old_size,
    size_t size);
static void soma_lock_free(void *ctx, void *p);
static yyjson_doc *soma_lock_read(soma_arena_t *arena, soma_str_t json,
    int *memory);
static soma_str_t soma_lock_text(yyjson_val *value);
static int soma_lock_printable(soma_str_t s, int lines);
static soma_str_t soma_lock_cut(soma_str_t s, size_t max);
static int soma_lock_collect(soma_lock_fields_t *fields, yyjson_val *root,
    const char **error);
static int soma_lock_take(soma_lock_t *lock, const soma_lock_fields_t *fields,
    const char **error);
static int soma_lock_ttl(int64_t *ttl, yyjson_val *value, const char **error);


static const char *const  soma_lock_members[] = {
    "tenant", "user", "reason", "ttl"
};


static void *
soma_lock_malloc(void *ctx, size_t size)
{
    soma_arena_t  *arena;

    arena = ctx;

    return arena->alloc(arena->data, size);
}


static void *
soma_lock_realloc(void *ctx, void *old, size_t old_size, size_t size)
{
    void  *p;

    if (size <= old_size) {
        return old;
    }

    p = soma_lock_malloc(ctx, size);

    if (p != NULL && old_size != 0) {
        memcpy(p, old, old_size);
    }

    return p;
}


/* the arena's owner drops it whole */
static void
soma_lock_free(void *ctx, void *p)
{
    (void) ctx;
    (void) p;
}


static yyjson_doc *
soma_lock_read(soma_arena_t *arena, soma_str_t json, int *memory)
{
    yyjson_alc       alc;
    yyjson_doc      *doc;
    yyjson_read_err  err;

    *memory = 1;

    if (json.len == 0 || json.len > SOMA_LOCK_BODY_MAX) {
        return NULL;
    }

    alc.malloc = soma_lock_malloc;
    alc.realloc = soma_lock_realloc;
    alc.free = soma_lock_free;
    alc.ctx = arena;

    doc = yyjson_read_opts((char *) json.data, json.len, 0, &alc, &err);

    if (doc == NULL && err.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION) {
        *memory = 0;
    }

    return doc;
}


static soma_str_t
soma_lock_text(yyjson_val *value)
{
    soma_str_t  s = soma_str_null;

    if (yyjson_is_str(value)) {
        s.data = (unsigned char *) (uintptr_t) yyjson_get_str(value);
        s.len = yyjson_get_len(value);
    }

    return s;
}


/* no controls: they would be six bytes each in the JSON we write */
static int
soma_lock_printable(soma_str_t s, int lines)
{
    size_t  i;

    for (i = 0; i < s.len; i++) {

        if (lines && (s.data[i] == '\n' || s.data[i] == '\t')) {
            continue;
        }

        if (s.data[i] < 0x20 || s.data[i] == 0x7f) {
            return 0;
        }
    }

    return 1;
}


static soma_str_t
soma_lock_cut(soma_str_t s, size_t max)
{
    if (s.len > max) {
        s.len = max;

        /* not in the middle of a character */
        while (s.len != 0 && (s.data[s.len] & 0xc0) == 0x80) {
            s.len--;
        }
    }

    return s;
}


static int
soma_lock_collect(soma_lock_fields_t *fields, yyjson_val *root,
    const char **error)
{
    unsigned         i;
    yyjson_val      *key;
    yyjson_obj_iter  iter;

    memset(fields, 0, sizeof(soma_lock_fields_t));
    yyjson_obj_iter_init(root, &iter);

    while ((key = yyjson_obj_iter_next(&iter)) != NULL) {

        for (i = 0; i < SOMA_LOCK_MEMBERS; i++) {
            if (yyjson_equals_str(key, soma_lock_members[i])) {
                break;
            }
        }

        if (i == SOMA_LOCK_MEMBERS) {
            *error = "The body has an unknown member: allowed are tenant, "
                     "user, reason and ttl.";
            return SOMA_ERROR;
        }

        if (fields->value[i] != NULL) {
            *error = "The body has a member twice: tenant, user, reason and "
                     "ttl may each stand there once.";
            return SOMA_ERROR;
        }

        fields->value[i] = yyjson_obj_iter_get_val(key);
    }

    return SOMA_OK;
}


static int
soma_lock_take(soma_lock_t *lock, const soma_lock_fields_t *fields,
    const char **error)
{
    yyjson_val  *reason;

    lock->tenant = soma_lock_text(fields->value[SOMA_LOCK_TENANT]);

    if (!soma_tenant_valid(lock->tenant)) {
        *error = "\"tenant\" is required: 1 to 128 letters, digits, dots, "
                 "underscores or hyphens.";
        return SOMA_ERROR;
    }

    lock->user = soma_lock_text(fields->value[SOMA_LOCK_USER]);

    if (lock->user.len == 0
        || lock->user.len > SOMA_LOCK_USER_MAX
        || !soma_lock_printable(lock->user, 0))
    {
        *error = "\"user\" is required: a string of 1 to 256 bytes without "
                 "control characters.";
        return SOMA_ERROR;
    }

    reason = fields->value[SOMA_LOCK_REASON];
    lock->reason = soma_lock_text(reason);

    if ((reason != NULL && !yyjson_is_str(reason) && !yyjson_is_null(reason))
        || lock->reason.len > SOMA_LOCK_REASON_MAX
        || !soma_lock_printable(lock->reason, 1))
    {
        *error = "\"reason\" must be a string of at most 512 bytes without "
                 "control characters.";
        return SOMA_ERROR;
    }

    return soma_lock_ttl(&lock->ttl_ms, fields->value[SOMA_LOCK_TTL], error);
}


static int
soma_lock_ttl(int64_t *ttl, yyjson_val *value, const char **error)
{
    int64_t   ms;
    uint64_t  seconds;

    if (value == NULL || yyjson_is_null(value)) {
        *ttl = SOMA_LOCK_TTL_MS;
        return SOMA_OK;
    }

    ms = 0;

    if (yyjson_is_uint(value)) {
        seconds = yyjson_get_uint(value);

        if (seconds <= SOMA_LOCK_TTL_MAX_MS / 1000) {
            ms = (int64_t) seconds * 1000;
        }

    } else if (yyjson_is_str(value)) {

        if (soma_number_duration(soma_lock_text(value), &ms) != SOMA_OK) {
            ms = 0;
        }
    }

    if (ms < SOMA_LOCK_TTL_MIN_MS || ms > SOMA_LOCK_TTL_MAX_MS) {
        *error = "\"ttl\" must be a whole number of seconds or a duration "
                 "such as \"90m\", \"24h\" or \"7d\", from 1 second to 366 "
                 "days.";
        return SOMA_ERROR;
    }

    *ttl = ms;

    return SOMA_OK;
}


int
soma_lock_request(soma_lock_t *lock, soma_arena_t *arena, soma_str_t body,
    const char **error)
{
    int                  memory;
    yyjson_doc          *doc;
    yyjson_val          *root;
    soma_lock_fields_t   fields;

    memset(lock, 0, sizeof(soma_lock_t));

    if (body.len > SOMA_LOCK_BODY_MAX) {
        *error = "The body is longer than 16384 bytes.";
        return SOMA_ERROR;
    }

    doc = soma_lock_read(arena, body, &memory);
    root = yyjson_doc_get_root(doc);

    if (!memory) {
        *error = "There is no memory to read the body.";
        return SOMA_ERROR;
    }

    if (!yyjson_is_obj(root)) {
        *error = "The body must be a JSON object with tenant, user and, if "
                 "wanted, reason and ttl.";
        return SOMA_ERROR;
    }

    if (soma_lock_collect(&fields, root, error) != SOMA_OK) {
        return SOMA_ERROR;
    }

    return soma_lock_take(lock, &fields, error);
}


void
soma_lock_json(soma_out_t *out, const soma_lock_t *lock)
{
    soma_put_cstr(out, "{\"tenant\":");
    soma_put_json_str(out, lock->tenant);
    soma_put_cstr(out, ",\"user\":");
    soma_put_json_str(out, lock->user);
    soma_put_cstr(out, ",\"reason\":");
    soma_put_json_str(out, lock->reason);
    soma_put_cstr(out, ",\"enabled_at\":\"");
    soma_put_time(out, lock->enabled_at);
    soma_put_cstr(out, "\"}");
}


int
soma_lock_parse(soma_lock_t *lock, soma_arena_t *arena, soma_str_t json)
{
    int          memory;
    yyjson_doc  *doc;
    yyjson_val  *root;
    soma_str_t   tenant, time;

    memset(lock, 0, sizeof(soma_lock_t));

    doc = soma_lock_read(arena, json, &memory);
    root = yyjson_doc_get_root(doc);

    if (!memory) {
        return SOMA_ERROR;
    }

    if (!yyjson_is_obj(root)) {
        return SOMA_DECLINED;
    }

    tenant = soma_lock_text(yyjson_obj_get(root, "tenant"));

    if (soma_tenant_valid(tenant)) {
        lock->tenant = tenant;
    }

    lock->user = soma_lock_cut(soma_lock_text(yyjson_obj_get(root, "user")),
                               SOMA_LOCK_USER_MAX);
    lock->reason = soma_lock_cut(soma_lock_text(yyjson_obj_get(root,
                                                               "reason")),
                                 SOMA_LOCK_REASON_MAX);

    time = soma_lock_text(yyjson_obj_get(root, "enabled_at"));

    if (soma_time_parse(time, &lock->enabled_at) != SOMA_OK) {
        lock->enabled_at = 0;
    }

    return SOMA_OK;
}
