
/*
 * Copyright (C) The ngx_soma authors
 *
 * What clients really sent, as recorded: each of it is read without a member
 * that is not known, is written to every dialect there is, and, written to its
 * own again, keeps all that it said.  See t/traffic/README.md.
 */


#include <yyjson.h>

#include "soma_pair_test.h"


static const soma_dialect_t  *targets[] = {
    &soma_openai, &soma_openai_chat, &soma_openai_responses,
    &soma_anthropic, &soma_ollama, &soma_gemini
};


/* members that are the gateway's to say, or that are said by another name */
static const char  *const  own[] = {
    "model", "stream_options", "max_tokens", "max_completion_tokens", "store",
    "parallel_tool_calls", "include", "status", "id", "instructions",
    "system", "service_tier", "safety_identifier", NULL
};


static int  kept(yyjson_val *was, yyjson_val *is, const char *name);


/* of the request at hand: what was left out and named */
static const soma_inner_loss_t  *loss;


/* a text as a content, whichever form it has */

static yyjson_val *
words(yyjson_val *v)
{
    yyjson_val  *part;

    if (yyjson_is_arr(v) && yyjson_arr_size(v) == 1) {
        part = yyjson_arr_get_first(v);

        if (yyjson_is_str(yyjson_obj_get(part, "text"))
            && yyjson_obj_get(part, "cache_control") == NULL)
        {
            return yyjson_obj_get(part, "text");
        }
    }

    return v;
}


static int
kept_all(yyjson_val *was, yyjson_val *is)
{
    size_t       i;
    yyjson_val  *name, *v;
    yyjson_obj_iter  it;

    yyjson_obj_iter_init(was, &it);

    while ((name = yyjson_obj_iter_next(&it)) != NULL) {
        v = yyjson_obj_iter_get_val(name);

        for (i = 0; own[i] != NULL; i++) {
            if (yyjson_equals_str(name, own[i])) {
                break;
            }
        }

        if (own[i] != NULL || yyjson_is_null(v)
            || (yyjson_is_bool(v) && !yyjson_get_bool(v)))
        {
            continue;
        }

        if (!kept(v, yyjson_obj_get(is, yyjson_get_str(name)),
                  yyjson_get_str(name)))
        {
            return 0;
        }
    }

    return 1;
}


/* whether all that is said in one is in the other */

static int
kept(yyjson_val *was, yyjson_val *is, const char *name)
{
    size_t  i;

    was = words(was);
    is = words(is);

    for (i = 0; is == NULL && i < loss->ndropped; i++) {
        if (soma_str_is(loss->dropped[i], name)) {
            return 1;
        }
    }

    if (is == NULL) {
        printf("# %s is gone\n", name);
        return 0;
    }

    if (yyjson_is_obj(was) && yyjson_is_obj(is)) {
        return kept_all(was, is);
    }

    if (yyjson_is_arr(was) && yyjson_is_arr(is)) {

        /* a list of stop sequences, of one that was no list, of tools ... */

        if (yyjson_arr_size(was) != yyjson_arr_size(is)) {
            printf("# %s has %zu, had %zu\n", name, yyjson_arr_size(is),
                   yyjson_arr_size(was));
            return 0;
        }

        for (i = 0; i < yyjson_arr_size(was); i++) {
            if (!kept(yyjson_arr_get(was, i), yyjson_arr_get(is, i), name)) {
                return 0;
            }
        }

        return 1;
    }

    /* one of a list, and what a user said as the message that it is */

    if (yyjson_is_str(was) && yyjson_is_arr(is)) {
        return kept(was, yyjson_arr_get_first(is), name);
    }

    if (yyjson_is_str(was) && yyjson_is_obj(is)) {
        return kept(was, yyjson_obj_get(is, "content"), name);
    }

    if (yyjson_is_num(was) && yyjson_is_num(is)
        && yyjson_get_num(was) == yyjson_get_num(is))
    {
        return 1;
    }

    if (!yyjson_equals(was, is)) {
        printf("# %s is another: %s\n", name,
               yyjson_is_str(is) ? yyjson_get_str(is) : "-");
        return 0;
    }

    return 1;
}


