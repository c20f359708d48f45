
/*
 * Copyright (C) The ngx_soma authors
 *
 * OpenAI's other APIs through the inner form: what clients of them say to
 * providers of another dialect, and what they are answered.
 */


#include <yyjson.h>

#include "soma_inner_test.h"


#define EVENTS_MAX  24


typedef struct {
    dialect_e    from;
    dialect_e    to;
    const char  *body;
    const char  *want;
    const char  *text;
} through_t;


static const through_t  throughs[] = {

    { RESPONSES, ANTHROPIC,
      "{\"model\":\"x\",\"instructions\":\"Be \\\"brief\\\".\","
      "\"input\":\"Hi\",\"max_output_tokens\":50,\"temperature\":0.5,"
      "\"user\":\"u\","
      "\"store\":false,\"background\":false,\"truncation\":\"disabled\","
      "\"parallel_tool_calls\":true,\"stream\":true}",
      "{\"model\":\"m\",\"max_tokens\":50,\"system\":[{\"type\":\"text\","
      "\"text\":\"Be \\\"brief\\\".\"}],\"messages\":[{\"role\":\"user\","
      "\"content\":\"Hi\"}],\"temperature\":0.5,\"metadata\":{\"user_id\":"
      "\"u\"}}",
      "a response's plain members have their places, defaults need none" },

    { RESPONSES, ANTHROPIC,
      "{\"input\":[{\"role\":\"developer\",\"content\":\"d\"},"
      "{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":"
      "\"a\"},{\"type\":\"input_image\",\"image_url\":"
      "\"data:image/png;base64,iVBORw0KGgoAAA\",\"detail\":\"auto\"},"
      "{\"type\":\"input_file\",\"filename\":\"a.pdf\",\"file_data\":"
      "\"data:application/pdf;base64,JVBE\"}]},"
      "{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[{\"type\":"
      "\"summary_text\",\"text\":\"hm\"}],\"encrypted_content\":"
      "\"soma1|s|anthropic|SIG+/=\"},"
      "{\"type\":\"message\",\"role\":\"assistant\",\"id\":\"msg_1\","
      "\"status\":\"completed\",\"content\":[{\"type\":\"output_text\","
      "\"text\":\"b\",\"annotations\":[]}]},"
      "{\"type\":\"function_call\",\"call_id\":\"c1\",\"id\":\"fc_1\","
      "\"name\":\"f\",\"arguments\":\"{\\\"x\\\": 1.0}\"},"
      "{\"type\":\"function_call\",\"call_id\":\"c2\",\"name\":\"g\","
      "\"arguments\":\"\"},"
      "{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":"
      "\"one\"},"
      "{\"type\":\"function_call_output\",\"call_id\":\"c2\",\"output\":"
      "[{\"type\":\"input_text\",\"text\":\"two\"}]},"
      "{\"type\":\"message\",\"role\":\"user\",\"content\":\"go on\"}]}",
      "{\"model\":\"m\",\"max_tokens\":4096,\"system\":[{\"type\":\"text\","
      "\"text\":\"d\"}],\"messages\":[{\"role\":\"user\",\"content\":["
      "{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"image\",\"source\":"
      "{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":"
      "\"iVBORw0KGgoAAA==\"}},{\"type\":\"document\",\"source\":{\"type\":"
      "\"base64\",\"media_type\":\"application/pdf\",\"data\":\"JVBE\"},"
      "\"title\":\"a.pdf\"}]},{\"role\":\"assistant\",\"content\":["
      "{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"SIG+/=\"},"
      "{\"type\":\"text\",\"text\":\"b\"},{\"type\":\"tool_use\",\"id\":"
      "\"c1\",\"name\":\"f\",\"input\":{\"x\": 1.0}},{\"type\":\"tool_use\","
      "\"id\":\"c2\",\"name\":\"g\",\"input\":{}}]},{\"role\":\"user\","
      "\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"c1\","
      "\"content\":\"one\"},{\"type\":\"tool_result\",\"tool_use_id\":\"c2\","
      "\"content\":\"two\"},{\"type\":\"text\",\"text\":\"go on\"}]}]}",
      "items become turns, and reasoning goes back to its maker" },

    { RESPONSES, OPENAI,
      "{\"input\":[{\"role\":\"user\",\"content\":\"a\"},"
      "{\"type\":\"custom_tool_call\",\"call_id\":\"c\",\"name\":\"patch\","
      "\"input\":\"*** x\"},"
      "{\"type\":\"custom_tool_call_output\",\"call_id\":\"c\",\"output\":"
      "\"ok\"}],\"tools\":[{\"type\":\"function\",\"name\":\"f\","
      "\"description\":\"d\",\"parameters\":{\"type\":\"object\"},\"strict\":"
      "true},{\"type\":\"custom\",\"name\":\"patch\",\"format\":{\"type\":"
      "\"text\"}}],\"tool_choice\":{\"type\":\"function\",\"name\":\"f\"},"
      "\"parallel_tool_calls\":false,\"text\":{\"format\":{\"type\":"
      "\"json_schema\",\"name\":\"s\",\"schema\":{\"type\":\"object\"},"
      "\"strict\":true},\"verbosity\":\"low\"},\"reasoning\":{\"effort\":"
      "\"low\",\"summary\":\"auto\"},\"include\":["
      "\"reasoning.encrypted_content\"]}",
      "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"},"
      "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c\","
      "\"type\":\"custom\",\"custom\":{\"name\":\"patch\",\"input\":"
      "\"*** x\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":"
      "\"ok\"}],\"tools\":[{\"type\":\"function\",\"function\":{\"name\":"
      "\"f\",\"description\":\"d\",\"parameters\":{\"type\":\"object\"},"
      "\"strict\":true}},{\"type\":\"custom\",\"custom\":{\"name\":\"patch\","
      "\"format\":{\"type\":\"text\"}}}],\"tool_choice\":{\"type\":"
      "\"function\",\"function\":{\"name\":\"f\"}},\"parallel_tool_calls\":"
      "false,\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"
      "{\"name\":\"s\",\"schema\":{\"type\":\"object\"},\"strict\":true}},"
      "\"reasoning_effort\":\"low\",\"verbosity\":\"low\"}",
      "custom tools, a schema and an effort have a chat's own form" },

    { RESPONSES, OPENAI,
      "{\"input\":[{\"type\":\"additional_tools\",\"role\":\"developer\","
      "\"tools\":[{\"type\":\"function\",\"name\":\"g\"}]},{\"role\":"
      "\"user\",\"content\":\"a\"}],\"tools\":[{\"type\":\"function\","
      "\"name\":\"f\"}],\"tool_choice\":{\"type\":\"web_search\"}}",
      "!tool_choice has no place in a chat request of OpenAI's API",
      "a provider's own tool is no choice elsewhere" },

    { RESPONSES, ANTHROPIC,
      "{\"input\":\"a\",\"previous_response_id\":\"resp_1\"}",
      "!previous_response_id has no place in a request of Anthropic's API",
      "what a provider keeps is refused by its name" },

    { RESPONSES, ANTHROPIC,
      "{\"input\":[{\"type\":\"item_reference\",\"id\":\"x\"},"
      "{\"role\":\"user\",\"content\":\"a\"}]}",
      "!item_reference has no place in a request of Anthropic's API",
      "an item that only OpenAI has is refused by its name" },

    { RESPONSES, ANTHROPIC, "{\"input\":[7]}",
      "!each item of \"input\" must be an object", "an item is an object" },

    { RESPONSES, ANTHROPIC, "{\"input\":[{\"role\":\"x\"}]}",
      "!\"x\" is no role of a message: there are system, developer, user and "
      "assistant", "a role is known" },

    { RESPONSES, ANTHROPIC,
      "{\"input\":\"a\",\"text\":{\"format\":{\"type\":\"grammar\"}}}",
      "!\"text.format\" must be text, json_object or json_schema",
      "a format is known" },

    { RESPONSES, ANTHROPIC, "{\"input\":\"a\",\"reasoning\":{\"effort\":7}}",
      "!\"reasoning.effort\" must be none, minimal, low, medium, high, xhigh "
      "or max", "an effort is known" },

    { COMPLETIONS, OPENAI,
      "{\"model\":\"x\",\"prompt\":\"Once\",\"max_tokens\":5,\"echo\":false,"
      "\"best_of\":1,\"suffix\":null,\"stop\":[\".\"]}",
      "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
      "\"Once\"}],\"max_tokens\":5,\"stop\":[\".\"]}",
      "one prompt is what a user says" },

    { COMPLETIONS, OPENAI, "{\"prompt\":[\"a\",\"b\"]}",
      "!prompt has no place in a chat request of OpenAI's API",
      "several are no conversation" },

    { COMPLETIONS, OPENAI, "{\"prompt\":\"a\",\"suffix\":\"b\"}",
      "!suffix has no place in a chat request of OpenAI's API",
      "a suffix has none" },

    { COMPLETIONS, OPENAI, "{\"prompt\":{}}",
      "!\"prompt\" must be a string, a list of strings or lists of tokens",
      "a prompt is a text" },

    { EMBEDDINGS, OPENAI, "{\"input\":\"a\"}",
      "!input has no place in a chat request of OpenAI's API",
      "what is to be a vector is no conversation" }
};


