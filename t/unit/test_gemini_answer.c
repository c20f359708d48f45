
/*
 * Copyright (C) The ngx_soma authors
 *
 * Answers of Google's models for others' clients, and those of others for
 * Google's, in pieces of any size.
 */


#include "soma_pair_test.h"


#define STR(s)  ((soma_str_t) { strlen(s), (unsigned char *) (s) })

#define WHOLE   "/v1beta/models/m:generateContent"
#define SSE     "/v1beta/models/m:streamGenerateContent?alt=sse"
#define ARRAY   "/v1beta/models/m:streamGenerateContent"
#define CHAT    "/v1/chat/completions"
#define CLAUDE  "/v1/messages"

#define GOOGLE                                                                \
    "{\"contents\":[{\"parts\":[{\"text\":\"x\"}]}]}"

#define OPENAI_WHOLE                                                          \
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\""\
    "tools\":[{\"type\":\"function\",\"function\":{\"name\":\"1/a\"}}]}"

#define OPENAI                                                                \
    "{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":t"\
    "rue},\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"tools\":[{\""\
    "type\":\"function\",\"function\":{\"name\":\"1/a\"}}]}"

#define ANTHROPIC                                                             \
    "{\"model\":\"m\",\"max_tokens\":9,\"stream\":true,\"messages\":[{\"role" \
    "\":\"user\",\"content\":\"x\"}]}"


static soma_arena_t  *arena;
static pair_t         pair;


/* an answer for a client at that path, in pieces of any size */

static void
answer(const char *path, const char *body, const soma_dialect_t *from,
    const char *bytes, const char *want, const char *text)
{
    size_t      i;
    soma_str_t  got;

    static const size_t  steps[] = { 0, 1, 7 };

    (void) pair_request(&pair, arena, path, STR(body), from);

    for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        got = pair_answer(&pair, from, STR(bytes), steps[i]);

        if (!soma_is_str(got.data, got.len, want, "%s, step %d", text,
                         (int) steps[i]))
        {
            return;
        }

        if (!pair.ask.stream) {
            return;
        }
    }
}


