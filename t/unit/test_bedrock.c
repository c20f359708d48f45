
/*
 * Copyright (C) The ngx_soma authors
 *
 * The bedrock dialect: what its clients ask, and what is asked of its
 * providers.
 */


#define _GNU_SOURCE             /* memmem() */

#include "soma_ask_test.h"
#include "soma_bedrock.h"
#include "soma_pair_test.h"
#include "soma_prompt.h"


#define PNG                                                                   \
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9Q"        \
    "DwADhgGAWjR9awAAAABJRU5ErkJggg=="
#define PDF  "JVBERi0xLjQKJcOkw7zDtsOfCg=="

#define CONVERSE  "/model/m/converse"
#define CHAT      "/v1/chat/completions"
#define MESSAGES  "/v1/messages"
#define USER(s)   "{\"role\":\"user\",\"content\":[" s "]}"
#define TEXT(s)   "{\"text\":\"" s "\"}"


static soma_arena_t  *arena;


static void
test_surfaces(void)
{
    size_t      i;
    soma_str_t  path;
    soma_ask_t  ask;
    soma_url_t  url;

    static const struct {
        const char     *path;
        soma_api_e      api;            /* NONE: there is none */
        soma_stream_e   stream;
        const char     *model;
        const char     *to;             /* for the model "a:b/c" */
    } cases[] = {
        { "/model/m/converse", SOMA_API_CHAT, SOMA_STREAM_NEVER, "m",
          "/model/a%3Ab%2Fc/converse" },
        { "/bedrock/model/m/converse-stream", SOMA_API_CHAT,
          SOMA_STREAM_ALWAYS, "m", "/model/a%3Ab%2Fc/converse-stream" },
        { "/model/us.anthropic.claude-v1%3A0/count-tokens", SOMA_API_COUNT,
          SOMA_STREAM_NEVER, "us.anthropic.claude-v1:0",
          "/model/a%3Ab%2Fc/count-tokens" },
        { "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile"
          "%2Fx/invoke", SOMA_API_INVOKE, SOMA_STREAM_NEVER,
          "arn:aws:bedrock:us-east-1:1:inference-profile/x",
          "/model/a%3Ab%2Fc/invoke" },
        { "/model/arn:aws:x/y/invoke-with-response-stream", SOMA_API_INVOKE,
          SOMA_STREAM_ALWAYS, "arn:aws:x/y",
          "/model/a%3Ab%2Fc/invoke-with-response-stream" },
        { "/model//converse", SOMA_API_NONE, 0, NULL, NULL },
        { "/model/converse", SOMA_API_NONE, 0, NULL, NULL },
        { "/model/m/converse/", SOMA_API_NONE, 0, NULL, NULL },
        { "/model/m/other", SOMA_API_NONE, 0, NULL, NULL },
        { "/model/m%zz/converse", SOMA_API_NONE, 0, NULL, NULL },
        { "/model/m%00/converse", SOMA_API_NONE, 0, NULL, NULL },
        { "/models/m/converse", SOMA_API_NONE, 0, NULL, NULL },
        { "/model/", SOMA_API_NONE, 0, NULL, NULL },
        { "", SOMA_API_NONE, 0, NULL, NULL }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memset(&url, 0, sizeof(url));
        memset(&ask, 0, sizeof(ask));
        url.path = str(cases[i].path);
        ask.url = &url;

        if (cases[i].api == SOMA_API_NONE) {
            soma_ok(soma_bedrock.surface(&url, arena) == SOMA_DECLINED
                    && url.surface == NULL, "there is no %s", cases[i].path);
            continue;
        }

        soma_is_int(soma_bedrock.surface(&url, arena), SOMA_OK, "there is %s",
                    cases[i].path);
        soma_is_int(url.surface->api, cases[i].api, "its API");
        soma_is_int(url.surface->stream, cases[i].stream, "its stream");
        soma_is_str(url.model.data, url.model.len, cases[i].model,
                    "its model");

        path = soma_bedrock.splice_path(arena, &ask, SOMA_STR("a:b/c"));
        soma_is_str(path.data, path.len, cases[i].to, "where it goes");
    }
}


static void
test_ask(void)
{
    int     rc;
    size_t  i;
    pair_t  p;

    static const struct {
        const char   *path;
        const char   *body;
        int64_t       tokens;
        soma_tier_e   tier;
        const char   *error;            /* in it; NULL: none */
    } cases[] = {
        { CONVERSE, "{}", -1, 0, NULL },
        { CONVERSE, "{\"inferenceConfig\":{}}", -1, 0, NULL },
        { CONVERSE, "{\"inferenceConfig\":null}", -1, 0, NULL },
        { CONVERSE, "{\"inferenceConfig\":{\"maxTokens\":9}}", 9, 0, NULL },
        { CONVERSE, "{\"inferenceConfig\":{\"maxTokens\":null}}", -1, 0,
          NULL },
        { CONVERSE, "{\"inferenceConfig\":{\"maxTokens\":9e9}}", 1000000000,
          0, NULL },
        { CONVERSE, "{\"inferenceConfig\":{\"maxTokens\":0}}", 0, 0,
          "above 0" },
        { CONVERSE, "{\"inferenceConfig\":{\"maxTokens\":\"9\"}}", 0, 0,
          "whole number" },
        { CONVERSE, "{\"inferenceConfig\":{\"maxTokens\":9,\"maxTokens\":1}}",
          0, 0, "said once" },
        { CONVERSE, "{\"inferenceConfig\":{\"max\\u0054okens\":9}}", 0, 0,
          "inferenceConfig" },
        { CONVERSE, "{\"inferenceConfig\":[]}", 0, 0, "object" },
        { CONVERSE, "{\"max_tokens\":7}", -1, 0, NULL },
        { CONVERSE, "{\"serviceTier\":{\"type\":\"priority\"}}", -1,
          SOMA_TIER_PRIORITY, NULL },
        { CONVERSE, "{\"serviceTier\":{\"type\":\"flex\"}}", -1,
          SOMA_TIER_FLEX, NULL },
        { CONVERSE, "{\"serviceTier\":{\"type\":1}}", 0, 0, "serviceTier" },
        { CONVERSE, "{\"toolConfig\":{\"tools\":1}}", 0, 0, "toolConfig" },
        { "/model/m/count-tokens", "{\"input\":{\"converse\":{}}}", -1, 0,
          NULL },
        { "/model/m/invoke", "{\"max_tokens\":7}", 7, 0, NULL },
        { "/model/m/invoke", "{\"max_gen_len\":7}", 7, 0, NULL },
        { "/model/m/invoke", "{\"inferenceConfig\":{\"max_new_tokens\":7}}",
          7, 0, NULL },
        { "/model/m/invoke", "{\"textGenerationConfig\":{\"maxTokenCount\":"
          "7}}", 7, 0, NULL },
        { "/model/m/invoke", "{\"max_tokens\":7,\"max_gen_len\":8}", 0, 0,
          "said once" },
        { "/model/m/invoke", "{\"prompt\":\"x\"}", -1, 0, NULL }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        rc = pair_ask(&p, arena, cases[i].path, str(cases[i].body));

        if (cases[i].error != NULL) {
            soma_ok(rc == SOMA_ERROR && p.error != NULL
                    && strstr(p.error, cases[i].error) != NULL,
                    "%s is refused: %s", cases[i].body,
                    p.error ? p.error : "-");
            continue;
        }

        soma_is_int(rc, SOMA_OK, "%s", cases[i].body);
        soma_is_int(p.ask.max_tokens, cases[i].tokens, "its bound");
        soma_is_int(p.ask.tier, cases[i].tier, "its tier");
        soma_is_str(p.ask.model.data, p.ask.model.len, "m", "its model");
    }

    (void) pair_ask(&p, arena, CONVERSE,
                    SOMA_STR("{\"toolConfig\":{\"tools\":[{\"toolSpec\":{}},"
                             "{\"systemTool\":{\"name\":\"nova_grounding\"}}"
                             "]}}"));
    soma_is_int(p.ask.nhosted, 1, "a tool of AWS's own");
    soma_is_str(p.ask.hosted[0].data, p.ask.hosted[0].len, "nova_grounding",
                "which");

    soma_is_int(p.ask.window, 0, "all that is asked is here");

    (void) pair_ask(&p, arena, CONVERSE,
                    SOMA_STR("{\"messages\":[" USER("{\"image\":{\"format\":"
                             "\"png\",\"source\":{\"s3Location\":{\"uri\":"
                             "\"s3://b/k\"}}}}") "]}"));
    soma_is_int(p.ask.window, 1, "a picture that AWS has");
    soma_is_int(p.ask.nids, 1, "is named");
    soma_is_str(p.ask.ids[0].id.data, p.ask.ids[0].id.len, "s3://b/k",
                "by its address");

    soma_is_int(pair_ask(&p, arena, CONVERSE,
                         SOMA_STR("{\"messages\":["
                                  USER("{\"document\":{\"source\":"
                                       "{\"s3\\u004cocation\":{}}}}") "]}")),
                SOMA_ERROR, "one without an address");

    (void) pair_ask(&p, arena, CONVERSE,
                    SOMA_STR("{\"promptVariables\":{\"a\":{\"text\":\"b\"}}"
                             "}"));
    soma_is_int(p.ask.window, 1, "a prompt that AWS has");
}