static void
test_throughs(void)
{
    size_t         i;
    soma_str_t     got;
    soma_arena_t  *arena;

    for (i = 0; i < sizeof(throughs) / sizeof(throughs[0]); i++) {

        arena = soma_test_arena();

        memset(&inner_loss, 0, sizeof(inner_loss));
        inner_loss.max_tokens = 4096;

        got = inner_through(arena, throughs[i].from, throughs[i].to,
                            (soma_str_t) { strlen(throughs[i].body),
                                (unsigned char *) throughs[i].body });

        soma_is_str(got.data, got.len, throughs[i].want, "%s",
                    throughs[i].text);

        soma_test_arena_free(arena);
    }
}


/* an answer's events, or a whole one, in pieces */

#define HEAD  "{\"id\":\"c1\",\"model\":\"gpt\",\"choices\":[{\"index\":0,"

typedef struct {
    dialect_e    from;
    unsigned     stream;
    const char  *events[EVENTS_MAX];
    const char  *want;          /* of the last event, or the whole answer */
    const char  *types;         /* of the events, in short */
    const char  *text;
} answer_t;


#define RESPONSE(id, model, status, error, output, usage)                     \
    "{\"id\":\"resp_" id "\",\"object\":\"response\",\"created_at\":1,"       \
    "\"status\":\"" status "\"," error ",\"instructions\":null,"              \
    "\"max_output_tokens\":null,\"model\":\"" model "\",\"output\":["         \
    output "],\"parallel_tool_calls\":true,\"previous_response_id\":null,"    \
    "\"store\":false,\"temperature\":1,\"text\":{\"format\":{\"type\":"       \
    "\"text\"}},\"tool_choice\":\"auto\",\"tools\":[],\"top_p\":1,"           \
    "\"truncation\":\"disabled\",\"usage\":" usage ",\"user\":null,"          \
    "\"metadata\":{}}"

