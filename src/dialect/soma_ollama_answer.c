
/*
 * Copyright (C) The ngx_soma authors
 *
 * What each event is to a client of chat or generate.  A call goes out whole
 * when it is closed; so do the words of a whole answer at its end.
 */


#include "soma_ollama_answer.h"
#include "soma_seal.h"
#include "soma_usage_cost.h"
#include "soma_write.h"


static int soma_ollama_answer_start(soma_ollama_answer_t *answer,
    const soma_inner_event_t *event);
static int soma_ollama_answer_begin(soma_ollama_answer_t *answer,
    const soma_inner_event_t *event);
static soma_ollama_open_t *soma_ollama_answer_open(
    soma_ollama_answer_t *answer, const soma_inner_event_t *event);
static int soma_ollama_answer_delta(soma_ollama_answer_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event);
static void soma_ollama_answer_signed(soma_ollama_answer_t *answer,
    const soma_inner_event_t *event);
static void soma_ollama_answer_probs(soma_ollama_answer_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event);
static int soma_ollama_answer_close(soma_ollama_answer_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event);
static int soma_ollama_answer_called(soma_ollama_answer_t *answer,
    soma_pieces_t *out, soma_ollama_open_t *open);
static int soma_ollama_answer_broken(soma_ollama_answer_t *answer,
    soma_pieces_t *out, const char *error);
static int soma_ollama_answer_end(soma_ollama_answer_t *answer,
    soma_pieces_t *out);
static void soma_ollama_answer_told(soma_ollama_answer_t *answer,
    soma_pieces_t *out);
static void soma_ollama_answer_message(soma_ollama_answer_t *answer,
    soma_pieces_t *out);
static int soma_ollama_answer_head(soma_ollama_answer_t *answer);
static void soma_ollama_answer_line(soma_ollama_answer_t *answer,
    soma_pieces_t *out);
static void soma_ollama_answer_line_end(soma_pieces_t *out);
static void soma_ollama_answer_words(soma_pieces_t *out, const char *name,
    soma_pieces_t *words, unsigned always);


#define SOMA_OLLAMA_TIME  32            /* bytes of an RFC 3339 time */

#define SOMA_OLLAMA_BROKEN  "the provider's model has called a tool with "    \
                            "arguments that are no JSON object"
#define SOMA_OLLAMA_MUCH    "the answer has more in it than is taken"


/* there is one choice: nobody can ask for more */

int
soma_ollama_answer_write(soma_ollama_answer_t *answer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    int  rc;

    if (answer->done || event->choice != 0) {
        return SOMA_OK;
    }

    if (!answer->ready) {
        answer->ready = 1;
        soma_pieces_init(&answer->content, answer->arena);
        soma_pieces_init(&answer->thinking, answer->arena);
        soma_pieces_init(&answer->list, answer->arena);
        soma_pieces_init(&answer->probs, answer->arena);
    }

    rc = SOMA_OK;

    switch (event->event) {

    case SOMA_INNER_START:
        rc = soma_ollama_answer_start(answer, event);
        break;

    case SOMA_INNER_BEGIN:
        rc = soma_ollama_answer_begin(answer, event);
        break;

    case SOMA_INNER_DELTA:
        rc = soma_ollama_answer_delta(answer, out, event);
        break;

    case SOMA_INNER_SIGNATURE:
        soma_ollama_answer_signed(answer, event);
        break;

    case SOMA_INNER_PROBS:
        soma_ollama_answer_probs(answer, out, event);
        break;

    case SOMA_INNER_CLOSE:
        rc = soma_ollama_answer_close(answer, out, event);
        break;

    case SOMA_INNER_USAGE:
        answer->usage = *event->usage;
        break;

    case SOMA_INNER_FINISH:
        answer->finish = event->finish;
        break;

    case SOMA_INNER_FAILED:
        answer->done = 1;

        if (answer->stream) {
            soma_pieces_char(out, '{');
            soma_write_copy(out, "error", event->text);
            soma_pieces_cstr(out, "}\n");
        }

        break;

    case SOMA_INNER_END:
        rc = soma_ollama_answer_end(answer, out);
        break;

    default:

        /* citations and the steps of a provider's own tools have no place */

        break;
    }

    return (rc == SOMA_OK && out->failed) ? SOMA_ERROR : rc;
}


static int
soma_ollama_answer_start(soma_ollama_answer_t *answer,
    const soma_inner_event_t *event)
{
    answer->began = answer->elapsed;

    if (event->created != 0) {
        answer->created = event->created;
    }

    if (event->name.len != 0) {
        answer->model = soma_str_dup(answer->arena, event->name);

        if (answer->model.data == NULL) {
            return SOMA_ERROR;
        }
    }

    return SOMA_OK;
}


