
/*
 * Copyright (C) The ngx_soma authors
 *
 * Bounds for models whose vocabulary nobody has, against what recorded
 * prompts were billed as.
 */


#define _GNU_SOURCE             /* memmem() */

#include <yyjson.h>

#include "soma_test.h"
#include "soma_factor.h"
#include "soma_openai.h"
#include "soma_prompt.h"


#define TRAFFIC     "t/traffic/openai.jsonl"
#define VOCABULARY  "share/soma/o200k_base.soma"


static unsigned  checked, under;


static soma_str_t
string(yyjson_val *value)
{
    soma_str_t  s;

    s.data = (unsigned char *) yyjson_get_str(value);
    s.len = yyjson_get_len(value);

    return s;
}


/* what a provider adds of its own (searches, files, another model that
 * OpenRouter chose) is nothing that a prompt tells */
static int
own(soma_str_t body)
{
    size_t              i;
    static const char  *words[] = {
        "\"previous_response_id\":\"", "web_search\"", "\"mcp\"",
        "\"image_url\"", "\"input_image\"", "\"file\"", "\"input_file\"",
        "\"input_audio\"", "\"models\"", "\"plugins\"", ":online\"",
        "\"tool_search\"", "\"code_interpreter\"", "\"file_search\""
    };

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (memmem(body.data, body.len, words[i], strlen(words[i])) != NULL) {
            return 0;
        }
    }

    return 1;
}


static void
exchange(const soma_bpe_t *bpe, yyjson_val *root)
{
    int                   tools;
    int64_t               used, bound, bytes;
    soma_api_e            api;
    soma_str_t            body, model;
    yyjson_val           *usage;
    const soma_factor_t  *factor;

    body = string(yyjson_obj_get(yyjson_obj_get(root, "request"), "body"));
    model = string(yyjson_obj_get(root, "model"));
    usage = yyjson_obj_get(root, "expected_usage");

    api = yyjson_equals_str(yyjson_obj_get(root, "api"), "responses")
          ? SOMA_API_RESPONSES : SOMA_API_CHAT;

    if (body.len == 0 || model.len == 0 || !yyjson_is_obj(usage)
        || (api == SOMA_API_CHAT
            && !yyjson_equals_str(yyjson_obj_get(root, "api"),
                                  "chat.completions"))
        || !own(body))
    {
        return;
    }

    factor = soma_factor_find(model);

    if (factor == NULL || soma_bpe_family(model) != SOMA_BPE_NONE) {
        return;
    }

    tools = (memmem(body.data, body.len, "\"tools\":[", 9) != NULL);
    bytes = soma_prompt_tokens(&soma_openai_prompt, NULL, api, 0, body);
    bound = soma_factor_bound(factor, soma_prompt_tokens(&soma_openai_prompt,
                                                         bpe, api, 0, body),
                              soma_factor_foreign(body), bytes, tools);
    used = yyjson_get_sint(yyjson_obj_get(usage, "total_input_tokens"));

    checked++;

    if (bound < used) {
        under++;
        printf("# %.*s: %ld used, bound %ld\n", (int) model.len, model.data,
               (long) used, (long) bound);
    }
}


static void
test_traffic(const soma_bpe_t *bpe)
{
    char        *text, *line, *end;
    size_t       len;
    yyjson_doc  *doc;

    text = soma_file(TRAFFIC, &len);

    for (line = text; (end = memchr(line, '\n', len - (line - text))) != NULL;
         line = end + 1)
    {
        doc = yyjson_read(line, (size_t) (end - line), 0);
        exchange(bpe, yyjson_doc_get_root(doc));
        yyjson_doc_free(doc);
    }

    soma_ok(checked > 150, "%u recorded prompts of such models", checked);
    soma_is_int(under, 0, "none was billed as more than its bound");

    free(text);
}


static void
test_find(void)
{
    const soma_factor_t  *f;

    f = soma_factor_find(str("anthropic.claude-opus-4-7-v1:0"));
    soma_ok(f && soma_str_is(f->family, "claude"), "a family within a name");
    f = soma_factor_find(str("x-ai/Grok-4"));
    soma_ok(f && soma_str_is(f->family, "grok"), "in any case");
    f = soma_factor_find(str("deepseek-r1-distill-llama-70b"));
    soma_ok(f && soma_str_is(f->family, "deepseek"), "the first that fits");
    soma_ok(soma_factor_find(str("innovation-1")) == NULL,
            "\"nova\" within a word is none");
    soma_ok(soma_factor_find(str("m")) == NULL, "nobody knows \"m\"");
}


static void
test_bound(void)
{
    const soma_factor_t  f = { soma_string("x"), 1500, 10, 100 };

    soma_is_int(soma_factor_bound(&f, 100, 0, 1000, 0), 161,
                "the count, its factor, what is around a prompt");
    soma_is_int(soma_factor_bound(&f, 100, 0, 1000, 1), 261, "and tools");
    soma_is_int(soma_factor_bound(&f, 100, 600, 1000, 0), 461,
                "other scripts are more tokens");
    soma_is_int(soma_factor_bound(&f, 100, 600, 200, 0), 210,
                "no token is less than a byte");

    soma_is_int(soma_factor_foreign(str("{\"a\":\"\xc3\xa9\"}")), 2,
                "bytes beyond ASCII");
    soma_is_int(soma_factor_foreign(str("{\"a\":\"\\u00e9\\n\\\\u1\"}")), 3,
                "escapes by what they stand for");
}


int
main(void)
{
    char        path[512];
    FILE       *f;
    size_t      len;
    soma_str_t  bytes;
    soma_bpe_t  bpe;
    const char *error, *build;

    test_find();
    test_bound();

    build = getenv("B") ? getenv("B") : "build";
    (void) snprintf(path, sizeof(path), "%s/%s", build, VOCABULARY);
    f = fopen(path, "r");

    if (f == NULL) {
        printf("# no %s: recorded prompts are not counted\n", path);
        return soma_done();
    }

    fclose(f);

    bytes.data = (unsigned char *) soma_file(path, &len);
    bytes.len = len;

    if (soma_ok(soma_bpe_open(&bpe, bytes, &error) == SOMA_OK,
                "the vocabulary is there"))
    {
        test_traffic(&bpe);
    }

    free(bytes.data);

    return soma_done();
}