#define GOOD  "\"error\":null,\"incomplete_details\":null"

#define USAGE(in, cached, out, think, total)                                  \
    "{\"input_tokens\":" in ",\"input_tokens_details\":{\"cached_tokens\":"   \
    cached ",\"cache_write_tokens\":0},\"output_tokens\":" out                \
    ",\"output_tokens_details\":"                                             \
    "{\"reasoning_tokens\":" think "},\"total_tokens\":" total "}"

#define LAST(type, n, response)                                               \
    "{\"type\":\"response." type "\",\"sequence_number\":" n                  \
    ",\"response\":" response "}"

#define MESSAGE(id, status, parts)                                            \
    "{\"id\":\"msg_" id "\",\"type\":\"message\",\"status\":\"" status "\","  \
    "\"role\":\"assistant\",\"content\":[" parts "]}"

#define TEXT(text)                                                            \
    "{\"type\":\"output_text\",\"text\":\"" text "\",\"annotations\":[],"     \
    "\"logprobs\":[]}"


static const answer_t  answers[] = {

    { OPENAI, 1,
      { HEAD "\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}",
        HEAD "\"delta\":{\"reasoning_content\":\"hm\"}}]}",
        HEAD "\"delta\":{\"content\":\"a\\ud83d\"}}]}",
        HEAD "\"delta\":{\"content\":\"\\ude00b\"}}]}",
        HEAD "\"delta\":{},\"finish_reason\":\"stop\"}]}",
        "{\"id\":\"c1\",\"choices\":[],\"usage\":{\"prompt_tokens\":10,"
        "\"completion_tokens\":5,\"total_tokens\":15,"
        "\"prompt_tokens_details\":{\"cached_tokens\":4}}}",
        "[DONE]" },
      LAST("completed", "15",
           RESPONSE("c1", "gpt", "completed", GOOD,
                    "{\"id\":\"rs_c1\",\"type\":\"reasoning\",\"summary\":["
                    "{\"type\":\"summary_text\",\"text\":\"hm\"}]},"
                    MESSAGE("c1_1", "completed", TEXT("a\\ud83d\\ude00b")),
                    USAGE("10", "4", "5", "0", "15"))),
      "created in_progress output_item.added reasoning_summary_part.added "
      "reasoning_summary_text.delta reasoning_summary_text.done "
      "reasoning_summary_part.done output_item.done output_item.added "
      "content_part.added output_text.delta output_text.delta "
      "output_text.done content_part.done output_item.done completed",
      "reasoning and words are items, and a cut character waits" },

    { OPENAI, 1,
      { HEAD "\"delta\":{\"content\":\"so\"}}]}",
        HEAD "\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"x\","
             "\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}}]}",
        HEAD "\"delta\":{\"tool_calls\":[{\"index\":1,\"id\":\"y\","
             "\"function\":{\"name\":\"g\",\"arguments\":\"{\\\"b\\\"\"}}]}}]}",
        HEAD "\"delta\":{\"tool_calls\":[{\"index\":1,\"function\":"
             "{\"arguments\":\":1}\"}}]}}]}",
        HEAD "\"delta\":{},\"finish_reason\":\"tool_calls\"}]}", "[DONE]" },
      LAST("completed", "17",
           RESPONSE("c1", "gpt", "completed", GOOD,
                    MESSAGE("c1", "completed", TEXT("so")) ","
                    "{\"id\":\"fc_c1_1\",\"type\":\"function_call\","
                    "\"status\":\"completed\",\"call_id\":\"x\",\"name\":"
                    "\"f\",\"arguments\":\"{}\"},"
                    "{\"id\":\"fc_c1_2\",\"type\":\"function_call\","
                    "\"status\":\"completed\",\"call_id\":\"y\",\"name\":"
                    "\"g\",\"arguments\":\"{\\\"b\\\":1}\"}",
                    USAGE("0", "0", "0", "0", "0"))),
      NULL, "calls are items, and one without arguments has an object" },

    { OPENAI, 1,
      { HEAD "\"delta\":{\"content\":\"cut\"}}]}",
        HEAD "\"delta\":{},\"finish_reason\":\"length\"}]}", "[DONE]" },
      LAST("incomplete", "8",
           RESPONSE("c1", "gpt", "incomplete",
                    "\"error\":null,\"incomplete_details\":{\"reason\":"
                    "\"max_output_tokens\"}",
                    MESSAGE("c1", "incomplete", TEXT("cut")),
                    USAGE("0", "0", "0", "0", "0"))),
      NULL, "an answer that came to its bound is incomplete" },

    { OPENAI, 1,
      { HEAD "\"delta\":{\"refusal\":\"no\"}}]}",
        HEAD "\"delta\":{},\"finish_reason\":\"content_filter\"}]}",
        "[DONE]" },
      LAST("incomplete", "8",
           RESPONSE("c1", "gpt", "incomplete",
                    "\"error\":null,\"incomplete_details\":{\"reason\":"
                    "\"content_filter\"}",
                    MESSAGE("c1", "incomplete",
                            "{\"type\":\"refusal\",\"refusal\":\"no\"}"),
                    USAGE("0", "0", "0", "0", "0"))),
      "created in_progress output_item.added content_part.added "
      "refusal.delta refusal.done content_part.done output_item.done "
      "incomplete",
      "a refusal is a part of a message" },

    { OPENAI, 1,
      { HEAD "\"delta\":{\"content\":\"a\"}}]}",
        "{\"error\":{\"message\":\"too \\\"much\\\"\",\"type\":"
        "\"rate_limit_error\",\"code\":\"rate_limit_exceeded\"}}",
        HEAD "\"delta\":{\"content\":\"b\"}}]}", "[DONE]" },
      LAST("failed", "6",
           RESPONSE("c1", "gpt", "failed",
                    "\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":"
                    "\"too \\\"much\\\"\"},\"incomplete_details\":null",
                    MESSAGE("c1", "incomplete", TEXT("a")), "null")),
      "created in_progress output_item.added content_part.added "
      "output_text.delta error failed",
      "an error in the stream is the last that is said" },

    { OPENAI, 1,
      { HEAD "\"delta\":{},\"finish_reason\":\"stop\"}]}", "[DONE]" },
      LAST("completed", "7",
           RESPONSE("c1", "gpt", "completed", GOOD,
                    MESSAGE("c1", "completed", TEXT("")),
                    USAGE("0", "0", "0", "0", "0"))),
      "created in_progress output_item.added content_part.added "
      "output_text.done content_part.done output_item.done completed",
      "an answer of nothing is a message" },

    { OPENAI, 1,
      { HEAD "\"delta\":{\"content\":\"a\"}}]}",
        HEAD "\"delta\":{\"annotations\":[{\"type\":\"url_citation\","
             "\"url_citation\":{\"url\":\"http://x\",\"title\":\"t\","
             "\"start_index\":0,\"end_index\":1}}]}}]}",
        HEAD "\"delta\":{},\"finish_reason\":\"stop\"}]}", "[DONE]" },
      LAST("completed", "9",
           RESPONSE("c1", "gpt", "completed", GOOD,
                    MESSAGE("c1", "completed",
                            "{\"type\":\"output_text\",\"text\":\"a\","
                            "\"annotations\":[{\"type\":\"url_citation\","
                            "\"start_index\":0,\"end_index\":1,\"url\":"
                            "\"http://x\",\"title\":\"t\"}],"
                            "\"logprobs\":[]}"),
                    USAGE("0", "0", "0", "0", "0"))),
      NULL, "a page of the web is an annotation" },

    { ANTHROPIC, 1,
      { "{\"type\":\"message_start\",\"message\":{\"id\":\"m1\",\"model\":"
        "\"claude\",\"usage\":{\"input_tokens\":3,"
        "\"cache_read_input_tokens\":2,\"output_tokens\":1}}}",
        "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":"
        "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}",
        "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
        "\"thinking_delta\",\"thinking\":\"h\"}}",
        "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
        "\"signature_delta\",\"signature\":\"SIG\"}}",
        "{\"type\":\"content_block_stop\",\"index\":0}",
        "{\"type\":\"content_block_start\",\"index\":1,\"content_block\":"
        "{\"type\":\"redacted_thinking\",\"data\":\"RED\"}}",
        "{\"type\":\"content_block_stop\",\"index\":1}",
        "{\"type\":\"content_block_start\",\"index\":2,\"content_block\":"
        "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{}}}",
        "{\"type\":\"ping\"}",
        "{\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":"
        "\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":1}\"}}",
        "{\"type\":\"content_block_stop\",\"index\":2}",
        "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
        "\"tool_use\"},\"usage\":{\"output_tokens\":8}}",
        "{\"type\":\"message_stop\"}" },
      LAST("completed", "14",
           RESPONSE("m1", "claude", "completed", GOOD,
                    "{\"id\":\"rs_m1\",\"type\":\"reasoning\",\"summary\":["
                    "{\"type\":\"summary_text\",\"text\":\"h\"}],"
                    "\"encrypted_content\":\"soma1|s|anthropic|SIG\"},"
                    "{\"id\":\"rs_m1_1\",\"type\":\"reasoning\",\"summary\":"
                    "[],\"encrypted_content\":\"soma1|o|anthropic|RED\"},"
                    "{\"id\":\"fc_m1_2\",\"type\":\"function_call\","
                    "\"status\":\"completed\",\"call_id\":\"t\",\"name\":"
                    "\"f\",\"arguments\":\"{\\\"a\\\":1}\"}",
                    USAGE("5", "2", "8", "0", "13"))),
      NULL, "a signature says whose it is" },

    { OPENAI, 0,
      { "{\"id\":\"c1\",\"model\":\"gpt\",\"choices\":[{\"index\":0,"
        "\"message\":{\"reasoning_content\":\"h\",\"content\":\"a\\n\","
        "\"tool_calls\":[{\"id\":\"t\",\"type\":\"function\",\"function\":"
        "{\"name\":\"f\",\"arguments\":\"{}\"}}]},\"finish_reason\":"
        "\"tool_calls\"}],\"usage\":{\"prompt_tokens\":5,"
        "\"completion_tokens\":4,\"total_tokens\":9,"
        "\"completion_tokens_details\":{\"reasoning_tokens\":3}}}" },
      RESPONSE("c1", "gpt", "completed", GOOD,
               "{\"id\":\"rs_c1\",\"type\":\"reasoning\",\"summary\":["
               "{\"type\":\"summary_text\",\"text\":\"h\"}]},"
               MESSAGE("c1_1", "completed", TEXT("a\\n")) ","
               "{\"id\":\"fc_c1_2\",\"type\":\"function_call\",\"status\":"
               "\"completed\",\"call_id\":\"t\",\"name\":\"f\","
               "\"arguments\":\"{}\"}",
               USAGE("5", "0", "4", "3", "9")),
      NULL, "a whole answer has its items in order" }
};


