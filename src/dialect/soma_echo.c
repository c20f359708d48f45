
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_echo.h"
#include "soma_openai.h"


#define SOMA_ECHO_ESCAPED_MAX  6        /* bytes of one, \u0000 */
#define SOMA_ECHO_PIECE_MAX                                                   \
    ((SOMA_ECHO_WORD_MAX + 1) * SOMA_ECHO_ESCAPED_MAX + 2)


static int soma_echo_delta(soma_inner_sink_pt sink, void *data,
    soma_inner_event_t *event, soma_str_t piece);
static int soma_echo_answer(soma_local_t *local, soma_usage_t *usage,
    soma_inner_sink_pt sink, void *data);
static int soma_echo_end(const soma_usage_t *usage, soma_inner_sink_pt sink,
    void *data);
static int soma_echo_prompt(soma_local_t *local, int64_t *tokens);
static int soma_echo_count(soma_arena_t *arena,
    const soma_inner_block_t *block, int64_t *tokens);
static const soma_inner_turn_t *soma_echo_last(
    const soma_inner_request_t *request);
static int soma_echo_join(soma_arena_t *arena, const soma_inner_turn_t *turn,
    soma_str_t *text);
static int64_t soma_echo_cut(soma_ask_t *ask, soma_str_t *text,
    soma_inner_finish_e *finish);
static int soma_echo_say(soma_inner_sink_pt sink, void *data,
    unsigned choice, soma_str_t text, soma_inner_finish_e finish);


/* what a provider of it allows is what OpenAI names */
const soma_dialect_t  soma_echo = {
    .name = soma_string("echo"),

    .want = soma_openai_want,

    .rate_prefix = "x-ratelimit-",

    .args = soma_openai_args,
    .stored_args = soma_openai_stored_args,
    .local = soma_echo_local
};


int
soma_echo_local(soma_local_t *local, soma_inner_sink_pt sink, void *data)
{
    int                  rc;
    soma_ask_t          *ask;
    soma_usage_t         usage;
    soma_inner_event_t   event;

    ask = local->ask;

    if (ask->n > SOMA_ECHO_N_MAX) {
        local->error = "\"n\" must be at most 16 for this model";
        return SOMA_DECLINED;
    }

    /* the Responses API gives one answer, whatever "n" says */

    if (ask->n < 1 || ask->api == SOMA_API_RESPONSES) {
        ask->n = 1;
    }

    memset(&usage, 0, sizeof(soma_usage_t));

    usage.tier = ask->tier;
    usage.known = 1;

    memset(&event, 0, sizeof(soma_inner_event_t));

    event.event = SOMA_INNER_START;
    event.name = local->model;
    event.created = local->created;

    if (sink(data, &event) != SOMA_OK) {
        return SOMA_ERROR;
    }

    rc = (local->request->task == SOMA_INNER_INPUTS)
         ? soma_echo_embed(local, &usage, sink, data)
         : soma_echo_answer(local, &usage, sink, data);

    return (rc == SOMA_OK) ? soma_echo_end(&usage, sink, data) : rc;
}


static int
soma_echo_end(const soma_usage_t *usage, soma_inner_sink_pt sink, void *data)
{
    soma_inner_event_t  event;

    memset(&event, 0, sizeof(soma_inner_event_t));

    event.event = SOMA_INNER_USAGE;
    event.usage = usage;

    if (sink(data, &event) != SOMA_OK) {
        return SOMA_ERROR;
    }

    event.event = SOMA_INNER_END;
    event.usage = NULL;

    return sink(data, &event);
}


