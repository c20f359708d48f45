
/*
 * Copyright (C) The ngx_soma authors
 *
 * The endpoints that are served.
 */


#include "soma_dialect.h"
#include "soma_test.h"


#define STR(s)  ((soma_str_t) { strlen(s), (unsigned char *) (s) })


static void
test_surfaces(void)
{
    size_t                 i;
    soma_url_t             url;
    const soma_surface_t  *surface;

    static const struct {
        const char  *path;
        soma_api_e   api;           /* NONE: there is none */
        unsigned     methods;
        soma_body_e  body;
        const char  *id;
    } cases[] = {
        { "/chat/completions", SOMA_API_CHAT, SOMA_POST, SOMA_BODY_JSON, "" },
        { "/completions", SOMA_API_COMPLETIONS, SOMA_POST, SOMA_BODY_JSON,
          "" },
        { "/embeddings", SOMA_API_EMBEDDINGS, SOMA_POST, SOMA_BODY_JSON, "" },
        { "/responses", SOMA_API_RESPONSES, SOMA_POST, SOMA_BODY_JSON, "" },
        { "/responses/compact", SOMA_API_COMPACT, SOMA_POST, SOMA_BODY_JSON,
          "" },
        { "/responses/input_tokens", SOMA_API_COUNT, SOMA_POST,
          SOMA_BODY_JSON, "" },
        { "/responses/resp_1", SOMA_API_STORED, SOMA_GET|SOMA_DELETE,
          SOMA_BODY_NONE, "resp_1" },
        { "/responses/resp_1/cancel", SOMA_API_STORED, SOMA_POST,
          SOMA_BODY_NONE, "resp_1" },
        { "/responses/resp_1/input_items", SOMA_API_STORED, SOMA_GET,
          SOMA_BODY_NONE, "resp_1" },
        { "/moderations", SOMA_API_MODERATIONS, SOMA_POST, SOMA_BODY_JSON,
          "" },
        { "/rerank", SOMA_API_RERANK, SOMA_POST, SOMA_BODY_JSON, "" },
        { "/images/generations", SOMA_API_IMAGES, SOMA_POST, SOMA_BODY_JSON,
          "" },
        { "/images/edits", SOMA_API_IMAGES, SOMA_POST, SOMA_BODY_FORM, "" },
        { "/images/variations", SOMA_API_IMAGES, SOMA_POST, SOMA_BODY_FORM,
          "" },
        { "/audio/speech", SOMA_API_SPEECH, SOMA_POST, SOMA_BODY_JSON, "" },
        { "/audio/transcriptions", SOMA_API_TRANSCRIPTIONS, SOMA_POST,
          SOMA_BODY_FORM, "" },
        { "/audio/translations", SOMA_API_TRANSLATIONS, SOMA_POST,
          SOMA_BODY_FORM, "" },
        { "/chat/completions/", SOMA_API_NONE, 0, SOMA_BODY_NONE, "" },
        { "/chat/completions/x", SOMA_API_NONE, 0, SOMA_BODY_NONE, "" },
        { "/responses/", SOMA_API_NONE, 0, SOMA_BODY_NONE, "" },
        { "/responses//cancel", SOMA_API_NONE, 0, SOMA_BODY_NONE, "" },
        { "/responses/a/b", SOMA_API_NONE, 0, SOMA_BODY_NONE, "" },
        { "/responses/a/b/cancel", SOMA_API_NONE, 0, SOMA_BODY_NONE, "" },
        { "/files", SOMA_API_NONE, 0, SOMA_BODY_NONE, "" },
        { "", SOMA_API_NONE, 0, SOMA_BODY_NONE, "" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memset(&url, 0, sizeof(url));
        url.below = STR(cases[i].path);
        surface = (soma_openai.surface(&url, NULL) == SOMA_OK) ? url.surface
                                                              : NULL;

        if (cases[i].api == SOMA_API_NONE) {
            soma_ok(surface == NULL, "there is no %s", cases[i].path);
            continue;
        }

        if (!soma_ok(surface != NULL, "there is %s", cases[i].path)) {
            continue;
        }

        soma_is_int(surface->api, cases[i].api, "its API");
        soma_is_int(surface->methods, cases[i].methods, "its methods");
        soma_is_int(surface->body, cases[i].body, "its body");
        soma_is_str(url.id.data, url.id.len, cases[i].id, "its id");
    }
}


int
main(void)
{
    test_surfaces();

    return soma_done();
}
