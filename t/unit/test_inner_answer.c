
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_inner_test.h"


#define EVENTS_MAX  24


typedef struct {
    dialect_e    from;
    dialect_e    to;
    unsigned     stream;
    const char  *events[EVENTS_MAX];
    const char  *want;
    const char  *text;
} answer_t;


#define START                                                                 \
    "event: message_start\n"                                                  \
    "data: {\"type\":\"message_start\",\"message\":{\"id\":\"c1\","          \
    "\"type\":\"message\",\"role\":\"assistant\",\"model\":\"gpt\","        \
    "\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":"  \
    "{\"input_tokens\":9,\"cache_creation_input_tokens\":0,"                 \
    "\"cache_read_input_tokens\":0,\"output_tokens\":0}}}\n\n"

#define BEGIN(n, block)                                                       \
    "event: content_block_start\n"                                            \
    "data: {\"type\":\"content_block_start\",\"index\":" n                   \
    ",\"content_block\":" block "}\n\n"

#define DELTA(n, delta)                                                       \
    "event: content_block_delta\n"                                            \
    "data: {\"type\":\"content_block_delta\",\"index\":" n                   \
    ",\"delta\":" delta "}\n\n"

#define CLOSE(n)                                                              \
    "event: content_block_stop\n"                                             \
    "data: {\"type\":\"content_block_stop\",\"index\":" n "}\n\n"

#define TEXT      "{\"type\":\"text\",\"text\":\"\"}"
#define THINKING  "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}"

#define FINISH(reason, usage)                                                 \
    "event: message_delta\n"                                                  \
    "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"" reason \
    "\",\"stop_sequence\":null},\"usage\":" usage "}\n\n"                     \
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"

#define NO_USAGE                                                              \
    "{\"input_tokens\":9,\"cache_creation_input_tokens\":0,"                 \
    "\"cache_read_input_tokens\":0,\"output_tokens\":0}"

#define HEAD  "{\"id\":\"c1\",\"model\":\"gpt\",\"choices\":[{\"index\":0,"


static const answer_t  answers[] = {

    { OPENAI, ANTHROPIC, 1,
      { HEAD "\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}",
        HEAD "\"delta\":{\"reasoning_content\":\"hm\"}}]}",
        HEAD "\"delta\":{\"content\":\"a\\ud83d\"}}]}",
        HEAD "\"delta\":{\"content\":\"\\ude00b\"}}]}",
        HEAD "\"delta\":{},\"finish_reason\":\"stop\"}]}",
        "{\"id\":\"c1\",\"choices\":[],\"usage\":{\"prompt_tokens\":10,"
        "\"completion_tokens\":5,\"total_tokens\":15,"
        "\"prompt_tokens_details\":{\"cached_tokens\":4}}}",
        "[DONE]" },
      START BEGIN("0", THINKING)
      DELTA("0", "{\"type\":\"thinking_delta\",\"thinking\":\"hm\"}")
      CLOSE("0") BEGIN("1", TEXT)
      DELTA("1", "{\"type\":\"text_delta\",\"text\":\"a\"}")
      DELTA("1", "{\"type\":\"text_delta\",\"text\":\"\\ud83d\\ude00b\"}")
      CLOSE("1")
      FINISH("end_turn", "{\"input_tokens\":6,"
             "\"cache_creation_input_tokens\":0,"
             "\"cache_read_input_tokens\":4,\"output_tokens\":5}"),
      "reasoning and words are blocks, and a cut character waits" },

    { OPENAI, ANTHROPIC, 1,
      { HEAD "\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"x\","
             "\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}}]}",
        HEAD "\"delta\":{\"tool_calls\":[{\"index\":1,\"id\":\"y\","
             "\"function\":{\"arguments\":\"{\\\"b\\\"\"}}]}}]}",
        HEAD "\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":"
             "{\"name\":\"f\",\"arguments\":\"{}\"}}]}}]}",
        HEAD "\"delta\":{\"tool_calls\":[{\"index\":1,\"function\":"
             "{\"name\":\"g\",\"arguments\":\":1}\"}}]}}]}",
        HEAD "\"delta\":{},\"finish_reason\":\"stop\"}]}", "[DONE]" },
      START
      BEGIN("0", "{\"type\":\"tool_use\",\"id\":\"x\",\"name\":\"f\","
            "\"input\":{}}")
      DELTA("0", "{\"type\":\"input_json_delta\",\"partial_json\":\"{}\"}")
      CLOSE("0")
      BEGIN("1", "{\"type\":\"tool_use\",\"id\":\"y\",\"name\":\"g\","
            "\"input\":{}}")
      DELTA("1", "{\"type\":\"input_json_delta\",\"partial_json\":"
            "\"{\\\"b\\\":1}\"}")
      CLOSE("1") FINISH("tool_use", NO_USAGE),
      "mixed calls come one after the other, and a name may come late" },

    { OPENAI, ANTHROPIC, 1,
      { HEAD "\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"x\","
             "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}},"
             "{\"index\":0,\"id\":\"y\",\"function\":{\"name\":\"g\"}}]}}]}",
        HEAD "\"delta\":{\"tool_calls\":[{\"function\":{\"arguments\":"
             "\"{\\\"a\\\":2}\"}}]},\"finish_reason\":\"tool_calls\"}]}" },
      START
      BEGIN("0", "{\"type\":\"tool_use\",\"id\":\"x\",\"name\":\"f\","
            "\"input\":{}}")
      DELTA("0", "{\"type\":\"input_json_delta\",\"partial_json\":\"{}\"}")
      CLOSE("0")
      BEGIN("1", "{\"type\":\"tool_use\",\"id\":\"y\",\"name\":\"g\","
            "\"input\":{}}")
      DELTA("1", "{\"type\":\"input_json_delta\",\"partial_json\":"
            "\"{\\\"a\\\":2}\"}")
      CLOSE("1") FINISH("tool_use", NO_USAGE),
      "calls of one number are told apart by their ids, and one without "
      "either is the last; [DONE] may be missing" },

    { OPENAI, ANTHROPIC, 1,
      { HEAD "\"delta\":{\"content\":\"a\"}}]}",
        "{\"error\":{\"message\":\"too much\",\"type\":\"rate_limit_error\"}}",
        HEAD "\"delta\":{\"content\":\"b\"}}]}", "[DONE]" },
      START BEGIN("0", TEXT)
      DELTA("0", "{\"type\":\"text_delta\",\"text\":\"a\"}")
      "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"
      "\"rate_limit_error\",\"message\":\"too much\"}}\n\n",
      "an error in the stream is the last that is said" },

    { ANTHROPIC, OPENAI, 1,
      { "{\"type\":\"message_start\",\"message\":{\"id\":\"m1\",\"model\":"
        "\"claude\",\"usage\":{\"input_tokens\":3,"
        "\"cache_read_input_tokens\":2,\"output_tokens\":1}}}",
        "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":"
        "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{}}}",
        "{\"type\":\"ping\"}",
        "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
        "\"input_json_delta\",\"partial_json\":\"\"}}",
        "{\"type\":\"content_block_stop\",\"index\":0}",
        "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
        "\"tool_use\"},\"usage\":{\"output_tokens\":8}}",
        "{\"type\":\"message_stop\"}" },
      "data: {\"id\":\"m1\",\"object\":\"chat.completion.chunk\",\"created\":"
      "1,\"model\":\"claude\",\"choices\":[{\"index\":0,\"delta\":{\"role\":"
      "\"assistant\",\"content\":\"\"},\"logprobs\":null,\"finish_reason\":"
      "null}]}\n\n"
      "data: {\"id\":\"m1\",\"object\":\"chat.completion.chunk\",\"created\":"
      "1,\"model\":\"claude\",\"choices\":[{\"index\":0,\"delta\":"
      "{\"tool_calls\":[{\"index\":0,\"id\":\"t\",\"type\":\"function\","
      "\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]},\"logprobs\":null,"
      "\"finish_reason\":null}]}\n\n"
      "data: {\"id\":\"m1\",\"object\":\"chat.completion.chunk\",\"created\":"
      "1,\"model\":\"claude\",\"choices\":[{\"index\":0,\"delta\":"
      "{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{}\"}}]},"
      "\"logprobs\":null,\"finish_reason\":null}]}\n\n"
      "data: {\"id\":\"m1\",\"object\":\"chat.completion.chunk\",\"created\":"
      "1,\"model\":\"claude\",\"choices\":[{\"index\":0,\"delta\":{},"
      "\"logprobs\":null,\"finish_reason\":\"tool_calls\"}]}\n\n"
      "data: [DONE]\n\n",
      "a call without arguments has those of an empty object" },

    { ANTHROPIC, ANTHROPIC, 0,
      { "{\"id\":\"c1\",\"type\":\"message\",\"model\":\"gpt\",\"content\":["
        "{\"type\":\"thinking\",\"thinking\":\"h\",\"signature\":\"s\"},"
        "{\"type\":\"redacted_thinking\",\"data\":\"R\"},"
        "{\"type\":\"text\",\"text\":\"a\",\"citations\":[{\"type\":"
        "\"char_location\"}]},{\"type\":\"tool_use\",\"id\":\"t\",\"name\":"
        "\"f\",\"input\":{\"x\": 1.0}}],\"stop_reason\":\"stop_sequence\","
        "\"stop_sequence\":\"END\",\"usage\":{\"input_tokens\":1,"
        "\"cache_creation_input_tokens\":2,\"cache_read_input_tokens\":3,"
        "\"output_tokens\":4}}" },
      "{\"id\":\"c1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":"
      "\"gpt\",\"content\":["
      "{\"type\":\"thinking\",\"thinking\":\"h\",\"signature\":\"s\"},"
      "{\"type\":\"redacted_thinking\",\"data\":\"R\"},"
      "{\"type\":\"text\",\"text\":\"a\",\"citations\":[{\"type\":"
      "\"char_location\"}]},{\"type\":\"tool_use\",\"id\":\"t\",\"name\":"
      "\"f\",\"input\":{\"x\": 1.0}}],\"stop_reason\":\"stop_sequence\","
      "\"stop_sequence\":\"END\",\"usage\":{\"input_tokens\":1,"
      "\"cache_creation_input_tokens\":2,\"cache_read_input_tokens\":3,"
      "\"output_tokens\":4}}",
      "a message comes back whole, numbers as they stood" },

    { OPENAI, ANTHROPIC, 0,
      { "{\"id\":\"c1\",\"model\":\"gpt\",\"choices\":[{\"index\":0,"
        "\"message\":{\"content\":[{\"type\":\"thinking\",\"thinking\":["
        "{\"type\":\"text\",\"text\":\"h\"}]},{\"type\":\"text\",\"text\":"
        "\"a\"}],\"tool_calls\":null},\"finish_reason\":\"length\"}],"
        "\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2,"
        "\"total_tokens\":10,\"completion_tokens_details\":"
        "{\"reasoning_tokens\":3}}}" },
      "{\"id\":\"c1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":"
      "\"gpt\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"h\","
      "\"signature\":\"\"},{\"type\":\"text\",\"text\":\"a\"}],"
      "\"stop_reason\":\"max_tokens\",\"stop_sequence\":null,\"usage\":"
      "{\"input_tokens\":5,\"cache_creation_input_tokens\":0,"
      "\"cache_read_input_tokens\":0,\"output_tokens\":5,"
      "\"output_tokens_details\":{\"thinking_tokens\":3}}}",
      "parts are read, and reasoning beside the completion is counted" },

    { ANTHROPIC, OPENAI, 0,
      { "{\"id\":\"m1\",\"type\":\"message\",\"model\":\"claude\","
        "\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":"
        "\"server_tool_use\",\"id\":\"s\"},{\"type\":\"text\",\"text\":"
        "\"b\"}],\"stop_reason\":\"refusal\",\"usage\":{\"input_tokens\":1,"
        "\"output_tokens\":-4}}" },
      "{\"id\":\"m1\",\"object\":\"chat.completion\",\"created\":1,"
      "\"model\":\"claude\",\"choices\":[{\"index\":0,\"message\":{\"role\":"
      "\"assistant\",\"content\":\"ab\",\"refusal\":null},\"logprobs\":null,"
      "\"finish_reason\":\"content_filter\"}],\"usage\":{\"prompt_tokens\":1,"
      "\"completion_tokens\":0,\"total_tokens\":1,\"prompt_tokens_details\":"
      "{\"cached_tokens\":0},\"completion_tokens_details\":"
      "{\"reasoning_tokens\":0}}}",
      "a refusal is no plain stop, and a count below nothing is none" }
};


static void
run(inner_answer_t *answer, const answer_t *a)
{
    size_t  i;

    for (i = 0; i < EVENTS_MAX && a->events[i] != NULL; i++) {
        (void) inner_answer_take(answer, str(a->events[i]));
    }

    (void) inner_answer_close(answer);
}


static void
test_answers(void)
{
    size_t                  i;
    soma_str_t              got;
    soma_arena_t           *arena;
    static inner_answer_t   answer;

    for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        arena = soma_test_arena();

        inner_answer_init(&answer, arena, answers[i].from, answers[i].to,
                          answers[i].stream);
        run(&answer, &answers[i]);

        (void) soma_pieces_whole(&answer.out, &got);
        soma_is_str(got.data, got.len, answers[i].want, "%s",
                    answers[i].text);

        soma_test_arena_free(arena);
    }
}


