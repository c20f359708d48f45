
/*
 * Copyright (C) The ngx_soma authors
 *
 * Vectors by Cohere's API, asked for by its clients and by others: requests
 * and answers both ways, and those that were recorded.  See
 * t/traffic/README.md.
 */


#include <yyjson.h>

#include "soma_base64.h"
#include "soma_cohere.h"
#include "soma_cohere_embed.h"
#include "soma_pair_test.h"


#define EMBED   "/v2/embed"
#define OPENAI  "/v1/embeddings"
#define OLLAMA  "/api/embed"
#define ONE     "/v1beta/models/x:embedContent"
#define BATCH   "/v1beta/models/x:batchEmbedContents"

#define PART(text)  "{\"content\":{\"parts\":[{\"text\":\"" text "\"}]}"
#define NO_PLACE(api)  " has no place in " api


#define STR(s)  ((soma_str_t) { strlen(s), (unsigned char *) (uintptr_t) (s) })


static soma_arena_t  *arena;
static int            nrecorded;


typedef struct {
    const char            *path;
    const soma_dialect_t  *to;
    const char            *body;
    const char            *want;
} request_t;


static void
test_requests(const request_t *cases, size_t n)
{
    size_t      i;
    pair_t      pair;
    soma_str_t  got;

    for (i = 0; i < n; i++) {
        got = pair_request(&pair, arena, cases[i].path, STR(cases[i].body),
                           cases[i].to);
        soma_is_str(got.data, got.len, cases[i].want, "%s",
                    cases[i].body);
    }
}


static void
test_from_client(void)
{
    static const request_t  cases[] = {
        { EMBED, &soma_openai,
          "{\"model\":\"x\",\"texts\":[\"a\",\"b\\n\"],\"input_type\":"
          "\"search_query\",\"embedding_types\":[\"float\"],"
          "\"output_dimension\":256,\"truncate\":\"END\",\"priority\":3}",
          "{\"model\":\"m\",\"input\":[\"a\",\"b\\n\"],\"dimensions\":256}" },
        { EMBED, &soma_openai,
          "{\"model\":\"x\",\"texts\":[\"a\"],\"input_type\":\"clustering\","
          "\"embedding_types\":[\"base64\"],\"truncate\":\"NONE\","
          "\"images\":[]}",
          "{\"model\":\"m\",\"input\":[\"a\"],\"encoding_format\":"
          "\"base64\"}" },
        { EMBED, &soma_openai_chat, "{\"model\":\"x\",\"texts\":[\"a\"]}",
          "{\"model\":\"m\",\"input\":[\"a\"]}" },
        { EMBED, &soma_openai_responses, "{\"model\":\"x\",\"texts\":["
          "\"a\"]}", "{\"model\":\"m\",\"input\":[\"a\"]}" },
        { EMBED, &soma_openai,
          "{\"model\":\"x\",\"inputs\":[{\"content\":[{\"type\":\"text\","
          "\"text\":\"a\"}]},{\"content\":[{\"type\":\"text\",\"text\":\"b\""
          "}]}]}", "{\"model\":\"m\",\"input\":[\"a\",\"b\"]}" },
        { EMBED, &soma_gemini,
          "{\"model\":\"x\",\"texts\":[\"a\",\"b\"],\"input_type\":"
          "\"search_document\",\"output_dimension\":8,\"truncate\":\"END\"}",
          "{\"requests\":[{\"model\":\"models/m\",\"content\":{\"parts\":[{"
          "\"text\":\"a\"}]},\"outputDimensionality\":8,\"taskType\":"
          "\"RETRIEVAL_DOCUMENT\"},{\"model\":\"models/m\",\"content\":{"
          "\"parts\":[{\"text\":\"b\"}]},\"outputDimensionality\":8,"
          "\"taskType\":\"RETRIEVAL_DOCUMENT\"}]}" },
        { EMBED, &soma_gemini,
          "{\"model\":\"x\",\"inputs\":[{\"content\":[{\"type\":\"text\","
          "\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}]}],"
          "\"input_type\":\"search_query\"}",
          "{\"requests\":[{\"model\":\"models/m\",\"content\":{\"parts\":[{"
          "\"text\":\"a\"},{\"text\":\"b\"}]},\"taskType\":"
          "\"RETRIEVAL_QUERY\"}]}" },
        { EMBED, &soma_gemini,
          "{\"model\":\"x\",\"texts\":[\"a\"],\"input_type\":"
          "\"classification\"}",
          "{\"requests\":[{\"model\":\"models/m\",\"content\":{\"parts\":[{"
          "\"text\":\"a\"}]},\"taskType\":\"CLASSIFICATION\"}]}" },
        { EMBED, &soma_gemini,
          "{\"model\":\"x\",\"texts\":[\"a\"],\"input_type\":\"clustering\","
          "\"priority\":1}",
          "{\"requests\":[{\"model\":\"models/m\",\"content\":{\"parts\":[{"
          "\"text\":\"a\"}]},\"taskType\":\"CLUSTERING\"}]}" },
        { EMBED, &soma_gemini,
          "{\"model\":\"x\",\"texts\":[\"a\"],\"input_type\":\"else\"}",
          "{\"requests\":[{\"model\":\"models/m\",\"content\":{\"parts\":[{"
          "\"text\":\"a\"}]}}]}" },
        { EMBED, &soma_ollama,
          "{\"model\":\"x\",\"texts\":[\"a\"],\"input_type\":"
          "\"search_query\",\"output_dimension\":8,\"truncate\":\"NONE\"}",
          "{\"model\":\"m\",\"input\":[\"a\"],\"truncate\":false,"
          "\"dimensions\":8}" },
        { EMBED, &soma_ollama,
          "{\"model\":\"x\",\"texts\":[\"a\"],\"truncate\":\"START\"}",
          "{\"model\":\"m\",\"input\":[\"a\"]}" }
    };

    test_requests(cases, sizeof(cases) / sizeof(cases[0]));
}


