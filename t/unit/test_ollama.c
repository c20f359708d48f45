
/*
 * Copyright (C) The ngx_soma authors
 *
 * The ollama dialect: what its clients ask and are told, what is asked of its
 * providers and read of their answers.
 */


#include <yyjson.h>

#include "soma_ask_test.h"
#include "soma_ollama.h"
#include "soma_ollama_models.h"
#include "soma_pair_test.h"
#include "soma_vector.h"


#define PNG                                                                   \
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9Q"        \
    "DwADhgGAWjR9awAAAABJRU5ErkJggg=="


static soma_arena_t  *arena;

static const size_t  steps[] = { 1, 7, 0 };


static void
test_surfaces(void)
{
    size_t      i;
    soma_str_t  path;
    soma_ask_t  ask;
    soma_url_t  url;

    static const struct {
        const char  *path;
        soma_api_e   api;           /* NONE: there is none */
        unsigned     form;
        unsigned     methods;
    } cases[] = {
        { "/api/chat", SOMA_API_CHAT, SOMA_OLLAMA_CHAT, SOMA_POST },
        { "/x/api/generate", SOMA_API_CHAT, SOMA_OLLAMA_GENERATE,
          SOMA_POST },
        { "/api/embed", SOMA_API_EMBEDDINGS, SOMA_OLLAMA_EMBED, SOMA_POST },
        { "/api/embeddings", SOMA_API_EMBEDDINGS, SOMA_OLLAMA_EMBEDDINGS,
          SOMA_POST },
        { "/api/tags", SOMA_API_MODELS, SOMA_OLLAMA_TAGS, SOMA_GET },
        { "/api/show", SOMA_API_MODELS, SOMA_OLLAMA_SHOW, SOMA_POST },
        { "/api/version", SOMA_API_MODELS, SOMA_OLLAMA_VERSION, SOMA_GET },
        { "/api/ps", SOMA_API_MODELS, SOMA_OLLAMA_PS, SOMA_GET },
        { "/api/pull", SOMA_API_NONE, 0, 0 },
        { "/api/chat/", SOMA_API_NONE, 0, 0 },
        { "/chat", SOMA_API_NONE, 0, 0 },
        { "", SOMA_API_NONE, 0, 0 }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memset(&url, 0, sizeof(url));
        memset(&ask, 0, sizeof(ask));
        url.path = str(cases[i].path);
        ask.url = &url;

        if (cases[i].api == SOMA_API_NONE) {
            soma_ok(soma_ollama.surface(&url, arena) == SOMA_DECLINED
                    && url.surface == NULL, "there is no %s", cases[i].path);
            continue;
        }

        soma_is_int(soma_ollama.surface(&url, arena), SOMA_OK, "there is %s",
                    cases[i].path);
        soma_is_int(url.surface->api, cases[i].api, "its API");
        soma_is_int(url.surface->form, cases[i].form, "its form");
        soma_is_int(url.surface->methods, cases[i].methods, "its methods");

        if (cases[i].api != SOMA_API_MODELS) {
            path = soma_ollama.splice_path(arena, &ask, SOMA_STR("m"));
            soma_ok(path.len <= strlen(cases[i].path)
                    && memcmp(path.data, cases[i].path
                                         + strlen(cases[i].path) - path.len,
                              path.len) == 0, "and goes there");
        }
    }
}


