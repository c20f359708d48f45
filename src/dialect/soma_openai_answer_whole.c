
/*
 * Copyright (C) The ngx_soma authors
 *
 * Writes whole answers of the chat and completions APIs out of the inner
 * form, and the usage of both kinds.
 */


#include "soma_openai_answer.h"
#include "soma_usage_cost.h"
#include "soma_write.h"


static void soma_openai_answer_choice(soma_openai_answer_t *answer,
    soma_pieces_t *out, unsigned choice);
static void soma_openai_answer_message(soma_openai_answer_t *answer,
    soma_pieces_t *out, unsigned choice);
static unsigned soma_openai_answer_words(soma_openai_answer_t *answer,
    soma_pieces_t *out, unsigned choice, soma_inner_kind_e kind,
    const char *name);
static unsigned soma_openai_answer_list(soma_openai_answer_t *answer,
    soma_pieces_t *out, unsigned choice, soma_inner_kind_e kind,
    const char *before);
static void soma_openai_answer_details(soma_openai_answer_t *answer,
    soma_pieces_t *out, unsigned choice);
static void soma_openai_answer_calls(soma_openai_answer_t *answer,
    soma_pieces_t *out, unsigned choice);


/* in the order of soma_inner_finish_e */
static const char *const  soma_openai_answer_reasons[] = {
    "stop", "stop", "tool_calls", "length", "length", "content_filter",
    "stop", "stop", "stop", "stop"
};


const char *
soma_openai_answer_reason(soma_openai_answer_t *answer,
    soma_inner_finish_e finish)
{
    if (answer->old && finish == SOMA_INNER_TOOL_CALLS) {
        return "function_call";
    }

    return soma_openai_answer_reasons[finish];
}


void
soma_openai_answer_whole(soma_openai_answer_t *answer, soma_pieces_t *out)
{
    unsigned  i;

    soma_pieces_char(out, '{');
    soma_write_quoted(out, "id", answer->id);
    soma_write_word(out, "object", answer->completions ? "text_completion"
                                                       : "chat.completion");
    soma_write_int(out, "created", answer->created);
    soma_write_quoted(out, "model", answer->model);
    soma_pieces_cstr(out, ",\"choices\":[");

    for (i = 0; i < answer->choices || i == 0; i++) {
        soma_openai_answer_choice(answer, out, i);
    }

    soma_pieces_cstr(out, "],\"usage\":");
    soma_openai_answer_usage(answer, out);
    soma_pieces_char(out, '}');
}


static void
soma_openai_answer_choice(soma_openai_answer_t *answer, soma_pieces_t *out,
    unsigned choice)
{
    soma_pieces_cstr(out, choice == 0 ? "{\"index\":" : ",{\"index\":");
    soma_pieces_int(out, choice);

    if (!answer->completions) {
        soma_openai_answer_message(answer, out, choice);

    } else if (soma_openai_answer_words(answer, out, choice, SOMA_INNER_TEXT,
                                        "text")
               == 0)
    {
        soma_pieces_cstr(out, ",\"text\":\"\"");
    }

    if (soma_openai_answer_list(answer, out, choice, SOMA_INNER_OPAQUE,
                                ",\"logprobs\":{\"content\":[")
        != 0)
    {
        soma_pieces_cstr(out, "],\"refusal\":null}");

    } else {
        soma_pieces_cstr(out, ",\"logprobs\":null");
    }

    soma_pieces_cstr(out, ",\"finish_reason\":\"");
    soma_pieces_cstr(out, soma_openai_answer_reason(answer,
                                                  answer->finish[choice]));
    soma_pieces_cstr(out, "\"}");
}


/* clients read content and refusal whether or not there is anything in them */

static void
soma_openai_answer_message(soma_openai_answer_t *answer, soma_pieces_t *out,
    unsigned choice)
{
    soma_pieces_cstr(out, ",\"message\":{\"role\":\"assistant\"");

    if (soma_openai_answer_words(answer, out, choice, SOMA_INNER_TEXT,
                                 "content")
        == 0)
    {
        soma_pieces_cstr(out, answer->calls[choice] != 0
                              ? ",\"content\":null" : ",\"content\":\"\"");
    }

    (void) soma_openai_answer_words(answer, out, choice,
                                    SOMA_INNER_REASONING,
                                    "reasoning_content");

    soma_openai_answer_details(answer, out, choice);

    if (soma_openai_answer_words(answer, out, choice, SOMA_INNER_REFUSAL,
                                 "refusal")
        == 0)
    {
        soma_pieces_cstr(out, ",\"refusal\":null");
    }

    if (soma_openai_answer_list(answer, out, choice,
                                SOMA_INNER_SEARCH_RESULT,
                                ",\"annotations\":[")
        != 0)
    {
        soma_pieces_char(out, ']');
    }

    if (soma_openai_answer_list(answer, out, choice, SOMA_INNER_IMAGE,
                                ",\"images\":[")
        != 0)
    {
        soma_pieces_char(out, ']');
    }

    soma_openai_answer_calls(answer, out, choice);

    soma_pieces_char(out, '}');
}