static int
soma_echo_answer(soma_local_t *local, soma_usage_t *usage,
    soma_inner_sink_pt sink, void *data)
{
    int64_t              i, pieces;
    soma_str_t           text;
    soma_inner_finish_e  finish;

    if (soma_echo_prompt(local, &usage->input_tokens) != SOMA_OK
        || soma_echo_join(local->arena, soma_echo_last(local->request), &text)
           != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    pieces = soma_echo_cut(local->ask, &text, &finish);

    for (i = 0; i < local->ask->n; i++) {
        if (soma_echo_say(sink, data, (unsigned) i, text, finish) != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    usage->output_tokens = pieces * local->ask->n;

    return SOMA_OK;
}


/* tokens of the system's words and of all turns */

static int
soma_echo_prompt(soma_local_t *local, int64_t *tokens)
{
    const soma_inner_turn_t     *turn;
    const soma_inner_request_t  *request;

    request = local->request;

    if (soma_echo_count(local->arena, request->system, tokens) != SOMA_OK) {
        return SOMA_ERROR;
    }

    for (turn = request->turns; turn; turn = turn->next) {
        if (soma_echo_count(local->arena, turn->blocks, tokens) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    return SOMA_OK;
}


static int
soma_echo_count(soma_arena_t *arena, const soma_inner_block_t *block,
    int64_t *tokens)
{
    int         rc;
    soma_str_t  plain;

    for (rc = SOMA_OK; block != NULL && rc == SOMA_OK; block = block->next) {

        if (block->kind == SOMA_INNER_RESULT) {
            rc = soma_echo_count(arena, block->content, tokens);

        } else if (block->kind == SOMA_INNER_OPAQUE
                   && soma_str_is(block->type, "tokens"))
        {
            *tokens += soma_echo_numbers(block->raw);

        } else if (block->kind == SOMA_INNER_TEXT) {
            rc = soma_inner_plain(arena, block->text, &plain);

            if (rc == SOMA_OK) {
                *tokens += soma_echo_pieces(plain);
            }
        }
    }

    return rc;
}


int64_t
soma_echo_numbers(soma_str_t list)
{
    int64_t            n;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  number;

    if (soma_json_first(&it, list) != SOMA_OK) {
        return 0;
    }

    for (n = 0; soma_json_next(&it, &name, &number) == SOMA_OK; n++) {
        /* void */
    }

    return n;
}


/* the last turn in which the user says something: what a tool gave back is a
 * turn of the user's, too */

static const soma_inner_turn_t *
soma_echo_last(const soma_inner_request_t *request)
{
    const soma_inner_turn_t   *turn, *last;
    const soma_inner_block_t  *block;

    last = NULL;

    for (turn = request->turns; turn; turn = turn->next) {

        if (turn->role != SOMA_INNER_USER) {
            continue;
        }

        for (block = turn->blocks; block; block = block->next) {
            if (block->kind != SOMA_INNER_RESULT) {
                break;
            }
        }

        if (block != NULL || turn->blocks == NULL) {
            last = turn;
        }
    }

    return last;
}


/* its texts, joined by a line feed */

static int
soma_echo_join(soma_arena_t *arena, const soma_inner_turn_t *turn,
    soma_str_t *text)
{
    size_t                     size;
    soma_str_t                 plain;
    const soma_inner_block_t  *block;

    *text = SOMA_STR("");
    size = 0;

    for (block = turn ? turn->blocks : NULL; block; block = block->next) {
        if (block->kind == SOMA_INNER_TEXT) {
            size += block->text.len + 1;
        }
    }

    if (size == 0) {
        return SOMA_OK;
    }

    text->data = arena->alloc(arena->data, size);
    if (text->data == NULL) {
        return SOMA_ERROR;
    }

    for (block = turn->blocks; block; block = block->next) {

        if (block->kind != SOMA_INNER_TEXT) {
            continue;
        }

        if (soma_inner_plain(arena, block->text, &plain) != SOMA_OK) {
            return SOMA_ERROR;
        }

        if (text->len != 0) {
            text->data[text->len++] = '\n';
        }

        if (plain.len != 0) {
            memcpy(text->data + text->len, plain.data, plain.len);
            text->len += plain.len;
        }
    }

    return SOMA_OK;
}


static int
soma_echo_word(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')
           || (c >= 'a' && c <= 'z') || c >= 0x80;
}


/* every character of several bytes counts as a letter; none is cut */

size_t
soma_echo_piece(const unsigned char *p, const unsigned char *end)
{
    size_t                n;
    const unsigned char  *start, *word;

    start = p;

    if (*p == ' ' && end - p > 1 && soma_echo_word(p[1])) {
        p++;
    }

    if (!soma_echo_word(*p)) {
        return 1;
    }

    word = p;

    while (p < end && soma_echo_word(*p)) {

        n = *p < 0xc0 ? 1 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;

        if (n > (size_t) (end - p)) {
            n = end - p;
        }

        if (p - word + n > SOMA_ECHO_WORD_MAX) {
            break;
        }

        p += n;
    }

    return p - start;
}


int64_t
soma_echo_pieces(soma_str_t text)
{
    int64_t               n;
    const unsigned char  *p, *end;

    p = text.data;
    end = text.data + text.len;

    for (n = 0; p < end; n++) {
        p += soma_echo_piece(p, end);
    }

    return n;
}


/* cuts the text after the last piece that the client and the bounds allow;
 * its pieces */

static int64_t
soma_echo_cut(soma_ask_t *ask, soma_str_t *text, soma_inner_finish_e *finish)
{
    size_t          len;
    int64_t         max, pieces;
    unsigned char  *p, *end;

    max = SOMA_ECHO_PIECES_MAX / ask->n;

    if (ask->max_tokens >= 0 && ask->max_tokens < max) {
        max = ask->max_tokens;
    }

    *finish = SOMA_INNER_STOP;

    p = text->data;
    end = p + text->len;

    for (pieces = 0; p < end; pieces++) {

        len = soma_echo_piece(p, end);

        if (pieces == max || p + len - text->data > SOMA_ECHO_TEXT_MAX) {
            *finish = SOMA_INNER_LENGTH;
            break;
        }

        p += len;
    }

    text->len = p - text->data;

    return pieces;
}


/* one choice */

static int
soma_echo_say(soma_inner_sink_pt sink, void *data, unsigned choice,
    soma_str_t text, soma_inner_finish_e finish)
{
    soma_str_t           piece;
    soma_inner_event_t   event;

    memset(&event, 0, sizeof(soma_inner_event_t));

    event.event = SOMA_INNER_BEGIN;
    event.kind = SOMA_INNER_TEXT;
    event.choice = choice;

    if (sink(data, &event) != SOMA_OK) {
        return SOMA_ERROR;
    }

    event.event = SOMA_INNER_DELTA;

    for (piece = text; text.len != 0; text.len -= piece.len) {

        piece.data = text.data;
        piece.len = soma_echo_piece(text.data, text.data + text.len);
        text.data += piece.len;

        if (soma_echo_delta(sink, data, &event, piece) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    event.event = SOMA_INNER_CLOSE;
    event.text = (soma_str_t) soma_str_null;

    if (sink(data, &event) != SOMA_OK) {
        return SOMA_ERROR;
    }

    event.event = SOMA_INNER_FINISH;
    event.finish = finish;

    return sink(data, &event);
}


static int
soma_echo_delta(soma_inner_sink_pt sink, void *data,
    soma_inner_event_t *event, soma_str_t piece)
{
    soma_out_t     out;
    unsigned char  buf[SOMA_ECHO_PIECE_MAX];

    soma_put_init(&out, buf, sizeof(buf));
    soma_put_json_str(&out, piece);

    /* without its quotes */

    event->text.data = buf + 1;
    event->text.len = (size_t) (out.pos - out.start) - 2;

    return sink(data, event);
}