static void
test_splice(void)
{
    size_t              i, pos;
    pair_t              p;
    soma_out_t          out;
    char                text[512];
    soma_json_edits_t   edits;

    static const struct {
        const char  *path;
        const char  *body;
        int64_t      tokens;            /* 0: as it was said */
        const char  *want;
    } cases[] = {
        { CONVERSE, "{}", 5, "{\"inferenceConfig\":{\"maxTokens\":5}}" },
        { CONVERSE, "{\"a\":1}", 5, "{\"inferenceConfig\":{\"maxTokens\":5},"
          "\"a\":1}" },
        { CONVERSE, "{\"inferenceConfig\":{}}", 5,
          "{\"inferenceConfig\":{\"maxTokens\":5}}" },
        { CONVERSE, "{\"inferenceConfig\":{\"topP\":1}}", 5,
          "{\"inferenceConfig\":{\"maxTokens\":5,\"topP\":1}}" },
        { CONVERSE, "{\"inferenceConfig\":null}", 5,
          "{\"inferenceConfig\":{\"maxTokens\":5}}" },
        { CONVERSE, "{\"inferenceConfig\":{\"maxTokens\":null}}", 5,
          "{\"inferenceConfig\":{\"maxTokens\":5}}" },
        { CONVERSE, "{\"inferenceConfig\":{\"topP\":1,\"maxTokens\": 9}}", 5,
          "{\"inferenceConfig\":{\"topP\":1,\"maxTokens\": 5}}" },
        { CONVERSE, "{\"inferenceConfig\":{\"maxTokens\":9}}", 0,
          "{\"inferenceConfig\":{\"maxTokens\":9}}" },
        { "/model/m/invoke", "{\"max_tokens\":9}", 5, "{\"max_tokens\":5}" },
        { "/model/m/invoke", "{\"prompt\":\"x\"}", 5, "{\"prompt\":\"x\"}" },
        { "/model/m/count-tokens", "{\"input\":{}}", 5, "{\"input\":{}}" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        (void) pair_ask(&p, arena, cases[i].path, str(cases[i].body));

        if (cases[i].tokens != 0) {
            p.ask.max_tokens = cases[i].tokens;
        }

        memset(&edits, 0, sizeof(edits));
        soma_is_int(soma_bedrock.splice(&p.ask, SOMA_STR("x"), arena,
                                        pair_value, &p, &edits), SOMA_OK,
                    "%s", cases[i].body);

        soma_put_init(&out, text, sizeof(text));
        pos = 0;

        if (edits.n != 0) {
            soma_put(&out, p.body.data, edits.edit[0].start);
            soma_put_str(&out, edits.edit[0].text);
            pos = edits.edit[0].end;
        }

        soma_put(&out, p.body.data + pos, p.body.len - pos);
        soma_is_str(text, out.pos - out.start, cases[i].want, "spliced");
    }
}


/* of a client of any dialect, to Bedrock */

typedef struct {
    const char  *path;
    const char  *body;
    const char  *model;             /* NULL: m */
    const char  *want;              /* in it, in this order, "|" between */
} written_t;


static void
test_written(const written_t *c, unsigned facts)
{
    int           rc;
    char         *at, *end, want[2048];
    pair_t        p;
    soma_str_t    s;
    const char   *name;

    rc = pair_ask(&p, arena, c->path, str(c->body));

    if (rc == SOMA_OK) {
        rc = pair_read(&p);
    }

    if (!soma_is_int(rc, SOMA_OK, "%s (%s)", c->body,
                     p.error ? p.error : "-"))
    {
        return;
    }

    p.loss.facts = facts;
    name = c->model ? c->model : "m";
    s = (soma_str_t) soma_str_null;

    {
        soma_pieces_t  out;

        p.request.model = str(name);
        soma_pieces_init(&out, arena);
        rc = soma_bedrock.write_request(&out, &p.request, &p.ask, &p.loss);

        if (rc == SOMA_DECLINED) {
            s = pair_refused(&p, p.loss.refused, p.loss.why);

        } else {
            (void) soma_pieces_whole(&out, &s);
        }
    }

    s = soma_str_dup(arena, (soma_str_t) { s.len, s.data });
    at = malloc(s.len + 1);
    memcpy(at, s.data, s.len);
    at[s.len] = '\0';

    snprintf(want, sizeof(want), "%s", c->want);

    {
        char  *from = at, *word, *save;

        for (word = strtok_r(want, "|", &save); word;
             word = strtok_r(NULL, "|", &save))
        {
            if (word[0] == '^') {
                soma_ok(strstr(at, word + 1) == NULL, "not %s in: %s",
                        word + 1, at);
                continue;
            }

            end = strstr(from, word);

            if (!soma_ok(end != NULL, "%s: %s in: %s", c->body, word, at)) {
                break;
            }

            from = end + strlen(word);
        }
    }

    free(at);
}


#define CLAUDE3  "anthropic.claude-3-7-sonnet-20250219-v1:0"
#define CLAUDE4  "us.anthropic.claude-opus-4-8-v1:0"
#define NOVA     "us.amazon.nova-2-lite-v1:0"
#define GPT      "openai.gpt-oss-120b-1:0"

#define U        "{\"role\":\"user\",\"content\":\"hi\"}"
#define A(s)     "{\"role\":\"assistant\",\"content\":\"" s "\"}"
#define HI       "\"messages\":[" U "]"
#define CALL(id, name)                                                        \
    "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"" id  \
    "\",\"type\":\"function\",\"function\":{\"name\":\"" name                 \
    "\",\"arguments\":\"{\\\"b\\\":1,\\\"a\\\":1.0}\"}}]}"
#define RESULT(id, s)                                                         \
    "{\"role\":\"tool\",\"tool_call_id\":\"" id "\",\"content\":\"" s "\"}"
#define TOOLS                                                                 \
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","         \
    "\"description\":\"F.\",\"parameters\":{\"type\":\"object\"}}}]"
#define TOOL  "{\"toolSpec\":{\"name\":\"f\",\"description\":\"F.\","          \
              "\"inputSchema\":{\"json\":{\"type\":\"object\"}}}}"


static const written_t  turns[] = {

    { CHAT, "{\"model\":\"x\"," HI "}", NULL,
      "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hi\"}]}"
      "]}" },

    /* system, and later on */

    { CHAT, "{\"model\":\"x\",\"messages\":[{\"role\":\"system\","
      "\"content\":\"S\"},{\"role\":\"developer\",\"content\":\"D\"}," U
      ",{\"role\":\"system\",\"content\":\"late\"}]}", NULL,
      "{\"system\":[{\"text\":\"S\"},{\"text\":\"D\"}],\"messages\":["
      "{\"role\":\"user\",\"content\":[{\"text\":\"hi\"},{\"text\":"
      "\"<system>\\nlate\\n</system>\"}]}]}" },

    /* turns alternate, what says nothing does not count */

    { CHAT, "{\"model\":\"x\",\"messages\":[" U "," A("") "," U ","
      A("one") "," A("two") "," U "]}", NULL,
      "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hi\"},"
      "{\"text\":\"hi\"}]},{\"role\":\"assistant\",\"content\":["
      "{\"text\":\"one\"},{\"text\":\"two\"}]},{\"role\":\"user\"" },

    { CHAT, "{\"model\":\"x\",\"messages\":[" A("first") "," U "]}", NULL,
      "!messages begins with the assistant" },

    { CHAT, "{\"model\":\"x\",\"messages\":[" A(" \\n") "," U "]}", NULL,
      "{\"messages\":[{\"role\":\"user\"" },

    { CHAT, "{\"model\":\"x\",\"messages\":[{\"role\":\"user\","
      "\"content\":\" \"}]}", NULL, "!messages has nothing in it" },

    { CHAT, "{\"model\":\"x\",\"messages\":[{\"role\":\"user\",\"name\":"
      "\"bob\",\"content\":\"x\"}]}", NULL, "!messages.name" },

    /* a model of Anthropic's takes no blanks at the end */

    { CHAT, "{\"model\":\"x\",\"messages\":[" U "," A("go \\n") "]}",
      CLAUDE3, "{\"text\":\"go\"}" },
    { CHAT, "{\"model\":\"x\",\"messages\":[" U "," A("go ") "]}", NOVA,
      "{\"text\":\"go \"}" },

    /* calls and results: all of them in the next turn, first in it */

    { CHAT, "{\"model\":\"x\",\"messages\":[" U "," CALL("c1", "f") ","
      U "," RESULT("c1", "r1") "]," TOOLS "}", NULL,
      "{\"role\":\"assistant\",\"content\":[{\"toolUse\":{\"toolUseId\":"
      "\"c1\",\"name\":\"f\",\"input\":{\"b\":1,\"a\":1.0}}}]},{\"role\":"
      "\"user\",\"content\":[{\"toolResult\":{\"toolUseId\":\"c1\","
      "\"content\":[{\"text\":\"r1\"}]}},{\"text\":\"hi\"}]}]|"
      "\"toolConfig\":{\"tools\":[" TOOL "]}" },

    { CHAT, "{\"model\":\"x\",\"messages\":[" U "," CALL("c1", "f") ","
      RESULT("c1", "") "]," TOOLS "}", NULL,
      "\"content\":[{\"json\":{}}]" },

    /* ids and names that do not fit are the same in all places */

    { CHAT, "{\"model\":\"x\",\"messages\":[" U ",{\"role\":"
      "\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"a b\","
      "\"type\":\"function\",\"function\":{\"name\":\"1.x\","
      "\"arguments\":\"{}\"}}]}," RESULT("a b", "r") "],\"tools\":["
      "{\"type\":\"function\",\"function\":{\"name\":\"1.x\"}}],"
      "\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":"
      "\"1.x\"}}}", NULL,
      "\"toolUseId\":\"a_b_|\",\"name\":\"|\"toolUseId\":\"a_b_|"
      "\"inputSchema\":{\"json\":{\"type\":\"object\"}}|"
      "\"toolChoice\":{\"tool\":{\"name\":\"|^\"1.x\"|^\"a b\"" },

    /* tools in the conversation, none declared */

    { CHAT, "{\"model\":\"x\",\"messages\":[" U "," CALL("c1", "f") ","
      RESULT("c1", "x") "," CALL("c2", "f") "," RESULT("c2", "y") "]}",
      NULL, "\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"f\","
      "\"inputSchema\":{\"json\":{\"type\":\"object\"}}}}]}}" },

    { MESSAGES, "{\"model\":\"x\",\"max_tokens\":5,\"messages\":[" U ","
      "{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\","
      "\"id\":\"t\",\"name\":\"f\",\"input\":{}}]},{\"role\":\"user\","
      "\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t\","
      "\"is_error\":true,\"content\":[{\"type\":\"text\",\"text\":\"no\"}"
      ",{\"type\":\"image\",\"source\":{\"type\":\"base64\","
      "\"media_type\":\"image/jpeg\",\"data\":\"" PNG "\"}}]}]}]}", NULL,
      "\"toolResult\":{\"toolUseId\":\"t\",\"content\":[{\"text\":\"no\"}"
      ",{\"image\":{\"format\":\"png\",\"source\":{\"bytes\":\"" PNG
      "\"}}}],\"status\":\"error\"}}" },

    { CHAT, "{\"model\":\"x\",\"messages\":[" U ",{\"role\":"
      "\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c\","
      "\"type\":\"function\",\"function\":{\"name\":\"f\","
      "\"arguments\":\"no\"}}]}," RESULT("c", "x") "]}", NULL,
      "!tool_calls.function.arguments must be a JSON object" },

    /* cache points */

    { MESSAGES, "{\"model\":\"x\",\"max_tokens\":5,\"system\":[{\"type\":"
      "\"text\",\"text\":\"S\",\"cache_control\":{\"type\":"
      "\"ephemeral\",\"ttl\":\"1h\"}}],\"cache_control\":{\"type\":"
      "\"ephemeral\"},\"messages\":[{\"role\":\"user\",\"content\":["
      "{\"type\":\"text\",\"text\":\"a\",\"cache_control\":{\"type\":"
      "\"ephemeral\"}},{\"type\":\"text\",\"text\":\"b\"}]}],\"tools\":["
      "{\"name\":\"f\",\"input_schema\":{},\"cache_control\":{\"type\":"
      "\"ephemeral\"}}]}", NULL,
      "\"system\":[{\"text\":\"S\"},{\"cachePoint\":{\"type\":\"default\""
      ",\"ttl\":\"1h\"}}]|[{\"text\":\"a\"},{\"cachePoint\":{\"type\":"
      "\"default\"}},{\"text\":\"b\"},{\"cachePoint\":{\"type\":"
      "\"default\"}}]|\"tools\":[{\"toolSpec\":|},{\"cachePoint\":"
      "{\"type\":\"default\"}}]" },

    /* reasoning of others is nobody's */

    { MESSAGES, "{\"model\":\"x\",\"max_tokens\":5,\"messages\":[" U ","
      "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\","
      "\"thinking\":\"T\",\"signature\":\"S\"},{\"type\":\"text\","
      "\"text\":\"a\"}]}," U "]}", NULL, "[{\"text\":\"a\"}]|^\"T\"" },

    { MESSAGES, "{\"model\":\"x\",\"max_tokens\":5,\"messages\":[" U ","
      "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\","
      "\"thinking\":\"T\",\"signature\":\"soma1|s|bedrock|SIG\"},"
      "{\"type\":\"redacted_thinking\",\"data\":\"soma1|o|bedrock|QUJD\"}"
      "]}," U "]}", NULL,
      "{\"reasoningContent\":{\"reasoningText\":{\"text\":\"T\","
      "\"signature\":\"SIG\"}}},{\"reasoningContent\":"
      "{\"redactedContent\":\"QUJD\"}}" },

    /* what a search found */

    { MESSAGES, "{\"model\":\"x\",\"max_tokens\":5,\"messages\":["
      "{\"role\":\"user\",\"content\":[{\"type\":\"search_result\","
      "\"source\":\"http://a\",\"title\":\"T\",\"content\":[{\"type\":"
      "\"text\",\"text\":\"w\"}],\"citations\":{\"enabled\":true}}]}]}",
      NULL, "{\"searchResult\":{\"source\":\"http://a\",\"title\":\"T\","
      "\"content\":[{\"text\":\"w\"}],\"citations\":{\"enabled\":true}}}" }
};


static void
test_turns(void)
{
    size_t  i;

    for (i = 0; i < sizeof(turns) / sizeof(turns[0]); i++) {
        test_written(&turns[i], 0);
    }
}


#define FILE_PDF(name)                                                        \
    "{\"type\":\"file\",\"file\":{\"filename\":\"" name "\",\"file_data\":"   \
    "\"data:application/pdf;base64," PDF "\"}}"
#define AN_DOCUMENT(more)                                                     \
    "{\"type\":\"document\",\"source\":{\"type\":\"text\",\"media_type\":"    \
    "\"text/plain\",\"data\":\"a\\nb\"}" more "}"

static void
test_media(void)
{
    size_t  i;

    static const written_t  cases[] = {

        { CHAT, "{\"model\":\"x\",\"messages\":[{\"role\":\"user\","
          "\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":"
          "\"data:image/webp;base64," PNG "\"}}]}]}", NULL,
          "[{\"image\":{\"format\":\"png\",\"source\":{\"bytes\":\"" PNG
          "\"}}}]" },

        { CHAT, "{\"model\":\"x\",\"messages\":[{\"role\":\"user\","
          "\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":"
          "\"http://a/b.png\"}}]}]}", NULL, "!an image or a document by URL" },

        { CHAT, "{\"model\":\"x\",\"messages\":[{\"role\":\"user\","
          "\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":"
          "\"data:image/bmp;base64,Qk0AAAAAAAA=\"}}]}]}", NULL,
          "!image/bmp" },

        /* names are clean and no two alike, and a text stands beside */

        { CHAT, "{\"model\":\"x\",\"messages\":[{\"role\":\"user\","
          "\"content\":[" FILE_PDF("a_b  c.pdf") "," FILE_PDF("a.b/c pdf") ","
          FILE_PDF("\\u00e9") "]}]}", NULL,
          "{\"document\":{\"format\":\"pdf\",\"name\":\"a b c pdf\","
          "\"source\":{\"bytes\":\"" PDF "\"}}}|\"name\":\"a b c pdf 2\"|"
          "\"name\":\"document\"|{\"text\":\"See the documents.\"}]" },

        { MESSAGES, "{\"model\":\"x\",\"max_tokens\":5,\"messages\":["
          "{\"role\":\"user\",\"content\":[" AN_DOCUMENT(",\"title\":\"T\","
          "\"context\":\"C\",\"citations\":{\"enabled\":true}") ",{\"type\":"
          "\"text\",\"text\":\"q\"}]}]}", NULL,
          "{\"document\":{\"format\":\"txt\",\"name\":\"T\",\"source\":"
          "{\"bytes\":\"YQpi\"},\"context\":\"C\",\"citations\":{\"enabled\":"
          "true}}},{\"text\":\"q\"}]|^See the" },

        { MESSAGES, "{\"model\":\"x\",\"max_tokens\":5,\"messages\":["
          "{\"role\":\"user\",\"content\":[{\"type\":\"document\",\"source\":"
          "{\"type\":\"content\",\"content\":[{\"type\":\"text\",\"text\":"
          "\"a\"},{\"type\":\"text\",\"text\":\"b\"}]}},{\"type\":\"text\","
          "\"text\":\"q\"}]}]}", NULL,
          "{\"document\":{\"name\":\"document\",\"source\":{\"content\":["
          "{\"text\":\"a\"},{\"text\":\"b\"}]}}}" },

        { CHAT, "{\"model\":\"x\",\"messages\":[{\"role\":\"user\","
          "\"content\":[{\"type\":\"input_audio\",\"input_audio\":{\"data\":"
          "\"UklGRiQAAABXQVZF\",\"format\":\"wav\"}}]}]}", NULL,
          "{\"audio\":{\"format\":\"wav\",\"source\":{\"bytes\":"
          "\"UklGRiQAAABXQVZF\"}}}" },

        { MESSAGES, "{\"model\":\"x\",\"max_tokens\":5,\"messages\":["
          "{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"source\":"
          "{\"type\":\"file\",\"file_id\":\"f\"}}]}]}", NULL,
          "!a file's id" }
    };

    static const written_t  no = {
        CHAT, "{\"model\":\"x\",\"messages\":[{\"role\":\"user\","
        "\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":"
        "\"data:image/png;base64," PNG "\"}}]}]}", NULL,
        "!image is not taken by the model"
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        test_written(&cases[i], 0);
    }

    test_written(&no, SOMA_FACT_NO_IMAGES);
}


static void
test_tools(void)
{
    size_t  i;

    static const struct {
        written_t  c;
        unsigned   facts;
    } cases[] = {
        { { CHAT, "{\"model\":\"x\"," HI "," TOOLS "}", NULL,
            "\"toolConfig\":{\"tools\":[" TOOL "]}}" }, 0 },
        { { CHAT, "{\"model\":\"x\"," HI "," TOOLS ",\"tool_choice\":\"auto\""
            ",\"parallel_tool_calls\":true}", NULL,
            "\"toolChoice\":{\"auto\":{}}" }, 0 },
        { { CHAT, "{\"model\":\"x\"," HI "," TOOLS ",\"tool_choice\":"
            "\"required\"}", NULL, "\"toolChoice\":{\"any\":{}}" }, 0 },
        { { CHAT, "{\"model\":\"x\"," HI "," TOOLS ",\"tool_choice\":"
            "\"required\"}", NULL, "!tool_choice cannot force" },
          SOMA_FACT_NO_FORCING },
        { { CHAT, "{\"model\":\"x\"," HI "," TOOLS ",\"tool_choice\":{"
            "\"type\":\"function\",\"function\":{\"name\":\"f\"}}}", NULL,
            "\"toolChoice\":{\"tool\":{\"name\":\"f\"}}" }, 0 },
        { { CHAT, "{\"model\":\"x\"," HI "," TOOLS ",\"tool_choice\":\"none\""
            "}", NULL, "{\"messages\"|^toolConfig" }, 0 },
        { { CHAT, "{\"model\":\"x\",\"messages\":[" U "," CALL("c", "f") ","
            RESULT("c", "x") "]," TOOLS ",\"tool_choice\":\"none\"}", NULL,
            "!tool_choice cannot be none" }, 0 },
        { { CHAT, "{\"model\":\"x\"," HI "," TOOLS ","
            "\"parallel_tool_calls\":false}", NULL,
            "!parallel_tool_calls" }, 0 },
        { { CHAT, "{\"model\":\"x\"," HI "," TOOLS ","
            "\"parallel_tool_calls\":false,\"tool_choice\":\"required\"}",
            CLAUDE3, "\"additionalModelRequestFields\":{\"tool_choice\":{"
            "\"type\":\"any\",\"disable_parallel_tool_use\":true}}|"
            "\"toolConfig\":|^toolChoice" }, 0 },
        { { CHAT, "{\"model\":\"x\"," HI ",\"tools\":[{\"type\":\"function\","
            "\"function\":{\"name\":\"g\",\"strict\":true}},{\"type\":"
            "\"function\",\"function\":{\"name\":\"f\"}}],\"tool_choice\":{"
            "\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":"
            "\"required\",\"tools\":[{\"type\":\"function\",\"function\":"
            "{\"name\":\"g\"}}]}}}", NULL,
            "{\"tools\":[{\"toolSpec\":{\"name\":\"g\",\"inputSchema\":"
            "{\"json\":{\"type\":\"object\"}},\"strict\":true}}],"
            "\"toolChoice\":{\"any\":{}}}" }, 0 },
        { { CHAT, "{\"model\":\"x\"," HI ",\"tools\":[{\"type\":\"custom\","
            "\"custom\":{\"name\":\"p\"}}]}", NULL,
            "{\"toolSpec\":{\"name\":\"p\",\"inputSchema\":{\"json\":"
            "{\"type\":\"object\",\"properties\":{\"input\":" }, 0 },
        { { MESSAGES, "{\"model\":\"x\",\"max_tokens\":5," HI ",\"tools\":["
            "{\"type\":\"web_search_20250305\",\"name\":\"web_search\"}]}",
            NULL, "!web_search_20250305" }, 0 },
        { { CHAT, "{\"model\":\"x\"," HI "," TOOLS "}", NULL, "!tools" },
          SOMA_FACT_NO_TOOLS }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        test_written(&cases[i].c, cases[i].facts);
    }
}


static const struct {
    written_t  c;
    unsigned   facts;
} members[] = {
    { { CHAT, "{\"model\":\"x\"," HI ",\"max_tokens\":7,\"temperature\":"
        "0.50,\"top_p\":0.9,\"stop\":[\"a\",\"b\"],\"n\":1,"
        "\"presence_penalty\":0}", NULL,
        "\"inferenceConfig\":{\"maxTokens\":7,\"temperature\":0.50,"
        "\"topP\":0.9,\"stopSequences\":[\"a\",\"b\"]}" }, 0 },
    { { CHAT, "{\"model\":\"x\"," HI ",\"stop\":\"a\"}", CLAUDE4,
        "\"additionalModelResponseFieldPaths\":[\"/stop_sequence\","
        "\"/delta/stop_sequence\"],\"inferenceConfig\":{"
        "\"stopSequences\":[\"a\"]}" }, 0 },
    { { CHAT, "{\"model\":\"x\"," HI ",\"reasoning_effort\":\"none\"}",
        "anthropic.claude-3-5-sonnet-20240620-v1:0",
        "{\"messages\"|^thinking" }, 0 },
    { { CHAT, "{\"model\":\"x\"," HI ",\"reasoning_effort\":\"low\"}",
        "anthropic.claude-3-5-sonnet-20240620-v1:0",
        "!reasoning_effort is not taken" }, 0 },
    { { CHAT, "{\"model\":\"x\"," HI ",\"temperature\":1,\"top_p\":1}",
        CLAUDE4, "{\"messages\"|^inferenceConfig" }, 0 },
    { { CHAT, "{\"model\":\"x\"," HI ",\"temperature\":1}", NOVA,
        "\"inferenceConfig\":{\"temperature\":1}" }, 0 },
    { { CHAT, "{\"model\":\"x\"," HI ",\"temperature\":1.5}", NOVA,
        "!temperature is at most 1" }, 0 },
    { { CHAT, "{\"model\":\"x\"," HI ",\"temperature\":0.5}", NOVA,
        "!temperature is not taken" }, SOMA_FACT_NO_SAMPLING },
    { { CHAT, "{\"model\":\"x\"," HI ",\"temperature\":0.5,\"top_p\":"
        "0.5}", CLAUDE4, "!top_p cannot stand" },
      SOMA_FACT_ONE_SAMPLING },
    { { CHAT, "{\"model\":\"x\"," HI ",\"seed\":7}", NULL, "!seed" }, 0 },
    { { CHAT, "{\"model\":\"x\"," HI ",\"n\":2}", NULL, "!n " }, 0 },
    { { CHAT, "{\"model\":\"x\"," HI ",\"logit_bias\":{\"1\":1}}", NULL,
        "!logit_bias" }, 0 },
    { { CHAT, "{\"model\":\"x\"," HI ",\"what\":1}", NULL, "!what" }, 0 },
    { { MESSAGES, "{\"model\":\"x\",\"max_tokens\":5," HI ",\"top_k\":4}",
        CLAUDE3, "\"additionalModelRequestFields\":{\"top_k\":4}|"
        "\"inferenceConfig\":{\"maxTokens\":5}" }, 0 },
    { { MESSAGES, "{\"model\":\"x\",\"max_tokens\":5," HI ",\"top_k\":4}",
        NOVA, "\"additionalModelRequestFields\":{\"inferenceConfig\":"
        "{\"topK\":4}}" }, 0 },
    { { MESSAGES, "{\"model\":\"x\",\"max_tokens\":5," HI ",\"top_k\":4}",
        NULL, "!top_k" }, 0 },

    /* labels, who asks, the tier */

    { { CHAT, "{\"model\":\"x\"," HI ",\"metadata\":{\"a\":\"b\"},"
        "\"user\":\"u-1\",\"service_tier\":\"flex\"}", NULL,
        "\"requestMetadata\":{\"a\":\"b\",\"user_id\":\"u-1\"}|"
        "\"serviceTier\":{\"type\":\"flex\"}" }, 0 },
    { { CHAT, "{\"model\":\"x\"," HI ",\"user\":\"u!\","
        "\"service_tier\":\"auto\",\"store\":false}", NULL,
        "{\"messages\"|^requestMetadata|^serviceTier" }, 0 },

    /* forms of the output */

    { { CHAT, "{\"model\":\"x\"," HI ",\"response_format\":{\"type\":"
        "\"json_schema\",\"json_schema\":{\"name\":\"n\","
        "\"description\":\"d\",\"schema\":{\"type\":\"object\",\"x\":"
        "\"\\u00e9\"}}}}", NULL,
        "\"outputConfig\":{\"textFormat\":{\"type\":\"json_schema\","
        "\"structure\":{\"jsonSchema\":{\"schema\":\"{\\\"type\\\":"
        "\\\"object\\\",\\\"x\\\":\\\"\\\\u00e9\\\"}\",\"name\":\"n\","
        "\"description\":\"d\"}}}}" }, 0 },
    { { CHAT, "{\"model\":\"x\"," HI ",\"response_format\":{\"type\":"
        "\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":"
        "{\"type\":\"object\"}}}}", NULL, "!response_format" },
      SOMA_FACT_NO_SCHEMA },
    { { CHAT, "{\"model\":\"x\"," HI ",\"response_format\":{\"type\":"
        "\"json_object\"}}", NULL,
        "\"system\":[{\"text\":\"Answer with one JSON object" }, 0 },

    /* reasoning, by what the model is */

    { { CHAT, "{\"model\":\"x\"," HI ",\"reasoning_effort\":\"low\"}",
        CLAUDE3, "\"additionalModelRequestFields\":{\"thinking\":{"
        "\"type\":\"enabled\",\"budget_tokens\":1024}}" }, 0 },
    { { CHAT, "{\"model\":\"x\"," HI ",\"reasoning_effort\":\"xhigh\"}",
        CLAUDE4, "\"additionalModelRequestFields\":{\"thinking\":{"
        "\"type\":\"adaptive\"}},\"outputConfig\":{\"effort\":\"xhigh\"}"
      }, 0 },
    { { CHAT, "{\"model\":\"x\"," HI ",\"reasoning_effort\":\"xhigh\"}",
        NOVA, "\"additionalModelRequestFields\":{\"reasoningConfig\":{"
        "\"type\":\"enabled\",\"maxReasoningEffort\":\"high\"}}" }, 0 },
    { { CHAT, "{\"model\":\"x\"," HI ",\"reasoning_effort\":\"minimal\"}",
        GPT, "\"additionalModelRequestFields\":{\"reasoning_effort\":"
        "\"low\"}" }, 0 },
    { { CHAT, "{\"model\":\"x\"," HI ",\"reasoning_effort\":\"medium\"}",
        NULL, "\"outputConfig\":{\"effort\":\"medium\"}" }, 0 },
    { { CHAT, "{\"model\":\"x\"," HI ",\"reasoning_effort\":\"none\"}",
        CLAUDE3, "{\"thinking\":{\"type\":\"disabled\"}}" }, 0 },
    { { CHAT, "{\"model\":\"x\"," HI ",\"reasoning_effort\":\"none\"}",
        NOVA, "{\"reasoningConfig\":{\"type\":\"disabled\"}}" }, 0 },
    { { CHAT, "{\"model\":\"x\"," HI ",\"reasoning_effort\":\"none\"}",
        GPT, "!reasoning_effort cannot be switched off" }, 0 },
    { { CHAT, "{\"model\":\"x\"," HI ",\"reasoning_effort\":\"none\"}",
        NULL, "{\"messages\"|^effort" }, 0 },
    { { CHAT, "{\"model\":\"x\"," HI ",\"reasoning_effort\":\"low\"}",
        NULL, "!reasoning_effort is not taken" },
      SOMA_FACT_NO_REASONING },
    { { MESSAGES, "{\"model\":\"x\",\"max_tokens\":2000," HI ","
        "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":9000}}",
        CLAUDE3, "\"budget_tokens\":1500}" }, 0 },
    { { MESSAGES, "{\"model\":\"x\",\"max_tokens\":1000," HI ","
        "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":9000}}",
        CLAUDE3, "{\"messages\"|^thinking" }, 0 },
    { { CHAT, "{\"model\":\"x\"," HI ",\"reasoning_effort\":\"low\","
        "\"temperature\":0.5}", CLAUDE3,
        "!temperature cannot stand beside" }, 0 },
    { { CHAT, "{\"model\":\"x\"," HI "," TOOLS ",\"tool_choice\":"
        "\"required\",\"reasoning_effort\":\"low\"}", CLAUDE3,
        "!tool_choice cannot force a call beside" }, 0 }
};