static void
test_from_client_refused(void)
{
    size_t      i;
    pair_t      pair;
    soma_str_t  got;

    static const char *const  types[] = {
        "[\"int8\"]", "[\"uint8\"]", "[\"binary\"]", "[\"ubinary\"]",
        "[\"float\",\"base64\"]", "[1]"
    };

    static const request_t  cases[] = {
        { EMBED, &soma_openai,
          "{\"model\":\"x\",\"images\":[\"data:image/png;base64,QQ==\"]}",
          "! \"images\" have no place in a request to another provider" },
        { EMBED, &soma_openai, "{\"model\":\"x\",\"images\":1}",
          "! \"images\" have no place in a request to another provider" },
        { EMBED, &soma_gemini,
          "{\"model\":\"x\",\"inputs\":[{\"content\":[{\"type\":"
          "\"image_url\",\"image_url\":{\"url\":\"u\"}}]}]}",
          "! \"inputs\" of anything but text have no place in a request to "
          "another provider" },
        { EMBED, &soma_gemini, "{\"model\":\"x\",\"inputs\":[\"a\"]}",
          "! each of \"inputs\" must have a \"content\", an array" },
        { EMBED, &soma_gemini, "{\"model\":\"x\",\"inputs\":\"a\"}",
          "! \"inputs\" must be an array" },
        { EMBED, &soma_openai, "{\"model\":\"x\",\"texts\":\"a\"}",
          "! \"texts\" must be an array of strings" },
        { EMBED, &soma_openai, "{\"model\":\"x\",\"texts\":[1]}",
          "! \"texts\" must be an array of strings" },
        { EMBED, &soma_openai, "{\"model\":\"x\",\"texts\":[]}",
          "! there are no \"texts\", an array of strings" },
        { EMBED, &soma_openai, "{\"model\":\"x\"}",
          "! there are no \"texts\", an array of strings" },
        { EMBED, &soma_openai, "{\"model\":\"x\",\"texts\":[\"a\"],"
          "\"embedding_types\":\"float\"}",
          "! \"embedding_types\" must be an array of strings" },
        { EMBED, &soma_openai, "{\"model\":\"x\",\"texts\":[\"a\"],"
          "\"max_tokens\":4}",
          "!max_tokens" NO_PLACE("an embeddings request of OpenAI's API") },
        { EMBED, &soma_openai,
          "{\"model\":\"x\",\"inputs\":[{\"content\":[{\"type\":\"text\","
          "\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}]}]}",
          "!input must be one text each in an embeddings request of "
          "OpenAI's API" }
    };

    test_requests(cases, sizeof(cases) / sizeof(cases[0]));

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        char  body[128];

        (void) snprintf(body, sizeof(body), "{\"model\":\"x\",\"texts\":["
                        "\"a\"],\"embedding_types\":%s}", types[i]);

        got = pair_request(&pair, arena, EMBED, STR(body), &soma_ollama);
        soma_is_str(got.data, got.len, "!embedding_types"
                    NO_PLACE("a request of Ollama's API"), "%s", types[i]);

        pair.loss.lossy = SOMA_INNER_DROP;
        got = pair_write(&pair, &soma_ollama);
        soma_is_str(got.data, got.len, "{\"model\":\"m\",\"input\":[\"a\"]}",
                    "%s are left out", types[i]);
    }

    (void) pair_request(&pair, arena, EMBED,
                        STR("{\"model\":\"x\",\"texts\":[\"a\"],"
                            "\"input_type\":\"search_query\",\"truncate\":"
                            "\"START\",\"priority\":1}"), &soma_openai);
    soma_is_int(pair.loss.ndropped, 3, "hints are named");
}


