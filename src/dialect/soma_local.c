
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_local.h"


static int soma_local_sink(void *data, const soma_inner_event_t *event);
static int soma_local_write(soma_local_answer_t *answer,
    const soma_inner_event_t *event);


int
soma_local_answer(soma_local_answer_t *answer, soma_str_t body)
{
    int             rc;
    soma_local_t   *local;
    soma_writer_t  *writer;

    local = &answer->local;
    writer = &answer->writer;

    answer->error = NULL;

    if (answer->client->read_request == NULL || answer->target->local == NULL)
    {
        return SOMA_DECLINED;
    }

    rc = answer->client->read_request(&answer->request, local->ask,
                                      local->arena, body, &answer->error);
    if (rc != SOMA_OK) {
        return rc;
    }

    local->request = &answer->request;
    local->error = NULL;

    writer->arena = local->arena;
    writer->ask = local->ask;
    writer->request = &answer->request;
    writer->id = local->id;
    writer->model = local->model;
    writer->created = local->created;
    writer->cost = -1;

    soma_pieces_init(&answer->body, local->arena);

    rc = answer->target->local(local, soma_local_sink, answer);

    if (rc == SOMA_OK) {
        return SOMA_OK;
    }

    if (rc == SOMA_DECLINED) {
        answer->error = local->error;
    }

    return SOMA_ERROR;
}


int
soma_local_end(soma_local_answer_t *answer, int64_t cost)
{
    soma_inner_event_t  event;

    memset(&event, 0, sizeof(soma_inner_event_t));

    event.event = SOMA_INNER_END;
    answer->writer.cost = cost;

    return soma_local_write(answer, &event);
}


/* the end waits for soma_local_end() */

static int
soma_local_sink(void *data, const soma_inner_event_t *event)
{
    soma_local_answer_t  *answer = data;

    switch (event->event) {

    case SOMA_INNER_USAGE:
        answer->usage = *event->usage;
        break;

    case SOMA_INNER_FINISH:
        answer->finish = event->finish;
        answer->finished = 1;
        break;

    case SOMA_INNER_END:
        return SOMA_OK;

    default:
        break;
    }

    return soma_local_write(answer, event);
}


static int
soma_local_write(soma_local_answer_t *answer,
    const soma_inner_event_t *event)
{
    int  rc;

    rc = answer->client->write(&answer->writer, &answer->body, event);

    if (rc == SOMA_DECLINED) {
        answer->error = answer->writer.error;
        return SOMA_ERROR;
    }

    if (rc == SOMA_OK && answer->body.len > SOMA_LOCAL_MAX) {
        answer->error = "the answer is longer than is taken";
        return SOMA_ERROR;
    }

    return rc;
}