/* blocks of one kind are one string, with nothing in between; how many */

static unsigned
soma_openai_answer_words(soma_openai_answer_t *answer, soma_pieces_t *out,
    unsigned choice, soma_inner_kind_e kind, const char *name)
{
    unsigned             n;
    soma_str_t           text;
    soma_openai_open_t  *open;

    n = 0;

    for (open = answer->open; open; open = open->next) {

        if (open->choice != choice || open->kind != kind) {
            continue;
        }

        if (n++ == 0) {
            soma_write_name(out, name);
            soma_pieces_char(out, '"');
        }

        if (soma_pieces_whole(&open->text, &text) != SOMA_OK) {
            out->failed = 1;
            return n;
        }

        soma_pieces_str(out, text);
    }

    if (n != 0) {
        soma_pieces_char(out, '"');
    }

    return n;
}


/* what is kept of one kind, one behind the other, behind "before"; how many */

static unsigned
soma_openai_answer_list(soma_openai_answer_t *answer, soma_pieces_t *out,
    unsigned choice, soma_inner_kind_e kind, const char *before)
{
    unsigned             n;
    soma_openai_open_t  *open;

    n = 0;

    for (open = answer->open; open; open = open->next) {

        if (open->choice == choice && open->kind == kind
            && open->text.len != 0)
        {
            soma_pieces_cstr(out, n++ == 0 ? before : ",");
            soma_pieces_join(out, &open->text);
        }
    }

    return n;
}


static void
soma_openai_answer_details(soma_openai_answer_t *answer, soma_pieces_t *out,
    unsigned choice)
{
    unsigned             n;
    soma_openai_open_t  *open;

    n = 0;

    for (open = answer->open; open; open = open->next) {

        if (open->choice == choice && open->kind == SOMA_INNER_REASONING
            && open->sealed)
        {
            soma_pieces_cstr(out, n++ == 0 ? ",\"reasoning_details\":["
                                           : ",");
            soma_openai_answer_detail(open, out);
        }
    }

    soma_pieces_cstr(out, n != 0 ? "]" : "");
}


static void
soma_openai_answer_calls(soma_openai_answer_t *answer, soma_pieces_t *out,
    unsigned choice)
{
    unsigned             custom;
    soma_str_t           text;
    soma_openai_open_t  *open;

    for (open = answer->open; open; open = open->next) {

        if (open->choice == choice && open->sealed) {
            soma_openai_answer_carry(answer, open);
        }

        if (open->choice != choice || open->kind != SOMA_INNER_CALL) {
            continue;
        }

        if (soma_pieces_whole(&open->text, &text) != SOMA_OK) {
            out->failed = 1;
            return;
        }

        custom = (open->tool == SOMA_INNER_CUSTOM);

        if (text.len == 0 && !custom) {
            text = SOMA_STR("{}");
        }

        if (answer->old) {
            soma_pieces_cstr(out, ",\"function_call\":{");
            soma_write_raw(out, "name", open->name);
            soma_write_text(out, "arguments", text);
            soma_pieces_char(out, '}');
            return;
        }

        soma_pieces_cstr(out, open->index == 0 ? ",\"tool_calls\":[{"
                                               : ",{");
        soma_openai_answer_id(answer, open, out);
        soma_write_word(out, "type", custom ? "custom" : "function");
        soma_write_name(out, custom ? "custom" : "function");
        soma_pieces_char(out, '{');
        soma_write_raw(out, "name", open->name);
        soma_write_text(out, custom ? "input" : "arguments", text);
        soma_pieces_char(out, '}');
        soma_openai_answer_extra(open, out);
        soma_pieces_char(out, '}');
    }

    if (answer->calls[choice] != 0) {
        soma_pieces_char(out, ']');
    }
}


void
soma_openai_answer_usage(soma_openai_answer_t *answer, soma_pieces_t *out)
{
    soma_out_t           cost;
    unsigned char        buf[SOMA_USAGE_COST_MAX];
    const soma_usage_t  *usage;

    usage = &answer->usage;

    soma_pieces_char(out, '{');
    soma_write_int(out, "prompt_tokens", usage->input_tokens);
    soma_write_int(out, "completion_tokens", usage->output_tokens);
    soma_write_int(out, "total_tokens",
                   usage->input_tokens + usage->output_tokens);
    soma_pieces_cstr(out, ",\"prompt_tokens_details\":{");
    soma_write_int(out, "cached_tokens", usage->cached_tokens);

    if (usage->cache_write_tokens != 0) {
        soma_write_int(out, "cache_write_tokens", usage->cache_write_tokens);
    }

    soma_pieces_cstr(out, "},\"completion_tokens_details\":{");
    soma_write_int(out, "reasoning_tokens", usage->reasoning_tokens);
    soma_pieces_char(out, '}');

    if (answer->stream && answer->cost >= 0) {
        soma_put_init(&cost, buf, sizeof(buf));
        soma_usage_cost_put(&cost, answer->cost);

        soma_pieces_char(out, ',');
        soma_pieces_put(out, buf, (size_t) (cost.pos - buf));
    }

    soma_pieces_char(out, '}');
}