static void
test_to_provider(void)
{
    pair_t      pair;
    soma_str_t  got;

    static const request_t  cases[] = {
        { OPENAI, &soma_cohere,
          "{\"model\":\"x\",\"input\":[\"a\",\"b\\n\"],\"dimensions\":256,"
          "\"user\":\"u\"}",
          "{\"model\":\"m\",\"texts\":[\"a\",\"b\\n\"],\"embedding_types\":["
          "\"float\"],\"output_dimension\":256,\"input_type\":"
          "\"search_document\"}" },
        { OPENAI, &soma_cohere,
          "{\"model\":\"x\",\"input\":\"a\",\"encoding_format\":\"base64\","
          "\"input_type\":\"search_query\"}",
          "{\"model\":\"m\",\"texts\":[\"a\"],\"embedding_types\":["
          "\"base64\"],\"input_type\":\"search_query\"}" },
        { ONE, &soma_cohere,
          PART("a") ",\"taskType\":\"RETRIEVAL_QUERY\","
          "\"outputDimensionality\":8}",
          "{\"model\":\"m\",\"texts\":[\"a\"],\"embedding_types\":["
          "\"float\"],\"output_dimension\":8,\"input_type\":"
          "\"search_query\"}" },
        { BATCH, &soma_cohere,
          "{\"requests\":[" PART("a") ",\"taskType\":\"CLUSTERING\"},"
          PART("b") ",\"taskType\":\"CLUSTERING\"}]}",
          "{\"model\":\"m\",\"texts\":[\"a\",\"b\"],\"embedding_types\":["
          "\"float\"],\"input_type\":\"clustering\"}" },
        { ONE, &soma_cohere,
          PART("a") ",\"taskType\":\"SEMANTIC_SIMILARITY\"}",
          "{\"model\":\"m\",\"texts\":[\"a\"],\"embedding_types\":["
          "\"float\"],\"input_type\":\"search_document\"}" },
        { ONE, &soma_openai,
          PART("a") ",\"taskType\":\"RETRIEVAL_QUERY\","
          "\"outputDimensionality\":8}",
          "{\"model\":\"m\",\"input\":[\"a\"],\"dimensions\":8}" },
        { OLLAMA, &soma_cohere,
          "{\"model\":\"x\",\"input\":[\"a\"],\"truncate\":false,"
          "\"dimensions\":8,\"keep_alive\":\"1m\",\"options\":{"
          "\"temperature\":0}}",
          "{\"model\":\"m\",\"texts\":[\"a\"],\"embedding_types\":["
          "\"float\"],\"output_dimension\":8,\"input_type\":"
          "\"search_document\",\"truncate\":\"NONE\"}" },
        { "/api/embeddings", &soma_cohere,
          "{\"model\":\"x\",\"prompt\":\"a\"}",
          "{\"model\":\"m\",\"texts\":[\"a\"],\"embedding_types\":["
          "\"float\"],\"input_type\":\"search_document\"}" },
        { OLLAMA, &soma_openai,
          "{\"model\":\"x\",\"input\":\"a\",\"truncate\":true}",
          "{\"model\":\"m\",\"input\":[\"a\"]}" },
        { OPENAI, &soma_cohere, "{\"model\":\"x\",\"input\":[1,2]}",
          "!input must be one text each in a request of Cohere's API" },
        { OPENAI, &soma_cohere, "{\"model\":\"x\",\"input\":[[1],[2]]}",
          "!input must be one text each in a request of Cohere's API" },
        { OPENAI, &soma_openai, "{\"model\":\"x\",\"input\":[[1],[2]],"
          "\"user\":\"u\"}",
          "{\"model\":\"m\",\"input\":[[1],[2]],\"user\":\"u\"}" },
        { ONE, &soma_cohere,
          "{\"content\":{\"parts\":[{\"text\":\"a\"},{\"text\":\"b\"}]}}",
          "!input must be one text each in a request of Cohere's API" },
        { OPENAI, &soma_cohere, "{\"model\":\"x\",\"input\":\"a\","
          "\"foo\":1}", "!foo" NO_PLACE("a request of Cohere's API") }
    };

    test_requests(cases, sizeof(cases) / sizeof(cases[0]));

    pair.request.task = SOMA_INNER_INPUTS;
    got = soma_cohere.path(arena, &pair.request);
    soma_is_str(got.data, got.len, "/embed", "where they go");
    got = soma_openai.path(arena, &pair.request);
    soma_is_str(got.data, got.len, "/embeddings", "to OpenAI");
    got = soma_openai_responses.path(arena, &pair.request);
    soma_is_str(got.data, got.len, "/embeddings", "whatever else it is asked");
    pair.request.task = SOMA_INNER_CONVERSATION;
    got = soma_cohere.path(arena, &pair.request);
    soma_is_str(got.data, got.len, "/chat", "where chats go");
}


