
/*
 * Copyright (C) The ngx_soma authors
 *
 * Writes a chat request out of the inner form.
 */


#include "soma_openai_request.h"
#include "soma_write.h"


#define SOMA_OPENAI_WHY  "has no place in a chat request of OpenAI's API"


static void soma_openai_write_tool(soma_pieces_t *out, const
    soma_inner_toolset_t *tool);
static void soma_openai_write_parts(soma_pieces_t *out, const soma_inner_block_t
    *block);
static void soma_openai_write_lists(soma_pieces_t *out,
    const soma_inner_request_t *request);
static void soma_openai_write_system(soma_pieces_t *out,
    const soma_inner_request_t *request);
static int soma_openai_write_turn(soma_pieces_t *out,
    const soma_inner_turn_t *turn, soma_inner_loss_t *loss);
static int soma_openai_write_results(soma_pieces_t *out,
    const soma_inner_turn_t *turn, soma_inner_loss_t *loss);
static int soma_openai_write_content(soma_pieces_t *out,
    const soma_inner_block_t *blocks, soma_inner_loss_t *loss);
static int soma_openai_write_part(soma_pieces_t *out,
    const soma_inner_block_t *block, soma_inner_loss_t *loss);
static void soma_openai_write_image(soma_pieces_t *out,
    const soma_inner_block_t *block);
static int soma_openai_write_file(soma_pieces_t *out,
    const soma_inner_block_t *block, soma_inner_loss_t *loss);
static void soma_openai_write_data(soma_pieces_t *out, const char *name,
    const soma_inner_block_t *block);
static void soma_openai_write_calls(soma_pieces_t *out,
    const soma_inner_block_t *blocks);
static int soma_openai_write_tools(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);
static void soma_openai_write_choice(soma_pieces_t *out,
    const soma_inner_request_t *request);
static void soma_openai_write_format(soma_pieces_t *out,
    const soma_inner_request_t *request);


/* in the order of soma_inner_member_e */
static const soma_write_member_t  soma_openai_write_members[] = {
    { SOMA_WRITE_OWN,     NULL },
    { SOMA_WRITE_MEMBER,  "temperature" },
    { SOMA_WRITE_MEMBER,  "top_p" },
    { SOMA_WRITE_REFUSED, NULL },                   /* top_k */
    { SOMA_WRITE_MEMBER,  "frequency_penalty" },
    { SOMA_WRITE_MEMBER,  "presence_penalty" },
    { SOMA_WRITE_MEMBER,  "seed" },
    { SOMA_WRITE_MEMBER,  "n" },
    { SOMA_WRITE_MEMBER,  "logprobs" },
    { SOMA_WRITE_MEMBER,  "top_logprobs" },
    { SOMA_WRITE_MEMBER,  "logit_bias" },
    { SOMA_WRITE_REFUSED, NULL },                   /* min_p */
    { SOMA_WRITE_MEMBER,  "prediction" },
    { SOMA_WRITE_MEMBER,  "verbosity" },
    { SOMA_WRITE_REFUSED, NULL },                   /* truncation */
    { SOMA_WRITE_MEMBER,  "user" },
    { SOMA_WRITE_HINT,    NULL },                   /* tier: soma_openai_tier */
    { SOMA_WRITE_HINT,    NULL },                   /* store */
    { SOMA_WRITE_MEMBER,  "prompt_cache_key" }
};


