
/*
 * Copyright (C) The ngx_soma authors
 *
 * Clients of Azure's paths, whose URLs name the model; and of Anthropic's
 * count of tokens.
 */


#include "soma_pair_test.h"


#define STR(s)  ((soma_str_t) { strlen(s), (unsigned char *) (s) })

#define CHAT    "\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}"


static soma_arena_t  *arena;


static void
test_paths(void)
{
    size_t  i;
    pair_t  pair;

    static const struct {
        const char  *path;
        soma_api_e   api;               /* NONE: there is none */
        const char  *model;             /* in it */
        const char  *below;             /* where it goes */
    } cases[] = {
        { "/openai/deployments/gpt-4o/chat/completions?api-version=2",
          SOMA_API_CHAT, "gpt-4o", "/chat/completions" },
        { "/x/openai/deployments/my%20own%2Fone/embeddings",
          SOMA_API_EMBEDDINGS, "my own/one", "/embeddings" },
        { "/openai/deployments/d/completions", SOMA_API_COMPLETIONS, "d",
          "/completions" },
        { "/openai/deployments/d/responses", SOMA_API_NONE, "", "" },
        { "/openai/deployments/d/audio/transcriptions", SOMA_API_NONE, "",
          "" },
        { "/openai/deployments//chat/completions", SOMA_API_NONE, "", "" },
        { "/openai/deployments/d", SOMA_API_NONE, "", "" },
        { "/openai/deployments/d%0a/chat/completions", SOMA_API_NONE, "",
          "" },
        { "/openai/v1/chat/completions", SOMA_API_CHAT, "",
          "/chat/completions" },
        { "/openai/responses?api-version=2", SOMA_API_RESPONSES, "",
          "/responses" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        (void) pair_ask(&pair, arena, cases[i].path,
                        STR("{\"model\":\"b\",\"input\":\"a\",\"prompt\":"
                            "\"a\"," CHAT));

        if (cases[i].api == SOMA_API_NONE) {
            soma_ok(pair.url.surface == NULL, "none: %s", cases[i].path);
            continue;
        }

        soma_ok(pair.url.surface != NULL && pair.ask.api == cases[i].api,
                "%s", cases[i].path);
        soma_is_str(pair.url.model.data, pair.url.model.len, cases[i].model,
                    "its model");
        soma_is_str(pair.ask.model.data, pair.ask.model.len,
                    cases[i].model[0] ? cases[i].model : "b", "is asked for");

        pair.body = soma_openai.splice_path(arena, &pair.ask, STR("p"));
        soma_is_str(pair.body.data, pair.body.len, cases[i].below,
                    "and its path");
    }
}


static void
test_bodies(void)
{
    size_t             i;
    pair_t             pair;
    soma_json_edits_t  edits;

    static const struct {
        const char  *body;
        const char  *text;              /* of the first edit */
        unsigned     start;
        unsigned     end;
    } cases[] = {
        { "{" CHAT, "\"model\":\"p\",", 1, 1 },
        { "{\"model\":\"else\"," CHAT, "\"p\"", 9, 15 },
        { "{\"model\":\"p\"," CHAT, "\"p\"", 9, 12 }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memset(&edits, 0, sizeof(edits));

        soma_is_int(pair_ask(&pair, arena,
                             "/openai/deployments/d/chat/completions",
                             STR(cases[i].body)),
                    SOMA_OK, "body %zu is read", i);
        soma_is_int(soma_openai.splice(&pair.ask, STR("p"), arena, pair_value,
                                       &pair, &edits),
                    SOMA_OK, "and spliced");
        soma_ok(edits.n != 0 && edits.edit[0].start == cases[i].start
                && edits.edit[0].end == cases[i].end
                && soma_str_is(edits.edit[0].text, cases[i].text),
                "with the provider's name");
    }
}


static void
test_count(void)
{
    pair_t       pair;
    soma_look_t  look;

    soma_is_int(pair_ask(&pair, arena, "/v1/messages/count_tokens",
                         STR("{\"model\":\"m\"," CHAT)),
                SOMA_OK, "a count without a bound");
    soma_ok(pair.client == &soma_anthropic && pair.ask.api == SOMA_API_COUNT
            && soma_api_free(pair.ask.api)
            && soma_dialect_same(&soma_anthropic, &soma_anthropic,
                                 SOMA_API_COUNT), "passes, and is free");
    soma_is_int(pair_read(&pair), SOMA_DECLINED, "there is no inner form");

    memset(&look, 0, sizeof(look));
    look.api = SOMA_API_COUNT;
    look.text = STR("{\"input_tokens\":14}");
    look.whole = 1;
    soma_is_int(soma_anthropic.verdict(&look), SOMA_VERDICT_GOOD,
                "its answer is one");
}


int
main(void)
{
    arena = soma_test_arena();

    test_paths();
    test_bodies();
    test_count();

    soma_test_arena_free(arena);

    return soma_test_done();
}