static void
test_bound(void)
{
    int            i, n;
    pair_t         pair;
    soma_str_t     got;
    soma_pieces_t  body;

    for (n = SOMA_COHERE_EMBED_TEXTS_MAX; n < SOMA_COHERE_EMBED_TEXTS_MAX + 2;
         n++)
    {
        soma_pieces_init(&body, arena);
        soma_pieces_cstr(&body, "{\"model\":\"x\",\"input\":[\"a\"");

        for (i = 1; i < n; i++) {
            soma_pieces_cstr(&body, ",\"a\"");
        }

        soma_pieces_cstr(&body, "]}");
        (void) soma_pieces_whole(&body, &got);

        got = pair_request(&pair, arena, OPENAI, got, &soma_cohere);

        if (n == SOMA_COHERE_EMBED_TEXTS_MAX) {
            soma_ok(got.data[0] == '{', "as many texts as it takes");

        } else {
            soma_is_str(got.data, got.len, "!input has more texts than the "
                        "96 that a request of Cohere's API takes", "one more");
        }
    }
}


typedef struct {
    const char            *path;
    const char            *body;
    const soma_dialect_t  *from;
    const char            *answer;
    const char            *want;
} answer_t;


static void
test_answers(const answer_t *cases, size_t n)
{
    size_t      i;
    pair_t      pair;
    soma_str_t  got;

    for (i = 0; i < n; i++) {
        (void) pair_ask(&pair, arena, cases[i].path, STR(cases[i].body));
        soma_is_int(pair_read(&pair), SOMA_OK, "%s", cases[i].body);

        got = pair_answer(&pair, cases[i].from, STR(cases[i].answer), 0);

        if (cases[i].want == NULL) {
            soma_ok(pair.failed || soma_str_is(got, "!"), "no vectors: %s",
                    cases[i].answer);
            continue;
        }

        soma_is_str(got.data, got.len, cases[i].want, "%s",
                    cases[i].answer);
    }
}


#define ASK(types)                                                            \
    "{\"model\":\"x\",\"texts\":[\"a\",\"b\\n\"]" types "}"

#define META(n)                                                               \
    "\"meta\":{\"api_version\":{\"version\":\"2\"},\"billed_units\":{"        \
    "\"input_tokens\":" n "}},\"response_type\":\"embeddings_by_type\"}"

#define FLOATS  "\"embeddings\":{\"float\":[[0.5,-1],[1e-3]]}"
#define TEXTS   "\"texts\":[\"a\",\"b\\n\"]"


