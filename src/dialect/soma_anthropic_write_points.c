
/*
 * Copyright (C) The ngx_soma authors
 *
 * Points of a prompt's cache: the API takes four of them, in the order of
 * tools, system and messages, and none of an hour behind one of five minutes.
 */


#include "soma_anthropic_request.h"


#define SOMA_ANTHROPIC_POINTS_MAX  4


/* so far */
typedef struct {
    unsigned  n;
    unsigned  shorter:1;            /* there was one of five minutes */
    unsigned  lost:1;
} soma_anthropic_points_t;


static void soma_anthropic_write_point(soma_anthropic_points_t *points,
    soma_inner_cache_e *cache);
static void soma_anthropic_write_marked(soma_anthropic_points_t *points,
    soma_inner_block_t *block);


void
soma_anthropic_write_points(const soma_inner_request_t *request,
    soma_inner_loss_t *loss)
{
    unsigned                  i;
    soma_inner_turn_t        *turn;
    soma_anthropic_points_t   points;

    memset(&points, 0, sizeof(points));

    /* the one at the prompt's end is the API's own to place */

    points.n = (request->cache != SOMA_INNER_CACHE_NONE);

    for (i = 0; i < request->ntools; i++) {
        soma_anthropic_write_point(&points, &request->tools[i].cache);
    }

    soma_anthropic_write_marked(&points, request->system);

    for (turn = request->turns; turn; turn = turn->next) {
        soma_anthropic_write_marked(&points, turn->blocks);
    }

    if (points.lost) {
        soma_inner_drop(loss, SOMA_STR("cache_control"));
    }
}


static void
soma_anthropic_write_marked(soma_anthropic_points_t *points,
    soma_inner_block_t *block)
{
    soma_inner_block_t  *part;

    for ( /* void */ ; block; block = block->next) {

        for (part = block->content; part; part = part->next) {
            soma_anthropic_write_point(points, &part->cache);
        }

        soma_anthropic_write_point(points, &block->cache);
    }
}


static void
soma_anthropic_write_point(soma_anthropic_points_t *points,
    soma_inner_cache_e *cache)
{
    if (*cache == SOMA_INNER_CACHE_NONE) {
        return;
    }

    if (points->n == SOMA_ANTHROPIC_POINTS_MAX) {
        *cache = SOMA_INNER_CACHE_NONE;
        points->lost = 1;
        return;
    }

    points->n++;

    if (*cache == SOMA_INNER_CACHE_1H && points->shorter) {
        *cache = SOMA_INNER_CACHE_5M;
        points->lost = 1;
    }

    points->shorter |= (*cache == SOMA_INNER_CACHE_5M);
}