/*
 * What a strict client relies on: each event's type stands on its line, too,
 * they are numbered, an item that was added is done, the pieces of a text
 * come to it, and the last event has all items as they were told.
 */

typedef struct {
    char         types[1024];
    yyjson_doc  *last;
    char         said[EVENTS_MAX][256];
    unsigned     added;
    unsigned     done;
    unsigned     n;
} told_t;


static void
hear_item(told_t *t, yyjson_doc *doc, const char *type)
{
    size_t       i;
    yyjson_val  *root, *v;

    root = yyjson_doc_get_root(doc);
    i = yyjson_get_uint(yyjson_obj_get(root, "output_index"));

    if (i >= EVENTS_MAX) {
        soma_ok(0, "an index of an item");
        return;
    }

    if (strcmp(type, "response.output_item.added") == 0) {
        soma_is_int(i, t->added++, "items are added in order");
        return;
    }

    if (strcmp(type, "response.output_item.done") == 0) {
        t->done++;
        return;
    }

    if (strstr(type, ".delta") != NULL) {
        strcat(t->said[i], yyjson_get_str(yyjson_obj_get(root, "delta")));
        return;
    }

    v = yyjson_obj_get(root, "text");
    v = v ? v : yyjson_obj_get(root, "arguments");
    v = v ? v : yyjson_obj_get(root, "refusal");

    if (v != NULL) {
        soma_is_str(yyjson_get_str(v), yyjson_get_len(v), t->said[i],
                    "the pieces come to the whole");
    }
}


