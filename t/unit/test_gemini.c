
/*
 * Copyright (C) The ngx_soma authors
 *
 * The gemini dialect by its table alone: addresses, what is asked, edits,
 * errors and cuts, the books; recorded traffic of its providers read through
 * the inner form, and what its clients send written to all the others.
 */


#include <yyjson.h>

#include "soma_base64.h"
#include "soma_gemini.h"
#include "soma_pair_test.h"
#include "soma_prompt.h"


#define STR(s)  ((soma_str_t) { strlen(s), (unsigned char *) (s) })

#define WHOLE   "/v1beta/models/m:generateContent"
#define SSE     "/v1beta/models/m:streamGenerateContent?alt=sse"
#define CHAT    "/v1/chat/completions"

#define HI      "\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":"   \
                "\"Hi\"}]}]"

#define OPENAI_WHOLE                                                          \
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\""\
    "tools\":[{\"type\":\"function\",\"function\":{\"name\":\"1/a\"}}]}"

#define OPENAI                                                                \
    "{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":t"\
    "rue},\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"tools\":[{\""\
    "type\":\"function\",\"function\":{\"name\":\"1/a\"}}]}"


static soma_arena_t  *arena;
static pair_t         pair;


static void
test_surface(void)
{
    size_t      i;
    soma_url_t  url;
    soma_str_t  path;

    static const struct {
        const char     *path;
        soma_api_e      api;
        const char     *model;
        const char     *behind;     /* of the same action for another model */
        soma_stream_e   stream;
    } cases[] = {
        { "/v1/models/m:generateContent", SOMA_API_CHAT, "m",
          "/models/a%2Fb:generateContent", SOMA_STREAM_NEVER },
        { "/v1beta/models/m.x-1:streamGenerateContent", SOMA_API_CHAT,
          "m.x-1", "/models/a%2Fb:streamGenerateContent",
          SOMA_STREAM_ALWAYS },
        { "/x/v1beta1/publishers/google/models/m:countTokens",
          SOMA_API_COUNT, "m", "/models/a%2Fb:countTokens",
          SOMA_STREAM_NEVER },
        { "/v1/projects/p/locations/l/publishers/google/models/"
          "a%2Fb%3A1:embedContent", SOMA_API_EMBEDDINGS, "a/b:1",
          "/models/a%2Fb:embedContent", SOMA_STREAM_NEVER },
        { "/v1beta/tunedModels/t:batchEmbedContents", SOMA_API_EMBEDDINGS,
          "t", "/models/a%2Fb:batchEmbedContents", SOMA_STREAM_NEVER },
        { "/v1/publishers/anthropic/models/c@1:streamRawPredict",
          SOMA_API_INVOKE, "c@1", "/models/a%2Fb:streamRawPredict",
          SOMA_STREAM_ALWAYS },
        { "/v1beta/models/m:predict", SOMA_API_NONE, "", "", 0 },
        { "/v1beta/models/:generateContent", SOMA_API_NONE, "", "", 0 },
        { "/v1beta/models/a/b:generateContent", SOMA_API_NONE, "", "", 0 },
        { "/v2/models/m:generateContent", SOMA_API_NONE, "", "", 0 },
        { "/v1beta/models/%1:generateContent", SOMA_API_NONE, "", "", 0 },
        { "/v1beta/models", SOMA_API_NONE, "", "", 0 },
        { "/v1beta/models/m", SOMA_API_NONE, "", "", 0 }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memset(&url, 0, sizeof(url));
        url.path = STR(cases[i].path);
        url.below = url.path;

        if (cases[i].api == SOMA_API_NONE) {
            soma_ok(soma_dialect_client(&url, arena) == &soma_openai
                    && url.surface == NULL, "none: %s", cases[i].path);
            continue;
        }

        soma_ok(soma_dialect_client(&url, arena)
                == (cases[i].api == SOMA_API_INVOKE ? &soma_gemini_raw
                                                    : &soma_gemini),
                "Google's: %s", cases[i].path);
        soma_is_int(url.surface->api, cases[i].api, "its API");
        soma_is_int(url.surface->stream, cases[i].stream, "its stream");
        soma_is_str(url.model.data, url.model.len, cases[i].model, "a model");

        memset(&pair, 0, sizeof(pair));
        pair.ask.url = &url;
        path = soma_gemini.splice_path(arena, &pair.ask, STR("a/b"));
        soma_is_str(path.data, path.len, cases[i].behind, "for another one");
    }

    memset(&pair.request, 0, sizeof(pair.request));
    pair.request.model = STR("gemini-3");
    path = soma_gemini.path(arena, &pair.request);
    soma_is_str(path.data, path.len, "/models/gemini-3:generateContent",
                "where an answer is asked for");
    pair.request.stream = 1;
    pair.request.model = STR("tunedModels/x y");
    path = soma_gemini.path(arena, &pair.request);
    soma_is_str(path.data, path.len,
                "/tunedModels/x%20y:streamGenerateContent?alt=sse",
                "where a stream is");
    pair.request.task = SOMA_INNER_INPUTS;
    pair.request.model = STR("models/e");
    path = soma_gemini.path(arena, &pair.request);
    soma_is_str(path.data, path.len, "/models/e:batchEmbedContents",
                "where vectors are");
}


