
/*
 * Copyright (C) The ngx_soma authors
 *
 * Writes answers of the chat and completions APIs out of the inner form: what
 * each event is to a stream.
 */


#include "soma_openai_answer.h"
#include "soma_write.h"


static int soma_openai_answer_begin(soma_openai_answer_t *answer,
    const soma_inner_event_t *event);
static void soma_openai_answer_call(soma_openai_answer_t *answer,
    soma_openai_open_t *open, soma_pieces_t *out);
static int soma_openai_answer_delta(soma_openai_answer_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event);
static void soma_openai_answer_words(soma_openai_answer_t *answer,
    soma_openai_open_t *open, soma_pieces_t *out, soma_str_t text);
static void soma_openai_answer_close(soma_openai_answer_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event);
static void soma_openai_answer_late(soma_openai_answer_t *answer,
    soma_openai_open_t *open, soma_pieces_t *out);
static void soma_openai_answer_finish(soma_openai_answer_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event);
static int soma_openai_answer_failed(soma_openai_answer_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event);
static int soma_openai_answer_end(soma_openai_answer_t *answer,
    soma_pieces_t *out);
static soma_openai_open_t *soma_openai_answer_open(
    soma_openai_answer_t *answer, const soma_inner_event_t *event);
static soma_str_t soma_openai_answer_quote(soma_arena_t *arena,
    soma_str_t s);
static int soma_openai_answer_head(soma_openai_answer_t *answer);


int
soma_openai_answer_write(soma_openai_answer_t *answer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    int                  rc;
    soma_openai_open_t  *open;

    if (answer->done || answer->failed) {
        return SOMA_OK;
    }

    if (event->choice >= SOMA_INNER_CHOICES_MAX) {
        return SOMA_DECLINED;
    }

    if (answer->choices <= event->choice) {
        answer->choices = event->choice + 1;
    }

    rc = SOMA_OK;

    switch (event->event) {

    case SOMA_INNER_START:
        if (event->id.len != 0) {
            answer->id = soma_str_dup(answer->arena, event->id);
        }

        if (event->name.len != 0) {
            answer->model = soma_str_dup(answer->arena, event->name);
        }

        if (event->created != 0) {
            answer->created = event->created;
        }

        break;

    case SOMA_INNER_BEGIN:
        rc = soma_openai_answer_begin(answer, event);
        break;

    case SOMA_INNER_DELTA:
        rc = soma_openai_answer_delta(answer, out, event);
        break;

    case SOMA_INNER_SIGNATURE:
        open = soma_openai_answer_open(answer, event);
        rc = (open == NULL || answer->completions)
             ? SOMA_OK : soma_openai_answer_seal(answer, open, event);
        break;

    case SOMA_INNER_PROBS:
        rc = soma_openai_answer_probs(answer, out, event);
        break;

    case SOMA_INNER_CITATION:
        rc = soma_openai_answer_cite(answer, out, event);
        break;

    case SOMA_INNER_MEDIA:
        rc = soma_openai_answer_media(answer, out, event);
        break;

    case SOMA_INNER_CLOSE:
        soma_openai_answer_close(answer, out, event);
        break;

    case SOMA_INNER_USAGE:
        answer->usage = *event->usage;
        break;

    case SOMA_INNER_FINISH:
        soma_openai_answer_finish(answer, out, event);
        break;

    case SOMA_INNER_FAILED:
        rc = soma_openai_answer_failed(answer, out, event);
        break;

    case SOMA_INNER_END:
        rc = soma_openai_answer_end(answer, out);
        break;

    default:
        break;
    }

    return (rc == SOMA_OK && out->failed) ? SOMA_ERROR : rc;
}


/* at the end of the list */

int
soma_openai_answer_new(soma_openai_answer_t *answer,
    const soma_inner_event_t *event, soma_inner_kind_e kind,
    soma_openai_open_t **result)
{
    soma_pieces_t        text, seal;
    soma_openai_open_t  *open;

    open = answer->spare;

    if (open != NULL) {
        answer->spare = open->next;
        text = open->text;
        seal = open->seal;
        soma_pieces_reset(&text);
        soma_pieces_reset(&seal);

    } else if (answer->nopen++ == SOMA_INNER_OPEN_MAX && answer->stream) {
        return SOMA_DECLINED;

    } else {
        open = answer->arena->alloc(answer->arena->data,
                                    sizeof(soma_openai_open_t));
        if (open == NULL) {
            return SOMA_ERROR;
        }

        soma_pieces_init(&text, answer->arena);
        soma_pieces_init(&seal, answer->arena);
    }

    memset(open, 0, sizeof(soma_openai_open_t));

    open->choice = event->choice;
    open->block = event->block;
    open->kind = kind;
    open->tool = event->tool;
    open->text = text;
    open->seal = seal;

    if (answer->open == NULL) {
        answer->last = &answer->open;
    }

    *answer->last = open;
    answer->last = &open->next;
    *result = open;

    return SOMA_OK;
}


