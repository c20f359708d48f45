
/*
 * Copyright (C) The ngx_soma authors
 *
 * The conversation for a request of Google's API: turns of one side are one
 * content; what tools gave back comes first in it, as many results as there
 * were calls.  The system's words later on are a user's text in a frame,
 *
 *     <system>
 *     ...
 *     </system>
 *
 * A signature goes back on the part that it stood on, as far as that is known:
 * clients of other dialects have it with the reasoning before that part.
 */


#include "soma_gemini_request.h"
#include "soma_write.h"


#define SOMA_GEMINI_AHEAD  64       /* blocks that are looked at for one that
                                       takes a signature */

/* what Google takes for the signature of a call that none of its models made */
#define SOMA_GEMINI_UNSIGNED  "skip_thought_signature_validator"


/* a content under way */
typedef struct {
    soma_pieces_t               *out;
    const soma_inner_request_t  *request;
    soma_inner_loss_t           *loss;
    const soma_inner_turn_t     *end;   /* the first turn behind it */
    soma_str_t                   signature;     /* text: of reasoning, for the
                                                   next part */
    unsigned                     checked:1;     /* calls are, and this one had
                                                   its first */
} soma_gemini_content_t;


static int soma_gemini_write_system(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);
static const soma_inner_turn_t *soma_gemini_write_run(
    const soma_inner_turn_t *turn);
static int soma_gemini_write_content(soma_pieces_t *out,
    const soma_inner_request_t *request, const soma_inner_turn_t *before,
    const soma_inner_turn_t *turn, const soma_inner_turn_t *end,
    soma_inner_loss_t *loss);
static int soma_gemini_write_blocks(soma_gemini_content_t *content,
    const soma_inner_turn_t *turn);
static unsigned soma_gemini_write_says(const soma_inner_block_t *block);
static int soma_gemini_write_block(soma_gemini_content_t *content,
    const soma_inner_turn_t *turn, const soma_inner_block_t *block);
static int soma_gemini_write_call(soma_gemini_content_t *content,
    const soma_inner_block_t *block);
static void soma_gemini_write_thought(soma_gemini_content_t *content,
    const soma_inner_turn_t *turn, const soma_inner_block_t *block);
static unsigned soma_gemini_write_taken(soma_gemini_content_t *content,
    const soma_inner_turn_t *turn, const soma_inner_block_t *block);
static void soma_gemini_write_signature(soma_gemini_content_t *content,
    const soma_inner_block_t *block);


