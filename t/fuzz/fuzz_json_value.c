
/*
 * Copyright (C) The ngx_soma authors
 *
 * Small values: whatever the bytes, nothing is read beyond them; and what
 * yyjson takes is walked to the same members, numbers and texts.
 */


#include "soma_json_oracle.h"
#include "soma_arena_malloc.h"


#define DEPTH_MAX  64


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(soma_arena_t *arena, soma_json_value_t *value,
    yyjson_val *want, unsigned depth);


static void
fail(const char *fault)
{
    fprintf(stderr, "%s\n", fault);
    abort();
}


static void
compare_number(soma_json_value_t *value, yyjson_val *want)
{
    int          rc, whole;
    int64_t      n;
    double       d;
    yyjson_doc  *doc;

    rc = soma_json_int(value, &n);

    if (want == NULL) {
        return;
    }

    /* read again, for a number instead of its text */
    doc = yyjson_read(yyjson_get_raw(want), yyjson_get_len(want), 0);
    if (doc == NULL) {
        if (rc == SOMA_OK) {
            fail("an integer that yyjson cannot read");
        }

        return;
    }

    want = yyjson_doc_get_root(doc);

    if (yyjson_is_sint(want) || yyjson_is_uint(want)) {
        whole = yyjson_is_sint(want)
                || yyjson_get_uint(want) <= (uint64_t) INT64_MAX;

        if (whole != (rc == SOMA_OK)
            || (whole && yyjson_get_sint(want) != n))
        {
            fail("another integer");
        }

    } else if (rc == SOMA_OK) {
        d = yyjson_get_real(want);

        if (d - (double) n > 1024 || (double) n - d > 1024) {
            fail("an integer far from the number");
        }
    }

    yyjson_doc_free(doc);
}


static void
compare_text(soma_arena_t *arena, soma_json_value_t *value, yyjson_val *want)
{
    int         rc;
    soma_str_t  text;

    rc = soma_json_text(arena, value, &text);

    if (want != NULL
        && (rc != SOMA_OK || text.len != yyjson_get_len(want)
            || memcmp(text.data, yyjson_get_str(want), text.len) != 0))
    {
        fail("another text");
    }
}


static void
compare_members(soma_arena_t *arena, soma_json_value_t *value,
    yyjson_val *want, unsigned depth)
{
    int                rc;
    size_t             n;
    soma_str_t         name;
    yyjson_val        *key, *child;
    yyjson_arr_iter    arr;
    yyjson_obj_iter    obj;
    soma_json_iter_t   it;
    soma_json_value_t  member, found;

    if (soma_json_first(&it, value->text) != SOMA_OK) {
        fail("an object or array that is none");
    }

    memset(&obj, 0, sizeof(obj));
    memset(&arr, 0, sizeof(arr));

    if (want != NULL && it.object != (unsigned) yyjson_is_obj(want)) {
        fail("an object for an array");
    }

    if (want != NULL) {
        (void) (it.object ? yyjson_obj_iter_init(want, &obj)
                          : yyjson_arr_iter_init(want, &arr));
    }

    for (n = 0; (rc = soma_json_next(&it, &name, &member)) == SOMA_OK; n++) {
        child = NULL;

        if (want != NULL && it.object) {
            key = yyjson_obj_iter_next(&obj);
            child = key ? yyjson_obj_iter_get_val(key) : NULL;

            /* a name without a null character is found by it */
            if (key != NULL
                && strlen(yyjson_get_str(key)) == yyjson_get_len(key)
                && soma_json_get(value->text, yyjson_get_str(key), &found)
                   != SOMA_OK)
            {
                fail("a member that is not found");
            }

        } else if (want != NULL) {
            child = yyjson_arr_iter_next(&arr);
        }

        if (want != NULL && child == NULL) {
            fail("too many members");
        }

        walk(arena, &member, child, depth + 1);
    }

    if (want != NULL && (rc != SOMA_DONE || n != yyjson_get_len(want))) {
        fail("not all members");
    }
}


static void
walk(soma_arena_t *arena, soma_json_value_t *value, yyjson_val *want,
    unsigned depth)
{
    switch (value->type) {

    case SOMA_JSON_OBJECT:
    case SOMA_JSON_ARRAY:
        if (depth < DEPTH_MAX) {
            compare_members(arena, value, want, depth);
        }

        break;

    case SOMA_JSON_STRING:
        compare_text(arena, value, want);
        break;

    case SOMA_JSON_NUMBER:
        compare_number(value, want);
        break;

    default:
        if (want != NULL
            && !(value->type == SOMA_JSON_TRUE && yyjson_is_true(want))
            && !(value->type == SOMA_JSON_FALSE && yyjson_is_false(want))
            && !(value->type == SOMA_JSON_NULL && yyjson_is_null(want)))
        {
            fail("another word");
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t             i;
    unsigned char     *copy;
    yyjson_doc        *doc;
    yyjson_val        *root;
    soma_arena_t      *arena;
    soma_json_iter_t   it;
    soma_json_value_t  value;

    copy = malloc(size > 0 ? size : 1);
    if (copy == NULL) {
        abort();
    }

    if (size > 0) {
        memcpy(copy, data, size);
    }

    arena = soma_test_arena();

    value.text.data = copy;
    value.text.len = size;

    /* as if it were one, which no caller should do */
    value.type = SOMA_JSON_NUMBER;
    compare_number(&value, NULL);
    value.type = SOMA_JSON_STRING;
    compare_text(arena, &value, NULL);

    doc = yyjson_read_opts((char *) copy, size, YYJSON_READ_NUMBER_AS_RAW,
                           NULL, NULL);
    root = yyjson_doc_get_root(doc);

    if (doc != NULL && oracle_depth(copy, size) > SOMA_JSON_DEPTH_MAX) {
        root = NULL;
    }

    for (i = 0; i < ORACLE_KINDS; i++) {
        (void) soma_json_scan_use(oracle_kinds[i]);

        if (soma_json_first(&it, value.text) == SOMA_OK) {
            value.type = it.object ? SOMA_JSON_OBJECT : SOMA_JSON_ARRAY;
            compare_members(arena, &value, root, 0);

        } else if (root != NULL && yyjson_is_ctn(root)) {
            fail("an object or array that is none");
        }
    }

    yyjson_doc_free(doc);
    soma_test_arena_free(arena);
    free(copy);

    return 0;
}
