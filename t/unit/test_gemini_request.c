
/*
 * Copyright (C) The ngx_soma authors
 *
 * Requests of Google's clients written for others, and those of others for
 * Google.
 */


#include "soma_pair_test.h"


#define STR(s)  ((soma_str_t) { strlen(s), (unsigned char *) (s) })

#define WHOLE   "/v1beta/models/m:generateContent"
#define CHAT    "/v1/chat/completions"
#define CLAUDE  "/v1/messages"


static soma_arena_t  *arena;
static pair_t         pair;


/* a request to a target's dialect: what it is sent, or "!" and a sentence */

static void
request(const char *path, const char *body, const soma_dialect_t *to,
    const char *want, const char *text)
{
    soma_str_t  got;

    got = pair_request(&pair, arena, path, STR(body), to);
    soma_is_str(got.data, got.len, want, "%s", text);
}


/* the same for a model by that name */

static void
request_of(const char *path, const char *body, const char *model,
    unsigned facts, const char *want, const char *text)
{
    soma_str_t     got;
    soma_pieces_t  out;

    soma_is_int(pair_ask(&pair, arena, path, STR(body)), SOMA_OK, "%s: asks",
                text);
    soma_is_int(pair_read(&pair), SOMA_OK, "%s: reads", text);

    pair.request.model = STR(model);
    pair.loss.facts = facts;
    soma_pieces_init(&out, arena);

    if (soma_gemini.write_request(&out, &pair.request, &pair.ask, &pair.loss)
        != SOMA_OK)
    {
        got = pair.loss.refused;

    } else {
        (void) soma_pieces_whole(&out, &got);
    }

    soma_is_str(got.data, got.len, want, "%s", text);
}


/* what Google's clients write, for others */