static void
test_members(void)
{
    size_t  i;

    for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        test_written(&members[i].c, members[i].facts);
    }
}


/* of a client of Bedrock's, to another dialect */

static const struct {
    const char            *body;
    const soma_dialect_t  *to;
    const char            *want;
} reads[] = {
    { "{\"system\":[{\"text\":\"S\"}],\"messages\":[" USER(TEXT("a"))
      ",{\"role\":\"assistant\",\"content\":[" TEXT("b") "]},"
      USER(TEXT("c")) "],\"inferenceConfig\":{\"maxTokens\":7,"
      "\"temperature\":0.5,\"topP\":0.9,\"stopSequences\":[\"x\"]},"
      "\"additionalModelResponseFieldPaths\":[\"/delta/stop_sequence\"]}",
      &soma_openai,
      "\"messages\":[{\"role\":\"system\",\"content\":\"S\"},{\"role\":"
      "\"user\"|\"max_tokens\":7,\"stop\":[\"x\"],\"temperature\":0.5,"
      "\"top_p\":0.9}" },

    { "{\"messages\":[" USER("{\"image\":{\"format\":\"png\",\"source\":"
      "{\"bytes\":\"" PNG "\"}}},{\"document\":{\"format\":\"pdf\","
      "\"name\":\"n\",\"source\":{\"bytes\":\"" PDF "\"}}},"
      "{\"document\":{\"format\":\"txt\",\"name\":\"t\",\"source\":"
      "{\"bytes\":\"aGk=\"}}}," TEXT("q")) "]}", &soma_anthropic,
      "{\"type\":\"image\",\"source\":{\"type\":\"base64\","
      "\"media_type\":\"image/png\",\"data\":\"" PNG "\"}},{\"type\":"
      "\"document\",\"source\":{\"type\":\"base64\",\"media_type\":"
      "\"application/pdf\",\"data\":\"" PDF "\"},\"title\":\"n\"},"
      "{\"type\":\"document\",\"source\":{\"type\":\"text\","
      "\"media_type\":\"text/plain\",\"data\":\"hi\"},\"title\":\"t\"}" },

    { "{\"messages\":[" USER(TEXT("a") ",{\"cachePoint\":{\"type\":"
      "\"default\"}}") ",{\"role\":\"assistant\",\"content\":["
      "{\"reasoningContent\":{\"reasoningText\":{\"text\":\"T\","
      "\"signature\":\"soma1|s|anthropic|SIG\"}}},{\"reasoningContent\":"
      "{\"redactedContent\":\"c29tYTF8b3xhbnRocm9waWN8REFUQQ==\"}},"
      "{\"toolUse\":{\"toolUseId\":\"i\",\"name\":\"f\",\"input\":"
      "{\"b\":1,\"a\":2}}}]},"
      USER("{\"toolResult\":{\"toolUseId\":\"i\",\"status\":\"error\","
      "\"content\":[" TEXT("r") ",{\"json\":{\"k\":\"v\"}}]}}")
      "],\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"f\","
      "\"inputSchema\":{\"json\":{\"type\":\"object\"}}}},{\"cachePoint\""
      ":{\"type\":\"default\",\"ttl\":\"1h\"}}],\"toolChoice\":{\"tool\":"
      "{\"name\":\"f\"}}}}", &soma_anthropic,
      "\"cache_control\":{\"type\":\"ephemeral\"}|{\"type\":\"thinking\","
      "\"thinking\":\"T\",\"signature\":\"SIG\"},{\"type\":"
      "\"redacted_thinking\",\"data\":\"DATA\"},{\"type\":\"tool_use\","
      "\"id\":\"i\",\"name\":\"f\",\"input\":{\"b\":1,\"a\":2}}|{\"type\":"
      "\"tool_result\",\"tool_use_id\":\"i\",\"content\":[{\"type\":"
      "\"text\",\"text\":\"r\"},{\"type\":\"text\",\"text\":"
      "\"{\\\"k\\\":\\\"v\\\"}\"}],\"is_error\":true}|\"cache_control\":"
      "{\"type\":\"ephemeral\",\"ttl\":\"1h\"}|\"tool_choice\":{\"type\":"
      "\"tool\",\"name\":\"f\"}" },

    { "{\"messages\":[" USER(TEXT("a")) "],\"outputConfig\":{"
      "\"textFormat\":{\"type\":\"json_schema\",\"structure\":{"
      "\"jsonSchema\":{\"name\":\"n\",\"schema\":\"{\\\"type\\\": "
      "\\\"object\\\"}\"}}},\"effort\":\"low\"},\"requestMetadata\":"
      "{\"k\":\"v\"},\"serviceTier\":{\"type\":\"priority\"}}",
      &soma_openai,
      "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{"
      "\"name\":\"n\",\"schema\":{\"type\": \"object\"}" },

    { "{\"messages\":[" USER(TEXT("a")) "],"
      "\"additionalModelRequestFields\":{\"top_k\":5,\"thinking\":{"
      "\"type\":\"enabled\",\"budget_tokens\":2048},\"anthropic_beta\":["
      "\"x\"],\"tool_choice\":{\"type\":\"auto\","
      "\"disable_parallel_tool_use\":true}}}", &soma_anthropic,
      "!additionalModelRequestFields.top_k cannot stand beside" },

    { "{\"messages\":[" USER(TEXT("a")) "],"
      "\"additionalModelRequestFields\":{\"inferenceConfig\":{\"topK\":5}"
      ",\"anthropic_beta\":[\"x\"]}}", &soma_anthropic, "\"top_k\":5" },

    { "{\"messages\":[" USER(TEXT("a")) "],"
      "\"additionalModelRequestFields\":{\"what\":1}}", &soma_anthropic,
      "!additionalModelRequestFields.what" },
    { "{\"messages\":[" USER(TEXT("a")) "],\"guardrailConfig\":{"
      "\"guardrailIdentifier\":\"x\"}}", &soma_openai,
      "!guardrailConfig" },
    { "{\"messages\":[" USER(TEXT("a")) "],\"promptVariables\":{\"a\":"
      "{\"text\":\"x\"}}}", &soma_openai, "!promptVariables" },
    { "{\"messages\":[" USER("{\"guardContent\":{\"text\":{\"text\":"
      "\"x\"}}}") "]}", &soma_openai, "!guardContent" },
    { "{\"messages\":[" USER("{\"image\":{\"format\":\"png\",\"source\":"
      "{\"s3Location\":{\"uri\":\"s3://a/b\"}}}}") "]}", &soma_anthropic,
      "!a file's id" },
    { "{\"messages\":[" USER(TEXT("a")) "],\"toolConfig\":{\"tools\":["
      "{\"systemTool\":{\"name\":\"nova_grounding\"}}]}}", &soma_openai,
      "!nova_grounding" },
    { "{\"messages\":[" USER("{\"citationsContent\":{\"content\":["
      TEXT("a") "," TEXT("b") "],\"citations\":[]}}") "]}",
      &soma_anthropic, "\"text\":\"ab\"" },
    { "{\"messages\":[" USER(TEXT("a")) "],\"performanceConfig\":{"
      "\"latency\":\"optimized\"}}", &soma_openai, "\"messages\"" },

    /* what is no request */

    { "{\"messages\":{}}", &soma_openai, "! \"messages\" must be" },
    { "{\"messages\":[1]}", &soma_openai, "! each of" },
    { "{\"messages\":[{\"role\":\"x\",\"content\":[]}]}", &soma_openai,
      "! \"x\" is no role" },
    { "{\"messages\":[" USER("{\"text\":\"a\",\"image\":{}}") "]}",
      &soma_openai, "! each block of a content" },
    { "{\"messages\":[" USER("{\"image\":{\"format\":\"png\",\"source\":"
      "{\"bytes\":\"$\"}}}") "]}", &soma_openai, "! an image" },
    { "{\"messages\":[" USER("{\"toolUse\":{\"name\":\"x\"}}") "]}",
      &soma_openai, "! a \"toolUse\"" },
    { "{\"messages\":[" USER("{\"toolResult\":{\"content\":[]}}") "]}",
      &soma_openai, "! a \"toolResult\"" },
    { "{\"messages\":[],\"inferenceConfig\":{\"stopSequences\":1}}",
      &soma_openai, "! \"inferenceConfig.stopSequences\"" },
    { "{\"messages\":[],\"outputConfig\":{\"textFormat\":{\"structure\":{"
      "\"jsonSchema\":{\"schema\":\"[]\"}}}}}", &soma_openai,
      "! \"outputConfig.textFormat\"" },
    { "{\"messages\":[],\"toolConfig\":{\"toolChoice\":{\"x\":{}}}}",
      &soma_openai, "! \"toolConfig.toolChoice\"" },
    { "{\"messages\":[],\"additionalModelRequestFields\":{\"thinking\":{"
      "\"type\":\"x\"}}}", &soma_openai, "! \"type\" of" }
};


