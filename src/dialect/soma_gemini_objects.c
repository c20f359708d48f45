
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a request names and Google keeps: files, which all tenants of a gateway
 * share under its one key, and prompts that were cached before.
 */


#include "soma_gemini.h"


#define SOMA_GEMINI_OBJECTS_DEPTH  8    /* contents, parts, fileData ... */


static int soma_gemini_objects_in(soma_ask_t *ask, soma_arena_t *arena,
    soma_str_t value, unsigned depth);
static int soma_gemini_objects_file(soma_ask_t *ask, soma_arena_t *arena,
    soma_json_value_t *uri);


int
soma_gemini_ask_objects(soma_ask_t *ask, soma_arena_t *arena,
    soma_value_pt value, void *data, const char **error)
{
    int                rc;
    size_t             i;
    soma_json_value_t  v;

    static const unsigned  caches[] = {
        SOMA_ASK_PREVIOUS, SOMA_ASK_CONVERSATION
    };

    static const unsigned  lists[] = { SOMA_ASK_MESSAGES, SOMA_ASK_INPUT };

    *error = "a file or a \"cachedContent\" is not named by plain names, 32 "
             "at most";

    for (i = 0; i < sizeof(caches) / sizeof(caches[0]); i++) {
        rc = soma_ask_value(ask, caches[i], value, data, &v);

        if (rc == SOMA_DECLINED) {
            continue;
        }

        ask->window = 1;

        if (rc != SOMA_OK
            || soma_ask_object(ask, arena, &v, SOMA_OBJECT_PROMPT) != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    if (!soma_json_scan_marked(ask->scan)) {
        return SOMA_OK;
    }

    for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        rc = soma_ask_value(ask, lists[i], value, data, &v);

        if (rc == SOMA_ERROR
            || (rc == SOMA_OK
                && soma_gemini_objects_in(ask, arena, v.text, 0) != SOMA_OK))
        {
            return SOMA_ERROR;
        }
    }

    return SOMA_OK;
}


/* arguments of functions and what they gave back are the client's own words,
 * and so is what lies deeper than any part */

static int
soma_gemini_objects_in(soma_ask_t *ask, soma_arena_t *arena,
    soma_str_t value, unsigned depth)
{
    int                rc;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  v;

    if (depth == SOMA_GEMINI_OBJECTS_DEPTH
        || soma_json_first(&it, value) != SOMA_OK)
    {
        return SOMA_OK;
    }

    while ((rc = soma_json_next(&it, &name, &v)) == SOMA_OK) {

        if (soma_ask_name(arena, name, &name) != SOMA_OK) {
            return SOMA_ERROR;
        }

        if (soma_gemini_is(name, "fileUri")) {
            if (soma_gemini_objects_file(ask, arena, &v) != SOMA_OK) {
                return SOMA_ERROR;
            }

            continue;
        }

        if (soma_gemini_is(name, "args")
            || soma_gemini_is(name, "response"))
        {
            continue;
        }

        if ((v.type == SOMA_JSON_OBJECT || v.type == SOMA_JSON_ARRAY)
            && soma_gemini_objects_in(ask, arena, v.text, depth + 1)
               != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    return (rc == SOMA_DONE) ? SOMA_OK : SOMA_ERROR;
}


/* whatever it is, as much of it as the model can read is prompt */

static int
soma_gemini_objects_file(soma_ask_t *ask, soma_arena_t *arena,
    soma_json_value_t *uri)
{
    soma_str_t  text;

    if (uri->type == SOMA_JSON_NULL) {
        return SOMA_OK;
    }

    ask->window = 1;

    if (uri->type != SOMA_JSON_STRING
        || soma_json_text(arena, uri, &text) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    return soma_gemini_ask_kept(text)
           ? soma_ask_object(ask, arena, uri, SOMA_OBJECT_FILE) : SOMA_OK;
}


/* what is no address of the web, and addresses of Google's own hosts */

int
soma_gemini_ask_kept(soma_str_t uri)
{
    size_t      i, start;
    soma_str_t  host;

    static const char  google[] = "googleapis.com";

    for (start = 0; start < 8 && start < uri.len; start++) {
        if (uri.data[start] == '/' && start != 0
            && uri.data[start - 1] == '/')
        {
            break;
        }
    }

    if (start < 6 || start == 8 || start == uri.len
        || (uri.data[0] | 0x20) != 'h')
    {
        return 1;
    }

    host.data = uri.data + start + 1;
    host.len = uri.len - start - 1;

    for (i = 0; i < host.len && host.data[i] != '/' && host.data[i] != '?'
                && host.data[i] != '#'; i++)
    {
        /* void */
    }

    host.len = i;

    for (i = 0; i + sizeof(google) - 1 <= host.len; i++) {
        if (soma_str_case_is((soma_str_t) { sizeof(google) - 1,
                                            host.data + i }, google))
        {
            return 1;
        }
    }

    return 0;
}