static void
hear(told_t *t, const char *name, size_t name_len, const char *data,
    size_t len)
{
    yyjson_doc  *doc;
    yyjson_val  *root;
    const char  *type;

    doc = yyjson_read(data, len, 0);

    if (doc == NULL) {
        soma_ok(0, "an event that is no JSON: %.*s", (int) len, data);
        return;
    }

    root = yyjson_doc_get_root(doc);
    type = yyjson_get_str(yyjson_obj_get(root, "type"));

    soma_is_str(name, name_len, type, "the event's line says its type");
    soma_is_int(yyjson_get_sint(yyjson_obj_get(root, "sequence_number")),
                t->n++, "and its number");

    if (t->types[0] != '\0') {
        strcat(t->types, " ");
    }

    strcat(t->types, strcmp(type, "error") == 0 ? type : type + 9);

    if (yyjson_obj_get(root, "output_index") != NULL) {
        hear_item(t, doc, type);
    }

    yyjson_doc_free(t->last);
    t->last = doc;
}


static void
hear_all(const answer_t *a, soma_str_t got)
{
    size_t       n;
    told_t       t;
    yyjson_val  *output;
    const char  *p, *line, *end, *data, *last;

    memset(&t, 0, sizeof(told_t));

    end = (const char *) got.data + got.len;
    last = "";
    n = 0;

    for (p = (const char *) got.data; p < end; p = line + 3) {

        line = memchr(p, '\n', (size_t) (end - p));

        if (line == NULL || strncmp(p, "event: ", 7) != 0
            || strncmp(line + 1, "data: ", 6) != 0)
        {
            soma_ok(0, "an event of another form: %.*s", (int) (end - p), p);
            break;
        }

        data = line + 7;
        n = (size_t) (line - p) - 7;
        line = strstr(data, "\n\n") ? strstr(data, "\n\n") - 1 : end;
        last = data;

        hear(&t, p + 7, n, data, (size_t) (line + 1 - data));

        n = (size_t) (line + 1 - data);
    }

    soma_is_str(last, n, a->want, "%s", a->text);

    if (a->types != NULL) {
        soma_is_str(t.types, strlen(t.types), a->types,
                    "its events in their order");
    }

    output = yyjson_ptr_get(yyjson_doc_get_root(t.last), "/response/output");
    soma_is_int(yyjson_arr_size(output), t.added, "all items are in it");

    if (strstr(t.types, " failed") == NULL) {
        soma_is_int(t.done, t.added, "and all are done");
    }

    yyjson_doc_free(t.last);
}