static void
test_read(void)
{
    size_t      i;
    pair_t      p;
    soma_str_t  s;

    for (i = 0; i < sizeof(reads) / sizeof(reads[0]); i++) {
        char  want[2048], *word, *save, *from, *at;

        s = pair_request(&p, arena, CONVERSE, str(reads[i].body),
                         reads[i].to);

        if (s.data[0] == '!') {
            soma_ok(s.len >= strlen(reads[i].want)
                    && memcmp(s.data, reads[i].want, strlen(reads[i].want))
                       == 0, "%s: %s: %.*s", reads[i].body, reads[i].want,
                    (int) s.len, s.data);
            continue;
        }

        at = malloc(s.len + 1);
        memcpy(at, s.data, s.len);
        at[s.len] = '\0';
        from = at;
        snprintf(want, sizeof(want), "%s", reads[i].want);

        for (word = strtok_r(want, "|", &save); from && word;
             word = strtok_r(NULL, "|", &save))
        {
            from = strstr(from, word);
            soma_ok(from != NULL, "%s: %s in: %s", reads[i].body, word, at);
        }

        free(at);
    }
}


static void
test_names_back(void)
{
    pair_t      p;
    soma_str_t  s;

    /* warn: what is too hot is 1 */

    (void) pair_ask(&p, arena, CHAT, SOMA_STR("{\"model\":\"x\"," HI
                                              ",\"temperature\":1.7}"));
    (void) pair_read(&p);
    p.loss.lossy = SOMA_INNER_WARN;
    s = pair_write(&p, &soma_bedrock);
    soma_ok(strstr((char *) s.data, "\"temperature\":1}") != NULL,
            "as hot as can be");
    soma_is_int(p.loss.ndropped, 1, "and it is said");

    /* a bound that the gateway has, and none */

    (void) pair_ask(&p, arena, CHAT, SOMA_STR("{\"model\":\"x\"," HI "}"));
    (void) pair_read(&p);
    p.loss.max_tokens = 4096;
    s = pair_write(&p, &soma_bedrock);
    soma_ok(memmem(s.data, s.len, "maxTokens", 9) == NULL, "no bound");
    p.ask.bound = 33;
    s = pair_write(&p, &soma_bedrock);
    soma_ok(memmem(s.data, s.len, "{\"maxTokens\":33}", 16) != NULL,
            "the gateway's");

    p.request.stream = 1;
    p.request.model = SOMA_STR("a:b");
    s = soma_bedrock.path(arena, &p.request);
    soma_is_str(s.data, s.len, "/model/a%3Ab/converse-stream", "its path");

    (void) pair_ask(&p, arena, "/model/m/count-tokens",
                    SOMA_STR("{\"input\":{\"converse\":{\"messages\":["
                             USER(TEXT("a")) "]}}}"));
    soma_is_int(pair_read(&p), SOMA_OK, "what is to be counted");
    soma_is_int(p.request.nturns, 1, "is there");

    (void) pair_ask(&p, arena, "/model/m/count-tokens",
                    SOMA_STR("{\"input\":{\"invokeModel\":{\"body\":\"e30=\""
                             "}}}"));
    soma_is_int(pair_read(&p), SOMA_DECLINED, "a model's own words");
}


