
/*
 * Copyright (C) The ngx_soma authors
 *
 * Where a request of OpenAI's APIs names objects that the provider keeps: an
 * earlier response, a conversation, a prompt, files ...
 */


#include "soma_openai.h"


int
soma_openai_ask_objects(soma_ask_t *ask, soma_arena_t *arena,
    soma_value_pt value, void *data, const char **error)
{
    int                rc;
    size_t             i;
    unsigned           items;
    soma_json_value_t  v;

    static const struct {
        unsigned       member;
        soma_object_e  kind;
    } top[] = {
        { SOMA_ASK_PREVIOUS,      SOMA_OBJECT_RESPONSE },
        { SOMA_ASK_CONVERSATION,  SOMA_OBJECT_CONVERSATION },
        { SOMA_ASK_PROMPT,        SOMA_OBJECT_PROMPT }
    };

    static const unsigned  lists[] = {
        SOMA_ASK_INPUT, SOMA_ASK_MESSAGES, SOMA_ASK_TOOLS
    };

    *error = "\"previous_response_id\", \"conversation\", \"prompt\" or a "
             "file is not named by plain ids, 32 at most";

    for (i = 0; i < sizeof(top) / sizeof(top[0]); i++) {

        /* the prompt of other APIs is text */

        if (top[i].member == SOMA_ASK_PROMPT
            && ask->scan->span[SOMA_ASK_PROMPT].type != SOMA_JSON_OBJECT)
        {
            continue;
        }

        rc = soma_ask_value(ask, top[i].member, value, data, &v);

        if (rc == SOMA_ERROR
            || (rc == SOMA_OK
                && soma_ask_object(ask, arena, &v, top[i].kind) != SOMA_OK))
        {
            return SOMA_ERROR;
        }
    }

    for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {

        items = (ask->api == SOMA_API_RESPONSES
                 || ask->api == SOMA_API_COMPACT)
                && lists[i] == SOMA_ASK_INPUT;

        if (ask->scan->span[lists[i]].type != SOMA_JSON_ARRAY
            || !(items || (lists[i] == SOMA_ASK_TOOLS && ask->nhosted > 0)
                 || soma_json_scan_marked(ask->scan)))
        {
            continue;
        }

        rc = soma_ask_value(ask, lists[i], value, data, &v);

        if (rc != SOMA_OK) {
            return SOMA_ERROR;
        }

        if (soma_ask_objects(ask, arena, v.text, items ? SOMA_ASK_ITEMS : 0)
            != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    *error = NULL;

    return SOMA_OK;
}