static void
test_for_client(void)
{
    static const answer_t  cases[] = {
        { EMBED, ASK(""), &soma_openai,
          "{\"object\":\"list\",\"data\":[{\"index\":0,\"embedding\":[0.5,"
          "-1]},{\"index\":1,\"embedding\":[1e-3]}],\"model\":\"e\","
          "\"usage\":{\"prompt_tokens\":4,\"total_tokens\":4}}",
          "{\"id\":\"0123456789abcdef\"," FLOATS "," TEXTS "," META("4") },
        { EMBED, ASK(""), &soma_openai,
          "{\"id\":\"r\",\"data\":[{\"index\":1,\"embedding\":[1e-3]},{"
          "\"index\":0,\"embedding\":[0.5,-1]}],\"usage\":{"
          "\"total_tokens\":4}}",
          "{\"id\":\"r\"," FLOATS "," TEXTS "," META("4") },
        { EMBED, ASK(",\"embedding_types\":[\"base64\"]"), &soma_openai,
          "{\"data\":[{\"embedding\":\"AAAAPwAAgL8=\"},{\"embedding\":["
          "0.5]}]}",
          "{\"id\":\"0123456789abcdef\",\"embeddings\":{\"base64\":["
          "\"AAAAPwAAgL8=\",\"AAAAPw==\"]}," TEXTS ",\"meta\":{"
          "\"api_version\":{\"version\":\"2\"}},\"response_type\":"
          "\"embeddings_by_type\"}" },
        { EMBED, ASK(""), &soma_openai_chat,
          "{\"data\":[{\"embedding\":\"AAAAPwAAgL8=\"}],\"usage\":{"
          "\"prompt_tokens\":1}}",
          "{\"id\":\"0123456789abcdef\",\"embeddings\":{\"float\":[[0.5,-1]]"
          "}," TEXTS "," META("1") },
        { EMBED, ASK(""), &soma_openai_responses,
          "{\"data\":[{\"embedding\":[0.5,-1]},{\"embedding\":[1e-3]}],"
          "\"usage\":{\"prompt_tokens\":4}}",
          "{\"id\":\"0123456789abcdef\"," FLOATS "," TEXTS "," META("4") },
        { EMBED, ASK(""), &soma_gemini,
          "{\"embeddings\":[{\"values\":[0.5,-1]},{\"values\":[1e-3]}],"
          "\"usageMetadata\":{\"promptTokenCount\":2}}",
          "{\"id\":\"0123456789abcdef\"," FLOATS "," TEXTS "," META("2") },
        { EMBED, ASK(",\"embedding_types\":[\"base64\"]"), &soma_gemini,
          "{\"embeddings\":[{\"values\":[0.5,-1]}],\"usageMetadata\":{"
          "\"promptTokenCount\":2}}",
          "{\"id\":\"0123456789abcdef\",\"embeddings\":{\"base64\":["
          "\"AAAAPwAAgL8=\"]}," TEXTS "," META("2") },
        { EMBED, ASK(""), &soma_ollama,
          "{\"model\":\"e\",\"embeddings\":[[0.5,-1],[1e-3]],"
          "\"prompt_eval_count\":4}",
          "{\"id\":\"0123456789abcdef\"," FLOATS "," TEXTS "," META("4") },
        { EMBED, "{\"model\":\"x\",\"inputs\":[{\"content\":[{\"type\":"
          "\"text\",\"text\":\"a\"}]}]}", &soma_ollama,
          "{\"embeddings\":[[1]],\"prompt_eval_count\":1}",
          "{\"id\":\"0123456789abcdef\",\"embeddings\":{\"float\":[[1]]},"
          META("1") },
        { EMBED, ASK(""), &soma_openai, "{\"error\":{\"message\":\"no\"}}",
          NULL },
        { EMBED, ASK(""), &soma_openai, "{\"data\":[]}", NULL },
        { EMBED, ASK(""), &soma_openai, "{\"object\":\"list\"}", NULL },
        { EMBED, ASK(""), &soma_openai, "{\"data\":{}}", NULL },
        { EMBED, ASK(""), &soma_openai, "{\"data\":[{\"index\":0}]}", NULL },
        { EMBED, ASK(""), &soma_openai,
          "{\"data\":[{\"index\":1,\"embedding\":[1]}]}", NULL },
        { EMBED, ASK(""), &soma_openai,
          "{\"data\":[{\"index\":0,\"embedding\":[1]},{\"index\":0,"
          "\"embedding\":[1]}]}", NULL },
        { EMBED, ASK(""), &soma_openai,
          "{\"data\":[{\"index\":0,\"embedding\":null}]}", NULL },
        { EMBED, ASK(""), &soma_openai,
          "{\"data\":[{\"index\":0,\"embedding\":\"AAA=\"}]}", NULL },
        { EMBED, ASK(""), &soma_openai,
          "{\"data\":[{\"embedding\":[1]},", NULL },
        { EMBED, ASK(",\"embedding_types\":[\"base64\"]"), &soma_gemini,
          "{\"embeddings\":[{\"values\":[\"a\"]}]}", NULL }
    };

    test_answers(cases, sizeof(cases) / sizeof(cases[0]));
}