static void
test_failures(void)
{
    soma_arena_t           *arena;
    static inner_answer_t   answer;

    arena = soma_test_arena();

    inner_answer_init(&answer, arena, ANTHROPIC, OPENAI, 0);
    (void) inner_answer_take(&answer, str("{\"type\":\"error\",\"error\":"
                                          "{\"type\":\"overloaded_error\","
                                          "\"message\":\"busy\"}}"));
    soma_is_int(answer.status, 529, "an error in a 200 is told by its status");

    inner_answer_init(&answer, arena, OPENAI, ANTHROPIC, 0);
    (void) inner_answer_take(&answer, str("<html>"));
    soma_is_int(answer.status, 502, "an answer that is none is a bad gateway");

    inner_answer_init(&answer, arena, OPENAI, ANTHROPIC, 1);
    (void) inner_answer_take(&answer,
                             str(HEAD "\"delta\":{\"content\":\"a\"}}]}"));
    soma_ok(inner_answer_close(&answer) == SOMA_DECLINED
            && answer.ended == 0,
            "a stream that is cut has no end");

    inner_answer_init(&answer, arena, OPENAI, ANTHROPIC, 0);
    (void) inner_answer_take(&answer,
                             str(HEAD "\"message\":{\"tool_calls\":[{\"id\":"
                                 "\"x\",\"function\":{\"name\":\"f\","
                                 "\"arguments\":\"{oops\"}}]}}]}"));
    soma_ok(answer.to_anthropic.error != NULL,
            "a message has no call whose arguments are no JSON");

    soma_test_arena_free(arena);
}


