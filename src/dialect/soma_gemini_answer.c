
/*
 * Copyright (C) The ngx_soma authors
 *
 * The stream of an answer to Google's clients, and what of a whole one has to
 * be gathered.
 *
 * An event of a stream is a piece of an answer in the same form: words as they
 * come; a call, or a picture, whole in one part.  The last one says why each
 * candidate ended, and its usage holds.
 */


#include "soma_gemini.h"
#include "soma_gemini_answer.h"
#include "soma_write.h"


static int soma_gemini_answer_choice(soma_gemini_answer_t *answer,
    unsigned index, soma_gemini_choice_t **result);
static int soma_gemini_answer_about(soma_gemini_answer_t *answer,
    const soma_inner_event_t *event);
static int soma_gemini_answer_begin(soma_gemini_answer_t *answer,
    const soma_inner_event_t *event);
static int soma_gemini_answer_raw(soma_gemini_answer_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event);
static int soma_gemini_answer_add(soma_gemini_answer_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event);
static void soma_gemini_answer_keep(soma_gemini_open_t *open,
    const soma_inner_event_t *event);
static void soma_gemini_answer_drop(soma_gemini_answer_t *answer,
    soma_gemini_open_t *open);
static int soma_gemini_answer_flush(soma_gemini_answer_t *answer,
    soma_pieces_t *out, soma_gemini_open_t *open, unsigned last);
static soma_pieces_t *soma_gemini_answer_scratch(
    soma_gemini_answer_t *answer);
static void soma_gemini_answer_chunk(soma_gemini_answer_t *answer,
    soma_pieces_t *out, unsigned index, soma_pieces_t *parts);
static void soma_gemini_answer_head(soma_gemini_answer_t *answer,
    soma_pieces_t *out);
static void soma_gemini_answer_tail(soma_gemini_answer_t *answer,
    soma_pieces_t *out, int64_t cost);
static int soma_gemini_answer_end(soma_gemini_answer_t *answer,
    soma_pieces_t *out);
static void soma_gemini_answer_last(soma_gemini_answer_t *answer,
    soma_pieces_t *out, unsigned index);
static void soma_gemini_answer_failed(soma_gemini_answer_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event);