/* a stream is told of a call when its arguments come: a signature before them
 * has a place in its id */

static int
soma_openai_answer_begin(soma_openai_answer_t *answer,
    const soma_inner_event_t *event)
{
    int                  rc;
    soma_openai_open_t  *open;

    rc = soma_openai_answer_new(answer, event, event->kind, &open);

    if (rc != SOMA_OK || event->kind != SOMA_INNER_CALL
        || answer->completions)
    {
        return rc;
    }

    open->index = answer->calls[event->choice]++;
    open->id = soma_openai_answer_quote(answer->arena, event->id);
    open->name = soma_openai_answer_quote(answer->arena, event->name);

    return (open->id.data && open->name.data) ? SOMA_OK : SOMA_ERROR;
}


static void
soma_openai_answer_call(soma_openai_answer_t *answer,
    soma_openai_open_t *open, soma_pieces_t *out)
{
    const char  *kind;

    if (open->begun || (answer->old && open->index != 0)) {
        return;
    }

    open->begun = 1;
    kind = (open->tool == SOMA_INNER_CUSTOM) ? "custom" : "function";

    soma_openai_answer_role(answer, out, open->choice);
    soma_openai_answer_chunk(answer, out, open->choice);

    if (answer->old) {
        soma_pieces_cstr(out, "{\"function_call\":{");
        soma_write_raw(out, "name", open->name);
        soma_pieces_cstr(out, ",\"arguments\":\"\"}}");

    } else {
        soma_pieces_cstr(out, "{\"tool_calls\":[{\"index\":");
        soma_pieces_int(out, open->index);
        soma_openai_answer_id(answer, open, out);
        soma_write_word(out, "type", kind);
        soma_write_name(out, kind);
        soma_pieces_char(out, '{');
        soma_write_raw(out, "name", open->name);
        soma_write_word(out, open->tool == SOMA_INNER_CUSTOM
                             ? "input" : "arguments", "");
        soma_pieces_char(out, '}');
        soma_openai_answer_extra(open, out);
        soma_pieces_cstr(out, "}]}");
    }

    soma_openai_answer_chunk_end(answer, out, NULL);
}


static int
soma_openai_answer_delta(soma_openai_answer_t *answer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    soma_openai_open_t  *open;

    open = soma_openai_answer_open(answer, event);

    if (open == NULL || event->text.len == 0) {
        return SOMA_OK;
    }

    if (!answer->stream) {
        soma_pieces_put(&open->text, event->text.data, event->text.len);
        return open->text.failed ? SOMA_ERROR : SOMA_OK;
    }

    if (open->kind != SOMA_INNER_TEXT
        && (answer->completions
            || (open->kind != SOMA_INNER_REASONING
                && open->kind != SOMA_INNER_REFUSAL
                && open->kind != SOMA_INNER_CALL)))
    {
        return SOMA_OK;
    }

    if (open->kind == SOMA_INNER_CALL) {
        soma_openai_answer_call(answer, open, out);

        if (!open->begun) {
            return SOMA_OK;
        }
    }

    /* it stands beside its signature once more */

    if (open->kind == SOMA_INNER_REASONING
        && open->text.len + event->text.len <= SOMA_OPENAI_THOUGHT_MAX)
    {
        soma_pieces_put(&open->text, event->text.data, event->text.len);
    }

    soma_openai_answer_role(answer, out, event->choice);
    soma_openai_answer_chunk(answer, out, event->choice);

    if (answer->completions) {
        soma_write_copy(out, "text", event->text);

    } else {
        soma_openai_answer_words(answer, open, out, event->text);
    }

    soma_openai_answer_chunk_end(answer, out, NULL);

    return SOMA_OK;
}


/* more words of a block, as a delta */