int
soma_openai_write(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_str_t bound, unsigned usage,
    soma_inner_loss_t *loss)
{
    const soma_inner_turn_t  *turn;

    soma_pieces_char(out, '{');
    soma_write_quoted(out, "model", request->model);

    soma_write_name(out, "messages");
    soma_pieces_char(out, '[');
    soma_openai_write_system(out, request);

    for (turn = request->turns; turn; turn = turn->next) {
        if (soma_openai_write_turn(out, turn, loss) != SOMA_OK) {
            return SOMA_DECLINED;
        }
    }

    soma_pieces_char(out, ']');

    if (request->stream) {
        soma_pieces_cstr(out, ",\"stream\":true");
    }

    if (request->stream && usage) {
        soma_pieces_cstr(out, ",\"stream_options\":"
                              "{\"include_usage\":true}");
    }

    if (request->member[SOMA_INNER_MAX_TOKENS].raw.data != NULL) {
        soma_pieces_cstr(out, ",\"");
        soma_pieces_put(out, bound.data, bound.len);
        soma_pieces_cstr(out, "\":");
        soma_pieces_str(out, request->member[SOMA_INNER_MAX_TOKENS].raw);
    }

    if (soma_openai_write_tools(out, request, loss) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    soma_openai_write_format(out, request);

    if (request->effort != SOMA_INNER_EFFORT_UNSET) {
        soma_write_word(out, "reasoning_effort",
                        soma_inner_effort_name(request->effort));

    } else if (request->budget >= 0) {
        soma_write_word(out, "reasoning_effort",
             soma_inner_effort_name(soma_inner_budget_effort(
                                                          request->budget)));
    }

    soma_openai_write_lists(out, request);

    if (soma_write_members(out, request, soma_openai_write_members,
                           SOMA_OPENAI_WHY, loss)
        != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    soma_pieces_char(out, '}');

    return out->failed ? SOMA_ERROR : SOMA_OK;
}


static void
soma_openai_write_lists(soma_pieces_t *out,
    const soma_inner_request_t *request)
{
    unsigned  i;

    if (request->nstops != 0) {
        soma_write_name(out, "stop");

        for (i = 0; i < request->nstops; i++) {
            soma_pieces_char(out, i == 0 ? '[' : ',');
            soma_pieces_text(out, request->stops[i]);
        }

        soma_pieces_char(out, ']');
    }

    for (i = 0; i < request->nlabels; i++) {
        soma_pieces_cstr(out, i == 0 ? ",\"metadata\":{" : ",");
        soma_pieces_text(out, request->labels[i].name);
        soma_pieces_char(out, ':');
        soma_pieces_text(out, request->labels[i].value);
    }

    if (request->nlabels != 0) {
        soma_pieces_char(out, '}');
    }
}


static void
soma_openai_write_comma(soma_pieces_t *out)
{
    if (out->tail != '[') {
        soma_pieces_char(out, ',');
    }
}


/* the blocks of the system are joined: many servers take one string only */

static void
soma_openai_write_system(soma_pieces_t *out,
    const soma_inner_request_t *request)
{
    const soma_inner_block_t  *block;

    if (request->system == NULL) {
        return;
    }

    soma_pieces_cstr(out, "{\"role\":\"system\",\"content\":\"");

    for (block = request->system; block; block = block->next) {

        if (block != request->system) {
            soma_pieces_cstr(out, "\\n\\n");
        }

        soma_pieces_str(out, block->text);
    }

    soma_pieces_cstr(out, "\"}");
}


static int
soma_openai_write_turn(soma_pieces_t *out, const soma_inner_turn_t *turn,
    soma_inner_loss_t *loss)
{
    unsigned                   words;
    const soma_inner_block_t  *block;

    static const char  *const  roles[] = {
        "system", "system", "user", "assistant"
    };

    if (turn->role == SOMA_INNER_USER
        && soma_openai_write_results(out, turn, loss) != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    words = 0;

    for (block = turn->blocks; block; block = block->next) {
        words += (block->kind != SOMA_INNER_RESULT
                  && block->kind != SOMA_INNER_CALL
                  && block->kind != SOMA_INNER_REASONING);
    }

    if (words == 0 && turn->role != SOMA_INNER_ASSISTANT) {
        return SOMA_OK;
    }

    soma_openai_write_comma(out);
    soma_pieces_char(out, '{');
    soma_write_word(out, "role", roles[turn->role]);
    soma_write_text(out, "name", turn->name);

    if (words == 0) {
        soma_pieces_cstr(out, ",\"content\":null");

    } else if (soma_openai_write_content(out, turn->blocks, loss) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    soma_openai_write_calls(out, turn->blocks);
    soma_pieces_char(out, '}');

    return SOMA_OK;
}


/* each result is a message of its own, before what the user says beside; a
 * tool's message holds text alone, so its images are the user's, behind all
 * of them */

static int
soma_openai_write_results(soma_pieces_t *out, const soma_inner_turn_t *turn,
    soma_inner_loss_t *loss)
{
    unsigned                   n;
    const soma_inner_block_t  *block, *part;

    n = 0;

    for (block = turn->blocks; block; block = block->next) {

        if (block->kind != SOMA_INNER_RESULT) {
            continue;
        }

        soma_openai_write_comma(out);
        soma_pieces_cstr(out, "{\"role\":\"tool\"");
        soma_write_quoted(out, "tool_call_id", block->id);
        soma_pieces_cstr(out, block->error ? ",\"content\":\"Error: "
                                           : ",\"content\":\"");

        for (part = block->content; part; part = part->next) {

            if (part->kind == SOMA_INNER_TEXT
                || part->kind == SOMA_INNER_SEARCH_RESULT)
            {
                soma_pieces_str(out, part->text);

            } else {
                n++;
            }
        }

        soma_pieces_cstr(out, "\"}");
    }

    if (n == 0) {
        return SOMA_OK;
    }

    soma_openai_write_comma(out);
    soma_pieces_cstr(out, "{\"role\":\"user\",\"content\":[");

    for (block = turn->blocks; block; block = block->next) {

        if (block->kind != SOMA_INNER_RESULT) {
            continue;
        }

        for (part = block->content; part; part = part->next) {

            if (part->kind != SOMA_INNER_TEXT
                && part->kind != SOMA_INNER_SEARCH_RESULT
                && soma_openai_write_part(out, part, loss) != SOMA_OK)
            {
                return SOMA_DECLINED;
            }
        }
    }

    soma_pieces_cstr(out, "]}");

    return SOMA_OK;
}


/* one text is written as a string, which every server understands */

static int
soma_openai_write_content(soma_pieces_t *out,
    const soma_inner_block_t *blocks, soma_inner_loss_t *loss)
{
    unsigned                   n;
    const soma_inner_block_t  *block, *only;

    n = 0;
    only = NULL;

    for (block = blocks; block; block = block->next) {
        if (block->kind != SOMA_INNER_CALL && block->kind != SOMA_INNER_RESULT
            && block->kind != SOMA_INNER_REASONING)
        {
            only = block;
            n++;
        }
    }

    if (n == 1 && only->kind == SOMA_INNER_TEXT) {
        soma_write_text(out, "content", only->text);
        return SOMA_OK;
    }

    soma_write_name(out, "content");
    soma_pieces_char(out, '[');

    for (block = blocks; block; block = block->next) {
        if (soma_openai_write_part(out, block, loss) != SOMA_OK) {
            return SOMA_DECLINED;
        }
    }

    soma_pieces_char(out, ']');

    return SOMA_OK;
}


static int
soma_openai_write_part(soma_pieces_t *out, const soma_inner_block_t *block,
    soma_inner_loss_t *loss)
{
    switch (block->kind) {

    case SOMA_INNER_CALL:
    case SOMA_INNER_RESULT:
    case SOMA_INNER_REASONING:
        return SOMA_OK;

    case SOMA_INNER_TEXT:
    case SOMA_INNER_SEARCH_RESULT:
        soma_openai_write_comma(out);
        soma_pieces_cstr(out, "{\"type\":\"text\"");
        soma_write_text(out, "text", block->text);
        soma_pieces_char(out, '}');
        return SOMA_OK;

    case SOMA_INNER_REFUSAL:
        soma_openai_write_comma(out);
        soma_pieces_cstr(out, "{\"type\":\"refusal\"");
        soma_write_text(out, "refusal", block->text);
        soma_pieces_char(out, '}');
        return SOMA_OK;

    case SOMA_INNER_IMAGE:
        if (block->source == SOMA_INNER_FILE) {
            return soma_inner_lose(loss, SOMA_STR("an image's file id"),
                                   "is known to one provider only");
        }

        soma_openai_write_comma(out);
        soma_openai_write_image(out, block);
        return SOMA_OK;

    case SOMA_INNER_DOCUMENT:
        return soma_openai_write_file(out, block, loss);

    case SOMA_INNER_AUDIO:
        soma_openai_write_comma(out);
        soma_pieces_cstr(out, "{\"type\":\"input_audio\","
                              "\"input_audio\":{");
        soma_write_text(out, "data", block->data);
        soma_write_word(out, "format", soma_str_is(block->media, "audio/mpeg")
                                       ? "mp3" : "wav");
        soma_pieces_cstr(out, "}}");
        return SOMA_OK;

    default:
        return soma_inner_lose(loss, block->type.len ? block->type
                                                     : SOMA_STR("video"),
                               SOMA_OPENAI_WHY);
    }
}


static void
soma_openai_write_image(soma_pieces_t *out, const soma_inner_block_t *block)
{
    soma_pieces_cstr(out, "{\"type\":\"image_url\",\"image_url\":{");

    if (block->source == SOMA_INNER_URL) {
        soma_write_text(out, "url", block->data);

    } else {
        soma_openai_write_data(out, "url", block);
    }

    soma_write_quoted(out, "detail", block->detail);
    soma_pieces_cstr(out, "}}");
}


static int
soma_openai_write_file(soma_pieces_t *out, const soma_inner_block_t *block,
    soma_inner_loss_t *loss)
{
    if (block->source == SOMA_INNER_URL || block->source == SOMA_INNER_FILE) {
        return soma_inner_lose(loss, SOMA_STR("a document by URL or id"),
                               SOMA_OPENAI_WHY);
    }

    soma_openai_write_comma(out);

    if (block->source == SOMA_INNER_PARTS) {
        soma_openai_write_parts(out, block);
        return SOMA_OK;
    }

    if (block->source == SOMA_INNER_PLAIN) {
        soma_pieces_cstr(out, "{\"type\":\"text\",\"text\":\"");

        if (block->title.len != 0) {
            soma_pieces_str(out, block->title);
            soma_pieces_cstr(out, "\\n\\n");
        }

        soma_pieces_str(out, block->data);
        soma_pieces_cstr(out, "\"}");
        return SOMA_OK;
    }

    soma_pieces_cstr(out, "{\"type\":\"file\",\"file\":{");
    soma_openai_write_data(out, "file_data", block);
    soma_write_text(out, "filename", block->title.len
                                     ? block->title
                                     : SOMA_STR("document.pdf"));
    soma_pieces_cstr(out, "}}");

    return SOMA_OK;
}


static void
soma_openai_write_parts(soma_pieces_t *out, const soma_inner_block_t *block)
{
    const soma_inner_block_t  *part;

    soma_pieces_cstr(out, "{\"type\":\"text\",\"text\":\"");
    soma_pieces_str(out, block->title);

    for (part = block->content; part; part = part->next) {
        if (part->kind == SOMA_INNER_TEXT) {
            soma_pieces_cstr(out, "\\n\\n");
            soma_pieces_str(out, part->text);
        }
    }

    soma_pieces_cstr(out, "\"}");
}


static void
soma_openai_write_data(soma_pieces_t *out, const char *name,
    const soma_inner_block_t *block)
{
    soma_write_name(out, name);
    soma_pieces_cstr(out, "\"data:");
    soma_pieces_put(out, block->media.data, block->media.len);
    soma_pieces_cstr(out, ";base64,");
    soma_pieces_str(out, block->data);
    soma_pieces_char(out, '"');
}


static void
soma_openai_write_calls(soma_pieces_t *out, const soma_inner_block_t *blocks)
{
    unsigned                   n;
    const soma_inner_block_t  *block;

    n = 0;

    for (block = blocks; block; block = block->next) {

        if (block->kind != SOMA_INNER_CALL) {
            continue;
        }

        soma_pieces_cstr(out, n++ == 0 ? ",\"tool_calls\":[{" : ",{");
        soma_write_quoted(out, "id", block->id);

        if (block->tool == SOMA_INNER_CUSTOM) {
            soma_write_word(out, "type", "custom");
            soma_pieces_cstr(out, ",\"custom\":{");
            soma_write_quoted(out, "name", block->name);
            soma_write_text(out, "input", block->text.data != NULL
                                          ? block->text : SOMA_STR(""));

        } else {
            soma_write_word(out, "type", "function");
            soma_pieces_cstr(out, ",\"function\":{");
            soma_write_quoted(out, "name", block->name);

            if (block->broken) {
                soma_write_text(out, "arguments", block->arguments);

            } else {
                soma_write_escaped(out, "arguments",
                                   block->arguments.data != NULL
                                   ? block->arguments : SOMA_STR("{}"));
            }
        }

        soma_pieces_cstr(out, "}}");
    }

    if (n != 0) {
        soma_pieces_char(out, ']');
    }
}


static int
soma_openai_write_tools(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    unsigned                     i, n;
    const soma_inner_toolset_t  *tool;

    n = 0;

    for (i = 0; i < request->ntools; i++) {
        tool = &request->tools[i];

        if (tool->kind == SOMA_INNER_HOSTED) {
            if (soma_inner_lose(loss, tool->type, SOMA_OPENAI_WHY) != SOMA_OK)
            {
                return SOMA_DECLINED;
            }

            continue;
        }

        soma_pieces_cstr(out, n++ == 0 ? ",\"tools\":[{" : ",{");
        soma_openai_write_tool(out, tool);
    }

    /* a choice without tools is refused by OpenAI */

    if (n != 0) {
        soma_pieces_char(out, ']');
        soma_openai_write_choice(out, request);
    }

    return SOMA_OK;
}


static void
soma_openai_write_tool(soma_pieces_t *out, const soma_inner_toolset_t *tool)
{
    const char  *kind;

    kind = (tool->kind == SOMA_INNER_CUSTOM) ? "custom" : "function";

    soma_write_word(out, "type", kind);
    soma_write_name(out, kind);
    soma_pieces_char(out, '{');
    soma_write_quoted(out, "name", tool->name);
    soma_write_text(out, "description", tool->about);
    soma_write_raw(out, "parameters", tool->schema);
    soma_write_raw(out, "format", tool->grammar);

    if (tool->strict_said) {
        soma_write_raw(out, "strict", tool->strict ? SOMA_STR("true")
                                                   : SOMA_STR("false"));
    }

    soma_pieces_cstr(out, "}}");
}


static void
soma_openai_write_choice(soma_pieces_t *out,
    const soma_inner_request_t *request)
{
    unsigned  i;

    switch (request->choice) {

    case SOMA_INNER_CHOICE_AUTO:
        soma_write_word(out, "tool_choice", "auto");
        break;

    case SOMA_INNER_CHOICE_NONE:
        soma_write_word(out, "tool_choice", "none");
        break;

    case SOMA_INNER_CHOICE_ANY:
        soma_write_word(out, "tool_choice", "required");
        break;

    case SOMA_INNER_CHOICE_ONE:
        soma_pieces_cstr(out, ",\"tool_choice\":{\"type\":\"function\","
                              "\"function\":{");
        soma_write_quoted(out, "name", request->names[0]);
        soma_pieces_cstr(out, "}}");
        break;

    case SOMA_INNER_CHOICE_SOME:
        soma_pieces_cstr(out, ",\"tool_choice\":{\"type\":"
                              "\"allowed_tools\",\"allowed_tools\":{");
        soma_write_word(out, "mode", request->must ? "required" : "auto");
        soma_pieces_cstr(out, ",\"tools\":[");

        for (i = 0; i < request->nnames; i++) {
            soma_openai_write_comma(out);
            soma_pieces_cstr(out, "{\"type\":\"function\","
                                  "\"function\":{");
            soma_write_quoted(out, "name", request->names[i]);
            soma_pieces_cstr(out, "}}");
        }

        soma_pieces_cstr(out, "]}}");
        break;

    default:
        break;
    }

    if (request->one_call) {
        soma_pieces_cstr(out, ",\"parallel_tool_calls\":false");
    }
}


static void
soma_openai_write_format(soma_pieces_t *out,
    const soma_inner_request_t *request)
{
    if (request->format == SOMA_INNER_FORMAT_OBJECT) {
        soma_pieces_cstr(out, ",\"response_format\":"
                              "{\"type\":\"json_object\"}");
        return;
    }

    if (request->format != SOMA_INNER_FORMAT_SCHEMA) {
        return;
    }

    soma_pieces_cstr(out, ",\"response_format\":{\"type\":\"json_schema\","
                          "\"json_schema\":{");
    soma_write_text(out, "name", request->format_name.len
                                 ? request->format_name
                                 : SOMA_STR("output"));
    soma_write_text(out, "description", request->format_about);
    soma_write_raw(out, "schema", request->format_schema);

    if (request->format_strict) {
        soma_pieces_cstr(out, ",\"strict\":true");
    }

    soma_pieces_cstr(out, "}}");
}