static void
test_ask(void)
{
    size_t  i;

    static const struct {
        const char  *body;
        int64_t      max;
        int64_t      n;
        const char  *error;
    } cases[] = {
        { "{}", -1, 1, NULL },
        { "{\"generationConfig\":{\"maxOutputTokens\":7,"
          "\"candidateCount\":2}}", 7, 2, NULL },
        { "{\"generation_config\":{\"max_output_tokens\":8.0}}", 8, 1, NULL },
        { "{\"generationConfig\":null}", -1, 1, NULL },
        { "{\"generationConfig\":{\"maxOutputTokens\":null}}", -1, 1, NULL },
        { "{\"generationConfig\":{},\"generation_config\":{}}", 0, 0,
          "generationConfig: stands twice in the request" },
        { "{\"generationConfig\":{\"maxOutputTokens\":1,"
          "\"max_output_tokens\":9}}", 0, 0, "generationConfig: must be an "
          "object, each of its members once" },
        { "{\"generationConfig\":{\"maxOutput\\u0054okens\":1}}", 0, 0,
          "generationConfig: must be an object, each of its members once" },
        { "{\"generationConfig\":{\"maxOutputTokens\":\"1\"}}", 0, 0,
          "generationConfig: maxOutputTokens and candidateCount must be "
          "whole numbers above 0" },
        { "{\"generationConfig\":[]}", 0, 0, "generationConfig: must be an "
          "object, each of its members once" },
        { "{\"tools\":{}}", 0, 0,
          "tools: must be an array of at most 1024 objects" },
        { "{\"cachedContent\":7}", 0, 0, "a file or a \"cachedContent\" is "
          "not named by plain names, 32 at most" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        if (cases[i].error != NULL) {
            soma_is_int(pair_ask(&pair, arena, WHOLE, STR(cases[i].body)),
                        SOMA_ERROR, "refused: %s", cases[i].body);
            soma_is_str(pair.error, strlen(pair.error), cases[i].error,
                        "why");
            continue;
        }

        soma_is_int(pair_ask(&pair, arena, WHOLE, STR(cases[i].body)),
                    SOMA_OK, "taken: %s", cases[i].body);
        soma_is_int(pair.ask.max_tokens, cases[i].max, "its bound");
        soma_is_int(pair.ask.n, cases[i].n, "its candidates");
        soma_is_str(pair.ask.model.data, pair.ask.model.len, "m", "a model");
    }

    (void) pair_ask(&pair, arena, SSE, STR("{\"serviceTier\":\"flex\","
                    "\"tools\":[{\"functionDeclarations\":[]},"
                    "{\"googleSearch\":{}},{\"code_execution\":{}}],"
                    "\"cachedContent\":\"cachedContents/c\",\"contents\":[{"
                    "\"parts\":[{\"fileData\":{\"fileUri\":"
                    "\"https://generativelanguage.googleapis.com/v1beta/"
                    "files/f\"}},{\"file_data\":{\"file_uri\":"
                    "\"https://example.com/a.png\"}},{\"functionCall\":{"
                    "\"args\":{\"fileUri\":\"x\"}}}]}]}"));

    soma_is_int(pair.ask.stream, 1, "a stream by its address");
    soma_is_int(pair.ask.tier, SOMA_TIER_FLEX, "a tier");
    soma_is_int(pair.ask.nhosted, 2, "tools that Google runs");
    soma_is_str(pair.ask.hosted[1].data, pair.ask.hosted[1].len,
                "code_execution", "by the client's name");
    soma_is_int(pair.ask.nids, 2, "what Google keeps");
    soma_ok(pair.ask.ids[0].kind == SOMA_OBJECT_PROMPT
            && pair.ask.ids[1].kind == SOMA_OBJECT_FILE, "a cache, a file");
    soma_is_int(pair.ask.window, 1, "the prompt is more than the body");
}


static soma_str_t
edited(soma_json_edits_t *edits)
{
    size_t         pos;
    unsigned       i;
    soma_str_t     whole;
    soma_pieces_t  out;

    soma_pieces_init(&out, arena);

    for (i = 0, pos = 0; i < edits->n; i++) {
        soma_pieces_put(&out, pair.body.data + pos,
                        edits->edit[i].start - pos);
        soma_pieces_put(&out, edits->edit[i].text.data,
                        edits->edit[i].text.len);
        pos = edits->edit[i].end;
    }

    soma_pieces_put(&out, pair.body.data + pos, pair.body.len - pos);

    return soma_pieces_whole(&out, &whole) == SOMA_OK ? whole : STR("");
}


static void
test_splice(void)
{
    size_t             i;
    soma_str_t         out;
    soma_json_edits_t  edits;

    static const struct {
        const char  *path;
        const char  *body;
        int64_t      bound;
        const char  *want;
    } cases[] = {
        { WHOLE, "{\"generationConfig\":{\"maxOutputTokens\":7}}", 0,
          "{\"generationConfig\":{\"maxOutputTokens\":7}}" },
        { WHOLE, "{\"generation_config\":{\"max_output_tokens\":  7 }}", 0,
          "{\"generation_config\":{\"max_output_tokens\":  7 }}" },
        { WHOLE, "{" HI "}", 9,
          "{\"generationConfig\":{\"maxOutputTokens\":9}," HI "}" },
        { WHOLE, "{}", 9, "{\"generationConfig\":{\"maxOutputTokens\":9}}" },
        { WHOLE, "{\"generationConfig\":{\"topK\":1}}", 9,
          "{\"generationConfig\":{\"maxOutputTokens\":9,\"topK\":1}}" },
        { WHOLE, "{\"generationConfig\":{}}", 9,
          "{\"generationConfig\":{\"maxOutputTokens\":9}}" },
        { WHOLE, "{\"generationConfig\":{  }}", 9,
          "{\"generationConfig\":{\"maxOutputTokens\":9  }}" },
        { WHOLE, "{\"generationConfig\":null}", 9,
          "{\"generationConfig\":{\"maxOutputTokens\":9}}" },
        { WHOLE, "{\"generationConfig\":{\"maxOutputTokens\":null}}", 9,
          "{\"generationConfig\":{\"maxOutputTokens\":9}}" },
        { "/v1/models/m:countTokens", "{" HI "}", 9, "{" HI "}" },
        { "/v1/models/m:batchEmbedContents", "{\"requests\":[{\"model\":"
          "\"models/m\",\"content\":{}},{\"content\":{},\"model\":\"m\"}]}",
          0, "{\"requests\":[{\"model\":\"models/n\",\"content\":{}},"
          "{\"content\":{},\"model\":\"models/n\"}]}" },
        { "/v1/models/m:embedContent", "{\"model\":\"models/m\"}", 0,
          "{\"model\":\"models/n\"}" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memset(&edits, 0, sizeof(edits));

        soma_is_int(pair_ask(&pair, arena, cases[i].path,
                             STR(cases[i].body)), SOMA_OK, "asks");
        pair.ask.bound = cases[i].bound;

        soma_is_int(soma_gemini.splice(&pair.ask, STR("n"), arena, pair_value,
                                       &pair, &edits), SOMA_OK, "splices");

        out = edited(&edits);
        soma_is_str(out.data, out.len, cases[i].want, "%s", cases[i].body);
    }
}


static void
test_fault(void)
{
    soma_ask_t     ask;
    soma_str_t     s;
    soma_url_t     url;
    soma_out_t     out;
    unsigned char  buf[1024];

    memset(&ask, 0, sizeof(ask));
    memset(&url, 0, sizeof(url));
    ask.url = &url;

    soma_put_init(&out, buf, sizeof(buf));
    soma_gemini.fault(&out, SOMA_FAULT_RATE, STR("limit"), STR("a \"b\""));
    soma_is_str(buf, (size_t) (out.pos - buf),
                "{\"error\":{\"code\":429,\"message\":\"a \\\"b\\\"\","
                "\"status\":\"RESOURCE_EXHAUSTED\",\"details\":[{\"@type\":"
                "\"type.googleapis.com/google.rpc.ErrorInfo\",\"reason\":"
                "\"limit\",\"domain\":\"ngx_soma\"}]}}", "an error");

    soma_put_init(&out, buf, sizeof(buf));
    soma_gemini.fault_event(&out, &ask, SOMA_FAULT_UPSTREAM, STR(""),
                            STR("x"));
    soma_is_str(buf, (size_t) (out.pos - buf),
                ",\r\n{\"error\":{\"code\":502,\"message\":\"x\",\"status\":"
                "\"INTERNAL\"}}\r\n]", "in an array");

    s = soma_gemini.stream_type(&ask);
    soma_is_str(s.data, s.len, "application/json", "whose type is its own");

    url.args = STR("key=k&alt=sse");
    soma_put_init(&out, buf, sizeof(buf));
    soma_gemini.fault_event(&out, &ask, SOMA_FAULT_TIMEOUT, STR(""),
                            STR("x"));
    soma_is_str(buf, (size_t) (out.pos - buf),
                "data: {\"error\":{\"code\":504,\"message\":\"x\",\"status\":"
                "\"DEADLINE_EXCEEDED\"}}\n\n", "as an event");

    s = soma_gemini.stream_type(&ask);
    soma_is_str(s.data, s.len, "text/event-stream", "of events");

    s = soma_gemini.beat(&ask);
    soma_is_str(s.data, s.len, "\n", "no comment shows that it lives");
}


static void
test_cut(void)
{
    soma_ask_t            ask;
    soma_url_t            url;
    soma_out_t            out;
    soma_usage_t          usage;
    unsigned char         buf[1024];
    static soma_answer_t  cut;

    memset(&ask, 0, sizeof(ask));
    memset(&url, 0, sizeof(url));
    memset(&usage, 0, sizeof(usage));
    ask.url = &url;
    usage.input_tokens = 9;
    usage.cached_tokens = 2;
    usage.output_tokens = 5;
    usage.reasoning_tokens = 1;
    cut.progress.choices = 2;
    cut.progress.ended[0] = 1;
    cut.formed = 1;
    cut.model = STR("g");

    soma_put_init(&out, buf, sizeof(buf));
    soma_gemini.cut(&out, &ask, &cut, &usage, -1);
    soma_is_str(buf, (size_t) (out.pos - buf),
                ",\r\n{\"candidates\":[{\"content\":{\"parts\":[{\"text\":"
                "\"\"}],\"role\":\"model\"},\"finishReason\":\"MAX_TOKENS\","
                "\"index\":1}],\"usageMetadata\":{\"promptTokenCount\":9,"
                "\"candidatesTokenCount\":4,\"thoughtsTokenCount\":1,"
                "\"cachedContentTokenCount\":2,\"totalTokenCount\":14},"
                "\"modelVersion\":\"g\"}]", "an array that is cut");

    url.args = STR("alt=sse");
    cut.progress.choices = 0;
    cut.progress.ended[0] = 0;
    soma_put_init(&out, buf, sizeof(buf));
    soma_gemini.cut(&out, &ask, &cut, &usage, 1500);
    soma_is_str(buf, (size_t) (out.pos - buf),
                "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":"
                "\"\"}],\"role\":\"model\"},\"finishReason\":\"MAX_TOKENS\","
                "\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":9,"
                "\"candidatesTokenCount\":4,\"thoughtsTokenCount\":1,"
                "\"cachedContentTokenCount\":2,\"totalTokenCount\":14,"
                "\"cost\":0.0000015},\"modelVersion\":\"g\"}\n\n",
                "events that are");
}


static void
test_verdict(void)
{
    size_t          i;
    soma_look_t     look;
    soma_refusal_t  refusal;

    static const struct {
        const char      *text;
        unsigned         event;
        unsigned         whole;
        soma_verdict_e   verdict;
    } cases[] = {
        { "{\"candidates\":[{\"con", 0, 0, SOMA_VERDICT_GOOD },
        { "{\"modelVersion\":\"g\",", 0, 0, SOMA_VERDICT_MORE },
        { "{\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}", 0, 1,
          SOMA_VERDICT_GOOD },
        { "{\"error\":{\"code\":503}}", 0, 1, SOMA_VERDICT_ERROR },
        { "[{\"error\":{\"code\":503}}]", 0, 1, SOMA_VERDICT_ERROR },
        { "[\n{\"candidates\":[{", 0, 0, SOMA_VERDICT_GOOD },
        { "{\"totalTokens\":3}", 0, 1, SOMA_VERDICT_GOOD },
        { "{\"x\":3}", 0, 1, SOMA_VERDICT_NONE },
        { "<html>", 0, 1, SOMA_VERDICT_NONE },
        { "{\"candidates\":[{}]}", 1, 1, SOMA_VERDICT_GOOD },
        { "{\"error\":{\"message\":\"x\"}}", 1, 1, SOMA_VERDICT_ERROR },
        { "{\"usageMetadata\":{\"trafficType\":\"ON_DEMAND\"}}", 1, 1,
          SOMA_VERDICT_GOOD }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memset(&look, 0, sizeof(look));
        look.api = SOMA_API_CHAT;
        look.text = STR(cases[i].text);
        look.event = (cases[i].event & 1);
        look.whole = (cases[i].whole & 1);

        soma_is_int(soma_gemini.verdict(&look), cases[i].verdict, "%s",
                    cases[i].text);
    }

    soma_gemini.refusal(STR("{\"error\":{\"code\":429,\"message\":\"m\"}}"),
                        &refusal);
    soma_ok(refusal.ours && refusal.whole, "a refusal");
    soma_is_str(refusal.message.text.data, refusal.message.text.len, "\"m\"",
                "and what it says");

    soma_gemini.refusal(STR("[{\"error\":{\"code\":429,\"message\":\"m\"}}\n]"
                            "\n"), &refusal);
    soma_ok(refusal.ours && refusal.whole, "one in an array");
    soma_is_str(refusal.message.text.data, refusal.message.text.len, "\"m\"",
                "and what that says");
}


/* an answer's books, whole and in pieces of a byte */

static void
test_books(void)
{
    size_t         i;
    soma_answer_t  *got;
    soma_reader_t   reader;

    static const char  body[] =
        "[{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\\u00e9\"},"
        "{\"functionCall\":{\"args\":{\"a\":1}}},{\"thought\":true,"
        "\"text\":\"b\"}]},\"finishReason\":\"STOP\",\"groundingMetadata\":{"
        "\"webSearchQueries\":[\"x\",\"y\"]}}],\"usageMetadata\":{"
        "\"promptTokenCount\":3,\"toolUsePromptTokenCount\":4,"
        "\"candidatesTokenCount\":5,\"thoughtsTokenCount\":6,"
        "\"cachedContentTokenCount\":2,\"candidatesTokensDetails\":[{"
        "\"tokenCount\":1,\"modality\":\"AUDIO\"},{\"modality\":\"IMAGE\","
        "\"tokenCount\":2}],\"trafficType\":\"ON_DEMAND_FLEX\"},"
        "\"modelVersion\":\"g\",\"responseId\":\"r\"}]";

    got = malloc(sizeof(soma_answer_t));
    memset(got, 0, sizeof(soma_answer_t));
    memset(&reader, 0, sizeof(reader));
    got->api = SOMA_API_CHAT;

    for (i = 0; i < sizeof(body) - 1; i++) {
        (void) soma_gemini.body(got, &reader,
                                (const unsigned char *) body + i, 1);
    }

    soma_is_int(got->usage.input_tokens, 7, "the whole prompt");
    soma_is_int(got->usage.output_tokens, 11, "the whole answer");
    soma_is_int(got->usage.cached_tokens, 2, "cached");
    soma_is_int(got->usage.reasoning_tokens, 6, "thoughts");
    soma_is_int(got->usage.audio_output_tokens, 1, "sound");
    soma_is_int(got->usage.image_output_tokens, 2, "a picture");
    soma_is_int(got->usage.queries, 2, "searches");
    soma_is_int(got->usage.tier, SOMA_TIER_FLEX, "a tier");
    soma_is_int(got->text_len, 1 + 1 + 7 + 1, "its text");
    soma_ok(got->usage.known && got->finished && got->formed && got->begun
            && got->reasoned && !got->failed, "how it went");
    soma_is_int(got->progress.choices, 1, "a candidate");
    soma_is_str(got->model.data, got->model.len, "g", "a model");
    soma_is_str(got->id.data, got->id.len, "r", "an id");

    free(got);
}


/* without a vocabulary a text is as many tokens as bytes */

static void
test_prompt(void)
{
    int64_t  text, image, sound, file;

    text = soma_prompt_tokens(soma_gemini.prompt, NULL, SOMA_API_CHAT, 0,
                              STR("{\"contents\":[{\"parts\":[{\"text\":"
                                  "\"abcd\"}]}]}"));
    image = soma_prompt_tokens(soma_gemini.prompt, NULL, SOMA_API_CHAT, 0,
                               STR("{\"contents\":[{\"parts\":[{"
                                   "\"inlineData\":{\"data\":\"AAAA\","
                                   "\"mimeType\":\"image/png\"}}]}]}"));
    sound = soma_prompt_tokens(soma_gemini.prompt, NULL, SOMA_API_CHAT, 0,
                               STR("{\"contents\":[{\"parts\":[{"
                                   "\"inline_data\":{\"mime_type\":"
                                   "\"audio/wav\",\"data\":\"AAAA\"}}]}]}"));
    file = soma_prompt_tokens(soma_gemini.prompt, NULL, SOMA_API_CHAT, 0,
                              STR("{\"contents\":[{\"parts\":[{"
                                  "\"inlineData\":{\"mim\\u0065Type\":"
                                  "\"image/png\",\"data\":\"AAAA\"}}]}]}"));

    soma_ok(text < 32, "a short text is %d tokens", (int) text);
    soma_ok(image > 3000 && image < 5000, "an image as much as it may be");
    soma_ok(sound < 64, "sound by its length");
    soma_ok(file > image, "what is not spelt plainly the most");
}


static soma_str_t
string(yyjson_val *v)
{
    return (soma_str_t) { yyjson_get_len(v),
                          (unsigned char *) yyjson_get_str(v) };
}


/* what of an answer a client of OpenAI's gets: words, reasoning, calls */

static void
told(soma_str_t got, unsigned stream, soma_pieces_t *text,
    soma_pieces_t *thought, int *calls)
{
    size_t       i, n;
    soma_str_t   s;
    yyjson_doc  *doc;
    yyjson_val  *v;

    for (i = 0; i < got.len; i += n + 1) {

        for (n = 0; i + n < got.len && (!stream || got.data[i + n] != '\n');
             n++)
        {
            /* void */
        }

        s.data = got.data + i + (stream ? 6 : 0);
        s.len = n - (stream && n > 6 ? 6 : 0);

        if (n < 7) {
            continue;
        }

        doc = yyjson_read((char *) s.data, s.len, 0);
        v = yyjson_ptr_get(yyjson_doc_get_root(doc), stream
                           ? "/choices/0/delta" : "/choices/0/message");

        s = string(yyjson_obj_get(v, "content"));
        soma_pieces_put(text, s.data, s.len);
        s = string(yyjson_obj_get(v, "reasoning_content"));
        soma_pieces_put(thought, s.data, s.len);

        v = yyjson_obj_get(v, "tool_calls");

        if (v != NULL && (!stream || yyjson_get_len(
                              yyjson_ptr_get(v, "/0/function/name")) != 0))
        {
            *calls += (int) yyjson_arr_size(v);
        }

        yyjson_doc_free(doc);
    }
}


static void
traffic(yyjson_val *root)
{
    int             calls;
    size_t          i, len;
    unsigned        stream;
    soma_str_t      b64, body, got, s;
    const char     *id;
    soma_pieces_t   text, thought;
    unsigned char  *p;

    static const size_t  steps[] = { 0, 1, 7 };

    id = yyjson_get_str(yyjson_obj_get(root, "id"));
    b64 = string(yyjson_ptr_get(root, "/response/body_b64"));
    p = malloc(b64.len + 1);

    if (soma_base64_decode(p, &len, b64) != SOMA_OK
        || yyjson_get_int(yyjson_ptr_get(root, "/response/status")) != 200
        || strstr(yyjson_get_str(yyjson_obj_get(root, "api")), "Content")
           == NULL
        || strstr(yyjson_get_str(yyjson_obj_get(root, "api")), "mbed")
           != NULL)
    {
        free(p);
        return;
    }

    body.data = p;
    body.len = len;
    stream = yyjson_is_true(yyjson_obj_get(root, "stream")) && *p != '[';

    for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {

        (void) pair_ask(&pair, arena, CHAT, STR(stream ? OPENAI
                                                       : OPENAI_WHOLE));
        (void) pair_read(&pair);
        got = pair_answer(&pair, &soma_gemini, body, steps[i]);

        soma_ok(pair.over && !pair.failed, "%s: read", id);

        soma_pieces_init(&text, arena);
        soma_pieces_init(&thought, arena);
        calls = 0;
        told(got, stream, &text, &thought, &calls);

        s = string(yyjson_obj_get(root, "expected_text"));
        (void) soma_pieces_whole(&text, &got);
        soma_ok(s.data == NULL || soma_str_eq(s, got), "%s: its text", id);

        s = string(yyjson_obj_get(root, "expected_reasoning"));
        (void) soma_pieces_whole(&thought, &got);
        soma_ok(s.len == 0 || soma_str_eq(s, got), "%s: its thoughts", id);

        len = yyjson_arr_size(yyjson_obj_get(root, "expected_calls"));
        soma_ok(len == 0 || len == (size_t) calls, "%s: its calls", id);
    }

    free(p);
}


/* what a client of Google's sends is read, and written to all */

static void
client(yyjson_val *root)
{
    size_t                 i;
    soma_str_t             body, got;
    const char            *path;
    yyjson_doc            *doc;

    static const soma_dialect_t *const  to[] = {
        &soma_openai, &soma_anthropic, &soma_gemini
    };

    path = yyjson_get_str(yyjson_obj_get(root, "path"));
    body = string(yyjson_obj_get(root, "body"));

    for (i = 0; i < sizeof(to) / sizeof(to[0]); i++) {

        soma_is_int(pair_ask(&pair, arena, path, body), SOMA_OK, "%s: asks",
                    path);
        soma_is_int(pair_read(&pair), SOMA_OK, "%s: reads", path);
        soma_ok(pair.request.nothers == 0
                || soma_str_is(pair.request.other[0].name, "safetySettings"),
                "%s: nothing that is not known", path);

        pair.loss.lossy = SOMA_INNER_WARN;

        if (pair.request.task == SOMA_INNER_INPUTS && i != 2) {
            continue;
        }

        got = pair_write(&pair, to[i]);
        doc = yyjson_read((char *) got.data, got.len, 0);
        soma_ok(yyjson_is_obj(yyjson_doc_get_root(doc)), "%s: written", path);
        yyjson_doc_free(doc);
    }
}


static void
lines(const char *path, void (*each)(yyjson_val *root), int least)
{
    int          n;
    char        *file, *line, *end;
    size_t       len;
    yyjson_doc  *doc;

    file = soma_file(path, &len);
    n = 0;

    for (line = file; line < file + len; line = end + 1, n++) {
        end = memchr(line, '\n', (size_t) (file + len - line));
        end = end ? end : file + len;

        doc = yyjson_read(line, (size_t) (end - line), 0);
        each(yyjson_doc_get_root(doc));
        yyjson_doc_free(doc);
    }

    soma_ok(n >= least, "%s: %d lines", path, n);
    free(file);
}


int
main(void)
{
    arena = soma_test_arena();

    test_surface();
    test_ask();
    test_splice();
    test_fault();
    test_cut();
    test_verdict();
    test_books();
    test_prompt();
    lines("t/traffic/gemini.jsonl", traffic, 80);
    lines("t/traffic/gemini_requests.jsonl", client, 31);

    soma_test_arena_free(arena);

    return soma_done();
}