int
soma_gemini_answer_write(soma_gemini_answer_t *answer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    int                    rc;
    soma_gemini_choice_t  *choice;

    if (answer->done || answer->failed) {
        return SOMA_OK;
    }

    if (soma_gemini_answer_choice(answer, event->choice, &choice) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    rc = SOMA_OK;

    switch (event->event) {

    case SOMA_INNER_START:
        rc = soma_gemini_answer_about(answer, event);
        break;

    case SOMA_INNER_USAGE:
        answer->usage = *event->usage;
        break;

    case SOMA_INNER_BEGIN:
        choice->calls |= (event->kind == SOMA_INNER_CALL);
        rc = soma_gemini_answer_begin(answer, event);
        break;

    case SOMA_INNER_RAW:
        rc = soma_gemini_answer_raw(answer, out, event);
        break;

    case SOMA_INNER_DELTA:
    case SOMA_INNER_MEDIA:
    case SOMA_INNER_SIGNATURE:
    case SOMA_INNER_CLOSE:
        rc = soma_gemini_answer_add(answer, out, event);
        break;

    case SOMA_INNER_CITATION:
        rc = soma_gemini_answer_cite(choice, event);
        break;

    case SOMA_INNER_PROBS:
        rc = soma_gemini_answer_prob(choice, event);
        break;

    case SOMA_INNER_FINISH:
        choice->finish = event->finish;
        break;

    case SOMA_INNER_FAILED:
        soma_gemini_answer_failed(answer, out, event);
        break;

    case SOMA_INNER_END:
        rc = soma_gemini_answer_end(answer, out);
        break;

    default:

        /* the provider's pings are its own */

        break;
    }

    return (rc == SOMA_OK && out->failed) ? SOMA_ERROR : rc;
}


static int
soma_gemini_answer_choice(soma_gemini_answer_t *answer, unsigned index,
    soma_gemini_choice_t **result)
{
    soma_gemini_choice_t  *choice;

    choice = answer->choices[index];

    if (choice == NULL) {
        choice = answer->arena->alloc(answer->arena->data,
                                      sizeof(soma_gemini_choice_t));
        if (choice == NULL) {
            return SOMA_ERROR;
        }

        memset(choice, 0, sizeof(soma_gemini_choice_t));

        soma_pieces_init(&choice->parts, answer->arena);
        soma_pieces_init(&choice->seal, answer->arena);
        soma_pieces_init(&choice->probs, answer->arena);
        soma_pieces_init(&choice->tops, answer->arena);
        soma_pieces_init(&choice->chunks, answer->arena);

        answer->choices[index] = choice;

        if (answer->nchoices <= index) {
            answer->nchoices = index + 1;
        }
    }

    *result = choice;

    return SOMA_OK;
}


static int
soma_gemini_answer_about(soma_gemini_answer_t *answer,
    const soma_inner_event_t *event)
{
    if (event->id.len != 0) {
        answer->id = soma_str_dup(answer->arena, event->id);

        if (answer->id.data == NULL) {
            return SOMA_ERROR;
        }
    }

    if (event->name.len != 0) {
        answer->model = soma_str_dup(answer->arena, event->name);

        if (answer->model.data == NULL) {
            return SOMA_ERROR;
        }
    }

    if (event->usage != NULL && event->usage->input_tokens != 0) {
        answer->usage = *event->usage;
    }

    return SOMA_OK;
}


static int
soma_gemini_answer_begin(soma_gemini_answer_t *answer,
    const soma_inner_event_t *event)
{
    soma_gemini_open_t  *open;

    open = answer->spare;

    if (open != NULL) {
        answer->spare = open->next;
        soma_pieces_reset(&open->head);
        soma_pieces_reset(&open->text);
        soma_pieces_reset(&open->seal);

    } else if (answer->nopen++ == SOMA_INNER_OPEN_MAX) {
        answer->error = "the answer has too many blocks open at once";
        return SOMA_DECLINED;

    } else {
        open = answer->arena->alloc(answer->arena->data,
                                    sizeof(soma_gemini_open_t));
        if (open == NULL) {
            return SOMA_ERROR;
        }

        soma_pieces_init(&open->head, answer->arena);
        soma_pieces_init(&open->text, answer->arena);
        soma_pieces_init(&open->seal, answer->arena);
    }

    open->choice = event->choice;
    open->block = event->block;
    open->kind = event->kind;
    open->tool = event->tool;
    open->said = 0;
    open->next = answer->open;
    answer->open = open;

    if (event->kind == SOMA_INNER_CALL) {
        soma_pieces_char(&open->head, '{');
        soma_write_quoted(&open->head, "id", event->id);
        soma_write_quoted(&open->head, "name", event->name);
    }

    return open->head.failed ? SOMA_ERROR : SOMA_OK;
}


/* what only this dialect says goes as it stood */

static int
soma_gemini_answer_raw(soma_gemini_answer_t *answer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    soma_pieces_t         *part;
    soma_gemini_choice_t  *choice;

    if (!soma_str_is(event->maker, SOMA_GEMINI_MAKER)) {
        return SOMA_OK;
    }

    choice = answer->choices[event->choice];

    if (!answer->stream) {

        if (choice->parts.len != 0) {
            soma_pieces_char(&choice->parts, ',');
        }

        soma_pieces_put(&choice->parts, event->raw.data, event->raw.len);

        return choice->parts.failed ? SOMA_ERROR : SOMA_OK;
    }

    part = soma_gemini_answer_scratch(answer);
    soma_pieces_put(part, event->raw.data, event->raw.len);
    soma_gemini_answer_chunk(answer, out, event->choice, part);

    return SOMA_OK;
}


static int
soma_gemini_answer_add(soma_gemini_answer_t *answer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    int                  rc;
    unsigned             last;
    soma_gemini_open_t  *open;

    for (open = answer->open; open; open = open->next) {
        if (open->choice == event->choice && open->block == event->block) {
            break;
        }
    }

    if (open == NULL) {
        return SOMA_OK;
    }

    last = (event->event == SOMA_INNER_CLOSE);

    /* what a client keeps of reasoning has the signature with words: the last
     * ones wait for it */

    if (answer->stream && open->kind == SOMA_INNER_REASONING
        && event->event == SOMA_INNER_DELTA && event->text.len != 0
        && open->text.len != 0)
    {
        rc = soma_gemini_answer_flush(answer, out, open, 0);

        if (rc != SOMA_OK) {
            return rc;
        }
    }

    soma_gemini_answer_keep(open, event);

    if (open->text.failed || open->head.failed || open->seal.failed) {
        return SOMA_ERROR;
    }

    if (last || (answer->stream && (open->kind == SOMA_INNER_TEXT
                                    || open->kind == SOMA_INNER_REFUSAL)))
    {
        rc = soma_gemini_answer_flush(answer, out, open, last);

        if (last) {
            soma_gemini_answer_drop(answer, open);
        }

        return rc;
    }

    answer->held += event->text.len + event->opaque.len;

    if (answer->held > SOMA_GEMINI_HELD_MAX) {
        answer->error = "the provider's answer has more than 32 MB in calls "
                        "or pictures";
        return SOMA_DECLINED;
    }

    return SOMA_OK;
}


static void
soma_gemini_answer_keep(soma_gemini_open_t *open,
    const soma_inner_event_t *event)
{
    switch (event->event) {

    case SOMA_INNER_DELTA:
        soma_pieces_put(&open->text, event->text.data, event->text.len);
        break;

    case SOMA_INNER_MEDIA:

        if (open->head.len == 0) {
            soma_pieces_quote(&open->head, event->media);
        }

        soma_pieces_put(&open->text, event->text.data, event->text.len);
        break;

    case SOMA_INNER_SIGNATURE:

        if (event->text.len != 0 || event->opaque.len != 0) {
            soma_pieces_reset(&open->seal);
            soma_gemini_answer_seal(&open->seal, event);
        }

        break;

    default:
        break;
    }
}


static void
soma_gemini_answer_drop(soma_gemini_answer_t *answer,
    soma_gemini_open_t *open)
{
    soma_gemini_open_t  **link;

    for (link = &answer->open; *link != open; link = &(*link)->next) {
        /* void */
    }

    *link = open->next;
    open->next = answer->spare;
    answer->spare = open;

    if (answer->open == NULL) {
        answer->held = 0;
    }
}


/* what waits of a block: an event of a stream, or more parts of a whole
 * answer */

static int
soma_gemini_answer_flush(soma_gemini_answer_t *answer, soma_pieces_t *out,
    soma_gemini_open_t *open, unsigned last)
{
    int                    rc;
    soma_pieces_t         *parts;
    soma_gemini_choice_t  *choice;

    choice = answer->choices[open->choice];

    if (!answer->stream) {
        return soma_gemini_answer_part(answer, choice, open, last,
                                       &choice->parts);
    }

    parts = soma_gemini_answer_scratch(answer);

    rc = soma_gemini_answer_part(answer, choice, open, last, parts);

    if (rc != SOMA_OK) {
        return rc;
    }

    if (parts->failed) {
        return SOMA_ERROR;
    }

    if (parts->len != 0) {
        soma_gemini_answer_chunk(answer, out, open->choice, parts);
    }

    return SOMA_OK;
}


static soma_pieces_t *
soma_gemini_answer_scratch(soma_gemini_answer_t *answer)
{
    if (answer->scratch.arena == NULL) {
        soma_pieces_init(&answer->scratch, answer->arena);

    } else {
        soma_pieces_reset(&answer->scratch);
    }

    return &answer->scratch;
}


static void
soma_gemini_answer_chunk(soma_gemini_answer_t *answer, soma_pieces_t *out,
    unsigned index, soma_pieces_t *parts)
{
    soma_gemini_answer_head(answer, out);
    soma_pieces_cstr(out, "{\"content\":{\"parts\":[");
    soma_pieces_join(out, parts);
    soma_pieces_cstr(out, "],\"role\":\"model\"}");
    soma_write_int(out, "index", index);
    soma_pieces_char(out, '}');
    soma_gemini_answer_tail(answer, out, -1);
}


/* up to where the candidates are to come */

static void
soma_gemini_answer_head(soma_gemini_answer_t *answer, soma_pieces_t *out)
{
    if (answer->stream) {
        soma_pieces_cstr(out, answer->sse ? "data: "
                              : answer->begun ? ",\r\n" : "[");
    }

    answer->begun = 1;

    soma_pieces_cstr(out, "{\"candidates\":[");
}


static void
soma_gemini_answer_tail(soma_gemini_answer_t *answer, soma_pieces_t *out,
    int64_t cost)
{
    soma_pieces_cstr(out, "],\"usageMetadata\":");
    soma_gemini_answer_usage(out, &answer->usage, cost);
    soma_write_quoted(out, "modelVersion", answer->model);
    soma_write_quoted(out, "responseId", answer->id);
    soma_pieces_char(out, '}');

    if (answer->stream && answer->sse) {
        soma_pieces_cstr(out, "\n\n");
    }
}


/* blocks that the provider left open end here */

static int
soma_gemini_answer_end(soma_gemini_answer_t *answer, soma_pieces_t *out)
{
    int                  rc;
    unsigned             i;
    soma_gemini_open_t  *open, *oldest;

    while (answer->open != NULL) {

        for (open = answer->open, oldest = open; open; open = open->next) {
            oldest = open;
        }

        rc = soma_gemini_answer_flush(answer, out, oldest, 1);

        if (rc != SOMA_OK) {
            return rc;
        }

        soma_gemini_answer_drop(answer, oldest);
    }

    answer->done = 1;

    soma_gemini_answer_head(answer, out);

    for (i = 0; i < answer->nchoices; i++) {
        if (answer->choices[i] != NULL) {
            soma_gemini_answer_last(answer, out, i);
        }
    }

    soma_gemini_answer_tail(answer, out, answer->stream ? answer->cost : -1);

    if (answer->stream && !answer->sse) {
        soma_pieces_cstr(out, "\r\n]");
    }

    return SOMA_OK;
}


/* a candidate of the last event of a stream, or of a whole answer */

static void
soma_gemini_answer_last(soma_gemini_answer_t *answer, soma_pieces_t *out,
    unsigned index)
{
    soma_gemini_choice_t  *choice;

    /* in the order of soma_inner_finish_e */
    static const char *const  reasons[] = {
        "STOP", "STOP", "STOP", "MAX_TOKENS", "MAX_TOKENS", "SAFETY", "STOP",
        "STOP", "MALFORMED_FUNCTION_CALL", "OTHER"
    };

    choice = answer->choices[index];

    if (out->tail != '[') {
        soma_pieces_char(out, ',');
    }

    soma_pieces_cstr(out, "{\"content\":{");

    /* a signature of which no part came */

    if (choice->seal.len != 0) {

        if (choice->parts.len != 0) {
            soma_pieces_char(&choice->parts, ',');
        }

        soma_pieces_cstr(&choice->parts, "{\"text\":\"\","
                                         "\"thoughtSignature\":\"");
        soma_pieces_join(&choice->parts, &choice->seal);
        soma_pieces_cstr(&choice->parts, "\"}");

    } else if (answer->stream) {
        soma_pieces_cstr(&choice->parts, "{\"text\":\"\"}");
    }

    if (choice->parts.failed) {
        out->failed = 1;
    }

    if (choice->parts.len != 0) {
        soma_pieces_cstr(out, "\"parts\":[");
        soma_pieces_join(out, &choice->parts);
        soma_pieces_cstr(out, "],");
    }

    soma_pieces_cstr(out, "\"role\":\"model\"}");
    soma_write_word(out, "finishReason", reasons[choice->finish]);
    soma_write_int(out, "index", index);
    soma_gemini_answer_more(out, choice);
    soma_pieces_char(out, '}');
}


/* of a stream; a whole answer that failed is an error with its status, which
 * is the business of whoever has the header to write */

static void
soma_gemini_answer_failed(soma_gemini_answer_t *answer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    answer->failed = 1;

    if (!answer->stream) {
        return;
    }

    soma_pieces_cstr(out, answer->sse ? "data: {\"error\":{"
                          : answer->begun ? ",\r\n{\"error\":{"
                          : "[{\"error\":{");
    soma_write_int(out, "code", event->status);
    soma_write_copy(out, "message", event->text);
    soma_write_word(out, "status", soma_gemini_fault_status(event->status));
    soma_pieces_cstr(out, answer->sse ? "}}\n\n" : "}}\r\n]");
}
