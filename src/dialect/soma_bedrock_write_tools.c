
/*
 * Copyright (C) The ngx_soma authors
 *
 * Tools and the choice among them for a request of Converse, which wants to be
 * told of tools as soon as a conversation has a call or a result in it.
 */


#include "soma_bedrock_write.h"
#include "soma_custom.h"
#include "soma_write.h"


static int soma_bedrock_write_list(soma_bedrock_write_t *w);
static int soma_bedrock_write_tool(soma_bedrock_write_t *w,
    const soma_inner_toolset_t *tool);
static void soma_bedrock_write_named(soma_bedrock_write_t *w);
static void soma_bedrock_write_bare(soma_bedrock_write_t *w,
    soma_str_t name);
static int soma_bedrock_write_choice(soma_bedrock_write_t *w);


int
soma_bedrock_write_tools(soma_bedrock_write_t *w)
{
    const soma_inner_request_t  *request;

    request = w->request;

    if (request->ntools == 0 && !w->called) {
        return SOMA_OK;
    }

    if (w->loss->facts & SOMA_FACT_NO_TOOLS && request->ntools != 0) {
        return soma_inner_lose(w->loss, SOMA_STR("tools"),
                               "are not taken by the model");
    }

    if (request->choice == SOMA_INNER_CHOICE_NONE) {

        if (!w->called) {
            return SOMA_OK;
        }

        if (soma_inner_lose(w->loss, request->choice_name, "cannot be none in "
                            "a request of Bedrock's Converse whose "
                            "conversation has calls of tools")
            != SOMA_OK)
        {
            return SOMA_DECLINED;
        }
    }

    soma_write_name(w->out, "toolConfig");
    soma_pieces_cstr(w->out, "{\"tools\":[");

    if (soma_bedrock_write_list(w) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    if (w->out->tail == '[') {
        soma_bedrock_write_named(w);
    }

    soma_pieces_char(w->out, ']');

    if (soma_bedrock_write_choice(w) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    soma_pieces_char(w->out, '}');

    return SOMA_OK;
}


/* where only some tools may be called, the others are not told of */

static int
soma_bedrock_write_list(soma_bedrock_write_t *w)
{
    unsigned                     i;
    const soma_inner_toolset_t  *tool;

    for (i = 0; i < w->request->ntools; i++) {
        tool = &w->request->tools[i];

        if (w->request->choice == SOMA_INNER_CHOICE_SOME
            && !soma_write_named(w->request, tool))
        {
            continue;
        }

        if (tool->kind != SOMA_INNER_HOSTED) {
            if (soma_bedrock_write_tool(w, tool) != SOMA_OK) {
                return SOMA_DECLINED;
            }

        } else if (soma_str_is(tool->maker, SOMA_BEDROCK_MAKER)) {
            soma_bedrock_write_comma(w->out);
            soma_pieces_str(w->out, tool->raw);

        } else {
            if (soma_bedrock_write_lose(w, tool->type) != SOMA_OK) {
                return SOMA_DECLINED;
            }

            continue;
        }

        soma_bedrock_write_cache(w->out, tool->cache);
    }

    return SOMA_OK;
}


static int
soma_bedrock_write_tool(soma_bedrock_write_t *w,
    const soma_inner_toolset_t *tool)
{
    soma_str_t  schema;

    schema = tool->schema.len ? tool->schema
                              : SOMA_STR("{\"type\":\"object\"}");

    if (tool->kind == SOMA_INNER_CUSTOM) {
        schema = SOMA_STR(SOMA_CUSTOM_SCHEMA);

        if (soma_custom_grammar(tool, SOMA_BEDROCK_WHY, w->loss) != SOMA_OK) {
            return SOMA_DECLINED;
        }
    }

    soma_bedrock_write_comma(w->out);
    soma_pieces_cstr(w->out, "{\"toolSpec\":{");
    soma_bedrock_write_id(w, "name", &soma_bedrock_tool_names, tool->name);

    if (tool->about.len != 0) {
        soma_write_text(w->out, "description", tool->about);
    }

    soma_write_name(w->out, "inputSchema");
    soma_pieces_char(w->out, '{');
    soma_write_raw(w->out, "json", schema);
    soma_pieces_char(w->out, '}');

    if (tool->strict_said && tool->strict) {
        soma_pieces_cstr(w->out, ",\"strict\":true");
    }

    soma_pieces_cstr(w->out, "}}");

    return SOMA_OK;
}


/* none is declared, but some were called: those are, each once; a result whose
 * call is not there has no name */

static void
soma_bedrock_write_named(soma_bedrock_write_t *w)
{
    unsigned                   i, n;
    soma_str_t                 names[SOMA_BEDROCK_NAMES_MAX];
    const soma_inner_turn_t   *turn;
    const soma_inner_block_t  *block;

    n = 0;

    for (turn = w->request->turns; turn; turn = turn->next) {
        for (block = turn->blocks; block; block = block->next) {

            if ((block->kind != SOMA_INNER_CALL
                 && block->kind != SOMA_INNER_RESULT)
                || block->name.len == 0)
            {
                continue;
            }

            for (i = 0; i < n && !soma_str_eq(names[i], block->name); i++) {
                /* void */
            }

            if (i == n && n < SOMA_BEDROCK_NAMES_MAX) {
                names[n++] = block->name;
                soma_bedrock_write_bare(w, block->name);
            }
        }
    }

    if (n == 0) {
        soma_bedrock_write_bare(w, SOMA_STR("tool"));
    }
}


static void
soma_bedrock_write_bare(soma_bedrock_write_t *w, soma_str_t name)
{
    soma_bedrock_write_comma(w->out);
    soma_pieces_cstr(w->out, "{\"toolSpec\":{");
    soma_bedrock_write_id(w, "name", &soma_bedrock_tool_names, name);
    soma_pieces_cstr(w->out, ",\"inputSchema\":{\"json\":{\"type\":"
                             "\"object\"}}}}");
}


static int
soma_bedrock_write_choice(soma_bedrock_write_t *w)
{
    const char                  *why;
    soma_inner_choice_e          choice;
    const soma_inner_request_t  *request;

    request = w->request;
    choice = request->choice;

    if (request->ntools == 0) {
        return SOMA_OK;
    }

    if (choice == SOMA_INNER_CHOICE_SOME) {
        choice = request->must ? SOMA_INNER_CHOICE_ANY
                               : SOMA_INNER_CHOICE_AUTO;
    }

    if (choice == SOMA_INNER_CHOICE_ANY || choice == SOMA_INNER_CHOICE_ONE) {

        why = (w->loss->facts & SOMA_FACT_NO_FORCING)
              ? "cannot force a call of this model"
              : (w->thinking && w->family == SOMA_BEDROCK_CLAUDE)
              ? "cannot force a call beside reasoning in a request of a model "
                "of Anthropic's" : NULL;

        if (why != NULL) {
            if (soma_inner_lose(w->loss, request->choice_name, why)
                != SOMA_OK)
            {
                return SOMA_DECLINED;
            }

            choice = SOMA_INNER_CHOICE_AUTO;
        }
    }

    /* said in the model's own words already */

    if (request->one_call && w->family == SOMA_BEDROCK_CLAUDE
        && request->choice != SOMA_INNER_CHOICE_NONE)
    {
        return SOMA_OK;
    }

    switch (choice) {

    case SOMA_INNER_CHOICE_AUTO:
        soma_write_raw(w->out, "toolChoice", SOMA_STR("{\"auto\":{}}"));
        break;

    case SOMA_INNER_CHOICE_ANY:
        soma_write_raw(w->out, "toolChoice", SOMA_STR("{\"any\":{}}"));
        break;

    case SOMA_INNER_CHOICE_ONE:
        soma_pieces_cstr(w->out, ",\"toolChoice\":{\"tool\":{");
        soma_bedrock_write_id(w, "name", &soma_bedrock_tool_names,
                              request->names[0]);
        soma_pieces_cstr(w->out, "}}");
        break;

    default:
        break;
    }

    return SOMA_OK;
}
