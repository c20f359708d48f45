
/*
 * Copyright (C) The ngx_soma authors
 *
 * A request for embeddings of Google's API: each input is one of a batch.
 */


#include "soma_gemini_request.h"
#include "soma_write.h"


static int soma_gemini_write_input(soma_pieces_t *out,
    const soma_inner_turn_t *turn, soma_inner_loss_t *loss);
static int soma_gemini_write_size(const soma_inner_request_t *request,
    soma_str_t *size, soma_str_t *type, soma_inner_loss_t *loss);
static int soma_gemini_write_type(soma_str_t word, soma_str_t *type);


int
soma_gemini_write_inputs(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    soma_str_t                size, type, model;
    const soma_inner_turn_t  *turn;

    if (soma_gemini_write_size(request, &size, &type, loss) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    if (soma_inner_text(out->arena, request->model, &model) != SOMA_OK) {
        return SOMA_ERROR;
    }

    soma_pieces_cstr(out, "{\"requests\":[");

    for (turn = request->turns; turn; turn = turn->next) {
        soma_gemini_write_turns_comma(out);
        soma_pieces_cstr(out, "{\"model\":\"models/");
        soma_pieces_str(out, model);
        soma_pieces_cstr(out, "\",\"content\":{\"parts\":[");

        if (soma_gemini_write_input(out, turn, loss) != SOMA_OK) {
            return SOMA_DECLINED;
        }

        soma_pieces_cstr(out, "]}");
        soma_write_raw(out, "outputDimensionality", size);
        soma_write_raw(out, "taskType", type);
        soma_pieces_char(out, '}');
    }

    soma_pieces_cstr(out, "]}");

    return out->failed ? SOMA_ERROR : SOMA_OK;
}


/* one given as numbers of tokens is another model's */

static int
soma_gemini_write_input(soma_pieces_t *out, const soma_inner_turn_t *turn,
    soma_inner_loss_t *loss)
{
    const soma_inner_block_t  *block;

    for (block = turn->blocks; block; block = block->next) {

        switch (block->kind) {

        case SOMA_INNER_TEXT:
            soma_gemini_write_turns_words(out, block->text);
            break;

        case SOMA_INNER_IMAGE:
        case SOMA_INNER_DOCUMENT:
        case SOMA_INNER_AUDIO:
        case SOMA_INNER_VIDEO:
            if (soma_gemini_write_media(out, block, loss) != SOMA_OK) {
                return SOMA_DECLINED;
            }

            break;

        default:
            loss->refused = SOMA_STR("input");
            loss->why = "must be text in a request of Google's API";
            return SOMA_DECLINED;
        }
    }

    return SOMA_OK;
}


/* how long a vector is to be, by the names that there are for it; the rest is
 * no one's here */

static int
soma_gemini_write_size(const soma_inner_request_t *request,
    soma_str_t *size, soma_str_t *type, soma_inner_loss_t *loss)
{
    unsigned                   i;
    soma_str_t                 name;
    const soma_inner_value_t  *value;

    size->data = NULL;
    type->data = NULL;

    for (i = 0; i < request->nothers; i++) {
        name = request->other[i].name;

        if (soma_write_dimensions(name)) {
            *size = request->other[i].raw;

        } else if (soma_gemini_is(name, "taskType")) {
            *type = request->other[i].raw;

        } else if (soma_str_is(name, "input_type")
                   && soma_gemini_write_type(request->other[i].raw, type)
                      == SOMA_OK)
        {
            continue;

        } else if (soma_write_hint(name)) {
            soma_inner_drop(loss, name);

        } else if (soma_inner_lose(loss, name, SOMA_GEMINI_WHY) != SOMA_OK) {
            return SOMA_DECLINED;
        }
    }

    for (i = 0; i < SOMA_INNER_MEMBERS; i++) {
        value = &request->member[i];

        if (value->raw.data == NULL || soma_write_default(i, value->raw)) {
            continue;
        }

        if (i == SOMA_INNER_USER_ID || i == SOMA_INNER_TIER) {
            soma_inner_drop(loss, value->name);

        } else if (soma_inner_lose(loss, value->name, SOMA_GEMINI_WHY)
                   != SOMA_OK)
        {
            return SOMA_DECLINED;
        }
    }

    return SOMA_OK;
}


/* what Cohere's word for what a vector is good for is called here */

static int
soma_gemini_write_type(soma_str_t word, soma_str_t *type)
{
    size_t  i;

    static const struct {
        const char  *word;
        soma_str_t   type;
    } types[] = {
        { "\"search_document\"", soma_string("\"RETRIEVAL_DOCUMENT\"") },
        { "\"search_query\"", soma_string("\"RETRIEVAL_QUERY\"") },
        { "\"classification\"", soma_string("\"CLASSIFICATION\"") },
        { "\"clustering\"", soma_string("\"CLUSTERING\"") }
    };

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (soma_str_is(word, types[i].word)) {
            *type = types[i].type;
            return SOMA_OK;
        }
    }

    return SOMA_DECLINED;
}
