
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_echo_run.h"


#define SOMA_ECHO_CHUNK   160           /* of a chunk, beside its head */
#define SOMA_ECHO_FRAME   1024          /* of an answer, beside its choices */


static int soma_echo_plain(soma_echo_run_t *run, unsigned chat);
static int soma_echo_stream(soma_echo_run_t *run, unsigned chat);
static void soma_echo_head(soma_echo_run_t *run, const char *object);
static void soma_echo_chunk(soma_echo_run_t *run, unsigned chat,
    soma_str_t head, int64_t index, soma_str_t text, const char *reason);
static void soma_echo_usage(soma_echo_run_t *run);


int
soma_echo_chat(soma_echo_run_t *run)
{
    unsigned  chat;

    chat = (run->echo->ask->api == SOMA_API_CHAT);

    if (run->echo->ask->stream) {
        return soma_echo_stream(run, chat);
    }

    return soma_echo_plain(run, chat);
}


static int
soma_echo_plain(soma_echo_run_t *run, unsigned chat)
{
    int64_t      i;
    soma_out_t  *out;

    out = &run->out;

    if (soma_echo_room(run, run->echo->ask->n
                            * (run->escaped + SOMA_ECHO_CHUNK)
                            + run->id.len + run->model.len
                            + SOMA_ECHO_FRAME)
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    soma_echo_head(run, chat ? "chat.completion" : "text_completion");

    for (i = 0; i < run->echo->ask->n; i++) {

        soma_put_cstr(out, i == 0 ? "{\"index\":" : ",{\"index\":");
        soma_put_int(out, i);

        if (chat) {
            soma_put_cstr(out, ",\"message\":{\"role\":\"assistant\","
                               "\"content\":");
            soma_put_json_str(out, run->text);
            soma_put_cstr(out, ",\"refusal\":null}");

        } else {
            soma_put_cstr(out, ",\"text\":");
            soma_put_json_str(out, run->text);
        }

        soma_put_cstr(out, ",\"logprobs\":null,\"finish_reason\":\"");
        soma_put_cstr(out, run->length ? "length" : "stop");
        soma_put_cstr(out, "\"}");
    }

    soma_put_cstr(out, "],\"usage\":");
    soma_echo_usage(run);
    soma_put_char(out, '}');

    return SOMA_OK;
}


static int
soma_echo_stream(soma_echo_run_t *run, unsigned chat)
{
    size_t          len;
    int64_t         i;
    soma_out_t     *out;
    soma_str_t      head, piece;
    unsigned char  *p, *end;

    out = &run->out;
    len = run->id.len + run->model.len + SOMA_ECHO_CHUNK;

    if (soma_echo_room(run, len) != SOMA_OK) {
        return SOMA_ERROR;
    }

    soma_put_cstr(out, "data: ");
    soma_echo_head(run, chat ? "chat.completion.chunk" : "text_completion");

    head.data = out->start;
    head.len = out->pos - out->start;

    len = run->echo->ask->n
          * ((run->pieces + 2) * (head.len + SOMA_ECHO_CHUNK) + run->escaped)
          + head.len + SOMA_ECHO_FRAME;

    if (soma_echo_room(run, len) != SOMA_OK) {
        return SOMA_ERROR;
    }

    piece.len = 0;
    piece.data = NULL;

    for (i = 0; i < run->echo->ask->n; i++) {

        if (chat) {
            soma_echo_chunk(run, chat, head, i, piece, NULL);
        }

        p = run->text.data;
        end = p + run->text.len;

        while (p < end) {
            piece.data = p;
            piece.len = soma_echo_piece(p, end);
            p += piece.len;

            soma_echo_chunk(run, chat, head, i, piece, NULL);
        }

        piece.len = 0;
        piece.data = NULL;

        soma_echo_chunk(run, chat, head, i, piece,
                        run->length ? "length" : "stop");
    }

    if (run->echo->ask->usage_asked) {
        soma_put_str(out, head);
        soma_put_cstr(out, "],\"usage\":");
        soma_echo_usage(run);
        soma_put_cstr(out, "}\n\n");
    }

    soma_put_cstr(out, "data: [DONE]\n\n");

    return SOMA_OK;
}


/* up to the bracket of the choices */

static void
soma_echo_head(soma_echo_run_t *run, const char *object)
{
    soma_out_t  *out;

    out = &run->out;

    soma_put_cstr(out, "{\"id\":");
    soma_put_str(out, run->id);
    soma_put_cstr(out, ",\"object\":\"");
    soma_put_cstr(out, object);
    soma_put_cstr(out, "\",\"created\":");
    soma_put_int(out, run->echo->created);
    soma_put_cstr(out, ",\"model\":");
    soma_put_str(out, run->model);
    soma_put_cstr(out, ",\"choices\":[");
}


/* a piece; without one the role at the start, and nothing at the end */

static void
soma_echo_chunk(soma_echo_run_t *run, unsigned chat, soma_str_t head,
    int64_t index, soma_str_t text, const char *reason)
{
    soma_out_t  *out;

    out = &run->out;

    soma_put_str(out, head);
    soma_put_cstr(out, "{\"index\":");
    soma_put_int(out, index);

    if (!chat) {
        soma_put_cstr(out, ",\"text\":");
        soma_put_json_str(out, text);

    } else if (text.len != 0) {
        soma_put_cstr(out, ",\"delta\":{\"content\":");
        soma_put_json_str(out, text);
        soma_put_char(out, '}');

    } else if (reason != NULL) {
        soma_put_cstr(out, ",\"delta\":{}");

    } else {
        soma_put_cstr(out, ",\"delta\":{\"role\":\"assistant\","
                           "\"content\":\"\"}");
    }

    soma_put_cstr(out, ",\"logprobs\":null,\"finish_reason\":");

    if (reason != NULL) {
        soma_put_char(out, '"');
        soma_put_cstr(out, reason);
        soma_put_cstr(out, "\"}]");

    } else {
        soma_put_cstr(out, "null}]");
    }

    /* as OpenAI does for those who ask */

    if (run->echo->ask->usage_asked) {
        soma_put_cstr(out, ",\"usage\":null");
    }

    soma_put_cstr(out, "}\n\n");
}


static void
soma_echo_usage(soma_echo_run_t *run)
{
    int64_t      output;
    soma_out_t  *out;

    out = &run->out;
    output = soma_echo_output_tokens(run);

    run->echo->usage.data = out->pos;

    soma_put_cstr(out, "{\"prompt_tokens\":");
    soma_put_int(out, run->prompt_tokens);
    soma_put_cstr(out, ",\"completion_tokens\":");
    soma_put_int(out, output);
    soma_put_cstr(out, ",\"total_tokens\":");
    soma_put_int(out, run->prompt_tokens + output);
    soma_put_cstr(out, ",\"prompt_tokens_details\":{\"cached_tokens\":0},"
                       "\"completion_tokens_details\":"
                       "{\"reasoning_tokens\":0}}");

    run->echo->usage.len = out->pos - run->echo->usage.data;
}