static void
test_read(void)
{
    request(WHOLE,
            "{\"system_instruction\":{\"parts\":{\"text\":\"S\"}},\"contents"
            "\":[{\"parts\":[{\"text\":\"a\"},{\"inline_data\":{\"mime_type\""
            ":\"image/png\",\"data\":\"iVBORw0KGgo\"}}]}],\"generation_config"
            "\":{\"top_p\":0.5,\"topK\":5.0,\"stop_sequences\":[\"E\"],\"thin"
            "king_config\":{\"include_thoughts\":true}}}",
            &soma_anthropic,
            "{\"model\":\"m\",\"max_tokens\":4096,\"system\":[{\"type\":\"tex"
            "t\",\"text\":\"S\"}],\"messages\":[{\"role\":\"user\",\"content"
            "\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"image\",\"sou"
            "rce\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\""
            ":\"iVBORw0KGgo=\"}}]}],\"top_p\":0.5,\"top_k\":5,\"stop_sequence"
            "s\":[\"E\"]}",
            "both spellings of a name");

    request(WHOLE,
            "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"a\"}]},"
            "{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"name\":\"f\""
            ",\"args\":{\"n\":1.0}}},{\"functionCall\":{\"name\":\"f\"}},{\"f"
            "unctionCall\":{\"name\":\"g\",\"id\":\"x\"}}]},{\"role\":\"user"
            "\",\"parts\":[{\"functionResponse\":{\"name\":\"g\",\"response\""
            ":{\"a\":\"b\"}}},{\"functionResponse\":{\"name\":\"f\",\"respons"
            "e\":{\"result\":\"1\"}}},{\"functionResponse\":{\"name\":\"f\","
            "\"response\":{\"error\":\"no\"}}}]},{\"role\":\"model\",\"parts"
            "\":[{\"functionCall\":{\"name\":\"f\"}}]},{\"role\":\"function\""
            ",\"parts\":[{\"functionResponse\":{\"name\":\"f\",\"response\":{"
            "}}}]}]}",
            &soma_openai,
            "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\""
            "a\"},{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{"
            "\"id\":\"call_1\",\"type\":\"function\",\"function\":{\"name\":"
            "\"f\",\"arguments\":\"{\\\"n\\\":1.0}\"}},{\"id\":\"call_2\",\"t"
            "ype\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\""
            "{}\"}},{\"id\":\"x\",\"type\":\"function\",\"function\":{\"name"
            "\":\"g\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call"
            "_id\":\"x\",\"content\":\"{\\\"a\\\":\\\"b\\\"}\"},{\"role\":\"t"
            "ool\",\"tool_call_id\":\"call_1\",\"content\":\"1\"},{\"role\":"
            "\"tool\",\"tool_call_id\":\"call_2\",\"content\":\"Error: no\"},"
            "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\""
            ":\"call_3\",\"type\":\"function\",\"function\":{\"name\":\"f\","
            "\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c"
            "all_3\",\"content\":\"{}\"}]}",
            "calls by name and place");

    request(WHOLE,
            "{\"contents\":[{\"parts\":[{\"text\":\"a\"}]}],\"tools\":[{\"fun"
            "ctionDeclarations\":[{\"name\":\"f\",\"parameters\":{\"type\":\""
            "OBJECT\",\"properties\":{\"a\":{\"type\":\"STRING\",\"nullable\""
            ":true,\"enum\":[\"x\"]},\"b\":{\"type\":\"ARRAY\",\"items\":{\"t"
            "ype\":\"INTEGER\",\"format\":\"int32\"},\"minItems\":\"2\"},\"c"
            "\":{\"anyOf\":[{\"type\":\"NUMBER\"},{\"type\":\"TYPE_UNSPECIFIE"
            "D\"}],\"nullable\":true,\"example\":1}},\"propertyOrdering\":[\""
            "c\",\"a\"],\"required\":[\"a\"]}}]}],\"toolConfig\":{\"functionC"
            "allingConfig\":{\"mode\":\"ANY\",\"allowedFunctionNames\":[\"f\""
            "]}},\"generationConfig\":{\"responseMimeType\":\"application/jso"
            "n\",\"responseSchema\":{\"type\":\"BOOLEAN\",\"description\":\"d"
            "\"}}}",
            &soma_openai,
            "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\""
            "a\"}],\"tools\":[{\"type\":\"function\",\"function\":{\"name\":"
            "\"f\",\"parameters\":{\"type\":\"object\",\"properties\":{\"c\":"
            "{\"anyOf\":[{\"type\":\"number\"},{},{\"type\":\"null\"}],\"exam"
            "ples\":[1]},\"a\":{\"type\":[\"string\",\"null\"],\"enum\":[\"x"
            "\",null]},\"b\":{\"type\":\"array\",\"items\":{\"type\":\"intege"
            "r\",\"format\":\"int32\"},\"minItems\":2}},\"required\":[\"a\"]}"
            "}}],\"tool_choice\":{\"type\":\"function\",\"function\":{\"name"
            "\":\"f\"}},\"response_format\":{\"type\":\"json_schema\",\"json_"
            "schema\":{\"name\":\"output\",\"schema\":{\"type\":\"boolean\","
            "\"description\":\"d\"},\"strict\":true}}}",
            "Google's own schemas");

    request(WHOLE,
            "{\"contents\":[{\"parts\":[{\"text\":\"a\"}]}],\"tools\":[{\"fun"
            "ction_declarations\":[{\"name\":\"f\",\"parameters_json_schema\""
            ":{\"type\" : \"object\",\"$ref\":\"#/x\"}},{\"name\":\"g\",\"par"
            "ameters\":{\"type\" : \"object\"}}]}]}",
            &soma_openai,
            "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\""
            "a\"}],\"tools\":[{\"type\":\"function\",\"function\":{\"name\":"
            "\"f\",\"parameters\":{\"type\" : \"object\",\"$ref\":\"#/x\"}}},"
            "{\"type\":\"function\",\"function\":{\"name\":\"g\",\"parameters"
            "\":{\"type\" : \"object\"}}}]}",
            "a schema as JSON has it stays");

    request(WHOLE,
            "{\"contents\":[{\"parts\":[{\"text\":\"a\"}]}],\"generationConfi"
            "g\":{\"responseMimeType\":\"text/x.enum\",\"responseSchema\":{\""
            "type\":\"STRING\",\"enum\":[\"a\"]}}}",
            &soma_openai,
            "!generationConfig.responseSchema has no place in a chat request "
            "of OpenAI's API",
            "words of an enum");

    request(WHOLE,
            "{\"contents\":[{\"parts\":[{\"text\":\"a\"}]}],\"cachedContent\""
            ":\"cachedContents/c\"}",
            &soma_anthropic,
            "!cachedContent has no place in a request of Anthropic's API",
            "a cache is Google's");

    request(WHOLE,
            "{\"contents\":[{\"parts\":[{\"text\":\"a\"}]}],\"tools\":[{\"goo"
            "gleSearch\":{}}]}",
            &soma_anthropic,
            "!googleSearch has no place in a request of Anthropic's API",
            "and its own tools");
}