int
soma_gemini_write_turns(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    const soma_inner_turn_t  *turn, *before, *end;

    if (soma_gemini_write_system(out, request, loss) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    soma_write_name(out, "contents");
    soma_pieces_char(out, '[');

    for (turn = request->turns, before = NULL; turn; turn = end) {
        end = soma_gemini_write_run(turn);

        if (soma_gemini_write_content(out, request, before, turn, end, loss)
            != SOMA_OK)
        {
            return SOMA_DECLINED;
        }

        before = turn;
    }

    if (out->tail == '[') {
        loss->refused = SOMA_STR("messages");
        loss->why = "has nothing in it for a request of Google's API";
        return SOMA_DECLINED;
    }

    soma_pieces_char(out, ']');

    return SOMA_OK;
}


void
soma_gemini_write_turns_comma(soma_pieces_t *out)
{
    if (out->tail != '[') {
        soma_pieces_char(out, ',');
    }
}


void
soma_gemini_write_turns_words(soma_pieces_t *out, soma_str_t text)
{
    soma_gemini_write_turns_comma(out);
    soma_pieces_char(out, '{');
    soma_write_text(out, "text", text);
    soma_pieces_char(out, '}');
}


unsigned
soma_gemini_write_turns_own(const soma_inner_block_t *block)
{
    size_t  len;

    len = sizeof(SOMA_GEMINI_MAKER) - 1;

    return block->maker.len >= len
           && memcmp(block->maker.data, SOMA_GEMINI_MAKER, len) == 0
           && (block->maker.len == len || block->maker.data[len] == '/');
}


static int
soma_gemini_write_system(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    unsigned                   n;
    const soma_inner_block_t  *block;

    n = 0;

    for (block = request->system; block; block = block->next) {

        if (block->cache != SOMA_INNER_CACHE_NONE) {
            soma_inner_drop(loss, SOMA_STR("cache_control"));
        }

        if (block->kind != SOMA_INNER_TEXT) {
            if (soma_inner_lose(loss, SOMA_STR("a part of the system that is "
                                               "no text"),
                                SOMA_GEMINI_WHY)
                != SOMA_OK)
            {
                return SOMA_DECLINED;
            }

            continue;
        }

        if (block->text.len == 0) {
            continue;
        }

        if (n++ == 0) {
            soma_write_name(out, "systemInstruction");
            soma_pieces_cstr(out, "{\"parts\":[");
        }

        soma_gemini_write_turns_words(out, block->text);
    }

    if (n != 0) {
        soma_pieces_cstr(out, "]}");
    }

    return SOMA_OK;
}


static const soma_inner_turn_t *
soma_gemini_write_run(const soma_inner_turn_t *turn)
{
    unsigned                  model;
    const soma_inner_turn_t  *end;

    model = (turn->role == SOMA_INNER_ASSISTANT);

    for (end = turn->next;
         end && (end->role == SOMA_INNER_ASSISTANT) == model;
         end = end->next)
    {
        /* void */
    }

    return end;
}


static int
soma_gemini_write_content(soma_pieces_t *out,
    const soma_inner_request_t *request, const soma_inner_turn_t *before,
    const soma_inner_turn_t *turn, const soma_inner_turn_t *end,
    soma_inner_loss_t *loss)
{
    unsigned                   says;
    const soma_inner_turn_t   *each;
    const soma_inner_block_t  *block;
    soma_gemini_content_t      content;

    says = 0;

    for (each = turn; each != end; each = each->next) {

        if (each->name.len != 0
            && soma_inner_lose(loss, SOMA_STR("messages.name"),
                               SOMA_GEMINI_WHY)
               != SOMA_OK)
        {
            return SOMA_DECLINED;
        }

        for (block = each->blocks; block; block = block->next) {
            says += soma_gemini_write_says(block);

            if (block->kind == SOMA_INNER_OPAQUE
                && !soma_gemini_write_turns_own(block)
                && soma_inner_lose(loss, block->type, SOMA_GEMINI_WHY)
                   != SOMA_OK)
            {
                return SOMA_DECLINED;
            }
        }
    }

    if (says == 0) {
        return SOMA_OK;
    }

    memset(&content, 0, sizeof(soma_gemini_content_t));

    content.out = out;
    content.request = request;
    content.loss = loss;
    content.end = end;
    content.checked = (soma_gemini_write_third(request->model, loss) != 3);

    soma_gemini_write_turns_comma(out);
    soma_pieces_char(out, '{');
    soma_write_word(out, "role", turn->role == SOMA_INNER_ASSISTANT
                                 ? "model" : "user");
    soma_write_name(out, "parts");
    soma_pieces_char(out, '[');

    if (turn->role != SOMA_INNER_ASSISTANT
        && soma_gemini_write_results(out, before, turn, end, loss)
           != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    for (each = turn; each != end; each = each->next) {
        if (soma_gemini_write_blocks(&content, each) != SOMA_OK) {
            return SOMA_DECLINED;
        }
    }

    soma_pieces_cstr(out, "]}");

    return SOMA_OK;
}


/* whether there is something of it to write */

static unsigned
soma_gemini_write_says(const soma_inner_block_t *block)
{
    switch (block->kind) {

    case SOMA_INNER_TEXT:
    case SOMA_INNER_REFUSAL:
        return block->text.len != 0
               || (block->signature.len != 0
                   && soma_gemini_write_turns_own(block));

    case SOMA_INNER_REASONING:
        return soma_gemini_write_turns_own(block)
               && (block->text.len != 0 || block->signature.len != 0);

    case SOMA_INNER_OPAQUE:
        return soma_gemini_write_turns_own(block);

    default:
        return 1;
    }
}


static int
soma_gemini_write_blocks(soma_gemini_content_t *content,
    const soma_inner_turn_t *turn)
{
    const soma_inner_block_t  *block;

    for (block = turn->blocks; block; block = block->next) {

        if (block->cache != SOMA_INNER_CACHE_NONE) {
            soma_inner_drop(content->loss, SOMA_STR("cache_control"));
        }

        if ((block->kind == SOMA_INNER_RESULT
             && turn->role != SOMA_INNER_ASSISTANT)
            || !soma_gemini_write_says(block))
        {
            continue;
        }

        if (soma_gemini_write_block(content, turn, block) != SOMA_OK) {
            return SOMA_DECLINED;
        }
    }

    return SOMA_OK;
}


static int
soma_gemini_write_block(soma_gemini_content_t *content,
    const soma_inner_turn_t *turn, const soma_inner_block_t *block)
{
    soma_pieces_t  *out;

    out = content->out;

    switch (block->kind) {

    case SOMA_INNER_TEXT:
    case SOMA_INNER_REFUSAL:
    case SOMA_INNER_SEARCH_RESULT:
        soma_gemini_write_turns_comma(out);

        if (turn->role <= SOMA_INNER_DEVELOPER) {
            soma_pieces_cstr(out, "{\"text\":\"<system>\\n");
            soma_pieces_str(out, block->text);
            soma_pieces_cstr(out, "\\n</system>\"}");
            return SOMA_OK;
        }

        soma_pieces_char(out, '{');
        soma_write_text(out, "text", block->text.data ? block->text
                                                      : SOMA_STR(""));

        if (turn->role == SOMA_INNER_ASSISTANT) {
            soma_gemini_write_signature(content, block);
        }

        soma_pieces_char(out, '}');
        return SOMA_OK;

    case SOMA_INNER_REASONING:
        soma_gemini_write_thought(content, turn, block);
        return SOMA_OK;

    case SOMA_INNER_CALL:
        return soma_gemini_write_call(content, block);

    case SOMA_INNER_OPAQUE:
        soma_gemini_write_turns_comma(out);
        soma_pieces_str(out, block->raw);
        return SOMA_OK;

    case SOMA_INNER_RESULT:
        return soma_inner_lose(content->loss, SOMA_STR("a tool's result in a "
                                                       "turn of the model"),
                               SOMA_GEMINI_WHY);

    default:
        return soma_gemini_write_media(out, block, content->loss);
    }
}


static int
soma_gemini_write_call(soma_gemini_content_t *content,
    const soma_inner_block_t *block)
{
    soma_pieces_t  *out;

    out = content->out;

    if (block->broken) {
        content->loss->refused = SOMA_STR("tool_calls.function.arguments");
        content->loss->why = "must be a JSON object in a request of Google's "
                             "API";
        return SOMA_DECLINED;
    }

    soma_gemini_write_turns_comma(out);
    soma_pieces_cstr(out, "{\"functionCall\":{");

    if (block->id.len != 0) {
        soma_write_quoted(out, "id", block->id);
    }

    if (soma_gemini_write_tools_name(out, "name", block->name) != SOMA_OK) {
        return SOMA_ERROR;
    }

    if (block->tool == SOMA_INNER_CUSTOM) {
        soma_write_name(out, "args");
        soma_pieces_char(out, '{');
        soma_write_text(out, "input", block->text.data ? block->text
                                                       : SOMA_STR(""));
        soma_pieces_char(out, '}');

    } else {
        soma_write_raw(out, "args", block->arguments.len
                                    ? block->arguments : SOMA_STR("{}"));
    }

    soma_pieces_char(out, '}');
    soma_gemini_write_signature(content, block);
    soma_pieces_char(out, '}');

    content->checked = 1;

    return SOMA_OK;
}


/* its own, or that of the reasoning before it; the first call of a step has
 * to have one */

static void
soma_gemini_write_signature(soma_gemini_content_t *content,
    const soma_inner_block_t *block)
{
    soma_str_t  signature;

    signature = (block->signature.len != 0
                 && soma_gemini_write_turns_own(block))
                ? block->signature : content->signature;

    if (signature.len != 0) {
        soma_write_text(content->out, "thoughtSignature", signature);

    } else if (block->kind == SOMA_INNER_CALL && !content->checked) {
        soma_write_word(content->out, "thoughtSignature",
                        SOMA_GEMINI_UNSIGNED);
    }

    content->signature.len = 0;
}


static void
soma_gemini_write_thought(soma_gemini_content_t *content,
    const soma_inner_turn_t *turn, const soma_inner_block_t *block)
{
    unsigned        taken;
    soma_pieces_t  *out;

    out = content->out;
    taken = (block->signature.len != 0
             && soma_gemini_write_taken(content, turn, block));

    if (block->text.len != 0 || (block->signature.len != 0 && !taken)) {
        soma_gemini_write_turns_comma(out);
        soma_pieces_char(out, '{');
        soma_write_text(out, "text", block->text.data ? block->text
                                                      : SOMA_STR(""));
        soma_pieces_cstr(out, ",\"thought\":true");

        if (!taken && block->signature.len != 0) {
            soma_write_text(out, "thoughtSignature", block->signature);
        }

        soma_pieces_char(out, '}');
    }

    if (taken) {
        content->signature = block->signature;
    }
}


/* whether there is a part behind it that has no signature */

static unsigned
soma_gemini_write_taken(soma_gemini_content_t *content,
    const soma_inner_turn_t *turn, const soma_inner_block_t *block)
{
    unsigned  n;

    for (block = block->next, n = 0; n < SOMA_GEMINI_AHEAD; n++) {

        while (block == NULL) {
            turn = turn->next;

            if (turn == content->end) {
                return 0;
            }

            block = turn->blocks;
        }

        if (block->kind == SOMA_INNER_CALL
            || ((block->kind == SOMA_INNER_TEXT
                 || block->kind == SOMA_INNER_REFUSAL)
                && block->text.len != 0))
        {
            return !(block->signature.len != 0
                     && soma_gemini_write_turns_own(block));
        }

        if (block->kind == SOMA_INNER_REASONING
            && soma_gemini_write_turns_own(block) && block->signature.len != 0)
        {
            return 0;
        }

        block = block->next;
    }

    return 0;
}
