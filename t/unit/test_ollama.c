
/*
 * Copyright (C) The ngx_soma authors
 *
 * The ollama dialect: what its clients ask, and what is asked of its
 * providers.
 */


#include "soma_ask_test.h"
#include "soma_ollama.h"
#include "soma_pair_test.h"
#include "soma_prompt.h"


#define PNG                                                                   \
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9Q"        \
    "DwADhgGAWjR9awAAAABJRU5ErkJggg=="


static soma_arena_t  *arena;

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
          "\"reasoning_content\":\"t\",\"tool_calls\":"
          "[{\"id\":\"call_0000000000000001\",\"type\":"
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


/* what is Ollama's own is said to it again, should it come to that */

static void
test_own(void)
{
    static const request_t  cases[] = {
        { "options", "/api/chat", "{\"model\":\"x\"," HI ",\"options\":"
          "{\"num_ctx\":4096,\"top_k\":5,\"num_gpu\":1,"
          "\"num_predict\":-1}}",
          "{\"model\":\"m\"," HI ",\"stream\":true,\"options\":"
          "{\"top_k\":5,\"num_ctx\":4096,\"num_gpu\":1}}" },
        { "thinking and truncation", "/api/chat", "{\"model\":\"x\"," HI
          ",\"stream\":false,\"think\":true,\"truncate\":false}",
          SAID ",\"think\":true,\"truncate\":false}" },
        { "a picture", "/api/generate", "{\"model\":\"x\",\"prompt\":"
          "\"p\",\"stream\":false,\"images\":[\"" PNG "\"]}",
          "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
          "\"p\",\"images\":[\"" PNG "\"]}],\"stream\":false}" }
    };

    test_requests(CASES(cases), &soma_ollama, SOMA_INNER_REFUSE, 0);
}


/* an image is as many tokens as one of any other dialect, however short */

static void
test_prompt(void)
{
    int64_t  none, two;

    none = soma_prompt_tokens(soma_ollama.prompt, NULL, SOMA_API_CHAT, 0,
                              SOMA_STR("{\"messages\":[{\"role\":\"user\","
                                       "\"content\":\"hi\"}]}"));
    two = soma_prompt_tokens(soma_ollama.prompt, NULL, SOMA_API_CHAT, 0,
                             SOMA_STR("{\"messages\":[{\"role\":\"user\","
                                      "\"images\":[\"QQ==\", \"QQ==\"],"
                                      "\"content\":\"hi\"}]}"));

    soma_is_int(two - none, 2 * SOMA_OLLAMA_IMAGE_TOKENS, "two images");
}


static void
test_inputs(void)
{
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
    test_own();
    test_prompt();
    test_inputs();

    soma_test_arena_free(arena);

    return soma_done();
}