static void
test_kept(pair_t *pair, const char *id, soma_str_t s)
{
    yyjson_doc  *was, *is;
    yyjson_val  *a, *b;

    loss = &pair->loss;
    was = yyjson_read((char *) pair->body.data, pair->body.len, 0);
    is = yyjson_read((char *) s.data, s.len, 0);
    a = yyjson_doc_get_root(was);
    b = yyjson_doc_get_root(is);

    /* words of the system at the start are one text, where they stand apart
     * in one of them and not in the other */

    if (yyjson_arr_size(yyjson_obj_get(a, "input"))
        == yyjson_arr_size(yyjson_obj_get(b, "input"))
        || !yyjson_is_arr(yyjson_obj_get(a, "input")))
    {
        if (!soma_ok(kept_all(a, b), "%s: kept", id)) {
            printf("# %.*s\n# %.*s\n", (int) pair->body.len, pair->body.data,
                   (int) s.len, s.data);
        }
    }

    yyjson_doc_free(was);
    yyjson_doc_free(is);
}


static void
test_request(yyjson_val *root)
{
    int            rc;
    size_t         i;
    char           id[256];
    pair_t         pair;
    soma_str_t     body, s;
    const char    *name, *which;
    yyjson_doc    *doc;
    soma_arena_t  *arena;

    arena = soma_test_arena();

    name = yyjson_get_str(yyjson_obj_get(root, "client"));
    which = yyjson_get_str(yyjson_obj_get(root, "case"));
    snprintf(id, sizeof(id), "%s %s", name ? name : "-", which ? which : "-");

    body = str(yyjson_get_str(yyjson_obj_get(root, "body")));

    rc = pair_ask(&pair, arena, yyjson_get_str(yyjson_obj_get(root, "path")),
                  body);
    soma_ok(rc == SOMA_OK, "%s: asked (%s)", id,
            pair.error ? pair.error : "-");

    if (pair.ask.api == SOMA_API_COUNT
        || pair.ask.api == SOMA_API_EMBEDDINGS)
    {
        soma_test_arena_free(arena);
        return;
    }

    soma_ok(pair_read(&pair) == SOMA_OK
            && (pair.request.nothers == 0
                || soma_str_is(pair.request.other[0].name,
                               "context_management")),
            "%s: read (%s%.*s)", id, pair.error ? pair.error : "",
            (int) pair.request.other[0].name.len,
            pair.request.nothers ? (char *) pair.request.other[0].name.data
                                 : "");

    for (i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        memset(&pair.loss, 0, sizeof(pair.loss));
        pair.loss.facts = pair.request.adaptive ? SOMA_FACT_ADAPTIVE : 0;
        s = pair_write(&pair, targets[i]);
        doc = yyjson_read((char *) s.data, s.len, 0);

        soma_ok(doc != NULL || (s.len > 1 && s.data[0] == '!'),
                "%s: to %.*s: %.*s", id, (int) targets[i]->name.len,
                targets[i]->name.data, s.data[0] == '!' ? (int) s.len : 0,
                s.data);
        yyjson_doc_free(doc);

        if (doc != NULL
            && ((pair.client == targets[i]
                 && pair.ask.api == SOMA_API_CHAT)
                || (pair.ask.api == SOMA_API_RESPONSES
                    && targets[i] == &soma_openai_responses)))
        {
            test_kept(&pair, id, s);
        }
    }

    soma_test_arena_free(arena);
}


int
main(void)
{
    int          n;
    char        *file, *line, *end;
    size_t       len;
    yyjson_doc  *doc;

    file = soma_file("t/traffic/client_requests.jsonl", &len);

    for (n = 0, line = file; line < file + len; line = end + 1, n++) {
        end = memchr(line, '\n', (size_t) (file + len - line));

        if (end == NULL) {
            end = file + len;
        }

        doc = yyjson_read(line, (size_t) (end - line), 0);
        test_request(yyjson_doc_get_root(doc));
        yyjson_doc_free(doc);
    }

    free(file);

    soma_ok(n > 50, "%d requests", n);

    return soma_test_done();
}
