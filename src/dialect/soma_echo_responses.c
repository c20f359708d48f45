
/*
 * Copyright (C) The ngx_soma authors
 *
 * The Responses API: one message of one text part, and in a stream the
 * events that build it up.
 */


#include "soma_echo_run.h"


#define SOMA_ECHO_EVENT   256           /* of an event, beside its texts */
#define SOMA_ECHO_OBJECT  1024          /* of a response, beside its texts */
#define SOMA_ECHO_EVENTS  8             /* of a stream, beside its deltas */


/* how far a response has come */
typedef enum {
    SOMA_ECHO_STARTED = 0,
    SOMA_ECHO_ENDED
} soma_echo_state_e;


static int soma_echo_responses_stream(soma_echo_run_t *run);
static void soma_echo_response(soma_echo_run_t *run, soma_echo_state_e state);
static void soma_echo_item(soma_echo_run_t *run, soma_echo_state_e state);
static void soma_echo_text_part(soma_echo_run_t *run,
    soma_echo_state_e state);
static void soma_echo_event(soma_echo_run_t *run, const char *type,
    int64_t sequence);
static void soma_echo_place(soma_echo_run_t *run);


int
soma_echo_responses(soma_echo_run_t *run)
{
    /* the Responses API gives one answer, whatever "n" says */

    run->echo->ask->n = 1;

    if (run->echo->ask->stream) {
        return soma_echo_responses_stream(run);
    }

    if (soma_echo_room(run, run->escaped + run->id.len + run->item_id.len
                            + run->model.len + SOMA_ECHO_OBJECT)
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    soma_echo_response(run, SOMA_ECHO_ENDED);

    return SOMA_OK;
}


static int
soma_echo_responses_stream(soma_echo_run_t *run)
{
    size_t          len;
    int64_t         n;
    soma_out_t     *out;
    soma_str_t      piece;
    unsigned char  *p, *end;

    out = &run->out;

    len = (run->pieces + SOMA_ECHO_EVENTS) * (run->item_id.len
                                              + SOMA_ECHO_EVENT)
          + 3 * (run->id.len + run->item_id.len + run->model.len
                 + SOMA_ECHO_OBJECT)
          + 5 * run->escaped;

    if (soma_echo_room(run, len) != SOMA_OK) {
        return SOMA_ERROR;
    }

    n = 0;

    soma_echo_event(run, "response.created", n++);
    soma_put_cstr(out, ",\"response\":");
    soma_echo_response(run, SOMA_ECHO_STARTED);
    soma_put_cstr(out, "}\n\n");

    soma_echo_event(run, "response.in_progress", n++);
    soma_put_cstr(out, ",\"response\":");
    soma_echo_response(run, SOMA_ECHO_STARTED);
    soma_put_cstr(out, "}\n\n");

    soma_echo_event(run, "response.output_item.added", n++);
    soma_put_cstr(out, ",\"output_index\":0,\"item\":");
    soma_echo_item(run, SOMA_ECHO_STARTED);
    soma_put_cstr(out, "}\n\n");

    soma_echo_event(run, "response.content_part.added", n++);
    soma_echo_place(run);
    soma_put_cstr(out, ",\"part\":");
    soma_echo_text_part(run, SOMA_ECHO_STARTED);
    soma_put_cstr(out, "}\n\n");

    p = run->text.data;
    end = p + run->text.len;

    while (p < end) {
        piece.data = p;
        piece.len = soma_echo_piece(p, end);
        p += piece.len;

        soma_echo_event(run, "response.output_text.delta", n++);
        soma_echo_place(run);
        soma_put_cstr(out, ",\"delta\":");
        soma_put_json_str(out, piece);
        soma_put_cstr(out, ",\"logprobs\":[]}\n\n");
    }

    soma_echo_event(run, "response.output_text.done", n++);
    soma_echo_place(run);
    soma_put_cstr(out, ",\"text\":");
    soma_put_json_str(out, run->text);
    soma_put_cstr(out, ",\"logprobs\":[]}\n\n");

    soma_echo_event(run, "response.content_part.done", n++);
    soma_echo_place(run);
    soma_put_cstr(out, ",\"part\":");
    soma_echo_text_part(run, SOMA_ECHO_ENDED);
    soma_put_cstr(out, "}\n\n");

    soma_echo_event(run, "response.output_item.done", n++);
    soma_put_cstr(out, ",\"output_index\":0,\"item\":");
    soma_echo_item(run, SOMA_ECHO_ENDED);
    soma_put_cstr(out, "}\n\n");

    soma_echo_event(run, run->length ? "response.incomplete"
                                     : "response.completed", n);
    soma_put_cstr(out, ",\"response\":");
    soma_echo_response(run, SOMA_ECHO_ENDED);
    soma_put_cstr(out, "}\n\n");

    return SOMA_OK;
}


static void
soma_echo_event(soma_echo_run_t *run, const char *type, int64_t sequence)
{
    soma_out_t  *out;

    out = &run->out;

    soma_put_cstr(out, "event: ");
    soma_put_cstr(out, type);
    soma_put_cstr(out, "\ndata: {\"type\":\"");
    soma_put_cstr(out, type);
    soma_put_cstr(out, "\",\"sequence_number\":");
    soma_put_int(out, sequence);
}


static void
soma_echo_place(soma_echo_run_t *run)
{
    soma_put_cstr(&run->out, ",\"item_id\":");
    soma_put_str(&run->out, run->item_id);
    soma_put_cstr(&run->out, ",\"output_index\":0,\"content_index\":0");
}


static void
soma_echo_response(soma_echo_run_t *run, soma_echo_state_e state)
{
    soma_out_t  *out;

    out = &run->out;

    soma_put_cstr(out, "{\"id\":");
    soma_put_str(out, run->id);
    soma_put_cstr(out, ",\"object\":\"response\",\"created_at\":");
    soma_put_int(out, run->echo->created);
    soma_put_cstr(out, ",\"status\":\"");
    soma_put_cstr(out, state == SOMA_ECHO_STARTED ? "in_progress"
                       : run->length ? "incomplete" : "completed");
    soma_put_cstr(out, "\",\"error\":null,\"incomplete_details\":");
    soma_put_cstr(out, state == SOMA_ECHO_ENDED && run->length
                       ? "{\"reason\":\"max_output_tokens\"}" : "null");
    soma_put_cstr(out, ",\"instructions\":null,\"max_output_tokens\":");

    if (run->echo->ask->max_tokens >= 0) {
        soma_put_int(out, run->echo->ask->max_tokens);

    } else {
        soma_put_cstr(out, "null");
    }

    soma_put_cstr(out, ",\"model\":");
    soma_put_str(out, run->model);
    soma_put_cstr(out, ",\"output\":[");

    if (state == SOMA_ECHO_ENDED) {
        soma_echo_item(run, state);
    }

    soma_put_cstr(out, "],\"parallel_tool_calls\":true,"
                       "\"previous_response_id\":null,\"store\":false,"
                       "\"temperature\":1,\"text\":{\"format\":"
                       "{\"type\":\"text\"}},\"tool_choice\":\"auto\","
                       "\"tools\":[],\"top_p\":1,"
                       "\"truncation\":\"disabled\",\"usage\":");

    if (state == SOMA_ECHO_STARTED) {
        soma_put_cstr(out, "null");

    } else {
        run->echo->usage.data = out->pos;

        soma_put_cstr(out, "{\"input_tokens\":");
        soma_put_int(out, run->prompt_tokens);
        soma_put_cstr(out, ",\"input_tokens_details\":{\"cached_tokens\":0},"
                           "\"output_tokens\":");
        soma_put_int(out, run->pieces);
        soma_put_cstr(out, ",\"output_tokens_details\":"
                           "{\"reasoning_tokens\":0},\"total_tokens\":");
        soma_put_int(out, run->prompt_tokens + run->pieces);
        soma_put_char(out, '}');

        run->echo->usage.len = out->pos - run->echo->usage.data;
    }

    soma_put_cstr(out, ",\"user\":null,\"metadata\":{}}");
}


static void
soma_echo_item(soma_echo_run_t *run, soma_echo_state_e state)
{
    soma_out_t  *out;

    out = &run->out;

    soma_put_cstr(out, "{\"id\":");
    soma_put_str(out, run->item_id);
    soma_put_cstr(out, ",\"type\":\"message\",\"status\":\"");
    soma_put_cstr(out, state == SOMA_ECHO_STARTED ? "in_progress"
                       : run->length ? "incomplete" : "completed");
    soma_put_cstr(out, "\",\"role\":\"assistant\",\"content\":[");

    if (state == SOMA_ECHO_ENDED) {
        soma_echo_text_part(run, state);
    }

    soma_put_cstr(out, "]}");
}


static void
soma_echo_text_part(soma_echo_run_t *run, soma_echo_state_e state)
{
    soma_out_t  *out;

    out = &run->out;

    soma_put_cstr(out, "{\"type\":\"output_text\",\"text\":");

    if (state == SOMA_ECHO_ENDED) {
        soma_put_json_str(out, run->text);

    } else {
        soma_put_cstr(out, "\"\"");
    }

    soma_put_cstr(out, ",\"annotations\":[],\"logprobs\":[]}");
}