static void
test_prompt(void)
{
    int64_t     one, two;
    soma_str_t  body;

    body = SOMA_STR("{\"messages\":[" USER("{\"toolResult\":{\"toolUseId\":"
                    "\"x\",\"content\":[{\"image\":{\"format\":\"png\","
                    "\"source\":{\"bytes\":\"" PNG PNG PNG PNG PNG PNG PNG PNG
                    PNG PNG "\"}}}," TEXT("abc") "]}}") "]}");
    one = soma_prompt_tokens(&soma_bedrock_prompt, NULL, SOMA_API_CHAT, 0,
                             body);
    soma_ok(one > 3779 && one < 3900, "a picture within a result: %d",
            (int) one);

    body = SOMA_STR("{\"messages\":[" USER("{\"cachePoint\":{\"type\":"
                    "\"default\"}}," TEXT("abc")) "],\"inferenceConfig\":{"
                    "\"stopSequences\":[\"long long long\"]}}");
    two = soma_prompt_tokens(&soma_bedrock_prompt, NULL, SOMA_API_CHAT, 0,
                             body);
    soma_is_int(two, 3 + 3 + 4 + 3, "what is prompt");
    soma_ok(soma_prompt_kinds(body) != 0, "a cache's point");

    body = SOMA_STR("{\"input\":{\"converse\":{\"messages\":["
                    USER("{\"cachePoint\":{\"type\":\"default\"}}," TEXT("abc"))
                    "]}}}");
    one = soma_prompt_tokens(&soma_bedrock_prompt, NULL, SOMA_API_CHAT, 0,
                             body);
    soma_is_int(one, two, "what is to be counted");

    body = SOMA_STR("{\"input\":\"abcd\"}");
    one = soma_prompt_tokens(&soma_bedrock_prompt, NULL, SOMA_API_INVOKE, 0,
                             body);
    soma_is_int(one, 4, "a text");
}