static void
test_of_provider(void)
{
    static const answer_t  cases[] = {
        { OPENAI, "{\"model\":\"x\",\"input\":[\"a\",\"b\"]}", &soma_cohere,
          "{\"id\":\"r\"," FLOATS "," TEXTS "," META("3"),
          "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\","
          "\"index\":0,\"embedding\":[0.5,-1]},{\"object\":\"embedding\","
          "\"index\":1,\"embedding\":[1e-3]}],\"model\":\"asked\","
          "\"usage\":{\"prompt_tokens\":3,\"total_tokens\":3}}" },
        { OPENAI, "{\"model\":\"x\",\"input\":\"a\",\"encoding_format\":"
          "\"base64\"}", &soma_cohere,
          "{\"embeddings\":{\"base64\":[\"AAAAPwAAgL8=\"]}," META("3"),
          "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\","
          "\"index\":0,\"embedding\":\"AAAAPwAAgL8=\"}],\"model\":\"asked\","
          "\"usage\":{\"prompt_tokens\":3,\"total_tokens\":3}}" },
        { OPENAI, "{\"model\":\"x\",\"input\":\"a\",\"encoding_format\":"
          "\"base64\"}", &soma_cohere,
          "{\"embeddings\":{\"float\":[[0.5,-1]]}," META("3"),
          "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\","
          "\"index\":0,\"embedding\":\"AAAAPwAAgL8=\"}],\"model\":\"asked\","
          "\"usage\":{\"prompt_tokens\":3,\"total_tokens\":3}}" },
        { OLLAMA, "{\"model\":\"x\",\"input\":\"a\"}", &soma_cohere,
          "{" FLOATS "," META("3"),
          "{\"model\":\"asked\",\"embeddings\":[[0.5,-1],[1e-3]],"
          "\"total_duration\":1,\"load_duration\":0,\"prompt_eval_count\":3"
          "}" },
        { "/api/embeddings", "{\"model\":\"x\",\"prompt\":\"a\"}",
          &soma_cohere, "{\"embeddings\":[[0.5,-1]]}",
          "{\"embedding\":[0.5,-1]}" },
        { ONE, PART("a") "}", &soma_cohere, "{" FLOATS "," META("3"),
          "{\"embedding\":{\"values\":[0.5,-1]},\"usageMetadata\":{"
          "\"promptTokenCount\":3,\"totalTokenCount\":3}}" },
        { BATCH, "{\"requests\":[" PART("a") "}," PART("b") "}]}",
          &soma_cohere, "{" FLOATS "," META("3"),
          "{\"embeddings\":[{\"values\":[0.5,-1]},{\"values\":[1e-3]}],"
          "\"usageMetadata\":{\"promptTokenCount\":3,\"totalTokenCount\":3}"
          "}" },
        { ONE, PART("a") "}", &soma_openai,
          "{\"data\":[{\"index\":0,\"embedding\":[0.5,-1]}],\"usage\":{"
          "\"prompt_tokens\":3}}",
          "{\"embedding\":{\"values\":[0.5,-1]},\"usageMetadata\":{"
          "\"promptTokenCount\":3,\"totalTokenCount\":3}}" },
        { OLLAMA, "{\"model\":\"x\",\"input\":\"a\"}", &soma_openai,
          "{\"data\":[{\"index\":0,\"embedding\":[0.5,-1]}],\"model\":\"e\","
          "\"usage\":{\"prompt_tokens\":3}}",
          "{\"model\":\"e\",\"embeddings\":[[0.5,-1]],\"total_duration\":1,"
          "\"load_duration\":0,\"prompt_eval_count\":3}" },
        { OPENAI, "{\"model\":\"x\",\"input\":\"a\"}", &soma_cohere,
          "{\"message\":\"no\"}", NULL },
        { OPENAI, "{\"model\":\"x\",\"input\":\"a\"}", &soma_cohere,
          "{\"embeddings\":{\"int8\":[[1]]}}", NULL },
        { OPENAI, "{\"model\":\"x\",\"input\":\"a\"}", &soma_cohere,
          "{\"embeddings\":{\"float\":[]}}", NULL },
        { OPENAI, "{\"model\":\"x\",\"input\":\"a\"}", &soma_cohere,
          "{\"embeddings\":{\"float\":{}}}", NULL },
        { OPENAI, "{\"model\":\"x\",\"input\":\"a\"}", &soma_cohere,
          "{\"embeddings\":{\"float\":[1]}}", NULL },
        { OPENAI, "{\"model\":\"x\",\"input\":\"a\"}", &soma_cohere,
          "{\"embeddings\":null}", NULL },
        { OPENAI, "{\"model\":\"x\",\"input\":\"a\"}", &soma_cohere,
          "{\"id\":\"r\"}", NULL },
        { OPENAI, "{\"model\":\"x\",\"input\":\"a\"}", &soma_cohere, "no",
          NULL }
    };

    test_answers(cases, sizeof(cases) / sizeof(cases[0]));
}