static void
test_answers(void)
{
    size_t                 i, k;
    soma_str_t             got;
    soma_arena_t          *arena;
    static inner_answer_t  answer;

    for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {

        arena = soma_test_arena();

        inner_answer_init(&answer, arena, answers[i].from, RESPONSES,
                          answers[i].stream);

        for (k = 0; k < EVENTS_MAX && answers[i].events[k] != NULL; k++) {
            (void) inner_answer_take(&answer,
                                     (soma_str_t) {
                                         strlen(answers[i].events[k]),
                                         (unsigned char *)
                                         answers[i].events[k] });
        }

        (void) inner_answer_close(&answer);

        /* a null byte behind it */

        soma_pieces_char(&answer.out, '\0');
        soma_is_int(soma_pieces_whole(&answer.out, &got), SOMA_OK, "whole");
        got.len--;

        if (answers[i].stream) {
            hear_all(&answers[i], got);

        } else {
            soma_is_str(got.data, got.len, answers[i].want, "%s",
                        answers[i].text);
        }

        soma_test_arena_free(arena);
    }
}


/* what the inner form keeps that no other writer shows */

static void
test_read(void)
{
    int                  rc;
    const char          *error;
    soma_arena_t        *arena;
    soma_inner_block_t  *block;

    arena = soma_test_arena();

    rc = inner_read(arena, RESPONSES,
             SOMA_STR("{\"input\":[{\"type\":\"reasoning\",\"content\":["
                      "{\"type\":\"reasoning_text\",\"text\":\"a\"},"
                      "{\"type\":\"reasoning_text\",\"text\":\"b\"}],"
                      "\"summary\":[],\"encrypted_content\":\"gAAA\"},"
                      "{\"type\":\"reasoning\",\"summary\":[],"
                      "\"encrypted_content\":\"soma1|o|p\\/x:1|BB\"},"
                      "{\"type\":\"reasoning\",\"summary\":[],"
                      "\"encrypted_content\":\"soma1|o|broken\"},"
                      "{\"role\":\"assistant\",\"content\":\"so\"},"
                      "{\"type\":\"web_search_call\",\"id\":\"w\"}],"
                      "\"tools\":[{\"type\":\"web_search\"},{\"type\":"
                      "\"function\",\"name\":\"f\"}],\"tool_choice\":"
                      "{\"type\":\"allowed_tools\",\"mode\":\"required\","
                      "\"tools\":[{\"type\":\"function\",\"name\":\"f\"}]},"
                      "\"include\":[\"message.output_text.logprobs\"],"
                      "\"max_tool_calls\":3}"), &error);

    soma_is_int(rc, SOMA_OK, "a request");
    soma_is_int(inner_request.nturns, 1, "what an assistant did is one turn");

    block = inner_request.turns->blocks;
    soma_is_str(block->text.data, block->text.len, "a", "reasoning");
    soma_ok(block->opaque.data == NULL, "has its seal");

    block = block->next;
    soma_is_str(block->opaque.data, block->opaque.len, "gAAA",
                "at its end");
    soma_is_str(block->maker.data, block->maker.len, "openai",
                "which is OpenAI's where it does not say whose");

    block = block->next;
    soma_is_str(block->opaque.data, block->opaque.len, "BB",
                "another's is its maker's");
    soma_is_str(block->maker.data, block->maker.len, "p/x:1", "by its name");

    block = block->next;
    soma_ok(block->opaque.data == NULL && block->signature.data == NULL,
            "a broken one is nobody's");

    block = block->next;
    soma_is_int(block->kind, SOMA_INNER_TEXT, "then words");

    block = block->next;
    soma_is_int(block->kind, SOMA_INNER_OPAQUE, "then an item of OpenAI's");
    soma_is_str(block->type.data, block->type.len, "web_search_call",
                "by its type");

    soma_is_int(inner_request.tools[0].kind, SOMA_INNER_HOSTED,
                "a hosted tool");
    soma_is_int(inner_request.choice, SOMA_INNER_CHOICE_SOME, "some tools");
    soma_is_int(inner_request.must, 1, "one of which has to be called");
    soma_is_str(inner_request.member[SOMA_INNER_LOGPROBS].raw.data,
                inner_request.member[SOMA_INNER_LOGPROBS].raw.len, "true",
                "logprobs");
    soma_is_str(inner_request.other[0].name.data,
                inner_request.other[0].name.len, "max_tool_calls",
                "and what has no field");

    rc = inner_read(arena, COMPLETIONS,
                    SOMA_STR("{\"prompt\":[\"a\",[1,2]],\"logprobs\":2,"
                             "\"echo\":true}"), &error);
    soma_is_int(rc, SOMA_OK, "prompts");
    soma_is_int(inner_request.task, SOMA_INNER_PROMPTS, "are a task");
    soma_is_int(inner_request.nturns, 2, "each is a turn");

    block = inner_request.turns->next->blocks;
    soma_is_int(block->kind, SOMA_INNER_OPAQUE, "tokens are kept");
    soma_is_str(block->raw.data, block->raw.len, "[1,2]", "as they are");
    soma_is_str(inner_request.other[0].name.data,
                inner_request.other[0].name.len, "echo", "echo has no field");

    rc = inner_read(arena, EMBEDDINGS,
                    SOMA_STR("{\"input\":[7,8],\"dimensions\":3,"
                             "\"encoding_format\":\"base64\"}"), &error);
    soma_is_int(rc, SOMA_OK, "inputs");
    soma_is_int(inner_request.task, SOMA_INNER_INPUTS, "are a task");
    soma_is_int(inner_request.nturns, 1, "numbers are one of them");
    soma_is_int(inner_request.base64, 1, "vectors as base64");
    soma_is_str(inner_request.other[0].name.data,
                inner_request.other[0].name.len, "dimensions",
                "dimensions have no field");

    soma_test_arena_free(arena);
}