static void
test_read_2(void)
{
    request(WHOLE,
            "{\"contents\":[{\"parts\":[{\"fileData\":{\"fileUri\":\"https://"
            "youtu.be/x\"}}]}]}",
            &soma_openai,
            "!video has no place in a chat request of OpenAI's API",
            "video is, too");

    request(WHOLE,
            "{\"contents\":[{\"parts\":[{\"functionResponse\":{\"name\":\"f\""
            ",\"response\":{},\"scheduling\":\"SILENT\"}}]}]}",
            &soma_openai,
            "!contents.parts.functionResponse.scheduling has no place in a ch"
            "at request of OpenAI's API",
            "a result that is not waited for");

    request(WHOLE,
            "{\"contents\":[{\"parts\":[{\"text\":\"a\"}]}],\"generationConfi"
            "g\":{\"thinkingConfig\":{\"x\":1}}}",
            &soma_openai,
            "!generationConfig.thinkingConfig.x has no place in a chat reques"
            "t of OpenAI's API",
            "a member that nobody knows");

    request(WHOLE,
            "{\"contents\":[{\"parts\":[{\"inlineData\":{\"mimeType\":\"text/"
            "plain\",\"data\":\"aMOpIg\"}}]}]}",
            &soma_anthropic,
            "{\"model\":\"m\",\"max_tokens\":4096,\"messages\":[{\"role\":\"u"
            "ser\",\"content\":[{\"type\":\"document\",\"source\":{\"type\":"
            "\"text\",\"media_type\":\"text/plain\",\"data\":\"h\303\251\\\""
            "\"}}]}]}",
            "plain text in bytes");

    request(WHOLE,
            "{\"contents\":[{\"parts\":[{\"text\":\"a\"}]},{\"role\":\"model"
            "\",\"parts\":[{\"text\":\"why\",\"thought\":true,\"thoughtSignat"
            "ure\":\"c29tYTF8c3xhbnRocm9waWN8U0lH\"},{\"functionCall\":{\"nam"
            "e\":\"f\",\"args\":{}},\"thoughtSignature\":\"c29tYTF8b3xhbnRocm"
            "9waWN8T1BR\"},{\"text\":\"\",\"thoughtSignature\":\"own\"}]}]}",
            &soma_anthropic,
            "{\"model\":\"m\",\"max_tokens\":4096,\"messages\":[{\"role\":\"u"
            "ser\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}]},{\"role"
            "\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking"
            "\":\"why\",\"signature\":\"SIG\"},{\"type\":\"redacted_thinking"
            "\",\"data\":\"OPQ\"},{\"type\":\"tool_use\",\"id\":\"call_1\",\""
            "name\":\"f\",\"input\":{}}]}]}",
            "a signature of another maker comes back");

    request(WHOLE,
            "{\"contents\":[{\"role\":\"x\",\"parts\":[]}]}",
            &soma_openai,
            "! \"x\" is no role of a content: there are user and model",
            "no role");

    request(WHOLE,
            "{\"contents\":7}",
            &soma_openai,
            "! \"contents\" must be an array",
            "no parts");

    request(WHOLE,
            "{\"contents\":[{\"parts\":[{\"inlineData\":{\"data\":\"!\"}}]}]}",
            &soma_openai,
            "! \"data\" of an \"inlineData\" is not in base64",
            "no base64");

    request(WHOLE,
            "{\"contents\":[{\"parts\":[{}]}]}",
            &soma_openai,
            "! a part of \"contents\" has nothing in it",
            "an empty part");

    request(WHOLE,
            "{\"contents\":[{\"parts\":[{\"functionCall\":{}}]}]}",
            &soma_openai,
            "! a \"functionCall\" has no \"name\"",
            "a call without a name");

    request(WHOLE,
            "{\"contents\":[],\"generationConfig\":{\"thinkingConfig\":{\"thi"
            "nkingLevel\":\"x\"}}}",
            &soma_openai,
            "! \"generationConfig.thinkingConfig.thinkingLevel\" must be mini"
            "mal, low, medium, high or xhigh",
            "a level that there is not");
}


