
/*
 * Copyright (C) The ngx_soma authors
 *
 * Images to be made, and words to be spoken, as a request says them.
 */


#include "soma_openai.h"


static soma_str_t soma_openai_work_text(soma_ask_t *ask, unsigned member,
    soma_arena_t *arena, soma_value_pt value, void *data);


int
soma_openai_work(soma_ask_t *ask, soma_arena_t *arena, soma_value_pt value,
    void *data)
{
    soma_str_t         text, quality;
    soma_json_span_t  *span;

    memset(&ask->work, 0, sizeof(soma_work_t));

    if (ask->api == SOMA_API_IMAGES) {
        text = soma_openai_work_text(ask, SOMA_ASK_SIZE, arena, value, data);
        quality = soma_openai_work_text(ask, SOMA_ASK_QUALITY, arena, value,
                                        data);

        ask->work.images = ask->n;
        soma_image_asked(&ask->work.image, text, quality);
        return SOMA_OK;
    }

    span = &ask->scan->span[SOMA_ASK_INPUT];

    if (ask->api == SOMA_API_SPEECH && span->type == SOMA_JSON_STRING) {

        if (value(data, span, &text) != SOMA_OK) {
            return SOMA_ERROR;
        }

        ask->work.characters = soma_work_characters(text);
    }

    return SOMA_OK;
}


/* empty where it is not said, or is no string: then it says nothing */
static soma_str_t
soma_openai_work_text(soma_ask_t *ask, unsigned member, soma_arena_t *arena,
    soma_value_pt value, void *data)
{
    soma_str_t         text;
    soma_json_span_t  *span;
    soma_json_value_t  v;

    span = &ask->scan->span[member];
    v.type = span->type;

    if (span->type != SOMA_JSON_STRING
        || value(data, span, &v.text) != SOMA_OK
        || soma_json_text(arena, &v, &text) != SOMA_OK)
    {
        text = SOMA_STR("");
    }

    return text;
}