static void
soma_openai_answer_words(soma_openai_answer_t *answer,
    soma_openai_open_t *open, soma_pieces_t *out, soma_str_t text)
{
    soma_pieces_char(out, '{');

    switch (open->kind) {

    case SOMA_INNER_REASONING:
        soma_write_copy(out, "reasoning_content", text);
        break;

    case SOMA_INNER_REFUSAL:
        soma_write_copy(out, "refusal", text);
        break;

    case SOMA_INNER_CALL:
        open->said = 1;

        if (answer->old) {
            soma_pieces_cstr(out, "\"function_call\":{");
            soma_write_copy(out, "arguments", text);
            soma_pieces_char(out, '}');
            break;
        }

        soma_pieces_cstr(out, "\"tool_calls\":[{\"index\":");
        soma_pieces_int(out, open->index);
        soma_pieces_cstr(out, open->tool == SOMA_INNER_CUSTOM
                              ? ",\"custom\":{" : ",\"function\":{");
        soma_write_copy(out, open->tool == SOMA_INNER_CUSTOM
                             ? "input" : "arguments", text);
        soma_pieces_cstr(out, "}}]");
        break;

    default:
        soma_write_copy(out, "content", text);
    }

    soma_pieces_char(out, '}');
}


/* a call without arguments has none that is no JSON: clients parse them */

static void
soma_openai_answer_close(soma_openai_answer_t *answer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    soma_openai_open_t  *open, **link;

    if (!answer->stream) {
        return;
    }

    open = soma_openai_answer_open(answer, event);

    if (open == NULL) {
        return;
    }

    if (open->kind == SOMA_INNER_CALL && !answer->completions) {
        soma_openai_answer_call(answer, open, out);

        if (open->tool == SOMA_INNER_FUNCTION && !open->said && open->begun) {
            soma_openai_answer_chunk(answer, out, event->choice);
            soma_openai_answer_words(answer, open, out, SOMA_STR("{}"));
            soma_openai_answer_chunk_end(answer, out, NULL);
        }
    }

    if (open->sealed && !answer->old) {
        soma_openai_answer_carry(answer, open);
        soma_openai_answer_late(answer, open, out);
    }

    for (link = &answer->open; *link != open; link = &(*link)->next) {
        /* void */
    }

    *link = open->next;

    if (answer->last == &open->next) {
        answer->last = link;
    }

    open->next = answer->spare;
    answer->spare = open;
}


/* what is signed is told when it is over; a call's signature that came in time
 * was told with it */

static void
soma_openai_answer_late(soma_openai_answer_t *answer,
    soma_openai_open_t *open, soma_pieces_t *out)
{
    if (open->kind == SOMA_INNER_REASONING) {
        soma_openai_answer_role(answer, out, open->choice);
        soma_openai_answer_chunk(answer, out, open->choice);
        soma_pieces_cstr(out, "{\"reasoning_details\":[");
        soma_openai_answer_detail(open, out);
        soma_pieces_cstr(out, "]}");
        soma_openai_answer_chunk_end(answer, out, NULL);

    } else if (open->kind == SOMA_INNER_CALL && open->seal.len != 0) {
        soma_openai_answer_chunk(answer, out, open->choice);
        soma_pieces_cstr(out, "{\"tool_calls\":[{\"index\":");
        soma_pieces_int(out, open->index);
        soma_openai_answer_extra(open, out);
        soma_pieces_cstr(out, "}]}");
        soma_openai_answer_chunk_end(answer, out, NULL);
    }
}


/* a call makes a stop a call's, whatever the provider says of it; completions
 * know no calls */

static void
soma_openai_answer_finish(soma_openai_answer_t *answer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    unsigned             choice;
    soma_inner_finish_e  finish;

    choice = event->choice;
    finish = event->finish;

    if (answer->calls[choice] != 0
        && (finish == SOMA_INNER_STOP || finish == SOMA_INNER_OTHER))
    {
        finish = SOMA_INNER_TOOL_CALLS;
    }

    if (answer->completions && finish == SOMA_INNER_TOOL_CALLS) {
        finish = SOMA_INNER_STOP;
    }

    answer->finish[choice] = finish;

    if (answer->ended[choice / 64] >> (choice % 64) & 1) {
        return;
    }

    answer->ended[choice / 64] |= (uint64_t) 1 << (choice % 64);

    if (answer->stream) {
        soma_openai_answer_role(answer, out, choice);
        soma_openai_answer_chunk(answer, out, choice);
        soma_pieces_cstr(out, answer->completions ? ",\"text\":\"\"" : "{}");
        soma_openai_answer_chunk_end(answer, out,
                                     soma_openai_answer_reason(answer,
                                                               finish));
    }
}