static soma_str_t
recorded(yyjson_val *root)
{
    size_t      len;
    soma_str_t  b64, body;

    b64.data = (unsigned char *) yyjson_get_str(
                   yyjson_ptr_get(root, "/response/body_b64"));
    b64.len = yyjson_get_len(yyjson_ptr_get(root, "/response/body_b64"));

    body.data = arena->alloc(arena->data,
                             soma_base64_decoded_len(b64.len) + 1);
    (void) soma_base64_decode(body.data, &len, b64);
    body.len = len;

    return body;
}


static yyjson_doc *
told(const char *path, const char *ask, const soma_dialect_t *from,
    soma_str_t body)
{
    pair_t      pair;
    soma_str_t  got;

    (void) pair_ask(&pair, arena, path, STR(ask));
    (void) pair_read(&pair);
    got = pair_answer(&pair, from, body, 0);
    soma_ok(pair.over && !pair.failed, "%s", path);

    return yyjson_read((char *) got.data, got.len, 0);
}


/* Cohere's answers through the clients of the others */

static void
test_recorded(const char *id, yyjson_val *root)
{
    size_t       i, n;
    int64_t      tokens;
    yyjson_doc  *cohere, *one, *two, *three;
    yyjson_val  *vectors, *v;
    soma_str_t   body;

    body = recorded(root);
    cohere = yyjson_read((char *) body.data, body.len, 0);
    root = yyjson_doc_get_root(cohere);
    vectors = yyjson_ptr_get(root, "/embeddings/float");
    tokens = yyjson_get_sint(yyjson_ptr_get(root, "/meta/billed_units"
                                                  "/input_tokens"));
    n = yyjson_arr_size(vectors);

    one = told(OPENAI, "{\"model\":\"x\",\"input\":\"a\"}", &soma_cohere,
               body);
    two = told(BATCH, "{\"requests\":[" PART("a") "}]}", &soma_cohere, body);
    three = told(OLLAMA, "{\"model\":\"x\",\"input\":\"a\"}", &soma_cohere,
                 body);

    soma_ok(yyjson_equals(vectors, yyjson_ptr_get(yyjson_doc_get_root(three),
                                                  "/embeddings")),
            "%s: to Ollama's clients", id);
    soma_is_int(yyjson_arr_size(yyjson_ptr_get(yyjson_doc_get_root(one),
                                               "/data")), n, "%s: all", id);
    soma_ok(n != 0 && tokens != 0, "%s: some", id);

    for (i = 0; i < n; i++) {
        v = yyjson_arr_get(yyjson_ptr_get(yyjson_doc_get_root(one), "/data"),
                           i);
        soma_ok(yyjson_equals(yyjson_arr_get(vectors, i),
                              yyjson_obj_get(v, "embedding")),
                "%s: to OpenAI's", id);
        v = yyjson_arr_get(yyjson_ptr_get(yyjson_doc_get_root(two),
                                          "/embeddings"), i);
        soma_ok(yyjson_equals(yyjson_arr_get(vectors, i),
                              yyjson_obj_get(v, "values")),
                "%s: to Google's", id);
    }

    soma_is_int(yyjson_get_sint(yyjson_ptr_get(yyjson_doc_get_root(one),
                                               "/usage/prompt_tokens")),
                tokens, "%s: tokens for OpenAI's", id);
    soma_is_int(yyjson_get_sint(yyjson_ptr_get(yyjson_doc_get_root(two),
                                    "/usageMetadata/promptTokenCount")),
                tokens, "%s: tokens for Google's", id);
    soma_is_int(yyjson_get_sint(yyjson_ptr_get(yyjson_doc_get_root(three),
                                               "/prompt_eval_count")),
                tokens, "%s: tokens for Ollama's", id);

    yyjson_doc_free(cohere);
    yyjson_doc_free(one);
    yyjson_doc_free(two);
    yyjson_doc_free(three);
}