static int
soma_ollama_answer_begin(soma_ollama_answer_t *answer,
    const soma_inner_event_t *event)
{
    soma_pieces_t        text, seal;
    soma_ollama_open_t  *open;

    open = answer->spare;

    if (open != NULL) {
        answer->spare = open->next;
        text = open->text;
        seal = open->seal;

    } else if (answer->nopen++ == SOMA_INNER_OPEN_MAX) {
        answer->error = SOMA_OLLAMA_MUCH;
        return SOMA_DECLINED;

    } else {
        open = answer->arena->alloc(answer->arena->data,
                                    sizeof(soma_ollama_open_t));
        if (open == NULL) {
            return SOMA_ERROR;
        }

        soma_pieces_init(&text, answer->arena);
        soma_pieces_init(&seal, answer->arena);
    }

    memset(open, 0, sizeof(soma_ollama_open_t));

    open->block = event->block;
    open->kind = event->kind;
    open->tool = event->tool;
    open->text = text;
    open->seal = seal;
    soma_pieces_reset(&open->text);
    soma_pieces_reset(&open->seal);
    open->next = answer->open;
    answer->open = open;

    if (event->kind != SOMA_INNER_CALL) {
        return SOMA_OK;
    }

    open->index = answer->calls++;
    open->id = soma_str_dup(answer->arena, event->id);
    open->name = soma_str_dup(answer->arena, event->name);

    return (open->id.data != NULL && open->name.data != NULL) ? SOMA_OK
                                                              : SOMA_ERROR;
}


static soma_ollama_open_t *
soma_ollama_answer_open(soma_ollama_answer_t *answer,
    const soma_inner_event_t *event)
{
    soma_ollama_open_t  *open;

    for (open = answer->open; open; open = open->next) {
        if (open->block == event->block) {
            return open;
        }
    }

    return NULL;
}


/* a refusal is text, too */

static int
soma_ollama_answer_delta(soma_ollama_answer_t *answer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    soma_ollama_open_t  *open;

    open = soma_ollama_answer_open(answer, event);

    if (open == NULL || event->text.len == 0) {
        return SOMA_OK;
    }

    switch (open->kind) {

    case SOMA_INNER_CALL:
        if (open->text.len + event->text.len > SOMA_OLLAMA_CALL_MAX) {
            answer->error = SOMA_OLLAMA_MUCH;
            return SOMA_DECLINED;
        }

        soma_pieces_put(&open->text, event->text.data, event->text.len);
        return open->text.failed ? SOMA_ERROR : SOMA_OK;

    case SOMA_INNER_REASONING:
        soma_pieces_put(&answer->thinking, event->text.data, event->text.len);
        break;

    case SOMA_INNER_TEXT:
    case SOMA_INNER_REFUSAL:
        soma_pieces_put(&answer->content, event->text.data, event->text.len);
        break;

    default:
        return SOMA_OK;
    }

    if (answer->stream) {
        soma_ollama_answer_line(answer, out);
        soma_ollama_answer_line_end(out);
    }

    return SOMA_OK;
}


/* the only place for it is a call's id; any other one is lost */

static void
soma_ollama_answer_signed(soma_ollama_answer_t *answer,
    const soma_inner_event_t *event)
{
    soma_ollama_open_t  *open;

    open = soma_ollama_answer_open(answer, event);

    if (open != NULL && open->kind == SOMA_INNER_CALL && open->seal.len == 0)
    {
        soma_seal_put(&open->seal, event);
    }
}


static void
soma_ollama_answer_probs(soma_ollama_answer_t *answer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    if (answer->probs.len == 0) {
        soma_pieces_char(&answer->probs, '[');
    }

    soma_ollama_probs_write(&answer->probs, event->raw);

    if (answer->probs.tail == '[' && answer->probs.len == 1) {
        soma_pieces_reset(&answer->probs);

    } else if (answer->stream) {
        soma_ollama_answer_line(answer, out);
        soma_ollama_answer_line_end(out);
    }
}


static int
soma_ollama_answer_close(soma_ollama_answer_t *answer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    int                   rc;
    soma_ollama_open_t   *open, **link;

    open = soma_ollama_answer_open(answer, event);

    if (open == NULL) {
        return SOMA_OK;
    }

    for (link = &answer->open; *link != open; link = &(*link)->next) {
        /* void */
    }

    *link = open->next;

    rc = (open->kind == SOMA_INNER_CALL)
         ? soma_ollama_answer_called(answer, out, open) : SOMA_OK;

    open->next = answer->spare;
    answer->spare = open;

    return rc;
}


static int
soma_ollama_answer_called(soma_ollama_answer_t *answer, soma_pieces_t *out,
    soma_ollama_open_t *open)
{
    int  rc;

    rc = soma_ollama_answer_call(answer, open);

    if (rc == SOMA_DECLINED) {
        return soma_ollama_answer_broken(answer, out, SOMA_OLLAMA_BROKEN);
    }

    if (rc == SOMA_OK && answer->stream) {
        soma_ollama_answer_line(answer, out);
        soma_ollama_answer_line_end(out);
    }

    return rc;
}


/* an error ends a stream; a whole answer becomes one */

static int
soma_ollama_answer_broken(soma_ollama_answer_t *answer, soma_pieces_t *out,
    const char *error)
{
    answer->done = 1;

    if (!answer->stream) {
        answer->error = error;
        return SOMA_DECLINED;
    }

    soma_pieces_cstr(out, "{\"error\":\"");
    soma_pieces_cstr(out, error);
    soma_pieces_cstr(out, "\"}\n");

    return SOMA_OK;
}