/* what others' clients write, for Google */

static void
test_write(void)
{
    request_of(CHAT,
               "{\"model\":\"x\",\"messages\":[{\"role\":\"system\",\"content"
               "\":\"A\"},{\"role\":\"developer\",\"content\":\"B\"},{\"role"
               "\":\"user\",\"content\":\"1\"},{\"role\":\"user\",\"content\""
               ":\"2\"},{\"role\":\"system\",\"content\":\"C\"},{\"role\":\"a"
               "ssistant\",\"content\":\"3\"},{\"role\":\"assistant\",\"conte"
               "nt\":\"\"},{\"role\":\"user\",\"content\":\"4\"}]}",
               "gemini-2.5-pro", 0,
               "{\"systemInstruction\":{\"parts\":[{\"text\":\"A\"},{\"text\""
               ":\"B\"}]},\"contents\":[{\"role\":\"user\",\"parts\":[{\"text"
               "\":\"1\"},{\"text\":\"2\"},{\"text\":\"<system>\\nC\\n</syste"
               "m>\"}]},{\"role\":\"model\",\"parts\":[{\"text\":\"3\"}]},{\""
               "role\":\"user\",\"parts\":[{\"text\":\"4\"}]}],\"generationCo"
               "nfig\":{}}",
               "turns of one side are one content");

    request_of(CHAT,
               "{\"model\":\"x\",\"messages\":[{\"role\":\"user\",\"content\""
               ":\"1\"},{\"role\":\"assistant\",\"content\":null,\"tool_calls"
               "\":[{\"id\":\"a\",\"type\":\"function\",\"function\":{\"name"
               "\":\"f\",\"arguments\":\"{\\\"n\\\": 1.0}\"}},{\"id\":\"b\","
               "\"type\":\"function\",\"function\":{\"name\":\"f\",\"argument"
               "s\":\"\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"b\",\"cont"
               "ent\":\"{\\\"k\\\":2}\"},{\"role\":\"tool\",\"tool_call_id\":"
               "\"a\",\"content\":\"x\"},{\"role\":\"user\",\"content\":\"2\""
               "},{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c\",\"typ"
               "e\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":"
               "\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c\",\"conten"
               "t\":\"\"}]}",
               "gemini-3-pro", 0,
               "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"1\"}"
               "]},{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"id\":"
               "\"a\",\"name\":\"f\",\"args\":{\"n\": 1.0}},\"thoughtSignatur"
               "e\":\"skip_thought_signature_validator\"},{\"functionCall\":{"
               "\"id\":\"b\",\"name\":\"f\",\"args\":{}}}]},{\"role\":\"user"
               "\",\"parts\":[{\"functionResponse\":{\"id\":\"a\",\"name\":\""
               "f\",\"response\":{\"result\":\"x\"}}},{\"functionResponse\":{"
               "\"id\":\"b\",\"name\":\"f\",\"response\":{\"k\":2}}},{\"text"
               "\":\"2\"}]},{\"role\":\"model\",\"parts\":[{\"functionCall\":"
               "{\"id\":\"c\",\"name\":\"g\",\"args\":{}},\"thoughtSignature"
               "\":\"skip_thought_signature_validator\"}]},{\"role\":\"user\""
               ",\"parts\":[{\"functionResponse\":{\"id\":\"c\",\"name\":\"g"
               "\",\"response\":{\"result\":\"\"}}}]}],\"generationConfig\":{"
               "}}",
               "results in the order of their calls");

    request_of(CHAT,
               "{\"model\":\"x\",\"messages\":[{\"role\":\"user\",\"content\""
               ":\"1\"}],\"tools\":[{\"type\":\"function\",\"function\":{\"na"
               "me\":\"1/a\",\"strict\":true}},{\"type\":\"function\",\"funct"
               "ion\":{\"name\":\"b\",\"parameters\":{\"$defs\":{}}}},{\"type"
               "\":\"custom\",\"custom\":{\"name\":\"c\"}}],\"tool_choice\":{"
               "\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":\"auto"
               "\",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":"
               "\"1/a\"}}]}}}",
               "gemini-2.5-pro", 0,
               "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"1\"}"
               "]}],\"tools\":[{\"functionDeclarations\":[{\"name\":\"t1_a_e8"
               "69af03ddc42022\",\"description\":\"\"},{\"name\":\"b\",\"desc"
               "ription\":\"\",\"parametersJsonSchema\":{\"$defs\":{}}},{\"na"
               "me\":\"c\",\"description\":\"\",\"parametersJsonSchema\":{\"t"
               "ype\":\"object\",\"properties\":{\"input\":{\"type\":\"string"
               "\"}},\"required\":[\"input\"]}}]}],\"toolConfig\":{\"function"
               "CallingConfig\":{\"mode\":\"VALIDATED\",\"allowedFunctionName"
               "s\":[\"t1_a_e869af03ddc42022\"]}},\"generationConfig\":{}}",
               "names that Google does not take");

    request_of(CHAT,
               "{\"model\":\"x\",\"messages\":[{\"role\":\"user\",\"content\""
               ":\"1\"}],\"reasoning_effort\":\"medium\"}",
               "gemini-2.5-pro", 0,
               "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"1\"}"
               "]}],\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudge"
               "t\":8192,\"includeThoughts\":true}}}",
               "a budget for older models");

    request_of(CHAT,
               "{\"model\":\"x\",\"messages\":[{\"role\":\"user\",\"content\""
               ":\"1\"}],\"reasoning_effort\":\"medium\"}",
               "gemini-3-pro", 0,
               "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"1\"}"
               "]}],\"generationConfig\":{\"thinkingConfig\":{\"thinkingLevel"
               "\":\"MEDIUM\",\"includeThoughts\":true}}}",
               "a level for newer ones");

    request_of(CHAT,
               "{\"model\":\"x\",\"messages\":[{\"role\":\"user\",\"content\""
               ":\"1\"}],\"reasoning_effort\":\"minimal\"}",
               "gemini-3-pro", SOMA_FACT_BUDGET,
               "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"1\"}"
               "]}],\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudge"
               "t\":512,\"includeThoughts\":true}}}",
               "unless the catalogue knows better");

    request_of(CHAT,
               "{\"model\":\"x\",\"messages\":[{\"role\":\"user\",\"content\""
               ":\"1\"}],\"reasoning_effort\":\"none\"}",
               "gemini-2.5-flash", 0,
               "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"1\"}"
               "]}],\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudge"
               "t\":0}}}",
               "none");

    request_of(CHAT,
               "{\"model\":\"x\",\"messages\":[{\"role\":\"user\",\"content\""
               ":\"1\"}],\"reasoning_effort\":\"high\"}",
               "m", SOMA_FACT_NO_REASONING,
               "reasoning_effort",
               "a model that does not reason");
}