static void
test_answer_1(void)
{
    answer(CHAT, OPENAI_WHOLE,
           &soma_gemini,
           "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"why\",\"tho"
           "ught\":true},{\"text\":\"Hi\"},{\"functionCall\":{\"name\":\"t1_a"
           "_e869af03ddc42022\",\"args\":{\"n\":1.0}},\"thoughtSignature\":\""
           "S\"}],\"role\":\"model\"},\"finishReason\":\"STOP\"}],\"usageMeta"
           "data\":{\"promptTokenCount\":3,\"candidatesTokenCount\":2,\"thoug"
           "htsTokenCount\":4,\"totalTokenCount\":9},\"modelVersion\":\"g\","
           "\"responseId\":\"r\"}",
           "{\"id\":\"r\",\"object\":\"chat.completion\",\"created\":17000000"
           "00,\"model\":\"g\",\"choices\":[{\"index\":0,\"message\":{\"role"
           "\":\"assistant\",\"content\":\"Hi\",\"reasoning_content\":\"why\""
           ",\"reasoning_details\":[{\"type\":\"reasoning.encrypted\",\"dat"
           "a\":\"soma1|s|gemini|S\",\"index\":2}]"
           ",\"refusal\":null,\"tool_calls\":[{\"id\":\"call_0~.c29tYTF8"
           "c3xnZW1pbml8Uw\",\"type\":\"function\",\"function\":{\"name"
           "\":\"1/a\",\"argumen"
           "ts\":\"{\\\"n\\\":1.0}\"}}]},\"logprobs\":null,\"finish_reason\":"
           "\"tool_calls\"}],\"usage\":{\"prompt_tokens\":3,\"completion_toke"
           "ns\":6,\"total_tokens\":9,\"prompt_tokens_details\":{\"cached_tok"
           "ens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":4}}}",
           "a whole answer");

    answer(CHAT, OPENAI,
           &soma_gemini,
           "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"why\""
           ",\"thought\":true}],\"role\":\"model\"}}],\"usageMetadata\":{\"pr"
           "omptTokenCount\":3,\"candidatesTokenCount\":2,\"thoughtsTokenCoun"
           "t\":4,\"totalTokenCount\":9},\"modelVersion\":\"g\",\"responseId"
           "\":\"r\"}\r\n"
           "\r\n"
           "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi \\"
           "ud83e\"}],\"role\":\"model\"}}],\"usageMetadata\":{\"promptTokenC"
           "ount\":3,\"candidatesTokenCount\":2,\"thoughtsTokenCount\":4,\"to"
           "talTokenCount\":9},\"modelVersion\":\"g\",\"responseId\":\"r\"}\r"
           "\n"
           "\r\n"
           "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\\udd"
           "8a\"}],\"role\":\"model\"}}],\"usageMetadata\":{\"promptTokenCoun"
           "t\":3,\"candidatesTokenCount\":2,\"thoughtsTokenCount\":4,\"total"
           "TokenCount\":9},\"modelVersion\":\"g\",\"responseId\":\"r\"}\r\n"
           "\r\n"
           "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\""
           ":{\"name\":\"t1_a_e869af03ddc42022\",\"args\":{}},\"thoughtSignat"
           "ure\":\"S\"}],\"role\":\"model\"},\"index\":0}],\"usageMetadata\""
           ":{\"promptTokenCount\":3,\"candidatesTokenCount\":2,\"thoughtsTok"
           "enCount\":4,\"totalTokenCount\":9},\"modelVersion\":\"g\",\"respo"
           "nseId\":\"r\"}\r\n"
           "\r\n"
           "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\"}],"
           "\"role\":\"model\"},\"finishReason\":\"STOP\",\"index\":0}],\"usa"
           "geMetadata\":{\"promptTokenCount\":3,\"candidatesTokenCount\":2,"
           "\"thoughtsTokenCount\":4,\"totalTokenCount\":9},\"modelVersion\":"
           "\"g\",\"responseId\":\"r\"}\r\n"
           "\r\n",
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[{\"index\":0,\"delta"
           "\":{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,\""
           "finish_reason\":null}],\"usage\":null}\n"
           "\n"
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[{\"index\":0,\"delta"
           "\":{\"reasoning_content\":\"why\"},\"logprobs\":null,\"finish_rea"
           "son\":null}],\"usage\":null}\n"
           "\n"
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[{\"index\":0,\"delta"
           "\":{\"content\":\"Hi \"},\"logprobs\":null,\"finish_reason\":null"
           "}],\"usage\":null}\n"
           "\n"
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[{\"index\":0,\"delta"
           "\":{\"content\":\"\\ud83e\\udd8a\"},\"logprobs\":null,\"finish_re"
           "ason\":null}],\"usage\":null}\n"
           "\n"
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[{\"index\":0,\"delta"
           "\":{\"reasoning_details\":[{\"type\":\"reasoning.encrypted\",\"d"
           "ata\":\"soma1|s|gemini|S\",\"index\":2}]},\"logprobs\":null,\"fin"
           "ish_reason\":null}],\"usage\":null}\n"
           "\n"
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[{\"index\":0,\"delta"
           "\":{\"tool_calls\":[{\"index\":0,\"id\":\"call_0~.c29tYTF8c3xnZW"
           "1pbml8Uw\",\"type\":\"function\",\"function\":{\"name\":"
           "\"1/a\",\"arguments"
           "\":\"\"}}]},\"logprobs\":null,\"finish_reason\":null}],\"usage\":"
           "null}\n"
           "\n"
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[{\"index\":0,\"delta"
           "\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{}"
           "\"}}]},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}"
           "\n"
           "\n"
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[{\"index\":0,\"delta"
           "\":{},\"logprobs\":null,\"finish_reason\":\"tool_calls\"}],\"usag"
           "e\":null}\n"
           "\n"
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[],\"usage\":{\"prompt"
           "_tokens\":3,\"completion_tokens\":6,\"total_tokens\":9,\"prompt_t"
           "okens_details\":{\"cached_tokens\":0},\"completion_tokens_details"
           "\":{\"reasoning_tokens\":4}}}\n"
           "\n"
           "data: [DONE]\n"
           "\n",
           "a stream");
}


static void
test_answer_2(void)
{
    answer(CHAT, OPENAI,
           &soma_gemini,
           "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]"
           ",\"role\":\"model\"},\"finishReason\":\"STOP\"}],\"usageMetadata"
           "\":{\"promptTokenCount\":3,\"candidatesTokenCount\":2,\"thoughtsT"
           "okenCount\":4,\"totalTokenCount\":9},\"modelVersion\":\"g\",\"res"
           "ponseId\":\"r\"}\n"
           "\n"
           "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\""
           ":{\"name\":\"f\",\"id\":\"x\"}}],\"role\":\"model\"}}],\"usageMet"
           "adata\":{\"promptTokenCount\":3,\"candidatesTokenCount\":2,\"thou"
           "ghtsTokenCount\":4,\"totalTokenCount\":9},\"modelVersion\":\"g\","
           "\"responseId\":\"r\"}\n"
           "\n",
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[{\"index\":0,\"delta"
           "\":{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,\""
           "finish_reason\":null}],\"usage\":null}\n"
           "\n"
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[{\"index\":0,\"delta"
           "\":{\"content\":\"a\"},\"logprobs\":null,\"finish_reason\":null}]"
           ",\"usage\":null}\n"
           "\n"
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[{\"index\":0,\"delta"
           "\":{\"tool_calls\":[{\"index\":0,\"id\":\"x\",\"type\":\"function"
           "\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]},\"logprobs"
           "\":null,\"finish_reason\":null}],\"usage\":null}\n"
           "\n"
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[{\"index\":0,\"delta"
           "\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{}"
           "\"}}]},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}"
           "\n"
           "\n"
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[{\"index\":0,\"delta"
           "\":{},\"logprobs\":null,\"finish_reason\":\"tool_calls\"}],\"usag"
           "e\":null}\n"
           "\n"
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[],\"usage\":{\"prompt"
           "_tokens\":3,\"completion_tokens\":6,\"total_tokens\":9,\"prompt_t"
           "okens_details\":{\"cached_tokens\":0},\"completion_tokens_details"
           "\":{\"reasoning_tokens\":4}}}\n"
           "\n"
           "data: [DONE]\n"
           "\n",
           "a stop, and a call behind it");

    answer(CHAT, OPENAI_WHOLE,
           &soma_gemini,
           "{\"promptFeedback\":{\"blockReason\":\"SAFETY\"},\"usageMetadata"
           "\":{\"promptTokenCount\":3,\"totalTokenCount\":3},\"modelVersion"
           "\":\"g\",\"responseId\":\"r\"}",
           "{\"id\":\"r\",\"object\":\"chat.completion\",\"created\":17000000"
           "00,\"model\":\"g\",\"choices\":[{\"index\":0,\"message\":{\"role"
           "\":\"assistant\",\"content\":\"\",\"refusal\":null},\"logprobs\":"
           "null,\"finish_reason\":\"content_filter\"}],\"usage\":{\"prompt_t"
           "okens\":3,\"completion_tokens\":0,\"total_tokens\":3,\"prompt_tok"
           "ens_details\":{\"cached_tokens\":0},\"completion_tokens_details\""
           ":{\"reasoning_tokens\":0}}}",
           "a prompt that was refused");

    answer(CHAT, OPENAI,
           &soma_gemini,
           "data: {\"promptFeedback\":{\"blockReason\":\"OTHER\"},\"usageMeta"
           "data\":{\"promptTokenCount\":3,\"totalTokenCount\":3},\"modelVers"
           "ion\":\"g\",\"responseId\":\"r\"}\n"
           "\n",
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[{\"index\":0,\"delta"
           "\":{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,\""
           "finish_reason\":null}],\"usage\":null}\n"
           "\n"
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[{\"index\":0,\"delta"
           "\":{},\"logprobs\":null,\"finish_reason\":\"content_filter\"}],\""
           "usage\":null}\n"
           "\n"
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[],\"usage\":{\"prompt"
           "_tokens\":3,\"completion_tokens\":0,\"total_tokens\":3,\"prompt_t"
           "okens_details\":{\"cached_tokens\":0},\"completion_tokens_details"
           "\":{\"reasoning_tokens\":0}}}\n"
           "\n"
           "data: [DONE]\n"
           "\n",
           "one in a stream");

    answer(CHAT, OPENAI_WHOLE,
           &soma_gemini,
           "{\"candidates\":[{\"content\":{\"role\":\"model\"},\"finishReason"
           "\":\"MAX_TOKENS\"}],\"modelVersion\":\"g\",\"responseId\":\"r\"}",
           "{\"id\":\"r\",\"object\":\"chat.completion\",\"created\":17000000"
           "00,\"model\":\"g\",\"choices\":[{\"index\":0,\"message\":{\"role"
           "\":\"assistant\",\"content\":\"\",\"refusal\":null},\"logprobs\":"
           "null,\"finish_reason\":\"length\"}],\"usage\":{\"prompt_tokens\":"
           "0,\"completion_tokens\":0,\"total_tokens\":0,\"prompt_tokens_deta"
           "ils\":{\"cached_tokens\":0},\"completion_tokens_details\":{\"reas"
           "oning_tokens\":0}}}",
           "an end without a part");
}


static void
test_answer_3(void)
{
    answer(CLAUDE, ANTHROPIC,
           &soma_gemini,
           "data: {\"candidates\":[{\"content\":{\"parts\":[],\"role\":\"mode"
           "l\"},\"finishReason\":\"MALFORMED_FUNCTION_CALL\"}],\"usageMetada"
           "ta\":{\"promptTokenCount\":3,\"candidatesTokenCount\":2,\"thought"
           "sTokenCount\":4,\"totalTokenCount\":9},\"modelVersion\":\"g\",\"r"
           "esponseId\":\"r\"}\n"
           "\n",
           "event: error\n"
           "data: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"mes"
           "sage\":\"the model made a call that is malformed\"}}\n"
           "\n",
           "a call that is malformed");

    answer(CHAT, OPENAI,
           &soma_gemini,
           "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]"
           ",\"role\":\"model\"}}],\"usageMetadata\":{\"promptTokenCount\":3,"
           "\"candidatesTokenCount\":2,\"thoughtsTokenCount\":4,\"totalTokenC"
           "ount\":9},\"modelVersion\":\"g\",\"responseId\":\"r\"}\n"
           "\n",
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[{\"index\":0,\"delta"
           "\":{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,\""
           "finish_reason\":null}],\"usage\":null}\n"
           "\n"
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[{\"index\":0,\"delta"
           "\":{\"content\":\"a\"},\"logprobs\":null,\"finish_reason\":null}]"
           ",\"usage\":null}\n"
           "\n",
           "a stream that is cut");

    answer(CHAT, OPENAI,
           &soma_gemini,
           "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]"
           ",\"role\":\"model\"}}],\"usageMetadata\":{\"promptTokenCount\":3,"
           "\"candidatesTokenCount\":2,\"thoughtsTokenCount\":4,\"totalTokenC"
           "ount\":9},\"modelVersion\":\"g\",\"responseId\":\"r\"}\n"
           "\n"
           "data: {\"error\":{\"code\":503,\"message\":\"busy \\\"x\\\"\",\"s"
           "tatus\":\"UNAVAILABLE\"}}\n"
           "\n",
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[{\"index\":0,\"delta"
           "\":{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,\""
           "finish_reason\":null}],\"usage\":null}\n"
           "\n"
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[{\"index\":0,\"delta"
           "\":{\"content\":\"a\"},\"logprobs\":null,\"finish_reason\":null}]"
           ",\"usage\":null}\n"
           "\n"
           "data: {\"error\":{\"message\":\"busy \\\"x\\\"\",\"type\":\"UNAVA"
           "ILABLE\",\"param\":null,\"code\":null}}\n"
           "\n",
           "an error in a stream");

    answer(CHAT, OPENAI,
           &soma_gemini,
           "data: {\"error\":{\"status\":\"RESOURCE_EXHAUSTED\",\"message\":"
           "\"m\"}}\n"
           "\n",
           "data: {\"error\":{\"message\":\"m\",\"type\":\"RESOURCE_EXHAUSTED"
           "\",\"param\":null,\"code\":null}}\n"
           "\n",
           "an error first");

    answer(CHAT, OPENAI_WHOLE,
           &soma_gemini,
           "[{\"error\":{\"code\":429,\"message\":\"m\",\"status\":\"RESOURCE"
           "_EXHAUSTED\"}}]",
           "",
           "an array of one error");

    answer(CHAT, OPENAI_WHOLE,
           &soma_gemini,
           "{\"x\":1}",
           "",
           "no answer");

    answer(CHAT, OPENAI_WHOLE,
           &soma_gemini,
           "[{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}],\"ro"
           "le\":\"model\"}}],\"usageMetadata\":{\"promptTokenCount\":3,\"can"
           "didatesTokenCount\":2,\"thoughtsTokenCount\":4,\"totalTokenCount"
           "\":9},\"modelVersion\":\"g\",\"responseId\":\"r\"},\r\n"
           "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"b\"}],\"rol"
           "e\":\"model\"},\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"p"
           "romptTokenCount\":3,\"candidatesTokenCount\":2,\"thoughtsTokenCou"
           "nt\":4,\"totalTokenCount\":9},\"modelVersion\":\"g\",\"responseId"
           "\":\"r\"}\r\n"
           "]",
           "{\"id\":\"r\",\"object\":\"chat.completion\",\"created\":17000000"
           "00,\"model\":\"g\",\"choices\":[{\"index\":0,\"message\":{\"role"
           "\":\"assistant\",\"content\":\"ab\",\"refusal\":null},\"logprobs"
           "\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\""
           ":3,\"completion_tokens\":6,\"total_tokens\":9,\"prompt_tokens_det"
           "ails\":{\"cached_tokens\":0},\"completion_tokens_details\":{\"rea"
           "soning_tokens\":4}}}",
           "an array of events");
}


static void
test_answer_4(void)
{
    answer(CHAT, OPENAI,
           &soma_gemini,
           ": x\n"
           "\n"
           "event: y\n"
           "data: {\"z\":1}\n"
           "\n"
           "data: [1]\n"
           "\n"
           "data: x\n"
           "\n"
           "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]"
           ",\"role\":\"model\"},\"finishReason\":\"WEIRD\"}],\"usageMetadata"
           "\":{\"promptTokenCount\":3,\"candidatesTokenCount\":2,\"thoughtsT"
           "okenCount\":4,\"totalTokenCount\":9},\"modelVersion\":\"g\",\"res"
           "ponseId\":\"r\"}\n"
           "\n",
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[{\"index\":0,\"delta"
           "\":{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,\""
           "finish_reason\":null}],\"usage\":null}\n"
           "\n"
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[{\"index\":0,\"delta"
           "\":{\"content\":\"a\"},\"logprobs\":null,\"finish_reason\":null}]"
           ",\"usage\":null}\n"
           "\n"
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[{\"index\":0,\"delta"
           "\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":nu"
           "ll}\n"
           "\n"
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[],\"usage\":{\"prompt"
           "_tokens\":3,\"completion_tokens\":6,\"total_tokens\":9,\"prompt_t"
           "okens_details\":{\"cached_tokens\":0},\"completion_tokens_details"
           "\":{\"reasoning_tokens\":4}}}\n"
           "\n"
           "data: [DONE]\n"
           "\n",
           "events that nobody knows");

    answer(CHAT, OPENAI,
           &soma_gemini,
           "data: {\"candidates\":[{\"index\":1,\"content\":{\"parts\":[{\"te"
           "xt\":\"b\"}]},\"finishReason\":\"STOP\"},{\"index\":0,\"content\""
           ":{\"parts\":[{\"text\":\"a\"}]},\"finishReason\":\"SAFETY\"}],\"m"
           "odelVersion\":\"g\",\"responseId\":\"r\"}\n"
           "\n",
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[{\"index\":1,\"delta"
           "\":{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,\""
           "finish_reason\":null}],\"usage\":null}\n"
           "\n"
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[{\"index\":1,\"delta"
           "\":{\"content\":\"b\"},\"logprobs\":null,\"finish_reason\":null}]"
           ",\"usage\":null}\n"
           "\n"
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[{\"index\":0,\"delta"
           "\":{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,\""
           "finish_reason\":null}],\"usage\":null}\n"
           "\n"
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[{\"index\":0,\"delta"
           "\":{\"content\":\"a\"},\"logprobs\":null,\"finish_reason\":null}]"
           ",\"usage\":null}\n"
           "\n"
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[{\"index\":0,\"delta"
           "\":{},\"logprobs\":null,\"finish_reason\":\"content_filter\"}],\""
           "usage\":null}\n"
           "\n"
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[{\"index\":1,\"delta"
           "\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":nu"
           "ll}\n"
           "\n"
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[],\"usage\":{\"prompt"
           "_tokens\":0,\"completion_tokens\":0,\"total_tokens\":0,\"prompt_t"
           "okens_details\":{\"cached_tokens\":0},\"completion_tokens_details"
           "\":{\"reasoning_tokens\":0}}}\n"
           "\n"
           "data: [DONE]\n"
           "\n",
           "two candidates");
}


static void
test_answer_5(void)
{
    answer(CHAT, OPENAI,
           &soma_gemini,
           "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\""
           ":{\"name\":\"f\",\"id\":\"x\",\"willContinue\":true}}],\"role\":"
           "\"model\"}}],\"usageMetadata\":{\"promptTokenCount\":3,\"candidat"
           "esTokenCount\":2,\"thoughtsTokenCount\":4,\"totalTokenCount\":9},"
           "\"modelVersion\":\"g\",\"responseId\":\"r\"}\n"
           "\n"
           "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\""
           ":{\"partialArgs\":[{\"jsonPath\":\"$.a.b[0]\",\"stringValue\":\"x"
           "\\\"\",\"willContinue\":true}],\"willContinue\":true}}],\"role\":"
           "\"model\"}}],\"usageMetadata\":{\"promptTokenCount\":3,\"candidat"
           "esTokenCount\":2,\"thoughtsTokenCount\":4,\"totalTokenCount\":9},"
           "\"modelVersion\":\"g\",\"responseId\":\"r\"}\n"
           "\n"
           "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\""
           ":{\"partialArgs\":[{\"jsonPath\":\"$.a.b[0]\",\"stringValue\":\"y"
           "\"},{\"jsonPath\":\"$.a.b[1]\",\"numberValue\":1.0}],\"willContin"
           "ue\":true}}],\"role\":\"model\"}}],\"usageMetadata\":{\"promptTok"
           "enCount\":3,\"candidatesTokenCount\":2,\"thoughtsTokenCount\":4,"
           "\"totalTokenCount\":9},\"modelVersion\":\"g\",\"responseId\":\"r"
           "\"}\n"
           "\n"
           "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\""
           ":{\"partialArgs\":[{\"jsonPath\":\"$.a['c d'].e\",\"boolValue\":t"
           "rue},{\"jsonPath\":\"$.f\",\"nullValue\":\"NULL_VALUE\"}]}}],\"ro"
           "le\":\"model\"},\"finishReason\":\"STOP\"}],\"usageMetadata\":{\""
           "promptTokenCount\":3,\"candidatesTokenCount\":2,\"thoughtsTokenCo"
           "unt\":4,\"totalTokenCount\":9},\"modelVersion\":\"g\",\"responseI"
           "d\":\"r\"}\n"
           "\n",
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[{\"index\":0,\"delta"
           "\":{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,\""
           "finish_reason\":null}],\"usage\":null}\n"
           "\n"
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[{\"index\":0,\"delta"
           "\":{\"tool_calls\":[{\"index\":0,\"id\":\"x\",\"type\":\"function"
           "\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]},\"logprobs"
           "\":null,\"finish_reason\":null}],\"usage\":null}\n"
           "\n"
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[{\"index\":0,\"delta"
           "\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{"
           "\\\"a\\\":{\\\"b\\\":[\\\"x\\\\\\\"\"}}]},\"logprobs\":null,\"fin"
           "ish_reason\":null}],\"usage\":null}\n"
           "\n"
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[{\"index\":0,\"delta"
           "\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"y"
           "\\\"\"}}]},\"logprobs\":null,\"finish_reason\":null}],\"usage\":n"
           "ull}\n"
           "\n"
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[{\"index\":0,\"delta"
           "\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\",1"
           ".0\"}}]},\"logprobs\":null,\"finish_reason\":null}],\"usage\":nul"
           "l}\n"
           "\n"
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[{\"index\":0,\"delta"
           "\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"],"
           "\\\"c d\\\":{\\\"e\\\":true\"}}]},\"logprobs\":null,\"finish_reas"
           "on\":null}],\"usage\":null}\n"
           "\n"
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[{\"index\":0,\"delta"
           "\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"}}"
           ",\\\"f\\\":null\"}}]},\"logprobs\":null,\"finish_reason\":null}],"
           "\"usage\":null}\n"
           "\n"
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[{\"index\":0,\"delta"
           "\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"}"
           "\"}}]},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}"
           "\n"
           "\n"
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[{\"index\":0,\"delta"
           "\":{},\"logprobs\":null,\"finish_reason\":\"tool_calls\"}],\"usag"
           "e\":null}\n"
           "\n"
           "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1700000000,\"model\":\"g\",\"choices\":[],\"usage\":{\"prompt"
           "_tokens\":3,\"completion_tokens\":6,\"total_tokens\":9,\"prompt_t"
           "okens_details\":{\"cached_tokens\":0},\"completion_tokens_details"
           "\":{\"reasoning_tokens\":4}}}\n"
           "\n"
           "data: [DONE]\n"
           "\n",
           "arguments in pieces");
}


static void
test_answer_6(void)
{
    answer(CLAUDE, ANTHROPIC,
           &soma_gemini,
           "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"why\""
           ",\"thought\":true}],\"role\":\"model\"}}],\"usageMetadata\":{\"pr"
           "omptTokenCount\":3,\"candidatesTokenCount\":2,\"thoughtsTokenCoun"
           "t\":4,\"totalTokenCount\":9},\"modelVersion\":\"g\",\"responseId"
           "\":\"r\"}\n"
           "\n"
           "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi\","
           "\"thoughtSignature\":\"S\"},{\"executableCode\":{\"code\":\"1\"}}"
           ",{\"text\":\"c\"}],\"role\":\"model\"},\"finishReason\":\"STOP\"}"
           "],\"usageMetadata\":{\"promptTokenCount\":3,\"candidatesTokenCoun"
           "t\":2,\"thoughtsTokenCount\":4,\"totalTokenCount\":9},\"modelVers"
           "ion\":\"g\",\"responseId\":\"r\"}\n"
           "\n",
           "event: message_start\n"
           "data: {\"type\":\"message_start\",\"message\":{\"id\":\"r\",\"typ"
           "e\":\"message\",\"role\":\"assistant\",\"model\":\"g\",\"content"
           "\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"in"
           "put_tokens\":3,\"cache_creation_input_tokens\":0,\"cache_read_inp"
           "ut_tokens\":0,\"output_tokens\":6,\"output_tokens_details\":{\"th"
           "inking_tokens\":4}}}}\n"
           "\n"
           "event: content_block_start\n"
           "data: {\"type\":\"content_block_start\",\"index\":0,\"content_blo"
           "ck\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}"
           "}\n"
           "\n"
           "event: content_block_delta\n"
           "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\""
           "type\":\"thinking_delta\",\"thinking\":\"why\"}}\n"
           "\n"
           "event: content_block_stop\n"
           "data: {\"type\":\"content_block_stop\",\"index\":0}\n"
           "\n"
           "event: content_block_start\n"
           "data: {\"type\":\"content_block_start\",\"index\":1,\"content_blo"
           "ck\":{\"type\":\"text\",\"text\":\"\"}}\n"
           "\n"
           "event: content_block_delta\n"
           "data: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\""
           "type\":\"text_delta\",\"text\":\"Hi\"}}\n"
           "\n"
           "event: content_block_stop\n"
           "data: {\"type\":\"content_block_stop\",\"index\":1}\n"
           "\n"
           "event: content_block_start\n"
           "data: {\"type\":\"content_block_start\",\"index\":2,\"content_blo"
           "ck\":{\"type\":\"text\",\"text\":\"\"}}\n"
           "\n"
           "event: content_block_delta\n"
           "data: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\""
           "type\":\"text_delta\",\"text\":\"c\"}}\n"
           "\n"
           "event: content_block_stop\n"
           "data: {\"type\":\"content_block_stop\",\"index\":2}\n"
           "\n"
           "event: message_delta\n"
           "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"en"
           "d_turn\",\"stop_sequence\":null},\"usage\":{\"input_tokens\":3,\""
           "cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"o"
           "utput_tokens\":6,\"output_tokens_details\":{\"thinking_tokens\":4"
           "}}}\n"
           "\n"
           "event: message_stop\n"
           "data: {\"type\":\"message_stop\"}\n"
           "\n",
           "signatures for Anthropic's client");
}


static void
test_answer_7(void)
{
    answer(SSE, GOOGLE,
           &soma_openai,
           "data: {\"id\":\"i\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1,\"model\":\"o\",\"choices\":[{\"index\":0,\"delta\":{\"role"
           "\":\"assistant\",\"reasoning_content\":\"wh\"},\"finish_reason\":"
           "null}]}\n"
           "\n"
           "data: {\"id\":\"i\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1,\"model\":\"o\",\"choices\":[{\"index\":0,\"delta\":{\"reas"
           "oning_content\":\"y\"},\"finish_reason\":null}]}\n"
           "\n"
           "data: {\"id\":\"i\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1,\"model\":\"o\",\"choices\":[{\"index\":0,\"delta\":{\"cont"
           "ent\":\"Hi\"},\"finish_reason\":null}]}\n"
           "\n"
           "data: {\"id\":\"i\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1,\"model\":\"o\",\"choices\":[{\"index\":0,\"delta\":{\"tool"
           "_calls\":[{\"index\":0,\"id\":\"c\",\"type\":\"function\",\"funct"
           "ion\":{\"name\":\"f\",\"arguments\":\"{\\\"n\\\":\"}}]},\"finish_"
           "reason\":null}]}\n"
           "\n"
           "data: {\"id\":\"i\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1,\"model\":\"o\",\"choices\":[{\"index\":0,\"delta\":{\"tool"
           "_calls\":[{\"index\":1,\"id\":\"d\",\"type\":\"function\",\"funct"
           "ion\":{\"name\":\"g\",\"arguments\":\"\"}}]},\"finish_reason\":nu"
           "ll}]}\n"
           "\n"
           "data: {\"id\":\"i\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1,\"model\":\"o\",\"choices\":[{\"index\":0,\"delta\":{\"tool"
           "_calls\":[{\"index\":0,\"function\":{\"arguments\":\" 1.0}\"}}]},"
           "\"finish_reason\":null}]}\n"
           "\n"
           "data: {\"id\":\"i\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1,\"model\":\"o\",\"choices\":[{\"index\":0,\"delta\":{},\"fi"
           "nish_reason\":\"tool_calls\"}]}\n"
           "\n"
           "data: {\"id\":\"i\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1,\"model\":\"o\",\"choices\":[],\"usage\":{\"prompt_tokens\""
           ":5,\"completion_tokens\":7,\"total_tokens\":12,\"prompt_tokens_de"
           "tails\":{\"cached_tokens\":2},\"completion_tokens_details\":{\"re"
           "asoning_tokens\":3}}}\n"
           "\n"
           "data: [DONE]\n"
           "\n",
           "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"wh\","
           "\"thought\":true}],\"role\":\"model\"},\"index\":0}],\"usageMetad"
           "ata\":{\"promptTokenCount\":0,\"candidatesTokenCount\":0,\"totalT"
           "okenCount\":0},\"modelVersion\":\"o\",\"responseId\":\"i\"}\n"
           "\n"
           "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"y\","
           "\"thought\":true}],\"role\":\"model\"},\"index\":0}],\"usageMetad"
           "ata\":{\"promptTokenCount\":0,\"candidatesTokenCount\":0,\"totalT"
           "okenCount\":0},\"modelVersion\":\"o\",\"responseId\":\"i\"}\n"
           "\n"
           "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi\"}"
           "],\"role\":\"model\"},\"index\":0}],\"usageMetadata\":{\"promptTo"
           "kenCount\":0,\"candidatesTokenCount\":0,\"totalTokenCount\":0},\""
           "modelVersion\":\"o\",\"responseId\":\"i\"}\n"
           "\n"
           "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\""
           ":{\"id\":\"c\",\"name\":\"f\",\"args\":{\"n\": 1.0}}}],\"role\":"
           "\"model\"},\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":"
           "0,\"candidatesTokenCount\":0,\"totalTokenCount\":0},\"modelVersio"
           "n\":\"o\",\"responseId\":\"i\"}\n"
           "\n"
           "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\""
           ":{\"id\":\"d\",\"name\":\"g\",\"args\":{}}}],\"role\":\"model\"},"
           "\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":0,\"candida"
           "tesTokenCount\":0,\"totalTokenCount\":0},\"modelVersion\":\"o\","
           "\"responseId\":\"i\"}\n"
           "\n"
           "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\"}],"
           "\"role\":\"model\"},\"finishReason\":\"STOP\",\"index\":0}],\"usa"
           "geMetadata\":{\"promptTokenCount\":5,\"candidatesTokenCount\":4,"
           "\"totalTokenCount\":12,\"thoughtsTokenCount\":3,\"cachedContentTo"
           "kenCount\":2},\"modelVersion\":\"o\",\"responseId\":\"i\"}\n"
           "\n",
           "words of OpenAI for Google's client");

    answer(ARRAY, GOOGLE,
           &soma_openai,
           "data: {\"id\":\"i\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1,\"model\":\"o\",\"choices\":[{\"index\":0,\"delta\":{\"cont"
           "ent\":\"Hi\"},\"finish_reason\":null}]}\n"
           "\n"
           "data: {\"id\":\"i\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1,\"model\":\"o\",\"choices\":[{\"index\":0,\"delta\":{\"cont"
           "ent\":\" you\"},\"finish_reason\":null}]}\n"
           "\n"
           "data: {\"id\":\"i\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1,\"model\":\"o\",\"choices\":[{\"index\":0,\"delta\":{},\"fi"
           "nish_reason\":\"length\"}]}\n"
           "\n"
           "data: [DONE]\n"
           "\n",
           "[{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi\"}],\"r"
           "ole\":\"model\"},\"index\":0}],\"usageMetadata\":{\"promptTokenCo"
           "unt\":0,\"candidatesTokenCount\":0,\"totalTokenCount\":0},\"model"
           "Version\":\"o\",\"responseId\":\"i\"},\r\n"
           "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\" you\"}],\""
           "role\":\"model\"},\"index\":0}],\"usageMetadata\":{\"promptTokenC"
           "ount\":0,\"candidatesTokenCount\":0,\"totalTokenCount\":0},\"mode"
           "lVersion\":\"o\",\"responseId\":\"i\"},\r\n"
           "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\"}],\"role"
           "\":\"model\"},\"finishReason\":\"MAX_TOKENS\",\"index\":0}],\"usa"
           "geMetadata\":{\"promptTokenCount\":0,\"candidatesTokenCount\":0,"
           "\"totalTokenCount\":0},\"modelVersion\":\"o\",\"responseId\":\"i"
           "\"}\r\n"
           "]",
           "the same as an array");
}


static void
test_answer_8(void)
{
    answer(WHOLE, GOOGLE,
           &soma_openai,
           "{\"id\":\"i\",\"object\":\"chat.completion\",\"created\":1,\"mode"
           "l\":\"o\",\"choices\":[{\"index\":1,\"message\":{\"role\":\"assis"
           "tant\",\"content\":\"b\"},\"finish_reason\":\"content_filter\"},{"
           "\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"a\""
           ",\"annotations\":[{\"type\":\"url_citation\",\"url_citation\":{\""
           "start_index\":0,\"end_index\":1,\"url\":\"http://x\",\"title\":\""
           "X\"}}]},\"logprobs\":{\"content\":[{\"token\":\"a\",\"logprob\":-"
           "0.5,\"bytes\":[97],\"top_logprobs\":[{\"token\":\"a\",\"logprob\""
           ":-0.5},{\"token\":\"b\",\"logprob\":-2}]}]},\"finish_reason\":\"s"
           "top\"}],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":7,\""
           "total_tokens\":12}}",
           "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}],\"rol"
           "e\":\"model\"},\"finishReason\":\"STOP\",\"index\":0,\"groundingM"
           "etadata\":{\"groundingChunks\":[{\"web\":{\"uri\":\"http://x\",\""
           "title\":\"X\"}}]},\"logprobsResult\":{\"chosenCandidates\":[{\"to"
           "ken\":\"a\",\"logProbability\":-0.5}],\"topCandidates\":[{\"candi"
           "dates\":[{\"token\":\"a\",\"logProbability\":-0.5},{\"token\":\"b"
           "\",\"logProbability\":-2}]}]}},{\"content\":{\"parts\":[{\"text\""
           ":\"b\"}],\"role\":\"model\"},\"finishReason\":\"SAFETY\",\"index"
           "\":1}],\"usageMetadata\":{\"promptTokenCount\":5,\"candidatesToke"
           "nCount\":7,\"totalTokenCount\":12},\"modelVersion\":\"o\",\"respo"
           "nseId\":\"i\"}",
           "whole");

    answer(WHOLE, GOOGLE,
           &soma_openai,
           "{\"id\":\"i\",\"model\":\"o\",\"choices\":[{\"index\":0,\"message"
           "\":{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c\",\"type\""
           ":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"[1\"}}"
           "]},\"finish_reason\":\"tool_calls\"}]}",
           "!",
           "arguments that are no object");

    answer(SSE, GOOGLE,
           &soma_anthropic,
           "event: message_start\n"
           "data: {\"type\":\"message_start\",\"message\":{\"id\":\"i\",\"mod"
           "el\":\"c\",\"usage\":{\"input_tokens\":5,\"output_tokens\":1}}}\n"
           "\n"
           "event: content_block_start\n"
           "data: {\"type\":\"content_block_start\",\"index\":0,\"content_blo"
           "ck\":{\"type\":\"thinking\",\"thinking\":\"\"}}\n"
           "\n"
           "event: content_block_delta\n"
           "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\""
           "type\":\"thinking_delta\",\"thinking\":\"w\"}}\n"
           "\n"
           "event: content_block_delta\n"
           "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\""
           "type\":\"thinking_delta\",\"thinking\":\"hy\"}}\n"
           "\n"
           "event: content_block_delta\n"
           "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\""
           "type\":\"signature_delta\",\"signature\":\"SIG\"}}\n"
           "\n"
           "event: content_block_stop\n"
           "data: {\"type\":\"content_block_stop\",\"index\":0}\n"
           "\n"
           "event: content_block_start\n"
           "data: {\"type\":\"content_block_start\",\"index\":1,\"content_blo"
           "ck\":{\"type\":\"redacted_thinking\",\"data\":\"OPQ\"}}\n"
           "\n"
           "event: content_block_stop\n"
           "data: {\"type\":\"content_block_stop\",\"index\":1}\n"
           "\n"
           "event: content_block_start\n"
           "data: {\"type\":\"content_block_start\",\"index\":2,\"content_blo"
           "ck\":{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\""
           ":{}}}\n"
           "\n"
           "event: content_block_stop\n"
           "data: {\"type\":\"content_block_stop\",\"index\":2}\n"
           "\n"
           "event: message_delta\n"
           "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"to"
           "ol_use\"},\"usage\":{\"output_tokens\":9}}\n"
           "\n"
           "event: message_stop\n"
           "data: {\"type\":\"message_stop\"}\n"
           "\n",
           "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"w\","
           "\"thought\":true}],\"role\":\"model\"},\"index\":0}],\"usageMetad"
           "ata\":{\"promptTokenCount\":5,\"candidatesTokenCount\":1,\"totalT"
           "okenCount\":6},\"modelVersion\":\"c\",\"responseId\":\"i\"}\n"
           "\n"
           "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hy\","
           "\"thought\":true,\"thoughtSignature\":\"c29tYTF8c3xhbnRocm9waWN8U"
           "0lH\"}],\"role\":\"model\"},\"index\":0}],\"usageMetadata\":{\"pr"
           "omptTokenCount\":5,\"candidatesTokenCount\":1,\"totalTokenCount\""
           ":6},\"modelVersion\":\"c\",\"responseId\":\"i\"}\n"
           "\n"
           "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\""
           ":{\"id\":\"t\",\"name\":\"f\",\"args\":{}},\"thoughtSignature\":"
           "\"c29tYTF8b3xhbnRocm9waWN8T1BR\"}],\"role\":\"model\"},\"index\":"
           "0}],\"usageMetadata\":{\"promptTokenCount\":5,\"candidatesTokenCo"
           "unt\":1,\"totalTokenCount\":6},\"modelVersion\":\"c\",\"responseI"
           "d\":\"i\"}\n"
           "\n"
           "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\"}],"
           "\"role\":\"model\"},\"finishReason\":\"STOP\",\"index\":0}],\"usa"
           "geMetadata\":{\"promptTokenCount\":5,\"candidatesTokenCount\":9,"
           "\"totalTokenCount\":14},\"modelVersion\":\"c\",\"responseId\":\"i"
           "\"}\n"
           "\n",
           "thinking of Anthropic for Google's client");
}


static void
test_answer_9(void)
{
    answer(SSE, GOOGLE,
           &soma_openai,
           "data: {\"id\":\"i\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1,\"model\":\"o\",\"choices\":[{\"index\":0,\"delta\":{\"cont"
           "ent\":\"Hi\"},\"finish_reason\":null}]}\n"
           "\n"
           "data: {\"error\":{\"message\":\"busy\",\"type\":\"server_error\","
           "\"code\":\"overloaded\"}}\n"
           "\n",
           "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi\"}"
           "],\"role\":\"model\"},\"index\":0}],\"usageMetadata\":{\"promptTo"
           "kenCount\":0,\"candidatesTokenCount\":0,\"totalTokenCount\":0},\""
           "modelVersion\":\"o\",\"responseId\":\"i\"}\n"
           "\n"
           "data: {\"error\":{\"code\":503,\"message\":\"busy\",\"status\":\""
           "UNAVAILABLE\"}}\n"
           "\n",
           "an error as an event");

    answer(ARRAY, GOOGLE,
           &soma_openai,
           "data: {\"id\":\"i\",\"object\":\"chat.completion.chunk\",\"create"
           "d\":1,\"model\":\"o\",\"choices\":[{\"index\":0,\"delta\":{\"cont"
           "ent\":\"Hi\"},\"finish_reason\":null}]}\n"
           "\n"
           "data: {\"error\":{\"message\":\"busy\",\"type\":\"server_error\","
           "\"code\":\"overloaded\"}}\n"
           "\n",
           "[{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi\"}],\"r"
           "ole\":\"model\"},\"index\":0}],\"usageMetadata\":{\"promptTokenCo"
           "unt\":0,\"candidatesTokenCount\":0,\"totalTokenCount\":0},\"model"
           "Version\":\"o\",\"responseId\":\"i\"},\r\n"
           "{\"error\":{\"code\":503,\"message\":\"busy\",\"status\":\"UNAVAI"
           "LABLE\"}}\r\n"
           "]",
           "an error in an array");

    answer(CHAT,
           "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x"
           "\"}],\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"c\"}}"
           "]}",
           &soma_gemini,
           "{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"na"
           "me\":\"c\",\"id\":\"x\",\"args\":{\"input\":\"a\\nb\"}}}],\"role"
           "\":\"model\"},\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"pr"
           "omptTokenCount\":3,\"candidatesTokenCount\":2,\"thoughtsTokenCoun"
           "t\":4,\"totalTokenCount\":9},\"modelVersion\":\"g\",\"responseId"
           "\":\"r\"}",
           "{\"id\":\"r\",\"object\":\"chat.completion\",\"created\":17000000"
           "00,\"model\":\"g\",\"choices\":[{\"index\":0,\"message\":{\"role"
           "\":\"assistant\",\"content\":null,\"refusal\":null,\"tool_calls\""
           ":[{\"id\":\"x\",\"type\":\"custom\",\"custom\":{\"name\":\"c\",\""
           "input\":\"a\\nb\"}}]},\"logprobs\":null,\"finish_reason\":\"tool_"
           "calls\"}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":6,"
           "\"total_tokens\":9,\"prompt_tokens_details\":{\"cached_tokens\":0"
           "},\"completion_tokens_details\":{\"reasoning_tokens\":4}}}",
           "a tool of free text");

    answer("/v1beta/models/m:batchEmbedContents",
           "{\"requests\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}},{\"co"
           "ntent\":{\"parts\":[{\"text\":\"b\"}]}}]}",
           &soma_gemini,
           "{\"embeddings\":[{\"values\":[0.1,-2]},{\"values\":[1e-5]}],\"usa"
           "geMetadata\":{\"promptTokenCount\":2}}",
           "{\"embeddings\":[{\"values\":[0.1,-2]},{\"values\":[1e-5]}],\"usa"
           "geMetadata\":{\"promptTokenCount\":2,\"totalTokenCount\":2}}",
           "vectors");

    answer("/v1beta/models/m:embedContent",
           "{\"content\":{\"parts\":[{\"text\":\"a\"}]}}",
           &soma_gemini,
           "{\"embedding\":{\"values\":[0.1]}}",
           "{\"embedding\":{\"values\":[0.1]}}",
           "one");

    answer("/v1/embeddings", "{\"model\":\"m\",\"input\":[\"a\"]}",
           &soma_gemini,
           "{\"embeddings\":[{\"values\":[0.1]}]}",
           "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index"
           "\":0,\"embedding\":[0.1]}],\"model\":\"asked\",\"usage\":{\"promp"
           "t_tokens\":0,\"total_tokens\":0}}",
           "vectors for OpenAI's client");

    answer("/v1/embeddings", "{\"model\":\"m\",\"input\":[\"a\"]}",
           &soma_gemini,
           "{\"embeddings\":[]}",
           "",
           "no vectors");
}


int
main(void)
{
    arena = soma_test_arena();

    test_answer_1();
    test_answer_2();
    test_answer_3();
    test_answer_4();
    test_answer_5();
    test_answer_6();
    test_answer_7();
    test_answer_8();
    test_answer_9();

    soma_test_arena_free(arena);

    return soma_done();
}
