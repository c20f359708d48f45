
/*
 * Copyright (C) The ngx_soma authors
 *
 * The edits that turn a client's body into the provider's: the model's name,
 * and as many tokens as were reserved.
 */


#include "soma_anthropic.h"


int
soma_anthropic_splice(soma_ask_t *ask, soma_str_t model, soma_arena_t *arena,
    soma_value_pt value, void *data, soma_json_edits_t *edits)
{
    int64_t  n;

    if (ask->scan == NULL) {
        return SOMA_OK;
    }

    if (soma_ask_rename(ask, model, arena, edits) != SOMA_OK) {
        return SOMA_ERROR;
    }

    n = ask->max_tokens > 0 ? ask->max_tokens : ask->bound;

    if (n <= 0 || ask->scan->span[SOMA_ASK_MAX_TOKENS].type == SOMA_JSON_NONE)
    {
        return SOMA_OK;
    }

    return soma_ask_number(ask, SOMA_ASK_MAX_TOKENS, n, arena, value, data,
                           edits);
}