static void
test_sign(void)
{
    char         text[SOMA_SIGN_MAX];
    soma_out_t   out;
    soma_sign_t  sign;
    soma_str_t   body;

    memset(&sign, 0, sizeof(sign));
    body = SOMA_STR("{}");
    sign.method = SOMA_STR("POST");
    sign.host = SOMA_STR("bedrock-runtime.us-east-1.amazonaws.com");
    sign.path = SOMA_STR("/model/a%3Ab/converse");
    sign.body = &body;
    sign.npieces = 1;
    sign.now = 1440938160000;
    sign.region = SOMA_STR("us-east-1");
    sign.id = SOMA_STR("ID");
    sign.secret = SOMA_STR("S");
    sign.token = SOMA_STR("T");

    soma_put_init(&out, text, sizeof(text) - 1);
    soma_is_int(soma_bedrock.sign(&sign, &out), SOMA_OK, "signed");
    *out.pos = '\0';
    soma_ok(strstr(text, "X-Amz-Date: 20150830T123600Z\r\n"
                   "X-Amz-Security-Token: T\r\nAuthorization: "
                   "AWS4-HMAC-SHA256 Credential=ID/20150830/us-east-1/bedrock"
                   "/aws4_request, SignedHeaders=host;x-amz-date;"
                   "x-amz-security-token, Signature=") == text, "its lines");
}


int
main(void)
{
    arena = soma_test_arena();

    test_surfaces();
    test_ask();
    test_splice();
    test_turns();
    test_media();
    test_tools();
    test_members();
    test_read();
    test_names_back();
    test_prompt();
    test_sign();

    soma_test_arena_free(arena);

    return soma_done();
}