/* a provider's bytes, however they are cut, through the dialect's functions */

typedef struct {
    soma_writer_t   writer;
    soma_decoder_t  decoder;
    soma_ask_t      ask;
    soma_pieces_t   out;
} cut_t;


static int
cut_sink(void *data, const soma_inner_event_t *event)
{
    cut_t  *c = data;

    return soma_openai.write(&c->writer, &c->out, event);
}


static soma_str_t
cut_answer(soma_arena_t *arena, soma_api_e api, const char *bytes, size_t n)
{
    int                rc;
    cut_t              c;
    size_t             pos, len, end, used;
    soma_str_t         got;
    soma_sse_t         sse;
    soma_sse_event_t   e;

    memset(&c, 0, sizeof(cut_t));
    memset(&sse, 0, sizeof(soma_sse_t));

    sse.arena = arena;

    c.ask.api = api;
    c.ask.stream = 1;
    c.ask.max_tokens = -1;
    c.writer.arena = arena;
    c.writer.ask = &c.ask;
    c.writer.id = SOMA_STR("i");
    c.writer.model = SOMA_STR("m");
    c.writer.created = 1;
    c.writer.cost = -1;
    c.decoder.arena = arena;
    c.decoder.api = SOMA_API_CHAT;
    c.decoder.sink = cut_sink;
    c.decoder.data = &c;
    soma_pieces_init(&c.out, arena);

    len = strlen(bytes);

    for (pos = 0; pos < len; pos = end) {

        end = (len - pos < n) ? len : pos + n;

        while (pos < end) {
            rc = soma_sse_feed(&sse, (const unsigned char *) bytes + pos,
                               end - pos, &used, &e);
            pos += used;

            if (rc == SOMA_OK) {
                (void) soma_openai.read_event(&c.decoder, &e);
            }

            if (rc == SOMA_AGAIN) {
                break;
            }
        }
    }

    (void) soma_openai.read_end(&c.decoder);

    if (soma_pieces_whole(&c.out, &got) != SOMA_OK) {
        return SOMA_STR("no memory");
    }

    return got;
}