static void
test_ask(void)
{
    int     rc;
    size_t  i;
    pair_t  p;

    static const struct {
        const char  *path;
        const char  *body;
        int          stream;
        int64_t      tokens;
        const char  *error;         /* in it; NULL: none */
    } cases[] = {
        { "/api/chat", "{\"model\":\"a\"}", 1, -1, NULL },
        { "/api/chat", "{\"model\":\"a\",\"stream\":null}", 1, -1, NULL },
        { "/api/chat", "{\"model\":\"a\",\"stream\":false}", 0, -1, NULL },
        { "/api/generate", "{\"model\":\"a\",\"options\":{}}", 1, -1, NULL },
        { "/api/embed", "{\"model\":\"a\"}", 0, -1, NULL },
        { "/api/embed", "{\"model\":\"a\",\"options\":{\"num_predict\":9}}",
          0, -1, NULL },
        { "/api/chat", "{\"model\":\"a\",\"options\":{\"num_predict\":9}}",
          1, 9, NULL },
        { "/api/chat", "{\"model\":\"a\",\"options\":{\"num_predict\":9,"
          "\"num_predict\":12.0}}", 1, 12, NULL },
        { "/api/chat", "{\"model\":\"a\",\"options\":{\"num_predict\":9,"
          "\"num\\u005fpredict\":11}}", 1, 11, NULL },
        { "/api/chat", "{\"model\":\"a\",\"options\":{\"num_predict\":-1}}",
          1, -1, NULL },
        { "/api/chat", "{\"model\":\"a\",\"options\":{\"num_predict\":-2}}",
          1, -1, NULL },
        { "/api/chat", "{\"model\":\"a\",\"options\":"
          "{\"num_predict\":99999999999}}", 1, 1000000000, NULL },
        { "/api/chat", "{\"model\":\"a\",\"options\":"
          "{\"num_predict\":null}}", 1, -1, NULL },
        { "/api/chat", "{\"model\":\"a\",\"options\":null}", 1, -1, NULL },
        { "/api/chat", "{\"model\":\"a\",\"options\":[]}", 0, 0,
          "\"options\"" },
        { "/api/chat", "{\"model\":\"a\",\"options\":"
          "{\"num_predict\":\"9\"}}", 0, 0, "num_predict" },
        { "/api/chat", "{\"model\":\"a\",\"stream\":\"false\"}", 0, 0,
          "\"stream\"" },
        { "/api/chat", "{\"messages\":[]}", 0, 0, "\"model\"" },
        { "/api/chat", "{\"model\":\"a\",\"Model\":\"b\"}", 0, 0, "JSON" },
        { "/api/generate", "{\"model\":\"a\",\"images\":{}}", 0, 0,
          "\"images\"" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        rc = pair_ask(&p, arena, cases[i].path, str(cases[i].body));

        if (cases[i].error != NULL) {
            soma_ok(rc == SOMA_ERROR && p.error != NULL
                    && strstr(p.error, cases[i].error) != NULL,
                    "%s: %s", cases[i].body, p.error ? p.error : "no error");
            continue;
        }

        soma_is_int(rc, SOMA_OK, "%s", cases[i].body);
        soma_is_int(p.ask.stream, cases[i].stream, "a stream");
        soma_is_int(p.ask.max_tokens, cases[i].tokens, "its bound");
    }

    (void) pair_ask(&p, arena, "/api/generate",
                    SOMA_STR("{\"model\":\"a\",\"images\":[\"QQ==\","
                             "\"QQ==\"]}"));
    soma_is_int(p.ask.before, 2 * SOMA_OLLAMA_IMAGE_TOKENS,
                "images of generate");
}


static void
test_splice(void)
{
    size_t           i;
    soma_str_t       s;
    soma_test_ask_t  t;

    static const struct {
        const char  *body;
        int64_t      bound;
        const char  *want;
    } cases[] = {
        { "{\"model\":\"a\"}", 0, "{\"model\":\"b\"}" },
        { "{\"model\":\"a\"}", 7,
          "{\"options\":{\"num_predict\":7},\"model\":\"b\"}" },
        { "{\"model\":\"a\",\"options\":null}", 7,
          "{\"model\":\"b\",\"options\":{\"num_predict\":7}}" },
        { "{\"model\":\"a\",\"options\":{ }}", 7,
          "{\"model\":\"b\",\"options\":{\"num_predict\":7 }}" },
        { "{\"model\":\"a\",\"options\":{\"seed\":1}}", 7,
          "{\"model\":\"b\",\"options\":{\"num_predict\":7,\"seed\":1}}" },
        { "{\"model\":\"a\",\"options\":{\"num_predict\":-1}}", 7,
          "{\"model\":\"b\",\"options\":{\"num_predict\":7}}" },
        { "{\"model\":\"a\",\"options\":{\"num_predict\":5,\"x\":1,"
          "\"num_predict\":null}}", 7,
          "{\"model\":\"b\",\"options\":{\"num_predict\":5,\"x\":1,"
          "\"num_predict\":7}}" },
        { "{\"options\":{\"num_predict\":1e1},\"model\":\"a\"}", 7,
          "{\"options\":{\"num_predict\":1e1},\"model\":\"b\"}" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        soma_is_int(soma_test_ask(&t, &soma_ollama, SOMA_API_CHAT,
                                  str(cases[i].body), arena),
                    SOMA_OK, "%s", cases[i].body);
        t.ask.bound = cases[i].bound;
        s = soma_test_encode(&t, &soma_ollama, SOMA_STR("b"), arena);
        soma_is_str(s.data, s.len, cases[i].want, "spliced");
    }

    (void) soma_test_ask(&t, &soma_ollama, SOMA_API_CHAT,
                         SOMA_STR("{\"model\":\"a\",\"options\":"
                                  "{\"num_predict\":9}}"), arena);
    t.ask.max_tokens = 4;
    s = soma_test_encode(&t, &soma_ollama, SOMA_STR("a"), arena);
    soma_is_str(s.data, s.len,
                "{\"model\":\"a\",\"options\":{\"num_predict\":4}}",
                "lowered");
}


typedef struct {
    const char  *what;
    const char  *path;
    const char  *body;
    const char  *want;
} request_t;


static void
test_requests(const request_t *cases, size_t n, const soma_dialect_t *target,
    soma_inner_lossy_e lossy, unsigned facts)
{
    size_t      i;
    pair_t      p;
    soma_str_t  s;

    for (i = 0; i < n; i++) {

        if (pair_ask(&p, arena, cases[i].path, str(cases[i].body)) != SOMA_OK
            || pair_read(&p) != SOMA_OK)
        {
            s = pair_refused(&p, SOMA_STR(""), p.error ? p.error : "-");

        } else {
            p.loss.lossy = lossy;
            p.loss.facts = facts;
            p.loss.max_tokens = 4096;
            s = pair_write(&p, target);
        }

        soma_is_str(s.data, s.len, cases[i].want, "%s", cases[i].what);
    }
}


#define CASES(list)  list, sizeof(list) / sizeof(list[0])
#define CHAT         "/v1/chat/completions"
#define HI           "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define SAID         "{\"model\":\"m\"," HI ",\"stream\":false"


/* what a provider is asked */

static void
test_to_provider(void)
{
    static const request_t  cases[] = {
        { "a chat", CHAT, "{\"model\":\"x\"," HI "}", SAID "}" },
        { "a stream", CHAT, "{\"model\":\"x\"," HI ",\"stream\":true}",
          "{\"model\":\"m\"," HI ",\"stream\":true}" },
        { "sampling and bounds", CHAT,
          "{\"model\":\"x\"," HI ",\"max_tokens\":5,\"temperature\":0.50,"
          "\"top_p\":0.9,\"top_k\":3,\"min_p\":0.1,\"seed\":7,"
          "\"frequency_penalty\":0.1,\"presence_penalty\":0.2,"
          "\"stop\":[\"a\",\"\\\"\"],\"logprobs\":true,\"top_logprobs\":2}",
          SAID ",\"options\":{\"num_predict\":5,\"min_p\":0.1,\"seed\":7,"
          "\"frequency_penalty\":0.1,\"presence_penalty\":0.2,"
          "\"temperature\":0.50,\"top_p\":0.9,\"top_k\":3,"
          "\"stop\":[\"a\",\"\\\"\"]},\"logprobs\":true,"
          "\"top_logprobs\":2}" },
        { "what servers take beside", CHAT,
          "{\"model\":\"x\"," HI ",\"repeat_penalty\":1.1,"
          "\"num_ctx\":4096}",
          SAID ",\"options\":{\"repeat_penalty\":1.1,\"num_ctx\":4096}}" },
        { "stated defaults and hints", CHAT,
          "{\"model\":\"x\"," HI ",\"n\":1,\"user\":\"u\",\"store\":false,"
          "\"service_tier\":\"auto\",\"logit_bias\":{}}", SAID "}" },
        { "two choices", CHAT, "{\"model\":\"x\"," HI ",\"n\":2}",
          "!n has no place in a request of Ollama's API" },
        { "labels", CHAT, "{\"model\":\"x\"," HI ",\"metadata\":"
          "{\"a\":\"b\"}}",
          "!metadata has no place in a request of Ollama's API" },
        { "no label", CHAT, "{\"model\":\"x\"," HI ",\"metadata\":{}}",
          SAID "}" },
        { "what nobody knows", CHAT, "{\"model\":\"x\"," HI ",\"foo\":1}",
          "!foo has no place in a request of Ollama's API" },
        { "system and roles", CHAT,
          "{\"model\":\"x\",\"messages\":[{\"role\":\"developer\","
          "\"content\":\"a\"},{\"role\":\"system\",\"content\":\"b\"},"
          "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
          "\"c\"},{\"type\":\"text\",\"text\":\"d\"}]},{\"role\":"
          "\"system\",\"content\":\"e\"},{\"role\":\"assistant\","
          "\"content\":[{\"type\":\"text\",\"text\":\"f\"},{\"type\":"
          "\"refusal\",\"refusal\":\"g\"}]}]}",
          "{\"model\":\"m\",\"messages\":[{\"role\":\"system\","
          "\"content\":\"a\\n\\nb\"},{\"role\":\"user\",\"content\":"
          "\"c\\n\\nd\"},{\"role\":\"system\",\"content\":\"e\"},"
          "{\"role\":\"assistant\",\"content\":\"fg\"}],"
          "\"stream\":false}" },
        { "a speaker", CHAT,
          "{\"model\":\"x\",\"messages\":[{\"role\":\"user\",\"name\":"
          "\"n\",\"content\":\"hi\"}]}",
          "!messages.name has no place in a request of Ollama's API" },
        { "an image", CHAT,
          "{\"model\":\"x\",\"messages\":[{\"role\":\"user\",\"content\":"
          "[{\"type\":\"text\",\"text\":\"what?\"},{\"type\":"
          "\"image_url\",\"image_url\":{\"url\":\"data:image/webp;base64,"
          PNG "\"}}]}]}",
          "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
          "\"what?\",\"images\":[\"" PNG "\"]}],\"stream\":false}" },
        { "an image of another kind", CHAT,
          "{\"model\":\"x\",\"messages\":[{\"role\":\"user\",\"content\":"
          "[{\"type\":\"image_url\",\"image_url\":{\"url\":"
          "\"data:image/png;base64,R0lGODlhAQABAAAAACw=\"}}]}]}",
          "!image/gif has no place in a request of Ollama's API" },
        { "a document", CHAT,
          "{\"model\":\"x\",\"messages\":[{\"role\":\"user\",\"content\":"
          "[{\"type\":\"file\",\"file\":{\"file_data\":"
          "\"data:application/pdf;base64,JVBERi0=\"}}]}]}",
          "!application/pdf has no place in a request of Ollama's API" },
        { "sound", CHAT,
          "{\"model\":\"x\",\"messages\":[{\"role\":\"user\",\"content\":"
          "[{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"QQ==\","
          "\"format\":\"wav\"}}]}]}",
          "!input_audio has no place in a request of Ollama's API" },
        { "calls and results", CHAT,
          "{\"model\":\"x\",\"messages\":[{\"role\":\"user\",\"content\":"
          "\"hi\"},{\"role\":\"assistant\",\"content\":null,"
          "\"reasoning_content\":\"hm\",\"tool_calls\":[{\"id\":\"c1\","
          "\"type\":\"function\",\"function\":{\"name\":\"f\","
          "\"arguments\":\"{\\\"b\\\": 1.0,\\\"a\\\":9007199254740993}\"}},"
          "{\"id\":\"c2\",\"type\":\"function\",\"function\":{\"name\":"
          "\"g\",\"arguments\":\"\"}}]},{\"role\":\"tool\","
          "\"tool_call_id\":\"c2\",\"content\":\"two\"},{\"role\":\"tool\","
          "\"tool_call_id\":\"c1\",\"content\":\"\"}]}",
          "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
          "\"hi\"},{\"role\":\"assistant\",\"content\":\"\",\"thinking\":"
          "\"hm\",\"tool_calls\":[{\"id\":\"c1\",\"function\":{\"name\":"
          "\"f\",\"arguments\":{\"b\": 1.0,\"a\":9007199254740993}}},"
          "{\"id\":\"c2\",\"function\":{\"name\":\"g\",\"arguments\":{}}}]},"
          "{\"role\":\"tool\",\"content\":\"two\",\"tool_name\":\"g\","
          "\"tool_call_id\":\"c2\"},{\"role\":\"tool\",\"content\":\"\","
          "\"tool_name\":\"f\",\"tool_call_id\":\"c1\"}],"
          "\"stream\":false}" },
        { "arguments that are no JSON", CHAT,
          "{\"model\":\"x\",\"messages\":[{\"role\":\"assistant\","
          "\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\","
          "\"function\":{\"name\":\"f\",\"arguments\":\"{\"}}]}]}",
          "!tool_calls.function.arguments must be a JSON object in a "
          "request of Ollama's API" }
    };

    static const request_t  odd[] = {
        { "what is lost, is", CHAT,
          "{\"model\":\"x\"," HI ",\"n\":2,\"foo\":1,\"logit_bias\":"
          "{\"1\":2},\"tools\":[{\"type\":\"function\",\"function\":"
          "{\"name\":\"f\"}}],\"tool_choice\":\"required\"}",
          SAID ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":"
          "\"f\",\"description\":\"\",\"parameters\":{\"type\":\"object\","
          "\"properties\":{}}}}]}" }
    };

    test_requests(CASES(cases), &soma_ollama, SOMA_INNER_REFUSE, 0);
    test_requests(CASES(odd), &soma_ollama, SOMA_INNER_DROP, 0);
}


#define TOOL(name)                                                            \
    "{\"type\":\"function\",\"function\":{\"name\":\"" name "\","             \
    "\"description\":\"d\",\"parameters\":{\"type\":\"object\"}}}"
#define TOOLS  "\"tools\":[" TOOL("f") "," TOOL("g") "]"


static void
test_to_provider_tools(void)
{
    static const request_t  cases[] = {
        { "tools", CHAT, "{\"model\":\"x\"," HI "," TOOLS ","
          "\"tool_choice\":\"auto\",\"parallel_tool_calls\":true}",
          SAID "," TOOLS "}" },
        { "no tools", CHAT, "{\"model\":\"x\"," HI ",\"tools\":[]}",
          SAID "}" },
        { "none of them", CHAT, "{\"model\":\"x\"," HI "," TOOLS ","
          "\"tool_choice\":\"none\"}", SAID "}" },
        { "any of them", CHAT, "{\"model\":\"x\"," HI "," TOOLS ","
          "\"tool_choice\":\"required\"}",
          "!tool_choice cannot force a call in a request of Ollama's API" },
        { "one of them", CHAT, "{\"model\":\"x\"," HI "," TOOLS ","
          "\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":"
          "\"f\"}}}",
          "!tool_choice cannot force a call in a request of Ollama's API" },
        { "some of them", CHAT, "{\"model\":\"x\"," HI "," TOOLS ","
          "\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":"
          "{\"mode\":\"auto\",\"tools\":[{\"type\":\"function\","
          "\"function\":{\"name\":\"g\"}}]}}}",
          SAID ",\"tools\":[" TOOL("g") "]}" },
        { "one at a time", CHAT, "{\"model\":\"x\"," HI "," TOOLS ","
          "\"parallel_tool_calls\":false}",
          "!parallel_tool_calls has no place in a request of Ollama's API" },
        { "a tool of free text", CHAT, "{\"model\":\"x\"," HI ",\"tools\":"
          "[{\"type\":\"custom\",\"custom\":{\"name\":\"p\"}}]}",
          SAID ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":"
          "\"p\",\"description\":\"\",\"parameters\":{\"type\":\"object\","
          "\"properties\":{\"input\":{\"type\":\"string\"}},\"required\":"
          "[\"input\"]}}}]}" },
        { "a provider's own", "/v1/messages", "{\"model\":\"x\","
          "\"max_tokens\":5," HI ",\"tools\":[{\"type\":"
          "\"web_search_20250305\",\"name\":\"web_search\"}]}",
          "!web_search_20250305 has no place in a request of Ollama's "
          "API" },
        { "any object", CHAT, "{\"model\":\"x\"," HI ",\"response_format\":"
          "{\"type\":\"json_object\"}}", SAID ",\"format\":\"json\"}" },
        { "a schema", CHAT, "{\"model\":\"x\"," HI ",\"response_format\":"
          "{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\","
          "\"schema\":{\"type\": \"object\"},\"strict\":true}}}",
          SAID ",\"format\":{\"type\": \"object\"}}" },
        { "no effort", CHAT, "{\"model\":\"x\"," HI ","
          "\"reasoning_effort\":\"none\"}", SAID ",\"think\":false}" },
        { "little", CHAT, "{\"model\":\"x\"," HI ","
          "\"reasoning_effort\":\"minimal\"}", SAID ",\"think\":\"low\"}" },
        { "more", CHAT, "{\"model\":\"x\"," HI ","
          "\"reasoning_effort\":\"xhigh\"}", SAID ",\"think\":\"high\"}" },
        { "all", CHAT, "{\"model\":\"x\"," HI ","
          "\"reasoning_effort\":\"max\"}", SAID ",\"think\":\"max\"}" },
        { "a budget", "/v1/messages", "{\"model\":\"x\",\"max_tokens\":"
          "20000," HI ",\"thinking\":{\"type\":\"enabled\","
          "\"budget_tokens\":9000}}",
          SAID ",\"think\":\"medium\",\"options\":{\"num_predict\":20000}}" },
        { "as it likes", "/v1/messages", "{\"model\":\"x\",\"max_tokens\":"
          "20000," HI ",\"thinking\":{\"type\":\"adaptive\"}}",
          SAID ",\"think\":true,\"options\":{\"num_predict\":20000}}" },
        { "results with an image, and failures", "/v1/messages",
          "{\"model\":\"x\",\"max_tokens\":9,\"messages\":[{\"role\":"
          "\"user\",\"content\":\"hi\"},{\"role\":\"assistant\","
          "\"content\":[{\"type\":\"thinking\",\"thinking\":\"t\","
          "\"signature\":\"s\"},{\"type\":\"tool_use\",\"id\":\"c1\","
          "\"name\":\"f\",\"input\":{}}]},{\"role\":\"user\",\"content\":"
          "[{\"type\":\"tool_result\",\"tool_use_id\":\"c1\",\"is_error\":"
          "true,\"content\":[{\"type\":\"text\",\"text\":\"no\"},"
          "{\"type\":\"image\",\"source\":{\"type\":\"base64\","
          "\"media_type\":\"image/png\",\"data\":\"" PNG "\"}}]},"
          "{\"type\":\"text\",\"text\":\"and?\"}]}]}",
          "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
          "\"hi\"},{\"role\":\"assistant\",\"content\":\"\","
          "\"tool_calls\":[{\"id\":\"c1\",\"function\":{\"name\":\"f\","
          "\"arguments\":{}}}]},{\"role\":\"tool\",\"content\":"
          "\"Error: no\",\"tool_name\":\"f\",\"tool_call_id\":\"c1\"},"
          "{\"role\":\"user\",\"content\":\"\",\"images\":[\"" PNG "\"]},"
          "{\"role\":\"user\",\"content\":\"and?\"}],\"stream\":false,"
          "\"options\":{\"num_predict\":9}}" },
        { "a document's words", "/v1/messages",
          "{\"model\":\"x\",\"max_tokens\":9,\"messages\":[{\"role\":"
          "\"user\",\"content\":[{\"type\":\"document\",\"title\":\"T\","
          "\"source\":{\"type\":\"text\",\"media_type\":\"text/plain\","
          "\"data\":\"words\"}},{\"type\":\"text\",\"text\":\"sum\"}]}]}",
          "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
          "\"T\\n\\nwords\\n\\nsum\"}],\"stream\":false,\"options\":"
          "{\"num_predict\":9}}" }
    };

    test_requests(CASES(cases), &soma_ollama, SOMA_INNER_REFUSE, 0);
}


/* what a model does not know */

static void
test_to_provider_facts(void)
{
    static const request_t  plain[] = {
        { "a model without levels", CHAT, "{\"model\":\"x\"," HI ","
          "\"reasoning_effort\":\"high\"}", SAID ",\"think\":true}" }
    };

    static const request_t  less[] = {
        { "a model that does not think", CHAT, "{\"model\":\"x\"," HI ","
          "\"reasoning_effort\":\"high\"}",
          "!reasoning_effort is not known to that model" },
        { "and is told not to", CHAT, "{\"model\":\"x\"," HI ","
          "\"reasoning_effort\":\"none\"}", SAID "}" },
        { "without tools", CHAT, "{\"model\":\"x\"," HI "," TOOLS "}",
          "!tools is not known to that model" },
        { "without a schema", CHAT, "{\"model\":\"x\"," HI ","
          "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"
          "{\"name\":\"n\",\"schema\":{}}}}",
          "!response_format is not known to that model" },
        { "without sampling", CHAT, "{\"model\":\"x\"," HI ","
          "\"temperature\":0.3}",
          "!temperature is not known to that model" },
        { "but for defaults", CHAT, "{\"model\":\"x\"," HI ","
          "\"temperature\":1}", SAID "}" },
        { "without images", CHAT,
          "{\"model\":\"x\",\"messages\":[{\"role\":\"user\",\"content\":"
          "[{\"type\":\"image_url\",\"image_url\":{\"url\":"
          "\"data:image/png;base64," PNG "\"}}]}]}",
          "!an image is not known to that model" }
    };

    test_requests(CASES(plain), &soma_ollama, SOMA_INNER_REFUSE,
                  SOMA_FACT_BUDGET);
    test_requests(CASES(less), &soma_ollama, SOMA_INNER_REFUSE,
                  SOMA_FACT_NO_REASONING|SOMA_FACT_NO_TOOLS
                  |SOMA_FACT_NO_SCHEMA|SOMA_FACT_NO_SAMPLING
                  |SOMA_FACT_NO_IMAGES);
}


/* what a client asks, as OpenAI's chat says it */

static void
test_from_client(void)
{
    static const request_t  cases[] = {
        { "a chat streams", "/api/chat", "{\"model\":\"x\"," HI "}",
          "{\"model\":\"m\"," HI ",\"stream\":true,\"stream_options\":"
          "{\"include_usage\":true}}" },
        { "options", "/api/chat", "{\"model\":\"x\"," HI ",\"stream\":false,"
          "\"tools\":[],\"format\":\"\",\"keep_alive\":\"5m\",\"truncate\":"
          "true,\"options\":{\"temperature\":0.50,\"top_p\":0.9,"
          "\"num_predict\":16,\"stop\":[\"END\"],\"seed\":7,"
          "\"presence_penalty\":0.1,\"frequency_penalty\":0.2,"
          "\"num_thread\":4}}",
          "{\"model\":\"m\"," HI ",\"max_tokens\":16,\"stop\":[\"END\"],"
          "\"temperature\":0.50,\"top_p\":0.9,\"frequency_penalty\":0.2,"
          "\"presence_penalty\":0.1,\"seed\":7}" },
        { "no bound", "/api/chat", "{\"model\":\"x\"," HI ",\"stream\":"
          "false,\"options\":{\"num_predict\":-1,\"stop\":[]}}",
          "{\"model\":\"m\"," HI "}" },
        { "an option of Ollama's", "/api/chat", "{\"model\":\"x\"," HI ","
          "\"options\":{\"num_ctx\":4096}}",
          "!options.num_ctx has no place in a chat request of OpenAI's "
          "API" },
        { "the other name of what is there", "/api/chat",
          "{\"model\":\"x\"," HI ",\"options\":{\"top_k\":5}}",
          "!options.top_k has no place in a chat request of OpenAI's API" },
        { "a template", "/api/generate", "{\"model\":\"x\",\"prompt\":"
          "\"hi\",\"template\":\"t\"}",
          "!template has no place in a chat request of OpenAI's API" },
        { "raw", "/api/generate", "{\"model\":\"x\",\"prompt\":"
          "\"hi\",\"raw\":true}",
          "!raw has no place in a chat request of OpenAI's API" },
        { "what is said for nothing", "/api/generate", "{\"model\":\"x\","
          "\"prompt\":\"hi\",\"stream\":false,\"raw\":false,\"template\":"
          "\"\",\"suffix\":\"\",\"context\":[],\"shift\":true}",
          "{\"model\":\"m\"," HI "}" },
        { "generate", "/api/generate", "{\"model\":\"x\",\"stream\":false,"
          "\"prompt\":\"what?\",\"system\":\"be brief\",\"images\":[\"" PNG
          "\"],\"format\":\"json\"}",
          "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":"
          "\"be brief\"},{\"role\":\"user\",\"content\":[{\"type\":"
          "\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,"
          PNG "\"}},{\"type\":\"text\",\"text\":\"what?\"}]}],"
          "\"response_format\":{\"type\":\"json_object\"}}" },
        { "a schema", "/api/chat", "{\"model\":\"x\",\"stream\":false," HI
          ",\"format\":{\"type\":\"object\"}}",
          "{\"model\":\"m\"," HI ",\"response_format\":{\"type\":"
          "\"json_schema\",\"json_schema\":{\"name\":\"output\",\"schema\":"
          "{\"type\":\"object\"}}}}" },
        { "a level", "/api/chat", "{\"model\":\"x\",\"stream\":false," HI
          ",\"think\":\"low\"}",
          "{\"model\":\"m\"," HI ",\"reasoning_effort\":\"low\"}" },
        { "off", "/api/chat", "{\"model\":\"x\",\"stream\":false," HI
          ",\"think\":false}",
          "{\"model\":\"m\"," HI ",\"reasoning_effort\":\"none\"}" },
        { "no level", "/api/chat", "{\"model\":\"x\",\"think\":\"none\"," HI
          "}", "! \"think\" must be true, false, \"low\", \"medium\", "
          "\"high\" or \"max\"" },
        { "no format", "/api/chat", "{\"model\":\"x\",\"format\":\"xml\"," HI
          "}", "! \"format\" must be \"json\" or a JSON schema" },
        { "nothing to say", "/api/chat", "{\"model\":\"x\",\"messages\":[]}",
          "! \"messages\" has nothing in it: no model is loaded here" },
        { "nothing to go on from", "/api/generate", "{\"model\":\"x\"}",
          "! there is no \"prompt\", a string: no model is loaded here" },
        { "no role", "/api/chat", "{\"model\":\"x\",\"messages\":[{\"role\":"
          "\"bot\",\"content\":\"\"}]}", "! \"bot\" is no role of a message: "
          "there are system, user, assistant and tool" },
        { "no image", "/api/chat", "{\"model\":\"x\",\"messages\":[{\"role\":"
          "\"user\",\"content\":\"\",\"images\":[\"http://a/b.png\"]}]}",
          "! each of \"images\" must be the bytes of one, in base64" },
        { "of no kind", "/api/chat", "{\"model\":\"x\",\"messages\":[{"
          "\"role\":\"user\",\"content\":\"\",\"images\":[\"QUJD\"]}]}",
          "! one of \"images\" is of no kind that is known" },
        { "content in parts", "/api/chat", "{\"model\":\"x\",\"messages\":[{"
          "\"role\":\"user\",\"content\":[]}]}",
          "! \"content\" of a message must be a string" },
        { "calls by their order", "/api/chat",
          "{\"model\":\"x\",\"stream\":false,\"messages\":[{\"role\":"
          "\"user\",\"content\":\"hi\"},{\"role\":\"assistant\","
          "\"thinking\":\"t\",\"tool_calls\":[{\"function\":{\"name\":\"f\","
          "\"arguments\":{\"a\": 1.0}}},{\"function\":{\"name\":\"f\","
          "\"arguments\":{}}},{\"id\":\"own\",\"function\":{\"name\":"
          "\"g\"}}]},{\"role\":\"tool\",\"tool_name\":\"g\",\"content\":"
          "\"of g\"},{\"role\":\"tool\",\"tool_name\":\"f\",\"content\":"
          "\"1st\"},{\"role\":\"tool\",\"content\":\"2nd\"}]}",
          "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
          "\"hi\"},{\"role\":\"assistant\",\"content\":null,"
          "\"tool_calls\":[{\"id\":\"call_0000000000000001\",\"type\":"
          "\"function\",\"function\":{\"name\":\"f\",\"arguments\":"
          "\"{\\\"a\\\": 1.0}\"}},{\"id\":\"call_0000000000000002\","
          "\"type\":\"function\",\"function\":{\"name\":\"f\","
          "\"arguments\":\"{}\"}},{\"id\":\"own\",\"type\":\"function\","
          "\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}]},"
          "{\"role\":\"tool\",\"tool_call_id\":\"own\",\"content\":"
          "\"of g\"},{\"role\":\"tool\",\"tool_call_id\":"
          "\"call_0000000000000001\",\"content\":\"1st\"},{\"role\":"
          "\"tool\",\"tool_call_id\":\"call_0000000000000002\","
          "\"content\":\"2nd\"}]}" },
        { "arguments in a string", "/api/chat",
          "{\"model\":\"x\",\"messages\":[{\"role\":\"assistant\","
          "\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":"
          "\"{}\"}}]}]}",
          "! \"arguments\" of a call must be an object" }
    };

    static const request_t  claude[] = {
        { "thinking as it likes", "/api/chat", "{\"model\":\"x\",\"stream\":"
          "false," HI ",\"think\":true}",
          "{\"model\":\"m\",\"max_tokens\":4096," HI ",\"thinking\":"
          "{\"type\":\"enabled\",\"budget_tokens\":3072,\"display\":"
          "\"summarized\"}}" }
    };

    test_requests(CASES(cases), &soma_openai, SOMA_INNER_REFUSE, 0);
    test_requests(CASES(claude), &soma_anthropic, SOMA_INNER_REFUSE, 0);
}


/* inputs, from a client and to a provider */

static void
test_embed(void)
{
    pair_t      p;
    soma_str_t  s;

    static const request_t  cases[] = {
        { "inputs", "/v1/embeddings", "{\"model\":\"x\",\"input\":[\"a\","
          "\"b\\n\"],\"dimensions\":8,\"user\":\"u\"}",
          "{\"model\":\"m\",\"input\":[\"a\",\"b\\n\"],\"dimensions\":8}" },
        { "one input", "/v1/embeddings", "{\"model\":\"x\",\"input\":\"a\"}",
          "{\"model\":\"m\",\"input\":[\"a\"]}" },
        { "numbers of tokens", "/v1/embeddings", "{\"model\":\"x\","
          "\"input\":[1,2]}",
          "!input must be one text each in a request of Ollama's API" },
        { "what is not known", "/v1/embeddings", "{\"model\":\"x\","
          "\"input\":\"a\",\"foo\":1}",
          "!foo has no place in a request of Ollama's API" }
    };

    test_requests(CASES(cases), &soma_ollama, SOMA_INNER_REFUSE, 0);

    p.request.task = SOMA_INNER_INPUTS;
    s = soma_ollama.path(arena, &p.request);
    soma_is_str(s.data, s.len, "/api/embed", "where they go");
    p.request.task = SOMA_INNER_CONVERSATION;
    s = soma_ollama.path(arena, &p.request);
    soma_is_str(s.data, s.len, "/api/chat", "where chats go");

    (void) pair_ask(&p, arena, "/v1/embeddings",
                    SOMA_STR("{\"model\":\"x\",\"input\":[\"a\",\"b\"]}"));
    (void) pair_read(&p);
    s = pair_answer(&p, &soma_ollama,
                    SOMA_STR("{\"model\":\"e\",\"embeddings\":[[0.5,-1],"
                             "[1e-3]],\"prompt_eval_count\":4}"), 0);
    soma_is_str(s.data, s.len, "{\"object\":\"list\",\"data\":[{\"object\":"
                "\"embedding\",\"index\":0,\"embedding\":[0.5,-1]},"
                "{\"object\":\"embedding\",\"index\":1,\"embedding\":"
                "[1e-3]}],\"model\":\"e\",\"usage\":{\"prompt_tokens\":4,"
                "\"total_tokens\":4}}", "vectors of a provider");

    p.request.base64 = 1;
    s = pair_answer(&p, &soma_ollama,
                    SOMA_STR("{\"embeddings\":[[0.5,-1]]}"), 0);
    soma_ok(strstr((char *) s.data, "\"embedding\":\"AAAAPwAAgL8=\"") != NULL,
            "as they were asked for");

    s = pair_answer(&p, &soma_ollama, SOMA_STR("{\"error\":\"no\"}"), 0);
    soma_ok(p.failed, "an error is none");
    s = pair_answer(&p, &soma_ollama, SOMA_STR("{\"model\":\"e\"}"), 0);
    soma_ok(p.failed, "nor is nothing");

    (void) pair_ask(&p, arena, "/api/embed",
                    SOMA_STR("{\"model\":\"x\",\"input\":[\"a\",\"b\"],"
                             "\"truncate\":true,\"options\":{},"
                             "\"keep_alive\":\"1m\"}"));
    soma_is_int(pair_read(&p), SOMA_OK, "inputs of a client");
    soma_is_int(p.request.nturns, 2, "there are two");
    soma_is_int(p.request.task, SOMA_INNER_INPUTS, "to become vectors");

    s = pair_answer(&p, &soma_ollama,
                    SOMA_STR("{\"embeddings\":[[0.5,-1],[2]],"
                             "\"prompt_eval_count\":4}"), 0);
    soma_is_str(s.data, s.len, "{\"model\":\"asked\",\"embeddings\":"
                "[[0.5,-1],[2]],\"total_duration\":1,\"load_duration\":0,"
                "\"prompt_eval_count\":4}", "vectors for a client");

    (void) pair_ask(&p, arena, "/api/embeddings",
                    SOMA_STR("{\"model\":\"x\",\"prompt\":\"a\",\"options\":"
                             "{},\"keep_alive\":null}"));
    soma_is_int(pair_read(&p), SOMA_OK, "an older client");
    s = pair_answer(&p, &soma_ollama, SOMA_STR("{\"embedding\":[0.5,-1]}"),
                    0);
    soma_is_str(s.data, s.len, "{\"embedding\":[0.5,-1]}", "has one vector");
}


static void
test_vector(void)
{
    soma_str_t  s, t;

    soma_is_int(soma_vector_raw(arena, SOMA_STR("AAAAPwAAgL8AAMB/"), &s),
                SOMA_OK, "a vector in base64");
    soma_is_str(s.data, s.len, "[0.5,-1,0]", "as numbers");
    soma_is_int(soma_vector_base64(arena, s, &t), SOMA_OK, "and back");
    soma_is_str(t.data, t.len, "AAAAPwAAgL8AAAAA", "to bytes");
    soma_is_int(soma_vector_raw(arena, SOMA_STR("AAAAPwA="), &s),
                SOMA_DECLINED, "half a number");
    soma_is_int(soma_vector_base64(arena, SOMA_STR("[\"a\"]"), &s),
                SOMA_DECLINED, "no number");
    soma_is_int(soma_vector_base64(arena, SOMA_STR("{}"), &s),
                SOMA_DECLINED, "no array");
    soma_is_int(soma_vector_base64(arena, SOMA_STR("[]"), &s), SOMA_OK,
                "an empty one");
}


#define TIME      "\"created_at\":\"2024-05-24T20:01:31.01558Z\""
#define LINE(m)   "{\"model\":\"g\"," TIME ",\"message\":{\"role\":"           \
                  "\"assistant\"," m "},\"done\":false}\n"
#define LAST(r)   "{\"model\":\"g\"," TIME ",\"message\":{\"role\":"           \
                  "\"assistant\",\"content\":\"\"},\"done_reason\":\"" r "\"," \
                  "\"done\":true,\"total_duration\":5,\"prompt_eval_count\":"  \
                  "7,\"eval_count\":3}\n"


static void
answers(const char *what, const char *path, const char *body,
    const soma_dialect_t *from, const char *bytes, const char *want)
{
    pair_t      p;
    size_t      i;
    soma_str_t  s;

    for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {

        if (pair_ask(&p, arena, path, str(body)) != SOMA_OK
            || pair_read(&p) != SOMA_OK)
        {
            soma_ok(0, "%s: %s", what, p.error ? p.error : "-");
            return;
        }

        s = pair_answer(&p, from, str(bytes), steps[i]);
        soma_is_str(s.data, s.len, want, "%s, %zu", what, steps[i]);

        if (!p.ask.stream) {
            return;
        }
    }
}


#define CHUNK(d, f)                                                           \
    "data: {\"id\":\"chatcmpl-0123456789abcdef\",\"object\":"                 \
    "\"chat.completion.chunk\",\"created\":1716580891,\"model\":\"g\","       \
    "\"choices\":[{\"index\":0,\"delta\":" d ",\"logprobs\":null,"            \
    "\"finish_reason\":" f "}]}\n\n"


static void
test_from_provider(void)
{
    static const char  ask[] = "{\"model\":\"x\",\"stream\":true," HI "}";

    answers("a stream", CHAT, ask, &soma_ollama,
            LINE("\"content\":\"\"") LINE("\"content\":\"\",\"thinking\":"
            "\"h\\u00e9\"") "\n" LINE("\"content\":\"a\\ud83e\"")
            LINE("\"content\":\"\\udd8ab\"") "{\"odd\":[1]}\r\n"
            LAST("stop") LINE("\"content\":\"late\""),
            CHUNK("{\"role\":\"assistant\",\"content\":\"\"}", "null")
            CHUNK("{\"reasoning_content\":\"h\\u00e9\"}", "null")
            CHUNK("{\"content\":\"a\"}", "null")
            CHUNK("{\"content\":\"\\ud83e\\udd8ab\"}", "null")
            CHUNK("{}", "\"stop\"") "data: [DONE]\n\n");

    answers("calls", CHAT, ask, &soma_ollama,
            LINE("\"content\":\"\",\"tool_calls\":[{\"function\":{\"index\":"
                 "0,\"name\":\"f\",\"arguments\":{\"a\": 1.0}}},{\"id\":"
                 "\"own\",\"function\":{\"name\":\"g\"}}]")
            LAST("stop"),
            CHUNK("{\"role\":\"assistant\",\"content\":\"\"}", "null")
            CHUNK("{\"tool_calls\":[{\"index\":0,\"id\":"
                  "\"call_ff3add6b3789daef\",\"type\":\"function\","
                  "\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}",
                  "null")
            CHUNK("{\"tool_calls\":[{\"index\":0,\"function\":"
                  "{\"arguments\":\"{\\\"a\\\": 1.0}\"}}]}", "null")
            CHUNK("{\"tool_calls\":[{\"index\":1,\"id\":\"own\",\"type\":"
                  "\"function\",\"function\":{\"name\":\"g\",\"arguments\":"
                  "\"\"}}]}", "null")
            CHUNK("{\"tool_calls\":[{\"index\":1,\"function\":"
                  "{\"arguments\":\"{}\"}}]}", "null")
            CHUNK("{}", "\"tool_calls\"") "data: [DONE]\n\n");

    answers("a bound hides no call", CHAT, ask, &soma_ollama,
            LINE("\"content\":\"a\"") LAST("length"),
            CHUNK("{\"role\":\"assistant\",\"content\":\"\"}", "null")
            CHUNK("{\"content\":\"a\"}", "null")
            CHUNK("{}", "\"length\"") "data: [DONE]\n\n");

    answers("an error", CHAT, ask, &soma_ollama,
            LINE("\"content\":\"a\"") "{\"error\":\"bo\\nom\"}\n"
            LAST("stop"),
            CHUNK("{\"role\":\"assistant\",\"content\":\"\"}", "null")
            CHUNK("{\"content\":\"a\"}", "null")
            "data: {\"error\":{\"message\":\"bo\\nom\",\"type\":"
            "\"api_error\",\"param\":null,\"code\":null}}\n\n");

    answers("a cut", CHAT, ask, &soma_ollama,
            LINE("\"content\":\"a\"") "{\"model\":\"g\",\"mess",
            CHUNK("{\"role\":\"assistant\",\"content\":\"\"}", "null")
            CHUNK("{\"content\":\"a\"}", "null"));

    answers("a whole one", "/v1/messages",
            "{\"model\":\"x\",\"max_tokens\":9," HI "}", &soma_ollama,
            "{\"done_reason\":\"stop\",\"eval_count\":3,\"model\":\"g\","
            TIME ",\"message\":{\"tool_calls\":[{\"id\":\"c\",\"function\":"
            "{\"arguments\":{},\"name\":\"f\"}}],\"content\":\"a\","
            "\"role\":\"assistant\",\"thinking\":\"t\"},\"done\":true}",
            "{\"id\":\"0123456789abcdef\",\"type\":\"message\",\"role\":"
            "\"assistant\",\"model\":\"g\",\"content\":[{\"type\":"
            "\"thinking\",\"thinking\":\"t\",\"signature\":\"\"},{\"type\":"
            "\"text\",\"text\":\"a\"},{\"type\":\"tool_use\",\"id\":\"c\","
            "\"name\":\"f\",\"input\":{}}],\"stop_reason\":\"tool_use\","
            "\"stop_sequence\":null,\"usage\":{\"input_tokens\":0,"
            "\"cache_creation_input_tokens\":0,"
            "\"cache_read_input_tokens\":0,\"output_tokens\":3}}");

    answers("nothing", "/v1/messages",
            "{\"model\":\"x\",\"max_tokens\":9," HI "}", &soma_ollama,
            "{\"model\":\"g\",\"done\":true}", "");
}


#define OL(m, rest)                                                           \
    "{\"model\":\"g\",\"created_at\":\"2023-11-14T22:13:20.000Z\","           \
    "\"message\":{\"role\":\"assistant\"," m "}" rest "}\n"
#define MORE  ",\"done\":false"
#define END(r, p, e)                                                          \
    ",\"done\":true,\"done_reason\":\"" r "\",\"total_duration\":2,"          \
    "\"load_duration\":0,\"prompt_eval_count\":" p                            \
    ",\"prompt_eval_duration\":1,\"eval_count\":" e ",\"eval_duration\":1"
#define OC(d, f)                                                              \
    "data: {\"id\":\"c\",\"created\":1700000000,\"model\":\"g\","             \
    "\"choices\":[{\"index\":0,\"delta\":" d ",\"finish_reason\":" f "}]}\n\n"


static void
test_to_client(void)
{
    static const char  ask[] = "{\"model\":\"x\"," HI "}";

    answers("a stream", "/api/chat", ask, &soma_openai,
            OC("{\"role\":\"assistant\",\"content\":\"\"}", "null")
            OC("{\"reasoning_content\":\"hm\"}", "null")
            OC("{\"content\":\"a\\ud83e\"}", "null")
            ": alive\n\n"
            OC("{\"content\":\"\\udd8ab\"}", "null") OC("{}", "\"length\"")
            "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,"
            "\"completion_tokens\":3}}\n\ndata: [DONE]\n\n",
            OL("\"content\":\"\",\"thinking\":\"hm\"", MORE)
            OL("\"content\":\"a\"", MORE)
            OL("\"content\":\"\\ud83e\\udd8ab\"", MORE)
            OL("\"content\":\"\"", END("length", "7", "3")));

    answers("calls, one in the other", "/api/chat", ask, &soma_openai,
            OC("{\"content\":\"a\",\"tool_calls\":[{\"index\":0,\"id\":"
               "\"c1\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}",
               "null")
            OC("{\"tool_calls\":[{\"index\":1,\"id\":\"c2\",\"function\":"
               "{\"name\":\"g\",\"arguments\":\"\"}}]}", "null")
            OC("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":"
               "\"{\\\"a\\\":\\n\"}}]}", "null")
            OC("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":"
               "\"1.0}\"}}]}", "null")
            OC("{}", "\"tool_calls\"") "data: [DONE]\n\n",
            OL("\"content\":\"a\"", MORE)
            OL("\"content\":\"\",\"tool_calls\":[{\"id\":\"c1\","
               "\"function\":{\"index\":0,\"name\":\"f\",\"arguments\":"
               "{\"a\": 1.0}}}]", MORE)
            OL("\"content\":\"\",\"tool_calls\":[{\"id\":\"c2\","
               "\"function\":{\"index\":1,\"name\":\"g\",\"arguments\":"
               "{}}}]", MORE)
            OL("\"content\":\"\"", END("stop", "0", "0")));

    answers("a call that is none", "/api/chat", ask, &soma_openai,
            OC("{\"tool_calls\":[{\"index\":0,\"id\":\"c1\",\"function\":"
               "{\"name\":\"f\",\"arguments\":\"{\"}}]}", "null")
            OC("{}", "\"tool_calls\"") "data: [DONE]\n\n",
            "{\"error\":\"the provider's model has called a tool with "
            "arguments that are no JSON object\"}\n");

    answers("an error", "/api/chat", ask, &soma_openai,
            OC("{\"content\":\"a\"}", "null")
            "data: {\"error\":{\"message\":\"bo\\\"om\"}}\n\n"
            OC("{\"content\":\"b\"}", "null"),
            OL("\"content\":\"a\"", MORE) "{\"error\":\"bo\\\"om\"}\n");

    answers("a whole one", "/api/chat",
            "{\"model\":\"x\",\"stream\":false," HI "}", &soma_openai,
            "{\"id\":\"c\",\"created\":1700000000,\"model\":\"g\","
            "\"choices\":[{\"index\":0,\"finish_reason\":\"tool_calls\","
            "\"message\":{\"role\":\"assistant\",\"content\":\"a\","
            "\"reasoning_content\":\"t\",\"tool_calls\":[{\"id\":\"c1\","
            "\"type\":\"function\",\"function\":{\"name\":\"f\","
            "\"arguments\":\"{\\\"b\\\":1}\"}}]}}],\"usage\":"
            "{\"prompt_tokens\":7,\"completion_tokens\":3}}",
            "{\"model\":\"g\",\"created_at\":\"2023-11-14T22:13:20.000Z\","
            "\"message\":{\"role\":\"assistant\",\"content\":\"a\","
            "\"thinking\":\"t\",\"tool_calls\":[{\"id\":\"c1\",\"function\":"
            "{\"index\":0,\"name\":\"f\",\"arguments\":{\"b\":1}}}]}"
            END("stop", "7", "3") "}");

    answers("generate, whole", "/api/generate",
            "{\"model\":\"x\",\"stream\":false,\"prompt\":\"p\"}",
            &soma_openai,
            "{\"created\":1700000000,\"model\":\"g\",\"choices\":[{\"index\":"
            "0,\"finish_reason\":\"stop\",\"message\":{\"content\":\"a\"}}]}",
            "{\"model\":\"g\",\"created_at\":\"2023-11-14T22:13:20.000Z\","
            "\"response\":\"a\"" END("stop", "0", "0") "}");

    answers("generate, streamed", "/api/generate",
            "{\"model\":\"x\",\"prompt\":\"p\"}", &soma_openai,
            OC("{\"content\":\"a\"}", "null") OC("{}", "\"stop\"")
            "data: [DONE]\n\n",
            "{\"model\":\"g\",\"created_at\":\"2023-11-14T22:13:20.000Z\","
            "\"response\":\"a\",\"done\":false}\n"
            "{\"model\":\"g\",\"created_at\":\"2023-11-14T22:13:20.000Z\","
            "\"response\":\"\"" END("stop", "0", "0") "}\n");
}


/* what a provider signs comes back to it in the id of a call */

static void
test_signed(void)
{
    pair_t               p;
    soma_str_t           s;
    unsigned             i;
    soma_pieces_t        body;
    yyjson_doc          *doc;
    yyjson_val          *id;
    soma_inner_event_t   e;
    soma_inner_block_t  *call;

    (void) pair_ask(&p, arena, "/api/chat",
                    SOMA_STR("{\"model\":\"x\",\"stream\":false," HI "}"));
    (void) pair_read(&p);

    p.writer.arena = arena;
    p.writer.ask = &p.ask;
    p.writer.cost = -1;
    soma_pieces_init(&p.out, arena);

    static const soma_inner_event_e  order[] = {
        SOMA_INNER_START, SOMA_INNER_BEGIN, SOMA_INNER_DELTA,
        SOMA_INNER_SIGNATURE, SOMA_INNER_CLOSE, SOMA_INNER_FINISH,
        SOMA_INNER_END
    };

    for (i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        memset(&e, 0, sizeof(e));
        e.event = order[i];
        e.kind = SOMA_INNER_CALL;
        e.id = SOMA_STR("c1");
        e.name = SOMA_STR("f");
        e.maker = SOMA_STR("gemini");
        e.text = (order[i] == SOMA_INNER_SIGNATURE) ? SOMA_STR("sig")
                                                    : SOMA_STR("{}");
        (void) soma_ollama.write(&p.writer, &p.out, &e);
    }

    (void) soma_pieces_whole(&p.out, &s);
    doc = yyjson_read((char *) s.data, s.len, 0);
    id = yyjson_ptr_get(yyjson_doc_get_root(doc),
                        "/message/tool_calls/0/id");

    soma_pieces_init(&body, arena);
    soma_pieces_cstr(&body, "{\"model\":\"x\",\"messages\":[{\"role\":"
                            "\"assistant\",\"content\":\"\",\"tool_calls\":"
                            "[{\"id\":\"");
    soma_pieces_cstr(&body, yyjson_get_str(id));
    soma_pieces_cstr(&body, "\",\"function\":{\"name\":\"f\",\"arguments\":"
                            "{}}}]},{\"role\":\"tool\",\"content\":\"r\","
                            "\"tool_call_id\":\"");
    soma_pieces_cstr(&body, yyjson_get_str(id));
    soma_pieces_cstr(&body, "\"}]}");
    (void) soma_pieces_whole(&body, &s);
    yyjson_doc_free(doc);

    (void) pair_ask(&p, arena, "/api/chat", s);
    soma_is_int(pair_read(&p), SOMA_OK, "a call that came signed");

    call = p.request.turns->blocks;
    soma_is_str(call->id.data, call->id.len, "c1", "its id");
    soma_is_str(call->signature.data, call->signature.len, "sig",
                "its signature");
    soma_is_str(call->maker.data, call->maker.len, "gemini", "and whose");

    call = p.request.turns->next->blocks;
    soma_is_str(call->id.data, call->id.len, "c1", "its result's");
    soma_is_str(call->name.data, call->name.len, "f", "and tool");
    soma_is_int(call->signature.len, 0, "which is not signed");
}


static void
test_told(void)
{
    size_t          n;
    soma_out_t      out;
    soma_ask_t      ask;
    soma_str_t      s;
    soma_usage_t    usage;
    soma_answer_t   answer;
    unsigned char   buf[SOMA_CUT_EVENT_MAX];

    memset(&ask, 0, sizeof(ask));
    memset(&usage, 0, sizeof(usage));
    memset(&answer, 0, sizeof(answer));
    ask.api = SOMA_API_CHAT;
    ask.model = SOMA_STR("m");
    usage.input_tokens = 5;
    usage.output_tokens = 6;
    answer.created = 1700000000;

    soma_put_init(&out, buf, sizeof(buf));
    soma_ollama.cut(&out, &ask, &answer, &usage, 1500);
    n = (size_t) (out.pos - out.start);
    soma_is_str(buf, n, "{\"model\":\"m\",\"created_at\":"
                "\"2023-11-14T22:13:20.000Z\",\"message\":{\"role\":"
                "\"assistant\",\"content\":\"\"},\"done\":true,"
                "\"done_reason\":\"length\",\"prompt_eval_count\":5,"
                "\"eval_count\":6,\"cost\":0.0000015}\n", "a cut");

    soma_put_init(&out, buf, sizeof(buf));
    soma_ollama.fault_event(&out, &ask, SOMA_FAULT_UPSTREAM, SOMA_STR(""),
                            SOMA_STR("a \"b\""));
    soma_is_str(buf, (size_t) (out.pos - out.start),
                "{\"error\":\"a \\\"b\\\"\"}\n", "an error in a stream");
    soma_is_int(soma_dialect_status(&soma_ollama, SOMA_FAULT_QUOTA), 402,
                "no money");
    soma_is_int(soma_dialect_status(&soma_ollama, SOMA_FAULT_RATE), 429,
                "too fast");

    s = soma_ollama.stream_type(&ask);
    soma_is_str(s.data, s.len, "application/x-ndjson", "what a stream is");

    s = soma_ollama.beat(&ask);
    soma_ok(s.len != 0 && s.data[s.len - 1] == '\n'
            && memchr(s.data, '\n', s.len) == s.data + s.len - 1,
            "a beat is a line");
}


static void
test_verdicts(void)
{
    size_t          i;
    soma_look_t     look;
    soma_refusal_t  refusal;

    static const struct {
        const char      *text;
        unsigned         event;
        unsigned         whole;
        soma_verdict_e   want;
    } cases[] = {
        { "{\"model\":\"g\",\"created_at\":\"\",\"message\":{\"role\":"
          "\"assistant\",\"content\":\"\"},\"done\":false}", 1, 1,
          SOMA_VERDICT_GOOD },
        { "{\"model\":\"g\",\"response\":\"\",\"done\":false}", 1, 1,
          SOMA_VERDICT_GOOD },
        { "{\"error\":\"boom\"}", 1, 1, SOMA_VERDICT_ERROR },
        { "{\"error\":\"boom\"}", 0, 1, SOMA_VERDICT_ERROR },
        { "{\"model\":\"g\",\"message\":{\"role\":\"assistant\"", 0, 0,
          SOMA_VERDICT_GOOD },
        { "{\"mod", 0, 0, SOMA_VERDICT_MORE },
        { "{\"message\":\"not found\"}", 0, 1, SOMA_VERDICT_NONE },
        { "Ollama is running", 0, 1, SOMA_VERDICT_NONE },
        { "{\"embeddings\":[[1]]}", 0, 1, SOMA_VERDICT_GOOD },
        { "{}", 0, 1, SOMA_VERDICT_NONE }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memset(&look, 0, sizeof(look));
        look.api = SOMA_API_CHAT;
        look.text = str(cases[i].text);
        look.event = cases[i].event;
        look.whole = cases[i].whole;
        soma_is_int(soma_ollama.verdict(&look), cases[i].want, "%s",
                    cases[i].text);
    }

    soma_ollama.refusal(SOMA_STR("{\"error\":\"model 'x' not found\"}"),
                        &refusal);
    soma_ok(refusal.whole && refusal.ours, "a refusal of its own");
    soma_is_str(refusal.message.text.data, refusal.message.text.len,
                "\"model 'x' not found\"", "what it says");
    soma_ollama.refusal(SOMA_STR("{\"error\":{\"message\":\"a\"}}"),
                        &refusal);
    soma_ok(refusal.whole && !refusal.ours, "somebody else's");
    soma_ollama.refusal(SOMA_STR("404 page not found"), &refusal);
    soma_ok(!refusal.whole && !refusal.ours, "none");
}


static void
test_models(void)
{
    soma_str_t           s;
    yyjson_doc          *doc;
    soma_pieces_t        out;
    soma_ollama_model_t  model;

    memset(&model, 0, sizeof(model));
    model.name = SOMA_STR("a\"b");
    model.modified = 1700000000;
    model.context = 8192;
    model.tools = 1;

    soma_pieces_init(&out, arena);
    soma_ollama_models_begin(&out);
    soma_ollama_models_model(&out, &model);
    soma_ollama_models_model(&out, &model);
    soma_ollama_models_end(&out);
    (void) soma_pieces_whole(&out, &s);

    doc = yyjson_read((char *) s.data, s.len, 0);
    soma_ok(yyjson_equals_str(yyjson_ptr_get(yyjson_doc_get_root(doc),
                                             "/models/1/name"), "a\"b"),
            "a list of models");
    soma_is_int(yyjson_get_len(yyjson_ptr_get(yyjson_doc_get_root(doc),
                                              "/models/0/digest")), 64,
                "with digests");
    yyjson_doc_free(doc);

    soma_pieces_init(&out, arena);
    soma_ollama_models_show(&out, &model);
    (void) soma_pieces_whole(&out, &s);

    doc = yyjson_read((char *) s.data, s.len, 0);
    soma_is_int(yyjson_get_int(yyjson_ptr_get(yyjson_doc_get_root(doc),
                               "/model_info/soma.context_length")), 8192,
                "a model's window");
    soma_ok(yyjson_equals_str(yyjson_ptr_get(yyjson_doc_get_root(doc),
                              "/capabilities/1"), "tools"), "and tools");
    yyjson_doc_free(doc);

    soma_pieces_init(&out, arena);
    soma_ollama_models_version(&out);
    (void) soma_pieces_whole(&out, &s);
    soma_is_str(s.data, s.len, "{\"version\":\"" SOMA_OLLAMA_MODELS_VERSION
                "\"}", "a version");

    soma_is_int(soma_ollama_models_asked(arena, SOMA_STR("{\"name\":\"a\"}"),
                                         &s), SOMA_OK, "by the older name");
    soma_is_str(s.data, s.len, "a", "a model");
    soma_is_int(soma_ollama_models_asked(arena, SOMA_STR("{}"), &s),
                SOMA_DECLINED, "none");
}


int
main(void)
{
    arena = soma_test_arena();

    test_surfaces();
    test_ask();
    test_splice();
    test_to_provider();
    test_to_provider_tools();
    test_to_provider_facts();
    test_from_client();
    test_embed();
    test_vector();
    test_from_provider();
    test_to_client();
    test_signed();
    test_told();
    test_verdicts();
    test_models();

    soma_test_arena_free(arena);

    return soma_done();
}
