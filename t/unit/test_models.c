
/*
 * Copyright (C) The ngx_soma authors
 *
 * Lists of models in their shapes.
 */


#include <yyjson.h>

#include "soma_models.h"
#include "soma_test.h"


static void
test_shape(soma_models_e shape, const char *const *paths)
{
    size_t                n;
    char                  buf[4096];
    soma_out_t            out;
    yyjson_doc           *doc;
    const char           *want;
    soma_models_entry_t   entry[2];

    memset(entry, 0, sizeof(entry));
    entry[0].name = SOMA_STR("a/\"b");
    entry[0].owner = SOMA_STR("o");
    entry[0].created = 1767225600;
    entry[0].context = 1000;
    entry[0].output = 10;
    entry[1].name = SOMA_STR("c");
    entry[1].owner = SOMA_STR("soma");

    for (n = 0; n <= 2; n++) {
        soma_put_init(&out, buf, sizeof(buf));
        soma_models_list(&out, shape, entry, n);
        doc = yyjson_read(buf, (size_t) (out.pos - out.start), 0);
        soma_ok(doc != NULL && !out.full, "a list of %zu is JSON", n);
        yyjson_doc_free(doc);
    }

    soma_put_init(&out, buf, sizeof(buf));
    soma_models_list(&out, shape, entry, 2);
    doc = yyjson_read(buf, (size_t) (out.pos - out.start), 0);

    for ( /* void */ ; *paths != NULL; paths += 2) {
        want = yyjson_get_str(yyjson_ptr_get(yyjson_doc_get_root(doc),
                                             paths[0]));
        soma_ok(want != NULL && strcmp(want, paths[1]) == 0, "%s is %s",
                paths[0], paths[1]);
    }

    yyjson_doc_free(doc);

    soma_put_init(&out, buf, sizeof(buf));
    soma_models_one(&out, shape, entry);
    doc = yyjson_read(buf, (size_t) (out.pos - out.start), 0);
    soma_ok(doc != NULL, "one of them is JSON");
    yyjson_doc_free(doc);
}


int
main(void)
{
    static const char *const  openai[] = {
        "/object", "list", "/data/0/id", "a/\"b", "/data/0/object", "model",
        "/data/1/owned_by", "soma", NULL
    };
    static const char *const  anthropic[] = {
        "/data/0/type", "model", "/data/0/id", "a/\"b",
        "/data/0/created_at", "2026-01-01T00:00:00.000Z", "/first_id",
        "a/\"b", "/last_id", "c", NULL
    };
    static const char *const  gemini[] = {
        "/models/0/name", "models/a/\"b", "/models/1/displayName", "c",
        "/models/1/supportedGenerationMethods/0", "generateContent", NULL
    };

    test_shape(SOMA_MODELS_OPENAI, openai);
    test_shape(SOMA_MODELS_ANTHROPIC, anthropic);
    test_shape(SOMA_MODELS_GEMINI, gemini);

    return soma_test_done();
}
