
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_vectors.h"


static int soma_vectors_about(soma_vectors_t *vectors,
    const soma_inner_event_t *event);


int
soma_vectors_write(soma_vectors_t *vectors, soma_pieces_t *out,
    const soma_inner_event_t *event, soma_vectors_add_pt add,
    soma_vectors_end_pt end)
{
    int  rc;

    if (vectors->done) {
        return SOMA_OK;
    }

    if (vectors->list.arena == NULL) {
        soma_pieces_init(&vectors->list, vectors->arena);
    }

    rc = SOMA_OK;

    switch (event->event) {

    case SOMA_INNER_START:
        rc = soma_vectors_about(vectors, event);
        break;

    case SOMA_INNER_VECTOR:
        rc = add(vectors, event);
        break;

    case SOMA_INNER_USAGE:
        vectors->usage = *event->usage;
        break;

    case SOMA_INNER_FAILED:
        vectors->done = 1;
        break;

    case SOMA_INNER_END:
        vectors->done = 1;
        end(vectors, out);
        break;

    default:
        break;
    }

    return (rc == SOMA_OK && out->failed) ? SOMA_ERROR : rc;
}


static int
soma_vectors_about(soma_vectors_t *vectors, const soma_inner_event_t *event)
{
    if (event->id.len != 0) {
        vectors->id = soma_str_dup(vectors->arena, event->id);

        if (vectors->id.data == NULL) {
            return SOMA_ERROR;
        }
    }

    if (event->name.len != 0) {
        vectors->model = soma_str_dup(vectors->arena, event->name);

        if (vectors->model.data == NULL) {
            return SOMA_ERROR;
        }
    }

    return SOMA_OK;
}
