
/*
 * Copyright (C) The ngx_soma authors
 *
 * Requests and answers through the inner form, from one dialect to another,
 * for the tests of its readers and writers.
 */


#ifndef SOMA_INNER_TEST_H
#define SOMA_INNER_TEST_H


#include "soma_test.h"
#include "soma_arena_malloc.h"
#include "soma_anthropic_answer.h"
#include "soma_anthropic_events.h"
#include "soma_anthropic_request.h"
#include "soma_openai.h"
#include "soma_openai_answer.h"
#include "soma_openai_embeddings.h"
#include "soma_openai_events.h"
#include "soma_openai_request.h"
#include "soma_openai_responses.h"


/* what comes behind them is read of a client and written to it alone */
typedef enum {
    OPENAI = 0,
    ANTHROPIC,
    COMPLETIONS,
    RESPONSES,
    EMBEDDINGS,
    DIALECTS
} dialect_e;


static soma_inner_request_t  inner_request;
static soma_inner_loss_t     inner_loss;


static inline int
inner_read(soma_arena_t *arena, dialect_e from, soma_str_t body,
    const char **error)
{
    soma_ask_t  ask;

    static const soma_api_e  apis[] = {
        SOMA_API_CHAT, SOMA_API_NONE, SOMA_API_COMPLETIONS,
        SOMA_API_RESPONSES, SOMA_API_EMBEDDINGS
    };

    memset(&ask, 0, sizeof(ask));
    ask.api = apis[from];

    return (from == ANTHROPIC)
           ? soma_anthropic_request_read(&inner_request, arena, body, error)
           : soma_openai_read_request(&inner_request, &ask, arena, body,
                                      error);
}


/* what a request becomes; "!" and a sentence: it was refused */
static inline soma_str_t
inner_through(soma_arena_t *arena, dialect_e from, dialect_e to,
    soma_str_t body)
{
    int            rc;
    char          *p;
    soma_str_t     whole;
    const char    *error;
    soma_pieces_t  out;

    rc = inner_read(arena, from, body, &error);

    soma_pieces_init(&out, arena);

    if (rc != SOMA_OK) {
        soma_pieces_char(&out, '!');
        soma_pieces_cstr(&out, error != NULL ? error : "no memory");
        rc = soma_pieces_whole(&out, &whole);
        return (rc == SOMA_OK) ? whole : SOMA_STR("!");
    }

    inner_request.model = SOMA_STR("m");

    rc = (to == OPENAI)
         ? soma_openai_write(&out, &inner_request,
                             SOMA_STR("max_tokens"), 1, &inner_loss)
         : soma_anthropic_write(&out, &inner_request, &inner_loss);

    if (rc == SOMA_OK && soma_pieces_whole(&out, &whole) == SOMA_OK) {
        return whole;
    }

    if (rc != SOMA_DECLINED) {
        return SOMA_STR("!no memory");
    }

    whole.len = 1 + inner_loss.refused.len + 1 + strlen(inner_loss.why);
    p = arena->alloc(arena->data, whole.len + 1);

    if (p == NULL) {
        return SOMA_STR("!no memory");
    }

    (void) snprintf(p, whole.len + 1, "!%.*s %s",
                    (int) inner_loss.refused.len, inner_loss.refused.data,
                    inner_loss.why);

    whole.data = (unsigned char *) p;

    return whole;
}


/* an answer under way, from a provider's dialect to a client's */
typedef struct {
    dialect_e                from;
    dialect_e                to;
    soma_anthropic_events_t  anthropic;
    soma_openai_events_t     openai;
    soma_anthropic_answer_t  to_anthropic;
    soma_openai_answer_t     to_openai;         /* COMPLETIONS too */
    soma_openai_responses_t  to_responses;
    soma_pieces_t            out;
    int                      status;    /* of a FAILED */
    unsigned                 failed;
    unsigned                 ended;
} inner_answer_t;


static inline int
inner_sink(void *data, const soma_inner_event_t *event)
{
    inner_answer_t  *answer = data;

    answer->failed += (event->event == SOMA_INNER_FAILED);
    answer->ended += (event->event == SOMA_INNER_END);

    if (event->event == SOMA_INNER_FAILED) {
        answer->status = event->status;
    }

    if (answer->to == RESPONSES) {
        return soma_openai_responses_write(&answer->to_responses,
                                           &answer->out, event);
    }

    return (answer->to == ANTHROPIC)
           ? soma_anthropic_answer_write(&answer->to_anthropic, &answer->out,
                                         event)
           : soma_openai_answer_write(&answer->to_openai, &answer->out,
                                      event);
}


static inline void
inner_answer_init(inner_answer_t *answer, soma_arena_t *arena, dialect_e from,
    dialect_e to, unsigned stream)
{
    memset(answer, 0, sizeof(inner_answer_t));

    answer->from = from;
    answer->to = to;
    answer->anthropic.events.arena = arena;
    answer->anthropic.events.sink = inner_sink;
    answer->anthropic.events.data = answer;
    answer->openai.events.arena = arena;
    answer->openai.events.sink = inner_sink;
    answer->openai.events.data = answer;

    answer->to_anthropic.arena = arena;
    answer->to_anthropic.id = SOMA_STR("msg_1");
    answer->to_anthropic.model = SOMA_STR("m");
    answer->to_anthropic.cost = -1;
    answer->to_anthropic.stream = stream & 1;
    answer->to_anthropic.usage.input_tokens = 9;

    answer->to_openai.arena = arena;
    answer->to_openai.id = SOMA_STR("chatcmpl-1");
    answer->to_openai.model = SOMA_STR("m");
    answer->to_openai.created = 1;
    answer->to_openai.cost = -1;
    answer->to_openai.stream = stream & 1;
    answer->to_openai.completions = (to == COMPLETIONS);

    answer->to_responses.arena = arena;
    answer->to_responses.id = SOMA_STR("1");
    answer->to_responses.model = SOMA_STR("m");
    answer->to_responses.created = 1;
    answer->to_responses.max_tokens = -1;
    answer->to_responses.cost = -1;
    answer->to_responses.stream = stream & 1;

    soma_pieces_init(&answer->out, arena);
}


/* one event's data, or the whole answer; the bytes are gone afterwards, as
 * they are for a reader of a connection */
static inline int
inner_answer_take(inner_answer_t *answer, soma_str_t data)
{
    int             rc;
    soma_str_t      gone;
    unsigned        stream;
    unsigned char  *copy;

    copy = malloc(data.len + 1);
    if (copy == NULL) {
        return SOMA_ERROR;
    }

    memcpy(copy, data.data, data.len);
    gone.data = copy;
    gone.len = data.len;

    stream = answer->to_openai.stream;

    if (answer->from == OPENAI) {
        rc = stream ? soma_openai_events_event(&answer->openai, gone)
                    : soma_openai_events_whole(&answer->openai, gone);

    } else {
        rc = stream ? soma_anthropic_events_event(&answer->anthropic, gone)
                    : soma_anthropic_events_whole(&answer->anthropic, gone);
    }

    memset(copy, '#', data.len);
    free(copy);

    return rc;
}


static inline int
inner_answer_close(inner_answer_t *answer)
{
    return (answer->from == OPENAI)
           ? soma_openai_events_end(&answer->openai)
           : soma_anthropic_events_end(&answer->anthropic);
}


#endif /* SOMA_INNER_TEST_H */