static int
soma_ollama_answer_end(soma_ollama_answer_t *answer, soma_pieces_t *out)
{
    soma_out_t     cost;
    unsigned char  buf[SOMA_USAGE_COST_MAX];

    if (answer->finish == SOMA_INNER_MALFORMED_CALL) {
        return soma_ollama_answer_broken(answer, out, SOMA_OLLAMA_BROKEN);
    }

    answer->done = 1;

    soma_ollama_answer_line(answer, out);
    soma_pieces_cstr(out, ",\"done\":true");
    soma_write_word(out, "done_reason",
                    answer->finish == SOMA_INNER_LENGTH
                    || answer->finish == SOMA_INNER_CONTEXT_FULL
                    ? "length" : "stop");
    soma_ollama_answer_told(answer, out);

    if (answer->stream && answer->cost >= 0) {
        soma_put_init(&cost, buf, sizeof(buf));
        soma_usage_cost_put(&cost, answer->cost);

        soma_pieces_char(out, ',');
        soma_pieces_put(out, buf, (size_t) (cost.pos - buf));
    }

    soma_pieces_cstr(out, answer->stream ? "}\n" : "}");

    return SOMA_OK;
}


/* counts and times; clients divide by the times, so none is 0 but that of
 * loading a model */

static void
soma_ollama_answer_told(soma_ollama_answer_t *answer, soma_pieces_t *out)
{
    int64_t  prompt, eval;

    prompt = (answer->began > 0) ? answer->began : 1;
    eval = answer->elapsed - answer->began;
    eval = (eval > 0) ? eval : 1;

    soma_write_int(out, "total_duration", prompt + eval);
    soma_write_int(out, "load_duration", 0);
    soma_write_int(out, "prompt_eval_count", answer->usage.input_tokens);
    soma_write_int(out, "prompt_eval_duration", prompt);
    soma_write_int(out, "eval_count", answer->usage.output_tokens);
    soma_write_int(out, "eval_duration", eval);
}


/* what begins each line is written once */

static int
soma_ollama_answer_head(soma_ollama_answer_t *answer)
{
    soma_out_t     time;
    soma_pieces_t  out;
    unsigned char  buf[SOMA_OLLAMA_TIME];

    if (answer->head.data != NULL) {
        return SOMA_OK;
    }

    soma_put_init(&time, buf, sizeof(buf));
    soma_put_time(&time, answer->created * 1000);

    soma_pieces_init(&out, answer->arena);
    soma_pieces_char(&out, '{');
    soma_write_quoted(&out, "model", answer->model);
    soma_pieces_cstr(&out, ",\"created_at\":\"");
    soma_pieces_put(&out, buf, (size_t) (time.pos - buf));
    soma_pieces_char(&out, '"');

    return soma_pieces_whole(&out, &answer->head);
}


/* all that is there to be told, which is gone then */

static void
soma_ollama_answer_line(soma_ollama_answer_t *answer, soma_pieces_t *out)
{
    if (soma_ollama_answer_head(answer) != SOMA_OK) {
        out->failed = 1;
        return;
    }

    soma_pieces_put(out, answer->head.data, answer->head.len);

    if (answer->form == SOMA_OLLAMA_GENERATE) {
        soma_ollama_answer_words(out, "response", &answer->content, 1);
        soma_ollama_answer_words(out, "thinking", &answer->thinking, 0);

    } else {
        soma_ollama_answer_message(answer, out);
    }

    if (answer->probs.len != 0) {
        soma_write_name(out, "logprobs");
        soma_pieces_join(out, &answer->probs);
        soma_pieces_char(out, ']');
    }

    soma_pieces_reset(&answer->content);
    soma_pieces_reset(&answer->thinking);
    soma_pieces_reset(&answer->list);
    soma_pieces_reset(&answer->probs);
}


static void
soma_ollama_answer_line_end(soma_pieces_t *out)
{
    soma_pieces_cstr(out, ",\"done\":false}\n");
}


static void
soma_ollama_answer_message(soma_ollama_answer_t *answer, soma_pieces_t *out)
{
    soma_pieces_cstr(out, ",\"message\":{\"role\":\"assistant\"");
    soma_ollama_answer_words(out, "content", &answer->content, 1);
    soma_ollama_answer_words(out, "thinking", &answer->thinking, 0);

    if (answer->list.len != 0) {
        soma_pieces_cstr(out, ",\"tool_calls\":[");
        soma_pieces_join(out, &answer->list);
        soma_pieces_char(out, ']');
    }

    soma_pieces_char(out, '}');
}


static void
soma_ollama_answer_words(soma_pieces_t *out, const char *name,
    soma_pieces_t *words, unsigned always)
{
    if (words->len == 0 && !always) {
        return;
    }

    soma_write_name(out, name);
    soma_pieces_char(out, '"');

    if (words->len != 0) {
        soma_pieces_join(out, words);
    }

    soma_pieces_char(out, '"');
}