/* OpenAI's through one of Cohere's; what was asked for in base64 comes so */

static void
test_recorded_openai(const char *id, yyjson_val *root)
{
    size_t       i, n;
    int64_t      tokens;
    soma_str_t   body;
    yyjson_doc  *openai, *one;
    yyjson_val  *data, *vectors, *v;
    const char  *type;

    tokens = yyjson_get_sint(yyjson_ptr_get(root, "/expected_usage"
                                                  "/total_input_tokens"));
    body = recorded(root);
    openai = yyjson_read((char *) body.data, body.len, 0);
    data = yyjson_obj_get(yyjson_doc_get_root(openai), "data");
    n = yyjson_arr_size(data);
    type = yyjson_is_str(yyjson_ptr_get(yyjson_arr_get(data, 0),
                                        "/embedding")) ? "base64" : "float";

    one = told(EMBED, strcmp(type, "base64") == 0
                      ? "{\"model\":\"x\",\"texts\":[\"a\"],"
                        "\"embedding_types\":[\"base64\"]}"
                      : "{\"model\":\"x\",\"texts\":[\"a\"]}",
               &soma_openai, body);

    vectors = yyjson_obj_get(yyjson_obj_get(yyjson_doc_get_root(one),
                                            "embeddings"), type);
    soma_is_int(yyjson_arr_size(vectors), n, "%s: all", id);

    for (i = 0; i < n; i++) {
        v = yyjson_obj_get(yyjson_arr_get(data, i), "embedding");
        soma_ok(yyjson_equals(yyjson_arr_get(vectors, i), v),
                "%s: vector %zu", id, i);
    }

    soma_is_int(yyjson_get_sint(yyjson_ptr_get(yyjson_doc_get_root(one),
                                "/meta/billed_units/input_tokens")),
                tokens, "%s: tokens", id);

    yyjson_doc_free(openai);
    yyjson_doc_free(one);
}


static void
lines(const char *path, void (*each)(const char *id, yyjson_val *root))
{
    char        *file, *line, *end;
    size_t       len;
    yyjson_doc  *doc;
    yyjson_val  *root;
    const char  *asked;

    file = soma_file(path, &len);
    nrecorded = 0;

    for (line = file; line < file + len; line = end + 1) {
        end = memchr(line, '\n', (size_t) (file + len - line));
        end = end ? end : file + len;

        doc = yyjson_read(line, (size_t) (end - line), 0);
        root = yyjson_doc_get_root(doc);
        asked = yyjson_get_str(yyjson_ptr_get(root, "/request/path"));

        if (asked != NULL && strstr(asked, "/embed") != NULL
            && yyjson_get_int(yyjson_ptr_get(root, "/response/status"))
               == 200)
        {
            nrecorded++;
            each(yyjson_get_str(yyjson_obj_get(root, "id")), root);
        }

        yyjson_doc_free(doc);
    }

    free(file);
}


int
main(void)
{
    arena = soma_test_arena();

    test_from_client();
    test_from_client_refused();
    test_to_provider();
    test_bound();
    test_for_client();
    test_of_provider();

    lines("t/traffic/cohere.jsonl", test_recorded);
    soma_is_int(nrecorded, 3, "recorded answers of Cohere's");
    lines("t/traffic/openai.jsonl", test_recorded_openai);
    soma_ok(nrecorded > 10, "and of OpenAI's");

    soma_test_arena_free(arena);

    return soma_done();
}
