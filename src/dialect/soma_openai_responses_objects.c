
/*
 * Copyright (C) The ngx_soma authors
 *
 * The objects of the Responses API: a response, its items and their parts, as
 * far as they have come.
 */


#include "soma_openai_responses.h"
#include "soma_usage_cost.h"
#include "soma_write.h"


static void soma_openai_responses_output(soma_openai_responses_t *answer,
    soma_pieces_t *out);
static const char *soma_openai_responses_status(
    soma_openai_responses_t *answer);
static void soma_openai_responses_reason(soma_openai_responses_t *answer,
    soma_pieces_t *out);
static void soma_openai_responses_usage(soma_openai_responses_t *answer,
    soma_pieces_t *out);
static const char *soma_openai_responses_state(soma_openai_item_t *item);
static void soma_openai_responses_message(soma_openai_item_t *item,
    soma_pieces_t *out);
static void soma_openai_responses_reasoning(soma_openai_item_t *item,
    soma_pieces_t *out);
static void soma_openai_responses_call(soma_openai_item_t *item,
    soma_pieces_t *out);
static void soma_openai_responses_joined(soma_pieces_t *out,
    const char *name, soma_pieces_t *from);


/* a whole response has members that say what was asked: those that are not
 * known any more say what is so by default */

void
soma_openai_responses_object(soma_openai_responses_t *answer,
    soma_pieces_t *out)
{
    soma_pieces_char(out, '{');
    soma_write_raw(out, "id", answer->response);
    soma_write_word(out, "object", "response");
    soma_write_int(out, "created_at", answer->created);
    soma_write_word(out, "status", soma_openai_responses_status(answer));
    soma_openai_responses_reason(answer, out);
    soma_pieces_cstr(out, ",\"instructions\":null");

    if (answer->max_tokens >= 0) {
        soma_write_int(out, "max_output_tokens", answer->max_tokens);

    } else {
        soma_pieces_cstr(out, ",\"max_output_tokens\":null");
    }

    soma_write_quoted(out, "model", answer->model);
    soma_openai_responses_output(answer, out);
    soma_pieces_cstr(out, ",\"parallel_tool_calls\":true,"
                          "\"previous_response_id\":null,\"store\":false,"
                          "\"temperature\":1,\"text\":{\"format\":"
                          "{\"type\":\"text\"}},\"tool_choice\":\"auto\","
                          "\"tools\":[],\"top_p\":1,"
                          "\"truncation\":\"disabled\",\"usage\":");

    if (answer->ended && (answer->usage.known || !answer->failed)) {
        soma_openai_responses_usage(answer, out);

    } else {
        soma_pieces_cstr(out, "null");
    }

    soma_pieces_cstr(out, ",\"user\":null,\"metadata\":{}}");
}


static void
soma_openai_responses_output(soma_openai_responses_t *answer,
    soma_pieces_t *out)
{
    soma_openai_item_t  *item;

    soma_pieces_cstr(out, ",\"output\":[");

    for (item = answer->ended ? answer->items : NULL; item;
         item = item->next)
    {
        if (item != answer->items) {
            soma_pieces_char(out, ',');
        }

        soma_openai_responses_item(item, out);
    }

    soma_pieces_char(out, ']');
}


static const char *
soma_openai_responses_status(soma_openai_responses_t *answer)
{
    if (!answer->ended) {
        return "in_progress";
    }

    if (answer->failed) {
        return "failed";
    }

    switch (answer->finish) {

    case SOMA_INNER_LENGTH:
    case SOMA_INNER_CONTEXT_FULL:
    case SOMA_INNER_FILTER:
        return "incomplete";

    default:
        return "completed";
    }
}


static void
soma_openai_responses_reason(soma_openai_responses_t *answer,
    soma_pieces_t *out)
{
    const char  *status;

    status = soma_openai_responses_status(answer);

    if (answer->ended && answer->failed) {
        soma_pieces_cstr(out, ",\"error\":{");
        soma_write_quoted(out, "code", answer->code);
        soma_write_text(out, "message", answer->message);
        soma_pieces_cstr(out, "},\"incomplete_details\":null");

    } else if (*status != 'i' || !answer->ended) {
        soma_pieces_cstr(out, ",\"error\":null,\"incomplete_details\":null");

    } else {
        soma_pieces_cstr(out, ",\"error\":null,\"incomplete_details\":{");
        soma_write_word(out, "reason", answer->finish == SOMA_INNER_FILTER
                                       ? "content_filter"
                                       : "max_output_tokens");
        soma_pieces_char(out, '}');
    }
}


