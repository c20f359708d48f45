
/*
 * Copyright (C) The ngx_soma authors
 *
 * The JSON of tokens and key sets, where nothing may be said twice.
 */


#include "soma_jwt.h"
#include "soma_jwt_json.h"


static int soma_jwt_json_unique(yyjson_val *value, unsigned depth);
static int soma_jwt_json_unique_names(yyjson_val *object);


yyjson_val *
soma_jwt_json_read(soma_arena_t *arena, soma_str_t text)
{
    void             *buf;
    size_t            size;
    yyjson_alc        alc;
    yyjson_doc       *doc;
    yyjson_read_err   err;

    static const yyjson_read_flag  flags = YYJSON_READ_NUMBER_AS_RAW;

    size = yyjson_read_max_memory_usage(text.len, flags);
    buf = arena->alloc(arena->data, size);

    if (buf == NULL || !yyjson_alc_pool_init(&alc, buf, size)) {
        return NULL;
    }

    doc = yyjson_read_opts((char *) text.data, text.len, flags, &alc, &err);

    if (doc == NULL || !soma_jwt_json_unique(yyjson_doc_get_root(doc), 0)) {
        return NULL;
    }

    return yyjson_doc_get_root(doc);
}


/* two parsers may take different ones of two members with one name */
static int
soma_jwt_json_unique(yyjson_val *value, unsigned depth)
{
    size_t       i, n;
    yyjson_val  *key, *member;

    if (!yyjson_is_ctn(value)) {
        return 1;
    }

    if (depth == SOMA_JWT_DEPTH_MAX) {
        return 0;
    }

    if (yyjson_is_arr(value)) {
        yyjson_arr_foreach(value, i, n, member) {
            if (!soma_jwt_json_unique(member, depth + 1)) {
                return 0;
            }
        }

        return 1;
    }

    if (!soma_jwt_json_unique_names(value)) {
        return 0;
    }

    yyjson_obj_foreach(value, i, n, key, member) {
        if (!soma_jwt_json_unique(member, depth + 1)) {
            return 0;
        }
    }

    return 1;
}


static int
soma_jwt_json_unique_names(yyjson_val *object)
{
    size_t       i, n, len;
    unsigned     seen, k;
    yyjson_val  *key, *value, *names[SOMA_JWT_MEMBERS_MAX];

    if (yyjson_obj_size(object) > SOMA_JWT_MEMBERS_MAX) {
        return 0;
    }

    seen = 0;

    yyjson_obj_foreach(object, i, n, key, value) {
        len = yyjson_get_len(key);

        for (k = 0; k < seen; k++) {
            if (yyjson_get_len(names[k]) == len
                && memcmp(yyjson_get_str(names[k]), yyjson_get_str(key), len)
                   == 0)
            {
                return 0;
            }
        }

        names[seen++] = key;
    }

    return 1;
}


soma_str_t
soma_jwt_json_str(yyjson_val *value)
{
    soma_str_t  s;

    s.data = (unsigned char *) (uintptr_t) yyjson_get_str(value);
    s.len = yyjson_get_len(value);

    return s;
}
