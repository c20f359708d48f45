
/*
 * Copyright (C) The ngx_soma authors
 *
 * The ollama dialect: what is read of its providers' answers, and what its
 * clients are told.
 */


#include <yyjson.h>

#include "soma_ollama.h"
#include "soma_ollama_models.h"
#include "soma_pair_test.h"
#include "soma_vector.h"


#define CHAT  "/v1/chat/completions"
#define HI    "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"


static soma_arena_t  *arena;

static const size_t  steps[] = { 1, 7, 0 };


/* vectors of a provider, and for a client */

static void
test_embed(void)
{
    pair_t      p;
    soma_str_t  s;

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