static int
soma_openai_answer_end(soma_openai_answer_t *answer, soma_pieces_t *out)
{
    answer->done = 1;

    if (!answer->stream) {
        soma_openai_answer_whole(answer, out);
        return SOMA_OK;
    }

    if (answer->usage_asked) {

        if (soma_openai_answer_head(answer) != SOMA_OK) {
            return SOMA_ERROR;
        }

        soma_pieces_put(out, answer->head.data, answer->head.len);
        soma_pieces_cstr(out, "],\"usage\":");
        soma_openai_answer_usage(answer, out);
        soma_pieces_cstr(out, "}\n\n");
    }

    soma_pieces_cstr(out, "data: [DONE]\n\n");

    return SOMA_OK;
}


/* of a stream; a whole answer that failed is an error with its status, which
 * is the business of whoever has the header to write */

static int
soma_openai_answer_failed(soma_openai_answer_t *answer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    answer->failed = 1;

    if (!answer->stream) {
        return SOMA_OK;
    }

    soma_pieces_cstr(out, "data: {\"error\":{");
    soma_write_copy(out, "message", event->text);
    soma_write_quoted(out, "type", event->type.len
                                   ? event->type : SOMA_STR("server_error"));
    soma_pieces_cstr(out, ",\"param\":null");

    if (event->code.len != 0) {
        soma_write_quoted(out, "code", event->code);

    } else {
        soma_pieces_cstr(out, ",\"code\":null");
    }

    soma_pieces_cstr(out, "}}\n\n");

    return SOMA_OK;
}


static soma_openai_open_t *
soma_openai_answer_open(soma_openai_answer_t *answer,
    const soma_inner_event_t *event)
{
    soma_openai_open_t  *open, *found;

    found = NULL;

    for (open = answer->open; open; open = open->next) {
        if (open->choice == event->choice && open->block == event->block) {
            found = open;
        }
    }

    return found;
}


static soma_str_t
soma_openai_answer_quote(soma_arena_t *arena, soma_str_t s)
{
    soma_str_t     quoted;
    soma_pieces_t  out;

    soma_pieces_init(&out, arena);
    soma_pieces_quote(&out, s);

    if (soma_pieces_whole(&out, &quoted) != SOMA_OK) {
        quoted.len = 0;
        quoted.data = NULL;
    }

    return quoted;
}


/* what begins each chunk of a stream is written once */

static int
soma_openai_answer_head(soma_openai_answer_t *answer)
{
    soma_pieces_t  out;

    if (answer->head.data != NULL) {
        return SOMA_OK;
    }

    soma_pieces_init(&out, answer->arena);
    soma_pieces_cstr(&out, "data: {");
    soma_write_quoted(&out, "id", answer->id);
    soma_write_word(&out, "object", answer->completions
                                    ? "text_completion"
                                    : "chat.completion.chunk");
    soma_write_int(&out, "created", answer->created);
    soma_write_quoted(&out, "model", answer->model);
    soma_pieces_cstr(&out, ",\"choices\":[");

    return soma_pieces_whole(&out, &answer->head);
}


/* up to the value of "delta"; of completions, to where "text" is to come */

void
soma_openai_answer_chunk(soma_openai_answer_t *answer, soma_pieces_t *out,
    unsigned choice)
{
    if (soma_openai_answer_head(answer) != SOMA_OK) {
        out->failed = 1;
        return;
    }

    soma_pieces_put(out, answer->head.data, answer->head.len);
    soma_pieces_cstr(out, "{\"index\":");
    soma_pieces_int(out, choice);

    if (!answer->completions) {
        soma_pieces_cstr(out, ",\"delta\":");
    }
}


void
soma_openai_answer_chunk_end(soma_openai_answer_t *answer, soma_pieces_t *out,
    const char *finish)
{
    soma_pieces_cstr(out, ",\"logprobs\":null,\"finish_reason\":");

    if (finish != NULL) {
        soma_pieces_char(out, '"');
        soma_pieces_cstr(out, finish);
        soma_pieces_char(out, '"');

    } else {
        soma_pieces_cstr(out, "null");
    }

    /* as OpenAI does for those who ask */

    soma_pieces_cstr(out, answer->usage_asked ? "}],\"usage\":null}\n\n"
                                              : "}]}\n\n");
}


/* the first chunk of a choice says whose words follow */

void
soma_openai_answer_role(soma_openai_answer_t *answer, soma_pieces_t *out,
    unsigned choice)
{
    if (answer->completions
        || answer->begun[choice / 64] >> (choice % 64) & 1)
    {
        return;
    }

    answer->begun[choice / 64] |= (uint64_t) 1 << (choice % 64);

    soma_openai_answer_chunk(answer, out, choice);
    soma_pieces_cstr(out, "{\"role\":\"assistant\",\"content\":\"\"}");
    soma_openai_answer_chunk_end(answer, out, NULL);
}