/* a stream does not take more memory for being longer */

static void
test_memory(void)
{
    size_t                  i, bytes;
    soma_arena_t           *arena;
    static inner_answer_t   answer;

    arena = soma_test_arena();
    inner_answer_init(&answer, arena, OPENAI, ANTHROPIC, 1);
    bytes = 0;

    for (i = 0; i < 2000; i++) {
        (void) inner_answer_take(&answer,
                   str(HEAD "\"delta\":{\"reasoning\":\"r\\ud83d\"}}]}"));
        (void) inner_answer_take(&answer,
                   str(HEAD "\"delta\":{\"content\":\"c\"}}]}"));
        soma_pieces_reset(&answer.out);

        if (i == 100) {
            bytes = ((soma_test_arena_t *) arena->data)->bytes;
        }
    }

    soma_is_int((int64_t) ((soma_test_arena_t *) arena->data)->bytes,
                (int64_t) bytes, "2000 blocks take what 100 do");

    soma_test_arena_free(arena);
}


/* events left out, doubled, out of their order, cut and spoilt; and no
 * memory now and then */

static void
test_hostile(void)
{
    unsigned                n, i, rounds, k, bad;
    soma_str_t              data;
    const answer_t         *a;
    soma_arena_t           *arena;
    unsigned char          *copy;
    static inner_answer_t   answer;

    bad = 0;
    rounds = soma_valgrind() ? 20 : 2000;

    for (n = 0; n < rounds; n++) {
        a = &answers[n % (sizeof(answers) / sizeof(answers[0]))];
        arena = soma_test_arena();
        inner_answer_init(&answer, arena, a->from, (dialect_e) soma_any(2),
                          a->stream);

        if (n % 5 == 0) {
            soma_test_arena_fail(arena, 1 + soma_any(30));
        }

        for (i = 0; i < 12; i++) {
            for (k = 0; k < EVENTS_MAX && a->events[k] != NULL; k++) {
                /* void */
            }

            data = str(a->events[soma_any(k)]);

            copy = malloc(data.len);
            if (copy == NULL) {
                return;
            }

            memcpy(copy, data.data, data.len);
            data.data = copy;

            if (soma_any(3) == 0) {
                copy[soma_any((unsigned) data.len)] ^=
                                       (unsigned char) (1u << soma_any(8));
            }

            if (soma_any(4) == 0) {
                data.len = soma_any((unsigned) data.len);
            }

            (void) inner_answer_take(&answer, data);
            free(copy);
        }

        (void) inner_answer_close(&answer);

        bad += (answer.ended + answer.failed > 1);
        soma_test_arena_free(arena);
    }

    soma_is_int(bad, 0, "however events come, an answer ends once");
}


int
main(void)
{
    test_answers();
    test_failures();
    test_memory();
    test_hostile();

    return soma_done();
}
