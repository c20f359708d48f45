
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_inner_test.h"


typedef struct {
    dialect_e    from;
    dialect_e    to;
    const char  *body;
    const char  *want;
    const char  *text;
} through_t;


static const through_t  throughs[] = {

    { OPENAI, ANTHROPIC,
      "{\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\"},"
      "{\"role\":\"user\",\"content\":\"Hi \\u00e9\"}],\"max_tokens\":5,"
      "\"temperature\":0.5,\"stop\":\"x\",\"user\":\"u1\"}",
      "{\"model\":\"m\",\"max_tokens\":5,\"system\":[{\"type\":\"text\","
      "\"text\":\"Be brief.\"}],\"messages\":[{\"role\":\"user\","
      "\"content\":\"Hi \\u00e9\"}],\"temperature\":0.5,"
      "\"stop_sequences\":[\"x\"],\"metadata\":{\"user_id\":\"u1\"}}",
      "a chat's plain members have their places in a message's request" },

    { OPENAI, ANTHROPIC,
      "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}",
      "{\"model\":\"m\",\"max_tokens\":4096,\"messages\":[{\"role\":\"user\","
      "\"content\":\"a\"}]}",
      "max_tokens is the model's where the client said none" },

    { OPENAI, ANTHROPIC,
      "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},"
      "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":["
      "{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\","
      "\"arguments\":\"{\\\"x\\\": 1.0}\"}},"
      "{\"id\":\"c.2\",\"type\":\"function\",\"function\":{\"name\":\"g\","
      "\"arguments\":\"\"}}]},"
      "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"one\"},"
      "{\"role\":\"tool\",\"tool_call_id\":\"c.2\",\"content\":\"\"},"
      "{\"role\":\"user\",\"content\":\"go on\"}]}",
      "{\"model\":\"m\",\"max_tokens\":4096,\"messages\":[{\"role\":\"user\","
      "\"content\":\"a\"},{\"role\":\"assistant\",\"content\":["
      "{\"type\":\"tool_use\",\"id\":\"c1\",\"name\":\"f\","
      "\"input\":{\"x\": 1.0}},{\"type\":\"tool_use\","
      "\"id\":\"c_2_93b9818f80514107\",\"name\":\"g\",\"input\":{}}]},"
      "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\","
      "\"tool_use_id\":\"c1\",\"content\":\"one\"},{\"type\":"
      "\"tool_result\",\"tool_use_id\":\"c_2_93b9818f80514107\","
      "\"content\":\"\"},{\"type\":\"text\",\"text\":\"go on\"}]}]}",
      "results are gathered in the user's next turn and come first in it" },

    { OPENAI, ANTHROPIC,
      "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\","
      "\"text\":\" \\n\"},{\"type\":\"text\",\"text\":\"b\"}]},"
      "{\"role\":\"assistant\",\"content\":\"\"},"
      "{\"role\":\"system\",\"content\":\"now\"},"
      "{\"role\":\"assistant\",\"content\":\"so \\n\\\\n\\n\"}]}",
      "{\"model\":\"m\",\"max_tokens\":4096,\"messages\":[{\"role\":\"user\","
      "\"content\":[{\"type\":\"text\",\"text\":\"b\"}]},{\"role\":\"user\","
      "\"content\":[{\"type\":\"text\",\"text\":\"<system>\\nnow\\n"
      "</system>\"}]},{\"role\":\"assistant\",\"content\":[{\"type\":"
      "\"text\",\"text\":\"so \\n\\\\n\"}]}]}",
      "empty words are left out, a late system is framed, an end trimmed" },

    { OPENAI, ANTHROPIC,
      "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],"
      "\"temperature\":1.5}",
      "!temperature is at most 1 in a request of Anthropic's API",
      "a temperature above 1 is refused by its name" },

    { OPENAI, ANTHROPIC,
      "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"seed\":7}",
      "!seed has no place in a request of Anthropic's API",
      "a seed is refused by its name" },

    { OPENAI, ANTHROPIC,
      "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"n\":1,"
      "\"temperature\":1,\"logprobs\":false,\"presence_penalty\":0,"
      "\"store\":true,\"prompt_cache_key\":\"k\",\"service_tier\":\"auto\"}",
      "{\"model\":\"m\",\"max_tokens\":4096,\"messages\":[{\"role\":\"user\","
      "\"content\":\"a\"}],\"service_tier\":\"auto\"}",
      "defaults and hints are no reason to refuse" },

    { OPENAI, ANTHROPIC,
      "{\"messages\":[{\"role\":\"user\",\"content\":\"  \"}]}",
      "!messages has nothing in it for a request of Anthropic's API, which "
      "knows no empty text",
      "a conversation of nothing is refused" },

    { OPENAI, ANTHROPIC,
      "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
      "\"image_url\",\"image_url\":{\"url\":\"data:image/jpg;base64,"
      "iVBORw0KGgoAAA\"}},{\"type\":\"file\",\"file\":{\"file_data\":"
      "\"data:application/pdf;base64,JVBE\",\"filename\":\"a.pdf\"}}]}]}",
      "{\"model\":\"m\",\"max_tokens\":4096,\"messages\":[{\"role\":\"user\","
      "\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"base64\","
      "\"media_type\":\"image/png\",\"data\":\"iVBORw0KGgoAAA==\"}},"
      "{\"type\":\"document\",\"source\":{\"type\":\"base64\","
      "\"media_type\":\"application/pdf\",\"data\":\"JVBE\"},"
      "\"title\":\"a.pdf\"}]}]}",
      "an image is what its bytes are, whatever the client calls it" },

    { OPENAI, ANTHROPIC,
      "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],"
      "\"max_tokens\":9000,\"reasoning_effort\":\"medium\",\"tools\":["
      "{\"type\":\"function\",\"function\":{\"name\":\"f\"}}],"
      "\"parallel_tool_calls\":false,\"response_format\":{\"type\":"
      "\"json_schema\",\"json_schema\":{\"name\":\"s\",\"schema\":"
      "{\"type\":\"object\"}}}}",
      "{\"model\":\"m\",\"max_tokens\":9000,\"messages\":[{\"role\":\"user\","
      "\"content\":\"a\"}],\"thinking\":{\"type\":\"enabled\","
      "\"budget_tokens\":8192},\"output_config\":{\"format\":{\"type\":"
      "\"json_schema\",\"schema\":{\"type\":\"object\"}}},\"tools\":["
      "{\"name\":\"f\",\"input_schema\":{\"type\":\"object\","
      "\"properties\":{}}}],\"tool_choice\":{\"type\":\"auto\","
      "\"disable_parallel_tool_use\":true}}",
      "effort, tools and a schema are said in the words of messages" },

    { OPENAI, ANTHROPIC,
      "{\"messages\":[{\"role\":\"user\",\"content\":\"\\ud83d x\"}]}",
      "{\"model\":\"m\",\"max_tokens\":4096,\"messages\":[{\"role\":\"user\","
      "\"content\":\"\xef\xbf\xbd x\"}]}",
      "half a surrogate pair becomes U+FFFD" },

    { ANTHROPIC, OPENAI,
      "{\"max_tokens\":5,\"system\":[{\"type\":\"text\",\"text\":\"A\"},"
      "{\"type\":\"text\",\"text\":\"B\",\"cache_control\":{\"type\":"
      "\"ephemeral\"}}],\"messages\":[{\"role\":\"user\",\"content\":\"q\"},"
      "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\","
      "\"thinking\":\"hm\",\"signature\":\"s\"},{\"type\":\"text\","
      "\"text\":\"t\"},{\"type\":\"tool_use\",\"id\":\"i1\",\"name\":\"f\","
      "\"input\":{\"a\":\"\\n\"}}]},{\"role\":\"user\",\"content\":["
      "{\"type\":\"tool_result\",\"tool_use_id\":\"i1\",\"is_error\":true,"
      "\"content\":[{\"type\":\"text\",\"text\":\"no\"},{\"type\":\"image\","
      "\"source\":{\"type\":\"url\",\"url\":\"http://x/y\"}}]},"
      "{\"type\":\"text\",\"text\":\"and?\"}]}],\"tool_choice\":{\"type\":"
      "\"any\"},\"tools\":[{\"name\":\"f\",\"description\":\"d\","
      "\"input_schema\":{\"type\":\"object\"}}]}",
      "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":"
      "\"A\\n\\nB\"},{\"role\":\"user\",\"content\":\"q\"},{\"role\":"
      "\"assistant\",\"content\":\"t\",\"tool_calls\":[{\"id\":\"i1\","
      "\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":"
      "\"{\\\"a\\\":\\\"\\\\n\\\"}\"}}]},{\"role\":\"tool\","
      "\"tool_call_id\":\"i1\",\"content\":\"Error: no\"},{\"role\":"
      "\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":"
      "\"http://x/y\"}}]},{\"role\":\"user\",\"content\":\"and?\"}],"
      "\"max_tokens\":5,\"tools\":[{\"type\":\"function\",\"function\":"
      "{\"name\":\"f\",\"description\":\"d\",\"parameters\":{\"type\":"
      "\"object\"}}}],\"tool_choice\":\"required\"}",
      "a message's request with a failed tool and its image is a chat" },

    { ANTHROPIC, OPENAI,
      "{\"max_tokens\":5,\"messages\":[{\"role\":\"user\",\"content\":"
      "\"q\"}],\"mcp_servers\":[]}",
      "!mcp_servers has no place in a chat request of OpenAI's API",
      "a member that nobody knows is refused by its name" },

    { ANTHROPIC, OPENAI,
      "{\"max_tokens\":5,\"messages\":[{\"role\":\"user\",\"content\":["
      "{\"type\":\"container_upload\",\"file_id\":\"f\"}]}]}",
      "!container_upload has no place in a chat request of OpenAI's API",
      "a block that only its own dialect can say is refused by its kind" },

    { ANTHROPIC, ANTHROPIC,
      "{\"max_tokens\":2000,\"system\":\"S\",\"messages\":[{\"role\":"
      "\"user\",\"content\":[{\"type\":\"document\",\"source\":{\"type\":"
      "\"text\",\"media_type\":\"text/plain\",\"data\":\"D\"},\"title\":"
      "\"T\",\"context\":\"C\",\"citations\":{\"enabled\":true},"
      "\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}},"
      "{\"type\":\"search_result\",\"source\":\"u\",\"title\":\"t\","
      "\"content\":[{\"type\":\"text\",\"text\":\"w\"}]}]},{\"role\":"
      "\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"\","
      "\"signature\":\"sig\"},{\"type\":\"redacted_thinking\",\"data\":"
      "\"R\"},{\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":"
      "\"web_search\",\"input\":{}},{\"type\":\"tool_use\",\"id\":\"a\","
      "\"name\":\"f\",\"input\":{}}]},{\"role\":\"user\",\"content\":["
      "{\"type\":\"tool_result\",\"tool_use_id\":\"a\"}]}],\"thinking\":"
      "{\"type\":\"enabled\",\"budget_tokens\":1024,\"display\":"
      "\"omitted\"},\"tools\":[{\"type\":\"bash_20250124\",\"name\":"
      "\"bash\"}],\"top_p\":0.95}",
      "{\"model\":\"m\",\"max_tokens\":2000,\"system\":[{\"type\":\"text\","
      "\"text\":\"S\"}],\"messages\":[{\"role\":"
      "\"user\",\"content\":[{\"type\":\"document\",\"source\":{\"type\":"
      "\"text\",\"media_type\":\"text/plain\",\"data\":\"D\"},\"title\":"
      "\"T\",\"context\":\"C\",\"citations\":{\"enabled\":true},"
      "\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}},"
      "{\"type\":\"search_result\",\"source\":\"u\",\"title\":\"t\","
      "\"content\":[{\"type\":\"text\",\"text\":\"w\"}]}]},{\"role\":"
      "\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"\","
      "\"signature\":\"sig\"},{\"type\":\"redacted_thinking\",\"data\":"
      "\"R\"},{\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":"
      "\"web_search\",\"input\":{}},{\"type\":\"tool_use\",\"id\":\"a\","
      "\"name\":\"f\",\"input\":{}}]},{\"role\":\"user\",\"content\":["
      "{\"type\":\"tool_result\",\"tool_use_id\":\"a\"}]}],\"thinking\":"
      "{\"type\":\"enabled\",\"budget_tokens\":1024,\"display\":"
      "\"omitted\"},\"tools\":[{\"type\":\"bash_20250124\",\"name\":"
      "\"bash\"}],\"top_p\":0.95}",
      "what messages alone can say comes back as it stood" },

    { OPENAI, OPENAI,
      "{\"messages\":[{\"role\":\"user\",\"name\":\"ann\",\"content\":["
      "{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"input_audio\","
      "\"input_audio\":{\"data\":\"QQ==\",\"format\":\"mp3\"}}]}],"
      "\"stop\":[\"x\",\"y\"],\"metadata\":{\"k\":\"v\"},\"seed\":7,"
      "\"n\":2,\"reasoning_effort\":\"low\"}",
      "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"name\":\"ann\","
      "\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":"
      "\"input_audio\",\"input_audio\":{\"data\":\"QQ==\",\"format\":"
      "\"mp3\"}}]}],\"reasoning_effort\":\"low\",\"stop\":[\"x\",\"y\"],"
      "\"metadata\":{\"k\":\"v\"},\"seed\":7,\"n\":2}",
      "what a chat alone can say comes back as it stood" },

    { ANTHROPIC, OPENAI,
      "{\"messages\":[{\"role\":\"robot\",\"content\":\"a\"}]}",
      "!\"robot\" is no role of a message: there are user, assistant and "
      "system",
      "a role that there is not is named" },

    { OPENAI, ANTHROPIC,
      "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"tools\":["
      "{\"type\":\"function\",\"function\":{\"name\":\"f\"}}],\"messages\":["
      "{\"role\":\"user\",\"content\":\"b\"}],\"tools\":null}",
      "{\"model\":\"m\",\"max_tokens\":4096,\"messages\":[{\"role\":\"user\","
      "\"content\":\"b\"}]}",
      "of a member that stands twice the last one holds" },

    { ANTHROPIC, OPENAI, "[]", "!the body is no JSON object",
      "a body that is no object is refused" }
};


static void
test_through(void)
{
    size_t        i;
    soma_str_t    got;
    soma_arena_t *arena;

    for (i = 0; i < sizeof(throughs) / sizeof(throughs[0]); i++) {
        arena = soma_test_arena();
        memset(&inner_loss, 0, sizeof(inner_loss));
        inner_loss.max_tokens = 4096;

        got = inner_through(arena, throughs[i].from, throughs[i].to,
                            str(throughs[i].body));

        soma_is_str(got.data, got.len, throughs[i].want, "%s",
                    throughs[i].text);

        soma_test_arena_free(arena);
    }
}


/* what is left out is named, where the client may know it from elsewhere */

static void
test_dropped(void)
{
    soma_str_t     got;
    soma_arena_t  *arena;

    arena = soma_test_arena();
    memset(&inner_loss, 0, sizeof(inner_loss));
    inner_loss.max_tokens = 4096;
    inner_loss.lossy = SOMA_INNER_WARN;

    got = inner_through(arena, OPENAI, ANTHROPIC,
                        str("{\"messages\":[{\"role\":\"user\",\"content\":"
                            "\"a\"}],\"seed\":7,\"verbosity\":\"low\"}"));

    soma_ok(got.data[0] == '{', "with warnings a seed is no error");
    soma_is_int(inner_loss.ndropped, 2, "two members are left out");
    soma_is_str(inner_loss.dropped[0].data, inner_loss.dropped[0].len, "seed",
                "the seed is named");

    soma_test_arena_free(arena);
}


/* a body cut anywhere, with any byte changed, and no memory now and then */

static void
test_hostile(void)
{
    size_t          i, k, len;
    soma_str_t      body;
    soma_arena_t   *arena;
    unsigned char  *copy;

    for (i = 0; i < sizeof(throughs) / sizeof(throughs[0]); i++) {
        len = strlen(throughs[i].body);

        for (k = 0; k < len; k += soma_valgrind() ? 41 : 3) {
            copy = malloc(len);

            if (copy == NULL) {
                return;
            }

            memcpy(copy, throughs[i].body, len);
            copy[k] ^= (unsigned char) (1u << soma_any(8));
            body.data = copy;
            body.len = (k % 2) ? len : k;

            arena = soma_test_arena();
            memset(&inner_loss, 0, sizeof(inner_loss));
            inner_loss.max_tokens = 4096;
            inner_loss.lossy = SOMA_INNER_DROP;

            if (k % 5 == 0) {
                soma_test_arena_fail(arena, 1 + soma_any(20));
            }

            (void) inner_through(arena, throughs[i].from,
                                 (dialect_e) (k / 2 % 2), body);
            soma_test_arena_free(arena);
            free(copy);
        }
    }

    soma_ok(1, "bodies that are cut or spoilt are read without harm");
}


int
main(void)
{
    test_through();
    test_dropped();
    test_hostile();

    return soma_done();
}