static void
soma_openai_responses_usage(soma_openai_responses_t *answer,
    soma_pieces_t *out)
{
    soma_out_t           cost;
    unsigned char        buf[SOMA_USAGE_COST_MAX];
    const soma_usage_t  *usage;

    usage = &answer->usage;

    soma_pieces_char(out, '{');
    soma_write_int(out, "input_tokens", usage->input_tokens);
    soma_pieces_cstr(out, ",\"input_tokens_details\":{");
    soma_write_int(out, "cached_tokens", usage->cached_tokens);
    soma_write_int(out, "cache_write_tokens", usage->cache_write_tokens);

    soma_pieces_char(out, '}');
    soma_write_int(out, "output_tokens", usage->output_tokens);
    soma_pieces_cstr(out, ",\"output_tokens_details\":{");
    soma_write_int(out, "reasoning_tokens", usage->reasoning_tokens);
    soma_pieces_char(out, '}');
    soma_write_int(out, "total_tokens",
                   usage->input_tokens + usage->output_tokens);

    if (answer->stream && answer->cost >= 0) {
        soma_put_init(&cost, buf, sizeof(buf));
        soma_usage_cost_put(&cost, answer->cost);

        soma_pieces_char(out, ',');
        soma_pieces_put(out, buf, (size_t) (cost.pos - buf));
    }

    soma_pieces_char(out, '}');
}


void
soma_openai_responses_item(soma_openai_item_t *item, soma_pieces_t *out)
{
    soma_pieces_char(out, '{');
    soma_write_raw(out, "id", item->id);

    switch (item->kind) {

    case SOMA_INNER_REASONING:
        soma_openai_responses_reasoning(item, out);
        break;

    case SOMA_INNER_CALL:
        soma_openai_responses_call(item, out);
        break;

    case SOMA_INNER_IMAGE:
        soma_write_word(out, "type", "image_generation_call");
        soma_write_word(out, "status", !item->done ? "in_progress"
                                       : item->incomplete ? "failed"
                                                          : "completed");

        if (item->done && !item->incomplete) {
            soma_write_text(out, "result", item->parts->text);

        } else {
            soma_pieces_cstr(out, ",\"result\":null");
        }

        break;

    default:
        soma_openai_responses_message(item, out);
    }

    soma_pieces_char(out, '}');
}


static const char *
soma_openai_responses_state(soma_openai_item_t *item)
{
    return !item->done ? "in_progress"
           : item->incomplete ? "incomplete" : "completed";
}


static void
soma_openai_responses_message(soma_openai_item_t *item, soma_pieces_t *out)
{
    soma_openai_part_t  *part;

    soma_write_word(out, "type", "message");
    soma_write_word(out, "status", soma_openai_responses_state(item));
    soma_pieces_cstr(out, ",\"role\":\"assistant\",\"content\":[");

    for (part = item->done ? item->parts : NULL; part; part = part->next) {

        if (part != item->parts) {
            soma_pieces_char(out, ',');
        }

        soma_openai_responses_part(part, out);
    }

    soma_pieces_char(out, ']');
}


static void
soma_openai_responses_reasoning(soma_openai_item_t *item, soma_pieces_t *out)
{
    soma_write_word(out, "type", "reasoning");
    soma_pieces_cstr(out, ",\"summary\":[");

    if (item->done && item->parts->text.len != 0) {
        soma_openai_responses_part(item->parts, out);
    }

    soma_pieces_char(out, ']');

    if (item->done && item->sealed) {
        soma_openai_responses_joined(out, "encrypted_content", &item->seal);
    }
}


static void
soma_openai_responses_call(soma_openai_item_t *item, soma_pieces_t *out)
{
    unsigned  custom;

    custom = (item->tool == SOMA_INNER_CUSTOM);

    soma_write_word(out, "type", custom ? "custom_tool_call"
                                        : "function_call");

    if (!custom) {
        soma_write_word(out, "status", soma_openai_responses_state(item));
    }

    soma_write_raw(out, "call_id", item->call);
    soma_write_raw(out, "namespace", item->space);
    soma_write_raw(out, "name", item->name);
    soma_write_text(out, custom ? "input" : "arguments",
                    item->done ? item->parts->text : SOMA_STR(""));
}


/* of a message, or of a summary */

void
soma_openai_responses_part(soma_openai_part_t *part, soma_pieces_t *out)
{
    soma_str_t  text;

    text = part->closed ? part->text : SOMA_STR("");

    soma_pieces_char(out, '{');

    switch (part->kind) {

    case SOMA_INNER_REASONING:
        soma_write_word(out, "type", "summary_text");
        soma_write_text(out, "text", text);
        break;

    case SOMA_INNER_REFUSAL:
        soma_write_word(out, "type", "refusal");
        soma_write_text(out, "refusal", text);
        break;

    default:
        soma_write_word(out, "type", "output_text");
        soma_write_text(out, "text", text);
        soma_pieces_cstr(out, ",\"annotations\":[");

        if (part->nnotes != 0) {
            soma_pieces_join(out, &part->notes);
        }

        soma_pieces_char(out, ']');
        soma_openai_responses_likely(part, out);
    }

    soma_pieces_char(out, '}');
}


void
soma_openai_responses_likely(soma_openai_part_t *part, soma_pieces_t *out)
{
    soma_pieces_cstr(out, ",\"logprobs\":[");

    if (part->nprobs != 0) {
        soma_pieces_join(out, &part->probs);
    }

    soma_pieces_char(out, ']');
}


static void
soma_openai_responses_joined(soma_pieces_t *out, const char *name,
    soma_pieces_t *from)
{
    soma_write_name(out, name);
    soma_pieces_char(out, '"');
    soma_pieces_join(out, from);
    soma_pieces_char(out, '"');
}