static void
test_write_2(void)
{
    request_of(CLAUDE,
               "{\"model\":\"x\",\"max_tokens\":9,\"messages\":[{\"role\":\"u"
               "ser\",\"content\":\"1\"}],\"thinking\":{\"type\":\"enabled\","
               "\"budget_tokens\":1500,\"display\":\"omitted\"}}",
               "gemini-3-flash", 0,
               "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"1\"}"
               "]}],\"generationConfig\":{\"maxOutputTokens\":9,\"thinkingCon"
               "fig\":{\"thinkingLevel\":\"LOW\"}}}",
               "a budget as a level, and hidden");

    request_of(CLAUDE,
               "{\"model\":\"x\",\"max_tokens\":9,\"messages\":[{\"role\":\""
               "user\",\"content\":\"1\"},{\"role\":\"assistant\",\"content"
               "\":[{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":"
               "\"soma1|s|gemini|SIG1\"},{\"type\":\"tool_use\",\"id\":\"a\""
               ",\"name\":\"f\",\"input\":{}},{\"type\":\"tool_use\",\"id\":"
               "\"b\",\"name\":\"f\",\"input\":{}}]},{\"role\":\"user\",\"co"
               "ntent\":[{\"type\":\"tool_result\",\"tool_use_id\":\"a\",\"c"
               "ontent\":\"1\"},{\"type\":\"tool_result\",\"tool_use_id\":\""
               "b\",\"is_error\":true,\"content\":[{\"type\":\"text\",\"text"
               "\":\"x\"},{\"type\":\"image\",\"source\":{\"type\":\"base64"
               "\",\"media_type\":\"image/png\",\"data\":\"iVBORw0KGgo=\"}}]"
               "}]},{\"role\":\"assistant\",\"content\":[{\"type\":\"thinkin"
               "g\",\"thinking\":\"foreign\",\"signature\":\"abc\"},{\"type"
               "\":\"text\",\"text\":\"t\"},{\"type\":\"tool_use\",\"id\":\""
               "c\",\"name\":\"g\",\"input\":{}}]},{\"role\":\"user\",\"cont"
               "ent\":[{\"type\":\"tool_result\",\"tool_use_id\":\"c\"}]}]}",
               "gemini-3-pro", 0,
               "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"1\""
               "}]},{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"id\""
               ":\"a\",\"name\":\"f\",\"args\":{}},\"thoughtSignature\":\"SI"
               "G1\"},{\"functionCall\":{\"id\":\"b\",\"name\":\"f\",\"args"
               "\":{}}}]},{\"role\":\"user\",\"parts\":[{\"functionResponse"
               "\":{\"id\":\"a\",\"name\":\"f\",\"response\":{\"result\":\"1"
               "\"}}},{\"functionResponse\":{\"id\":\"b\",\"name\":\"f\",\"r"
               "esponse\":{\"error\":\"x\"}}},{\"inlineData\":{\"mimeType\":"
               "\"image/png\",\"data\":\"iVBORw0KGgo=\"}}]},{\"role\":\"mode"
               "l\",\"parts\":[{\"text\":\"t\"},{\"functionCall\":{\"id\":\""
               "c\",\"name\":\"g\",\"args\":{}},\"thoughtSignature\":\"skip_"
               "thought_signature_validator\"}]},{\"role\":\"user\",\"parts"
               "\":[{\"functionResponse\":{\"id\":\"c\",\"name\":\"g\",\"res"
               "ponse\":{\"result\":\"\"}}}]}],\"generationConfig\":{\"maxOu"
               "tputTokens\":9}}",
               "signatures go back where they stood");

    request_of(CLAUDE,
               "{\"model\":\"x\",\"max_tokens\":9,\"messages\":[{\"role\":\"u"
               "ser\",\"content\":[{\"type\":\"document\",\"title\":\"T\",\"s"
               "ource\":{\"type\":\"text\",\"data\":\"words\"}}]}]}",
               "m", 0,
               "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"T\\n"
               "\\nwords\"}]}],\"generationConfig\":{\"maxOutputTokens\":9}}",
               "a document's words");

    request_of(CHAT,
               "{\"model\":\"x\",\"messages\":[{\"role\":\"user\",\"content\""
               ":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image"
               "/gif;base64,R0lGODlh\"}}]}]}",
               "m", 0,
               "image/gif",
               "a GIF");

    request_of(CHAT,
               "{\"model\":\"x\",\"messages\":[{\"role\":\"assistant\",\"tool"
               "_calls\":[{\"id\":\"a\",\"type\":\"function\",\"function\":{"
               "\"name\":\"f\",\"arguments\":\"{\"}}]}]}",
               "m", 0,
               "tool_calls.function.arguments",
               "arguments that are no JSON");

    request_of(CHAT,
               "{\"model\":\"x\",\"messages\":[{\"role\":\"user\",\"content\""
               ":\"1\"}],\"logit_bias\":{\"1\":1}}",
               "m", 0,
               "logit_bias",
               "a bias");

    request_of(CHAT,
               "{\"model\":\"x\",\"messages\":[{\"role\":\"user\",\"content\""
               ":\"\"}]}",
               "m", 0,
               "messages",
               "nothing to say");

    request_of("/v1/embeddings",
               "{\"model\":\"x\",\"input\":[\"a\",\"b\"],\"dimensions\":8,\"e"
               "ncoding_format\":\"base64\"}",
               "e", 0,
               "{\"requests\":[{\"model\":\"models/e\",\"content\":{\"parts\""
               ":[{\"text\":\"a\"}]},\"outputDimensionality\":8},{\"model\":"
               "\"models/e\",\"content\":{\"parts\":[{\"text\":\"b\"}]},\"out"
               "putDimensionality\":8}]}",
               "vectors");

    request_of("/v1/embeddings",
               "{\"model\":\"x\",\"input\":[[1,2]]}",
               "e", 0,
               "input",
               "vectors of tokens");
}


int
main(void)
{
    arena = soma_test_arena();

    test_read();
    test_read_2();
    test_write();
    test_write_2();

    soma_test_arena_free(arena);

    return soma_done();
}