static void
test_cut(void)
{
    size_t         i, n;
    soma_str_t     whole, got;
    soma_arena_t  *arena;

    static const soma_api_e  apis[] = {
        SOMA_API_CHAT, SOMA_API_COMPLETIONS, SOMA_API_RESPONSES
    };

    static const char  bytes[] =
        "data: " HEAD "\"delta\":{\"role\":\"assistant\"}}]}\n\n"
        ": comment\n\n"
        "data: " HEAD "\"delta\":{\"reasoning\":\"h\\ud83d\"}}]}\r\n\r\n"
        "data: " HEAD "\"delta\":{\"reasoning\":\"\\ude00\"}}]}\n\n"
        "data: " HEAD "\"delta\":{\"content\":\"Caf\xc3\xa9 \\u4e2d\"}}]}\n\n"
        "data: " HEAD "\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"x\","
        "\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\"}}]}}]}\n\n"
        "data: " HEAD "\"delta\":{\"tool_calls\":[{\"index\":0,"
        "\"function\":{\"arguments\":\"\\\":\\\"\\\\ud83d\"}}]}}]}\n\n"
        "data: " HEAD "\"delta\":{\"tool_calls\":[{\"index\":0,"
        "\"function\":{\"arguments\":\"\\\"}\"}}]}}]}\n\n"
        "data: " HEAD "\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n"
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,"
        "\"completion_tokens\":4,\"total_tokens\":7}}\n\n"
        "data: [DONE]\n\n";

    for (i = 0; i < sizeof(apis) / sizeof(apis[0]); i++) {

        arena = soma_test_arena();
        whole = cut_answer(arena, apis[i], bytes, sizeof(bytes));

        soma_ok(whole.len > 100, "an answer");

        for (n = 1; n < 40; n++) {
            got = cut_answer(arena, apis[i], bytes, n);

            if (got.len != whole.len
                || memcmp(got.data, whole.data, got.len) != 0)
            {
                break;
            }
        }

        soma_is_int(n, 40, "is the same however it is cut");

        soma_test_arena_free(arena);
    }

    arena = soma_test_arena();
    got = cut_answer(arena, SOMA_API_COMPLETIONS,
                     "data: " HEAD "\"delta\":{\"content\":\"a\"}}]}\n\n"
                     "data: " HEAD "\"delta\":{\"refusal\":\"b\"}}]}\n\n"
                     "data: " HEAD "\"delta\":{},\"finish_reason\":"
                     "\"length\"}]}\n\ndata: [DONE]\n\n", 5);
    soma_is_str(got.data, got.len,
                "data: {\"id\":\"c1\",\"object\":\"text_completion\","
                "\"created\":1,\"model\":\"gpt\",\"choices\":[{\"index\":0,"
                "\"text\":\"a\",\"logprobs\":null,\"finish_reason\":null}]}"
                "\n\n"
                "data: {\"id\":\"c1\",\"object\":\"text_completion\","
                "\"created\":1,\"model\":\"gpt\",\"choices\":[{\"index\":0,"
                "\"text\":\"\",\"logprobs\":null,\"finish_reason\":"
                "\"length\"}]}\n\ndata: [DONE]\n\n",
                "a completion has text alone");
    soma_test_arena_free(arena);
}


/* no memory is an error, whenever it ends */

static void
test_memory(void)
{
    size_t                 i, k, n;
    unsigned               failed;
    soma_str_t             got;
    soma_arena_t          *arena;
    static inner_answer_t  answer;

    for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        for (n = 1; n < 400; n++) {

            arena = soma_test_arena();
            failed = 0;

            inner_answer_init(&answer, arena, answers[i].from, RESPONSES,
                              answers[i].stream);
            soma_test_arena_fail(arena, n);

            for (k = 0; k < EVENTS_MAX && answers[i].events[k] != NULL; k++) {
                failed |= inner_answer_take(&answer, (soma_str_t) {
                              strlen(answers[i].events[k]),
                              (unsigned char *) answers[i].events[k] })
                          != SOMA_OK;
            }

            failed |= soma_pieces_whole(&answer.out, &got) != SOMA_OK;
            soma_test_arena_free(arena);

            if (!failed) {
                break;
            }
        }

        soma_ok(n > 3 && n < 400, "then there is enough");
    }

    for (i = 0; i < sizeof(throughs) / sizeof(throughs[0]); i++) {
        for (n = 1; n < 40; n++) {
            arena = soma_test_arena();
            memset(&inner_loss, 0, sizeof(inner_loss));
            soma_test_arena_fail(arena, n);
            (void) inner_through(arena, throughs[i].from, throughs[i].to,
                                 (soma_str_t) { strlen(throughs[i].body),
                                     (unsigned char *) throughs[i].body });
            soma_test_arena_free(arena);
        }
    }
}


/* an answer of more than is kept, or of more parts, is declined */

static void
test_bounds(void)
{
    int                      rc;
    size_t                   i, size;
    soma_str_t               text;
    soma_arena_t            *arena;
    soma_pieces_t            out;
    soma_inner_event_t       event;
    soma_openai_responses_t  answer;

    arena = soma_test_arena();

    memset(&answer, 0, sizeof(answer));
    memset(&event, 0, sizeof(event));

    answer.arena = arena;
    answer.id = SOMA_STR("1");
    answer.model = SOMA_STR("m");
    soma_pieces_init(&out, arena);

    (void) soma_openai_responses_write(&answer, &out, &event);

    event.event = SOMA_INNER_BEGIN;
    (void) soma_openai_responses_write(&answer, &out, &event);

    size = 1024 * 1024;
    text.len = size;
    text.data = arena->alloc(arena->data, size);
    memset(text.data, 'x', size);

    event.event = SOMA_INNER_DELTA;
    event.text = text;
    rc = SOMA_OK;

    for (i = 0; i < 64 && rc == SOMA_OK; i++) {
        rc = soma_openai_responses_write(&answer, &out, &event);
    }

    soma_is_int(rc, SOMA_DECLINED, "words have a bound");
    soma_is_int(i - 1, SOMA_OPENAI_RESPONSES_MAX / size, "which is named");

    event.event = SOMA_INNER_BEGIN;
    rc = SOMA_OK;

    for (i = 0; i < 2 * SOMA_OPENAI_RESPONSES_PARTS && rc == SOMA_OK; i++) {
        event.block++;
        rc = soma_openai_responses_write(&answer, &out, &event);
    }

    soma_is_int(rc, SOMA_DECLINED, "parts, too");
    soma_test_arena_free(arena);
}


int
main(void)
{
    test_throughs();
    test_read();
    test_answers();
    test_cut();
    test_memory();
    test_bounds();

    return soma_done();
}
